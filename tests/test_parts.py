"""Parts of a published competition: what is dealt, what is asked and never scored, what is not ranked, and what a dataset lacks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard import DataError, Dataset, DataSource, InvalidSubmission, ModelSpec, Split, Task, UsageError, board, hookimpl
from genoboard.competition import Competition
from genoboard.data import prepare, store
from genoboard.datasheet import export, split_text, task_text
from genoboard.datasheet import split as sheet_of_split
from genoboard.datasheet import task as sheet_of_task
from genoboard.evaluation import cross_validate, evaluate, submit
from genoboard.plugins import Plugins, load_plugins
from genoboard.rows import view
from genoboard.splits import deal, grouping
from genoboard.testing import check_task
from genoboard_leaderboard.store import Store

CLASSES = ("gain", "loss", "neutral")
NO_TEXT = "The prose did not come in. Bring it and ingest again."


# A task of 120 training rows in 24 genes, each gene with two texts; and a final of 30 rows, of which 12 have a class


def reports() -> Dataset:
    rng = np.random.default_rng(3)
    n, final = 120, 30
    gene, code = np.r_[np.repeat(np.arange(24), 5), rng.integers(0, 30, final)], np.r_[np.arange(n) % 3, np.arange(final) % 3]
    index = pd.Index([f"row {i}" for i in rng.permutation(n + final)], dtype="str")
    y = pd.Series(np.array(CLASSES)[code], index=index, dtype="str", name="effect")
    y.iloc[n + 12 :] = None
    text = [f"text {g}-{i % 2}" for i, g in enumerate(gene)]
    X = pd.DataFrame({"gene": [f"G{g}" for g in gene], "text": [f"{t}: an effect was seen." for t in text]}, index)
    return Dataset(
        X=X.astype("str"),
        y=y,
        groups=pd.DataFrame({"gene": X["gene"], "text": text}, index=index),
        unit="gene + text",
        part=pd.Series(["train"] * n + ["final"] * final, index=index, dtype="str"),
    )


def without_text() -> Dataset:
    data = reports()
    return replace(data, X=data.X[["gene"]], groups=data.groups[["gene"]], lacks={"text": NO_TEXT})


def last_round(rows: pd.DataFrame) -> list[tuple[pd.Index, pd.Index]]:
    return [(rows.index[rows["part"] == "train"], rows.index[rows["part"] == "final"])]


def backwards(rows: pd.DataFrame) -> list[tuple[pd.Index, pd.Index]]:
    return [(test, train) for train, test in last_round(rows)]


def unscored(rows: pd.DataFrame) -> list[tuple[pd.Index, pd.Index]]:
    return [(rows.index[rows["part"] == "train"], rows.index[rows["y"].isna()])]


GENE = Split("gene", "What of a gene never seen before?", "prior", group="gene")
FINAL = Split(
    "final", "What of the final?", "prior", rule=f"{__name__}:last_round", cluster="gene", unranked="The final was labelled anew."
)
REPORTS = Task(
    name="reports", title="Reports", summary="a task for tests", kind="text", target="multiclass", classes=CLASSES,
    sources=(DataSource("demo", "made up", generate=f"{__name__}:reports"), DataSource("bare", "no prose", generate=f"{__name__}:without_text")),
    splits=(GENE, replace(GENE, name="text", group="text"), replace(GENE, name="gene-cv5", cross_validated=True), Split("any", "One more?", "prior"), FINAL),
    metrics=("multiclass-log-loss", "accuracy"), controls=("prior", "reader"), target_column="effect",
)  # fmt: skip
READER = ModelSpec("reader", "genoboard.reference:Uniform", "reads the text", kinds=("text",), columns=("gene", "text"))
GLANCER = ModelSpec("glancer", "genoboard.reference:Prior", "reads the gene", kinds=("text",), columns=("gene",))


class Reports:
    """A plugin that brings this task, and a model that needs prose."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return (REPORTS,)

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return READER, GLANCER


@pytest.fixture
def plugins() -> Plugins:
    return load_plugins(extra=[Reports()])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One workspace for these tests: the controls are entered once per board."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture
def compete(plugins: Plugins, workspace: Path) -> Callable[..., Competition]:
    return lambda split=None, data="demo": Competition.open("reports", split, data, workspace, plugins)


