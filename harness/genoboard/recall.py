"""Recall: the entry of an earlier run that was the same in everything that its predictions depend on."""

from __future__ import annotations

import json
from pathlib import Path

from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.errors import LeaderboardError
from genoboard_leaderboard.store import Store

from .competition import Competition
from .entering import entry_in
from .errors import UsageError
from .provenance import unchanged
from .run import Run
from .workspace import OUT_OF_FOLD, PREDICTIONS, RECORD, sha256, slug


def recalled(competition: Competition, run: Run, name: str, same: str, oof: bool = False, out: Path | None = None) -> Entry | None:
    """Return the latest entry of a run whose `identity` was the `same`, and whose record is whole; None where there is none.

    With `out` only that one counts. Of one that is found the user is told.
    """
    found = _found(competition, name, same, oof, out)
    if found is not None:
        run.tell(f"{name}, seed {run.seed}: nothing has changed since it was entered on {found.created[:16]} UTC. --force runs it again.")
    return found


def _found(competition: Competition, name: str, same: str, oof: bool = False, out: Path | None = None) -> Entry | None:
    place = competition.workspace
    if out is None:
        entries = [(e, place.folder(e.id, competition.task.name)) for e in Store(place.database).entries(competition.board, name=name)]
    else:
        entries = [(e, out) for e in (_entry_in(out),) if e is not None]
    for entry, folder in reversed(entries):
        if (
            same
            and entry.identity == same
            and entry.name == name
            and entry.verdict == "ok"
            and not entry.removed
            and _whole(folder, entry, oof)
        ):
            return entry
    return None


def _whole(folder: Path, entry: Entry, oof: bool) -> bool:
    try:
        sources = json.loads((folder / RECORD).read_text(encoding="utf-8"))["sources"]
        same = sha256(folder / PREDICTIONS) == entry.submission_sha256
    except (OSError, ValueError, KeyError):
        return False
    return same and unchanged(sources) and (not oof or (folder / OUT_OF_FOLD).exists())


def _entry_in(folder: Path) -> Entry | None:
    try:
        return entry_in(folder)
    except (OSError, ValueError, KeyError, LeaderboardError):
        return None


def require_free(competition: Competition, out: Path, name: str, same: str, reuse: bool) -> None:
    """Raise `UsageError` where an entry must not be written to `out`."""
    if competition.hosting is not None:
        raise UsageError("This competition is hosted: looks are counted in its index, and --out writes beside that. Leave --out out.")
    if slug(out.name) != out.name:
        raise UsageError(f"--out {out}: a folder of this name cannot be an entry's. Call it {slug(out.name)}, for example.")
    if not out.exists() or not reuse:
        return
    there = _entry_in(out)
    if there is None or (there.verdict == "ok" and _found(competition, name, same, out=out) is None):
        what = "no entry" if there is None else f"another entry, {there.name} with seed {there.seed}"
        raise UsageError(f"{out} is there and holds {what}. Choose another folder, or replace it: --force.")
