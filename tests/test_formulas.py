"""The formulas: their conventions, and scikit-learn and scipy where the definition is the same."""

from __future__ import annotations

import math
import re
import tracemalloc
from fractions import Fraction
from pkgutil import resolve_name
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from genoboard import formulas
from genoboard.errors import UndefinedScore
from genoboard.formulas import Formula
from genoboard.metrics import BUILTIN

Array = NDArray[Any]
MODULES = {m.formula.partition(":")[2]: m.formula.partition(":")[0] for m in BUILTIN}
NAMES = sorted({m.formula.partition(":")[2] for m in BUILTIN} | {"f1_binary", "brier", "ece"})
LABELS = ["accuracy", "balanced_accuracy", "f1_macro", "f1_micro", "f1_weighted", "mcc"]
VALUES = ["mse", "rmse", "mae", "rmsle", "r2", "pearson", "spearman"]


class Case(NamedTuple):
    """Rows as a formula takes them."""

    truth: Array
    prediction: Array
    k: int

    def rows(self, which: Array) -> Case:
        return Case(self.truth[which], self.prediction[which], self.k)


def formula(name: str) -> Formula:
    found: Formula = resolve_name(f"{MODULES.get(name, 'genoboard.formulas')}:{name}")
    return found


def score(name: str, truth: Any, prediction: Any, k: int = 0) -> float:
    return formula(name).score(np.array(truth), np.array(prediction), k)


def no_score(name: str, reason: str, truth: Any, prediction: Any, k: int = 0) -> None:
    """Assert that there is no score, for this reason, and no replicate either."""
    with pytest.raises(UndefinedScore, match=f"^{re.escape(reason)}$"):
        score(name, truth, prediction, k)
    n = len(truth)
    drawn = formula(name).replicates(np.array(truth), np.array(prediction), k, np.arange(n), np.ones((3, n)))
    assert np.isnan(drawn).all()


def columns(n: int, k: int) -> st.SearchStrategy[Array]:
    """Scores (n, k) with many ties."""
    return hnp.arrays(np.float64, (n, k), elements=st.integers(0, 6).map(lambda i: i / 8))


@st.composite
def classes(draw: st.DrawFn, k: int | None = None) -> tuple[Array, int]:
    """Codes in which every class occurs."""
    k = k or draw(st.integers(2, 5))
    codes = draw(st.lists(st.integers(0, k - 1), max_size=30))
    return np.array(draw(st.permutations([*range(k), *codes]))), k


@st.composite
def probabilities(draw: st.DrawFn) -> Case:
    """Codes and probabilities (n, k) whose rows sum to 1."""
    truth, k = draw(classes())
    raw = draw(columns(len(truth), k)) + 1 / 16
    return Case(truth, raw / raw.sum(axis=1, keepdims=True), k)


@st.composite
def labels(draw: st.DrawFn, k: int | None = None) -> Case:
    """Codes, of which some classes may never occur, and predicted codes."""
    k = k or draw(st.integers(2, 5))
    pairs = np.array(draw(st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), min_size=1, max_size=30)))
    return Case(pairs[:, 0].copy(), pairs[:, 1].copy(), k)


@st.composite
def binary_scores(draw: st.DrawFn) -> Case:
    truth, _ = draw(classes(2))
    return Case(truth, draw(columns(len(truth), 1))[:, 0], 2)


@st.composite
def multilabel(draw: st.DrawFn) -> Case:
    (first, _), k = draw(classes(2)), draw(st.integers(1, 3))
    others = [draw(st.permutations(first.tolist())) for _ in range(k - 1)]
    return Case(np.array([first, *others], np.float64).T, draw(columns(len(first), k)), k)


@st.composite
def values(draw: st.DrawFn) -> Case:
    """Truth and predictions (n,) from 0 up, tied, neither constant."""
    n = draw(st.integers(2, 30))
    truth, prediction = draw(columns(n, 2)).T
    return Case(np.append(truth, [0.125, 3.5]), np.append(prediction, [0.25, 1.75]), 0)


