"""Export: standings -> a document of JSON values -> table, CSV, JSON or Markdown text."""

from __future__ import annotations

import io
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from csv import writer
from itertools import chain
from json import dumps, loads
from typing import Any

from . import inert
from .entry import Board
from .ranking import FEW, FULL, Standing

Document = Mapping[str, Any]
NAME_WIDTH = 22  # a table cuts no name below this: hist-gradient-boosting
EMPTY = "No entries yet."


def document(board: Board, standings: Iterable[Standing], metrics: Sequence[str], unranked: str = "") -> dict[str, Any]:
    """Return a board as JSON values: `standings` in the order given, their scores in that of `metrics`, the first the primary one.

    `unranked` says why nobody is ranked here, where that is so.
    """
    rows = [_row(standing, metrics) for standing in standings]
    sure = next((row for row in rows if row["ranks"]), None)
    return {
        "task": board.task,
        "split": board.split,
        "data": board.data,
        "data_fingerprint": board.data_fingerprint,
        "split_fingerprint": board.split_fingerprint,
        "metric": metrics[0],
        "metrics": list(metrics),
        "unranked": unranked,
        "cluster": sure["cluster"] if sure else "",
        "clusters": sure["clusters"] if sure else None,
        "few_groups": sure is not None and sure["clusters"] < FEW,
        "standings": [{**row, "rank": None, "ranks": None, "tied": False} for row in rows] if unranked else rows,
    }


def table(document: Document, metrics: Sequence[str] | None = None, width: int = 120) -> str:
    """Return aligned plain text with the primary metric, the others of `metrics` (all by default), and why entries failed.

    What does not fit into `width` columns gives way in this order: names, down to 22; the intervals of standings with several
    seeds; whole metrics, from the right; notes. What is left out is named below the table.
    """
    rows: list[dict[str, Any]] = document["standings"]
    primary, others = _chosen(document, metrics)
    lines = [title(document), ""]
    if not rows:
        return "\n".join([*lines, EMPTY, ""])

    cut: list[str] = []
    labels = [inert.printable(row["name"]) for row in rows]
    notes = [inert.printable(note) for note in _notes(rows)]
    rank = _column("#", _places(rows), ">")
    sure = [_column("true\nrank", [_ranks(row) for row in rows], ">")] if any(row["ranks"] for row in rows) else []
    sure += [_column("chance\nof best", [_chance(row) for row in rows], ">")] if any(row["chance"] is not None for row in rows) else []
    full, brief = (_column(f"{primary} (95 % interval)", _primary(rows, primary, brief), "<") for brief in (False, True))
    folds = [_column("fold mean +- sd", [_folds(row, primary) for row in rows], "<")] if _has_folds(document) else []
    secondary = [_column(_folded(m), [_number(row["scores"].get(m)) for row in rows], ">") for m in others]
    source = _column("from", _sources(rows), "<")

    label_width = max(4, *map(len, labels))
    room = width - _wide([rank, *sure, *folds, source]) - (len("notes  ") if any(notes) else 0) - len("  ")
    brevity = _wide([full, *secondary]) + min(label_width, NAME_WIDTH) > room
    score = brief if brevity else full
    shown = len(secondary)
    while shown and _wide([score, *secondary[:shown]]) + min(label_width, NAME_WIDTH) > room:
        shown -= 1
    label_width = min(label_width, max(NAME_WIDTH, room - _wide([score, *secondary[:shown]])))
    name = _column("name", [_shortened(label, label_width) for label in labels], "<")
    columns = [rank, name, score, *sure, *folds, *secondary[:shown], source]
    if any(notes):
        space = max(len("notes"), width - _wide(columns))
        columns.append(_column("notes", [note if len(note) <= space else f"{note[: space - 1]}…" for note in notes], "<"))
        cut = [
            f"{_rank(row)} {label}: {n}" for row, label, n in zip(rows, labels, notes, strict=True) if len(n) > space and not _verdict(row)
        ]
    lines += filter(None, ("  ".join(cells).rstrip() for cells in zip(*columns, strict=True)))

    below = [f"{label}: {_verdict(row)}: {row['reason']}" for row, label in zip(rows, labels, strict=True) if _verdict(row)]
    below += cut
    left_out = others[shown:] + (["intervals over several seeds"] if brief != full and brevity else [])
    if left_out:
        below.append(f"Too wide to show here: {', '.join(left_out)}. See --format csv.")
    if below:
        lines += ["", *(part for line in below for part in textwrap.wrap(inert.printable(line), width, subsequent_indent="    "))]
    return "\n".join([*lines, ""])


