"""Run: a model fitted and asked fold by fold, in a child each."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Code
from genoboard_leaderboard.ranking import FULL

from . import compiled, sandbox, scoring, session, surroundings, workspace
from .competition import Competition
from .design import Design
from .errors import ModelFailed, UnknownName, UsageError
from .isolation import Limits
from .model import ModelSpec, parse_setting
from .provenance import code_of, installed, of_files
from .sandbox import Job, Outcome
from .splits import Fold
from .supervision import Stream
from .task import Tell

Progress = Callable[[Sequence[Fold], str], Iterable[Fold]]


@dataclass(frozen=True)
class Run:
    """A model with everything that makes its run what it is.

    Parameters
    ----------
    seed : reaches every ``random_state``.
    limits : of each fold; threads are part of the run's identity, since they change the last bits of a fit.
    estimator : an estimator object that stands in for the card's target.
    stream, progress, tell : where the child's output, the count of folds and one-line notes go.
    """

    model: ModelSpec
    parameters: Mapping[str, Any]
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    estimator: object | None = None
    in_process: bool = False
    stream: Stream | None = None
    progress: Progress = lambda folds, _: folds
    tell: Tell = lambda _: None

    @property
    def plain_parameters(self) -> dict[str, Any]:
        """The parameters as JSON values, an estimator object's own among them; what JSON cannot hold is told by its repr."""
        ready = hasattr(self.estimator, "get_params") and not isinstance(self.estimator, type)
        own: dict[str, Any] = self.estimator.get_params() if ready else {}  # type: ignore[attr-defined]
        text = json.dumps({**own, **self.parameters}, default=lambda value: re.sub(r" at 0x[0-9a-f]+", "", repr(value)), skipkeys=True)
        found: dict[str, Any] = json.loads(text, parse_constant=str)
        return found

    def is_control(self, competition: Competition, name: str) -> bool:
        """Tell whether this, entered under `name`, is one of the task's controls, as the task means it."""
        itself = self.estimator is None and name == self.model.name and self.parameters == self.model.parameters
        return itself and self.model in competition.controls()


def prepare(
    competition: Competition, model: object, parameters: Mapping[str, Any] | None, seed: int, limits: Limits | None, **talk: Any
) -> Run:
    """Return the `Run` of a model given by name, path or as an object; raise before anything is computed if it does not fit the task."""
    if isinstance(model, str) and model.startswith(f"{session.HOME}:"):
        raise UsageError(
            f"{model!r} is defined in this session, which the worker does not see. Give the class itself, or an estimator made of it."
        )
    if isinstance(model, str):
        spec, estimator = competition.plugins.model(model, competition.workspace.plugins), None
    elif isinstance(model, ModelSpec):
        spec, estimator = model, None
    else:
        # a function that makes estimators has a name of its own, unless it is a lambda
        named = isinstance(model, type) or (isinstance(model, FunctionType) and model.__name__.isidentifier())
        kind: Any = model if named else type(model)
        card = competition.plugins.model(f"{kind.__module__}:{kind.__qualname__.rpartition('.')[2]}")
        spec, estimator = replace(card, summary=repr(model)), model
    competition.takes(spec)
    for key, value in (parameters or {}).items():
        try:
            json.dumps(value)
        except TypeError:
            raise UsageError(
                f"Parameter {key} of {spec.name} is {value!r}, no JSON value. To run it with one, give the estimator itself as an object."
            ) from None
    run = Run(spec, spec.settings(parameters or {}), seed, limits or Limits(), estimator, **talk)
    if run.limits.memory is not None and sys.platform != "linux":
        run.tell("This system cannot bound a process's memory: --memory is recorded, and not enforced.")
    return run


def run_folds(competition: Competition, run: Run, folder: Path) -> list[Outcome]:
    """Run one job per fold and return what came of each, up to the first that gives no predictions."""
    if run.model.gpu:
        surroundings.require_graphics(run.model.name)
    outcomes: list[Outcome] = []
    prepared = _prepared(competition, run, folder)
    if prepared is not None and prepared.verdict != "ok":
        return [replace(prepared, reason=f"prepare: {prepared.reason}")]
    for number, fold in enumerate(run.progress(competition.folds, run.model.name), start=1):
        job = job_of(competition, run, fold, number)
        if isinstance(job.X_train, Design):
            compiled.loops(run.tell)
        if len(competition.folds) > 1:
            with (folder / workspace.LOG).open("a", encoding="utf-8") as log:
                log.write(f"--- fold {number} of {len(competition.folds)}\n")
        outcome = sandbox.run(job, folder / workspace.LOG, folder / workspace.CURVES, run.stream, run.in_process)
        if outcome.labels_only and competition.metrics[0].reads == "probabilities":
            reason = f"{run.model.name} has no predict_proba, and {competition.metrics[0].name} needs probabilities: wrap it in CalibratedClassifierCV."
            outcome = replace(outcome, verdict="failed", reason=reason, labels_only=False)
        if outcome.verdict != "ok" and len(competition.folds) > 1:
            outcome = replace(outcome, reason=f"fold {number} of {len(competition.folds)}: {outcome.reason}")
        if prepared is not None and number == 1:
            outcome = replace(outcome, seconds_fit=(prepared.seconds_fit or 0.0) + (outcome.seconds_fit or 0.0))
        outcomes.append(outcome)
        if outcome.verdict != "ok":
            break
    return outcomes


