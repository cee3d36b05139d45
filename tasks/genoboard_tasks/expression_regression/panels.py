"""Panels of the data and of training: how openness and expression are distributed, which cells are alike, and when a model stopped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Design, Figure, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, INK, PALETTE

from .drawing import MOST_VECTORS, label_points, styles
from .residuals import target

Floats = NDArray[np.float64]

SEED = 20170619
SAMPLED = 2_000_000  # values of openness that are counted
SAMPLED_ROWS = 10_000
MOST_LABELS = 24  # cells whose names are written
MOST_FOLDS = 6
STEP = 20_000  # regions at a time


def distributions(results: Results) -> Figure:
    """Draw the histograms of log openness, by region and as models see it, and of log expression."""
    design = design_of(results)
    rng = np.random.default_rng(SEED)
    most = max(1, SAMPLED // len(design.cells))
    some = np.arange(len(design.regions)) if len(design.regions) <= most else np.sort(rng.choice(len(design.regions), most, replace=False))
    openness = np.log1p(design.openness[:, some].ravel().astype(np.float64))
    rows = rng.permutation(len(design))[:SAMPLED_ROWS]
    bins = design.sparse(np.sort(rows)).data.astype(np.float64)
    rowwise = results.rows["y"].to_numpy(np.float64)
    known = rowwise[np.isfinite(rowwise)]
    scaled = bool(results.competition.split.protocol)
    parts = (
        ("regions", "ln(1 + openness) of a region", openness),
        ("bins", "openness of a bin, z-score" if scaled else "ln(1 + openness) of a bin", bins),
        ("expression", target(results), known),
    )
    drawing, panels = canvas(1, 3, 8.4, 2.7)
    table, told = [], []
    for axes, (name, label, values), color in zip(panels, parts, (PALETTE[0], PALETTE[0], PALETTE[1]), strict=True):
        low, high = float(values.min()), float(np.quantile(values, 0.9999))
        counts, edges = np.histogram(np.minimum(values, high), 60, (low, high if high > low else low + 1))
        axes.stairs(counts / len(values), edges, fill=True, color=color)
        axes.set(xlabel=label, ylabel=f"share of {'rows' if name == 'expression' else name}")
        zeros = float((values == 0).mean())
        spread = {"mean": values.mean(), "median": np.median(values), "sd": values.std()}
        told.append(f"{name}: {zeros:.0%} are 0, median {spread['median']:.2f}, mean {spread['mean']:.2f}, sd {spread['sd']:.2f}")
        table.append(
            pd.DataFrame(
                {"of": name, "from": edges[:-1], "to": edges[1:], "share": counts / len(values), **spread, "share of zeros": zeros}
            )
        )
    drawn = "all" if len(some) == len(design.regions) else f"{len(some):,} of {len(design.regions):,}"
    note = (
        f"Regions: {drawn} in every cell; bins: those with a region, of {len(rows):,} rows; both drawn at random (seed {SEED}). Expression: all {len(known):,} rows that may be "
        "looked at. The last bar holds what is beyond."
    )
    return Figure.of(drawing, "Openness and expression", pd.concat(table, ignore_index=True), f"{'; '.join(told)}.", note)


def cells(results: Results) -> Figure:
    """Draw the first two principal components of the cells, by openness and by expression, coloured by lineage."""
    design, rows = design_of(results), results.rows
    code, first = np.unique(design.cell, return_index=True)
    known = pd.DataFrame({"cell": rows["cell"].iloc[first].to_numpy(), "lineage": rows["lineage"].iloc[first].to_numpy()})
    openness = _components(_openness_products(design))
    expression = np.full((len(design.genes), len(code)), np.nan)
    expression[np.searchsorted(design.genes, design.gene), np.searchsorted(code, design.cell)] = rows["y"]
    whole = expression[np.isfinite(expression).all(axis=1)]
    if len(code) < 3 or len(whole) < 2:
        raise NotDrawn("it takes three cells, and genes whose expression may be looked at in all of them")
    sides = {"openness": openness, "expression": _components(_products(whole))}
    drawing, panels = canvas(1, 2, 7.8, 3.9)
    look, crowded = styles(known["lineage"]), len(known) > MOST_VECTORS
    chance = (len(look) - 1) / (len(code) - 1)
    told = []
    for axes, (name, (scores, share)) in zip(panels, sides.items(), strict=True):
        for lineage, (color, marker) in look.items():
            at = (known["lineage"] == lineage).to_numpy()
            axes.plot(*scores[at].T, marker, color=color, markersize=4 if crowded else 6, label=lineage, rasterized=crowded)
        axes.set(title=f"by {name}", xlabel=f"PC1 ({share[0]:.0%})", ylabel=f"PC2 ({share[1]:.0%})")
        axes.margins(0.2)
        known[[f"{name} PC1", f"{name} PC2"]] = scores
        known[[f"{name} share 1", f"{name} share 2"]] = share
        told.append(
            f"by {name}, PC1 and PC2 hold {share.sum():.0%} of the variance, and lineages explain {_explained(scores, known['lineage']):.0%} of that ({chance:.0%} by chance)"
        )
    drawing.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(6, len(look)))
    if len(known) <= MOST_LABELS:
        for axes, (scores, _) in zip(panels, sides.values(), strict=True):
            label_points(axes, scores[:, 0], scores[:, 1], known["cell"].tolist())
    note = (
        f"Openness: ln(1 + openness) of {len(design.regions):,} regions, less each region's mean. Expression: {len(whole):,} genes, less each gene's mean"
        + (f" ({len(expression) - len(whole):,} with rows that may not be looked at are left out)" if len(whole) < len(expression) else "")
        + ". Names stand where there is room. Test cells are among them: this is a picture of the data, and no model is given it."
    )
    return Figure.of(
        drawing, "Cells by openness and by expression", known, f"{len(known)} cells of {len(look)} lineages: {'; '.join(told)}.", note
    )


def training(results: Results) -> Figure:
    """Draw the error on the rows learnt from and on those watched, by epoch, with the null's and the mark where training stopped."""
    table = _curves(results)
    folds = [f for _, f in table.groupby("fold", sort=True)][:MOST_FOLDS]
    columns = min(3, len(folds))
    lines = -(-len(folds) // columns)
    wide, high = (6.0, 3.6) if len(folds) == 1 else (8.4, 0.8 + 2.3 * lines)
    drawing, grid = canvas(lines, columns, wide, high, squeeze=False, sharey=True)
    told = []
    for axes, curve in zip(grid.flat, folds, strict=False):
        axes.plot(curve["step"], curve["train"], color=CONTROL, label="train")
        axes.plot(curve["step"], curve["dev"], color=ENTRY, label="dev")
        axes.axhline(curve["null"].iloc[0], color=INK, linestyle=(0, (4, 3)), linewidth=1, label="null on dev")
        best = curve[curve["best"] == 1].iloc[0]
        axes.plot([best["step"]], [best["dev"]], "o", color=PALETTE[1], label="least dev error: kept")
        axes.axvline(best["step"], color=PALETTE[1], linewidth=0.8)
        if len(folds) > 1:
            axes.set_title(f"fold {best['fold']:.0f}")
        told.append(
            f"{f'fold {best.fold:.0f}: ' if len(folds) > 1 else ''}dev {best['dev']:.4f} at {best['step']:.0f} of {curve['step'].max():.0f}"
            f" (last {curve['dev'].iloc[-1]:.4f}, train then {best['train']:.4f}, null {best['null']:.4f})"
        )
    for axes in grid.flat[len(folds) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("MSE")
    for axes in grid.flat[max(0, len(folds) - columns) : len(folds)]:
        axes.set_xlabel("epoch")
    shown = table[table["fold"].isin([f["fold"].iloc[0] for f in folds])][["train", "dev", "null"]].to_numpy()
    # a first epoch far above the rest would flatten all that follows
    grid[0, 0].set_ylim(0.95 * np.nanmin(shown), max(float(np.nanquantile(shown, 0.98)), float(np.nanmax(shown[:, 2]))) * 1.05)
    drawing.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    more = table["fold"].nunique() - len(folds)
    note = "dev: the rows of the inner fold that training is stopped on; none is a test row. null: the best constant there." + (
        f" {more} more folds are in the table." if more else ""
    )
    return Figure.of(drawing, "Training and development error", table, f"{results.entry.name}: {'; '.join(told)}.", note)


def design_of(results: Results) -> Design:
    """Return the features of all rows."""
    found = results.features()
    if not isinstance(found, Design):
        raise NotDrawn("the features are no binned design")
    return found


def _curves(results: Results) -> pd.DataFrame:
    """Return ``fold, step, train, dev, null, best``: of the network that was kept, or else of what was logged."""
    try:
        found = results.artifact("curve").rename(columns={"epoch": "step"})
    except NotDrawn:
        found = results.curves
    names = {"train_mse": "train", "valid_mse": "dev", "null_mse": "null"}
    if not {"step", "train_mse", "valid_mse"} <= set(found):
        raise NotDrawn(f"{results.entry.name} logged no error on rows learnt from and on rows watched")
    found = found.rename(columns=names).dropna(subset=["train", "dev"])
    if "fold" not in found:
        found["fold"] = 1
    if not len(found) or found.groupby("fold")["step"].nunique().max() < 2:
        raise NotDrawn(f"{results.entry.name} logged a single step")
    if "null" not in found:
        found["null"] = float(np.square(results.truth - results.truth.mean()).mean())
    if "best" not in found:
        found["best"] = found.index.isin(found.groupby("fold")["dev"].idxmin()).astype(float)
    return found[["fold", "step", "train", "dev", "null", "best"]].reset_index(drop=True)


def _openness_products(design: Design) -> Floats:
    """Return the cells' products over all regions, (C, C), a part of the regions at a time."""
    total = np.zeros((len(design.cells), len(design.cells)))
    for start in range(0, len(design.regions), STEP):
        total += _products(np.log1p(design.openness[:, start : start + STEP].astype(np.float64)).T)
    return total


def _products(values: Floats) -> Floats:
    """Return the products (C, C) of columns that count from the mean of their row."""
    away = values - values.mean(axis=1, keepdims=True)
    return np.asarray(away.T @ away)


def _components(products: Floats) -> tuple[Floats, Floats]:
    """Return the first two components' scores (C, 2) and their share of the variance (2,)."""
    values, vectors = np.linalg.eigh(products)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    # a component has no sign of its own
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))] < 0, -1, 1)
    scores = vectors[:, :2] * np.sqrt(values[:2])
    return scores, values[:2] / max(float(values.sum()), 1e-300)


def _explained(scores: Floats, lineage: Any) -> float:
    """Return the share of the scores' variance that lies between lineages."""
    table = pd.DataFrame(scores)
    within = table - table.groupby(np.asarray(lineage)).transform("mean")
    return 1 - float((within**2).to_numpy().sum() / ((table - table.mean()) ** 2).to_numpy().sum())
