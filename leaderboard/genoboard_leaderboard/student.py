"""Student: the t distribution, by which few groups or few seeds widen an interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from statistics import NormalDist


def below(t: float, df: float) -> float:
    """Return the probability of a value below `t`, by Gauss-Legendre; `df` need not be whole.

    The substitution t = sqrt(df) tan(u) makes the density a power of a cosine on a finite range.
    """
    return 0.5 + math.copysign(_area(0.0, math.atan(abs(t) / math.sqrt(df)), df), t)


def beyond(t: float, df: float) -> float:
    """Return the probability of a value further from 0 than `t`, on either side: the p-value of a two-sided test."""
    return min(1.0, 2 * _area(math.atan(abs(t) / math.sqrt(df)), math.pi / 2, df))


@cache
def quantile(p: float, df: float) -> float:
    """Return the `p` quantile for p > 1/2.

    By Newton's method: beyond 0 the distribution function is concave, so steps from below never pass the root.
    """
    t = NormalDist().inv_cdf(p)
    for _ in range(200):
        # in the tail, where 1 - p is what is small, nothing is lost by subtracting from 1
        missing = beyond(t, df) / 2 - (1 - p)
        step = missing / _density(t, df)
        t += step
        if abs(step) <= 1e-13 * t:
            break
    return t


def degrees(parts: Iterable[tuple[float, int]]) -> float:
    """Return Satterthwaite's degrees of freedom of a sum of variances, each with its own."""
    known = [(v, df) for v, df in parts if v > 0]
    total = math.fsum(v for v, _ in known)
    return total**2 / math.fsum(v**2 / df for v, df in known) if known else 1.0


def _density(t: float, df: float) -> float:
    return _norm(df) / math.sqrt(df) * math.pow(1 + t * t / df, -(df + 1) / 2)


def _norm(df: float) -> float:
    return math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(math.pi)


@cache
def _nodes() -> tuple[list[float], list[float]]:
    import numpy as np  # here, because a board is listed in less time than this takes

    nodes, weights = np.polynomial.legendre.leggauss(100)
    return nodes.tolist(), weights.tolist()


def _area(low: float, high: float, df: float) -> float:
    """Integrate the density between two angles; where it is narrow, over that part of them alone."""
    # cos(u)^(df-1) is below 1e-30 of its value at `low` beyond this many of its widths
    high = min(high, low + 12 / math.sqrt(df) + 1e-9) if df > 200 else high
    middle, half = (low + high) / 2, (high - low) / 2
    nodes, weights = _nodes()
    return half * _norm(df) * math.fsum(w * math.cos(middle + half * x) ** (df - 1) for x, w in zip(nodes, weights, strict=True))
