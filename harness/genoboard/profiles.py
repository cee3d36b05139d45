"""Profiles: the formulas that look at more than truth and predictions: at the split's null, or at units such as genes and cells."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .formulas import CHUNK, Rows, Weighted, by_group, centred, correlation, in_chunks, keep_blocks, products
from .ranks import Floats, Ints

ROUNDING = 1e-28  # squares below this share of the mean square are rounding
CANCELLED = 1e-12  # likewise of a sum of squares, where the mean is taken from it only at the end
FEWEST = 3  # r of two rows is 1 or -1, whatever they hold
MOST = 1 << 25  # numbers held per array while units are resampled: 256 MiB


def _skill(truth: Floats, prediction: Rows, _k: int, group: Ints, weights: Floats) -> Floats:
    """Compare the squared errors with those of the null, which stand beside the truth."""
    y, null = truth.T
    errors, of_null, size = (weights @ by_group(np.square(v), group, weights.shape[1]) for v in (y - prediction, y - null, y))
    return 1 - errors / np.where(of_null > ROUNDING * size, of_null, np.nan)


def _median_pearson(truth: Floats, prediction: Rows, _k: int, group: Ints, weights: Floats) -> Floats:
    """Take r unit by unit, and the median over units, whose codes stand beside the truth.

    Which units a resample holds follows from what is resampled. A unit that lies in one cluster (a gene, where chromosomes are
    drawn) is drawn with it: where its cluster comes twice, so does the unit, with the r that it always has. A unit that spans
    clusters (a gene, where lineages are drawn) stays one unit: its rows are drawn, its r changes, and it counts once.
    So the rows of a unit that lies in one cluster are told apart by the draw, and the others' are not.

    Where the rows' folds stand beside the truth too, each side is counted from its mean over the unit's rows in the fold, as a pooled
    within-fold r. Rows of several folds were predicted by several models, and a gene's mean in training is the lower the higher the cells are
    that it lacks: between folds, the null itself would have an r far below 0.
    """
    unit = truth[:, 1].astype(np.int64)
    fold = truth[:, 2].astype(np.int64) if truth.shape[1] > 2 else np.zeros_like(unit)
    within = unit * (int(fold.max()) + 1) + fold
    n = np.bincount(unit).astype(np.float64)
    sides = np.ascontiguousarray(truth[:, 0]), prediction
    x, y = (centred(side, within, np.bincount(within).astype(np.float64))[1] for side in sides)
    floors = np.stack([ROUNDING * by_group(np.square(side), unit, len(n)) / np.maximum(n, 1) for side in sides], axis=1)
    spread = products(x, y, unit, len(n))
    r = _pearson(spread, n, *floors.T)

    home = np.zeros(len(n), np.int64)
    home[unit] = group
    spans = np.bincount(unit, group != home[unit], len(n)) > 0
    fixed = np.flatnonzero(~spans & np.isfinite(r))
    fixed = fixed[r[fixed].argsort()]
    # a truth that is constant is so in every resample
    moving = np.flatnonzero(spans & (spread[0] > floors[:, 0] * n))
    if not len(moving):
        return in_chunks(lambda w: _median(r[None, fixed], w.take(home[fixed], axis=1)), weights, max(1, len(fixed)), 8 * CHUNK)
    resampled = _Moving(moving, floors[moving], x, y, unit, fold, group, weights.shape[1])

    def step(w: Floats) -> Floats:
        again = resampled.pearson(w)
        if not len(fixed):
            return _median_of_all(again)
        times = w.take(home[fixed], axis=1)
        values = np.concatenate([np.broadcast_to(r[fixed], times.shape), again], axis=1)
        return _median(values, np.concatenate([times, np.ones_like(again)], axis=1))

    keep_blocks()
    # of few clusters there are few resamples: 10 of three, 126 of five
    distinct, same = np.unique(weights, axis=0, return_inverse=True)
    return in_chunks(step, distinct, 16 * (len(moving) + len(fixed)), MOST)[same]


def _pearson(spread: Floats, n: Floats, floor_x: Floats, floor_y: Floats) -> Floats:
    """Return r; 0 where the prediction is constant, NaN where the truth is, or where rows are too few.

    `spread` is (3, m), `n` the rows (m,), each floor what is rounding in a row's share of a sum of squares.
    """
    informed = np.where(spread[2] > floor_y * n, correlation(spread), 0.0)
    return np.where((n >= FEWEST) & (spread[0] > floor_x * n), informed, np.nan)


class _Moving:
    """Units that span clusters, as moments of what each of their folds holds of each cluster."""

    def __init__(self, units: Ints, floors: Floats, x: Floats, y: Floats, unit: Ints, fold: Ints, group: Ints, n_groups: int) -> None:
        wanted = np.zeros(int(unit.max()) + 1, bool)
        wanted[units] = True
        rows, folds = wanted[unit], int(fold.max()) + 1
        pair, share = np.unique((unit[rows] * folds + fold[rows]) * n_groups + group[rows], return_inverse=True)
        self.floors, cluster = floors, pair % n_groups
        n = np.bincount(share).astype(np.float64)
        (mean_x, dx), (mean_y, dy) = centred(x[rows], share, n), centred(y[rows], share, n)
        within = products(dx, dy, share, len(pair))
        unit_of, fold_of = pair // n_groups // folds, pair // n_groups % folds
        starts = np.searchsorted(unit_of, np.append(units, len(wanted)))
        alike: dict[bytes, list[int]] = {}
        for place, (low, high) in enumerate(pairwise(starts.tolist())):
            # in a full table of genes and cells all genes are alike, and products of matrices serve them all at once
            alike.setdefault(np.stack([fold_of[low:high], cluster[low:high], n[low:high]]).tobytes(), []).append(place)
        self.kinds = []
        for places in alike.values():
            at = starts[places][:, None] + np.arange(starts[places[0] + 1] - starts[places[0]])
            first = at[0]
            edges = np.flatnonzero(np.diff(fold_of[first], prepend=-1, append=folds)).tolist()
            self.kinds.append(_Alike(np.array(places), cluster[first], n[first], edges, mean_x[at], mean_y[at], within[:, at]))

    def pearson(self, weights: Floats) -> Floats:
        """Return every unit's r in every resample, (R, units)."""
        r = np.empty((len(weights), len(self.floors)))
        for kind in self.kinds:
            r[:, kind.places] = _pearson(kind.spread(weights), (weights[:, kind.cluster] @ kind.n)[:, None], *self.floors[kind.places].T)
        return r


