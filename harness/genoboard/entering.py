"""Entering: an entry on its way from its hidden folder to the index; what a killed process left, the next one ends or clears away."""

from __future__ import annotations

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.errors import LeaderboardError
from genoboard_leaderboard.store import Store

from . import lease
from .errors import DataError
from .workspace import RECORD, REMOVED, REPLICATES, Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@contextmanager
def entering(place: Workspace, entry_id: str, task: str) -> Iterator[Path]:
    """Give the hidden folder in which an entry is made; it is gone afterwards, unless it was given its own name.

    Where it was, and the index could not be told (its disk is full, say), the next one tells it.
    """
    clear(place)
    place.require_writable(task)
    hidden = _hidden(place, entry_id, task)
    place.entering.mkdir(parents=True, exist_ok=True)
    told = False
    with lease.held(place.entering / f"{task}~{entry_id}", lambda: not told and place.folder(entry_id, task).is_dir()):
        hidden.mkdir(parents=True)
        try:
            with lease.naming(hidden.parent):
                yield hidden
            told = True
        finally:
            shutil.rmtree(hidden, ignore_errors=True)


def clear(place: Workspace) -> None:
    """End what processes that are gone have left: a folder that got its name is an entry, any other is none."""
    for note in place.under_way():
        task, _, entry_id = note.name.partition("~")
        # where this cannot be written, or the folder is damaged, it waits for somebody who says so
        with suppress(OSError, DataError, LeaderboardError), lease.abandoned(note) as nobodys:
            if not nobodys:
                continue
            folder = place.folder(entry_id, task)
            if folder.is_dir():
                Store(place.database).record(*recorded(folder))
            shutil.rmtree(_hidden(place, entry_id, task), ignore_errors=True)


def _hidden(place: Workspace, entry_id: str, task: str) -> Path:
    return place.folder(f".{entry_id}", task)


def entry_in(folder: Path) -> Entry:
    """Return the entry whose record a folder holds; raise `OSError`, `ValueError`, `KeyError` or `LeaderboardError` where it holds none."""
    return Entry.from_dict(json.loads((folder / RECORD).read_text(encoding="utf-8"))["entry"])


def recorded(folder: Path) -> tuple[Entry, Mapping[str, NDArray[np.float64]]]:
    """Return what a folder records for the index: the entry, with the reason of its removal, and its replicates.

    Raise `DataError` where it is not whole.
    """
    try:
        entry, stone, replicates = entry_in(folder), folder / REMOVED, folder / REPLICATES
        if stone.exists():
            entry = replace(entry, removed=str(json.loads(stone.read_text(encoding="utf-8"))["reason"]))
        if not replicates.exists():
            return entry, {}
        import numpy as np  # here, because a board is listed in less time than this takes

        # opened here, as NumPy leaves a damaged one open
        with replicates.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return entry, dict(held)
    except (OSError, EOFError, ValueError, KeyError, TypeError, LeaderboardError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{folder} is not the whole record of an entry: {error}. Mend it, or move that folder away, and rebuild again."
        ) from error
