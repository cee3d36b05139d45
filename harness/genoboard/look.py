"""Look: an entry of a hosted competition: its private scores sealed, its public ones told, or held back by the Ladder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from genoboard_leaderboard import ladder
from genoboard_leaderboard.entry import Entry, Score
from genoboard_leaderboard.pairing import difference
from genoboard_leaderboard.store import Store

from . import scoring, seal
from .competition import Competition
from .errors import UndefinedScore
from .hosting import POST_REVEAL, PUBLIC
from .referee import team_of
from .seal import Seal

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
    look, held = (entry.look, entry.held) if judged_before else judged(competition, entry, replicates)
    box = Seal(private, competition.sealed.clusters, entry.scores if held else ())
    seal.write(folder, box, drawn, replicates if held else {})
    entry = replace(entry, look=look, held=held)
    return (replace(entry, scores=()), {}) if held else (entry, replicates)


def judged(competition: Competition, entry: Entry, replicates: Vectors) -> tuple[int, str]:
    """Return which look of its team an entry is, and why its scores are held back, or an empty text where they are told."""
    primary, store = competition.metrics[0], Store(competition.workspace.database)
    # what was removed since was looked at all the same
    before = [e for e in store.entries(competition.board) if e.team == entry.team and e.verdict == "ok" and not e.control]
    look = len(before) + 1
    told = [(e, s.value) for e in before if not e.held and (s := e.score(primary.name)) is not None and s.value is not None]
    mine = entry.score(primary.name)
    if not told or mine is None or mine.value is None:
        return look, ""
    sign = 1.0 if primary.direction == "max" else -1.0
    best, value = max(told, key=lambda pair: sign * pair[1])
    drawn = store.replicates(best.id, primary.name)
    before_it = [] if drawn is None else [sign * drawn]
    gain = difference(sign * mine.value, sign * value, [sign * replicates[primary.name]], before_it, competition.solution.clusters)
    if ladder.passes(gain, look, value):
        return look, ""
    needed = f"look {look} of team {entry.team}, needed p < .05/({look} x {look + 1})"
    return look, f"not shown to beat {best.name} ({value:.5f}), your best so far: {needed}"
