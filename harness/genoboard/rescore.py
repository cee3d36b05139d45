"""Rescore: entries recomputed from their files: whether they are as recorded, or brought to the scorer's present version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Board, Entry, Score
from genoboard_leaderboard.store import Store

from . import scoring, seal, submission
from .amendment import amend, amending, settle
from .competition import Competition
from .custody import REBUILD, Unsound, What, recorded, require_record, require_replicates, require_submission, same
from .errors import DataError, GenoboardError, UndefinedScore
from .hosting import PUBLIC
from .metrics import Metric
from .plugins import Plugins, load_plugins
from .task import Tell
from .workspace import PREDICTIONS, RECORD, Workspace

WORDS: Mapping[What, str] = {
    "ok": "ok",
    "changed": "changed",
    "tampered": "tampered",
    "missing": "with missing files",
    "edited": "with an edited record",
    "not indexed": "not in the index",
    "other data": "on other data",
    "cannot be verified": "that cannot be verified",
    "failed run": "without predictions",
    "removed": "removed",
}
SOUND = ("ok", "failed run", "removed")
TOLD = 3  # changes that a line has room for
Vectors = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Finding:
    """What came of one entry, and why; `changes` tell it score by score."""

    entry: Entry
    what: What
    why: str = ""
    changes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        told = {"what": self.what, "why": self.why or "; ".join(self.changes), "changes": list(self.changes)}
        return {"entry": self.entry.id, "name": self.entry.name, "task": self.entry.board.task, **told}

    def sentence(self) -> str:
        """Return the finding for a terminal, one line."""
        more = len(self.changes) - TOLD
        listed = "; ".join(self.changes[:TOLD]) + (f"; and {more} more (all with --json)" if more > 0 else "")
        # what is wrong with a file may be told in several lines
        return f"{self.entry.id}: {self.what}: {' '.join((self.why or listed).split())}"


class _Boards:
    """The competitions that entries stand on, each opened once."""

    def __init__(self, place: Workspace, plugins: Plugins, tell: Tell) -> None:
        self.place, self.plugins, self.tell = place, plugins, tell
        self._known: dict[tuple[str, str, str], tuple[Competition, Competition, Competition] | GenoboardError] = {}

    def metrics(self, entry: Entry) -> tuple[Metric, ...]:
        """Return what the entry's task is scored by now; no data are opened."""
        return self.plugins.metrics_of(self.plugins.task(entry.board.task))

    def of(self, entry: Entry) -> Competition:
        """Return the competition on whose board an entry was made, as it was then; raise `Unsound` where it is no longer that."""
        at = (entry.board.task, entry.board.split, entry.board.data)
        if at not in self._known:
            try:
                found = Competition.open(*at, self.place, self.plugins, self.tell)
                # what was entered before a reveal was scored on the public part
                early = replace(found, hosting=replace(found.hosting, revealed="")) if found.hosting else found
                self._known[at] = (found, early, replace(found, hosting=None))
            except GenoboardError as error:
                self._known[at] = error
        known = self._known[at]
        if isinstance(known, GenoboardError):
            raise Unsound("cannot be verified", str(known))
        found, early, in_the_open = known
        if entry.board == found.board:
            return early if entry.phase == PUBLIC else found
        if entry.board == in_the_open.board:
            return in_the_open
        then, now = entry.board, in_the_open.board
        what, one, other = "split", then.split_fingerprint, now.split_fingerprint
        if then.data_fingerprint != now.data_fingerprint:
            what, one, other = "data", then.data_fingerprint, now.data_fingerprint
        raise Unsound(
            "other data",
            f"the {what} of {then.task} / {then.data} / {then.split} changed since it was scored: fingerprint {one[:12]}, here now {other[:12]}."
            f" Go back to that version to verify it; to stand on today's board, run or submit it again",
        )


def verify(
    workspace: str | Path | None, task: str | None = None, tell: Tell = lambda _: None, plugins: Plugins | None = None
) -> Iterator[Finding]:
    """Recompute every entry from its stored submission, and say of each whether it is as recorded, bit for bit."""
    place = Workspace.here(workspace)
    store, boards = Store(place.database), _Boards(place, plugins or load_plugins(workspace=place), tell)
    settle(place)
    entries = _entries(store, boards, task)
    for entry in entries:
        found = _verified(place, store, boards, entry)
        if found.what not in SOUND:
            # perhaps it was changed after it was listed, or is being changed now
            with suppress(OSError, DataError), amending(place):
                now = next((e for e in store.find(entry.id) if e.id == entry.id), entry)
                found = _verified(place, store, boards, now)
        yield found
    yield from _not_indexed(place, store, {e.id for e in entries}, task)


