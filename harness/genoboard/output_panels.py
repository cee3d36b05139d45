"""Panels of a target of several columns: how each of them is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from . import scoring
from .errors import UndefinedScore
from .figure import ENTRY, Figure, canvas
from .marks import beside, point, rows, spelled
from .results import NotDrawn, Results

MOST_SHOWN = 40


def scores_by_output(results: Results) -> Figure:
    """Draw the primary metric of each output by itself, with its interval, the best first."""
    metric, names = results.metrics[0], results.competition.task.outputs
    if not names:
        raise NotDrawn(f"{results.competition.task.name} has one target, which the comparison of models shows")
    labels = results.competition.task.target == "multilabel"
    told = []
    for at, name in enumerate(names):
        truth = results.truth[:, at]
        one = replace(results.solution, truth=truth.astype(np.int64) if labels else truth, classes=("0", "1") if labels else ()).alone()
        told_of = {"output": name, "rows": len(truth), **({"share": float(truth.mean())} if labels else {"sd": float(truth.std())})}
        try:
            (score,), _ = scoring.score([metric], one, results.prediction[:, at])
        except UndefinedScore:
            told.append({**told_of, "value": np.nan, "low": np.nan, "high": np.nan})
            continue
        told.append({**told_of, "value": score.value, "low": score.low, "high": score.high})
    table = pd.DataFrame(told).astype(dict.fromkeys(("value", "low", "high"), "float64"))
    table = table.sort_values("value", ascending=metric.direction == "min", kind="stable").reset_index(drop=True)
    shown = table.head(MOST_SHOWN)
    drawing, axes = canvas(width=6.0, height=1.0 + 0.25 * len(shown))
    rows(axes, list(shown["output"]), 28)
    for at, (value, low, high) in enumerate(zip(shown["value"], shown["low"], shown["high"], strict=True)):
        point(axes, at, value, low, high, color=ENTRY)
    beside(axes, [spelled(v, low, high) for v, low, high in zip(shown["value"], shown["low"], shown["high"], strict=True)])
    axes.set_xlabel(f"{metric.name} ({'more' if metric.direction == 'max' else 'less'} is better)")
    first, last = shown.iloc[0], shown.iloc[-1]
    alt = f"{metric.name} of {results.entry.name} by output: best {first['output']} ({spelled(first['value'])}), last {last['output']} ({spelled(last['value'])})."
    hidden = f" {len(table) - len(shown)} further outputs are in the table only." if len(table) > len(shown) else ""
    return Figure.of(drawing, "Scores by output", table, alt, f"Lines: 95 % intervals. The entry's score is the mean of these.{hidden}")
