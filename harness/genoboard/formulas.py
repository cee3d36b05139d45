"""Formulas: the metrics' numpy code; float64, versioned by their cards, the only place where scores are computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import UndefinedScore

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Step = Callable[[Floats], Floats]  # how often each group is drawn (r, G) -> one value a resample (r,)

EPSILON = 1e-15  # the clip of every log loss
ECE_EDGES = np.arange(1, 15) / 15
CHUNK = 1 << 17  # weights held at a time: one MiB of float64 stays in cache


class Formula(Protocol):
    """What a metric's card points to: a function of truth and prediction, and of resampled rows.

    Shapes, for n rows and K classes. Truth: int64 codes (n,); multilabel 0/1 (n, K); regression float64 (n,).
    Prediction, by what the card reads. Probabilities: (n, K) as submitted, for a binary task also (n,), that of class 1.
    Labels: int64 (n,). Scores: (n,) for a binary task, else (n, K). Values: float64 (n,).
    """

    def score(self, truth: NDArray[Any], prediction: NDArray[Any], n_classes: int) -> float:
        """Return the metric of these rows, always finite; raise `UndefinedScore` where it has no value."""

    def replicates(self, truth: NDArray[Any], prediction: NDArray[Any], n_classes: int, group: Ints, weights: Floats) -> Floats:
        """Return the metric of R resamples, (R,): `group` (n,) holds 0..G-1, `weights` (R, G) how often each group was drawn.

        NaN where a resample has no value; NaN throughout where `score` raises.
        """


@dataclass(frozen=True)
class Weighted:
    """A formula in two steps: what is done once for these rows, and what is done anew for every resample.

    Parameters
    ----------
    prepare : (truth, prediction, n_classes, group, n_groups) -> `Step`, which may answer NaN.
    undefined : why it has no value where the step answers NaN.
    """

    prepare: Callable[[NDArray[Any], NDArray[Any], int, Ints, int], Step]
    undefined: str = "the score is not a number"

    def score(self, truth: NDArray[Any], prediction: NDArray[Any], n_classes: int) -> float:
        """Return the metric of these rows; see `Formula`."""
        value = float(self._of(truth, prediction, n_classes, np.zeros(len(truth), np.int64), np.ones((1, 1)))[0])
        if np.isnan(value):
            raise UndefinedScore(self.undefined)
        if np.isinf(value):
            raise UndefinedScore("the values are too large: the score leaves the range of float64")
        return value

    def replicates(self, truth: NDArray[Any], prediction: NDArray[Any], n_classes: int, group: Ints, weights: Floats) -> Floats:
        """Return the metric of every resample; see `Formula`."""
        try:
            values = self._of(truth, prediction, n_classes, group, weights)
        except UndefinedScore:
            return np.full(len(weights), np.nan)
        rows = weights @ np.bincount(group, minlength=weights.shape[1])
        return np.where(np.isfinite(values) & (rows > 0), values, np.nan)

    def _of(self, truth: NDArray[Any], prediction: NDArray[Any], k: int, group: Ints, weights: Floats) -> Floats:
        truth, prediction = _usable("truth", truth, k), _usable("prediction", prediction, k)
        with np.errstate(all="ignore"):
            return self.prepare(truth, prediction, k, group, weights.shape[1])(weights)


def _usable(side: str, values: NDArray[Any], k: int) -> NDArray[Any]:
    if not len(values):
        raise UndefinedScore("there are no rows to score")
    if values.dtype.kind in "iu":
        if values.min() < 0 or values.max() >= k:
            raise ValueError(f"{side}: class codes reach from {values.min()} to {values.max()}, but there are {k} classes")
        return values
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        bad = int((~finite.reshape(len(values), -1).all(axis=1)).sum())
        raise UndefinedScore(f"the {side} is NaN or infinite in {bad} of {len(values)} rows")
    return values


def _total(values: Floats, group: Ints, n_groups: int) -> Floats:
    """Sum per group; a single group is summed pairwise, whose rounding errors do not grow with n."""
    return values.sum(keepdims=True) if n_groups == 1 else np.bincount(group, values, n_groups)


def _in_chunks(step: Step, width: int) -> Step:
    """Let `step`, which holds `width` numbers a resample, see so few at a time that memory is bounded."""
    rows = max(1, CHUNK // width)
    return lambda weights: np.concatenate([step(weights[i : i + rows]) for i in range(0, max(1, len(weights)), rows)])


# Sums: formulas of sums over rows. A resample's sums are weights @ the groups' sums, whatever n is.


def _sums(
    per_group: Callable[[NDArray[Any], NDArray[Any], int, Ints, int], Floats],
    finish: Callable[[Floats], Floats],
    undefined: str = Weighted.undefined,
) -> Weighted:
    """`per_group` gives the groups' sums (G, m); `finish` turns sums (r, m) into values (r,)."""

    def prepare(truth: NDArray[Any], prediction: NDArray[Any], k: int, group: Ints, n_groups: int) -> Step:
        sums = per_group(truth, prediction, k, group, n_groups)
        return lambda weights: finish(weights @ sums)

    return Weighted(prepare, undefined)


