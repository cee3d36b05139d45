"""Description: dataset.toml -> what a user says of the files: where they are, in which unit, which samples are one lineage."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from genoboard import DataError

from .wording import meant

NAME = "dataset.toml"
# on either side of a start site; the widest windows in use have some thousands
MOST_BINS = 1_000_000
HELP = "The README of expression-regression shows a whole one."

Section = TypeVar("Section")


@dataclass(frozen=True)
class Openness:
    """``[openness]``: regions x samples, and the BED with the regions, where the matrix does not begin with them."""

    matrix: Path
    unit: Literal["counts", "signal"]
    regions: Path | None = None


@dataclass(frozen=True)
class Expression:
    """``[expression]``: genes x samples; `gene` is the column with the genes' names, "" the first that is not a sample."""

    matrix: Path
    unit: Literal["counts", "CPM", "TPM", "signal"]
    gene: str = ""

    @property
    def read_as(self) -> str:
        """The unit in which the values come into a `Study`."""
        return "CPM" if self.unit == "counts" else self.unit


@dataclass(frozen=True)
class Annotation:
    """``[annotation]``: where genes begin, and how long chromosomes are."""

    tss: Path
    sizes: Path


@dataclass(frozen=True)
class Genes:
    """``[genes]``: which genes are kept. `above` None is 1 for counts, CPM and TPM, and 0 for signal; `sd_log_above` 0 is no filter."""

    above: float | None = None
    sd_log_above: float = 0.0


@dataclass(frozen=True)
class Window:
    """``[window]``: `reach` bp to either side of a TSS in bins of `bin` bp; `rule` says which bins a region is counted in."""

    reach: int = 1_000_000
    bin: int = 1000
    rule: Literal["overlap", "end"] = "overlap"


@dataclass(frozen=True)
class Description:
    """The whole of a dataset.toml; `lineages` is sample -> lineage, in the file's order."""

    path: Path
    openness: Openness
    expression: Expression
    annotation: Annotation
    lineages: Mapping[str, str]
    genes: Genes = field(default_factory=Genes)
    window: Window = field(default_factory=Window)


def read_description(path: Path) -> Description:
    """Read a dataset.toml, or the one in a folder; raise `DataError`, naming file, key and mend, where it does not describe a dataset."""
    file = path / NAME if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"{file.parent} holds no {file.name}. Write one that names your files. {HELP}")
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} is not TOML: {error}. Texts stand in quotes, a backslash in them is written twice. {HELP}") from error
    sections = [f.name for f in fields(Description) if f.name != "path"]
    for name in told:
        if name not in sections:
            raise DataError(f"{file}: there is no section [{name}]. {meant(name, sections)}")
    window = _section(Window, told, "window", file)
    if window.bin < 1 or window.reach < 1 or window.reach % window.bin:
        raise DataError(
            f"{file}, [window]: reach = {_shown(window.reach)} is not a multiple of bin = {_shown(window.bin)}. "
            "Both are whole numbers from 1 up, reach a multiple of bin."
        )
    if window.reach // window.bin > MOST_BINS:
        raise DataError(
            f"{file}, [window]: reach = {_shown(window.reach)} and bin = {window.bin} make {_shown(2 * window.reach // window.bin)} bins, more than memory holds. "
            f"Use larger bins, at most {MOST_BINS:,} on either side."
        )
    return Description(
        file,
        _section(Openness, told, "openness", file),
        _section(Expression, told, "expression", file),
        _section(Annotation, told, "annotation", file),
        _lineages(_table(told, "lineages", file), file),
        _section(Genes, told, "genes", file),
        window,
    )


def _table(told: dict[str, Any], name: str, file: Path) -> dict[str, Any]:
    table = told.get(name, {})
    if not isinstance(table, dict):
        raise DataError(f"{file}: {name} is {_shown(table)}, not a section. Write [{name}] on a line, and its keys below. {HELP}")
    return table


def _section(cls: type[Section], told: dict[str, Any], name: str, file: Path) -> Section:
    """Fill a dataclass from a section: its fields are the keys, its types what they may hold, its defaults what may be left out."""
    table, types = _table(told, name, file), get_type_hints(cls)
    for key in table:
        if key not in types:
            raise DataError(f"{file}, [{name}]: there is no key {key}. {meant(key, list(types))}")
    lost = [f.name for f in fields(cls) if f.default is MISSING and f.name not in table]  # type: ignore[arg-type]
    if lost:
        raise DataError(f"{file}, [{name}]: {' and '.join(lost)} {'is' if len(lost) == 1 else 'are'} missing. {HELP}")
    return cls(**{key: _value(value, types[key], f"{file}, [{name}]: {key}", file.parent) for key, value in table.items()})


def _value(value: Any, kind: Any, where: str, folder: Path) -> Any:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise DataError(
                f"{where} = {_shown(value)} is not known. {meant(value if isinstance(value, str) else '', get_args(kind))} It may be {', '.join(get_args(kind))}."
            )
        return value
    kind = next((k for k in get_args(kind) if k is not NoneType), kind)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind is float and number:
        return float(value)
    if kind is int and number and isinstance(value, int):
        return value
    if kind in (str, Path) and isinstance(value, str):
        return _file(folder / value, where) if kind is Path else value
    needed = {float: "a number", int: "a whole number", str: "text in quotes", Path: "a file's name in quotes"}[kind]
    raise DataError(f"{where} = {_shown(value)} is not {needed}.")


def _shown(value: Any) -> str:
    """Return a value as Python writes it, cut to what a message may hold."""
    try:
        shown = repr(value)
    except ValueError:
        # a hexadecimal number may have more digits than Python writes
        return "a number of thousands of digits"
    return shown if len(shown) <= 80 else f"{shown[:80]}…"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # a name that is too long to be one
        return False


def _file(path: Path, where: str) -> Path:
    if not _is_file(path):
        there = sorted(p.name for p in path.parent.iterdir() if p.is_file()) if path.parent.is_dir() else []
        raise DataError(f"{where} names {path}, which is not a file. {meant(path.name, there)}".rstrip())
    return path


def _lineages(table: dict[str, Any], file: Path) -> dict[str, str]:
    lineage_of: dict[str, str] = {}
    for lineage, samples in table.items():
        if not isinstance(samples, list) or not samples or not all(isinstance(s, str) and s for s in samples):
            raise DataError(
                f'{file}, [lineages]: {lineage} = {_shown(samples)} is not a list of samples. Write {lineage} = ["sample", ...].'
            )
        for sample in samples:
            if sample in lineage_of:
                raise DataError(
                    f"{file}, [lineages]: sample {sample} is in {lineage_of[sample]} and again in {lineage}. Each sample is in one lineage, once."
                )
            lineage_of[sample] = lineage
    if not lineage_of:
        raise DataError(f"{file}: [lineages] is missing or empty. Every sample needs a lineage, as splits hold whole lineages out. {HELP}")
    return lineage_of
