"""Comparison: two standings of one board, resample by resample, so that what both find hard cancels out."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.pairing import Difference, Seeds, difference, holm
from genoboard_leaderboard.store import Store

from . import board
from .agreement import Agreement, agreement, probability
from .competition import Competition
from .errors import UndefinedScore, UnknownName, UsageError
from .metrics import Metric
from .results import NotDrawn, Results, standings_of


@dataclass(frozen=True)
class Side:
    """What is compared: `label` as it was asked for, and the `entries` behind it, one per seed, with the mean of their scores.

    `drawn` are every seed's replicates (R,), or none of them where one is missing.
    """

    label: str
    entries: tuple[Entry, ...]
    value: float
    drawn: list[NDArray[np.float64]] = field(default_factory=list, compare=False, repr=False)

    def seeds(self, metric: str) -> Seeds:
        """Return how the scores vary over the seeds."""
        values = [s.value for e in self.entries if (s := e.score(metric)) and s.value is not None]
        return Seeds(statistics.stdev(values) if len(values) > 1 else 0.0, len(values))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"name": self.label, "entries": [e.id for e in self.entries], "value": self.value, "seeds": len(self.entries)}


@dataclass(frozen=True)
class Comparison:
    """The `difference` a - b on a metric; `clusters` is how many groups were resampled."""

    metric: Metric
    a: Side
    b: Side
    difference: Difference
    clusters: int

    @property
    def better(self) -> Side | None:
        """The side that is better beyond the 95 % interval, or None where the two cannot be told apart."""
        if not self.difference.proven:
            return None
        return self.a if self.metric.better(self.difference.value, 0.0) else self.b

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "metric": self.metric.name,
            "direction": self.metric.direction,
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            **vars(self.difference),
            "p": self.difference.p,
            "better": self.better and self.better.label,
            "clusters": self.clusters,
        }

    def sentence(self) -> str:
        """Return the comparison in a sentence, and the number of seeds where there are several."""
        d = self.difference
        interval = f" [{d.low:z.5f}, {d.high:z.5f}]" if d.low is not None else ""
        if d.low is None:
            ending = "without an interval, too few of the resamples have a value to tell them apart"
        elif self.better is None:
            ending = "the two cannot be told apart"
        else:
            ending = f"{self.better.label} is better beyond the 95 % interval"
        sides = [f"{s.label}: mean over {len(s.entries)} seeds" for s in (self.a, self.b) if len(s.entries) > 1]
        said = (
            f"{self.a.label} - {self.b.label} = {d.value:z.5f}{interval} on {self.metric.name}"
            f" ({'higher' if self.metric.direction == 'max' else 'lower'} is better): {ending}."
        )
        return f"{said} ({'; '.join(sides)}.)" if sides else said


def paired(competition: Competition, a: str, b: str, metric: str | None = None) -> Comparison:
    """Compare two standings, each given by its name or an entry's id, on a metric of the task; the primary one by default.

    The interval is `pairing.difference`'s, over the groups that were resampled. A name stands for the latest valid entry's standing: the mean over its seeds. An id stands for that entry alone.

    Raises
    ------
    UnknownName, UsageError : where there is no such metric or entry, or the entries were scored by different formulas.
    UndefinedScore : where one of them has no value of the metric.
    """
    card = _card(competition, metric)
    first, second = (_side(competition, name, card) for name in (a, b))
    return _compared(competition, first, second, card)


def agreed(competition: Competition, found: Comparison) -> Agreement | None:
    """Return how the submissions of both sides' earliest entries agree, row by row; None where one of them is not to be read."""
    store = Store(competition.workspace.database)
    a, b = (Results(competition, store.entry(side.entries[0].id)) for side in (found.a, found.b))
    try:
        return agreement(a, b, found.metric)
    except NotDrawn:
        return None


@dataclass(frozen=True)
class Pair:
    """One of all pairs, with the p-value that is adjusted by Holm for how many pairs there are."""

    comparison: Comparison
    adjusted: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**self.comparison.to_dict(), "holm": self.adjusted}