def _mean(
    loss: Callable[[NDArray[Any], NDArray[Any]], Floats],
    after: Callable[[Floats], Floats] = lambda mean: mean,
    undefined: str = Weighted.undefined,
) -> Weighted:
    """`after` the mean of a row-wise `loss`, (truth, prediction) -> (n,)."""

    def per_group(truth: NDArray[Any], prediction: NDArray[Any], _k: int, group: Ints, n_groups: int) -> Floats:
        return np.stack([_total(loss(truth, prediction), group, n_groups), np.bincount(group, minlength=n_groups)], axis=1)

    return _sums(per_group, lambda s: after(s[:, 0] / s[:, 1]), undefined)


def _rescaled(probabilities: Floats) -> Floats:
    """Divide each row by its sum, as Kaggle does; (n,) stands for ``[1 - p, p]``. NaN where a row sums to 0."""
    if probabilities.ndim == 1:
        return np.stack([1 - probabilities, probabilities], axis=1)
    total = probabilities.sum(axis=1, keepdims=True)
    return probabilities / np.where(total > 0, total, np.nan)


def _log_loss(truth: Ints, probabilities: Floats) -> Floats:
    true = _rescaled(probabilities)[np.arange(len(truth)), truth]
    return -np.log(np.clip(true, EPSILON, 1 - EPSILON))


def _brier(truth: Ints, probabilities: Floats) -> Floats:
    error = _rescaled(probabilities)
    error[np.arange(len(truth)), truth] -= 1
    return np.square(error).sum(axis=1)


def _rmsle_loss(truth: Floats, prediction: Floats) -> Floats:
    below = (truth < 0) | (prediction < 0)
    return np.where(below, np.nan, np.square(np.log1p(truth) - np.log1p(prediction)))


_NOTHING_TO_RESCALE = "the probabilities of a row sum to 0, so they cannot be rescaled to 1"
multiclass_log_loss = _mean(_log_loss, undefined=_NOTHING_TO_RESCALE)
log_loss = multiclass_log_loss
brier = _mean(_brier, undefined=_NOTHING_TO_RESCALE)
accuracy = _mean(lambda truth, labels: (truth == labels).astype(np.float64))
mse = _mean(lambda truth, values: np.square(truth - values))
rmse = _mean(lambda truth, values: np.square(truth - values), np.sqrt)
mae = _mean(lambda truth, values: np.abs(truth - values))
rmsle = _mean(_rmsle_loss, np.sqrt, "RMSLE has no value where the truth or a prediction is below 0")


