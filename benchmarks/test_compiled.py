"""What a worker is spared by the loops that the harness compiled: products and moments of a small design, in a process of its own.

By turns with a copy of what was compiled, and with an empty folder, as it was in every fold before. The seconds are printed (-s); none is asserted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from genoboard import compiled

pytest.importorskip("numba")
TURNS = 3
USE = """
import numpy as np
from genoboard import cohorts
X, y = cohorts.cohort("bins", "regression")
X.sparse(), X.dot(np.ones(X.shape[1])), X.gram(y)
"""


def seconds(folder: Path) -> float:
    begun = perf_counter()
    subprocess.run([sys.executable, "-c", USE], check=True, env={**os.environ, compiled.VARIABLE: str(folder)})
    return perf_counter() - begun


def test_loops_that_were_compiled_against_compiling_them(tmp_path: Path) -> None:
    loops = compiled.loops()
    assert loops is not None
    given, own = [], []
    for turn in range(TURNS):
        given.append(seconds(shutil.copytree(loops, tmp_path / f"given-{turn}")))
        own.append(seconds(tmp_path / f"empty-{turn}"))
    print(f"\ngiven {median(given):.1f} s, compiled {median(own):.1f} s: {median(own) / median(given):.1f}x")
