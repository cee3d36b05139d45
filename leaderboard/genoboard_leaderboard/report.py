"""Report: an entry's scores, figures and run card -> one page that can be read, checked and cited."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from xml.etree import ElementTree

from .errors import LeaderboardError
from .page import DIRECTIONS, Cell, Column, boxed, escape, number, shell, table

ROWS = 500  # of a figure's data, on the page
BROAD = 560  # points: a drawing that is wider spans both columns, or its text would be too small
DRAWINGS = 1_350_000  # bytes of figures on one page, and of their data:
DATA = 450_000  # together with the rest the page stays under 2 MB
DROPPED = {"script", "metadata", "foreignObject", "animate", "animateMotion", "animateTransform", "set"}
SVG = ("", "http://www.w3.org/2000/svg")
REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")


@dataclass(frozen=True)
class Panel:
    """A figure as the page takes it: the drawing, what it shows in words, and the numbers behind it."""

    title: str
    svg: str
    alt: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    note: str = ""


@dataclass(frozen=True)
class ScoreLine:
    """One metric of the entry; `others` leads from a column's title to the score of another entry, formatted already.

    Without a `value` there is the `reason`. `direction` is ``max`` or ``min``; `covers` says what the interval covers.
    """

    metric: str
    summary: str
    direction: str
    value: float | None
    low: float | None
    high: float | None
    covers: str
    reason: str
    others: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """All that the page shows; plain text but for the panels' drawings."""

    title: str
    lead: Sequence[str]
    scores: Sequence[ScoreLine]
    card: Mapping[str, str]
    methods: str
    panels: Sequence[Panel]
    missing: Sequence[tuple[str, str]]
    cite: Sequence[str]


def page(report: Report) -> str:
    """Return the report as one HTML file under 2 MB; raise `LeaderboardError` where a panel's SVG does not parse."""
    header = ['<p class="eyebrow">genoboard report</p>', f"<h1>{escape(report.title)}</h1>"]
    header += [f'<p class="{"faint" if at else "lead"}">{escape(line)}</p>' for at, line in enumerate(report.lead)]
    sections = [_scores(report.scores), _figures(report), _methods(report.methods), _card(report.card), _cite(report.cite)]
    footer = "<p>Made by genoboard. This file needs no network.</p>"
    return shell(report.title, "\n".join(header), "\n".join(filter(None, sections)), footer)


def _scores(lines: Sequence[ScoreLine]) -> str:
    if not lines:
        return ""
    overall, by_class = ([x for x in lines if ("[" in x.metric) == one] for one in (False, True))
    built = _score_table("Every metric of this entry beside others on the same test rows.", overall)
    if by_class:
        built += f"<details><summary>Scores of each class</summary>{_score_table('One class against the rest.', by_class)}</details>"
    return _section("scores", "Scores", built)


def _score_table(caption: str, lines: Sequence[ScoreLine]) -> str:
    titles = list(dict.fromkeys(title for line in lines for title in line.others))
    columns = [
        Column("metric", kind="name"),
        Column("this entry", "95 % interval", numeric=True),
        *(Column(t, numeric=True) for t in titles),
    ]
    body = []
    for line in lines:
        told = "; ".join(filter(None, (line.summary, DIRECTIONS.get(line.direction, line.direction))))
        name = Cell(f"<bdi>{escape(line.metric)}</bdi><small>{escape(told)}</small>", line.metric)
        body.append(("", [name, _score(line), *(_other(line.others.get(title)) for title in titles)]))
    return table(caption, columns, body, pinned=True)


def _score(line: ScoreLine) -> Cell:
    if line.value is None:
        return Cell(f"<small class='warn'>none: {escape(line.reason)}</small>")
    interval = "" if line.low is None or line.high is None else f" <span class='faint'>[{number(line.low)}, {number(line.high)}]</span>"
    covers = f"<br><small>{escape(line.covers)}</small>" if interval and line.covers else ""
    return Cell(f"<b>{number(line.value)}</b>{interval}{covers}", line.value)


def _other(told: str | None) -> Cell:
    """A formatted score, sorted by the number that it begins with."""
    first = re.match(r"[-+]?\d[\d.]*(?:e[-+]?\d+)?", told or "")
    return Cell(escape(told) if told else "-", first.group() if first else None)


