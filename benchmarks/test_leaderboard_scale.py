"""A board of a hundred thousand entries under two hundred names: shown by a fresh process, and entered once more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from genoboard.competition import Competition
from genoboard_leaderboard.entry import Code, Entry, Score
from genoboard_leaderboard.store import Store

ENTRIES, NAMES, REPLICATES = 100_000, 200, 1_000
START = "import sys; sys.argv[0] = 'genoboard'; from genoboard.cli import main; main()"


def entries(competition: Competition, count: int) -> Iterator[tuple[Entry, Mapping[str, NDArray[np.float64]]]]:
    """Entries with a score of every metric, of each name in turn with its next seed; with replicates of the primary metric alone."""
    rng = np.random.default_rng(0)
    metrics = [m.name for m in competition.metrics]
    strength, shared = rng.uniform(0.6, 0.9, NAMES).round(2), rng.normal(0, 0.02, REPLICATES)
    for i in range(count):
        who, seed = i % NAMES, i // NAMES
        value = float(strength[who] + rng.normal(0, 0.003))
        entry = Entry(
            f"2026-{i:06d}-model-{who:03d}",
            competition.board,
            f"model-{who:03d}",
            f"2026-01-01T00:00:00.{i:06d}",
            "run",
            model=f"model-{who:03d}",
            parameters={"max_depth": 5, "learning_rate": 0.1, "n_estimators": 400},
            seed=seed,
            threads=1,
            code=Code("xgboost", "0.1.0", f"{who:040d}", "released"),
            scores=tuple(Score(m, value, value - 0.04, value + 0.04) for m in metrics),
            submission_sha256=f"{i:064d}",
            cluster="donor",
            clusters=40,
            scorer=1,
        )
        yield entry, {metrics[0]: value + shared + rng.normal(0, 0.005, REPLICATES)}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Competition:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        competition = Competition.open("brain-region", None, None, tmp_path_factory.mktemp("scale"))
    assert Store(competition.workspace.database).rebuild(entries(competition, ENTRIES)) == ENTRIES
    return competition


def shown(competition: Competition) -> str:
    words = [sys.executable, "-c", START, "--workspace", str(competition.workspace.root), "leaderboard", "brain-region"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_a_board_of_a_hundred_thousand_entries_is_shown(benchmark: BenchmarkFixture, full: Competition) -> None:
    begun = perf_counter()
    first = shown(full)
    after_a_change = perf_counter() - begun
    assert first.count(" seeds)") == NAMES
    assert "1=" in first
    assert benchmark.pedantic(shown, [full], rounds=15) == first
    benchmark.extra_info |= {"seconds": round(benchmark.stats.stats.median, 3), "after a change": round(after_a_change, 3)}
    print(f"\n{benchmark.stats.stats.median:.3f} s, and {after_a_change:.3f} s for the first reader after a change")


def test_one_more_entry_of_a_name_with_five_hundred(benchmark: BenchmarkFixture, full: Competition) -> None:
    store = Store(full.workspace.database)
    (entry, vectors), *_ = entries(full, 1)
    more = iter(range(1_000_000, 2_000_000))

    def one_more() -> None:
        n = next(more)
        store.record(replace(entry, id=f"2027-{n}", created=f"2027-{n}", seed=n), vectors)

    benchmark.pedantic(one_more, rounds=15, warmup_rounds=1)
    print(f"\n{median(benchmark.stats.stats.data):.3f} s, {benchmark.stats.stats.max:.3f} s at most, the write lock held for less")
