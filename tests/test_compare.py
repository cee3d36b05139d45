"""Comparison: the paired difference of two standings, its interval, and when it says that they cannot be told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from genoboard import Dataset, DataSource, Split, Task, UndefinedScore, UnknownName, UsageError, hookimpl
from genoboard.compare import paired
from genoboard.competition import Competition
from genoboard.evaluation import measure
from genoboard.plugins import load_plugins
from genoboard.record import SubmissionFolder
from genoboard_leaderboard.entry import Entry, Score
from genoboard_leaderboard.pairing import Difference, difference
from genoboard_leaderboard.store import Store

Floats = NDArray[np.float64]
LOBES = ("cortex", "putamen")
ROWS = 120


def cohort() -> Dataset:
    index = pd.Index([f"S{i:03d}" for i in range(ROWS)], dtype="str")
    code = np.arange(ROWS) % 2
    return Dataset(
        X=pd.DataFrame({"a": code.astype(np.float32)}, index=index),
        y=pd.Series([LOBES[c] for c in code], index=index, dtype="str"),
        groups=pd.DataFrame({"donor": [f"D{i // 6:02d}" for i in range(ROWS)], "site": "one"}, index=index),
    )


DONOR = Split("donor", "Does it work on people it has not seen?", "prior", group="donor", folds=2)
TASK = Task(
    name="paired", title="Paired", summary="a task for tests", kind="tabular", target="multiclass", classes=LOBES,
    sources=(DataSource("demo", "a small cohort", generate=f"{__name__}:cohort"),),
    splits=(DONOR, replace(DONOR, name="other", salt="another"), replace(DONOR, name="one-site", cluster="site")),
    metrics=("multiclass-log-loss", "accuracy", "auroc"),
)  # fmt: skip


class Paired:
    """A plugin that brings this task."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return (TASK,)


def compete(workspace: Path, split: str | None = None) -> Competition:
    return Competition.open("paired", split, None, workspace, load_plugins(extra=[Paired()]))


def guesses(competition: Competition, seed: int, skill: float) -> Floats:
    """Probabilities of all rows, as good as `skill` says."""
    code = competition.codes(competition.data.rows["y"], LOBES)
    logit = np.random.default_rng(seed).normal(size=ROWS) + skill * (2 * code - 1)
    p = 1 / (1 + np.exp(-logit))
    return np.column_stack([1 - p, p])


def enter(competition: Competition, name: str, prediction: Floats, seed: int = 0, **more: Any) -> Entry:
    with SubmissionFolder(competition, name) as folder:
        entry = replace(folder.entry(name, "run"), model=name, seed=seed, threads=1, **more)
        entry, replicates = measure(competition, folder, entry, prediction[competition.test])
        return folder.keep(entry, replicates, {})


@pytest.fixture
def competition(tmp_path: Path) -> Competition:
    found = compete(tmp_path)
    for name, seed, skill in (("strong", 1, 2.0), ("strong too", 2, 2.0), ("weak", 3, 0.3)):
        enter(found, name, guesses(found, seed, skill))
    return found


def values(competition: Competition, name: str, metric: str) -> tuple[float, Floats]:
    store = Store(competition.workspace.database)
    entry = store.find(name)[-1]
    score, drawn = entry.score(metric), store.replicates(entry.id, metric)
    assert score is not None
    assert score.value is not None
    assert drawn is not None
    return score.value, drawn


@pytest.mark.parametrize("metric", ["multiclass-log-loss", "accuracy"])
def test_the_interval_is_that_of_the_paired_differences_widened_for_few_clusters(competition: Competition, metric: str) -> None:
    found = paired(competition, "strong", "weak", metric)
    (a, drawn_a), (b, drawn_b) = (values(competition, n, metric) for n in ("strong", "weak"))
    donors = competition.data.rows["donor"].iloc[competition.test].nunique()
    assert found.clusters == donors == 10
    half = stats.t.ppf(0.975, donors - 1) * (drawn_a - drawn_b).std(ddof=1) * np.sqrt(donors / (donors - 1))
    assert found.difference.value == a - b
    assert (found.difference.low, found.difference.high) == pytest.approx((a - b - half, a - b + half), rel=1e-9)


