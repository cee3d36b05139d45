"""Parquet: columns of a stranger's file, refused where it is damaged, or where little on disk would become much in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pt

from genoboard import DataError

# Numbers that repeat are packed well; a thousand times is what a file of zeros is packed to.
RATIO, ALWAYS = 200, 1 << 30
PLAIN = (pt.is_integer, pt.is_floating, pt.is_boolean, pt.is_decimal, pt.is_null)


def names(source: Path | bytes, path: Path) -> list[str]:
    """Return a file's columns, the row names first: pandas keeps a named index as the last column and says so."""
    if isinstance(source, Path) and not source.is_file():
        # a pipe would be waited for
        raise DataError(f"{path} is not a regular file. Give a file, not a folder, a pipe or a device.")
    try:
        schema = pq.read_schema(_opened(source))
        index = [c for c in (schema.pandas_metadata or {}).get("index_columns", []) if isinstance(c, str)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is not readable as Parquet: {_line(error)}. Write it again.") from error
    return [*(c for c in index if c in schema.names), *(n for n in schema.names if n not in index)]


def read(source: Path | bytes, columns: Sequence[str], path: Path) -> Any:
    """Return these columns, of text or numbers, in this order; raise `DataError`, naming a column that is neither."""
    try:
        schema = pq.read_schema(_opened(source))
        text = [f.name for f in schema if f.name in columns and _text(f.type)]
        odd = [f"{f.name} ({f.type})" for f in schema if f.name in columns and f.name not in text and not any(is_(f.type) for is_ in PLAIN)]
        if odd:
            raise DataError(f"{path}: column {odd[0]} is neither text nor numbers. Write texts as string and numbers as float64.")
        # One text may stand for a million rows: as a dictionary it is in memory once.
        with pq.ParquetFile(_opened(source), read_dictionary=text) as file:
            rows = file.metadata.num_rows
            _check_size(8 * rows * len(columns), source, path)
            table = file.read(columns=list(dict.fromkeys(columns))).select(list(columns))
        table.validate(full=True)
        if table.num_rows != rows:
            raise DataError(f"{path} cannot be read to its end: it has {table.num_rows} rows where it promises {rows}. Write it again.")
        for name in text:
            _check_size(sum(_letters(chunk) for chunk in table[name].chunks), source, path)
        kinds = [pa.large_string() if n in text else table.schema.field(n).type for n in columns]
        return table.cast(pa.schema(list(zip(columns, kinds, strict=True))))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read to its end, or not as Parquet: {_line(error)}. Write it again.") from error


def _opened(source: Path | bytes) -> Any:
    return pa.BufferReader(source) if isinstance(source, bytes) else str(source)


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0].rstrip(".")


def _text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pt.is_dictionary(kind) else kind
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _letters(chunk: Any) -> int:
    """Return how many bytes the texts of a column have, those that repeat counted as often as they stand there."""
    if pt.is_dictionary(chunk.type):
        return int(pc.sum(pc.take(pc.binary_length(chunk.dictionary).cast(pa.int64()), chunk.indices)).as_py() or 0)
    return int(pc.sum(pc.binary_length(chunk).cast(pa.int64())).as_py() or 0)


def _check_size(needed: int, source: Path | bytes, path: Path) -> None:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    most = max(ALWAYS, RATIO * size)
    if needed > most:
        raise DataError(
            f"{path} unpacks to over {most >> 20:,} MiB, {RATIO} times its size or more, and was not read: it may be made to fill memory. "
            "If it is what it should be, write it as CSV, which is read as it stands."
        )
