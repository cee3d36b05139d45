"""Conformance: what one check of a model or a task came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = str(Path(__file__).parent)


@dataclass(frozen=True)
class Finding:
    """One check of one subject: whether it holds, and where it does not, what happened and what mends it."""

    subject: str
    check: str
    ok: bool
    mend: str = ""

    @classmethod
    def of(cls, check: str, ok: bool, mend: str = "") -> Finding:
        """Return a finding on a subject that is named later; what holds needs no mending."""
        return cls("", check, bool(ok), "" if ok else mend)


def where(error: BaseException) -> str:
    """Return what an error says, and the file and line of its author's code that it came from."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    # compiled code names files that are not here
    frames = [f for f in frames if Path(f[0]).is_absolute()]
    strange = [f for f in frames if "site-packages" not in f[0] and not f[0].startswith(HERE)]
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}".rstrip(": .")
    if not (strange or frames):
        return f"{said}."
    file, line = (strange or frames)[-1]
    return f"{said} ({file}:{line})."
