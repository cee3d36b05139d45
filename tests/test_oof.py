"""Out-of-fold predictions: every training row, predicted by a model that saw neither its group nor anything of the outer fold's test rows."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genoboard
from genoboard import DataError, Dataset, DataSource, Split, Task, UsageError, hookimpl, oof
from genoboard.competition import Competition
from genoboard.plugins import load_plugins
from genoboard.splits import Fold
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

LOBES = ("cortex", "putamen")

# A task of 48 samples of 12 donors


def cohort() -> Dataset:
    rng = np.random.default_rng(8)
    index = pd.Index([f"S{i:02d}" for i in range(48)], dtype="str")
    code, donor = np.arange(48) % 2, np.arange(48) // 4
    values = rng.normal(size=(48, 2)) + 1.5 * code[:, None]
    return Dataset(
        X=pd.DataFrame(values.astype(np.float32), index=index, columns=["a", "b"]),
        y=pd.Series([LOBES[c] for c in code], index=index, dtype="str"),
        groups=pd.DataFrame({"donor": [f"D{d:02d}" for d in donor]}, index=index),
    )


DONOR = Split("donor", "Does it work on people it has not seen?", "prior", group="donor", folds=3)
TASK = Task(
    name="nested", title="Nested", summary="a task for tests", kind="tabular", target="multiclass", classes=LOBES,
    sources=(DataSource("demo", "a small cohort", generate=f"{__name__}:cohort"),),
    splits=(DONOR, replace(DONOR, name="donor-cv2", folds=2, cross_validated=True), replace(DONOR, name="coarse", folds=2, group="pair")),
    metrics=("multiclass-log-loss",), id_column="sample", target_column="region",
)  # fmt: skip

MODELS = '''
import json
import re
import numpy as np


class Witness:
    """Tells which rows it is given; with `below`, gives no usable answer where it has fewer rows to learn from."""

    def __init__(self, below=0, how="raise"):
        self.below, self.how = below, how

    def fit(self, X, y, run):
        self.few = len(X) < self.below
        if self.few and self.how == "raise":
            raise ValueError(f"{len(X)} rows are too few")
        print(json.dumps(list(X.index)))
        run.log(1, rows=len(X))
        self.means = np.stack([X[y == c].mean() for c in (0, 1)])
        return self

    def predict_proba(self, X):
        print(json.dumps(list(X.index)))
        p = np.exp(-((X.to_numpy()[:, None] - self.means) ** 2).sum(axis=2) / 2)
        return np.where(self.few, np.nan, p / p.sum(axis=1, keepdims=True))
'''


class Nested:
    """A plugin that brings this task."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return (TASK,)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "models.py"
    path.write_text(MODELS, encoding="utf-8")
    return f"{path}:Witness"


def compete(workspace: Path, split: str | None = None) -> Competition:
    return Competition.open("nested", split, None, workspace, load_plugins(extra=[Nested()]))


def folder_of(competition: Competition, entry: Entry) -> Path:
    return competition.workspace.folder(entry.id, competition.task.name)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def rows_told(log: Path) -> list[list[str]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line[:1] == "["]


