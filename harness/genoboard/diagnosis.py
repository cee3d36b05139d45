"""Diagnosis: a submission read slowly, cell by cell as text, and all that is wrong with it, each fault with its place and its mend."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.types as pt
from numpy.typing import NDArray

from . import joining
from .errors import InvalidSubmission, nearest
from .metrics import Reads

EXAMPLES = 5
# rows beyond twice those that are asked for, after which nothing more can be learnt
SURPLUS = 100_000
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
NUMBER = re.compile(r"[0-9.eE+\-, \t]*")  # what float() takes of these characters is plain notation: no nan, inf, 1_0 or 0x10
MISSING = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "null", "none", "nil", "nat", "-"})
INFINITE = frozenset({"inf", "infinity", "∞"})
UNNAMED = re.compile(r"\s*|Unnamed: \d+|__index_level_\d+__")


@dataclass(frozen=True)
class Form:
    """What a submission must look like.

    Parameters
    ----------
    ids : the ids that are asked for, each once, in the solution's order.
    id_column : name of the column of ids.
    target_column : name of the only other column, where there are no classes or where labels are submitted.
    classes : the probability (score) columns in their fixed order; empty where one number per row is asked for.
    reads : what the primary metric reads. ``"probabilities"`` and ``"labels"`` ask for numbers from 0 to 1, the others for finite
        ones. ``"labels"`` lets one column of labels stand for the probability columns.
    exclusive : a row has one true class, so that its probabilities sum to 1; False for multilabel.
    made : the keys of `ids`, where somebody has made them already.
    """

    ids: Sequence[str] | pa.StringArray
    id_column: str
    target_column: str
    classes: tuple[str, ...] = ()
    reads: Reads = "probabilities"
    exclusive: bool = True
    made: joining.Keys | None = field(default=None, compare=False, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of numbers."""
        return self.classes or (self.target_column,)

    @property
    def takes_labels(self) -> bool:
        """Whether a column of labels may stand for the probability columns."""
        return self.reads == "labels" and bool(self.classes) and self.exclusive

    @property
    def bounded(self) -> bool:
        """Whether the numbers are probabilities, from 0 to 1."""
        return self.reads in ("probabilities", "labels")

    @property
    def sums(self) -> bool:
        """Whether a row of numbers is a distribution, to be rescaled to sum 1."""
        return self.bounded and bool(self.classes) and self.exclusive

    @cached_property
    def id_array(self) -> pa.StringArray:
        """The ids as an Arrow array."""
        if isinstance(self.ids, pa.StringArray):
            return self.ids
        return self.ids.cast(pa.string()) if isinstance(self.ids, pa.Array) else pa.array(self.ids, pa.string())

    @cached_property
    def keys(self) -> joining.Keys | None:
        """What rows are joined by; None where the ids are too long for that."""
        return self.made or joining.keys(self.id_array)


@dataclass(frozen=True)
class Fault:
    """A kind of fault: its name (``{s}`` makes the plural), what to do about it, and how one case of it is told."""

    name: str
    mend: str
    case: str


