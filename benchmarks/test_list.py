"""What it takes to tell of the commands, and to list what is installed, against a process that only imports click and pluggy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from genoboard.plugins import load_plugins

START = "import sys; sys.argv[0] = 'genoboard'; from genoboard.cli import main; main()"
ROUNDS = 25


def seconds(*words: str) -> float:
    begun = perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - begun


def test_lists_against_importing_click_and_pluggy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    lists = [["--help"], ["list"], ["list", "tasks"], ["list", "models"], ["list", "metrics"], ["list", "--json"]]
    theirs: list[float] = []
    ours: list[list[float]] = [[] for _ in lists]
    for _ in range(ROUNDS):
        theirs.append(seconds("-c", "import click, pluggy"))
        for words, taken in zip(lists, ours, strict=True):
            taken.append(seconds("-c", START, *words))
    plugins = load_plugins()
    print(f"\n{len(plugins.distributions)} plugins, {len(plugins.models)} models, {os.cpu_count()} cores")
    for words, taken in zip(lists, ours, strict=True):
        print(
            f"{' '.join(words)}: {1000 * median(taken):.0f} ms against {1000 * median(theirs):.0f} ms, {median(taken) / median(theirs):.2f}"
        )
