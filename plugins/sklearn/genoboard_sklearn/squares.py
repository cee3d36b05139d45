"""Squares: penalised least squares from second moments alone; no row is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import enet_path

from genoboard import Moments

Floats = NDArray[np.float64]

# of the duality gap, as a share of the target's variance
ROUGH, FINE = 1e-6, 1e-13
MOST_ROUNDS = 2000


@dataclass(frozen=True, eq=False)
class Squares:
    """The mean squared error of some rows as a function of weights, the intercept being the best one for them.

    Parameters
    ----------
    n : number of rows.
    gram : covariance of the columns, (p, p).
    slope : covariance of columns and target, (p,).
    variance : of the target.
    x, y : the means that were subtracted, (p,) and a number.
    """

    n: int
    gram: Floats
    slope: Floats
    variance: float
    x: Floats
    y: float

    @classmethod
    def of(cls, moments: Moments) -> Squares:
        """Centre the moments of rows and their target."""
        assert moments.xy is not None
        n = max(1, moments.n)
        x, y = moments.x / n, moments.y / n
        gram = moments.xx / n
        gram -= np.outer(x, x)
        return cls(n, gram, moments.xy / n - x * y, max(moments.yy / n - y * y, 0.0), x, y)

    def steepest(self) -> float:
        """Return the least penalty at which a lasso's weights are all 0."""
        return float(np.abs(self.slope).max(initial=0.0))

    def sparse(self, alphas: Sequence[float] | Floats, l1_ratio: float, start: Floats | None = None) -> Floats:
        """Return scikit-learn's lasso or elastic net, weights (p, k) for penalties in descending order; from a `start` (p,), finely.

        scikit-learn's descent on a Gram matrix looks at X for nothing but its number of rows: one row stands for the n, as all moments are means.
        """
        _, weights, _ = enet_path(
            np.zeros((1, len(self.slope)), order="F"),
            np.array([np.sqrt(self.variance)]),
            l1_ratio=l1_ratio,
            alphas=np.asarray(alphas, np.float64),
            precompute=self.gram,
            Xy=self.slope,
            coef_init=start,
            check_input=False,
            tol=ROUGH if start is None else FINE,
            max_iter=MOST_ROUNDS,
        )
        found: Floats = weights
        return found

    def ridge(self, alphas: Sequence[float] | Floats) -> Floats:
        """Return ridge weights (p, k) for penalties per row: those of scikit-learn's Ridge(alpha = n * penalty)."""
        energy, axes = np.linalg.eigh(self.gram)
        along = (axes.T @ self.slope)[:, None] / (np.maximum(energy, 0.0)[:, None] + np.asarray(alphas, np.float64))
        weights: Floats = axes @ along
        return weights

    def error(self, weights: Floats, asked: Moments) -> Floats:
        """Return the mean squared error (k,) of `weights` (p, k), with the intercept of these rows, on rows of which the moments are `asked`."""
        assert asked.xy is not None
        intercept = self.y - self.x @ weights
        fitted = (weights * (asked.xx @ weights)).sum(axis=0) + 2 * intercept * (asked.x @ weights) + asked.n * intercept**2
        error: Floats = (asked.yy - 2 * (asked.xy @ weights + intercept * asked.y) + fitted) / asked.n
        return error
