"""TechnicalCovariates: naive Bayes on how samples were taken and measured, without any expression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MISSING = "(missing)"


class TechnicalCovariates:
    """Mixed naive Bayes on technical columns; what it scores beyond the prior, tissue handling alone explains.

    Numbers are cut at their training quantiles; texts are levels as they are; a missing value is a level of its own.
    Within a class, level shares are shrunk towards those of all training rows, so a batch seen once proves little
    and a batch never seen says nothing.

    Parameters
    ----------
    bins : into how many quantile bins numbers are cut.
    strength : the weight of the overall shares, in rows.
    """

    def __init__(self, bins: int = 8, strength: float = 4.0) -> None:
        self.bins = bins
        self.strength = strength

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64]) -> Self:
        """Learn from technical columns X (n, c), numbers or text, and class codes y (n,)."""
        self.classes_, code, count = np.unique(y, return_inverse=True, return_counts=True)
        self.prior_ = np.log(count / len(y))
        self.cuts_ = {c: np.unique(X[c].quantile(np.arange(1, self.bins) / self.bins)) for c in X.columns if _numeric(X[c])}
        self.evidence_: dict[str, pd.DataFrame] = {}
        for name, level in self._levels(X):
            table = pd.crosstab(level, code)
            overall = table.sum(axis=1) / len(y)
            # Rows: levels; columns: classes; cells: log p(level | class) - log p(level), which is 0 for a level that says nothing.
            shrunk = table.add(self.strength * overall, axis=0).div(pd.Series(count + self.strength), axis=1)
            self.evidence_[name] = shrunk.div(overall, axis=0).apply(np.log)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k): a probability for every class of `classes_`."""
        score = np.tile(self.prior_, (len(X), 1))
        for name, level in self._levels(X):
            score += self.evidence_[name].reindex(level).fillna(0.0).to_numpy()
        score = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(score / score.sum(axis=1, keepdims=True))

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return the evidence of every column's levels for every class, in nats."""
        tables = [t.set_axis(self.classes_, axis=1).rename_axis("level").reset_index().assign(column=c) for c, t in self.evidence_.items()]
        return {"evidence": pd.concat(tables, ignore_index=True)}

    def _levels(self, X: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
        for name in X.columns:
            if name in self.cuts_:
                value = X[name].to_numpy(dtype=np.float64)
                level = np.where(np.isnan(value), MISSING, np.searchsorted(self.cuts_[name], value).astype(str))
            else:
                text = X[name].astype("str").fillna("")
                level = text.where(text != "", MISSING).to_numpy()
            yield str(name), pd.Series(level, index=X.index, dtype="str", name=name)


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)