def _figures(report: Report) -> str:
    drawn, spent = [], 0
    contents = []
    for at, panel in enumerate(report.panels, 1):
        drawing = _inlined(panel, f"p{at}")
        spent += len(drawing.encode())
        if spent > DRAWINGS:
            spent -= len(drawing.encode())
            drawing = (
                f'<p class="callout">The drawing takes {len(drawing) // 1000} kB, which the page has no room for. Its data follow.</p>'
            )
        drawn.append(_panel(panel, at, drawing, DATA // len(report.panels)))
        contents.append(f'<li><a href="#panel-{at}">{escape(panel.title)}</a></li>')
    parts = []
    if contents:
        parts.append(f'<nav class="contents" aria-label="Figures"><ol>{"".join(contents)}</ol></nav>')
    if drawn:
        parts.append(f'<div class="panels">{"".join(drawn)}</div>')
    if report.missing:
        items = "".join(f"<li><b>{escape(title)}</b>: {escape(reason)}</li>" for title, reason in report.missing)
        parts.append(f'<div class="panel"><h3>Not drawn</h3><ul>{items}</ul></div>')
    return _section("figures", "Figures", "\n".join(parts)) if parts else ""


def _panel(panel: Panel, at: int, drawing: str, room: int) -> str:
    note = f"<figcaption>{escape(panel.note)}</figcaption>" if panel.note else ""
    box = re.search(r'viewBox="0 0 ([\d.]+) ', panel.svg)
    broad = " both" if box and float(box[1]) > BROAD else ""
    return (
        f'<figure class="panel{broad}" id="panel-{at}" aria-labelledby="p{at}-title"><h3 id="p{at}-title">{escape(panel.title)}</h3>\n'
        f'<p class="unseen" id="p{at}-alt">{escape(panel.alt)}</p>\n'
        f"{boxed(f'Figure: {panel.title}', drawing).replace('scroll', 'scroll drawing', 1)}\n{note}\n{_data(panel, room)}</figure>"
    )


def _data(panel: Panel, room: int) -> str:
    """The table behind a figure: at most `ROWS` rows and `room` bytes of it, and said so."""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in panel.head)
    rows: list[str] = []
    for values in panel.rows[:ROWS]:
        row = f"<tr>{''.join(map(_datum, values))}</tr>"
        room -= len(row.encode()) + 1
        if room < 0:
            break
        rows.append(row)
    cut = f"; the first {len(rows)} of {len(panel.rows)} rows" if len(rows) < len(panel.rows) else ""
    caption = f"{panel.title}{cut}"
    inner = f"<table><caption><span>{escape(caption)}</span></caption><thead><tr>{head}</tr></thead>\n<tbody>{chr(10).join(rows)}</tbody></table>"
    return f"<details><summary>Data behind this figure</summary>{boxed(f'Data: {panel.title}', inner)}</details>"


def _datum(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "<td></td>"
    if isinstance(value, Real) and not isinstance(value, bool):
        return f'<td class="n">{int(value) if isinstance(value, Integral) else f"{float(value):.6g}"}</td>'
    return f"<td>{escape(value)}</td>"


def _inlined(panel: Panel, prefix: str) -> str:
    """The panel's SVG as a part of the page: no prolog, no script, nothing from outside, and ids of its own."""
    try:
        root = ElementTree.fromstring(panel.svg)
    except (ElementTree.ParseError, ValueError) as error:
        raise LeaderboardError(
            f"The figure of the panel {panel.title!r} is no SVG: {error}. Mend what the task's panel returns."
        ) from error
    if _local(root.tag) != "svg":
        raise LeaderboardError(
            f"The figure of the panel {panel.title!r} is no SVG but <{_local(root.tag)}>. Mend what the task's panel returns."
        )
    _cleaned(root, f"{prefix}-", set())
    root.attrib.update({"role": "img", "id": f"{prefix}-svg", "aria-labelledby": f"{prefix}-title {prefix}-alt"})
    return ElementTree.tostring(root, encoding="unicode")


def _cleaned(element: ElementTree.Element, prefix: str, ids: set[str]) -> None:
    element.tag = "g" if _local(element.tag) == "a" else _local(element.tag)  # what a link holds is kept, without the link
    attributes = {_local(key): value for key, value in element.attrib.items()}
    element.attrib.clear()
    for key, value in attributes.items():
        if key.lower().startswith("on") or (key == "href" and not value.startswith(("#", "data:image/"))):
            continue
        if key == "id":
            if value in ids:  # the browser would find the first one only, too
                continue
            ids.add(value)
            value = prefix + value
        elif key == "href" and value.startswith("#"):
            value = f"#{prefix}{value[1:]}"
        elif key in ("aria-labelledby", "aria-describedby"):
            value = " ".join(prefix + one for one in value.split())
        element.attrib[key] = _prefixed(value, prefix)
    if element.tag == "style":  # of this drawing alone: inline, it would hold for the whole page
        rules = re.sub(r"#(?=[A-Za-z_][\w.-]*[^;{}]*\{)", f"#{prefix}", element.text or "")
        element.text = f"#{prefix}svg {{ {_prefixed(rules, prefix)} }}"
    for child in list(element):
        if _space(child.tag) not in SVG or _local(child.tag) in DROPPED:
            element.remove(child)
        else:
            _cleaned(child, prefix, ids)


def _prefixed(text: str, prefix: str) -> str:
    return REFERENCE.sub(lambda found: f"url(#{prefix}{found.group(1)})", text)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _space(name: str) -> str:
    return name.rpartition("}")[0].lstrip("{")


def _methods(text: str) -> str:
    if not text:
        return ""
    paragraph = html.escape(text)  # its line ends are kept
    button = '<button type="button" class="copy" data-copy="methods-text">Copy this paragraph</button>'
    said = '<span class="faint" role="status" id="methods-text-said"></span>'
    return _section("methods", "Methods", f'<p class="passage" id="methods-text">{paragraph}</p>\n<p>{button} {said}</p>')


def _card(card: Mapping[str, str]) -> str:
    if not card:
        return ""
    rows = "".join(f'<tr><th scope="row">{escape(key)}</th><td>{escape(value)}</td></tr>' for key, value in card.items())
    head = '<thead class="unseen"><tr><th scope="col">what</th><th scope="col">value</th></tr></thead>'
    built = f'<table class="card"><caption><span>What was run, with what, on what.</span></caption>{head}<tbody>{rows}</tbody></table>'
    return _section("card", "Run card", built)


def _cite(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return _section("cite", "Cite", f"<ul>{items}</ul>") if lines else ""


def _section(ident: str, title: str, inner: str) -> str:
    return f'<section aria-labelledby="{ident}"><h2 id="{ident}">{escape(title)}</h2>\n{inner}</section>'
