"""Pairing: two entries' scores and their values on the same resamples -> the difference, with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import student

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_SEEDS = 3  # from which on their spread is part of an interval: a standard deviation of two says nothing


@dataclass(frozen=True)
class Seeds:
    """Runs of one model that differ in their seed alone: the standard deviation of their scores, and how many there are."""

    sd: float
    count: int

    @property
    def variance(self) -> float:
        """Variance of the mean over the seeds; 0 where they are too few to tell."""
        return self.sd**2 / self.count if self.count >= FEWEST_SEEDS else 0.0


@dataclass(frozen=True)
class Difference:
    """`value` is the first less the second; `low` and `high` are None where there is no interval.

    `se` is the standard error, and `df` the degrees of freedom of the t distribution that makes the interval of it.
    """

    value: float
    low: float | None = None
    high: float | None = None
    se: float | None = None
    df: float | None = None

    @classmethod
    def within(cls, value: float, se: float, df: float) -> Difference:
        """Return a difference with the 95 % interval that its standard error gives."""
        half = reach(se, df)
        return cls(value, value - half, value + half, se, df)

    @property
    def proven(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def p(self) -> float | None:
        """The two-sided p-value of no difference; None without an interval."""
        if self.se is None or self.df is None:
            return None
        if self.se == 0:
            return 1.0 if self.value == 0 else 0.0
        return student.beyond(self.value / self.se, self.df)


def error(resampled: float, clusters: int, seeds: Iterable[Seeds] = ()) -> tuple[float, float]:
    """Return a standard error and its degrees of freedom.

    Parameters
    ----------
    resampled : the variance of the bootstrap replicates. With few clusters it is too small by G / (G - 1), and has G - 1 degrees of freedom.
    clusters : G, how many groups were resampled; at least 2.
    seeds : whose spread adds to it, with degrees of freedom by Satterthwaite.
    """
    rows = resampled * clusters / (clusters - 1)
    more = [(s.variance, s.count - 1) for s in seeds if s.variance > 0]
    if not more:
        return math.sqrt(rows), clusters - 1
    parts = [(rows, clusters - 1), *more]
    return math.sqrt(math.fsum(v for v, _ in parts)), student.degrees(parts)


def reach(se: float, df: float, p: float = 0.975) -> float:
    """Return how far an interval reaches to each side of its estimate."""
    return student.quantile(p, df) * se


def difference(
    a: float,
    b: float,
    drawn_a: Sequence[NDArray[np.float64]],
    drawn_b: Sequence[NDArray[np.float64]],
    clusters: int,
    seeds: Iterable[Seeds] = (),
) -> Difference:
    """Return a - b with its 95 % interval: a - b +- t(G-1) * SD of the paired differences * sqrt(G / (G-1)).

    Parameters
    ----------
    a, b : scores; of a standing with several seeds, the mean over them.
    drawn_a, drawn_b : one or several vectors of replicates (R,), one per seed, whose mean is taken; NaN where a resample has no
        value. Both sides' resamples are the same ones. Without vectors, or where fewer than half of the resamples have a value on
        both sides, there is no interval.
    clusters : how many groups were resampled; with fewer than 2 there is no interval.
    seeds : of either side; where there are three or more, their spread adds to the error.
    """
    import numpy as np  # here, because a board is listed in less time than this takes

    value = a - b
    if not drawn_a or not drawn_b or clusters < 2:
        return Difference(value)
    paired = np.mean(drawn_a, axis=0) - np.mean(drawn_b, axis=0)
    finite = paired[np.isfinite(paired)]
    if 2 * len(finite) < len(paired) or len(finite) < 2:
        return Difference(value)
    return Difference.within(value, *error(float(finite.var(ddof=1)), clusters, seeds))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm: each as small as any level at which it would still be rejected beside all the others."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, worst = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = worst
    return adjusted
