"""The formulas' speed: a million rows against scikit-learn, and a thousand bootstrap replicates.

The ratios are printed (-s) and kept in the benchmark's extra info. What is asserted is looser than what an idle machine
shows, since a busy one slows what is bound by memory more than it slows scikit-learn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from genoboard import formulas

Rows = tuple[NDArray[np.int64], NDArray[np.float64]]


def simulated(n: int, k: int = 9) -> Rows:
    """Codes and the probabilities of a middling model."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, k, n)
    odds = np.exp(rng.normal(size=(n, k)) + np.eye(k)[truth])
    return truth, odds / odds.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def million() -> Rows:
    return simulated(1_000_000)


def fastest(call: Callable[[], Any], rounds: int = 5) -> float:
    """Seconds of the fastest of some rounds: what is added by other work on the machine is left out."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def times_faster(benchmark: BenchmarkFixture, ours: Callable[[], float], theirs: Callable[[], float]) -> float:
    """Run both, and return the ratio of their times, once they agree."""
    assert benchmark(ours) == pytest.approx(theirs(), rel=1e-12)
    ratio = fastest(theirs) / fastest(ours)
    benchmark.extra_info["times faster than scikit-learn"] = round(ratio, 1)
    print(f"\n{ratio:.1f} times faster than scikit-learn")
    return ratio


def test_macro_auroc_of_a_million_rows(benchmark: BenchmarkFixture, million: Rows) -> None:
    truth, rows = million
    ratio = times_faster(
        benchmark, lambda: formulas.auroc.score(truth, rows, 9), lambda: float(sk.roc_auc_score(truth, rows, multi_class="ovr"))
    )
    assert ratio > 4


def test_macro_f1_of_a_million_rows(benchmark: BenchmarkFixture, million: Rows) -> None:
    truth, labels = million[0], million[1].argmax(axis=1)
    ratio = times_faster(
        benchmark, lambda: formulas.f1_macro.score(truth, labels, 9), lambda: float(sk.f1_score(truth, labels, average="macro"))
    )
    assert ratio > 25


@pytest.mark.parametrize("groups", [5_000, 22])
def test_a_thousand_replicates_of_three_metrics(benchmark: BenchmarkFixture, groups: int) -> None:
    truth, rows = simulated(5_000)
    labels, group = rows.argmax(axis=1), np.arange(5_000) % groups
    weights = np.random.default_rng(1).multinomial(groups, np.full(groups, 1 / groups), 1_000).astype(np.float64)

    def replicates() -> None:
        formulas.f1_macro.replicates(truth, labels, 9, group, weights)
        formulas.accuracy.replicates(truth, labels, 9, group, weights)
        formulas.multiclass_log_loss.replicates(truth, rows, 9, group, weights)

    benchmark(replicates)
    assert fastest(replicates, 20) < 0.1


def test_a_thousand_replicates_of_macro_auroc(benchmark: BenchmarkFixture) -> None:
    truth, rows = simulated(5_000)
    weights = np.random.default_rng(1).multinomial(5_000, np.full(5_000, 1 / 5_000), 1_000).astype(np.float64)
    benchmark(formulas.auroc.replicates, truth, rows, 9, np.arange(5_000), weights)
    assert fastest(lambda: formulas.auroc.replicates(truth, rows, 9, np.arange(5_000), weights), 3) < 1.0
