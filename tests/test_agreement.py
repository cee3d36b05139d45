"""McNemar's and DeLong's tests, held against statsmodels, scipy and the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from genoboard import metrics, scoring
from genoboard.agreement import McNemar
from genoboard.delong import contributions

Floats = NDArray[np.float64]
AUROC = next(m for m in metrics.BUILTIN if m.name == "auroc")


@settings(deadline=None)
@given(only_a=st.integers(0, 400), only_b=st.integers(0, 400))
def test_the_exact_mcnemar_p_is_that_of_statsmodels_and_of_scipys_binomial(only_a: int, only_b: int) -> None:
    found = McNemar(only_a, only_b).p
    assert found == pytest.approx(mcnemar([[7, only_a], [only_b, 3]], exact=True).pvalue, rel=1e-9)
    if only_a + only_b:
        assert found == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue, rel=1e-9)


def test_the_published_xgboost_over_logistic_regression_is_not_proven() -> None:
    # 9 errors fewer of 529: whatever the overlap, p lies between .035 and .15
    assert McNemar(only_a=0, only_b=9).p < 0.035
    assert 0.03 < McNemar(only_a=4, only_b=13).p < 0.15
    assert McNemar(only_a=15, only_b=24).p > 0.15


def test_tens_of_thousands_of_rows_do_not_overflow() -> None:
    assert McNemar(30_000, 30_000).p == 1.0
    assert 0 < McNemar(30_000, 31_000).p < 1e-3


def covariance(truth: NDArray[np.int64], one: Floats, other: Floats) -> Floats:
    """DeLong's covariance of two AUROCs by the definition: every pair of rows looked at."""
    positive, rest = truth == 1, truth == 0
    kernels = [(s[positive][:, None] > s[rest]) + 0.5 * (s[positive][:, None] == s[rest]) for s in (one, other)]
    by_positive, by_rest = np.stack([k.mean(axis=1) for k in kernels]), np.stack([k.mean(axis=0) for k in kernels])
    return np.cov(by_positive) / positive.sum() + np.cov(by_rest) / rest.sum()


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), n=st.integers(8, 60), coarse=st.booleans())
def test_where_every_row_is_its_own_group_it_is_delong_as_published(seed: int, n: int, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = np.array([0, 0, 1, 1, *rng.integers(0, 2, n - 4)])
    one, other = rng.normal(size=(2, n)) + truth
    if coarse:
        one, other = one.round(), other.round()
    expected = covariance(truth, one, other)
    parts = [contributions(truth, s, 2, np.arange(n)) for s in (one, other)]
    assert [np.sum(p**2) for p in parts] == pytest.approx([expected[0, 0], expected[1, 1]], abs=1e-12)
    assert np.sum((parts[0] - parts[1]) ** 2) == pytest.approx(expected[0, 0] + expected[1, 1] - 2 * expected[0, 1], abs=1e-12)


def test_several_classes_contribute_their_mean_and_the_error_agrees_with_the_bootstrap() -> None:
    rng = np.random.default_rng(3)
    groups, per_group = 150, 6
    cluster = np.repeat(np.arange(groups), per_group)
    truth = rng.integers(0, 4, groups * per_group)
    scores = rng.normal(size=(len(truth), 4)) + 1.2 * np.eye(4)[truth] + 0.5 * rng.normal(size=(groups, 4))[cluster]
    solution = scoring.Solution(truth, ("a", "b", "c", "d"), np.zeros(len(truth), np.int64), cluster, "ab" * 32)
    se = scoring.analytic(AUROC, solution, scores)
    drawn = scoring.replicates_of(AUROC, solution, scores, scoring.resampling_weights(solution))
    assert se == pytest.approx(drawn.std(ddof=1), rel=0.1)
    by_class = [contributions((truth == c).astype(np.int64), scores[:, c], 2, cluster) for c in range(4)]
    assert contributions(truth, scores, 4, cluster) == pytest.approx(np.mean(by_class, axis=0))


def test_groups_that_move_together_make_the_error_larger() -> None:
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(20), 30)
    truth = np.repeat(np.arange(20) % 2, 30)
    scores = rng.normal(size=600) * 0.3 + truth + rng.normal(size=20)[cluster]
    alone, together = (np.sqrt(np.sum(contributions(truth, scores, 2, g) ** 2)) for g in (np.arange(600), cluster))
    assert together > 3 * alone
