"""Conformance: what a model or a task must do to stand on a board; the suite that their authors run."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import cohorts, data, sandbox, scoring, splits, submission, table
from .competition import Competition
from .errors import GenoboardError, UnknownName, nearest
from .isolation import Limits
from .model import ModelSpec
from .plugins import Plugins, load_plugins
from .sandbox import Job, Outcome
from .table import Features
from .task import Task, Tell
from .workspace import Workspace

HEAVY = ("numpy", "pandas", "sklearn", "torch", "xgboost", "catboost", "transformers", "gensim", "numba", "scipy")
SECONDS = 600.0


@dataclass(frozen=True)
class Finding:
    """One check of one subject: whether it holds, and where it does not, what happened and what mends it."""

    subject: str
    check: str
    ok: bool
    mend: str = ""


def check(
    plugins: Plugins | None = None, name: str | None = None, progress: Tell = lambda _: None, parameters: Mapping[str, Any] | None = None
) -> list[Finding]:
    """Check the model (with these `parameters`) or task called `name`; without a name, all that is registered."""
    plugins = plugins or load_plugins()
    models = [m for m in plugins.models.values() if name in (None, m.name)]
    tasks = [t for t in plugins.tasks.values() if name in (None, t.name)]
    if name is not None and not models and not tasks:
        if ":" not in name and nearest(name, plugins.tasks):
            raise UnknownName("model or task", name, [*plugins.models, *plugins.tasks])
        models = [plugins.model(name, Workspace.here().plugins)]
    found = [Finding(p, "the plugin loads", False, reason) for p, reason in plugins.broken.items() if name is None]
    for t in tasks:
        progress(f"checking task {t.name}")
        found += check_task(t, plugins)
    for m in models:
        progress(f"checking model {m.name}")
        found += check_model(m, plugins, parameters)
    return found


def check_model(model: ModelSpec | object, plugins: Plugins | None = None, parameters: Mapping[str, Any] | None = None) -> list[Finding]:
    """Return the findings on a model: a card, or an estimator object.

    It is fitted in the worker, as in a run, on a small cohort of every kind that its card says it takes (see `cohorts`): 90 rows in
    4 classes, one of them of 3 rows.
    """
    plugins = plugins or load_plugins()
    card = model if isinstance(model, ModelSpec) else plugins.model(f"{type(model).__module__}:{type(model).__qualname__}")
    estimator = None if isinstance(model, ModelSpec) else model
    module = plugins.card_module(card)
    card = replace(card, parameters=card.settings(parameters or {}))
    return [replace(f, subject=f"model {card.name}") for f in _model(card, estimator, module)]


def check_task(task: Task, plugins: Plugins | None = None) -> list[Finding]:
    """Return the findings on a task, on its generated dataset where it has one, else on the first that is here."""
    plugins = plugins or load_plugins()
    return [replace(f, subject=f"task {task.name}") for f in _task(task, plugins)]


def _finding(check: str, ok: bool, mend: str = "") -> Finding:
    return Finding("", check, bool(ok), "" if ok else mend)


def _model(card: ModelSpec, estimator: object | None, module: str) -> Iterator[Finding]:
    try:
        json.dumps(dict(card.parameters))
        yield _finding("its parameters are JSON values", True)
    except TypeError as error:
        yield _finding("its parameters are JSON values", False, f"{error}: --set could not give them, nor run.json keep them.")
    if module:
        heavy = _imported_by(module)
        yield _finding(
            "its card imports nothing heavy",
            not heavy,
            f"Importing {module} imports {', '.join(heavy)}: move that to the module that the target names.",
        )
    for kind in sorted(set(card.kinds) & set(cohorts.MADE)) if card.inputs == "features" else ():
        X, y = cohorts.cohort(card, kind)
        yield from _behaviour(card, estimator, X, y)
        if kind == "text" and "text" not in card.columns:
            assert isinstance(X, pd.DataFrame)
            bare = _try(card, estimator, X.drop(columns="text"), y, X.drop(columns="text"))
            yield _finding(
                "it does without the column text, as its card says",
                bare.verdict == "ok",
                f"{_said(bare)} Or name it in the card's columns.",
            )


def _behaviour(card: ModelSpec, estimator: object | None, X: Features, y: Any) -> Iterator[Finding]:
    first = _try(card, estimator, X, y, X)
    yield _finding("it fits and predicts in the worker", first.verdict == "ok", _said(first))
    if first.verdict != "ok":
        return
    assert first.predictions is not None
    values = first.predictions.to_numpy()
    yield _finding("its predictions are finite", bool(np.isfinite(values).all()), "predict gave NaN or infinity on data without any.")
    if y.dtype == np.int64:
        yield _finding(
            "its probabilities lie in [0, 1] and sum to 1",
            bool((values >= 0).all() and (values <= 1).all() and np.allclose(values.sum(axis=1), 1.0, atol=1e-6)),
            f"Row sums lie in [{values.sum(axis=1).min():.4g}, {values.sum(axis=1).max():.4g}].",
        )
    again = _try(card, estimator, X, y, X)
    yield _finding(
        "the same seed gives the same predictions, bit for bit",
        _same(first, again),
        "Take the seed from random_state, or from run.seed in fit(X, y, run=...).",
    )
    one = _try(card, estimator, X, y, table.take(X, np.arange(1)))
    yield _finding("it predicts a single row", one.verdict == "ok", _said(one))
    alike = one.predictions is not None and np.allclose(one.predictions.to_numpy(), values[:1], rtol=1e-5, atol=1e-7)
    if one.verdict == "ok":
        yield _finding(
            "a row's prediction does not depend on the rows beside it",
            alike,
            "It differs when the row is asked alone: fit every statistic in fit, none in predict.",
        )
    few, others = table.take(X, np.arange(30)), table.take(X, np.arange(30, 40))
    wide = _try(card, estimator, few, np.arange(30) % 3 if y.dtype == np.int64 else y[:30], others)
    yield _finding("it fits a handful of rows", wide.verdict == "ok", _said(wide))


def _try(card: ModelSpec, estimator: object | None, X: Features, y: Any, test: Features) -> Outcome:
    classes = tuple(f"class {i}" for i in range(int(y.max()) + 1)) if y.dtype == np.int64 else ()
    kind = "regression" if not classes else "multiclass" if len(classes) > 2 else "binary"
    job = Job(
        card, card.settings({}), X, y, test, classes, kind, 0, Limits(SECONDS), np.arange(len(X), dtype=np.int64) // 3, estimator=estimator
    )
    with tempfile.TemporaryDirectory(prefix="genoboard-check-") as folder:
        return sandbox.run(job, Path(folder) / "log.txt", Path(folder) / "metrics.jsonl")


def _said(outcome: Outcome) -> str:
    return f"{outcome.verdict}: {outcome.reason.rstrip('.')}."


def _same(a: Outcome, b: Outcome) -> bool:
    return a.predictions is not None and b.predictions is not None and a.predictions.equals(b.predictions)


def _imported_by(module: str) -> list[str]:
    code = f"import sys, {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.split()


def _task(task: Task, plugins: Plugins) -> Iterator[Finding]:
    for name in task.controls:
        yield _finding(f"its control {name} is registered", name in plugins.models, "Register it, or name another control.")
    try:
        metrics = plugins.metrics_of(task)
        for metric in metrics:
            scoring.formula(metric)
        yield _finding("its metrics are registered and their formulas import", True)
    except (GenoboardError, ImportError, AttributeError) as error:
        yield _finding("its metrics are registered and their formulas import", False, str(error))
        return
    source = next((s for s in task.sources if s.generate), task.sources[0])
    try:
        prepared = data.prepare(task, source.name)
    except GenoboardError as error:
        yield _finding(f"its dataset {source.name} opens", False, str(error))
        return
    yield _finding(f"its dataset {source.name} opens", True)
    shuffled = prepared.rows.sample(frac=1.0, random_state=0)
    for split in task.splits:
        try:
            folds = prepared.folds(split)
        except GenoboardError as error:
            yield _finding(f"split {split.name} deals", False, str(error))
            continue
        same = splits.fingerprint(prepared.rows, folds) == splits.fingerprint(shuffled, splits.deal(split, shuffled))
        yield _finding(f"split {split.name} does not depend on the order of rows", same, "Deal by hashes of ids, never by position.")
        if split.group is not None:
            group = prepared.rows[split.group].to_numpy()
            cut = [g for f in folds for g in set(group[f.train]) & set(group[f.test])]
            yield _finding(f"split {split.name} never cuts through a {split.group}", not cut, f"{cut[:1]} is on both sides.")
        competition = Competition(task, prepared.through(split), split, folds, metrics, plugins, Workspace.here())
        yield from _ceiling(competition)


def _ceiling(competition: Competition) -> Iterator[Finding]:
    """Check that the truth itself, through the submission file, gets the best score, and the first control a worse one."""
    form, solution = competition.form, competition.solution
    truth = solution.truth
    known = np.eye(len(form.classes))[truth] if form.classes else truth.astype(np.float64)
    flat = np.full_like(known, 1.0 / known.shape[1] if known.ndim == 2 else float(np.mean(truth)))
    # rows that are never scored are answered too
    perfect = np.repeat(flat[:1], len(form.ids), axis=0)
    perfect[slice(None) if solution.scored is None else solution.scored] = known
    with tempfile.TemporaryDirectory(prefix="genoboard-check-") as folder:
        path = Path(folder) / "perfect.csv"
        submission.write(path, form, perfect, form.ids)
        read = submission.read(path, form)
    metric = competition.metrics[0]
    best = scoring.value_of(metric, truth, solution.rows_of(read.prediction), solution.classes, solution.beside)
    floor = scoring.value_of(metric, truth, flat, solution.classes, solution.beside)
    yield _finding(
        f"split {competition.split.name}: the truth scores better than a constant",
        metric.better(best, floor),
        f"{metric.name}: truth {best:.5f}, constant {floor:.5f}.",
    )


__all__ = ["Finding", "check", "check_model", "check_task"]
