"""Profiles: skill and medians of r, against plain loops; and the null that is fitted on training rows alone."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import genoboard
from genoboard import DataError, Dataset, DataSource, Metric, Split, Task, UndefinedScore, UsageError, hookimpl, scoring
from genoboard.competition import Competition
from genoboard.metrics import BUILTIN
from genoboard.plugins import load_plugins
from genoboard.profiles import median_pearson, skill
from genoboard.solution import score_file

Array = NDArray[Any]
NO_UNIT = "none of the units has a truth that varies over at least 3 rows"


# The definitions, in plain loops


def slow_r(truth: Array, prediction: Array) -> float:
    """Return a unit's r: 0 for a constant prediction, NaN for a constant truth or fewer than 3 rows."""
    if len(truth) < 3 or np.ptp(truth) <= 1e-12:
        return math.nan
    if np.ptp(prediction) <= 1e-12:
        return 0.0
    return float(np.corrcoef(truth, prediction)[0, 1])


def slow_median(truth: Array, prediction: Array, unit: Array) -> float:
    found = [slow_r(truth[unit == u], prediction[unit == u]) for u in np.unique(unit)]
    defined = [r for r in found if not math.isnan(r)]
    return float(np.median(defined)) if defined else math.nan


def slow_replicate(truth: Array, prediction: Array, unit: Array, group: Array, times: Array) -> float:
    """Score the rows of the clusters drawn; a unit that lies in one cluster becomes another unit in each copy of it."""
    rows, units = [], []
    for g, drawn in enumerate(times):
        for copy in range(int(drawn)):
            for i in np.flatnonzero(group == g):
                lies_in_one = len(np.unique(group[unit == unit[i]])) == 1
                rows.append(i)
                units.append((int(unit[i]), copy if lies_in_one else 0))
    if not rows:
        return math.nan
    codes = np.array([sorted(set(units)).index(u) for u in units])
    return slow_median(truth[rows], prediction[rows], codes)


def beside(truth: Array, more: Array) -> Array:
    return np.stack([truth, more], axis=1).astype(np.float64)


def score(truth: Array, prediction: Array, unit: Array) -> float:
    return median_pearson.score(beside(truth, unit), prediction, 0)


@st.composite
def tables(draw: st.DrawFn, most: int = 60) -> tuple[Array, Array, Array, Array]:
    """Truth, prediction, unit and cluster; numbers have few values, so that constants are common."""
    n = draw(st.integers(1, most))

    def ints(high: int) -> Array:
        return np.array(draw(st.lists(st.integers(0, high), min_size=n, max_size=n)))

    scale, shift = draw(st.sampled_from([1.0, 0.1, 1e-3])), draw(st.sampled_from([0.0, 0.7, -3.1]))
    unit, cluster = ints(7), ints(3)
    if draw(st.booleans()):
        cluster = unit % 4  # each unit lies in one cluster
    elif draw(st.booleans()):
        cluster = np.where(unit < 3, unit, cluster)  # some do
    return ints(draw(st.integers(0, 3))) * scale + shift, ints(draw(st.integers(0, 3))) * 0.3 + 0.1, unit, cluster


# Medians of r