CELL = "{0}, id {1!r}, column {2!r}: {3!r}"
BYTE = Fault("byte{s} that cannot be UTF-8", "save the file as UTF-8; it may be Latin-1 now", "line {0}, byte offset {1}: 0x{2:02X}")
QUOTE = Fault("badly quoted line{s}", "close every quote, and double a quote that stands inside a quoted cell", "line {0}: {1}")
SLIP = Fault("misspelt column{s}", "names are compared to the letter", "column {0!r} {1}: rename it to {2!r}")
NEAR = Fault("unknown column{s} that may be misspelt", "names are compared to the letter", "column {0!r}: did you mean {1!r}?")
TWICE = Fault("duplicate column{s}", "keep one of them", "column {0!r} is number {1} and number {2}")
NAMELESS = Fault("column{s} without a name", "a pandas index or a comma too many: write with index=False", "column number {0}: {1!r}")
UNKNOWN_COLUMN = Fault("unknown column{s}", "delete it", "column {0!r}")
LABELS = Fault("column{s} of labels", "this competition asks for a number per class, one column each", "column {0!r}")
SHORT = Fault("row{s} with too few cells", "every row needs one cell per column of the header", "{0}: {1} cells, {2} expected")
LONG = Fault("row{s} with too many cells", "is there a decimal comma, or a comma in an unquoted cell?", "{0}: {1} cells, {2} expected")
TOO_MANY = Fault("surplus of rows", "", "it was not read beyond {0}")
BARE = Fault("row{s} without content", "delete what is empty", "{0}")
EMPTY_ID = Fault("empty id{s}", "every row needs its id", "{0}")
TWICE_ID = Fault("duplicate id{s}", "give every id one row", "{0}: {1!r} stands on {2} already")
UNKNOWN_ID = Fault("unknown id{s}", "they are compared to the letter: correct or delete the row", "{0}: {1!r}{2}")
MISSING_ID = Fault("missing id{s}", "every id of the test set needs a row", "{0!r}")
ID_TYPE = Fault("id column{s} of neither text nor whole numbers", "other types change ids: store text", "column {0!r} ({1})")
EMPTY = Fault("empty cell{s}", "every row needs a prediction", CELL)
NOT_A_NUMBER = Fault("missing value{s}", "every row needs a finite number", CELL)
INFINITY = Fault("infinite value{s}", "every row needs a finite number", CELL)
COMMA = Fault("decimal comma{s}", "write a decimal point", CELL + " -> {4}")
PERCENT = Fault("percent sign{s}", "write a fraction of 1", CELL + " -> {4}")
TEXT = Fault("cell{s} of text", "a number such as 0.25 is expected", CELL)
NEGATIVE = Fault("probabilit{y} below 0", "a probability lies between 0 and 1", CELL)
ABOVE = Fault("probabilit{y} above 1", "a probability lies between 0 and 1 (percentages are divided by 100)", CELL)
ZERO = Fault("row{s} that sum{v} to 0", "give at least one class a probability above 0", "{0}, id {1!r}")
LABEL = Fault("unknown label{s}", "labels are compared to the letter", CELL + "{4}")


