"""Compiled: the loops of designs, compiled once by the harness; every model is given a copy, for it can keep nothing of what it compiles."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from . import cohorts, lease, lock
from .design import Design
from .errors import GenoboardError
from .packed import Packed
from .task import Tell
from .workspace import cache

PACKAGES = ("numba", "llvmlite", "numpy")
SOURCE = Path(__file__).with_name("kernels.py")
# what libraries are told where compiled code is to be kept
VARIABLE = "NUMBA_CACHE_DIR"


def loops(tell: Tell = lambda _: None) -> Path | None:
    """Return the folder that holds them, made where it is not there; None where that cannot be: a model compiles its own then.

    A model's process may write only to what is gone after a fold. Were what it compiled kept, it could keep there what it has learnt from
    targets that are another fold's answers. So the harness compiles, from rows that it made up.
    """
    folder = cache() / "compiled" / _key()
    if folder.is_dir():
        return folder
    if importlib.util.find_spec("numba") is None:
        return None
    try:
        with lock.locked(folder.parent / "compiling.lock"):
            if not folder.is_dir():
                tell("Compiling the loops of binned designs (once for this installation).")
                with lease.temporary(folder.parent, "new-") as place:
                    told = {**os.environ, VARIABLE: str(place / "loops")}
                    # a process of its own: where Numba keeps what it compiles holds for all that a process compiles
                    done = subprocess.run([sys.executable, "-P", "-m", __name__], env=told, capture_output=True, check=False)
                    if done.returncode or not (place / "loops").is_dir():
                        return None
                    os.replace(place / "loops", folder)
    except (OSError, GenoboardError):
        return None
    return folder


@functools.cache
def _key() -> str:
    """Return another name for whatever would be compiled to other code, or be looked for at another place."""
    told = [str(SOURCE), SOURCE.read_text(encoding="utf-8"), sys.version, platform.machine(), _processor()]
    for package in PACKAGES:
        try:
            told.append(version(package))
        except PackageNotFoundError:
            told.append("")
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def _processor() -> str:
    """Return which instructions there are: a home folder is often shared by machines that differ in that."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(next((x for x in lines if x.startswith(name)), "") for name in ("model name", "flags", "Features"))


def _compile() -> None:
    """Call each loop as designs do: what is called is compiled for the types that it is given."""
    X, y = cohorts.cohort("bins", "regression")
    assert isinstance(X, Design)
    X.dense()
    X.sparse()
    X.dot(np.zeros(X.shape[1]))
    X.gram(y)
    batch = Packed.of(next(X.blocks()), X.shape[1])
    out = batch.times(np.zeros((batch.width, 2), np.float32), np.zeros(2, np.float32))
    batch.transposed_times(out)


if __name__ == "__main__":
    _compile()
