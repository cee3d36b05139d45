"""Reader: the official Kaggle files -> Dataset, as they are: the training variants, and of the other files what lies beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from genoboard import DataError, Dataset

from .sharing import text_groups
from .stages import STAGE1, STAGE2, TRAIN
from .texts import read_texts
from .variants import read_solution, read_variants

Tell = Callable[[str], None]

VARIANTS, TEXT = "training_variants", "training_text"
# stage -> its variants, its solution, its texts
STAGES = {
    STAGE1: ("test_variants", "stage1_solution_filtered.csv", "test_text"),
    STAGE2: ("stage2_test_variants.csv", "stage_2_private_solution.csv", "stage2_test_text.csv"),
}
# how a competition's files are called once somebody has saved or unpacked them
ENDINGS = ("", ".csv", ".txt")
PACKINGS = ("", ".zip", ".gz", ".7z")
NO_TEXT = f"There was no {TEXT} among the files that came in. Put it beside {VARIANTS} and ingest again."


@dataclass(frozen=True)
class Part:
    """The rows of one part by their ID (``gene``, ``variation``, ``y``), and every ID that its table has, also those that stay out."""

    name: str
    rows: pd.DataFrame
    known: pd.Index
    text: Path | None

    def ids(self) -> list[str]:
        """Return ids that are unique over all parts."""
        return [f"{self.name}-{k}" for k in self.rows.index]


def read(path: Path, tell: Tell = lambda _: None) -> Dataset:
    """Read a folder with the competition's files, or its ``training_variants`` with the others beside it.

    X has the columns ``gene``, ``variation`` and, where the training rows' texts came, ``text``; ids are the part and the
    file's own ID (``train-0``, ``stage1-12``, ``stage2-1``). Only ``training_variants`` must be there; any file may be zipped or gzipped.
    """
    notes: list[str] = []
    folder, given = (path, None) if path.is_dir() else (path.parent, path)
    train = _training(folder, given, notes)
    parts = [train, *(p for s in STAGES if (p := _stage(folder, s, notes)) is not None)]
    table = pd.concat([p.rows.set_axis(pd.Index(p.ids(), dtype="str")) for p in parts])
    notes += _repeated(table, parts)
    X, groups = table[["gene", "variation"]].copy(), table[["gene"]].copy()
    if train.text is not None:
        texts = _texts(parts, notes, tell)
        tell(f"Looking for texts that rows share, among {len(texts):,}.")
        of, note = text_groups(texts)
        notes.append(note)
        X["text"] = _column(texts)
        groups["text"] = pd.Series(of, dtype="str")
    else:
        notes.append(f"Without text: {NO_TEXT}")
        notes += [f"{p.text.name} is not read, as there is no {TEXT}." for p in parts if p.text is not None]
    return Dataset(
        X=X,
        y=table["y"],
        groups=groups,
        part=pd.Series([p.name for p in parts for _ in p.rows.index], index=table.index, dtype="str"),
        unit=" + ".join(X.columns),
        notes=tuple(notes),
        lacks={} if "text" in X else {"text": NO_TEXT},
    )


def _training(folder: Path, given: Path | None, notes: list[str]) -> Part:
    path = given or _path(folder, VARIANTS, notes)
    if path is None:
        zips = sorted(p.name for p in folder.glob("*.zip"))
        packed = f" It holds {', '.join(zips[:3])}: if that is Kaggle's whole archive, unpack it first." if zips else ""
        raise DataError(f"{folder} holds no {VARIANTS} (plain, .zip or .gz).{packed} Give the folder with the competition's files.")
    rows, said = read_variants(path, classed=True)
    notes += [f"{path.name}: {len(rows):,} variants of {rows['gene'].nunique():,} genes.", *said]
    return Part(TRAIN, rows, rows.index, _path(folder, TEXT, notes))


def _stage(folder: Path, stage: str, notes: list[str]) -> Part | None:
    """Return the rows of a stage that its solution makes worth asking; None where variants or solution are not there."""
    names = STAGES[stage]
    variants, solution, text = (_path(folder, n, notes) for n in names)
    if variants is None or solution is None:
        lone = [p.name for p in (variants, solution, text) if p is not None]
        if lone:
            notes.append(f"{' and '.join(lone)} not read: {stage} needs {names[0]} and {names[1]}, both.")
        return None
    rows, said = read_variants(variants, classed=False)
    y, said_too = read_solution(solution)
    strange = y.index.difference(rows.index)
    if len(strange):
        raise DataError(f"{solution}: ID {strange[0]} is not in {variants}. The two belong together; give both as Kaggle has them.")
    known = rows.index
    scored = f"{variants.name}: {len(y):,} of {len(rows):,} variants have a class in {solution.name}"
    if stage == STAGE1:
        notes.append(f"{scored} and come in; the other {len(rows) - len(y):,} were made by a machine to hide these, and stay out.")
        rows = rows.loc[rows.index.isin(y.index)]
    else:
        notes.append(f"{scored}; the other {len(rows) - len(y):,} come in to be asked and are ignored by every score.")
    notes += said + said_too
    return Part(stage, rows.assign(y=y.reindex(rows.index)), known, text)


def _repeated(table: pd.DataFrame, parts: list[Part]) -> list[str]:
    """Count the variants that a stage asks about and an earlier part has already."""
    names = pd.Series(list(zip(table["gene"], table["variation"], strict=True)), index=table.index)
    notes = []
    for i, part in enumerate(parts):
        for earlier in parts[:i]:
            count = int(names[part.ids()].isin(names[earlier.ids()]).sum())
            if count:
                notes.append(f"{count:,} of the {len(part.rows):,} variants of {part.name} are in {earlier.name} too.")
    return notes


def _texts(parts: list[Part], notes: list[str], tell: Tell) -> dict[str, bytes]:
    """Return text (UTF-8) by row id over all parts; empty where a row has none."""
    found: dict[str, bytes] = {}
    for part in parts:
        if part.text is None:
            notes.append(f"There is no {STAGES[part.name][2]}: the {len(part.rows):,} rows of {part.name} come in without text.")
            found.update(dict.fromkeys(part.ids(), b""))
            continue
        tell(f"Reading {part.text.name}.")
        texts, said = read_texts(part.text, part.rows.index.tolist(), part.known)
        notes += said
        found.update(zip(part.ids(), texts, strict=True))
    return found


def _column(texts: dict[str, bytes]) -> pd.Series:
    """Return texts as a column of str, laid out once in Arrow's own form: a builder would grow to twice their size."""
    ends = np.cumsum([0, *map(len, texts.values())], dtype=np.int64)
    held = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts.values())))
    frame: pd.DataFrame = pa.table({"text": held}).to_pandas()
    return frame["text"].set_axis(pd.Index(texts, dtype="str"))


def _path(folder: Path, name: str, notes: list[str]) -> Path | None:
    """Return the file that goes by an official name, plain before packed; None where there is none."""
    stem = name.removesuffix(".csv")
    named = (folder / f"{stem}{ending}{packing}" for packing in PACKINGS for ending in ENDINGS)
    copies = [p for p in named if p.is_file()]
    if len(copies) > 1:
        notes.append(f"{copies[0].name} is read; {', '.join(p.name for p in copies[1:])} beside it is not.")
    return copies[0] if copies else None