def _confidence_gaps(truth: Ints, probabilities: Floats, _k: int, group: Ints, n_groups: int) -> Floats:
    """Sum of top probability - hit per bin, and the rows: (G, 16)."""
    rows = _rescaled(probabilities)
    top = rows.argmax(axis=1)
    confidence = rows[np.arange(len(truth)), top]
    bins = len(ECE_EDGES) + 1
    cell = group * bins + np.searchsorted(ECE_EDGES, confidence)
    gaps = np.bincount(cell, confidence - (top == truth), n_groups * bins).reshape(n_groups, bins)
    return np.column_stack([gaps, np.bincount(group, minlength=n_groups)])


ece = _sums(_confidence_gaps, lambda s: np.abs(s[:, :-1]).sum(axis=1) / s[:, -1], _NOTHING_TO_RESCALE)


def _counts(truth: Ints, labels: Ints, k: int, group: Ints, n_groups: int) -> Floats:
    """Per group: hits, truth and predictions of every class, (G, 3 K)."""
    cell = truth * k + labels
    if n_groups > 1:
        cell += group * (k * k)
    confusion = np.bincount(cell, minlength=n_groups * k * k).reshape(n_groups, k, k)
    return np.concatenate([confusion.diagonal(axis1=1, axis2=2), confusion.sum(axis=2), confusion.sum(axis=1)], axis=1).astype(np.float64)


def _of_counts(finish: Callable[[Floats, Floats, Floats], Floats]) -> Weighted:
    """`finish` takes hits, truth and predictions per class, (r, K) each."""
    return _sums(_counts, lambda s: finish(*np.split(s, 3, axis=1)))


