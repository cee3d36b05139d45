"""Sparse: a table that is mostly zeros, in memory a DataFrame of sparse columns, on disk its compressed rows."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SUFFIX = ".sparse"
PARTS = ("data", "indices", "indptr")
EXTRA = 'A sparse table needs SciPy, which is not installed here: pip install "genoboard[anndata]"'


def is_sparse(X: Any) -> bool:
    """Tell whether all columns of a frame are sparse float32."""
    return isinstance(X, pd.DataFrame) and bool(len(X.columns)) and all(isinstance(d, pd.SparseDtype) for d in X.dtypes)


def frame(rows: csr_matrix, index: pd.Index, columns: pd.Index) -> pd.DataFrame:
    """Return compressed rows as a DataFrame of ``Sparse[float32]`` columns."""
    accessor: Any = pd.DataFrame.sparse
    made: pd.DataFrame = accessor.from_spmatrix(rows.astype(np.float32), index=index, columns=columns)
    return made


def rows_of(X: pd.DataFrame) -> csr_matrix:
    """Return the compressed rows of a sparse frame, each in the order of its columns."""
    accessor: Any = X.sparse
    found: csr_matrix = accessor.to_coo().tocsr().astype(np.float32)
    found.eliminate_zeros()
    found.sort_indices()
    return found


def take(X: pd.DataFrame, positions: NDArray[np.intp], index: pd.Index | None = None) -> pd.DataFrame:
    """Return the rows at `positions`, under new names where `index` gives some."""
    # column by column, as pandas would, takes many times as long
    return frame(rows_of(X)[positions], X.index[positions] if index is None else index, X.columns)


def write(X: pd.DataFrame, folder: Path) -> None:
    """Write a sparse frame into `folder`: three arrays, and the names of rows and columns."""
    rows = rows_of(X)
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        np.save(folder / f"{part}.npy", getattr(rows, part), allow_pickle=False)
    names = {"index": [str(i) for i in X.index], "columns": [str(c) for c in X.columns]}
    (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")


def read(folder: Path, positions: NDArray[np.intp] | None = None) -> pd.DataFrame:
    """Read what `write` wrote; with `positions`, only those rows are brought into memory."""
    try:
        from scipy.sparse import csr_matrix
    except ImportError as error:
        raise DataError(EXTRA) from error
    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    index, columns = pd.Index(names["index"], dtype="str", name="id"), pd.Index(names["columns"], dtype="str")
    values, places, starts = (np.load(folder / f"{p}.npy", mmap_mode="r" if p != "indptr" else None, allow_pickle=False) for p in PARTS)
    if positions is not None:
        sizes = np.diff(starts)[positions]
        # where each taken value lies: the start of its row, and how far into it
        starts, begin = np.concatenate([[0], np.cumsum(sizes)]), starts[:-1][positions]
        at = np.repeat(begin - starts[:-1], sizes) + np.arange(starts[-1])
        values, places, index = values[at], places[at], index[positions]
    rows = csr_matrix((np.array(values), np.array(places), starts), shape=(len(index), len(columns)))
    return frame(rows, index, columns)


def digest(X: pd.DataFrame) -> bytes:
    """Return a hash of all values and their places."""
    rows, found = rows_of(X), hashlib.sha256()
    for part in PARTS:
        # indices are of 32 bits or 64, as their number asks
        found.update(np.ascontiguousarray(getattr(rows, part), np.float32 if part == "data" else np.int64).data)
    return found.digest()


def row_hashes(X: pd.DataFrame) -> list[bytes]:
    """Return a hash of every row; rows with the same values have the same one."""
    rows = rows_of(X)
    places, values, starts = rows.indices.astype(np.int64), rows.data, rows.indptr.tolist()
    return [hashlib.blake2b(places[a:b].tobytes() + values[a:b].tobytes(), digest_size=16).digest() for a, b in pairwise(starts)]


def sketch(X: pd.DataFrame, width: int) -> NDArray[np.float64]:
    """Return rows (n, q), q at most `width`, between which distances are about those of the standardised columns."""
    rows, p = rows_of(X), X.shape[1]
    mean = np.asarray(rows.mean(axis=0), dtype=np.float64).ravel()
    spread = np.sqrt(np.maximum(np.asarray(rows.multiply(rows).mean(axis=0), dtype=np.float64).ravel() - mean**2, 0))
    scale = 1 / np.where(spread > 0, spread, 1)
    drawn = np.eye(p) if p <= width else np.random.default_rng(0).normal(0, width**-0.5, (p, width))
    # the means are taken away after the product, which so is of the values that are there
    directions = scale[:, None] * drawn
    found: NDArray[np.float64] = np.asarray(rows.astype(np.float64) @ directions) - mean @ directions
    return found
