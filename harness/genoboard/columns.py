"""Columns: what the columns of a user's table are to models: numbers, categories, or nothing; inferred, and told."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from .errors import DataError, UsageError, nearest

Kind = Literal["number", "category", "ignore"]
MISSING = ("", "na", "nan", "n/a", "#n/a", "<na>", "null", "none", "nil", "nat")
MOST_LEVELS = 50  # of a column that is taken for a category unasked
MOST_ASKED = 1000  # of one that is said to be one
SHOWN = 4  # levels that are told by name
ID = re.compile(r"(^|[\W_])(id|ids|idx|index|uuid|guid|barcode|accession|rownames?)$|^$|^unnamed: \d+$", re.IGNORECASE)
DATE = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ]\d{1,2}:\d{2}.*)?$"
RESIDUES = r"^[ACGTUNacgtun]{20,}$|^[ACDEFGHIKLMNPQRSTVWY]{20,}\*?$"
PICTURE = r"(?i)\.(png|jpe?g|tiff?|dcm|svs|bmp|gif)$"


@dataclass(frozen=True)
class Column:
    """What a column is, how many rows lack a value, and what is said of it."""

    name: str
    kind: Kind
    missing: int
    said: str = ""


@dataclass(frozen=True)
class Table:
    """A table as its file has it: `content`, empty cells and the words for them being null; `first`, the number of its first row where people look."""

    content: pa.Table
    where: str
    first: int = 2
    row: str = "line"

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.content.column_names)}

    def __getitem__(self, name: str) -> pa.Array:
        if name not in self._places:
            near = nearest(name, self.content.column_names, most=3)
            known = self.content.column_names
            there = (
                f"Did you mean {' or '.join(map(repr, near))}?"
                if near
                else f"Its columns: {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}."
            )
            hint = (
                " The file seems to be divided by another sign: save it with commas, or with tabs and a name that ends in .tsv."
                if len(known) == 1
                else ""
            )
            raise DataError(f"{self.where} has no column {name!r}. {there}{hint}")
        return self.content.column(self._places[name]).combine_chunks()

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return list(self._places)

    def __len__(self) -> int:
        return int(self.content.num_rows)

    def at(self, row: int) -> str:
        """Return where a row stands, for people."""
        return f"{self.where}, {self.row} {row + self.first}"

    def take(self, rows: NDArray[Any]) -> Table:
        """Return some rows; they are no longer counted as in the file."""
        return Table(self.content.take(pa.array(rows)), self.where, 1, "row")


def nulls(column: pa.Array) -> pa.Array:
    """Return a column whose cells are trimmed, and null where they are empty or a word for it."""
    if pt.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pt.is_large_string(column.type) or pt.is_string_view(column.type):
        column = column.cast(pa.string())
    if not pt.is_string(column.type):
        return column
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(pc.utf8_lower(trimmed), pa.array(MISSING)), None, trimmed)


def numbers(column: pa.Array) -> NDArray[np.float64] | None:
    """Return a column's numbers, NaN where there is none; None where a cell is none. Truth values are none."""
    if pt.is_floating(column.type) or pt.is_integer(column.type) or pt.is_decimal(column.type):
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    if not pt.is_string(column.type) and not pt.is_null(column.type):
        return None
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowInvalid:
        return None


def texts(column: pa.Array) -> list[str | None]:
    """Return a column's cells as texts, None where there is none; whole numbers are written without a point."""
    if pt.is_string(column.type):
        found: list[str | None] = column.to_pylist()
        return found
    if pt.is_boolean(column.type):
        return [None if v is None else str(v) for v in column.to_pylist()]
    values = numbers(column)
    if values is None:
        return [None if v is None else str(v) for v in column.to_pylist()]
    return [None if np.isnan(v) else f"{v:.0f}" if float(v).is_integer() and abs(v) < 2**53 else repr(float(v)) for v in values.tolist()]


def names(column: pa.Array) -> list[str | None]:
    """Return a column's cells as names of classes: as `texts`, but ``1.0`` is ``1`` where all are numbers."""
    values = numbers(column)
    return texts(column if values is None else pa.array(values))


def levels(column: pa.Array) -> list[str]:
    """Return the different names in a column, numbers in their own order."""
    return natural({t for t in names(column) if t is not None})


def natural(names: Any) -> list[str]:
    """Return texts in order, numbers by their value and before words."""

    def key(text: str) -> tuple[int, float, str]:
        try:
            return (0, float(text), text)
        except ValueError:
            return (1, 0.0, text)

    return sorted(names, key=key)


