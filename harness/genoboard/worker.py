"""The child: the only place where model code runs. Files in a job folder are all that it is told and all that it answers.

What it is told lies in ``in``, which it cannot write to; its answers go to ``out``; ``run`` and ``scratch`` are the model's.
"""

from __future__ import annotations

import contextlib
import errno
import inspect
import json
import os
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import confinement, keeper
from .building import build, refuse_other_estimators
from .errors import ModelFailed
from .isolation import Limits, peak_memory
from .predicting import predict, predict_outputs
from .syscalls import libc

if TYPE_CHECKING:
    from .table import Features

WRITABLE = ("out", "run", "scratch")
FITTED = b"fitted"
ANSWERED = b"answered"


def work(job: Path, told: Mapping[str, Any], fitted: Callable[[], None]) -> None:
    """Fit the model that `told` describes on ``train``, call `fitted`, predict ``test``, write ``predictions.parquet`` and ``done.json``.

    `fitted` returns when the test features lie in the job folder: they are not there while the model is fitted. Where there is no
    target, the model is asked to `prepare` instead, and that is all.
    """
    import numpy as np
    import pandas as pd

    from . import table, tabulation
    from .apart import Apart
    from .design import Design
    from .gaps import Gaps, taken
    from .model import RunContext

    seed_everything(told["seed"])
    model = build(told)
    # once more, for the libraries that the model's module has imported
    seed_everything(told["seed"])
    given, out = job / "in", job / "out"
    X = table.read(given / "train")
    outputs, labels = tuple(told["outputs"]), told["target_kind"] == "multilabel"
    apart = bool(outputs) and not told["together"]
    classes = ("0", "1") if labels else tuple(told["classes"])
    cache = Path(told["cache"])
    context = RunContext(job / "run", told["seed"], device(), told["threads"], classes, cache if cache.is_dir() else None)
    if not (given / "target.npy").exists():
        model.prepare(X, context)
        answer(out, "ok", "", versions=versions())
        return
    y = np.load(given / "target.npy", allow_pickle=False)
    refuse_other_estimators(model, told["target_kind"])
    asked = inspect.signature(model.fit).parameters
    extra: dict[str, Any] = {}
    if "groups" in asked and (given / "groups.npy").exists():
        extra["groups"] = np.load(given / "groups.npy", allow_pickle=False)
    if "run" in asked:
        extra["run"] = context
    notes, tabular = [], isinstance(X, Design) and "bins" not in getattr(model, "kinds", told["kinds"])
    if isinstance(X, Design) and tabular:
        rows, note = tabulation.rows_to_fit(X, told["seed"])
        print(note or "a model for tables: it is given all rows as one")  # noqa: T201 (into the run's log)
        X, y = X.table(rows), y[rows]
        extra.update({"groups": extra["groups"][rows]} if "groups" in extra else {})
        notes += [note] if note else []

    def train() -> Features:
        again = table.read(given / "train")
        return again.table(rows) if isinstance(again, Design) and tabular else again

    gaps = Gaps(train, kept=told["takes_missing"] or taken(model))
    if apart:
        model = Apart(lambda: build(told), outputs, labels)
    start = time.perf_counter()
    X = gaps.fill(X)
    model.fit(X, y, **extra)
    seconds_fit = time.perf_counter() - start
    del X
    fitted()
    test = table.read(given / "test")
    start = time.perf_counter()
    answers = []
    for piece in tabulation.pieces(test) if isinstance(test, Design) and tabular else (test,):
        rows_asked = gaps.fill(piece)
        answers.append(predict_outputs(model, rows_asked, outputs, labels) if outputs else predict(model, rows_asked, classes))
    predictions, labels_only = pd.concat([frame for frame, _ in answers]), answers[0][1]
    seconds_predict = time.perf_counter() - start
    notes += [gaps.note] if gaps.note else []
    # the harness knows the rows' names
    predictions.to_parquet(out / "predictions.parquet", index=False)
    save_artifacts(model, out / "artifacts")
    told_too = {"labels_only": labels_only, "notes": notes, "versions": versions(), "sources": sources_of(job)}
    answer(out, "ok", "", seconds_fit=seconds_fit, seconds_predict=seconds_predict, **told_too)


def save_artifacts(model: Any, folder: Path) -> None:
    """Write the model's own tables; their failure costs some lines in the log, never the run."""
    import pandas as pd

    try:
        for name, table in (model.artifacts() if hasattr(model, "artifacts") else {}).items():
            frame = pd.DataFrame(table)
            folder.mkdir(exist_ok=True)
            if len(frame.columns):
                frame.to_csv(folder / f"{name}.csv", index=False)
    except Exception:
        traceback.print_exc()


