"""Bundle: what participants are handed works without the solution, which is in none of its files."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genoboard import packing
from genoboard.competition import Competition
from genoboard.errors import DataError, InvalidSubmission, UsageError
from genoboard.evaluation import cross_validate, evaluate, submit
from genoboard.plugins import load_plugins
from genoboard.rescore import verify
from genoboard.workspace import Workspace
from genoboard_leaderboard.entry import Entry


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENOBOARD_WORKSPACE", raising=False)


def host(tmp_path: Path, task: str = "brain-region", split: str | None = None) -> Competition:
    return Competition.open(task, split, workspace=tmp_path / "host")


def participant(folder: Path, task: str = "brain-region") -> Competition:
    return Competition.open(task, workspace=folder)


def handed_in(competition: Competition, entry: Entry) -> Path:
    return competition.workspace.folder(entry.id, entry.board.task) / "submission.csv"


MODELS = {
    "brain-region": ("sklearn.neighbors:KNeighborsClassifier", None),
    "variant-class": ("variant-features", None),
    "expression-regression": ("ridge", "random"),
}


@pytest.mark.parametrize(
    "task",
    ["brain-region", pytest.param("variant-class", marks=pytest.mark.slow), pytest.param("expression-regression", marks=pytest.mark.slow)],
)
def test_what_a_participant_predicts_is_what_the_host_would_have_scored(task: str, tmp_path: Path) -> None:
    model, split = MODELS[task]
    at_home = host(tmp_path, task, split)
    wrote = list(packing.pack(at_home, tmp_path / "bundle"))
    assert all(p.exists() for p in wrote)
    away = participant(tmp_path / "bundle", task)
    assert away.split.unscored
    entry = evaluate(away, model, name="mine")
    assert (entry.verdict, entry.scores, entry.held) == ("ok", (), "not scored here: the host has the solution")
    back = submit(at_home, handed_in(away, entry), "theirs")
    direct = evaluate(at_home, model, name="direct")
    assert back.scores[0].value == pytest.approx(direct.scores[0].value, rel=1e-9)
    assert [f.what for f in verify(tmp_path / "bundle")] == ["ok"]


def test_the_solution_is_in_no_file_of_a_bundle(tmp_path: Path) -> None:
    at_home = host(tmp_path)
    list(packing.pack(at_home, tmp_path / "bundle"))
    rows = pd.read_parquet(tmp_path / "bundle" / "data" / "rows.parquet")
    asked = rows["part"] == "asked"
    assert sorted(rows.index[asked]) == sorted(at_home.form.ids)
    assert rows.loc[asked, "y"].isna().all()
    assert rows.loc[~asked, "y"].notna().all()
    # whose rows are whose says which rows belong together, and in this task a donor gives each region once
    assert (rows.loc[asked, "donor"] == rows.index[asked]).all()
    known = at_home.data.rows.loc[rows.index[~asked]]
    assert (
        len(set(zip(known["donor"], rows.loc[~asked, "donor"], strict=True)))
        == known["donor"].nunique()
        == rows.loc[~asked, "donor"].nunique()
    )
    assert not set(known["donor"]) & set(rows["donor"])
    assert not [p for p in (tmp_path / "bundle").rglob("*") if p.name.startswith("ids")]


def test_a_participant_tunes_inside_the_training_rows_and_is_held_to_the_form(tmp_path: Path) -> None:
    list(packing.pack(host(tmp_path), tmp_path / "bundle"))
    away = participant(tmp_path / "bundle")
    found = cross_validate(away, "sklearn.neighbors:KNeighborsClassifier", folds=2)
    assert found.scores[0].value is not None
    assert set(found.oof.index).isdisjoint(away.form.ids)
    sample = tmp_path / "bundle" / "sample_submission.csv"
    assert submit(away, sample, "sample").held
    pd.read_csv(sample).iloc[1:].to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(InvalidSubmission, match="missing id"):
        submit(away, tmp_path / "short.csv", "short")


def test_a_bundle_is_one_folder_of_an_archive(tmp_path: Path) -> None:
    (made,) = packing.pack_into_archive(host(tmp_path), tmp_path / "regions.zip")
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "there")
    assert {n.split("/")[0] for n in names} == {"regions"}
    assert participant(tmp_path / "there" / "regions").test.size == 140


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (
            "donor-cv5",
            r"Under 'donor-cv5' every row is a training row of some fold, so a bundle would hold the whole solution\. Choose another: --split donor\.",
        ),
    ],
)
def test_a_split_that_gives_the_solution_away_is_not_packed(split: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        list(packing.pack(host(tmp_path, split=split), tmp_path / "bundle"))
    assert not (tmp_path / "bundle").exists()


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"bundle is there already, and not empty\. Name a new folder with -o DIR\."):
        list(packing.pack(host(tmp_path), tmp_path / "bundle"))
    list(packing.pack(host(tmp_path), tmp_path / "other"))
    with pytest.raises(UsageError, match="there is nothing to be host of"):
        list(packing.pack(participant(tmp_path / "other"), tmp_path / "again"))


def test_a_damaged_bundle_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    list(packing.pack(host(tmp_path), folder))
    matrix = folder / "data" / "features.npy"
    sound = matrix.read_bytes()
    matrix.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(DataError, match=r"features\.npy.* has changed since"):
        participant(folder)
    matrix.write_bytes(sound)
    participant(folder)
    (folder / "bundle.toml").write_text("task = 3")
    plugins = load_plugins(workspace=Workspace.here(folder))
    assert "bundle.toml is not as it was packed" in plugins.broken["bundle.toml"]


def genoboard(*words: object, at: Path) -> str:
    return subprocess.run([sys.executable, "-m", "genoboard", *map(str, words)], cwd=at, check=True, capture_output=True, text=True).stdout


def test_a_task_of_ones_own_file_is_packed_with_its_metric(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    X.assign(patient=np.arange(120) // 4, state=np.where(X["a"] + X["b"] > 0, "ill", "well")).to_csv(
        home / "cohort.csv", index_label="sample"
    )
    (home / "score.py").write_text("def agreement(y_true, y_pred):\n    return float((y_true == y_pred).mean())\n")
    make = ["new", "task", "cohort", "--from", "cohort.csv", "--target", "state", "--group", "patient", "--id", "sample"]
    genoboard(*make, "--metric", "score.py:agreement", "--direction", "max", "--range", "0", "1", at=home)
    told = genoboard("pack", "cohort", "-o", tmp_path / "bundle", at=home)
    assert "Next: hand out" in told
    # nor does it say where the host keeps its files
    assert not [p for p in (tmp_path / "bundle").rglob("*") if p.is_file() and str(home).encode() in p.read_bytes()]
    ran = genoboard("run", "cohort", "sklearn.linear_model:LogisticRegression", "--name", "mine", at=tmp_path / "bundle")
    assert "not scored here: the host has the solution" in ran
    (made,) = (tmp_path / "bundle").glob("submissions/cohort/*-mine-*/submission.csv")
    scored = genoboard("submit", "cohort", "-f", made, "--name", "theirs", at=home)
    value = re.search(r"theirs  agreement (\d\.\d+)", scored)
    assert value is not None, scored
    assert float(value[1]) > 0.8
