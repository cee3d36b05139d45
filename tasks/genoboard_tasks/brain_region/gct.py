"""GCT reader: chosen columns of a genes-by-samples text table (``#1.2``), streamed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from isal import igzip
from isal.isal_zlib import IsalError
from numpy.typing import NDArray

from genoboard import DataError

from ..packed import Bounded, too_long
from .samples import require_once

Convert = Callable[[NDArray[np.float64]], NDArray[np.float32]]

MAGIC = b"#1.2"
# A block's cells and their positions stay in the processor's cache.
BLOCK = 1 << 20
LARGEST = float(np.finfo(np.float32).max)
HEAD = 3
NAMES = 2
# GTEx's column names have half a megabyte
LONGEST_NAMES = 64 << 20
# what a line may have beside its numbers
LONGEST = 1 << 20


@dataclass(frozen=True)
class Header:
    """What the first three lines promise: how many genes, and which samples."""

    path: Path
    genes: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Gct:
    """`values`, float32 (genes, samples); gene ids and symbols (the columns Name and Description)."""

    values: NDArray[np.float32]
    genes: list[str]
    symbols: list[str]


def _as_float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def is_gct(path: Path) -> bool:
    """Tell by its first line whether a file is a GCT, plain or gzipped, whatever its name."""
    try:
        with _open(path) as stream:
            return stream.read(len(MAGIC) + 1).rstrip() == MAGIC
    except (DataError, OSError):
        return False


def read_header(path: Path) -> Header:
    """Read the first three lines; raise `DataError` where they are not a GCT's."""
    with _open(path) as stream:
        return _header(stream, path)


def check_length(path: Path) -> None:
    """Raise `DataError` unless the file has as many gene lines as its header says."""
    with _open(path) as stream:
        header = _header(stream, path)
        with closing(_blocks(stream, header)) as blocks:
            _expect_genes(header, sum(block.count(b"\n") for block in blocks))


def read_columns(path: Path, samples: Sequence[str], convert: Convert = _as_float32) -> Gct:
    """Read the columns of these samples, in this order; no other number is ever held or even parsed.

    `convert` turns the numbers of some lines, float64, into what is kept of them, float32.

    Raises
    ------
    DataError
        Where the header lies, a line has too few or too many cells, a gene occurs twice, or a cell of the wanted columns is
        not a number from 0 up; gene, sample and line are named.
    """
    with _open(path) as stream:
        header = _header(stream, path)
        place = {s: i + NAMES for i, s in enumerate(header.samples)}
        columns = np.array([place[s] for s in samples], dtype=np.intp)
        # Cells are parsed in the file's order and stored in the caller's.
        order = np.argsort(columns)
        try:
            values = np.empty((header.genes, len(columns)), dtype=np.float32)
        except (MemoryError, ValueError) as error:
            raise DataError(f"{path}: line 2 promises {header.genes} genes, more than memory holds. Download the file again.") from error
        genes: list[str] = []
        symbols: list[str] = []
        there = 0
        # Closed before the stream is: it may still be read ahead of.
        with closing(_blocks(stream, header)) as blocks:
            for text in blocks:
                block = _Block(header, text, there)
                there += block.lines
                if there <= header.genes:
                    values[there - block.lines : there, order] = convert(block.numbers(columns[order]))
                    genes += block.names(0)
                    symbols += block.names(1)
        _expect_genes(header, there)
    require_once(genes, "gene", str(path))
    return Gct(values, genes, symbols)