class _Alike(NamedTuple):
    """Units with the same numbers of rows in the same folds and clusters: P shares each, `n` (P,), in folds between `edges`, `x` and `y` (U, P)."""

    places: Ints
    cluster: Ints
    n: Floats
    edges: list[int]
    x: Floats
    y: Floats
    within: Floats

    def spread(self, weights: Floats) -> Floats:
        """Return the sums of x x, x y and y y about the means of a fold's rows in each resample, (3, R, U)."""
        times = weights[:, self.cluster]
        spread = np.stack([times @ w.T for w in self.within])
        for low, high in pairwise(self.edges):
            if high - low == 1:  # a single cluster's rows are counted from their mean already
                continue
            rows, x, y = times[:, low:high] * self.n[low:high], self.x[:, low:high], self.y[:, low:high]
            per_row = 1 / np.maximum(rows.sum(axis=1), 1)[:, None]
            sum_x, sum_y = rows @ x.T, rows @ y.T
            whole = [rows @ v.T for v in (x * x, x * y, y * y)]
            xx, xy, yy = (v - a * b * per_row for v, a, b in zip(whole, (sum_x, sum_x, sum_y), (sum_x, sum_y, sum_y), strict=True))
            # what is left of sums that cancel is rounding: a single share was drawn, or all are the same
            flat_x, flat_y = xx <= CANCELLED * whole[0], yy <= CANCELLED * whole[2]
            for part, found, flat in zip(spread, (xx, xy, yy), (flat_x, flat_x | flat_y, flat_y), strict=True):
                part += np.where(flat, 0.0, found)
        return spread


def _median(values: Floats, weights: Floats) -> Floats:
    """Return the median of each row's numbers, (R,), each counted `weights` (R, m) times; NaN where none is."""
    if not weights.shape[1]:
        return np.full(len(weights), np.nan)
    order = values.argsort(axis=1)
    values, weights = np.take_along_axis(values, order, axis=1), np.take_along_axis(weights, order, axis=1)
    reached = np.where(np.isnan(values), 0.0, weights).cumsum(axis=1)
    half = reached[:, -1:] / 2
    middle = np.stack([(reached < half).sum(axis=1), (reached <= half).sum(axis=1)], axis=1)
    found = np.take_along_axis(values, np.minimum(middle, values.shape[1] - 1), axis=1).mean(axis=1)
    return np.where(half[:, 0] > 0, found, np.nan)


def _median_of_all(values: Floats) -> Floats:
    """Return the median of each row's numbers, (R,), without its NaN; sorts `values` in place, in half the time of `_median`."""
    values.sort(axis=1)
    n = np.count_nonzero(~np.isnan(values), axis=1)
    middle = np.stack([np.maximum(n - 1, 0) // 2, n // 2], axis=1)
    # NaN come last: where there is nothing else, one is picked
    found: Floats = np.take_along_axis(values, np.minimum(middle, values.shape[1] - 1), axis=1).mean(axis=1)
    return found


skill = Weighted(_skill, "skill has no value where the split's null makes no error")
median_pearson = Weighted(_median_pearson, f"none of the units has a truth that varies over at least {FEWEST} rows")
