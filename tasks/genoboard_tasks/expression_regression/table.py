"""Table: rows and columns of a CSV, TSV, BED or Parquet file; read fast by Arrow, and line by line to say where a fault is."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from genoboard import DataError

from .. import parquet
from .content import read_content, unix
from .wording import shown, some

BED = ("chrom", "start", "end")
# what stands in a BED beside its regions
COMMENT = re.compile(rb"^(?:#|track\b|browser\b)[^\n]*", re.MULTILINE)
MISSING = {"", "na", "n/a", "nan", "null", "none"}
PARQUET = b"PAR1"
# Arrow wants whole lines in a block
BLOCK = 16 << 20


@dataclass(frozen=True)
class Table:
    """An opened file; `columns` are its columns' names, "" being a column of row names that has none.

    Parameters
    ----------
    content : the file's bytes, unpacked.
    fields : the columns' names as Arrow knows them.
    delimiter : "" for Parquet.
    skip : number of lines before the first row.
    """

    path: Path
    content: bytes = field(repr=False)
    columns: tuple[str, ...]
    fields: tuple[str, ...]
    delimiter: str
    skip: int

    def texts(self, column: str) -> pd.Series:
        """Return a column as str, one for each row."""
        try:
            found: pd.Series = self._load([column], pa.string()).to_pandas().iloc[:, 0]
        except pa.ArrowInvalid as error:
            raise self._fault((), None, error) from error
        return found.fillna("").astype("str").str.strip()

    def numbers(self, columns: Sequence[str], label: Callable[[int], str] | None = None) -> NDArray[np.float64]:
        """Return (rows, columns); raise `DataError` where a cell is not a number from 0 up: line, row and column are named.

        `label` names a row by its number from 0, for that message.
        """
        try:
            table = self._load(columns, pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise self._fault(columns, label, error) from error
        values = np.empty((table.num_rows, len(columns)))
        for j, column in enumerate(table.columns):
            values[:, j] = column.to_numpy()
        if values.size and not (values.min() >= 0 and values.max() < np.inf):
            raise self._fault(columns, label, None)
        return values

    def where(self, row: int) -> str:
        """Return where a row stands, counted from 0: ``FILE, line 12``."""
        return f"{self.path}, {next(islice(self._rows(), row, None))[0]}"

    def _load(self, columns: Sequence[str], kind: Any) -> Any:
        names = [self.fields[self.columns.index(c)] for c in columns]
        if not self.delimiter:
            return parquet.read(self.content, names, self.path).cast(pa.schema([(n, kind) for n in names]))
        return pa.csv.read_csv(
            pa.BufferReader(self.content),
            pa.csv.ReadOptions(column_names=self.fields, skip_rows=self.skip, block_size=BLOCK),
            pa.csv.ParseOptions(delimiter=self.delimiter),
            pa.csv.ConvertOptions(column_types=dict.fromkeys(names, kind), include_columns=names, null_values=[]),
        )

    def _rows(self) -> Iterator[tuple[str, list[str]]]:
        if self.delimiter:
            yield from ((f"line {n}", cells) for n, cells in rows(self.content, self.delimiter, self.path) if n > self.skip)
            return
        columns = (c.to_pylist() for c in parquet.read(self.content, self.fields, self.path).columns)
        for n, cells in enumerate(zip(*columns, strict=True), 1):
            yield f"row {n}", ["" if c is None else str(c) for c in cells]

    def _fault(self, columns: Sequence[str], label: Callable[[int], str] | None, error: Exception | None) -> DataError:
        """Find what Arrow stumbled over."""
        places = [self.columns.index(c) for c in columns]
        odd = None
        for i, (line, cells) in enumerate(self._rows()):
            if len(cells) != len(self.columns):
                return DataError(
                    f"{self.path}, {line}: {len(cells)} cells where there are {len(self.columns)} columns. Every row needs a cell for each."
                )
            for name, place in zip(columns, places, strict=True):
                if fault := _wrong(cells[place]):
                    row = f"{shown(label(i))}, " if label else ""
                    return DataError(f"{self.path}, {line}: {row}column {name} {fault}. It must be a number from 0 up.")
            if odd is None and "\ufffd" in "".join(cells):
                odd = line
        if odd is not None:
            return DataError(f"{self.path}, {odd}: a byte of it is not UTF-8. Get the file again, or save it as UTF-8.")
        return DataError(f"{self.path} cannot be read as a table: {error}. Save it as UTF-8 text, with plain numbers.")


def open_table(path: Path) -> Table:
    """Open a table with column names: CSV or TSV, plain, gzipped or the only file in a zip, or Parquet.

    Where a first line has one name fewer than the others have cells, as R writes it, the first column is one of row names.

    Raises
    ------
    DataError
        Where the file is damaged, has no rows, or two of its columns have one name.
    """
    content = read_content(path)
    if content.startswith(PARQUET):
        fields = tuple(parquet.names(content, path))
        names = ["" if f.startswith("__index_level_") else f for f in fields]
        return Table(path, content, _once(names, path), fields, "", 0)
    delimiter = delimiter_of(content, path)
    head = list(islice(rows(content, delimiter, path), 2))
    if len(head) < 2:
        raise DataError(f"{path} has no row below its column names. Get the file again.")
    (line, first), (_, second) = head
    names = [n.strip() for n in first]
    columns = _once(["", *names] if len(second) == len(names) + 1 else names, path)
    return Table(path, content, columns, columns, delimiter, line)


def open_bed(path: Path) -> Table:
    """Open a BED, plain or packed: ``chrom``, ``start``, ``end`` and whatever else there is; lines of comment stay out."""
    content = unix(read_content(path))
    if any(mark in content for mark in (b"#", b"track", b"browser")):
        # emptied, not taken out: lines keep their numbers
        content = COMMENT.sub(b"", content)
    first = next((c for _, c in rows(content, "\t", path)), [])
    delimiter = "\t" if len(first) > 1 else " "
    first = next((c for _, c in rows(content, delimiter, path)), [])
    if len(first) < len(BED):
        raise DataError(f"{path} is no BED: its first row has {len(first)} cells. It needs chrom, start and end, separated by tabs.")
    columns = (*BED, *(f"column {i}" for i in range(4, len(first) + 1)))
    return Table(path, content, columns, columns, delimiter, 0)


def rows(content: bytes, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Give the rows of a text that are not blank, each with the number of its (last) line."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8", errors="replace", newline=""), delimiter=delimiter)
    try:
        yield from ((reader.line_num, cells) for cells in reader if cells)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}, is no row of a table: {error}. Get the file again.") from error


def delimiter_of(content: bytes, path: Path) -> str:
    """Return what separates the cells of the first line: a tab before a comma, as names may have commas in them."""
    line = content.lstrip(b"\r\n").split(b"\n", 1)[0].decode("utf-8", "replace")
    found = next((d for d in "\t,; " if d in line), None)
    if found is None:
        raise DataError(f"{path}: its first line, {line.strip()[:60]!r}, is no row of column names. They are separated by tabs or commas.")
    return found


def _once(names: Sequence[str], path: Path) -> tuple[str, ...]:
    twice = sorted({n for n in names if n and list(names).count(n) > 1})
    if twice:
        places = [i + 1 for i, n in enumerate(names) if n == twice[0]]
        raise DataError(
            f"{path}: columns {' and '.join(map(str, places))} are both called {some(twice)}. Every column needs a name of its own."
        )
    return tuple(n or (f"column {i + 1}" if i else "") for i, n in enumerate(names))


def _wrong(cell: str) -> str:
    """Return what is wrong with a cell that should be a number from 0 up; "" where nothing is."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not (cell.isascii() and "_" not in cell):
        # Python takes 1_000 and digits of other scripts for numbers, Arrow does not
        value = math.nan
    if 0 <= value < math.inf:
        return ""
    if cell.strip().casefold() in MISSING:
        return f"is missing ({shown(cell)!r})"
    if math.isnan(value):
        return f"is {shown(cell)!r}, which is not a number"
    return f"is {shown(cell.strip())}, which is {'below 0' if value < 0 else 'infinite'}"
