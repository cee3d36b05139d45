"""Moments: what least squares needs of rows and their target, whatever their number: sums of products, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over rows x (p,) with a target y; those of a fold's training rows are those of all rows less those of the fold.

    Parameters
    ----------
    n : number of rows.
    x : sum of x, (p,).
    xx : sum of x x', (p, p).
    y : sum of y.
    xy : sum of x y, (p,).
    yy : sum of y^2.
    """

    n: int
    x: Floats
    xx: Floats
    y: float = 0.0
    xy: Floats | None = None
    yy: float = 0.0

    @classmethod
    def of(cls, X: NDArray[np.floating], y: NDArray[np.floating]) -> Self:
        """Return the moments of a dense matrix (n, p), in float64."""
        X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
        return cls(len(X), X.sum(axis=0), X.T @ X, float(y.sum()), X.T @ y, float(y @ y))

    def scaled(self, mean: Floats, scale: Floats, y_mean: float = 0.0) -> Moments:
        """Return the moments of (x - `mean`) / `scale` and y - `y_mean`."""
        n, x, xy, yy = self.n, self.x - self.n * mean, None, 0.0
        # a part at a time: three arrays of the size of `xx` would be needed at once
        xx = self.xx - np.outer(x, mean)
        xx -= np.outer(mean, self.x)
        xx /= scale
        xx /= scale[:, None]
        if self.xy is not None:
            xy = (self.xy - mean * self.y - y_mean * x) / scale
            yy = self.yy - 2 * y_mean * self.y + n * y_mean**2
        return Moments(n, x / scale, xx, self.y - n * y_mean if self.xy is not None else 0.0, xy, yy)

    def __getitem__(self, columns: NDArray[np.intp]) -> Moments:
        """Return the moments of these columns alone."""
        xy = None if self.xy is None else self.xy[columns]
        return Moments(self.n, self.x[columns], self.xx[np.ix_(columns, columns)], self.y, xy, self.yy)

    def __add__(self, other: Moments) -> Moments:
        return self._with(other, 1)

    def __sub__(self, other: Moments) -> Moments:
        return self._with(other, -1)

    def _with(self, other: Moments, sign: int) -> Moments:
        xy = None if self.xy is None or other.xy is None else self.xy + sign * other.xy
        return Moments(
            self.n + sign * other.n,
            self.x + sign * other.x,
            self.xx + sign * other.xx,
            self.y + sign * other.y,
            xy,
            self.yy + sign * other.yy,
        )
