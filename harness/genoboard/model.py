"""ModelSpec: the card of a model; and RunContext, what a model is told of its run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .errors import UnknownName, UsageError


@dataclass(frozen=True)
class ModelSpec:
    """The card of a model; it must not import what the model needs.

    Parameters
    ----------
    name : ``"random-forest"``.
    target : ``"module:name"`` of a class or a function that returns an estimator; imported by the worker alone.
    summary : one sentence.
    parameters : the parameters that ``--set`` may change, with their defaults (JSON values).
    kinds : the kinds of X it takes.
    targets : the kinds of y it takes. What takes a binary one takes labels of several, too: it is fitted to one after the other.
    outputs : it takes a target of several columns at once, y (n, K); any other model is fitted to one column after the other.
    missing : it takes missing values (NaN) as they are; to others the medians of the training rows are given in their place. An estimator
        may say so by scikit-learn's tag ``allow_nan`` instead.
    tasks : where given, the only tasks it is meant for.
    any_parameters : the estimator itself knows what it takes; nothing is checked here.
    columns : kind ``text``: the columns that it cannot do without; refused where a dataset has them not.
    prepares : it has a ``prepare(X, run)``, which fills ``run.cache`` before it is fitted.
    gpu : it needs a GPU: refused where there is none, and on a cluster sent to a worker that says it has one.
    inputs : ``"features"``, or ``"control"`` for a control that is given the dataset's control columns instead.
    """

    name: str
    target: str
    summary: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("tabular",)
    targets: tuple[str, ...] = ("multiclass", "binary")
    tasks: tuple[str, ...] = ()
    any_parameters: bool = False
    columns: tuple[str, ...] = ()
    inputs: Literal["features", "control"] = "features"
    prepares: bool = False
    gpu: bool = False
    outputs: bool = False
    missing: bool = False

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with `given` laid over the defaults.

        Nested names (``clf__C``) pass: the estimator itself knows them. Any other unknown name raises `UnknownName`.
        """
        for key in given:
            if key not in self.parameters and "__" not in key and not self.any_parameters:
                raise UnknownName(f"parameter of {self.name}", key, self.parameters)
        return {**self.parameters, **given}


@dataclass(frozen=True)
class RunContext:
    """What ``fit(X, y, run=...)`` and ``prepare(X, run)`` are told: a model takes it in `fit` by naming it in its signature.

    Parameters
    ----------
    dir : a folder of the run's own, empty, writable. What `prepare` leaves in it is added to the cache.
    cache : what `prepare` has left, in this run and before: what is costly and depends on X alone (embeddings), under names by
        content. It may be read, and nothing is written there: `prepare` runs in a process that has no target, so no label gets in.
    seed : the run's seed.
    device : ``"cpu"`` or ``"cuda"``.
    n_jobs : how many threads the run may use.
    classes : class names; code ``i`` in `y` stands for ``classes[i]``. Empty for regression.
    """

    dir: Path
    seed: int
    device: str
    n_jobs: int
    classes: tuple[str, ...] = ()
    cache: Path | None = None

    def log(self, step: int, **metrics: float) -> None:
        """Append one line to the run's ``metrics.jsonl``."""
        line = json.dumps({"step": step, **{k: float(v) for k, v in metrics.items()}})
        with (self.dir / "metrics.jsonl").open("a", encoding="utf-8") as out:
            out.write(line + "\n")


def parse_setting(text: str) -> tuple[str | None, str, Any]:
    """``"[MODEL:]KEY=VALUE"`` -> (model or None, key, value); the value is JSON where it parses, else text."""
    left, eq, raw = text.partition("=")
    model, colon, key = left.rpartition(":")
    if not eq or not key:
        raise UsageError(f"--set {text!r} is not KEY=VALUE. Write for example --set C=0.1 or --set logistic-regression:C=0.1.")
    try:
        value = json.loads(raw)
    except ValueError:
        value = raw
    return (model or None) if colon else None, key, value