class Findings:
    """The faults of one file: counted by kind, in the order in which the kinds first turned up, with the first cases of each."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._counts: dict[Fault, int] = {}
        self._cases: dict[Fault, list[str]] = {}

    def add(self, fault: Fault, *values: object) -> None:
        """Count one case of `fault`; `values` fill its `Fault.case`."""
        self._counts[fault] = count = self._counts.get(fault, 0) + 1
        if count <= EXAMPLES:
            told = (v[:80] + "…" if isinstance(v, str) and len(v) > 80 else v for v in values)
            self._cases.setdefault(fault, []).append(fault.case.format(*told))

    def __contains__(self, fault: Fault) -> bool:
        return fault in self._counts

    def told(self, fault: Fault) -> bool:
        """Tell whether enough cases of `fault` are there, so that of the next one only the number counts."""
        return self._counts.get(fault, 0) >= EXAMPLES

    def check(self) -> None:
        """Raise `InvalidSubmission` with all faults, if there are any."""
        problems = []
        for fault, n in self._counts.items():
            name = fault.name.format(s="" if n == 1 else "s", y="y" if n == 1 else "ies", v="s" if n == 1 else "")
            more = [f"and {n - EXAMPLES:,} more"] if n > EXAMPLES else []
            problems.append("\n      ".join([f"{n:,} {name}: {fault.mend}", *self._cases[fault], *more]))
        if problems:
            raise InvalidSubmission(self.where, problems)


Rows = Iterator[tuple[str, list[str]]]


def diagnose(source: bytes | pa.Table, where: str, form: Form) -> NDArray[np.float64]:
    """Return what `submission.read` promises of the file's predictions; raise `InvalidSubmission` with everything that is wrong.

    Parameters
    ----------
    source : the bytes of a CSV, or the table of a Parquet file.
    where : the file's name, for the error.
    """
    findings = Findings(where)
    header, rows = as_text(source, findings, (form.id_column, *form.columns, form.target_column))
    if not isinstance(source, pa.Table) and _is_row(header, form):
        expected = _listed((form.id_column, *form.columns))
        raise InvalidSubmission(where, [f"there is no header: the first line is already a row; begin with {expected}"])
    labels = form.takes_labels and _means_labels(header, form)
    wanted = (form.id_column, *((form.target_column,) if labels else form.columns))
    place = _columns(header, wanted, form, findings)
    if isinstance(source, pa.Table) and form.id_column in place:
        field = source.schema.field(place[form.id_column])
        if not _may_name(field.type):
            findings.add(ID_TYPE, field.name, field.type)
            del place[form.id_column]
    reader = _RowReader(form, labels, place, len(header), findings)
    for row in rows:
        reader.read(*row)
        if reader.rows > 2 * len(reader.position) + SURPLUS:
            findings.add(replace(TOO_MANY, mend=f"{len(reader.position):,} are asked for"), row[0])
            break
    else:
        reader.finish()
    findings.check()
    width = len(form.columns)
    prediction = np.empty((len(reader.positions), width))
    prediction[np.frombuffer(reader.positions, np.int64)] = np.frombuffer(reader.numbers, np.float64).reshape(-1, width)
    return prediction if form.classes else prediction[:, 0]


def as_text(source: bytes | pa.Table, findings: Findings, expected: Iterable[str] = ()) -> tuple[list[str], Rows]:
    """Return the header and the rows, each with its place (``"line 2"``), as text; `expected` column names tell a wrong delimiter.

    `findings` is told of faults here, and while the rows are read. A row of a CSV may have more or fewer cells than the header.
    """
    if isinstance(source, pa.Table):
        return source.column_names, _table_rows(source)
    text = _decode(source, findings)
    delimiter = _delimiter(text, expected)
    if delimiter != ",":
        mend = f"the columns are separated by {DELIMITERS[delimiter]}: separate them by commas"
        findings.add(Fault("wrong delimiter", mend, "in the first line"))
    rows = _csv_rows(text, delimiter, findings)
    header = next(rows, None)
    if header is None or QUOTE in findings:
        findings.check()
        raise InvalidSubmission(findings.where, ["the file is empty: it needs a header and one line per row"])
    return header[1], rows


def is_text(kind: pa.DataType) -> bool:
    """Tell whether an Arrow type is one of text."""
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def check_header(header: Sequence[str], findings: Findings) -> None:
    """Add what is wrong with a header whatever it should say: names that are empty or occur twice."""
    first: dict[str, int] = {}
    for number, name in enumerate(header, 1):
        if UNNAMED.fullmatch(name):
            findings.add(NAMELESS, number, name)
        elif first.setdefault(name, number) != number:
            findings.add(TWICE, name, first[name], number)


def _table_rows(table: pa.Table) -> Rows:
    number = 0
    for batch in table.to_batches(max_chunksize=1 << 14):
        for row in zip(*map(_cells, batch.columns), strict=True):
            number += 1
            yield f"row {number}", list(row)


def _cells(column: pa.Array) -> list[str]:
    """Return a Parquet column as text: numbers so that they read back bit for bit, a null as an empty cell."""
    if pt.is_floating(column.type):
        column = column.cast(pa.float64())
    return ["" if v is None else str(v) for v in column.to_pylist()]


def _decode(data: bytes, findings: Findings) -> str:
    bare = b"\0" * 4 in (data[0:8:2], data[1:8:2])
    if bare or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise InvalidSubmission(findings.where, ["the text is encoded as UTF-16 or UTF-32: save it as UTF-8"])
    body = data.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode()
    except UnicodeDecodeError:
        # The other faults can still be found: a byte that is no UTF-8 becomes \xE9 in the text.
        text = body.decode(errors="surrogateescape")
        line, offset, at = 1, len(data) - len(body), 0
        for bad in re.finditer("[\udc80-\udcff]", text):
            before = text[at : bad.start()]
            line += len(re.findall("\r\n|\r|\n", before))
            offset += len(before.encode())
            findings.add(BYTE, line, offset, data[offset])
            at, offset = bad.end(), offset + 1
        return body.decode(errors="backslashreplace")


def _delimiter(text: str, expected: Iterable[str]) -> str:
    wanted = {_loose(e) for e in expected}

    def fits(delimiter: str) -> tuple[int, bool, int]:
        rows = csv.reader(io.StringIO(text[: 1 << 16], newline=""), delimiter=delimiter)
        names = next((row for row in rows if any(cell.strip() for cell in row)), [])
        return sum(_loose(n) in wanted for n in names), delimiter == "," and len(names) > 1, len(names)

    return max(DELIMITERS, key=fits)


def _csv_rows(text: str, delimiter: str, findings: Findings) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            findings.add(QUOTE, line, str(error))
            continue
        if row and (len(row) > 1 or row[0].strip()):
            yield f"line {line}", row


def _loose(name: str) -> str:
    return name.strip().casefold()


def _bare(name: str) -> str:
    """Return an id without what spreadsheets change: blanks, case, leading zeros, a decimal zero."""
    return _loose(name).removesuffix(".0").lstrip("0")


def _listed(names: Sequence[str]) -> str:
    return ",".join(names[:12]) + (f",... ({len(names)} columns)" if len(names) > 12 else "")


def _number(cell: str) -> float | None:
    try:
        return float(cell) if NUMBER.fullmatch(cell) else None
    except ValueError:
        return None


def _may_name(kind: pa.DataType) -> bool:
    if pt.is_dictionary(kind):
        return _may_name(kind.value_type)
    return is_text(kind) or bool(pt.is_integer(kind) or pt.is_null(kind))


def _is_row(header: Sequence[str], form: Form) -> bool:
    known = {_loose(n) for n in (form.id_column, form.target_column, *form.classes)}
    if any(_loose(h) in known for h in header):
        return False
    return any(_number(h) is not None for h in header) or header[0] in set(form.id_array.to_pylist())


def _means_labels(header: Sequence[str], form: Form) -> bool:
    names = {_loose(h) for h in header}
    return _loose(form.target_column) in names and not any(_loose(c) in names for c in form.classes)


def _columns(header: Sequence[str], wanted: Sequence[str], form: Form, findings: Findings) -> dict[str, int]:
    """Return where each wanted column stands; one that is only misspelt counts as found, so that its cells are looked at too."""
    place: dict[str, int] = {}
    for at, name in enumerate(header):
        if name in wanted and place.setdefault(name, at) != at:
            findings.add(TWICE, name, place[name] + 1, at + 1)
    for at, name in enumerate(header):
        if name in wanted:
            continue
        free = [w for w in wanted if w not in place]
        slip = next((w for w in free if _loose(w) == _loose(name)), None)
        if slip is not None:
            blank = "has a stray blank" if name.strip() != name else ""
            case = "differs in case" if name.strip() != slip.strip() else ""
            findings.add(SLIP, name, " and ".join(filter(None, (blank, case))) or "lacks a blank", slip)
            place[slip] = at
        elif UNNAMED.fullmatch(name):
            if form.id_column in free:
                mend = f"if it holds the ids, name it {form.id_column!r} (pandas: index_label={form.id_column!r})"
                findings.add(replace(NAMELESS, mend=mend), at + 1, name)
                place[form.id_column] = at
            else:
                findings.add(NAMELESS, at + 1, name)
        elif form.classes and _loose(name) == _loose(form.target_column):
            findings.add(LABELS, name)
        elif near := nearest(name, free, most=1):
            findings.add(NEAR, name, near[0])
            place[near[0]] = at
        else:
            findings.add(UNKNOWN_COLUMN, name)
    expected = _listed(wanted) + (f", or {form.id_column},{form.target_column}" if form.takes_labels and len(wanted) > 2 else "")
    for name in wanted:
        if name not in place:
            findings.add(Fault("missing column{s}", f"the header is {expected}, in any order", "column {0!r}"), name)
    return place


class _RowReader:
    """Reads rows of text into `positions` (int64, among the form's ids) and `numbers` (float64, row after row)."""

    def __init__(self, form: Form, labels: bool, place: dict[str, int], width: int, findings: Findings) -> None:
        self.form, self.labels, self.width, self.findings = form, labels, width, findings
        self.id_at = place.get(form.id_column)
        names = (form.target_column,) if labels else form.columns
        self.names = [n for n in names if n in place]
        self.at = [place[n] for n in self.names]
        self.whole = len(self.names) == len(names)
        self.position = {i: p for p, i in enumerate(form.id_array.to_pylist())}
        self.first: dict[str, str] = {}
        self.unknown: list[tuple[str, str]] = []
        self.codes = {c: k for k, c in enumerate(form.classes)}
        self.rows = 0
        self.positions, self.numbers = array("q"), array("d")

    def read(self, place: str, row: list[str]) -> None:
        """Take one row in, or tell the findings what is wrong with it."""
        self.rows += 1
        if not any(row):
            self.findings.add(BARE, place)
            return
        name = row[self.id_at] if self.id_at is not None and self.id_at < len(row) else None
        if name is not None:
            self._identify(place, name)
        if len(row) != self.width:
            self.findings.add(SHORT if len(row) < self.width else LONG, place, len(row), self.width)
            return
        values = [row[a] for a in self.at]
        if self.labels:
            self._label(place, name, values)
        else:
            self._measure(place, name, values)

    def finish(self) -> None:
        """Tell the findings of unknown and missing ids."""
        if QUOTE in self.findings:
            return
        if not self.rows:
            mend = f"{len(self.position):,} rows are asked for"
            self.findings.add(Fault("header without rows", mend, "the file ends after it"))
            return
        if self.id_at is None:
            return
        missing = [i for i in self.position if i not in self.first]
        bare = {_bare(m): [m] for m in missing} if self.unknown else {}
        for number, (place, name) in enumerate(self.unknown):
            near: list[str] = []
            if number < EXAMPLES:
                near = bare.get(_bare(name)) or (nearest(name, missing, most=1) if len(missing) <= 1000 else [])
            self.findings.add(UNKNOWN_ID, place, name, f": did you mean {near[0]!r}?" if near else "")
        for name in missing:
            self.findings.add(MISSING_ID, name)

    def _identify(self, place: str, name: str) -> None:
        if not name:
            self.findings.add(EMPTY_ID, place)
        elif name not in self.position:
            self.unknown.append((place, name))
        elif self.first.setdefault(name, place) != place:
            self.findings.add(TWICE_ID, place, name, self.first[name])
        else:
            self.positions.append(self.position[name])

    def _label(self, place: str, name: str | None, values: list[str]) -> None:
        for column, value in zip(self.names, values, strict=True):
            if value in self.codes:
                self.numbers.extend(float(k == self.codes[value]) for k in range(len(self.codes)))
            elif not value.strip():
                self.findings.add(EMPTY, place, name, column, value)
            else:
                near: list[str] = []
                if not self.findings.told(LABEL):
                    near = [c for c in self.codes if _loose(c) == _loose(value)] or nearest(value, self.codes, most=1)
                self.findings.add(LABEL, place, name, column, value, f": did you mean {near[0]!r}?" if near else "")

    def _measure(self, place: str, name: str | None, values: list[str]) -> None:
        # Most rows are sound, and a million of them should not take a minute.
        try:
            numbers = [float(v) for v in values] if NUMBER.fullmatch(",".join(values)) else None
        except ValueError:
            numbers = None
        low, high = (0.0, 1.0) if self.form.bounded else (-sys.float_info.max, sys.float_info.max)
        if numbers is None or (numbers and not (low <= min(numbers) and max(numbers) <= high)):
            for column, value in zip(self.names, values, strict=True):
                self._fault(place, name, column, value)
        elif self.form.sums and self.whole and not any(numbers):
            self.findings.add(ZERO, place, name)
        else:
            self.numbers.extend(numbers)

    def _fault(self, *cell: str | None) -> None:
        value = (cell[-1] or "").strip()
        number, word = _number(cell[-1] or ""), value.casefold().lstrip("+-") or value
        if number is not None:
            if math.isinf(number):
                self.findings.add(INFINITY, *cell)
            elif self.form.bounded and not 0 <= number <= 1:
                self.findings.add(NEGATIVE if number < 0 else ABOVE, *cell)
        elif not value:
            self.findings.add(EMPTY, *cell)
        elif word in MISSING:
            self.findings.add(NOT_A_NUMBER, *cell)
        elif word in INFINITE:
            self.findings.add(INFINITY, *cell)
        elif ("," in value or "%" in value) and (mended := _number(value.removesuffix("%").replace(",", ".", 1))) is not None:
            percent = value.endswith("%")
            self.findings.add(PERCENT if percent else COMMA, *cell, repr(mended / 100 if percent else mended))
        else:
            self.findings.add(TEXT, *cell)