def every_pair(competition: Competition, metric: str | None = None) -> list[Pair]:
    """Compare every two ranked standings of a board, the better one first; the pairs in the order of the board."""
    ids = [s.entry for s in standings_of(competition) if s.rank is not None]
    if len(ids) < 2:
        raise UsageError(f"This board has {len(ids)} ranked standing, and two are needed to compare. Next: genoboard run TASK MODEL.")
    card = _card(competition, metric)
    sides = [_side_of_standing(competition, id, card) for id in ids]
    found = [_compared(competition, a, b, card) for a, b in combinations(sides, 2)]
    told = [(i, c.difference.p) for i, c in enumerate(found) if c.difference.p is not None]
    adjusted = dict(zip((i for i, _ in told), holm([p for _, p in told]), strict=True))
    return [Pair(c, adjusted.get(i)) for i, c in enumerate(found)]


def pairs_text(pairs: Sequence[Pair]) -> str:
    """Return all pairs as a table for a terminal."""
    first = pairs[0].comparison
    rows = [("A", "B", "A - B", "95 % interval", "p", "p (Holm)", "")]
    for pair in pairs:
        d = pair.comparison.difference
        interval = f"[{d.low:z.5f}, {d.high:z.5f}]" if d.low is not None else "-"
        verdict = "" if pair.adjusted is None or pair.adjusted >= 0.05 or pair.comparison.better is None else pair.comparison.better.label
        rows.append(
            (pair.comparison.a.label, pair.comparison.b.label, f"{d.value:z.5f}", interval, probability(d.p), probability(pair.adjusted),
             verdict)
        )  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    direction = "higher" if first.metric.direction == "max" else "lower"
    end = f"{first.metric.name}, {direction} is better; {len(pairs)} pairs, {first.clusters} groups. The last column names who is better at .05 after Holm."
    return "\n".join([*lines, "", end])


def _card(competition: Competition, metric: str | None) -> Metric:
    known = {m.name: m for m in competition.metrics}
    if metric is not None and metric not in known:
        raise UnknownName(f"metric of {competition.task.name}", metric, known)
    return known[metric] if metric is not None else competition.metrics[0]


def _compared(competition: Competition, first: Side, second: Side, card: Metric) -> Comparison:
    versions = {score.version for e in (*first.entries, *second.entries) if (score := e.score(card.name))}
    if len(versions) > 1:
        raise UsageError(
            f"{first.label} and {second.label} were scored by different versions of {card.name}, which cannot be compared."
            " Score the older one anew: genoboard rescore."
        )
    clusters = competition.solution.clusters
    found = difference(first.value, second.value, first.drawn, second.drawn, clusters, (first.seeds(card.name), second.seeds(card.name)))
    return Comparison(card, first, second, found, clusters)


def _side(competition: Competition, name: str, metric: Metric) -> Side:
    found = board.named(competition, name)
    # one that is held back has nothing to compare
    latest = next((e for e in reversed(found) if not e.held), found[-1])
    # as on the board: of each seed its latest entry
    return _of_entries(competition, name, {e.seed: e for e in found if e.standing == latest.standing}.values(), latest, metric)


def _side_of_standing(competition: Competition, id: str, metric: Metric) -> Side:
    """Return the whole standing that an entry represents, by its name, or by the id where the board has the name twice."""
    store = Store(competition.workspace.database)
    one = store.entry(id)
    namesakes = [e for e in store.entries(competition.board, name=one.name) if e.verdict == "ok" and not e.removed]
    own = [competition.shown(e) for e in namesakes if e.standing == one.standing]
    label = one.name if len(own) == len(namesakes) else one.id
    one = competition.shown(one)
    return _of_entries(competition, label, {e.seed: e for e in own}.values(), one, metric)


def _of_entries(competition: Competition, label: str, entries: Iterable[Entry], latest: Entry, metric: Metric) -> Side:
    scored = [(e, s.value) for e in entries if (s := e.score(metric.name)) and s.value is not None]
    if not scored:
        score = latest.score(metric.name)
        why = latest.held or (score.reason if score else "it was entered before the task had this metric")
        raise UndefinedScore(f"{label} has no {metric.name}: {why}.")
    drawn = [r for e, _ in scored if (r := competition.replicates(e, metric.name)) is not None]
    whole = drawn if len(drawn) == len(scored) else []
    return Side(label, tuple(e for e, _ in scored), statistics.fmean(value for _, value in scored), whole)
