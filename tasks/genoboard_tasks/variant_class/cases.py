"""Cases: which genes gain from reading, and which rows cost most, with what the text says of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Figure, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, INK, PALETTE

from .labels import plain
from .losses import GENE_ONLY, beside, gene_only, log_loss, row_losses
from .mentions import snippet
from .slices import SHARED, rows_of

LARGEST, FEWEST = 25, 5  # genes that are drawn, and the rows that one needs
WORST = 20


def gain_by_gene(results: Results) -> Figure:
    """Draw by how much the entry's log loss is below the gene-only control's, gene by gene, the largest genes."""
    log_loss(results)
    control = gene_only(results)
    theirs, own = (row_losses(results.truth, p) for p in (control, results.prediction))
    X, kind = rows_of(results), next((k for k in SHARED if k in results.rows), None)
    together = np.arange(len(X)) if kind is None else pd.factorize(results.rows[kind].iloc[results.test])[0]
    found = []
    for gene, at in X.reset_index(drop=True).groupby("gene", sort=True).groups.items():
        rows = np.asarray(at)
        low, high = mean_interval(theirs[rows] - own[rows], together[rows])
        found.append((gene, len(rows), own[rows].mean(), theirs[rows].mean(), (theirs[rows] - own[rows]).mean(), low, high))
    table = pd.DataFrame(found, columns=["gene", "n", "log loss", GENE_ONLY, "gain", "gain low", "gain high"])
    table = table.sort_values(["n", "gene"], ascending=[False, True], kind="stable").reset_index(drop=True)
    shown = table[table["n"] >= FEWEST].head(LARGEST)
    if shown.empty:
        raise NotDrawn(f"no gene has {FEWEST} test rows")
    whole = float((theirs - own).mean())
    drawing, axes = canvas(width=6.4, height=1.3 + 0.22 * len(shown))
    place = np.arange(len(shown))
    hues = np.where(shown["gain"] >= 0, ENTRY, PALETTE[1])
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.axvline(whole, color=ENTRY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0, label=f"all rows: {whole:+.3f}")
    axes.barh(place, shown["gain"], color=hues, alpha=0.75, height=0.62)
    axes.hlines(place, shown["gain low"], shown["gain high"], color=INK, linewidth=1.0)
    axes.set_yticks(place, [f"{plain(g, 22)}  ({n})" for g, n in zip(shown["gene"], shown["n"], strict=True)], parse_math=False)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    # a few rows can have an interval without end: it runs out of the picture
    reach = max(1.9 * float(shown["gain"].abs().max()), 1e-3)
    low, high = float(shown["gain low"].min()), float(shown["gain high"].max())
    axes.set_xlim(max(-reach, min(low, -1e-3) * 1.05), min(reach, max(high, 1e-3) * 1.05))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel(f"log loss of {GENE_ONLY} less this entry's (to the right: reading helps)")
    drawing.legend(loc="outside upper right")
    best, least = (shown.iloc[int(at)] for at in (shown["gain"].to_numpy().argmax(), shown["gain"].to_numpy().argmin()))
    alt = (
        f"Over all test rows the log loss is {abs(whole):.3f} {'below' if whole >= 0 else 'above'} that of {GENE_ONLY}. Of the {len(shown)} genes "
        f"with most rows the gain is largest in {best['gene']} ({best['gain']:+.3f}, n = {best['n']}), smallest in {least['gene']} ({least['gain']:+.3f}, n = {least['n']})."
    )
    note = (
        f"In brackets: test rows. Intervals are 95 % of the mean difference over a gene's rows{f', those that share {SHARED[kind]} counting as one' if kind else ''}; "
        f"the table has every gene, and what runs out of the picture."
    )
    return Figure.of(drawing, "Gain over gene-only by gene", table, alt, note)


def mean_interval(values: NDArray[np.float64], together: NDArray[np.intp]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of `values` (n,), rows of one code `together` (n,) not being independent; NaN for a single code."""
    from scipy.stats import t

    groups = pd.factorize(together)[0]
    n = int(groups.max()) + 1
    if n < 2:
        return math.nan, math.nan
    sums = np.bincount(groups, values - values.mean())
    half = float(t.ppf(0.975, n - 1)) * math.sqrt(n / (n - 1) * float(sums @ sums)) / len(values)
    return float(values.mean()) - half, float(values.mean()) + half


def worst_rows(results: Results) -> Figure:
    """Draw the rows with the highest log loss; the table says what they are, what was said of them, and where their text speaks of them."""
    metric = log_loss(results)
    losses, X = row_losses(results.truth, results.prediction), rows_of(results)
    worst = np.argsort(-losses, kind="stable")[:WORST]
    control = beside(results)
    theirs = None if control is None else row_losses(results.truth, control)
    share = results.prediction / results.prediction.sum(axis=1, keepdims=True)
    ids, found = results.original_ids, []
    for at in worst:
        row, true, said = X.iloc[at], int(results.truth[at]), int(results.labels[at])
        case: dict[str, Any] = {
            "id": ids.loc[X.index[at]],
            **{"gene": row["gene"], "variation": row["variation"], "true": results.classes[true], "predicted": results.classes[said]},
            **{"p of predicted": share[at, said], "p of true": share[at, true], "loss": losses[at]},
            **({} if theirs is None else {f"loss of {GENE_ONLY}": theirs[at]}),
            "snippet": snippet(row.get("text", ""), row["gene"], row["variation"]),
        }
        found.append(case)
    table = pd.DataFrame(found)
    drawing, axes = canvas(width=7.4, height=1.2 + 0.24 * len(table))
    place = np.arange(len(table))
    axes.barh(place, table["loss"], color=ENTRY, alpha=0.75, height=0.66, label="this entry")
    if theirs is not None:
        axes.plot(
            table[f"loss of {GENE_ONLY}"],
            place,
            "s",
            color=CONTROL,
            markersize=4.5,
            markeredgecolor=INK,
            markeredgewidth=0.5,
            label=GENE_ONLY,
        )
    axes.set_yticks(place, [plain(f"{g} {v}", 30) for g, v in zip(table["gene"], table["variation"], strict=True)], parse_math=False)
    for at, row in enumerate(table.to_dict("records")):
        words = f"{plain(row['true'], 22)}, said {plain(row['predicted'], 22)} ({row['p of predicted']:.2f})"
        axes.annotate(
            words, (1.0, at), (6, 0), ("axes fraction", "data"), textcoords="offset points", va="center", fontsize=7.5, parse_math=False
        )
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel("log loss of the row")
    drawing.legend(loc="outside upper left", ncols=2)
    part = losses[worst].sum() / losses.sum()
    first = table.iloc[0]
    alt = (
        f"The {len(table)} rows with the highest loss hold {part:.1%} of all loss of {len(losses):,} rows. Highest: {first['gene']} {first['variation']} "
        f"({first['loss']:.2f}), {first['true']}, said to be {first['predicted']} with probability {first['p of predicted']:.2f}."
    )
    note = f"{metric.name} of single rows, by the same rule. The table has the words around the text's first mention of variant or gene."
    return Figure.of(drawing, "Worst rows", table, alt, note)
