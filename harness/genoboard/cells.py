"""Cells: an AnnData file (``.h5ad``) -> its observations as a table, and one of its matrices; sparse ones stay sparse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from . import columns, ownfiles, sparse
from .columns import Table
from .errors import DataError, UnknownName
from .task import Dataset, Tell
from .taskfile import Recipe

EXTRA = 'An .h5ad is read by anndata, which is not installed here: pip install "genoboard[anndata]"'
RAW = "raw"
SYMBOLS = ("symbol", "gene_symbol", "gene_symbols", "gene_name", "gene_names", "feature_name")


def read(path: Path, tell: Tell, recipe: Recipe) -> Dataset:
    """Read a matrix of an ``.h5ad`` by its recipe; what else its ``obs`` holds is no feature."""
    path = ownfiles.file_in(path, recipe.file)
    notes: list[str] = []
    table = observations(path)
    rows = np.flatnonzero(ownfiles.known(table, recipe.target))
    known = ownfiles.targeted(table, recipe.target, notes)
    index = ownfiles.ids(known, recipe.id or table.names[0])
    X, var = matrix(path, recipe.layer, None if len(rows) == len(table) else rows)
    names = _unique(var.index.astype(str), notes)
    if hasattr(X, "tocsr"):
        frame = sparse.frame(X, index, names)
        held = X.nnz / max(1, X.shape[0] * X.shape[1])
        notes.append(f"{held:.1%} of the values are not 0: the matrix is kept sparse")
    else:
        frame = pd.DataFrame(X, index=index, columns=names)
        missing = int(np.isnan(X).sum())
        if missing:
            notes.append(f"{columns.many(missing, 'missing value')}; a model that takes none is given the medians of the training rows")
    symbol = next((s for s in SYMBOLS if s in var.columns), None)
    known_of = None if symbol is None else pd.DataFrame({"symbol": var[symbol].astype("str").to_numpy()}, index=names)
    groups = ownfiles.groups(known, recipe.group, index)
    unit = "raw.X" if recipe.layer == RAW else f"layer {recipe.layer}" if recipe.layer else "X of the file"
    return Dataset(frame, ownfiles.target(known, recipe, index), groups, columns=known_of, unit=unit, notes=tuple(notes))


def observations(path: Path) -> Table:
    """Return ``obs`` as a table, the names of its rows first."""
    with _opened(path) as (file, element):
        obs: pd.DataFrame = element(file["obs"])
    name = "obs_names"
    while name in obs.columns:
        name += "_"
    twice = next((c for c, k in Counter(obs.columns).items() if k > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns of obs are called {twice!r}. Rename one.")
    arrays = {name: pa.array(obs.index.astype(str), pa.string())}
    for column in obs.columns:
        values = obs[column]
        plain = (
            values.astype(object).where(values.notna(), None)
            if isinstance(values.dtype, pd.CategoricalDtype) or values.dtype == object
            else values
        )
        try:
            arrays[str(column)] = pa.Array.from_pandas(plain)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            arrays[str(column)] = pa.array([None if v is None else str(v) for v in plain], pa.string())
    return Table(pa.table({n: columns.nulls(a) for n, a in arrays.items()}), f"{path}, obs", 1, "row")


def matrix(path: Path, layer: str, rows: np.ndarray[Any, Any] | None = None) -> tuple[Any, pd.DataFrame]:
    """Return X, a layer, or ``raw.X`` as float32, compressed rows where it is sparse, and the table of its variables.

    Raises
    ------
    UnknownName : for a layer that is not there.
    DataError : for a matrix of no numbers, with infinite ones, or, where it is sparse, with missing ones.
    """
    with _opened(path) as (file, element):
        place = f"{RAW}/X" if layer == RAW else f"layers/{layer}" if layer else "X"
        if place not in file or file[place].attrs.get("encoding-type") == "null":
            raise UnknownName("layer in " + str(path), layer or "X", layers(file), "Choose one of them with --layer.")
        X = element(file[place])
        var: pd.DataFrame = element(file[f"{RAW}/var" if layer == RAW else "var"])
    if hasattr(X, "tocsr"):
        X = X.tocsr()
        X = (X if rows is None else X[rows]).astype(np.float32)
        X.sum_duplicates()
        X.eliminate_zeros()
        X.sort_indices()
        odd = np.flatnonzero(~np.isfinite(X.data))
        if len(odd):
            row = int(np.searchsorted(X.indptr, odd[0], side="right")) - 1
            raise DataError(
                f"{path}, {place}: the value of row {row + 1} in {str(var.index[X.indices[odd[0]]])!r} is {X.data[odd[0]]}. A sparse matrix is to be all finite numbers."
            )
        return X, var
    try:
        X = np.asarray(X if rows is None else X[rows], dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}, {place} is no matrix of numbers: {error}.") from error
    if np.isinf(X).any():
        row, column = np.argwhere(np.isinf(X))[0]
        raise DataError(
            f"{path}, {place}: the value of row {row + 1} in {str(var.index[column])!r} is infinite, or too large for a float32."
        )
    return np.ascontiguousarray(X), var


def layers(file: Any) -> list[str]:
    """Return what ``--layer`` can choose of an open file; ``X`` stands for no layer."""
    there = ["X"] if "X" in file and file["X"].attrs.get("encoding-type") != "null" else []
    return there + list(file.get("layers", ())) + ([RAW] if f"{RAW}/X" in file else [])


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Give an ``.h5ad`` that is open, and what reads one of its elements; nothing else of it is brought into memory."""
    try:
        import h5py
        from anndata.io import read_elem
    except ImportError as error:
        raise DataError(EXTRA) from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path} is no .h5ad, or a damaged one: {error}.") from error
    with file:
        if "obs" not in file or "var" not in file:
            raise DataError(f"{path} is an HDF5 file without obs and var: no .h5ad. Write it with anndata's write_h5ad.")
        yield file, read_elem


def _unique(names: pd.Index, notes: list[str]) -> pd.Index:
    """Return names that all differ: a second ``TBCE`` becomes ``TBCE-1``, as anndata has it."""
    if names.is_unique:
        same: pd.Index = pd.Index(names, dtype="str")
        return same
    taken, made, again = set(names), [], Counter[str]()
    seen: set[str] = set()
    for name in names:
        new = name
        while new in seen or (new != name and new in taken):
            again[name] += 1
            new = f"{name}-{again[name]}"
        seen.add(new)
        made.append(new)
    notes.append(
        f"{sum(names.duplicated()):,} names of variables stand more than once, such as {names[names.duplicated()][0]!r}; a second one ends in -1, and so on"
    )
    different: pd.Index = pd.Index(made, dtype="str")
    return different
