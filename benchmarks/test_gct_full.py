"""A tenth of GTEx v8's expression, as text: 5,620 of 56,200 genes by 17,382 samples, of which the 2,642 of the brain are read.

Each reading is a process of its own, ours and `pandas.read_csv(usecols=...)` by turns; the highest memory is the process's VmHWM.
GENOBOARD_BENCH_GENES says how many genes. A full file's seconds are those of its share of genes; its memory is this one's and the
float32 values, or pandas' float64 ones, of the genes that are not here.
"""

from __future__ import annotations

import gzip
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ALL, GENES, SAMPLES, WANTED, TURNS = 56_200, int(os.environ.get("GENOBOARD_BENCH_GENES", 5_620)), 17_382, 2_642, 3
FORMATTED = 281  # genes whose numbers are made up; others have the same ones, further than gzip looks back

OURS = """
from genoboard_tasks.brain_region.gct import read_columns
shape = read_columns(path, wanted).values.shape
"""
THEIRS = """
import pandas as pd
shape = pd.read_csv(path, sep="\\t", skiprows=2, usecols=wanted).shape
"""
CHILD = """
import sys, time
from pathlib import Path
start = time.perf_counter()
path, wanted = Path(sys.argv[1]), Path(sys.argv[2]).read_text().split()
{}
seconds = time.perf_counter() - start
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(*shape, seconds, time.process_time(), int(peak) >> 10)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], Path]:
    """The file as GTEx ships it and unpacked, and the names of the columns that are wanted, in runs as the brain's are."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("gct")
    samples = [f"GTEX-{i:05d}-0001-SM-ABCDE" for i in range(SAMPLES)]
    rows = []
    for _ in range(min(FORMATTED, GENES)):
        values = random.gamma(0.5, 2.0 ** random.uniform(-4, 8), SAMPLES) * (random.random(SAMPLES) > random.random())
        rows.append("\t".join(f"{v:.4g}" for v in values))
    plain, packed, names = folder / "tpm.gct", folder / "tpm.gct.gz", folder / "wanted.txt"
    with plain.open("w") as out, gzip.open(packed, "wt", compresslevel=6) as small:
        for file in (out, small):
            file.write(f"#1.2\n{GENES}\t{SAMPLES}\nName\tDescription\t" + "\t".join(samples) + "\n")
        for gene in range(GENES):
            line = f"ENSG{gene:011d}.1\tSYM{gene}\t{rows[gene % len(rows)]}\n"
            out.write(line)
            small.write(line)
    starts = np.sort(random.choice(SAMPLES // 8, WANTED // 7 + 1, replace=False)) * 8
    names.write_text(" ".join([samples[s + k] for s in starts for k in range(7)][:WANTED]))
    return {"gz": packed, "plain": plain}, names


@pytest.mark.slow
@pytest.mark.benchmark(group="gct")
@pytest.mark.parametrize("kind", ["gz", "plain"])
def test_a_tenth_of_gtex(benchmark: Any, files: tuple[dict[str, Path], Path], kind: str) -> None:
    paths, names = files

    def reading(code: str) -> tuple[float, float, int]:
        words = [sys.executable, "-c", CHILD.format(code), str(paths[kind]), str(names)]
        genes, columns, *told = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
        assert (int(genes), int(columns)) == (GENES, WANTED)
        return float(told[0]), float(told[1]), int(told[2])

    turns: list[tuple[tuple[float, float, int], ...]] = []
    benchmark.pedantic(lambda: turns.append((reading(OURS), reading(THEIRS))), rounds=TURNS)
    ours, theirs = ([turn[i] for turn in turns] for i in (0, 1))
    found: dict[str, Any] = {"times as fast, median of turns": round(statistics.median(t[0] / o[0] for o, t in turns), 2)}
    for who, told, size in (("ours", ours, 4), ("pandas", theirs, 8)):
        seconds, peak = statistics.median(t[0] for t in told), max(t[2] for t in told)
        found[who] = {
            "seconds": round(seconds, 1),
            "of the processors": round(statistics.median(t[1] for t in told), 1),
            "peak MB": peak,
            "all genes, seconds": round(seconds * ALL / GENES),
            "all genes, MB": peak + ((ALL - GENES) * WANTED * size >> 20),
        }
    benchmark.extra_info.update(found)
    print(f"\n{kind}, {GENES:,} genes: {found}")