def seed_everything(seed: int) -> None:
    """Seed the generators that code without a random_state draws from."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def device() -> str:
    """Return ``"cuda"`` where torch is loaded and has a GPU, else ``"cpu"``."""
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Return name -> version of every package that this process has imported."""
    found = {n: vars(m).get("__version__") for n, m in tuple(sys.modules.items()) if "." not in n and hasattr(m, "__dict__")}
    return {n: v for n, v in sorted(found.items()) if isinstance(v, str)}


def sources_of(job: Path) -> dict[str, str]:
    """Return path -> hash for what was imported from source folders; the job folder's own copies are told by the entry's code."""
    from .provenance import sources

    return {path: digest for path, digest in sources().items() if job not in Path(path).parents}


def answer(out: Path, verdict: str, reason: str, **more: Any) -> None:
    """Write ``done.json``, whole: the parent reads it when this process has ended."""
    text = json.dumps({"verdict": verdict, "reason": reason, "peak_memory": peak_memory(), **more})
    (out / "done.json.part").write_text(text, encoding="utf-8")
    os.replace(out / "done.json.part", out / "done.json")


def main(job: Path, events: int) -> int:
    """Do the job in `job`; `events` is a file descriptor on which the parent waits. Return the exit status."""
    told = json.loads((job / "in" / "job.json").read_text(encoding="utf-8"))
    keeper.fork(told["parent"])
    os.set_inheritable(events, False)
    # stdin is where the harness answers; a model that asks its user something gets no answer, at once
    answers = os.dup(0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    lacks = confinement.confine(told, Limits(told["seconds"], told["memory"], told["threads"], told["disk"], told["network"]), job)
    # said before any of the model's code runs, so that none can say otherwise
    os.write(events, json.dumps(lacks).encode() + b"\n")
    sys.path += [p for p in told["path"] if p not in sys.path]

    def fitted() -> None:
        os.write(events, FITTED + b"\n")
        if not os.read(answers, 64):
            os._exit(1)

    # where scikit-learn's n_jobs has lost its meaning, it warns whoever sets it, which is us
    warnings.filterwarnings("ignore", "'n_jobs' has no effect", FutureWarning)
    try:
        work(job, told, fitted)
    except BaseException as error:
        # where the log is full, there is no more to say in it
        with contextlib.suppress(OSError):
            if isinstance(error, ModelFailed):
                print(error, file=sys.stderr)  # noqa: T201 (the child's stderr is the run's log)
            else:
                traceback.print_exc()
        answer(job / "out", *judged(error, job))
        return 1
    finally:
        # what else it does, or leaves running, is not waited for long
        os.write(events, ANSWERED + b"\n")
    return 0


def judged(error: BaseException, job: Path) -> tuple[str, str]:
    """Return the verdict on an error and its reason, which says what of the sandbox lies behind it."""
    if isinstance(error, MemoryError):
        return "memory", f"{error}" or "out of memory"
    if isinstance(error, ModelFailed):
        return error.verdict, str(error)
    said = str(error).strip().partition("\n")[0]
    reason = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if not isinstance(error, OSError):
        return "failed", reason
    match error.errno:
        case errno.EFBIG:
            return "disk", f"{reason}; allow more with --disk"
        case errno.ENOSPC | errno.EDQUOT:
            return "disk", no_room(job)
        case errno.EACCES | errno.EPERM:
            return "failed", f"{reason} (the sandbox keeps a model to its job folder; --allow-network opens the network)"
        case errno.ENOENT if error.filename and os.path.isabs(error.filename) and job not in Path(error.filename).parents:
            return "failed", f"{reason} (the sandbox shows a model its job folder and what --set names)"
        case errno.EAGAIN:
            return "failed", f"{reason} (a model may have {confinement.PROCESSES} processes and threads)"
    return "failed", reason


def no_room(job: Path) -> str:
    """Return what to say where a job's disk is full."""
    return f"no space is left in {job.parent}; free some there, or choose another folder for temporary files with TMPDIR"


def leave(status: int) -> NoReturn:
    """End this process as it stands: what was printed is kept, what the libraries would take apart is not waited for."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    # what C code printed lies in buffers of its own
    libc().fflush(None)
    os._exit(status)


if __name__ == "__main__":
    leave(main(Path(sys.argv[1]), int(sys.argv[2])))
