"""Look: an entry of a hosted competition: its private scores sealed, its public ones told, or held back by the Ladder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard import ladder
from genoboard_leaderboard.entry import Entry, Score
from genoboard_leaderboard.pairing import difference
from genoboard_leaderboard.store import Store

from . import scoring, seal
from .competition import Competition
from .errors import DataError, UndefinedScore
from .hosting import POST_REVEAL, PUBLIC
from .lock import locked
from .referee import team_of
from .seal import Seal
from .workspace import write_text

Vectors = Mapping[str, NDArray[Any]]


def placed(competition: Competition, entry: Entry, team: str = "") -> Entry:
    """Return the entry with its team and phase, where the competition is hosted; a control is no team's."""
    if competition.hosting is None:
        return entry
    phase = POST_REVEAL if competition.hosting.revealed else PUBLIC
    return replace(entry, phase=phase, team="" if entry.control else entry.team or team_of(team))


def taken(competition: Competition, folder: Path, entry: Entry, replicates: Vectors, prediction: NDArray[Any]) -> tuple[Entry, Vectors]:
    """Return what may be shown of an entry that was scored on the public part, and of its replicates; seal the rest in its folder.

    Where an entry was judged before, as one that is scored anew, the verdict stands.
    """
    if competition.sealed is None:
        return entry, replicates
    try:
        private, drawn = scoring.score(competition.metrics, competition.sealed, prediction)
    except UndefinedScore as error:
        # a secret as well: the public part has a score
        private, drawn = (Score(competition.metrics[0].name, None, reason=str(error)),), {}
    judged_before = entry.control or entry.look is not None
    look, held = (entry.look, entry.held) if judged_before else judged(competition, folder, entry, replicates)
    box = Seal(private, competition.sealed.clusters, entry.scores if held else ())
    seal.write(folder, box, drawn, replicates if held else {})
    entry = replace(entry, look=look, held=held)
    return (replace(entry, scores=()), {}) if held else (entry, replicates)


@dataclass(frozen=True)
class Look:
    """A look that was taken: of a recorded entry, or of one that is about to be.

    Parameters
    ----------
    folder : where the entry is being made; empty once it is recorded.
    value : its score, where the team is told of it.
    drawn : the replicates of that.
    """

    entry: str
    name: str
    number: int
    folder: str = ""
    value: float | None = None
    drawn: Sequence[float] | None = None


def judged(competition: Competition, folder: Path, entry: Entry, replicates: Vectors) -> tuple[int, str]:
    """Return which look of its team an entry is, and why its scores are held back, or an empty text where they are told.

    A team's entries take their turns in this, however many are made at once: each has a number of its own, and is held against the
    best one that was told before it, recorded or not. What is never recorded, since its process fails, gives its number back.
    """
    place, primary = competition.workspace, competition.metrics[0]
    notes = place.looks(competition.board.key, entry.team)
    with locked(notes.with_suffix(".lock")):
        # first the folder that it is made in, then the one that it is kept in, then the index: it passes through them in this order
        alive = [
            look for look in _under_way(notes) if Path(look.folder).exists() or place.folder(look.entry, competition.task.name).exists()
        ]
        recorded = _recorded(competition, entry.team)
        known = {look.entry for look in recorded}
        under_way = [look for look in alive if look.entry not in known]
        before = [*recorded, *under_way]
        # a look of before they were numbered one by one has none
        number = max([len(before), *(look.number for look in before)]) + 1
        mine = entry.score(primary.name)
        value = mine.value if mine is not None else None
        drawn = replicates.get(primary.name)
        held = _held(competition, entry, before, number, value, drawn)
        told = None if held else value
        mine_now = Look(entry.id, entry.name, number, str(folder), told, None if told is None or drawn is None else drawn.tolist())
        write_text(notes, json.dumps([vars(look) for look in (*under_way, mine_now)]))
    return number, held


def _held(
    competition: Competition, entry: Entry, before: Sequence[Look], number: int, value: float | None, drawn: NDArray[Any] | None
) -> str:
    told = [(look, look.value) for look in before if look.value is not None]
    if not told or value is None:
        return ""
    primary = competition.metrics[0]
    sign = 1.0 if primary.direction == "max" else -1.0
    best, best_value = max(told, key=lambda pair: sign * pair[1])
    there = best.drawn if best.folder else Store(competition.workspace.database).replicates(best.entry, primary.name)
    before_it, after_it = ([] if d is None else [sign * np.asarray(d)] for d in (there, drawn))
    gain = difference(sign * value, sign * best_value, after_it, before_it, competition.solution.clusters)
    if ladder.passes(gain, number, best_value):
        return ""
    needed = f"look {number} of team {entry.team}, needed p < .05/({number} x {number + 1})"
    return f"not shown to beat {best.name} ({best_value:.5f}), your best so far: {needed}"


def _recorded(competition: Competition, team: str) -> list[Look]:
    """Return the looks of a team's recorded entries; what was removed since was looked at all the same."""
    primary = competition.metrics[0].name
    entries = Store(competition.workspace.database).entries(competition.board, team=team)
    mine = [e for e in entries if e.verdict == "ok" and not e.control]
    return [Look(e.id, e.name, e.look or 0, value=None if e.held or (s := e.score(primary)) is None else s.value) for e in mine]


def _under_way(notes: Path) -> list[Look]:
    try:
        return [Look(**told) for told in json.loads(notes.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise DataError(f"{notes} does not say which looks are under way ({error}). Delete it while no entry is being made.") from error
