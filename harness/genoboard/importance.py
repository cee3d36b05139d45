"""Importance: what a model loses when one feature of the test rows is shuffled; asked of the model, scored by the harness."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard.pairing import difference

from . import sandbox, scoring
from .errors import ModelFailed, UsageError
from .isolation import Limits
from .results import PERMUTED, Results
from .run import Run, job_of, prepare, union
from .table import harmless
from .task import Tell
from .workspace import ARTIFACTS

MOST_CELLS = 200_000_000  # numbers of the shuffled copies that are handed over at once: 0.8 GB of float32


def permuted(results: Results, features: int = 100, tell: Tell = lambda _: None) -> pd.DataFrame:
    """Fit the entry's model once more, ask it about the test rows with one feature after the other shuffled, and score the answers.

    The `features` with the strongest one-way association with the target in the training rows are shuffled (F of an analysis of
    variance, or the correlation), all of them where they are no more. The table is kept with the entry.

    Returns
    -------
    DataFrame : ``feature, importance, low, high``: by how much the primary metric is worse, with its paired 95 % interval, the largest first.

    Raises
    ------
    UsageError : where the entry is a submitted file, or the task's rows are binned designs.
    ModelFailed : where the model fails now.
    """
    competition, entry = results.competition, results.entry
    if entry.origin != "run":
        raise UsageError(f"{entry.name} is a {entry.origin}: there is no model to ask.")
    if competition.task.kind == "bins":
        raise UsageError(
            "Bins of openness are not shuffled one by one, since neighbours say the same; the report's window ablation tells more."
        )
    # one that was run by its path is known by it
    model = entry.model if entry.model in competition.plugins.models else str(results.record.get("estimator", ""))
    if ":" not in model and model != entry.model:
        raise UsageError(f"{entry.name} was run as an object, and is gone. Run it by its path to have it asked again.")
    run = prepare(competition, model, entry.parameters, entry.seed or 0, Limits(threads=entry.threads or 1), tell=tell)
    metric, solution = competition.metrics[0], results.solution
    weights = scoring.resampling_weights(solution)
    chosen = _strongest(results, features)
    tell(f"Fitting {entry.name} again, and asking it with each of {len(chosen)} features shuffled.")
    answers = _answers(results, run, chosen)
    value, *values = (scoring.value_of(metric, solution.truth, p, solution.classes, solution.beside) for p in answers)
    drawn, *others = (scoring.replicates_of(metric, solution, p, weights) for p in answers)
    sign = 1.0 if metric.direction == "max" else -1.0
    found = []
    for feature, without, resampled in zip(chosen, values, others, strict=True):
        d = difference(sign * value, sign * without, [sign * drawn], [sign * resampled], solution.clusters)
        found.append((feature, d.value, d.low, d.high))
    told = pd.DataFrame(found, columns=["feature", "importance", "low", "high"])
    told = told.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)
    told = competition.annotate({PERMUTED: told})[PERMUTED]
    home = results.folder_of(entry) / ARTIFACTS
    home.mkdir(exist_ok=True)
    harmless(told).to_csv(home / f"{PERMUTED}.csv", index=False)
    return told


def _strongest(results: Results, most: int) -> list[str]:
    X = results.features(results.train)
    assert isinstance(X, pd.DataFrame)
    test, wide = max(len(f.test) for f in results.folds), X.shape[1]
    most = max(1, min(most, wide, MOST_CELLS // max(1, test * wide)))
    if wide <= most:
        return [str(c) for c in X.columns]
    y, values = results.rows["y"].iloc[results.train], X.to_numpy(dtype=np.float64)
    # a value that is missing tells nothing: it lies at its column's mean
    values = np.where(np.isnan(values), np.nanmean(values, axis=0, keepdims=True), values)
    if results.outputs:
        targets = pd.DataFrame(results.competition.codes(y, ()))
        strength = np.mean([_association(values, targets[c], False) for c in targets], axis=0)
    else:
        strength = _association(values, y, bool(results.classes))
    return [str(X.columns[i]) for i in np.argsort(-strength, kind="stable")[:most]]


def _association(X: NDArray[np.float64], y: pd.Series, classes: bool) -> NDArray[np.float64]:
    """Return the share of each column's variance that lies between the classes, or that a line through the target takes up."""
    X = X - X.mean(axis=0)
    total = np.maximum((X * X).sum(axis=0), 1e-300)
    if not classes:
        target = y.to_numpy(dtype=np.float64)
        target = target - target.mean()
        along: NDArray[np.float64] = np.square(target @ X) / (target @ target) / total
        return along
    code = pd.factorize(y)[0]
    sums = np.zeros((code.max() + 1, X.shape[1]))
    np.add.at(sums, code, X)
    between: NDArray[np.float64] = (np.square(sums) / np.bincount(code)[:, None]).sum(axis=0) / total
    return between


def _answers(results: Results, run: Run, chosen: list[str]) -> list[NDArray[np.float64]]:
    """Return the predictions of the rows that are looked at: as they are, and with each feature shuffled."""
    competition = results.competition
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="genoboard-importance-") as place:
        for number, fold in enumerate(run.progress(competition.folds, run.model.name), start=1):
            job = job_of(competition, run, fold, number)
            assert isinstance(job.X_test, pd.DataFrame)
            stacked = _stacked(job.X_test, chosen, run.seed)
            outcome = sandbox.run(replace(job, X_test=stacked), Path(place) / "log.txt", Path(place) / "curves.jsonl", run.stream)
            if outcome.verdict != "ok" or outcome.predictions is None:
                raise ModelFailed(outcome.verdict if outcome.verdict != "ok" else "failed", outcome.reason)
            outcomes.append(outcome)
    found = []
    for copy in range(len(chosen) + 1):
        parts = []
        for fold, outcome in zip(competition.folds, outcomes, strict=True):
            assert outcome.predictions is not None
            rows = slice(copy * len(fold.test), (copy + 1) * len(fold.test))
            ids = competition.data.rows.index[fold.test]
            parts.append(replace(outcome, predictions=outcome.predictions.iloc[rows].set_axis(ids)))
        found.append(results.solution.rows_of(union(competition, parts)))
    return found


def _stacked(X: pd.DataFrame, chosen: list[str], seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    whole = pd.concat([X, *(X.assign(**{f: X[f].to_numpy()[rng.permutation(len(X))]}) for f in chosen)])
    return whole.set_axis(pd.Index([f"{id}#{i // len(X)}" for i, id in enumerate(whole.index)], dtype="str"))
