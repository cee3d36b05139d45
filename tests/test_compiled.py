"""The loops of designs are compiled once, by the harness; models are given them, and can change nobody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genoboard import ModelSpec, Packed, cohorts, compiled
from genoboard.design import Design
from genoboard.isolation import Limits
from genoboard.sandbox import Job, Outcome, run

MODEL = """
import os
from pathlib import Path

import numpy as np
import pandas as pd

from genoboard import Packed

LOOPS = ("fill_dense", "fill_packed", "project", "second_moments", "times", "transposed_times")


class Uses:
    kinds = ("bins",)

    def fit(self, X, y):
        X, wide = X.take(np.arange(len(X) // 2)), X.shape[1]
        X.dense(), X.sparse(), X.standardised().gram(y[: len(X)]), X.dot(np.ones((wide, 3)))
        for blocks in X.blocks(seed=0):
            batch = Packed.of(blocks, wide)
            batch.transposed_times(batch.times(np.ones((5, wide), np.float32).T, np.zeros(5, np.float32)))
        return self

    def predict(self, X):
        return X.dot(np.ones(X.shape[1]))

    def artifacts(self):
        from genoboard import kernels

        told = {name: getattr(kernels, name).stats for name in LOOPS}
        return {"loops": pd.DataFrame([(n, sum(s.cache_hits.values()), sum(s.cache_misses.values())) for n, s in told.items()])}


class Little(Uses):
    def fit(self, X, y):
        return self


class Spoils(Uses):
    def fit(self, X, y):
        for path in Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*.nb?"):
            path.write_bytes(b"spoilt")
        return self

    def predict(self, X):
        return np.zeros(len(X))
"""


def tried(name: str, tmp_path: Path) -> Outcome:
    place = tmp_path / "model.py"
    place.write_text(MODEL)
    X, y = cohorts.cohort("bins", "regression")
    card = ModelSpec(name, f"{place}:{name}", "of this test", kinds=("bins",), targets=("regression",))
    outcome = run(Job(card, {}, X, y, X, (), "regression", 0, Limits(300)), tmp_path / "log.txt", tmp_path / "curves.jsonl")
    assert outcome.verdict == "ok", outcome.reason
    return outcome


def hits(outcome: Outcome) -> list[tuple[str, int, int]]:
    return [(str(name), int(hit), int(missed)) for name, hit, missed in outcome.artifacts["loops"].itertuples(index=False)]


def test_what_designs_compute_in_the_worker_was_compiled_before(tmp_path: Path) -> None:
    found = hits(tried("Uses", tmp_path))
    assert len(found) == 6
    assert all(hit > 0 and missed == 0 for _, hit, missed in found), found


def test_a_model_that_changes_its_copy_changes_no_other_model_s(tmp_path: Path) -> None:
    before = hits(tried("Uses", tmp_path))
    tried("Spoils", tmp_path)
    assert hits(tried("Uses", tmp_path)) == before


@pytest.mark.slow
def test_they_are_compiled_once_and_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path))
    said: list[str] = []
    places = [compiled.loops(said.append) for _ in range(2)]
    assert places[0] == places[1]
    assert said == ["Compiling the loops of binned designs (once for this installation)."]
    assert [p.name for p in (tmp_path / "compiled").iterdir() if p.is_dir()] == [places[0].name]  # type: ignore[union-attr]


def test_where_they_cannot_be_kept_a_model_compiles_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path))
    (tmp_path / "compiled").write_text("in the way")
    assert compiled.loops() is None
    found = {name: (hit, missed) for name, hit, missed in hits(tried("Little", tmp_path))}
    assert found["project"][0] == 0 < found["project"][1]


@pytest.mark.parametrize("rows", [1, 7, 90])
def test_a_packed_product_and_its_transpose_are_the_dense_ones(rows: int) -> None:
    X, _ = cohorts.cohort("bins", "regression", ("a gene without any region",))
    assert isinstance(X, Design)
    blocks = next(X.blocks(np.arange(rows), size=100))
    batch, at = Packed.of(blocks, X.shape[1]), np.concatenate([b.rows for b in blocks])
    rng = np.random.default_rng(0)
    weights, shift, gradient = (rng.normal(size=s).astype(np.float32) for s in ((X.shape[1], 33), 33, (rows, 33)))
    np.testing.assert_allclose(batch.times(weights, shift), X.dense(at) @ weights + shift, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(batch.transposed_times(gradient), X.dense(at).T @ gradient, rtol=1e-5, atol=1e-5)


def test_knowing_where_they_are_costs_no_import_of_numba() -> None:
    code = "import sys; from genoboard import compiled; compiled._key(); print('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
