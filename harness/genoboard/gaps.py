"""Gaps: missing values of a table, filled with the medians of the training rows for a model that takes none."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .table import Features


class Gaps:
    """Fills missing values with medians of the training rows X (n, p), with 0 in a column that has none; `filled` counts them.

    Where a model takes them itself, `kept`, and where rows are no table of numbers, or a sparse one, they stay as they are.
    `train` gives X: it is asked for at the first gap, since medians of thousands of columns take seconds, and most data have none.
    """

    def __init__(self, train: Callable[[], Features], kept: bool) -> None:
        self.filled, self.train, self.kept = 0, train, kept

    @cached_property
    def medians(self) -> NDArray[np.float32]:
        """What is put where a value is missing (p,)."""
        X = self.train()
        assert isinstance(X, pd.DataFrame)
        return X.median().fillna(0.0).to_numpy(dtype=np.float32)

    def fill(self, X: Features) -> Features:
        """Return the rows without a gap; the very frame that was given where it has none."""
        if self.kept or not isinstance(X, pd.DataFrame) or not len(X.columns) or not all(d == np.float32 for d in X.dtypes):
            return X
        values = X.to_numpy()
        missing = np.isnan(values)
        here = int(missing.sum())
        self.filled += here
        return pd.DataFrame(np.where(missing, self.medians, values), index=X.index, columns=X.columns) if here else X

    @property
    def note(self) -> str:
        """What was done, in a sentence; empty where nothing was."""
        several = "1 missing value was" if self.filled == 1 else f"{self.filled:,} missing values were"
        return f"{several} filled with the medians of the training rows" if self.filled else ""


def taken(model: Any) -> bool:
    """Tell whether an estimator says, by its tags, that it takes missing values; a pipeline does where its first step does."""
    for _, step in getattr(model, "steps", ()):
        if step is not None and step != "passthrough":
            return taken(step)
    try:
        return bool(model.__sklearn_tags__().input_tags.allow_nan)
    except Exception:
        # a duck without tags
        return False