def renew(
    workspace: str | Path | None, task: str | None = None, tell: Tell = lambda _: None, plugins: Plugins | None = None
) -> Iterator[Finding]:
    """Score those entries anew that an older scorer or formula scored; yield the ones that changed, and those that are left as they are.

    The earlier scores stay in the entry's ``run.json``. Entries of hosted competitions keep the scores that they were judged by.
    """
    place = Workspace.here(workspace)
    store, boards = Store(place.database), _Boards(place, plugins or load_plugins(workspace=place), tell)
    judged = 0
    for listed in _entries(store, boards, task):
        try:
            if listed.verdict != "ok" or listed.removed or not _outdated(boards.metrics(listed), listed):
                continue
            if listed.phase:
                judged += 1
                continue
        except GenoboardError as error:
            yield _left(listed, error)
            continue
        # not only while it is written: what another process makes of the entry meanwhile would be lost
        with amending(place):
            found = _renewed(place, store, boards, listed.id)
        if found is not None:
            yield found
    if judged:
        tell(f"{_entries_told(judged)} of hosted competitions kept the scores that they were judged by.")


def _renewed(place: Workspace, store: Store, boards: _Boards, id: str) -> Finding | None:
    """Score an entry anew; None where another process did, or removed it."""
    entry = next((e for e in store.find(id) if e.id == id), None)
    if entry is None or entry.removed:
        return None
    try:
        if not _outdated(boards.metrics(entry), entry):
            return None
        require_record(place, entry)
        require_submission(place, entry)
        competition = boards.of(entry)
        prediction = _prediction(place, competition, entry)
        scores, replicates = scoring.score(competition.metrics, competition.solution, prediction)
    except GenoboardError as error:
        return _left(entry, error)
    by = competition.split.bootstrap_group or "row"
    new = replace(entry, scores=scores, scorer=scoring.VERSION, cluster=by, clusters=competition.solution.clusters)
    amend(place, new, RECORD, _record(place, entry, new), replicates)
    unchanged = f"every score came out as it was (scorer {entry.scorer}, now {scoring.VERSION})"
    return Finding(new, "changed", changes=_differences(entry, scores) or (unchanged,))


def _left(entry: Entry, error: GenoboardError) -> Finding:
    what = error.what if isinstance(error, Unsound) else "cannot be verified"
    return Finding(entry, what, f"{str(error).rstrip('.')}. It was left as it is")


def summary(findings: Sequence[Finding]) -> str:
    """Return how many entries came out how, in a sentence."""
    counts = Counter(f.what for f in findings)
    told = ", ".join(f"{counts[w]:,} {WORDS[w]}" for w in WORDS if counts[w])
    return f"{_entries_told(len(findings))} verified{f': {told}' if told else ''}."


def renewed(findings: Sequence[Finding]) -> str:
    """Return how many entries got new scores, in a sentence."""
    if not findings:
        return "Every entry is up to date."
    changed = sum(f.what == "changed" for f in findings)
    left = f"; {len(findings) - changed:,} left as found" if changed < len(findings) else ""
    return f"{_entries_told(changed)} got new scores{left}."


