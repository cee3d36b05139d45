"""Models of pebbles: one that works and some that do not."""

from __future__ import annotations

import time
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Centroid:
    """Probabilities fall with the distance to the mean of each class."""

    def __init__(self, spread: float = 1.0, says: str = "") -> None:
        self.spread, self.says = spread, says

    def fit(self, X: Any, y: NDArray[np.int64]) -> Self:
        if self.says:
            print(self.says)
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == c].mean().to_numpy() for c in self.classes_])
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        distance = ((X.to_numpy(np.float64)[:, None] - self.means_) ** 2).sum(axis=2)
        weight = np.exp(-distance / self.spread)
        return weight / weight.sum(axis=1, keepdims=True)


class Stumbler(Centroid):
    """Never gets up from fit."""

    def __init__(self, step: int = 1) -> None:
        self.step = step

    def fit(self, X: Any, y: NDArray[np.int64]) -> Self:
        raise RuntimeError(f"stumbled at step {self.step}")


class Sleeper(Centroid):
    """Fits for an hour."""

    def fit(self, X: Any, y: NDArray[np.int64]) -> Self:
        print("asleep", flush=True)
        time.sleep(3600)
        return self
