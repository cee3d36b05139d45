"""The report of expression-regression: every figure that the published study has, and more, with numbers that independent code gives too."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.preprocessing import StandardScaler

from genoboard import Design, Figure, NotDrawn, Results, data
from genoboard.competition import Competition
from genoboard.evaluation import evaluate
from genoboard.figure import themed
from genoboard.isolation import Limits
from genoboard.plugins import load_plugins
from genoboard_tasks.expression_regression import demo as made
from genoboard_tasks.expression_regression import drawing
from genoboard_tasks.expression_regression.residuals import Residuals
from genoboard_tasks.expression_regression.window_panels import PENALTY

pytestmark = pytest.mark.slow  # minutes, all together

PLUGINS = load_plugins()
TASK = PLUGINS.tasks["expression-regression"]
# few epochs and no search: curves and gradients are what matters here
NETWORK = {"max_epochs": 3, "l1": 0.0, "layers": [16]}
RIDGE = {"n_alphas": 5, "folds": 2}

# What the study's report shows, in our words.
TITLES = (
    "Openness and expression",
    "Cells by openness and by expression",
    "Model comparison",
    "Training and development error",
    "Expression against MSE",
    "Actual against predicted",
    "MSE without the worst rows",
    "dMSE/dX and weight by distance",
    "MSE by cell",
    "The outlier cell",
    "MSE and r by gene and by cell",
    "Window ablation",
    "The splits side by side",
)


def drawn(name: str, results: Results) -> tuple[Figure, ...]:
    module, _, function = name.partition(":")
    with themed():
        found = getattr(importlib.import_module(module), function)(results)
    return (found,) if isinstance(found, Figure) else tuple(found)


def report(results: Results) -> tuple[dict[str, Figure], list[str]]:
    """Draw the card's panels; return the figures by title, and why others are not drawn."""
    found, reasons = {}, []
    for name in TASK.panels:
        try:
            found |= {f.title: f for f in drawn(name, results)}
        except NotDrawn as error:
            reasons.append(str(error))
    return found, reasons


def check(figures: dict[str, Figure]) -> None:
    for title, figure in figures.items():
        ElementTree.fromstring(figure.svg)
        assert "#010203" not in figure.svg, title
        assert len(figure.svg) < 60_000, title
        assert not figure.table.empty, title
        assert len(figure.alt) > 30, title
        assert "nan" not in figure.alt, title


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[str, Results]:
    """A network and a ridge on unseen chromosomes of the demo genome, whose poster board has a ridge, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        workspace = tmp_path_factory.mktemp("report")
        limits = Limits(threads=2)
        poster = Competition.open("expression-regression", "poster", "demo", workspace, PLUGINS)
        found = {"poster": Results(poster, evaluate(poster, "ridge", parameters=RIDGE, limits=limits))}
        here = Competition.open("expression-regression", "chromosomes", "demo", workspace, PLUGINS)
        for model, parameters in (("ridge", RIDGE), ("mlp", NETWORK)):
            found[model] = Results(here, evaluate(here, model, parameters=parameters, limits=limits))
        control = next(s for s in found["mlp"].standings if s.name == "cell-mean")
        found["control"] = Results(here, found["mlp"].representative(control))
    return found


@pytest.fixture(scope="module")
def figures(results: dict[str, Results]) -> dict[str, Figure]:
    return report(results["mlp"])[0]


@pytest.fixture(scope="module")
def scored(results: dict[str, Results]) -> pd.DataFrame:
    """The network's scored rows: groups, truth, prediction, null and fold."""
    mlp = results["mlp"]
    rows = mlp.rows.iloc[mlp.test].assign(p=mlp.prediction, null=mlp.baseline, fold=mlp.solution.fold)
    return rows.assign(squared=(rows["p"] - rows["y"]) ** 2, squared_null=(rows["null"] - rows["y"]) ** 2)


def test_every_figure_of_the_study_is_drawn(figures: dict[str, Figure]) -> None:
    assert tuple(figures) == TITLES
    check(figures)


