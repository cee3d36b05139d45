"""GeneOnly: the class shares of a gene's training rows, smoothed; what a model could score without reading."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class GeneOnly:
    """Predict the smoothed class shares of the row's gene: (count + a * prior) / (rows + a). A gene never seen gets the prior.

    Parameters
    ----------
    a : the weight of the prior, in rows.
    """

    def __init__(self, a: float = 2.0) -> None:
        self.a = a

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64]) -> Self:
        """Count classes by gene: X (n, c) with a column ``gene``, codes y (n,)."""
        self.classes_, code = np.unique(y, return_inverse=True)
        counts = pd.crosstab(X["gene"].to_numpy(), code)
        self.prior_ = np.bincount(code) / len(y)
        smoothed = counts.to_numpy() + self.a * self.prior_
        self.shares_ = pd.DataFrame(smoothed / smoothed.sum(axis=1, keepdims=True), index=counts.index)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        found = self.shares_.reindex(X["gene"].to_numpy()).to_numpy()
        return np.where(np.isnan(found), self.prior_, found)
