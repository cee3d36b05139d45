"""Sandbox: one job in a child process; its verdict."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import tempfile
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

from . import answers, compiled, lease, surroundings, table, worker
from .design import Design
from .errors import UsageError
from .isolation import Limits
from .model import ModelSpec
from .supervision import Ending, Stream, supervise
from .table import Features
from .workspace import model_cache

OVERRAN: dict[str, Callable[[Limits], str]] = {
    "timeout": lambda limits: f"it was still running after {limits.seconds:g} s; allow more with --timeout",
    "memory": lambda limits: f"its processes together held more than {(limits.memory or 0) >> 20} MB; allow more with --memory",
    "disk": lambda limits: f"it wrote more than {limits.disk >> 20} MB; allow more with --disk",
}


@dataclass(frozen=True)
class Job:
    """One fold of one run: what the child is told.

    Parameters
    ----------
    y : int64 codes into `classes` (the classes of the training rows), or float64, (n, K) where there are `outputs`; None where the model is
        only to `prepare`.
    groups : int64 (n,), opaque; rows that share a code share a group.
    fold : its number, counted from 1.
    estimator : an estimator object that travels by cloudpickle, instead of the card's target.
    withheld : files that hold what the model must not see; that it cannot is tried in the child.
    """

    model: ModelSpec
    parameters: Mapping[str, Any]
    X_train: Features
    y: NDArray[Any] | None
    X_test: Features
    classes: tuple[str, ...]
    target_kind: str
    seed: int
    limits: Limits
    groups: NDArray[np.int64] | None = None
    fold: int = 1
    estimator: object | None = None
    withheld: tuple[Path, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a job: `predictions` only where `verdict` is ``ok`` (one row per test row, by id).

    `seconds_fit` of any other verdict is the time until the job's end. `lacks` is what the model was not kept from, None
    where none of its code ran. `sources` are the files that it imported from source folders, with their hashes.
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
    lacks: tuple[str, ...] | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


def run(job: Job, log: Path, curves: Path, stream: Stream | None = None, in_process: bool = False) -> Outcome:
    """Run `job`; append what the child prints to `log` and what it logs to `curves`, and tell `stream` as it comes."""
    with lease.temporary(Path(tempfile.gettempdir()), "genoboard-job-") as folder:

        def hand_over() -> None:
            table.write(job.X_test, folder / "in" / "test")

        environment = _lay_out(job, folder)
        if in_process:
            told = json.loads((folder / "in" / "job.json").read_text(encoding="utf-8"))
            worker.work(folder, told, hand_over)
            ending = Ending(0, "", 0, 0.0, 0)
        else:
            ending = supervise(folder, environment, job.limits, hand_over, log, stream)
        with lease.naming(curves), curves.open("a", encoding="utf-8") as out:
            out.writelines(json.dumps({"fold": job.fold, **line}) + "\n" for line in answers.curves(folder / "run"))
        outcome = _read_outcome(folder, job, ending, log)
        if job.y is None and outcome.verdict == "ok":
            _keep(folder / "run", model_cache(_package(job.model)))
        return outcome


def _keep(folder: Path, cache: Path) -> None:
    """Add what a model prepared to its cache: regular files, each moved into place whole; what is there already stays."""
    for path in sorted(folder.rglob("*")):
        final = cache / path.relative_to(folder)
        if path.is_symlink() or not path.is_file() or final.exists():
            continue
        final.parent.mkdir(parents=True, exist_ok=True)
        with lease.part(final) as part:
            shutil.copyfile(path, part, follow_symlinks=False)


def _package(model: ModelSpec) -> str:
    place = model.target.rpartition(":")[0]
    return Path(place).stem if place.endswith(".py") else place.partition(".")[0]


def _lay_out(job: Job, folder: Path) -> dict[str, str]:
    """Write what the child is told; return its environment variables."""
    given = folder / "in"
    for name in ("in", *worker.WRITABLE):
        (folder / name).mkdir()
    target = job.model.target
    place, _, name = target.rpartition(":")
    if job.estimator is not None:
        (given / "estimator.pkl").write_bytes(_pickled(job.estimator))
        target = f"{given / 'estimator.pkl'}:"
    elif place.endswith(".py"):
        # a copy: what is hashed, run and recorded is one and the same file
        copy = given / Path(place).name
        shutil.copyfile(place, copy)
        target = f"{copy}:{name}"
    parameters, named = surroundings.located(job.parameters, job.withheld)
    search = [os.path.abspath(p) for p in (*sys.path, "")]
    cache = model_cache(_package(job.model))
    shown = surroundings.of(_package(job.model), [cache, *named], job.limits.network, search, job.withheld)
    told = {
        "model": target,
        "parameters": parameters,
        "kinds": job.model.kinds,
        "classes": job.classes,
        "outputs": job.outputs,
        "together": job.model.outputs,
        "takes_missing": job.model.missing or job.model.inputs == "control",
        "target_kind": job.target_kind,
        "seed": job.seed,
        "threads": job.limits.threads,
        "seconds": job.limits.seconds,
        "memory": job.limits.memory,
        "disk": job.limits.disk,
        "network": job.limits.network,
        "path": search,
        "parent": os.getpid(),
        "cache": str(cache),
        "reads": [str(p) for p in shown.reads],
        "lists": [str(p) for p in shown.lists],
        "devices": [str(p) for p in shown.devices],
        "withheld": [str(p) for p in job.withheld],
    }
    (given / "job.json").write_text(json.dumps(told), encoding="utf-8")
    table.write(job.X_train, given / "train")
    if job.y is not None:
        np.save(given / "target.npy", job.y, allow_pickle=False)
    if job.groups is not None:
        np.save(given / "groups.npy", job.groups, allow_pickle=False)
    environment = {**surroundings.environment(job.limits.pass_env, folder / "scratch"), **job.limits.environment()}
    if isinstance(job.X_train, Design) and (loops := compiled.loops()) is not None:
        environment[compiled.VARIABLE] = str(shutil.copytree(loops, folder / "scratch" / "compiled"))
    return environment


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
    except Exception as error:
        said = str(error).partition("\n")[0]
        raise UsageError(
            f"{type(estimator).__name__} cannot be sent to the worker: {said}. Let fit() make what cannot be pickled, or put the class into a"
            " file and name it: path/to/file.py:Class."
        ) from error
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


def _read_outcome(folder: Path, job: Job, ending: Ending, log: Path) -> Outcome:
    if ending.overran:
        return _without(ending, ending.overran, OVERRAN[ending.overran](job.limits))
    out = folder / "out"
    if not (out / "done.json").exists():
        return _crash(ending, job, folder, log)
    try:
        said = answers.said(out)
        ending = replace(ending, peak=max(ending.peak, said.peak_memory))
        if said.verdict != "ok":
            more = f"; {_allow_more(job)}" if said.verdict == "memory" else ""
            return _without(ending, said.verdict, said.reason + more)
        predictions, tables = None, {}
        if job.y is not None:
            predictions = answers.predictions(out, job.X_test.index, job.outputs or job.classes or ("prediction",))
            tables = answers.tables(out / "artifacts")
    except answers.UnreadableError as error:
        return _without(ending, "invalid", f"what it left cannot be taken: {error}")
    return Outcome(
        "ok",
        "",
        predictions,
        ending.seconds if job.y is None else said.seconds_fit,
        said.seconds_predict,
        ending.peak,
        said.labels_only,
        said.notes,
        said.versions,
        tables,
        ending.lacks,
        said.sources,
    )


def _without(ending: Ending, verdict: Verdict, reason: str) -> Outcome:
    return Outcome(verdict, reason, seconds_fit=ending.seconds, peak_memory=ending.peak, lacks=ending.lacks)


def _crash(ending: Ending, job: Job, folder: Path, log: Path) -> Outcome:
    """Tell running out of memory or disk from any other death: C++ libraries abort when an allocation is refused, a full disk takes no answer."""
    with log.open("rb") as out:
        out.seek(max(ending.said_from, log.stat().st_size - (1 << 16)))
        last = out.read().decode(errors="replace")
    if ending.status == -signal.SIGXFSZ:
        return _without(ending, "disk", OVERRAN["disk"](job.limits))
    if os.strerror(errno.ENOSPC) in last:
        return _without(ending, "disk", worker.no_room(folder))
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
