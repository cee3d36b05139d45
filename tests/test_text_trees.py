"""xgboost-text and catboost-text: what their cards promise, what they make of genes and words, and the rows that break careless code."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from genoboard import RunContext
from genoboard.plugins import load_plugins
from genoboard_catboost.text import CatBoostText
from genoboard_xgboost.text import XGBoostText

Rows = tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.int64]]
Floats = NDArray[np.float64]

GENES = ("BRAF", "TP53", "PTEN", "EGFR", "KRAS", "CBL", "MET", "ALK")
TELLING = ("activates the pathway", "abolishes the activity", "leaves growth unchanged")

CARDS = load_plugins().models
MODELS = {
    "xgboost-text": partial(XGBoostText, n_estimators=30, inner=2, components=20),
    "catboost-text": partial(CatBoostText, iterations=30, inner=2),
}


@pytest.fixture(params=MODELS)
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """One model's class, made quick."""
    return MODELS[request.param]


def rows(n: int = 160, told_by: str = "gene", k: int = 3, seed: int = 0) -> Rows:
    """Return rows, classes and genes' codes; the class follows the gene, the kind of variant, or a phrase of the text."""
    rng = np.random.default_rng(seed)
    gene, kind, phrase = rng.integers(len(GENES), size=n), rng.integers(3, size=n), rng.integers(3, size=n)
    y = {"gene": gene, "kind": kind, "text": phrase}[told_by] % k
    place = rng.integers(1, 900, size=n)
    names = [(f"A{p}V", f"Q{p}*", f"{p}_{p + 9}del")[i] for p, i in zip(place, kind, strict=True)]
    texts = [f"We find that {GENES[g]} {v} {TELLING[t]} in these cells." for g, v, t in zip(gene, names, phrase, strict=True)]
    X = pd.DataFrame(
        {"gene": [GENES[g] for g in gene], "variation": names, "text": texts}, index=[f"r{i:03d}" for i in range(n)], dtype="str"
    )
    y[:k] = range(k)
    return X, y.astype(np.int64), gene.astype(np.int64)


def log_loss(probability: Floats, y: NDArray[np.int64]) -> float:
    return float(-np.log(probability[np.arange(len(y)), y]).mean())


def prior_loss(y: NDArray[np.int64], of: NDArray[np.int64]) -> float:
    return log_loss(np.tile(np.bincount(y) / len(y), (len(of), 1)), of)


def assert_probabilities(probability: Floats, n: int, k: int) -> None:
    assert probability.shape == (n, k)
    assert np.isfinite(probability).all()
    assert probability.min() > 0
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_card_shows_every_parameter_with_its_default(name: str) -> None:
    card = CARDS[name]
    given_by_the_run = {"random_state", "n_jobs"}
    signature = inspect.signature(MODELS[name].func)
    assert dict(card.parameters) == {k: v.default for k, v in signature.parameters.items() if k not in given_by_the_run}
    assert (card.kinds, card.columns) == (("text",), ("gene", "variation"))


@pytest.mark.parametrize("told_by", ["gene", "kind", "text"])
def test_it_learns_what_tells_the_class(make: Callable[..., Any], told_by: str) -> None:
    X, y, _ = rows(240, told_by)
    model = make().fit(X[:160], y[:160])
    probability = model.predict_proba(X[160:])
    assert_probabilities(probability, 80, 3)
    assert (model.predict(X[160:]) == y[160:]).mean() > 0.85
    assert log_loss(probability, y[160:]) < 0.7 * prior_loss(y[:160], y[160:])


def test_it_does_without_a_text(make: Callable[..., Any]) -> None:
    X, y, _ = rows(240, "kind")
    X = X[["gene", "variation"]]
    model = make().fit(X[:160], y[:160])
    assert (model.predict(X[160:]) == y[160:]).mean() > 0.85


