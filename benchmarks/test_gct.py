"""Reading 2,642 of 17,382 columns of a gzipped GCT: ours against pandas.read_csv(usecols=...) of the same file."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from genoboard_tasks.brain_region.gct import read_columns

GENES, SAMPLES, WANTED = 300, 17_382, 2_642


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A GCT as wide as GTEx v8's, with values of 4 digits, half of them 0, as there; and as many samples as are brain, in runs as there."""
    random = np.random.default_rng(0)
    samples = [f"GTEX-{i:05d}-0001-SM-ABCDE" for i in range(SAMPLES)]
    path = tmp_path_factory.mktemp("gct") / "wide.gct.gz"
    with gzip.open(path, "wt", compresslevel=6) as out:
        out.write(f"#1.2\n{GENES}\t{SAMPLES}\nName\tDescription\t" + "\t".join(samples) + "\n")
        for gene in range(GENES):
            values = random.gamma(0.5, 2.0 ** random.uniform(-4, 8), SAMPLES) * (random.random(SAMPLES) > random.random())
            out.write(f"ENSG{gene:011d}.1\tSYM{gene}\t" + "\t".join(f"{v:.4g}" for v in values) + "\n")
    starts = np.sort(random.choice(SAMPLES // 8, WANTED // 7 + 1, replace=False)) * 8
    wanted = [samples[s + k] for s in starts for k in range(7)][:WANTED]
    return path, wanted


def best(call: Callable[[], Any], rounds: int = 3) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


@pytest.mark.benchmark(group="gct")
def test_reading_the_brain_columns_of_a_gct(benchmark: Any, wide: tuple[Path, list[str]]) -> None:
    path, wanted = wide
    read = benchmark(read_columns, path, wanted)
    assert read.values.shape == (GENES, WANTED)


@pytest.mark.benchmark(group="gct")
def test_reading_the_same_columns_with_pandas(benchmark: Any, wide: tuple[Path, list[str]]) -> None:
    path, wanted = wide
    frame = benchmark.pedantic(lambda: pd.read_csv(path, sep="\t", skiprows=2, usecols=wanted), rounds=3)
    assert frame.shape == (GENES, WANTED)


def test_it_is_clearly_faster_than_pandas(wide: tuple[Path, list[str]]) -> None:
    path, wanted = wide
    ours = best(lambda: read_columns(path, wanted))
    pandas = best(lambda: pd.read_csv(path, sep="\t", skiprows=2, usecols=wanted))
    print(f"GCT, {GENES} genes: {ours:.2f} s against {pandas:.2f} s with pandas, {pandas / ours:.1f} times as fast")
    assert pandas > 1.5 * ours
