"""RidgeDeviations: ridge on how a row differs from its gene's mean, in openness and in the target; imported by the worker alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from genoboard import Design

from .distances import Known
from .linear import Alphas, Linear, ridge

if TYPE_CHECKING:
    from genoboard import RunContext

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class RidgeDeviations(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """The means of a row's gene and cell, and weights for what openness differs from the gene's mean openness.

    In a new cell a linear model that does not know genes is worse than the gene's mean; this one adds to it. Where the groups of the
    split show that a gene is always new, there is nothing to differ from, and openness is taken as it stands.

    Parameters are those of `ridge`.
    """

    def __init__(
        self,
        alpha: Alphas = None,
        n_alphas: int = 100,
        eps: float = 1e-7,
        folds: int = 5,
        rule: str = "min",
        standardise: bool = True,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.alpha = alpha
        self.n_alphas = n_alphas
        self.eps = eps
        self.folds = folds
        self.rule = rule
        self.standardise = standardise
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Design, y: Floats, groups: Codes | None = None, run: RunContext | None = None) -> Self:
        """Fit on a design (n, p) and (n,) `y`; `run` is told what `ridge` tells."""
        groups = np.arange(len(y)) if groups is None else groups
        codes = pd.DataFrame({"gene": X.gene, "group": groups}).drop_duplicates()
        self.gene_returns_ = bool(codes["gene"].duplicated().any())
        none, every = np.zeros((len(y), 0), np.float32), np.arange(len(y))
        self.known_ = Known().fit(X, none, y, every)
        if not self.gene_returns_:
            # a gene's own mean would leave nothing to explain
            self.known_.of_gene_ = np.zeros_like(self.known_.of_gene_)
        baseline = self.known_.tell(X, none, every).baseline
        if self.gene_returns_:
            self.means_ = _means(X)
            X = _deviations(X, self.means_)
        given = (self.alpha, self.n_alphas, self.eps, self.folds, self.rule, self.standardise)
        self.model_: Linear = ridge(*given).set_params(random_state=self.random_state, n_jobs=self.n_jobs)
        self.model_.fit(X, y - baseline, groups, run)
        return self

    def predict(self, X: Design) -> Floats:
        """Return (n,)."""
        baseline = self.known_.tell(X, np.zeros((len(X), 0), np.float32), np.arange(len(X))).baseline
        answer: Floats = baseline + self.model_.predict(_deviations(X, self.means_) if self.gene_returns_ else X)
        return answer

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return the tables of `ridge`."""
        return self.model_.artifacts()


def _means(X: Design) -> dict[int, NDArray[np.float32]]:
    """Return the mean of every bin that holds a region (b,), by gene."""
    sums: dict[int, tuple[Floats, int]] = {}
    for batch in X.blocks():
        for block in batch:
            gene = int(X.gene[block.rows[0]])
            total, count = sums.get(gene, (np.zeros(len(block.bins)), 0))
            sums[gene] = total + block.values.sum(axis=0, dtype=np.float64), count + len(block.rows)
    return {gene: (total / count).astype(np.float32) for gene, (total, count) in sums.items()}


def _deviations(X: Design, means: dict[int, NDArray[np.float32]]) -> Design:
    """Return the design less its genes' means; rows of a gene without means are 0. A gene's bins are the same in every design."""
    slots, size = X.slots, len(X.slots.bin)
    scaled = len(slots.centre) > 0
    centre = slots.centre.copy() if scaled else np.zeros(size, np.float32)
    factor = slots.factor.copy() if scaled else np.ones(size, np.float32)
    for place, gene in enumerate(X.genes.tolist()):
        at = slice(slots.start[place], slots.start[place + 1])
        if gene in means:
            # (v - c) f - m is (v - (c + m / f)) f
            centre[at] += np.divide(means[gene], factor[at], out=np.zeros_like(means[gene]), where=factor[at] != 0)
        else:
            factor[at] = 0
    return replace(X, slots=slots._replace(centre=centre, factor=factor))
