"""Scoring: a score is a measurement, with an interval that rests on the same resamples for every entry."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from genoboard import Metric, UndefinedScore, UsageError, per_class
from genoboard.metrics import BUILTIN
from genoboard.scoring import (
    MOST_CLUSTERS,
    REPLICATES,
    Solution,
    blocks,
    interval,
    null,
    resampling_weights,
    score,
    value_of,
    view,
)
from genoboard.splits import Fold
from genoboard_leaderboard.entry import Score

METRIC = {m.name: m for m in BUILTIN}
ACCURACY, LOG_LOSS, AUROC, MSE = (METRIC[n] for n in ("accuracy", "multiclass-log-loss", "auroc", "mse"))
CLASSES = ("cortex", "putamen", "spinal cord")


def solved(n: int = 60, groups: int = 12, folds: int = 1, seed: int = 0, key: str = "a" * 64) -> tuple[Solution, NDArray[np.float64]]:
    """Return a solution of n rows in `groups` clusters and `folds` folds, and a prediction that is often right."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    prediction = rng.dirichlet([1, 1, 1], n) + 0.4 * np.eye(3)[truth]
    fold = np.sort(np.arange(n) % folds)
    return Solution(truth, CLASSES, fold, np.arange(n) * groups // n, key), prediction / prediction.sum(axis=1, keepdims=True)


# The interval


def test_an_interval_is_the_value_and_t_times_the_bootstraps_standard_error_corrected_for_few_clusters() -> None:
    drawn = np.random.default_rng(0).normal(0.5, 0.02, REPLICATES)
    half = stats.t.ppf(0.975, 6) * np.std(drawn, ddof=1) * math.sqrt(7 / 6)
    assert interval(0.5, drawn, 7, ACCURACY) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-10)


def test_an_interval_ends_where_the_metric_does() -> None:
    drawn = np.random.default_rng(0).normal(0.5, 1.0, REPLICATES)
    assert interval(0.5, drawn, 7, ACCURACY) == (0.0, 1.0)
    low, high = interval(0.5, drawn, 7, LOG_LOSS)
    assert low == 0.0
    assert high is not None
    assert high > 1.0


