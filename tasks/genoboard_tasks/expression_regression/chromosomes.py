"""Chromosomes: their lengths, and one name for each, whichever way the other files spell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import DataError

from .content import read_content
from .table import delimiter_of, rows
from .wording import shown, some

HEADERS = {"chrom": "name", "chromosome": "name", "size": "length", "seqlengths": "length"}


@dataclass(frozen=True)
class Chromosomes:
    """`lengths`, int64, by the name that a chromosome has everywhere; other names for some of them."""

    path: Path
    lengths: pd.Series
    aliases: Mapping[str, str]

    def call(self, found: pd.Series, path: Path, what: str, notes: list[str]) -> NDArray[np.object_]:
        """Return the names, as they are here, of chromosomes that another file names; None where they are not known here.

        `what` are the rows of that file, in the plural. Raises `DataError` where not one of its chromosomes is known.
        """
        codes, spelled = pd.factorize(found, sort=True)
        names = np.array([self._name(str(s)) for s in spelled], dtype=object)
        unknown = [s for s, n in zip(spelled, names, strict=True) if n is None]
        if len(unknown) == len(names):
            raise DataError(
                f"Not one chromosome of {path} ({some(unknown)}) is in {self.path} ({some(self.lengths.index)}). "
                "Both must be of one genome build."
            )
        other = [f"{s} as {n}" for s, n in zip(spelled, names, strict=True) if n not in (None, s)]
        if other:
            notes.append(f"{path.name}: {len(other)} chromosomes are called as in {self.path.name} ({some(other, 2)}).")
        called: NDArray[np.object_] = names[codes]
        if unknown:
            count = int(pd.isna(called).sum())
            notes.append(
                f"{path.name}: {count:,} of {len(called):,} {what} lie on {len(unknown)} sequences that are not in {self.path.name} "
                f"({some(unknown)}) and are dropped."
            )
        return called

    def _name(self, spelled: str) -> str | None:
        return next((s for s in _spellings(spelled) if s in self.lengths.index), self.aliases.get(spelled))


def read_chromosomes(path: Path) -> Chromosomes:
    """Read chromosome lengths: UCSC's chrom.sizes or a .fai, or a table with the columns name and length (and, perhaps, aliases).

    Raises
    ------
    DataError
        Where a length is not a whole number from 1 up, or a chromosome occurs twice.
    """
    content = read_content(path)
    lines = list(rows(content, delimiter_of(content, path), path))
    header = [HEADERS.get(c.strip().lower(), c.strip().lower()) for c in lines[0][1]]
    if {"name", "length"} <= set(header):
        if twice := [c for c in ("name", "length", "aliases") if header.count(c) > 1]:
            raise DataError(f"{path}, line 1: several columns hold the {twice[0]} of a chromosome ({some(lines[0][1], 8)}). Leave one.")
        lines = lines[1:]
    elif len(header) > 1 and header[1].isascii() and header[1].isdigit():
        header = ["name", "length"]
    else:
        raise DataError(
            f"{path}, line 1, has the columns {some(header, 8)}. Chromosome sizes are two columns without names (chr1, 249250621), "
            "or a table with the columns name and length."
        )
    lengths: dict[str, int] = {}
    aliases: dict[str, str] = {}
    for n, cells in lines:
        row = dict(zip(header, map(str.strip, cells), strict=False))
        name, length = row.get("name", ""), row.get("length", "")
        if not name or name in lengths:
            raise DataError(
                f"{path}, line {n}: {shown(name) or 'a chromosome without name'} occurs twice. Each chromosome has one line, and a name."
            )
        # more digits than any genome has bases are no length either
        if not (length.isascii() and length.isdigit() and len(length) < 16) or int(length) < 1:
            raise DataError(f"{path}, line {n}: the length of {shown(name)} is {shown(length)!r}. It must be a whole number from 1 up.")
        lengths[name] = int(length)
        aliases |= {alias: name for alias in row.get("aliases", "").split(",") if alias}
    if not lengths:
        raise DataError(f"{path} names no chromosome. Get the file again.")
    return Chromosomes(path, pd.Series(lengths, dtype="int64", name="length").rename_axis("chrom"), aliases)


def _spellings(name: str) -> Iterator[str]:
    """Give the names that a chromosome goes by, its own first: ``chr1`` and ``1``; ``chrM``, ``MT`` and the like."""
    bare = name.removeprefix("chr")
    yield from (name, bare, f"chr{bare}")
    if bare in ("M", "MT"):
        swapped = "MT" if bare == "M" else "M"
        yield from (swapped, f"chr{swapped}")