def test_where_genes_are_always_new_it_does_not_lean_on_them(make: Callable[..., Any]) -> None:
    X, y, gene = rows(300, "gene")
    known, new = gene < 5, gene >= 5
    X = X[["gene", "variation"]]
    grouped = make().fit(X[known], y[known], groups=gene[known]).predict_proba(X[new])
    by_row = make().fit(X[known], y[known], groups=np.arange(known.sum())).predict_proba(X[new])
    assert log_loss(grouped, y[new]) < log_loss(by_row, y[new])
    assert log_loss(grouped, y[new]) < 1.1 * prior_loss(y[known], y[new])


def test_an_unseen_gene_changes_nothing_where_genes_are_always_new(make: Callable[..., Any]) -> None:
    X, y, gene = rows(200, "kind")
    X["text"] = ""
    model = make().fit(X, y, groups=gene)
    other, another = (model.predict_proba(X.assign(gene=name)) for name in ("ZZZ9", "QQQ9"))
    np.testing.assert_array_equal(other, another)


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_model(make: Callable[..., Any]) -> None:
    X, y, gene = rows(told_by="text")
    one, two, other = (make(random_state=s).fit(X, y, groups=gene).predict_proba(X) for s in (1, 1, 2))
    assert one.tobytes() == two.tobytes()
    assert (one != other).any()


def test_a_row_asked_alone_gets_the_same_answer(make: Callable[..., Any]) -> None:
    X, y, _ = rows(told_by="text")
    model = make().fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X.iloc[[7]]), model.predict_proba(X)[[7]], rtol=1e-5)


def test_a_class_with_one_row_and_two_groups_are_enough(make: Callable[..., Any]) -> None:
    X, y, gene = rows(60)
    y[y == 2] = 1
    y[5] = 2
    assert_probabilities(make().fit(X, y, groups=(gene > 3).astype(np.int64)).predict_proba(X), 60, 3)


@pytest.mark.parametrize("groups", [np.zeros(40, dtype=np.int64), None], ids=["one group", "none told"])
def test_without_groups_to_keep_apart_single_rows_are_dealt(make: Callable[..., Any], groups: NDArray[np.int64] | None) -> None:
    X, y, _ = rows(40, k=2)
    assert_probabilities(make().fit(X, y, groups=groups).predict_proba(X), 40, 2)


def test_empty_fields_are_no_harm(make: Callable[..., Any]) -> None:
    X, y, _ = rows(60)
    X.iloc[:9, 2] = ""
    X.iloc[3, 0], X.iloc[4, 1] = "", ""
    model = make().fit(X, y)
    assert_probabilities(model.predict_proba(X), 60, 3)
    assert_probabilities(model.predict_proba(X.assign(text="", gene="", variation="")), 60, 3)


def test_a_dataset_without_a_word_still_fits(make: Callable[..., Any]) -> None:
    X, y, _ = rows(60)
    X["text"], X["variation"] = "", ""
    assert_probabilities(make().fit(X, y).predict_proba(X), 60, 3)


def test_the_run_is_told_the_losses_of_every_tenth_round(make: Callable[..., Any], tmp_path: Path) -> None:
    X, y, _ = rows(told_by="kind")
    run = RunContext(tmp_path, seed=0, device="cpu", n_jobs=1, classes=("gain", "loss", "neutral"))
    model = make().fit(X, y, run=run)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(0, getattr(model, "n_rounds_", 0) or model.n_trees_, 10))
    assert lines[0]["train_log_loss"] > lines[-1]["train_log_loss"] > 0
    assert lines[0]["validation_log_loss"] > lines[-1]["validation_log_loss"] > 0
    assert model.predict_proba(X).tobytes() == make().fit(X, y).predict_proba(X).tobytes()


def test_importances_name_what_tells_the_class(make: Callable[..., Any]) -> None:
    X, y, _ = rows(240, "kind")
    table = make().fit(X, y).artifacts()["importances"]
    assert table.columns.tolist() == ["feature", "importance"]
    assert table["importance"].is_monotonic_decreasing
    assert table["feature"].is_unique
    assert table["importance"][:10].sum() > 0.8 * table["importance"].sum()
