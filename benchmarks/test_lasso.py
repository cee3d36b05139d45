"""Lasso: the whole path of 100 penalties at the reference's scale, 3.58 million rows x 2,000 bins, once their second moments are there."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from genoboard import Moments
from genoboard_sklearn.linear import lasso

TARGET = 60.0


@pytest.fixture(scope="module")
def parts() -> tuple[list[Moments], float]:
    """The moments of five folds of whole chromosomes, and how long they took; the compiled kernel is loaded before."""
    sys.path.insert(0, str(Path(__file__).parent))
    from reference_scale import reference

    made = reference()
    X, y = made.design, made.expression()
    part = np.unique(made.genes["chrom"], return_inverse=True)[1][X.gene] % 5
    few = np.arange(1000)
    X.take(few).grams(part[few], y[few])
    start = time.perf_counter()
    return X.grams(part, y), time.perf_counter() - start


@pytest.mark.slow
@pytest.mark.benchmark(group="lasso")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_whole_path_and_five_folds_of_it(benchmark: Any, parts: tuple[list[Moments], float], threads: int) -> None:
    moments, seconds = parts
    total = sum(moments[1:], start=moments[0])
    mean = total.x / total.n
    scale = np.sqrt(np.diag(total.xx) / total.n - mean**2)
    scaled = [m.scaled(mean, scale, total.y / total.n) for m in moments]
    model = lasso()
    model.n_jobs = threads
    alone: list[float] = []

    def whole_path() -> None:
        start = time.perf_counter()
        model._choose([sum(scaled[1:], start=scaled[0])])
        alone.append(time.perf_counter() - start)

    whole_path()
    start = time.perf_counter()
    benchmark.pedantic(model._choose, (scaled,), rounds=1)
    chosen = model.path_[model.path_["chosen"] == 1].iloc[0]
    told = {
        "rows": total.n,
        "moments of five folds, s": round(seconds, 1),
        "path of 100, s": round(alone[0], 2),
        "path of 100 and of five folds, s": round(time.perf_counter() - start, 2),
        "target, s": TARGET,
        "nonzero of the chosen": int(chosen["nonzero"]),
        "share explained": round(1 - float(chosen["valid_mse"]) / (total.yy / total.n - (total.y / total.n) ** 2), 3),
    }
    benchmark.extra_info.update(told)
    print(f"\nlasso: {told}")