def parse(types: Sequence[str], table: Sequence[str]) -> dict[str, Kind]:
    """Return column -> kind of what ``--type COL=KIND`` says; raise `UsageError` for no such column or kind."""
    found: dict[str, Kind] = {}
    for text in types:
        name, equals, kind = text.rpartition("=")
        if not equals or kind not in get_args(Kind):
            raise UsageError(f"--type {text}: write COL=KIND, where KIND is {', '.join(get_args(Kind))}.")
        if name not in table:
            near = nearest(name, table, most=1)
            raise UsageError(f"--type {text}: there is no column {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        found[name] = cast(Kind, kind)
    return found


def infer(table: Table, name: str, asked: Kind | None) -> Column:
    """Return what a column is, or is `asked` to be; raise `DataError` where it cannot be that."""
    column = table[name]
    missing = column.null_count
    values = numbers(column)
    if values is not None:
        missing = int(np.isnan(values).sum())
    of = f"{missing:,} missing" if missing else ""
    if asked == "ignore":
        return Column(name, "ignore", missing, "as you asked")
    if asked == "number":
        require_numbers(table, name)
        return Column(name, "number", missing, of)
    if asked == "category":
        found = levels(column)
        if len(found) > MOST_ASKED:
            raise DataError(
                f"{table.where}: column {name!r} has {len(found):,} different values, and a category has at most {MOST_ASKED:,}: each becomes a column. Leave it out."
            )
        return Column(name, "category", missing, _joined(_levels(found), of))
    if missing == len(table):
        return Column(name, "ignore", missing, "it has no value in any row")
    if values is not None:
        return _number(name, column, values, missing, of)
    return _words(name, column, missing, of)


def _number(name: str, column: pa.Array, values: NDArray[np.float64], missing: int, of: str) -> Column:
    known = values[~np.isnan(values)]
    if known.min() == known.max():
        return Column(name, "ignore", missing, f"one value only, {known[0]:g}")
    if ID.search(name) and len(np.unique(known)) == len(column) and (np.trunc(known) == known).all():
        return Column(name, "ignore", missing, f"another number in every row: an id; --type {quoted(name)}=number to keep it")
    return Column(name, "number", missing, of)


def _words(name: str, column: pa.Array, missing: int, of: str) -> Column:
    if pt.is_temporal(column.type):
        return Column(name, "ignore", missing, "dates or times: give what they mean as a number, such as days since")
    if pt.is_nested(column.type) or pt.is_binary(column.type):
        return Column(name, "ignore", missing, f"values of the type {column.type}")
    known = column.drop_null()
    if pt.is_string(column.type):
        if pc.all(pc.match_substring_regex(known, DATE)).as_py():
            return Column(name, "ignore", missing, "dates: give what they mean as a number, such as days since")
        if pc.all(pc.match_substring_regex(known, PICTURE)).as_py():
            return Column(name, "ignore", missing, "names of image files: images need a task of their own, in Python")
        if pc.all(pc.match_substring_regex(known, RESIDUES)).as_py():
            return Column(name, "ignore", missing, "sequences: they need a task of their own, in Python")
    found = levels(column)
    if len(found) == 1:
        return Column(name, "ignore", missing, f"one value only, {found[0]!r}")
    if len(found) > MOST_LEVELS:
        unlike = f"{len(found):,} different texts" if len(found) < len(known) else "another text in every row"
        odd = _odd(column, found)
        can = f"; --type {quoted(name)}=category to keep it" if len(found) <= MOST_ASKED else ""
        return Column(name, "ignore", missing, f"{unlike}{odd}{can}")
    return Column(name, "category", missing, _joined(_levels(found) + _odd(column, found), of))


def _odd(column: pa.Array, found: Sequence[str]) -> str:
    """Say that most of a column's texts are numbers, and which is none; nothing where they are not."""
    some = found[:100]
    parsed = sum(numbers(pa.array([t], pa.string())) is not None for t in some)
    return f", most of them numbers; the first that is none is {_first_text(column)!r}" if len(some) / 2 < parsed < len(some) else ""


def require_numbers(table: Table, name: str) -> NDArray[np.float64]:
    """Return a column's numbers; raise `DataError` at the first cell that is none, or infinite."""
    column = table[name]
    values = numbers(column)
    if values is None:
        cells = texts(column)
        row = next((i for i, t in enumerate(cells) if t is not None and numbers(pa.array([t], pa.string())) is None), 0)
        raise DataError(
            f"{table.at(row)}, column {name!r}: {cells[row]!r} is no number. Mend it, or say --type {quoted(name)}=category or =ignore."
        )
    wide = np.flatnonzero(np.abs(values) > np.finfo(np.float32).max)
    if len(wide):
        raise DataError(
            f"{table.at(int(wide[0]))}, column {name!r}: {values[wide[0]]:g} is too large for a float32. Mend it, or say --type {quoted(name)}=ignore."
        )
    return values


def one_hot(table: Table, name: str) -> dict[str, NDArray[np.float32]]:
    """Return ``column=level`` -> 1 where a row has the level, else 0; a row without a value has none."""
    codes, found = pd.factorize(pd.Series(names(table[name]), dtype="object"))
    place = {level: code for code, level in enumerate(found)}
    return {f"{name}={level}": (codes == place[level]).astype(np.float32) for level in natural(place)}


def said(columns: Sequence[Column], roles: Mapping[str, str], most: int = 40) -> list[str]:
    """Return one line for each column, target, group and id first; numbers without a remark together, where there are many."""
    together = len(columns) > most
    plain = sum(c.kind == "number" and not c.said for c in columns)
    rows = [(name, role, "") for name, role in roles.items()]
    told = [c for c in columns if not together or c.kind != "number" or c.said]
    rows += [(c.name, "ignored" if c.kind == "ignore" else c.kind, c.said) for c in told]
    hidden = 0
    if len(rows) > most + len(roles):
        hidden, rows = len(rows) - most - len(roles), rows[: most + len(roles)]
    width = min(30, max((len(n) for n, _, _ in rows), default=0))
    lines = [f"  {n:<{width}}  {k:<8}  {s}".rstrip() for n, k, s in rows]
    if hidden:
        lines.append(f"  ... and {hidden:,} more, as task.toml lists them")
    if together and plain:
        lines.append(f"  {plain:,} further columns  number")
    return lines


def _levels(found: Sequence[str]) -> str:
    more = f", ... ({len(found)} levels)" if len(found) > SHOWN else ""
    return f"{', '.join(found[:SHOWN])}{more}"


def _joined(*parts: str) -> str:
    return "; ".join(p for p in parts if p)


def _first_text(column: pa.Array) -> str:
    return next((t for t in texts(column) if t is not None and numbers(pa.array([t], pa.string())) is None), "")


def many(n: int, one: str, several: str = "") -> str:
    """Return a count with its noun."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def quoted(name: str) -> str:
    """Return a name as a command line takes it."""
    return shlex.quote(name)
