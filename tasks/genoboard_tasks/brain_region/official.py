"""Official GTEx files -> Dataset: the GCT's brain columns, their regions from SampleAttributes, their donors checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import DataError, Dataset

from ..packed import DAMAGE, opened
from . import genes, units
from .gct import check_length, is_gct, read_columns, read_header
from .regions import PREFIX
from .samples import donor_of, regions_of, require_known, require_once
from .sheet import read_sheet
from .technical import COLUMNS, technical_columns

ATTRIBUTES = "GTEx_Analysis_v8_Annotations_SampleAttributesDS.txt (a tab-separated table with the columns SAMPID and SMTSD)"


def read_official(path: Path, tell: Callable[[str], None]) -> Dataset:
    """Read a folder with GTEx's files, or a GCT beside which the other files lie.

    X is log2(TPM+1), float32 (brain samples, genes), samples in the order of their ids: the same whatever the order of columns.
    Only the brain samples' columns are ever held: 4 bytes for each of their values, once.
    """
    gct, attributes, subjects = _find(path)
    header = read_header(gct)
    table = _table(attributes, ("SAMPID", "SMTSD"), COLUMNS)
    require_known(header.samples, table.index, gct.name, attributes.name)
    brain = table["SMTSD"][table["SMTSD"].str.startswith(PREFIX)]
    region = regions_of(brain[brain.index.isin(header.samples)].sort_index(), str(attributes))
    if region.empty:
        raise DataError(f"{gct} holds no brain sample: no SMTSD of its samples begins with {PREFIX!r}. Give GTEx's file of all tissues.")
    donor = region.index.to_series().map(donor_of)
    notes = [f"{gct.name}: {len(region)} brain samples kept of {len(header.samples)} samples, {header.genes} genes."]
    if len(region) < len(brain):
        notes.append(f"{attributes.name} names {len(brain) - len(region)} more brain samples that are not in {gct.name}.")
    if subjects is None:
        notes.append("There is no SubjectPhenotypes file: donors are taken from the sample ids, unchecked.")
    else:
        require_known(sorted(set(donor)), _table(subjects, ("SUBJID",), ()).index, gct.name, subjects.name, "donor")
    tell(notes[0])
    all_whole = True

    def log(tpm: NDArray[np.float64]) -> NDArray[np.float32]:
        nonlocal all_whole
        all_whole = all_whole and units.whole(tpm)
        return units.log2_plus_one(tpm)

    read = read_columns(gct, list(region.index), log)
    if all_whole and read.values.max() > 10:
        raise DataError(f"{gct} holds read counts: all of its values are whole numbers, up to thousands. Give GTEx's gene_tpm file.")
    # The transpose of (genes, samples) is laid out as pandas lays out columns: nothing is copied.
    X = pd.DataFrame(read.values.T, index=region.index, columns=pd.Index(read.genes, dtype="str", name="gene_id"), copy=False)
    return Dataset(
        X=X,
        y=region.rename("region"),
        groups=pd.DataFrame({"donor": donor}),
        control=technical_columns(table.loc[region.index], str(attributes)),
        columns=genes.describe(read.genes, read.symbols),
        unit="log2(TPM+1)",
        notes=tuple(notes),
    )


def _find(path: Path) -> tuple[Path, Path, Path | None]:
    """Return the GCT, the sample table and, where it is there, the subject table; they are known by their first lines."""
    folder = path if path.is_dir() else path.parent
    files = sorted(p for p in folder.iterdir() if p.is_file())
    gcts = [p for p in files if is_gct(p)] if path.is_dir() else [path]
    if not gcts:
        raise DataError(
            f"{path} holds neither a prepared dataset (labels.csv and an expression matrix) nor a GCT (its first line is #1.2). "
            "Put GTEx's gene_tpm.gct.gz, SampleAttributesDS.txt and SubjectPhenotypesDS.txt there."
        )
    if len(gcts) > 1:
        raise DataError(f"{path} holds several GCT files: {', '.join(p.name for p in gcts)}. Give the one to read as a file.")
    columns = {p: _columns(p) for p in files if p not in gcts}
    attributes = [p for p, c in columns.items() if {"SAMPID", "SMTSD"} <= c]
    subjects = [p for p, c in columns.items() if "SUBJID" in c and "SAMPID" not in c]
    for found, what in ((attributes, "SampleAttributes"), (subjects, "SubjectPhenotypes")):
        if len(found) > 1:
            raise DataError(f"{folder} holds several {what} tables: {', '.join(p.name for p in found)}. Leave one.")
    if not attributes:
        # Somebody who gave a damaged GCT alone should be told of the damage first.
        check_length(gcts[0])
        raise DataError(f"{gcts[0]} has no labels: {folder} holds no {ATTRIBUTES}. Put it beside the GCT.")
    return gcts[0], attributes[0], subjects[0] if subjects else None


def _columns(path: Path) -> set[str]:
    """Return the column names of a tab-separated table; nothing for any other file."""
    try:
        with opened(path) as (stream, _):
            return set(stream.readline(1 << 16).decode("utf-8").strip("\ufeff\r\n").split("\t"))
    except (DataError, *DAMAGE):
        return set()


def _table(path: Path, needed: tuple[str, ...], wanted: Iterable[str]) -> pd.DataFrame:
    """Read these columns as text, indexed by the first of `needed`."""
    table = read_sheet(path, tabs=True)
    table = table[[c for c in table.columns if c in {*needed, *wanted}]]
    require_once(table[needed[0]].tolist(), needed[0], str(path))
    return table.set_index(needed[0])
