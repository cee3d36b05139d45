"""Panels of the task's own: confusion in the order of the dendrogram, whose samples are missed, and what merging and shared donors do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from genoboard import Figure, Metric, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, GRID, INK, PALETTE, beside, point, rows, spelled
from genoboard.panels import confusion as standard_confusion

from .exploration import Expression, donors, hierarchy, linkage
from .regions import MERGE

MOST_SHOWN = 8  # standings
WORST = 12  # donors
PAIRS = (("donor", "random"), ("donor-cv5", "random-cv5"))


def confusion(results: Results) -> tuple[Figure, ...]:
    """Draw which region is taken for which, in the order of the dendrogram: 13 classes, and 11."""
    order, why = _order(results)
    blocks = tuple((b, a) for a, b in MERGE.items())
    whole = standard_confusion(results, order, blocks)
    merged = standard_confusion(results, [c for c in order if c not in MERGE], merge=MERGE)
    return tuple(Figure(f.title, f.svg, f.table, f.alt, " ".join(filter(None, (f.note, why))), f.pdf) for f in (whole, merged))


def merged_classes(results: Results) -> Figure:
    """Draw what counting two pairs of regions as one each does to the scores, for the best standings."""
    pairs = [(a, f"{a}-11") for a in ("f1-macro", "accuracy")]
    scored = [s for s in results.standings if s.rank is not None]
    own = results.entry.standing
    shown = [s for i, s in enumerate(s for s in scored if not s.control) if i < MOST_SHOWN or s.key == own]
    shown += [s for s in scored if s.control and (s.name == "technical-covariates" or s.key == own)]
    told = [
        (s.name, s.key == own, s.control, metric, s.scores[metric], *s.intervals.get(metric, (np.nan, np.nan)))
        for s in shown
        for pair in pairs
        for metric in pair
        if s.scores.get(metric) is not None
    ]
    table = pd.DataFrame(told, columns=["name", "own", "control", "metric", "value", "low", "high"])
    if not len(table):
        raise NotDrawn("nobody on this board has these scores")
    drawing, panels = canvas(2, 1, 5.8, 1.5 + 0.7 * len(shown), sharex=True)
    for axes, pair in zip(panels, pairs, strict=True):
        rows(axes, [s.name for s in shown])
        for at, s in enumerate(shown):
            color = ENTRY if s.key == own else CONTROL if s.control else INK
            for off, metric, filled in ((-0.15, pair[0], False), (0.15, pair[1], True)):
                point(axes, at + off, s.scores.get(metric), *s.intervals.get(metric, (None, None)), color=color, filled=filled, size=5)
        beside(axes, [" → ".join(spelled(s.scores.get(m)) for m in pair) for s in shown])
        axes.set_title(f"{pair[0]}: 13 classes (open) and 11 (filled)")
    of = table[table["own"]].set_index("metric")
    alt = "; ".join(
        f"{a} {spelled(*of.loc[a, ['value', 'low', 'high']])} over 13 classes, {spelled(*of.loc[b, ['value', 'low', 'high']])} over 11"
        for a, b in pairs
        if {a, b} <= set(of.index)
    )
    note = "In 11 classes Cerebellar Hemisphere counts as Cerebellum and BA9 as Cortex: each is one place, sampled once at the collection site and once at the brain bank."
    return Figure.of(drawing, "13 against 11 classes", table, f"{results.entry.name}: {alt}.", note)


def errors_by_donor(results: Results) -> Figure:
    """Draw how errors spread over the test donors, beside what chance would do, and the donors with most."""
    donor = donors(results.rows).iloc[results.test].to_numpy()
    wrong = results.labels != results.truth
    taken = [f"{results.classes[t]} for {results.classes[p]}" for t, p in zip(results.labels[wrong], results.truth[wrong], strict=True)]
    by = pd.DataFrame({"donor": donor, "wrong": wrong}).groupby("donor")["wrong"].agg(["size", "sum"])
    what = pd.Series(taken, dtype="str").groupby(donor[wrong]).agg("; ".join)
    table = pd.DataFrame({"samples": by["size"], "errors": by["sum"].astype(int), "predicted for true": what.reindex(by.index).fillna("")})
    table = table.sort_values(["errors", "samples"], ascending=[False, True], kind="stable").rename_axis("donor").reset_index()
    rate = float(wrong.mean())
    most = int(table["errors"].max())
    seen = np.bincount(table["errors"], minlength=most + 3)
    expected = np.zeros(len(seen))
    for n, donors_of in zip(*np.unique(table["samples"].to_numpy(), return_counts=True), strict=True):
        expected += donors_of * _binomial(int(n), rate, len(seen))
    variance = (table["samples"] * rate * (1 - rate)).sum()
    spread = float(((table["errors"] - table["samples"] * rate) ** 2).sum() / variance) if variance > 0 else float("nan")
    worst = table[table["errors"] > 0].head(WORST)
    drawing, (above, below) = canvas(2, 1, 5.6, 3.2 + 0.24 * max(1, len(worst)), height_ratios=[2.2, 0.4 + 0.24 * max(1, len(worst))])
    above.bar(range(len(seen)), seen, 0.75, color=ENTRY, label="donors")
    above.plot(range(len(seen)), expected, "_", color=PALETTE[1], markersize=20, markeredgewidth=2.2, label="if errors fell at random")
    above.set(xlabel="errors of a donor", ylabel="donors")
    above.xaxis.get_major_locator().set_params(integer=True)
    above.legend(loc="upper right")
    rows(below, [str(d) for d in worst["donor"]])
    below.barh(range(len(worst)), worst["samples"], 0.7, color=GRID)
    below.barh(range(len(worst)), worst["errors"], 0.7, color=ENTRY)
    below.set_xlabel("samples in test (grey), errors (blue)")
    below.xaxis.get_major_locator().set_params(integer=True)
    beside(below, [f"{e} of {n}" for e, n in zip(worst["errors"], worst["samples"], strict=True)])
    alt = (
        f"{int(wrong.sum())} errors in {len(wrong)} samples of {len(table)} donors; {int(seen[0])} donors have none where {expected[0]:.0f} are expected at random; "
        f"at most {most} of a donor. The errors' spread over donors is {spread:.2f} times that of chance."
    )
    note = "At random: every sample is missed with the same probability, independently. Above 1, errors gather in some donors, and intervals must resample donors."
    return Figure.of(drawing, "Errors by donor", table, alt, note)


def donor_gap(results: Results) -> Figure:
    """Draw how much better each standing does when the test donors were seen in training."""
    primary: Metric = results.metrics[0]
    found = results.elsewhere
    found = found[(found["metric"] == primary.name) & found["value"].notna()].sort_values("value", ascending=False, kind="stable")
    told = []
    for apart, shared in PAIRS:
        a, b = (found[found["split"] == s].drop_duplicates("name").set_index("name") for s in (apart, shared))
        for name in a.index.intersection(b.index, sort=False):
            x, y = a.loc[name], b.loc[name]
            half = np.hypot(x["high"] - x["low"], y["high"] - y["low"]) / 2
            gap = y["value"] - x["value"]
            told.append(
                (
                    apart,
                    shared,
                    name,
                    x["own"],
                    x["control"],
                    x["value"],
                    x["low"],
                    x["high"],
                    y["value"],
                    y["low"],
                    y["high"],
                    gap,
                    gap - half,
                    gap + half,
                )
            )
    if not told:
        raise NotDrawn("nobody has entries on a donor split and on its random one")
    table = pd.DataFrame(
        told,
        columns=[
            "donor split",
            "random split",
            "name",
            "own",
            "control",
            "donor",
            "donor low",
            "donor high",
            "random",
            "random low",
            "random high",
            "gap",
            "gap low",
            "gap high",
        ],
    )
    # the controls' gaps are next to nothing, and their scores would take the width
    drawn = table[table["own"] | ~table["control"]] if len(table) > table["control"].sum() else table
    drawing, axes = canvas(width=5.8, height=1.3 + 0.42 * len(drawn))
    several = drawn["donor split"].nunique() > 1
    rows(axes, [f"{r['name']} ({r['donor split']})" if several else r["name"] for r in drawn.to_dict("records")])
    for at, r in enumerate(drawn.to_dict("records")):
        color = ENTRY if r["own"] else CONTROL if r["control"] else INK
        point(axes, at - 0.14, r["donor"], r["donor low"], r["donor high"], color=color, size=5)
        point(axes, at + 0.14, r["random"], r["random low"], r["random high"], color=color, filled=False, size=5)
    beside(axes, [f"{r['gap']:+.3f} [{r['gap low']:+.3f}, {r['gap high']:+.3f}]" for r in drawn.to_dict("records")])
    axes.set_xlabel(f"{primary.name}: donor split (filled), random (open)\nat the right: random - donor")
    own = table[table["own"]]
    shown = own if len(own) else table.head(1)
    alt = "; ".join(
        f"{r['name']}: {primary.name} {r['donor']:.3f} on {r['donor split']}, {r['random']:.3f} on {r['random split']}, gap {r['gap']:+.3f} [{r['gap low']:+.3f}, {r['gap high']:+.3f}]"
        for _, r in shown.iterrows()
    )
    note = "The two splits test other rows, so the interval of a gap adds both intervals in squares. A gap above 0 is what knowing the donor is worth."
    return Figure.of(drawing, "Random against donor split", table, f"{alt}.", note)


def _order(results: Results) -> tuple[list[str], str]:
    """Return the classes in the order of the dendrogram, or as they are where it cannot be made, and what to say of it."""
    try:
        x = Expression.of(results)
        profiles = x.profiles(len(results.classes))
        if not np.isfinite(profiles).all():
            return list(results.classes), ""
        leaves = hierarchy().leaves_list(linkage(profiles)[1])
    except NotDrawn:
        return list(results.classes), ""
    return [results.classes[i] for i in leaves], f"In the order of the dendrogram of the training rows{x.fold}."


def _binomial(n: int, p: float, most: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the probabilities (most,) of 0, 1, ... hits in n draws."""
    found = np.zeros(max(most, n + 1))
    found[0] = 1.0
    for _ in range(n):
        found[1:] = found[1:] * (1 - p) + found[:-1] * p
        found[0] *= 1 - p
    return found[:most]
