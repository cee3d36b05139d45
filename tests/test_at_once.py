"""Many processes at once on one workspace: nothing is lost, nobody is told of an error, and what is killed half-way is ended by others."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genoboard import board, rescore
from genoboard.competition import Competition
from genoboard.evaluation import submit
from genoboard.plugins import load_plugins
from genoboard.tombstone import remove
from genoboard.workspace import Workspace
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

PEBBLES = Path(__file__).parent / "pebbles"
PROCESSES, EACH = 16, 50


@pytest.fixture(autouse=True)
def _pebbles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin pebbles is installed, here and in child processes."""
    monkeypatch.syspath_prepend(str(PEBBLES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace.here(tmp_path / "workspace")


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python code with arguments in a process of its own; what still runs in the end is killed."""
    children: list[subprocess.Popen[str]] = []

    def start(code: str, *words: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def a_file(competition: Competition, path: Path, right: float, seed: int = 0) -> Path:
    """Predictions of which a share is right."""
    rng = np.random.default_rng(seed)
    rows = competition.data.rows.iloc[competition.test]
    classes = list(competition.task.classes)
    code = competition.codes(rows["y"], tuple(classes))
    code = np.where(rng.random(len(code)) < right, code, (code + 1) % len(classes))
    values = np.full((len(code), len(classes)), 0.1) + 0.7 * np.eye(len(classes))[code] + rng.uniform(0, 0.05, (len(code), len(classes)))
    frame = pd.DataFrame(values / values.sum(axis=1, keepdims=True), index=rows.index, columns=classes)
    frame.rename_axis(competition.form.id_column).to_csv(path)
    return path


def entered(place: Workspace, tmp_path: Path, name: str = "mine", right: float = 0.8) -> Entry:
    competition = Competition.open("pebbles", "cove", None, place)
    return submit(competition, a_file(competition, tmp_path / f"{name}.csv", right), name)


def at_once(children: list[subprocess.Popen[str]], timeout: float = 300) -> list[str]:
    """Let all begin in one instant, and return what they said; none may fail or complain."""
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()[1]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate(timeout=timeout) for child in children]
    assert [(child.returncode, err) for child, (_, err) in zip(children, said, strict=True)] == [(0, "")] * len(children)
    return [out for out, _ in said]


SUBMIT = """
import sys
from pathlib import Path
from genoboard.competition import Competition
from genoboard.evaluation import submit
competition = Competition.open("pebbles", sys.argv[2], None, sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for i in range(int(sys.argv[5])):
    entry = submit(competition, Path(sys.argv[3]), sys.argv[4], team=sys.argv[4])
    print(entry.id, entry.look, flush=True)
"""


# -------------------------------------------------------------------------------------------------------------- submitting


@pytest.mark.slow
def test_sixteen_processes_submit_fifty_entries_each_and_none_is_lost(
    place: Workspace, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    control = entered(place, tmp_path, "first")
    competition = Competition.open("pebbles", "cove", None, place)
    files = [a_file(competition, tmp_path / f"{who}.csv", 0.5 + who / 40, who) for who in range(PROCESSES)]
    # all under one name, in the same seconds: the hardest for what tells entries apart
    said = at_once([started(SUBMIT, place.root, "cove", file, "many", EACH) for file in files])
    ids = [line.split()[0] for text in said for line in text.splitlines()]
    assert len(ids) == len(set(ids)) == PROCESSES * EACH

    store = Store(place.database)
    entries = store.entries(name="many")
    assert sorted(e.id for e in entries) == sorted(ids)
    assert {e.verdict for e in entries} == {"ok"}
    kept = {p.parent.name for p in place.records()}
    assert set(ids) <= kept
    assert len(kept) == len(store.entries()) == len(ids) + 2, "and the first one, and the control"
    assert [p for p in place.submissions("pebbles").iterdir() if p.name.startswith(".")] == [], "nothing half made is left"
    assert store.boards() == [(competition.board, len(ids) + 2)]

    told = store.assessed(competition.board, "f1-macro", "max")
    assert sum(s.name == "many" for s in told) == PROCESSES, "one standing a file, whose entries all have the same seed"
    assert board.rebuild(str(place.root)) == len(ids) + 2
    assert store.assessed(competition.board, "f1-macro", "max") == told
    assert store.entry(control.id) == control
    db = sqlite3.connect(place.database)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


# ----------------------------------------------------------------------------------------------------------- looks of a team


@pytest.mark.parametrize("teams", [["ana"] * 6, ["ana", "bob"] * 3], ids=["one team", "two teams"])
def test_looks_that_are_taken_at_once_are_numbered_one_by_one(
    place: Workspace, tmp_path: Path, started: Callable[..., subprocess.Popen[str]], teams: list[str]
) -> None:
    competition = Competition.open("brain-region", "donor", None, place)
    competition.host(0.5)
    competition = Competition.open("brain-region", "donor", None, place)
    files = [a_file(competition, tmp_path / f"{who}.csv", 0.5 + who / 15, who) for who in range(len(teams))]
    submit(competition, files[0], "first", team="cleo")
    children = [
        started(SUBMIT.replace("pebbles", "brain-region"), place.root, "donor", *given, 3) for given in zip(files, teams, strict=True)
    ]
    said = [line.split() for text in at_once(children) for line in text.splitlines()]

    entries = {e.id: e for e in Store(place.database).entries(competition.board)}
    for team in set(teams):
        mine = [e for e in entries.values() if e.team == team]
        assert sorted(e.look for e in mine if e.look is not None) == list(range(1, 3 * teams.count(team) + 1))
        # each was held against the best that had been told before it, as if they had come one by one
        values = [s.value for e in sorted(mine, key=lambda e: e.look or 0) if not e.held and (s := e.score("f1-macro")) is not None]
        assert values == sorted(values, key=lambda v: v or 0.0)
    assert {(id, look) for id, look in said} == {(e.id, str(e.look)) for e in entries.values() if e.team in teams}


KILLED_AFTER_ITS_LOOK = """
import os, signal, sys
from genoboard import record
record.SubmissionFolder.keep = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
""" + SUBMIT.replace("pebbles", "brain-region")  # fmt: skip


def test_a_look_whose_process_was_killed_gives_its_number_back(
    place: Workspace, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    competition = Competition.open("brain-region", "donor", None, place)
    competition.host(0.5)
    competition = Competition.open("brain-region", "donor", None, place)
    best = a_file(competition, tmp_path / "best.csv", 0.9)
    worse = a_file(competition, tmp_path / "worse.csv", 0.4)
    assert submit(competition, worse, "worse", team="ana").look == 1
    child = started(KILLED_AFTER_ITS_LOOK, place.root, "donor", best, "ana", 1)
    child.communicate("go\n", timeout=120)
    assert child.returncode == -signal.SIGKILL
    second = submit(competition, worse, "again", team="ana")
    assert second.look == 2
    assert "not shown to beat worse" in second.held, "nobody was told of the other's score"


SELECT = """
import sys
from genoboard import referee
from genoboard.hosting import Hosting
from genoboard.workspace import Workspace
place = Workspace.here(sys.argv[1])
(hosted,) = map(Hosting.read, place.hostings())
print("ready", flush=True)
sys.stdin.readline()
referee.select(place, hosted, [sys.argv[2]], sys.argv[3])
"""


@pytest.mark.slow
def test_teams_that_select_at_once_all_keep_their_choice(
    place: Workspace, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    Competition.open("brain-region", "donor", None, place).host(0.5)
    competition = Competition.open("brain-region", "donor", None, place)
    file = a_file(competition, tmp_path / "mine.csv", 0.5)
    chosen = {f"team {n}": (submit(competition, file, "mine", team=f"team {n}").id,) for n in range(6)}
    at_once([started(SELECT, place.root, *ids, team) for team, ids in chosen.items()])
    (path,) = place.hostings()
    assert {team: tuple(ids) for team, ids in json.loads(path.read_text())["selections"].items()} == chosen


# -------------------------------------------------------------------------------------------------------- rescore and remove

# the scorer of tomorrow; and a process that is killed just before its nth step, of those that others can see
TOMORROW = "from genoboard import scoring\nscoring.VERSION += 1\n"
MORTAL = """
import os, signal, sys
from genoboard_leaderboard.store import Store
steps = 0
def step(real):
    def counted(*given, **named):
        global steps
        steps += 1
        if steps == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)
    return counted
os.replace, os.unlink, Store.replace = step(os.replace), step(os.unlink), step(Store.replace)
"""
RESCORE = "import sys\nfrom genoboard.rescore import renew\nlist(renew(sys.argv[1]))\n"
REMOVE = "import sys\nfrom genoboard.tombstone import remove\nremove(sys.argv[1], 'mine', 'a slip')\n"


def rows(place: Workspace) -> set[str]:
    return {row["name"] for row in board.document(load_plugins(), str(place.root), "pebbles", "cove")["standings"]}


def healed(place: Workspace, heal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what somebody would do next, without knowing that anything is amiss."""
    if heal == "leaderboard":
        rows(place)
    elif heal == "rebuild":
        board.rebuild(str(place.root))
    elif heal == "rescore":
        with monkeypatch.context() as patch:
            patch.setattr(rescore.scoring, "VERSION", rescore.scoring.VERSION + 1)
            assert {f.what for f in rescore.renew(place.root)} <= {"changed"}


@pytest.mark.parametrize("act", [RESCORE, REMOVE], ids=["rescore", "remove"])
def test_what_a_killed_process_left_half_done_is_ended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Callable[..., subprocess.Popen[str]], act: str
) -> None:
    whole = Workspace.here(tmp_path / "whole")
    entry = entered(whole, tmp_path)
    outcomes: dict[str, list[bool]] = {heal: [] for heal in ("leaderboard", "rebuild", "verify", "rescore")}
    for moment in range(1, 30):
        left = shutil.copytree(whole.root, tmp_path / str(moment))
        child = started(f"{TOMORROW}{MORTAL}{act}", left, moment)
        _, err = child.communicate(timeout=120)
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL, err
        for heal, seen in outcomes.items():
            place = Workspace.here(shutil.copytree(left, tmp_path / f"{moment}-{heal}"))
            healed(place, heal, monkeypatch)
            assert not {f.what for f in rescore.verify(place.root)} & {"edited", "missing", "tampered", "not indexed"}, (moment, heal)
            assert place.amendments() == []
            now = agreed(place, entry.id)
            seen.append(bool(now.removed) if act == REMOVE else now.scorer == rescore.scoring.VERSION + 1)
    for heal, seen in outcomes.items():
        assert len(seen) >= 4
        assert seen == sorted(seen), "up to some moment nothing of it is done, and from then on all of it"
        assert seen[-1]
        assert seen[0] == (heal == "rescore" and act == RESCORE), "killed before its first step, it has done nothing"


def agreed(place: Workspace, id: str) -> Entry:
    """The entry, on which the folder and the index must agree."""
    store = Store(place.database)
    entry, folder = store.entry(id), place.folder(id, "pebbles")
    assert Entry.from_dict(json.loads((folder / "run.json").read_text())["entry"]) == replace(entry, removed="")
    assert bool(entry.removed) == (folder / "removed.json").exists()
    with np.load(folder / "replicates.npz") as held:
        assert all(rescore.same(store.replicates(id, metric), held[metric]) for metric in held)
    return entry


SLOW_RESCORE = """
import sys
from genoboard import rescore, scoring
scoring.VERSION += 1
real = scoring.score
def slow(*given):
    print("scoring", flush=True)
    sys.stdin.readline()
    return real(*given)
scoring.score = slow
list(rescore.renew(sys.argv[1]))
"""


def test_an_entry_removed_while_it_is_rescored_stays_removed(
    place: Workspace, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    entry = entered(place, tmp_path)
    store = Store(place.database)
    scorer = started(SLOW_RESCORE, place.root)
    assert scorer.stdout is not None
    assert scorer.stdout.readline() == "scoring\n"
    remover = started(REMOVE, place.root)
    time.sleep(1.0)
    assert remover.poll() is None, "it waits its turn"
    _, err = scorer.communicate("\n\n\n", timeout=120)
    assert (scorer.returncode, err) == (0, "")
    _, err = remover.communicate(timeout=120)
    assert (remover.returncode, err) == (0, "")
    found = store.entry(entry.id)
    assert (found.removed, found.scorer > entry.scorer) in (("a slip", True), ("a slip", False))
    assert rows(place) == {"prior"}
    assert board.rebuild(str(place.root)) == 2
    assert store.entry(entry.id) == found


def test_two_who_rescore_at_once_score_every_entry_once(
    place: Workspace, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    for n in range(4):
        entered(place, tmp_path, f"mine-{n}")
    code = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n" + TOMORROW + RESCORE
    at_once([started(code, place.root) for _ in range(3)])
    for record in place.records():
        assert len(json.loads(record.read_text())["earlier"]) == 1, "the earlier scores were kept once"


def test_one_that_is_removed_twice_at_once_is_removed_once(
    place: Workspace, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    entered(place, tmp_path)
    children = [started(REMOVE, place.root) for _ in range(3)]
    said = [child.communicate(timeout=120)[1] for child in children]
    assert sorted(child.returncode for child in children) == [0, 1, 1]
    assert sum(bool(re.search("UsageError: .* was removed already: a slip", err)) for err in said) == 2
    with pytest.raises(Exception, match="was removed already"):
        remove(place.root, "mine", "again")
