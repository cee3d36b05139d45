"""Each model of genoboard-sklearn: what its card promises, and the cohorts that break careless pipelines."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard import ModelSpec
from genoboard_sklearn import register_models
from genoboard_sklearn.genes import Components, GeneFilter, GeneScaler

CARDS = {card.name: card for card in register_models() if "tabular" in card.kinds and "multiclass" in card.targets}
EXPLAINED = ("logistic-regression", "random-forest", "extra-trees")
FEW = {"random-forest": {"n_estimators": 20}, "extra-trees": {"n_estimators": 20}, "hist-gradient-boosting": {"max_iter": 20}}
every_model = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)

Cohort = tuple[pd.DataFrame, NDArray[np.int64]]


def cohort(sizes: tuple[int, ...] = (30, 30, 30, 30), p: int = 60, seed: int = 0) -> Cohort:
    """Return X in the range of log2(TPM+1), with a constant, a silent and a duplicated gene, and the classes' codes."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    levels = rng.uniform(0, 6, p) + 1.5 * rng.normal(size=(len(sizes), p))
    values = np.maximum(levels[y] + rng.normal(size=(len(y), p)), 0)
    values[:, 0], values[:, 1], values[:, 2] = 4.0, 0.0, values[:, 3]
    names = [f"ENSG{i:011d}.{i % 9} [{i}] <{i}>" for i in range(p)]
    return pd.DataFrame(values.astype(np.float32), index=[f"s{i:04d}" for i in range(len(y))], columns=names), y


def build(card: ModelSpec, seed: int = 0, n_jobs: int = 1, **given: object) -> Any:
    """Build a model as the harness does: parameters, nested names, then the seed and threads wherever there is a place."""
    settings = card.settings({**FEW.get(card.name, {}), **given})
    module, _, name = card.target.partition(":")
    make: Callable[..., Any] = getattr(importlib.import_module(module), name)
    model = make(**{k: v for k, v in settings.items() if "__" not in k})
    places = {"random_state": seed, "n_jobs": n_jobs}
    found = {k: places[k.rpartition("__")[2]] for k in model.get_params() if k.rpartition("__")[2] in places}
    return model.set_params(**{k: v for k, v in settings.items() if "__" in k}, **found)


def assert_probabilities(probability: NDArray[np.float64], n: int, k: int) -> None:
    assert probability.shape == (n, k)
    assert np.isfinite(probability).all()
    assert probability.min() >= 0
    np.testing.assert_allclose(probability.sum(axis=1), 1)


def test_the_card_module_imports_nothing_heavy() -> None:
    code = "import sys, genoboard_sklearn; print(*sorted({'numpy', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


@every_model
def test_a_card_shows_every_parameter_with_its_default(card: ModelSpec) -> None:
    module, _, name = card.target.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    assert dict(card.parameters) == {k: v.default for k, v in signature.parameters.items()}


@every_model
def test_a_model_learns_and_gives_probabilities(card: ModelSpec) -> None:
    (X, y), (train, test) = cohort(), (slice(0, 90), slice(90, None))
    model = build(card).fit(X[train], y[train])
    assert model.classes_.tolist() == [0, 1, 2, 3]
    probability = model.predict_proba(X[test])
    assert_probabilities(probability, 30, 4)
    assert (model.predict(X[test]) == probability.argmax(axis=1)).all()
    assert (model.predict(X[test]) == y[test]).mean() > 0.8


@every_model
def test_the_same_seed_gives_the_same_bits(card: ModelSpec) -> None:
    X, y = cohort()
    one, two = (build(card, seed=3).fit(X, y).predict_proba(X) for _ in range(2))
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("name", ["random-forest", "extra-trees", "hist-gradient-boosting", "svm", "soft-vote"])
def test_another_seed_gives_another_model(name: str) -> None:
    X, y = cohort()
    one, two = (build(CARDS[name], seed=seed).fit(X[:90], y[:90]).predict_proba(X[90:]) for seed in (1, 2))
    assert (one != two).any()


