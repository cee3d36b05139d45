"""Submission: a file of predictions, read and checked; the one door for plugin runs and files made by hand."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.types as pt
from numpy.typing import NDArray

from . import joining, lease
from .diagnosis import LONG, SHORT, UNNAMED, Findings, Form, as_text, check_header, diagnose, is_text
from .errors import InvalidSubmission, nearest
from .threads import each

__all__ = ["Form", "Submission", "read", "read_columns", "write"]

KINDS = (".csv", ".csv.gz", ".parquet")
BLOCK = 1 << 20
PIECE = 1 << 14  # rows that are looked at together
WINDOW = 1 << 16
MOST_UNASKED = 1 << 32
# what any submission may have in memory: text is packed to a third or a tenth, a bomb to a thousandth
ALWAYS, RATIO = 1 << 26, 200
# of characters; a longer cell is none that the csv module takes
LONGEST_CELL = 1 << 17
SUM_TOLERANCE = 1e-6
FOREIGN = {
    b"\x1f\x8b": "gzip data: let the name end in .csv.gz",
    b"PAR1": "Parquet: let the name end in .parquet",
    b"PK\3\4": "a zip archive or an Excel workbook: save it as CSV",
}
# Each quote opens a cell or closes it, and nothing inside is a quote or a line's end: here all CSV readers agree.
PLAIN_QUOTES = re.compile(rb'[^"]*+(?:(?:\A|(?<=[,\n\r]))"[^"\n\r]*+"(?=[,\n\r]|\Z)[^"]*+)*+')


@dataclass(frozen=True)
class Submission:
    """What a valid file says.

    Parameters
    ----------
    prediction : float64, (n, K) in the order of `Form.ids` and `Form.classes`, labels as one-hot rows; (n,) where there are no classes.
    notes : what the reader wants the submitter to know.
    sha256 : of the file's bytes.
    """

    prediction: NDArray[np.float64]
    notes: tuple[str, ...]
    sha256: str


def read(path: Path, form: Form, hashing: bool = True) -> Submission:
    """Read the submission at `path`: ``.csv``, ``.csv.gz`` or ``.parquet``, rows joined by id, columns by name.

    Its SHA-256 takes a tenth of the time; without `hashing` it may be that of nothing.

    Raises
    ------
    InvalidSubmission : with everything that is wrong.
    """
    # A sound file is read fast; whatever is odd in the least goes to the diagnosis, which alone may refuse and which also may accept.
    kind = _kind(path)
    most = _most(path, kind, max(ALWAYS, len(form.ids) * (1 + len(form.columns)) * 1024))
    source: bytes | pa.Table
    if kind == ".parquet":
        raw = _bytes(path, most)
        source, digest = _parquet(raw, path, most), hashlib.sha256(raw).hexdigest()
        prediction = _arranged(_typed(source, form), form)
    else:
        table, digest = _fast_csv(path, kind, most, form, hashing)
        prediction = _arranged(table, form)
        if prediction is None:
            raw = _bytes(path, most)
            source, digest = _unpacked(raw, kind, path, most), hashlib.sha256(raw).hexdigest()
    if prediction is None:
        prediction = diagnose(source, str(path), form)
    return Submission(prediction, _notes(prediction, form), digest)


def write(path: Path, form: Form, prediction: NDArray[np.float64], ids: Sequence[str] | pa.StringArray) -> None:
    """Write predictions as a CSV that `read` gives back bit for bit; the file appears whole or not at all.

    Parameters
    ----------
    prediction : (n, K) in the order of `Form.classes`, or (n,).
    ids : (n,), the ids of the rows, in any order.
    """
    expected = (len(ids), len(form.classes)) if form.classes else (len(ids),)
    if prediction.shape != expected:
        raise ValueError(f"the predictions have shape {prediction.shape}, not {expected}")
    values = prediction.astype(np.float64).reshape(len(ids), -1)
    names = pa.array([form.id_column, *form.columns])
    columns = [pa.array(ids, pa.string()), *(pa.array(v) for v in values.T)]
    with lease.part(path) as part, part.open("wb") as out:
        _write_rows(out, [names.slice(i, 1) for i in range(len(names))])
        _write_rows(out, columns)
        out.flush()
        os.fsync(out.fileno())


def _write_rows(out: Any, columns: Sequence[pa.Array]) -> None:
    text = [c for c in columns if is_text(c.type)]
    # Arrow quotes all text or none of it (and always the names, so that the header is written as a row).
    quote = any(pc.any(pc.match_substring_regex(c, '[",\r\n]')).as_py() for c in text)
    table = pa.Table.from_arrays(columns, [str(i) for i in range(len(columns))])
    pyarrow.csv.write_csv(table, out, pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed" if quote else "none"))


def read_columns(path: Path, asked: int | None = None) -> pa.Table:
    """Return every column of a CSV or Parquet file of unknown form, as strings, exactly as they stand.

    A stranger's file, of which only so many rows are `asked` for, may not be much larger than these need.

    Raises
    ------
    InvalidSubmission : with everything that is wrong with the file as a table: encoding, delimiter, header, ragged rows.
    """
    kind = _kind(path)
    most = _most(path, kind, MOST_UNASKED if asked is None else max(ALWAYS, asked * 1024))
    source: bytes | pa.Table
    if kind == ".parquet":
        source = _parquet(_bytes(path, most), path, most)
    else:
        table, _ = _fast_csv(path, kind, most)
        if table is not None:
            return table
        source = _unpacked(_bytes(path, most), kind, path, most)
    findings = Findings(str(path))
    header, rows = as_text(source, findings)
    check_header(header, findings)
    sound = []
    for place, row in rows:
        if len(row) == len(header):
            sound.append(row)
        else:
            findings.add(SHORT if len(row) < len(header) else LONG, place, len(row), len(header))
    findings.check()
    if len(header) < 2:
        raise InvalidSubmission(str(path), ["the file has a single column: separate columns by commas"])
    if not sound:
        raise InvalidSubmission(str(path), ["the file has a header but no rows"])
    return pa.table({n: pa.array(c, pa.string()) for n, c in zip(header, zip(*sound, strict=True), strict=True)})


def names(path: Path, asked: int | None = None) -> list[str]:
    """Return the names of a file's columns; raise as `read_columns` does, which is asked where the header is odd in the least."""
    kind = _kind(path)
    if kind != ".parquet":
        try:
            with path.open("rb") as file:
                # what one line needs: gzip data may go on for gigabytes that hold nothing
                stream: Any = gzip.GzipFile(fileobj=io.BytesIO(file.read(BLOCK))) if kind == ".csv.gz" else file
                found = _header(stream.readline(WINDOW))
            if found is not None:
                return found
        except (OSError, EOFError, zlib.error):
            pass
    return list(read_columns(path, asked).column_names)


