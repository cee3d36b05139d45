"""Apart: a target of several columns, learnt by one model a column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Apart:
    """One model for each output, all made alike.

    A label that every training row has, or none, needs no model: it is predicted as it was.

    Parameters
    ----------
    make : gives a model that is not fitted.
    outputs : the names of the target's columns.
    labels : whether each column is a label, 0 or 1, or else a value.
    """

    def __init__(self, make: Callable[[], Any], outputs: Sequence[str], labels: bool) -> None:
        self.make, self.outputs, self.labels = make, tuple(outputs), labels

    def fit(self, X: Any, y: NDArray[np.float64], **more: Any) -> Self:
        """Fit a model to every column of y (n, K)."""
        self.models_: list[Any] = []
        for column in y.T:
            target = column.astype(np.int64) if self.labels else column
            constant = self.labels and len(np.unique(target)) == 1
            self.models_.append(float(target[0]) if constant else self.make().fit(X, target, **more))
        return self

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return the models' own tables, each with a column `output`."""
        found: dict[str, list[pd.DataFrame]] = {}
        for name, model in zip(self.outputs, self.models_, strict=True):
            for table, rows in (model.artifacts() if hasattr(model, "artifacts") else {}).items():
                found.setdefault(table, []).append(pd.DataFrame(rows).assign(output=name))
        return {table: pd.concat(frames, ignore_index=True) for table, frames in found.items()}
