"""Sixteen processes that submit fifty files each at once: how fast, and how long any of them keeps the others from writing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import pandas as pd
import pytest

from genoboard.competition import Competition
from genoboard.evaluation import submit
from genoboard_leaderboard.store import Store

PEBBLES = Path(__file__).parents[1] / "tests" / "pebbles"
PROCESSES, EACH = 16, 50
# every transaction that writes is timed from having the lock to giving it back
CHILD = """
import sqlite3, sys
from functools import partial
from pathlib import Path
from time import perf_counter
from genoboard.competition import Competition
from genoboard.evaluation import submit
held, begun = [0.0], []
class Timed(sqlite3.Connection):
    def execute(self, sql, *given):
        found = super().execute(sql, *given)
        if sql.startswith("BEGIN IMMEDIATE"):
            begun.append(perf_counter())
        elif sql in ("COMMIT", "ROLLBACK") and begun:
            held.append(perf_counter() - begun.pop())
        return found
sqlite3.connect = partial(sqlite3.connect, factory=Timed)
competition = Competition.open("pebbles", "cove", None, sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[3])):
    submit(competition, Path(sys.argv[2]), "many")
print(max(held))
"""


def test_sixteen_processes_submit_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PEBBLES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
    competition = Competition.open("pebbles", "cove", None, tmp_path / "workspace")
    classes = list(competition.task.classes)
    frame = pd.DataFrame(1 / len(classes), index=competition.form.ids, columns=classes)
    frame.rename_axis(competition.form.id_column).to_csv(tmp_path / "mine.csv")
    submit(competition, tmp_path / "mine.csv", "first")
    words = [sys.executable, "-c", CHILD, str(competition.workspace.root), str(tmp_path / "mine.csv"), str(EACH)]
    children = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    begun = perf_counter()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    held = [float(child.communicate()[0]) for child in children]
    seconds = perf_counter() - begun
    assert len(Store(competition.workspace.database).entries(name="many")) == PROCESSES * EACH
    print(f"\n{seconds:.1f} s; the write lock was held for {1000 * max(held):.0f} ms at most")
