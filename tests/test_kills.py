"""Kill -9 at any instant: the next command works, no half entry, no half file, and what was finished is not done again."""

from __future__ import annotations

import functools
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from genoboard import board, rescore, scoring
from genoboard.competition import Competition
from genoboard.evaluation import evaluate, submit
from genoboard.plugins import Plugins, load_plugins
from genoboard.workspace import Workspace
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

HERE = Path(__file__).parent
SEED = int(os.environ.get("GENOBOARD_KILL_SEED", "20261127"))
Ask = Callable[..., dict[str, Any]]


@functools.cache
def plugins() -> Plugins:
    """Load what is installed once, as a process does: hundreds of kills are looked at."""
    return load_plugins()


@pytest.fixture(autouse=True)
def _places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The plugin pebbles is installed, here and in child processes; temporary files go to a folder of the test's own."""
    monkeypatch.syspath_prepend(str(HERE / "pebbles"))
    paths = [str(HERE / "pebbles"), str(HERE), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def ask(_places: None) -> Iterator[Ask]:
    """Have something done in a child of a process that has everything imported; killed, or not."""
    server = subprocess.Popen([sys.executable, str(HERE / "killed.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    stdin, stdout = server.stdin, server.stdout

    def say(deed: str, event: int | None = None, after: float | None = None, **given: Any) -> dict[str, Any]:
        stdin.write(json.dumps({"deed": deed, "event": event, "after": after, "given": {k: str(v) for k, v in given.items()}}) + "\n")
        stdin.flush()
        told: dict[str, Any] = json.loads(stdout.readline())
        return told

    yield say
    stdin.close()
    server.wait(timeout=30)
    stdout.close()


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A workspace with the control, and the prepared data in the cache; the file to hand in beside it."""
    competition = compete(tmp_path / "template")
    evaluate(competition, "prior")
    ids = competition.data.rows.index[competition.test]
    shares = np.random.default_rng(0).dirichlet(np.ones(3), len(ids))
    pd.DataFrame(shares, index=pd.Index(ids, name="id"), columns=list(competition.task.classes)).to_csv(tmp_path / "mine.csv")
    return tmp_path / "template"


def compete(workspace: Path, task: str = "pebbles") -> Competition:
    return Competition.open(task, workspace=workspace, plugins=plugins())


# What must hold after the next command, whenever the one before was killed


def check(workspace: Path, task: str = "pebbles") -> dict[str, list[Entry]]:
    """Check that every folder is whole and in the index, and nothing else is there; return the entries by name."""
    place = Workspace.here(workspace)
    entries = Store(place.database).entries()
    folders = {p.name: p for p in place.submissions(task).iterdir()}
    assert sorted(folders) == sorted(e.id for e in entries)
    for entry in entries:
        folder = folders[entry.id]
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))["entry"]
        stone = folder / "removed.json"
        assert Entry.from_dict({**told, "removed": entry.removed}) == entry
        assert bool(entry.removed) == stone.exists()
        if entry.verdict == "ok":
            assert (folder / "predictions.csv").stat().st_size > 0
        for sealed in folder.glob("sealed.json.gz"):
            gzip.decompress(sealed.read_bytes())
    left = [p for p in place.root.rglob("*") if p.name.startswith(".") or p.suffix in (".lease", ".part") or ".part" in p.name]
    assert left == []
    for notes in ("entering", "amendments"):
        assert not list((place.root / "leaderboard" / notes).glob("*"))
    told_at_once = board.document(plugins(), str(workspace), task)
    board.rebuild(str(workspace))
    assert board.document(plugins(), str(workspace), task)["standings"] == told_at_once["standings"]
    if all(e.scorer == scoring.VERSION for e in entries):
        assert {f.what for f in rescore.verify(str(workspace), task, plugins())} <= {"ok", "removed"}
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.name, []).append(entry)
    return found


def nothing_temporary(folder: Path, within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while (left := [p.name for p in folder.iterdir() if "genoboard" in p.name]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def points(ask: Ask, count: int, deed: str, prepare: Callable[[], dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any], int]]:
    """Yield, so many times, a fresh setting in which `deed` was killed: what was given, what the kill's process said, its number.

    Most are killed at an event that changes the disk, spread evenly over all of them; the others at a random moment.
    """
    chance = random.Random(f"{SEED} {deed}")
    given = prepare()
    whole = ask(deed, **given)
    assert (whole["status"], whole["said"]) == (0, ""), whole
    at_events = (3 * count + 3) // 4
    for number in range(count):
        given = prepare()
        if number < at_events:
            event = 1 + (number * whole["events"]) // at_events + chance.randrange(max(1, whole["events"] // at_events))
            told = ask(deed, event=min(event, whole["events"]), **given)
            assert told["status"] == -signal.SIGKILL, (deed, event, told)
        else:
            told = ask(deed, after=chance.uniform(0.0, whole["seconds"]), **given)
        yield given, told, number


def fresh(template: Path, tmp_path: Path) -> Path:
    place = tmp_path / "workspace"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(template, place)
    return place


def kill_runs(ask: Ask, template: Path, tmp_path: Path, count: int) -> None:
    expected = {}
    for given, _, number in points(ask, count, "run", lambda: {"workspace": fresh(template, tmp_path)}):
        place = given["workspace"]
        finished = {e.name: e.id for e in Store(Workspace.here(place).database).entries()}
        told = ask("look" if number % 2 else "run", **given)
        assert told["said"] == "", (number, told)
        for name, found in check(place).items():
            assert name not in finished or finished[name] in [e.id for e in found]
        assert ask("run", **given)["said"] == ""
        entries = check(place)
        assert sorted(entries) == ["centroid", "prior", "uniform"]
        assert all(len(of) == 1 for of in entries.values()), "what was finished is not done again"
        assert all(entries[name][0].id == finished[name] for name in finished)
        scores = {name: of[0].scores for name, of in entries.items()}
        expected = expected or scores
        assert scores == expected
        nothing_temporary(tmp_path / "temporary")


def kill_submissions(ask: Ask, template: Path, tmp_path: Path, count: int) -> None:
    for given, _, number in points(ask, count, "submit", lambda: {"workspace": fresh(template, tmp_path), "file": tmp_path / "mine.csv"}):
        told = ask("look", **given)
        assert told["said"] == "", (number, told)
        before = len(check(given["workspace"]).get("mine", []))
        assert ask("submit", **given)["said"] == ""
        entries = check(given["workspace"])["mine"]
        assert len(entries) == before + 1 <= 2
        assert len({e.scores for e in entries}) == 1


def kill_data(ask: Ask, template: Path, tmp_path: Path, count: int) -> None:
    (tmp_path / "shore").mkdir()
    sys.path.insert(0, str(HERE / "pebbles"))
    from pebbles.rows import table

    table().to_csv(tmp_path / "shore" / "pebbles.csv", index=False)

    def empty() -> dict[str, Any]:
        shutil.rmtree(tmp_path / "new-cache", ignore_errors=True)
        return {"cache": tmp_path / "new-cache", "source": tmp_path / "shore"}

    expected: list[str] = []
    for given, _, number in points(ask, count, "data", empty):
        assert ask("data", **given)["said"] == "", number
        files = sorted(str(p.relative_to(given["cache"])) for p in given["cache"].rglob("*") if p.is_file())
        expected = expected or files
        assert files == expected


def kill_reveals(ask: Ask, template: Path, tmp_path: Path, count: int) -> None:
    task, home = "brain-region", tmp_path / "hosted"
    competition = compete(home, task)
    competition.host(0.5)
    hosted = compete(home, task)
    ids = hosted.data.rows.index[hosted.test]
    for seed, name in enumerate(("mine", "yours")):
        shares = np.random.default_rng(seed).dirichlet(np.ones(len(hosted.task.classes)), len(ids))
        pd.DataFrame(shares, index=pd.Index(ids, name="id"), columns=list(hosted.task.classes)).to_csv(tmp_path / "hosted.csv")
        submit(hosted, tmp_path / "hosted.csv", name, team=name)
    expected: Any = None
    for given, _, number in points(ask, count, "reveal", lambda: {"workspace": fresh(home, tmp_path), "task": task}):
        assert ask("look", **given)["said"] == "", number
        assert ask("reveal", **given)["said"] == "", number
        check(given["workspace"], task)
        told = board.document(plugins(), str(given["workspace"]), task)["standings"]
        expected = expected or told
        assert told == expected
        assert {row["name"] for row in told} >= {"mine", "yours"}


def kill_rescores(ask: Ask, template: Path, tmp_path: Path, count: int) -> None:
    competition = compete(template)
    evaluate(competition, "centroid")
    submit(competition, tmp_path / "mine.csv", "mine")
    for given, _, number in points(ask, count, "rescore", lambda: {"workspace": fresh(template, tmp_path)}):
        assert ask("look", **given)["said"] == "", number
        check(given["workspace"])
        assert ask("rescore", **given)["said"] == "", number
        entries = check(given["workspace"])
        assert {e.scorer for of in entries.values() for e in of} == {scoring.VERSION + 1}


def kill_removals(ask: Ask, template: Path, tmp_path: Path, count: int) -> None:
    submit(compete(template), tmp_path / "mine.csv", "mine")
    for given, _, number in points(ask, count, "remove", lambda: {"workspace": fresh(template, tmp_path)}):
        assert ask("look", **given)["said"] == "", number
        check(given["workspace"])
        assert ask("remove", **given)["said"] == "", number
        (entry,) = check(given["workspace"])["mine"]
        assert entry.removed == "a trial"


DEEDS = {
    "run": (kill_runs, 5, 40), "submit": (kill_submissions, 5, 80), "data": (kill_data, 5, 80), "reveal": (kill_reveals, 3, 30),
    "rescore": (kill_rescores, 5, 40), "remove": (kill_removals, 3, 30),
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_killed_leaves_nothing_half_done(ask: Ask, template: Path, tmp_path: Path, deed: str) -> None:
    kill, few, _ = DEEDS[deed]
    kill(ask, template, tmp_path, few)


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_killed_at_any_of_many_points_leaves_nothing_half_done(ask: Ask, template: Path, tmp_path: Path, deed: str) -> None:
    kill, _, many = DEEDS[deed]
    kill(ask, template, tmp_path, many)


@pytest.mark.slow
def test_command_lines_that_are_killed_at_random_moments_leave_nothing_half_done(template: Path, tmp_path: Path) -> None:
    chance = random.Random(f"{SEED} command line")
    place = fresh(template, tmp_path)
    words = [sys.executable, "-m", "genoboard", "--workspace", str(place)]
    run = [*words, "run", "pebbles", "uniform", "centroid"]
    hand_in = [*words, "submit", "pebbles", "-f", str(tmp_path / "mine.csv"), "--name", "mine"]
    start = time.monotonic()
    subprocess.run(run, check=True, capture_output=True)
    whole = time.monotonic() - start
    expected = {name: {e.scores for e in of} for name, of in check(place).items()}
    kills = 0
    for number in range(100):
        if kills >= 20:
            break
        if number % 5 == 0:
            place = fresh(template, tmp_path)
        command = hand_in if number % 5 == 3 else run
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        # the first begins with nothing; what is left to the others takes less time
        time.sleep(chance.uniform(0.2, whole if number % 5 == 0 else 1.0))
        process.kill()
        _, err = process.communicate()
        kills += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), err
        finished = {e.id for e in Store(Workspace.here(place).database).entries()}
        shown = subprocess.run([*words, "leaderboard", "pebbles"], capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stderr
        entries = check(place)
        assert finished <= {e.id for of in entries.values() for e in of}
        if number % 5 == 4:
            subprocess.run(run, check=True, capture_output=True)
            entries = check(place)
            assert all(len(entries[name]) == 1 for name in ("uniform", "centroid")), "nothing was done twice"
            assert all({e.scores for e in entries[name]} == expected[name] for name in expected)
    assert kills >= 20
    # what the last one left, the next one that runs a model clears away
    subprocess.run([*run, "--force"], check=True, capture_output=True)
    nothing_temporary(tmp_path / "temporary")
