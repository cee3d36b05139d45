"""Colours: a terminal is shown some, a pipe none; NO_COLOR and TERM=dumb are honoured, and nobody else's text brings its own."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard import colour

PEBBLES = Path(__file__).parent / "pebbles"
START = "import sys; sys.argv[0] = 'genoboard'; from genoboard.cli import main; main()"
BOLD, DIM, GREEN, END = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m"
RED = "\x1b[31m\x1b[1m"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
Called = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Two entries of one model under two names, which cannot be told apart, and a control."""
    place = tmp_path_factory.mktemp("workspace")
    told = {**os.environ, "PYTHONPATH": path(), "GENOBOARD_CACHE": str(cache), "GENOBOARD_WORKSPACE": str(place)}
    for name in ("one", "other"):
        words = ["run", "pebbles", "centroid", "--name", name, "--set", f"says={name}"]
        subprocess.run([sys.executable, "-c", START, *words], env=told, check=True, capture_output=True)
    return place


def path() -> str:
    return os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH"))))


@pytest.fixture
def on_terminal(workspace: Path) -> Called:
    """Call the command line with stdout and stderr on a terminal of its own each; return what these were sent."""

    def call(*words: str, **environment: str) -> tuple[str, str]:
        plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        told = {**plain, "PYTHONPATH": path(), "TERM": "xterm", "GENOBOARD_WORKSPACE": str(workspace), **environment}
        pairs = [pty.openpty() for _ in range(2)]
        out, err = (follower for _, follower in pairs)
        with subprocess.Popen([sys.executable, "-c", START, *words], stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=told) as running:
            os.close(out)
            os.close(err)
            shown = tuple(read(leader) for leader, _ in pairs)
            running.wait(timeout=60)
        return shown[0], shown[1]

    return call


@pytest.fixture
def piped(workspace: Path) -> Called:
    def call(*words: str, **environment: str) -> tuple[str, str]:
        plain = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        told = {**plain, "PYTHONPATH": path(), "TERM": "xterm", "GENOBOARD_WORKSPACE": str(workspace), **environment}
        done = subprocess.run([sys.executable, "-c", START, *words], capture_output=True, text=True, env=told, check=False)
        return done.stdout, done.stderr

    return call


def read(leader: int) -> str:
    shown = b""
    # the kernel says so with an error when the other end has gone
    with contextlib.suppress(OSError):
        while more := os.read(leader, 4096):
            shown += more
    os.close(leader)
    return shown.decode().replace("\r\n", "\n")


def test_on_a_terminal_the_best_is_bold_and_the_ties_signs_are_dim(on_terminal: Called, piped: Called) -> None:
    shown, _ = on_terminal("leaderboard", "pebbles", COLUMNS="120")
    rows = [line for line in shown.splitlines() if ESCAPES.sub("", line).lstrip()[:1].isdigit()]
    best, also, control = rows
    assert best.startswith(f"{BOLD}1{END}{DIM}={END}{BOLD}  one")
    assert also.startswith(f"{BOLD}1{END}{DIM}={END}{BOLD}  other")
    assert "\x1b" not in control
    assert ESCAPES.sub("", shown) == piped("leaderboard", "pebbles")[0], "colours change no character"


def test_errors_are_red_ours_and_those_of_the_command_line(on_terminal: Called) -> None:
    for words in (["leaderboard", "peebles"], ["run"], ["list", "--no-such-option"]):
        _, shown = on_terminal(*words)
        assert f"{RED}Error:{END} " in shown
        assert shown.count("\x1b") == 3


@pytest.mark.slow
def test_what_is_well_is_green_and_what_is_not_is_red(on_terminal: Called, piped: Called) -> None:
    shown, _ = on_terminal("check", "stumbler")
    assert f"{RED}FAIL{END}  " in shown
    assert f"{GREEN}ok  {END}  " in shown
    assert "\x1b" not in "".join(piped("check", "stumbler"))


def test_a_pipe_gets_plain_text(piped: Called) -> None:
    assert "\x1b" not in "".join(piped("leaderboard", "peebles"))


@pytest.mark.parametrize("given", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_no_color_and_a_dumb_terminal_turn_colours_off(on_terminal: Called, given: dict[str, str]) -> None:
    for words in ("leaderboard pebbles", "leaderboard peebles"):
        assert "\x1b" not in "".join(on_terminal(*words.split(), **given))


def test_an_empty_no_color_is_none(on_terminal: Called) -> None:
    assert BOLD in on_terminal("leaderboard", "pebbles", NO_COLOR="")[0]


def test_force_color_colours_a_pipe(piped: Called) -> None:
    assert BOLD in piped("leaderboard", "pebbles", FORCE_COLOR="1")[0]
    assert RED in piped("leaderboard", "peebles", FORCE_COLOR="1")[1]
    assert "\x1b" not in "".join(piped("leaderboard", "pebbles", FORCE_COLOR="0"))


@pytest.mark.parametrize("form", ["json", "md", "names"])
def test_what_programs_read_is_never_coloured(piped: Called, form: str) -> None:
    assert "\x1b" not in piped("leaderboard", "pebbles", "--format", form, FORCE_COLOR="1")[0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text())
def test_a_strangers_text_brings_no_colour_of_its_own(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.delenv("NO_COLOR", raising=False)
        board = f"task\n\n#  name\n1  {text}\n\n{text}\n"
        for shown in (colour.board(board, Terminal()), colour.error(f"Error: {text}", Terminal())):
            assert "\x1b" not in ESCAPES.sub("", shown)
            assert set(ESCAPES.findall(shown)) <= {BOLD, DIM, "\x1b[31m", END}
