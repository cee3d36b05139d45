"""The grid: models x splits x seeds side by side, what has not changed answered from its entry, and jobs for somebody else to start."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import running

from genoboard import UsageError, evaluate, grid
from genoboard.competition import Competition
from genoboard.grid import GridJob
from genoboard.isolation import Limits
from genoboard.workspace import Workspace
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

MODELS = ("knn", "sklearn.tree:DecisionTreeClassifier")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def workspace(tmp_path: Path, with_controls: Callable[..., Path]) -> Path:
    return with_controls(tmp_path / "workspace", "brain-region", "donor")


def compete(workspace: Path, split: str = "donor") -> Competition:
    return Competition.open("brain-region", split, workspace=workspace)


def jobs(workspace: Path, splits: tuple[str, ...] = ("donor",), seeds: tuple[int, ...] = (0, 1), **given: Any) -> list[GridJob]:
    return [GridJob(c, m, s, Limits(300), **given) for c in (compete(workspace, split) for split in splits) for m in MODELS for s in seeds]


def entries(found: Any) -> dict[tuple[str, str, int | None], Entry]:
    told = {}
    for job, what in found:
        assert isinstance(what, Entry), what
        assert what.verdict == "ok", what.reason
        told[job.model, job.competition.split.name, what.seed] = what
    return told


# Side by side


@pytest.mark.slow
def test_side_by_side_gives_the_same_scores_bit_for_bit_as_one_after_the_other(tmp_path: Path) -> None:
    one = entries(grid.run(jobs(tmp_path / "one", ("donor", "random"), seeds=(1,))))
    two = entries(grid.run(jobs(tmp_path / "two", ("donor", "random"), seeds=(1,)), 3))
    assert one.keys() == two.keys()
    assert len(one) == 4
    assert all(one[key].scores == two[key].scores for key in one)
    assert all(one[key].submission_sha256 == two[key].submission_sha256 for key in one)
    for folder in ("one", "two"):
        competition = compete(tmp_path / folder)
        controls = [e for e in Store(competition.workspace.database).entries(competition.board) if e.control]
        assert sorted(e.name for e in controls) == ["majority", "prior", "technical-covariates"], "each once per board"


def test_what_one_job_raises_is_told_and_the_others_go_on(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("class Broken:\n    def fit(self, X, y): raise ValueError('no')\n    def predict(self, X): ...\n")
    competition = compete(workspace)
    models = (f"{tmp_path / 'broken.py'}:Broken", "majority", "no-such-model")
    told = {job.model: what for job, what in grid.run([GridJob(competition, m, 0, Limits(60)) for m in models], 2)}
    assert isinstance(told["no-such-model"], UsageError)
    broken = told[models[0]]
    assert isinstance(broken, Entry)
    assert broken.verdict == "failed"
    majority = told["majority"]
    assert isinstance(majority, Entry)
    assert majority.verdict == "ok"


def test_an_interrupt_ends_all_that_runs_and_keeps_what_was_finished(workspace: Path, tmp_path: Path) -> None:
    mark = f"genoboard-grid-{os.getpid()}"
    (tmp_path / "sleeper.py").write_text(
        "import subprocess, sys, time\n\nclass Sleeper:\n    def fit(self, X, y):\n"
        f"        subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', {mark!r}])\n        time.sleep(300)\n"
        "    def predict(self, X): ...\n"
    )
    words = ["run", "brain-region", "uniform", f"{tmp_path / 'sleeper.py'}:Sleeper", "--seed", "0-2", "--jobs", "3"]
    harness = subprocess.Popen(
        [sys.executable, "-m", "genoboard", "--workspace", str(workspace), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(running(mark)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(running(mark)) >= 2
    harness.send_signal(signal.SIGINT)
    out, err = harness.communicate(timeout=60)
    assert harness.returncode == 130
    assert err.rstrip().endswith("Stopped.")
    assert "Traceback" not in err
    assert not running(mark)
    kept = [e for e in Store(Workspace(workspace).database).entries() if e.name == "uniform"]
    assert len(kept) == out.count("uniform [donor, seed")
    assert not list((workspace / "submissions" / "brain-region").glob(".*"))


# What has not changed


def test_an_unchanged_run_is_answered_from_its_entry_and_an_interrupted_grid_goes_on(workspace: Path) -> None:
    first = entries(grid.run(jobs(workspace, seeds=(0,))))
    then = entries(grid.run(jobs(workspace, seeds=(0, 1))))
    assert all(then[key] == first[key] for key in first)
    assert len(then) == 4
    forced = entries(grid.run(jobs(workspace, seeds=(0,)), reuse=False))
    assert all(forced[key].id != first[key].id and forced[key].scores == first[key].scores for key in first)
    assert all(entries(grid.run(jobs(workspace, seeds=(0,))))[key].id == forced[key].id for key in first), "the latest counts"


@pytest.mark.parametrize(
    "changed",
    [{"parameters": {"n_neighbors": 3}}, {"seed": 3}, {"limits": Limits(300, threads=2)}, {"limits": Limits(300, network=True)}, {"name": "another"}, {"split": "random"}],
    ids=["parameters", "seed", "threads", "network", "name", "split"],
)  # fmt: skip
def test_whatever_a_run_depends_on_makes_it_another(workspace: Path, changed: dict[str, Any]) -> None:
    def enter(**given: Any) -> Entry:
        told = {"seed": 0, "limits": Limits(300), "split": "donor", **given}
        return evaluate("brain-region", "knn", workspace=workspace, reuse=True, **told)

    first = enter()
    assert enter() == first
    assert enter(limits=Limits(200)) == first, "how long it may take changes no prediction"
    assert enter(**changed).id != first.id
    assert enter() == first


def model(path: Path, answer: str = "1 / k") -> str:
    path.write_text(
        f"import numpy as np\n\nclass Model:\n    def fit(self, X, y):\n        self.k = len(set(y))\n        return self\n"
        f"    def predict_proba(self, X):\n        k = self.k\n        return np.full((len(X), k), {answer})\n",
        encoding="utf-8",
    )
    return f"{path}:Model"


def test_an_edited_model_is_run_again_and_one_that_was_edited_back_is_not(workspace: Path, tmp_path: Path) -> None:
    def enter() -> Entry:
        return evaluate("brain-region", f"{tmp_path / 'model.py'}:Model", workspace=workspace, reuse=True)

    model(tmp_path / "model.py")
    first = enter()
    model(tmp_path / "model.py", "1 / k + 0")
    second = enter()
    assert second.id != first.id
    assert enter() == second
    model(tmp_path / "model.py")
    assert enter() == first


def test_an_edited_module_that_a_model_imports_from_a_source_folder_counts_as_well(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "recipes.py").write_text("SHARE = 1.0\n", encoding="utf-8")
    (tmp_path / "lab" / "cook.py").write_text("import recipes\nfrom genoboard.reference import Majority\n\nclass Cook(Majority): ...\n")
    monkeypatch.syspath_prepend(tmp_path / "lab")

    def enter() -> Entry:
        return evaluate("brain-region", "cook:Cook", workspace=workspace, reuse=True)

    first = enter()
    assert first.verdict == "ok", first.reason
    assert enter() == first
    (tmp_path / "lab" / "recipes.py").write_text("SHARE = 2.0\n", encoding="utf-8")
    assert enter().id != first.id


def test_files_that_a_parameter_names_count_by_their_content(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w.txt").write_text("1", encoding="utf-8")
    (tmp_path / "reader.py").write_text(
        "from genoboard.reference import Majority\n\nclass Reader(Majority):\n    def __init__(self, where=''):\n        self.where = where\n"
    )

    def enter() -> Entry:
        place = str(tmp_path / "weights")
        return evaluate("brain-region", f"{tmp_path / 'reader.py'}:Reader", parameters={"where": place}, workspace=workspace, reuse=True)

    first = enter()
    assert enter() == first
    (tmp_path / "weights" / "w.txt").write_text("22", encoding="utf-8")
    assert enter().id != first.id


@pytest.mark.parametrize("damage", ["predictions.csv", "run.json"])
def test_an_entry_whose_record_is_not_whole_answers_for_nothing(workspace: Path, damage: str) -> None:
    first = evaluate("brain-region", "uniform", workspace=workspace, reuse=True)
    with (Workspace(workspace).folder(first.id, "brain-region") / damage).open("ab") as out:
        out.write(b"\n")
        out.write(b"}")
    assert evaluate("brain-region", "uniform", workspace=workspace, reuse=True).id != first.id


def test_a_failed_run_and_an_estimator_object_are_run_again(workspace: Path, tmp_path: Path) -> None:
    from sklearn.naive_bayes import GaussianNB

    for what in (model(tmp_path / "model.py", "1 / 0"), GaussianNB()):
        first, second = (evaluate("brain-region", what, workspace=workspace, reuse=True) for _ in range(2))
        assert first.id != second.id


def test_the_command_line_says_that_nothing_was_run_and_how_to_run_it_again(workspace: Path) -> None:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        said = [sys.executable, "-m", "genoboard", "--workspace", str(workspace), "run", "brain-region", "uniform", *words]
        return subprocess.run(said, capture_output=True, text=True, check=True)

    first, second, forced = call(), call(), call("--force")
    assert "nothing has changed since it was entered on" in second.stderr
    assert "--force runs it again" in second.stderr
    assert second.stdout == first.stdout
    assert forced.stdout != first.stdout
    assert len([e for e in Store(Workspace(workspace).database).entries() if e.name == "uniform"]) == 2


# Jobs for others to start


@pytest.mark.slow
def test_listed_jobs_are_commands_that_fill_a_workspace_and_a_rebuild_gathers_them(empty: Path, tmp_path: Path) -> None:
    words = ["--workspace", str(empty), "run", "brain-region", "uniform", "knn", "--seed", "0-1", "--set", "knn:n_neighbors=3"]
    ask = [sys.executable, "-m", "genoboard", *words, "--list-jobs", "--out", str(empty / "submissions")]
    listed = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(listed) == 3 + 4, "the controls of an empty board, too"
    assert not empty.exists(), "nothing was run"
    for line in listed:
        program, *rest = shlex.split(line)
        assert program == "genoboard"
        done = subprocess.run([sys.executable, "-m", "genoboard", *rest], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert re.search(r"Next, once all of them are there: genoboard (--workspace \S+ )?leaderboard --rebuild", done.stdout)
    assert not Workspace(empty).database.exists(), "the index has one writer"
    subprocess.run([sys.executable, "-m", "genoboard", "--workspace", str(empty), "leaderboard", "--rebuild"], check=True)
    competition = compete(empty)
    found = {(e.name, e.seed): e for e in Store(competition.workspace.database).entries(competition.board)}
    assert set(found) == {
        ("prior", 0),
        ("majority", 0),
        ("technical-covariates", 0),
        ("uniform", 0),
        ("uniform", 1),
        ("knn", 0),
        ("knn", 1),
    }
    assert found["knn", 0].parameters["n_neighbors"] == 3
    assert found["knn", 0].id == "knn-donor-seed0"
    direct = evaluate("brain-region", "knn", parameters={"n_neighbors": 3}, workspace=tmp_path / "direct")
    assert found["knn", 0].scores == direct.scores
    assert found["prior", 0].control


def test_a_job_whose_folder_is_there_is_not_done_again_and_no_other_entry_is_overwritten(empty: Path) -> None:
    out = empty / "submissions" / "brain-region" / "mine"
    first = evaluate("brain-region", "uniform", workspace=empty, out=out, reuse=True)
    assert evaluate("brain-region", "uniform", workspace=empty, out=out, reuse=True) == first
    with pytest.raises(UsageError, match=r"holds another entry, uniform with seed 0\. Choose another folder, or replace it: --force"):
        evaluate("brain-region", "uniform", seed=1, workspace=empty, out=out, reuse=True)
    assert evaluate("brain-region", "uniform", seed=1, workspace=empty, out=out).seed == 1
    assert [p.name for p in out.parent.iterdir()] == ["mine"]
    shutil.rmtree(out)
    out.mkdir()
    with pytest.raises(UsageError, match="holds no entry"):
        evaluate("brain-region", "uniform", workspace=empty, out=out, reuse=True)


def test_a_job_that_failed_leaves_its_record_and_is_done_again(workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere" / "mine"
    failed = evaluate("brain-region", model(tmp_path / "model.py", "1 / 0"), workspace=workspace, out=out, reuse=True)
    assert failed.verdict == "failed"
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["entry"]["verdict"] == "failed"
    assert evaluate("brain-region", model(tmp_path / "model.py"), workspace=workspace, out=out, reuse=True).verdict == "ok"


# Seeds


@given(st.lists(st.one_of(st.integers(0, 99), st.tuples(st.integers(0, 99), st.integers(0, 20))), min_size=1, max_size=6))
def test_seeds_are_read_as_they_are_written(parts: list[int | tuple[int, int]]) -> None:
    text = ",".join(str(p) if isinstance(p, int) else f"{p[0]}-{p[0] + p[1]}" for p in parts)
    expected = [s for p in parts for s in ([p] if isinstance(p, int) else range(p[0], p[0] + p[1] + 1))]
    assert grid.seeds(text) == tuple(dict.fromkeys(expected))


@pytest.mark.parametrize("text", ["", "-1", "1-", "a", "3-1", "0,,1", "1.5", "0-99999"])
def test_what_is_no_list_of_seeds_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        grid.seeds(text)
