"""Panels of the window: which distances a model looks at, and how much of the window it takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Design, Figure, GenoboardError, Moments, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, INK, PALETTE, point, rows, spelled

from .drawing import KILO, running_mean, spelled_distance
from .panels import design_of

Floats = NDArray[np.float64]

SMOOTHED = 100  # spans of the running mean in the window, and
FEWEST_BINS = 3  # its least width
NEAR = 8_000  # bp, where the published study's largest weights lie
RADII = (1_000, 5_000, 50_000, 1_000_000)
PENALTY = 0.1  # of the ablation's ridge, per row, on columns of unit variance
CONSTANT = 1e-12  # a column whose variance is less, as a share of its mean square, is rounding
DRAWN = 200  # points of a line
# table and column of what models leave
SIDES = {"gradient": ("gradients", "loss"), "weight": ("coefficients", "raw")}
LABELS = {"gradient": "mean |dMSE/dX|", "weight": "|weight|"}


def weights_by_distance(results: Results) -> Figure:
    """Draw how much the error moves with a bin's openness, by the bin's distance, as a network has it, beside linear weights."""
    own = {kind: _table_of(results, *where) for kind, where in SIDES.items()}
    if all(t is None for t in own.values()):
        raise NotDrawn(f"{results.entry.name} left neither gradients nor coefficients by distance")
    sides: dict[str, tuple[str, pd.Series]] = {}
    for kind, where in SIDES.items():
        mine = own[kind]
        side = (results.entry.name, mine) if mine is not None else _others(results, *where)
        if side is not None:
            sides[kind] = side
    distance = np.sort(next(iter(sides.values()))[1].index.to_numpy())
    width = max(FEWEST_BINS, len(distance) // SMOOTHED) | 1
    reach = float(np.abs(distance).max())
    spans = (reach, max(20 * float(np.diff(distance).min()), reach / 20))
    drawing, grid = canvas(len(sides), 2, 8.2, 0.6 + 2.2 * len(sides), squeeze=False, sharey="row", sharex="col")
    table, told = pd.DataFrame({"distance": distance}), []
    for line, (kind, (name, found)) in zip(grid, sides.items(), strict=True):
        raw = found.reindex(distance).to_numpy(np.float64)
        table[kind], table[f"{kind}, smoothed"] = raw, running_mean(raw, width)
        color = ENTRY if own[kind] is not None else PALETTE[1]
        for axes, span, smooth in zip(line, spans, (table[f"{kind}, smoothed"].to_numpy(), running_mean(raw, FEWEST_BINS)), strict=True):
            inside = np.abs(distance) <= 1.05 * span
            x, step = distance[inside] / KILO, max(1, int(inside.sum()) // DRAWN)
            if axes is line[1]:
                axes.plot(x, raw[inside], color=CONTROL, linewidth=0.7)
            axes.plot(x[::step], smooth[inside][::step], color=color, linewidth=1.6)
            axes.axvline(0, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
            axes.set_xlim(-1.05 * span / KILO, 1.05 * span / KILO)
        line[0].set_ylabel(LABELS[kind])
        line[0].set_title(f"{name}: all of the window")
        line[1].set_title("around the start site")
        line[0].set_ylim(bottom=0)
        near = raw[np.abs(distance) <= NEAR].sum() / max(float(raw.sum()), 1e-300)
        told.append(
            f"{name}: {kind} is largest at {distance[raw.argmax()]:+,} bp, {raw.max():.3g}; {near:.0%} of it lies within {spelled_distance(NEAR)}, where {(np.abs(distance) <= NEAR).mean():.1%} of the bins are"
        )
    for axes in grid[-1]:
        axes.set_xlabel("distance from the TSS, kb (downstream positive)")
    folds = max(t.attrs.get("folds", 1) for _, t in sides.values())
    note = (
        f"Coloured: the running mean over {width} bins, and over {FEWEST_BINS} around the start site; grey: single bins."
        + (f" Means of {folds} folds." if folds > 1 else "")
        + " dMSE/dX: the derivative of a row's squared error by the bin's value, its size averaged over rows that were watched in training. Weight: units of the target per unit of the bin's value."
        + (
            ""
            if len(sides) == 2
            else f" Nobody on this board left {'gradients' if 'weight' in sides else 'linear weights'} to stand beside it."
        )
    )
    return Figure.of(drawing, "dMSE/dX and weight by distance", table, f"{'; '.join(told)}.", note)


def window_ablation(results: Results) -> Figure:
    """Draw the error of a ridge on the bins within each radius, all of them fitted from one matrix of second moments."""
    design, y = design_of(results), results.rows["y"].to_numpy(np.float64)
    reach = float(np.abs(design.distance).max())
    # a radius that holds no bin, or every one, is none of its own
    radii = [r for r in RADII if np.abs(design.distance).min() <= r < reach]
    within = {spelled_distance(r): np.flatnonzero(np.abs(design.distance) <= r) for r in radii}
    whole = spelled_distance(_edge(design))
    within[whole] = np.arange(design.shape[1])
    predicted = {name: np.full(len(y), np.nan) for name in within}
    for fold, moments in zip(results.folds, _moments(results, design, y), strict=True):
        weights, intercepts = zip(*(_ridge(moments, bins, design.shape[1]) for bins in within.values()), strict=True)
        answers = design.take(fold.test).dot(np.column_stack(weights)) + np.array(intercepts)
        for name, answer in zip(within, answers.T, strict=True):
            predicted[name][fold.test] = answer
    assert results.baseline is not None
    shown = {
        "null": (results.baseline, 0),
        **{f"±{name} ({len(bins):,} bins)": (predicted[name][results.test], len(bins)) for name, bins in within.items()},
        f"{results.entry.name} (this entry)": (results.prediction, design.shape[1]),
    }
    metrics = [m for m in results.metrics if m.name in ("mse", "skill")]
    table = pd.DataFrame({"of": list(shown), "bins": [n for _, n in shown.values()]})
    drawing, panels = canvas(1, len(metrics), 4.0 * len(metrics) + 1.0, 1.1 + 0.3 * len(shown), squeeze=False)
    for axes, metric in zip(panels[0], metrics, strict=True):
        scores = [results.measure(metric, prediction) for prediction, _ in shown.values()]
        rows(axes, list(shown) if axes is panels[0, 0] else [""] * len(shown), 30)
        for at, score in enumerate(scores):
            color, filled = (CONTROL, False) if at == 0 else (ENTRY, True) if at == len(scores) - 1 else (INK, True)
            point(axes, at, score.value, score.low, score.high, color=color, filled=filled)
        axes.set_title(f"{metric.name}: " + "less is better" * (metric.direction == "min") + "more is better" * (metric.direction == "max"))
        table[metric.name] = [np.nan if s.value is None else s.value for s in scores]
        table[f"{metric.name} low"] = [np.nan if s.low is None else s.low for s in scores]
        table[f"{metric.name} high"] = [np.nan if s.high is None else s.high for s in scores]
    first = metrics[0].name
    alt = f"{first} of a ridge by its window: " + "; ".join(
        f"{t['of']} {spelled(t[first], t[f'{first} low'], t[f'{first} high'])}" for t in table.to_dict("records")
    )
    beyond = [spelled_distance(r) for r in RADII if r > _edge(design)]
    note = (
        f"Ridge, by least squares on the training rows of each fold, with columns of unit variance and a fixed penalty of {PENALTY} per row; bins whose middle lies within the radius. "
        "A wider window may do worse: it has more weights to fit to the same genes. Lines: 95 % intervals."
        + (f" The window of these data ends at {whole}: ±{', ±'.join(beyond)} cannot be asked." if beyond else "")
    )
    return Figure.of(drawing, "Window ablation", table, f"{alt}.", note)


def _table_of(results: Results, name: str, column: str) -> pd.Series | None:
    """Return the absolute values of a model's column by distance, ascending, the mean over folds; None where it left none."""
    try:
        found = results.artifact(name)
    except NotDrawn:
        return None
    if not {"distance", column} <= set(found):
        return None
    values = found[column].abs().groupby(found["distance"]).mean()
    values.attrs["folds"] = found["fold"].nunique()
    return values