def records(document: Document) -> tuple[list[str], list[list[Any]]]:
    """Return the names of columns, and one row of values per standing: numbers in full, None where there is none, parameters as JSON."""
    primary, others = _chosen(document, None)
    order = ["rank_low", "rank_high", "tied", "chance", "covers", "warning"]
    measured = [primary, f"{primary}_low", f"{primary}_high", *order, "sd", "seeds", "fold_mean", "fold_sd", *others]
    told = ["origin", "code", "source", "plugin", "version", "model", "parameters", "isolation", "verdict", "reason", "created"]
    rows = []
    for row in document["standings"]:
        low, high = row["intervals"].get(primary, (None, None))
        code = row["code"]
        values = (
            *(document["task"], document["data"], document["split"], row["rank"], row["name"], row["control"], row["entry"]),
            *(row["scores"].get(primary), low, high),
            *(*(row["ranks"] or (None, None)), row["tied"], row["chance"], row["covers"], row["warning"]),
            *(row["sd"].get(primary), row["seeds"], row["fold_mean"].get(primary), row["fold_sd"].get(primary)),
            *(row["scores"].get(metric) for metric in others),
            *(row["origin"], code["state"], code["source"], code["plugin"], code["version"], row["model"]),
            *(dumps(row["parameters"], ensure_ascii=False), row["isolation"], row["verdict"], row["reason"], row["created"]),
        )
        rows.append(list(values))
    return ["task", "data", "split", "rank", "name", "control", "entry", *measured, *told], rows


def csv(document: Document) -> str:
    """Return CSV text: one row per standing, numbers in full, missing ones empty."""
    out = io.StringIO()
    to = writer(out, lineterminator="\n")
    heads, rows = records(document)
    for row in (heads, *rows):
        to.writerow(map(inert.cell, row))
    return out.getvalue()


