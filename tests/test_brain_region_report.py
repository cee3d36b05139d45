"""The report of brain-region: every figure that the published study has, and more, with numbers that independent code gives too."""

from __future__ import annotations

import importlib
import sys
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.decomposition import PCA
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.preprocessing import StandardScaler

from genoboard import Figure, NotDrawn, Results, catalog, data
from genoboard.competition import Competition
from genoboard.evaluation import evaluate, submit
from genoboard.figure import themed
from genoboard.plugins import load_plugins
from genoboard_tasks.brain_region import expression_panels, gene_panels, panels
from genoboard_tasks.brain_region.exploration import adjusted_share, anova_ranks
from genoboard_tasks.brain_region.gene_families import FAMILIES, UNCLASSIFIED, category
from genoboard_tasks.brain_region.regions import MERGE, REGIONS

PLUGINS = load_plugins()
TASK = PLUGINS.tasks["brain-region"]
FOREST = {"n_estimators": 60}

# What the study's report shows, in our words.
TITLES = (
    "Samples per region",
    "Expression distributions",
    "Mean and variance",
    "Scree plot",
    "PC1 and PC2, by region and by donor",
    "PC1 and PC3, by region and by donor",
    "UMAP",
    "Region correlation and dendrogram",
    "Model comparison",
    "Confusion matrix",
    "Confusion matrix, 11 classes",
    "Precision, recall and F1 by class",
    "ROC, one class against the rest",
    "Reliability diagram",
    "Top 30 genes",
    "Biotype shares",
    "Functional categories of the top genes",
    "Rank stability over resamples",
    "z-scores of the top genes",
    "Marker genes by region",
    "Errors by donor",
    "13 against 11 classes",
    "Random against donor split",
    "The splits side by side",
)
UMAP = "genoboard_tasks.brain_region.expression_panels:umap"


def drawn(name: str, results: Results) -> tuple[Figure, ...]:
    module, _, function = name.partition(":")
    with themed():
        found = getattr(importlib.import_module(module), function)(results)
    return (found,) if isinstance(found, Figure) else tuple(found)


def report(results: Results, without: tuple[str, ...] = ()) -> dict[str, Figure]:
    """Draw the card's panels; what is not drawn is not in it."""
    found = {}
    for name in TASK.panels:
        if name not in without:
            try:
                found |= {f.title: f for f in drawn(name, results)}
            except NotDrawn:
                continue
    return found


