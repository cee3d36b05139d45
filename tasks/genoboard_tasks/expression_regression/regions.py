"""Regions: the open stretches of the genome that a matrix has rows for, checked against chromosomes and put in order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import DataError

from .chromosomes import Chromosomes
from .table import Table
from .wording import shown, some

# more bases than any genome has
FURTHEST = 1e15
# what the first three columns of a matrix are called where they are its regions
NAMES = (("chrom", "chr", "chromosome", "seqnames"), ("start", "chromstart"), ("end", "chromend", "stop"))


def region_columns(table: Table) -> list[str]:
    """Return the columns of a matrix that hold its regions; raise `DataError` where they are not its first three."""
    first = [c for c in table.columns if c][: len(NAMES)]
    if [c.lstrip("#").lower() in known for c, known in zip(first, NAMES, strict=False)] != [True] * len(NAMES):
        raise DataError(
            f"{table.path} does not begin with the columns chrom, start, end, but with {some(table.columns)}. "
            'Name the BED that lies beside it, row for row: regions = "..." in [openness].'
        )
    return first


def read_regions(table: Table, columns: Sequence[str], chromosomes: Chromosomes, notes: list[str]) -> pd.DataFrame:
    """Read `chrom`, `start`, `end` of every row of the file, in its order; `chrom` is None where the chromosome is not known.

    Raises
    ------
    DataError
        Naming the line, where a start or an end is not a whole number, a region is empty, or begins beyond its chromosome.
    """
    chrom, start, end = columns
    found = table.texts(chrom)
    ends = table.numbers([start, end])

    def refuse(faulty: NDArray[np.bool_], why: str) -> None:
        if faulty.any():
            i = int(np.argmax(faulty))
            raise DataError(f"{table.where(i)}: region {shown(found.iloc[i])}:{ends[i, 0]:.10g}-{ends[i, 1]:.10g} {why}")

    refuse(np.any(ends % 1 != 0, axis=1), "does not start and end at whole numbers. Positions are whole, counted from 0.")
    refuse(np.any(ends >= FURTHEST, axis=1), "lies beyond the end of any chromosome. Positions are whole, counted from 0.")
    refuse(
        ends[:, 1] <= ends[:, 0],
        "ends where it starts, or before. A BED's start counts from 0, its end is the first base after the region.",
    )
    called = chromosomes.call(found, table.path, "regions", notes)
    # not a number where the chromosome is not known: every comparison below is then false
    length = pd.Series(called).map(chromosomes.lengths).to_numpy(dtype=np.float64)
    refuse(
        ends[:, 0] >= length,
        f"begins beyond the end of its chromosome in {chromosomes.path.name}. The two are likely of different genome builds.",
    )
    beyond = ends[:, 1] > length
    if beyond.any():
        i = int(np.argmax(beyond))
        notes.append(
            f"{table.path.name}: {int(beyond.sum()):,} of {len(ends):,} regions reach beyond the end of their chromosome and are cut there "
            f"({found.iloc[i]}:{ends[i, 0]:.0f}-{ends[i, 1]:.0f}, which has {length[i]:,.0f} bases)."
        )
    cut = np.where(beyond, length, ends[:, 1])
    return pd.DataFrame({"chrom": called, "start": ends[:, 0].astype(np.int64), "end": cut.astype(np.int64)})


def order_of(regions: pd.DataFrame, openness: NDArray[np.floating], file: str, notes: list[str]) -> NDArray[np.intp]:
    """Return the rows on known chromosomes in the order of chrom, start and end; count those out of order, and those that overlap.

    Regions that are the same are put in the order of their openness (rows, samples): the file's order leaves no trace.
    """
    known = np.flatnonzero(regions["chrom"].notna())
    start, end = (regions[c].to_numpy()[known] for c in ("start", "end"))
    chrom = pd.factorize(regions["chrom"].iloc[known], sort=True)[0]
    order = np.lexsort((end, start, chrom))
    same = np.diff(np.stack([chrom, start, end])[:, order], axis=1) == 0
    if same.all(axis=0).any():
        order = np.lexsort((*openness[known].T, end, start, chrom))
    if (np.diff(order) < 0).any():
        notes.append(f"{file}: {len(order):,} regions were put in the order of chromosome (by name), start and end.")
    # the furthest end so far, chromosomes laid one behind the other
    ahead = chrom.astype(np.int64) * (int(end.max()) + 1)
    furthest = np.maximum.accumulate((ahead + end)[order])
    overlapping = int(((ahead + start)[order][1:] < furthest[:-1]).sum())
    if overlapping:
        notes.append(
            f"{file}: {overlapping:,} of {len(order):,} regions overlap one before them; they stay, and the openness of both counts."
        )
    return known[order]
