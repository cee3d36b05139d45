"""Reader: CIViC's release of evidence items -> Dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from genoboard import DataError, Dataset

from ..packed import DAMAGE, ended, opened
from .significance import CLASSES

NAME, TARGET = "ClinicalEvidenceSummaries.tsv", "clinical_significance"
COLUMNS = {"gene": "gene", "variant": "variation", "evidence_statement": "text"}
NEEDED = (*COLUMNS, "citation_id", "evidence_id", TARGET)
AGAIN = "Take the release as it is given out: genoboard data civic-significance --download."


def read(path: Path, tell: Callable[[str], None] = lambda _: None) -> Dataset:
    """Read ``*ClinicalEvidenceSummaries.tsv`` (or ``.gz``), or the folder that holds it; what is wrong is told with line and column."""
    file = _release(path) if path.is_dir() else path
    items = _items(file)
    tell(f"Reading {file.name}: {len(items):,} evidence items.")
    silent = items[TARGET].isin(["", "N/A"]).sum()
    known = items[items[TARGET].isin(CLASSES)]
    rows = known.drop_duplicates([*COLUMNS, TARGET]).set_index("evidence_id")
    if rows.empty:
        raise DataError(f"{file}, column {TARGET}: no row is of the classes {', '.join(CLASSES)}. {AGAIN}")
    text = rows["evidence_statement"].str.casefold().str.split().str.join(" ")
    citations, genes = ((rows[of].groupby(text).nunique() > 1).sum() for of in ("citation_id", "gene"))
    return Dataset(
        X=rows[list(COLUMNS)].rename(columns=COLUMNS),
        y=rows[TARGET],
        groups=pd.DataFrame({"citation": _joined(rows["citation_id"], text), "gene": _joined(rows["gene"], text)}),
        unit="gene + variation + text",
        notes=(
            f"{file.name}: {len(rows):,} of {len(items):,} evidence items kept. Dropped: {silent} without a clinical significance, "
            f"{len(items) - silent - len(known)} of classes too rare to learn, {len(known) - len(rows)} duplicates.",
            f"{citations} statements stand under several citations, {genes} under several genes. Citations, and genes, that share "
            "a statement are one group: no split by them has the same text on both sides.",
            "Type, direction and level of the evidence, drugs and disease are not handed to models: they nearly are the answer.",
        ),
    )


def _joined(group: pd.Series, text: pd.Series) -> pd.Series:
    """Return each row's group, those that share a text being one, named after the first of them."""
    joined = group
    while not (wider := joined.groupby(text).transform("min").groupby(group).transform("min")).equals(joined):
        joined = wider
    return joined


def _release(folder: Path) -> Path:
    found = sorted(p for p in folder.iterdir() if p.name.endswith((NAME, f"{NAME}.gz")))
    if not found:
        raise DataError(f"{folder} holds no *{NAME}, nor one with .gz. {AGAIN}")
    if len(found) > 1:
        raise DataError(f"{folder} holds several releases: {', '.join(p.name for p in found)}. Give the one to read as a file.")
    return found[0]


def _items(file: Path) -> pd.DataFrame:
    """Return the needed columns, all text. A quotation mark is part of the text: the release is not quoted."""
    items: dict[str, dict[str, str]] = {}
    try:
        with opened(file) as (stream, _):
            lines = ((f"{file}, line {n}", line.rstrip(b"\r\n")) for n, line in enumerate(ended(stream, file), 1) if line.strip())
            names = next(lines, ("", b""))[1].decode("utf-8-sig", "replace").split("\t")
            if lost := [c for c in NEEDED if c not in names]:
                cause = (
                    "The file is empty."
                    if names == [""]
                    else "It is not tab-separated."
                    if len(names) == 1
                    else "Later releases name it otherwise."
                )
                raise DataError(f"{file}, line 1: there is no column {' and no column '.join(lost)}. {cause} {AGAIN}")
            if twice := [c for c in NEEDED if names.count(c) > 1]:
                raise DataError(f"{file}, line 1: the column {twice[0]} is there {names.count(twice[0])} times. {AGAIN}")
            for where, line in lines:
                item = _item(where, line, names)
                if items.setdefault(item["evidence_id"], item) is not item:
                    raise DataError(f"{where}, column evidence_id: {item['evidence_id']} occurs a second time. {AGAIN}")
    except DAMAGE as error:
        raise DataError(f"{file} cannot be read: {error}. {AGAIN}") from error
    return pd.DataFrame(items.values(), columns=list(NEEDED), dtype="str")


def _item(where: str, line: bytes, names: list[str]) -> dict[str, str]:
    """Return a line's cells by their columns."""
    cells = line.split(b"\t")
    if len(cells) != len(names):
        raise DataError(
            f"{where}: {len(cells)} columns, but line 1 names {len(names)}. It is cut off, or a tab or a line break is in it. {AGAIN}"
        )
    item = {}
    for name, cell in zip(names, cells, strict=True):
        try:
            item[name] = cell.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{where}, column {name}: byte 0x{cell[error.start]:02x} is no UTF-8. {AGAIN}") from error
        if not item[name].strip() and name in NEEDED and name != TARGET:
            raise DataError(f"{where}, column {name} is empty. Every evidence item has one. {AGAIN}")
    return item