def check(figures: dict[str, Figure]) -> None:
    for title, figure in figures.items():
        ElementTree.fromstring(figure.svg)
        assert "#010203" not in figure.svg, title
        assert not figure.table.empty, title
        assert len(figure.alt) > 30, title
        assert "nan" not in figure.alt.lower().split(), title
    assert sum(len(f.svg) for f in figures.values()) < 1_200_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Results:
    """A random forest on the demo cohort, which the random split's board knows, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        workspace = tmp_path_factory.mktemp("report")
        evaluate(Competition.open("brain-region", "random", "demo", workspace, PLUGINS), "random-forest", parameters=FOREST)
        competition = Competition.open("brain-region", "donor", "demo", workspace, PLUGINS)
        return Results(competition, evaluate(competition, "random-forest", parameters=FOREST))


@pytest.fixture(scope="module")
def figures(demo: Results) -> dict[str, Figure]:
    return report(demo, without=(UMAP,))


@pytest.fixture(scope="module")
def training(demo: Results) -> tuple[np.ndarray, np.ndarray, pd.Index]:
    """Standardised training rows, their regions and the genes: by scikit-learn."""
    features = demo.features()
    assert isinstance(features, pd.DataFrame)
    train = features.iloc[demo.train]
    kept = (train > 0).mean() >= 0.2
    return StandardScaler().fit_transform(train.loc[:, kept].astype(float)), demo.rows["y"].iloc[demo.train].to_numpy(), train.columns[kept]


def test_every_figure_of_the_study_is_drawn(figures: dict[str, Figure]) -> None:
    assert tuple(figures) == tuple(t for t in TITLES if t != "UMAP")
    assert UMAP in TASK.panels
    check(figures)


# The data


def test_samples_are_counted_by_region_and_side(demo: Results, figures: dict[str, Figure]) -> None:
    table = figures["Samples per region"].table.set_index("region")
    y = demo.rows["y"]
    assert table["train"].to_dict() == y.iloc[demo.train].value_counts().to_dict()
    assert table["test"].to_dict() == y.iloc[demo.test].value_counts().to_dict()
    assert table["donors"].to_dict() == demo.rows.groupby("y")["donor"].nunique().to_dict()
    assert table["samples"].is_monotonic_decreasing
    assert table["samples"].sum() == 700


def test_distributions_and_variances_are_those_of_the_training_rows(demo: Results, figures: dict[str, Figure]) -> None:
    features = demo.features(demo.train)
    assert isinstance(features, pd.DataFrame)
    table = figures["Mean and variance"].table.set_index("gene")
    np.testing.assert_allclose(table["variance"].loc[features.columns], features.astype(float).var(), rtol=1e-4)
    np.testing.assert_allclose(table["mean"].loc[features.columns], features.astype(float).mean(), rtol=1e-4)
    told = figures["Expression distributions"].table.set_index("region")
    values = features[(demo.rows["y"].iloc[demo.train] == "Cortex").to_numpy()].to_numpy()
    assert told.loc["Cortex", "median"] == pytest.approx(np.median(values[values > 0]), rel=1e-5)
    assert told.loc["Cortex", "share of zeros"] == pytest.approx((values == 0).mean())


def test_components_are_those_of_scikit_learn_fitted_on_train_alone(
    demo: Results, figures: dict[str, Figure], training: tuple[np.ndarray, np.ndarray, pd.Index]
) -> None:
    z, region, _ = training
    pca = PCA(30, svd_solver="full").fit(z)
    share = figures["Scree plot"].table["share of variance"]
    # the last of 30 nearly equal ones are where a randomised method errs
    np.testing.assert_allclose(share[:3], pca.explained_variance_ratio_[:3], rtol=1e-3)
    assert (share <= pca.explained_variance_ratio_ + 1e-6).all()
    assert share.sum() == pytest.approx(pca.explained_variance_ratio_.sum(), rel=0.02)
    table = figures["PC1 and PC2, by region and by donor"].table
    expected = pca.transform(z)[:, :2]
    ours = table.loc[table["part"] == "train", ["PC1", "PC2"]].to_numpy()
    assert np.abs(np.corrcoef(np.column_stack([ours, expected]).T)[[0, 1], [2, 3]]).min() > 0.999
    assert (table["part"] == "test").sum() == len(demo.test)
    assert table.loc[table["part"] == "train", "region"].tolist() == region.tolist()
    assert "region explains" in figures["PC1 and PC3, by region and by donor"].alt


def test_the_share_that_groups_explain_is_the_adjusted_r2_of_a_regression() -> None:
    rng = np.random.default_rng(0)
    code = rng.integers(0, 6, 200)
    y = rng.normal(size=200) + 0.3 * code
    onehot = np.eye(6)[code]
    r2 = LinearRegression().fit(onehot, y).score(onehot, y)
    assert adjusted_share(y, code) == pytest.approx(1 - (1 - r2) * 199 / (200 - 6))


def test_regions_are_correlated_by_their_mean_profiles_and_the_two_cerebella_are_neighbours(
    figures: dict[str, Figure], training: tuple[np.ndarray, np.ndarray, pd.Index]
) -> None:
    z, region, _ = training
    expected = pd.DataFrame(np.corrcoef([z[region == r].mean(axis=0) for r in REGIONS]), REGIONS, REGIONS)
    table = figures["Region correlation and dendrogram"].table
    assert len(table) == 78
    np.testing.assert_allclose(table["r"], [expected.loc[a, b] for a, b in zip(table["region"], table["other"], strict=True)], atol=1e-4)
    order = [table["region"].iloc[0], *table["other"].head(12)]
    for pair in MERGE.items():
        assert abs(order.index(pair[0]) - order.index(pair[1])) == 1
    confused = figures["Confusion matrix"].table
    assert confused["predicted"].head(13).tolist() == order, "classes stand in the order of the dendrogram"


@pytest.mark.slow  # umap compiles itself whenever it is imported
def test_umap_places_training_samples_only_and_the_same_way_every_time(demo: Results) -> None:
    (figure,) = drawn(UMAP, demo)
    check({figure.title: figure})
    assert figure.title == "UMAP"
    assert len(figure.table) == len(demo.train)
    assert set(figure.table["id"]) == set(demo.rows.index[demo.train])
    pd.testing.assert_frame_equal(drawn(UMAP, demo)[0].table, figure.table)


def test_umap_is_not_drawn_where_it_is_not_installed(demo: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(NotDrawn, match="umap-learn is not installed"):
        drawn(UMAP, demo)


def test_rows_that_may_not_be_looked_at_are_in_no_figure_of_the_data(demo: Results) -> None:
    class Half(Results):
        """Results of which every second test row is sealed."""

        @cached_property
        def test(self) -> np.ndarray:  # type: ignore[override]
            return self.competition.test[::2]

    half = Half(demo.competition, demo.entry)
    (samples,) = drawn("genoboard_tasks.brain_region.expression_panels:samples_per_region", half)
    assert samples.table["samples"].sum() == 700 - len(demo.test) // 2
    assert "70 sealed rows" in samples.note
    table = drawn("genoboard_tasks.brain_region.expression_panels:components", half)[1].table
    assert set(table["id"]) == {*half.rows.index[half.train], *half.rows.index[half.test]}


# The scores


def test_13_and_11_classes_are_counted_as_scikit_learn_counts_them(demo: Results, figures: dict[str, Figure]) -> None:
    names = np.array(REGIONS)
    truth, labels = names[demo.truth], names[demo.labels]
    merged = [np.array([MERGE.get(r, r) for r in side]) for side in (truth, labels)]
    table = figures["13 against 11 classes"].table
    own = table[table["own"]].set_index("metric")
    assert own.loc["f1-macro", "value"] == pytest.approx(f1_score(truth, labels, average="macro"))
    assert own.loc["f1-macro-11", "value"] == pytest.approx(f1_score(*merged, average="macro"))
    assert own.loc["accuracy-11", "value"] == pytest.approx(accuracy_score(*merged))
    assert (own["low"] < own["value"]).all()
    eleven = figures["Confusion matrix, 11 classes"].table
    order = eleven["predicted"].head(11).tolist()
    assert (eleven["count"].to_numpy().reshape(11, 11) == confusion_matrix(*merged, labels=order)).all()


def test_errors_are_summed_by_donor_and_chance_is_binomial(demo: Results, figures: dict[str, Figure]) -> None:
    table = figures["Errors by donor"].table.set_index("donor")
    wrong = demo.labels != demo.truth
    donor = demo.rows["donor"].iloc[demo.test].to_numpy()
    assert table["errors"].sum() == wrong.sum()
    assert table["samples"].to_dict() == pd.Series(donor).value_counts().to_dict()
    for name, errors in table["errors"].items():
        assert errors == wrong[donor == name].sum()
        assert len([w for w in table.loc[name, "predicted for true"].split("; ") if w]) == errors
    np.testing.assert_allclose(panels._binomial(7, 0.2, 12)[:8], binom.pmf(np.arange(8), 7, 0.2))
    none = binom.pmf(0, table["samples"], wrong.mean()).sum()
    assert f"{(table['errors'] == 0).sum()} donors have none where {none:.0f} are expected" in figures["Errors by donor"].alt


def test_the_gap_between_the_splits_is_the_difference_of_the_recorded_scores(demo: Results, figures: dict[str, Figure]) -> None:
    table = figures["Random against donor split"].table.set_index("name")
    found = demo.elsewhere.query("metric == 'f1-macro' and name == 'random-forest'").set_index("split")
    gap = found.loc["random", "value"] - found.loc["donor", "value"]
    assert table.loc["random-forest", "gap"] == pytest.approx(gap)
    widths = (found["high"] - found["low"]) / 2
    assert table.loc["random-forest", "gap high"] - gap == pytest.approx(np.hypot(widths["donor"], widths["random"]))


# The genes


def test_ranks_by_anova_are_scikit_learns_and_a_weight_of_two_is_a_row_twice(training: tuple[np.ndarray, np.ndarray, pd.Index]) -> None:
    z, region, _ = training
    code = np.array([REGIONS.index(r) for r in region])
    weights = np.random.default_rng(1).integers(0, 3, (2, len(z)))
    weights[0] = 1
    ours = anova_ranks(z.astype(np.float32), code, weights.astype(np.float32), 13)
    for rank, weight in zip(ours, weights, strict=True):
        f = f_classif(np.repeat(z, weight, axis=0), np.repeat(code, weight))[0]
        assert (np.argsort(rank)[:100] == np.argsort(-f)[:100]).all()


def test_rank_stability_is_over_donors_of_a_single_fold_and_over_folds_otherwise(demo: Results, figures: dict[str, Figure]) -> None:
    figure = figures["Rank stability over resamples"]
    assert "50 bootstraps of the donors of the training rows" in figure.note
    assert (figure.table["low"] <= figure.table["median rank"]).all()
    assert figure.table["in top 30"].between(0, 1).all()
    crossed = Competition.open("brain-region", "donor-cv5", "demo", demo.competition.workspace, PLUGINS)
    results = Results(crossed, evaluate(crossed, "random-forest", parameters={"n_estimators": 10, "top": 100}))
    (by_fold,) = drawn("genoboard_tasks.brain_region.gene_panels:rank_stability", results)
    assert "each of the 5 folds" in by_fold.note
    left = results.artifact("importances")
    wide = left.pivot_table("importance", "feature", "fold", fill_value=0.0)
    best = wide.rank(ascending=False, method="first").median(axis=1).min()
    assert by_fold.table["median rank"].iloc[0] == best
    scree, *_ = drawn("genoboard_tasks.brain_region.expression_panels:components", results)
    assert "of fold 1 of 5" in scree.note
    (samples,) = drawn("genoboard_tasks.brain_region.expression_panels:samples_per_region", results)
    assert "5 folds" in samples.note


def test_biotypes_are_counted_not_asserted(demo: Results, figures: dict[str, Figure]) -> None:
    table = figures["Biotype shares"].table.set_index(["genes", "biotype"])["count"]
    known = demo.columns
    assert known is not None
    every = known["biotype"].value_counts()
    assert table["all genes"].to_dict() == {
        "protein-coding": every["protein_coding"],
        "lncRNA": every["lncRNA"],
        "pseudogene": every["processed_pseudogene"],
        "other": 0,
    }
    top = figures["Top 30 genes"].table["feature"].head(30)
    assert table["top 30", "protein-coding"] == (known["biotype"].loc[top] == "protein_coding").sum()


def test_the_heatmaps_means_are_those_of_standardised_training_rows(
    demo: Results, figures: dict[str, Figure], training: tuple[np.ndarray, np.ndarray, pd.Index]
) -> None:
    z, region, genes = training
    table = figures["z-scores of the top genes"].table.set_index("symbol")
    known = demo.columns
    assert known is not None
    assert len(table) == 30
    for symbol in table.index[:5]:
        column = genes.get_loc(known.index[known["symbol"] == symbol][0])
        assert table.loc[symbol, "Hypothalamus"] == pytest.approx(z[region == "Hypothalamus", column].mean(), abs=0.01)


def test_marker_genes_have_the_medians_of_their_regions(demo: Results, figures: dict[str, Figure]) -> None:
    figure = figures["Marker genes by region"]
    assert figure.table["symbol"].unique().tolist() == ["GAL", "TRH", "RORB", "KCNJ6", "ARHGEF33"]
    known, features = demo.columns, demo.features(demo.train)
    assert known is not None
    assert isinstance(features, pd.DataFrame)
    medians = features[known.index[known["symbol"] == "TRH"][0]].groupby(demo.rows["y"].iloc[demo.train].to_numpy()).median()
    ours = figure.table[figure.table["symbol"] == "TRH"].set_index("region")["median"]
    np.testing.assert_allclose(ours.loc[medians.index], medians, rtol=1e-6)
    assert "TRH in Hypothalamus" in figure.alt


def test_without_importances_genes_are_ranked_by_anova_and_said_so(demo: Results) -> None:
    entry = submit(demo.competition, demo.folder_of(demo.entry) / "predictions.csv", "by-hand")
    results = Results(demo.competition, entry)
    with pytest.raises(NotDrawn, match="left no table"), themed():
        gene_panels.top_genes(results)
    with themed():
        assert "ANOVA F" in gene_panels.biotype_shares(results).note
        assert "ANOVA F" in gene_panels.functional_categories(results).note


def test_panels_say_why_they_are_not_drawn(demo: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = pd.DataFrame({"flag": ""}, index=demo.columns.index if demo.columns is not None else [])
    monkeypatch.setattr(Results, "columns", property(lambda _: plain))
    with pytest.raises(NotDrawn, match="biotype"):
        gene_panels.biotype_shares(demo)
    with pytest.raises(NotDrawn, match="none of GAL, TRH"):
        gene_panels.marker_genes(demo)
    monkeypatch.setattr(Results, "rows", property(lambda self: self.competition.data.rows[["y"]]))
    with pytest.raises(NotDrawn, match="which donor"):
        panels.errors_by_donor(demo)
    with themed():
        assert "donors" not in expression_panels.samples_per_region(demo).table


@pytest.mark.parametrize(
    ("symbol", "biotype", "expected"),
    [
        ("KCNJ6", "", "potassium channel"),
        ("GAL", "", "neuropeptide or its receptor"),
        ("TRH", "protein_coding", "neuropeptide or its receptor"),
        ("RORB", "", "nuclear receptor"),
        ("ARHGEF33", "", "G protein or its regulator"),
        ("CDCA4P1", "", "pseudogene"),
        ("CDCA4P1", "processed_pseudogene", "pseudogene"),
        ("PIK3IP1", "protein_coding", UNCLASSIFIED),
        ("AQP4", "", "myelin or glia"),
        ("FOXP2", "", "other transcription factor"),
        ("HOXB3", "", "homeobox"),
        ("GABRA6", "", "GABA or glycine receptor"),
        ("GRIN2C", "", "glutamate receptor"),
        ("GRIA1", "", "glutamate receptor"),
        ("SLC6A3", "", "transmitter synthesis or transport"),
        ("SLC25A18", "", "solute carrier"),
        ("HR", "", "other transcription factor"),
        ("PNLIP", "", "pancreatic enzyme (contamination)"),
        ("AC012345.1", "lncRNA", "non-coding RNA"),
        ("LINC01128", "", "non-coding RNA"),
        ("forebrain 3", "", UNCLASSIFIED),
        ("DEMOG0001", "", UNCLASSIFIED),
        ("", "", UNCLASSIFIED),
    ],
)
def test_a_symbols_stem_tells_its_family_and_a_known_biotype_goes_first(symbol: str, biotype: str, expected: str) -> None:
    assert category(symbol, biotype) == expected
    assert expected in {UNCLASSIFIED, *(name for name, _ in FAMILIES)}


# Real samples


@pytest.mark.slow
def test_the_whole_report_is_drawn_on_gtex(real_data: Path, tmp_path: Path) -> None:
    if catalog.state(TASK, "gtex-v8") is None:
        data.ingest(TASK, real_data / "brain-region" / "gtex-v8")
    evaluate(Competition.open("brain-region", "random", "gtex-v8", tmp_path, PLUGINS), "random-forest", parameters=FOREST)
    competition = Competition.open("brain-region", "donor", "gtex-v8", tmp_path, PLUGINS)
    results = Results(competition, evaluate(competition, "random-forest", parameters=FOREST))
    found = report(results)
    check(found)
    known = competition.data.columns
    assert known is not None
    markers = set(expression_panels.MARKERS) & set(known["symbol"])
    assert tuple(found) == tuple(t for t in TITLES if t != "Marker genes by region" or markers)
    samples = found["Samples per region"].table.set_index("region")["samples"]
    assert (samples["Cortex"], samples["Substantia nigra"], samples.sum()) == (255, 139, 2642)
    r = found["Region correlation and dendrogram"].table.set_index(["region", "other"])["r"]
    assert r.idxmax() in {("Cerebellum", "Cerebellar Hemisphere"), ("Cerebellar Hemisphere", "Cerebellum")}
    assert 60 <= found["Errors by donor"].table["errors"].sum() <= 120
