"""Rescore: every kind of damage is named, new versions keep the earlier scores, and what is removed leaves a tombstone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genoboard import Dataset, DataSource, Split, Task, UnknownName, UsageError, board, evaluate, hookimpl, scoring
from genoboard.competition import Competition
from genoboard.evaluation import submit
from genoboard.plugins import Plugins, load_plugins
from genoboard.rescore import Finding, remove, renew, verify
from genoboard.rescore import summary as summed
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

SHAPES = ("flat", "round")
ROWS = 240


def cohort(seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 2, ROWS)
    index = pd.Index([f"P{i:03d}" for i in range(ROWS)], dtype="str")
    return Dataset(
        X=pd.DataFrame({"x": (code + rng.normal(size=ROWS)).astype(np.float32)}, index=index),
        y=pd.Series([SHAPES[c] for c in code], index=index, dtype="str"),
        groups=pd.DataFrame({"beach": [f"B{i // 4:02d}" for i in range(ROWS)]}, index=index),
    )


def other_cohort() -> Dataset:
    return cohort(1)


BEACH = Split("beach", "Does it know pebbles of other beaches?", "prior", group="beach")
TASK = Task(
    name="beach", title="Beach", summary="a task for tests", kind="tabular", target="multiclass", classes=SHAPES,
    sources=(DataSource("demo", "pebbles", generate=f"{__name__}:cohort"), DataSource("own", "own", read=f"{__name__}:cohort")),
    splits=(BEACH, replace(BEACH, name="beach-cv5", cross_validated=True)),
    metrics=("accuracy", "auroc", "multiclass-log-loss"), controls=("prior",),
)  # fmt: skip


class Beach:
    """A plugin that brings this task, as it is now or as it will be."""

    def __init__(self, task: Task = TASK) -> None:
        self.task = task

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return (self.task,)


def plugins(task: Task = TASK) -> Plugins:
    return load_plugins(extra=[Beach(task)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A workspace with runs on both splits, a file, and a run that failed."""
    home = tmp_path_factory.mktemp("rescore")
    root = home / "beach"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        for split in ("beach", "beach-cv5"):
            competition = Competition.open("beach", split, None, root, plugins())
            evaluate(competition, "majority")
        competition = Competition.open("beach", "beach", None, root, plugins())
        form, rng = competition.form, np.random.default_rng(3)
        guesses = rng.dirichlet([1, 1], len(form.ids))
        pd.DataFrame(guesses, index=pd.Index(form.ids, name="id"), columns=list(form.classes)).to_csv(home / "mine.csv")
        submit(competition, home / "mine.csv", "mine")
        evaluate(competition, f"{__file__}:Absent")
    return root


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(made, tmp_path / "beach")


def entry_of(place: Path, name: str) -> Entry:
    return Store(place / "leaderboard" / "leaderboard.db").find(name)[0]


def folder_of(place: Path, name: str) -> Path:
    return place / "submissions" / "beach" / entry_of(place, name).id


def verified(place: Path, task: Task = TASK) -> dict[str, Finding]:
    return {f.entry.id: f for f in verify(place, plugins=plugins(task))}


def test_what_was_just_made_is_as_recorded_bit_for_bit(place: Path) -> None:
    found = verified(place)
    assert sorted(f.what for f in found.values()) == ["failed run", *["ok"] * 5]
    assert summed(list(found.values())) == "6 entries verified: 5 as recorded, 1 without predictions."


def flip(folder: Path) -> None:
    text = (folder / "predictions.csv").read_text(encoding="utf-8")
    at = next(i for i, c in enumerate(text) if c == "0" and text[i + 1] == "." and i > 20)
    digit = at + 4
    (folder / "predictions.csv").write_text(text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1 :], encoding="utf-8")


def edit(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    record["entry"]["scores"][0]["value"] = 0.99
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "what", "why"),
    [
        (flip, "tampered", r"predictions\.csv was changed: SHA-256 [0-9a-f]{12}, recorded [0-9a-f]{12}"),
        (lambda f: (f / "predictions.csv").unlink(), "missing", r"predictions\.csv is gone"),
        (shutil.rmtree, "missing", "its folder .* is gone"),
        (lambda f: (f / "run.json").unlink(), "missing", r"run\.json is gone"),
        (edit, "edited", r"run\.json and the index differ in scores"),
        (lambda f: (f / "run.json").write_text("{"), "edited", r"run\.json is no record any more"),
    ],
)
def test_damage_is_named_for_the_entry_that_it_befell_and_no_other(
    place: Path, damage: Callable[[Path], object], what: str, why: str
) -> None:
    hurt = entry_of(place, "mine").id
    damage(folder_of(place, "mine"))
    found = verified(place)
    told = found.pop(hurt)
    assert told.what == what
    assert re.search(why, told.why), told.why
    assert all(f.what in ("ok", "failed run") for f in found.values())


