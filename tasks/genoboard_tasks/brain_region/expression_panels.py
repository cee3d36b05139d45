"""Panels of the data: how many samples, how genes are expressed, and what their leading components show."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from genoboard import Figure, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, INK, PALETTE, beside, matrix, rows

from .exploration import Expression, Floats, adjusted_share, hierarchy, labelled, linkage, short, symbols_of, table_of
from .regions import CLADES

MARKERS = ("GAL", "TRH", "RORB", "KCNJ6", "ARHGEF33")
COMPONENTS = 30
NEIGHBOURS = 30
MOST_DONORS = 8
CLADE_MARKS = {"neocortex": "o", "limbic": "D", "basal ganglia": "s", "brainstem": "^", "cerebellar": "X"}


def samples_per_region(results: Results) -> Figure:
    """Draw how many training and test samples each region has."""
    known = results.rows
    table = pd.DataFrame({"train": known["y"].iloc[results.train].value_counts(), "test": known["y"].iloc[results.test].value_counts()})
    whole = known["y"].value_counts()
    table = table.reindex(list(results.classes)).fillna(0).astype(int)
    table["samples"] = whole.reindex(table.index).fillna(0).astype(int)
    if "donor" in known:
        table["donors"] = known.groupby("y")["donor"].nunique().reindex(table.index).fillna(0).astype(int)
    table = table.sort_values("samples", ascending=False, kind="stable").rename_axis("region").reset_index()
    crossed = len(results.folds) > 1
    drawing, axes = canvas(width=5.6, height=1.0 + 0.27 * len(table))
    rows(axes, list(table["region"]), 34)
    if crossed:
        axes.barh(range(len(table)), table["samples"], 0.7, color=ENTRY)
        told = [f"{n}" for n in table["samples"]]
    else:
        axes.barh(range(len(table)), table["train"], 0.7, color=ENTRY, label="train")
        axes.barh(range(len(table)), table["test"], 0.7, left=table["train"], color=PALETTE[1], label="test")
        told = [f"{a} + {b}" for a, b in zip(table["train"], table["test"], strict=True)]
        drawing.legend(loc="outside upper center", ncols=2)
    beside(axes, told)
    axes.set_xlabel("samples")
    first, last = table.iloc[0], table.iloc[-1]
    n_donors = f" of {known['donor'].nunique()} donors" if "donor" in known else ""
    alt = f"{table['samples'].sum():,} samples{n_donors}: from {first['samples']} of {first['region']} to {last['samples']} of {last['region']}."
    sealed = int(known["y"].isna().sum())
    note = (
        f"Every sample is in train and test of some of the {len(results.folds)} folds."
        if crossed
        else "At the right: training and test samples."
    )
    return Figure.of(drawing, "Samples per region", table, alt, note + (f" {sealed} sealed rows are left out." if sealed else ""))


def expression_distributions(results: Results) -> Figure:
    """Draw how expression values are distributed in each region's training samples."""
    at = labelled(results)
    values = table_of(results, at).to_numpy(dtype=np.float32)
    region = results.rows["y"].iloc[at].to_numpy()
    edges = np.linspace(0.0, float(np.ceil(np.quantile(values, 0.9999))), 61)
    names = [c for c in results.classes if (region == c).any()]
    density, told = {}, []
    for c in names:
        part = values[region == c]
        silent = float((part <= 0).mean())
        expressed = part[part > 0]
        counts = np.histogram(expressed, edges)[0]
        density[c] = counts / max(1, counts.sum())
        told.append(
            (c, int((region == c).sum()), silent, *np.quantile(expressed if len(expressed) else [np.nan], [0.05, 0.25, 0.5, 0.75, 0.95]))
        )
    table = pd.DataFrame(told, columns=["region", "samples", "share of zeros", "5 %", "25 %", "median", "75 %", "95 %"])
    drawing, axes = canvas(width=5.6, height=1.1 + 0.33 * len(names))
    rows(axes, [short(c) for c in names])
    tallest = max(float(d.max()) for d in density.values()) ** 0.5 or 1.0
    middles = (edges[1:] + edges[:-1]) / 2
    for i, c in enumerate(names):
        axes.fill_between(middles, i + 0.4, i + 0.4 - 0.95 * np.sqrt(density[c]) / tallest, color=ENTRY, linewidth=0, alpha=0.75)
    axes.plot(table["median"], np.arange(len(names)) + 0.4, "|", color=INK, markersize=7, markeredgewidth=1.6)
    beside(axes, [f"{s:.0%} zeros" for s in table["share of zeros"]])
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(len(names) - 0.4, -0.75)
    axes.set_xlabel(results.unit)
    alt = (
        f"Values above zero have medians from {table['median'].min():.2f} to {table['median'].max():.2f} {results.unit} by region; "
        f"{table['share of zeros'].min():.0%} to {table['share of zeros'].max():.0%} of values are zero."
    )
    note = f"Training rows only ({len(at):,} samples x {values.shape[1]:,} genes); drawn are the values above zero, the height being the root of their share, and their median."
    return Figure.of(drawing, "Expression distributions", table, alt, note)