def _header(line: bytes) -> list[str] | None:
    """Return the names in a CSV's first line; None where anything about them is odd."""
    try:
        found = next(csv.reader([line.decode("utf-8-sig")], strict=True))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        return None
    odd = len(set(found)) < max(2, len(found)) or any(map(UNNAMED.fullmatch, found)) or not line.endswith(b"\n")
    return None if odd else found


def _kind(path: Path) -> str:
    """Return which of `KINDS` the file at `path` is by its name."""

    def kind(name: str) -> str | None:
        return next((k for k in KINDS if name.lower().endswith(k)), None)

    said = None
    if path.is_dir():
        inside = sorted(p for p in path.iterdir() if kind(p.name))
        said = "it is a folder: name the file inside it" + (f", such as {inside[0]}" if inside else "")
    elif not path.exists():
        near = nearest(path.name, [p.name for p in path.parent.iterdir()], most=1) if path.parent.is_dir() else []
        said = "there is no such file: " + (f"did you mean {path.parent / near[0]}?" if near else "check the path")
    elif not path.is_file():
        said = "it is not a regular file: write the predictions to one first"
    elif kind(path.name) is None:
        said = f"the name does not say what the file is: let it end in {', '.join(KINDS[:-1])} or {KINDS[-1]}"
    if said:
        raise InvalidSubmission(str(path), [said])
    return kind(path.name) or ""


