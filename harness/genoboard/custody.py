"""Custody: whether what an entry's folder holds is what was recorded: the record, the submission, the replicates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.errors import LeaderboardError
from genoboard_leaderboard.store import Store

from .errors import GenoboardError
from .workspace import PREDICTIONS, RECORD, REMOVED, REPLICATES, Workspace, sha256

What = Literal["ok", "changed", "tampered", "missing", "edited", "not indexed", "other data", "cannot be verified", "failed run", "removed"]
REBUILD = "genoboard leaderboard --rebuild"


class Unsound(GenoboardError):
    """Why an entry is not as it was recorded; `what` is the kind of it."""

    def __init__(self, what: What, why: str) -> None:
        self.what = what
        super().__init__(why)


def recorded(path: Path) -> Entry:
    """Return the entry of a ``run.json``; raise `Unsound` where there is none."""
    try:
        return Entry.from_dict(json.loads(path.read_text(encoding="utf-8"))["entry"])
    except OSError as error:
        raise Unsound("missing", f"{path} is gone, or cannot be read ({error.strerror}). Put it back") from error
    except (ValueError, KeyError, TypeError, LeaderboardError) as error:
        raise Unsound("edited", f"{path} is no record any more ({error}). Put it back as it was") from error


def require_record(place: Workspace, entry: Entry) -> None:
    """Raise `Unsound` unless the folder is there, and it says what the index does: of the entry, and of its removal."""
    folder = place.folder(entry.id, entry.board.task)
    if not folder.is_dir():
        raise Unsound("missing", f"its folder {folder} is gone. Put it back, or go on without the entry: {REBUILD}")
    stone = folder / REMOVED
    if stone.exists() and not entry.removed:
        raise Unsound("edited", f"{stone} says that it was removed, and the index does not. {REBUILD} takes it from the board")
    if entry.removed and not stone.exists():
        raise Unsound(
            "missing", f"{stone} is gone, and a rebuild would put the entry back. Write it again: genoboard remove {entry.id} --reason TEXT"
        )
    one, other = recorded(folder / RECORD).to_dict(), {**entry.to_dict(), "removed": ""}
    if fields := [key for key in other if one[key] != other[key]]:
        raise Unsound(
            "edited",
            f"{folder / RECORD} and the index differ in {', '.join(fields)}. Put it back as it was; or where the file is right: {REBUILD}",
        )


def require_submission(place: Workspace, entry: Entry) -> None:
    """Raise `Unsound` unless the file is there, and is the one that was scored."""
    path = place.folder(entry.id, entry.board.task) / PREDICTIONS
    try:
        found = sha256(path)
    except OSError as error:
        raise Unsound("missing", f"{path} is gone, or cannot be read ({error.strerror}). Put it back") from error
    if found != entry.submission_sha256:
        raise Unsound("tampered", f"{path} was changed: SHA-256 {found[:12]}, recorded {entry.submission_sha256[:12]}")


def require_replicates(place: Workspace, store: Store, entry: Entry) -> None:
    """Raise `Unsound` unless the folder holds the replicates that the index does."""
    path = place.folder(entry.id, entry.board.task) / REPLICATES
    metrics = [s.metric for s in entry.scores if s.value is not None]
    if not metrics:
        return
    try:
        with np.load(path, allow_pickle=False) as held:
            found = dict(held)
    except FileNotFoundError:
        if all(store.replicates(entry.id, m) is None for m in metrics):
            return  # a scorer of before there were any made it; recomputing tells
        raise Unsound("missing", f"{path} is gone. Put it back") from None
    except Exception as error:  # a damaged archive fails in as many ways as it has parts
        raise Unsound("edited", f"{path} cannot be read ({error}). Put it back as it was") from error
    for metric in metrics:
        known = store.replicates(entry.id, metric)
        if metric not in found or known is None or not same(known, found[metric]):
            raise Unsound("edited", f"{path} and the index differ in the replicates of {metric}. Put it back as it was")


def same(one: NDArray[np.float64] | None, other: NDArray[np.float64]) -> bool:
    """Tell whether two vectors of replicates are equal, bit for bit."""
    return one is not None and np.array_equal(one, other, equal_nan=True)
