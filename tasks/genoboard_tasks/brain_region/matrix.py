"""Expression matrix: samples x genes from CSV or Parquet, the first column the sample id, every other cell a number from 0 up."""

from __future__ import annotations

import csv
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from genoboard import DataError

from .. import parquet
from ..packed import DAMAGE, GZIP, ZIP, Bounded, lines
from .samples import require_once

SUFFIXES = (".csv", ".csv.gz", ".parquet")
MISSING = ["", "NA", "N/A", "NaN", "nan", "null"]
# A line of 60,000 gene ids is a megabyte; Arrow wants whole lines in a block.
BLOCK = 32 << 20


@dataclass(frozen=True)
class Matrix:
    """`values`, float32 (genes, samples), as the file has them; sample and gene ids."""

    path: Path
    samples: list[str]
    genes: list[str]
    values: NDArray[np.float32]


def first_samples(path: Path, most: int = 20) -> list[str]:
    """Return the first entries of the sample column; nothing where the file cannot be read."""
    try:
        if path.suffix == ".parquet":
            batch = next(pq.ParquetFile(path).iter_batches(most, columns=parquet.names(path, path)[:1]), None)
            return [] if batch is None else [str(v) for v in batch.column(0).to_pylist()]
        return [row[0] for row in _lines(path, most + 1)[1:] if row]
    except (DataError, csv.Error, pa.ArrowException, *DAMAGE):
        return []


def read_matrix(path: Path) -> Matrix:
    """Read a matrix; raise `DataError`, naming sample and gene, where a cell is missing, not a number or below 0, or an id occurs twice."""
    table = parquet.read(path, parquet.names(path, path), path) if path.suffix == ".parquet" else _csv(path)
    samples = [str(s) for s in table.column(0).to_pylist()]
    genes = list(table.column_names[1:])
    if not genes or not samples:
        raise DataError(
            f"{path} holds no {'sample' if genes else 'gene'}: it has {len(samples):,} rows, and {len(genes):,} columns beside the sample ids. Get the file again."
        )
    require_once(samples, "sample", str(path))
    require_once(genes, "gene", str(path))
    values = np.empty((len(genes), len(samples)), dtype=np.float32)
    for i, column in enumerate(table.columns[1:]):
        try:
            values[i] = column.cast(pa.float32(), safe=False).fill_null(np.nan).to_numpy()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise _not_a_number(path, samples, genes[i], column.to_pylist()) from None
    if values.size and not (values.min() >= 0 and values.max() < np.inf):
        gene, sample = np.argwhere(~((values >= 0) & (values < np.inf)))[0]
        value = values[gene, sample]
        fault = "is missing" if np.isnan(value) else f"is {value:g}, which is below 0" if value < 0 else "is infinite"
        raise DataError(f"{path}: sample {samples[sample][:80]}, gene {genes[gene][:80]} {fault}. Every cell needs a number from 0 up.")
    return Matrix(path, samples, genes, values)


def _csv(path: Path) -> Any:
    """Return the table with float32 columns, or with text where a column is not all numbers."""
    try:
        names = next(iter(_lines(path, 1)), [])
        if not names:
            raise DataError(f"{path} is empty, or its first line is. It needs a line of column names, and one line for each sample.")
        for numbers in (pa.float32(), pa.string()):
            types = {**dict.fromkeys(names, numbers), names[0]: pa.string()}
            try:
                return pa.csv.read_csv(
                    _stream(path),
                    pa.csv.ReadOptions(block_size=BLOCK),
                    convert_options=pa.csv.ConvertOptions(column_types=types, null_values=MISSING, strings_can_be_null=False),
                )
            except pa.ArrowInvalid as error:
                fault: Exception = error
        _find_ragged(path)
    except (csv.Error, *DAMAGE) as error:
        fault = error
    raise DataError(
        f"{path} is not a whole CSV table: {str(fault)[:200]}. Every line needs as many cells as there are column names."
    ) from fault


def _find_ragged(path: Path) -> None:
    """Raise `DataError`, naming the first line whose cells are too few or too many; Arrow tells no line."""
    with closing(lines(path)) as text:
        reader = csv.reader(text)
        width = len(next(reader, []))
        for cells in reader:
            if cells and len(cells) != width:
                raise DataError(
                    f"{path}, line {reader.line_num} (sample {cells[0][:40]!r}) has {len(cells):,} cells, where there are {width:,} column names. "
                    "The file is damaged or cut off; get it again."
                )


def _lines(path: Path, most: int) -> list[list[str]]:
    with closing(lines(path)) as text:
        return list(islice(csv.reader(text), most))


def _stream(path: Path) -> Any:
    """Open a file by its first bytes; Arrow inflates a third faster than the standard library's gzip does."""
    with path.open("rb") as raw:
        head = raw.read(len(ZIP[0]))
    if head in ZIP:
        raise DataError(f"{path} is a zip archive. Unpack it and leave the unpacked file in its place.")
    return Bounded(pa.input_stream(str(path), compression="gzip"), path) if head.startswith(GZIP) else path


def _not_a_number(path: Path, samples: list[str], gene: str, cells: list[Any]) -> DataError:
    for sample, cell in zip(samples, cells, strict=True):
        try:
            pa.scalar(cell).cast(pa.float32())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return DataError(
                f"{path}: sample {sample[:80]}, gene {gene[:80]} is {str(cell)[:80]!r}, not a number. Every cell needs a number from 0 up."
            )
    raise AssertionError(f"no cell of {gene} is at fault")
