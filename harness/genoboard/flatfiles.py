"""Flat files: CSV, TSV or Parquet -> a table as it stands, every cell a text where the file has no types."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from .columns import Table, nulls
from .errors import DataError

DIVIDED = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t", ".txt": "\t", ".txt.gz": "\t", ".tab": "\t"}
BLOCK = 1 << 26  # bytes; a row is to fit in one
ANNDATA, PARQUET = ".h5ad", ".parquet"


def kind_of(path: Path) -> str:
    """Return by which of its endings a file is known; raise `DataError` for any other, with what is read."""
    name = path.name.lower()
    found = next((end for end in (*DIVIDED, PARQUET, ANNDATA) if name.endswith(end)), None)
    if found is None:
        raise DataError(
            f"{path}: genoboard reads .csv, .tsv (.gz too), .parquet and .h5ad, by the end of the name. Save it as one of these, or rename it."
        )
    return found


def read(path: Path) -> Table:
    """Return a file's table; raise `DataError` with the line, or the column, where it is none."""
    kind = kind_of(path)
    try:
        content = pq.read_table(path) if kind == PARQUET else _divided(path, DIVIDED[kind])
    except pa.ArrowInvalid as error:
        said = " ".join(str(error).split()).removeprefix("CSV parse error: ").replace("Row #", "line ")
        raise DataError(f"{path}: {said.rstrip('.')}. Mend it there, and try again.") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    _require_different(content.column_names, f"{path}, its schema")
    if not len(content):
        raise DataError(f"{path} has no rows.")
    made = pa.table([nulls(c.combine_chunks()) for c in content.columns], names=content.column_names)
    return Table(made, str(path), *((1, "row") if kind == PARQUET else (2, "line")))


def _divided(path: Path, sign: str) -> pa.Table:
    with path.open("rb") as raw:
        start = raw.read(4)
        packed = path.name.lower().endswith(".gz")
        if start[:2] == b"PK" or start == b"PAR1" or (start[:2] == b"\x1f\x8b") != packed:
            raise DataError(f"{path} is not what its name says: let it end in what it is, .csv, .csv.gz, .tsv, .tsv.gz or .parquet.")
    # a name may hold commas and line ends, and one that stands twice would be lost on the way
    with (
        gzip.open(path) if packed else path.open("rb") as stream,
        io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        try:
            names = next(csv.reader(text, delimiter=sign), [])
            "".join(names).encode("utf-8")
        except (UnicodeEncodeError, csv.Error) as error:
            raise DataError(f"{path}, line 1: {error}. Save the file as UTF-8, its first line the names of columns.") from error
    if not any(names):
        raise DataError(f"{path}, line 1: there are no names of columns. A table begins with them.")
    _require_different(names, f"{path}, line 1")
    with gzip.open(path) if packed else path.open("rb") as stream:
        return pyarrow.csv.read_csv(
            stream,
            pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK),
            pyarrow.csv.ParseOptions(delimiter=sign, newlines_in_values=True),
            pyarrow.csv.ConvertOptions(strings_can_be_null=False, column_types=dict.fromkeys(names, pa.string())),
        )


def _require_different(names: Sequence[str], where: str) -> None:
    twice = next((n for n, k in Counter(names).items() if k > 1), None)
    if twice is not None:
        one, other = [i + 1 for i, n in enumerate(names) if n == twice][:2]
        raise DataError(f"{where}: two columns are called {twice!r}, numbers {one} and {other}. Rename one.")
