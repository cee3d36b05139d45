"""The Ladder: what it lets pass, and what is left of the gain of those who look often."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from genoboard_leaderboard import student
from genoboard_leaderboard.ladder import LEVEL, level, passes
from genoboard_leaderboard.pairing import Difference, difference

ROWS, LOOKS, SEEDS = 1000, 500, range(20)


@cache
def weights() -> NDArray[np.float64]:
    """Bootstrap weights of the rows, as a board draws them once per split."""
    return np.random.default_rng(7).multinomial(ROWS, np.full(ROWS, 1 / ROWS), size=400).astype(np.float64)


def resampled(right: NDArray[np.bool_]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = weights() @ right.astype(np.float64) / ROWS
    return found


def climb(flips: int, seed: int, hosted: bool) -> list[float]:
    """Return the public accuracies that are told to who flips labels at random, and keeps what is shown to be better.

    Labels and truth are coins, so all beyond .5 is false.
    """
    rng = np.random.default_rng(seed)
    right = rng.random(ROWS) < 0.5
    drawn, told = resampled(right), [float(right.mean())]
    for look in range(2, LOOKS + 1):
        mine = right.copy()
        at = rng.choice(ROWS, size=flips, replace=False)
        mine[at] = ~mine[at]
        value = float(mine.mean())
        if value <= told[-1]:
            continue
        if hosted:
            beside = resampled(mine)
            if not passes(difference(value, told[-1], [beside], [drawn], ROWS), look, told[-1]):
                continue
            drawn = beside
        right, told = mine, [*told, value]
    return told


@pytest.mark.parametrize("flips", [5, ROWS // 2])
def test_a_hill_climber_keeps_at_most_a_third_of_what_an_open_board_gives_away(flips: int) -> None:
    gains = {hosted: float(np.mean([climb(flips, seed, hosted)[-1] - 0.5 for seed in SEEDS])) for hosted in (False, True)}
    print(f"{flips} flips a look, {LOOKS} looks: false gain {gains[False]:.4f} on an open board, {gains[True]:.4f} with the Ladder")
    assert gains[False] > 0.03
    assert gains[True] <= gains[False] / 3


@pytest.mark.parametrize("flips", [5, 40, ROWS // 2])
def test_what_is_told_never_gets_worse(flips: int) -> None:
    told = climb(flips, 3, hosted=True)
    assert told == sorted(told)


def test_a_better_model_is_told_at_any_look() -> None:
    rng = np.random.default_rng(2)
    base, better = rng.random(ROWS) < 0.5, rng.random(ROWS) < 0.75
    gain = difference(better.mean(), base.mean(), [resampled(better)], [resampled(base)], ROWS)
    assert all(passes(gain, look) for look in (2, 10, 500, 100_000))


def test_the_levels_of_all_looks_sum_to_five_percent() -> None:
    assert math.fsum(level(look) for look in range(1, 100_000)) == pytest.approx(LEVEL, rel=1e-4)


@pytest.mark.parametrize("look", [2, 7, 300])
def test_the_step_is_the_one_sided_quantile(look: int) -> None:
    t = student.quantile(1 - level(look), 29)
    assert passes(Difference(1.001 * t, se=1.0, df=29), look)
    assert not passes(Difference(0.999 * t, se=1.0, df=29), look)


def test_few_rows_that_all_turn_right_prove_little() -> None:
    right = np.arange(ROWS) < 500
    for turned, expected in ((1, False), (3, False), (5, False), (30, True)):
        mine = right | ((np.arange(ROWS) >= 500) & (np.arange(ROWS) < 500 + turned))
        assert passes(difference(mine.mean(), right.mean(), [resampled(mine)], [resampled(right)], ROWS), 3) is expected


@pytest.mark.parametrize(
    "gain",
    [
        Difference(0.0, se=0.0, df=29),
        Difference(-0.2, se=0.0, df=29),
        Difference(1e-17, se=1e-20, df=29),
        Difference(0.5),
    ],
    ids=["the same file again", "worse", "a rounding error", "no interval"],
)
def test_what_shows_nothing_does_not_pass(gain: Difference) -> None:
    assert not passes(gain, 2)


def test_the_same_gain_in_every_resample_passes() -> None:
    assert passes(Difference(0.5, se=0.0, df=29), 2)