def json(document: Document) -> str:
    """Return JSON text, indented."""
    return inert.visible(dumps(document, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def markdown(document: Document, metrics: Sequence[str] | None = None) -> str:
    """Return a Markdown table with the primary metric and the others of `metrics` (all by default)."""
    if not document["standings"]:
        return "\n".join([title(document), "", EMPTY, ""])
    heads, rows, numeric = cells(document, metrics)
    aligned = ["---:" if at in numeric else "---" for at in range(len(heads))]
    return "\n".join([title(document), "", *map(_piped, (heads, aligned, *rows)), ""])


def cells(document: Document, metrics: Sequence[str] | None = None) -> tuple[list[str], list[list[str]], list[int]]:
    """Return heads, rows of texts, and which columns hold numbers; `metrics` beside the primary one, all by default."""
    rows: list[dict[str, Any]] = document["standings"]
    primary, others = _chosen(document, metrics)
    folds = _has_folds(document)
    sure = ["true rank", "chance of best"] if any(row["ranks"] for row in rows) else []
    heads = ["rank", "name", f"{primary} (95 % interval)", *sure, *(["fold mean +- sd"] if folds else []), *others, "from", "notes"]
    found = []
    for row, place, score, source, note in zip(rows, _places(rows), _primary(rows, primary), _sources(rows), _notes(rows), strict=True):
        told = [place, row["name"], " ".join(score.split())]
        told += [_ranks(row), _chance(row)] if sure else []
        told += [_folds(row, primary)] if folds else []
        told += [_number(row["scores"].get(metric)) for metric in others]
        found.append([*told, source, f"{note}: {row['reason']}" if _verdict(row) else note])
    return heads, found, [at for at, head in enumerate(heads) if head in ("rank", *sure, *others)]


def title(document: Document) -> str:
    """Return which board this is."""
    return f"{document['task']}: data {document['data']} ({document['data_fingerprint'][:8]}), split {document['split']}"


def _row(standing: Standing, metrics: Sequence[str]) -> dict[str, Any]:
    given = standing.to_dict()
    for one in ("intervals", "sd", "fold_mean", "fold_sd", "counts", "reasons"):
        given[one] = {metric: given[one][metric] for metric in metrics if metric in given[one]}
    given["intervals"] = {metric: list(interval) for metric, interval in given["intervals"].items()}
    given["scores"] = {metric: standing.scores.get(metric) for metric in metrics}
    given["entries"] = list(standing.entries)
    given["ranks"] = list(standing.ranks) if standing.ranks else None
    given["parameters"] = loads(dumps(given["parameters"]), parse_constant=str)  # NaN is no JSON, but a parameter may be it
    first = ("rank", "ranks", "tied", "chance", "name", "entry", "scores", "intervals", "covers", "sd", "seeds", "fold_mean", "fold_sd")
    return {key: given[key] for key in (*first, *(k for k in given if k not in first))}


def _chosen(document: Document, metrics: Sequence[str] | None) -> tuple[str, list[str]]:
    primary: str = document["metric"]
    return primary, [m for m in (document["metrics"] if metrics is None else metrics) if m != primary]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5f}"


def _rank(row: Mapping[str, Any]) -> str:
    return "-" if row["rank"] is None else str(row["rank"])


def _places(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ranks, with a mark at those of the tie group where it has several members."""
    several = sum(row["tied"] for row in rows) > 1
    return [_rank(row) + ("=" if row["tied"] and several else " " if several else "") for row in rows]


def _ranks(row: Mapping[str, Any]) -> str:
    return "-" if not row["ranks"] else "{}-{}".format(*row["ranks"]) if row["ranks"][0] < row["ranks"][1] else str(row["ranks"][0])


def _chance(row: Mapping[str, Any]) -> str:
    if row["chance"] is None:
        return "-"
    return "< 1 %" if row["chance"] < 0.01 else f"{row['chance']:.0%}".replace("%", " %")


def _primary(rows: Sequence[Mapping[str, Any]], metric: str, brief: bool = False) -> list[str]:
    """Score, seeds and interval, aligned over all rows: ``0.81234 +- 0.00120 (3 seeds) [0.78000, 0.84000]``; `brief`: seeds or interval."""
    scores = [_number(row["scores"].get(metric)) for row in rows]
    seeds = [f" +- {_number(row['sd'][metric])} ({row['seeds']} seeds)" if metric in row["sd"] else "" for row in rows]
    intervals = [" [{}, {}]".format(*map(_number, row["intervals"][metric])) if metric in row["intervals"] else "" for row in rows]
    wide, wider = max(map(len, scores)), max(map(len, seeds))
    if brief:
        return [f"{a:>{wide}}{b or c}" for a, b, c in zip(scores, seeds, intervals, strict=True)]
    return [f"{a:>{wide}}{b:<{wider}}{c}".rstrip() for a, b, c in zip(scores, seeds, intervals, strict=True)]


def _has_folds(document: Document) -> bool:
    return any(document["metric"] in row["fold_mean"] for row in document["standings"])


def _folds(row: Mapping[str, Any], metric: str) -> str:
    return f"{_number(row['fold_mean'].get(metric))} +- {_number(row['fold_sd'].get(metric))}" if metric in row["fold_mean"] else "-"


def _sources(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where each entry came from; a name that stands there twice shows which source it was."""
    names = Counter(row["name"] for row in rows)
    said = []
    for row in rows:
        code = row["code"]
        state = "" if code["state"] == "unknown" else code["state"]
        source = code["source"][:6] if names[row["name"]] > 1 else ""
        said.append(" ".join(filter(None, ("control" if row["control"] else row["origin"], state, source))))
    return said


def _verdict(row: Mapping[str, Any]) -> str:
    if next(iter(row["scores"].values()), None) is not None:
        return ""
    return "no score" if row["verdict"] == "ok" else str(row["verdict"])


def _notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The verdict on a failed entry; and for a name that stands there twice, in what it differs: parameters, or else the entry."""
    namesakes: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        namesakes[row["name"]].append(row)
    apart: dict[str, str] = {}
    for group in namesakes.values():
        facts = [_facts(row) for row in group]
        differing = [key for key in dict.fromkeys(chain(*facts)) if len({fact.get(key) for fact in facts}) > 1]
        told_by_source = len({row["code"]["source"] for row in group}) == len(group)
        for row, fact in zip(group, facts, strict=True):
            said = ", ".join(f"{key}={fact[key]}" for key in differing if key in fact)
            apart[row["entry"]] = said or ("" if told_by_source else row["entry"])
    team = {row["entry"]: f"team {row['team']}" if row.get("team") else "" for row in rows}
    return ["; ".join(filter(None, (_verdict(row), team[row["entry"]], apart[row["entry"]], opened(row), row["warning"]))) for row in rows]


def opened(row: Mapping[str, Any]) -> str:
    """Return what a run was not kept from, where that is anything."""
    return "" if row.get("isolation", "") in ("", FULL) else f"sandbox: {row['isolation']}"


def _facts(row: Mapping[str, Any]) -> dict[str, str]:
    facts = {"model": row["model"], "threads": row["threads"], **row["parameters"]}
    return {key: dumps(value, ensure_ascii=False) for key, value in facts.items()}


def _wide(columns: Iterable[list[str]]) -> int:
    return sum(len(column[0]) + 2 for column in columns)


def _folded(metric: str) -> str:
    """A header on up to three lines, broken at its hyphens: the numbers below take no more than some ten columns."""
    return "\n".join(textwrap.wrap(metric, 11, break_long_words=False))


def _column(head: str, cells: Sequence[str], align: str) -> list[str]:
    """Header lines, at the bottom of three, then the cells, all of one width."""
    heads = head.split("\n")
    wide = max(map(len, [*heads, *cells]))
    return [f"{text:{align}{wide}}" for text in (*[""] * (3 - len(heads)), *heads, *cells)]


def _shortened(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(inert.markdown, cells))} |"
