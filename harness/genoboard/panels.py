"""Panels: the figures that any task's report may have: (Results) -> Figure; the public names of all standard panels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from genoboard_leaderboard.ranking import Standing

from .classification_panels import confusion, counts_of, per_class, reliability, roc
from .figure import CONTROL, ENTRY, GRID, INK, PALETTE, PAPER, Figure, canvas
from .marks import beside, diverging, fading, matrix, point, rows, spelled, wrapped
from .metrics import Metric
from .results import PERMUTED, NotDrawn, Results

__all__ = [
    "CONTROL",
    "ENTRY",
    "GRID",
    "INK",
    "PALETTE",
    "PAPER",
    "beside",
    "confusion",
    "counts_of",
    "diverging",
    "fading",
    "importances",
    "matrix",
    "model_comparison",
    "per_class",
    "point",
    "reliability",
    "roc",
    "rows",
    "spelled",
    "splits",
    "top_features",
    "wrapped",
]

MOST_STANDINGS = 30


def model_comparison(results: Results) -> Figure:
    """Draw the board: every standing's primary score with its interval, best first."""
    primary = results.metrics[0]
    scored = [s for s in results.standings if s.rank is not None]
    if not scored:
        raise NotDrawn(f"nobody on this board has a score of {primary.name}")
    own = results.entry.standing
    shown = [s for at, s in enumerate(scored) if at < MOST_STANDINGS or s.control or s.key == own]
    drawing, axes = canvas(width=6.0, height=1.0 + 0.25 * len(shown))
    rows(axes, [s.name for s in shown], 28)
    for at, s in enumerate(shown):
        color = ENTRY if s.key == own else CONTROL if s.control else INK
        point(axes, at, s.scores[primary.name], *s.intervals.get(primary.name, (None, None)), color=color, filled=not s.control)
        if s.key == own:
            axes.get_yticklabels()[at].set(fontweight="bold")
    beside(axes, [spelled(s.scores[primary.name], *s.intervals.get(primary.name, (None, None))) for s in shown])
    axes.set_xlabel(_axis(primary))
    table = pd.DataFrame(
        [
            (
                *(s.rank, s.name, s.key == own, s.control, s.scores[primary.name]),
                *s.intervals.get(primary.name, (np.nan, np.nan)),
                *(s.ranks or (np.nan, np.nan)),
                *(s.tied, s.seeds),
            )
            for s in scored
        ],
        columns=["rank", "name", "own", "control", "value", "low", "high", "rank from", "rank to", "tied with best", "seeds"],
    )
    return Figure.of(drawing, "Model comparison", table, _told(results, scored, primary), _made(scored, len(scored) - len(shown)))


def splits(results: Results) -> Figure:
    """Draw the same name, the best contestant and the best control on every split of this dataset."""
    primary = results.metrics[0]
    found = results.elsewhere
    found = found[(found["metric"] == primary.name) & found["value"].notna()]
    if found["split"].nunique() < 2:
        raise NotDrawn("this dataset's other splits have no entries yet")
    found = found.assign(sign=found["value"] * (1 if primary.direction == "max" else -1)).sort_values(
        "sign", ascending=False, kind="stable"
    )
    order = [s.name for s in results.competition.task.splits if s.name in set(found["split"])]
    kinds = {
        "this entry": (found["own"], ENTRY, True, "o"),
        "best": (~found["control"], INK, True, "D"),
        "best control": (found["control"], CONTROL, False, "o"),
    }
    picked = []
    for split in order:
        for kind, (mask, *_) in kinds.items():
            part = found[mask & (found["split"] == split)]
            # an entry that is the best itself is not drawn twice
            if len(part) and not (kind == "best" and part.iloc[0]["own"]):
                picked.append({"split": split, "kind": kind, **part.iloc[0][["name", "value", "low", "high"]].to_dict()})
    table = pd.DataFrame(picked)
    height = 0.3 * len(table) + 0.15 * len(order) + 1.0
    drawing, axes = canvas(width=6.0, height=height)
    rows(axes, [f"{p['name']} ({p['kind']})" if p["kind"] != "this entry" else str(p["name"]) for p in picked], 34)
    for at, p in enumerate(picked):
        _, color, filled, marker = kinds[p["kind"]]
        point(axes, at, p["value"], p["low"], p["high"], color=color, filled=filled, marker=marker, size=5)
        if at == 0 or picked[at - 1]["split"] != p["split"]:
            if at:
                axes.axhline(at - 0.5, color=GRID, linewidth=0.8)
            axes.annotate(
                p["split"],
                (0, at - 0.5),
                (4, -2),
                ("axes fraction", "data"),
                textcoords="offset points",
                va="top",
                fontsize=8,
                fontweight="bold",
            )
    beside(axes, [spelled(p["value"], p["low"], p["high"]) for p in picked])
    axes.set_xlabel(_axis(primary))
    own = table[table["kind"] == "this entry"]
    alt = f"{primary.name} of {results.entry.name} by split: " + "; ".join(
        f"{p['split']} {spelled(p['value'], p['low'], p['high'])}" for p in own.to_dict("records")
    )
    asks = {s.name: s.asks for s in results.competition.task.splits}
    leaks = [s.name for s in results.competition.task.splits if s.leaks and s.name in order]
    note = " ".join(f"{s}: {asks[s]}" for s in order) + (f" Known to leak: {', '.join(leaks)}." if leaks else "")
    return Figure.of(drawing, "The splits side by side", table, f"{alt}.", note)