@st.composite
def beside_a_null(draw: st.DrawFn) -> Case:
    """Truth with the null's predictions beside it (n, 2), and predictions (n,)."""
    case = draw(values())
    null = draw(st.permutations(case.prediction.tolist()))
    return Case(np.stack([case.truth, null], axis=1), case.prediction, 0)


def case_for(name: str) -> st.SearchStrategy[Case]:
    if name in LABELS:
        return labels()
    if name in VALUES:
        return values()
    if name in {"auroc", "auprc"}:
        return st.one_of(probabilities(), binary_scores(), multilabel())
    return {"f1_binary": labels(2), "log_loss": binary_scores(), "skill": beside_a_null()}.get(name, probabilities())


# What holds for every formula


def test_every_built_in_metric_has_its_formula() -> None:
    for name in NAMES:
        assert callable(formula(name).score), name
        assert callable(formula(name).replicates), name


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_drawing_every_group_once_gives_the_score(name: str, data: st.DataObject) -> None:
    case = data.draw(case_for(name))
    group = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(case.truth), max_size=len(case.truth))))
    drawn = formula(name).replicates(*case, group, np.ones((2, 4)))
    assert drawn == pytest.approx(formula(name).score(*case), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_replicate_is_the_score_of_the_rows_drawn(name: str, data: st.DataObject) -> None:
    case = data.draw(case_for(name))
    group = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(case.truth), max_size=len(case.truth))))
    weights = data.draw(hnp.arrays(np.int64, (3, 4), elements=st.integers(0, 3)))
    drawn = formula(name).replicates(*case, group, weights.astype(np.float64))
    for times, value in zip(weights, drawn, strict=True):
        again = case.rows(np.repeat(np.arange(len(case.truth)), times[group]))
        try:
            assert value == pytest.approx(formula(name).score(*again), rel=1e-9, abs=1e-9)
        except UndefinedScore:
            assert math.isnan(value)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_a_score_keeps_to_the_range_of_its_card(name: str, data: st.DataObject) -> None:
    value = formula(name).score(*data.draw(case_for(name)))
    low, high = {m.formula.partition(":")[2]: (m.low, m.high) for m in BUILTIN}.get(name, (0.0, 2.0))
    assert low <= value <= high


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_have_no_score(name: str) -> None:
    empty = np.zeros((0, 2)) if name not in LABELS + VALUES else np.zeros(0)
    no_score(name, "there are no rows to score", np.zeros(0), empty, 2)


