"""Evaluation: from a model to an entry that stands on a board, and everything that is recorded on the way."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import genoboard
from genoboard import Dataset, DataSource, InvalidSubmission, Split, Task, UndefinedScore, UsageError, board, hookimpl
from genoboard.competition import Competition
from genoboard.evaluation import submit
from genoboard.isolation import Limits
from genoboard.plugins import Plugins, load_plugins
from genoboard.rows import view
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

CLASSES = ("cortex", "putamen", "spinal cord")
GENES = [f"gene{i}" for i in range(5)]


# A task of 60 rows: 12 donors with 5 samples each, 3 regions that are told apart with some errors


def cohort() -> Dataset:
    rng = np.random.default_rng(5)
    donor, code = np.repeat(np.arange(12), 5), np.arange(60) % 3
    values = rng.normal(size=(60, 5)) + 0.5 * rng.normal(size=(12, 5))[donor] + 1.5 * rng.normal(size=(3, 5))[code]
    ids = [f"D{d:02d}-{CLASSES[c]}-{i}" for i, (d, c) in enumerate(zip(donor, code, strict=True))]
    index = pd.Index(ids, dtype="str")
    return Dataset(
        X=pd.DataFrame(values.astype(np.float32), index=index, columns=GENES),
        y=pd.Series([CLASSES[c] for c in code], index=index, dtype="str"),
        groups=pd.DataFrame({"donor": [f"D{d:02d}" for d in donor]}, index=index),
        control=pd.DataFrame({"rin": rng.normal(7, 1, 60)}, index=index),
        columns=pd.DataFrame({"symbol": [g.upper() for g in GENES]}, index=pd.Index(GENES, dtype="str")),
    )


def lacking() -> Dataset:
    """The same, where only the first donor has a spinal cord."""
    data = cohort()
    keep = (data.y != "spinal cord") | (data.groups["donor"] == "D00")
    assert data.control is not None
    return replace(data, X=data.X[keep], y=data.y[keep], groups=data.groups[keep], control=data.control[keep])


def poisoned() -> Dataset:
    """The same, where the rows that the split ``fixed`` tests on have wrong targets and absurd features."""
    data = cohort()
    tested = data.groups["donor"].isin(["D09", "D10", "D11"])
    return replace(data, X=data.X.mask(tested, 1e30), y=data.y.mask(tested, "cortex"))


def numbers() -> Dataset:
    data = cohort()
    return replace(data, y=data.X.sum(axis=1).astype(np.float64))


def halves() -> Dataset:
    data = cohort()
    return replace(data, y=data.y.mask(data.y == "spinal cord", "putamen"))


def last_donors(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    tested = rows["donor"].isin(["D09", "D10", "D11"])
    return [(list(rows.index[~tested]), list(rows.index[tested]))]


def source(name: str, function: str) -> DataSource:
    return DataSource(name, "a small cohort", generate=f"{__name__}:{function}")


DONOR = Split("donor", "Does it work on people it has not seen?", "prior", group="donor", folds=3)
FIXED = Split("fixed", "Does it work on the last donors?", "prior", group="donor", rule=f"{__name__}:last_donors")
LOBES = Task(
    name="lobes", title="Lobes", summary="a task for tests", kind="tabular", target="multiclass", classes=CLASSES,
    sources=(source("demo", "cohort"), source("lacking", "lacking"), source("poisoned", "poisoned")),
    splits=(DONOR, replace(DONOR, name="donor-cv3", cross_validated=True), FIXED),
    metrics=("f1-macro", "accuracy", "multiclass-log-loss", "auroc"), id_column="sample", target_column="region",
)  # fmt: skip
TASKS = (
    LOBES,
    replace(LOBES, name="lobes-guarded", controls=("prior", "majority")),
    replace(LOBES, name="lobes-loss", metrics=("multiclass-log-loss", "accuracy")),
    replace(LOBES, name="lobes-auroc", metrics=("auroc", "accuracy")),
    replace(LOBES, name="lobes-halves", target="binary", classes=CLASSES[:2], sources=(source("demo", "halves"),), metrics=("log-loss", "auroc")),
    replace(LOBES, name="lobes-numbers", target="regression", classes=(), sources=(source("demo", "numbers"),), splits=(replace(DONOR, stratified=False),), metrics=("mse", "r2")),
)  # fmt: skip


class Lobes:
    """A plugin that brings these tasks."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return TASKS


