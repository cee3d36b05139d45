"""Sheet: a small CSV table of the competition, its rows known by a whole number ``ID`` and by the line that they stand on."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from genoboard import DataError

from ..packed import lines

ID = "ID"


@dataclass(frozen=True)
class Row:
    """A row: the line of the file, and the cells of the columns that were asked for, by their names."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """A table: its rows by id, and the names of the columns that nobody asked for."""

    path: Path
    rows: dict[int, Row]
    others: tuple[str, ...]

    def at(self, key: int) -> str:
        """Say where a row stands."""
        return f"{self.path}, line {self.rows[key].line}, ID {key}"


def read_sheet(path: Path, columns: Sequence[str]) -> Sheet:
    """Read these columns beside ``ID``; raise `DataError` for a missing column, a ragged row, an id that is no whole number, or one given twice."""
    # closed at once where a line is refused
    with closing(lines(path)) as text:
        reader = csv.reader(text, strict=True)
        try:
            header = [c.strip() for c in next(reader, [])]
            place = _places(path, header, (ID, *columns))
            rows: dict[int, Row] = {}
            for cells in reader:
                if not cells:
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(cells) != len(header):
                    raise DataError(
                        f"{where} has {len(cells)} cells, the header has {len(header)}. Put a name with a comma in double quotes."
                    )
                row = {c: cells[i].strip() for c, i in place.items()}
                key = row.pop(ID)
                if not (key.isascii() and key.isdigit() and len(key) < 19):
                    raise DataError(f"{where}: the ID is {key[:40]!r}, where the competition's files have a whole number.")
                if int(key) in rows:
                    raise DataError(
                        f"{where}: ID {key} stands on line {rows[int(key)].line} already. Every ID may occur once; remove the other row."
                    )
                rows[int(key)] = Row(reader.line_num, row)
        except csv.Error as error:
            raise DataError(
                f"{path}, line {reader.line_num} is not readable as CSV: {error}. Mend the line, or get the file again."
            ) from error
    return Sheet(path, rows, tuple(c for i, c in enumerate(header) if i not in place.values()))


def _places(path: Path, header: list[str], columns: Sequence[str]) -> dict[str, int]:
    folded = [c.casefold() for c in header]
    missing = [c for c in columns if c.casefold() not in folded]
    if missing:
        raise DataError(
            f"{path}, line 1 lacks {', '.join(missing)}: it is {','.join(header)[:80]!r}. "
            f"The file begins with the line {','.join(columns)}, its cells divided by commas."
        )
    twice = [c for c in columns if folded.count(c.casefold()) > 1]
    if twice:
        raise DataError(f"{path}, line 1 names the column {twice[0]} more than once: {','.join(header)[:80]!r}. Leave one.")
    return {c: folded.index(c.casefold()) for c in columns}
