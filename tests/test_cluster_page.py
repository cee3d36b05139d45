"""docs/clusters.md: what it tells others' schedulers to do does it, as far as that can be tried without them."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from genoboard.cli import cli
from genoboard.workspace import Workspace
from genoboard_leaderboard.store import Store

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "clusters.md").read_text(encoding="utf-8")
PEBBLES = Path(__file__).parent / "pebbles"
EXPECTED = {("prior", 0), ("centroid", 0), ("centroid", 1)}


def block(language: str, after: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE[PAGE.index(after) :], flags=re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, the current folder, with a jobs.txt that the page's own command made for the task pebbles."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "genoboard").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m genoboard "$@"\n')
    (tmp_path / "bin" / "genoboard").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(PEBBLES))
    monkeypatch.delenv("GENOBOARD_WORKSPACE")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    line = next(s for s in PAGE.splitlines() if "--list-jobs" in s).strip()
    sh(line.replace("brain-region knn xgboost --seed 0-4", "pebbles centroid --seed 0-1"))
    assert len((home / "jobs.txt").read_text().splitlines()) == len(EXPECTED)
    return home


def sh(script: str, cwd: Path | None = None, **more: str) -> None:
    subprocess.run(
        ["sh", "-ec", script], check=True, env={**os.environ, **more}, stdout=subprocess.PIPE if "run" in script else None, cwd=cwd
    )


def held(place: Path) -> set[tuple[str, int | None]]:
    return {(e.name, e.seed) for e in Store(Workspace(place).database).entries() if e.verdict == "ok"}


@pytest.mark.parametrize("variable", ["SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "LSB_JOBINDEX"])
def test_the_array_does_every_job(place: Path, variable: str) -> None:
    assert variable in PAGE
    script = block("sh", "### SLURM").replace("SLURM_ARRAY_TASK_ID", variable)
    for number in range(1, len(EXPECTED) + 1):
        sh(script, **{variable: str(number)})
    sh(next(s for s in PAGE.splitlines() if "sbatch --array" in s).partition(";")[2])
    assert held(place) == EXPECTED


def test_the_rules_of_snakemake_do_every_job(place: Path) -> None:
    snakefile = block("python", "### Snakemake")
    names: dict[str, dict[str, str]] = {}
    exec(snakefile[: snakefile.index("rule all")], names)  # type: ignore[arg-type]
    shells = re.findall(r'shell: "(.*)"', snakefile)
    assert shells[1] == "{params.command}"
    assert "lambda wildcards: JOBS[wildcards.job]" in snakefile
    assert set(names["JOBS"]) == {"prior-cove-seed0", "centroid-cove-seed0", "centroid-cove-seed1"}
    for command in names["JOBS"].values():
        sh(command)
    sh(shells[0])
    assert held(place) == EXPECTED


def test_the_processes_of_nextflow_do_every_job(place: Path, tmp_path: Path) -> None:
    scripts = re.findall(r'script: "(.*)"', block("groovy", "### Nextflow"))
    assert scripts[0] == "$line"
    # each is run in a folder of its own
    (tmp_path / "work").mkdir()
    for line in (place / "jobs.txt").read_text().splitlines():
        sh(line.strip(), cwd=tmp_path / "work")
    sh(scripts[1].replace("$launchDir", str(place)), cwd=tmp_path / "work")
    assert held(place) == EXPECTED


@pytest.mark.parametrize("line", [s.strip() for s in PAGE.splitlines() if s.startswith("    genoboard ")])
def test_every_command_line_of_the_page_parses(line: str) -> None:
    words = shlex.split(line.partition(">")[0])[1:]
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    command.make_context(words[0], words[1:])


def test_the_code_of_the_page_is_python() -> None:
    ast.parse(block("python", "## Dask"))


def test_a_model_in_a_file_is_found_from_another_folder(place: Path, tmp_path: Path) -> None:
    (place / "mine.py").write_text("from genoboard.reference import Majority\n\nclass Mine(Majority): ...\n")
    sh("genoboard run pebbles mine.py:Mine --list-jobs --out submissions > jobs.txt")
    (tmp_path / "work").mkdir()
    sh((place / "jobs.txt").read_text().splitlines()[-1], cwd=tmp_path / "work")
    assert (place / "submissions" / "pebbles" / "Mine-cove-seed0" / "run.json").exists()
