"""Scoring: submission + solution -> scores, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Score
from genoboard_leaderboard.pairing import error, reach

from . import ownmetric
from .errors import UndefinedScore, UsageError
from .metrics import Metric
from .splits import Fold

if TYPE_CHECKING:
    from .formulas import Formula

# Version of how replicates are drawn and intervals made; raise it when any of them would come out otherwise.
VERSION = 1
REPLICATES = 1000
MOST_CLUSTERS = 2_000
Vector = NDArray[np.float64]
Beside = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Solution:
    """The test target, row by row; it stays in the harness.

    Parameters
    ----------
    truth : int64 codes (n,) into `classes`; 0/1 float64 (n, K) for multilabel; float64 (n,) or (n, K) for regression.
    classes : the fixed label set, or the names of the columns of a truth (n, K); empty for a regression of one.
    fold : int64 (n,), which fold predicted the row.
    cluster : int64 (n,), rows that are resampled together share a number 0..G-1.
    scored : int64 (n,), at which places of a submission these rows stand; None: they are all of it, in order.
    key : the split's fingerprint; the resampling weights are a function of it, so entries are compared on the same resamples.
    beside : what the metrics are given beside the truth, by the name that their cards say, and nothing that no metric asks for: the null's
        predictions (n,), or (n, 2) the codes of units and the fold that predicted the row.
    """

    truth: NDArray[Any]
    classes: tuple[str, ...]
    fold: NDArray[np.int64]
    cluster: NDArray[np.int64]
    key: str
    scored: NDArray[np.int64] | None = None
    beside: Beside = field(default_factory=dict)

    @property
    def clusters(self) -> int:
        """How many groups are resampled."""
        return int(self.cluster.max()) + 1

    def rows_of(self, prediction: Vector) -> Vector:
        """Return the predictions of the rows that have a truth."""
        return prediction if self.scored is None else prediction[self.scored]

    def part(self, where: NDArray[np.bool_], key: str | None = None) -> Solution:
        """Return the solution of the rows `where` (n,), their clusters and folds counted anew."""
        fold, cluster = (np.unique(v[where], return_inverse=True)[1].astype(np.int64) for v in (self.fold, self.cluster))
        scored = (np.arange(len(where)) if self.scored is None else self.scored)[where]
        beside = {name: more[where] for name, more in self.beside.items()}
        return Solution(self.truth[where], self.classes, fold, cluster, key or self.key, scored, beside)

    def perfect(self, by_class: bool) -> Vector:
        """Return the predictions that are the truth: (n, K), or (n,) where a submission has not one column `by_class`."""
        codes = by_class and self.truth.ndim == 1
        return np.eye(len(self.classes))[self.truth] if codes else self.truth.astype(np.float64)

    def alone(self) -> Solution:
        """Return the same for predictions of just these rows, in their order."""
        return replace(self, scored=None)


def score(metrics: Sequence[Metric], solution: Solution, prediction: Vector) -> tuple[tuple[Score, ...], Mapping[str, Vector]]:
    """Return one `Score` per metric, the primary first, and the bootstrap replicates behind their intervals.

    `prediction` is (n, K) or (n,), as `submission.read` gives it. A primary metric without a value raises
    `UndefinedScore`; a secondary one is a score of None with its reason.
    """
    prediction = solution.rows_of(prediction)
    weights = resampling_weights(solution)
    scores, replicates = [], {}
    for position, metric in enumerate(metrics):
        try:
            value = value_of(metric, solution.truth, prediction, solution.classes, solution.beside)
        except UndefinedScore as error:
            if position == 0:
                raise UndefinedScore(f"{metric.name} has no value here: {error}") from error
            scores.append(Score(metric.name, None, version=metric.version, reason=str(error)))
            continue
        drawn = replicates_of(metric, solution, prediction, weights)
        replicates[metric.name] = drawn
        low, high = interval(value, drawn, solution.clusters, metric, analytic(metric, solution, prediction))
        mean, sd, reason = over_folds(metric, solution, prediction)
        scores.append(Score(metric.name, value, low, high, metric.version, reason, mean, sd))
    return tuple(scores), replicates


def value_of(metric: Metric, truth: NDArray[Any], prediction: Vector, classes: tuple[str, ...], beside: Beside | None = None) -> float:
    """Return the metric's value; raise `UndefinedScore` where it has none."""
    if apart(metric, truth):
        return float(np.mean([formula(metric).score(*column) for column in _columns(metric, truth, prediction)]))
    t, p, k = view(metric, truth, prediction, classes, beside)
    return formula(metric).score(t, p, k)


