"""The models of genoboard-xgboost for tables and bins: what its card promises, and the cohorts that break careless code."""

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

from genoboard import Design, RunContext, Slots
from genoboard_xgboost import register_models
from genoboard_xgboost.bins import XGBoostBins
from genoboard_xgboost.models import XGBoost

Cohort = tuple[pd.DataFrame, NDArray[np.int64]]


def cohort(sizes: tuple[int, ...] = (30, 30, 30, 30), p: int = 60) -> Cohort:
    """Return X in the range of log2(TPM+1), with a constant and a duplicated gene, and the classes' codes."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    values = np.maximum(3 + 2 * rng.normal(size=(len(sizes), p))[y] + rng.normal(size=(len(y), p)), 0)
    values[:, 0], values[:, 1] = 4.0, values[:, 2]
    names = [f"ENSG{i:011d}.{i % 9} [{i}] <{i}>" for i in range(p)]
    return pd.DataFrame(values.astype(np.float32), index=[f"s{i:04d}" for i in range(len(y))], columns=names), y


def assert_probabilities(probability: NDArray[np.float32], n: int, k: int) -> None:
    assert probability.shape == (n, k)
    assert np.isfinite(probability).all()
    assert probability.min() >= 0
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)


def test_the_card_module_imports_nothing_heavy() -> None:
    code = "import sys, genoboard_xgboost; print(*sorted({'numpy', 'pandas', 'sklearn', 'xgboost'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_the_card_shows_every_parameter_with_its_default() -> None:
    card = next(c for c in register_models() if c.name == "xgboost")
    given_by_the_run = {"random_state", "n_jobs"}
    signature = inspect.signature(XGBoost)
    assert dict(card.parameters) == {k: v.default for k, v in signature.parameters.items() if k not in given_by_the_run}


def test_it_learns_and_gives_probabilities() -> None:
    (X, y), (train, test) = cohort(), (slice(0, 90), slice(90, None))
    model = XGBoost(n_estimators=60).fit(X[train], y[train])
    assert_probabilities(model.predict_proba(X[test]), 30, 4)
    assert (model.predict(X[test]) == y[test]).mean() > 0.8


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_model() -> None:
    X, y = cohort()
    one, two, other = (XGBoost(n_estimators=20, random_state=seed).fit(X, y).predict_proba(X) for seed in (1, 1, 2))
    assert one.tobytes() == two.tobytes()
    assert (one != other).any()


def test_a_row_asked_alone_gets_the_same_answer() -> None:
    X, y = cohort()
    model = XGBoost(n_estimators=20).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X.iloc[[7]]), model.predict_proba(X)[[7]], rtol=1e-6)


@pytest.mark.parametrize(
    ("sizes", "p"), [((40, 40, 37, 3), 60), ((20, 20), 60), ((10, 10, 10), 400)], ids=["tiny class", "two classes", "wide"]
)
def test_it_takes_a_cohort_of_any_shape(sizes: tuple[int, ...], p: int) -> None:
    X, y = cohort(sizes, p)
    assert_probabilities(XGBoost(n_estimators=20).fit(X, y).predict_proba(X), len(y), len(sizes))


def test_importances_are_a_table_of_the_most_variable_genes_in_descending_order() -> None:
    X, y = cohort()
    y = np.random.default_rng(0).permutation(y)
    X.iloc[:, 10] += 4 * y
    table = XGBoost(n_estimators=20, top=12).fit(X, y).artifacts()["importances"]
    assert table.columns.tolist() == ["feature", "importance"]
    assert table["importance"].is_monotonic_decreasing
    assert set(table["feature"]) == set(X.var().nlargest(12).index)
    assert table["feature"][0] == X.columns[10]


@pytest.mark.parametrize("sizes", [(20, 20), (20, 20, 20)], ids=["two classes", "three classes"])
def test_the_run_is_told_the_loss_of_every_tenth_round(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    X, y = cohort(sizes)
    run = RunContext(tmp_path, seed=0, device="cpu", n_jobs=1)
    logged = XGBoost(n_estimators=21).fit(X, y, run=run)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 10, 20]
    assert lines[0]["train_log_loss"] > lines[1]["train_log_loss"] > lines[2]["train_log_loss"] > 0
    assert logged.predict_proba(X).tobytes() == XGBoost(n_estimators=21).fit(X, y).predict_proba(X).tobytes()


def openness(genes: int = 80, cells: int = 12, half: int = 12) -> tuple[Design, NDArray[np.float64]]:
    """Return windows of a few kb, and a target of gene level, cell level and the openness within a kb of the TSS."""
    rng = np.random.default_rng(0)
    bins = [np.sort(rng.choice(2 * half, half, replace=False)) for _ in range(genes)]
    bins[3] = bins[3][:0]
    count = np.array([len(b) for b in bins])
    none = np.zeros(0, np.float32)
    slots = Slots(
        np.concatenate([[0], np.cumsum(count)]),
        np.concatenate(bins).astype(np.int32),
        np.arange(count.sum() + 1),
        np.arange(count.sum(), dtype=np.int32),
        np.ones(count.sum(), np.float32),
        none,
        none,
    )
    middle = np.arange(half, dtype=np.int32) * 1000 + 500
    gene, cell = np.arange(genes, dtype=np.int32), np.arange(cells, dtype=np.int32)
    X = Design(
        pd.Index([f"r{i}" for i in range(genes * cells)]),
        np.repeat(gene, cells),
        np.tile(cell, genes),
        gene,
        cell,
        np.concatenate([middle, -middle]),
        rng.gamma(1.0, 2.0, (cells, count.sum())).astype(np.float32),
        np.arange(count.sum(), dtype=np.int32),
        slots,
    )
    near = X.dot((np.abs(X.distance) < 2000).astype(np.float64))
    return X, 3 * rng.normal(size=genes)[X.gene] + rng.normal(size=cells)[X.cell] + near + 0.1 * rng.normal(size=len(X))


SMALL = {"n_estimators": 60, "min_child_weight": 5.0, "learning_rate": 0.2}


def test_the_card_for_bins_shows_every_parameter_with_its_default() -> None:
    card = next(c for c in register_models() if c.name == "xgboost-bins")
    signature = inspect.signature(XGBoostBins)
    assert dict(card.parameters) == {k: v.default for k, v in signature.parameters.items() if k not in ("random_state", "n_jobs")}


@pytest.mark.parametrize("by", ["cell", "gene"])
def test_openness_tells_what_the_means_do_not_in_new_cells_and_of_new_genes(by: str) -> None:
    X, y = openness()
    code = getattr(X, by).astype(np.int64)
    groups = code // (2 if by == "cell" else 10)
    held = groups == groups.max()
    train, test = np.flatnonzero(~held), np.flatnonzero(held)
    model = XGBoostBins(**SMALL).fit(X.take(train), y[train], groups[train])
    other = X.gene if by == "cell" else X.cell
    null = (np.bincount(other[train], y[train]) / np.bincount(other[train]))[other[test]]
    # noise apart, genes' levels are what no model can know of new genes
    assert np.mean((model.predict(X.take(test)) - y[test]) ** 2) < 0.9 * np.mean((null - y[test]) ** 2)
    told = [n for n in model.artifacts()["importances"]["feature"] if "gene's" in n]
    assert bool(told) == (by == "cell")


def test_rows_asked_alone_and_codes_never_seen_get_an_answer() -> None:
    X, y = openness()
    train = np.flatnonzero((X.gene < 60) & (X.cell < 9))
    model = XGBoostBins(**SMALL).fit(X.take(train), y[train], X.gene[train].astype(np.int64))
    answers = model.predict(X)
    assert np.isfinite(answers).all()
    for row in (0, len(X) - 1):
        np.testing.assert_allclose(model.predict(X.take(np.array([row]))), answers[[row]], rtol=1e-5)


def test_where_openness_tells_nothing_no_tree_is_grown_and_the_means_are_the_answer(tmp_path: Path) -> None:
    X, _ = openness()
    y = np.arange(80.0)[X.gene]
    model = XGBoostBins(**SMALL).fit(X, y, X.cell.astype(np.int64), run=RunContext(tmp_path, seed=0, device="cpu", n_jobs=1))
    np.testing.assert_allclose(model.predict(X), y, atol=0.05)
    few = XGBoostBins(**SMALL).fit(X.take(np.arange(3)), y[:3], np.zeros(3, np.int64))
    assert np.isfinite(few.predict(X)).all()


def test_bins_give_the_same_bits_with_the_same_seed_and_trees_of_a_sample_of_rows() -> None:
    X, y = openness()
    groups = X.cell.astype(np.int64)
    one, two, fewer = (XGBoostBins(**SMALL, rows=rows).fit(X, y, groups).predict(X) for rows in (10_000, 10_000, 300))
    assert one.tobytes() == two.tobytes()
    assert (one != fewer).any()


def test_bins_tell_the_run_both_errors_of_every_tenth_tree(tmp_path: Path) -> None:
    X, y = openness()
    model = XGBoostBins(**SMALL).fit(X, y, X.cell.astype(np.int64), run=RunContext(tmp_path, seed=0, device="cpu", n_jobs=1))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(0, model.n_trees_, 10))
    assert lines[0]["valid_mse"] > lines[-1]["valid_mse"] > 0
    assert lines[0]["train_mse"] > lines[-1]["train_mse"] > 0
