"""Simplex: the weights are the best that there are, whoever asks, in whatever order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy.optimize import minimize, nnls

from genoboard.simplex import least_log_loss, least_squares, nonnegative

Floats = NDArray[np.float64]
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 6))
PROBABILITIES = SHAPES.flatmap(lambda s: arrays.arrays(np.float64, s, elements=st.floats(1e-15, 1 - 1e-15)))
RESIDUALS = SHAPES.flatmap(lambda s: arrays.arrays(np.float64, s, elements=st.floats(-100, 100).filter(lambda x: x == 0 or abs(x) > 1e-6)))


def log_loss(true: Floats, weights: Floats) -> float:
    return -float(np.log(true @ weights).mean())


def squares(residuals: Floats, weights: Floats) -> float:
    return float(np.square(residuals @ weights).mean())


CASES = pytest.mark.parametrize(
    ("fit", "loss", "drawn"), [(least_log_loss, log_loss, PROBABILITIES), (least_squares, squares, RESIDUALS)], ids=["log-loss", "squares"]
)


@CASES
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_member_and_no_plain_mean_is_better_on_the_rows_that_were_fitted(
    fit: Callable[[Floats], Floats], loss: Callable[[Floats, Floats], float], drawn: st.SearchStrategy[Floats], data: st.DataObject
) -> None:
    rows = data.draw(drawn)
    weights, m = fit(rows), rows.shape[1]
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    others = [*np.eye(m), np.full(m, 1.0 / m)]
    best = min(loss(rows, other) for other in others)
    assert loss(rows, weights) <= best + 1e-8 * (1.0 + abs(best))


@CASES
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_the_order_of_members_plays_no_part(
    fit: Callable[[Floats], Floats], loss: Callable[[Floats, Floats], float], drawn: st.SearchStrategy[Floats], data: st.DataObject
) -> None:
    rows = data.draw(drawn)
    order = data.draw(st.permutations(range(rows.shape[1])))
    there, here = fit(rows[:, order]), fit(rows)[order]
    assert loss(rows[:, order], there) == pytest.approx(loss(rows[:, order], here), rel=1e-8, abs=1e-8)


@CASES
def test_members_that_say_the_same_share_alike(
    fit: Callable[[Floats], Floats], loss: Callable[[Floats, Floats], float], drawn: st.SearchStrategy[Floats]
) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.1, 0.9, (2, 50))
    first, second, third = fit(np.column_stack([a, b, a]))
    alone, other = fit(np.column_stack([a, b]))
    assert first == pytest.approx(third, abs=1e-6)
    assert (first + third, second) == pytest.approx((alone, other), abs=1e-6)


@CASES
@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("seed", range(5))
def test_a_general_optimizer_finds_nothing_better(
    fit: Callable[[Floats], Floats], loss: Callable[[Floats, Floats], float], drawn: st.SearchStrategy[Floats], spread: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = np.clip(rng.uniform(0.2, 0.8, (200, 1)) + 0.2 * spread * rng.normal(size=(200, 4)), 1e-3, 1)
    start = np.full(4, 0.25)
    found = minimize(
        lambda w: loss(rows, w), start, method="SLSQP", bounds=[(0, 1)] * 4, constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 1000},
    )  # fmt: skip
    sure = found.x.clip(0) / found.x.clip(0).sum()
    assert loss(rows, fit(rows)) <= loss(rows, sure) + 1e-13
    if spread == 1.0:
        assert fit(rows) == pytest.approx(sure, abs=1e-3)


def test_the_em_algorithm_comes_to_the_same_weights() -> None:
    true = np.random.default_rng(4).beta(0.8, 0.5, (300, 4)).clip(1e-15, 1 - 1e-15)
    weights = np.full(4, 0.25)
    for _ in range(20_000):
        weights = weights * (true / (true @ weights)[:, None]).mean(axis=0)
    assert least_log_loss(true) == pytest.approx(weights, abs=1e-6)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_perfect_member_gets_all(place: int) -> None:
    rng = np.random.default_rng(2)
    everything = np.eye(3)[place]
    true = rng.uniform(1e-15, 0.99, (60, 3))
    true[:, place] = 1 - 1e-15
    assert least_log_loss(true) == pytest.approx(everything, abs=1e-9)
    residuals = rng.normal(size=(60, 3))
    residuals[:, place] = 0.0
    assert least_squares(residuals) == pytest.approx(everything, abs=1e-12)


def test_a_hopeless_member_does_not_blur_the_weights_of_two_good_ones() -> None:
    rng = np.random.default_rng(3)
    good = 1e-4 * rng.normal(size=(400, 2)) * [1.0, 2.0]
    alone = least_squares(good)
    assert alone == pytest.approx([0.8, 0.2], abs=0.05)
    assert least_squares(np.column_stack([good, rng.normal(1e5, 1e5, 400)])) == pytest.approx([*alone, 0.0], abs=1e-3)


def test_a_member_that_rules_out_the_truth_where_another_knows_it_is_outweighed_there_not_everywhere() -> None:
    true = np.array([[0.9, 0.5]] * 50 + [[1e-15, 0.5]])
    weights = least_log_loss(true)
    assert 0.5 < weights[0] < 1
    assert log_loss(true, weights) < log_loss(true, np.array([0.0, 1.0]))


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_least_squares_without_negative_weights_are_scipys(data: st.DataObject) -> None:
    n, m = data.draw(st.integers(6, 20)), data.draw(st.integers(1, 6))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    rows, aim = rng.normal(size=(n, m)), rng.normal(size=n)
    assert nonnegative(rows.T @ rows, rows.T @ aim) == pytest.approx(nnls(rows, aim)[0], abs=1e-9)
