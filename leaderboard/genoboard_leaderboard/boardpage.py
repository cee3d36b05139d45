"""Board page: a board's document -> one static page with its plot, its table and how to read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from json import dumps
from typing import Any
from urllib.parse import urlsplit

from . import export, forest
from .page import DIRECTIONS, Cell, Column, escape, facts, number, shell, table

Document = Mapping[str, Any]
Row = Mapping[str, Any]
NO_LINKS: Mapping[str, str] = {}


def page(document: Document, links: Mapping[str, str] = NO_LINKS) -> str:
    """Return the board as one HTML file; `links` leads from an entry's id to its report."""
    metric: str = document["metric"]
    rows: list[Row] = document["standings"]
    scored = [row for row in rows if row["scores"].get(metric) is not None]
    failed = [row for row in rows if row["scores"].get(metric) is None]
    sections = [_plot(document), _standings(document, scored, links), _per_class(document, scored, links), _failed(document, failed, links)]
    sections += [_removed(document), _reading(document)]
    title = f"{document['task']}: data {document['data']}, split {document['split']}"
    made_of = f"data {document['data_fingerprint']}, split {document['split_fingerprint']}"
    footer = f"<p>Made by genoboard. This file needs no network. Fingerprints: <code>{escape(made_of)}</code></p>"
    return shell(title, _header(document, scored, failed), "\n".join(filter(None, sections)), footer)


def _header(document: Document, scored: Sequence[Row], failed: Sequence[Row]) -> str:
    metric: str = document["metric"]
    controls = sum(bool(row["control"]) for row in scored)
    counted = [_counted(len(scored) - controls, "standing")]
    counted += [_counted(controls, "control")] if controls else []
    counted += [f"{len(failed)} without a score"] if failed else []
    told = [
        ("Data", f"{escape(document['data'])} <code class='faint'>{escape(document['data_fingerprint'][:8])}</code>"),
        ("Split", f"{escape(document['split'])} <code class='faint'>{escape(document['split_fingerprint'][:8])}</code>"),
        ("Ranked by" if not document.get("unranked") else "Metric", escape(_directed(document, metric))),
        ("Entries", escape(", ".join(counted))),
    ]
    clusters, cluster = document.get("clusters"), document.get("cluster") or "group"
    if clusters is not None:
        told.append(("Test rows come from", escape(_counted(clusters, cluster))))
    parts = ['<p class="eyebrow">genoboard leaderboard</p>', f"<h1>{escape(document['task'])}</h1>"]
    if document.get("asks"):
        parts.append(f'<p class="lead">{escape(document["asks"])}</p>')
    if document.get("null"):
        parts.append(f'<p class="faint">The null model here: {escape(document["null"])}.</p>')
    parts.append(facts(told))
    below = {f"Removed: {one['entry']}: {one['reason']}" for one in document.get("removed") or ()}  # these have a table of their own
    notes = [str(note) for note in document.get("notes", ()) if note not in below]
    unranked = document.get("unranked")
    if unranked and not any(str(unranked) in note for note in notes):
        notes.insert(0, f"Unranked: {unranked}")
    if document.get("few_groups") and not any(note.startswith("Few groups") for note in notes):
        few = f"only {_counted(clusters, cluster)}" if clusters is not None else f"few {cluster}s"
        notes.append(f"Few groups: the test rows come from {few}, and all that is said of intervals and ties rests on these.")
    parts += [f'<p class="callout">{escape(note)}</p>' for note in notes]
    return "\n".join(parts)


def _plot(document: Document) -> str:
    wide = forest.svg(document, forest.WIDE, "forest")
    if not wide:
        return ""
    narrow = forest.svg(document, forest.NARROW, "forest-small")
    return (
        f'<section aria-labelledby="plot"><h2 id="plot">{escape(document["metric"])} with 95 % intervals</h2>\n'
        f'<figure class="forest"><div class="wide">{wide}</div><div class="small">{narrow}</div></figure></section>'
    )


