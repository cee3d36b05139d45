"""Submission: reading and joining a large CSV, against the fastest CSV reader on the same file."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from genoboard.submission import Form, read, write

ROWS, CLASSES = 1_000_000, tuple(f"class{k}" for k in range(1, 10))


def large_form() -> Form:
    return Form(pa.array(np.char.add("sample-", np.char.zfill(np.arange(ROWS).astype(str), 7))), "id", "class", CLASSES)


@pytest.fixture(scope="module")
def form() -> Form:
    return large_form()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, form: Form) -> Path:
    rng = np.random.default_rng(0)
    order = rng.permutation(ROWS)
    path = tmp_path_factory.mktemp("large") / "predictions.csv"
    write(path, form, rng.dirichlet(np.ones(len(CLASSES)), ROWS), form.id_array.take(pa.array(order)))
    return path


def test_pyarrow_alone(benchmark: Any, file: Path) -> None:
    benchmark.pedantic(pyarrow.csv.read_csv, (file,), rounds=7, warmup_rounds=1)


def test_a_million_rows_are_read_and_joined(benchmark: Any, file: Path, form: Form) -> None:
    read_ = benchmark.pedantic(read, (file, form), rounds=7, warmup_rounds=1)
    assert read_.prediction.shape == (ROWS, len(CLASSES))


def test_the_ratio_to_pyarrow_alone(benchmark: Any, file: Path, form: Form) -> None:
    """Both by turns, so that a busy machine slows both."""
    ours: list[float] = []
    theirs: list[float] = []

    def pair() -> None:
        for seconds, call in ((theirs, lambda: pyarrow.csv.read_csv(file)), (ours, lambda: read(file, form))):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)

    benchmark.pedantic(pair, rounds=9, warmup_rounds=1)
    benchmark.extra_info["ratio of medians"] = round(statistics.median(ours) / statistics.median(theirs), 2)
    benchmark.extra_info["ratio of minima"] = round(min(ours) / min(theirs), 2)


def test_peak_memory_of_a_process_that_reads_it(file: Path, benchmark: Any) -> None:
    """VmHWM in a process of its own, Python, NumPy, Arrow and the ids asked for included."""

    def child() -> int:
        return int(subprocess.run([sys.executable, __file__, str(file)], check=True, capture_output=True, text=True).stdout)

    peak = benchmark.pedantic(child, rounds=1)
    benchmark.extra_info["peak MB"] = peak // 1024
    assert peak < 600 * 1024


if __name__ == "__main__":
    read(Path(sys.argv[1]), large_form())
    print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
