"""Panels of genes and cells: whose errors are large, the cell that is most unlike the others, and how both are distributed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Figure, Results, canvas
from genoboard.panels import CONTROL, ENTRY, INK, PALETTE, beside, point, rows, spelled

from .drawing import MOST_VECTORS, density, limits, scale_bar, steps, styles
from .residuals import Residuals, target

Floats = NDArray[np.float64]

MOST_CELLS = 20
WORST = 50  # rows, as the published study counted
FEW = 8  # cells that hold them
MAGNITUDES = 5  # from here on an axis is logarithmic


def error_by_cell(results: Results) -> Figure:
    """Draw the cells in the order of their MSE, with intervals where there are groups to resample, beside the null's."""
    found = Residuals.of(results)
    table = _cells(found)
    shown = table if len(table) <= MOST_CELLS else table.head(MOST_CELLS)
    code, names = found.units("cell")
    measured = [results.measure(results.metrics[0], where=code == names.get_loc(cell)) for cell in shown["cell"]]
    look = styles(table["lineage"])
    drawing, axes = canvas(width=6.4, height=1.2 + 0.19 * len(shown))
    rows(axes, shown["cell"].tolist(), 30, 7.5)
    null, lineages = shown["mse of null"].tolist(), shown["lineage"].tolist()
    for at, score in enumerate(measured):
        color, marker = look[lineages[at]]
        point(axes, at, null[at], color=CONTROL, marker="|", size=9)
        point(axes, at, score.value, score.low, score.high, color=color, marker=marker)
    axes.axvline(found.squared.mean(), color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlabel("MSE")
    beside(axes, [spelled(s.value, s.low, s.high) for s in measured])
    _legend(drawing, look, {"null": (CONTROL, "|")})
    table["low"], table["high"] = np.nan, np.nan
    table.loc[shown.index, "low"] = [np.nan if s.low is None else s.low for s in measured]
    table.loc[shown.index, "high"] = [np.nan if s.high is None else s.high for s in measured]
    first, last = table.iloc[0], table.iloc[-1]
    alt = (
        f"MSE by cell: most in {first['cell']}, {first['mse']:.3f} (null {first['mse of null']:.3f}); median {table['mse'].median():.3f}; least in {last['cell']}, {last['mse']:.3f}. "
        f"{(table['mse'] < table['mse of null']).sum()} of {len(table)} cells are predicted better than by the null."
    )
    notes = ["Dashed: MSE of all rows"]
    if len(shown) < len(table):
        notes.append(f"the {len(shown)} worst cells; all {len(table)} are in the table")
    if table["low"].isna().all():
        notes.append("no intervals: a cell lies in one of the groups that are resampled")
    return Figure.of(drawing, "MSE by cell", table, alt, f"{'; '.join(notes)}.")


def outlier_cell(results: Results) -> Figure:
    """Draw the worst cell's actual over predicted, every cell's kurtosis, and which cells hold the worst rows."""
    found = Residuals.of(results)
    table = _cells(found)
    name, lineage = table["cell"].iloc[0], table["lineage"].iloc[0]
    here = (found.groups["cell"] == name).to_numpy()
    drawing, (left, middle, right) = canvas(1, 3, 10.2, 3.5, width_ratios=[1.25, 1, 0.8])
    image = density(left, found.prediction[here], found.truth[here], *limits(found.truth, found.prediction))
    left.set(xlabel="predicted", ylabel=f"actual {target(results)}", title=f"{name}")
    scale_bar(drawing, image, left)
    middle.axhline(0, color=CONTROL, linewidth=0.8)
    look = {"markersize": 4.5, "linestyle": "", "rasterized": len(table) > MOST_VECTORS}
    for kind, marker, filled in (("truth", "o", True), ("error", "s", False)):
        column = table[f"kurtosis of {kind}"]
        for color, part in ((ENTRY, slice(None)), (PALETTE[1], slice(1))):
            fill = color if filled else "none"
            label = f"of {kind}" if color == ENTRY else None
            middle.plot(table["mse"][part], column[part], marker=marker, color=color, markerfacecolor=fill, label=label, **look)
    if float(np.nanmax(table[["kurtosis of truth", "kurtosis of error"]].to_numpy(), initial=0.0)) > 30:
        middle.set_yscale("symlog", linthresh=1)
    middle.set(xlabel="MSE of a cell", ylabel="excess kurtosis", title=f"every cell; red: {name}" if len(name) < 16 else "every cell")
    middle.legend(loc="best")
    held = table[table["among the worst rows"] > 0].sort_values("among the worst rows", ascending=False, kind="stable")
    few = held.head(FEW)
    rows(right, few["cell"].tolist(), 16, 7.5)
    right.barh(range(len(few)), few["among the worst rows"], 0.7, color=[PALETTE[1] if c == name else ENTRY for c in few["cell"]])
    # one bar alone would fill the frame
    right.set_ylim(max(4, len(few)) - 0.5, -0.5)
    most = int(table["among the worst rows"].sum())
    right.set(xlabel="rows", title=f"cells of the {most} worst rows")
    right.xaxis.get_major_locator().set_params(integer=True)
    beside(right, [str(k) for k in few["among the worst rows"]])
    of = table.iloc[0]
    median = table[["kurtosis of truth", "kurtosis of error"]].median()
    alt = (
        f"The cell with the largest MSE is {name} ({lineage}): {of['mse']:.3f}, r {spelled(of['r'])}; it holds {of['among the worst rows']:.0f} of the {most} worst rows, with {of['rows'] / len(here):.1%} of all. "
        f"Excess kurtosis of its truth {spelled(of['kurtosis of truth'], digits=2)} (median cell {median.iloc[0]:.2f}), of its errors {spelled(of['kurtosis of error'], digits=2)} ({median.iloc[1]:.2f})."
    )
    note = "Excess kurtosis: 0 is a normal distribution's; far above it, a few rows make the error. A z-score over n cells cannot exceed the root of n - 1, so outliers of z-scores are part arithmetic."
    return Figure.of(drawing, "The outlier cell", table, alt, note)


def unit_distributions(results: Results) -> Figure:
    """Draw how MSE and r are distributed over genes and over cells, beside the null's."""
    found = Residuals.of(results)
    drawing, grid = canvas(2, 2, 7.6, 4.9)
    parts, told = [], []
    for line, by in zip(grid, ("gene", "cell"), strict=True):
        table = found.profile(by)
        for axes, measure in zip(line, ("mse", "r"), strict=True):
            own, null = (table[c].dropna().to_numpy() for c in (measure, f"{measure} of null"))
            edges, scale = _edges(np.concatenate([own, null]), measure)
            drawn = [np.histogram(np.clip(v, edges[0], edges[-1]), edges)[0] / max(1, len(v)) for v in (own, null)]
            axes.stairs(drawn[0], edges, fill=True, color=ENTRY, alpha=0.75, label=results.entry.name)
            axes.stairs(drawn[1], edges, color=INK, linewidth=1.1, label="null")
            axes.set_xscale(scale)
            if scale == "log":
                ticks = steps(edges[0], edges[-1])
                axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
                axes.minorticks_off()
            axes.set(xlabel=f"{'MSE' if measure == 'mse' else 'r'} of a {by}", ylabel=f"share of {by}s")
            # a null that is constant has one r, 0, and its bar would flatten the others
            top = max(float(d.max(initial=0.0)) for d in drawn[: 1 if measure == "r" and drawn[1].max(initial=0.0) > 0.5 else 2])
            axes.set_ylim(0, 1.08 * top if top > 0 else 1)
            for side, values, counts in ((results.entry.name, own, drawn[0]), ("null", null, drawn[1])):
                parts.append(
                    pd.DataFrame(
                        {
                            "by": by,
                            "measure": measure,
                            "of": side,
                            "from": edges[:-1],
                            "to": edges[1:],
                            "share": counts,
                            "units": len(values),
                            "median": np.median(values) if len(values) else np.nan,
                        }
                    )
                )
            if len(own):
                low, middle, high = np.quantile(own, [0.05, 0.5, 0.95])
                told.append(
                    f"{measure} of {len(own):,} {by}s: median {middle:.3f} (5 to 95 %: {low:.3f} to {high:.3f}; null's median {np.median(null) if len(null) else 0.0:.3f})"
                )
    drawing.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    note = (
        "r is taken within folds: of a gene across cells, of a cell across genes. A prediction that is constant there has r 0 (its bar may be cut), and a truth that is has none. "
        "What lies beyond the axes is counted in the last bars."
    )
    return Figure.of(drawing, "MSE and r by gene and by cell", pd.concat(parts, ignore_index=True), f"{'; '.join(told)}.", note)


def _cells(found: Residuals) -> pd.DataFrame:
    """Return the cells' profile, the largest MSE first, with their lineage and how many of the worst rows they hold."""
    table = found.profile("cell").reset_index()
    lineage = found.groups[["cell", "lineage"]].drop_duplicates("cell").set_index("cell")["lineage"]
    table.insert(1, "lineage", lineage.reindex(table["cell"]).to_numpy())
    worst = np.argsort(-found.squared, kind="stable")[:WORST]
    table["among the worst rows"] = np.bincount(found.units("cell")[0][worst], minlength=len(table))
    return table.sort_values("mse", ascending=False, kind="stable", ignore_index=True)


def _edges(values: Floats, measure: str) -> tuple[Floats, str]:
    """Return the edges of a histogram, and the axis' scale: logarithmic for errors, where they range over magnitudes."""
    bars = int(np.clip(2 * np.sqrt(len(values)), 10, 40))
    if measure == "r":
        low = -1.0 if values.min(initial=0.0) < 0 else 0.0
        # an odd number of bars: 0 lies in the middle of one
        return np.linspace(low, 1, 2 * (bars // 2) + 2), "linear"
    values = values[values > 0]
    if not len(values):
        return np.linspace(0, 1, bars + 1), "linear"
    low, high = np.quantile(values, [0.002, 0.998])
    if high > MAGNITUDES * low:
        return np.geomspace(low, high, bars + 1), "log"
    return np.linspace(low, high, bars + 1) if high > low else np.linspace(0, 2 * high, bars + 1), "linear"


def _legend(drawing: Any, look: dict[str, tuple[str, str]], more: dict[str, tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=c, marker=m, linestyle="", label=name) for name, (c, m) in {**look, **more}.items()]
    drawing.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)), fontsize=7.5)
