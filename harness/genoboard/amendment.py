"""Amendment: a recorded entry changed in its folder and in the index as one; what a killed process left half done, the next one ends."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.errors import LeaderboardError
from genoboard_leaderboard.store import Store

from .errors import DataError
from .lock import locked
from .workspace import REPLICATES, Workspace, write_bytes, write_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = Mapping[str, NDArray[np.float64]]


@contextmanager
def amending(place: Workspace) -> Iterator[None]:
    """Keep others from amending entries of a workspace; what was left half done is ended first, so that what is read here is true."""
    with locked(place.amending):
        for note in place.amendments():
            _end(place, note)
        yield


def settle(place: Workspace) -> None:
    """End what was left half done, if there is any, nobody is at work on it, and it can be written here."""
    place.clear_amendments()
    if not place.amendments():
        return
    with suppress(OSError, DataError, LeaderboardError), locked(place.amending, wait=False) as mine:
        for note in place.amendments() if mine else ():
            _end(place, note)


@contextmanager
def rebuilding(place: Workspace) -> Iterator[None]:
    """Keep others from amending while the index is made anew from folders, in which nothing is half done."""
    with locked(place.amending):
        notes = place.amendments()
        for note in notes:
            _write(place, note)
        yield
        for note in notes:
            note.unlink(missing_ok=True)


def amend(place: Workspace, entry: Entry, name: str, text: str, replicates: Vectors | None = None) -> None:
    """Write the file `name` into an entry's folder, and its replicates where they are new; then put `entry` in its place in the index.

    To be called within `amending`. The note that is written first holds everything, and what it says is done, by whomever.
    """
    fresh = None if replicates is None else base64.b64encode(_packed(replicates)).decode("ascii")
    note = place.amendment(entry.id)
    note.parent.mkdir(parents=True, exist_ok=True)
    write_text(note, json.dumps({"entry": entry.to_dict(), "name": name, "text": text, "replicates": fresh}))
    _end(place, note)


def _end(place: Workspace, note: Path) -> None:
    told = _write(place, note)
    if told is not None:
        entry, fresh = told
        Store(place.database).replace(entry, _replicates(place, entry, fresh))
    note.unlink(missing_ok=True)


def _write(place: Workspace, note: Path) -> tuple[Entry, bytes | None] | None:
    """Do what a note says of an entry's folder; return the entry, and its replicates if new. None: there is nothing to do."""
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        entry, name, text = Entry.from_dict(told["entry"]), str(told["name"]), str(told["text"])
        fresh = None if told["replicates"] is None else base64.b64decode(told["replicates"], validate=True)
    except (ValueError, KeyError, TypeError, LeaderboardError):
        return None  # notes come whole or not at all: this one is not ours
    folder = place.folder(entry.id, entry.board.task)
    if not folder.is_dir():
        return None
    if fresh is not None:
        write_bytes(folder / REPLICATES, fresh)
    write_text(folder / name, text)
    return entry, fresh


def _packed(replicates: Vectors) -> bytes:
    import numpy as np  # here, because a board is listed in less time than this takes

    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **replicates)
    return out.getvalue()


def _replicates(place: Workspace, entry: Entry, fresh: bytes | None) -> Vectors:
    """Return the new ones; where there are none, those of the index, since the folder may be what is wrong."""
    if fresh is not None:
        import numpy as np

        with np.load(io.BytesIO(fresh), allow_pickle=False) as held:
            return dict(held)
    store = Store(place.database)
    return {s.metric: v for s in entry.scores if (v := store.replicates(entry.id, s.metric)) is not None}
