"""Ranks: the order of numbers and their ties are those of a plain comparison, whatever bits they have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard.ranks import ascending

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
# neighbours among float64, which share all but their last bits
NEAR = st.integers(-3, 3).map(lambda step: float(np.float64(0.25) + step * np.finfo(np.float64).eps))


def agrees(values: np.ndarray) -> None:
    order, ties = ascending(values.copy())
    assert sorted(order.tolist()) == list(range(len(values)))
    ordered = values[order]
    assert (ordered[1:] >= ordered[:-1]).all()
    assert (ties == (ordered[1:] == ordered[:-1])).all()


@given(st.lists(st.one_of(NUMBERS, NEAR, st.sampled_from([0.0, -0.0, 0.25, 5e-324, -5e-324])), min_size=1, max_size=80))
def test_numbers_are_put_in_order_and_equal_ones_tie(values: list[float]) -> None:
    agrees(np.array(values))


@pytest.mark.parametrize("seed", range(3))
def test_many_numbers_that_share_their_leading_bits_are_put_in_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    agrees(0.25 + rng.integers(0, 500, 100_000) * np.finfo(np.float64).eps)
    agrees(rng.normal(size=100_000))
