"""Table: a DataFrame on disk, without pickle; NumPy for float32 matrices (read by row, unread where not asked), Parquet for the rest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Parquet keeps what it packs in memory until this many rows are written: with prose in them, some tens of megabytes.
GROUP = 512


def write(frame: pd.DataFrame, stem: Path) -> None:
    """Write `frame` beside `stem`: ``stem.npy`` + ``stem.json`` when all of it is float32, else ``stem.parquet``."""
    if len(frame.columns) and all(d == np.float32 for d in frame.dtypes):
        # row by row on disk: whoever reads some rows touches only theirs
        np.save(stem.with_suffix(".npy"), np.ascontiguousarray(frame.to_numpy()), allow_pickle=False)
        names = {"index": [str(i) for i in frame.index], "columns": [str(c) for c in frame.columns]}
        stem.with_suffix(".json").write_text(json.dumps(names), encoding="utf-8")
    else:
        frame.to_parquet(stem.with_suffix(".parquet"), row_group_size=GROUP)


def read(stem: Path, positions: NDArray[np.intp] | None = None) -> pd.DataFrame:
    """Read what `write` wrote; with `positions`, ascending, only those rows are brought into memory."""
    matrix = stem.with_suffix(".npy")
    if not matrix.exists():
        frame = pd.read_parquet(stem.with_suffix(".parquet"))
        return frame if positions is None else frame.iloc[positions]
    names = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    values = np.load(matrix, mmap_mode=None if positions is None else "r", allow_pickle=False)
    index = pd.Index(names["index"], dtype="str", name="id")
    if positions is not None:
        values, index = np.ascontiguousarray(values[positions]), index[positions]
    return pd.DataFrame(values, index=index, columns=pd.Index(names["columns"], dtype="str"), copy=False)
