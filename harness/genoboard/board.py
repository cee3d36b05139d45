"""Board: the standings of one competition, read from the index; no data are opened. And the index, made anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from genoboard_leaderboard import export
from genoboard_leaderboard.entry import Board, Entry
from genoboard_leaderboard.store import Store

from . import catalog, hosting
from .amendment import rebuilding, settle
from .entering import clear, recorded
from .errors import UnknownName, UsageError
from .metrics import Metric
from .plugins import FORMATS, Plugins
from .task import Task
from .workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from .competition import Competition


def document(
    plugins: Plugins, workspace: str | Path | None, task: str, split: str | None = None, data: str | None = None, metric: str | None = None
) -> dict[str, Any]:
    """Return the board of a task's split on a dataset as JSON values; without entries its standings are empty.

    It is ordered by the task's primary metric, unless another `metric` of the task is named.
    """
    place = Workspace.here(workspace)
    settle(place)
    clear(place)
    card = plugins.task(task)
    name = data or place.chosen_data(card.name) or card.default_data
    store = Store(place.database)
    held = [(b, n) for b, n in store.boards(card.name) if b.data == name and b.split == card.split(split).name]
    board = _current(card, card.split(split).name, name, [b for b, _ in held])
    metrics = _first(card, plugins.metrics_of(card), metric)
    primary = metrics[0]
    open_board, hosted = board, hosting.view(place, store, card, board, primary.name, primary.direction)
    board = hosted.board if hosted else board
    standings = hosted.standings if hosted else store.assessed(board, primary.name, primary.direction)
    told = export.document(board, standings, [m.name for m in metrics], card.split(split).unranked)
    counts = dict(held)
    earlier = sum(n for b, n in held if b not in (board, open_board))
    notes = [f"Unranked: {card.split(split).unranked}"] if card.split(split).unranked else []
    notes += hosted.notes if hosted else []
    if primary != (own := plugins.metrics_of(card)[0]):
        notes.append(f"Ordered by {primary.name}; the task ranks by {own.name}.")
    if hosted and counts.get(open_board):
        notes.append(f"{counts[open_board]} entries of before it was hosted were scored in the open, and are not shown here.")
    if earlier:
        told_of = "1 more entry was" if earlier == 1 else f"{earlier} more entries were"
        notes.append(f"{told_of} made on another version of this dataset or split, and cannot be compared with these.")
    if card.split(split).leaks:
        notes.append(f"This split leaks: {card.split(split).leaks}")
    if told["few_groups"]:
        notes.append(
            f"Few groups: intervals rest on {told['clusters']} {told['cluster']}s, and are wide for it."
            f" genoboard leaderboard {card.name} --groups shows what each of them does."
        )
    if any(s.rank is not None and s.clusters is None for s in standings):
        notes.append(
            f"Some entries were scored by an earlier version, which did not tell how sure their order is. Score them anew: genoboard rescore {card.name}"
        )
    if not held and place.has_records() and not store.boards():
        notes.append(f"The index is empty, and {place.entries} holds entries. Read them in: genoboard leaderboard --rebuild")
    removed = store.removed(board)
    notes += [f"Removed: {e.id}: {e.removed}" for e in removed]
    return {
        **told,
        "removed": [{"entry": e.id, "name": e.name, "reason": e.removed} for e in removed],
        "asks": card.split(split).asks,
        "null": card.split(split).null,
        "directions": {m.name: m.direction for m in metrics},
        "notes": notes,
    }


def text(plugins: Plugins, told: dict[str, Any], form: str, width: int = 120, links: Mapping[str, str] | None = None) -> str:
    """Return a board in one of the `FORMATS`, a table `width` columns wide, or one that a plugin brings.

    `links` lead from an entry's id to its report, for a page.
    """
    if form not in (*FORMATS, *plugins.exporters):
        raise UnknownName("format", form, [*FORMATS, *plugins.exporters])
    if form in plugins.exporters:
        return plugins.exporters[form](told)
    if form == "json":
        return export.json(told)
    if form == "csv":
        return export.csv(told)
    if form == "html":
        from genoboard_leaderboard import boardpage  # here, like the next, because a table needs neither

        return boardpage.page(told, links or {})
    if form == "latex":
        from genoboard_leaderboard import latex

        return latex.latex(told, shown(told))
    return export.markdown(told, shown(told)) if form == "md" else table(told, width)


def table(told: Mapping[str, Any], width: int = 120) -> str:
    """Return a board as plain text, `width` columns wide, with how it is to be read."""
    if not told["standings"]:
        return "\n".join(
            [f"{told['task']}: data {told['data']}, split {told['split']}", told["asks"], "", next_run(told), *told["notes"], ""]
        )
    title, _, rest = export.table(told, shown(told), width).partition("\n")
    return "\n".join(
        [
            title,
            told["asks"],
            rest,
            *reading(told),
            "",
        ]
    )


def shown(told: Mapping[str, Any]) -> list[str]:
    """Return the metrics that a table shows: those of single classes are left to the CSV."""
    return [m for m in told["directions"] if "[" not in m]


def next_run(told: Mapping[str, Any]) -> str:
    """Return what to do on a board without entries."""
    return f"No entries yet. Next: genoboard run {told['task']} MODEL --split {told['split']} --data {told['data']}"


def reading(told: Mapping[str, Any]) -> list[str]:
    """Return the lines below a board: how to read it, what its null is, its notes."""
    return [_how_to_read(told), f"The null model here: {told['null']}.", *told["notes"]]


def _first(card: Task, metrics: tuple[Metric, ...], name: str | None) -> tuple[Metric, ...]:
    """Return the task's metrics with the one called `name` first."""
    wanted = next((m for m in metrics if name is None or m.name in (name, name.replace("_", "-"))), None)
    if wanted is None:
        raise UnknownName(f"metric of {card.name}", str(name), [m.name for m in metrics])
    return (wanted, *(m for m in metrics if m is not wanted))


