"""Variants: the tables of genes, variations and classes, and the solutions that say which rows were scored."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from genoboard import DataError

from .classes import CLASSES
from .sheet import Sheet, read_sheet

# What a column is called that brings the answer from elsewhere: the nine classes are OncoKB's "mutation effect".
TELLTALE = ("effect", "oncogen", "oncokb", "significance", "clinsig", "clinvar", "pathogen", "gainoffunction", "lossoffunction")


def read_variants(path: Path, classed: bool) -> tuple[pd.DataFrame, list[str]]:
    """Read a table of variants.

    Returns
    -------
    DataFrame indexed by ``ID`` (int), ascending, with the columns ``gene``, ``variation`` and ``y`` (where it is `classed`, ``class1`` .. ``class9``); and notes.

    Raises
    ------
    DataError
        Where the table is none, a gene or a variation is empty, a class is not 1 to 9, or a column brings the answer from elsewhere.
    """
    sheet = read_sheet(path, ("Gene", "Variation", "Class") if classed else ("Gene", "Variation"))
    for column in sheet.others:
        folded = re.sub(r"[^a-z0-9]", "", column.casefold())
        if any(t in folded for t in TELLTALE):
            raise DataError(
                f"{path} has a column {column!r}. The nine classes are OncoKB's 'mutation effect', so what a knowledge base says of a variant's "
                "effect or significance is the answer itself, not a feature. Remove the column."
            )
    if not sheet.rows:
        raise DataError(f"{path} holds no variant. Get the file again.")
    for key, row in sheet.rows.items():
        for column in ("Gene", "Variation"):
            if not row.cells[column]:
                raise DataError(f"{sheet.at(key)}: {column} is empty. Every variant needs a gene and a variation.")
        if classed and f"class{row.cells['Class']}" not in CLASSES:
            raise DataError(f"{sheet.at(key)}: Class is {row.cells['Class'][:80]!r}, where the competition has 1 to 9.")
    found = pd.DataFrame(
        {
            "gene": {k: r.cells["Gene"] for k, r in sheet.rows.items()},
            "variation": {k: r.cells["Variation"] for k, r in sheet.rows.items()},
            **({"y": {k: f"class{r.cells['Class']}" for k, r in sheet.rows.items()}} if classed else {}),
        },
        dtype="str",
    ).sort_index()
    notes = _unread(sheet)
    twice = int(found.duplicated(["gene", "variation"]).sum())
    if twice:
        notes.append(f"{path.name}: {twice:,} rows repeat the gene and variation of another one.")
    return found, notes


def read_solution(path: Path) -> tuple[pd.Series, list[str]]:
    """Read a one-hot solution: class names (str) by ``ID`` (int), and notes; raise `DataError` for a row that is not one 1 among 0s."""
    sheet = read_sheet(path, CLASSES)
    classes = {}
    for key, row in sheet.rows.items():
        ones = [c for c in CLASSES if row.cells[c] == "1"]
        if len(ones) != 1 or any(row.cells[c] not in ("0", "1") for c in CLASSES):
            raise DataError(
                f"{sheet.at(key)} is {','.join(row.cells[c][:20] for c in CLASSES)}, where a solution has one 1 and eight 0. Get the file again."
            )
        classes[key] = ones[0]
    return pd.Series(classes, dtype="str"), _unread(sheet)


def _unread(sheet: Sheet) -> list[str]:
    return (
        [f"{sheet.path.name}: columns that the competition does not have are not read: {', '.join(sheet.others)}."] if sheet.others else []
    )