def _entries_told(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def _entries(store: Store, boards: _Boards, task: str | None) -> list[Entry]:
    if task is not None:
        boards.plugins.task(task)
    return store.entries(task=task)


def _not_indexed(place: Workspace, store: Store, known: set[str], task: str | None) -> Iterator[Finding]:
    """Yield what the folders hold beside the entries that the index knows."""
    for path in place.records():
        id, of = path.parent.name, path.parent.parent.name
        # another process may have entered it since
        if id in known or task not in (None, of) or store.find(id):
            continue
        why = f"{path.parent} holds an entry that the index does not have. {REBUILD} reads it in"
        try:
            yield Finding(recorded(path), "not indexed", why)
        except Unsound as error:
            yield Finding(Entry(id, Board(of, "", "", "", ""), id, "", "run"), error.what, str(error))


def _verified(place: Workspace, store: Store, boards: _Boards, entry: Entry) -> Finding:
    try:
        require_record(place, entry)
        if entry.removed:
            return Finding(entry, "removed", entry.removed)
        if entry.verdict != "ok":
            return Finding(entry, "failed run", entry.reason)
        require_submission(place, entry)
        require_replicates(place, store, entry)
        competition = boards.of(entry)
        prediction = _prediction(place, competition, entry)
        if competition.split.unscored:
            return Finding(entry, "ok")
        scores, replicates = scoring.score(competition.metrics, competition.solution, prediction)
        public, sealed = _judged(place, competition, entry, prediction) if competition.sealed else (entry.scores, ())
    except Unsound as error:
        return Finding(entry, error.what, str(error))
    except UndefinedScore as error:
        return Finding(entry, "changed", f"it has no score now: {error}")
    except GenoboardError as error:
        return Finding(entry, "cannot be verified", str(error))
    changes = _differences(replace(entry, scores=public), scores) + sealed
    if not changes and not entry.held:
        changes = tuple(
            f"{m} is as recorded, and its replicates are {'not' if known is not None else 'missing'}{_explained(entry, None, None)}"
            for m, v in replicates.items()
            if not same(known := store.replicates(entry.id, m), v)
        )
    return Finding(entry, "changed", changes=changes) if changes else Finding(entry, "ok")


def _prediction(place: Workspace, competition: Competition, entry: Entry) -> NDArray[Any]:
    return submission.read(place.folder(entry.id, entry.board.task) / PREDICTIONS, competition.form).prediction


def _judged(
    place: Workspace, competition: Competition, entry: Entry, prediction: NDArray[Any]
) -> tuple[tuple[Score, ...], tuple[str, ...]]:
    """Return the public scores of an entry of a hosted competition, and what differs in its sealed ones, which are not told."""
    folder = place.folder(entry.id, entry.board.task)
    assert competition.sealed is not None
    try:
        box = seal.read(folder)
        private, drawn = scoring.score(competition.metrics, competition.sealed, prediction)
        kept = private == box.private and all(same(seal.replicates(folder, m), v) for m, v in drawn.items())
    except DataError as error:
        raise Unsound("missing", str(error)) from error
    except UndefinedScore:
        kept = all(s.value is None for s in box.private)
    return (box.public if entry.held else entry.scores), (() if kept else ("its sealed scores are not what they were",))


def _outdated(metrics: Sequence[Metric], entry: Entry) -> bool:
    """Tell whether an older scorer or formula, or other metrics, made the scores; raise `Unsound` where it was a newer one."""
    known = {s.metric: s.version for s in entry.scores}
    versions = {m.name: m.version for m in metrics}
    if entry.held:
        known |= {name: version for name, version in versions.items() if name not in known}
    newer = [name for name in known if known[name] > versions.get(name, known[name])]
    if entry.scorer > scoring.VERSION or newer:
        what = f"scorer {entry.scorer}, here {scoring.VERSION}"
        if newer:
            what = f"formula {known[newer[0]]} of {newer[0]}, here {versions[newer[0]]}"
        raise Unsound("cannot be verified", f"a newer genoboard, task or plugin scored it ({what}). Update what is installed here")
    return entry.scorer < scoring.VERSION or known != versions


def _differences(entry: Entry, scores: tuple[Score, ...]) -> tuple[str, ...]:
    """Return each score that differs from the recorded one, and which version explains it."""
    known = {s.metric: s for s in entry.scores}
    told = []
    for score in scores:
        before = known.pop(score.metric, None)
        if before is None:
            told.append(f"{score.metric} was not scored, and is {_told(score)}")
        elif before != score:
            told.append(f"{score.metric} {_told(before)}, recomputed {_told(score)}{_explained(entry, before, score)}")
    told += [f"{metric} {_told(before)} is no metric of the task any more" for metric, before in known.items()]
    return tuple(told)


def _explained(entry: Entry, before: Score | None, score: Score | None) -> str:
    if before and score and before.version != score.version:
        return f" (formula {before.version}, now {score.version})"
    if entry.scorer != scoring.VERSION:
        return f" (scorer {entry.scorer}, now {scoring.VERSION})"
    return " (no version explains it)"


def _told(score: Score) -> str:
    if score.value is None:
        return f"none ({score.reason})"
    return f"{score.value!r}" + (f" [{score.low!r}, {score.high!r}]" if score.low is not None else "")


def _record(place: Workspace, old: Entry, new: Entry) -> str:
    """Return the record of an entry with the new scores, the old ones beside them."""
    record = json.loads((place.folder(new.id, new.board.task) / RECORD).read_text(encoding="utf-8"))
    before = {"scorer": old.scorer, "scores": old.to_dict()["scores"], "replaced": datetime.now(UTC).isoformat()}
    return json.dumps(record | {"entry": new.to_dict(), "earlier": [*record.get("earlier", []), before]}, indent=1)