def _prepared(competition: Competition, run: Run, folder: Path) -> Outcome | None:
    """Let a model that prepares fill its cache from the training rows of all folds, where no target is; None where it does not."""
    if not run.model.prepares or run.in_process or run.estimator is not None:
        return None
    rows = np.unique(np.concatenate([fold.train for fold in competition.folds]))
    job = job_of(competition, run, Fold(rows, rows[:0]), 0)
    return sandbox.run(replace(job, y=None, groups=None), folder / workspace.LOG, folder / workspace.CURVES, run.stream)


def isolation(outcomes: Sequence[Outcome]) -> str:
    """Return what the models were not kept from, in words for the board."""
    told = [outcome.lacks for outcome in outcomes if outcome.lacks is not None]
    return ("; ".join(dict.fromkeys(lack for lacks in told for lack in lacks)) or FULL) if told else ""


def job_of(competition: Competition, run: Run, fold: Fold, number: int) -> Job:
    """Return what the child is told of a fold: the training rows with their target, the test rows without."""
    y = competition.data.rows["y"].iloc[fold.train]
    present = set(y) if competition.task.classes else set()
    classes = tuple(c for c in competition.task.classes if c in present)
    return Job(
        run.model,
        run.parameters,
        competition.data.X(fold.train, run.model.inputs),
        competition.codes(y, classes),
        competition.data.X(fold.test, run.model.inputs),
        classes,
        competition.task.target,
        run.seed,
        run.limits,
        competition.groups(fold.train),
        number,
        run.estimator,
        withheld(competition),
        competition.task.outputs,
    )


def withheld(competition: Competition) -> tuple[Path, ...]:
    """Return what holds the answers, or what others answered: no model is shown any of it."""
    return (competition.data.targets, competition.workspace.database, competition.workspace.entries)


def union(competition: Competition, outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """Return the folds' predictions in the order of the submission's ids, a zero for every class that a fold did not train on.

    Raise `ModelFailed` where one of them has none.
    """
    for outcome in outcomes:
        if outcome.verdict != "ok":
            raise ModelFailed(outcome.verdict, outcome.reason)
    columns = list(competition.form.classes) or [competition.task.classes[1] if competition.task.target == "binary" else "prediction"]
    frames = [o.predictions.reindex(columns=columns, fill_value=0.0) for o in outcomes if o.predictions is not None]
    values = pd.concat(frames).reindex(competition.data.rows.index[competition.test]).to_numpy(dtype=np.float64)
    return values if competition.form.classes else values[:, 0]


def code(competition: Competition, run: Run) -> Code:
    """Return where the model's code came from."""
    registered = competition.plugins.models.get(run.model.name) == run.model
    owner = competition.plugins.owners[f"model {run.model.name}"] if registered else ""
    written = code_of(run.model, owner, competition.plugins.distributions.get(owner))
    if run.estimator is None or (written.plugin == session.HOME and written.source):
        return written
    # what is typed into a notebook's cells is of no file: two classes of one name would be one standing
    own = session.fingerprint(run.estimator, written.source)
    return replace(written, source=own, state="unknown") if own else written


def identity(competition: Competition, run: Run, written: Code, environment: str = "") -> str:
    """Return a hash of all that the run's predictions depend on, as far as that is known before it; empty for an estimator object.

    `environment` is what `provenance.installed` says where it runs; here, unless given.
    """
    if run.estimator is not None or run.in_process or not written.source:
        return ""
    _, named = surroundings.located(run.parameters, withheld(competition))
    told = {
        "board": competition.board.key,
        "model": [run.model.target, run.model.kinds, run.model.inputs],
        "code": [written.plugin, written.version, written.source],
        "parameters": run.plain_parameters,
        "files": of_files(named),
        "seed": run.seed,
        "threads": run.limits.threads,
        "network": run.limits.network,
        "installed": environment or installed(),
        "scorer": scoring.VERSION,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]


def settings_for(competition: Competition, models: Sequence[str], settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return each model's parameters from ``[MODEL:]KEY=VALUE`` texts; one that names no model must fit all of them."""
    found: dict[str, dict[str, Any]] = {m: {} for m in models}
    for text in settings:
        named, key, value = parse_setting(text)
        if named is not None and named not in found:
            raise UnknownName("model in this run", named, found, f"It is named by --set {text}.")
        for model in [named] if named is not None else models:
            competition.plugins.model(model, competition.workspace.plugins).settings({key: value})
            found[model][key] = value
    return found
