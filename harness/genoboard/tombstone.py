"""Tombstone: what stands in the place of an entry that was taken from its board, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

from .amendment import amend, amending
from .errors import DataError, UnknownName, UsageError
from .workspace import REMOVED, Workspace


def remove(workspace: str | Path | None, id: str, reason: str, task: str | None = None) -> Entry:
    """Take an entry from its board, leaving everything it consists of, and a tombstone that says why.

    Raise `UnknownName` or `UsageError` where `id` is not one entry's, or the reason is empty.
    """
    if not reason.strip():
        raise UsageError("Say why it is removed: --reason TEXT. The board shows the reason in its place.")
    place = Workspace.here(workspace)
    if not place.database.exists():
        raise UnknownName("entry", id, (), "There is none in this workspace yet.")
    with amending(place):
        return _removed(place, id, reason.strip(), task)


def _removed(place: Workspace, id: str, reason: str, task: str | None) -> Entry:
    store = Store(place.database)
    found = store.find(id, task)
    if not found:
        raise UnknownName("entry", id, {e.id for e in store.entries(task=task)}, "genoboard leaderboard TASK --format json shows the ids.")
    if len(found) > 1:
        raise UsageError(f"{id!r} names {len(found)} entries: {', '.join(e.id for e in found)}. Name one of them by its id.")
    (entry,) = found
    folder = place.folder(entry.id, entry.board.task)
    if entry.removed and (folder / REMOVED).exists():
        raise UsageError(f"{entry.id} was removed already: {entry.removed}")
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not there, so that no tombstone can stand in it. genoboard leaderboard --rebuild leaves the entry out."
        )
    stone = {"reason": reason, "removed": datetime.now(UTC).isoformat()}
    gone = replace(entry, removed=reason)
    amend(place, gone, REMOVED, json.dumps(stone, indent=1) + "\n")
    return gone