def _most(path: Path, kind: str, most: int) -> int:
    """Return how many bytes a file may unpack to: `most`, or less where a small file would become a large one; raise where it has more itself."""
    size = path.stat().st_size
    if size > most:
        # before anything is read: gigabytes of nothing behind gzip data are passed over one byte at a time
        raise _too_large(path, most)
    return min(most, max(ALWAYS, RATIO * size)) if kind != ".csv" else most


def _bytes(path: Path, most: int) -> bytes:
    try:
        if path.stat().st_size > most:
            raise _too_large(path, most)
        with path.open("rb") as file:
            # no more than was there a moment ago
            return file.read(most)
    except OSError as error:
        raise InvalidSubmission(str(path), [f"the file cannot be read: {error.strerror}"]) from error


def _too_large(path: Path, most: int) -> InvalidSubmission:
    return InvalidSubmission(str(path), [f"it holds over {most >> 20:,} MiB, many times what it can need: write one short line per row"])


def _unpacked(raw: bytes, kind: str, path: Path, most: int) -> bytes:
    """Return the bytes of the CSV itself."""
    if kind == ".csv":
        for magic, said in FOREIGN.items():
            if raw.startswith(magic):
                raise InvalidSubmission(str(path), [f"the content is {said}"])
        return _lined(raw, path)
    try:
        data = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(most + 1)
    except EOFError as error:
        raise InvalidSubmission(str(path), ["the gzip data end too early: copy or compress the file again"]) from error
    except (OSError, zlib.error) as error:
        raise InvalidSubmission(str(path), [f"the gzip data are damaged, or none ({error}): compress the file again"]) from error
    if len(data) > most:
        raise _too_large(path, most)
    return _lined(data, path)


def _lined(data: bytes, path: Path) -> bytes:
    """Return a CSV's bytes; raise where it has a line without end, which the diagnosis would take many times its size to tell."""
    longest = max(LONGEST_CELL * 64, WINDOW)
    for at in range(0, len(data) - longest, longest):
        if data.find(b"\n", at, at + longest) < 0 and data.find(b"\r", at, at + longest) < 0:
            line = data.count(b"\n", 0, at) + 1
            raise InvalidSubmission(str(path), [f"line {line} has over {longest >> 20} MiB and no end: write one short line per row"])
    return data


def _parquet(raw: bytes, path: Path, most: int) -> pa.Table:
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(raw))
        schema, about = file.schema_arrow, file.metadata
        # before anything is read: one row of a list may hold a billion numbers
        odd = [f"{f.name!r} ({f.type})" for f in schema if not _plain(f.type)]
        if odd:
            raise InvalidSubmission(
                str(path), [f"neither text nor numbers: {', '.join(odd)}; store ids as text and predictions as float64"]
            )
        if max(about.num_rows * about.num_columns * 8, sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))) > most:
            raise _too_large(path, most)
        text = [f.name for f in schema if not _numbers(f.type)]
        # a long text that stands in every row is kept once in the file, and so is it here until all of it is counted
        table = pq.ParquetFile(pa.BufferReader(raw), read_dictionary=text).read()
        table.validate(full=True)
        if sum(_letters(chunk) for column in table.columns if not _numbers(column.type) for chunk in column.chunks) > most:
            raise _too_large(path, most)
        kinds = [f.with_type(pa.string()) if f.name in text and not pt.is_dictionary(f.type) else f for f in schema]
        return table.cast(pa.schema(kinds))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidSubmission(str(path), [f"it is no Parquet file, or a damaged one: {(str(error).splitlines() or [''])[0]}"]) from error