def _share(part: Floats, whole: Floats) -> Floats:
    """``part / whole``, 0 where both are."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _f1(hits: Floats, truth: Floats, predicted: Floats) -> Floats:
    return _share(2 * hits, truth + predicted)


def _mcc(hits: Floats, truth: Floats, predicted: Floats) -> Floats:
    n = truth.sum(axis=1)
    both = hits.sum(axis=1) * n - (truth * predicted).sum(axis=1)
    return _share(both, np.sqrt(n * n - np.square(truth).sum(axis=1)) * np.sqrt(n * n - np.square(predicted).sum(axis=1)))


f1_macro = _of_counts(lambda hits, truth, predicted: _f1(hits, truth, predicted).mean(axis=1))
f1_weighted = _of_counts(lambda hits, truth, predicted: (_f1(hits, truth, predicted) * truth).sum(axis=1) / truth.sum(axis=1))
f1_binary = _of_counts(lambda hits, truth, predicted: _f1(hits, truth, predicted)[:, 1])
f1_micro = accuracy  # one label a row: every miss is one false positive and one false negative
balanced_accuracy = _of_counts(lambda hits, truth, _: _share(hits, truth).sum(axis=1) / (truth > 0).sum(axis=1))
mcc = _of_counts(_mcc)


# Moments: formulas of variances and the covariance, which sums of squares would lose to cancellation.


def _centred(values: Floats, group: Ints, n: Ints) -> tuple[Floats, Floats]:
    """Return the groups' means, counted from the overall mean, and the rows' deviations from them."""
    rest, mean = values - values.mean(), np.zeros(len(n))
    for _ in range(2):  # once more takes away what rounding left
        step = _total(rest, group, len(n)) / np.maximum(n, 1)
        mean, rest = mean + step, rest - step[group]
    return mean, rest


def _spread(weights: Floats, x: Floats, y: Floats, within: Floats | float = 0.0) -> tuple[Floats, Floats, Floats]:
    """Weighted sums of squares of x, of products and of squares of y about their means, (r,) each; squares of a constant are NaN.

    `weights` is (r, m), x and y are (m,) or (r, m), `within` (r, 3) is added. A spread below 1e-14 of the mean is rounding.
    """
    n = weights.sum(axis=1)
    mean_x, mean_y = (weights * x).sum(axis=1) / n, (weights * y).sum(axis=1) / n
    dx, dy = x - mean_x[:, None], y - mean_y[:, None]
    xx, xy, yy = (np.stack([np.einsum("rm,rm,rm->r", weights, a, b) for a, b in ((dx, dx), (dx, dy), (dy, dy))], axis=1) + within).T
    return np.where(xx <= 1e-28 * n * mean_x**2, np.nan, xx), xy, np.where(yy <= 1e-28 * n * mean_y**2, np.nan, yy)


def _correlation(xx: Floats, xy: Floats, yy: Floats) -> Floats:
    return np.clip(xy / (np.sqrt(xx) * np.sqrt(yy)), -1, 1)


def _moments(finish: Callable[[Floats, Floats, Floats, Floats], Floats], undefined: str) -> Weighted:
    """`finish` takes xx, xy, yy of `_spread` (x is the truth) and the sum of squared errors, (r,) each."""

    def prepare(truth: Floats, prediction: Floats, _k: int, group: Ints, n_groups: int) -> Step:
        n = np.bincount(group, minlength=n_groups)
        (mean_x, dx), (mean_y, dy) = _centred(truth, group, n), _centred(prediction, group, n)
        within = np.stack([_total(values, group, n_groups) for values in (dx * dx, dx * dy, dy * dy)], axis=1)
        errors = _total(np.square(truth - prediction), group, n_groups)
        return _in_chunks(lambda w: finish(*_spread(w * n, mean_x, mean_y, w @ within), w @ errors), n_groups)

    return Weighted(prepare, undefined)


r2 = _moments(lambda xx, _xy, _yy, errors: 1 - errors / xx, "R2 needs a truth that is not constant, over at least two rows")
pearson = _moments(
    lambda xx, xy, yy, _: _correlation(xx, xy, yy), "Pearson's r needs truth and predictions that are not constant, over at least two rows"
)


# Ranks: formulas of the order of rows. They sort once; a resample only adds weights up in that order.


def _ascending(values: Floats) -> tuple[Ints, Floats]:
    """Return the order and the sorted values.

    Two radix passes over the leading 32 bits that differ, then a comparison sort of the few rows which these leave
    undecided: on a million rows it takes a third of ``argsort``'s time, on any processor.
    """
    bits = (values + 0.0).view(np.uint64)  # + 0.0 makes -0.0 the 0.0 that it equals
    bits ^= (bits.view(np.int64) >> 63).view(np.uint64) | np.uint64(1 << 63)  # now ordered like the numbers
    bits -= bits.min()
    key = (bits >> np.uint64(max(0, int(bits.max()).bit_length() - 32))).astype(np.uint32)
    order = key.astype(np.uint16).argsort(kind="stable")
    order = order[(key >> np.uint32(16)).astype(np.uint16)[order].argsort(kind="stable")]
    ranked = values[order]
    if (ranked[1:] < ranked[:-1]).any():
        key = key[order]
        twins = key[1:] == key[:-1]
        undecided = np.flatnonzero(np.append(twins, False) | np.append(False, twins))
        order[undecided] = order[undecided][ranked[undecided].argsort()]
        ranked = values[order]
    return order, ranked


def _ties(ranked: Floats, at: Ints) -> tuple[Ints, Ints]:
    """Return where the ties of the sorted positions `at` begin, and where they have ended."""
    start, end = at.copy(), at + 1
    tied = np.flatnonzero((ranked[at] == ranked[at - 1]) | (ranked[at] == ranked[end % len(ranked)]))
    start[tied] = np.searchsorted(ranked, ranked[at[tied]], "left")
    end[tied] = np.searchsorted(ranked, ranked[at[tied]], "right")
    return start, end


def _cumulated(weights: Floats, group: Ints) -> Floats:
    """Weight of the rows before each of 0..n, (r, n + 1); `group` is in the order of the rows."""
    if weights.shape[1] == 1:
        return weights * np.arange(len(group) + 1)
    out = np.zeros((len(weights), len(group) + 1))
    np.cumsum(weights.take(group, axis=1), axis=1, out=out[:, 1:])
    return out


class _Column(NamedTuple):
    """One class against the rest: the rows' groups in ascending order of score, and in it the positives' places and ties."""

    group: Ints
    at: Ints
    start: Ints
    end: Ints


def _column(c: int, truth: NDArray[Any], scores: Floats, k: int, group: Ints, needs_others: bool) -> _Column:
    positive = truth[:, c] > 0 if truth.ndim == 2 else truth == c
    order, ranked = _ascending(np.ascontiguousarray(scores[:, c]) if scores.ndim == 2 else scores)
    at = np.flatnonzero(positive[order])
    if not len(at):
        raise UndefinedScore(f"class {c} of {k} does not occur in the truth (counting from 0)")
    if needs_others and len(at) == len(order):
        raise UndefinedScore(f"class {c} of {k} is that of every row of the truth (counting from 0)")
    return _Column(group[order], at, *_ties(ranked, at))


def _one_vs_rest(curve: Callable[[Floats, _Column], Floats], needs_others: bool) -> Weighted:
    """Mean of `curve`, (weights, column) -> (r,), over the classes; a binary task's scores (n,) are those of class 1."""

    def prepare(truth: NDArray[Any], scores: Floats, k: int, group: Ints, _n_groups: int) -> Step:
        classes = range(k) if scores.ndim == 2 else (1,)
        columns = [_column(c, truth, scores, k, group, needs_others) for c in classes]
        return _in_chunks(lambda w: np.mean([curve(w, column) for column in columns], axis=0), len(truth))

    return Weighted(prepare)


