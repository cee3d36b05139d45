"""Shares: the class shares that training rows of the same gene, kind, name or neighbourhood have, as features."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# what stops the protein early, by whatever name
STOPS = ("nonsense", "frameshift", "truncation")
NEVER = 1e9


def keys(X: pd.DataFrame, described: pd.DataFrame) -> pd.DataFrame:
    """Return what rows can have in common: the keys (str) of (n, c) `X` and its description, and the codon."""
    gene, variation = X["gene"].astype(str), X["variation"].astype(str).str.lower()
    kind = described["kind"].where(~described["kind"].isin(STOPS), "stop")
    return pd.DataFrame(
        {
            "gene": gene,
            "gene and kind": gene + "|" + kind,
            "variation": variation,
            "gene and variation": gene + "|" + variation,
            # MAP2K1 and MAP3K1, ERBB2 and ERBB3
            "family": gene.str.replace(r"\d.*$", "", regex=True),
            "position": described["position"],
        }
    )


class Shares:
    """Smoothed class shares of the training rows that share a key, and of those whose codon is near, in the same gene.

    A key that no training row has gets the shares of what stands above it: the gene's for what is within a gene, the prior for a gene.

    Parameters
    ----------
    prior : the shares (k,) of all classes. It is given, not counted: counted anew for every part that is left out, it would tell the
        parts apart, and with them their labels. For the same reason no key is so common that most rows share it.
    a : the weight of what stands above, in rows.
    widths : codons over which the weight of a neighbour falls to 1/e.
    """

    def __init__(self, prior: Floats, a: float = 2.0, widths: tuple[float, ...] = (2.0, 25.0)) -> None:
        self.prior = prior
        self.a = a
        self.widths = widths

    def fit(self, rows: pd.DataFrame, y: NDArray[np.int64]) -> Self:
        """Count the classes y (n,) by the keys of `rows`."""
        k = len(self.prior)
        named = rows.drop(columns="position")
        self.counts_ = {c: pd.crosstab(named[c].to_numpy(), y).reindex(columns=range(k), fill_value=0) for c in named}
        self.genes_ = {g: (rows["position"].to_numpy()[at], np.eye(k)[y[at]]) for g, at in rows.groupby("gene").indices.items()}
        return self

    def transform(self, rows: pd.DataFrame) -> Floats:
        """Return (n, f): for every key k shares and the log of how many rows they come from; the same for every width."""
        counts = {c: table.reindex(rows[c].to_numpy()).fillna(0.0).to_numpy() for c, table in self.counts_.items()}
        gene = self._smoothed(counts["gene"], self.prior)
        columns = []
        for name, count in counts.items():
            columns += [self._smoothed(count, gene if str(name).startswith("gene and") else self.prior), _size(count)]
        for near in self._near(rows):
            columns += [self._smoothed(near, gene), _size(near)]
        return np.hstack(columns)

    def names(self, classes: list[str]) -> list[str]:
        """Return the names of the columns."""
        sources = [*self.counts_, *(f"within {w:g} codons" for w in self.widths)]
        return [f"{s}: {c}" for s in sources for c in (*classes, "rows")]

    def _smoothed(self, counts: Floats, above: Floats) -> Floats:
        shares: Floats = (counts + self.a * above) / (counts.sum(axis=1, keepdims=True) + self.a)
        return shares

    def _near(self, rows: pd.DataFrame) -> list[Floats]:
        near = [np.zeros((len(rows), len(self.prior))) for _ in self.widths]
        for gene, at in rows.groupby("gene").indices.items():
            if gene in self.genes_:
                there, classes = self.genes_[gene]
                apart = np.abs(rows["position"].to_numpy()[at][:, None] - there)
                apart[np.isnan(apart)] = NEVER
                for found, width in zip(near, self.widths, strict=True):
                    found[at] = np.exp(-apart / width) @ classes
        return near


def _size(counts: Floats) -> Floats:
    size: Floats = np.log1p(counts.sum(axis=1, keepdims=True))
    return size
