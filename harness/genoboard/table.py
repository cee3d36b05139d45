"""Table: rows of features on disk, without pickle: NumPy for float32 matrices (read by row, unread where not asked), a folder for a design or a sparse table, Parquet for the rest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard import inert

from . import sparse
from .design import Design

Features = pd.DataFrame | Design
Positions = NDArray[np.intp]
# Parquet keeps what it packs in memory until this many rows are written: with prose in them, some tens of megabytes.
GROUP = 512


def take(X: Features, positions: Positions, index: pd.Index | None = None) -> Features:
    """Return the rows at `positions`, under new names where `index` gives some."""
    if isinstance(X, Design):
        return X.take(positions, index)
    if sparse.is_sparse(X):
        return sparse.take(X, positions, index)
    rows = X.iloc[positions]
    return rows if index is None else rows.set_axis(index)


def write(X: Features, stem: Path) -> None:
    """Write `X` beside `stem`: a design to ``stem.design/``, a sparse frame to ``stem.sparse/``, one that is all float32 to ``stem.npy`` + ``stem.json``, else to ``stem.parquet``."""
    if isinstance(X, Design):
        X.save(stem.with_suffix(".design"))
    elif sparse.is_sparse(X):
        sparse.write(X, stem.with_suffix(sparse.SUFFIX))
    elif len(X.columns) and all(d == np.float32 for d in X.dtypes):
        # row by row on disk: whoever reads some rows touches only theirs
        np.save(stem.with_suffix(".npy"), np.ascontiguousarray(X.to_numpy()), allow_pickle=False)
        names = {"index": [str(i) for i in X.index], "columns": [str(c) for c in X.columns]}
        stem.with_suffix(".json").write_text(json.dumps(names), encoding="utf-8")
    else:
        X.to_parquet(stem.with_suffix(".parquet"), row_group_size=GROUP)


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame as a spreadsheet may open it: no text of a stranger's, nor the name of a row or column, is a formula there."""
    numeric = pd.api.types.is_numeric_dtype
    made = frame.copy(deep=False)
    for place in [i for i, kind in enumerate(frame.dtypes) if not numeric(kind)]:
        made.isetitem(place, frame.iloc[:, place].map(inert.cell).array)
    renamed: pd.DataFrame = made.rename(columns=inert.cell)
    return renamed if numeric(frame.index.dtype) else renamed.rename(index=inert.cell)


def read(stem: Path, positions: Positions | None = None) -> Features:
    """Read what `write` wrote; with `positions`, ascending, only those rows are brought into memory."""
    if stem.with_suffix(".design").exists():
        design = Design.open(stem.with_suffix(".design"))
        return design if positions is None else design.take(positions)
    return read_frame(stem, positions)


def read_frame(stem: Path, positions: Positions | None = None) -> pd.DataFrame:
    """Read what `write` wrote of a frame."""
    if stem.with_suffix(sparse.SUFFIX).exists():
        return sparse.read(stem.with_suffix(sparse.SUFFIX), positions)
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
