"""A binned design at the reference's scale: 184,665 regions, 17,794 genes x 201 cells = 3,576,594 rows x 2,000 bins, dense 28.6 GB.

What stands beside our seconds is measured in the same run: the product of a dense slice with itself, times what it would have to
be repeated; and `numpy.copyto` of a batch's bytes. Ratios are printed (-s) and kept in the benchmark's extra info; none is asserted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("numba")

from genoboard import Design

HERE = Path(__file__).parent
SLICE = 20_000

ALONE = """
import json, sys, time
import numpy as np
sys.path.insert(0, {here!r})
from reference_scale import reference, WINDOW
from genoboard.isolation import peak_memory
from genoboard_tasks.expression_regression import binning
made = reference()
small = made.design.take(np.arange(2010))
small.gram(small.cell)  # compiled, or read from the cache of what was
y = made.lineage[made.design.cell].astype(float)
before = peak_memory()
start = time.perf_counter()
binning.slots(made.regions, made.genes, WINDOW)
binned = time.perf_counter() - start
start = time.perf_counter()
moments = made.design.gram(y)
print(json.dumps(dict(binning=binned, gram=time.perf_counter() - start, before=before, peak=peak_memory(), n=moments.n)))
"""


def _seconds(call: Callable[[], Any], rounds: int = 5) -> list[float]:
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


@pytest.fixture(scope="module")
def design() -> Design:
    sys.path.insert(0, str(HERE))
    from reference_scale import reference_design

    made: Design = reference_design()
    return made


def test_binning_and_second_moments_of_all_rows(benchmark: BenchmarkFixture) -> None:
    # in a process of its own, so that its peak is that of nothing else
    told = json.loads(
        benchmark.pedantic(
            lambda: subprocess.run([sys.executable, "-c", ALONE.format(here=str(HERE))], capture_output=True, check=True, text=True).stdout,
            rounds=1,
        )
    )
    assert told["n"] == 3_576_594
    dense = np.random.default_rng(0).random((SLICE, 2000), np.float32)
    gemm = min(_seconds(lambda: dense.T @ dense, 3)) * told["n"] / SLICE
    benchmark.extra_info.update({**told, "dense float32 product, seconds for as many rows": round(gemm, 1)})
    print(
        f"\nbinning {told['binning']:.2f} s; gram {told['gram']:.1f} s at {told['peak'] / 2**30:.2f} GB peak "
        f"({told['before'] / 2**30:.2f} before); a dense float32 product alone {gemm:.0f} s, {gemm / told['gram']:.1f} times as long"
    )


def test_batches_of_ten_thousand_rows(benchmark: BenchmarkFixture, design: Design) -> None:
    batches = design.batches(size=10_000, seed=0)
    source, target = np.ones((10_000, 2000), np.float32), np.zeros((10_000, 2000), np.float32)
    next(batches), next(batches)
    ours, copies = [], []
    for _ in range(40):
        # by turns: whoever else uses the machine slows both
        copies += _seconds(lambda: np.copyto(target, source), 1)
        ours += _seconds(lambda: next(batches), 1)
    benchmark.pedantic(lambda: next(batches), rounds=20)
    ratio = float(np.median(copies) / np.median(ours))
    benchmark.extra_info["rate as a share of numpy.copyto's"] = round(ratio, 2)
    print(f"\na batch in {1e3 * np.median(ours):.1f} ms, copyto in {1e3 * np.median(copies):.1f} ms: {ratio:.2f} of its rate")
