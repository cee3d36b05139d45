"""Ranking: entries -> standings, the rows of a board, best first."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .entry import Code, Entry, Origin, Score, Verdict

Direction = Literal["max", "min"]
FULL = "full"  # the isolation of a run from which nothing was open that should not be
FEW = 10  # clusters, below which a board says that its intervals rest on few


@dataclass(frozen=True)
class Standing:
    """What one name, with its parameters and code, has achieved on a board: the mean over its seeds.

    Parameters
    ----------
    key : `Entry.standing` of its entries.
    entry, created : id and time of its representative, the earliest of `entries`.
    entries : ids of the entries that count, earliest first: of each seed the latest one.
    scores : mean over the seeds that have a value; None where no seed has one, with its `reasons`.
    intervals : mean of the lows and mean of the highs, where every seed has an interval.
    sd : standard deviation over seeds (ddof 1), where there are several.
    fold_mean, fold_sd : mean over seeds, on cross-validated splits.
    counts : how many distinct seeds stand behind each score.
    verdict, reason : ``ok``, or what became of the representative.
    rank : None for a standing without a score of the metric that ranks.
    seeds : how many distinct seeds stand behind the score that ranks; without one, how many were tried.
    cluster, clusters : what was resampled for the intervals, and how many of them there were.
    ranks : between which places its true rank lies, by paired intervals; None where that cannot be said. Like the following, it is
        `certainty.assessed` that tells.
    tied : it cannot be told apart from the best.
    chance : of being the best.
    covers : what the interval of the score that ranks covers: ``test rows``, or ``test rows and seeds``.
    warning : what a reader must know before believing the score.
    team : whose it is, on a hosted board.
    isolation : ``full``, or what the models of one of its entries were not kept from; empty where nothing was run.
    """

    key: str
    name: str
    entry: str
    entries: tuple[str, ...]
    created: str
    origin: Origin
    verdict: Verdict
    reason: str
    control: bool
    code: Code
    model: str
    parameters: Mapping[str, Any]
    threads: int | None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    sd: Mapping[str, float] = field(default_factory=dict)
    fold_mean: Mapping[str, float] = field(default_factory=dict)
    fold_sd: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    rank: int | None = None
    seeds: int = 1
    cluster: str = ""
    clusters: int | None = None
    ranks: tuple[int, int] | None = None
    tied: bool = False
    chance: float | None = None
    covers: str = ""
    warning: str = ""
    team: str = ""
    isolation: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**vars(self), "code": dict(vars(self.code))}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Standing:
        """Read what `to_dict` gave, after its way through JSON."""
        intervals = {metric: (low, high) for metric, (low, high) in values["intervals"].items()}
        ranks = tuple(values["ranks"]) if values.get("ranks") else None
        return cls(
            **{**values, "entries": tuple(values["entries"]), "code": Code(**values["code"]), "intervals": intervals, "ranks": ranks}
        )


def standings(entries: Iterable[Entry], metric: str, direction: Direction) -> list[Standing]:
    """Return the standings of one board's entries, ranked by `metric`; the order of `entries` plays no part."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.standing].append(entry)
    return ranked(map(gathered, groups.values()), metric, direction)


def gathered(entries: Iterable[Entry]) -> Standing:
    """Return the standing that `entries` make, all of one key; not ranked yet.

    Nothing is gained by shopping for seeds: a seed that was entered twice counts once, by its latest entry.
    Failed entries stand only where there is no other. None may have been removed.
    """
    everything = sorted(entries, key=lambda e: (e.created, e.id))
    valid = [e for e in everything if e.verdict == "ok"]
    current = {e.seed: e for e in valid or everything}
    counted = sorted(current.values(), key=lambda e: (e.created, e.id))
    first = counted[0]

    names = dict.fromkeys(s.metric for e in valid for s in e.scores)
    by_seed: dict[str, dict[int | None, Score]] = {name: {} for name in names}
    reasons = {}
    for entry in valid:
        for score in entry.scores:
            if score.value is None:
                reasons[score.metric] = score.reason
            else:
                by_seed[score.metric][entry.seed] = score
    scored = {metric: list(of_seed.values()) for metric, of_seed in by_seed.items()}

    return Standing(
        key=first.standing,
        name=first.name,
        entry=first.id,
        entries=tuple(e.id for e in counted),
        created=first.created,
        origin=first.origin,
        verdict=first.verdict,
        reason=first.held or first.reason,
        control=first.control,
        code=first.code,
        model=first.model,
        parameters=first.parameters,
        threads=first.threads,
        scores={m: _mean([s.value for s in of]) for m, of in scored.items()},
        intervals={
            m: (low, high)
            for m, of in scored.items()
            if (low := _mean([s.low for s in of])) is not None and (high := _mean([s.high for s in of])) is not None
        },
        sd={m: _sd([s.value for s in of if s.value is not None]) for m, of in scored.items() if len(of) > 1},
        fold_mean={m: mean for m, of in scored.items() if (mean := _mean([s.fold_mean for s in of])) is not None},
        fold_sd={m: mean for m, of in scored.items() if (mean := _mean([s.fold_sd for s in of])) is not None},
        counts={m: len(of) for m, of in scored.items()},
        reasons={m: reason for m, reason in reasons.items() if not scored[m]},
        cluster=first.cluster,
        clusters=first.clusters,
        team=first.team,
        isolation="; ".join(dict.fromkeys(e.isolation for e in counted if e.isolation not in ("", FULL))) or first.isolation,
    )


def ranked(unranked: Iterable[Standing], metric: str, direction: Direction) -> list[Standing]:
    """Return standings in the order of the board: by score, equal ones sharing a rank, earliest first; those without a score last."""
    sign = -1.0 if direction == "max" else 1.0
    by_time = sorted(unranked, key=lambda s: (s.created, s.entry))
    valid = [(score, s) for s in by_time if (score := s.scores.get(metric)) is not None]
    rows: list[Standing] = []
    for _, tied in itertools.groupby(sorted(valid, key=lambda pair: sign * pair[0]), key=lambda pair: pair[0]):
        rank = len(rows) + 1
        rows += [replace(s, rank=rank, seeds=s.counts[metric]) for _, s in tied]
    for s in by_time:
        if s.scores.get(metric) is None:
            reason = s.reason or s.reasons.get(metric) or f"no score of {metric}"
            rows.append(replace(s, rank=None, seeds=len(s.entries), reason=reason))
    return rows


def _mean(values: list[float | None]) -> float | None:
    """Return the mean, whatever the order of `values`; None where one is missing or there is none."""
    present = [v for v in values if v is not None]
    if not present or len(present) < len(values):
        return None
    # About a pivot, so that the mean of equal values is that value, and a tie between one seed and five stays one.
    pivot = min(present)
    return pivot + math.fsum(v - pivot for v in present) / len(present)


def _sd(values: list[float]) -> float:
    mean = _mean(list(values)) or 0.0
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
