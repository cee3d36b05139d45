"""Figure: a drawing with its title, its numbers as a table, and its words for who cannot see it."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from .errors import GenoboardError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

# Colours that stand for what a page decides: in an SVG they become its own, so that one drawing serves light and dark.
INK, GRID, PAPER = "#010203", "#c4c5c6", "#fdfeff"
BY_PAGE = {INK: "currentColor", GRID: "var(--grid, #c4c5c6)", PAPER: "var(--paper, #ffffff)"}

# Hues that are told apart in either mode and by eyes that see no red or no green (Tol's "bright" and "muted" schemes).
PALETTE = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999933"),
    *("#cc6677", "#44aa99", "#882255", "#ddcc77", "#7777cc", "#a0a0a0"),
)
CONTROL, ENTRY = "#a0a0a0", PALETTE[0]  # what a control and the entry itself are drawn in
MOST_WIDE, MOST_HIGH = 12.0, 16.0  # inches

THEME: dict[str, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor"), INK),
    **{"grid.color": GRID, "grid.linewidth": 0.6, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8},
    **{"figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False},
    **{"font.family": "sans-serif", "font.size": 9.0, "axes.titlesize": 10.0, "axes.titlelocation": "left", "legend.fontsize": 8.0},
    **{"svg.fonttype": "none", "svg.hashsalt": "genoboard", "pdf.fonttype": 42, "figure.constrained_layout.use": True},
    **{"lines.linewidth": 1.4, "image.cmap": "viridis", "savefig.dpi": 110},
}


@dataclass(frozen=True)
class Figure:
    """What a panel of a report returns.

    Parameters
    ----------
    title : a few words; unique within a report.
    svg : the drawing, self-contained.
    table : the numbers that it shows, for whoever reads or plots them anew.
    alt : what there is to see, in a sentence or two, with the numbers that matter.
    note : what a reader should know of how it was made.
    pdf : makes the drawing as a PDF; None where there is only the SVG.
    """

    title: str
    svg: str
    table: pd.DataFrame
    alt: str
    note: str = ""
    pdf: Callable[[], bytes] | None = None

    @classmethod
    def of(cls, drawing: Drawing, title: str, table: pd.DataFrame, alt: str, note: str = "") -> Figure:
        """Make a figure of a matplotlib drawing, as `canvas` gives it; its colours follow the page it stands on."""
        svg = _saved(drawing, "svg").decode("utf-8")
        svg = svg[svg.index("<svg") :]
        for own, page in BY_PAGE.items():
            svg = svg.replace(own, page)
        return cls(title, svg, table, alt, note, partial(_saved, drawing, "pdf"))


def canvas(rows: int = 1, columns: int = 1, width: float = 7.0, height: float = 4.0, **subplots: Any) -> tuple[Drawing, Any]:
    """Return a matplotlib figure of `width` x `height` inches and its axes, as ``pyplot.subplots`` would, without pyplot's global state.

    Give what has thousands of points ``rasterized=True``: an SVG holds each of them otherwise.
    """
    with themed():
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(min(width, MOST_WIDE), min(height, MOST_HIGH)))
        return drawing, drawing.subplots(rows, columns, **subplots)


def themed() -> AbstractContextManager[None]:
    """Return the context in which panels are drawn: matplotlib's settings, and nothing that lasts."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise GenoboardError(
            'A report is drawn by matplotlib, which is not installed. Install it: pip install "genoboard[report]"'
        ) from error
    context: AbstractContextManager[None] = mpl.rc_context(cast(Any, THEME))
    return context


def _saved(drawing: Drawing, form: str) -> bytes:
    out = io.BytesIO()
    with themed():
        # without a date, the same figure is the same file
        drawing.savefig(out, format=form, metadata={"Date": None} if form == "svg" else {"CreationDate": None})
    return out.getvalue()
