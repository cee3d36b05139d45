"""Forest: the standings of a board -> an SVG with one line each, the score and its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .page import DIRECTIONS, escape, number, shortened

Row = Mapping[str, Any]
INK, FAINT, GRID, TINT, ACCENT, PAPER = (f"var(--{name})" for name in ("ink", "faint", "grid", "tint", "accent", "paper"))


@dataclass(frozen=True)
class Layout:
    """Where things stand, in px: the plot from `left` to `right` of `width`; the name beside its line, or above it."""

    width: int
    left: int
    right: int
    row: int
    middle: int  # of the line, from the row's top
    text: int  # the baseline of the name
    letters: int  # that a name may take
    interval: bool  # whether there is room for it in figures


WIDE = Layout(width=860, left=262, right=636, row=25, middle=13, text=17, letters=32, interval=True)
NARROW = Layout(width=360, left=14, right=346, row=42, middle=30, text=17, letters=34, interval=False)


def svg(document: Mapping[str, Any], layout: Layout = WIDE, ident: str = "forest") -> str:
    """Return the plot, or nothing where no standing has a score; `ident` is the prefix of its ids.

    Contestants first, controls below them; those tied with the best are filled and lie on a band. Colours are the page's CSS variables.
    """
    metric: str = document["metric"]
    direction: str = document.get("directions", {}).get(metric, "")
    scored = [row for row in document["standings"] if row["scores"].get(metric) is not None]
    contestants, controls = ([row for row in scored if bool(row["control"]) is wanted] for wanted in (False, True))
    if not scored:
        return ""
    low, high = _domain(scored, metric)
    span = (layout.right - layout.left) / (high - low)

    def x(value: float) -> float:
        return layout.left + (min(max(value, low), high) - low) * span

    top = 34
    apart = 26 if controls and contestants else 0
    bottom = top + layout.row * len(scored) + apart
    bands, lines, spans, y = [], [], [], top
    for group in (contestants, controls):
        if apart and group is controls:
            lines.append(f'<path d="M0 {y + 5.5}H{layout.width}" stroke="{GRID}"/>')
            lines.append(f'<text x="12" y="{y + 21}" fill="{FAINT}" font-size="11">controls</text>')
            y += apart
        for row in group:
            if row.get("tied"):
                bands.append(f'<path d="M0 {y}h{layout.width}v{layout.row}h-{layout.width}z" fill="{TINT}"/>')
                bands.append(f'<path d="M0 {y}h3v{layout.row}h-3z" fill="{ACCENT}"/>')
            lines.append(_line(row, metric, layout, y, x, (low, high)))
            spans.append((y + layout.middle - 9, 18))  # where a name stands above its line, the grid does not cross it
            y += layout.row
    if layout.interval:
        spans = [(top, bottom - top)]

    def upright(value: float) -> str:
        return "".join(f"M{x(value):.1f} {start}v{length}" for start, length in spans)

    grid = []
    for tick in _ticks(low, high, 5 if layout.interval else 4):
        grid.append(f'<path d="{upright(tick)}M{x(tick):.1f} {bottom}v4" stroke="{GRID}"/>')
        grid.append(f'<text x="{x(tick):.1f}" y="{bottom + 19}" text-anchor="middle" fill="{FAINT}" font-size="11">{tick:.10g}</text>')
    if controls and direction:
        floor = (max if direction == "max" else min)(row["scores"][metric] for row in controls)
        grid.append(f'<path d="{upright(floor)}" stroke="{FAINT}" stroke-dasharray="2 4"/>')
    toward = f"{metric}, {DIRECTIONS[direction]}" if direction in DIRECTIONS else metric
    middle = (layout.left + layout.right) / 2
    below = f'<text x="{middle:.1f}" y="{bottom + 38}" text-anchor="middle" fill="{FAINT}" font-size="12">{escape(toward)}</text>'

    tied = [str(row["name"]) for row in scored if row.get("tied")]
    told = f"{len(contestants)} contestants and {len(controls)} controls, in the order of the board, which holds the numbers."
    if len(tied) > 1:
        told += f" Tied with the best: {', '.join(tied)}."
    return "\n".join(
        [
            f'<svg viewBox="0 0 {layout.width} {bottom + 48}" width="{layout.width}" height="{bottom + 48}" role="img" fill="none"'
            f' font-family="inherit" font-size="13" aria-labelledby="{ident}-title {ident}-desc">',
            f'<title id="{ident}-title">{escape(f"{metric} of each standing with its 95 % interval")}</title>',
            f'<desc id="{ident}-desc">{escape(told)}</desc>',
            *bands,
            *grid,
            *lines,
            _key(len(tied), bool(controls and direction)),
            below,
            "</svg>",
        ]
    )


def _line(row: Row, metric: str, layout: Layout, y: int, x: Callable[[float], float], domain: tuple[float, float]) -> str:
    score: float = row["scores"][metric]
    low, high = row["intervals"].get(metric, (score, score))
    faint = bool(row["control"])
    colour = FAINT if faint else ACCENT if row.get("tied") else INK
    at = y + layout.middle
    name = str(row["name"])
    parts = [f"<title>{escape(name)}: {number(score)} [{number(low)}, {number(high)}]</title>"]
    parts.append(f'<text x="12" y="{y + layout.text}" fill="{FAINT if faint else INK}">{escape(shortened(name, layout.letters))}</text>')
    figures = f"{number(score)} [{number(low)}, {number(high)}]" if layout.interval and low < high else number(score)
    where = f'x="{layout.width - 10}" y="{y + layout.text}" text-anchor="end" font-size="12"'
    parts.append(f'<text {where} fill="{FAINT}" style="font-variant-numeric:tabular-nums">{figures}</text>')
    if low < high:
        parts.append(f'<path d="M{x(low):.1f} {at}H{x(high):.1f}" stroke="{colour}" stroke-width="1.6"/>')
    for value, sign in ((low, -1), (high, 1)):
        if not domain[0] <= value <= domain[1]:  # an arrow: it goes on beyond the plot
            end = x(value)
            parts.append(f'<path d="M{end - 5 * sign:.1f} {at - 4}L{end:.1f} {at}L{end - 5 * sign:.1f} {at + 4}" stroke="{colour}"/>')
    if domain[0] <= score <= domain[1]:
        parts.append(_marker(x(score), at, colour, bool(row.get("tied")), faint))
    return f"<g>{''.join(parts)}</g>"


def _marker(x: float, y: float, colour: str, filled: bool, diamond: bool) -> str:
    inside = colour if filled else PAPER
    if diamond:
        return f'<path d="M{x - 5:.1f} {y}l5 -5l5 5l-5 5z" fill="{inside}" stroke="{colour}" stroke-width="1.6"/>'
    return f'<circle cx="{x:.1f}" cy="{y}" r="4.3" fill="{inside}" stroke="{colour}" stroke-width="1.6"/>'


def _key(tied: int, controls: bool) -> str:
    """What the marks mean, above the plot."""
    best = ("tied with the best", 136) if tied > 1 else ("best", 56)
    marks = [(_marker(0, 0, ACCENT, True, False), *best)] if tied else []
    marks.append((_marker(0, 0, INK, False, False), "behind" if tied else "standing", 76))
    if controls:
        marks.append((f'<path d="M0 -9V9" stroke="{FAINT}" stroke-dasharray="2 4"/>', "best control", 100))
    parts, x = [], 12
    for mark, words, width in marks:
        parts.append(f'<g transform="translate({x} 13)">{mark}<text x="11" y="4" fill="{FAINT}" font-size="12">{words}</text></g>')
        x += width
    return "".join(parts)


def _domain(rows: Sequence[Row], metric: str) -> tuple[float, float]:
    """The plot's ends: every score and interval, but for those so far out that the others would lie on one spot."""
    values = sorted(v for row in rows for v in (row["scores"][metric], *row["intervals"].get(metric, ())))
    low, high = values[0], values[-1]
    if len(values) >= 12:
        first, third = values[len(values) // 4], values[3 * len(values) // 4]
        reach = 4 * (third - first)
        if reach > 0:
            low, high = (max(low, first - reach), min(high, third + reach))
    room = (high - low) * 0.04 or abs(low) * 0.1 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, about: int) -> list[float]:
    rough = (high - low) / about
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * next(m for m in (1, 2, 5, 10) if m * unit >= rough * 0.999)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