def test_what_a_model_did_not_leave_is_not_drawn_and_the_reason_told(results: dict[str, Results]) -> None:
    found, reasons = report(results["ridge"])
    assert set(TITLES) - set(found) == {"Training and development error"}
    assert reasons == ["ridge logged no error on rows learnt from and on rows watched"]
    found, reasons = report(results["control"])
    check(found)
    assert set(TITLES) - set(found) == {"Training and development error", "dMSE/dX and weight by distance"}
    assert reasons[1] == "cell-mean left neither gradients nor coefficients by distance"


def test_a_board_of_z_scores_says_so(results: dict[str, Results], figures: dict[str, Figure]) -> None:
    found, _ = report(results["poster"])
    check(found)
    assert "expression, z-score" in found["Openness and expression"].svg
    assert "expression, z-score" in found["Actual against predicted"].svg
    assert "expression, log1p(CPM)" in figures["Actual against predicted"].svg
    table = found["Openness and expression"].table.set_index("of")
    assert table.loc["expression", "sd"].iloc[0] == pytest.approx(1, abs=0.01)


# The data


def test_the_histograms_are_of_all_openness_and_all_expression(results: dict[str, Results], figures: dict[str, Figure]) -> None:
    mlp = results["mlp"]
    design = mlp.features()
    assert isinstance(design, Design)
    table = figures["Openness and expression"].table
    np.testing.assert_allclose(table.groupby("of")["share"].sum(), 1)
    by = table.drop_duplicates("of").set_index("of")
    assert by.loc["expression", "median"] == pytest.approx(mlp.rows["y"].median())
    assert by.loc["regions", "mean"] == pytest.approx(np.log1p(design.openness.astype(float)).mean())
    assert by.loc["regions", "share of zeros"] == pytest.approx((design.openness == 0).mean())


def test_cells_are_placed_by_the_components_of_scikit_learn(results: dict[str, Results], figures: dict[str, Figure]) -> None:
    mlp = results["mlp"]
    design = mlp.features()
    assert isinstance(design, Design)
    table = figures["Cells by openness and by expression"].table
    expression = mlp.rows.pivot(index="cell", columns="gene", values="y").loc[table["cell"]]
    for name, values in (("openness", np.log1p(design.openness.astype(float))), ("expression", expression.to_numpy())):
        pca = PCA(2, svd_solver="full").fit(values)
        ours, theirs = table[[f"{name} PC1", f"{name} PC2"]].to_numpy(), pca.transform(values)
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-3)
        np.testing.assert_allclose(table[[f"{name} share 1", f"{name} share 2"]].iloc[0], pca.explained_variance_ratio_, rtol=1e-5)


def test_openness_is_added_up_the_same_in_parts(results: dict[str, Results], monkeypatch: pytest.MonkeyPatch) -> None:
    panels = importlib.import_module("genoboard_tasks.expression_regression.panels")
    design = panels.design_of(results["mlp"])
    whole = panels._openness_products(design)
    monkeypatch.setattr(panels, "STEP", 1000)
    np.testing.assert_allclose(panels._openness_products(design), whole)


# Training


def test_the_curve_is_of_every_fold_with_the_best_epoch_marked(results: dict[str, Results], figures: dict[str, Figure]) -> None:
    table = figures["Training and development error"].table
    logged = results["mlp"].curves
    assert table["fold"].nunique() == 5
    np.testing.assert_allclose(table["dev"], logged["valid_mse"])
    for _, curve in table.groupby("fold"):
        assert curve.loc[curve["best"] == 1, "dev"].item() == curve["dev"].min()
        assert curve["null"].nunique() == 1


def test_weights_are_those_that_the_models_left_and_the_ridge_of_the_board_stands_beside_the_network(
    results: dict[str, Results], figures: dict[str, Figure]
) -> None:
    table = figures["dMSE/dX and weight by distance"].table.set_index("distance")
    gradient = results["mlp"].artifact("gradients").groupby("distance")["loss"].mean()
    weight = results["ridge"].artifact("coefficients").assign(raw=lambda t: t["raw"].abs()).groupby("distance")["raw"].mean()
    pd.testing.assert_series_equal(table["gradient"], gradient, check_names=False)
    pd.testing.assert_series_equal(table["weight"], weight, check_names=False)
    smooth = table["weight"].rolling(3, center=True, min_periods=1).mean()
    pd.testing.assert_series_equal(table["weight, smoothed"], smooth, check_names=False)
    # the demo's weights are known
    known = pd.Series(made.weights(), made.distances(made.WINDOW)).loc[table.index]
    assert table["weight"].corr(known) > 0.8


