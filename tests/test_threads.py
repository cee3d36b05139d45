"""Threads: results come in the order of the pieces, whoever worked on them, and what goes wrong in one is raised."""

from __future__ import annotations

import numpy as np
import pytest

from genoboard import threads


@pytest.mark.parametrize("alone", [True, False])
def test_results_come_in_the_order_of_the_pieces(alone: bool) -> None:
    assert threads.each(lambda i: i * i, range(100), alone=alone) == [i * i for i in range(100)]
    assert threads.each(str, [], alone=alone) == []


@pytest.mark.parametrize("alone", [True, False])
def test_what_goes_wrong_in_one_piece_is_raised(alone: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        threads.each(lambda i: 1 // (i - 3), range(6), alone=alone)


def test_what_numpy_was_told_to_ignore_is_ignored_in_threads_too() -> None:
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        threads.each(lambda x: np.float64(1) / np.float64(x), [1, 0, 2])
    with np.errstate(divide="ignore"):
        assert threads.each(lambda x: float(np.float64(1) / np.float64(x)), [1, 0, 2]) == [1.0, float("inf"), 0.5]