def _others(results: Results, name: str, column: str) -> tuple[str, pd.Series] | None:
    """Return name and column of the best standing of this board that left one."""
    for standing in results.standings:
        if standing.control or standing.rank is None:
            continue
        try:
            found = _table_of(Results(results.competition, results.representative(standing)), name, column)
        except GenoboardError:
            # a held entry of a hosted board shows nothing
            continue
        if found is not None:
            return standing.name, found
    return None


def _moments(results: Results, design: Design, y: Floats) -> list[Moments]:
    """Return the second moments of every fold's training rows; where folds share out the rows, in one pass over them."""
    folds = results.folds
    if len(folds) > 1 and all(len(f.train) + len(f.test) == len(results.train) for f in folds) and len(results.train) == len(y):
        part = np.empty(len(y), np.intp)
        for number, fold in enumerate(folds):
            part[fold.test] = number
        parts = design.grams(part, y)
        total = sum(parts[1:], start=parts[0])
        return [total - held for held in parts]
    return [design.take(f.train).gram(y[f.train]) for f in folds]


def _ridge(moments: Moments, bins: NDArray[np.intp], p: int) -> tuple[Floats, float]:
    """Return weights (p,) and intercept of the ridge on these bins alone; the others' weights are 0."""
    m = moments[bins]
    mean, square = m.x / m.n, np.diag(m.xx) / m.n
    live = np.flatnonzero(square - mean**2 > CONSTANT * square)
    scale, weights = np.sqrt((square - mean**2)[live]), np.zeros(p)
    z = m[live].scaled(mean[live], scale, m.y / m.n)
    assert z.xy is not None
    weights[bins[live]] = np.linalg.solve(z.xx / m.n + PENALTY * np.eye(len(live)), z.xy / m.n) / scale
    return weights, float(m.y / m.n - mean @ weights[bins])


def _edge(design: Design) -> float:
    """Return how far the window reaches, in base pairs."""
    distance = np.unique(np.abs(design.distance))
    return float(distance[-1] + (distance[1] - distance[0] if len(distance) > 1 else 2 * distance[0]) / 2)