@given(table=tables())
@settings(max_examples=200, deadline=None)
def test_the_score_is_the_median_over_units_of_their_r(table: tuple[Array, Array, Array, Array]) -> None:
    truth, prediction, unit, _ = table
    expected = slow_median(truth, prediction, unit)
    if math.isnan(expected):
        with pytest.raises(UndefinedScore, match=f"^{NO_UNIT}$"):
            score(truth, prediction, unit)
    else:
        assert score(truth, prediction, unit) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(table=tables(), weights=st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_replicate_is_the_score_of_the_rows_drawn(table: tuple[Array, Array, Array, Array], weights: list[list[int]]) -> None:
    truth, prediction, unit, cluster = table
    drawn = median_pearson.replicates(beside(truth, unit), prediction, 0, cluster, np.array(weights, np.float64))
    expected = [slow_replicate(truth, prediction, unit, cluster, np.array(times)) for times in weights]
    assert drawn == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("spread", [1.0, 1e-3])
@pytest.mark.parametrize("clusters", ["gene", "cell", "row"])
def test_replicates_of_a_matrix_are_those_of_plain_loops(clusters: str, spread: float) -> None:
    rng = np.random.default_rng(2)
    gene, cell = np.divmod(np.arange(240), 12)
    truth = 1e3 * rng.normal(size=20)[gene] + 50 * rng.normal(size=4)[cell // 3] + spread * rng.normal(size=240)
    prediction = truth + spread * rng.normal(size=240)
    cluster = {"gene": gene % 5, "cell": cell // 3, "row": rng.permutation(240) % 60}[clusters]
    groups = int(cluster.max()) + 1
    weights = np.append(rng.multinomial(groups, np.full(groups, 1 / groups), 12), groups * np.eye(groups, dtype=np.int64)[:2], axis=0)
    for unit in (gene, cell):
        drawn = median_pearson.replicates(beside(truth, unit), prediction, 0, cluster, weights.astype(np.float64))
        expected = [slow_replicate(truth, prediction, unit, cluster, times) for times in weights]
        assert drawn == pytest.approx(expected, rel=1e-7, abs=1e-7, nan_ok=True)


@given(table=tables(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_changes_nothing(table: tuple[Array, Array, Array, Array], seed: int) -> None:
    truth, prediction, unit, cluster = table
    order = np.random.default_rng(seed).permutation(len(truth))
    weights = np.array([[1.0, 1, 1, 1], [2, 0, 1, 1], [0, 3, 1, 0]])
    one = median_pearson.replicates(beside(truth, unit), prediction, 0, cluster, weights)
    two = median_pearson.replicates(beside(truth, unit)[order], prediction[order], 0, cluster[order], weights)
    assert one == pytest.approx(two, abs=1e-9, nan_ok=True)


@given(seed=st.integers(0, 1000), scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3))
@settings(max_examples=60, deadline=None)
def test_r_knows_neither_scale_nor_level_of_a_prediction_but_its_sign(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(9), 7)
    truth, prediction = rng.normal(size=(2, 63))
    value = score(truth, prediction, unit)
    assert score(truth, scale * (prediction + rng.normal(size=9)[unit]), unit) == pytest.approx(value, abs=1e-6)
    assert score(truth, prediction / scale + shift / scale, unit) == pytest.approx(value, abs=1e-6)
    assert score(truth, -prediction, unit) == pytest.approx(-value, abs=1e-12)
    assert score(truth, truth, unit) == pytest.approx(1.0, abs=1e-12)


def test_a_constant_prediction_counts_as_r_0_and_is_never_left_out() -> None:
    rng = np.random.default_rng(1)
    unit = np.repeat(np.arange(5), 4)
    truth = rng.normal(size=20)
    means = np.array([0.1, 1 / 3, -7e8, 0.0, 1e-9])[unit]
    assert score(truth, means, unit) == 0.0
    assert score(truth, np.where(unit < 3, means, truth), unit) == 0.0, "three of the five are constant"
    assert score(truth, np.where(unit < 2, means, truth), unit) == pytest.approx(1.0)
    jitter = means * (1 + 1e-16 * rng.integers(-2, 3, 20))
    assert score(truth, jitter, unit) == 0.0, "what differs by rounding is constant"
    group = np.arange(20) % 4 // 2
    drawn = median_pearson.replicates(beside(truth, unit), jitter, 0, group, np.array([[1.0, 1], [2, 0], [0, 2]]))
    assert drawn.tolist() == [0.0, 0.0, 0.0]


def test_a_prediction_that_is_constant_in_the_clusters_drawn_alone_counts_0_there() -> None:
    rng = np.random.default_rng(3)
    gene, cell = np.divmod(np.arange(60), 6)
    lineage = cell // 3
    truth = rng.normal(size=60)
    by_lineage = np.array([0.1, 1e6 / 3])[lineage]
    drawn = median_pearson.replicates(beside(truth, gene), by_lineage, 0, lineage, np.array([[1.0, 1], [2, 0], [0, 2]]))
    assert drawn[0] != 0.0
    assert drawn[1:].tolist() == [0.0, 0.0]


def test_units_of_a_constant_truth_or_of_two_rows_are_left_out() -> None:
    unit = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    truth = np.array([0.1, 0.1, 0.1, 1, 2, 1, 2, 3])
    assert score(truth, np.arange(8.0), unit) == pytest.approx(1.0)
    for rows in (slice(0, 3), slice(3, 5), slice(0, 5)):
        with pytest.raises(UndefinedScore, match=NO_UNIT):
            score(truth[rows], np.arange(8.0)[rows], unit[rows])


def test_a_gene_comes_as_often_as_its_chromosome_and_once_where_lineages_are_drawn() -> None:
    unit = np.repeat([0, 1, 2], 4)
    truth = np.tile([0.0, 1, 2, 3], 3)
    prediction = np.concatenate([[0.0, 1, 2, 3], [0.0, 1, 0, 1], [3.0, 2, 1, 0]])
    one, middle, least = 1.0, float(np.corrcoef(truth[:4], prediction[4:8])[0, 1]), -1.0
    chromosome = np.array([0, 1, 2])[unit]
    drawn = median_pearson.replicates(
        beside(truth, unit), prediction, 0, chromosome, np.array([[1.0, 1, 1], [2, 1, 0], [1, 0, 1], [0, 0, 3]])
    )
    assert drawn == pytest.approx([middle, one, (one + least) / 2, least])
    lineage = np.tile([0, 0, 1, 1], 3)
    twice = median_pearson.replicates(beside(truth, unit), prediction, 0, lineage, np.array([[1.0, 1], [2, 2]]))
    assert twice == pytest.approx([middle, middle])


def test_resampling_units_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genoboard.profiles.MOST", 1 << 18)
    rng = np.random.default_rng(3)
    gene, cell = np.divmod(np.arange(2_000 * 6), 6)
    truth, prediction = rng.normal(size=(2, len(gene)))
    weights = rng.multinomial(6, np.full(6, 1 / 6), 1_000).astype(float)  # 16 MB of correlations
    tracemalloc.start()
    drawn = median_pearson.replicates(beside(truth, gene), prediction, 0, cell, weights)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6  # 31 MiB of it to keep the C library's blocks
    monkeypatch.undo()
    assert np.array_equal(drawn, median_pearson.replicates(beside(truth, gene), prediction, 0, cell, weights), equal_nan=True)


# Skill


@given(seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_skill_is_0_for_the_null_itself_1_for_the_truth_and_in_between_a_ratio_of_errors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, null, prediction = rng.normal(size=(3, 30))
    assert skill.score(beside(truth, null), null, 0) == 0.0
    assert skill.score(beside(truth, null), truth, 0) == 1.0
    expected = 1 - np.mean((truth - prediction) ** 2) / np.mean((truth - null) ** 2)
    assert skill.score(beside(truth, null), prediction, 0) == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3])
def test_a_null_without_error_leaves_no_skill(value: float) -> None:
    truth = np.full(7, value)
    for null in (truth, truth * (1 + 1e-16), truth * (1 - 1e-16)):
        with pytest.raises(UndefinedScore, match="skill has no value where the split's null makes no error"):
            skill.score(beside(truth, null), truth + 1, 0)
    drawn = skill.replicates(beside(np.append(truth, value + 1), np.full(8, value)), truth[0] + np.arange(8.0), 0, np.arange(8), np.eye(8))
    assert np.isnan(drawn).tolist() == [True] * 7 + [False]


# Through a competition: 6 genes in 8 cells of 4 lineages, the target a sum of both


def panel() -> Dataset:
    rng = np.random.default_rng(7)
    gene, cell = np.divmod(np.arange(48), 8)
    index = pd.Index([f"g{g}-c{c}" for g, c in zip(gene, cell, strict=True)], dtype="str")
    y = 5 * rng.normal(size=6)[gene] + rng.normal(size=8)[cell] + 0.1 * rng.normal(size=48)
    groups = pd.DataFrame({"gene": gene, "chromosome": gene // 2, "cell": cell, "lineage": cell // 2}, index=index).astype("str")
    return Dataset(pd.DataFrame({"x": y.astype(np.float32)}, index=index), pd.Series(y, index=index), groups)


def poisoned() -> Dataset:
    """The same, where the targets of lineage 3, which the split ``last`` tests on, are absurd."""
    data = panel()
    return replace(data, y=data.y.mask(data.groups["lineage"] == "3", 1e6))


def last_lineage(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    tested = rows["lineage"] == "3"
    return [(list(rows.index[~tested]), list(rows.index[tested]))]


def lineages(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    return [(list(rows.index[rows["lineage"] != str(k)]), list(rows.index[rows["lineage"] == str(k)])) for k in range(4)]


def by(name: str, beside: str) -> Metric:
    return Metric(name, "genoboard.profiles:median_pearson", "max", -1.0, 1.0, "values", "median of r", beside=beside)


CELLS = Split(
    "cells", "Does it work in cells of another lineage?", "gene mean", "lineage", rule=f"{__name__}:lineages",
    baseline="gene", cross_validated=True,
)  # fmt: skip
EXPRESSION = Task(
    "panel", "Panel", "a task for tests", "tabular", "regression",
    sources=tuple(DataSource(n, "few genes", generate=f"{__name__}:{n}") for n in ("panel", "poisoned")),
    splits=(
        CELLS,
        replace(CELLS, name="last", rule=f"{__name__}:last_lineage"),
        Split("chromosomes", "And for other genes?", "cell mean", "chromosome", folds=3, stratified=False, baseline="cell"),
        Split("both", "And for others of both?", "grand mean", "lineage", folds=4, stratified=False),
        Split("new", "And where the null has seen none of them?", "gene mean", "gene", folds=3, stratified=False, baseline="gene"),
        Split("lost", "And by what is not there?", "tissue mean", "lineage", folds=4, stratified=False, baseline="tissue"),
    ),
    metrics=("mse", "skill", by("gene-pearson", "gene"), by("cell-pearson", "cell"), by("tissue-pearson", "tissue")),
)  # fmt: skip


class Panel:
    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return (EXPRESSION, replace(EXPRESSION, name="plain", metrics=("mse", "r2")))


def compete(workspace: Path, split: str, data: str = "panel", task: str = "panel") -> Competition:
    return Competition.open(task, split, data, workspace, load_plugins(extra=[Panel()]))


def slow_null(competition: Competition, column: str | None) -> list[float]:
    """Return the null's predictions of the test rows, by loops over folds and rows."""
    rows, found = competition.data.rows, {}
    for fold in competition.folds:
        train = rows.iloc[fold.train]
        for at in fold.test:
            alike = train if column is None else train[train[column] == rows[column].iloc[at]]
            found[at] = (alike if len(alike) else train)["y"].mean()
    return [found[at] for at in competition.test]


@pytest.mark.parametrize(
    ("split", "column"), [("cells", "gene"), ("last", "gene"), ("chromosomes", "cell"), ("both", None), ("new", "gene")]
)
def test_the_null_is_the_mean_of_each_folds_training_rows(tmp_path: Path, split: str, column: str | None) -> None:
    competition = compete(tmp_path, split)
    assert competition.solution.beside["null"] == pytest.approx(slow_null(competition, column), rel=1e-12)
    if split == "new":
        assert len(set(competition.solution.beside["null"])) == 1, "a gene that training lacks gets the grand mean"


def test_no_target_of_a_test_row_enters_the_null(tmp_path: Path) -> None:
    clean, poison = (compete(tmp_path, "last", data).solution for data in ("panel", "poisoned"))
    assert not np.array_equal(np.sort(clean.truth), np.sort(poison.truth))
    assert np.array_equal(np.sort(clean.beside["null"]), np.sort(poison.beside["null"]))


def test_only_what_the_metrics_ask_for_is_kept_beside_the_truth(tmp_path: Path) -> None:
    solution = compete(tmp_path, "cells").solution
    assert set(solution.beside) == {"gene", "cell", "null"}
    assert all(len(values) == len(solution.truth) for values in solution.beside.values())
    assert compete(tmp_path, "cells", task="plain").solution.beside == {}


def test_beside_the_truth_stand_the_codes_of_the_rows_and_the_folds_that_predicted_them(tmp_path: Path) -> None:
    competition = compete(tmp_path, "cells")
    code, fold = competition.solution.beside["gene"].T
    assert code.tolist() == competition.data.rows["gene"].iloc[competition.test].astype(int).tolist()
    assert fold.tolist() == competition.solution.fold.tolist()


def test_the_mean_of_a_gene_in_training_says_nothing_of_its_profile(tmp_path: Path) -> None:
    # left out fold by fold, a gene's training mean is low where the gene is high: without care the null would score far below 0
    competition = compete(tmp_path, "cells")
    for null in (slow_null(competition, "gene"), slow_null(competition, None)):
        scores = {s.metric: s.value for s in scoring.score(competition.metrics, competition.solution, np.array(null))[0]}
        assert scores["gene-pearson"] == 0
    truth = {s.metric: s.value for s in scoring.score(competition.metrics, competition.solution, competition.solution.truth)[0]}
    assert truth["gene-pearson"] == pytest.approx(1, abs=1e-12)


def test_an_entry_has_skill_and_profiles_and_a_reason_where_the_dataset_lacks_a_group(tmp_path: Path) -> None:
    competition = compete(tmp_path, "cells")
    entry = genoboard.evaluate(competition, "grand-mean")
    assert entry.verdict == "ok", entry.reason
    scores = {s.metric: s for s in entry.scores}
    truth, null = competition.solution.truth, np.array(slow_null(competition, "gene"))
    assert scores["skill"].value == pytest.approx(1 - scores["mse"].value / np.mean((truth - null) ** 2))
    assert scores["skill"].value < 0, "a gene's mean beats the grand mean"
    assert None not in (scores["skill"].low, scores["gene-pearson"].low, scores["cell-pearson"].low)
    assert scores["tissue-pearson"].value is None
    assert scores["tissue-pearson"].reason == "it needs the tissue of every row, which this dataset does not have"
    mean, sd = scores["cell-pearson"].fold_mean, scores["cell-pearson"].fold_sd
    assert (mean, sd) == (0.0, 0.0), "in one fold the grand mean is one number"


def test_cross_validation_within_train_has_a_null_of_its_own(tmp_path: Path) -> None:
    inner = compete(tmp_path, "last").within_train(folds=3)
    assert inner.solution.beside["null"] == pytest.approx(slow_null(inner, "gene"), rel=1e-12)


def test_a_null_by_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Split 'lost' has the mean by 'tissue' for its null, which this dataset does not have"):
        _ = compete(tmp_path, "lost").solution


def test_a_file_cannot_be_scored_against_a_file_by_what_needs_more_than_both(tmp_path: Path) -> None:
    for name in ("mine.csv", "solution.csv"):
        (tmp_path / name).write_text("id,y\na,1\nb,2\nc,3\n", encoding="utf-8")
    cards = {m.name: m for m in BUILTIN}
    for metric, needs in ((cards["skill"], "predictions of the split's null"), (by("gene-pearson", "gene"), "gene of every row")):
        with pytest.raises(
            UsageError, match=f"^{metric.name} needs the {needs} beside the truth, .*Submit the predictions to the task's board"
        ):
            score_file(tmp_path / "mine.csv", tmp_path / "solution.csv", metric)