@pytest.mark.parametrize("name", ["multiclass_log_loss", "log_loss", "brier", "ece", "auroc", "auprc"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_prediction_that_is_not_finite_has_no_score(name: str, bad: float) -> None:
    no_score(name, "the prediction is NaN or infinite in 1 of 3 rows", [0, 1, 0], [[0.5, 0.5], [bad, bad], [0.5, 0.5]], 2)


@pytest.mark.parametrize("name", VALUES)
def test_neither_side_of_a_regression_may_be_nan(name: str) -> None:
    no_score(name, "the truth is NaN or infinite in 2 of 3 rows", [np.nan, 1.0, np.inf], [1.0, 2.0, 3.0])
    no_score(name, "the prediction is NaN or infinite in 1 of 3 rows", [1.0, 2.0, 3.0], [1.0, np.nan, 3.0])


@pytest.mark.parametrize("name", ["mse", "rmse"])
def test_a_score_beyond_float64_is_refused_rather_than_infinite(name: str) -> None:
    no_score(name, "the score is too large for float64", [1e200, 0.0], [-1e200, 0.0])


@pytest.mark.parametrize("name", LABELS)
def test_a_code_outside_the_label_set_is_a_mistake_of_the_caller(name: str) -> None:
    with pytest.raises(ValueError, match="prediction: class codes reach from 0 to 3, but there are 3 classes"):
        score(name, [0, 1, 2], [0, 1, 3], 3)
    with pytest.raises(ValueError, match="truth: class codes reach from -1 to 2, but there are 3 classes"):
        score(name, [-1, 1, 2], [0, 1, 2], 3)


@pytest.mark.parametrize("name", LABELS)
def test_probabilities_are_not_taken_for_labels(name: str) -> None:
    with pytest.raises(TypeError):
        score(name, [0, 1], [0.2, 0.9], 2)


# Log loss, Brier, ECE


@given(case=probabilities())
def test_log_loss_agrees_with_scikit_learn(case: Case) -> None:
    expected = sk.log_loss(case.truth, case.prediction, labels=range(case.k))
    assert formulas.multiclass_log_loss.score(*case) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(case=binary_scores())
def test_binary_log_loss_is_that_of_two_classes(case: Case) -> None:
    both = np.stack([1 - case.prediction, case.prediction], axis=1)
    value = formulas.log_loss.score(*case)
    assert value == formulas.log_loss.score(case.truth, both, 2) == formulas.multiclass_log_loss.score(case.truth, both, 2)
    inside = np.clip(case.prediction, 1e-15, 1 - 1e-15)
    assert value == pytest.approx(sk.log_loss(case.truth, inside), rel=1e-12, abs=1e-12)


def test_rows_are_rescaled_before_they_are_clipped() -> None:
    expected = -(math.log(0.4) + math.log(0.6)) / 2
    assert score("multiclass_log_loss", [0, 1], [[0.2, 0.3], [0.2, 0.3]], 2) == pytest.approx(expected, rel=1e-15)
    # clipping first would leave the tiny row as two equal probabilities
    assert score("multiclass_log_loss", [0], [[1e-20, 3e-20]], 2) == pytest.approx(-math.log(0.25), rel=1e-15)


def test_certainty_costs_what_the_clip_allows() -> None:
    assert score("multiclass_log_loss", [1], [[1.0, 0.0]], 2) == -math.log(1e-15)
    assert score("multiclass_log_loss", [0], [[7.0, 0.0]], 2) == -math.log(1 - 1e-15)
    assert score("log_loss", [0, 1], [1.0, 0.0], 2) == -math.log(1e-15)


def test_uniform_over_nine_classes_is_ln_9() -> None:
    assert score("multiclass_log_loss", range(9), np.full((9, 9), 1 / 9), 9) == pytest.approx(math.log(9), rel=1e-15)


@pytest.mark.parametrize("name", ["multiclass_log_loss", "brier", "ece"])
def test_a_row_that_sums_to_0_has_no_score(name: str) -> None:
    reason = "the probabilities of a row sum to 0, so they cannot be rescaled to 1"
    no_score(name, reason, [0, 1, 2], [[0.5, 0.5, 0], [0, 0, 0], [0, 0, 1]], 3)
    no_score(name, reason, [0, 1], [[0.5, 0.5], [1.0, -1.0]], 2)


@given(case=probabilities())
def test_brier_agrees_with_scikit_learn(case: Case) -> None:
    expected = sk.brier_score_loss(case.truth, case.prediction, labels=list(range(case.k)), scale_by_half=False)
    assert formulas.brier.score(*case) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    doubled = formulas.brier.score(case.truth, 2 * case.prediction, case.k)
    assert doubled == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_ece_bins_are_closed_on_the_right() -> None:
    # a hit of .3 and a miss of 5/15 share a bin, where their gaps cancel; just above 5/15 the next bin begins
    hit, edge = [0.3, 0.28, 0.22, 0.2], 5 / 15
    assert score("ece", [0, 1], [hit, [edge, 0.3, 0.2, 0.5 - edge]], 4) == pytest.approx(abs((0.3 - 1) + edge) / 2)
    over = edge + 1e-9
    assert score("ece", [0, 1], [hit, [over, 0.3, 0.2, 0.5 - over]], 4) == pytest.approx(((1 - 0.3) + edge) / 2)


def test_ece_is_the_gap_between_confidence_and_hits() -> None:
    rows = [[0.9, 0.1]] * 10
    assert score("ece", [0] * 9 + [1], rows, 2) == pytest.approx(0.0, abs=1e-15)
    assert score("ece", [0] * 5 + [1] * 5, rows, 2) == pytest.approx(0.4)
    assert score("ece", [0] * 5 + [1] * 5, np.full(10, 0.1), 2) == pytest.approx(0.4)


# Labels


@pytest.mark.filterwarnings("ignore:A single label was found")  # matthews_corrcoef takes no label set
@given(case=labels())
def test_label_formulas_agree_with_scikit_learn(case: Case) -> None:
    truth, predicted, k = case
    fixed: dict[str, Any] = {"labels": range(k), "zero_division": 0}
    expected = {
        "accuracy": sk.accuracy_score(truth, predicted),
        "f1_macro": sk.f1_score(truth, predicted, average="macro", **fixed),
        "f1_micro": sk.f1_score(truth, predicted, average="micro", **fixed),
        "f1_weighted": sk.f1_score(truth, predicted, average="weighted", **fixed),
        "balanced_accuracy": sk.recall_score(truth, predicted, average="macro", labels=np.unique(truth), zero_division=0),
        "mcc": sk.matthews_corrcoef(truth, predicted),
    }
    assert {name: formula(name).score(*case) for name in LABELS} == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(case=labels(2))
def test_binary_f1_is_that_of_class_1(case: Case) -> None:
    expected = sk.f1_score(case.truth, case.prediction, zero_division=0)
    assert formulas.f1_binary.score(*case) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_class_that_never_occurs_counts_0_in_macro_f1() -> None:
    assert score("f1_macro", [0, 1], [0, 1], 2) == 1.0
    assert score("f1_macro", [0, 1], [0, 1], 4) == 0.5
    assert score("f1_weighted", [0, 1], [0, 1], 4) == 1.0


def test_balanced_accuracy_leaves_out_classes_without_rows() -> None:
    assert score("balanced_accuracy", [0, 0, 1, 1], [0, 2, 1, 1], 3) == 0.75


@pytest.mark.parametrize(("truth", "predicted"), [([1, 1, 1], [0, 1, 2]), ([0, 1, 2], [1, 1, 1]), ([1, 1], [1, 1])])
def test_mcc_of_a_constant_side_is_0(truth: list[int], predicted: list[int]) -> None:
    assert score("mcc", truth, predicted, 3) == 0.0


# AUROC and average precision


def by_pairs(positive: Array, scores: Array) -> float:
    """AUROC by its definition, pair by pair."""
    won, lost = scores[positive][:, None], scores[~positive][None, :]
    return float(((won > lost) + 0.5 * (won == lost)).mean())


@given(case=probabilities())
def test_macro_ranking_formulas_agree_with_scikit_learn(case: Case) -> None:
    truth, rows, k = case
    one_hot = np.eye(k)[truth]
    # scikit-learn wants the single column of a binary task
    expected = sk.roc_auc_score(truth, rows, multi_class="ovr") if k > 2 else sk.roc_auc_score(truth, rows[:, 1])
    assert formulas.auroc.score(*case) == pytest.approx(expected, rel=1e-12)
    assert formulas.auprc.score(*case) == pytest.approx(sk.average_precision_score(one_hot, rows), rel=1e-12)


@given(case=binary_scores())
def test_binary_ranking_formulas_agree_with_scikit_learn(case: Case) -> None:
    assert formulas.auroc.score(*case) == pytest.approx(sk.roc_auc_score(*case[:2]), rel=1e-12, abs=1e-12)
    assert formulas.auprc.score(*case) == pytest.approx(sk.average_precision_score(*case[:2]), rel=1e-12)


@given(case=multilabel())
def test_multilabel_ranking_formulas_are_the_mean_over_columns(case: Case) -> None:
    assert formulas.auroc.score(*case) == pytest.approx(sk.roc_auc_score(*case[:2]), rel=1e-12, abs=1e-12)
    assert formulas.auprc.score(*case) == pytest.approx(sk.average_precision_score(*case[:2]), rel=1e-12)


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(winners=st.lists(FINITE, min_size=1, max_size=10), losers=st.lists(FINITE, min_size=1, max_size=10))
def test_auroc_takes_any_finite_score(winners: list[float], losers: list[float]) -> None:
    positive = np.repeat([True, False], [len(winners), len(losers)])
    expected = by_pairs(positive, np.array(winners + losers))
    assert score("auroc", positive.astype(int), winners + losers, 2) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("scale", [1.0, -1.0, 1e300, 1e-300])
def test_auroc_tells_scores_apart_that_differ_in_the_last_bit(scale: float) -> None:
    rng = np.random.default_rng(7)
    steps = rng.integers(0, 40, 600)
    # most rows share their leading bits with many others; two outliers stretch the range that these bits must cover
    scores = np.append(scale * (1 + steps * np.finfo(float).eps), [0.0, -0.0, 3 * scale, -3 * scale])
    positive = np.append(rng.random(600) < 0.3, [True, False, False, True])
    assert score("auroc", positive.astype(int), scores, 2) == pytest.approx(by_pairs(positive, scores), rel=1e-12)
    assert score("auprc", positive.astype(int), scores, 2) == pytest.approx(sk.average_precision_score(positive, scores), rel=1e-12)


def test_a_tie_counts_half() -> None:
    assert score("auroc", [0, 1], [0.5, 0.5], 2) == 0.5
    assert score("auroc", [0, 1, 1], [0.5, 0.5, 0.7], 2) == 0.75
    assert score("auroc", [0, 1], [0.0, -0.0], 2) == 0.5


def test_auroc_of_an_absent_class_names_it() -> None:
    rows = np.full((4, 9), 1 / 9)
    no_score("auroc", "class 3 of 9 does not occur in the truth (counting from 0)", [0, 1, 2, 4], rows, 9)
    no_score("auprc", "class 3 of 9 does not occur in the truth (counting from 0)", [0, 1, 2, 4], rows, 9)


def test_auroc_of_one_class_alone_names_it() -> None:
    alone, absent = (f"class 1 of 2 {what} the truth (counting from 0)" for what in ("is that of every row of", "does not occur in"))
    no_score("auroc", alone, [1, 1], [0.2, 0.3], 2)
    no_score("auroc", absent, [0, 0], [0.2, 0.3], 2)
    no_score("auprc", absent, [0, 0], [0.2, 0.3], 2)
    no_score("auroc", alone, [[0.0, 1.0], [1.0, 1.0]], [[0.2, 0.3], [0.1, 0.4]], 2)
    assert score("auprc", [1, 1], [0.2, 0.3], 2) == 1.0


def test_a_resample_that_lost_a_class_has_no_auroc() -> None:
    drawn = formulas.auroc.replicates(
        np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), 2, np.array([0, 0, 1, 2]), np.array([[1.0, 1, 1], [3, 0, 0], [0, 2, 1]])
    )
    assert drawn[0] == 0.75
    assert np.isnan(drawn[1:]).all()


def test_resampling_a_ranking_takes_bounded_memory() -> None:
    rng = np.random.default_rng(3)
    n, resamples = 4_000, 2_000  # the weights of single rows would fill 64 MB
    truth, scores, group = rng.integers(0, 2, n), rng.random(n), rng.integers(0, 20, n)
    tracemalloc.start()
    formulas.auroc.replicates(truth, scores, 2, group, rng.multinomial(20, np.full(20, 0.05), resamples).astype(float))
    formulas.spearman.replicates(truth.astype(float), scores, 0, group, rng.multinomial(20, np.full(20, 0.05), resamples).astype(float))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6


# Regression


@given(case=values())
def test_regression_formulas_agree_with_scikit_learn_and_scipy(case: Case) -> None:
    truth, predicted, _ = case
    expected = {
        "mse": sk.mean_squared_error(truth, predicted),
        "rmse": sk.root_mean_squared_error(truth, predicted),
        "mae": sk.mean_absolute_error(truth, predicted),
        "rmsle": sk.root_mean_squared_log_error(truth, predicted),
        "r2": sk.r2_score(truth, predicted),
        "pearson": scipy.stats.pearsonr(truth, predicted).statistic,
        "spearman": scipy.stats.spearmanr(truth, predicted).statistic,
    }
    assert {name: formula(name).score(*case) for name in VALUES} == pytest.approx(expected, rel=1e-12, abs=1e-12)


def exactly(truth: Array, predicted: Array) -> tuple[float, float]:
    """R2 and Pearson's r in rational arithmetic."""
    x, y = [Fraction(v) for v in truth], [Fraction(v) for v in predicted]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    xx, yy = sum((v - mx) ** 2 for v in x), sum((v - my) ** 2 for v in y)
    xy = sum((v - mx) * (w - my) for v, w in zip(x, y, strict=True))
    errors = sum((v - w) ** 2 for v, w in zip(x, y, strict=True))
    return float(1 - errors / xx), float(xy) / math.sqrt(xx * yy)


@pytest.mark.parametrize(("mean", "spread"), [(1e6, 1.0), (1e6, 1e-3), (-1e9, 1.0), (1e12, 1e-2)])
def test_small_spreads_about_large_means_do_not_cancel(mean: float, spread: float) -> None:
    rng = np.random.default_rng(5)
    truth = mean + spread * rng.normal(size=60)
    predicted = truth + spread * rng.normal(size=60)
    r2, r = exactly(truth, predicted)
    assert score("r2", truth, predicted) == pytest.approx(r2, rel=1e-9)
    assert score("pearson", truth, predicted) == pytest.approx(r, rel=1e-9)
    group, once = np.arange(60) // 20, np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])
    drawn = np.r_[20:40, 20:40, 40:60]
    again_r2, again_r = exactly(truth[drawn], predicted[drawn])
    assert formulas.r2.replicates(truth, predicted, 0, group, once) == pytest.approx([r2, again_r2], rel=1e-9)
    assert formulas.pearson.replicates(truth, predicted, 0, group, once) == pytest.approx([r, again_r], rel=1e-9)


def test_a_resample_far_from_the_rest_keeps_its_own_spread() -> None:
    rng = np.random.default_rng(6)
    truth = np.append(rng.normal(size=20), 1e7 + rng.normal(size=20))
    predicted = truth + rng.normal(size=40)
    group, weights = np.repeat([0, 1], 20), np.array([[2.0, 0.0], [0.0, 2.0]])
    expected = np.array([exactly(truth[:20], predicted[:20]), exactly(truth[20:], predicted[20:])])
    assert formulas.r2.replicates(truth, predicted, 0, group, weights) == pytest.approx(expected[:, 0], rel=1e-9)
    assert formulas.pearson.replicates(truth, predicted, 0, group, weights) == pytest.approx(expected[:, 1], rel=1e-9)


CONSTANT = "needs truth and predictions that are not constant, over at least two rows"


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e9 / 3])
@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_a_constant_has_neither_r2_nor_correlation(constant: float, n: int) -> None:
    same, other = np.full(n, constant), np.arange(n, dtype=float)
    no_score("r2", "R2 needs a truth that is not constant, over at least two rows", same, other)
    for truth, predicted in [(same, other), (other, same)]:
        no_score("pearson", f"Pearson's r {CONSTANT}", truth, predicted)
        no_score("spearman", f"Spearman's rho {CONSTANT}", truth, predicted)


