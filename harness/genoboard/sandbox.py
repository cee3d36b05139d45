"""Sandbox: one job in a child process; its verdict."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.machinery import PathFinder
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Verdict

from . import table, worker
from .isolation import Limits, peak_memory
from .model import ModelSpec
from .table import Features
from .workspace import model_cache

Stream = Callable[[str], None]
# seconds that a child which has answered is given to end; a thread that it left running would hold it for ever
GRACE = 10.0


@dataclass(frozen=True)
class Job:
    """One fold of one run: what the child is told.

    Parameters
    ----------
    y : int64 codes into `classes` (the classes of the training rows), or float64.
    groups : int64 (n,), opaque; rows that share a code share a group.
    fold : its number, counted from 1.
    estimator : an estimator object that travels by cloudpickle, instead of the card's target.
    """

    model: ModelSpec
    parameters: Mapping[str, Any]
    X_train: Features
    y: NDArray[Any]
    X_test: Features
    classes: tuple[str, ...]
    target_kind: str
    seed: int
    limits: Limits
    groups: NDArray[np.int64] | None = None
    fold: int = 1
    estimator: object | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a job: `predictions` only where `verdict` is ``ok`` (one row per test row, by id).

    `seconds_fit` of any other verdict is the time until the job's end.
    """

    verdict: Verdict
    reason: str
    predictions: pd.DataFrame | None = None
    seconds_fit: float | None = None
    seconds_predict: float | None = None
    peak_memory: int | None = None
    labels_only: bool = False
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def run(job: Job, log: Path, curves: Path, stream: Stream | None = None, in_process: bool = False) -> Outcome:
    """Run `job`; append what the child prints to `log` and what it logs to `curves`, and tell `stream` as it comes."""
    folder = Path(tempfile.mkdtemp(prefix="genoboard-job-"))
    try:
        _lay_out(job, folder)
        if in_process:
            told = json.loads((folder / "job.json").read_text(encoding="utf-8"))
            worker.work(folder, told, lambda: table.write(job.X_test, folder / "test"))
            ending = _Ending(0, False, 0, 0.0, 0)
        else:
            ending = _supervise(job, folder, log, stream)
        _keep_curves(folder / "run" / "metrics.jsonl", curves, job.fold)
        return _read_outcome(folder, job, ending, log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_curves(logged: Path, curves: Path, fold: int) -> None:
    """Append what the model logged, told apart by fold; a line that the model wrote by other means, and is no JSON, is left out."""
    if not logged.exists():
        return
    with curves.open("a", encoding="utf-8") as out:
        for line in logged.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError):
                out.write(json.dumps({"fold": fold, **json.loads(line)}) + "\n")


@dataclass(frozen=True)
class _Ending:
    """How the child went; `said_from` is where its part of the log begins."""

    status: int
    overrun: bool
    peak: int
    seconds: float
    said_from: int


def _lay_out(job: Job, folder: Path) -> None:
    target = job.model.target
    place, _, name = target.rpartition(":")
    if job.estimator is not None:
        (folder / "estimator.pkl").write_bytes(_pickled(job.estimator))
        target = f"{folder / 'estimator.pkl'}:"
    elif place.endswith(".py"):
        # a copy: what is hashed, run and recorded is one and the same file
        copy = folder / Path(place).name
        shutil.copyfile(place, copy)
        target = f"{copy}:{name}"
    told = {
        "model": target,
        "parameters": dict(job.parameters),
        "kinds": job.model.kinds,
        "classes": job.classes,
        "target_kind": job.target_kind,
        "seed": job.seed,
        "threads": job.limits.threads,
        "seconds": job.limits.seconds,
        "memory": job.limits.memory,
        "path": [os.path.abspath(p) for p in (*sys.path, "")],
        "parent": os.getpid(),
        "cache": str(model_cache(Path(place).stem if place.endswith(".py") else place.partition(".")[0])),
    }
    (folder / "job.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "scratch").mkdir()
    table.write(job.X_train, folder / "train")
    np.save(folder / "target.npy", job.y, allow_pickle=False)
    if job.groups is not None:
        np.save(folder / "groups.npy", job.groups, allow_pickle=False)


def _pickled(estimator: object) -> bytes:
    """Pickle an estimator, by value what is defined in a module that only this process has (a test's, say, which pytest loads from its file)."""
    import cloudpickle

    parts = estimator.get_params().values() if hasattr(estimator, "get_params") and not isinstance(estimator, type) else ()
    names = {getattr(part, "__module__", None) for part in (estimator, *parts)}
    own = [
        sys.modules[n] for n in names if n in sys.modules and n not in sys.builtin_module_names and n != "__main__" and not _importable(n)
    ]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        pickled: bytes = cloudpickle.dumps(estimator)
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)
    return pickled


