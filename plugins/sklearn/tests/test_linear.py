"""Lasso, ridge and elastic net from moments: scikit-learn's own coefficients, honest inner folds, and rows that nobody holds at once."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import ElasticNet, Lasso, Ridge

from genoboard import Design, RunContext, Slots, UsageError
from genoboard_sklearn import register_models
from genoboard_sklearn.deviations import RidgeDeviations
from genoboard_sklearn.folds import dealt
from genoboard_sklearn.linear import Linear, elastic_net, lasso, ridge

MADE = {"lasso": lasso, "elastic-net": elastic_net, "ridge": ridge}
THEIRS = {"lasso": Lasso, "elastic-net": ElasticNet, "ridge": Ridge}
every_model = pytest.mark.parametrize("name", MADE)


def design(genes: int = 60, cells: int = 8, half: int = 15, seed: int = 0) -> Design:
    """Windows of neighbouring genes overlap, cells differ in depth, and a bin never holds a region: columns correlate."""
    rng = np.random.default_rng(seed)
    regions = genes * 4 + 2 * half
    depth = np.exp(rng.normal(0, 0.5, (cells, 1)))
    openness = (rng.gamma(1.0, 1.0, (cells, regions)) * np.exp(rng.normal(0, 1, regions)) * depth).astype(np.float32)
    bins = [np.sort(rng.choice(np.arange(1, 2 * half), half, replace=False)) for _ in range(genes)]
    none = np.zeros(0, np.float32)
    slots = Slots(
        np.arange(genes + 1, dtype=np.int64) * half,
        np.concatenate(bins).astype(np.int32),
        np.arange(genes * half + 1, dtype=np.int64),
        np.concatenate([4 * g + b for g, b in enumerate(bins)]).astype(np.int32),
        rng.uniform(0.2, 1, genes * half).astype(np.float32),
        none,
        none,
    )
    middle = np.arange(half, dtype=np.int32) * 1000 + 500
    every_gene, every_cell = np.arange(genes, dtype=np.int32), np.arange(cells, dtype=np.int32)
    gene, cell = np.repeat(every_gene, cells), np.tile(every_cell, genes)
    ids = pd.Index([f"r{i}" for i in range(len(gene))])
    return Design(
        ids, gene, cell, every_gene, every_cell, np.concatenate([middle, -middle]), openness, np.arange(regions, dtype=np.int32), slots
    )


def target(X: Design, noise: float = 1.0) -> NDArray[np.float64]:
    weights = np.exp(-np.abs(X.distance) / 3000)
    return 5 + X.dot(weights) + np.random.default_rng(1).normal(0, noise, len(X))


def standardised(X: Design) -> NDArray[np.float64]:
    values = X.dense().astype(np.float64)
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)


def theirs(name: str, alpha: float, x: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
    exact = {} if name == "ridge" else {"tol": 1e-14, "max_iter": 100_000}
    return THEIRS[name](alpha=alpha, **exact).fit(x, y)


@every_model
@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_coefficients_are_those_of_scikit_learn_on_the_dense_matrix(name: str, alpha: float) -> None:
    X = design()
    y = target(X)
    alpha = alpha * len(y) if name == "ridge" else alpha
    ours = MADE[name](alpha=alpha).fit(X, y, groups=X.cell.astype(np.int64))
    known = theirs(name, alpha, standardised(X), y)
    np.testing.assert_allclose(ours.standardised_, known.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.predict(X), known.predict(standardised(X)), atol=1e-6)


@every_model
def test_a_table_gives_the_same_model_as_the_design_that_it_shows(name: str) -> None:
    X = design()
    y, groups = target(X), X.cell.astype(np.int64)
    one, two = MADE[name]().fit(X, y, groups), MADE[name]().fit(X.table(), y, groups)
    np.testing.assert_allclose(one.predict(X), two.predict(X.table()), atol=1e-5)
    assert one.artifacts()["coefficients"].columns.tolist() == ["distance", "coefficient", "raw"]
    found = two.artifacts()["coefficients"]
    assert found.columns.tolist() == ["feature", "coefficient", "raw"]
    assert found["coefficient"].abs().is_monotonic_decreasing


@every_model
def test_the_held_out_error_is_that_of_scikit_learn_fitted_fold_by_fold(name: str) -> None:
    X = design()
    y, groups = target(X), X.gene.astype(np.int64) // 10
    model = MADE[name](n_alphas=5).fit(X, y, groups)
    path = model.artifacts()["path"]
    x, fold = standardised(X), dealt(groups, 5, 0)
    for _, row in path.iterrows():
        errors = []
        for k in range(5):
            train, held = fold != k, fold == k
            alpha = row["alpha"] * (train.mean() if name == "ridge" else 1)
            errors.append((theirs(name, alpha, x[train], y[train]).predict(x[held]) - y[held]) ** 2)
        assert row["valid_mse"] == pytest.approx(np.concatenate(errors).mean(), rel=2e-4)
    assert path["chosen"].sum() == 1
    assert path["chosen"].idxmax() == path["valid_mse"].idxmin()


@every_model
def test_planted_weights_are_found_near_the_start_site(name: str) -> None:
    X = design(genes=200)
    table = MADE[name]().fit(X, target(X)).artifacts()["coefficients"]
    planted = np.exp(-table["distance"].abs() / 3000).where(table["distance"] != 500, 0.0)
    assert table["distance"].is_monotonic_increasing
    np.testing.assert_allclose(table["raw"], planted, atol=0.15)
    assert table.loc[table["distance"] == 500, "coefficient"].item() == 0


def test_one_standard_error_gives_a_sparser_model_within_it() -> None:
    X = design()
    y, groups = target(X, noise=3.0), X.gene.astype(np.int64)
    paths = [lasso(rule=rule).fit(X, y, groups).artifacts()["path"] for rule in ("min", "1se")]
    least, sparser = (path[path["chosen"] == 1].iloc[0] for path in paths)
    assert sparser["alpha"] > least["alpha"]
    assert sparser["nonzero"] < least["nonzero"]
    assert sparser["valid_mse"] <= least["valid_mse"] + least["valid_se"]
    with pytest.raises(UsageError, match="neither min nor 1se"):
        lasso(rule="best").fit(X, y)


def test_several_penalties_and_ratios_are_chosen_from() -> None:
    X = design()
    path = elastic_net(l1_ratio=[0.2, 0.9], alpha=[0.0005, 0.01, 0.002]).fit(X, target(X)).artifacts()["path"]
    assert path["alpha"].tolist() == [0.01, 0.002, 0.0005] * 2
    assert path["l1_ratio"].tolist() == [0.2] * 3 + [0.9] * 3
    assert path.loc[path["chosen"] == 1, "valid_mse"].item() == path["valid_mse"].min()


def test_without_scaling_the_penalty_is_of_the_columns_as_they_stand() -> None:
    X = design()
    y = target(X)
    ours = ridge(alpha=50.0, standardise=False).fit(X, y)
    np.testing.assert_allclose(ours.coef_, Ridge(50.0).fit(X.dense().astype(np.float64), y).coef_, atol=1e-8)


def test_folds_hold_whole_groups_and_about_as_many_rows() -> None:
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(40), np.tile(np.arange(1, 21), 2)))
    fold = dealt(groups, 5, seed=3)
    assert all(len(np.unique(fold[groups == g])) == 1 for g in range(40))
    assert np.ptp(np.bincount(fold)) <= 5
    assert (fold != dealt(groups, 5, seed=4)).any()
    assert dealt(np.array([0, 0, 0, 7, 7]), 5, 0).max() == 1
    assert np.bincount(dealt(np.arange(23), 5, 0)).tolist() == [5, 5, 5, 4, 4]


def test_one_group_alone_is_dealt_by_rows_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    X = design()
    with caplog.at_level(logging.WARNING):
        model = lasso().fit(X, target(X), groups=np.zeros(len(X), np.int64))
    assert "one group" in caplog.text
    assert np.isfinite(model.artifacts()["path"]["valid_mse"]).all()


@every_model
@pytest.mark.parametrize("rows", [1, 2, 9])
def test_a_few_rows_are_enough(name: str, rows: int) -> None:
    X = design()
    y = target(X)
    model = MADE[name]().fit(X.take(np.arange(rows)), y[:rows])
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(MADE[name]().fit(X, np.full(len(X), 3.0)).predict(X)).all()


@every_model
def test_a_wide_table_with_constant_columns_and_large_means_is_no_trouble(name: str) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame((rng.normal(size=(50, 80)) + 1000).astype(np.float32), columns=[f"g{i}" for i in range(80)])
    X["constant"] = np.float32(0.1)
    y = X["g3"].to_numpy(np.float64) * 3 + rng.normal(0, 0.1, 50)
    model = MADE[name]().fit(X, y)
    assert model.artifacts()["coefficients"]["feature"][0] == "g3"
    assert "constant" not in MADE[name](top=80).fit(X, y).artifacts()["coefficients"]["feature"].tolist()
    assert ((model.predict(X) - y) ** 2).mean() < 0.5 * y.var()


def test_the_run_is_told_what_was_chosen_and_threads_change_no_bit(tmp_path: Path) -> None:
    X = design()
    y = target(X)
    run = RunContext(tmp_path, seed=0, device="cpu", n_jobs=1)
    one, two = lasso().fit(X, y, run=run), lasso().set_params(n_jobs=2).fit(X, y)
    (line,) = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    chosen = one.path_[one.path_["chosen"] == 1].iloc[0]
    assert (line["alpha"], line["valid_mse"]) == (chosen["alpha"], chosen["valid_mse"])
    assert one.predict(X).tobytes() == two.predict(X).tobytes()


def test_the_card_of_deviations_shows_every_parameter_with_its_default() -> None:
    card = next(c for c in register_models() if c.name == "ridge-deviations")
    assert {**card.parameters, "random_state": 0, "n_jobs": 1} == RidgeDeviations().get_params()


@every_model
def test_the_card_shows_every_parameter_with_its_default(name: str) -> None:
    card = next(c for c in register_models() if c.name == name)
    assert card.kinds == ("bins", "tabular")
    model = MADE[name](**card.parameters)
    assert isinstance(model, Linear)
    assert model.get_params() == MADE[name]().get_params()


def test_deviations_are_ridge_on_what_differs_from_the_genes_means() -> None:
    X = design()
    levels = 4 * np.random.default_rng(2).normal(size=60)[X.gene]
    y = target(X) + levels
    groups = X.cell.astype(np.int64)
    train, test = np.flatnonzero(X.cell < 6), np.flatnonzero(X.cell >= 6)
    ours = RidgeDeviations(alpha=30.0, standardise=False).fit(X.take(train), y[train], groups[train])
    values, means = X.dense().astype(np.float64), np.zeros((60, X.shape[1]))
    cell = np.array([y[train][X.cell[train] == c].mean() for c in range(6)])
    rest = y[train] - cell[X.cell[train]]
    level = np.array([rest[X.gene[train] == g].mean() for g in range(60)])
    for g in range(60):
        means[g] = values[train][X.gene[train] == g].mean(axis=0)
    known = Ridge(30.0).fit((values - means[X.gene])[train], rest - level[X.gene[train]])
    expected = y[train].mean() + level[X.gene[test]] + known.predict((values - means[X.gene])[test])
    np.testing.assert_allclose(ours.predict(X.take(test)), expected, atol=1e-4)
    errors = [np.mean((p - y[test]) ** 2) for p in (ours.predict(X.take(test)), y[train].mean() + level[X.gene[test]])]
    assert errors[0] < errors[1]


def test_deviations_of_genes_that_are_always_new_are_ridge_beside_the_cells_mean() -> None:
    X = design()
    y = target(X) + X.cell
    groups = X.gene.astype(np.int64)
    train, test = np.flatnonzero(X.gene < 50), np.flatnonzero(X.gene >= 50)
    model = RidgeDeviations().fit(X.take(train), y[train], groups[train])
    plain = ridge().fit(X.take(train), y[train], groups[train])
    errors = [np.mean((m.predict(X.take(test)) - y[test]) ** 2) for m in (model, plain)]
    assert errors[0] < errors[1] < y.var()
    # a gene and a cell never seen, where genes return
    other = RidgeDeviations().fit(X.take(train), y[train], X.cell[train].astype(np.int64))
    assert np.isfinite(other.predict(X.take(test))).all()
    scaled = X.standardised()
    assert np.isfinite(RidgeDeviations().fit(scaled, y).predict(scaled)).all()