@pytest.mark.parametrize("name", ["r2", "pearson", "spearman"])
@pytest.mark.parametrize("constant", [0.1, -1e9 / 3, 2e-7])
@pytest.mark.parametrize("sizes", [(1, 1, 2), (1000, 7, 3), (30_011, 1, 5)])
def test_a_resample_of_one_value_has_none_either(name: str, constant: float, sizes: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(8)
    truth = np.append(np.full(sizes[0] + sizes[1], constant), constant * rng.normal(size=sizes[2]))
    weights = np.array([[1.0, 3, 0], [1, 1, 1], [2, 0, 0], [0, 5, 0]])
    drawn = formula(name).replicates(truth, rng.normal(size=len(truth)), 0, np.repeat([0, 1, 2], sizes), weights)
    assert np.isnan(drawn).tolist() == [True, False, True, True]


def test_rmsle_of_a_value_below_0_is_undefined() -> None:
    reason = "RMSLE has no value where the truth or a prediction is below 0"
    no_score("rmsle", reason, [1.0, 2.0], [1.0, -0.5])
    no_score("rmsle", reason, [-1.0, 2.0], [1.0, 0.5])
    assert score("rmsle", [0.0, math.e - 1], [0.0, 0.0]) == pytest.approx(math.sqrt(0.5))