def _roc_area(weights: Floats, column: _Column) -> Floats:
    """The Mann-Whitney form: the share of pairs that a positive wins, a tie counting half."""
    before, positive = _cumulated(weights, column.group), weights.take(column.group[column.at], axis=1)
    n_positive = positive.sum(axis=1)
    midrank = (before.take(column.start, axis=1) + before.take(column.end, axis=1)) / 2
    wins = (positive * midrank).sum(axis=1) - n_positive**2 / 2
    return wins / (n_positive * (before[:, -1] - n_positive))


def _average_precision(weights: Floats, column: _Column) -> Floats:
    """Mean over the positives of the precision at their score, as scikit-learn defines it."""
    above = _remaining(_cumulated(weights, column.group), column.start)
    hits = _cumulated(weights, column.group[column.at])
    hits_above = _remaining(hits, np.searchsorted(column.at, column.start))
    positive = np.diff(hits, axis=1)
    return (positive * _share(hits_above, above)).sum(axis=1) / hits[:, -1]


def _remaining(cumulated: Floats, start: Ints) -> Floats:
    return cumulated[:, -1:] - cumulated.take(start, axis=1)


def _midranks(values: Floats, group: Ints) -> Step:
    """Return weights -> (r, n): twice each row's mean rank, but for a constant."""
    order, ranked = _ascending(values)
    start, end = _ties(ranked, np.arange(len(order)))
    place = order.argsort()
    by_rank, start, end = group[order], start[place], end[place]

    def ranks(weights: Floats) -> Floats:
        before = _cumulated(weights, by_rank)
        return before.take(start, axis=1) + before.take(end, axis=1)

    return ranks


def _spearman(truth: Floats, prediction: Floats, _k: int, group: Ints, _n_groups: int) -> Step:
    of_truth, of_prediction = _midranks(truth, group), _midranks(prediction, group)
    return _in_chunks(lambda w: _correlation(*_spread(w.take(group, axis=1), of_truth(w), of_prediction(w))), len(group))


auroc = _one_vs_rest(_roc_area, needs_others=True)
auprc = _one_vs_rest(_average_precision, needs_others=False)
spearman = Weighted(_spearman, "Spearman's rho needs truth and predictions that are not constant, over at least two rows")
