"""Panels of any regression: prediction beside truth, and what is left by the predicted value; of several outputs each, up to six."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .figure import ENTRY, INK, PALETTE, Figure, canvas
from .marks import spelled, wrapped
from .results import NotDrawn, Results

Floats = NDArray[np.float64]

MOST_OUTPUTS = 6
MOST_POINTS = 2_000  # rows that are drawn as points; more are counted in squares
CELLS = 60  # of a count, along either side
PARTS, FEWEST = 10, 5  # parts of about equal size by the predicted value, and rows in each
SOME = 5  # rows that are told by their ids


def predicted_against_true(results: Results) -> Figure:
    """Draw the truth over the prediction, with the line on which both are one, and r and R2 of each output."""
    columns = _columns(results)
    drawing, panels = _grid(len(columns), 3.5)
    told: list[dict[str, Any]] = []
    for axes, (name, truth, predicted) in zip(panels, columns, strict=True):
        low, high = float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))
        room = 0.04 * (high - low) or 0.5
        _cloud(axes, predicted, truth, (low - room, high + room), (low - room, high + room))
        axes.plot([low, high], [low, high], color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        told.append({"output": name, "rows": len(truth), **_told(truth, predicted)})
        axes.set(xlabel="predicted", ylabel="true", title=_title(name, columns, f"r {spelled(told[-1]['r'], digits=2)}"))
    table = pd.DataFrame(told)
    alt = "; ".join(
        f"{t['output']}: r {spelled(t['r'])}, R2 {spelled(t['r2'])}, slope of the truth on the prediction {spelled(t['slope'])}"
        for t in told
    )
    note = "Dashed: predicted = true. A slope below 1 says that predictions differ more than they should, above 1 less."
    return Figure.of(drawing, "Predicted against true", table, f"{alt}.", note + _beyond(results))


def residuals_by_prediction(results: Results) -> Figure:
    """Draw what is left, prediction less truth, by the predicted value: its mean and spread in parts of equal size, and the rows that are worst."""
    columns = _columns(results)
    drawing, panels = _grid(len(columns), 3.2)
    tables, alts = [], []
    for axes, (name, truth, predicted) in zip(panels, columns, strict=True):
        left = predicted - truth
        parts = _parts(predicted)
        found = pd.DataFrame(
            [(name, predicted[p].min(), predicted[p].max(), len(p), left[p].mean(), left[p].std(), np.abs(left[p]).mean()) for p in parts],
            columns=["output", "from", "to", "rows", "mean residual", "sd", "mean absolute residual"],
        )
        reach = 1.05 * float(np.abs(left).max()) or 1.0
        room = 0.04 * float(np.ptp(predicted)) or 0.5
        _cloud(axes, predicted, left, (float(predicted.min()) - room, float(predicted.max()) + room), (-reach, reach))
        axes.axhline(0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        middle = [float(np.median(predicted[p])) for p in parts]
        axes.errorbar(middle, found["mean residual"], found["sd"], fmt="o-", color=PALETTE[1], markersize=3.5, linewidth=1.2)
        axes.set(xlabel="predicted", ylabel="predicted - true", title=_title(name, columns, ""))
        tables.append(found)
        worst = np.argsort(-np.abs(left), kind="stable")[:SOME]
        ids = results.original_ids.reindex(results.competition.data.rows.index[results.test[worst]])
        alts.append(
            f"{name}: mean residual {left.mean():+.3g}, sd {left.std():.3g}; farthest off "
            + ", ".join(f"{i} ({r:+.3g})" for i, r in zip(ids, left[worst], strict=True))
        )
    note = f"Red: mean and standard deviation in up to {PARTS} parts of equal size by the predicted value; a good model has its mean at 0 everywhere."
    return Figure.of(
        drawing, "Residuals by predicted value", pd.concat(tables, ignore_index=True), "; ".join(alts) + ".", note + _beyond(results)
    )


def _columns(results: Results) -> list[tuple[str, Floats, Floats]]:
    """Return name, truth and prediction (n,) of each output, the first ones where there are many."""
    task = results.competition.task
    if task.target != "regression":
        raise NotDrawn(f"the target of {task.name} is {task.target}: there are no values to draw")
    truth, predicted = (np.asarray(v, dtype=np.float64).reshape(len(results.truth), -1) for v in (results.truth, results.prediction))
    if len(truth) < 2:
        raise NotDrawn("there are fewer than two rows")
    return [(name, truth[:, i], predicted[:, i]) for i, name in enumerate((task.outputs or (task.target_column,))[:MOST_OUTPUTS])]


def _beyond(results: Results) -> str:
    more = len(results.competition.task.outputs) - MOST_OUTPUTS
    return f" The first {MOST_OUTPUTS} outputs of {MOST_OUTPUTS + more}." if more > 0 else ""


def _grid(n: int, size: float) -> tuple[Any, Sequence[Any]]:
    across = min(n, 3)
    down = -(-n // across)
    drawing, axes = canvas(down, across, 0.4 + size * across, 0.3 + size * down, squeeze=False)
    for spare in axes.ravel()[n:]:
        spare.set_axis_off()
    return drawing, axes.ravel()[:n]


def _title(name: str, columns: Sequence[Any], more: str) -> str:
    return ": ".join(t for t in (wrapped(name, 24) if len(columns) > 1 else "", more) if t)


def _cloud(axes: Any, x: Floats, y: Floats, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Draw points, or where they are many how many lie in each square."""
    if len(x) <= MOST_POINTS:
        axes.plot(x, y, "o", color=ENTRY, markersize=3, alpha=0.5, markeredgewidth=0, rasterized=len(x) > 500)
    else:
        from matplotlib.colors import LogNorm

        counts, _, _ = np.histogram2d(x, y, CELLS, (across, up))
        axes.imshow(
            np.ma.masked_equal(counts.T, 0),
            extent=(*across, *up),
            origin="lower",
            norm=LogNorm(1, max(2.0, counts.max())),
            aspect="auto",
            interpolation="none",
        )
    axes.set(xlim=across, ylim=up)


def _parts(predicted: Floats) -> list[NDArray[np.intp]]:
    """Return the rows of each part, by the predicted value; rows of one value stay together."""
    order = np.argsort(predicted, kind="stable")
    parts = max(1, min(PARTS, len(order) // FEWEST))
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, parts + 1)[1:-1]))
    of = np.searchsorted(edges, predicted[order], side="right")
    return [order[of == k] for k in np.unique(of)]


def _told(truth: Floats, predicted: Floats) -> dict[str, float]:
    """Return r, R2 of the predictions as they stand, and the least-squares slope of the truth on them."""
    dx, dy = predicted - predicted.mean(), truth - truth.mean()
    xx, xy, yy = float(dx @ dx), float(dx @ dy), float(dy @ dy)
    flat = xx <= 1e-20 * len(truth) * max(float(np.square(predicted).mean()), 1e-300)
    nan = float("nan")
    return {
        "r": nan if flat or yy <= 0 else xy / np.sqrt(xx * yy),
        "r2": 1 - float(np.square(truth - predicted).sum()) / yy if yy > 0 else nan,
        "slope": nan if flat else xy / xx,
    }
