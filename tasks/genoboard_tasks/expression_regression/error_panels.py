"""Panels of errors by row: along the expression, prediction beside truth, and what the worst rows are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Figure, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, INK, PALETTE, spelled

from .drawing import density, limits, scale_bar
from .residuals import Codes, Residuals, target

Floats = NDArray[np.float64]

PARTS = 20  # of the rows, by expression
MOST_REMOVED = 0.1  # share of the rows
STEPS = 80
TOLD = (1, 10, 100, 1000)


def expression_against_mse(results: Results) -> Figure:
    """Draw the error of rows by how strongly they are expressed, beside the null's, and to which side it lies."""
    found, metric = Residuals.of(results), results.metrics[0]
    edges = np.unique(np.quantile(found.truth, np.linspace(0, 1, PARTS + 1)))
    if len(edges) < 3:
        raise NotDrawn("nearly all rows have the same expression")
    part = np.searchsorted(edges[1:-1], found.truth, side="right")
    n = np.bincount(part, minlength=len(edges) - 1)
    kept = np.flatnonzero(n)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(part, values, len(n))[kept] / n[kept])

    table = pd.DataFrame(
        {
            "from": edges[:-1][kept],
            "to": edges[1:][kept],
            "rows": n[kept],
            "mean expression": mean(found.truth),
            "mse": mean(found.squared),
            "mse of null": mean(found.squared_null),
            "mean error": mean(found.prediction - found.truth),
            "mean error of null": mean(found.null - found.truth),
        }
    )
    measured = [results.measure(metric, where=part == k) for k in kept]
    table["low"], table["high"] = (
        [np.nan if v is None else v for v in side] for side in zip(*((s.low, s.high) for s in measured), strict=True)
    )
    drawing, (above, below) = canvas(2, 1, 6.0, 4.9, sharex=True, height_ratios=[3, 2])
    x = table["mean expression"]
    above.fill_between(x, table["low"], table["high"], color=ENTRY, alpha=0.25, linewidth=0)
    above.plot(x, table["mse"], "o-", color=ENTRY, markersize=3.5, label=results.entry.name)
    above.plot(x, table["mse of null"], "s--", color=CONTROL, markersize=3.5, label="null")
    above.set(ylabel="MSE")
    # of few groups an interval may be many times its value
    above.set_ylim(0, 1.4 * float(table[["mse", "mse of null"]].to_numpy().max()))
    above.legend(loc="upper center")
    below.axhline(0, color=INK, linewidth=0.8)
    below.plot(x, table["mean error"], "o-", color=ENTRY, markersize=3.5)
    below.plot(x, table["mean error of null"], "s--", color=CONTROL, markersize=3.5)
    below.set(xlabel=target(results), ylabel="mean of\nprediction - truth")
    drawing.align_ylabels()
    least, top = table.iloc[int(table["mse"].to_numpy().argmin())], table.iloc[-1]
    alt = (
        f"{results.entry.name}'s MSE is least, {least['mse']:.3f}, at an expression of {least['mean expression']:.2f}, and {top['mse']:.3f} in the highest part "
        f"(from {top['from']:.2f} on), where the null's is {top['mse of null']:.3f} and predictions lie {abs(top['mean error']):.2f} too {'low' if top['mean error'] < 0 else 'high'}."
    )
    note = (
        f"Rows in {len(table)} parts of about equal size by their true expression; bands: 95 % intervals, where there are groups enough (they may leave the frame). Any prediction that is not perfect is "
        "drawn to the mean: by the truth, low rows are predicted too high and high ones too low."
    )
    return Figure.of(drawing, "Expression against MSE", table, alt, note)


