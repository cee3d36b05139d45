"""Entering: an entry on its way from its hidden folder to the index; what a killed process left, the next one ends or clears away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.errors import LeaderboardError
from genoboard_leaderboard.store import Store

from . import lease
from .errors import DataError
from .workspace import RECORD, REPLICATES, Workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@contextmanager
def entering(place: Workspace, entry_id: str, task: str) -> Iterator[Path]:
    """Give the hidden folder in which an entry is made; it is gone afterwards, unless it was given its own name."""
    clear(place)
    hidden = _hidden(place, entry_id, task)
    try:
        place.entering.mkdir(parents=True, exist_ok=True)
        with lease.held(place.entering / f"{task}~{entry_id}"):
            hidden.mkdir(parents=True)
            try:
                yield hidden
            finally:
                shutil.rmtree(hidden, ignore_errors=True)
    except PermissionError as error:
        raise unwritable(place, error) from error


def clear(place: Workspace) -> None:
    """End what processes that are gone have left: a folder that got its name is an entry, any other is none."""
    for note in place.under_way():
        task, _, entry_id = note.name.partition("~")
        # where this cannot be written, or the folder is damaged, it waits for somebody who says so
        with suppress(OSError, LeaderboardError, ValueError, KeyError, TypeError), lease.abandoned(note) as nobodys:
            if not nobodys:
                continue
            folder = place.folder(entry_id, task)
            if folder.is_dir():
                Store(place.database).record(*_recorded(folder))
            shutil.rmtree(_hidden(place, entry_id, task), ignore_errors=True)


def unwritable(place: Workspace, error: OSError) -> DataError:
    """Return what to say where a workspace cannot be written."""
    return DataError(
        f"The workspace {place.root} cannot be written ({error.strerror}: {error.filename}). Choose another by --workspace or GENOBOARD_WORKSPACE."
    )


def _hidden(place: Workspace, entry_id: str, task: str) -> Path:
    return place.folder(f".{entry_id}", task)


def _recorded(folder: Path) -> tuple[Entry, Mapping[str, NDArray[np.float64]]]:
    entry = Entry.from_dict(json.loads((folder / RECORD).read_text(encoding="utf-8"))["entry"])
    if not (folder / REPLICATES).exists():
        return entry, {}
    import numpy as np  # here, because a board is listed in less time than this takes

    with np.load(folder / REPLICATES, allow_pickle=False) as held:
        return entry, dict(held)
