"""Pairing: two entries' scores and their values on the same resamples -> the difference, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Difference:
    """`value` is the first less the second; `low` and `high` are None where there is no interval."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def proven(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def difference(
    a: float,
    b: float,
    drawn_a: Sequence[NDArray[np.float64]],
    drawn_b: Sequence[NDArray[np.float64]],
    widening: float,
) -> Difference:
    """Return a - b; the interval reaches `widening` standard deviations of the paired differences to each side.

    Parameters
    ----------
    a, b : scores; of a standing with several seeds, the mean over them.
    drawn_a, drawn_b : one or several vectors of replicates (R,), one per seed, whose mean is taken; NaN where a resample has no
        value. Both sides' resamples are the same ones. Without vectors, or where fewer than half of the resamples have a value on
        both sides, there is no interval.
    """
    import numpy as np  # here, because a board is listed in less time than this takes

    value = a - b
    if not drawn_a or not drawn_b:
        return Difference(value)
    paired = np.mean(drawn_a, axis=0) - np.mean(drawn_b, axis=0)
    finite = paired[np.isfinite(paired)]
    if 2 * len(finite) < len(paired) or len(finite) < 2:
        return Difference(value)
    half = widening * float(finite.std(ddof=1))
    return Difference(value, value - half, value + half)
