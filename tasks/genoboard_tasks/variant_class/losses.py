"""Losses: log loss on parts of the test rows, the entry's beside that of the gene-only control; drawn as points with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Figure, Metric, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, PAPER

from .labels import plain

Floats = NDArray[np.float64]

LOG_LOSS, GENE_ONLY = "multiclass-log-loss", "gene-only"
EPSILON = 1e-15  # the clip of the metric; a test holds `row_losses` against it
ONE_GROUP = "A hollow point has no interval: its rows are all of one group."


@dataclass(frozen=True)
class Part:
    """Some of the test rows under a name: a mask (n,)."""

    name: str
    rows: NDArray[np.bool_]


def parts_of(values: Sequence[str], order: Sequence[str]) -> list[Part]:
    """Return one part for each of `order`, in that order, whether or not a row is of it."""
    held = np.array(values, dtype=object)
    return [Part(name, np.asarray(held == name, dtype=np.bool_)) for name in order]


def log_loss(results: Results) -> Metric:
    """Return the task's log loss; raise `NotDrawn` where it has none."""
    found = next((m for m in results.metrics if m.name == LOG_LOSS), None)
    if found is None:
        raise NotDrawn(f"{results.competition.task.name} is not scored by {LOG_LOSS}")
    return found


def row_losses(truth: NDArray[np.int64], prediction: Floats) -> Floats:
    """Return each row's log loss (n,) by Kaggle's rule: rescaled to sum 1, then clipped; codes (n,) and probabilities (n, K)."""
    true = prediction[np.arange(len(truth)), truth] / prediction.sum(axis=1)
    loss: Floats = -np.log(np.clip(true, EPSILON, 1 - EPSILON))
    return loss


def gene_only(results: Results) -> Floats:
    """Return the predictions (n, K) of the board's gene-only control; raise `NotDrawn` where it has none, or the entry is it."""
    if results.entry.model == GENE_ONLY:
        raise NotDrawn(f"this entry is {GENE_ONLY} itself")
    held = [s for s in results.standings if s.model == GENE_ONLY and s.verdict == "ok"]
    if not held:
        raise NotDrawn(f"{GENE_ONLY} does not stand on this board")
    return results.prediction_of(results.representative(max(held, key=lambda s: s.control)))


def beside(results: Results) -> Floats | None:
    """Return what `gene_only` does, or None."""
    try:
        return gene_only(results)
    except NotDrawn:
        return None


def by_part(results: Results, title: str, parts: Sequence[Part], what: str, note: str = "") -> Figure:
    """Draw log loss part by part, and the whole as a line; `what` says by what the rows are parted."""
    metric, control = log_loss(results), beside(results)
    table = measured(results, metric, parts, control)
    whole = results.measure(metric)
    drawing, axes = canvas(width=7.0, height=1.3 + 0.42 * len(parts))
    points(axes, table)
    if whole.value is not None:
        axes.axvline(whole.value, color=ENTRY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0, label=f"all rows: {whole.value:.3f}")
    axes.set_xlabel("log loss (less is better)")
    axes.set_ylabel(what)
    drawing.legend(loc="outside upper right", ncols=3)
    return Figure.of(drawing, title, table.rename(columns={"part": what}), told(title, table, metric.name), f"{note} {ONE_GROUP}".strip())


def measured(results: Results, metric: Metric, parts: Sequence[Part], control: Floats | None) -> pd.DataFrame:
    """Return a row per part: ``part``, ``n``, the metric with its interval, and the same of the control where there is one."""
    rows = []
    for part in parts:
        row: dict[str, Any] = {"part": part.name, "n": int(part.rows.sum())}
        for name, prediction in {metric.name: results.prediction, GENE_ONLY: control}.items():
            if prediction is None:
                continue
            score = results.measure(metric, prediction, part.rows) if row["n"] else None
            of = (score.value, score.low, score.high) if score is not None else (None, None, None)
            row |= {name: of[0], f"{name} low": of[1], f"{name} high": of[2]}
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.astype({c: np.float64 for c in table.columns if c not in ("part", "n")})


def points(axes: Any, table: pd.DataFrame, labels: Sequence[str] | None = None, furthest: float = np.inf) -> None:
    """Draw the rows of `measured` from top to bottom: point and interval of the entry, and of the control below it."""
    place = np.arange(len(table))
    metric = table.columns[2]
    told = [metric, *([GENE_ONLY] if GENE_ONLY in table else [])]
    for name, colour, marker, shift in ((metric, ENTRY, "o", -0.13), (GENE_ONLY, CONTROL, "s", 0.13)):
        if name not in told:
            continue
        value, low, high = (table[c].to_numpy() for c in (name, f"{name} low", f"{name} high"))
        y = place + (shift if len(told) > 1 else 0.0)
        sure = np.isfinite(low)
        axes.hlines(y[sure], low[sure], high[sure], color=colour, linewidth=1.4)
        style: dict[str, Any] = {"linestyle": "none", "marker": marker, "markersize": 5, "color": colour}
        axes.plot([], [], label="this entry" if name == metric else GENE_ONLY, **style)
        for rows, face in ((sure, colour), (~sure & np.isfinite(value), PAPER)):
            if rows.any():  # what is not cut at the axes takes part in their layout, and nothing has no place
                axes.plot(value[rows], y[rows], markerfacecolor=face, clip_on=False, **style)
    names = [plain(p) for p in table["part"]] if labels is None else labels
    axes.set_yticks(place, [f"{name}\nn = {n:,}" for name, n in zip(names, table["n"], strict=True)], parse_math=False)
    axes.set_ylim(len(table) - 0.5, -0.5)
    values = table[told].to_numpy()
    top = np.nanmax(values, initial=0.0)
    # an interval of two groups would squeeze everything else: it runs out of the picture, and stands whole in the table
    reach = np.nanmax(table[[f"{n} high" for n in told]].to_numpy(), initial=top)
    axes.set_xlim(0, min(max(reach * 1.04, 1e-3), max(top * 1.7, 1e-3), furthest))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def told(title: str, table: pd.DataFrame, metric: str) -> str:
    """Return the numbers of `measured` in a sentence."""
    each = [
        f"{r['part']} {r[metric]:.3f}" + (f" ({GENE_ONLY} {r[GENE_ONLY]:.3f})" if GENE_ONLY in table else "") + f", n = {r['n']:,}"
        for _, r in table.iterrows()
        if r["n"] and np.isfinite(r[metric])
    ]
    return f"{title}. {'; '.join(each)}."