def parts_of(competition: Competition, rows: NDArray[np.intp]) -> set[str]:
    return set(competition.data.rows["part"].iloc[rows])


def file_of(competition: Competition, values: NDArray[np.float64], path: Path) -> Path:
    pd.DataFrame(values, index=pd.Index(competition.form.ids, name="id"), columns=list(CLASSES)).to_csv(path)
    return path


# What is dealt


@pytest.mark.parametrize("split", ["gene", "text", "gene-cv5", "any"])
def test_a_dealt_split_uses_the_rows_of_the_part_train_and_all_of_them(split: str, compete: Callable[..., Competition]) -> None:
    competition = compete(split)
    for fold in competition.folds:
        assert parts_of(competition, np.r_[fold.train, fold.test]) == {"train"}
        assert len(fold.train) + len(fold.test) == 120
    if split == "gene-cv5":
        assert len(competition.test) == 120


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), others=st.integers(1, 60))
def test_rows_of_other_parts_change_nothing_in_how_the_training_rows_are_dealt(seed: int, others: int) -> None:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {"y": rng.choice(list("abc"), 100), "part": "train", "gene": rng.choice([f"g{i}" for i in range(20)], 100)}
    ).set_axis([f"s{i}" for i in range(100)])
    more = pd.DataFrame({"y": None, "part": "final", "gene": rng.choice([f"g{i}" for i in range(30)], others)}).set_axis(
        [f"t{i}" for i in range(others)]
    )
    both = pd.concat([rows, more.astype("str")]).sample(frac=1.0, random_state=seed)
    for split in (GENE, REPORTS.split("any")):
        (alone,), (among,) = deal(split, rows), deal(split, both)
        assert set(rows.index[alone.test]) == set(both.index[among.test])
        assert set(rows.index[alone.train]) == set(both.index[among.train])


def test_a_rule_may_ask_about_another_part(compete: Callable[..., Competition]) -> None:
    competition = compete("final")
    (fold,) = competition.folds
    assert parts_of(competition, fold.train) == {"train"}
    assert parts_of(competition, fold.test) == {"final"}
    assert (len(fold.train), len(competition.form.ids)) == (120, 30)


def test_what_a_model_is_tuned_on_is_dealt_from_the_training_rows_alone(compete: Callable[..., Competition]) -> None:
    inner = compete("final").within_train()
    assert len(inner.folds) == 5
    assert len(inner.test) == 120
    for fold in inner.folds:
        assert parts_of(inner, np.r_[fold.train, fold.test]) == {"train"}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("backwards", "trains on row 's[0-9a-f]{16}', which has no target"),
        ("unscored", "asks about 18 rows, and none of them has a target to score"),
    ],
)
def test_a_rule_that_trains_on_rows_without_a_target_or_asks_for_none_is_refused(
    rule: str, why: str, compete: Callable[..., Competition]
) -> None:
    with pytest.raises(DataError, match=why):
        deal(replace(FINAL, rule=f"{__name__}:{rule}"), compete("any").data.rows)


def test_a_training_row_without_a_target_is_refused() -> None:
    data = reports()
    assert data.part is not None
    of_train = data.y.index[data.part == "train"][7]
    with pytest.raises(DataError, match=f"Sample '{of_train}' has no effect, and a training row needs one"):
        store(REPORTS, "broken", replace(data, y=data.y.where(data.y.index != of_train)))
    labelled = data.y.notna()
    whole = replace(data, X=data.X[labelled], y=data.y[labelled], groups=data.groups[labelled], part=None)
    hole = whole.y.index[3]
    with pytest.raises(DataError, match=f"Sample '{hole}' has no effect"):
        store(REPORTS, "broken", replace(whole, y=whole.y.where(whole.y.index != hole)))


def test_which_part_a_row_is_of_and_whether_it_has_a_class_belong_to_the_fingerprint() -> None:
    data = reports()
    assert data.part is not None
    found = {store(REPORTS, "one", data).fingerprint}
    moved = data.part.mask(data.y.index == data.y.dropna().index[0], "final")
    found.add(store(REPORTS, "one", replace(data, part=moved)).fingerprint)
    found.add(store(REPORTS, "one", replace(data, y=data.y.mask(data.y.index == data.y[data.part == "final"].index[0]))).fingerprint)
    assert len(found) == 3
    assert prepare(REPORTS, "one").rows["y"].isna().sum() == 19


# What is asked and never scored


