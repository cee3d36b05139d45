"""Answers: what a child left in its job folder, read as one reads a stranger's files: no link is followed, nothing is unpickled or unbounded."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from genoboard_leaderboard.entry import Verdict

SHORT, LONG = 4 << 20, 256 << 20
# pandas takes a second for ten thousand of them, and minutes for a megabyte of commas
WIDEST = 10_000
REASON = 2000  # characters


class UnreadableError(Exception):
    """A file in the job folder is not what a worker writes."""


@dataclass(frozen=True)
class Said:
    """``done.json``: the worker's own verdict, and what it measured."""

    verdict: Verdict
    reason: str
    seconds_fit: float | None = None
    seconds_predict: float | None = None
    peak_memory: int = 0
    labels_only: bool = False
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def content(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file of at most `most`; a link, a pipe or anything longer raises `UnreadableError`."""
    try:
        # a pipe without a writer would be waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise UnreadableError(f"{path.name} is no regular file")
        if about.st_size > most:
            raise UnreadableError(f"{path.name} has {about.st_size >> 20} MB; at most {most >> 20} are read")
        return file.read(most)


def said(folder: Path) -> Said:
    """Return what ``done.json`` says."""
    try:
        told = json.loads(content(folder / "done.json", SHORT))
        found = Said(
            verdict=told["verdict"],
            reason=str(told["reason"])[:REASON],
            seconds_fit=_seconds(told.get("seconds_fit")),
            seconds_predict=_seconds(told.get("seconds_predict")),
            peak_memory=int(told["peak_memory"]),
            labels_only=bool(told.get("labels_only")),
            notes=tuple(str(n)[:REASON] for n in told.get("notes", ())),
            sources={str(k): str(v) for k, v in told.get("sources", {}).items()},
            versions={str(k): str(v) for k, v in told.get("versions", {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise UnreadableError("done.json is not what a worker writes") from error
    if found.verdict not in get_args(Verdict):
        raise UnreadableError("done.json is not what a worker writes")
    return found


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    seconds = float(value)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError
    return seconds


def predictions(folder: Path, index: pd.Index, columns: Sequence[str]) -> pd.DataFrame:
    """Return ``predictions.parquet`` as float64 under `index`, one row per test row in their order; other columns or shapes raise `UnreadableError`."""
    # what its numbers can take, and as much again for the envelope
    data = content(folder / "predictions.parquet", 16 * max(len(index), 1) * max(len(columns), 1) + (1 << 20))
    try:
        with pq.ParquetFile(io.BytesIO(data)) as file:
            if file.metadata.num_rows != len(index) or set(file.schema_arrow.names) != set(columns):
                raise UnreadableError("predictions.parquet holds other rows or columns than the worker writes")
            # one row of a list may hold a billion numbers, one text may stand in every row
            if not all(pa.types.is_floating(f.type) or pa.types.is_integer(f.type) for f in file.schema_arrow):
                raise UnreadableError("predictions.parquet holds something else than numbers")
            table = file.read(columns=list(columns))
        values = [np.asarray(table[name].cast(pa.float64()), dtype=np.float64) for name in columns]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableError("predictions.parquet is not what the worker writes") from error
    return pd.DataFrame(np.column_stack(values), index=index, columns=pd.Index(columns))


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the model's own tables, by name; every value is text, so that a gene called NA stays one."""
    if folder.is_symlink() or not folder.is_dir():
        return {}
    left, found = LONG, {}
    for path in sorted(folder.glob("*.csv")):
        data = content(path, left)
        left -= len(data)
        if _widest(data) > WIDEST:
            raise UnreadableError(f"{path.name} has over {WIDEST:,} columns, or rows too long for a table")
        try:
            found[path.stem] = pd.read_csv(io.BytesIO(data), dtype="str", keep_default_na=False)
        except ValueError as error:
            raise UnreadableError(f"{path.name} is no table: {str(error).strip()}") from error
    return found


def _widest(data: bytes) -> int:
    """Return how many columns pandas would make of a CSV: as many as the first two rows have, since it takes what the second has more for an index."""
    start, widths = data[:SHORT].decode("utf-8-sig", errors="replace"), []
    try:
        for row in csv.reader(io.StringIO(start, newline="")):
            if len(row) > 1 or "".join(row).strip():
                widths.append(len(row))
            if len(widths) == 3:
                break
    except csv.Error:
        return WIDEST + 1
    # the last row of a piece may go on
    return max(widths[:2], default=0) if len(widths) > 2 or len(data) <= SHORT else WIDEST + 1


def curves(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of ``metrics.jsonl`` that a model logged; one that it wrote by other means, and is no JSON object, is left out."""
    try:
        text = content(folder / "metrics.jsonl", LONG).decode(errors="replace")
    except UnreadableError:
        return []
    found = []
    for line in text.splitlines():
        try:
            logged = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(logged, dict):
            found.append(logged)
    return found
