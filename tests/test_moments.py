"""Moments: sums over rows that are those of the rows, however they are added, taken away, cut or scaled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard import Moments

Array = NDArray[np.float64]


def rows(seed: int, n: int, p: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(rng.normal(size=p), 1.0, (n, p)), rng.normal(size=n)


def same(a: Moments, b: Moments) -> bool:
    each = [np.allclose(x, y, rtol=1e-9, atol=1e-9) for x, y in ((a.x, b.x), (a.xx, b.xx), (a.y, b.y), (a.xy, b.xy), (a.yy, b.yy))]
    return a.n == b.n and all(each)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 12), m=st.integers(0, 12), p=st.integers(1, 5))
def test_moments_of_two_parts_add_up_and_one_taken_away_leaves_the_other(seed: int, n: int, m: int, p: int) -> None:
    X, y = rows(seed, n + m, p)
    one, other, whole = Moments.of(X[:n], y[:n]), Moments.of(X[n:], y[n:]), Moments.of(X, y)
    assert same(one + other, whole)
    assert same(whole - other, one)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 12), p=st.integers(1, 5), y_mean=st.floats(-3, 3))
def test_scaled_moments_are_those_of_scaled_rows(seed: int, n: int, p: int, y_mean: float) -> None:
    X, y = rows(seed, n, p)
    mean, scale = np.random.default_rng(seed).uniform(0.5, 2.0, (2, p))
    assert same(Moments.of(X, y).scaled(mean, scale, y_mean), Moments.of((X - mean) / scale, y - y_mean))


def test_moments_of_some_columns_are_those_of_a_table_of_them() -> None:
    X, y = rows(0, 9, 5)
    columns = np.array([3, 0])
    assert same(Moments.of(X, y)[columns], Moments.of(X[:, columns], y))


def test_moments_without_a_target_have_none_after_all_that_is_done_to_them() -> None:
    X, y = rows(0, 9, 3)
    full = Moments.of(X, y)
    bare = Moments(full.n, full.x, full.xx)
    for found in (bare + bare, full - bare, bare[np.array([1])], bare.scaled(X.mean(axis=0), X.std(axis=0), 1.0)):
        assert found.xy is None
    assert bare.scaled(X.mean(axis=0), X.std(axis=0)).xx / 9 == pytest.approx(np.corrcoef(X.T))