def test_a_row_without_a_target_is_asked_and_not_scored(compete: Callable[..., Competition], tmp_path: Path) -> None:
    competition = compete("final")
    y = competition.data.rows["y"].iloc[competition.test]
    scored = y.notna().to_numpy()
    assert (len(scored), scored.sum(), len(competition.solution.truth)) == (30, 12, 12)
    values = np.random.default_rng(1).dirichlet(np.ones(3), 30)
    code = pd.Index(CLASSES).get_indexer(pd.Index(y[scored]))
    entry = submit(competition, file_of(competition, values, tmp_path / "a.csv"), "a")
    assert entry.score("multiclass-log-loss").value == pytest.approx(-np.log(values[scored][np.arange(12), code]).mean(), rel=1e-9)
    assert entry.score("accuracy").value == (values[scored].argmax(axis=1) == code).mean()
    other = submit(competition, file_of(competition, np.where(scored[:, None], values, np.eye(3)[0]), tmp_path / "b.csv"), "b")
    assert other.scores == entry.scores
    held = Store(competition.workspace.database)
    assert np.array_equal(held.replicates(entry.id, "accuracy"), held.replicates(other.id, "accuracy"))
    values[~scored] = np.nan
    with pytest.raises(InvalidSubmission):
        submit(competition, file_of(competition, values, tmp_path / "c.csv"), "c")


def test_a_run_answers_for_ignored_rows_too_and_the_bootstrap_draws_the_groups_of_the_scored_ones(
    compete: Callable[..., Competition],
) -> None:
    competition = compete("final")
    entry = evaluate(competition, "glancer")
    assert entry.verdict == "ok"
    written = pd.read_csv(competition.workspace.folder(entry.id, "reports") / "predictions.csv")
    assert written["id"].tolist() == competition.form.ids
    rows = competition.data.rows.iloc[competition.test]
    assert competition.solution.cluster.max() + 1 == rows.loc[rows["y"].notna(), "gene"].nunique()
    assert competition.solution.fold.tolist() == [0] * 12


def test_cross_validation_inside_train_works_where_the_test_has_ignored_rows(compete: Callable[..., Competition]) -> None:
    found = cross_validate(compete("final"), "glancer")
    assert len(found.oof) == 120
    assert np.isfinite(found.oof.to_numpy()).all()


def test_load_and_export_hand_out_all_that_is_asked_and_no_target_of_it(compete: Callable[..., Competition], tmp_path: Path) -> None:
    competition = compete("final")
    loaded = view(competition)
    assert (len(loaded.train.X), len(loaded.test.X)) == (120, 30)
    assert loaded.train.y.notna().all()
    written = {p.name: pd.read_csv(p, index_col=0) for p in export(competition, tmp_path)}
    assert list(written["test.csv"]) == ["gene", "text"]
    assert len(written["test.csv"]) == len(written["sample_submission.csv"]) == 30
    assert written["train.csv"]["effect"].notna().all()
    entry = submit(competition, tmp_path / "sample_submission.csv", "sample")
    assert entry.score("multiclass-log-loss").value == pytest.approx(np.log(3), abs=1e-12)


@pytest.mark.slow
def test_a_task_with_ignored_rows_keeps_to_the_contract(plugins: Plugins) -> None:
    findings = check_task(REPORTS, plugins)
    # each text stands in several rows, and these splits do not keep them together
    assert {f.check for f in findings if not f.ok} == {f"split {name}: the audit finds no leak" for name in ("any", "final")}
    assert "split final: the truth scores better than a constant" in [f.check for f in findings]


# What is not ranked


@pytest.mark.parametrize("split", ["any", "final"])
def test_a_board_shows_ranks_unless_its_split_is_unranked_and_then_the_reason(
    split: str, compete: Callable[..., Competition], plugins: Plugins
) -> None:
    competition = compete(split)
    evaluate(competition, "glancer")
    told = board.document(plugins, str(competition.workspace.root), "reports", split, "demo")
    ranks = {row["name"]: row["rank"] for row in told["standings"]}
    assert {"prior", "reader", "glancer"} <= set(ranks)
    shown = {form: board.text(plugins, told, form) for form in ("table", "md", "csv", "json")}
    first = next(line for line in shown["table"].splitlines() if " glancer " in line)
    if split == "any":
        assert None not in ranks.values()
        assert re.match(r"\d+=? ", first)
        assert "Best first;" in shown["table"]
        assert "Unranked" not in shown["table"]
        return
    assert set(ranks.values()) == {None}
    assert first.startswith("- ")
    assert "Best first" not in shown["table"]
    assert "Unranked: The final was labelled anew." in shown["table"]
    assert "| - | glancer |" in shown["md"]
    assert "reports,demo,final,,glancer," in shown["csv"]
    assert json.loads(shown["json"])["unranked"] == "The final was labelled anew."
    # not ranked is not failed: the scores are shown, and no verdict
    assert not [line for line in shown["table"].splitlines() if "no score" in line]