def test_the_primary_metric_is_compared_unless_another_is_named(competition: Competition) -> None:
    assert paired(competition, "strong", "weak").metric.name == "multiclass-log-loss"
    assert paired(competition, "strong", "weak", "auroc").metric.name == "auroc"


@pytest.mark.parametrize("metric", ["multiclass-log-loss", "accuracy"])
def test_who_is_better_depends_neither_on_the_metrics_direction_nor_on_who_is_named_first(competition: Competition, metric: str) -> None:
    one, other = paired(competition, "strong", "weak", metric), paired(competition, "weak", "strong", metric)
    assert one.better is not None
    assert other.better is not None
    assert (one.better.label, other.better.label) == ("strong", "strong")
    assert one.difference.low is not None
    assert one.difference.high is not None
    assert (other.difference.value, other.difference.low, other.difference.high) == pytest.approx(
        (-one.difference.value, -one.difference.high, -one.difference.low)
    )


def test_two_that_differ_by_chance_cannot_be_told_apart(competition: Competition) -> None:
    found = paired(competition, "strong", "strong too")
    assert found.better is None
    assert found.sentence().endswith("on multiclass-log-loss (lower is better): the two cannot be told apart.")
    itself = paired(competition, "strong", "strong")
    assert (itself.difference, itself.better) == (Difference(0.0, 0.0, 0.0, 0.0, 9), None)


def test_what_both_find_hard_cancels_out(competition: Competition) -> None:
    # the same guesses, a little less sharp: far within the interval of either, yet surely worse
    blunt = 0.9 * guesses(competition, 1, 2.0) + 0.05
    enter(competition, "blunt", blunt)
    found = paired(competition, "strong", "blunt")
    assert found.better is not None
    low, high = found.difference.low, found.difference.high
    assert low is not None
    assert high is not None
    single = Store(competition.workspace.database).find("strong")[0].scores[0]
    assert single.low is not None
    assert single.high is not None
    assert high - low < 0.5 * (single.high - single.low)


def test_it_is_said_in_a_sentence_and_in_json(competition: Competition) -> None:
    found = paired(competition, "strong", "weak")
    d = found.difference
    assert found.sentence() == (
        f"strong - weak = {d.value:.5f} [{d.low:.5f}, {d.high:.5f}] on multiclass-log-loss (lower is better):"
        " strong is better beyond the 95 % interval."
    )
    assert "(higher is better): strong is better" in paired(competition, "weak", "strong", "accuracy").sentence()
    told: Mapping[str, Any] = json.loads(json.dumps(found.to_dict()))
    assert (told["value"], told["low"], told["high"], told["better"]) == (d.value, d.low, d.high, "strong")
    assert (told["metric"], told["direction"], told["clusters"]) == ("multiclass-log-loss", "min", 10)
    assert told["b"]["entries"] == [Store(competition.workspace.database).find("weak")[0].id]


def test_a_standing_with_several_seeds_is_the_mean_over_them_and_an_id_is_that_entry_alone(competition: Competition) -> None:
    enter(competition, "seeded", guesses(competition, 11, 1.0), seed=1)
    enter(competition, "seeded", guesses(competition, 12, 1.0), seed=2)
    again = enter(competition, "seeded", guesses(competition, 13, 1.0), seed=1)
    found = paired(competition, "seeded", "weak")
    two, three = Store(competition.workspace.database).find("seeded")[1:]
    assert {e.id for e in found.a.entries} == {two.id, three.id}, "of each seed the latest"
    (a, drawn_a), (b, drawn_b), (w, drawn_w) = (values(competition, n, "multiclass-log-loss") for n in (two.id, three.id, "weak"))
    assert found.difference.value == pytest.approx((a + b) / 2 - w)
    half = stats.t.ppf(0.975, 9) * ((drawn_a + drawn_b) / 2 - drawn_w).std(ddof=1) * np.sqrt(10 / 9)
    assert found.difference.high == pytest.approx((a + b) / 2 - w + half)
    assert found.sentence().endswith("(seeded: mean over 2 seeds.)")
    alone = paired(competition, again.id, "weak")
    assert alone.difference.value == b - w
    assert alone.a.entries == (three,)