def _letters(chunk: pa.Array) -> int:
    """Return how many bytes a column's texts have, one that repeats counted each time."""
    if pt.is_dictionary(chunk.type):
        lengths = pc.take(pc.binary_length(chunk.dictionary).cast(pa.int64()), chunk.indices) if is_text(chunk.dictionary.type) else None
    else:
        lengths = pc.binary_length(chunk).cast(pa.int64())
    return 0 if lengths is None else int(pc.sum(lengths).as_py() or 0)


def _numbers(kind: pa.DataType) -> bool:
    return not is_text(kind.value_type if pt.is_dictionary(kind) else kind)


def _plain(kind: pa.DataType) -> bool:
    if pt.is_dictionary(kind):
        return _plain(kind.value_type)
    return is_text(kind) or any(is_(kind) for is_ in (pt.is_integer, pt.is_floating, pt.is_boolean, pt.is_decimal, pt.is_null))


def _wanted(names: Sequence[str], form: Form) -> tuple[str, ...] | None:
    """Return the columns that are to be read when `names`, in any order, are exactly those of one of the forms."""
    for columns in (form.columns, (form.target_column,) if form.takes_labels else ()):
        if columns and len(names) == 1 + len(columns) and set(names) == {form.id_column, *columns}:
            return (form.id_column, *columns)
    return None


def _of_labels(wanted: Sequence[str], form: Form) -> bool:
    return form.takes_labels and wanted[1:] != form.columns


class _Hashed(io.RawIOBase):
    """A file's bytes, hashed as they are read, unless nobody asks for that."""

    def __init__(self, file: io.RawIOBase, asked: bool) -> None:
        self.file, self.sha256, self.asked = file, hashlib.sha256(), asked

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self.file.readinto(buffer) or 0
        if self.asked:
            self.sha256.update(memoryview(buffer)[:count])
        return count


class _Screened(io.RawIOBase):
    """A CSV's bytes on their way to Arrow; `odd` once there is something that another CSV reader might read otherwise."""

    def __init__(self, file: Any, most: int) -> None:
        self.file, self.most, self.line, self.odd = file, most, b"", False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block: bytes = self.file.read(size)
        self.most -= len(block)
        lines = self.line + block
        self.line = lines[lines.rfind(b"\n") + 1 :] if block else b""
        # A window without a line's end: maybe a cell longer than the csv module takes.
        self.odd |= self.most < 0 or any(lines.find(b"\n", i, i + WINDOW) < 0 for i in range(0, len(lines) - WINDOW, WINDOW))
        # Arrow drops a byte order mark from the front of what it is given, which here is the first row, not the header.
        self.odd |= lines.startswith(codecs.BOM_UTF8)
        self.odd |= b'"' in lines and PLAIN_QUOTES.fullmatch(lines[: len(lines) - len(self.line)]) is None
        return b"" if self.odd else block


def _fast_csv(path: Path, kind: str, most: int, form: Form | None = None, hashing: bool = True) -> tuple[pa.Table | None, str]:
    """Return the columns that `form` asks for, or all of them as strings, and the file's SHA-256; no table where anything is odd."""
    try:
        with path.open("rb", buffering=0) as file:
            hashed = _Hashed(file, hashing)
            stream: Any = io.BufferedReader(hashed, BLOCK)
            if kind == ".csv.gz":
                stream = gzip.GzipFile(fileobj=stream)
            found = _header(stream.readline(WINDOW))
            wanted = None if found is None else tuple(found) if form is None else _wanted(found, form)
            if wanted is None:
                return None, ""
            screened = _Screened(stream, most)
            text = form is None or _of_labels(wanted, form)
            table = pyarrow.csv.read_csv(
                screened,
                pyarrow.csv.ReadOptions(column_names=found, block_size=BLOCK),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={n: pa.string() if text or n == wanted[0] else pa.float64() for n in wanted},
                    include_columns=wanted,
                    null_values=[],
                    strings_can_be_null=False,
                ),
            )
    except (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, StopIteration):
        return None, ""
    return (table if table.num_rows and not screened.odd else None), hashed.sha256.hexdigest()