def _importable(module: str) -> bool:
    path: Sequence[str] | None = [*sys.path, os.getcwd()]
    for name in accumulate(module.split("."), "{}.{}".format):
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def _supervise(job: Job, folder: Path, log: Path, stream: Stream | None) -> _Ending:
    """Start the child, hand over the test features when it has fitted, and see to it that nothing of it is left."""
    hear, tell = os.pipe()
    environment = {**os.environ, **job.limits.environment(), "PYTHONHASHSEED": "0", "TMPDIR": str(folder / "scratch")}
    with log.open("ab") as out, log.open("rb") as tail:
        said_from, start = tail.seek(0, os.SEEK_END), time.monotonic()
        child = subprocess.Popen(
            # unbuffered: what it printed is in the log even if it is killed; faulthandler: a crash tells where it was
            [sys.executable, "-P", "-u", "-X", "faulthandler", "-m", "genoboard.worker", str(folder), str(tell)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder / "scratch",
            env=environment,
            pass_fds=(tell,),
            start_new_session=True,
        )
        os.close(tell)
        deadline, peak, overrun = start + job.limits.seconds, 0, False
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(hear, selectors.EVENT_READ)
                while True:
                    ready = selector.select(timeout=0.1)
                    peak = max(peak, peak_memory(child.pid))
                    if stream is not None:
                        stream(tail.read().decode(errors="replace"))
                    if ready:
                        if os.read(hear, 64) != worker.FITTED:
                            break
                        table.write(job.X_test, folder / "test")
                        assert child.stdin is not None
                        with contextlib.suppress(BrokenPipeError):
                            child.stdin.write(b"predict\n")
                            child.stdin.flush()
                    if child.poll() is not None:
                        break
                    if time.monotonic() > deadline:
                        overrun = True
                        break
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0 if overrun else GRACE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            status = child.wait()
            os.close(hear)
            if child.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    child.stdin.close()
            if stream is not None:
                stream(tail.read().decode(errors="replace"))
    return _Ending(status, overrun, peak, time.monotonic() - start, said_from)


def _read_outcome(folder: Path, job: Job, ending: _Ending, log: Path) -> Outcome:
    if ending.overrun:
        return _without(ending, "timeout", f"it was still running after {job.limits.seconds:g} s; allow more with --timeout")
    done = folder / "done.json"
    if not done.exists():
        return _crash(ending, job, log)
    said = json.loads(done.read_text(encoding="utf-8"))
    peak = max(ending.peak, said["peak_memory"])
    if said["verdict"] != "ok":
        more = f"; {_allow_more(job)}" if said["verdict"] == "memory" else ""
        return _without(replace(ending, peak=peak), said["verdict"], said["reason"] + more)
    # as text: a gene called NA stays one
    tables = {p.stem: pd.read_csv(p, dtype="str", keep_default_na=False) for p in sorted((folder / "artifacts").glob("*.csv"))}
    return Outcome(
        "ok",
        "",
        pd.read_parquet(folder / "predictions.parquet"),
        said["seconds_fit"],
        said["seconds_predict"],
        peak,
        said["labels_only"],
        tuple(said["notes"]),
        said["versions"],
        tables,
    )


def _without(ending: _Ending, verdict: Verdict, reason: str) -> Outcome:
    return Outcome(verdict, reason, seconds_fit=ending.seconds, peak_memory=ending.peak)


def _crash(ending: _Ending, job: Job, log: Path) -> Outcome:
    """Tell running out of memory from any other death: C++ libraries abort when an allocation is refused."""
    with log.open("rb") as out:
        out.seek(max(ending.said_from, log.stat().st_size - (1 << 16)))
        last = out.read().decode(errors="replace")
    starved = any(
        sign in last for sign in ("bad_alloc", "MemoryError", "Cannot allocate memory", "Unable to allocate", "can't start new thread")
    )
    if starved or (job.limits.memory is not None and ending.peak > 0.9 * job.limits.memory):
        return _without(ending, "memory", f"an allocation was refused; {_allow_more(job)}")
    how = f"exit status {ending.status}" if ending.status >= 0 else signal.Signals(-ending.status).name
    hint = "; the kernel kills so when the machine runs out of memory" if ending.status == -signal.SIGKILL else ""
    return _without(ending, "crashed", f"its process ended with {how} before it had answered{hint}")


def _allow_more(job: Job) -> str:
    limit = job.limits.memory
    return f"the limit is {limit >> 20} MB: allow more with --memory" if limit else "the machine has no more memory"