def mean_variance(results: Results) -> Figure:
    """Draw each gene's standard deviation over its mean, and the running median."""
    at = labelled(results)
    features = table_of(results, at)
    values = features.to_numpy(dtype=np.float32)
    mean, sd = values.mean(axis=0, dtype=np.float64), values.std(axis=0, ddof=1, dtype=np.float64)
    symbols = symbols_of(results, features.columns)
    table = pd.DataFrame({"gene": features.columns, "symbol": symbols, "mean": mean, "variance": sd**2})
    table = table.sort_values("variance", ascending=False, kind="stable", ignore_index=True)
    drawing, axes = canvas(width=5.6, height=3.9)
    axes.scatter(mean, sd, s=100 / np.sqrt(len(mean)) + 2, color=ENTRY, alpha=0.45, linewidths=0, rasterized=True)
    order = np.argsort(mean)
    parts = [p for p in np.array_split(order, max(2, min(25, len(mean) // 10))) if len(p)]
    axes.plot([np.median(mean[p]) for p in parts], [np.median(sd[p]) for p in parts], color=INK, linewidth=1.2)
    top = table.head(3)["symbol"]
    for i in [*np.flatnonzero(np.isin(symbols, MARKERS)), *np.flatnonzero(np.isin(symbols, top) & ~np.isin(symbols, MARKERS))]:
        axes.plot(mean[i], sd[i], "o", color=PALETTE[1], markersize=4)
        axes.annotate(str(symbols[i]), (mean[i], sd[i]), (4, 3), textcoords="offset points", fontsize=7.5)
    axes.set(xlabel=f"mean of {results.unit}", ylabel="standard deviation", ylim=(0, None))
    axes.grid()
    axes.set_axisbelow(True)
    alt = f"Over {len(mean):,} genes the median variance is {np.median(sd**2):.2f}; the most variable are " + ", ".join(
        f"{r['symbol']} ({r['variance']:.1f})" for _, r in table.head(5).iterrows()
    )
    note = f"Training rows only ({len(at):,} samples). Line: running median. Named: the markers and the most variable genes."
    return Figure.of(drawing, "Mean and variance", table, f"{alt}.", note)


def components(results: Results) -> tuple[Figure, ...]:
    """Draw the scree, and the first components against each other, by region and by donor."""
    x = Expression.of(results)
    scores, share, axes = x.components(COMPONENTS)
    pairs = [second for second in (1, 2) if second < scores.shape[1]]
    return (_scree(x, share), *(_scatter(results, x, scores, share, axes, second) for second in pairs))


def umap(results: Results) -> Figure:
    """Draw a UMAP of the training samples."""
    with warnings.catch_warnings():
        # at import, of an optional tensorflow; of scikit-learn's renamed arguments; of one thread, which a fixed seed needs
        warnings.simplefilter("ignore")
        try:
            from umap import UMAP
        except ImportError as error:
            raise NotDrawn('umap-learn is not installed: pip install "genoboard[report]"') from error
        x = Expression.of(results)
        scores, _, _ = x.components(COMPONENTS)
        train = scores[: x.n_train]
        place = UMAP(n_neighbors=min(NEIGHBOURS, len(train) - 1), random_state=0, n_jobs=1).fit_transform(train)
    region = x.region[: x.n_train]
    drawing, axes = canvas(width=6.0, height=4.4)
    _by_region(axes, place, region, results.classes)
    _legend(drawing, axes)
    axes.set(xlabel="UMAP 1", ylabel="UMAP 2", xticks=[], yticks=[])
    table = pd.DataFrame(
        {"id": x.ids[: x.n_train], "region": np.array(results.classes)[region], "umap 1": place[:, 0], "umap 2": place[:, 1]}
    )
    same = _neighbours_alike(place, region)
    by_region = pd.Series({results.classes[c]: float(same[region == c].mean()) for c in np.unique(region)}).sort_values()
    alt = (
        f"Of a sample's 10 nearest in the UMAP plane, {same.mean():.0%} are of its own region on the average; least for {by_region.index[0]} "
        f"({by_region.iloc[0]:.0%}), most for {by_region.index[-1]} ({by_region.iloc[-1]:.0%})."
    )
    note = f"{x.fitted}; {train.shape[1]} principal components, {NEIGHBOURS} neighbours, seed 0. Distances between clusters mean little."
    return Figure.of(drawing, "UMAP", table, alt, note)


def region_correlation(results: Results) -> Figure:
    """Draw how alike the regions' mean profiles are, in the order of their dendrogram."""
    x = Expression.of(results)
    profiles = x.profiles(len(results.classes))
    present = np.isfinite(profiles[:, 0])
    if present.sum() < 3:
        raise NotDrawn("fewer than three regions have training samples")
    names = [c for c, here in zip(results.classes, present, strict=True) if here]
    r, tree = linkage(profiles[present])
    drawing, (above, below) = canvas(2, 1, 5.6, 6.6, height_ratios=[1.1, 4])
    drawn = hierarchy().dendrogram(tree, ax=above, no_labels=True, color_threshold=0, above_threshold_color=CONTROL)
    order = drawn["leaves"]
    above.set_ylabel("1 - r")
    above.spines["bottom"].set_visible(False)
    labels = [short(names[i]) for i in order]
    ordered = r[np.ix_(order, order)]
    matrix(below, ordered, (labels, labels), 1.0, lambda v: f"{v:.1f}".replace("-0.0", "0.0"), 6.5)
    below.set_aspect("auto")
    table = pd.DataFrame(
        [(names[i], names[j], float(r[i, j])) for at, i in enumerate(order) for j in order[at + 1 :]], columns=["region", "other", "r"]
    )
    top = table.sort_values("r", ascending=False, kind="stable").iloc[:3]
    low = table.sort_values("r", kind="stable").iloc[0]
    alt = (
        "Most alike: "
        + "; ".join(f"{a} and {b} (r {v:.2f})" for a, b, v in top.itertuples(index=False))
        + f". Least: {low['region']} and {low['other']} ({low['r']:.2f})."
    )
    note = f"{x.fitted}. Pearson's r of the regions' mean z-scores; average linkage of 1 - r."
    return Figure.of(drawing, "Region correlation and dendrogram", table, alt, note)


def _scree(x: Expression, share: Floats) -> Figure:
    n = np.arange(1, len(share) + 1)
    table = pd.DataFrame({"component": n, "share of variance": share, "cumulative": share.cumsum()})
    drawing, axes = canvas(width=5.4, height=3.2)
    axes.bar(n, 100 * share, color=ENTRY)
    axes.plot(n, 100 * share.cumsum(), color=PALETTE[1], marker=".", markersize=4)
    axes.annotate(f"cumulative {share.sum():.0%}", (n[-1], 100 * share.sum()), (0, 5), textcoords="offset points", ha="right", fontsize=8)
    axes.set(xlabel="principal component", ylabel="% of the variance", ylim=(0, 100 * share.sum() * 1.12))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    alt = f"The first three components hold {', '.join(f'{s:.1%}' for s in share[:3])} of the variance; all {len(share)} together {share.sum():.1%}."
    return Figure.of(drawing, "Scree plot", table, alt, f"{x.fitted}; genes standardised.")


def _scatter(results: Results, x: Expression, scores: Floats, share: Floats, axes: Floats, second: int) -> Figure:

    names = ("PC1", f"PC{second + 1}")
    pair = scores[:, [0, second]]
    drawing, (above, below) = canvas(2, 1, 6.0, 7.2)
    _by_region(above, pair, x.region, results.classes, x.n_train)
    _by_donor(below, pair, x.donor)
    for part, title in ((above, "by region"), (below, "by donor")):
        part.set(xlabel=f"{names[0]} ({share[0]:.1%})", ylabel=f"{names[1]} ({share[second]:.1%})", title=title)
        _legend(drawing, part)
    train = slice(x.n_train)
    by = {"region": x.region[train], "donor": pd.factorize(x.donor[train])[0]}
    told = {(n, k): adjusted_share(pair[train, i], codes) for i, n in enumerate(names) for k, codes in by.items()}
    region = np.array([*results.classes, "(unknown)"])[x.region]
    part_of = np.where(np.arange(len(pair)) < x.n_train, "train", "test")
    table = pd.DataFrame(
        {"id": x.ids, "part": part_of, "region": region, "donor": pd.factorize(x.donor)[0] + 1, names[0]: pair[:, 0], names[1]: pair[:, 1]}
    )
    loaded = {n: ", ".join(x.symbols[np.abs(axes[a]).argsort()[::-1][:3]]) for n, a in zip(names, (0, second), strict=True)}
    alt = "; ".join(
        f"{n}: region explains {told[n, 'region']:.0%} of its variance, donor {max(0.0, told[n, 'donor']):.0%} (adjusted R2); largest loadings {loaded[n]}"
        for n in names
    )
    note = f"{x.fitted}; test samples (open circles) are projected. Donors: the {MOST_DONORS} with the most samples in colour, the others grey; numbered in the table."
    return Figure.of(drawing, f"{names[0]} and {names[1]}, by region and by donor", table, f"{alt}.", note)


def _by_region(axes: Any, place: Floats, region: Any, classes: tuple[str, ...], n_train: int | None = None) -> None:
    train = np.arange(len(place)) < (len(place) if n_train is None else n_train)
    for i, c in enumerate(classes):
        mark = next((m for clade, m in CLADE_MARKS.items() if c in CLADES[clade]), "o")
        style = {"color": PALETTE[i % len(PALETTE)], "marker": mark, "rasterized": True}
        here = region == i
        axes.scatter(*place[here & train].T, s=9, linewidths=0, **style)
        axes.scatter(
            *place[here & ~train].T, s=9, linewidths=0.7, facecolors="none", edgecolors=style["color"], marker=mark, rasterized=True
        )
        axes.plot([], [], mark, color=style["color"], markersize=4, label=short(c))


def _by_donor(axes: Any, place: Floats, donor: Any) -> None:
    most = pd.Series(donor).value_counts(sort=True).index[:MOST_DONORS]
    rest = ~np.isin(donor, most)
    axes.scatter(*place[rest].T, s=6, linewidths=0, color=CONTROL, rasterized=True)
    for i, d in enumerate(most):
        axes.scatter(*place[donor == d].T, s=14, linewidths=0, color=PALETTE[i], rasterized=True)
        axes.plot([], [], "o", color=PALETTE[i], markersize=4, label=f"donor {i + 1}: {(donor == d).sum()}")
    axes.plot([], [], "o", color=CONTROL, markersize=4, label=f"{len(set(donor)) - len(most)} others")


def _legend(drawing: Any, axes: Any) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.2, borderaxespad=0.3, labelspacing=0.35)


def _neighbours_alike(place: Floats, code: Any, k: int = 10) -> Floats:
    """Return for each row the share of its `k` nearest in the plane that are of its code."""
    found = np.empty(len(place))
    for start in range(0, len(place), 512):
        part = place[start : start + 512]
        distance = np.square(part[:, None, :] - place[None]).sum(axis=2)
        distance[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        near = np.argpartition(distance, min(k, len(place) - 1) - 1, axis=1)[:, :k]
        found[start : start + 512] = (code[near] == code[start : start + 512, None]).mean(axis=1)
    return found