# Errors


def test_rows_are_parted_by_expression(scored: pd.DataFrame, figures: dict[str, Figure]) -> None:
    table = figures["Expression against MSE"].table
    assert table["rows"].sum() == len(scored)
    edges = np.quantile(scored["y"], np.linspace(0, 1, 21))
    parts = scored.groupby(np.digitize(scored["y"], edges[1:-1]))
    for ours, theirs in (("mse", "squared"), ("mse of null", "squared_null"), ("mean expression", "y")):
        np.testing.assert_allclose(table[ours], parts[theirs].mean())
    assert ((table["low"] <= table["mse"]) & (table["mse"] <= table["high"])).all()


def test_slopes_are_those_of_a_regression_of_actual_on_predicted(scored: pd.DataFrame, figures: dict[str, Figure]) -> None:
    table = figures["Actual against predicted"].table.set_index("of")
    for name, column in (("mlp", "p"), ("null", "null")):
        fit = LinearRegression().fit(scored[[column]], scored["y"])
        assert table.loc[name, "slope"] == pytest.approx(fit.coef_[0])
        assert table.loc[name, "intercept"] == pytest.approx(fit.intercept_)
        assert table.loc[name, "r"] == pytest.approx(stats.pearsonr(scored[column], scored["y"])[0])


def test_the_worst_rows_are_taken_out(results: dict[str, Results], scored: pd.DataFrame, figures: dict[str, Figure]) -> None:
    table = figures["MSE without the worst rows"].table.set_index("removed")
    assert table.loc[0, "mse"] == pytest.approx(results["mlp"].scores()["mse"].value)
    for k in (0, 1, 10, 100, 1000):
        rest = scored.sort_values("squared").head(len(scored) - k)
        assert table.loc[k, "mse"] == pytest.approx(mean_squared_error(rest["y"], rest["p"]))
        assert table.loc[k, "mse of null without the entry's worst"] == pytest.approx(mean_squared_error(rest["y"], rest["null"]))
        assert table.loc[k, "mse of null"] == pytest.approx(scored["squared_null"].nsmallest(len(scored) - k).mean())


def test_cells_are_ranked_and_the_outlier_is_the_one_that_was_made(scored: pd.DataFrame, figures: dict[str, Figure]) -> None:
    table = figures["MSE by cell"].table
    by = scored.groupby("cell")
    assert table["mse"].is_monotonic_decreasing
    np.testing.assert_allclose(table["mse"], by["squared"].mean().loc[table["cell"]])
    assert table["cell"].iloc[0] == made.OUTLIER
    assert (table["low"] < table["mse"]).all(), "chromosomes are resampled, so every cell has an interval"
    outlier = figures["The outlier cell"].table.set_index("cell")
    for cell in (made.OUTLIER, "stem-1"):
        rows = by.get_group(cell)
        assert outlier.loc[cell, "kurtosis of truth"] == pytest.approx(stats.kurtosis(rows["y"]))
        assert outlier.loc[cell, "kurtosis of error"] == pytest.approx(stats.kurtosis(rows["p"] - rows["y"]))
    assert outlier["among the worst rows"].to_dict() == (
        scored.nlargest(50, "squared")["cell"].value_counts().reindex(outlier.index, fill_value=0).to_dict()
    )
    assert f"The cell with the largest MSE is {made.OUTLIER}" in figures["The outlier cell"].alt


def test_r_of_genes_and_cells_has_the_medians_that_the_board_shows(
    results: dict[str, Results], scored: pd.DataFrame, figures: dict[str, Figure]
) -> None:
    for name in ("mlp", "poster", "control"):
        scores, found = results[name].scores(), Residuals.of(results[name])
        for by in ("gene", "cell"):
            assert found.profile(by)["r"].median() == pytest.approx(scores[f"{by}-pearson"].value, abs=1e-9)
    table = figures["MSE and r by gene and by cell"].table
    np.testing.assert_allclose(table.groupby(["by", "measure", "of"])["share"].sum(), 1)
    mse = table[(table["by"] == "gene") & (table["measure"] == "mse") & (table["of"] == "mlp")]
    assert mse["median"].iloc[0] == pytest.approx(scored.groupby("gene")["squared"].mean().median())


