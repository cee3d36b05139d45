"""brain-region: its card, its generated cohort, its technical control, and the real samples."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import genoboard_tasks
from genoboard import Dataset
from genoboard.data import prepare
from genoboard.splits import Fold, deal
from genoboard_tasks.brain_region import CONTROLS, TASK, demo, genes, technical
from genoboard_tasks.brain_region.controls import TechnicalCovariates
from genoboard_tasks.brain_region.reader import read
from genoboard_tasks.brain_region.regions import CLADES, MERGE, REGIONS

COUNTS = {
    "Amygdala": 152,
    "Anterior cingulate cortex (BA24)": 176,
    "Caudate (basal ganglia)": 246,
    "Cerebellar Hemisphere": 215,
    "Cerebellum": 241,
    "Cortex": 255,
    "Frontal Cortex (BA9)": 209,
    "Hippocampus": 197,
    "Hypothalamus": 202,
    "Nucleus accumbens (basal ganglia)": 246,
    "Putamen (basal ganglia)": 205,
    "Spinal cord (cervical c-1)": 159,
    "Substantia nigra": 139,
}


@pytest.fixture(scope="module")
def cohort() -> Dataset:
    return demo.generate()


@pytest.fixture(scope="module")
def gtex(real_data: Path) -> Dataset:
    return read(real_data / "brain-region/gtex-v8")


def digest(frame: pd.DataFrame) -> str:
    return hashlib.sha256(np.ascontiguousarray(frame.to_numpy()).data).hexdigest()


def codes(dataset: Dataset) -> np.ndarray:
    return np.array([REGIONS.index(r) for r in dataset.y])


def folds(dataset: Dataset, split: str) -> tuple[Fold, ...]:
    return deal(TASK.split(split), pd.concat([dataset.y.rename("y"), dataset.groups], axis=1))


# The card


def test_the_plugin_brings_the_task_and_its_control() -> None:
    assert TASK in list(genoboard_tasks.register_tasks())
    assert all(c in genoboard_tasks.register_models() for c in CONTROLS)


def test_the_card_is_read_without_numpy_or_pandas() -> None:
    code = "import sys, genoboard_tasks; genoboard_tasks.register_tasks(); print({'numpy', 'pandas', 'pyarrow'} & set(sys.modules))"
    paths = os.pathsep.join(str(Path(__file__).parents[1] / root) for root in ("harness", "leaderboard", "tasks"))
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_donors_are_kept_apart_by_default_and_the_published_split_says_what_it_leaks() -> None:
    assert [s.name for s in TASK.splits] == ["donor", "random", "donor-cv5", "random-cv5"]
    for split in TASK.splits:
        random = split.name.startswith("random")
        assert (split.group, split.bootstrap_group) == (None if random else "donor", "donor")
        assert split.published == random == ("97 %" in split.leaks)
        assert split.cross_validated == split.name.endswith("-cv5")
        assert split.asks.endswith("?")
        assert split.null.startswith("prior")


def test_macro_f1_is_the_primary_metric_and_the_merged_scores_have_11_classes() -> None:
    names = [m if isinstance(m, str) else m.name for m in TASK.metrics]
    assert names[:7] == ["f1-macro", "accuracy", "f1-macro-11", "auroc", "multiclass-log-loss", "f1-weighted", "accuracy-11"]
    assert names[7:] == [f"f1[{r}]" for r in REGIONS]
    merged = {m.name: m.merge for m in TASK.metrics if not isinstance(m, str) and m.merge}
    assert merged == {"f1-macro-11": MERGE, "accuracy-11": MERGE}
    assert len({MERGE.get(r, r) for r in REGIONS}) == 11


def test_every_name_of_a_region_is_one_of_the_13() -> None:
    assert len(set(REGIONS)) == 13
    assert TASK.classes == REGIONS == tuple(sorted(REGIONS))
    assert {r for clade in CLADES.values() for r in clade} | {*MERGE, *MERGE.values()} <= set(REGIONS)
    assert not any("," in r or r != r.strip() for r in REGIONS)


def test_the_official_files_are_three() -> None:
    kinds = ["gene_tpm.gct.gz", "SampleAttributesDS.txt", "SubjectPhenotypesDS.txt"]
    for file, kind in zip(TASK.sources[0].files, kinds, strict=True):
        assert file.name.endswith(kind)
        assert file.url.startswith("https://")
        assert len(file.sha256) in (0, 64)


# The generated cohort


def test_the_generated_cohort_is_the_same_bits_every_time(cohort: Dataset) -> None:
    again = demo.generate()
    assert digest(again.X) == digest(cohort.X)
    pd.testing.assert_frame_equal(again.control, cohort.control)
    pd.testing.assert_series_equal(again.y, cohort.y)


def test_the_generated_cohort_has_the_shape_of_the_real_one(cohort: Dataset) -> None:
    assert cohort.X.shape == (700, 600)
    assert set(cohort.X.dtypes) == {np.dtype(np.float32)}
    assert np.isfinite(cohort.X.to_numpy()).all()
    assert cohort.X.to_numpy().min() >= 0
    share = cohort.y.value_counts()[list(REGIONS)] / 700
    assert (share - pd.Series(COUNTS) / 2642).abs().max() < 0.001
    donors = cohort.groups["donor"]
    assert 100 <= donors.nunique() <= 110
    assert donors.value_counts().median() >= 5
    assert not pd.concat([donors, cohort.y], axis=1).duplicated().any()
    for part in (cohort.y, cohort.groups, cohort.control):
        assert part.index.equals(cohort.X.index)


def test_ids_of_generated_samples_say_nothing_of_the_region(cohort: Dataset) -> None:
    order = cohort.X.index.argsort()
    changes = (cohort.y.to_numpy()[order][1:] != cohort.y.to_numpy()[order][:-1]).mean()
    assert changes > 0.85


def test_generated_genes_include_the_contaminated_and_the_studied_ones(cohort: Dataset) -> None:
    assert cohort.columns.index.equals(cohort.X.columns)
    flagged = cohort.columns[cohort.columns["flag"] == genes.FLAG]
    assert set(flagged["symbol"]) == set(genes.CONTAMINATION)
    assert set(demo.STUDIED) <= set(cohort.columns["symbol"])
    assert cohort.columns["symbol"].is_unique
    assert (cohort.columns.set_index("symbol").loc[["GAL", "PRSS1"], "biotype"] == "protein_coding").all()


def test_a_generated_marker_is_high_where_it_marks(cohort: Dataset) -> None:
    gene = cohort.columns.index[cohort.columns["symbol"] == "TRH"][0]
    assert cohort.X[gene].groupby(cohort.y).median().idxmax() == "Hypothalamus"


def test_contamination_reaches_only_what_was_taken_at_the_collection_site(cohort: Dataset) -> None:
    pancreas = cohort.columns.index[cohort.columns["flag"] != ""]
    early = cohort.y.isin(demo.AT_COLLECTION)
    high = cohort.X[pancreas].median(axis=1) > cohort.X[pancreas].median(axis=1)[~early].max()
    assert 0.15 < high[early].mean() < 0.5
    assert early.equals(cohort.control["SMTSPAX"].notna())


def nearest_centroid(dataset: Dataset, fold: Fold) -> np.ndarray:
    """Return predicted region names: the nearest class mean of standardised training rows."""
    X = dataset.X.to_numpy(dtype=np.float64)
    X = (X - X[fold.train].mean(axis=0)) / X[fold.train].std(axis=0)
    mean = pd.DataFrame(X[fold.train]).groupby(dataset.y.to_numpy()[fold.train]).mean()
    return mean.index.to_numpy()[((X[fold.test][:, None] - mean.to_numpy()) ** 2).sum(axis=2).argmin(axis=1)]


def test_the_close_regions_are_what_a_model_confuses_in_the_generated_cohort(cohort: Dataset) -> None:
    predicted = pd.Series(index=cohort.y.index, dtype="str")
    for fold in folds(cohort, "donor-cv5"):
        predicted.iloc[fold.test] = nearest_centroid(cohort, fold)
    wrong = cohort.y[predicted != cohort.y]
    assert 0.05 < len(wrong) / 700 < 0.4
    together = [set(CLADES[c]) for c in ("basal ganglia", "cerebellar", "frontal")]
    among = sum(any({a, b} <= close for close in together) for a, b in zip(wrong, predicted[wrong.index], strict=True))
    assert among / len(wrong) > 0.5


# The technical control


def accuracy_of_control(cohort: Dataset, X: pd.DataFrame) -> float:
    y = codes(cohort)
    right = 0
    for fold in folds(cohort, "donor-cv5"):
        model = TechnicalCovariates(**CONTROLS[0].parameters).fit(X.iloc[fold.train], y[fold.train])
        right += (model.classes_[model.predict_proba(X.iloc[fold.test]).argmax(axis=1)] == y[fold.test]).sum()
    return right / len(y)


def test_the_technical_control_beats_the_prior_without_any_expression(cohort: Dataset) -> None:
    majority = cohort.y.value_counts().max() / 700
    assert accuracy_of_control(cohort, cohort.control) > 1.5 * majority


def test_the_technical_control_tells_apart_what_was_taken_at_different_sites(cohort: Dataset) -> None:
    fold = folds(cohort, "donor")[0]
    y = codes(cohort)
    model = TechnicalCovariates().fit(cohort.control.iloc[fold.train], y[fold.train])
    probability = pd.DataFrame(model.predict_proba(cohort.control.iloc[fold.test]), columns=list(REGIONS))
    truth = cohort.y.iloc[fold.test].reset_index(drop=True)
    for site, bank in (("Cerebellum", "Cerebellar Hemisphere"), ("Cortex", "Frontal Cortex (BA9)")):
        pair = truth.isin([site, bank])
        assert ((probability[site] > probability[bank]) == (truth == site))[pair].mean() > 0.95


def test_columns_that_say_nothing_give_the_prior(cohort: Dataset) -> None:
    nothing = pd.DataFrame({"SMRIN": np.nan, "SMCENTER": ""}, index=cohort.X.index)
    y = codes(cohort)
    probability = TechnicalCovariates().fit(nothing, y).predict_proba(nothing)
    assert np.allclose(probability, np.bincount(y) / len(y))


def test_the_control_takes_levels_that_it_never_saw_and_gives_probabilities() -> None:
    train = pd.DataFrame({"SMRIN": [5.0, 6.0, 7.0, np.nan], "SMGEBTCH": ["a", "a", "b", ""]})
    model = TechnicalCovariates().fit(train, np.array([0, 0, 2, 2]))
    unseen = pd.DataFrame({"SMRIN": [99.0, np.nan], "SMGEBTCH": ["z", None]})
    probability = model.predict_proba(unseen)
    assert model.classes_.tolist() == [0, 2]
    assert probability.shape == (2, 2)
    assert np.allclose(probability.sum(axis=1), 1)
    assert probability[1, 1] > 0.5
    assert set(model.artifacts()["evidence"].columns) == {"level", "column", 0, 2}


@pytest.mark.parametrize("strength", [0.5, 50.0])
def test_more_strength_keeps_the_control_closer_to_the_prior(strength: float) -> None:
    train = pd.DataFrame({"SMCENTER": ["a"] * 10 + ["b"] * 10})
    y = np.repeat([0, 1], 10)
    probability = TechnicalCovariates(strength=strength).fit(train, y).predict_proba(train)
    assert 0.5 < probability[0, 0] < 1.0
    assert (probability[0, 0] > 0.9) == (strength < 1)


# The real samples


def test_the_real_data_have_2642_samples_of_382_donors_in_13_regions(gtex: Dataset) -> None:
    assert gtex.X.shape == (2642, 117)
    assert set(gtex.X.dtypes) == {np.dtype(np.float32)}
    assert gtex.X.notna().to_numpy().all()
    assert gtex.groups["donor"].nunique() == 382
    assert gtex.y.value_counts().to_dict() == COUNTS
    assert gtex.control is None
    assert gtex.unit == "log2(TPM+1)"
    assert gtex.columns["symbol"]["ENSG00000227232.5"] == "WASH7P"
    assert (gtex.columns["biotype"] == "protein_coding").sum() == 45
    assert gtex.notes == (
        "expression_log2tpm1_2642x117.csv.gz holds log2(TPM+1) (stated by the file's name).",
        "official_gct_first_97_genes.txt.gz is a GCT and was not read: with labels.csv the folder is a prepared one.",
    )


def test_donors_of_the_real_data_are_apart_on_the_donor_split_and_97_percent_shared_on_the_random_one(gtex: Dataset) -> None:
    donor = gtex.groups["donor"].to_numpy()
    shared = {}
    for split in ("donor", "random"):
        fold = folds(gtex, split)[0]
        test = set(donor[fold.test])
        shared[split] = len(test & set(donor[fold.train])) / len(test)
    assert shared["donor"] == 0
    assert shared["random"] == pytest.approx(0.97, abs=0.02)


def test_technical_columns_go_by_their_plain_names_too() -> None:
    table = pd.DataFrame({"RIN": ["7.1", ""], "Ischemic time": ["900", "NA"], "batch": ["b1", ""], "other": ["x", "y"]}, index=["s1", "s2"])
    found = technical.technical_columns(table, "labels.csv")
    assert list(found.columns) == ["SMRIN", "SMTSISCH", "SMGEBTCH"]
    assert found["SMRIN"].tolist()[0] == 7.1
    assert found.isna().to_numpy().tolist() == [[False, False, False], [True, True, False]]
    assert technical.technical_columns(table[["other"]], "labels.csv") is None


def test_the_demo_cohort_is_bit_identical_under_the_pinned_numpy() -> None:
    (demo,) = [s for s in TASK.sources if s.generate]
    assert prepare(TASK, "demo").fingerprint == demo.fingerprint
