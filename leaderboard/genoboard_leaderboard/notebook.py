"""Notebook: a small table as the HTML that a notebook shows below a cell: no script, the colours of the notebook."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .inert import escape

# in each element, because a style sheet would reach the rest of the notebook; greys that can be read on white and on black
LINE = "1px solid rgba(127, 127, 127, 0.35)"
CELL = "padding: 2px 10px; vertical-align: top; background: none; color: inherit; border: 0;"
SENTENCE = 40  # what is shorter stays on one line
FAINT = "margin: 4px 0; opacity: 0.75;"


def table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Collection[int] = (), bold: Collection[int] = (), below: Sequence[str] = ()
) -> str:  # fmt: skip
    """Return a titled table of plain texts, and lines `below` it; `numeric` columns are aligned to the right, `bold` rows are the best.

    Every text is escaped here. Columns without a text are left out; without rows only the title and the lines are shown.
    """
    kept = [i for i in range(len(heads)) if any(row[i] for row in rows)]
    drawn = [f'<div style="margin: 0 0 4px;"><b>{escape(title)}</b></div>']
    if rows:
        head = "".join(
            f'<th scope="col" style="{_cell(i in numeric)} border-bottom: {LINE};">{escape(h)}</th>'
            for i, h in enumerate(heads)
            if i in kept
        )
        body = "\n".join(_row(row, kept, numeric, at in bold) for at, row in enumerate(rows))
        look = "font-size: inherit; color: inherit; border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0;"
        inner = f'<thead><tr style="background: none;">{head}</tr></thead>\n<tbody>\n{body}\n</tbody>'
        drawn.append(f'<div style="overflow-x: auto;"><table style="{look}">\n{inner}</table></div>')
    drawn += [f'<div style="{FAINT}">{escape(line)}</div>' for line in below if line]
    return "<div>\n" + "\n".join(drawn) + "\n</div>"


def _row(cells: Sequence[str], kept: Sequence[int], numeric: Collection[int], bold: bool) -> str:
    weight = " font-weight: bold;" if bold else ""
    wrap = [" white-space: nowrap;" if len(cell) < SENTENCE else "" for cell in cells]
    told = "".join(f'<td style="{_cell(i in numeric)}{weight}{wrap[i]}">{escape(cells[i])}</td>' for i in kept)
    return f'<tr style="background: none;">{told}</tr>'


def _cell(numeric: bool) -> str:
    return f"{CELL} text-align: {'right' if numeric else 'left'};"