def test_there_is_no_interval_from_one_cluster_or_from_resamples_that_mostly_have_no_value() -> None:
    drawn = np.random.default_rng(0).normal(0.5, 0.02, REPLICATES)
    assert interval(0.5, drawn, 1, ACCURACY) == (None, None)
    holes = np.where(np.arange(REPLICATES) < REPLICATES // 2 + 1, np.nan, drawn)
    assert interval(0.5, holes, 7, ACCURACY) == (None, None)
    some = interval(0.5, np.where(np.arange(REPLICATES) < 10, np.nan, drawn), 7, ACCURACY)
    assert None not in some


@pytest.mark.parametrize("groups", [4, 12])
def test_the_interval_covers_the_true_value_about_as_often_as_it_says(groups: int) -> None:
    rng, covered, times = np.random.default_rng(1), 0, 400
    for number in range(times):
        # donors differ in how well they are predicted, by .70 on average
        cluster = np.repeat(np.arange(groups), 8)
        hit = rng.random(len(cluster)) < rng.beta(7, 3, groups)[cluster]
        truth = np.zeros(len(cluster), dtype=np.int64)
        solution = Solution(truth, ("no", "yes"), np.zeros_like(truth), cluster, f"{number:064x}"[::-1])
        (found,), _ = score([ACCURACY], solution, np.stack([hit, ~hit], axis=1).astype(float))
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.7 <= found.high
    assert 0.91 <= covered / times <= 0.985


# The resamples


def test_resamples_are_a_function_of_the_splits_fingerprint_and_nothing_else() -> None:
    solution, prediction = solved()
    weights = resampling_weights(solution)
    assert weights.shape == (REPLICATES, 12)
    assert (weights.sum(axis=1) == 12).all()
    other = replace(solution, truth=solution.truth[::-1].copy(), fold=solution.fold + 1)
    assert np.array_equal(weights, resampling_weights(other))
    assert not np.array_equal(weights, resampling_weights(replace(solution, key="b" * 64)))
    _, first = score([ACCURACY, AUROC], solution, prediction)
    _, again = score([AUROC, ACCURACY], solution, prediction)
    assert first["auroc"].tobytes() == again["auroc"].tobytes()


def test_two_entries_are_compared_on_the_same_resamples() -> None:
    """Replicates of a mean are weighted means, so those of a difference are the difference of those of its parts."""
    solution, a = solved(seed=1)
    _, b = solved(seed=2)
    (_, of_a), (_, of_b) = score([ACCURACY], solution, a), score([ACCURACY], solution, b)
    gain = (a.argmax(axis=1) == solution.truth).astype(float) - (b.argmax(axis=1) == solution.truth)
    drawn = resampling_weights(solution)[:, solution.cluster]
    assert of_a["accuracy"] - of_b["accuracy"] == pytest.approx((drawn * gain).sum(axis=1) / drawn.sum(axis=1), abs=1e-12)
    assert np.std(of_a["accuracy"] - of_b["accuracy"]) > 0


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_rows_changes_no_score_and_no_resample(seed: int) -> None:
    solution, prediction = solved(folds=3)
    order = np.random.default_rng(seed).permutation(60)
    moved = replace(solution, truth=solution.truth[order], fold=solution.fold[order], cluster=solution.cluster[order])
    metrics = [METRIC[n] for n in ("f1-macro", "multiclass-log-loss", "auroc", "mcc")]
    (a, drawn_a), (b, drawn_b) = score(metrics, solution, prediction), score(metrics, moved, prediction[order])
    for one, two in zip(a, b, strict=True):
        assert [one.value, one.low, one.high, one.fold_mean, one.fold_sd] == pytest.approx(
            [two.value, two.low, two.high, two.fold_mean, two.fold_sd], abs=1e-12
        )
    for metric in metrics:
        assert drawn_a[metric.name] == pytest.approx(drawn_b[metric.name], abs=1e-12)


# Scores


def test_a_score_carries_its_formulas_version_and_the_primary_comes_first() -> None:
    solution, prediction = solved()
    found, _ = score([replace(LOG_LOSS, version=4), ACCURACY], solution, prediction)
    assert [(s.metric, s.version) for s in found] == [("multiclass-log-loss", 4), ("accuracy", 1)]
    assert [(s.fold_mean, s.fold_sd, s.reason) for s in found] == [(None, None, "")] * 2, "one fold has neither mean nor sd"


def test_an_undefined_secondary_metric_has_a_reason_and_no_replicates() -> None:
    solution, prediction = solved()
    lacking = replace(solution, truth=solution.truth % 2)
    (first, second), replicates = score([ACCURACY, AUROC], lacking, prediction)
    assert first.value is not None
    assert second == Score("auroc", None, version=1, reason="class 2 of 3 does not occur in the truth (counting from 0)")
    assert set(replicates) == {"accuracy"}


def test_an_undefined_primary_metric_is_an_error_that_names_it() -> None:
    solution, prediction = solved()
    with pytest.raises(UndefinedScore) as undefined:
        score([AUROC, ACCURACY], replace(solution, truth=solution.truth % 2), prediction)
    assert str(undefined.value) == "auroc has no value here: class 2 of 3 does not occur in the truth (counting from 0)"


def test_mean_and_sd_over_folds_stand_beside_the_pooled_value() -> None:
    solution, prediction = solved(folds=4)
    (found,), _ = score([ACCURACY], solution, prediction)
    hit = prediction.argmax(axis=1) == solution.truth
    by_fold = [hit[solution.fold == f].mean() for f in range(4)]
    assert (found.value, found.fold_mean, found.fold_sd) == pytest.approx(
        (hit.mean(), np.mean(by_fold), np.std(by_fold, ddof=1)), abs=1e-15
    )


def test_a_metric_without_a_value_in_one_fold_keeps_its_pooled_value_and_says_why_there_is_no_mean() -> None:
    solution, prediction = solved(folds=4)
    alone = replace(solution, fold=np.where(solution.truth == 2, 0, solution.fold))
    (found,), _ = score([AUROC], alone, prediction)
    assert found.value is not None
    assert (found.fold_mean, found.fold_sd) == (None, None)
    assert found.reason == "no mean over folds: in fold 2, class 2 of 3 does not occur in the truth (counting from 0)"


def test_a_regressions_scores_are_of_numbers() -> None:
    truth = np.arange(10.0)
    solution = Solution(truth, (), np.zeros(10, dtype=np.int64), np.arange(10) // 2, "c" * 64)
    (found,), replicates = score([MSE], solution, truth + 2)
    assert (found.value, found.low, found.high) == (4.0, 4.0, 4.0)
    assert (replicates["mse"] == 4).all()


# Metrics of some classes


def test_one_vs_rest_metrics_read_the_same_labels_as_the_whole() -> None:
    solution, prediction = solved()
    found, _ = score([METRIC["f1-macro"], *per_class(CLASSES)], solution, prediction)
    assert [s.metric for s in found[1:]] == ["f1[cortex]", "f1[putamen]", "f1[spinal cord]"]
    assert found[0].value == pytest.approx(np.mean([s.value for s in found[1:] if s.value is not None]), abs=1e-15)


def test_merging_forgives_what_is_confused_within_the_merged_and_nothing_else() -> None:
    merged = Metric("accuracy-2", ACCURACY.formula, "max", 0, 1, "labels", "", merge={"putamen": "cortex"})
    loss = Metric("loss-2", LOG_LOSS.formula, "min", 0, math.inf, "probabilities", "", merge={"putamen": "cortex"})
    truth = np.array([0, 1, 2])
    prediction = np.array([[0.6, 0.0, 0.4], [0.6, 0.0, 0.4], [0.3, 0.3, 0.4]])
    assert value_of(ACCURACY, truth, prediction, CLASSES) == pytest.approx(2 / 3)
    assert value_of(merged, truth, prediction, CLASSES) == 1.0, "a hit stays one, though the others' probabilities add up to more"
    assert value_of(loss, truth, prediction, CLASSES) == pytest.approx(-np.mean(np.log([0.6, 0.6, 0.4])))


def test_merging_onto_a_later_class_keeps_the_order_of_the_others() -> None:
    merged = Metric("accuracy-2", ACCURACY.formula, "max", 0, 1, "labels", "", merge={"cortex": "spinal cord"})
    truth = np.array([0, 1, 2])
    assert value_of(merged, truth, np.eye(3)[[2, 1, 0]], CLASSES) == 1.0
    assert value_of(merged, truth, np.eye(3)[[1, 0, 1]], CLASSES) == 0.0


def test_very_many_clusters_are_resampled_in_blocks() -> None:
    key = "5eed" * 16
    cluster = np.arange(50_000, dtype=np.int64) // 2
    merged = blocks(cluster, key)
    assert len(np.unique(merged)) == MOST_CLUSTERS
    assert (merged[::2] == merged[1::2]).all(), "a cluster is never cut"
    few = np.arange(100, dtype=np.int64)
    assert blocks(few, key) is few


# What stands beside the truth

SKILL = METRIC["skill"]
GENES = Metric("gene-pearson", "genoboard.profiles:median_pearson", "max", -1.0, 1.0, "values", "", beside="gene")


def expressed(folds: int = 2) -> tuple[Solution, NDArray[np.float64]]:
    """Return a solution of 8 genes in 6 cells, each cell predicted by one fold, and predictions."""
    rng = np.random.default_rng(4)
    gene, cell = np.divmod(np.arange(48), 6)
    truth = rng.normal(size=8)[gene] + rng.normal(size=48)
    beside = {"gene": gene, "null": rng.normal(size=48)}
    return Solution(truth, (), cell % folds, cell // 2, "d" * 64, beside=beside), truth + rng.normal(size=48)


def test_a_metric_is_given_what_its_card_names_beside_the_truth_and_others_the_truth_alone() -> None:
    solution, prediction = expressed()
    for metric, name in ((SKILL, "null"), (GENES, "gene")):
        truth, _, k = view(metric, solution.truth, prediction, (), solution.beside)
        assert (truth.dtype, truth.shape, k) == (np.float64, (48, 2), 0)
        assert np.array_equal(truth, np.stack([solution.truth, solution.beside[name]], axis=1))
    assert view(MSE, solution.truth, prediction, (), solution.beside)[0] is solution.truth


def test_scores_over_folds_take_along_what_stands_beside_the_folds_rows() -> None:
    solution, prediction = expressed()
    found, replicates = score([MSE, SKILL, GENES], solution, prediction)
    for score_, metric in zip(found[1:], (SKILL, GENES), strict=True):
        by_fold = []
        for f in range(2):
            at = solution.fold == f
            beside = {name: values[at] for name, values in solution.beside.items()}
            by_fold.append(value_of(metric, solution.truth[at], prediction[at], (), beside))
        assert (score_.fold_mean, score_.fold_sd) == pytest.approx((np.mean(by_fold), np.std(by_fold, ddof=1)))
        assert replicates[metric.name].shape == (REPLICATES,)
        assert score_.low is not None


def test_rows_without_what_a_metric_needs_have_no_score_of_it_and_the_others_stay() -> None:
    solution, prediction = expressed()
    (first, second), replicates = score([MSE, GENES], replace(solution, beside={}), prediction)
    assert first.value is not None
    assert second == Score("gene-pearson", None, version=1, reason="it needs the gene of every row, which this dataset does not have")
    assert set(replicates) == {"mse"}


def test_truth_and_predictions_alone_are_refused_by_a_metric_that_needs_more() -> None:
    solution, prediction = expressed()
    with pytest.raises(UsageError, match=r"^gene-pearson needs the gene of every row beside the truth.*genoboard submit"):
        value_of(GENES, solution.truth, prediction, ())
    with pytest.raises(UsageError, match=r"^skill needs the predictions of the split's null beside the truth"):
        value_of(SKILL, solution.truth, prediction, ())


def test_the_null_is_the_mean_of_each_folds_training_rows_by_code_and_their_grand_mean_where_a_code_is_new() -> None:
    y = np.array([1.0, 3.0, 5.0, 7.0, 100.0, 9.0])
    by = np.array([0, 0, 1, 1, 2, 0])
    folds = (Fold(np.array([0, 1, 2]), np.array([3, 4])), Fold(np.array([2, 3, 4]), np.array([0])))
    assert null(y, by, folds) == pytest.approx([(5 + 7 + 100) / 3, np.nan, np.nan, 5, 3, np.nan], nan_ok=True)
    assert null(y, None, folds) == pytest.approx([(5 + 7 + 100) / 3, np.nan, np.nan, 3, 3, np.nan], nan_ok=True)
