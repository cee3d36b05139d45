"""Controls: what can be said of a row's expression by knowing its gene and its cell, without looking around the TSS."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from genoboard import Design

Floats = NDArray[np.float64]


class Means:
    """Means of the training target by gene and by cell, with the grand mean where training has none."""

    def fit(self, X: Design, y: Floats) -> Self:
        """Take the means over the training rows; X's openness is not looked at."""
        self.mean_ = float(y.mean())
        self.of_gene_, self.of_cell_ = _means(X.gene, y), _means(X.cell, y)
        return self


class GeneMean(Means):
    """Predict a gene's mean over the training cells."""

    def predict(self, X: Design) -> Floats:
        """Return (n,)."""
        return _known(self.of_gene_, X.gene, self.mean_)


class CellMean(Means):
    """Predict a cell's mean over the training genes."""

    def predict(self, X: Design) -> Floats:
        """Return (n,)."""
        return _known(self.of_cell_, X.cell, self.mean_)


class Additive(Means):
    """Predict gene mean + cell mean - grand mean: the two-way fit of a full table; an effect that training does not know is 0."""

    def predict(self, X: Design) -> Floats:
        """Return (n,)."""
        gene: Floats = _known(self.of_gene_, X.gene, self.mean_)
        return gene + _known(self.of_cell_, X.cell, self.mean_) - self.mean_


class NearestCells:
    """Predict a gene's mean over the k training cells whose openness is most like the row's cell, itself left out.

    Likeness is Pearson's r of ln(1 + openness) over the regions that both sides know. A gene that these cells lack in training gets their mean
    over all genes.

    Parameters
    ----------
    k : how many cells; fewer where fewer know the gene.
    """

    def __init__(self, k: int = 3) -> None:
        self.k = k

    def fit(self, X: Design, y: Floats) -> Self:
        """Lay the target out as a table of genes and cells, NaN where training has no row."""
        self.genes_, self.cells_, self.regions_ = X.genes, X.cells, X.regions
        self.openness_ = np.log1p(X.openness)
        self.table_ = np.full((len(X.genes), len(X.cells)), np.nan)
        self.table_[np.searchsorted(X.genes, X.gene), np.searchsorted(X.cells, X.cell)] = y
        return self

    def predict(self, X: Design) -> Floats:
        """Return (n,)."""
        _, here, there = np.intersect1d(X.regions, self.regions_, assume_unique=True, return_indices=True)
        like = _correlations(np.log1p(X.openness[:, here]), self.openness_[:, there])
        like[X.cells[:, None] == self.cells_] = -np.inf
        means = np.nanmean(self.table_, axis=0)
        row = np.searchsorted(self.genes_, X.gene).clip(max=len(self.genes_) - 1)
        known, out = self.genes_[row] == X.gene, np.empty(len(X))
        for number, code in enumerate(X.cells):
            asked = np.flatnonzero(X.cell == code)
            order = [c for c in np.argsort(-like[number], kind="stable") if like[number, c] > -np.inf]
            values = self.table_[row[asked]][:, order]
            values[~known[asked]] = np.nan
            held = np.isfinite(values)
            # the first k of the nearest that know the gene
            held &= np.cumsum(held, axis=1) <= self.k
            count = held.sum(axis=1)
            mean = np.where(held, values, 0.0).sum(axis=1) / np.maximum(count, 1)
            out[asked] = np.where(count > 0, mean, means[order[: self.k]].mean() if order else means.mean())
        return out


def _means(code: NDArray[np.int32], y: Floats) -> dict[int, float]:
    names, place = np.unique(code, return_inverse=True)
    return dict(zip(names.tolist(), (np.bincount(place, y) / np.bincount(place)).tolist(), strict=True))


def _known(means: dict[int, float], code: NDArray[np.int32], otherwise: float) -> Floats:
    names, place = np.unique(code, return_inverse=True)
    found: Floats = np.array([means.get(n, otherwise) for n in names.tolist()])[place]
    return found


def _correlations(a: NDArray[np.float32], b: NDArray[np.float32]) -> Floats:
    """Return Pearson's r of every row of `a` with every row of `b`; 0 for a constant row, and where there is nothing to compare."""

    def unit(x: NDArray[np.float32]) -> Floats:
        rows: Floats = x - x.sum(axis=1, keepdims=True, dtype=np.float64) / max(1, x.shape[1])
        length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
        return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))

    found: Floats = unit(a) @ unit(b).T
    return found
