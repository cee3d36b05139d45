"""Certainty: standings and their replicates -> how sure their order is: rank intervals, ties with the best, chances of being it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .pairing import FEWEST_SEEDS, Seeds, error, reach
from .ranking import Direction, Standing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEW = 10  # clusters, below which a board says so
ROWS, ROWS_AND_SEEDS = "test rows", "test rows and seeds"


def assessed(
    standings: Sequence[Standing], vectors: Mapping[str, NDArray[np.float64]], metric: str, direction: Direction
) -> list[Standing]:
    """Return the standings of `ranking.ranked`, with what can be said of their order.

    Two standings are told apart by the 95 % interval of their paired difference (`pairing.difference`). A standing's rank lies between
    one more than those proven better, and all but those proven worse; the tie group are those not proven worse than the first; the
    chance of being best is the share of resamples in which nobody is better, shared among equals. Intervals are not adjusted for how
    many pairs there are: ``genoboard compare --all`` is.

    Parameters
    ----------
    vectors : standing's key -> its replicates (R,), the mean over its seeds; NaN where a resample has no value.
    """
    import numpy as np  # here, because a board is listed in less time than this takes

    placed = [s for s in standings if s.rank is not None and s.key in vectors and (s.clusters or 0) > 1]
    if not placed or len({(s.clusters, len(vectors[s.key])) for s in placed}) > 1:
        return list(standings)
    clusters = placed[0].clusters or 0
    drawn = np.stack([vectors[s.key] for s in placed])
    sign = 1.0 if direction == "max" else -1.0
    values = sign * np.array([s.scores[metric] for s in placed], dtype=np.float64)
    seeds = [Seeds(s.sd.get(metric, 0.0), s.counts[metric]) for s in placed]
    better = _proven(values, _paired_variances(drawn), clusters, seeds)

    whole = sign * drawn[:, np.isfinite(drawn).all(axis=0)]
    chances = np.full(len(placed), np.nan)
    if 2 * whole.shape[1] >= drawn.shape[1]:
        best = whole == whole.max(axis=0)
        chances = (best / best.sum(axis=0)).mean(axis=1)
    controls = [i for i, s in enumerate(placed) if s.control]
    nulls = max(controls, key=lambda i: values[i]) if controls else None

    found = {}
    for i, s in enumerate(placed):
        interval = _interval(s, metric, drawn[i], clusters, seeds[i])
        beaten = s.control or nulls is None or better[i, nulls]
        found[s.key] = replace(
            s,
            ranks=(1 + int(better[:, i].sum()), len(placed) - int(better[i].sum())),
            tied=not better[0, i],
            chance=None if np.isnan(chances[i]) else float(chances[i]),
            covers=ROWS_AND_SEEDS if seeds[i].count >= FEWEST_SEEDS else ROWS,
            intervals={**s.intervals, metric: interval} if interval else s.intervals,
            warning="" if beaten or nulls is None else f"not shown to beat the control {placed[nulls].name}",
        )
    return [found.get(s.key, s) for s in standings]


def _proven(values: NDArray[np.float64], variances: NDArray[np.float64], clusters: int, seeds: Sequence[Seeds]) -> NDArray[np.bool_]:
    """Return (n, n): whether the row's standing is better than the column's beyond the 95 % interval of their difference."""
    import numpy as np

    halves = np.sqrt(variances) * reach(error(1.0, clusters)[0], clusters - 1)
    for i, of in enumerate(seeds):
        if of.variance > 0:
            for j, other in enumerate(seeds):
                halves[i, j] = halves[j, i] = reach(*error(float(variances[i, j]), clusters, (of, other)))
    proven: NDArray[np.bool_] = values[:, None] - values > halves  # never where there is no interval: nothing is above NaN
    return proven


def _paired_variances(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance (n, n) of all paired differences of `drawn` (n, R), NaN where fewer than half of the resamples have both values."""
    import numpy as np

    known = np.isfinite(drawn)
    with np.errstate(invalid="ignore"):
        # about each one's mean, since squares of what all share would drown the difference
        means = np.where(known, drawn, 0.0).sum(axis=1) / known.sum(axis=1)
        z = np.where(known, drawn - means[:, None], 0.0)
        mask = known.astype(np.float64)
        n, sums = mask @ mask.T, z @ mask.T
        squares = (z * z) @ mask.T
        about = squares + squares.T - 2 * (z @ z.T) - (sums - sums.T) ** 2 / n
        return np.where((2 * n >= drawn.shape[1]) & (n > 1), np.maximum(about, 0.0) / (n - 1), np.nan)


def _interval(standing: Standing, metric: str, drawn: NDArray[np.float64], clusters: int, seeds: Seeds) -> tuple[float, float] | None:
    """Return the interval of a mean over seeds, which covers their spread, too; None where the recorded one says it all."""
    import numpy as np

    if seeds.count < FEWEST_SEEDS or metric not in standing.intervals:
        return None
    finite = drawn[np.isfinite(drawn)]
    value = standing.scores[metric]
    if value is None or 2 * len(finite) < len(drawn):
        return None
    half = reach(*error(float(finite.var(ddof=1)), clusters, (seeds,)))
    return value - half, value + half
