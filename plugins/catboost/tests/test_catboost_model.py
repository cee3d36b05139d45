"""The model of genoboard-catboost: what its card promises, and the cohorts that break careless code."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from genoboard import RunContext
from genoboard_catboost import register_models
from genoboard_catboost.models import CatBoost

Cohort = tuple[pd.DataFrame, NDArray[np.int64]]


def cohort(sizes: tuple[int, ...] = (30, 30, 30, 30), p: int = 60) -> Cohort:
    """Return X in the range of log2(TPM+1), with a constant and a duplicated gene, and the classes' codes."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    values = np.maximum(3 + 2 * rng.normal(size=(len(sizes), p))[y] + rng.normal(size=(len(y), p)), 0)
    values[:, 0], values[:, 1] = 4.0, values[:, 2]
    names = [f"ENSG{i:011d}.{i % 9} [{i}] <{i}>" for i in range(p)]
    return pd.DataFrame(values.astype(np.float32), index=[f"s{i:04d}" for i in range(len(y))], columns=names), y


def assert_probabilities(probability: NDArray[np.float64], n: int, k: int) -> None:
    assert probability.shape == (n, k)
    assert np.isfinite(probability).all()
    assert probability.min() >= 0
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)


def test_the_card_module_imports_nothing_heavy() -> None:
    code = "import sys, genoboard_catboost; print(*sorted({'numpy', 'pandas', 'sklearn', 'catboost'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_the_card_shows_every_parameter_with_its_default() -> None:
    card = next(c for c in register_models() if c.name == "catboost")
    given_by_the_run = {"random_state", "n_jobs"}
    signature = inspect.signature(CatBoost)
    assert dict(card.parameters) == {k: v.default for k, v in signature.parameters.items() if k not in given_by_the_run}


def test_it_learns_and_gives_probabilities() -> None:
    (X, y), (train, test) = cohort(), (slice(0, 90), slice(90, None))
    model = CatBoost(iterations=60).fit(X[train], y[train])
    assert_probabilities(model.predict_proba(X[test]), 30, 4)
    assert (model.predict(X[test]) == y[test]).mean() > 0.8


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_model() -> None:
    X, y = cohort()
    one, two, other = (CatBoost(iterations=20, random_state=seed).fit(X, y).predict_proba(X) for seed in (1, 1, 2))
    assert one.tobytes() == two.tobytes()
    assert (one != other).any()


def test_a_row_asked_alone_gets_the_same_answer() -> None:
    X, y = cohort()
    model = CatBoost(iterations=20).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X.iloc[[7]]), model.predict_proba(X)[[7]], rtol=1e-6)


@pytest.mark.parametrize(
    ("sizes", "p"), [((40, 40, 37, 3), 60), ((20, 20), 60), ((10, 10, 10), 400)], ids=["tiny class", "two classes", "wide"]
)
def test_it_takes_a_cohort_of_any_shape(sizes: tuple[int, ...], p: int) -> None:
    X, y = cohort(sizes, p)
    assert_probabilities(CatBoost(iterations=20).fit(X, y).predict_proba(X), len(y), len(sizes))


def test_importances_are_a_table_of_the_most_variable_genes_in_descending_order() -> None:
    X, y = cohort()
    y = np.random.default_rng(0).permutation(y)
    X.iloc[:, 10] += 4 * y
    table = CatBoost(iterations=20, top=12).fit(X, y).artifacts()["importances"]
    assert table.columns.tolist() == ["feature", "importance"]
    assert table["importance"].is_monotonic_decreasing
    assert set(table["feature"]) == set(X.var().nlargest(12).index)
    assert table["feature"][0] == X.columns[10]


@pytest.mark.parametrize("sizes", [(20, 20), (20, 20, 20)], ids=["two classes", "three classes"])
def test_the_run_is_told_the_loss_of_every_tenth_round(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    X, y = cohort(sizes)
    run = RunContext(tmp_path, seed=0, device="cpu", n_jobs=1)
    logged = CatBoost(iterations=21).fit(X, y, run=run)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 10, 20]
    assert lines[0]["train_log_loss"] > lines[1]["train_log_loss"] > lines[2]["train_log_loss"] > 0
    assert logged.predict_proba(X).tobytes() == CatBoost(iterations=21).fit(X, y).predict_proba(X).tobytes()


def test_nothing_is_left_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    X, y = cohort()
    CatBoost(iterations=5).fit(X, y)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
