"""Sites: where transcripts begin, from refGene's BED or table, a GTF or GFF, or a CSV; told apart by content, not by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genoboard import DataError

from .content import read_content, unix
from .table import COMMENT, delimiter_of, rows
from .wording import shown

# more digits than any genome has bases are no position
WHOLE = re.compile(r"\s*-?[0-9]{1,15}\s*")
STRANDS = {"+": 1, "-": -1, "1": 1, "-1": -1, "+1": 1}
ENSEMBL = re.compile(r"(ENS[A-Z]*G\d{6,})(?:\.\d+)?(?:_PAR_Y)?")
COLUMNS = {
    "symbol": ("gene.name", "gene_name", "symbol", "gene_symbol"),
    "gene_id": ("gene_id", "ensembl", "ensembl_gene_id", "ensgene", "gene.id"),
    "chrom": ("chrom", "chr", "chromosome", "seqnames"),
    "strand": ("strand",),
    "tss": ("tss",),
}
# Ensembl's GFF3 calls some genes otherwise; UCSC's GTF has no line for a gene
FEATURES = (b"gene|ncRNA_gene|pseudogene", b"transcript|mRNA")
FORMATS = "refGene as BED or as UCSC's table, a GTF or GFF, or a CSV with the columns symbol (or gene_name), chrom, strand and TSS"


@dataclass(frozen=True)
class Transcript:
    """One line of an annotation as it stands; `start` and `end` are half-open, or both the TSS."""

    line: int
    chrom: str
    start: str | int
    end: str | int
    strand: str
    symbol: str
    gene_id: str = ""


def read_sites(path: Path) -> pd.DataFrame:
    """Read TSS: `chrom`, `tss` (0-based), `strand` (1, -1), `symbol`, `gene_id` (Ensembl's without version, or ""), `line`.

    Raises
    ------
    DataError
        Where the file is of no known format, or a line of it has no position or strand.
    """
    content = unix(read_content(path))
    sites = [(t.chrom, _tss(t, path), STRANDS[t.strand], t.symbol, ensembl(t.gene_id), t.line) for t in _transcripts(content, path)]
    if not sites:
        raise DataError(f"{path} names no gene. It should be {FORMATS}.")
    return pd.DataFrame(sites, columns=["chrom", "tss", "strand", "symbol", "gene_id", "line"])


def ensembl(name: str) -> str:
    """Return an Ensembl gene id without its version; "" where the name is none."""
    found = ENSEMBL.fullmatch(name)
    return found[1] if found else ""


def _tss(transcript: Transcript, path: Path) -> int:
    where = f"{path}, line {transcript.line}: {shown(transcript.symbol or transcript.gene_id)}"
    if transcript.strand not in STRANDS:
        raise DataError(f"{where} has the strand {shown(transcript.strand)!r}. It must be + or -: bins are laid out along it.")
    if not all(WHOLE.fullmatch(str(at)) for at in (transcript.start, transcript.end)):
        raise DataError(f"{where} lies at {transcript.start!s:.40}-{transcript.end!s:.40}. Positions must be whole numbers.")
    start, end = int(transcript.start), int(transcript.end)
    if not 0 <= start <= end:
        raise DataError(f"{where} lies at {start}-{end}. A start must be 0 or more, and not beyond the end.")
    return start if STRANDS[transcript.strand] == 1 or start == end else end - 1


def _transcripts(content: bytes, path: Path) -> Iterator[Transcript]:
    body = COMMENT.sub(b"", content)
    delimiter = delimiter_of(body.lstrip(), path)
    _, first = next(rows(body, delimiter, path))
    if len(first) >= 6 and _whole_numbers(first[1:3]):
        lines = list(_even(body, delimiter, path))
        # a plain BED has its name before a score; refGene's has an accession before the symbol
        symbol = 4 if any(c[4].strip(".0123456789") for _, c in lines) else 3
        return (Transcript(n, c[0], c[1], c[2], c[5], c[symbol]) for n, c in lines)
    if len(first) == 9 and _whole_numbers(first[3:5]):
        return _gff(body, path)
    # UCSC's table, with or without the column bin in front
    at = len(first) - 15
    if at in (0, 1) and _whole_numbers(first[at + 3 : at + 5]):
        return (Transcript(n, *(c[at + i] for i in (1, 3, 4, 2, 11))) for n, c in _even(body, delimiter, path))
    return _csv(content, path)


def _whole_numbers(cells: list[str]) -> bool:
    return all(c.strip().isdigit() for c in cells)


def _even(content: bytes, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Give the rows; raise `DataError` where one has fewer cells than the first."""
    width = 0
    for n, cells in rows(content, delimiter, path):
        width = width or len(cells)
        if len(cells) < width:
            raise DataError(f"{path}, line {n}: {len(cells)} cells where the lines before have {width}. It is cut off; get the file again.")
        yield n, [c.strip() for c in cells]


def _gff(body: bytes, path: Path) -> Iterator[Transcript]:
    """Give the lines of genes or, where there is none, of transcripts: a small part of the file."""
    for features in FEATURES:
        found = list(re.finditer(rb"^([^\t\n]*\t[^\t\n]*\t(?:" + features + rb")(?![^\t\r\n])[^\r\n]*)", body, re.MULTILINE))
        if found:
            break
    line, at = 1, 0
    for match in found:
        line, at = line + body.count(b"\n", at, match.start()), match.start()
        cells = match[1].decode("utf-8", "replace").split("\t", 8)
        if len(cells) < 9:
            raise DataError(f"{path}, line {line}: {len(cells)} cells where a GTF or GFF has 9. It is cut off; get the file again.")
        chrom, _, _, start, end, _, strand, _, attributes = cells
        if not chrom.strip():
            raise DataError(f"{path}, line {line} names no chromosome. Get the file again.")
        symbol, gene_id = (_attribute(attributes, *keys) for keys in (("gene_name", "gene", "Name"), ("gene_id", "ID")))
        # GTF and GFF count from 1
        first = int(start) - 1 if WHOLE.fullmatch(start) else start
        yield Transcript(line, chrom, first, end, strand, symbol, gene_id.removeprefix("gene:"))


def _attribute(attributes: str, *keys: str) -> str:
    """Return the first of these attributes that is there, written as in GTF (``key "value"``) or as in GFF3 (``key=value``)."""
    for key in keys:
        if found := re.search(rf'(?:^|;)\s*{key}(?:\s+"?|=)([^";]*)', attributes):
            return found[1]
    return ""


def _csv(content: bytes, path: Path) -> Iterator[Transcript]:
    lines = _even(content, delimiter_of(content, path), path)
    header = [c.lstrip("#").lower() for c in next(lines)[1]]
    place = {key: next((header.index(n) for n in names if n in header), -1) for key, names in COLUMNS.items()}
    twice = next((header[i] for i in place.values() if i >= 0 and header.count(header[i]) > 1), None)
    if twice is not None:
        raise DataError(f"{path}, line 1: several columns are called {twice}. Every column needs a name of its own.")
    lost = [key for key in ("chrom", "strand", "tss") if place[key] < 0]
    if lost or place["symbol"] == place["gene_id"] == -1:
        raise DataError(
            f"{path} has no column {', '.join(lost) or 'symbol'}; its first line is {', '.join(header[:9])[:120]}. It should be {FORMATS}."
        )
    for n, cells in lines:
        row = {key: cells[i] if i >= 0 else "" for key, i in place.items()}
        yield Transcript(n, row["chrom"], row["tss"], row["tss"], row["strand"], row["symbol"], row["gene_id"])
