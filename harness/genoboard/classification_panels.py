"""Panels of any classification: which classes are taken for which, and how far its probabilities can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Score

from .figure import CONTROL, ENTRY, GRID, INK, PALETTE, Figure, canvas
from .formulas import ECE_EDGES
from .marks import beside, matrix, point, rows, spelled, wrapped
from .metrics import BUILTIN, HERE, Metric
from .results import NotDrawn, Results

CARDS = {m.name: m for m in BUILTIN}
BESIDE_EACH_OTHER = 9  # classes, above which one matrix stands over the other
PER_CLASS = {"precision": "precision_binary", "recall": "recall_binary", "F1": "f1_binary"}
BINS = len(ECE_EDGES) + 1


def counts_of(results: Results) -> NDArray[np.int64]:
    """Return the confusion matrix (K, K): rows are true classes, columns predicted ones, in the order of `Results.classes`."""
    k = len(_classes(results))
    return np.bincount(results.truth * k + results.labels, minlength=k * k).reshape(k, k)


def confusion(
    results: Results,
    order: Sequence[str] | None = None,
    blocks: Sequence[tuple[str, str]] = (),
    merge: Mapping[str, str] | None = None,
    title: str = "Confusion matrix",
) -> Figure:
    """Draw which class is taken for which: counts, and shares of the true class.

    Parameters
    ----------
    order : the classes in the order of rows and columns; theirs unless given.
    blocks : pairs of classes to be framed.
    merge : class -> class; the labels of these are renamed first.
    title : of the figure, for a report that draws several.
    """
    merge = merge or {}
    classes = _classes(results)
    kept = [c for c in classes if c not in merge]
    to = np.array([kept.index(merge.get(c, c)) for c in classes])
    counts = np.zeros((len(kept), len(kept)), np.int64)
    np.add.at(counts, (to[:, None], to[None, :]), counts_of(results))
    names = [c for c in order if c in kept] if order else kept
    if sorted(names) != sorted(kept):
        raise ValueError(f"the order lacks {sorted(set(kept) - set(names))}, or names a class twice")
    at = [kept.index(c) for c in names]
    counts = counts[np.ix_(at, at)]
    true = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, true, out=np.zeros(counts.shape), where=true > 0)
    abreast = len(names) <= BESIDE_EACH_OTHER
    labels = [wrapped(n, 19) for n in names]
    step = 0.3 if len(names) > 5 else 0.45
    if abreast:
        broad = 0.08 * max(len(line) for label in labels for line in label.split("\n"))
        drawing, panels = canvas(1, 2, 0.6 + broad + 2 * step * len(names), 0.6 + broad + step * len(names), sharey=True)
    else:
        drawing, panels = canvas(2, 1, 1.8 + step * len(names), 2.6 + 2 * step * len(names), sharex=True)
    size = 8.0 if abreast else 7.0
    matrix(panels[0], counts, (labels, labels), max(1, int(counts.max())), lambda n: f"{n:.0f}", size)
    matrix(panels[1], shares, (labels, labels), 1.0, lambda s: f"{100 * s:.0f}" if s >= 0.005 else "<1", size)
    # beside each other and with few classes, a title has little room
    panels[0].set_title("counts (rows: true, columns: predicted)" if not abreast else "counts\n(rows: true)")
    panels[1].set_title("% of the true class" if not abreast else "% of true\n(columns: predicted)")
    for axes in panels:
        for pair in blocks:
            _framed(axes, names, pair, INK if merge else PALETTE[1])
    worst = sorted(((int(counts[i, j]), names[i], names[j]) for i, j in np.argwhere(counts) if i != j), reverse=True)[:3]
    table = pd.DataFrame(
        [(names[i], names[j], int(counts[i, j]), float(shares[i, j])) for i in range(len(names)) for j in range(len(names))],
        columns=["true", "predicted", "count", "share of true"],
    )
    hits, n = int(counts.trace()), int(counts.sum())
    alt = f"{hits} of {n} test rows ({hits / n:.1%}) lie on the diagonal of {len(names)} classes."
    if worst:
        alt += " Most often confused: " + "; ".join(f"{a} taken for {b} ({c})" for c, a, b in worst) + "."
    notes = [f"framed: {a} and {b}" for a, b in blocks if {a, b} <= set(names)]
    if merge:
        title = f"{title}, {len(names)} classes"
        notes.append("merged by renaming labels: " + ", ".join(f"{a} into {b}" for a, b in merge.items()))
    return Figure.of(drawing, title, table, alt, _sentence(notes))


def per_class(results: Results) -> Figure:
    """Draw precision, recall and F1 of each class with their intervals, the best F1 first."""
    classes = _classes(results)
    support = np.bincount(results.truth, minlength=len(classes))
    table = pd.DataFrame(
        [
            (c, name, int(support[i]), *_triple(results.measure(_binary(c, name, formula))))
            for i, c in enumerate(classes)
            for name, formula in PER_CLASS.items()
        ],
        columns=["class", "measure", "support", "value", "low", "high"],
    )
    f1 = table[table["measure"] == "F1"].set_index("class")["value"]
    names = sorted(classes, key=lambda c: -f1[c])
    drawing, axes = canvas(width=5.6, height=1.1 + 0.42 * len(names))
    rows(axes, names, 21)
    styles = {"precision": (PALETTE[3], "^", -0.24), "recall": (PALETTE[2], "s", 0.0), "F1": (ENTRY, "o", 0.24)}
    for name, (color, marker, off) in styles.items():
        part = table[table["measure"] == name].set_index("class")
        for at, c in enumerate(names):
            point(axes, at + off, *_floats(part.loc[c, ["value", "low", "high"]]), color=color, marker=marker, size=4.5)
        axes.plot([], [], marker, color=color, label=name, markersize=5)
    beside(axes, [f"n = {support[classes.index(c)]}" for c in names])
    axes.set_xlim(max(0.0, float(table[["low", "value"]].min().min()) - 0.03), 1.01)
    drawing.legend(loc="outside upper center", ncols=3)
    alt = (
        f"F1 by class: best {names[0]} ({f1[names[0]]:.3f}), worst {names[-1]} ({f1[names[-1]]:.3f}), mean {f1.mean():.3f}. "
        f"Support from {support.min()} to {support.max()} rows."
    )
    return Figure.of(
        drawing,
        "Precision, recall and F1 by class",
        table,
        alt,
        f"Lines: 95 % intervals, {_resampled(results)}; n: test rows of the class.",
    )


def roc(results: Results) -> Figure:
    """Draw the one-vs-rest ROC curve of every class, and their areas with intervals."""
    classes, prediction = _classes(results), _probabilities(results)
    shown = classes[1:] if results.prediction.ndim == 1 else classes
    auroc = CARDS["auroc"]
    areas = {
        c: _triple(results.measure(auroc if results.prediction.ndim == 1 else replace(auroc, name=f"auroc[{c}]", positive=c)))
        for c in shown
    }
    curves = {c: _curve(results.truth == classes.index(c), prediction[:, classes.index(c)]) for c in shown if np.isfinite(areas[c][0])}
    if not curves:
        raise NotDrawn("no class has both rows of its own and others in the test set")
    names = sorted(shown, key=lambda c: -np.nan_to_num(areas[c][0]))
    listed = [*names, "macro mean"] if len(names) > 1 else names
    if len(names) > 1:
        areas["macro mean"] = _triple(results.measure(auroc))
    drawing, (above, below) = canvas(2, 1, 5.6, 3.9 + 0.23 * len(listed), height_ratios=[3.2, 0.7 + 0.23 * len(listed)])
    above.plot([0, 1], [0, 1], color=GRID, linewidth=1, linestyle="--")
    hues = {c: PALETTE[i % len(PALETTE)] for i, c in enumerate(names)}
    for c, (false, true) in curves.items():
        above.plot(false, true, color=hues[c], linewidth=1.2)
    above.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1), ylim=(0, 1.02))
    rows(below, listed, 40)
    for at, c in enumerate(listed):
        point(below, at, *areas[c], color=hues.get(c, INK), marker="D" if c == "macro mean" else "o", size=4.5)
    beside(below, [spelled(*areas[c]) for c in listed])
    below.set_xlabel("AUROC, one against the rest")
    below.locator_params(axis="x", nbins=5)
    table = pd.DataFrame(
        [(c, *areas[c], f, t) for c in curves for f, t in zip(*curves[c], strict=True)],
        columns=["class", "auroc", "low", "high", "false positive rate", "true positive rate"],
    )
    lost = [c for c in shown if c not in curves]
    alt = (
        "AUROC, one class against the rest: "
        + ", ".join(f"{c} {spelled(*areas[c])}" for c in [*listed[-1:], names[0], names[-1 - len(lost)]])
        + "."
    )
    note = (
        f"95 % intervals by DeLong's theory over {results.entry.cluster or 'row'}s where it applies. Colours are those of the list below."
    )
    return Figure.of(
        drawing, "ROC, one class against the rest", table, alt, note + (f" Not defined here: {', '.join(lost)}." if lost else "")
    )


def reliability(results: Results) -> Figure:
    """Draw how often the most probable class is right, by the probability that it was given, in 15 bins."""
    probabilities = _probabilities(results)
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == results.truth
    cell = np.searchsorted(ECE_EDGES, confidence)
    n = np.bincount(cell, minlength=BINS)
    mean, right = (np.divide(np.bincount(cell, v, BINS), n, out=np.full(BINS, np.nan), where=n > 0) for v in (confidence, hit))
    measured = {name: _triple(results.measure(CARDS[name], probabilities)) for name in ("ece", "brier")}
    low, high = _wilson(right, n)
    drawing, (above, below) = canvas(2, 1, 5.2, 4.8, height_ratios=[3, 1], sharex=True)
    above.plot([0, 1], [0, 1], color=GRID, linestyle="--", linewidth=1)
    above.vlines(mean, low, high, color=ENTRY, linewidth=1.4)
    above.plot(mean, right, "o", color=ENTRY, markersize=4.5)
    above.set(ylabel="share that is right", ylim=(0, 1.02), xlim=(0, 1.005))
    text = f"ECE {spelled(*measured['ece'])}\nBrier {spelled(*measured['brier'])}"
    above.text(0.98, 0.04, text, transform=above.transAxes, ha="right", va="bottom", fontsize=8.5)
    edges = np.concatenate([[0.0], ECE_EDGES])
    below.bar(edges, n, 1 / BINS, align="edge", color=CONTROL, edgecolor="none")
    for at, count in zip(edges, n, strict=True):
        if count:
            below.text(at + 0.5 / BINS, count, f"{count}", ha="center", va="bottom", fontsize=7)
    below.set(ylabel="rows", xlabel="probability of the most probable class", ylim=(0, n.max() * 1.2))
    table = pd.DataFrame(
        {"from": edges, "to": [*ECE_EDGES, 1.0], "rows": n, "mean probability": mean, "share right": right, "low": low, "high": high}
    )
    side = "higher" if confidence.mean() > hit.mean() else "lower"
    alt = (
        f"Mean probability of the most probable class {confidence.mean():.3f}, {side} than the {hit.mean():.3f} of {len(hit)} rows that are right. "
        f"ECE {spelled(*measured['ece'])}, Brier score {spelled(*measured['brier'])}."
    )
    note = (
        "On the dashed line probabilities mean what they say. Vertical lines: Wilson's 95 % interval of a share, rows taken as independent."
    )
    return Figure.of(drawing, "Reliability diagram", table, alt, note)


def _classes(results: Results) -> tuple[str, ...]:
    if not results.classes:
        raise NotDrawn("this task has no classes")
    return results.classes


def _probabilities(results: Results) -> NDArray[np.float64]:
    """Return rows (n, K) that sum to 1, as metrics of probabilities take them."""
    _classes(results)
    given = results.prediction
    if given.ndim == 1:
        given = np.stack([1 - given, given], axis=1)
    if np.isin(given, (0.0, 1.0)).all():
        raise NotDrawn("the submission holds labels, not probabilities")
    total = given.sum(axis=1, keepdims=True)
    return np.asarray(given / np.where(total > 0, total, np.nan))


def _binary(positive: str, name: str, formula: str) -> Metric:
    return Metric(
        f"{name}[{positive}]",
        HERE + formula,
        "max",
        0.0,
        1.0,
        "labels",
        f"{name} of class {positive!r} against the rest",
        positive=positive,
    )


def _triple(score: Score) -> tuple[float, float, float]:
    value, low, high = (np.nan if v is None else v for v in (score.value, score.low, score.high))
    return value, low, high


def _floats(values: Any) -> list[float]:
    return [float(v) for v in values]


def _curve(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return false and true positive rates (m,) at every threshold where the curve turns, from (0, 0) to (1, 1)."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true, false = (np.concatenate([[0], np.cumsum(side[order])[last]]) for side in (positive, ~positive))
    # a point amid a straight line says nothing
    turn = np.ones(len(true), bool)
    turn[1:-1] = np.diff(true)[:-1] * np.diff(false)[1:] != np.diff(true)[1:] * np.diff(false)[:-1]
    return false[turn] / false[-1], true[turn] / true[-1]


def _wilson(share: NDArray[np.float64], n: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    z, m = 1.959964, np.where(n > 0, n, np.nan)
    middle, half = share + z * z / (2 * m), z * np.sqrt(share * (1 - share) / m + z * z / (4 * m * m))
    return (middle - half) / (1 + z * z / m), (middle + half) / (1 + z * z / m)


def _framed(axes: Any, names: Sequence[str], pair: tuple[str, str], color: str) -> None:
    """Frame the four cells that two classes share: one square where they are neighbours, four cells otherwise."""
    from matplotlib.patches import Rectangle

    if not set(pair) <= set(names):
        return
    first, last = sorted(names.index(c) for c in pair)
    if last - first == 1:
        corners, side = [(first, first)], 2
    else:
        corners, side = [(i, j) for i in (first, last) for j in (first, last)], 1
    for x, y in corners:
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), side, side, fill=False, edgecolor=color, linewidth=1.6, clip_on=False))


def _resampled(results: Results) -> str:
    return f"resampling {results.entry.clusters or len(results.truth)} {results.entry.cluster or 'row'}s"


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""
