"""Distances: a design's rows -> openness by distance from the TSS, and what training rows tell of a row's gene and cell."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from genoboard import Design

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Matrix = NDArray[np.float32]

# of exponential weights, and of windows in which bins that hold a region are counted, in base pairs
DECAYS = (1_000, 5_000, 25_000, 125_000)
WINDOWS = (10_000, 100_000, 1_000_000)


def near_and_far(X: Design) -> tuple[Matrix, list[str]]:
    """Return (n, k) and the columns' names: mean openness between doubling distances, up- and downstream apart, and sums that fall off with distance.

    The last columns are the gene's own: how many bins hold a region, whether it is open in this cell or not.
    """
    columns, names = _shapes(X.distance)
    values = X.dot(columns).astype(np.float32)
    count = np.diff(X.slots.start)
    gene = np.repeat(np.arange(len(count)), count)
    apart = np.abs(X.distance)[X.slots.bin]
    held = [np.bincount(gene[apart < w], minlength=len(count)) for w in WINDOWS]
    place = np.searchsorted(X.genes, X.gene)
    own = np.stack(held, axis=1).astype(np.float32)[place]
    return np.hstack([values, own]), [*names, *(f"bins with a region within {w // 1000} kb" for w in WINDOWS)]


def _shapes(distance: NDArray[np.int32]) -> tuple[Floats, list[str]]:
    """Return weights of bins (p, k) and their names."""
    apart, reach = np.abs(distance), int(np.abs(distance).max(initial=0)) + 1
    columns, names, low, high = [], [], 0, 1_000
    while low < reach:
        for side, sign in (("downstream", 1), ("upstream", -1)):
            inside = (apart >= low) & (apart < high) & (np.sign(distance) == sign)
            if inside.any():
                columns.append(inside / inside.sum())
                names.append(f"{low // 1000}-{high // 1000} kb {side}")
        low, high = high, 2 * high
    for scale in DECAYS:
        columns.append(np.exp(-apart / scale))
        names.append(f"falling off over {scale // 1000} kb")
    return np.stack(columns, axis=1), names


class Told(NamedTuple):
    """What other rows tell of rows: `baseline` (n,), the best guess without openness; `features` (n, f), NaN where nothing is known."""

    baseline: Floats
    features: Matrix


class Known:
    """Means of target and openness of the genes, and of the target of the cells, over the rows that it was fitted on.

    The baseline is gene mean + cell mean - grand mean, an unknown effect being 0. Told are the gene's mean, spread and number of rows, and
    by how much the row's openness differs from the gene's mean. The cell's mean is in the baseline alone: trees that saw it would miss it in a new cell.
    """

    def fit(self, X: Design, values: Matrix, y: Floats, rows: NDArray[np.intp]) -> Self:
        """Take the means over these `rows` of `X`, its `values` (n, k) and `y` (n,)."""
        y = y[rows]
        self.grand_ = float(y.mean()) if len(rows) else 0.0
        self.cells_, self.cell_, _ = _means(X.cell[rows], y[:, None] - self.grand_)
        effect = _looked_up(self.cells_, self.cell_, X.cell[rows])[:, 0]
        rest = y - self.grand_ - effect
        self.genes_, means, count = _means(X.gene[rows], np.column_stack([rest, rest**2, values[rows]]))
        self.gene_, self.values_ = means[:, :1], means[:, 2:]
        spread = np.sqrt(np.maximum(means[:, 1] - means[:, 0] ** 2, 0.0))
        self.of_gene_ = np.column_stack([means[:, 0], np.where(count > 1, spread, np.nan), np.log(count)])
        return self

    def tell(self, X: Design, values: Matrix, rows: NDArray[np.intp]) -> Told:
        """Return what is known of these `rows`, none of which it was fitted on."""
        cell = _looked_up(self.cells_, self.cell_, X.cell[rows])[:, 0]
        own = _looked_up(self.genes_, self.of_gene_, X.gene[rows])
        baseline = self.grand_ + np.nan_to_num(cell) + np.nan_to_num(own[:, 0])
        apart = values[rows] - _looked_up(self.genes_, self.values_, X.gene[rows]).astype(np.float32)
        return Told(baseline, np.hstack([own.astype(np.float32), apart]))

    @staticmethod
    def names(of_values: list[str]) -> list[str]:
        """Return the names of what is told."""
        return ["gene's mean", "gene's spread", "gene's rows", *(f"{n}, beside the gene's mean" for n in of_values)]


def out_of_part(X: Design, values: Matrix, y: Floats, part: Codes, rows: NDArray[np.intp]) -> Told:
    """Return what rows of other parts tell of each of these `rows`, in their order."""
    told = Told(np.empty(len(rows)), np.empty((len(rows), 3 + values.shape[1]), np.float32))
    for k in np.unique(part[rows]):
        mine = part[rows] == k
        found = Known().fit(X, values, y, rows[~mine]).tell(X, values, rows[mine])
        told.baseline[mine], told.features[mine] = found
    return told


def _means(code: NDArray[np.int32], values: Floats) -> tuple[NDArray[np.int32], Floats, Codes]:
    """Return the codes, ascending, the means (c, k) of their rows, and how many rows there are."""
    order = np.argsort(code, kind="stable")
    names, first, count = np.unique(code[order], return_index=True, return_counts=True)
    if not len(names):
        return names, np.empty((0, values.shape[1])), count
    return names, np.add.reduceat(values[order], first, axis=0, dtype=np.float64) / count[:, None], count


def _looked_up(names: NDArray[np.int32], table: Floats, code: NDArray[np.int32]) -> Floats:
    """Return the table's row of every code, NaN where it has none."""
    if not len(names):
        return np.full((len(code), table.shape[1]), np.nan)
    place = np.searchsorted(names, code).clip(max=len(names) - 1)
    found: Floats = table[place]
    found[names[place] != code] = np.nan
    return found
