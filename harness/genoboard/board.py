"""Board: the standings of one competition, read from the index; no data are opened."""

from __future__ import annotations

import json
from typing import Any

from genoboard_leaderboard import export, ranking
from genoboard_leaderboard.entry import Board
from genoboard_leaderboard.store import Store

from . import catalog
from .errors import DataError, UnknownName
from .plugins import Plugins
from .task import Task
from .workspace import Workspace


def document(plugins: Plugins, workspace: str | None, task: str, split: str | None = None, data: str | None = None) -> dict[str, Any]:
    """Return the board of a task's split on a dataset as JSON values; without entries its standings are empty."""
    place = Workspace.here(workspace)
    card = plugins.task(task)
    name = data or place.chosen_data(card.name) or "demo"
    store = Store(place.database)
    held = [(b, n) for b, n in store.boards(card.name) if b.data == name and b.split == card.split(split).name]
    board = _current(card, card.split(split).name, name, [b for b, _ in held])
    metrics = plugins.metrics_of(card)
    told = export.document(board, ranking.standings(store.entries(board), metrics[0].name, metrics[0].direction), [m.name for m in metrics])
    earlier = sum(n for b, n in held if b != board)
    notes = [f"{earlier} more entries were made on another version of this dataset or split; they are a board of their own."] if earlier else []
    if card.split(split).leaks:
        notes.append(f"This split leaks: {card.split(split).leaks}")
    return {**told, "asks": card.split(split).asks, "null": card.split(split).null, "directions": {m.name: m.direction for m in metrics}, "notes": notes}


def text(plugins: Plugins, told: dict[str, Any], form: str) -> str:
    """Return a board in one of the formats table, csv, json, md, or one that a plugin brings."""
    shown = [m for m in told["directions"] if "[" not in m][:5]
    if form == "json":
        return json.dumps(told, indent=1) + "\n"
    if form == "table":
        head = f"{told['task']} / {told['data']} / split {told['split']}: {told['asks']}\n\n"
        if not told["standings"]:
            return head + f"No entries yet. Next: genoboard run {told['task']} MODEL --split {told['split']} --data {told['data']}\n"
        foot = [f"best first; [low, high] is the 95 % interval. The null model here: {told['null']}.", *told["notes"]]
        return head + export.table(told, shown).rstrip("\n") + "\n\n" + "\n".join(foot) + "\n"
    known = {"csv": export.csv, "md": export.markdown, **plugins.exporters}
    if form not in known:
        raise UnknownName("format", form, ["table", "json", *known])
    return known[form](told)


def _current(card: Task, split: str, name: str, held: list[Board]) -> Board:
    """Return the board that a run would enter now; when the data have gone, the last one that has entries."""
    about = catalog.state(card, name)
    if about is not None and split in about["splits"]:
        return Board(card.name, name, about["fingerprint"], split, about["splits"][split])
    if held:
        return held[-1]
    if about is not None:
        raise DataError(f"{card.name} / {name} cannot be split by {split!r}. Choose another --split.")
    if name not in catalog.names(card):
        raise UnknownName(f"dataset of {card.name}", name, catalog.names(card))
    return Board(card.name, name, "", split, "")
