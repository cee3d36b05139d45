"""The page of a competition of one's own: its script, taken from the page, scores what participants hand in and writes the board."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "hosting.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(found)


@pytest.fixture
def around(tmp_path: Path) -> dict[str, str]:
    """The environment of a workflow: genoboard on PATH, the host's workspace and cache."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "genoboard"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m genoboard "$@"\n')
    command.chmod(0o755)
    own = {"TASK": "brain-region", "GENOBOARD_WORKSPACE": str(tmp_path / "host"), "GENOBOARD_CACHE": str(tmp_path / "host" / "cache")}
    return {**os.environ, **own, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def call(words: list[str], around: dict[str, str], at: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=at, env=around, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_entries_of_pull_requests_are_scored_and_the_board_is_published(tmp_path: Path, around: dict[str, str]) -> None:
    repository = tmp_path / "repository"
    (repository / "entries").mkdir(parents=True)
    (repository / "score.sh").write_text(block("sh"))
    packed = call(["genoboard", "pack", "brain-region", "-o", "bundle"], around, repository)
    assert packed.returncode == 0, packed.stderr
    # a participant, who has the bundle and another cache
    away = {k: v for k, v in around.items() if k != "GENOBOARD_WORKSPACE"} | {"GENOBOARD_CACHE": str(tmp_path / "theirs")}
    ran = call(["genoboard", "run", "brain-region", "knn"], away, repository / "bundle")
    assert ran.returncode == 0, ran.stderr
    (made,) = (repository / "bundle").glob("submissions/brain-region/*/submission.csv")
    (repository / "entries" / "neighbours.csv").write_bytes(made.read_bytes())
    (repository / "entries" / "shares.csv").write_bytes((repository / "bundle" / "sample_submission.csv").read_bytes())
    (repository / "entries" / "broken.csv").write_text("id,Amygdala\nnobody,1\n")
    files = [str(p.relative_to(repository)) for p in sorted((repository / "entries").glob("*.csv"))]
    scored = call(["sh", "score.sh", "site", *files], around, repository)
    assert scored.returncode == 1
    assert "missing column" in scored.stderr
    assert "Traceback" not in scored.stderr
    board = (repository / "site" / "board.csv").read_text(encoding="utf-8")
    assert board.index("neighbours") < board.index("shares")
    assert "broken" not in board
    assert "neighbours" in (repository / "site" / "index.html").read_text(encoding="utf-8")
    (repository / "entries" / "broken.csv").unlink()
    again = call(["sh", "score.sh", "site", "entries/neighbours.csv"], around, repository)
    assert again.returncode == 0, again.stderr


def test_the_workflow_runs_nothing_of_a_pull_request() -> None:
    told: dict[Any, Any] = yaml.safe_load(block("yaml"))
    steps = told["jobs"]["score"]["steps"]
    assert told["permissions"]["contents"] == "read"
    theirs = [s for s in steps if s.get("with", {}).get("path") == "theirs"]
    assert [s["with"]["persist-credentials"] for s in theirs] == [False]
    runs = [s["run"] for s in steps if "run" in s and "theirs" in s["run"]]
    # their files are words of a command that is ours
    assert runs == ["sh score.sh site theirs/entries/*.csv"]
    assert told[True]["pull_request_target"]["paths"] == ["entries/*.csv"]