def _standings(document: Document, rows: Sequence[Row], links: Mapping[str, str]) -> str:
    metric: str = document["metric"]
    if not rows:
        return '<section aria-labelledby="table"><h2 id="table">Standings</h2><p>No entry has a score yet.</p></section>'
    ranked = any(row["rank"] is not None for row in rows)
    others = [m for m in document["metrics"] if m != metric and "[" not in m]
    apart = _apart(rows)
    drawn: list[tuple[Column, list[Cell]]] = []

    def add(column: Column, cells: Sequence[Cell], wanted: bool = True) -> None:
        if wanted:
            drawn.append((column, list(cells)))

    add(Column("rank", numeric=True), [_counted_cell(row["rank"]) for row in rows], ranked)
    add(Column("true rank", "95 %", numeric=True), [_span(row.get("ranks")) for row in rows], any(row.get("ranks") for row in rows))
    add(Column("name", kind="name"), [_name(row, links, apart[row["entry"]]) for row in rows])
    order = _first(document, metric)
    add(
        Column(metric, "; ".join(filter(None, ("95 % interval", _toward(document, metric)))), True, first=order),
        [_score(row, metric) for row in rows],
    )
    add(Column("sd", "over seeds", numeric=True), [_seeds(row, metric) for row in rows], any(metric in row["sd"] for row in rows))
    add(Column("folds", "mean ± sd", True, first=order), [_folds(row, metric) for row in rows], any(metric in r["fold_mean"] for r in rows))
    tied = sum(bool(row.get("tied")) for row in rows)  # the best alone is no tie
    add(Column("tie", "with the best"), [_tie(row) for row in rows], tied > 1)
    chance = Column("chance", "of being best", True, first="descending")
    add(chance, [_chance(row.get("chance")) for row in rows], any(row.get("chance") is not None for row in rows))
    for other in others:
        first = _first(document, other)
        add(Column(other, _toward(document, other), True, first=first), [_number(row["scores"].get(other)) for row in rows])
    add(Column("from"), [_source(row) for row in rows])
    add(Column("created", "UTC", first="descending"), [_created(row) for row in rows])
    body = [(_kind(row), [cells[i] for _, cells in drawn]) for i, row in enumerate(rows)]
    shaded = " Shaded: tied with the best." if tied > 1 else " Shaded: the best." if tied else ""
    caption = f"{'Best first; a' if ranked else 'A'} column's title sorts by it.{shaded}"
    built = table(caption, [column for column, _ in drawn], body, by=0 if ranked else None, pinned=True)
    return f'<section class="broad" aria-labelledby="table"><h2 id="table">Standings</h2>\n{built}</section>'


def _per_class(document: Document, rows: Sequence[Row], links: Mapping[str, str]) -> str:
    metrics = [m for m in document["metrics"] if "[" in m and any(row["scores"].get(m) is not None for row in rows)]
    if not metrics:
        return ""
    apart = _apart(rows)
    columns = [Column("name", kind="name")]
    columns += [Column(m, _toward(document, m), True, first=_first(document, m)) for m in metrics]
    body = [
        (_kind(row), [_name(row, links, apart[row["entry"]]), *(_number(row["scores"].get(metric)) for metric in metrics)]) for row in rows
    ]
    built = table("Metrics of single classes, of the same standings.", columns, body, pinned=True)
    return (
        '<section aria-labelledby="classes"><h2 id="classes">Class by class</h2>\n'
        f"<details><summary>{_counted(len(metrics), 'metric')} of single classes</summary>{built}</details></section>"
    )


def _failed(document: Document, rows: Sequence[Row], links: Mapping[str, str]) -> str:
    if not rows:
        return ""
    columns = [Column("name", kind="name"), Column("verdict"), Column("reason", kind="text"), Column("from"), Column("created", "UTC")]
    apart = _apart(rows)
    body = []
    for row in rows:
        verdict = "no score" if row["verdict"] == "ok" else str(row["verdict"])
        told = [Cell(f'<span class="warn">{escape(verdict)}</span>', verdict), Cell(escape(row["reason"]), str(row["reason"]))]
        body.append((_kind(row), [_name(row, links, apart[row["entry"]]), *told, _source(row), _created(row)]))
    built = table(f"These have no score of {document['metric']}, and no rank.", columns, body, pinned=True)
    return f'<section aria-labelledby="failed"><h2 id="failed">Without a score</h2>\n{built}</section>'


def _removed(document: Document) -> str:
    removed = document.get("removed") or ()
    if not removed:
        return ""
    columns = [Column("name", kind="name"), Column("reason", kind="text"), Column("entry")]
    body = [("", [Cell(escape(one[key]), str(one[key])) for key in ("name", "reason", "entry")]) for one in removed]
    built = table("These were taken off the board.", columns, body, pinned=True)
    return f'<section aria-labelledby="removed"><h2 id="removed">Removed</h2>\n{built}</section>'