# The window


@pytest.mark.parametrize("name", ["mlp", "poster"])  # five folds that share out the rows, and one
def test_the_ablations_ridge_is_scikit_learns(name: str, results: dict[str, Results]) -> None:
    found = results[name]
    (figure,) = drawn("genoboard_tasks.expression_regression.window_panels:window_ablation", found)
    table = figure.table.set_index("of")
    design, y = found.features(), found.rows["y"].to_numpy()
    assert isinstance(design, Design)
    assert table.index.tolist()[1:5] == ["±1 kb (2 bins)", "±5 kb (10 bins)", "±50 kb (100 bins)", "±100 kb (200 bins)"]
    bins = np.abs(design.distance) <= 5000
    predicted = np.full(len(y), np.nan)
    for fold in found.folds:
        scale = StandardScaler().fit(design.dense(fold.train)[:, bins].astype(float))
        ridge = Ridge(PENALTY * len(fold.train)).fit(scale.transform(design.dense(fold.train)[:, bins].astype(float)), y[fold.train])
        predicted[fold.test] = ridge.predict(scale.transform(design.dense(fold.test)[:, bins].astype(float)))
    mse = mean_squared_error(y[found.test], predicted[found.test])
    assert table.loc["±5 kb (10 bins)", "mse"] == pytest.approx(mse, rel=1e-5)
    null = mean_squared_error(y[found.test], np.asarray(found.baseline))
    assert table.loc["±5 kb (10 bins)", "skill"] == pytest.approx(1 - mse / null, rel=1e-4)
    assert table.loc["null", "mse"] == pytest.approx(null)
    assert table["mse"].iloc[-1] == pytest.approx(found.scores()["mse"].value)
    assert "±1 Mb cannot be asked" in figure.note


def test_logarithmic_ticks_are_few_and_distances_are_spelled() -> None:
    assert drawing.steps(1, 8) == [1, 2, 5]
    assert drawing.steps(0.05, 3) == [0.05, 0.1, 0.2, 0.5, 1, 2]
    assert drawing.steps(1, 5000) == [1, 10, 100, 1000]
    assert [drawing.spelled_distance(d) for d in (500, 5000, 1_000_000)] == ["500 bp", "5 kb", "1 Mb"]


# Real data


@pytest.mark.slow
@pytest.mark.parametrize("split", ["chromosomes", "poster"])
def test_human_erythropoiesis_has_every_figure_within_seconds(split: str, tmp_path: Path, erythroid_toml: Callable[[Path], Path]) -> None:
    name = "erythroid-report"
    data.ingest(TASK, erythroid_toml(tmp_path / "toml"), name)
    competition = Competition.open("expression-regression", split, name, tmp_path / "there", PLUGINS)
    evaluate(competition, "ridge", parameters=RIDGE, limits=Limits(threads=2))
    results = Results(competition, evaluate(competition, "mlp", parameters=NETWORK, limits=Limits(threads=2)))
    start = time.perf_counter()
    figures, reasons = report(results)
    print(split, f"{time.perf_counter() - start:.1f} s", {t: len(f.svg) for t, f in figures.items()})
    check(figures)
    # alone on its dataset, a board has no other to stand beside
    assert tuple(figures) == tuple(t for t in TITLES if t != "The splits side by side")
    assert reasons == ["this dataset's other splits have no entries yet"]
    table = figures["Window ablation"].table.set_index("of")
    assert table.index.tolist()[1:5] == ["±1 kb (2 bins)", "±5 kb (10 bins)", "±50 kb (100 bins)", "±1 Mb (2,000 bins)"]
    if split == "chromosomes":
        assert (table["mse high"].iloc[1:5] < table["mse low"].iloc[0]).all(), "every window tells more than the cell's mean"
        assert table["mse low"].iloc[4] > table["mse high"].iloc[2], (
            "2,000 weights of a line tell less of a gene never seen than the 10 within 5 kb"
        )