@every_model
def test_a_row_asked_alone_gets_the_same_answer(card: ModelSpec) -> None:
    X, y = cohort()
    model = build(card).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X.iloc[[7]]), model.predict_proba(X)[[7]], rtol=1e-6, atol=1e-9)


@every_model
def test_a_class_of_three_rows_is_predicted_too(card: ModelSpec) -> None:
    X, y = cohort(sizes=(40, 40, 37, 3))
    assert_probabilities(build(card).fit(X, y).predict_proba(X), 120, 4)


@every_model
def test_two_classes_are_enough(card: ModelSpec) -> None:
    X, y = cohort(sizes=(20, 20))
    assert_probabilities(build(card).fit(X, y).predict_proba(X), 40, 2)


@every_model
def test_there_may_be_more_genes_than_rows(card: ModelSpec) -> None:
    X, y = cohort(sizes=(10, 10, 10), p=400)
    assert_probabilities(build(card).fit(X, y).predict_proba(X), 30, 3)


@every_model
def test_a_nested_name_reaches_the_pipeline(card: ModelSpec) -> None:
    place = "linear__genes__top" if card.name == "soft-vote" else "genes__top"
    assert build(card, **{place: 17}).get_params()[place] == 17


@pytest.mark.parametrize("name", EXPLAINED)
def test_importances_are_a_table_of_genes_in_descending_order(name: str) -> None:
    X, y = cohort()
    y = np.random.default_rng(0).permutation(y)
    X.iloc[:, 10] += 4 * y
    table = build(CARDS[name]).fit(X, y).artifacts()["importances"]
    assert table.columns.tolist() == ["feature", "importance"]
    assert table["importance"].is_monotonic_decreasing
    assert set(table["feature"]) == set(X.columns[2:])
    assert table["feature"][0] == X.columns[10]


def test_the_svm_takes_a_class_of_one_row() -> None:
    X, y = cohort(sizes=(20, 20, 1))
    assert_probabilities(build(CARDS["svm"]).fit(X, y).predict_proba(X), 41, 3)


def test_unexpressed_and_constant_genes_are_dropped_and_the_most_variable_kept() -> None:
    n = 10
    X = pd.DataFrame({"silent": [0.1] * n, "rare": [0.0] * 9 + [9.0], "constant": [5.0] * n, "low": [1.0, 1.5] * 5, "high": [1.0, 3.0] * 5})
    assert GeneFilter(expressed_in=0.2).fit(X).genes_.tolist() == ["low", "high"]
    assert GeneFilter(expressed_in=0.2, top=1).fit(X).genes_.tolist() == ["high"]
    assert GeneFilter(expressed_in=0.1).fit(X).genes_.tolist() == ["rare", "low", "high"]


def test_the_filter_never_drops_everything() -> None:
    assert GeneFilter().fit(np.array([[-1.0, -2.0], [-1.0, -3.0]])).kept_.tolist() == [1]
    assert GeneFilter().fit(np.zeros((3, 2))).kept_.tolist() == [0, 1]


@given(st.integers(4, 200), st.floats(0, 1))
def test_scaled_rows_have_mean_squared_norm_one_however_many_genes(p: int, power: float) -> None:
    X, _ = cohort(p=p)
    scaler = GeneScaler(power).fit(X)
    scaled = scaler.transform(X)
    assert (scaled**2).sum(axis=1).mean() == pytest.approx(1)
    assert scaled.std(axis=0) == pytest.approx(scaler.spread_)


def test_the_power_decides_how_much_of_a_genes_spread_remains() -> None:
    X = np.array([[0.0, 0.0], [1.0, 16.0]])
    ratios = [GeneScaler(power).fit(X).spread_ for power in (0.0, 0.5, 1.0)]
    assert [pytest.approx(high / low) for low, high in ratios] == [16, 4, 1]


def test_there_are_no_more_components_than_rows_or_columns() -> None:
    X, _ = cohort(p=20)
    assert Components(200).fit(X.to_numpy()).transform(X.to_numpy()).shape == (120, 20)
    assert Components(200).fit(X.to_numpy()[:9]).transform(X.to_numpy()).shape == (120, 9)