def test_a_name_with_several_settings_stands_for_its_latest(competition: Competition) -> None:
    enter(competition, "tuned", guesses(competition, 11, 0.0), parameters={"depth": 1})
    latest = enter(competition, "tuned", guesses(competition, 12, 1.0), parameters={"depth": 2})
    assert paired(competition, "tuned", "weak").a.entries == (latest,)


def test_unknown_names_and_entries_of_another_board_are_refused(competition: Competition) -> None:
    with pytest.raises(UnknownName, match=r"There is no entry of paired named 'wek'\. Did you mean weak\?"):
        paired(competition, "strong", "wek")
    with pytest.raises(UnknownName, match=r"There is no metric of paired named 'acuracy'\. Did you mean accuracy or auroc\?"):
        paired(competition, "strong", "weak", "acuracy")
    other = compete(competition.workspace.root, "other")
    enter(other, "stranger", guesses(other, 1, 1.0))
    with pytest.raises(UsageError, match="stranger is not on this board"):
        paired(competition, "strong", "stranger")


def test_a_score_that_is_missing_is_told_with_its_reason(competition: Competition) -> None:
    with SubmissionFolder(competition, "partial") as folder:
        scores = (Score("multiclass-log-loss", 0.5), Score("auroc", None, reason="one class is absent"))
        folder.keep(replace(folder.entry("partial", "file"), scores=scores), {}, {})
    with pytest.raises(UndefinedScore, match=r"partial has no auroc: one class is absent\."):
        paired(competition, "strong", "partial", "auroc")
    with pytest.raises(UndefinedScore, match="partial has no accuracy: it was entered before the task had this metric"):
        paired(competition, "strong", "partial", "accuracy")
    found = paired(competition, "strong", "partial")
    assert (found.difference.low, found.better) == (None, None)
    assert "without an interval" in found.sentence()


def test_scores_of_different_formulas_are_not_compared(competition: Competition) -> None:
    with SubmissionFolder(competition, "older") as folder:
        folder.keep(replace(folder.entry("older", "file"), scores=(Score("multiclass-log-loss", 0.5, version=0),)), {}, {})
    with pytest.raises(UsageError, match="strong and older were scored by different versions of multiclass-log-loss"):
        paired(competition, "strong", "older")


def test_one_cluster_gives_no_interval(tmp_path: Path) -> None:
    competition = compete(tmp_path, "one-site")
    enter(competition, "strong", guesses(competition, 1, 2.0))
    enter(competition, "weak", guesses(competition, 2, 0.0))
    found = paired(competition, "strong", "weak")
    assert found.clusters == 1
    assert found.difference.value < 0
    assert (found.difference.low, found.difference.high, found.better) == (None, None, None)


# The arithmetic alone


@given(
    a=st.floats(-10, 10),
    b=st.floats(-10, 10),
    seed=st.integers(0, 100),
    clusters=st.integers(2, 5000),
    shared=st.floats(-100, 100),
)
def test_what_both_sides_share_in_a_resample_plays_no_part(a: float, b: float, seed: int, clusters: int, shared: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 50))
    plain, moved = difference(a, b, [x], [y], clusters), difference(a, b, [x + shared], [y + shared], clusters)
    assert (moved.low, moved.high) == pytest.approx((plain.low, plain.high), abs=1e-9)
    assert plain.low is not None
    assert plain.high is not None
    assert (plain.low + plain.high) / 2 == pytest.approx(a - b, abs=1e-9)
    assert plain.proven == (abs(a - b) > (plain.high - plain.low) / 2)


def test_resamples_without_a_value_on_either_side_are_left_out_and_too_few_give_no_interval() -> None:
    x, y = np.random.default_rng(1).normal(size=(2, 100))
    holes = x.copy()
    holes[:50] = np.nan
    assert difference(1.0, 0.0, [holes], [y], 20) == difference(1.0, 0.0, [x[50:]], [y[50:]], 20)
    holes[50] = np.nan
    assert difference(1.0, 0.0, [holes], [y], 20) == Difference(1.0)
    assert difference(1.0, 0.0, [], [y], 20) == Difference(1.0)
    assert not Difference(1.0).proven


def test_a_difference_that_no_resample_changes_is_certain() -> None:
    x = np.random.default_rng(1).normal(size=100)
    found = difference(0.5, 0.25, [x + 0.25], [x], 20)
    assert (found.low, found.high) == pytest.approx((0.25, 0.25))
    assert found.proven
