"""Completion: what a shell offers when TAB is pressed in the middle of a line, and that it says nothing else."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import absent

from genoboard.workspace import Workspace
from genoboard_leaderboard.entry import Board, Entry
from genoboard_leaderboard.store import Store

PEBBLES = Path(__file__).parent / "pebbles"
START = "import sys; sys.argv[0] = 'genoboard'; from genoboard.cli import main; main()"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a shell knows in which genoboard and the plugin pebbles are installed."""
    commands = tmp_path / "bin"
    commands.mkdir()
    script = commands / "genoboard"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{START}" "$@"\n')
    script.chmod(0o755)
    path = os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}


def asked(environment: dict[str, str], words: str, code: str = START, shell: str = "bash") -> subprocess.CompletedProcess[str]:
    """Ask as a shell's function does for the last of `words`, which ends where the cursor stands."""
    told = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), "_GENOBOARD_COMPLETE": f"{shell}_complete"}
    return subprocess.run(
        [sys.executable, "-c", code], env={**environment, **told}, capture_output=True, text=True, check=False, timeout=60
    )


def offered(environment: dict[str, str], words: str) -> list[str]:
    done = asked(environment, words)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("genoboard ru", ["run"]),
        ("genoboard run peb", ["pebbles"]),
        ("genoboard leaderboard peb", ["pebbles"]),
        ("genoboard rescore peb", ["pebbles"]),
        ("genoboard run pebbles st", ["stumbler"]),
        ("genoboard run pebbles centroid st", ["stumbler"]),
        ("genoboard run pebbles centroid --split ", ["cove", "cove-cv", "any"]),
        ("genoboard run pebbles centroid --split any,cove", ["any,cove", "any,cove-cv"]),
        ("genoboard leaderboard pebbles --split cove-", ["cove-cv"]),
        ("genoboard submit pebbles --data ", ["shore", "demo"]),
        ("genoboard data pebbles --use d", ["demo"]),
        ("genoboard compare pebbles a b --metric acc", ["accuracy"]),
        ("genoboard leaderboard pebbles --format n", ["names"]),
        ("genoboard check cen", ["centroid"]),
    ],
)
def test_names_of_every_kind_are_offered(environment: dict[str, str], words: str, names: list[str]) -> None:
    assert offered(environment, words) == names


@pytest.fixture
def entered(tmp_path: Path) -> None:
    """Entries on the boards of two tasks, as an index knows them."""
    for task, names in (("pebbles", ("centroid", "mine", "mine")), ("other", ("theirs",))):
        board = Board(task, "demo", "0" * 64, "cove", "1" * 64)
        for number, name in enumerate(names):
            entry = Entry(f"{task}-{number}", board, name, f"2026-11-0{number + 1}T00:00:00Z", "file")
            Store(Workspace.here(tmp_path / "workspace").database).record(entry)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("genoboard report ", ["centroid", "mine", "theirs"]),
        ("genoboard remove --task other ", ["theirs"]),
        ("genoboard compare pebbles m", ["mine"]),
        ("genoboard compare pebbles mine ", ["centroid", "mine"]),
        ("genoboard blend pebbles centroid mi", ["mine"]),
    ],
)
def test_entries_are_offered_by_their_names(environment: dict[str, str], entered: None, words: str, names: list[str]) -> None:
    assert offered(environment, words) == names


def test_models_are_those_that_the_task_takes(environment: dict[str, str]) -> None:
    assert "centroid" not in offered(environment, "genoboard run expression-regression c")
    assert "prior" in offered(environment, "genoboard run pebbles p")


def test_a_word_that_begins_no_model_is_completed_as_a_file(environment: dict[str, str]) -> None:
    assert asked(environment, "genoboard run pebbles ./mine").stdout == "file,./mine\n"


@pytest.mark.parametrize(
    "words", ["genoboard leaderboard no-such-task --split ", "genoboard run --split ", "genoboard run no-such-task --data "]
)
def test_a_slip_earlier_in_the_line_is_not_told_before_the_line_is_sent(environment: dict[str, str], words: str) -> None:
    done = asked(environment, words)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_behind_a_slip_in_the_command_s_name_nothing_is_said_either(environment: dict[str, str]) -> None:
    done = asked(environment, "genoboard rnu pebbles cen")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["genoboard run pebbles c", "genoboard submit pebbles --data ", "genoboard compare pebbles m"])
def test_what_a_shell_waits_for_imports_neither_numpy_nor_pandas(environment: dict[str, str], entered: None, words: str) -> None:
    done = asked(environment, words, "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); " + START)
    assert done.stdout
    assert not {name.partition(".")[0] for name in done.stderr.split()} & {"numpy", "pandas", "pyarrow", "sklearn", "scipy", "torch"}


def test_zsh_and_fish_are_told_what_each_name_is(environment: dict[str, str]) -> None:
    zsh = asked(environment, "genoboard run peb", shell="zsh").stdout
    assert zsh == "plain\npebbles\nTell the shape of a pebble from three measures.\n"
    fish = {**environment, "COMP_WORDS": "genoboard run ", "COMP_CWORD": "peb", "_GENOBOARD_COMPLETE": "fish_complete"}
    done = subprocess.run([sys.executable, "-c", START], env=fish, capture_output=True, text=True, check=True)
    assert "pebbles" in done.stdout
    assert "Tell the shape" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_asks_genoboard(environment: dict[str, str], shell: str) -> None:
    if shell == "bash" and not shutil.which("bash"):
        absent("bash is not installed")
    told = {**environment, "_GENOBOARD_COMPLETE": f"{shell}_source"}
    done = subprocess.run([sys.executable, "-c", START], env=told, capture_output=True, text=True, check=True)
    assert f"_GENOBOARD_COMPLETE={shell}_complete" in done.stdout
    assert "genoboard" in done.stdout.replace("_genoboard", "")
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=done.stdout, text=True, check=True)


def test_tab_in_a_real_bash_completes_the_line(environment: dict[str, str], tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        absent("bash is not installed")
        return
    leader, follower = pty.openpty()
    told = {**environment, "PS1": "$ ", "TERM": "dumb", "HISTFILE": str(tmp_path / "history")}
    running = subprocess.Popen([bash, "--norc", "--noprofile", "-i"], stdin=follower, stdout=follower, stderr=follower, env=told)
    os.close(follower)

    def until(sign: str, seconds: float = 60.0) -> str:
        shown, end = "", time.monotonic() + seconds
        while sign not in shown:
            assert select.select([leader], [], [], max(0.0, end - time.monotonic()))[0], f"{sign!r} did not come; there was {shown!r}"
            shown += os.read(leader, 4096).decode(errors="replace")
        return shown

    try:
        until("$ ")
        os.write(leader, b'eval "$(_GENOBOARD_COMPLETE=bash_source genoboard)"; echo re""ady\n')
        until("ready")
        os.write(leader, b"genoboard run pebbles cen\t")
        until("centroid")
        os.write(leader, b"--split cove-\t")
        until("cove-cv")
    finally:
        running.kill()
        running.wait()
        os.close(leader)
