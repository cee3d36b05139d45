"""Formulas: the metrics' numpy code; float64, versioned by their cards, the only place where scores are computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .delong import contributions
from .errors import UndefinedScore
from .ranks import Floats, Ints, ascending, bounds, places_of, weight_before
from .threads import each, parts

Rows = NDArray[Any]  # truth or prediction, n rows of codes or numbers
Contributions = Callable[[Rows, Rows, int, Ints], Floats]

EPSILON = 1e-15  # the clip of every log loss
ECE_EDGES = np.arange(1, 15) / 15
CHUNK = 1 << 17  # numbers held per array while resampling: 1 MiB stays in cache


class Formula(Protocol):
    """What a metric's card points to: a function of truth and prediction, and of resamples of their rows.

    Truth: int64 codes (n,); for multilabel 0/1 (n, K); for regression float64 (n,). Where the card names what stands `beside`
    the truth: float64 (n, 2), the truth and the null's predictions; or (n, 3), the truth, the codes 0, 1, ... of units (genes), and the
    fold that predicted the row.
    Prediction, by what the card reads. Probabilities: (n, K) as submitted, or (n,), that of class 1. Labels: int64 (n,).
    Values: float64 (n,). Scores: (n, K), or (n,) for a binary task.
    """

    def score(self, truth: Rows, prediction: Rows, n_classes: int) -> float:
        """Return the metric of these rows, always finite; raise `UndefinedScore` where it has no value."""

    def replicates(self, truth: Rows, prediction: Rows, n_classes: int, group: Ints, weights: Floats) -> Floats:
        """Return the metric of R resamples, (R,): `group` (n,) holds 0..G-1, `weights` (R, G) how often each group was drawn.

        NaN where a resample has no value; NaN throughout where `score` raises.
        """


@dataclass(frozen=True)
class Weighted:
    """A `Formula` by way of weights: a score is the resample that draws every row once."""

    compute: Callable[[Rows, Rows, int, Ints, Floats], Floats]  # (truth, prediction, n_classes, group, weights) -> (R,)
    undefined: str = ""  # why that is NaN, where it can be
    # where theory gives the standard error: (truth, prediction, n_classes, group) -> (G,), whose sum of squares is the variance
    contributions: Contributions | None = None

    def score(self, truth: Rows, prediction: Rows, n_classes: int) -> float:
        """Return the metric of these rows; see `Formula`."""
        (value,) = self._checked(truth, prediction, n_classes, np.zeros(len(truth), np.int64), np.ones((1, 1)))
        if not np.isfinite(value):
            raise UndefinedScore(self.undefined if np.isnan(value) else "the score is too large for float64")
        return float(value)

    def replicates(self, truth: Rows, prediction: Rows, n_classes: int, group: Ints, weights: Floats) -> Floats:
        """Return the metric of every resample; see `Formula`."""
        try:
            values = self._checked(truth, prediction, n_classes, group, weights)
        except UndefinedScore:
            return np.full(len(weights), np.nan)
        rows = weights @ np.bincount(group, minlength=weights.shape[1])
        return np.where(np.isfinite(values) & (rows > 0), values, np.nan)

    @np.errstate(all="ignore")
    def _checked(self, truth: Rows, prediction: Rows, k: int, group: Ints, weights: Floats) -> Floats:
        return self.compute(_usable("truth", truth, k), _usable("prediction", prediction, k), k, group, weights)


def _usable(side: str, values: Rows, k: int) -> Rows:
    if not len(values):
        raise UndefinedScore("there are no rows to score")
    if k and values.dtype.kind in "iu":
        # a negative code, as such an integer, is a large one
        if values.view(f"u{values.itemsize}").max() >= k:
            raise ValueError(f"{side}: class codes reach from {values.min()} to {values.max()}, but there are {k} classes")
        return values
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        bad = len(values) - int(finite.reshape(len(values), -1).all(axis=1).sum())
        raise UndefinedScore(f"the {side} is NaN or infinite in {bad} of {len(values)} rows")
    return values


def by_group(values: Floats, group: Ints, n_groups: int) -> Floats:
    """Sum per group, (G,); a single group is summed pairwise, whose rounding errors hardly grow with n."""
    return np.bincount(group, values, n_groups).astype(np.float64) if n_groups > 1 else _sum(values[None])


def _sum(values: Floats) -> Floats:
    """Sum of each row: (R, m) -> (R,)."""
    sums: Floats = values.sum(axis=1)
    return sums


def in_chunks(step: Callable[[Floats], Floats], weights: Floats, width: int, most: int = CHUNK) -> Floats:
    """Apply `step`, which holds `width` numbers a resample, to so few resamples at a time that it holds `most`."""
    size = max(1, most // width)
    return np.concatenate([step(weights[i : i + size]) for i in range(0, len(weights) or 1, size)])


def keep_blocks() -> None:
    """Make the C library keep what arrays free: glibc gives large blocks back to the kernel, and fetching them anew takes longer than the sums."""
    np.empty(31 << 20, np.uint8)  # once it has freed a block of this size (32 MiB is its limit), it keeps them


# Formulas of sums over rows: a resample's sums are weights @ the groups' sums, whatever n is.


def _mean(loss: Callable[[Rows, Rows], Floats], after: Callable[[Floats], Floats] = np.positive, undefined: str = "") -> Weighted:
    """`after` the mean of a row's `loss`, (truth, prediction) -> (n,)."""

    def compute(truth: Rows, prediction: Rows, _k: int, group: Ints, weights: Floats) -> Floats:
        n_groups = weights.shape[1]
        total = by_group(loss(truth, prediction), group, n_groups)
        return after(weights @ total / (weights @ np.bincount(group, minlength=n_groups)))

    return Weighted(compute, undefined)


