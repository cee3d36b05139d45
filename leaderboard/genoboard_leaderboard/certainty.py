"""Certainty: standings and their replicates -> how sure their order is: rank intervals, ties with the best, chances of being it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from .pairing import FEWEST_SEEDS, Seeds, error, reach
from .ranking import Direction, Standing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAID = ("ranks", "tied", "chance", "covers", "intervals", "warning")  # fields of a standing that `assessed` fills
ROUNDING = 1e-9  # what two ways of computing a width may differ by, and more
STEPS = 400  # of a ladder of degrees of freedom, for each factor of e
BLOCK = 1024  # standings that are held against all others at a time: what is held of that grows with their number, not with its square
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
    whole = sign * drawn[:, np.isfinite(drawn).all(axis=0)]
    chances = np.full(len(placed), np.nan)
    if 2 * whole.shape[1] >= drawn.shape[1]:
        best = whole == whole.max(axis=0)
        chances = (best / best.sum(axis=0)).mean(axis=1)
    controls = [i for i, s in enumerate(placed) if s.control]
    nulls = max(controls, key=lambda i: values[i]) if controls else None
    worse_than, better_than = np.zeros(len(placed), dtype=np.int64), np.zeros(len(placed), dtype=np.int64)
    beats_nulls, beaten_by_first = np.zeros((2, len(placed)), dtype=np.bool_)
    paired = _Paired(drawn)
    for start in range(0, len(placed), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(placed)))
        better = _proven(values, paired.variances(rows), clusters, seeds, rows)
        worse_than += better.sum(axis=0)
        better_than[rows] = better.sum(axis=1)
        if nulls is not None:
            beats_nulls[rows] = better[:, nulls]
        if start == 0:
            beaten_by_first = better[0]

    found = {}
    for i, s in enumerate(placed):
        interval = _interval(s, metric, drawn[i], clusters, seeds[i])
        beaten = s.control or nulls is None or beats_nulls[i]
        found[s.key] = replace(
            s,
            ranks=(1 + int(worse_than[i]), len(placed) - int(better_than[i])),
            tied=not beaten_by_first[i],
            chance=None if np.isnan(chances[i]) else float(chances[i]),
            covers=ROWS_AND_SEEDS if seeds[i].count >= FEWEST_SEEDS else ROWS,
            intervals={**s.intervals, metric: interval} if interval else s.intervals,
            warning="" if beaten or nulls is None else f"not shown to beat the control {placed[nulls].name}",
        )
    return [found.get(s.key, s) for s in standings]


def certainties(standings: Iterable[Standing]) -> dict[str, dict[str, Any]]:
    """Return what `assessed` said, by standing's key, as JSON values: fields of `Standing.to_dict`."""
    return {s.key: {field: getattr(s, field) for field in SAID} for s in standings}


def _proven(
    values: NDArray[np.float64], variances: NDArray[np.float64], clusters: int, seeds: Sequence[Seeds], rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return (m, n): whether the standings at `rows` (m,) are better than each of all (n,) beyond the 95 % interval of the difference."""
    import numpy as np

    apart = values[rows, None] - values
    proven: NDArray[np.bool_] = apart > np.sqrt(variances) * reach(error(1.0, clusters)[0], clusters - 1)  # never where that is NaN
    spread = np.array([of.variance for of in seeds])
    seeded = (spread[rows, None] > 0) | (spread > 0)
    if not seeded.any():
        return proven
    # Quantiles at the steps of a ladder of degrees of freedom (Satterthwaite's) give a width that is a little too wide and one that is
    # a little too narrow. These decide nearly every pair; only the others are worked out one by one.
    resampled = variances * (clusters / (clusters - 1))
    se = np.sqrt(resampled + spread[rows, None] + spread)
    own = np.array([of.variance**2 / (of.count - 1) if of.variance > 0 else 0.0 for of in seeds])
    with np.errstate(invalid="ignore", divide="ignore"):
        df = se**4 / (resampled**2 / (clusters - 1) + own[rows, None] + own)
    open_ = seeded & (apart > se * NormalDist().inv_cdf(0.975) * (1 - ROUNDING))
    proven[seeded] = False
    step = np.floor(np.log(df[open_]) * STEPS)
    steps, place = np.unique(step, return_inverse=True)
    wide, narrow = (np.array([reach(1.0, math.exp(k / STEPS)) for k in steps + more])[place] for more in (-1, 2))
    proven[open_] = apart[open_] > se[open_] * wide * (1 + ROUNDING)
    open_[open_] = ~proven[open_] & (apart[open_] > se[open_] * narrow * (1 - ROUNDING))
    for i, j in np.argwhere(open_):
        proven[i, j] = apart[i, j] > reach(*error(float(variances[i, j]), clusters, (seeds[rows[i]], seeds[j])))
    return proven


class _Paired:
    """The replicates of all standings (n, R), about each one's mean: squares of what all share would drown the differences."""

    def __init__(self, drawn: NDArray[np.float64]) -> None:
        import numpy as np

        known = np.isfinite(drawn)
        with np.errstate(invalid="ignore"):
            means = np.where(known, drawn, 0.0).sum(axis=1) / known.sum(axis=1)
            self.z = np.where(known, drawn - means[:, None], 0.0)
        self.mask = known.astype(np.float64)

    def variances(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the variance (m, n) of the paired differences of `rows` (m,) and each of all; NaN where few resamples have both values."""
        import numpy as np

        z, mask = self.z[rows], self.mask[rows]
        n = mask @ self.mask.T
        sums, squares = z @ self.mask.T - mask @ self.z.T, (z * z) @ self.mask.T + mask @ (self.z * self.z).T
        with np.errstate(invalid="ignore"):
            about = squares - 2 * (z @ self.z.T) - sums**2 / n
            return np.where((2 * n >= self.z.shape[1]) & (n > 1), np.maximum(about, 0.0) / (n - 1), np.nan)


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
