"""Ladder: whether a look at a public score shows enough to be told, so that looking often wins nothing (Blum & Hardt 2015)."""

from __future__ import annotations

from . import student
from .pairing import Difference

LEVEL = 0.05  # spent over all of a team's looks together
ROUNDING = 1e-12  # of the best score: what two ways of adding the same numbers may differ by


def level(look: int) -> float:
    """Return the level of the `look`-th test, counted from 1: these sum to `LEVEL`, however many looks there are."""
    return LEVEL / (look * (look + 1))


def passes(gain: Difference, look: int, best: float = 1.0) -> bool:
    """Tell whether the `look`-th entry of a team is shown to beat its best one that was told before.

    A one-sided test at `level`: the paper's own step, one standard error of the difference, spends no level, and lets a climber by
    random flips keep most of what an open board gives away.

    Parameters
    ----------
    gain : by how much it is better, `pairing.difference` on the public rows; what has no standard error proves nothing.
    best : the best score itself, against which rounding is measured.
    """
    if gain.se is None or gain.df is None or gain.value <= ROUNDING * abs(best):
        return False
    # without any error: better by the same in every resample
    return gain.se == 0 or student.beyond(gain.value / gain.se, gain.df) / 2 < level(look)