class _Block:
    """Some whole lines of the body, and where their cells end."""

    def __init__(self, header: Header, text: bytes, before: int) -> None:
        self.header, self.text = header, text
        self.first = HEAD + before + 1
        self.lines = text.count(b"\n")
        width = len(header.samples) + NAMES
        characters = np.frombuffer(text, dtype=np.uint8)
        # Tab is 9 and newline 10; smaller ones wrap to large numbers. One comparison takes half the time of two.
        ends = np.flatnonzero(characters - np.uint8(9) < 2)
        if len(ends) != self.lines * width or (characters[ends[width - 1 :: width]] != 10).any():
            raise self._ragged(width)
        self.ends = ends.reshape(self.lines, width)

    def names(self, column: int) -> list[str]:
        """Return the text of one of the two leading columns."""
        starts = np.concatenate([[0], self.ends[:-1, -1] + 1]) if column == 0 else self.ends[:, column - 1] + 1
        cells = [self.text[a:b] for a, b in zip(starts.tolist(), self.ends[:, column].tolist(), strict=True)]
        try:
            return [c.decode() for c in cells]
        except UnicodeDecodeError:
            line, told = next((i, f"{c!r}"[2:-1]) for i, c in enumerate(cells) if c.decode("utf-8", "replace").encode() != c)
            raise DataError(
                f"{self.header.path}: line {self.first + line}, {('Name', 'Description')[column]} {told[:40]} is not UTF-8. Get the file again."
            ) from None

    def numbers(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return these columns (ascending), float64 (lines, columns).

        Arrow sees one array of strings in the block's own bytes: the wanted cells and the gaps between them in turn, the gaps
        marked null. So nothing is split or copied, and only what is wanted is parsed.
        """
        offsets = np.empty((self.lines, 2 * len(columns)), dtype=np.int32)
        offsets[:, 0::2] = self.ends[:, columns - 1] + 1
        offsets[:, 1::2] = self.ends[:, columns]
        count = offsets.size - 1
        every_other = pa.py_buffer(b"\x55" * (count // 8 + 1))
        cells = pa.Array.from_buffers(pa.string(), count, [every_other, pa.py_buffer(offsets), pa.py_buffer(self.text)])
        try:
            parsed = cells.cast(pa.float64())
        except pa.ArrowInvalid as error:
            raise self._wrong_cell(cells, columns) from error
        values = np.frombuffer(parsed.buffers()[1], dtype=np.float64)[:count:2].reshape(self.lines, len(columns))
        # NaN passes through min and max, and fails either comparison.
        if not (values.min() >= 0 and values.max() <= LARGEST):
            raise self._wrong_cell(cells, columns)
        return values

    def _wrong_cell(self, cells: Any, columns: NDArray[np.intp]) -> DataError:
        for i in range(0, len(cells), 2):
            line, k = divmod(i // 2, len(columns))
            try:
                value = cells[i : i + 1].cast(pa.float64())[0].as_py()
                fault = "is below 0" if value < 0 else "is not a finite number"
                if 0 <= value <= LARGEST:
                    continue
            except pa.ArrowInvalid:
                fault = "is not a number"
            gene, sample = self.names(0)[line], self.header.samples[columns[k] - NAMES]
            cell = self.text[self.ends[line, columns[k] - 1] + 1 : self.ends[line, columns[k]]].decode("utf-8", "replace")
            return DataError(
                f"{self.header.path}: line {self.first + line}, gene {gene[:80]}, sample {sample[:80]}: {cell[:80]!r} {fault}. "
                "Expression must be a number from 0 up."
            )
        raise AssertionError("no wrong cell found")

    def _ragged(self, width: int) -> DataError:
        for number, line in enumerate(self.text.split(b"\n"), self.first):
            cells = line.split(b"\t")
            if len(cells) != width:
                name = cells[0].decode("utf-8", "replace")
                return DataError(
                    f"{self.header.path}: line {number} (gene {name[:80]}) has {len(cells)} cells where the column names have {width}. "
                    "The file is damaged or cut off; get it again."
                )
        raise AssertionError("no ragged line found")


@contextmanager
def _open(path: Path) -> Iterator[io.BufferedReader]:
    """Open a plain or gzipped file by its first bytes; an unreadable stream is a `DataError`."""
    if not path.is_file():
        # a pipe would be waited for, a device never ends
        raise DataError(f"{path} is not a regular file. Give a GCT file.")
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
        # Intel's library inflates in less than half the time that Arrow or the standard library's gzip take.
        with igzip.IGzipFile(str(path)) if gzipped else pa.input_stream(str(path), compression=None) as stream:  # type: ignore[no-untyped-call]
            yield io.BufferedReader(Bounded(stream, path) if gzipped else stream, 1 << 17)
    except (OSError, EOFError, IsalError) as error:  # type: ignore[misc]  # a class, though its types do not say so
        raise DataError(f"{path} cannot be read to its end: it is damaged or cut off ({error}). Download the file again.") from error


def _header(stream: io.BufferedReader, path: Path) -> Header:
    magic, size, names = (stream.readline(limit).rstrip(b"\r\n").decode("utf-8", "replace") for limit in (64, 64, LONGEST_NAMES))
    if len(names) >= LONGEST_NAMES // 4 and len(names.encode()) >= LONGEST_NAMES - 1:
        raise too_long(path, HEAD, LONGEST_NAMES)
    if magic.encode() != MAGIC:
        raise DataError(f"{path} is not a GCT: its first line is {magic[:40]!r}, not '#1.2'. Give the gene_tpm.gct.gz file of GTEx.")
    try:
        if not re.fullmatch(r"\s*[0-9]+\s*\t\s*[0-9]+\s*(\t.*)?", size):
            raise ValueError
        genes, promised = (int(n) for n in size.split("\t")[:2])
    except ValueError:
        raise DataError(f"{path}: line 2 is {size!r}, where a GCT has two numbers, genes and samples. Get the file again.") from None
    cells = names.split("\t")
    if [c.casefold() for c in cells[:NAMES]] != ["name", "description"]:
        raise DataError(
            f"{path}: line 3 begins with {[c[:40] for c in cells[:NAMES]]}, where a GCT has Name and Description. Get the file again."
        )
    samples = cells[NAMES:]
    if len(samples) != promised:
        raise DataError(f"{path}: line 2 promises {promised} samples, line 3 names {len(samples)}. Get the file again.")
    odd = next((s for s in samples if "\ufffd" in s), None)
    if odd is not None:
        raise DataError(f"{path}: line 3, sample {odd[:40]!r} is not UTF-8. Get the file again.")
    if not genes:
        raise DataError(f"{path}: line 2 promises no gene. Get the file again.")
    require_once(samples, "sample", str(path))
    return Header(path, genes, tuple(samples))


def _blocks(stream: io.BufferedReader, header: Header) -> Generator[bytes, None, None]:
    """Give whole lines, some megabytes at a time, each ended by a newline; blank lines at the end are none."""
    # no number and no gene's description comes near this
    longest = LONGEST + 64 * len(header.samples)
    before = HEAD

    def read() -> bytes:
        nonlocal before
        block, rest = stream.read(BLOCK), stream.readline(longest)
        if len(rest) == longest:
            raise too_long(header.path, before + block.count(b"\n") + 1, longest)
        before += block.count(b"\n") + rest.count(b"\n")
        return block + rest

    # Inflating takes longer than parsing, so one block is inflated while the one before it is parsed.
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(read)
        while block := coming.result():
            coming = ahead.submit(read)
            if b"\r" in block:
                block = block.replace(b"\r\n", b"\n")
            if not block.endswith(b"\n") or block.endswith(b"\n\n"):
                block = block.rstrip(b"\n") + b"\n"
            if block != b"\n":
                yield block


def _expect_genes(header: Header, there: int) -> None:
    if there != header.genes:
        fault = "it is cut off" if there < header.genes else "its header is wrong"
        raise DataError(
            f"{header.path}: the header promises {header.genes} genes, but the file holds {there}: {fault}. Download the whole file again."
        )
