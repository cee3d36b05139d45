"""A board's speed: from the predictions of thirty entries to intervals, ranks and ties."""

from __future__ import annotations

from timeit import repeat
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from genoboard import scoring
from genoboard.metrics import BUILTIN
from genoboard.scoring import Solution
from genoboard_leaderboard.certainty import assessed
from genoboard_leaderboard.entry import Board, Entry
from genoboard_leaderboard.ranking import Standing, standings

N, K, ENTRIES = 5_000, 9, 30
CARDS = [next(m for m in BUILTIN if m.name == name) for name in ("f1-macro", "accuracy", "multiclass-log-loss")]


def sharpened(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows as a model gives them, summing to 1."""
    return odds / odds.sum(axis=1, keepdims=True)


def ranked(solution: Solution, predictions: list[Any]) -> list[Standing]:
    scoring._weights.cache_clear()  # a board's first entry draws them
    board = Board("task", "data", "d", "split", "s")
    entries, vectors = [], {}
    for i, prediction in enumerate(predictions):
        scores, replicates = scoring.score(CARDS, solution, prediction)
        when = f"2026-01-01T00:00:00.{i:06d}"
        entry = Entry(f"e{i}", board, f"m{i}", when, "file", scores=scores, submission_sha256=str(i), clusters=solution.clusters)
        entries.append(entry)
        vectors[entry.standing] = replicates["f1-macro"]
    return assessed(standings(entries, "f1-macro", "max"), vectors, "f1-macro", "max")


@pytest.mark.parametrize("groups", [N, 200])
def test_thirty_entries_from_predictions_to_ranks(benchmark: BenchmarkFixture, groups: int) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, K, N)
    predictions = [sharpened(rng.dirichlet(np.ones(K), N) + 0.01 * e * np.eye(K)[truth]) for e in range(ENTRIES)]
    key = "ab" * 32
    cluster = scoring.blocks(np.arange(N) % groups, key)
    solution = Solution(truth, tuple(map(str, range(K))), np.zeros(N, np.int64), cluster, key)
    found = benchmark(ranked, solution, predictions)
    assert found[0].ranks is not None
    seconds = benchmark.stats.stats.min
    # one resample of one entry by scikit-learn, of the 30 x 1,000 that a board needs
    rows = rng.integers(0, N, N)
    labels = predictions[0].argmax(axis=1)

    def theirs() -> None:
        sk.f1_score(truth[rows], labels[rows], average="macro")
        sk.accuracy_score(truth[rows], labels[rows])
        sk.log_loss(truth[rows], predictions[0][rows])

    ratio = min(repeat(theirs, number=1, repeat=3)) * ENTRIES * scoring.REPLICATES / seconds
    benchmark.extra_info |= {"seconds": round(seconds, 3), "times faster than resampling with scikit-learn": round(ratio)}
    print(f"\n{seconds:.2f} s, {ratio:.0f} times faster than resampling with scikit-learn")