def _rescaled(probabilities: Floats) -> Floats:
    """Divide each row by its sum, as Kaggle does, NaN where that is 0; (n,) stands for ``[1 - p, p]``."""
    if probabilities.ndim == 1:
        return np.stack([1 - probabilities, probabilities], axis=1)
    total = _sum(probabilities)[:, None]
    return probabilities / np.where(total > 0, total, np.nan)


def _log_loss(truth: Ints, probabilities: Floats) -> Floats:
    if probabilities.ndim == 1:
        true = _rescaled(probabilities)[np.arange(len(truth)), truth]
        return -np.log(np.clip(true, EPSILON, 1 - EPSILON))
    losses = np.empty(len(truth))

    def fill(rows: slice) -> None:
        # as `_rescaled` does it, of the one number in each row that counts
        some = probabilities[rows]
        total = _sum(some)
        true = some[np.arange(len(some)), truth[rows]] / np.where(total > 0, total, np.nan)
        losses[rows] = -np.log(np.clip(true, EPSILON, 1 - EPSILON))

    each(fill, parts(len(truth), CHUNK // 8), alone=len(truth) < CHUNK)
    return losses


def _brier(truth: Ints, probabilities: Floats) -> Floats:
    rows = _rescaled(probabilities)
    rows[np.arange(len(truth)), truth] -= 1
    return _sum(np.square(rows))


def _hit(truth: Ints, labels: Ints) -> Floats:
    if labels.dtype.kind not in "iu":
        raise TypeError("labels are class codes (int64), not probabilities")
    return np.equal(truth, labels).astype(np.float64)


def _squared_error(truth: Floats, values: Floats) -> Floats:
    return np.square(truth - values)


def _squared_log_error(truth: Floats, values: Floats) -> Floats:
    return np.where((truth < 0) | (values < 0), np.nan, _squared_error(np.log1p(truth), np.log1p(values)))


def _calibration_error(truth: Ints, probabilities: Floats, _k: int, group: Ints, weights: Floats) -> Floats:
    """Sum of |confidence - hits| over the bins, a share of the rows."""
    rows, bins, n_groups = _rescaled(probabilities), len(ECE_EDGES) + 1, weights.shape[1]
    top = rows.argmax(axis=1)
    confidence = rows[np.arange(len(truth)), top]
    cell = group * bins + np.searchsorted(ECE_EDGES, confidence)
    gaps = np.bincount(cell, confidence - (top == truth), n_groups * bins).reshape(n_groups, bins)
    return _sum(np.abs(weights @ gaps)) / (weights @ np.bincount(group, minlength=n_groups))


_SUM_0 = "the probabilities of a row sum to 0, so they cannot be rescaled to 1"
multiclass_log_loss = _mean(_log_loss, undefined=_SUM_0)
log_loss = multiclass_log_loss
brier = _mean(_brier, undefined=_SUM_0)
ece = Weighted(_calibration_error, _SUM_0)
accuracy = _mean(_hit)
f1_micro = accuracy  # one label a row: every miss is one false positive and one false negative
mse = _mean(_squared_error)
rmse = _mean(_squared_error, np.sqrt)
mae = _mean(lambda truth, values: np.abs(truth - values))
rmsle = _mean(_squared_log_error, np.sqrt, "RMSLE has no value where the truth or a prediction is below 0")


def _of_counts(finish: Callable[[Floats, Floats, Floats], Floats]) -> Weighted:
    """`finish` takes the hits, true rows and predicted rows of every class, (R, K) each."""

    def compute(truth: Ints, labels: Ints, k: int, group: Ints, weights: Floats) -> Floats:
        n_groups = weights.shape[1]
        confusion = np.zeros(n_groups * k * k, np.int64)
        # part by part, which stays in cache
        for rows in parts(len(truth), CHUNK // 4 if n_groups == 1 else len(truth)):
            cell = truth[rows] * k + labels[rows]
            if n_groups > 1:
                cell += group[rows] * (k * k)
            confusion += np.bincount(cell, minlength=len(confusion))
        confusion = confusion.reshape(n_groups, k, k)
        counts = np.concatenate([confusion.diagonal(axis1=1, axis2=2), confusion.sum(axis=2), confusion.sum(axis=1)], axis=1)
        hits, true, predicted = np.split(weights @ counts.astype(np.float64), 3, axis=1)
        return finish(hits, true, predicted)

    return Weighted(compute)


def _share(part: Floats, whole: Floats) -> Floats:
    """``part / whole``, 0 where the whole is."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _f1(hits: Floats, true: Floats, predicted: Floats) -> Floats:
    return _share(2 * hits, true + predicted)


def _mcc(hits: Floats, true: Floats, predicted: Floats) -> Floats:
    n = _sum(true)
    covariance = _sum(hits) * n - _sum(true * predicted)
    return _share(covariance, np.sqrt((n * n - _sum(true * true)) * (n * n - _sum(predicted * predicted))))


f1_macro = _of_counts(lambda hits, true, predicted: _sum(_f1(hits, true, predicted)) / hits.shape[1])
f1_weighted = _of_counts(lambda hits, true, predicted: _sum(_f1(hits, true, predicted) * true) / _sum(true))
f1_binary = _of_counts(lambda hits, true, predicted: _f1(hits, true, predicted)[:, 1])
precision_binary = _of_counts(lambda hits, _, predicted: _share(hits, predicted)[:, 1])
recall_binary = _of_counts(lambda hits, true, _: _share(hits, true)[:, 1])
balanced_accuracy = _of_counts(lambda hits, true, _: _sum(_share(hits, true)) / np.count_nonzero(true, axis=1))
mcc = _of_counts(_mcc)


# Formulas of variances and the covariance: each group's about its own mean, then the groups' means about
# the resample's, since sums of squares would lose small spreads about large means to cancellation.


def centred(values: Floats, group: Ints, n: Floats) -> tuple[Floats, Floats]:
    """Return the groups' means, counted from the overall mean, and the rows' deviations from them."""
    rest, means = values - values.mean(), np.zeros(len(n))
    for _ in range(2):  # the second time takes away what rounding left
        step = by_group(rest, group, len(n)) / np.maximum(n, 1)
        rest, means = rest - step[group], means + step
    return means, rest


def products(dx: Floats, dy: Floats, group: Ints, n_groups: int) -> Floats:
    """Sum dx * dx, dx * dy and dy * dy per group, (3, G)."""
    return np.stack([by_group(product, group, n_groups) for product in (dx * dx, dx * dy, dy * dy)])


def spread_of(weights: Floats, x: Floats, y: Floats, within: Floats | float = 0.0) -> Floats:
    """Weighted sums about the means of x * x, x * y and y * y, (3, R), to which `within` is added; NaN for squares of a constant.

    `weights` is (R, m), x and y are (m,) or (R, m). A spread below 1e-14 of the mean is rounding.
    """
    n = _sum(weights)
    mean_x, mean_y = _sum(weights * x) / n, _sum(weights * y) / n
    # in the layout of the weights: where the resamples lie side by side, no sum below strides through memory
    dx, dy = (np.subtract(v, mean[:, None], out=np.empty_like(weights)) for v, mean in ((x, mean_x), (y, mean_y)))
    wdx, wdy = weights * dx, weights * dy
    xx, xy, yy = np.stack([_sum(wdx * dx), _sum(wdx * dy), _sum(wdy * dy)]) + within
    return np.stack([np.where(xx <= 1e-28 * n * mean_x**2, np.nan, xx), xy, np.where(yy <= 1e-28 * n * mean_y**2, np.nan, yy)])


def _of_moments(finish: Callable[[Floats, Floats], Floats], undefined: str) -> Weighted:
    """`finish` takes `spread_of`, x being the truth, and the sum of squared errors."""

    def compute(truth: Floats, prediction: Floats, _k: int, group: Ints, weights: Floats) -> Floats:
        n_groups = weights.shape[1]
        n = np.bincount(group, minlength=n_groups).astype(np.float64)
        (mean_x, dx), (mean_y, dy) = centred(truth, group, n), centred(prediction, group, n)
        within = products(dx, dy, group, n_groups)
        errors = by_group(_squared_error(truth, prediction), group, n_groups)
        return in_chunks(lambda w: finish(spread_of(w * n, mean_x, mean_y, within @ w.T), w @ errors), weights, n_groups)

    return Weighted(compute, undefined)


def correlation(spread: Floats) -> Floats:
    """Return Pearson's r, (R,), of a `spread_of`; NaN where a side is constant."""
    xx, xy, yy = spread
    r: Floats = xy / (np.sqrt(xx) * np.sqrt(yy))
    return r.clip(-1, 1)


_CONSTANT = "needs truth and predictions that are not constant, over at least two rows"
r2 = _of_moments(lambda spread, errors: 1 - errors / spread[0], "R2 needs a truth that is not constant, over at least two rows")
pearson = _of_moments(lambda spread, _: correlation(spread), f"Pearson's r {_CONSTANT}")


# Formulas of ranks: rows are sorted once; a resample only adds weights up in that order.


def _roc_area(weights: Floats, group: Ints, at: Ints, start: Ints, end: Ints) -> Floats:
    """The share of (positive, other) pairs in the right order, a tie counting half."""
    before, positive = weight_before(weights, group), weights.take(group[at], axis=1)
    n, everyone = _sum(positive), _sum(before(np.array([len(group)])))
    return (_sum(positive * (before(start) + before(end))) / 2 - n * n / 2) / (n * (everyone - n))


def _average_precision(weights: Floats, group: Ints, at: Ints, start: Ints, _end: Ints) -> Floats:
    """Mean over the positives of the precision among the rows that score no less."""
    before, found, positive = weight_before(weights, group), weight_before(weights, group[at]), weights.take(group[at], axis=1)
    rows = before(np.array([len(group)])) - before(start)
    hits = found(np.array([len(at)])) - found(np.searchsorted(at, start))
    return _sum(positive * _share(hits, rows)) / _sum(positive)


def _by_column(scores: Floats) -> Floats:
    """Return the same numbers, a column's side by side: read once, not once for each column."""
    columns = np.empty(scores.shape[::-1])

    def copy(rows: slice) -> None:
        columns[:, rows] = scores[rows].T

    each(copy, parts(len(scores), CHUNK // 32))
    return columns.T


def _one_vs_rest(area: Callable[[Floats, Ints, Ints, Ints, Ints], Floats], needs_others: bool) -> Weighted:
    """Mean over the classes of `area`, (weights, group, at, start, end) -> (R,): in ascending order of score the rows'
    groups, the positives' places, and where the rows that tie with them begin and have ended.
    """

    def of_class(c: int, truth: Rows, scores: Floats, k: int, group: Ints, weights: Floats) -> Floats:
        positive = truth[:, c] > 0 if truth.ndim == 2 else truth == c
        if not positive.any():
            raise UndefinedScore(f"class {c} of {k} does not occur in the truth (counting from 0)")
        if needs_others and positive.all():
            raise UndefinedScore(f"class {c} of {k} is that of every row of the truth (counting from 0)")
        its = scores[:, c] if scores.ndim == 2 else scores
        if weights.shape[1] > 1:
            order, ties = ascending(its)
            at, group = np.flatnonzero(positive[order]), group[order]
        else:
            at, ties = places_of(positive, its)
        start, end = bounds(ties, at)
        return in_chunks(lambda w: area(w, group, at, start, end), weights, len(group))

    def compute(truth: Rows, scores: Floats, k: int, group: Ints, weights: Floats) -> Floats:
        keep_blocks()
        classes, few = range(k) if scores.ndim == 2 else (1,), len(truth) * len(weights) < CHUNK
        if scores.ndim == 2 and not few:
            scores = _by_column(scores)
        areas = each(lambda c: of_class(c, truth, scores, k, group, weights), classes, few)
        return _sum(np.stack(areas, axis=1)) / len(classes)

    return Weighted(compute)


def _midranks(values: Floats, group: Ints) -> Callable[[Floats], Floats]:
    """Return weights -> (R, n): twice each row's mean rank."""
    order, ties = ascending(values)
    by_value, start, end = group[order], np.empty_like(order), np.empty_like(order)
    start[order], end[order] = bounds(ties, np.arange(len(order)))

    def ranks(weights: Floats) -> Floats:
        before = weight_before(weights, by_value)
        return before(start) + before(end)

    return ranks


def _spearman(truth: Floats, prediction: Floats, _k: int, group: Ints, weights: Floats) -> Floats:
    x, y = _midranks(truth, group), _midranks(prediction, group)
    return in_chunks(lambda w: correlation(spread_of(w.take(group, axis=1), x(w), y(w))), weights, len(group))


auroc = replace(_one_vs_rest(_roc_area, needs_others=True), contributions=contributions)
auprc = _one_vs_rest(_average_precision, needs_others=False)
spearman = Weighted(_spearman, f"Spearman's rho {_CONSTANT}")