def apart(metric: Metric, truth: NDArray[Any]) -> bool:
    """Tell whether the metric of a truth (n, K) is the mean of its K columns' own: all are but those of scores, which see the columns together."""
    return truth.ndim == 2 and metric.reads != "scores"


def _columns(metric: Metric, truth: NDArray[Any], prediction: Vector) -> Iterator[tuple[NDArray[Any], NDArray[Any], int]]:
    """Yield each column as a target of its own: values, or the label as one of two classes."""
    for t, p in zip(truth.T, prediction.T, strict=True):
        if metric.reads == "values":
            yield t, p, 0
        else:
            yield t.astype(np.int64), labels_of(p) if metric.reads == "labels" else p, 2


def view(
    metric: Metric, truth: NDArray[Any], prediction: Vector, classes: tuple[str, ...], beside: Beside | None = None
) -> tuple[NDArray[Any], NDArray[Any], int]:
    """Return truth, prediction and number of classes as the metric's formula takes them: merged, one-vs-rest, as labels.

    The truth of a metric that needs more `beside` it is (n, 2) or (n, 3); `require_alone` where there is no more.
    """
    k = len(classes)
    if metric.reads == "labels":
        prediction = labels_of(prediction)
    if metric.merge:
        kept = tuple(c for c in classes if c not in metric.merge)
        to = np.array([kept.index(metric.merge.get(c, c)) for c in classes])
        truth, prediction, classes, k = to[truth], merged(prediction, to, len(kept)), kept, len(kept)
    if metric.positive is not None:
        c, k = classes.index(metric.positive), 2
        truth = (truth == c).astype(np.int64)
        prediction = (prediction == c).astype(np.int64) if prediction.ndim == 1 else prediction[:, c]
    if metric.beside:
        if beside is None:
            require_alone(metric)
        elif metric.beside not in beside:
            raise UndefinedScore(f"it needs the {metric.beside} of every row, which this dataset does not have")
        else:
            truth = np.column_stack([truth, beside[metric.beside]]).astype(np.float64, copy=False)
    return truth, prediction, k


def labels_of(prediction: Vector) -> NDArray[Any]:
    """Return the most probable class of each row, the earlier one on a tie; (n,) is the probability of class 1."""
    return prediction.argmax(axis=1) if prediction.ndim == 2 else (prediction > 0.5).astype(np.int64)


def require_alone(metric: Metric) -> None:
    """Raise `UsageError` where the metric needs more than truth and predictions, for whoever has no more."""
    if metric.beside:
        more = "predictions of the split's null" if metric.beside == "null" else f"{metric.beside} of every row"
        raise UsageError(
            f"{metric.name} needs the {more} beside the truth, and only a task's dataset has that. "
            "Submit the predictions to the task's board (genoboard submit), or choose a metric of truth and predictions alone."
        )


def null(y: Vector, by: NDArray[np.intp] | None, folds: Sequence[Fold]) -> Vector:
    """Return what the null predicts of the rows that are asked, (N,), NaN for the others.

    It is the mean of `y` (N,) over the fold's training rows, those of the same code `by` (N,) where codes are given and occur in training.
    """
    found = np.full(len(y), np.nan)
    for fold in folds:
        known = y[fold.train]
        grand = found[fold.test] = known.mean()
        if by is not None:
            n = np.bincount(by[fold.train], minlength=int(by.max()) + 1)
            # about the grand mean: that is what a code without training rows is left with, and sums of small numbers round less
            found[fold.test] += (np.bincount(by[fold.train], known - grand, len(n)) / np.maximum(n, 1))[by[fold.test]]
    return found


def merged(prediction: NDArray[Any], to: NDArray[np.intp], k: int) -> NDArray[Any]:
    """Return labels as labels of the merged classes, so that no hit turns into a miss; and probabilities as their sums."""
    if prediction.ndim == 1:
        renamed: NDArray[np.intp] = to[prediction]
        return renamed
    sums = np.zeros((len(prediction), k))
    # column by column: the same sums in the same order, whatever the machine
    for old, new in enumerate(to):
        sums[:, new] += prediction[:, old]
    return sums


