"""Prepared folder -> Dataset: an expression matrix (samples x genes) beside labels.csv and, where given, genes.csv."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from genoboard import DataError, Dataset

from . import genes, units
from .gct import is_gct
from .matrix import SUFFIXES, Matrix, first_samples, read_matrix
from .samples import regions_of, require_known, require_once
from .sheet import read_sheet
from .technical import COLUMNS, canonical, technical_columns

LABELS = "labels.csv"
GENES = "genes.csv"
NEEDED = ("SAMPID", "SUBJID", "SMTSD")


def read_prepared(folder: Path, tell: Callable[[str], None]) -> Dataset:
    """Read a folder with ``labels.csv`` (SAMPID, SUBJID, SMTSD, technical columns) and one expression matrix.

    The matrix is CSV, gzipped CSV or Parquet, its first column the sample id, its unit stated by its name (``log2tpm``, ``tpm``,
    ``counts``) or recognised from its values. X is float32 (samples, genes), samples in the order of their ids.
    """
    labels = _labels(folder / LABELS)
    path = _find_matrix(folder, set(labels.index))
    tell(f"Reading {path.name} for the {len(labels)} samples of {LABELS}.")
    matrix = read_matrix(path)
    require_known(matrix.samples, labels.index, path.name, LABELS)
    require_known(labels.index, matrix.samples, LABELS, path.name)
    unit, note = _take_log(matrix)
    notes = [note]
    columns = _describe(matrix.genes, folder / GENES, notes)
    unused = [c for c in labels.columns if canonical(c) not in (*NEEDED, *COLUMNS)]
    if unused:
        notes.append(f"{LABELS}: {', '.join(unused)} not used; the technical columns known here are {', '.join(COLUMNS)}.")
    gcts = [p.name for p in sorted(folder.iterdir()) if p.is_file() and is_gct(p)]
    notes += [f"{name} is a GCT and was not read: with {LABELS} the folder is a prepared one." for name in gcts]
    index = pd.Index(matrix.samples, dtype="str", name="SAMPID")
    X = pd.DataFrame(matrix.values.T, index=index, columns=columns.index, copy=False).sort_index()
    labels = labels.loc[X.index]
    return Dataset(
        X=X,
        y=regions_of(labels["SMTSD"], str(folder / LABELS)).rename("region"),
        groups=pd.DataFrame({"donor": labels["SUBJID"]}),
        control=technical_columns(labels, str(folder / LABELS)),
        columns=columns,
        unit=unit,
        notes=tuple(notes),
    )


def _find_matrix(folder: Path, known: set[str]) -> Path:
    files = [p for p in sorted(folder.iterdir()) if p.name.endswith(SUFFIXES) and p.name not in (LABELS, GENES)]
    matrices = [p for p in files if known & set(first_samples(p))]
    if len(matrices) == 1:
        return matrices[0]
    if matrices:
        raise DataError(f"{folder} holds several expression matrices: {', '.join(p.name for p in matrices)}. Leave one.")
    if len(files) == 1 and not first_samples(files[0]):
        # what cannot be read has no samples: its fault is what is to be told
        read_matrix(files[0])
    seen = f" Not one of the first samples of {', '.join(p.name for p in files)} is in {LABELS}." if files else ""
    raise DataError(f"{folder} holds no expression matrix (samples x genes, {' or '.join(SUFFIXES)}) of the samples in {LABELS}.{seen}")


def _labels(path: Path) -> pd.DataFrame:
    table = read_sheet(path)
    lost = [c for c in NEEDED if c not in table.columns]
    if lost:
        raise DataError(f"{path} has no column {' and no column '.join(lost)}. It needs SAMPID, SUBJID (the donor) and SMTSD (the region).")
    require_once(table["SAMPID"].tolist(), "sample", str(path))
    labels = table.set_index("SAMPID")
    for column in ("SUBJID", "SMTSD"):
        empty = labels.index[labels[column] == ""]
        if len(empty):
            raise DataError(f"{path}: {column} of sample {empty[0]} is empty. Every sample needs a donor and a region.")
    return labels


def _take_log(matrix: Matrix) -> tuple[str, str]:
    """Bring the values to log2(x + 1), in place; return the unit that they have now, and a sentence on the one they had."""
    stated = units.stated(matrix.path.name)
    unit = stated or units.recognised(matrix.values)
    how = "stated by the file's name" if stated else "recognised from the values"
    units.contradict(matrix.values, unit, str(matrix.path))
    if unit == "log2(TPM+1)":
        return unit, f"{matrix.path.name} holds log2(TPM+1) ({how})."
    if unit == "TPM":
        units.log_in_place(matrix.values)
        return "log2(TPM+1)", f"{matrix.path.name} holds TPM ({how}); log2(TPM+1) was taken."
    units.counts_to_cpm_in_place(matrix.values)
    units.log_in_place(matrix.values)
    return "log2(CPM+1)", f"{matrix.path.name} holds counts ({how}); log2(CPM+1) was taken, CPM being per million of a sample's total."


def _describe(ids: list[str], path: Path, notes: list[str]) -> pd.DataFrame:
    """Return what genes.csv says of these genes; what it lacks is added to `notes`."""
    if not path.exists():
        return genes.describe(ids, ids)
    table = read_sheet(path)
    if "gene_id" not in table.columns:
        raise DataError(f"{path} has no column gene_id; its columns are {', '.join(table.columns)[:200]}.")
    require_once(table["gene_id"].tolist(), "gene", str(path))
    known = table.set_index("gene_id").reindex(columns=["gene_name", "biotype"], fill_value="").reindex(ids, fill_value="")
    unknown = len(set(ids) - set(table["gene_id"]))
    if unknown:
        notes.append(f"{unknown} of {len(ids)} genes are not in {path.name}; they are called by their ids.")
    symbols = known["gene_name"].where(known["gene_name"] != "", known.index)
    return genes.describe(ids, symbols.tolist(), known["biotype"].tolist())