class Counting:
    """A progress bar that remembers what it was shown."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def __call__(self, folds: Sequence[Fold], label: str) -> Iterable[Fold]:
        self.labels.append(f"{label}: {len(folds)}")
        return folds


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory, cache: Path, model: str) -> tuple[Competition, Entry, Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        competition = compete(tmp_path_factory.mktemp("held-out"))
        entry = genoboard.evaluate(competition, model, seed=2, oof=True)
        return competition, entry, genoboard.cross_validate(competition, model, seed=2).path


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory, cache: Path, model: str) -> tuple[Competition, Entry, Counting]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        competition, counting = compete(tmp_path_factory.mktemp("crossed"), "donor-cv2"), Counting()
        return competition, genoboard.evaluate(competition, model, oof=True, progress=counting), counting


def test_on_a_held_out_split_they_are_what_dev_computes(held_out: tuple[Competition, Entry, Path]) -> None:
    competition, entry, dev = held_out
    left = folder_of(competition, entry) / "oof.csv"
    assert left.read_bytes() == dev.read_bytes()
    with left.open(encoding="utf-8") as text:
        assert text.readline() == "sample,fold,cortex,putamen\n"
    assert [(r["sample"], r["fold"]) for r in table(left)] == [(i, "1") for i in competition.data.rows.index[competition.folds[0].train]]


def test_the_record_holds_their_hash_and_the_entry_is_otherwise_that_of_a_plain_run(
    held_out: tuple[Competition, Entry, Path], model: str
) -> None:
    competition, entry, _ = held_out
    folder = folder_of(competition, entry)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["oof_sha256"] == hashlib.sha256((folder / "oof.csv").read_bytes()).hexdigest()
    plain = genoboard.evaluate(competition, model, seed=2)
    assert (plain.scores, plain.submission_sha256, plain.standing) == (entry.scores, entry.submission_sha256, entry.standing)
    assert "oof_sha256" not in json.loads((folder_of(competition, plain) / "run.json").read_text(encoding="utf-8"))
    assert not (folder_of(competition, plain) / "oof.csv").exists()


def test_logs_and_curves_of_the_inner_folds_are_not_mixed_with_those_of_the_entry(held_out: tuple[Competition, Entry, Path]) -> None:
    folder = folder_of(*held_out[:2])
    assert len((folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    assert len((folder / "oof" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()) == 5
    assert sorted(p.name for p in (folder / "oof").iterdir()) == ["log.txt", "metrics.jsonl"]


def test_on_a_cross_validated_split_each_training_row_stands_there_once_per_fold_that_trains_on_it(
    crossed: tuple[Competition, Entry, Counting],
) -> None:
    competition, entry, _ = crossed
    rows = table(folder_of(competition, entry) / "oof.csv")
    index = competition.data.rows.index
    assert Counter((r["fold"], r["sample"]) for r in rows) == Counter(
        (str(n), i) for n, fold in enumerate(competition.folds, start=1) for i in index[fold.train]
    )


def test_no_model_behind_them_saw_the_outer_folds_test_rows_or_a_donor_that_it_predicts(
    crossed: tuple[Competition, Entry, Counting],
) -> None:
    competition, entry, _ = crossed
    donor = competition.data.rows["donor"]
    for number, fold in enumerate(competition.folds, start=1):
        told = rows_told(folder_of(competition, entry) / "oof" / f"fold-{number}" / "log.txt")
        assert len(told) == 10, "five models, each fitted and asked"
        outer = set(competition.data.rows.index[fold.test])
        for fitted, asked in zip(told[::2], told[1::2], strict=True):
            assert not outer & {*fitted, *asked}
            assert not set(donor[fitted]) & set(donor[asked])
        assert sorted(i for asked in told[1::2] for i in asked) == sorted(competition.data.rows.index[fold.train])


def test_progress_tells_the_inner_folds_apart(crossed: tuple[Competition, Entry, Counting]) -> None:
    assert crossed[2].labels == ["Witness: 2", "Witness out-of-fold, fold 1 of 2: 5", "Witness out-of-fold, fold 2 of 2: 5"]


def test_they_are_read_back_bit_for_bit_in_the_order_of_each_folds_training_rows(crossed: tuple[Competition, Entry, Counting]) -> None:
    competition, entry, _ = crossed
    folder = folder_of(competition, entry)
    sha256 = json.loads((folder / "run.json").read_text(encoding="utf-8"))["oof_sha256"]
    found = oof.read(folder / "oof.csv", competition, sha256)
    written = {(r["fold"], r["sample"]): [float(r[c]) for c in LOBES] for r in table(folder / "oof.csv")}
    for number, (fold, values) in enumerate(zip(competition.folds, found, strict=True), start=1):
        assert values.tolist() == [written[str(number), i] for i in competition.data.rows.index[fold.train]]


@given(numbers=st.lists(st.floats(0, 1), min_size=48 * 2, max_size=48 * 2))
@settings(max_examples=20, deadline=None)
def test_any_number_survives_the_file(numbers: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    competition, path = compete(tmp_path_factory.mktemp("any"), "donor-cv2"), tmp_path_factory.mktemp("any") / "oof.csv"
    values = np.reshape(numbers, (48, 2))
    inners = [competition.within_train(fold=f) for f in (0, 1)]
    sha256 = oof.write(path, [oof.frame(inner, values[inner.test]) for inner in inners])
    for fold, found in zip(competition.folds, oof.read(path, competition, sha256), strict=True):
        assert found.tobytes() == values[fold.train].tobytes()


def test_a_file_that_has_changed_is_refused(held_out: tuple[Competition, Entry, Path], tmp_path: Path) -> None:
    competition, entry, dev = held_out
    sha256 = json.loads((folder_of(competition, entry) / "run.json").read_text(encoding="utf-8"))["oof_sha256"]
    changed = tmp_path / "oof.csv"
    changed.write_bytes(dev.read_bytes().replace(b",1,0.", b",1,0.0", 1))
    with pytest.raises(DataError) as refused:
        oof.read(changed, competition, sha256)
    assert str(refused.value) == f"{changed} has changed since it was written. Put it back, or run that model again with --oof."


def test_a_file_that_lacks_training_rows_is_refused(tmp_path: Path) -> None:
    competition, path = compete(tmp_path, "donor-cv2"), tmp_path / "oof.csv"
    inner = competition.within_train(fold=0)
    frame = oof.frame(inner, np.full((len(inner.test), 2), 0.5))
    sha256 = oof.write(path, [frame, frame])
    with pytest.raises(DataError, match=r"does not answer for every training row of fold 2\. Run that model again with --oof\."):
        oof.read(path, competition, sha256)


@pytest.mark.parametrize(
    ("how", "note"),
    [
        ("raise", r"no out-of-fold predictions: inside the training rows: fold 1 of 5: ValueError: \d+ rows are too few"),
        ("doubt", r"no out-of-fold predictions: inside the training rows: .*missing values.*"),
    ],
)
def test_a_model_that_cannot_learn_from_fewer_rows_still_has_its_entry_and_a_note_why_there_are_none(
    how: str, note: str, tmp_path: Path, model: str
) -> None:
    competition = compete(tmp_path)
    entry = genoboard.evaluate(competition, model, parameters={"below": 30, "how": how}, oof=True)
    assert entry.verdict == "ok"
    assert entry.scores[0].value is not None
    (said,) = entry.notes
    assert re.fullmatch(note, said), said
    folder = folder_of(competition, entry)
    assert not (folder / "oof.csv").exists()
    assert (folder / "oof" / "log.txt").exists(), "where one sees what happened"
    assert not list((folder / "oof").glob("*.csv")), "nothing that was refused lies about"
    assert Store(competition.workspace.database).entries() == [entry]


def test_a_split_too_small_to_be_dealt_again_is_refused_before_anything_is_fitted(tmp_path: Path, model: str) -> None:
    plugins = load_plugins(extra=[Few()])
    competition = Competition.open("few", "coarse", None, tmp_path, plugins)
    with pytest.raises(DataError) as refused:
        genoboard.evaluate(competition, model, oof=True)
    assert str(refused.value) == "Split 'coarse-dev' deals 2 parts, but there are only 1 ponds. Use another split or more data."
    assert not (tmp_path / "submissions").exists()


def test_a_run_in_this_process_has_nothing_to_keep_them_with(tmp_path: Path, model: str) -> None:
    with pytest.raises(UsageError, match="a run in this process leaves none"):
        genoboard.evaluate(compete(tmp_path), model, oof=True, in_process=True)


def halves() -> Dataset:
    data = cohort()
    return replace(data, groups=pd.DataFrame({"pond": [f"H{i % 2}" for i in range(48)]}, index=data.X.index))


class Few:
    """A plugin whose task has two groups."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        source: Any = DataSource("demo", "a small cohort", generate=f"{__name__}:halves")
        return (replace(TASK, name="few", sources=(source,), splits=(replace(DONOR, name="coarse", folds=2, group="pond"),)),)
