"""Matrices: openness and expression, paired by the samples' names, counts scaled to counts per million."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genoboard import DataError

from .table import Table
from .wording import meant, nearest, some

MILLION = 1e6
# openness is kept as float32; what lies beyond is no count and no signal, and sums of it would overflow
LARGEST = float(np.finfo(np.float32).max)
# no sample has so few counts; to scale them up would overflow
FEWEST = 1e-200


def gene_column(table: Table, asked: str, samples: Sequence[str]) -> str:
    """Return the column that names the genes: the one asked for, or the first that is not a sample."""
    if asked and asked not in table.columns:
        raise DataError(f"{table.path} has no column {asked!r}, which [expression] gene asks for. {meant(asked, table.columns)}")
    found = asked or next((c for c in table.columns if c not in samples), None)
    if found is None:
        raise DataError(f"{table.path} has no column that names the genes: all {len(table.columns)} are samples.")
    return found


def check_samples(
    lineages: Mapping[str, str], openness: Table, expression: Table, beside: Sequence[Sequence[str]], toml: Path, notes: list[str]
) -> None:
    """Raise `DataError` unless both matrices hold every sample that has a lineage, and only these; `beside` are the other columns.

    A column that has no lineage and is not in both matrices is no sample, and is counted in a note.
    """
    tables = (openness, expression)
    columns = [[c for c in t.columns if c and c not in b] for t, b in zip(tables, beside, strict=True)]
    for here, there in ((0, 1), (1, 0)):
        mine, other = columns[here], columns[there]
        lost = [s for s in lineages if s not in mine]
        if lost and lost[0] in other:
            likely = nearest(lost[0], [c for c in mine if c not in other])
            mend = f"Is it the {likely!r} there? Call it the same in both." if likely else f"The columns there are {some(mine, 12)}."
            raise DataError(f"{len(lost)} samples of {tables[there].path} are not in {tables[here].path}: {some(lost)}. {mend}")
        if lost:
            raise DataError(
                f"{toml}, [lineages]: {lineages[lost[0]]} names the sample {lost[0]!r}, which is not in {tables[here].path}. "
                f"{meant(lost[0], [c for c in mine if c not in lineages] or mine)}"
            )
    without = [c for c in columns[0] if c in columns[1] and c not in lineages]
    if without:
        raise DataError(
            f"{toml}, [lineages]: {some(without)}, in both matrices, {'is' if len(without) == 1 else 'are'} in no lineage. "
            "Every sample needs one, as splits hold whole lineages out. Put it into one, or take its column out of a matrix."
        )
    for table, names in zip(tables, columns, strict=True):
        unused = [c for c in names if c not in lineages]
        if unused:
            notes.append(f"{table.path.name}: {len(unused)} columns are in no lineage and not used ({some(unused)}).")


def read_matrix(table: Table, samples: Sequence[str], counts: bool, label: Callable[[int], str]) -> NDArray[np.float64]:
    """Return (rows, samples); `counts` are scaled to sum to a million in each sample. `label` names a row, where a cell is at fault."""
    values = table.numbers(samples, label)
    if values.size and values.max() > LARGEST:
        row, column = np.argwhere(values > LARGEST)[0]
        raise DataError(
            f"{table.where(int(row))}: {label(int(row))}, column {samples[column]} is {values[row, column]:g}, larger than any count or signal. "
            f"It may be up to {LARGEST:g}."
        )
    if counts:
        totals = values.sum(axis=0)
        if (totals < FEWEST).any():
            raise DataError(f"{table.path}: sample {samples[int(np.argmin(totals))]} has no counts at all. Leave it out, in both matrices.")
        values *= MILLION / totals
    return values