def formula(metric: Metric) -> Formula:
    """Import the metric's formula."""
    if metric.formula.rpartition(":")[0].endswith(".py"):
        return ownmetric.of(metric)
    found: Formula = resolve_name(metric.formula)
    return found


def resampling_weights(solution: Solution) -> Vector:
    """Return (R, G): how often each of the G clusters is drawn in each of R bootstrap resamples."""
    return _weights(solution.key, solution.clusters)


@lru_cache(maxsize=2)  # a board's entries share theirs, and those of 2,000 groups fill 16 MB
def _weights(key: str, groups: int) -> Vector:
    rng = np.random.default_rng(int(key[:16], 16))
    weights: Vector = rng.multinomial(groups, np.full(groups, 1.0 / groups), size=REPLICATES).astype(np.float64)
    weights.flags.writeable = False
    return weights


def blocks(cluster: NDArray[np.int64], key: str) -> NDArray[np.int64]:
    """Return `cluster`, merged at random into `MOST_CLUSTERS` blocks where there are more.

    Blocks of exchangeable clusters give sums the same variance, and the weights of a million clusters would fill the memory.
    """
    groups = int(cluster.max()) + 1
    if groups <= MOST_CLUSTERS:
        return cluster
    return np.random.default_rng(int(key[:16], 16)).permutation(groups)[cluster] % MOST_CLUSTERS


def replicates_of(metric: Metric, solution: Solution, prediction: Vector, weights: Vector) -> Vector:
    """Return the metric's value in each resample, (R,); nan where it has none there."""
    if apart(metric, solution.truth):
        columns = _columns(metric, solution.truth, prediction)
        mean: Vector = np.mean([formula(metric).replicates(*c, solution.cluster, weights) for c in columns], axis=0)
        return mean
    t, p, k = view(metric, solution.truth, prediction, solution.classes, solution.beside)
    return formula(metric).replicates(t, p, k, solution.cluster, weights)


def interval(value: float, drawn: Vector, groups: int, metric: Metric, se: float | None = None) -> tuple[float | None, float | None]:
    """Return the 95 % interval: value +- t(G-1) * bootstrap SE * sqrt(G / (G-1)), cut to the metric's range.

    With few clusters the bootstrap's own SE is too small by that root, and its tails are Student's; measured
    coverage is .93-.96 from 3 clusters on. None with fewer than 2 clusters, or where resamples have no value.
    A standard error `se` that is known without resamples takes the bootstrap's place.
    """
    if groups < 2:
        return None, None
    if se is None:
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn) < REPLICATES // 2:
            return None, None
        se, _ = error(float(drawn.var(ddof=1)), groups)
    half = reach(se, groups - 1)
    return max(metric.low, value - half), min(metric.high, value + half)


def analytic(metric: Metric, solution: Solution, prediction: Vector) -> float | None:
    """Return the standard error by a formula's own theory (DeLong's, for AUROC), where it has one and enough groups."""
    theory = getattr(formula(metric), "contributions", None)
    if theory is None or apart(metric, solution.truth):
        return None
    t, p, k = view(metric, solution.truth, prediction, solution.classes, solution.beside)
    se = math.sqrt(float(np.sum(np.square(theory(t, p, k, solution.cluster)))))
    return se if math.isfinite(se) else None


def over_folds(metric: Metric, solution: Solution, prediction: Vector) -> tuple[float | None, float | None, str]:
    """Return mean and standard deviation over folds; None, None and the reason where the metric is undefined in one of them."""
    folds = int(solution.fold.max()) + 1
    if folds < 2:
        return None, None, ""
    values = []
    for f in range(folds):
        rows = solution.fold == f
        try:
            beside = {name: more[rows] for name, more in solution.beside.items() if name == metric.beside}
            values.append(value_of(metric, solution.truth[rows], prediction[rows], solution.classes, beside))
        except UndefinedScore as error:
            return None, None, f"no mean over folds: in fold {f + 1}, {error}"
    return float(np.mean(values)), float(np.std(values, ddof=1)), ""