def _reading(document: Document) -> str:
    cluster = escape(document.get("cluster") or "")
    rows: list[Row] = document["standings"]
    covers = sorted({str(row["covers"]) for row in rows if row.get("covers")})
    drawn = {
        "": "test rows are drawn again and again, by whole groups where the split has groups",
        "row": "test rows are drawn again and again",
    }
    by_group = (
        f"whole {cluster}s of test rows are drawn again and again, never single rows, because rows of one {cluster} resemble each other"
    )
    lines = [f"An interval [low, high] is the 95 % interval of the score: {drawn.get(cluster, by_group)}."]
    if covers:
        apart = "; a score says so where it is the latter" if len(covers) > 1 else ""
        lines.append(f"The intervals cover {escape(' or '.join(covers))}{apart}.")
    if any(row.get("tied") for row in rows):
        lines.append(
            "Tied with the best are those whose 95 % interval of the paired difference from the best includes 0."
            " Both are scored on the same resamples, so this tells entries apart whose own intervals overlap."
        )
    if any(row.get("ranks") for row in rows):
        lines.append("The true rank lies between one more than the number of those proven better and all but those proven worse.")
    if any(row.get("chance") is not None for row in rows):
        lines.append("The chance of being best is the share of resamples in which nobody is better.")
    lines += [
        "Several seeds of one model are one standing: its score is their mean.",
        "Controls are the board's own floor: an entry that does not beat them has shown nothing yet.",
    ]
    items = "".join(f"<li>{line}</li>" for line in lines).replace("95 %", "95&nbsp;%")
    return f'<section aria-labelledby="reading"><h2 id="reading">How to read this board</h2>\n<ul>{items}</ul></section>'


def _name(row: Row, links: Mapping[str, str], apart: str) -> Cell:
    name = f"<bdi>{escape(row['name'])}</bdi>"
    link = links.get(row["entry"], "")
    if link and urlsplit(link).scheme in ("", "http", "https"):
        name = f'<a href="{escape(link)}">{name}</a>'
    tag = ' <span class="tag">control</span>' if row["control"] else ""
    below = f"<small>{escape(apart)}</small>" if apart else ""
    said = (export.opened(row), row.get("warning"))
    warning = "".join(f'<small class="warn">{escape(line)}</small>' for line in said if line)
    return Cell(f"{name}{tag}{below}{warning}", str(row["name"]).lower())


def _apart(rows: Sequence[Row]) -> dict[str, str]:
    """For a name that stands there twice, in what it differs: parameters, or else the entry; by entry."""
    namesakes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        namesakes[row["name"]].append(row)
    told = {}
    for group in namesakes.values():
        given = [{key: dumps(value, ensure_ascii=False) for key, value in row["parameters"].items()} for row in group]
        differing = [key for key in dict.fromkeys(k for one in given for k in one) if len({one.get(key) for one in given}) > 1]
        for row, one in zip(group, given, strict=True):
            said = ", ".join(f"{key}={one[key]}" for key in differing if key in one)
            told[row["entry"]] = "" if len(group) == 1 else said or str(row["entry"])
    return told


def _score(row: Row, metric: str) -> Cell:
    value = row["scores"].get(metric)
    interval = row["intervals"].get(metric)
    told = f" <span class='faint'>[{number(interval[0])}, {number(interval[1])}]</span>" if interval else ""
    covers = f"<br><small>{escape(row['covers'])}</small>" if (row.get("covers") or "test rows") != "test rows" else ""
    return Cell(f"<b>{number(value)}</b>{told}{covers}", value)


def _seeds(row: Row, metric: str) -> Cell:
    sd = row["sd"].get(metric)
    return Cell("-") if sd is None else Cell(f"{number(sd)} <small>of {row['seeds']}</small>", sd)


def _folds(row: Row, metric: str) -> Cell:
    mean, sd = row["fold_mean"].get(metric), row["fold_sd"].get(metric)
    return Cell("-") if mean is None else Cell(f"{number(mean)} ± {number(sd)}", mean)


def _span(ranks: Sequence[int] | None) -> Cell:
    if not ranks:
        return Cell("-")
    low, high = ranks
    return Cell(str(low) if low == high else f"{low}-{high}", low + high / 1e6)  # by the low end, then by the high one


def _tie(row: Row) -> Cell:
    return Cell("tied", "tied") if row.get("tied") else Cell("")


def _chance(chance: float | None) -> Cell:
    if chance is None:
        return Cell("-")
    return Cell("&lt; 1 %" if chance < 0.01 else f"{100 * chance:.0f} %", chance)


def _source(row: Row) -> Cell:
    state = row["code"]["state"]
    told = " ".join(filter(None, ("control" if row["control"] else row["origin"], "" if state == "unknown" else state)))
    return Cell(escape(told), told)


def _created(row: Row) -> Cell:
    when = str(row["created"])
    return Cell(f'<time datetime="{escape(when)}" title="{escape(when)}">{escape(when[:10])}</time>', when)


def _number(value: float | None) -> Cell:
    return Cell(number(value), value)


def _counted_cell(value: int | None) -> Cell:
    return Cell("-" if value is None else str(value), value)


def _kind(row: Row) -> str:
    return " ".join(kind for kind in ("tied", "control") if row.get(kind))


def _first(document: Document, metric: str) -> str:
    """The order that puts the best first."""
    return "descending" if document.get("directions", {}).get(metric) == "max" else "ascending"


def _toward(document: Document, metric: str) -> str:
    return DIRECTIONS.get(document.get("directions", {}).get(metric, ""), "")


def _directed(document: Document, metric: str) -> str:
    return ", ".join(filter(None, (metric, _toward(document, metric))))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
