"""Drawing: what this task's panels draw with: densities of millions of points, colours of lineages, labels that keep apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoboard.panels import INK, PALETTE

Floats = NDArray[np.float64]

MARKERS = "os^Dvp"
MOST_VECTORS = 60  # points that an SVG holds one by one
CELLS = 70  # of a density, along either side
KILO, MEGA = 1_000, 1_000_000


def density(axes: Any, x: Floats, y: Floats, low: float, high: float) -> Any:
    """Draw how many of the points (x, y) lie in each square of `low` to `high`, all of them counted, with the line y = x; return the image."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap, LogNorm

    edges = np.linspace(low, high, CELLS + 1)
    counts, _, _ = np.histogram2d(np.clip(x, low, high), np.clip(y, low, high), (edges, edges))
    # the ends of the map itself are lost on a dark page and on a light one
    shades = ListedColormap(mpl.colormaps["viridis"](np.linspace(0.15, 0.92, 256)))
    image = axes.imshow(
        np.ma.masked_equal(counts.T, 0),
        extent=(low, high, low, high),
        origin="lower",
        norm=LogNorm(1, max(2.0, float(counts.max()))),
        cmap=shades,
        interpolation="none",
        aspect="equal",
    )
    axes.plot([low, high], [low, high], color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set(xlim=(low, high), ylim=(low, high))
    return image


def scale_bar(drawing: Any, image: Any, axes: Any) -> None:
    """Draw the colour bar of a density, with plain numbers."""
    top = image.norm.vmax
    bar = drawing.colorbar(image, ax=axes, label="rows", shrink=0.85, ticks=steps(1, top))
    bar.ax.minorticks_off()
    bar.ax.set_yticklabels([f"{t:,.0f}" for t in steps(1, top)])


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Return ticks of a logarithmic axis: 1, 2, 5, 10, ... within the range, or its powers of ten where these are too many."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    fine = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    inside = [t for t in fine if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)]
    return inside if len(inside) <= most else [t for t in inside if f"{t:e}".startswith("1.")]


def limits(*sides: Floats) -> tuple[float, float]:
    """Return the range that holds all but a ten-thousandth of the values at either end, with a little room."""
    low = min(float(np.quantile(s, 1e-4)) for s in sides)
    high = max(float(np.quantile(s, 1 - 1e-4)) for s in sides)
    room = 0.03 * (high - low) or 0.5
    return low - room, high + room


def styles(lineages: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return a colour and a marker for each lineage, whatever their number."""
    names = sorted(set(lineages))
    return {name: (PALETTE[i % len(PALETTE)], MARKERS[i // len(PALETTE) % len(MARKERS)]) for i, name in enumerate(names)}


def running_mean(values: Floats, width: int) -> Floats:
    """Return the mean over `width` neighbours of each value, fewer at the ends."""
    window = np.ones(width)
    return np.asarray(np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same"))


def spelled_distance(bases: float) -> str:
    """Return ``5 kb`` or ``1 Mb``."""
    if bases >= MEGA:
        return f"{bases / MEGA:g} Mb"
    return f"{bases / KILO:g} kb" if bases >= KILO else f"{bases:g} bp"


def label_points(axes: Any, x: Floats, y: Floats, names: Sequence[str], size: float = 7.0) -> None:
    """Write a name beside each point where there is room for it; of points that lie on each other, only some have any."""
    drawing = axes.get_figure()
    drawing.draw_without_rendering()
    at = axes.transData.transform(np.column_stack([x, y]))
    height, scale = size * drawing.dpi / 72 * 1.15, size * drawing.dpi / 72 * 0.6
    frame = axes.get_window_extent()
    taken = [(px - 4, py - 4, px + 4, py + 4) for px, py in at]
    for (px, py), name in zip(at, names, strict=True):
        width = scale * len(name)
        best = min(_places(px, py, width, height), key=lambda box: _covered(box, taken, frame))
        if _covered(best, taken, frame) > 0.1 * width * height:
            continue
        taken.append(best)
        # offsets in points hold at any resolution
        offset = ((best[0] - px) * 72 / drawing.dpi, (best[1] + 0.2 * height - py) * 72 / drawing.dpi)
        place = axes.transData.inverted().transform((px, py))
        axes.annotate(name, tuple(place), offset, textcoords="offset points", fontsize=size)


def _places(px: float, py: float, width: float, height: float) -> list[tuple[float, float, float, float]]:
    """Return boxes right, left, above and below of a point, and at its corners."""
    found = []
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
        left = px + 6 if dx > 0 else px - 6 - width if dx < 0 else px - width / 2
        low = py - height / 2 + dy * (height / 2 + 5)
        found.append((left, low, left + width, low + height))
    return found


def _covered(box: tuple[float, float, float, float], taken: Sequence[tuple[float, float, float, float]], frame: Any) -> float:
    """Return the area of a box that others cover, and ten times that outside of the frame."""
    area = 0.0
    for a in taken:
        area += max(0.0, min(box[2], a[2]) - max(box[0], a[0])) * max(0.0, min(box[3], a[3]) - max(box[1], a[1]))
    out = max(0.0, frame.x0 - box[0]) + max(0.0, box[2] - frame.x1) + max(0.0, frame.y0 - box[1]) + max(0.0, box[3] - frame.y1)
    return float(area + 10 * out * (box[3] - box[1]))