def test_an_empty_unranked_board_says_so_already(plugins: Plugins, tmp_path: Path) -> None:
    told = board.document(plugins, str(tmp_path), "reports", "final", "demo")
    assert told["standings"] == []
    assert "Unranked: The final was labelled anew." in board.text(plugins, told, "table")


# What is told of the data


def test_the_sheet_of_a_task_tells_the_sizes_of_groups_and_what_a_random_split_leaks(
    compete: Callable[..., Competition], tmp_path: Path
) -> None:
    competition = compete("any")
    told = task_text(sheet_of_task(REPORTS, str(tmp_path), "demo"))
    rows = competition.data.rows[competition.data.rows["part"] == "train"]
    for group in ("gene", "text"):
        sizes = rows[group].value_counts().value_counts().sort_index()
        assert f"{group}s by their rows: {', '.join(f'{n} of {size}' for size, n in sizes.items())}" in told
    assert "under a random split 100% of the test rows share their gene with a training row" in told
    assert "final: What of the final? Its null: prior. Unranked: The final was labelled anew." in told


def test_the_leak_counts_training_rows_alone_and_is_none_where_every_row_is_a_group_of_its_own() -> None:
    rows = pd.DataFrame(
        {"y": "a", "part": ["train"] * 50 + ["final"] * 50, "gene": [f"g{i % 50}" for i in range(100)], "lab": "one"}
    ).set_axis([f"s{i}" for i in range(100)])
    assert grouping(rows, "gene") == {"sizes": {1: 50}, "leak": 0.0}
    assert grouping(rows, "lab") == {"sizes": {50: 1}, "leak": 1.0}
    assert grouping(rows.drop(columns="part"), "gene")["leak"] > 0.5


def test_the_sheet_of_a_split_tells_how_many_of_its_rows_are_scored(compete: Callable[..., Competition]) -> None:
    told = split_text(sheet_of_split(compete("final")))
    assert "120 rows to train, 30 to test (12 of them scored, the others ignored)" in told
    assert "unranked: The final was labelled anew." in told
    assert "scored" not in split_text(sheet_of_split(compete("any")))


# What a dataset lacks


def test_a_split_by_a_group_that_the_dataset_lacks_is_refused_with_the_reason(compete: Callable[..., Competition]) -> None:
    with pytest.raises(DataError) as refused:
        compete("text", "bare")
    assert str(refused.value) == f"Split 'text' groups by text. {NO_TEXT}"
    for other in ("gene", "any", "final"):
        assert compete(other, "bare").folds


def test_a_model_that_needs_a_column_which_the_dataset_lacks_is_refused_with_the_reason(
    compete: Callable[..., Competition], plugins: Plugins
) -> None:
    with pytest.raises(UsageError) as refused:
        evaluate(compete("gene", "bare"), "reader")
    assert str(refused.value) == f"reader reads the column 'text', which this dataset does not have: {NO_TEXT}"
    compete("gene", "bare").takes(plugins.model("glancer"))
    compete("gene", "demo").takes(plugins.model("reader"))
    with pytest.raises(
        UsageError, match=r"^x reads the column 'codon', which this dataset does not have: reports / demo has gene, text\.$"
    ):
        compete("gene", "demo").takes(replace(READER, name="x", columns=("codon",)))


def test_a_control_that_needs_a_column_which_the_dataset_lacks_is_left_out(compete: Callable[..., Competition]) -> None:
    assert [c.name for c in compete("gene", "demo").controls()] == ["prior", "reader"]
    bare = compete("gene", "bare")
    assert [c.name for c in bare.controls()] == ["prior"]
    evaluate(bare, "glancer")
    assert {e.name for e in Store(bare.workspace.database).entries(bare.board)} == {"prior", "glancer"}
