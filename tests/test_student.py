"""Student's t distribution, held against scipy's; and Satterthwaite's degrees of freedom, Holm's p-values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from genoboard_leaderboard import student
from genoboard_leaderboard.pairing import Seeds, error, holm


@settings(deadline=None, max_examples=200)
@given(df=st.one_of(st.integers(1, 5000), st.floats(2, 5000)), p=st.floats(0.6, 0.9999999))
def test_the_quantile_is_students(df: float, p: float) -> None:
    assert student.quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-7)


@settings(deadline=None, max_examples=200)
@given(df=st.one_of(st.integers(1, 5000), st.floats(2, 5000)), t=st.floats(-40, 40))
def test_both_tails_and_the_distribution_function_are_students(df: float, t: float) -> None:
    assert student.beyond(t, df) == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-6, abs=1e-290)
    assert student.below(t, df) == pytest.approx(stats.t.cdf(t, df), abs=1e-10)


@settings(deadline=None, max_examples=25)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holms_p_values_are_those_of_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(list(multipletests(p, method="holm")[1]))


def test_the_spread_of_three_seeds_adds_to_the_error_and_that_of_two_does_not() -> None:
    alone = error(0.01, 20)
    assert error(0.01, 20, [Seeds(0.5, 2)]) == alone == (pytest.approx(np.sqrt(0.01 * 20 / 19)), 19)
    se, df = error(0.01, 20, [Seeds(0.3, 3)])
    rows, seeds = 0.01 * 20 / 19, 0.3**2 / 3
    assert se == pytest.approx(np.sqrt(rows + seeds))
    assert df == pytest.approx((rows + seeds) ** 2 / (rows**2 / 19 + seeds**2 / 2))
