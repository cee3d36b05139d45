"""Panels of the task's own: what its nine classes, their likely twins and its second stage make worth seeing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Figure, NotDrawn, Results, canvas
from genoboard.panels import CONTROL, ENTRY, GRID, INK, PALETTE
from genoboard.panels import confusion as standard_confusion

from .classes import CLASSES, MEANING, MERGE
from .labels import plain
from .losses import GENE_ONLY, Part, beside, log_loss, measured, points
from .stages import STAGE2

# twins beside each other, so that a block of two is a square
ORDER = ("class1", "class4", "class2", "class7", "class5", "class3", "class6", "class8", "class9")
BLOCKS = (("class1", "class4"), ("class2", "class7"))
EFFECTS = "class1: loss, class2: gain, class3: neutral, class6: inconclusive, class8: switch of function."


def class_counts(results: Results) -> Figure:
    """Draw how many rows of each class there are in train and test."""
    counts = pd.DataFrame(counted(results)).rename_axis("class").reset_index()
    names = [named(c) for c in results.classes]
    drawing, axes = canvas(width=6.6, height=1.1 + 0.38 * len(counts))
    place, most = np.arange(len(counts)), int(counts[["train", "test"]].to_numpy().max())
    for part, hue, shift in (("train", CONTROL, -0.19), ("test", ENTRY, 0.19)):
        axes.barh(place + shift, counts[part], height=0.36, color=hue, label=f"{part}: {counts[part].sum():,}")
        for at, n in enumerate(counts[part]):
            axes.text(n + 0.008 * most, at + shift, f"{n:,}", va="center", fontsize=7)
    axes.set_yticks(place, names, parse_math=False)
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.set_xlim(0, most * 1.09)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("rows")
    drawing.legend(loc="outside upper right", ncols=2)
    several = " On this cross-validated split every training row is a test row once." if len(results.folds) > 1 else ""
    alt = "Rows by class, train and test: " + "; ".join(f"{c} {a:,} and {b:,}" for c, a, b in counts.itertuples(index=False)) + "."
    return Figure.of(drawing, "Rows by class", counts, alt, f"Rows whose class may be looked at.{several}")


def confusion(results: Results) -> tuple[Figure, Figure]:
    """Draw which class is taken for which: the nine with likely loss beside loss and likely gain beside gain, and the five that differ in kind."""
    nine = standard_confusion(results, ORDER, BLOCKS)
    five = standard_confusion(results, merge=MERGE)
    meant = "; ".join(f"{c.removeprefix('class')} {MEANING[c]}" for c in ORDER)
    return replace(nine, note=f"{nine.note} Classes: {meant}."), replace(five, note=f"{five.note} {EFFECTS}")


def loss_and_f1_by_class(results: Results) -> Figure:
    """Draw log loss and F1 of each class with its support, the gene-only control's below."""
    metric, control = log_loss(results), beside(results)
    parts = [Part(c, np.asarray(results.truth == k)) for k, c in enumerate(results.classes)]
    table = measured(results, metric, parts, control)
    f1 = {m.positive: m for m in results.metrics if m.positive is not None and m.name.startswith("f1[")}
    if set(f1) != set(results.classes):
        raise NotDrawn("this task does not score the F1 of every class")
    whole = Part("all", np.ones(len(results.truth), dtype=np.bool_))
    each = [measured(results, replace(f1[c], name="F1"), [whole], control) for c in results.classes]
    per_class = pd.concat(each, ignore_index=True).assign(part=results.classes, n=table["n"])
    drawing, (left, right) = canvas(1, 2, 8.2, 1.3 + 0.44 * len(parts), sharey=True)
    points(left, table, [named(c) for c in results.classes])
    points(right, per_class, [named(c) for c in results.classes], 1.0)
    left.set_xlabel("log loss of the class's rows (less is better)")
    right.set_xlabel("F1 (more is better)")
    right.set_xlim(0, 1)
    handles, labels = left.get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper right", ncols=2)
    renamed = {str(c): str(c).replace(GENE_ONLY, f"{GENE_ONLY} F1") for c in per_class}
    both = pd.concat([table, per_class.drop(columns=["part", "n"]).rename(columns=renamed)], axis=1).rename(columns={"part": "class"})
    alt = "Log loss and F1 by class: " + "; ".join(
        f"{r['class']} " + (f"{r[metric.name]:.3f} and {r['F1']:.3f}" if r["n"] else "has no rows") + f", n = {r['n']:,}"
        for _, r in both.iterrows()
    )
    note = "n: test rows of the class. Log loss is that of the rows of the class; F1 is of the class against the rest."
    return Figure.of(drawing, "Log loss and F1 by class", both, f"{alt}.", note)