def test_another_version_of_the_data_is_named_and_not_scored(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "elsewhere"))
    changed = replace(TASK, sources=(replace(TASK.sources[0], generate=f"{__name__}:other_cohort"),))
    found = verified(place, changed)
    told = {f.what for f in found.values()}
    assert told == {"other data", "failed run"}
    assert "the data of beach / demo / beach changed: entered on" in next(f.why for f in found.values() if f.what == "other data")


def test_a_score_that_comes_out_otherwise_is_told_with_the_version_that_explains_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "VERSION", scoring.VERSION + 1)
    kept = scoring.REPLICATES
    monkeypatch.setattr(scoring, "REPLICATES", 500)
    scoring._weights.cache_clear()
    found = verified(place)[entry_of(place, "mine").id]
    assert found.what == "changed"
    assert f"(scorer {scoring.VERSION - 1}, now {scoring.VERSION})" in found.why
    changed = list(renew(place, plugins=plugins()))
    assert {f.what for f in changed} == {"changed"}
    assert len(changed) == 5
    assert all(f.what in ("ok", "failed run") for f in verified(place).values())
    record = json.loads((folder_of(place, "mine") / "run.json").read_text(encoding="utf-8"))
    (earlier,) = record["earlier"]
    assert earlier["scorer"] == scoring.VERSION - 1
    assert earlier["scores"] != record["entry"]["scores"]
    assert list(renew(place, plugins=plugins())) == []
    assert board.rebuild(str(place)) == 6
    assert all(f.what in ("ok", "failed run") for f in verified(place).values())
    monkeypatch.setattr(scoring, "REPLICATES", kept)
    scoring._weights.cache_clear()


def test_a_metric_that_the_task_got_since_is_scored_for_the_older_entries(place: Path) -> None:
    more = replace(TASK, metrics=(*TASK.metrics, "brier"))
    told = verified(place, more)[entry_of(place, "mine").id]
    assert "brier was not scored, and is" in told.why
    changed = list(renew(place, plugins=plugins(more)))
    assert len(changed) == 5
    assert entry_of(place, "mine").score("brier") is not None


def test_what_was_tampered_with_gets_no_new_scores(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(folder_of(place, "mine"))
    before = entry_of(place, "mine")
    monkeypatch.setattr(scoring, "VERSION", scoring.VERSION + 1)
    found = {f.entry.name: f.what for f in renew(place, plugins=plugins())}
    assert found["mine"] == "tampered"
    assert entry_of(place, "mine") == before


def test_a_removed_entry_leaves_a_tombstone_and_its_place_on_the_board(place: Path) -> None:
    gone = remove(place, "mine", "wrong file")
    assert json.loads((folder_of(place, "mine") / "removed.json").read_text(encoding="utf-8"))["reason"] == "wrong file"
    assert (folder_of(place, "mine") / "predictions.csv").exists()
    for _ in range(2):
        told = board.document(plugins(), str(place), "beach")
        assert [s["name"] for s in told["standings"] if s["verdict"] == "ok"] == ["prior", "majority"]
        assert told["removed"] == [{"entry": gone.id, "name": "mine", "reason": "wrong file"}]
        assert f"Removed: {gone.id}: wrong file" in told["notes"]
        assert verified(place)[gone.id].what == "removed"
        board.rebuild(str(place))


def test_of_a_standing_with_two_seeds_the_other_one_stays(place: Path) -> None:
    competition = Competition.open("beach", "beach", None, place, plugins())
    second = evaluate(competition, "majority", seed=1)
    remove(place, second.id, "a trial")
    (row,) = (s for s in board.document(plugins(), str(place), "beach")["standings"] if s["name"] == "majority")
    assert row["seeds"] == 1
    assert second.id not in row["entries"]


def test_a_control_that_was_removed_is_entered_again_by_the_next_run(place: Path) -> None:
    competition = Competition.open("beach", "beach", None, place, plugins())
    (control,) = (e for e in Store(competition.workspace.database).entries(competition.board) if e.control)
    remove(place, control.id, "made by an old version")
    evaluate(competition, "uniform")
    names = [s["name"] for s in board.document(plugins(), str(place), "beach")["standings"] if s["control"]]
    assert names == ["prior"]


def test_what_cannot_be_removed_is_said(place: Path) -> None:
    with pytest.raises(UsageError, match="Say why it is removed"):
        remove(place, "mine", " ")
    with pytest.raises(UnknownName, match="There is no entry named 'nobody'"):
        remove(place, "nobody", "x")
    with pytest.raises(UsageError, match=r"'majority' names 2 entries: .*, .*Name one of them by its id"):
        remove(place, "majority", "x")
    remove(place, "mine", "x")
    with pytest.raises(UsageError, match="was removed already: x"):
        remove(place, "mine", "y")