def _typed(table: pa.Table, form: Form) -> pa.Table | None:
    """Return a Parquet file's columns in the types that `_fast_csv` gives; None where anything is odd."""
    wanted = _wanted(table.column_names, form)
    if wanted is None or any(table[n].null_count for n in wanted):
        return None
    ids, *rest = (table[n] for n in wanted)
    text = _of_labels(wanted, form)
    if not (is_text(ids.type) or pt.is_integer(ids.type)) or not all(
        is_text(c.type) if text else pt.is_floating(c.type) or pt.is_integer(c.type) for c in rest
    ):
        return None
    columns = [ids.cast(pa.string()), *(c.cast(pa.string() if text else pa.float64(), safe=False) for c in rest)]
    return pa.table(dict(zip(wanted, columns, strict=True)))


def _arranged(table: pa.Table | None, form: Form) -> NDArray[np.float64] | None:
    """Return the predictions in the form's order; None where anything is odd."""
    if table is None or table.num_rows != len(form.ids):
        return None
    n, width = len(form.ids), len(form.columns)
    position = _positions(table.column(0), form)
    if position is None:
        return None
    if is_text(table.column(1).type):
        label = pc.index_in(table.column(1), value_set=pa.array(form.classes, pa.string())).combine_chunks()
        if label.null_count:
            return None
        prediction = np.zeros((n, width))
        prediction[position, np.from_dlpack(label)] = 1
        return prediction
    prediction = np.empty((n, width))
    # a row as one thing: that is copied in two thirds of the time that its numbers take
    as_rows = prediction.view(np.dtype((np.void, prediction.itemsize * width)))[:, 0]

    def put(batch: pa.RecordBatch, end: int) -> bool:
        """Put some rows where they belong; return whether nothing is odd about them."""
        # Arrow's own `to_numpy` imports pandas first, which takes as long as all of this
        columns = [np.from_dlpack(column) for column in batch.columns]
        rows = np.array(columns).T.copy()
        as_rows[position[end - len(rows) : end]] = rows.view(as_rows.dtype)[:, 0]
        low, high = rows.min(), rows.max()
        sound = np.isfinite(low) and np.isfinite(high) and (not form.bounded or 0 <= low <= high <= 1)
        return bool(sound and (not form.sums or (sum(columns[1:], columns[0]) > 0).all()))

    batches = table.select(range(1, 1 + width)).to_batches(max_chunksize=PIECE)
    ends = np.cumsum([batch.num_rows for batch in batches]).tolist()
    sound = all(each(lambda piece: put(*piece), zip(batches, ends, strict=True), alone=n < PIECE))
    return (prediction if form.classes else prediction[:, 0]) if sound else None


def _positions(ids: pa.ChunkedArray, form: Form) -> NDArray[np.int64] | None:
    """Return the place of every row in the form; None where an id is unknown, missing or there more than once."""
    given = joining.keys(ids) if form.keys is not None else None
    if form.keys is not None and given is not None and not form.keys.may_repeat:
        return joining.places(form.keys, given)
    n = len(form.ids)
    # One dictionary over both: an id's code is its position in the form, and unknown ids come after.
    codes = pa.chunked_array([form.id_array, *ids.chunks]).dictionary_encode().chunks
    code: NDArray[np.int64] = np.concatenate([np.from_dlpack(c.indices) for c in codes])
    if not np.array_equal(code[:n], np.arange(n)):
        raise ValueError("Form.ids holds an id more than once")
    position = code[n:]
    return position if position.max() < n and len(np.unique(position)) == n else None


def _notes(prediction: NDArray[np.float64], form: Form) -> tuple[str, ...]:
    if not form.sums:
        return ()
    pieces = [prediction[start : start + PIECE] for start in range(0, len(prediction), PIECE)]
    off = sum(each(lambda rows: int(np.count_nonzero(np.abs(rows.sum(axis=1) - 1) > SUM_TOLERANCE)), pieces))
    if off == 0:
        return ()
    verbs = ("row does", "was") if off == 1 else ("rows do", "were")
    return (f"{off:,} {verbs[0]} not sum to 1 and {verbs[1]} rescaled, as Kaggle does",)