def _how_to_read(told: Mapping[str, Any]) -> str:
    rows = told["standings"]
    covers = sorted({row["covers"] for row in rows} - {""}, key=len)
    over = f" over {' (several seeds: '.join(covers)}{')' if len(covers) > 1 else ''}" if covers else ""
    said = [f"{'By score' if told['unranked'] else 'Best first'}; [low, high] is the 95 % interval{over}."]
    if sum(row["tied"] for row in rows) > 1:
        said.append("= cannot be told apart from the best.")
    return " ".join(said)


def named(competition: Competition, text: str) -> list[Entry]:
    """Return the valid entries on a competition's board that `text` names, by id or by name, earliest first.

    Raise `UnknownName` or `UsageError`, which says why, where there is none.
    """
    task, here = competition.task.name, competition.board
    store = Store(competition.workspace.database)
    found = store.find(text, task)
    if not found:
        raise UnknownName(f"entry of {task}", text, {e.name for e in store.entries(here)}, f"See genoboard leaderboard {task}.")
    valid = [e for e in found if e.board == here and e.verdict == "ok" and not e.removed]
    if valid:
        return [competition.shown(e) for e in valid]
    failed = [e for e in found if e.board == here]
    if failed and failed[-1].removed:
        raise UsageError(f"{text} was removed from this board: {failed[-1].removed}")
    if failed:
        raise UsageError(f"{text} has no valid entry on this board ({failed[-1].verdict}: {failed[-1].reason}).")
    there = "; ".join(dict.fromkeys(_told(e.board) for e in found))
    raise UsageError(f"{text} is not on this board ({_told(here)}) but on {there}. Only entries of one board can be compared.")


def rebuild(workspace: str | None) -> int:
    """Make the index anew from the submission folders, which are the record; return how many entries it holds."""
    place = Workspace.here(workspace)
    with rebuilding(place):
        return Store(place.database).rebuild(_folders(place))


def recover(place: Workspace) -> int:
    """Make the index anew where it has got lost, so that a first entry is not the only one that it knows; return how many it holds then."""
    if not place.has_records() or Store(place.database).boards():
        return 0
    return rebuild(str(place.root))


def _folders(place: Workspace) -> Iterator[tuple[Entry, Mapping[str, NDArray[np.float64]]]]:
    # listed when the first is asked for: by then nobody enters one that the list would lack
    yield from (recorded(path.parent) for path in place.records())


def _told(board: Board) -> str:
    return f"data {board.data} {board.data_fingerprint[:8]}, split {board.split} {board.split_fingerprint[:8]}"


def _current(card: Task, split: str, name: str, held: list[Board]) -> Board:
    """Return the board that a run would enter now; when the data have gone, the last one that has entries."""
    about = catalog.state(card, name)
    if about is not None and split in about["splits"]:
        return Board(card.name, name, about["fingerprint"], split, about["splits"][split])
    if held:
        return held[-1]
    if about is None and name not in catalog.names(card):
        raise UnknownName(f"dataset of {card.name}", name, catalog.names(card))
    # data that came in before the task had this split: a run will tell whether they can be split so
    return Board(card.name, name, about["fingerprint"] if about else "", split, "")
