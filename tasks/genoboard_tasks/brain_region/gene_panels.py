"""Panels of genes: which ones the model leans on, what they are, how stable their order is, and where they are expressed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from genoboard import Figure, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, INK, PALETTE, beside, diverging, importances, rows, top_features

from .exploration import Expression, Floats, anova_ranks, hierarchy, labelled, linkage, short, symbols_of, table_of
from .expression_panels import MARKERS
from .gene_families import UNCLASSIFIED, category

TOP = 30
SHARE_TOPS = (30, 100)
RESAMPLES = 50
SAMPLES_SHOWN = 12  # of each region in the heatmap
BY_MODEL = "by the model's importances"
BY_F = "by ANOVA F over the training rows, for the model left no importances"
BIOTYPES = {"protein-coding": PALETTE[0], "lncRNA": PALETTE[1], "pseudogene": PALETTE[3], "other": CONTROL}


def top_genes(results: Results) -> Figure:
    """Draw the 30 genes that the model weighs most."""
    return replace(top_features(results, TOP), title="Top 30 genes")


def biotype_shares(results: Results) -> Figure:
    """Draw how many of the top genes, and of all, are protein-coding, lncRNA or pseudogenes."""
    known = results.columns
    if known is None or "biotype" not in known or not (known["biotype"].fillna("") != "").any():
        raise NotDrawn("this dataset does not say of what biotype its genes are")
    ranked, how = ranking(results)
    biotype = known["biotype"].fillna("").reindex(ranked)
    stated = biotype[biotype != ""]
    sets = {f"top {n}": biotype.head(n) for n in SHARE_TOPS if n < len(ranked)} | {"all genes": known["biotype"].fillna("")}
    told = []
    for name, of in sets.items():
        groups = of[of != ""].map(_group)
        told += [(name, g, int((groups == g).sum()), len(groups), len(of) - len(groups)) for g in BIOTYPES]
    table = pd.DataFrame(told, columns=["genes", "biotype", "count", "of", "unknown"])
    table["share"] = table["count"] / table["of"].clip(lower=1)
    drawing, axes = canvas(width=5.6, height=1.1 + 0.4 * len(sets))
    rows(axes, [f"{name} ({of.ne('').sum():,})" for name, of in sets.items()])
    left = np.zeros(len(sets))
    for group, color in BIOTYPES.items():
        share = table[table["biotype"] == group]["share"].to_numpy()
        axes.barh(range(len(sets)), 100 * share, 0.65, left=left, color=color, label=group)
        left += 100 * share
    shares = table.pivot(index="genes", columns="biotype", values="share").loc[list(sets), list(BIOTYPES)]
    beside(axes, [" · ".join(f"{100 * s:.0f}" for s in row) for row in shares.to_numpy()])
    axes.set(xlim=(0, 100), xlabel="% of the genes whose biotype is known (their number in brackets)")
    drawing.legend(loc="outside upper center", ncols=len(BIOTYPES))
    lead, kinds = next(iter(sets)), ("protein-coding", "lncRNA", "pseudogene")
    every = shares.loc["all genes"]
    parts = [f"{share:.0%} are {g} ({every[g]:.0%} of all genes)" for g, share in shares.loc[lead].items() if g in kinds]
    alt = f"Of the {lead} genes with a known biotype {', '.join(parts)}"
    note = f"Ranked {how}. Counted from the dataset's biotypes, which {len(biotype) - len(stated)} of {len(biotype)} ranked genes lack."
    return Figure.of(drawing, "Biotype shares", table, f"{alt}.", note)


def functional_categories(results: Results) -> Figure:
    """Draw what families the top genes are of, by their symbols."""
    ranked, how = ranking(results)
    top = ranked[:TOP]
    symbols = symbols_of(results, ranked)
    known = results.columns
    biotype = known["biotype"].fillna("").reindex(ranked) if known is not None and "biotype" in known else pd.Series("", ranked)
    found = [category(str(s), str(b)) for s, b in zip(symbols, biotype, strict=True)]
    table = pd.DataFrame({"rank": np.arange(1, len(ranked) + 1), "symbol": symbols, "category": found})
    table["top"] = table["rank"] <= len(top)
    count = table[table["top"]].groupby("category")["symbol"].agg(["size", list])
    count = count.assign(last=count.index == UNCLASSIFIED).sort_values(["last", "size"], ascending=[True, False], kind="stable")
    share = table["category"].value_counts() / len(table)
    drawing, axes = canvas(width=6.2, height=1.0 + 0.36 * len(count))
    rows(axes, list(count.index), 24)
    axes.barh(range(len(count)), count["size"], 0.6, color=[CONTROL if c == UNCLASSIFIED else ENTRY for c in count.index])
    expected = [len(top) * float(share[c]) for c in count.index]
    axes.set_xlim(0, 1.06 * max(int(count["size"].max()), *expected))
    axes.plot(expected, range(len(count)), "|", color=INK, markersize=11, markeredgewidth=1.5)
    beside(axes, [_listed(names) for names in count["list"]], 7)
    axes.set(xlabel=f"of the top {len(top)} genes")
    axes.xaxis.get_major_locator().set_params(integer=True)
    first = ", ".join(f"{c} {n}" for c, n in count["size"].items())
    note = (
        f"Ranked {how}. Families by the stems of HGNC symbols: a family, not what a gene does here; the rest is {UNCLASSIFIED}. "
        "Upright lines: what as many genes drawn from all ranked ones would hold."
    )
    return Figure.of(drawing, "Functional categories of the top genes", table, f"Of the top {len(top)} genes: {first}.", note)


def rank_stability(results: Results) -> Figure:
    """Draw between which ranks each top gene lies when the data are drawn anew."""
    try:
        per_fold = results.artifact("importances") if len(results.folds) > 1 else pd.DataFrame(columns=["feature"])
    except NotDrawn:
        per_fold = pd.DataFrame(columns=["feature"])
    if len(per_fold):
        by = per_fold.pivot_table("importance", "feature", "fold", "sum", fill_value=0.0)
        ranks = by.rank(ascending=False, method="first").to_numpy().T
        genes, how = by.index, f"ranks by importance in each of the {by.shape[1]} folds, which share training rows"
        low, middle, high = ranks.min(axis=0), np.median(ranks, axis=0), ranks.max(axis=0)
        what = "lowest and highest"
    else:
        x = Expression.of(results)
        drawn = anova_ranks(x.train, x.region[: x.n_train], _donor_weights(x), len(results.classes))
        genes, ranks = x.genes, drawn
        how = f"ranks by ANOVA F in {RESAMPLES} bootstraps of the donors of the training rows{x.fold}"
        low, middle, high = (np.quantile(ranks, q, axis=0) for q in (0.05, 0.5, 0.95))
        what = "5 % and 95 %"
    table = pd.DataFrame({"gene": genes, "symbol": symbols_of(results, pd.Index(genes)), "median rank": middle, "low": low, "high": high})
    table["mean rank"] = ranks.mean(axis=0)
    table[f"in top {TOP}"] = (ranks <= TOP).mean(axis=0)
    table = table.sort_values(["median rank", "mean rank"], kind="stable", ignore_index=True)
    top = table.head(TOP)
    drawing, axes = canvas(width=5.4, height=0.9 + 0.19 * len(top))
    rows(axes, list(top["symbol"]), 40)
    axes.hlines(range(len(top)), top["low"], top["high"], color=CONTROL, linewidth=1.8)
    axes.plot(top["median rank"], range(len(top)), "o", color=ENTRY, markersize=4.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda v, _: f"{v:g}")
    axes.xaxis.set_minor_formatter(lambda *_: "")
    beside(axes, [f"{s:.0%}" for s in top[f"in top {TOP}"]])
    axes.set_xlabel(f"rank; at the right: how often in the top {TOP}")
    kept = int((top[f"in top {TOP}"] == 1).sum())
    agreement = _overlap(ranks)
    alt = (
        f"{kept} of the {len(top)} first genes are in the top {TOP} of every resample; two resamples share {agreement:.0%} of their top {TOP} on the average. "
        f"First: {', '.join(top['symbol'][:5])}."
    )
    return Figure.of(drawing, "Rank stability over resamples", table, alt, f"{how[:1].upper()}{how[1:]}. Dot: median; line: {what}.")


def top_gene_heatmap(results: Results) -> Figure:
    """Draw z-scores of the top genes over training samples of every region."""
    ranked, how = ranking(results)
    x = Expression.of(results, expressed_in=0.0)
    column = x.genes.get_indexer(ranked[:TOP])
    column = column[column >= 0]
    region = x.region[: x.n_train]
    profiles = x.profiles(len(results.classes))
    present = [c for c in range(len(results.classes)) if np.isfinite(profiles[c]).all()]
    order = [present[i] for i in hierarchy().leaves_list(linkage(profiles[present])[1])]
    # the same few of each region, evenly over the rows, so that spread within a region is seen
    shown = [np.flatnonzero(region == c) for c in order]
    shown = [at[np.unique(np.linspace(0, len(at) - 1, SAMPLES_SHOWN).astype(int))] for at in shown]
    z = x.train[np.concatenate(shown)][:, column].T
    genes = hierarchy().leaves_list(hierarchy().linkage(profiles[order][:, column].T, method="average", optimal_ordering=True))
    drawing, axes = canvas(width=6.2, height=1.9 + 0.17 * len(column))
    image = axes.imshow(z[genes], cmap=diverging(), vmin=-2.5, vmax=2.5, interpolation="none", aspect="auto")
    ends = np.cumsum([len(s) for s in shown])
    for end in ends[:-1]:
        axes.axvline(end - 0.5, color=INK, linewidth=0.7)
    axes.set_xticks(
        ends - np.array([len(s) for s in shown]) / 2 - 0.5, [short(results.classes[c]) for c in order], rotation=90, fontsize=7.5
    )
    axes.set_yticks(range(len(genes)), x.symbols[column][genes], fontsize=7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    scale = drawing.colorbar(image, ax=axes, shrink=0.5, aspect=18, label="z: blue below, red above the mean")
    scale.ax.collections[-1].set_rasterized(True)
    table = pd.DataFrame(profiles[order][:, column].T[genes], columns=[results.classes[c] for c in order])
    table.insert(0, "symbol", x.symbols[column][genes])
    peak = np.unravel_index(np.abs(profiles[order][:, column]).argmax(), (len(order), len(column)))
    alt = (
        f"{len(column)} genes over {len(order)} regions; the strongest mean is z = {profiles[order][:, column][peak]:.1f}, of "
        f"{x.symbols[column][peak[1]]} in {results.classes[order[peak[0]]]}."
    )
    note = (
        f"Ranked {how}. z by mean and deviation of the training rows{x.fold}; up to {SAMPLES_SHOWN} training samples of each region, evenly chosen; "
        "the table holds the means of all. Regions and genes in the order of their dendrograms."
    )
    return Figure.of(drawing, "z-scores of the top genes", table, alt, note)


def marker_genes(results: Results) -> Figure:
    """Draw box plots of the published study's marker genes by region."""
    at = labelled(results)
    features = table_of(results, at)
    symbols = symbols_of(results, features.columns)
    found = [(m, int(np.flatnonzero(symbols == m)[0])) for m in MARKERS if (symbols == m).any()]
    if not found:
        raise NotDrawn(f"none of {', '.join(MARKERS)} is among the {len(symbols):,} genes")
    region = results.rows["y"].iloc[at].to_numpy()
    names = [c for c in results.classes if (region == c).any()]
    drawing, panels = canvas(len(found), 1, 5.6, 1.1 + 1.15 * len(found), sharex=True, squeeze=False)
    told, best = [], []
    for (symbol, column), axes in zip(found, panels[:, 0], strict=True):
        values = features.iloc[:, column].to_numpy(dtype=np.float64)
        stats = [_box(values[region == c]) for c in names]
        told += [
            (symbol, c, int((region == c).sum()), *(s[k] for k in ("whislo", "q1", "med", "q3", "whishi")))
            for c, s in zip(names, stats, strict=True)
        ]
        high = int(np.argmax([s["med"] for s in stats]))
        best.append(f"{symbol} in {names[high]} (median {stats[high]['med']:.1f})")
        for i, s in enumerate(stats):
            color = PALETTE[1] if i == high else ENTRY
            axes.vlines(i, s["whislo"], s["whishi"], color=color, linewidth=0.9)
            axes.bar(i, s["q3"] - s["q1"], 0.6, bottom=s["q1"], color=color, alpha=0.55)
            axes.hlines(s["med"], i - 0.3, i + 0.3, color=INK, linewidth=1.4)
        axes.set_title(symbol, fontsize=9)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    panels[-1, 0].set_xticks(range(len(names)), [short(c) for c in names], rotation=90, fontsize=7.5)
    drawing.supylabel(results.unit, fontsize=8.5)
    table = pd.DataFrame(told, columns=["symbol", "region", "samples", "low", "25 %", "median", "75 %", "high"])
    lacking = [m for m in MARKERS if m not in dict(found)]
    note = f"Training rows only ({len(at):,} samples). Boxes: quartiles; lines to the outermost value within 1.5 box lengths; red: the highest median."
    return Figure.of(
        drawing,
        "Marker genes by region",
        table,
        f"Highest: {'; '.join(best)}.",
        note + (f" Not in this dataset: {', '.join(lacking)}." if lacking else ""),
    )


