"""Score: a large CSV against its solution, from the start of a process to its end, against one that only imports the fastest CSV reader and reads both."""

from __future__ import annotations

import resource
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

from genoboard.submission import Form, write

ROWS, CLASSES, TURNS = 1_000_000, tuple(f"class{k}" for k in range(1, 10)), 7


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A submission of 1,000,000 x 9, ids shuffled, and its solution."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("score")
    form = Form(pa.array(np.char.add("sample-", np.char.zfill(np.arange(ROWS).astype(str), 7))), "id", "class", CLASSES)
    submission, solution = folder / "submission.csv", folder / "solution.csv"
    write(submission, form, rng.dirichlet(np.ones(len(CLASSES)), ROWS), form.id_array.take(pa.array(rng.permutation(ROWS))))
    truth = pa.array(np.array(CLASSES)[rng.integers(0, len(CLASSES), ROWS)])
    plain = pyarrow.csv.WriteOptions(quoting_style="none")
    pyarrow.csv.write_csv(pa.table({"id": form.id_array, "class": truth}), solution, plain)
    return submission, solution


def seconds(words: list[str]) -> tuple[float, float]:
    """Return how long a process takes, by the clock and of the processors."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_million_rows_are_scored_against_their_solution(benchmark: Any, files: tuple[Path, Path]) -> None:
    """By turns, so that a busy machine slows both; the highest memory is the process's own VmHWM."""
    submission, solution = map(str, files)
    reads = [sys.executable, "-c", f"import pyarrow.csv as c; a = c.read_csv({submission!r}); b = c.read_csv({solution!r})"]
    told: dict[str, Any] = {}

    def by_turns() -> None:
        for metric in ("multiclass-log-loss", "f1-macro"):
            scores = [sys.executable, "-m", "genoboard", "score", submission, "--solution", solution, "--metric", metric]
            pairs = [(seconds(reads), seconds(scores)) for _ in range(TURNS)]
            theirs, ours = ([pair[i] for pair in pairs] for i in (0, 1))
            told[metric] = {
                "seconds": round(statistics.median(o[0] for o in ours), 2),
                "reading alone": round(statistics.median(t[0] for t in theirs), 2),
                "times as long, by medians": round(statistics.median(o[0] for o in ours) / statistics.median(t[0] for t in theirs), 2),
                "by minima": round(min(o[0] for o in ours) / min(t[0] for t in theirs), 2),
                "of the processors": round(statistics.median(o[1] for o in ours) / statistics.median(t[1] for t in theirs), 2),
            }
            code = (
                "import sys, re; from genoboard.cli import main\n"
                f"sys.argv = ['genoboard', *{scores[3:]!r}]\nmain()\n"
                "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
            )
            peak = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()[-1]
            told[metric]["peak MB"] = int(peak) >> 10

    benchmark.pedantic(by_turns, rounds=1)
    benchmark.extra_info.update(told)
    print(f"\nscoring {ROWS:,} x {len(CLASSES)}: {told}")
    assert all(t["peak MB"] < 600 for t in told.values())
