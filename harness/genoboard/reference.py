"""Floor models that need no plugin: what is scored without looking at X."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Prior:
    """Predict every class with its share of the training rows."""

    def fit(self, X: Any, y: NDArray[np.int64]) -> Self:
        """Count the classes; X is not looked at."""
        self.classes_, counts = np.unique(y, return_counts=True)
        self.share_ = counts / counts.sum()
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return (n, k): the same shares for every row."""
        return np.tile(self.share_, (len(X), 1))


class Majority(Prior):
    """Predict the most frequent class of the training rows with certainty."""

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return (n, k): 1 for the most frequent class, the earlier one on a tie."""
        return np.tile((np.arange(len(self.share_)) == self.share_.argmax()).astype(float), (len(X), 1))


class Uniform(Prior):
    """Predict every class with the same probability."""

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return (n, k): 1 / k throughout."""
        return np.full((len(X), len(self.share_)), 1.0 / len(self.share_))


class GrandMean:
    """Predict the mean of the training target."""

    def fit(self, X: Any, y: NDArray[np.float64]) -> Self:
        """Take the mean; X is not looked at."""
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return (n,): the mean for every row."""
        return np.full(len(X), self.mean_)