def compete(
    workspace: Path, task: str = "lobes", split: str | None = None, data: str | None = None, plugins: Plugins | None = None
) -> Competition:
    return Competition.open(task, split, data, workspace, plugins or load_plugins(extra=[Lobes()]))


# Models, run from a file as models.py:Class

MODELS = '''
import json, os, signal, time
import numpy as np


class Centroids:
    """Classes by the distance to their means."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means = np.stack([X[y == c].mean() for c in self.classes_])
        return self

    def predict_proba(self, X):
        p = np.exp(-((X.to_numpy()[:, None] - self.means) ** 2).sum(axis=2))
        return p / p.sum(axis=1, keepdims=True)


class Witness(Centroids):
    """Tells what it is given."""

    def fit(self, X, y, groups, run):
        import pandas as pd

        print(json.dumps({"ids": list(X.index), "columns": list(X.columns), "groups": groups.tolist(), "classes": run.classes}))
        run.log(1, loss=0.5)
        self.genes = pd.DataFrame({"feature": X.columns, "gain": np.arange(X.shape[1])})
        return super().fit(X, y)

    def predict_proba(self, X):
        print(json.dumps({"ids": list(X.index)}))
        return super().predict_proba(X)

    def artifacts(self):
        return {"importance": self.genes}


class Labels(Centroids):
    predict_proba = None

    def __getattribute__(self, name):
        if name == "predict_proba":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def predict(self, X):
        return Centroids.predict_proba(self, X).argmax(axis=1)


class Noise:
    def __init__(self, random_state=None):
        self.random_state = random_state

    def get_params(self, deep=True):
        return {"random_state": self.random_state}

    def set_params(self, random_state):
        self.random_state = random_state

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return np.random.default_rng(self.random_state).dirichlet([1, 1, 1], len(X))


class Demanding(Centroids):
    def fit(self, X, y, run):
        assert len(run.classes) == 3, f"only {len(run.classes)} classes"
        return super().fit(X, y)


class Raises(Centroids):
    def fit(self, X, y):
        raise ValueError("no genes are left")


class Sleeps(Centroids):
    def fit(self, X, y):
        print(os.getpid())
        time.sleep(300)


class Starves(Centroids):
    def fit(self, X, y):
        np.ones(1 << 28)


class Dies(Centroids):
    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGSEGV)


class Doubts(Centroids):
    def predict_proba(self, X):
        p = super().predict_proba(X)
        p[1] = np.nan
        return p
'''


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "models.py"
    path.write_text(MODELS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def places(cache: Path) -> Iterator[None]:
    """The data cache, for what is made once for this module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        yield


def folder_of(competition: Competition, entry: Entry) -> Path:
    return competition.workspace.folder(entry.id, competition.task.name)


def entries(competition: Competition) -> list[Entry]:
    return Store(competition.workspace.database).entries(competition.board)


def standings(competition: Competition) -> list[dict[str, Any]]:
    told = board.document(
        competition.plugins, str(competition.workspace.root), competition.task.name, competition.split.name, competition.data.name
    )
    rows: list[dict[str, Any]] = told["standings"]
    return rows


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def truth(competition: Competition) -> dict[str, str]:
    return {str(i): str(y) for i, y in competition.data.rows["y"].items()}


def accuracy(rows: Iterable[dict[str, str]], true: dict[str, str]) -> float:
    """Return the share of rows of a submission whose most probable class is the true one."""
    return float(np.mean([max(CLASSES, key=lambda c: float(r[c])) == true[r["sample"]] for r in rows]))


# One entry, looked at from all sides


@pytest.fixture(scope="module")
def witness(places: None, models: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Competition, Entry]:
    competition = compete(tmp_path_factory.mktemp("witness"))
    return competition, genoboard.evaluate(competition, f"{models}:Witness", seed=3, message="the first")


def test_a_model_sees_opaque_ids_features_and_nothing_else_of_a_sample(witness: tuple[Competition, Entry]) -> None:
    competition, entry = witness
    fitting, predicting = map(json.loads, (folder_of(competition, entry) / "log.txt").read_text(encoding="utf-8").splitlines())
    (fold,) = competition.folds
    assert set(fitting["ids"]) == set(competition.data.rows.index[fold.train])
    assert set(predicting["ids"]) == set(competition.data.rows.index[fold.test])
    assert all(re.fullmatch("s[0-9a-f]{16}", i) for i in fitting["ids"] + predicting["ids"])
    assert fitting["columns"] == GENES, "neither donor nor RIN is among them"
    assert fitting["classes"] == list(CLASSES)
    donors = competition.data.rows["donor"].loc[fitting["ids"]]
    assert len(set(zip(donors, fitting["groups"], strict=True))) == donors.nunique() == len(set(fitting["groups"]))


def test_the_submission_folder_holds_the_whole_record(witness: tuple[Competition, Entry]) -> None:
    competition, entry = witness
    folder = folder_of(competition, entry)
    assert sorted(p.name for p in folder.iterdir()) == [
        "artifacts",
        "log.txt",
        "metrics.jsonl",
        "predictions.csv",
        "replicates.npz",
        "run.json",
    ]
    assert (folder / "metrics.jsonl").read_text(encoding="utf-8") == '{"fold": 1, "step": 1, "loss": 0.5}\n'
    importance = table(folder / "artifacts" / "importance.csv")
    assert importance[1] == {"feature": "gene1", "gain": "1", "symbol": "GENE1"}, "joined with what the dataset knows of a feature"
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert Entry.from_dict(record["entry"]) == entry
    assert (record["limits"]["seconds"], record["limits"]["memory"], record["limits"]["threads"]) == (7200.0, None, 1)
    assert record["versions"]["numpy"] == np.__version__
    assert record["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record["platform"].startswith("Linux")
    assert record["genoboard"] == genoboard.__version__
    assert record["command"].split()
    (fold,) = record["folds"]
    assert 0 <= fold["fit"] < 60
    assert 0 <= fold["predict"] < 60
    assert 30 << 20 < fold["peak_memory"] < 2 << 30


def test_an_entry_says_what_ran_on_what(witness: tuple[Competition, Entry], models: Path) -> None:
    competition, entry = witness
    assert (entry.name, entry.model, entry.origin, entry.verdict, entry.message) == ("Witness", "Witness", "run", "ok", "the first")
    assert (entry.seed, entry.threads, entry.parameters, entry.control) == (3, 1, {}, False)
    assert entry.board == competition.board
    assert (entry.board.task, entry.board.data, entry.board.split) == ("lobes", "demo", "donor")
    assert entry.board.data_fingerprint == competition.data.fingerprint
    assert (entry.code.plugin, entry.code.state, len(entry.code.source)) == ("models.py", "editable", 16)
    assert entry.seconds_fit is not None
    assert entry.seconds_predict is not None
    assert entry.peak_memory is not None
    assert entries(competition)[0] == entry


def test_scores_are_those_of_the_file_and_each_has_its_interval(witness: tuple[Competition, Entry]) -> None:
    competition, entry = witness
    assert [s.metric for s in entry.scores] == ["f1-macro", "accuracy", "multiclass-log-loss", "auroc"]
    rows = table(folder_of(competition, entry) / "predictions.csv")
    assert list(rows[0]) == ["sample", *CLASSES]
    score = entry.score("accuracy")
    assert score is not None
    assert score.value == pytest.approx(accuracy(rows, truth(competition)), abs=1e-15)
    assert score.value is not None
    assert score.low is not None
    assert score.high is not None
    assert score.low < score.value < score.high
    replicates = Store(competition.workspace.database).replicates(entry.id, "accuracy")
    assert replicates is not None
    assert replicates.shape == (1000,)


def test_its_own_predictions_submitted_as_a_file_get_exactly_its_scores(witness: tuple[Competition, Entry], tmp_path: Path) -> None:
    competition, entry = witness
    elsewhere = compete(tmp_path)
    again = submit(elsewhere, folder_of(competition, entry) / "predictions.csv", "by hand", message="the same")
    assert again.scores == entry.scores
    assert again.submission_sha256 == entry.submission_sha256
    assert (again.origin, again.name, again.model, again.seed, again.message) == ("file", "by hand", "", None, "the same")
    assert again.standing != entry.standing
    for metric in ("f1-macro", "auroc"):
        a, b = (
            Store(competition.workspace.database).replicates(entry.id, metric),
            Store(elsewhere.workspace.database).replicates(again.id, metric),
        )
        assert a is not None
        assert b is not None
        assert a.tobytes() == b.tobytes()


# Verdicts


def test_every_verdict_is_recorded_with_its_reason_and_stands_below_the_valid_entries(tmp_path: Path, models: Path) -> None:
    competition = compete(tmp_path)
    expected = {
        "Raises": ("failed", "ValueError: no genes are left"),
        "Sleeps": ("timeout", "it was still running after 2 s; allow more with --timeout"),
        "Starves": ("memory", r"Unable to allocate 2\.00 GiB .*; the limit is 1024 MB: allow more with --memory"),
        "Dies": ("crashed", "its process ended with SIGSEGV before it had answered"),
        "Doubts": ("invalid", "(?s)3 missing values: .*line 3, .*'nan'.*"),
        "Centroids": ("ok", ""),
    }
    for name in expected:
        entry = genoboard.evaluate(competition, f"{models}:{name}", limits=Limits(2 if name == "Sleeps" else 60, 1 << 30))
        verdict, reason = expected[name]
        assert entry.verdict == verdict
        assert re.fullmatch(reason, entry.reason), entry.reason
        folder = folder_of(competition, entry)
        assert Entry.from_dict(json.loads((folder / "run.json").read_text(encoding="utf-8"))["entry"]) == entry
        assert (folder / "log.txt").exists()
        assert entry.seconds_fit is not None
        assert entry.peak_memory is not None
        assert entry.seconds_fit > (1.9 if name == "Sleeps" else 0)
        assert entry.peak_memory > 30 << 20
        assert bool(entry.scores) == (verdict == "ok")
    assert "ValueError: no genes are left" in (folder_of(competition, entries(competition)[0]) / "log.txt").read_text(encoding="utf-8")
    rows = standings(competition)
    assert [r["name"] for r in rows] == ["Centroids", "Raises", "Sleeps", "Starves", "Dies", "Doubts"]
    assert [r["rank"] for r in rows] == [1, None, None, None, None, None]
    assert [r["verdict"] for r in rows] == ["ok", "failed", "timeout", "memory", "crashed", "invalid"]
    assert all(re.fullmatch(expected[r["name"]][1], r["reason"]) for r in rows)


def test_a_failure_says_in_which_fold_it_happened(tmp_path: Path, models: Path) -> None:
    competition = compete(tmp_path, split="donor-cv3", data="lacking")
    entry = genoboard.evaluate(competition, f"{models}:Demanding")
    assert entry.verdict == "failed"
    assert re.fullmatch(r"fold [123] of 3: AssertionError: only 2 classes", entry.reason)


def test_a_model_with_labels_alone_enters_with_a_note_where_the_metric_reads_labels(tmp_path: Path, models: Path) -> None:
    entry = genoboard.evaluate(compete(tmp_path), f"{models}:Labels")
    assert (entry.verdict, entry.notes) == ("ok", ("the model gives labels, no probabilities: written as 1 and 0",))


def test_a_model_with_labels_alone_is_refused_in_one_line_where_the_metric_reads_probabilities(tmp_path: Path, models: Path) -> None:
    entry = genoboard.evaluate(compete(tmp_path, "lobes-loss"), f"{models}:Labels")
    assert entry.verdict == "failed"
    assert entry.reason == "Labels has no predict_proba, and multiclass-log-loss needs probabilities: wrap it in CalibratedClassifierCV."
    assert entry.notes == ()


def test_what_no_model_can_do_is_refused_before_anything_runs(tmp_path: Path) -> None:
    competition = compete(tmp_path)
    with pytest.raises(UsageError) as wrong_kind:
        genoboard.evaluate(competition, "grand-mean")
    assert "lobes is a tabular task with a multiclass target. Of the models here" in str(wrong_kind.value)
    with pytest.raises(UsageError) as no_json:
        genoboard.evaluate(competition, "sklearn.linear_model:LogisticRegression", parameters={"C": np.int64(3)})
    assert str(no_json.value) == (
        "Parameter C of LogisticRegression is np.int64(3), no JSON value. To run it with one, give the estimator itself as an object."
    )
    assert not list(tmp_path.iterdir())


# Undefined scores


def test_a_secondary_metric_without_a_value_is_null_with_its_reason_and_fails_no_run(tmp_path: Path, models: Path) -> None:
    competition = compete(tmp_path, split="fixed", data="lacking")
    entry = genoboard.evaluate(competition, f"{models}:Centroids")
    assert entry.verdict == "ok"
    score = entry.score("auroc")
    assert score is not None
    assert (score.value, score.low, score.high) == (None, None, None)
    assert score.reason == "class 2 of 3 does not occur in the truth (counting from 0)"
    assert standings(competition)[0]["scores"]["auroc"] is None


def test_a_primary_metric_without_a_value_makes_the_entry_invalid(tmp_path: Path, models: Path) -> None:
    competition = compete(tmp_path, "lobes-auroc", split="fixed", data="lacking")
    entry = genoboard.evaluate(competition, f"{models}:Centroids")
    assert entry.verdict == "invalid"
    assert entry.reason == "auroc has no value here: class 2 of 3 does not occur in the truth (counting from 0)"
    with pytest.raises(UndefinedScore, match="auroc has no value here"):
        submit(competition, folder_of(competition, entry) / "predictions.csv", "by hand")
    assert len(entries(competition)) == 1, "a file that cannot be scored enters nothing"


# Seeds


def test_the_same_seed_gives_the_same_entry_bit_for_bit_and_another_seed_another_one(tmp_path: Path, models: Path) -> None:
    competition = compete(tmp_path)
    first, again, other = (genoboard.evaluate(competition, f"{models}:Noise", seed=seed) for seed in (0, 0, 1))
    a, b, c = ((folder_of(competition, e) / "predictions.csv").read_bytes() for e in (first, again, other))
    assert a == b
    assert a != c
    assert first.scores == again.scores
    assert first.standing == again.standing == other.standing
    (standing,) = standings(competition)
    assert standing["seeds"] == 2
    assert len(standing["entries"]) == 2, "a seed that is entered twice counts once"


# Cross-validated splits


@pytest.fixture(scope="module")
def folded(places: None, models: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Competition, Entry]:
    competition = compete(tmp_path_factory.mktemp("folded"), split="donor-cv3", data="lacking")
    return competition, genoboard.evaluate(competition, f"{models}:Witness")


def test_a_cross_validated_submission_is_the_union_of_its_folds_with_each_row_predicted_once(folded: tuple[Competition, Entry]) -> None:
    competition, entry = folded
    rows = table(folder_of(competition, entry) / "predictions.csv")
    assert sorted(r["sample"] for r in rows) == sorted(competition.data.rows.index)
    said = [
        json.loads(line) for line in (folder_of(competition, entry) / "log.txt").read_text(encoding="utf-8").splitlines() if line[:1] == "{"
    ]
    assert len(said) == 6
    for fitting, predicting, fold in zip(said[::2], said[1::2], competition.folds, strict=True):
        assert fitting["ids"] == list(competition.data.rows.index[fold.train])
        assert predicting["ids"] == list(competition.data.rows.index[fold.test])
    assert sorted(p.name for p in (folder_of(competition, entry) / "artifacts").iterdir()) == ["fold-1", "fold-2", "fold-3"]


def test_a_class_that_a_folds_training_rows_lack_gets_probability_0(folded: tuple[Competition, Entry]) -> None:
    competition, entry = folded
    said = [
        json.loads(line) for line in (folder_of(competition, entry) / "log.txt").read_text(encoding="utf-8").splitlines() if line[:1] == "{"
    ]
    without = [p for f, p in zip(said[::2], said[1::2], strict=True) if f["classes"] == ["cortex", "putamen"]]
    assert len(without) == 1
    asked = {r["sample"]: r for r in table(folder_of(competition, entry) / "predictions.csv")}
    assert {float(asked[i]["spinal cord"]) for i in without[0]["ids"]} == {0.0}
    assert sum(float(r["spinal cord"]) > 0 for r in asked.values()) == len(asked) - len(without[0]["ids"])


def test_scores_of_a_cross_validated_split_are_pooled_with_mean_and_sd_over_folds_beside(folded: tuple[Competition, Entry]) -> None:
    competition, entry = folded
    rows = {r["sample"]: r for r in table(folder_of(competition, entry) / "predictions.csv")}
    by_fold = [accuracy([rows[i] for i in competition.data.rows.index[f.test]], truth(competition)) for f in competition.folds]
    score = entry.score("accuracy")
    assert score is not None
    assert score.value == pytest.approx(accuracy(rows.values(), truth(competition)), abs=1e-15)
    assert score.fold_mean == pytest.approx(np.mean(by_fold), abs=1e-15)
    assert score.fold_sd == pytest.approx(np.std(by_fold, ddof=1), abs=1e-15)
    area = entry.score("auroc")
    assert area is not None
    assert area.value is not None
    assert (area.fold_mean, area.fold_sd) == (None, None)
    assert re.fullmatch(r"no mean over folds: in fold \d, class 2 of 3 does not occur in the truth \(counting from 0\)", area.reason)


# Controls


def test_a_fresh_board_gets_its_controls_first_and_once(tmp_path: Path, models: Path) -> None:
    competition = compete(tmp_path, "lobes-guarded")
    told: list[str] = []
    entry = genoboard.evaluate(competition, f"{models}:Centroids", tell=told.append)
    assert [(e.name, e.control) for e in entries(competition)] == [("prior", True), ("majority", True), ("Centroids", False)]
    assert told == ["Entering the control prior (once per board).", "Entering the control majority (once per board)."]
    submit(competition, folder_of(competition, entry) / "predictions.csv", "by hand")
    assert [e.name for e in entries(competition)] == ["prior", "majority", "Centroids", "by hand"]


def test_a_submitted_file_is_preceded_by_the_controls_too_but_only_if_it_is_valid(places: None, tmp_path: Path) -> None:
    competition, path = compete(tmp_path, "lobes-guarded"), tmp_path / "mine.csv"
    lines = [",".join(["sample", *CLASSES]), *(f"{i},0.5,0.25,0.25" for i in competition.form.ids)]
    path.write_text("\n".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(InvalidSubmission, match="1 problem"):
        submit(competition, path, "by hand")
    assert entries(competition) == []
    path.write_text("\n".join(lines), encoding="utf-8")
    submit(competition, path, "by hand")
    assert [e.name for e in entries(competition)] == ["prior", "majority", "by hand"]


def test_a_control_that_is_run_by_name_is_the_control_itself(tmp_path: Path) -> None:
    competition = compete(tmp_path, "lobes-guarded")
    genoboard.evaluate(competition, "majority")
    assert [(e.name, e.control) for e in entries(competition)] == [("prior", True), ("majority", True)]


# In this process, and inside the training rows


def test_in_process_the_models_own_exception_comes_through_and_nothing_is_recorded(tmp_path: Path, models: Path) -> None:
    competition = compete(tmp_path / "workspace", "lobes-guarded")
    with pytest.raises(ValueError, match="no genes are left"):
        genoboard.evaluate(competition, f"{models}:Raises", in_process=True)
    entry = genoboard.evaluate(competition, f"{models}:Centroids", in_process=True)
    assert entry.verdict == "ok"
    assert entry.score("accuracy") is not None
    assert not (tmp_path / "workspace").exists()


def test_cross_validation_within_train_looks_at_no_test_row(tmp_path: Path, models: Path) -> None:
    clean, poison = (compete(tmp_path / name, split="fixed", data=name) for name in ("demo", "poisoned"))
    a, b = (genoboard.cross_validate(c, f"{models}:Witness", folds=2) for c in (clean, poison))
    tested = clean.data.rows.index[clean.folds[0].test]
    assert not clean.data.rows.loc[tested].equals(poison.data.rows.loc[tested])
    assert a.scores == b.scores
    assert a.path.read_bytes() == b.path.read_bytes()
    trained = clean.data.rows.index[clean.folds[0].train]
    rows = table(a.path)
    assert a.path.name == "oof.csv"
    assert sorted(r["sample"] for r in rows) == sorted(trained)
    seen = {
        i
        for line in (a.path.parent / "log.txt").read_text(encoding="utf-8").splitlines()
        if line[:1] == "{"
        for i in json.loads(line)["ids"]
    }
    assert seen == set(trained)
    assert a.scores[1].value == pytest.approx(accuracy(rows, truth(clean)), abs=1e-15)
    assert a.scores[1].fold_mean is not None
    assert entries(clean) == [], "nothing of it is recorded"
    assert not (a.path.parent / "run.json").exists()


def test_load_gives_training_rows_with_their_target_and_test_rows_without(tmp_path: Path) -> None:
    loaded = view(compete(tmp_path, split="fixed"))
    assert set(vars(loaded.test)) == {"X", "groups"}
    assert loaded.train.X.index.equals(loaded.train.y.index)
    assert (len(loaded.train.X), len(loaded.test.X), list(loaded.test.X.columns)) == (45, 15, GENES)
    assert set(loaded.train.y) == set(CLASSES)
    assert loaded.train.groups is not None
    assert loaded.train.groups.nunique() == 9
    folds = view(compete(tmp_path, split="donor-cv3"))
    with pytest.raises(UsageError) as several:
        _ = folds.train
    assert str(several.value) == "Split 'donor-cv3' has 3 folds: use .folds[i].train and .folds[i].test."
    assert sum(len(f.test.X) for f in folds.folds) == 60


# Models that are objects


class Shrunken:
    """A model that is defined here, in a module that the child cannot import."""

    def __init__(self, weight: float = 0.5, shape: object = None) -> None:
        self.weight, self.shape = weight, shape

    def get_params(self, deep: bool = True) -> dict[str, object]:
        return {"weight": self.weight, "shape": self.shape}

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64]) -> Shrunken:
        self.share = np.bincount(y) / len(y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        return np.tile(self.weight * self.share + (1 - self.weight) / len(self.share), (len(X), 1))


def test_an_estimator_object_enters_with_its_own_parameters_so_that_two_settings_are_two_standings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    competition = compete(tmp_path)
    low, high = (genoboard.evaluate(competition, Shrunken(weight, shape=halves)) for weight in (0.1, float("nan")))
    assert low.verdict == "ok", low.reason
    assert (low.name, low.model) == ("Shrunken", "Shrunken")
    assert low.parameters == {"weight": 0.1, "shape": "<function halves>"}
    assert (high.verdict, high.parameters["weight"]) == ("invalid", "NaN")
    assert low.standing != high.standing
    json.loads((folder_of(competition, high) / "run.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_a_pipeline_object_enters(tmp_path: Path) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    entry = genoboard.evaluate(compete(tmp_path), make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2)), name="tree")
    assert (entry.verdict, entry.name, entry.model) == ("ok", "tree", "Pipeline")
    assert entry.parameters["decisiontreeclassifier__max_depth"] == 2
    assert (entry.code.plugin, entry.code.state) == ("scikit-learn", "released")


def test_a_model_file_that_was_edited_is_told_apart(tmp_path: Path) -> None:
    competition, path = compete(tmp_path), tmp_path / "models.py"
    path.write_text(MODELS, encoding="utf-8")
    before = genoboard.evaluate(competition, f"{path}:Centroids")
    path.write_text(MODELS.replace("** 2", "** 4"), encoding="utf-8")
    after = genoboard.evaluate(competition, f"{path}:Centroids")
    assert before.code.source != after.code.source
    assert len(standings(competition)) == 2


# Other kinds of target


def test_a_binary_task_asks_for_the_probability_of_its_second_class(tmp_path: Path) -> None:
    competition = compete(tmp_path, "lobes-halves")
    entry = genoboard.evaluate(competition, "prior")
    assert entry.verdict == "ok", entry.reason
    rows = table(folder_of(competition, entry) / "predictions.csv")
    share = (competition.data.rows["y"].iloc[competition.folds[0].train] == "putamen").mean()
    assert [float(r["region"]) for r in rows] == pytest.approx([share] * len(rows))
    again = submit(competition, folder_of(competition, entry) / "predictions.csv", "by hand")
    assert again.scores == entry.scores


def test_a_regression_task_asks_for_one_number(tmp_path: Path) -> None:
    competition = compete(tmp_path, "lobes-numbers")
    entry = genoboard.evaluate(competition, "grand-mean")
    assert entry.verdict == "ok", entry.reason
    y = competition.data.rows["y"].to_numpy()
    (fold,) = competition.folds
    score = entry.score("mse")
    assert score is not None
    assert score.value == pytest.approx(np.mean((y[fold.test] - y[fold.train].mean()) ** 2))


# What happens around a run


def test_a_plugin_that_fails_when_told_of_an_entry_undoes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Listener:
        heard: tuple[str, ...] = ()

        @hookimpl
        def entry_recorded(self, entry: dict[str, Any]) -> None:
            self.heard = (*self.heard, entry["id"])
            raise RuntimeError("no network")

    listener = Listener()
    competition = compete(tmp_path, plugins=load_plugins(extra=[Lobes(), listener]))
    with caplog.at_level(logging.ERROR, "genoboard"):
        entry = genoboard.evaluate(competition, "prior")
    assert listener.heard == (entry.id,)
    assert entries(competition) == [entry]
    assert "Listener" in caplog.text
    assert "no network" in caplog.text


KILLED = """
    import importlib.util, sys
    from pathlib import Path

    spec = importlib.util.spec_from_file_location("lobes", {tests!r})
    lobes = sys.modules["lobes"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lobes)
    lobes.genoboard.evaluate(lobes.compete(Path({workspace!r})), {model!r})
"""


def test_a_harness_that_is_killed_takes_its_child_along_and_leaves_no_half_entry(tmp_path: Path, models: Path) -> None:
    script, workspace, temporary = (tmp_path / name for name in ("killed.py", "workspace", "temporary"))
    temporary.mkdir()
    told = {"tests": __file__, "workspace": str(workspace), "model": f"{models}:Sleeps"}
    script.write_text(textwrap.dedent(KILLED).format(**told), encoding="utf-8")
    harness = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "TMPDIR": str(temporary)})
    deadline = time.monotonic() + 60
    logs = workspace / "submissions" / "lobes"
    while not (said := "".join(p.read_text(encoding="utf-8") for p in logs.glob(".*Sleeps*/log.txt"))) and time.monotonic() < deadline:
        assert harness.poll() is None
        time.sleep(0.05)
    child = Path("/proc") / said.strip()
    assert "S (sleeping)" in (child / "status").read_text(encoding="ascii")
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    while time.monotonic() < deadline:
        try:
            if "Z (zombie)" in (child / "status").read_text(encoding="ascii"):
                break
        except OSError:
            break
        time.sleep(0.05)
    assert time.monotonic() < deadline, "the child has ended too"

    competition = compete(workspace)
    assert entries(competition) == []
    assert standings(competition) == []
    assert [p for p in (workspace / "submissions" / "lobes").iterdir() if not p.name.startswith(".")] == []
    entry = genoboard.evaluate(competition, f"{models}:Centroids")
    assert entries(competition) == [entry]
    assert [p.name for p in (workspace / "submissions" / "lobes").iterdir()] == [entry.id], "what was left of the other is gone"
    assert not list((workspace / "leaderboard" / "entering").iterdir())
