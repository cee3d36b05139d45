"""Outputs: a target of several columns, kept as one cell a row, so that a row has a target or has none."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import DataError


def pack(y: pd.DataFrame, binary: bool) -> pd.Series:
    """Return each row's values as a JSON array; None for a row that has none of them.

    Raises
    ------
    DataError : for a row with some values missing, for infinite ones, and, where they are `binary`, for others than 0 and 1.
    """
    values = y.to_numpy(dtype=np.float64)
    missing = np.isnan(values)
    absent = missing.all(axis=1)
    for wrong, what in (
        (missing & ~absent[:, None], "is missing, and others of the row are there"),
        (np.isinf(values), "is infinite"),
        (~np.isin(values, (0.0, 1.0)) & ~missing & binary, "is neither 0 nor 1, as a label of several is"),
    ):
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise DataError(f"Sample {y.index[row]!r}: target {y.columns[column]!r} {what} ({values[row, column]:g}).")
    cells = [None if none else json.dumps(row) for none, row in zip(absent.tolist(), values.tolist(), strict=True)]
    return pd.Series(cells, index=y.index, dtype="str")


def unpack(y: pd.Series, outputs: Sequence[str]) -> NDArray[np.float64]:
    """Return what `pack` packed, (n, K); NaN in a row that has none."""
    none = [np.nan] * len(outputs)
    rows = [json.loads(cell) if known else none for cell, known in zip(y, y.notna(), strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(y), len(outputs))
