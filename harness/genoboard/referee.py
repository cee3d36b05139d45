"""Referee: what is decided in a hosted competition: whose an entry is, which ones a team selects, and the reveal."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from genoboard_leaderboard.entry import Board
from genoboard_leaderboard.store import Store

from . import catalog, seal
from .errors import UsageError
from .hosting import PUBLIC, SELECTED, Hosting, day, of
from .lock import locked
from .task import Task
from .workspace import Workspace


def team_of(given: str = "") -> str:
    """Return whose an entry is: the team given, else GENOBOARD_TEAM, else the user of this machine."""
    team = (given or os.environ.get("GENOBOARD_TEAM", "")).strip()
    if not team:
        try:
            return getpass.getuser()
        except (KeyError, OSError, ImportError):
            return f"user {os.getuid()}"  # a number without a name, as in some containers
    if not team.isprintable() or len(team) > 60:
        raise UsageError(f"{team!r} is no team's name: write at most 60 letters on one line.")
    return team


def named(place: Workspace, card: Task, split: str | None, data: str | None) -> Hosting:
    """Return what hosts a task's split here, without opening data; raise `UsageError` where nothing does."""
    name, on = data or place.chosen_data(card.name) or card.default_data, card.split(split).name
    about = catalog.state(card, name)
    found = None
    if about is not None and on in about["splits"]:
        found = of(place, Board(card.name, name, about["fingerprint"], on, about["splits"][on]))
    else:
        # the data have gone: the last one of that name
        there = [h for h in map(Hosting.read, place.hostings()) if (h.task, h.split, h.data) == (card.name, on, name)]
        found = max(there, key=lambda h: h.created, default=None)
    if found is None:
        raise UsageError(
            f"{card.name} / {name} / split {on} is not hosted here. First: genoboard host {card.name} --split {on} --public 0.3"
        )
    return found


def reveal(place: Workspace, hosted: Hosting) -> Hosting:
    """Open every seal, and record it; from now on the private part is what scores come from."""
    with locked(place.hosting_lock):
        return _revealed(place, of(place, hosted.board) or hosted)


def _revealed(place: Workspace, hosted: Hosting) -> Hosting:
    if hosted.revealed:
        raise UsageError(f"{hosted.title} was revealed on {day(hosted.revealed)}. Its ranking: genoboard leaderboard {hosted.title}")
    sealed = [e for e in Store(place.database).entries(hosted.board) if e.phase == PUBLIC and e.verdict == "ok"]
    private = {e.id: seal.read(place.folder(e.id, e.board.task)) for e in sealed}
    found = replace(hosted, revealed=datetime.now(UTC).isoformat(), private=private)
    found.write(place)
    return found


def select(place: Workspace, hosted: Hosting, names: Sequence[str], team: str) -> Hosting:
    """Choose a team's entries for the private ranking, by id or name, in the place of what it chose before."""
    # read again within the lock: another team may have chosen meanwhile
    with locked(place.hosting_lock):
        return _selected(place, of(place, hosted.board) or hosted, names, team)


def _selected(place: Workspace, hosted: Hosting, names: Sequence[str], team: str) -> Hosting:
    if hosted.revealed:
        raise UsageError(f"{hosted.title} was revealed on {day(hosted.revealed)}, and nothing is selected after that.")
    if len(names) > SELECTED:
        raise UsageError(f"A team selects at most {SELECTED} entries for the private ranking, and {len(names)} were named.")
    valid = [e for e in Store(place.database).entries(hosted.board) if e.verdict == "ok" and not e.control and not e.removed]
    mine = [e for e in valid if e.team == team]
    ids: list[str] = []
    for name in names:
        found = [e.id for e in mine if e.id == name] or [e.id for e in mine if e.name == name]
        if len(found) > 1:
            raise UsageError(f"Team {team} has {len(found)} entries named {name}. Select by id: {', '.join(found)}.")
        if not found:
            others = {e.team for e in valid if name in (e.id, e.name)}
            whose = f"It is of {', '.join(sorted(others))}. " if others else ""
            said = ", ".join(f"{e.id} ({e.name})" for e in mine) or "none"
            raise UsageError(f"Team {team} has no valid entry {name!r} on {hosted.title}. {whose}It has: {said}.")
        ids += [id for id in found if id not in ids]
    chosen = replace(hosted, selections={**hosted.selections, team: tuple(ids)})
    chosen.write(place)
    return chosen