def actual_against_predicted(results: Results) -> Figure:
    """Draw the truth over the prediction, the entry's and the null's, with the least-squares slope and the identity line."""
    found = Residuals.of(results)
    low, high = limits(found.truth, found.prediction)
    drawing, panels = canvas(1, 2, 7.8, 3.7, sharey=True)
    told: list[dict[str, Any]] = []
    image: Any = None
    for axes, name, predicted in zip(panels, (results.entry.name, "null"), (found.prediction, found.null), strict=True):
        image = density(axes, predicted, found.truth, low, high)
        line = _line(predicted, found.truth)
        told.append({"of": name, "rows": len(predicted), **line})
        flat = not np.isfinite(line["slope"])
        if not flat:
            ends = np.clip([predicted.min(), predicted.max()], low, high)
            axes.plot(ends, line["intercept"] + line["slope"] * ends, color=PALETTE[1], linewidth=1.8)
        axes.set(xlabel="predicted", title=f"{name}: {'constant' if flat else _told(line)}")
    panels[0].set_ylabel(f"actual {target(results)}")
    scale_bar(drawing, image, panels)
    table = pd.DataFrame(told)
    alt = "; ".join(
        f"{t['of']}: slope of actual on predicted {spelled(t['slope'])}, of predicted on actual {spelled(t['slope of predicted on actual'])}, r {spelled(t['r'])}, R2 {spelled(t['r2'])}"
        for t in told
    )
    outside = int(((found.truth < low) | (found.truth > high) | (found.prediction < low) | (found.prediction > high)).sum())
    note = (
        f"All {len(found.truth):,} rows are counted, by squares; dashed: actual = predicted; red: least squares of the actual on the predicted. A slope below 1 says that predictions "
        "differ more than they should, above 1 less." + (f" {outside:,} rows beyond the frame are counted at its edge." if outside else "")
    )
    return Figure.of(drawing, "Actual against predicted", table, f"{alt}.", note)


def without_the_worst(results: Results) -> Figure:
    """Draw the MSE as the worst rows are taken out one after the other, beside the null's."""
    found = Residuals.of(results)
    n = len(found.truth)
    most = max(1, int(MOST_REMOVED * n))
    told = [k for k in TOLD if k <= most]
    removed = np.unique(np.concatenate([[0], told, np.round(np.geomspace(1, most, STEPS))]).astype(int))
    worst = np.argsort(-found.squared, kind="stable")[:most]
    table = pd.DataFrame(
        {
            "removed": removed,
            "share": removed / n,
            "mse": _left(found.squared, worst, removed),
            "mse of null": _left(found.squared_null, np.argsort(-found.squared_null, kind="stable")[:most], removed),
            "mse of null without the entry's worst": _left(found.squared_null, worst, removed),
        }
    )
    drawing, axes = canvas(width=6.0, height=3.6)
    names = ("mse", "mse of null", "mse of null without the entry's worst")
    labels = (
        f"{results.entry.name}, less its worst rows",
        "null, less its own worst rows",
        f"null, less {results.entry.name}'s worst rows",
    )
    for name, label, color, dashes in zip(names, labels, (ENTRY, CONTROL, CONTROL), ("-", "-", "--"), strict=True):
        axes.plot(table["removed"], table[name], color=color, linestyle=dashes, label=label)
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    ticks = [0, *(10**i for i in range(int(np.log10(most)) + 1))]
    axes.set_xticks(ticks, [f"{t:,}" for t in ticks])
    axes.minorticks_off()
    axes.set(xlabel="worst rows removed", ylabel="MSE of the rest", xlim=(0, most))
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left")
    by = {k: table[table["removed"] == k].iloc[0] for k in (0, *told)}
    alt = f"{results.entry.name}'s MSE is {by[0]['mse']:.4f}, the null's {by[0]['mse of null']:.4f}; " + "; ".join(
        f"without {k:,} rows {by[k]['mse']:.4f} and {by[k]['mse of null']:.4f}" for k in told
    )
    note = f"Up to {MOST_REMOVED:.0%} of the {n:,} rows. Both lines fall, whoever draws them: what counts is whether the one comes below the other."
    return Figure.of(drawing, "MSE without the worst rows", table, f"{alt}.", note)


def _line(x: Floats, y: Floats) -> dict[str, float]:
    """Return least squares of `y` on `x`, its other way round, r, and R2 of `x` as it stands."""
    dx, dy = x - x.mean(), y - y.mean()
    xx, xy, yy = float(dx @ dx), float(dx @ dy), float(dy @ dy)
    flat = xx <= 1e-20 * len(x) * max(float(np.square(x).mean()), 1e-300)
    slope = float("nan") if flat else xy / xx
    return {
        "slope": slope,
        "intercept": float(y.mean() - slope * x.mean()),
        "slope of predicted on actual": xy / yy if yy > 0 else float("nan"),
        "r": float("nan") if flat or yy <= 0 else xy / np.sqrt(xx * yy),
        "r2": 1 - float(np.square(y - x).sum()) / yy if yy > 0 else float("nan"),
    }


def _told(line: dict[str, float]) -> str:
    return f"slope {line['slope']:.2f}, r {line['r']:.2f}"


def _left(squared: Floats, order: Codes, removed: Codes) -> Floats:
    """Return the mean of the squared errors without the first `removed` (k,) of `order`."""
    gone = np.concatenate([[0.0], np.cumsum(squared[order])])
    return np.asarray((squared.sum() - gone[removed]) / (len(squared) - removed))