def importances(results: Results) -> pd.DataFrame:
    """Return ``feature, symbol, biotype, flag, importance, sd, folds``, the most important first; raise `NotDrawn` where the model left none.

    `importance` is the mean over folds, a feature that a fold leaves out counting 0 there; `sd` is over folds, missing with one. The table's
    ``attrs["shuffled"]`` tells importances by shuffling from the model's own.
    """
    shuffled = False
    try:
        found = results.artifact("importances")
    except NotDrawn as error:
        try:
            found, shuffled = results.artifact(PERMUTED), True
        except NotDrawn:
            raise NotDrawn(f"{error}; genoboard report {results.entry.id} --permute measures them by shuffling") from None
    if "importance" not in found:
        raise NotDrawn(f"the importances of {results.entry.name} have no column importance")
    if "feature" not in found:
        names = [c for c in found if c not in ("fold", "importance")]
        found = found.assign(feature=found[names].astype(str).agg(" ".join, axis=1))
    folds = found["fold"].nunique()
    by_fold = found.pivot_table("importance", "feature", "fold", "sum", fill_value=0.0)
    table = pd.DataFrame({"importance": by_fold.mean(axis=1), "sd": by_fold.std(axis=1, ddof=1) if folds > 1 else np.nan, "folds": folds})
    known = results.columns
    for name in ("symbol", "biotype", "flag"):
        have = known[name] if known is not None and name in known else pd.Series(dtype="str")
        table[name] = have.reindex(table.index).fillna("").to_numpy()
    table["symbol"] = table["symbol"].where(table["symbol"] != "", table.index.to_series().astype(str))
    table = table.sort_values("importance", ascending=False, kind="stable").rename_axis("feature").reset_index()
    table = table[["feature", "symbol", "biotype", "flag", "importance", "sd", "folds"]]
    table.attrs["shuffled"] = shuffled
    return table


def top_features(results: Results, n: int = 30) -> Figure:
    """Draw the `n` features that the model weighs most, by their symbols, flagged ones marked."""
    table = importances(results)
    top = table.head(n)
    drawing, axes = canvas(width=5.2, height=0.9 + 0.19 * len(top))
    flagged = (top["flag"] != "").to_numpy()
    rows(axes, [f"{s} (!)" if f else s for s, f in zip(top["symbol"], flagged, strict=True)], 40)
    axes.barh(range(len(top)), top["importance"], 0.7, color=[PALETTE[1] if f else ENTRY for f in flagged])
    if (top["folds"] > 1).any():
        low, high = top["importance"] - top["sd"], top["importance"] + top["sd"]
        axes.hlines(range(len(top)), low.clip(lower=0), high, color=INK, linewidth=0.9)
    axes.set_xlabel("importance")
    axes.set_xlim(left=0)
    share = top["importance"].sum() / table["importance"].sum() if table["importance"].sum() > 0 else 0.0
    alt = (
        f"The {len(top)} most important of {len(table)} features hold {share:.0%} of the importance; first "
        + ", ".join(f"{s} ({v:.3g})" for s, v in zip(top["symbol"][:5], top["importance"][:5], strict=True))
        + "."
    )
    notes = [
        "Importance: what shuffling the feature costs, by the primary metric"
        if table.attrs["shuffled"]
        else "Importance is what the model says of itself"
    ]
    if (top["folds"] > 1).any():
        notes.append(f"the mean over {top['folds'].iloc[0]} folds, lines are one standard deviation")
    if flagged.any():
        notes.append("(!) flagged: " + "; ".join(f"{s}, {f}" for s, f in zip(top["symbol"][flagged], top["flag"][flagged], strict=True)))
    return Figure.of(drawing, f"Top {len(top)} features", table, alt, "; ".join(notes) + ".")


def _axis(metric: Metric) -> str:
    return f"{metric.name} ({'more' if metric.direction == 'max' else 'less'} is better)"


def _told(results: Results, scored: list[Standing], primary: Metric) -> str:
    def of(s: Standing) -> str:
        return f"{s.name} {spelled(s.scores[primary.name], *s.intervals.get(primary.name, (None, None)))}"

    text = f"{len(scored)} standings by {primary.name}; best {of(scored[0])}"
    own = next((s for s in scored if s.key == results.entry.standing), None)
    if own is not None and own is not scored[0]:
        text += f"; this entry {of(own)}, rank {own.rank}"
    controls = [s for s in scored if s.control]
    if controls:
        text += f"; best control {of(controls[0])}"
    return f"{text}."


def _made(scored: list[Standing], hidden: int) -> str:
    first = scored[0]
    notes = [f"Lines: 95 % intervals, resampling {first.clusters} {first.cluster}s" if first.clusters else "No intervals here"]
    notes.append("blue: this entry; grey and hollow: controls")
    tied = [s.name for s in scored[1:] if s.tied]
    if tied:
        notes.append(f"not told apart from the best: {', '.join(tied)}")
    if hidden:
        notes.append(f"{hidden} further standings are in the table only")
    return "; ".join(notes) + "."
