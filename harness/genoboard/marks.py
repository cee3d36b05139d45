"""Marks: what standard panels draw with: rows of points with intervals, matrices, and how numbers and names are spelled."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .figure import ENTRY, PALETTE

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

DENSEST = 0.8  # opacity, at which the page's ink still stands out against the colour


def wrapped(name: str, width: int = 20) -> str:
    """Return a name over as many lines as it needs."""
    return "\n".join(textwrap.wrap(name, width, break_on_hyphens=False)) or name


def spelled(value: float | None, low: float | None = None, high: float | None = None, digits: int = 3) -> str:
    """Return ``0.851 [0.820, 0.882]``, without the interval where there is none."""
    if value is None or not math.isfinite(value):
        return "none"
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def rows(axes: Any, names: Sequence[str], width: int = 26, size: float = 8.0) -> None:
    """Make the y axis of `axes` one of named rows 0, 1, ..., the first on top, with a grid across."""
    axes.set_yticks(range(len(names)), [wrapped(n, width) for n in names], fontsize=size)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def point(
    axes: Any,
    at: float,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    color: str = ENTRY,
    marker: str = "o",
    filled: bool = True,
    size: float = 5.5,
) -> None:
    """Draw one measurement with its interval at the height `at`; nothing where it has no value."""
    if value is None or not math.isfinite(value):
        return
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        axes.plot([low, high], [at, at], color=color, linewidth=1.6, solid_capstyle="butt")
    axes.plot([value], [at], marker, color=color, markersize=size, markerfacecolor=color if filled else "none", markeredgewidth=1.3)


def beside(axes: Any, texts: Iterable[str], size: float = 7.5) -> None:
    """Write one text a row at the right edge, outside of the data."""
    for at, text in enumerate(texts):
        axes.annotate(text, (1.0, at), (5, 0), ("axes fraction", "data"), textcoords="offset points", va="center", fontsize=size)


def matrix(
    axes: Any,
    values: NDArray[Any],
    names: tuple[Sequence[str], Sequence[str]],
    top: float,
    tell: Callable[[float], str] | None = None,
    size: float = 7.0,
) -> Any:
    """Draw a matrix of numbers in -top..top, each but zeros told in its cell; return the image. Below zero is blue where there are two signs."""
    signed = bool((values < 0).any())
    low, shades = (-top, diverging()) if signed else (0.0, fading(ENTRY))
    image = axes.imshow(values, cmap=shades, vmin=low, vmax=top, interpolation="none", aspect="equal")
    axes.set_yticks(range(values.shape[0]), names[0], fontsize=size)
    axes.set_xticks(range(values.shape[1]), names[1], fontsize=size, rotation=0 if max(map(len, names[1])) <= 3 else 90)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if tell is not None:
        for row, column in np.argwhere(values):
            axes.text(column, row, tell(values[row, column]), ha="center", va="center", fontsize=size)
    return image


def fading(color: str) -> Colormap:
    """Return the colour map from nothing at all to `color`; the page shows through, so that its ink is read on every shade, in the dark, too."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    return LinearSegmentedColormap.from_list("fading", [to_rgba(color, 0.0), to_rgba(color, DENSEST)])


def diverging() -> Colormap:
    """Return the colour map from blue through nothing at all to red."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba

    ends = [(ENTRY, DENSEST), (ENTRY, 0.0), (PALETTE[1], 0.0), (PALETTE[1], DENSEST)]
    return LinearSegmentedColormap.from_list("diverging", list(zip((0.0, 0.5, 0.5, 1.0), [to_rgba(c, a) for c, a in ends], strict=True)))
