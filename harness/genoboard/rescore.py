"""Rescore: entries after they were made: recomputed from their files, brought to the scorer's present version, or removed."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Entry, Score
from genoboard_leaderboard.store import Store

from . import scoring, seal, submission
from .competition import Competition
from .errors import DataError, GenoboardError, UndefinedScore, UnknownName, UsageError
from .plugins import Plugins, load_plugins
from .task import Tell
from .workspace import PREDICTIONS, RECORD, REMOVED, REPLICATES, Workspace, write_text

What = Literal["ok", "changed", "tampered", "missing", "edited", "other data", "failed run", "removed"]
WORDS: Mapping[What, str] = {
    "ok": "as recorded",
    "changed": "with other scores than recorded",
    "tampered": "with a submission that is not the one that was scored",
    "missing": "of which files are missing",
    "edited": "whose record was edited",
    "other data": "that cannot be recomputed on this machine's data",
    "failed run": "without predictions",
    "removed": "removed",
}
SOUND = ("ok", "failed run", "removed")
Vectors = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Finding:
    """What came of one entry, and why."""

    entry: Entry
    what: What
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"entry": self.entry.id, "name": self.entry.name, "task": self.entry.board.task, "what": self.what, "why": self.why}

    def sentence(self) -> str:
        """Return the finding for a terminal."""
        return f"{self.entry.id}: {self.what}: {self.why}"


class _Boards:
    """The competitions that entries stand on, each opened once."""

    def __init__(self, place: Workspace, plugins: Plugins, tell: Tell) -> None:
        self.place, self.plugins, self.tell = place, plugins, tell
        self._known: dict[tuple[str, str, str], tuple[Competition, ...] | GenoboardError] = {}

    def of(self, entry: Entry) -> Competition:
        """Return the competition on whose board an entry was made, as it was then; raise `DataError` where it is no longer that."""
        at = (entry.board.task, entry.board.split, entry.board.data)
        if at not in self._known:
            try:
                found = Competition.open(*at, self.place, self.plugins, self.tell)
                self._known[at] = (found, replace(found, hosting=None))
            except GenoboardError as error:
                self._known[at] = error
        known = self._known[at]
        if isinstance(known, GenoboardError):
            raise DataError(str(known))
        for one in known:
            if one.board == entry.board:
                # what was entered before a reveal was scored on the public part
                early = one.hosting is not None and entry.phase == "public"
                return replace(one, hosting=replace(one.hosting, revealed="")) if early and one.hosting else one
        now = known[-1].board
        what = "data" if now.data_fingerprint != entry.board.data_fingerprint else "solution (split)"
        raise DataError(
            f"the {what} of {entry.board.task} / {entry.board.data} / {entry.board.split} changed: entered on {entry.board.data_fingerprint[:12]},"
            f" {entry.board.split_fingerprint[:12]}; here now {now.data_fingerprint[:12]}, {now.split_fingerprint[:12]}"
        )


def verify(
    workspace: str | Path | None, task: str | None = None, tell: Tell = lambda _: None, plugins: Plugins | None = None
) -> Iterator[Finding]:
    """Recompute every entry from its stored submission, and say of each whether it is as recorded, bit for bit."""
    place = Workspace.here(workspace)
    store, boards = Store(place.database), _Boards(place, plugins or load_plugins(), tell)
    for entry in _entries(store, boards, task):
        yield _verified(place, store, boards, entry)


def renew(
    workspace: str | Path | None, task: str | None = None, tell: Tell = lambda _: None, plugins: Plugins | None = None
) -> Iterator[Finding]:
    """Score those entries anew that an older scorer or formula scored; yield the ones that changed, and those that could not be.

    The earlier scores stay in the entry's ``run.json``. Entries of hosted competitions keep the scores that they were judged by.
    """
    place = Workspace.here(workspace)
    store, boards = Store(place.database), _Boards(place, plugins or load_plugins(), tell)
    for entry in _entries(store, boards, task):
        if entry.verdict != "ok" or entry.removed or entry.phase:
            continue
        try:
            competition = boards.of(entry)
            if not _outdated(competition, entry):
                continue
            prediction = _prediction(place, competition, entry)
            scores, replicates = scoring.score(competition.metrics, competition.solution, prediction)
        except _Unsound as error:
            yield Finding(entry, error.what, str(error))
            continue
        except GenoboardError as error:
            yield Finding(entry, "other data", str(error))
            continue
        by = competition.split.bootstrap_group or "row"
        new = replace(entry, scores=scores, scorer=scoring.VERSION, cluster=by, clusters=competition.solution.clusters)
        _keep(place, entry, new, replicates)
        store.replace(new, replicates)
        yield Finding(new, "changed", _differences(entry, scores, None) or "only how it was scored")


def remove(workspace: str | Path | None, id: str, reason: str, task: str | None = None) -> Entry:
    """Take an entry from its board, leaving everything it consists of, and a tombstone that says why.

    Raise `UnknownName` or `UsageError` where `id` is not one entry's, or the reason is empty.
    """
    place = Workspace.here(workspace)
    store = Store(place.database)
    found = store.find(id, task)
    if not reason.strip():
        raise UsageError("Say why it is removed: --reason TEXT. The board shows the reason in its place.")
    if not found:
        raise UnknownName("entry", id, {e.id for e in store.entries(task=task)}, "genoboard leaderboard TASK --format json shows the ids.")
    if len(found) > 1:
        raise UsageError(f"{id!r} names {len(found)} entries: {', '.join(e.id for e in found)}. Name one of them by its id.")
    (entry,) = found
    if entry.removed:
        raise UsageError(f"{entry.id} was removed already: {entry.removed}")
    folder = place.folder(entry.id, entry.board.task)
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not there, so that no tombstone can stand in it. genoboard leaderboard --rebuild leaves the entry out."
        )
    stone = {"reason": reason.strip(), "removed": datetime.now(UTC).isoformat()}
    write_text(folder / REMOVED, json.dumps(stone, indent=1) + "\n")
    gone = replace(entry, removed=reason.strip())
    names = [s.metric for s in entry.scores]
    held = {m: v for m in names if (v := store.replicates(entry.id, m)) is not None}
    store.replace(gone, held)
    return gone


def summary(findings: list[Finding]) -> str:
    """Return how many entries came out how, in a sentence."""
    counts = Counter(f.what for f in findings)
    told = ", ".join(f"{counts[w]} {WORDS[w]}" for w in WORDS if counts[w])
    return f"{len(findings):,} entr{'y' if len(findings) == 1 else 'ies'} verified: {told or 'none'}."


class _Unsound(GenoboardError):
    def __init__(self, what: What, why: str) -> None:
        self.what = what
        super().__init__(why)


def _entries(store: Store, boards: _Boards, task: str | None) -> list[Entry]:
    if task is not None:
        boards.plugins.task(task)
    return store.entries(task=task)


def _verified(place: Workspace, store: Store, boards: _Boards, entry: Entry) -> Finding:
    if entry.removed:
        return Finding(entry, "removed", entry.removed)
    try:
        _require_record(place, entry)
        if entry.verdict != "ok":
            return Finding(entry, "failed run", entry.reason)
        competition = boards.of(entry)
        prediction = _prediction(place, competition, entry)
        scores, replicates = scoring.score(competition.metrics, competition.solution, prediction)
    except _Unsound as error:
        return Finding(entry, error.what, str(error))
    except UndefinedScore as error:
        return Finding(entry, "changed", f"it has no score now: {error}")
    except GenoboardError as error:
        return Finding(entry, "other data", str(error))
    try:
        recorded, sealed = (entry.scores, None) if not competition.sealed else _judged(place, competition, entry, prediction)
    except DataError as error:
        return Finding(entry, "missing", str(error))
    differs = _differences(replace(entry, scores=recorded), scores, competition) or sealed
    if not differs and not entry.held:
        differs = next((f"the replicates of {m}" for m, v in replicates.items() if not _same(store.replicates(entry.id, m), v)), "")
    return Finding(entry, "changed", differs) if differs else Finding(entry, "ok")


def _judged(place: Workspace, competition: Competition, entry: Entry, prediction: NDArray[Any]) -> tuple[tuple[Score, ...], str]:
    """Return the public scores of an entry of a hosted competition, and what differs in its sealed ones, which are not told."""
    box = seal.read(place.folder(entry.id, entry.board.task))
    assert competition.sealed is not None
    try:
        private, _ = scoring.score(competition.metrics, competition.sealed, prediction)
    except UndefinedScore:
        private = ()
    changed = "its sealed scores" if private and private != box.private else ""
    return (box.public if entry.held else entry.scores), changed


def _require_record(place: Workspace, entry: Entry) -> None:
    """Raise `_Unsound` unless the folder is there, and its record says what the index does."""
    folder = place.folder(entry.id, entry.board.task)
    if not folder.is_dir():
        raise _Unsound(
            "missing", f"its folder {folder} is gone. Put it back, or rebuild the index without it: genoboard leaderboard --rebuild"
        )
    try:
        recorded = Entry.from_dict(json.loads((folder / RECORD).read_text(encoding="utf-8"))["entry"])
    except FileNotFoundError:
        raise _Unsound("missing", f"{folder / RECORD} is gone. Put it back") from None
    except Exception as error:
        raise _Unsound("edited", f"{folder / RECORD} is no record any more: {error}") from error
    if recorded.to_dict() != entry.to_dict():
        one, other = recorded.to_dict(), entry.to_dict()
        fields = [key for key in other if one[key] != other[key]]
        raise _Unsound("edited", f"{folder / RECORD} and the index differ in {', '.join(fields)}")


def _prediction(place: Workspace, competition: Competition, entry: Entry) -> NDArray[Any]:
    path = place.folder(entry.id, entry.board.task) / PREDICTIONS
    if not path.exists():
        raise _Unsound("missing", f"{path} is gone. Put it back")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry.submission_sha256:
        raise _Unsound("tampered", f"{path} was changed: SHA-256 {found[:12]}, recorded {entry.submission_sha256[:12]}")
    return submission.read(path, competition.form).prediction


def _outdated(competition: Competition, entry: Entry) -> bool:
    known = {s.metric: s.version for s in entry.scores}
    return entry.scorer != scoring.VERSION or any(known.get(m.name) != m.version for m in competition.metrics)


def _differences(entry: Entry, scores: tuple[Score, ...], competition: Competition | None) -> str:
    """Return in which metrics the scores differ from the recorded ones, and which version explains it."""
    recorded = {s.metric: s for s in entry.scores}
    told = []
    for score in scores:
        before = recorded.get(score.metric)
        if before == score:
            continue
        if before is None:
            told.append(f"{score.metric} was not scored, and is {_told(score)}")
            continue
        why = ""
        if before.version != score.version:
            why = f" (formula {before.version}, now {score.version})"
        elif entry.scorer != scoring.VERSION:
            why = f" (scorer {entry.scorer}, now {scoring.VERSION})"
        told.append(f"{score.metric} {_told(before)}, recomputed {_told(score)}{why}")
    gone = set(recorded) - {s.metric for s in scores} if competition else set()
    told += [f"{metric} is no metric of the task any more" for metric in sorted(gone)]
    more = f"; and {len(told) - 3} more" if len(told) > 3 else ""
    return "; ".join(told[:3]) + more


def _told(score: Score) -> str:
    if score.value is None:
        return f"none ({score.reason})"
    return f"{score.value!r}" + (f" [{score.low!r}, {score.high!r}]" if score.low is not None else "")


def _same(one: NDArray[np.float64] | None, other: NDArray[np.float64]) -> bool:
    return one is not None and np.array_equal(one, other, equal_nan=True)


def _keep(place: Workspace, old: Entry, new: Entry, replicates: Vectors) -> None:
    """Write the new scores into the record, the old ones beside them."""
    folder = place.folder(new.id, new.board.task)
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    before = {"scorer": old.scorer, "scores": old.to_dict()["scores"], "replaced": datetime.now(UTC).isoformat()}
    record |= {"entry": new.to_dict(), "earlier": [*record.get("earlier", []), before]}
    fresh = folder / f".{REPLICATES}"
    with fresh.open("wb") as out:
        np.savez_compressed(out, allow_pickle=False, **replicates)
    os.replace(fresh, folder / REPLICATES)
    write_text(folder / RECORD, json.dumps(record, indent=1))