def stage_2_shift(results: Results) -> Figure:
    """Draw how the classes of stage 2 shift from train, and what the entries of its board lose, beside uniform; of `stage2` alone."""
    if results.competition.split.name != STAGE2:
        raise NotDrawn(f"only the split {STAGE2} shifts its classes")
    metric, counts = log_loss(results), counted(results)
    k = len(results.classes)
    shares = {part: n / n.sum() for part, n in counts.items()}
    low, high = wilson(counts["test"].to_numpy(), int(counts["test"].sum()))
    table = pd.DataFrame(
        {"class": results.classes, "n train": counts["train"].to_numpy(), "n test": counts["test"].to_numpy()}
        | {
            "share of train": shares["train"].to_numpy(),
            "share of test": shares["test"].to_numpy(),
            "low": low,
            "high": high,
            "uniform": 1 / k,
        }
    )
    standing = [s for s in results.standings if s.scores.get(metric.name) is not None]
    rows = max(k * 0.36, 0.3 * len(standing))
    drawing, (left, right) = canvas(1, 2, 8.4, 1.4 + rows)
    place = np.arange(k)
    left.barh(place - 0.19, table["share of train"], height=0.36, color=CONTROL, label="train")
    left.barh(place + 0.19, table["share of test"], height=0.36, color=ENTRY, label="test")
    left.hlines(place + 0.19, low, high, color=INK, linewidth=0.9)
    left.axvline(1 / k, color=PALETTE[1], linestyle=(0, (4, 3)), linewidth=1.1, label="uniform")
    left.set_yticks(place, [named(c) for c in results.classes], parse_math=False)
    left.set_ylim(k - 0.5, -0.5)
    left.set_xlim(left=0)
    left.set_xlabel("share of rows")
    value = np.array([s.scores[metric.name] for s in standing], dtype=np.float64)
    for at, s in enumerate(standing):
        of, hue = s.intervals.get(metric.name), ENTRY if results.entry.id in s.entries else CONTROL if s.control else INK
        if of is not None:
            right.hlines(at, *of, color=hue, linewidth=1.2)
        right.plot(value[at], at, "o", color=hue, markersize=5)
    right.axvline(np.log(k), color=PALETTE[1], linestyle=(0, (4, 3)), linewidth=1.1)
    right.set_yticks(np.arange(len(standing)), [plain(s.name, 24) for s in standing], parse_math=False)
    right.set_ylim(len(standing) - 0.5, -0.5)
    right.set_xlabel(f"log loss; the line is uniform, ln {k} = {np.log(k):.3f}")
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
    drawing.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    moved = table.iloc[int((table["share of test"] - table["share of train"]).abs().to_numpy().argmax())]
    own = results.measure(metric).value
    alt = (
        f"{moved['class']} is {moved['share of train']:.1%} of train and {moved['share of test']:.1%} of the {int(counts['test'].sum())} scored rows of stage 2. "
        f"This entry's log loss is {own:.3f}, that of uniform probabilities {np.log(k):.3f}."
    )
    note = f"{results.competition.split.unranked} Intervals of shares are Wilson's."
    return Figure.of(drawing, "Distribution shift of stage 2", table, alt, note)


def counted(results: Results) -> dict[str, pd.Series]:
    """Return rows by class in train and in test (of those that may be looked at), in the order of the classes."""
    train = results.rows["y"].iloc[results.train].value_counts().reindex(list(results.classes), fill_value=0)
    test = np.bincount(results.truth, minlength=len(results.classes))
    return {"train": train.astype(np.int64), "test": pd.Series(test, index=train.index)}


def wilson(n: NDArray[np.int64], of: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's 95 % interval of the shares `n` / `of`."""
    z2 = 1.959963984540054**2
    middle = (n + z2 / 2) / (of + z2)
    half = np.sqrt(z2 * (n * (of - n) / of + z2 / 4)) / (of + z2)
    return middle - half, middle + half


def named(name: str) -> str:
    """Return a class with its meaning, where it is one of the nine; another task's by its own name."""
    return f"{name.removeprefix('class')} {MEANING[name]}" if name in CLASSES else plain(name)