def ranking(results: Results) -> tuple[pd.Index, str]:
    """Return the genes in the order that the model's importances give, or else ANOVA F on the training rows, and which it is."""
    try:
        return pd.Index(importances(results)["feature"].astype(str)), BY_MODEL
    except NotDrawn:
        x = Expression.of(results)
        ranks = anova_ranks(x.train, x.region[: x.n_train], np.ones((1, x.n_train), np.float32), len(results.classes))[0]
        return x.genes[np.argsort(ranks)], BY_F


def _group(biotype: str) -> str:
    if "pseudogene" in biotype:
        return "pseudogene"
    return {"protein_coding": "protein-coding", "lncRNA": "lncRNA", "lincRNA": "lncRNA", "antisense": "lncRNA"}.get(biotype, "other")


def _listed(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _donor_weights(x: Expression) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return (R, n): how often each training row is drawn when donors are drawn with replacement."""
    donor = pd.factorize(x.donor[: x.n_train])[0]
    n = int(donor.max()) + 1
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), RESAMPLES)
    return drawn[:, donor].astype(np.float32)


def _overlap(ranks: Floats | np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """Return the mean share of the top genes that two resamples have in common."""
    top = (ranks <= TOP).astype(np.float64)
    shared = (top @ top.T)[np.triu_indices(len(top), 1)] / min(TOP, ranks.shape[1])
    return float(shared.mean()) if len(shared) else float("nan")


def _box(values: Floats) -> dict[str, float]:
    q1, med, q3 = np.quantile(values, [0.25, 0.5, 0.75])
    inside = values[(values >= q1 - 1.5 * (q3 - q1)) & (values <= q3 + 1.5 * (q3 - q1))]
    return {"q1": q1, "med": med, "q3": q3, "whislo": min(inside.min(), q1), "whishi": max(inside.max(), q3)}
