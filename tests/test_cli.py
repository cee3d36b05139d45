"""The command line: what it prints where, how it exits, what it refuses and with which words."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click
import pandas as pd
import pytest

from genoboard import cli, options
from genoboard.commands import describe
from genoboard.model import parse_setting
from genoboard.options import DURATION, MEMORY

PEBBLES = Path(__file__).parent / "pebbles"
START = "import sys; sys.argv[0] = 'genoboard'; from genoboard.cli import main; main()"


@dataclass(frozen=True)
class Said:
    """What a call said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout, which must be one JSON value (as a strict reader takes it: no NaN)."""
        return json.loads(self.out, parse_constant=refuse)


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


@pytest.fixture(autouse=True)
def _pebbles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The plugin pebbles is installed, here and in child processes; the current folder is the test's own."""
    monkeypatch.syspath_prepend(str(PEBBLES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def genoboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Call the command line in this process, from the words to the exit status."""

    def call(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["genoboard", *map(str, words)])
        capsys.readouterr()
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        return Said(status, *capsys.readouterr())

    return call


def process(*words: object, code: str = START, **more: Any) -> Said:
    """Call the command line as a process of its own."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False, timeout=120, **more)
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Path]:
    """A workspace in which a model and a control have run; tests only read it."""
    workspace = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
        said = process("--workspace", workspace, "run", "pebbles", "centroid", "--set", "spread=2")
        assert said.status == 0, said.err
        yield workspace


def entries(workspace: Path, task: str = "pebbles") -> list[Path]:
    folder = workspace / "submissions" / task
    return sorted(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.exists() else []


def entry(workspace: Path, name: str) -> Path:
    """The folder of the only entry of that name."""
    (found,) = (p for p in entries(workspace) if p.name.partition("-")[2].startswith(name))
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def sample(genoboard: Callable[..., Said], tmp_path: Path) -> Path:
    assert genoboard("data", "pebbles", "--export", tmp_path / "taken").status == 0
    return tmp_path / "taken" / "sample_submission.csv"


# --------------------------------------------------------------------------------------------------------------- starting


def test_help_imports_nothing_heavy_and_loads_no_plugin() -> None:
    listing = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    said = process("--help", code=listing + START)
    assert said.status == 0
    imported = {name.partition(".")[0] for name in said.err.split()}
    assert "click" in imported
    assert not imported & {
        "numpy",
        "pandas",
        "pyarrow",
        "sklearn",
        "torch",
        "scipy",
        "requests",
        "tqdm",
        "pluggy",
        "pebbles",
        "genoboard_tasks",
    }


@pytest.mark.parametrize("words", ["list", "leaderboard pebbles", "data pebbles"])
def test_looking_around_imports_neither_numpy_nor_pandas_unless_data_are_opened(words: str) -> None:
    listing = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    imported = {name.partition(".")[0] for name in process(*words.split(), code=listing + START).err.split()}
    assert "pebbles" in imported
    assert not imported & {"sklearn", "torch", "scipy", *(() if words.startswith("data") else ("numpy", "pandas"))}


def tree(*folders: Path) -> dict[str, int]:
    return {str(p): p.lstat().st_mtime_ns for f in folders for p in (f, *sorted(f.rglob("*")))}


def test_help_and_listings_write_nothing_anywhere(tmp_path: Path) -> None:
    home, here, workspace, cache = (tmp_path / n for n in ("home", "here", "workspace", "cache"))
    for folder in (home, here, workspace, cache):
        folder.mkdir()
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("GENOBOARD_", "XDG_"))} | {"HOME": str(home)}
    given = {**bare, "GENOBOARD_WORKSPACE": str(workspace), "GENOBOARD_CACHE": str(cache)}
    before = tree(home, here, workspace, cache)
    calls = [
        "--help",
        "--version",
        "run --help",
        "list",
        "list --json",
        "leaderboard pebbles",
        "leaderboard pebbles --json",
        "data pebbles",
        "lisst",
    ]
    for environment in (bare, given):
        for words in calls:
            said = process(*words.split(), cwd=here, env=environment)
            assert said.status == (2 if words == "lisst" else 0), said.err
    assert tree(home, here, workspace, cache) == before


def test_the_module_and_the_installed_script_are_the_same_command() -> None:
    script = Path(sys.executable).with_name("genoboard")
    for command in ([sys.executable, "-m", "genoboard"], [str(script)] if script.exists() else [sys.executable, "-m", "genoboard"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "genoboard, version 0.1.0\n")


def test_without_words_the_commands_are_shown() -> None:
    said = process()
    assert said.status == 2
    for command in (
        "blend",
        "check",
        "cite",
        "compare",
        "data",
        "host",
        "leaderboard",
        "list",
        "report",
        "reveal",
        "run",
        "score",
        "select",
        "submit",
    ):
        assert re.search(rf"^  {command} +[A-Z]", said.err, re.MULTILINE)
    assert "..." not in said.err.partition("Commands:")[2], "no summary is cut off"


def test_windows_is_refused_politely(genoboard: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    said = genoboard("list")
    assert said.status == 1
    assert said.err == (
        "genoboard runs on Linux (and, with less isolation, on macOS). On Windows, use it inside WSL: https://learn.microsoft.com/windows/wsl\n"
    )


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; {sys.executable} -c "$0" list metrics --json | head -c 1', START],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "{"
    assert done.stderr == ""


def test_ctrl_c_prints_stopped_and_leaves_no_entry_and_no_child(workspace: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", START, "run", "pebbles", "sleeper", "-v"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background job is started with Ctrl-C ignored, and so are these tests in one
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        assert running.stderr is not None
        said = ""
        while "asleep" not in said:
            said += running.stderr.readline()
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        child = children.read_text().split()[0] if children.exists() else None
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read()
        assert running.wait(timeout=20) == 130
    assert rest.splitlines()[-1] == "Stopped."
    assert "Traceback" not in rest
    assert [p.name.split("-", 1)[1][:5] for p in entries(workspace)] == ["prior"]
    assert not list((workspace / "submissions" / "pebbles").glob(".*"))
    if child is not None:
        assert not Path(f"/proc/{child}").exists()


# ------------------------------------------------------------------------------------------------------------ words and JSON


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (MEMORY, "8G", 8 << 30), (MEMORY, "8192", 8 << 30), (MEMORY, "512M", 512 << 20), (MEMORY, "8gb", 8 << 30), (MEMORY, "1.5 G", 3 << 29), (MEMORY, "1T", 1 << 40),
        (DURATION, "2h", 7200), (DURATION, "90m", 5400), (DURATION, "7200", 7200), (DURATION, "90 min", 5400), (DURATION, "1.5h", 5400), (DURATION, "30s", 30), (DURATION, "1d", 86400),
    ],
)  # fmt: skip
def test_sizes_and_durations_are_understood(kind: options.Quantity, text: str, value: int) -> None:
    assert kind.convert(text, None, None) == value


@pytest.mark.parametrize("nonsense", ["8X", "lots", "", "-1", "1e3", "8 G B", "nan", "2h30"])
def test_sizes_and_durations_of_no_sense_are_refused_with_examples(genoboard: Callable[..., Said], nonsense: str) -> None:
    for option, words in (
        ("--memory", f"{nonsense!r} is not a memory size. Write for example 8G, 512M or 8192 (MB)."),
        ("--timeout", f"{nonsense!r} is not a duration. Write for example 2h, 90m or 7200 (seconds)."),
    ):
        said = genoboard("run", "pebbles", "prior", option, nonsense)
        assert said.status == 2
        assert words in said.err


@pytest.mark.parametrize(("given", "megabytes"), [("511M", 511), ("100", 100), ("0", 0), ("0.4G", 409)])
def test_memory_below_512_mb_is_refused(genoboard: Callable[..., Said], given: str, megabytes: int, workspace: Path) -> None:
    said = genoboard("run", "pebbles", "prior", "--memory", given)
    assert said.status == 2
    assert said.err == f"Error: A memory limit of {megabytes} MB is too small for numerical libraries to start. Give at least 512M.\n"
    assert not workspace.exists()


def test_no_time_at_all_is_refused(genoboard: Callable[..., Said]) -> None:
    said = genoboard("run", "pebbles", "prior", "--timeout", "0")
    assert said.status == 2
    assert "A time limit of 0 s leaves no time to fit. Give for example --timeout 2h." in said.err


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("lisst", "There is no command named 'lisst'. Did you mean list? See genoboard --help."),
        ("leaderbord pebbles", "There is no command named 'leaderbord'. Did you mean leaderboard? See genoboard --help."),
        ("run peebles prior", "There is no task named 'peebles'. Did you mean pebbles?"),
        ("data brainregion", "There is no task named 'brainregion'. Did you mean brain-region?"),
        ("submit brain_regions -f x.csv --name x", "There is no task named 'brain_regions'. Did you mean brain-region?"),
        ("run pebbles centriod", "There is no model named 'centriod'. Did you mean centroid?"),
        ("run pebbles priors prior", "There is no model named 'priors'. Did you mean prior?"),
        ("check centroids", "There is no model named 'centroids'. Did you mean centroid?"),
        ("run pebbles prior --split cave", "There is no split of pebbles named 'cave'. Did you mean cove"),
        ("leaderboard pebbles --split cove-cv5", "There is no split of pebbles named 'cove-cv5'. Did you mean cove-cv"),
        ("run pebbles prior --data demos", "There is no dataset of pebbles named 'demos'. Did you mean demo? To bring one of your own: genoboard data pebbles --from DIR --as demos."),
        ("leaderboard pebbles --data shor", "There is no dataset of pebbles named 'shor'. Did you mean shore?"),
        ("data pebbles --use shor", "There is no dataset of pebbles named 'shor'. Did you mean shore?"),
        ("data pebbles --data shor", "There is no dataset of pebbles named 'shor'. Did you mean shore?"),
        ("score a.csv --solution b.csv --metric f1_macros", "There is no metric named 'f1_macros'. Did you mean f1-macro"),
        ("run pebbles centroid --set spred=2", "There is no parameter of centroid named 'spred'. Did you mean spread?"),
        ("run pebbles centroid --set prior:spread=2", "There is no model in this run named 'prior'."),
    ],
)  # fmt: skip
def test_an_unknown_name_suggests_the_nearest_and_is_a_usage_error(
    genoboard: Callable[..., Said], words: str, answer: str, workspace: Path
) -> None:
    said = genoboard(*words.split())
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith(f"Error: {answer}")
    told = genoboard(*words.split(), "--json")
    assert told.status == 2
    assert told.json["message"].startswith(answer)
    assert not entries(workspace)


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        ("sklearn.svm.SVC", "For an estimator by its path, write sklearn.svm:SVC."),
        ("models.Forest", "For an estimator by its path, write models:Forest."),
        ("my/models.py", "For an estimator in a file, name its class too: my/models.py:Class."),
        ("my/models.py:Forest", "'my/models.py:Forest': there is no file my/models.py."),
        (":Forest", "':Forest' names no model. Write package.module:Class or path/to/file.py:Class."),
        ("models:Forest()", "'models:Forest()' names no model. Write package.module:Class or path/to/file.py:Class."),
    ],
)
def test_a_path_that_is_not_quite_one_is_answered_with_the_right_form(genoboard: Callable[..., Said], model: str, answer: str) -> None:
    said = genoboard("run", "pebbles", model)
    assert said.status == 2
    assert answer in said.err


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("run pebbles prior --bogus", "No such option '--bogus'"),
        ("run pebbles", "Missing argument 'MODEL...'"),
        ("run pebbles prior --seed -1", "--seed -1 is no list of seeds. Write for example --seed 0, --seed 0-4 or --seed 0,3,7-9."),
        ("run pebbles prior --seed 4-2", "--seed 4-2 is no list of seeds."),
        ("run pebbles prior --seed 0-1000000", "names more than 10000 seeds"),
        ("run pebbles prior --dev --seed 0-1", "--dev takes one split and one seed"),
        ("run pebbles prior majority --out x", "--out is one entry's folder, and several were asked for."),
        ("run pebbles prior --seed x", "--seed x is no list of seeds."),
        (
            "run pebbles prior --set spread",
            "--set 'spread' is not KEY=VALUE. Write for example --set C=0.1 or --set logistic-regression:C=0.1.",
        ),
        ("run pebbles prior --set =2", "--set '=2' is not KEY=VALUE."),
        (
            "run pebbles centroid prior --name x",
            "--name names one entry, and 2 models were given. Run them one by one, or leave --name out.",
        ),
        ("run pebbles centroid prior --set spread=2", "There is no parameter of prior named 'spread'."),
        (
            "run pebbles grand-mean",
            "grand-mean is made for tabular / text / bins tasks with a regression target; pebbles is a tabular task with a multiclass target.",
        ),
        ("list modells", "'modells' is not one of 'tasks', 'models', 'metrics'"),
        ("submit pebbles --name x", "Missing option '-f'"),
        ("data pebbles --as mine", "--as names what --from or --download brings. Give one of these too."),
        ("leaderboard", "Which task's board? Write genoboard leaderboard TASK; genoboard list tasks names them."),
    ],
)
def test_words_that_do_not_fit_are_usage_errors_in_json_too(
    genoboard: Callable[..., Said], words: str, answer: str, workspace: Path
) -> None:
    said = genoboard(*words.split())
    assert said.status == 2
    assert answer in said.err
    assert said.out == ""
    told = genoboard(*words.split(), "--json")
    assert told.status == 2
    assert answer in told.json["message"]
    assert not entries(workspace)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("list --json", 0), ("list models --json", 0), ("data pebbles --json", 0), ("data pebbles --split cove --json", 0),
        ("data pebbles --use demo --json", 0), ("data pebbles --export taken --json", 0), ("data pebbles --from shore --json", 0), ("data pebbles --from nowhere --json", 1),
        ("submit pebbles -f good.csv --name x --json", 0), ("submit pebbles -f bad.csv --name x --json", 1), ("submit pebbles -f none.csv --name x --json", 1),
        ("score good.csv --solution solution.csv --metric f1_macro --json", 0), ("score bad.csv --solution solution.csv --metric f1_macro --json", 1),
        ("score good.csv --solution none.csv --metric f1_macro --json", 1),
        ("leaderboard pebbles --json", 0), ("leaderboard pebbles --format json", 0), ("leaderboard nothing --format json", 2), ("leaderboard pebbles --rebuild --json", 0),
        ("run pebbles centroid --set says=NaN --json", 0), ("run pebbles stumbler centroid --json", 1), ("run pebbles centroid --dev --json", 0),
        ("run pebbles centroid -v --set says=loud --json", 0), ("run pebbles centroid --data shor --json", 2),
        ("check centroid --json", 0),
    ],
)  # fmt: skip
def test_with_json_stdout_is_one_json_value_and_nothing_else(
    genoboard: Callable[..., Said], words: str, status: int, sample: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(sample, dtype={"id": "str"})
    frame.to_csv("good.csv", index=False)
    frame.assign(flat=2).to_csv("bad.csv", index=False)
    frame[["id"]].assign(shape="flat").to_csv("solution.csv", index=False)
    (tmp_path / "shore").mkdir()
    from pebbles.rows import table

    table().to_csv(tmp_path / "shore" / "pebbles.csv", index=False)
    said = genoboard(*words.split())
    assert said.status == status, said
    told = said.json
    if "error" in told:
        assert set(told) <= {"error", "message", "problems"}
        assert told["message"]
    assert ("error" in told) == (status != 0 and "runs" not in told)


def test_progress_and_notes_of_a_real_process_are_on_stderr_alone() -> None:
    said = process("run", "pebbles", "centroid", "-v", "--set", "says=loud", "--json", "--split", "cove-cv")
    assert said.status == 0
    assert said.json["runs"][0]["verdict"] == "ok"
    assert said.err.count("loud") == 3
    assert "Entering the control prior (once per board)." in said.err
    assert "fold" not in said.err, "no progress bar where there is no terminal"


def test_a_terminal_is_shown_a_progress_bar_on_stderr() -> None:
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    with subprocess.Popen(
        [sys.executable, "-c", START, "run", "pebbles", "centroid", "--split", "cove-cv", "--in-process"],
        stdout=subprocess.PIPE,
        stderr=follower,
    ) as running:
        os.close(follower)
        shown = b""
        # the kernel says so with an error when the other end has gone
        with contextlib.suppress(OSError):
            while more := os.read(leader, 4096):
                shown += more
        assert running.stdout is not None
        printed = running.stdout.read()
    os.close(leader)
    assert running.returncode == 0
    assert re.search(rb"centroid: .*\| \d/3 ", shown)
    assert b"fold/s" not in printed


# --------------------------------------------------------------------------------------------------------------------- list


def test_list_names_everything_with_its_summary(genoboard: Callable[..., Said]) -> None:
    said = genoboard("list")
    assert said.status == 0
    assert re.search(r"^  pebbles +Tell the shape of a pebble from three measures\.$", said.out, re.MULTILINE)
    assert re.search(r"^  centroid +the nearest mean$", said.out, re.MULTILINE)
    assert re.search(r"^  f1-macro +unweighted mean", said.out, re.MULTILINE)
    assert said.out.rstrip().endswith("Next: genoboard run TASK MODEL   (or genoboard data TASK to see its data)")


def test_list_json_has_what_a_program_needs(genoboard: Callable[..., Said]) -> None:
    told = genoboard("list", "--json").json
    tasks = {t["name"]: t for t in told["tasks"]}
    assert tasks["pebbles"] == {
        "name": "pebbles", "summary": "Tell the shape of a pebble from three measures.", "splits": ["cove", "cove-cv", "any"], "datasets": ["shore", "demo"], "plugin": "pebbles",
    }  # fmt: skip
    models = {m["name"]: m for m in told["models"]}
    assert models["centroid"]["parameters"] == {"spread": 1.0, "says": ""}
    assert models["prior"]["plugin"] == "genoboard"
    metrics = {m["name"]: m for m in told["metrics"]}
    assert metrics["rmse"]["direction"] == "min"
    assert metrics["rmse"]["range"] == [0.0, None]
    assert told["broken"] == {}
    assert set(genoboard("list", "metrics", "--json").json) == {"metrics", "broken"}


# ---------------------------------------------------------------------------------------------------------------------- run


def test_a_run_says_where_it_is_what_it_scored_and_what_comes_next(genoboard: Callable[..., Said], workspace: Path) -> None:
    said = genoboard("run", "pebbles", "centroid", "-m", "first try")
    assert said.status == 0
    where, score, folder, following = said.out.splitlines()
    assert where == "pebbles / demo / split cove: What shape has a pebble of a cove never seen before?"
    assert re.fullmatch(r"centroid  f1-macro 0\.\d{5}  accuracy 0\.\d{5}  multiclass-log-loss \d\.\d{5}", score)
    assert Path(folder.strip()) == entry(workspace, "centroid")
    assert following == "Next: genoboard leaderboard pebbles --split cove --data demo"
    assert "Entering the control prior (once per board)." in said.err
    record = json.loads((entry(workspace, "centroid") / "run.json").read_text())
    assert record["entry"]["message"] == "first try"
    assert record["command"].endswith("run pebbles centroid -m 'first try'")


def test_several_models_go_on_after_one_fails_and_the_exit_status_is_1(genoboard: Callable[..., Said], workspace: Path) -> None:
    said = genoboard("run", "pebbles", "stumbler", "centroid", "nothing.here:Model")
    assert said.status == 1
    assert "stumbler: failed: RuntimeError: stumbled at step 1" in said.err
    assert re.search(r"its log: \S+stumbler\S+log\.txt", said.err)
    assert re.search(r"^centroid  f1-macro 0\.", said.out, re.MULTILINE)
    assert "Model: failed: ModuleNotFoundError: No module named 'nothing'" in said.err
    assert len(entries(workspace)) == 4, "the failed runs are on record, and the control"
    board = genoboard("leaderboard", "pebbles").out
    assert "stumbler: failed: RuntimeError: stumbled at step 1" in board
    assert board.index("centroid") < board.index("stumbler")


def test_a_slip_in_the_last_name_is_told_before_the_first_model_runs(genoboard: Callable[..., Said], workspace: Path) -> None:
    said = genoboard("run", "pebbles", "centroid", "stumbel")
    assert said.status == 2
    assert "There is no model named 'stumbel'. Did you mean stumbler?" in said.err
    assert not workspace.exists()


def test_a_model_that_exceeds_its_time_is_reported_with_the_mend(genoboard: Callable[..., Said]) -> None:
    said = genoboard("run", "pebbles", "sleeper", "--timeout", "1s", "--json")
    assert said.status == 1
    (run,) = said.json["runs"]
    assert run["verdict"] == "timeout"
    assert run["reason"] == "it was still running after 1 s; allow more with --timeout"


def test_set_takes_json_values_and_names_the_model_where_it_is_meant_for_one(genoboard: Callable[..., Said]) -> None:
    said = genoboard(
        "run", "pebbles", "centroid", "prior", "--set", "centroid:spread=0.5", "--set", 'centroid:says="7"', "--json", "--seed", 3
    )
    assert said.status == 0
    centroid, prior = said.json["runs"]
    assert centroid["parameters"] == {"spread": 0.5, "says": "7"}
    assert prior["parameters"] == {}
    assert centroid["seed"] == 3


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ('"7"', "7"), ("true", True), ("null", None), ("[1, 2]", [1, 2]), ("l2", "l2"), ("a=b", "a=b"), ("", "")]
)
def test_a_value_is_json_where_it_parses_else_text(text: str, value: object) -> None:
    assert parse_setting(f"says={text}") == (None, "says", value)
    assert parse_setting(f"models.py:Class:says={text}") == ("models.py:Class", "says", value)


def test_nested_names_reach_the_steps_of_a_pipeline_in_a_file(genoboard: Callable[..., Said], tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    (tmp_path / "pipes.py").write_text(
        "from sklearn.pipeline import make_pipeline, Pipeline\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "def scaled():\n"
        "    return Pipeline([('scale', StandardScaler()), ('clf', LogisticRegression())])\n"
    )
    said = genoboard("run", "pebbles", "pipes.py:scaled", "--set", "clf__C=1e-6", "--set", "clf__max_iter=50", "--json")
    assert said.status == 0, said.err
    (run,) = said.json["runs"]
    assert run["name"] == "scaled"
    assert run["parameters"] == {"clf__C": 1e-6, "clf__max_iter": 50}
    shares = pd.read_csv(entry(tmp_path / "workspace", "scaled") / "predictions.csv")[["flat", "rough", "round"]]
    assert shares.to_numpy().std() < 1e-3, "with so small a C hardly anything but the intercept is left"
    wrong = genoboard("run", "pebbles", "pipes.py:scaled", "--set", "clf__see=1")
    assert wrong.status == 1
    assert "Invalid parameter 'see'" in wrong.err


def test_dev_prints_mean_and_sd_and_writes_out_of_fold_predictions_but_records_nothing(
    genoboard: Callable[..., Said], workspace: Path
) -> None:
    said = genoboard("run", "pebbles", "centroid", "--dev")
    assert said.status == 0
    assert re.search(r"^centroid  f1-macro 0\.\d{5} \+- 0\.\d{5}  accuracy 0\.\d{5} \+- 0\.\d{5}", said.out, re.MULTILINE)
    path = Path(re.search(r"out-of-fold predictions: (\S+oof\.csv)", said.out)[1])  # type: ignore[index]
    oof = pd.read_csv(path, index_col="id")
    told = genoboard("data", "pebbles", "--split", "cove", "--json").json
    assert len(oof) == told["folds"][0]["train"]["rows"] == 60
    genoboard("data", "pebbles", "--export", "taken")
    assert not set(oof.index) & set(pd.read_csv("taken/test.csv", index_col="id").index), "the test rows were not looked at"
    assert not (workspace / "leaderboard").exists()
    assert not list(workspace.rglob("run.json"))
    assert "No entries yet." in genoboard("leaderboard", "pebbles").out


def test_dev_in_json_names_the_dataset_the_scores_and_the_file(genoboard: Callable[..., Said]) -> None:
    told = genoboard("run", "pebbles", "centroid", "--dev", "--json").json
    assert (told["task"], told["data"], told["split"]) == ("pebbles", "demo", "cove")
    (run,) = told["runs"]
    assert set(run["scores"]["f1-macro"]) == {"mean", "sd"}
    assert Path(run["oof"]).is_file()


# ------------------------------------------------------------------------------------------------------ blending, comparing


@pytest.fixture(scope="module")
def blended(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[tuple[Path, Said]]:
    """A workspace in which two models have left out-of-fold predictions, and what was said then."""
    workspace = tmp_path_factory.mktemp("blended")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
        said = process("--workspace", workspace, "run", "pebbles", "centroid", "prior", "--oof")
        assert said.status == 0, said.err
        yield workspace, said


def test_oof_says_where_the_predictions_lie_and_what_to_do_with_them(blended: tuple[Path, Said]) -> None:
    workspace, said = blended
    lines = said.out.splitlines()
    places = [Path(line.partition(": ")[2]) for line in lines if line.startswith("  out-of-fold predictions of the training rows: ")]
    assert [p.parent.name.split("-")[1] for p in places] == ["centroid", "prior"]
    for place in places:
        assert place.is_relative_to(workspace)
        assert list(pd.read_csv(place).columns) == ["id", "fold", "flat", "rough", "round"]
    assert lines[-2:] == [
        f"Next: genoboard --workspace {workspace} leaderboard pebbles --split cove --data demo",
        f"  or: genoboard --workspace {workspace} blend pebbles centroid prior --name NEW --split cove --data demo",
    ]


def test_oof_tells_its_price() -> None:
    said = " ".join(process("run", "--help").out.split())
    assert "--oof Also leave out-of-fold predictions of the training rows, for genoboard blend: five more fits for each fold" in said


def test_blend_prints_weights_and_losses_then_the_entry_and_what_comes_next(
    genoboard: Callable[..., Said], blended: tuple[Path, Said]
) -> None:
    workspace, _ = blended
    said = genoboard("--workspace", workspace, "blend", "pebbles", "centroid", "prior", "--name", "two stones")
    assert said.status == 0, said.err
    assert re.fullmatch(
        r"pebbles / demo / split cove: What shape .*\n"
        r"Out-of-fold, from training rows alone:\n"
        r"member      weight  log loss\n"
        r"centroid     [01]\.\d{3}   \d\.\d{5}\n"
        r"prior        [01]\.\d{3}   1\.\d{5}\n"
        r"two stones           \d\.\d{5}  \(its weights were fitted on these rows\)\n"
        r"two stones  f1-macro \d\.\d{5}  accuracy \d\.\d{5}  multiclass-log-loss \d\.\d{5}\n"
        r"  \S+-two-stones-[0-9a-f]{8}\n"
        r"Next: genoboard --workspace \S+ compare pebbles 'two stones' centroid --split cove --data demo\n"
        r"  or: genoboard --workspace \S+ leaderboard pebbles --split cove --data demo\n",
        said.out,
    ), said.out
    shown = genoboard("--workspace", workspace, "leaderboard", "pebbles").out
    assert re.search(r"^\d[= ]  two stones .* blend$", shown, re.MULTILINE)


def test_blend_in_json_is_the_entry_with_its_weights_and_losses(genoboard: Callable[..., Said], blended: tuple[Path, Said]) -> None:
    told = genoboard("--workspace", blended[0], "blend", "pebbles", "centroid", "prior", "--name", "mix", "-m", "why not", "--json").json
    assert (told["origin"], told["name"], told["message"], told["measure"]) == ("blend", "mix", "why not", "log loss")
    assert set(told["oof_losses"]) == set(told["weights_by_fold"]) == set(told["parameters"]["weights"]) == {"centroid", "prior"}
    assert told["oof_loss"] <= min(told["oof_losses"].values())


def test_compare_prints_the_paired_difference_in_a_sentence_or_as_json(genoboard: Callable[..., Said], blended: tuple[Path, Said]) -> None:
    words = ("--workspace", blended[0], "compare", "pebbles", "centroid", "prior")
    said = genoboard(*words)
    assert said.status == 0, said.err
    assert re.fullmatch(
        r"pebbles / demo / split cove: .*\n"
        r"centroid - prior = 0\.\d{5} \[-?\d\.\d{5}, \d\.\d{5}\] on f1-macro \(higher is better\): .+\.\n"
        r"Only centroid is right on \d+ rows, only prior on \d+: exact McNemar p (\d\.\d{5}|< \.00001)\.\n"
        r"AUROC: -?\d\.\d{5}( \[.*\])?, DeLong p .+\.\n\n"
        r"F1 by class:\n *class +rows +centroid +prior +difference +low +high\n(.+\n)+\n"
        r"By group \(accuracy\): centroid is better in \d, prior in \d, equal in \d\.\n *group +rows +centroid +prior +difference\n(.+\n){3}",
        said.out,
    ), said.out
    told = genoboard(*words, "--metric", "multiclass-log-loss", "--json").json
    assert (told["task"], told["data"], told["split"]) == ("pebbles", "demo", "cove")
    assert (told["metric"], told["direction"], told["clusters"]) == ("multiclass-log-loss", "min", 3)
    assert told["value"] == told["a"]["value"] - told["b"]["value"]
    assert told["low"] < told["value"] < told["high"]
    agreed = told["agreement"]
    assert agreed["by"] == "multiclass-log-loss"
    assert agreed["mcnemar"]["only_a"] > agreed["mcnemar"]["only_b"]
    assert len(agreed["groups"]) == 3


def test_all_pairs_are_compared_with_p_values_adjusted_by_holm(genoboard: Callable[..., Said], blended: tuple[Path, Said]) -> None:
    words = ("--workspace", blended[0], "compare", "pebbles", "--all")
    said = genoboard(*words)
    assert said.status == 0, said.err
    head, *rows = said.out.splitlines()[1:-2]
    assert re.fullmatch(r"A +B +A - B +95 % interval +p +p \(Holm\)", head)
    told = genoboard(*words, "--json").json["pairs"]
    names = {p["a"]["name"] for p in told} | {p["b"]["name"] for p in told}
    assert len(told) == len(rows) == len(names) * (len(names) - 1) / 2
    assert all(p["holm"] is None or p["holm"] >= p["p"] for p in told)
    wrong = genoboard("--workspace", blended[0], "compare", "pebbles", "centroid")
    assert (wrong.status, wrong.err.count("genoboard compare TASK --all")) == (2, 1)


def test_a_board_of_few_groups_says_so_and_shows_what_each_of_them_does(genoboard: Callable[..., Said], blended: tuple[Path, Said]) -> None:
    board = genoboard("--workspace", blended[0], "leaderboard", "pebbles").out
    assert "Few groups: intervals rest on 3 coves" in board
    said = genoboard("--workspace", blended[0], "leaderboard", "pebbles", "--groups")
    assert said.out.startswith("f1-macro without each cove:\n")
    told = genoboard("--workspace", blended[0], "leaderboard", "pebbles", "--groups", "--json").json
    for row in told["leave_one_group_out"]:
        assert len(row["without"]) == 3
        assert min(row["without"].values()) <= row["all"] <= max(row["without"].values()) or row["name"] != "centroid"


def test_a_board_is_written_as_a_page_and_as_latex(genoboard: Callable[..., Said], blended: tuple[Path, Said], tmp_path: Path) -> None:
    said = genoboard("--workspace", blended[0], "leaderboard", "pebbles", "--format", "html", "-o", tmp_path / "board.html")
    assert (said.status, said.out, said.err) == (0, "", f"wrote {tmp_path / 'board.html'}\n")
    page = (tmp_path / "board.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "report-" not in page, "no report lies beside it"
    latex = genoboard("--workspace", blended[0], "leaderboard", "pebbles", "--format", "latex").out
    assert r"\toprule" in latex


def test_a_report_is_one_file_that_the_boards_page_links_to(
    genoboard: Callable[..., Said], blended: tuple[Path, Said], tmp_path: Path
) -> None:
    said = genoboard("--workspace", blended[0], "report", "centroid", "--json")
    assert said.status == 0, said.err
    (name,) = said.json["wrote"]
    page = Path(name).read_text(encoding="utf-8")
    assert "We used the dataset demo of the task pebbles" in page
    genoboard("--workspace", blended[0], "leaderboard", "pebbles", "--format", "html", "-o", tmp_path / "board.html")
    assert f'href="{name}"' in (tmp_path / "board.html").read_text(encoding="utf-8")
    assert genoboard("--workspace", blended[0], "report", "centroyd").err.startswith(
        "Error: There is no entry named 'centroyd'. Did you mean centroid?"
    )


def test_what_to_cite_is_printed(genoboard: Callable[..., Said]) -> None:
    said = genoboard("cite", "pebbles")
    assert said.out.startswith("Pebbles (pebbles)\n")
    assert {"task", "datasets", "references"} <= set(genoboard("cite", "pebbles", "--json").json)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("run pebbles prior --oof --dev", "--oof keeps out-of-fold predictions with an entry, and --dev records none."),
        ("run pebbles prior --oof --in-process", "--oof keeps out-of-fold predictions with an entry, and --in-process records none."),
        ("blend pebbles centroid prior", "Missing option '--name'."),
        ("blend pebbles centroid prio --name mix", "There is no entry of pebbles named 'prio'. Did you mean prior?"),
        ("blend pebbles centroid prior --name mix --split any", "centroid is not on this board"),
        ("compare pebbles centroid prior --metric f1", "There is no metric of pebbles named 'f1'."),
        ("compare pebbles centroid stone", "There is no entry of pebbles named 'stone'."),
    ],
)  # fmt: skip
def test_what_cannot_be_blended_or_compared_is_a_usage_error(
    genoboard: Callable[..., Said], blended: tuple[Path, Said], words: str, answer: str
) -> None:
    said = genoboard("--workspace", blended[0], *words.split(), "--json")
    assert said.status == 2
    assert said.json["message"].startswith(answer)


def test_a_run_without_the_out_of_fold_predictions_that_were_asked_for_keeps_its_entry_and_exits_with_1(
    genoboard: Callable[..., Said], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genoboard.errors import ModelFailed

    def fail(*_: object) -> NoReturn:
        raise ModelFailed("memory", "fold 1 of 5: out of memory")

    monkeypatch.setattr("genoboard.oof.leave", fail)
    said = genoboard("run", "pebbles", "centroid", "--oof")
    assert said.status == 1
    assert "  note: no out-of-fold predictions: fold 1 of 5: out of memory\n" in said.out
    assert "genoboard blend" not in said.out
    assert entry(workspace, "centroid").exists()


def test_in_process_records_nothing(workspace: Path) -> None:
    said = process("run", "pebbles", "centroid", "--in-process", "--set", "says=here")
    assert said.status == 0
    assert "here\n" in said.out
    assert "not recorded (--in-process)" in said.out
    assert not workspace.exists()


def test_what_a_model_prints_in_process_does_not_get_into_the_json() -> None:
    said = process("run", "pebbles", "centroid", "--in-process", "--set", "says=here", "--json")
    assert said.json["runs"][0]["verdict"] == "ok"
    assert said.err.count("here") == 1


def test_verbose_streams_what_the_model_prints(genoboard: Callable[..., Said], workspace: Path) -> None:
    said = genoboard("run", "pebbles", "centroid", "-v", "--set", "says=hello sea")
    assert "hello sea\n" in said.err
    assert "hello sea" in (entry(workspace, "centroid") / "log.txt").read_text()
    assert "hello sea" not in genoboard("run", "pebbles", "centroid", "--set", "says=hello sea").err


def test_a_name_given_is_the_standing_s(genoboard: Callable[..., Said]) -> None:
    assert genoboard("run", "pebbles", "centroid", "--name", "my best").status == 0
    assert [s["name"] for s in genoboard("leaderboard", "pebbles", "--json").json["standings"]] == ["my best", "prior"]


# ---------------------------------------------------------------------------------------------------- submit and leaderboard


def test_a_good_file_becomes_an_entry(genoboard: Callable[..., Said], sample: Path, workspace: Path) -> None:
    said = genoboard("submit", "pebbles", "-f", sample, "--name", "by hand", "-m", "uniform")
    assert said.status == 0
    assert said.out.startswith("pebbles / demo / split cove: ")
    assert re.search(r"^by hand  f1-macro 0\.16667  accuracy 0\.33333  multiclass-log-loss 1\.09861$", said.out, re.MULTILINE)
    record = json.loads((entry(workspace, "by-hand") / "run.json").read_text())
    assert record["entry"]["origin"] == "file"
    assert record["file"] == str(sample)
    assert {s["name"] for s in genoboard("leaderboard", "pebbles", "--json").json["standings"]} == {"by hand", "prior"}


def test_a_bad_file_is_told_all_its_problems_and_leaves_nothing(genoboard: Callable[..., Said], sample: Path, workspace: Path) -> None:
    frame = pd.read_csv(sample, dtype="str")
    frame.loc[0, "flat"], frame.loc[1, "rough"], frame.loc[2, "id"] = "7", "many", "nobody"
    frame.rename(columns={"round": "Round"}).to_csv("bad.csv", index=False)
    said = genoboard("submit", "pebbles", "-f", "bad.csv", "--name", "by hand")
    assert said.status == 1
    assert said.err.startswith("Error: bad.csv was not scored: 5 problems.\n")
    for problem in ("'7'", "'many'", "'nobody'", "'Round'", "missing id"):
        assert problem in said.err
    told = genoboard("submit", "pebbles", "-f", "bad.csv", "--name", "by hand", "--json")
    assert told.status == 1
    assert told.json["error"] == "InvalidSubmission"
    assert len(told.json["problems"]) == 5
    assert not workspace.exists()


def test_a_board_without_entries_says_what_comes_next(genoboard: Callable[..., Said]) -> None:
    said = genoboard("leaderboard", "pebbles", "--split", "any")
    assert said.status == 0
    assert said.out == (
        "pebbles: data demo, split any\nWhat shape has one more pebble?\n\n"
        "No entries yet. Next: genoboard run pebbles MODEL --split any --data demo\nThis split leaks: Pebbles of one cove are alike.\n"
    )


def test_the_board_names_task_data_split_question_intervals_and_null(genoboard: Callable[..., Said], made: Path) -> None:
    lines = genoboard("--workspace", made, "leaderboard", "pebbles").out.splitlines()
    assert re.fullmatch(r"pebbles: data demo \([0-9a-f]{8}\), split cove", lines[0])
    assert lines[1] == "What shape has a pebble of a cove never seen before?"
    assert any(
        re.match(r"1=?  centroid +0\.\d{5} \[0\.\d{5}, [01]\.\d{5}\] +1(-2)? +\d+ % +0\.\d{5} +\d\.\d{5}  run released$", line)
        for line in lines
    )
    assert any(re.match(r"2  prior +0\.16667 .*  control \w+$", line) for line in lines)
    assert lines[-3] == "Best first; [low, high] is the 95 % interval over test rows."
    assert lines[-2] == "The null model here: prior: the shares of the shapes."
    assert lines[-1].startswith("Few groups: intervals rest on 3 coves")


def test_the_board_as_json_has_the_promised_shape(genoboard: Callable[..., Said], made: Path) -> None:
    told = genoboard("--workspace", made, "leaderboard", "pebbles", "--format", "json").json
    assert (told["task"], told["split"], told["data"]) == ("pebbles", "cove", "demo")
    first, second = told["standings"]
    assert (first["rank"], first["name"], second["rank"], second["name"]) == (1, "centroid", 2, "prior")
    assert (made / "submissions" / "pebbles" / first["entry"] / "run.json").is_file()
    assert list(first["scores"]) == ["f1-macro", "accuracy", "multiclass-log-loss"]
    low, high = first["intervals"]["f1-macro"]
    assert low < first["scores"]["f1-macro"] < high
    assert first["parameters"] == {"spread": 2, "says": ""}
    assert (first["control"], second["control"]) == (False, True)
    assert told["directions"] == {"f1-macro": "max", "accuracy": "max", "multiclass-log-loss": "min"}


def test_a_plugin_s_format_is_known_and_an_unknown_one_is_answered_with_the_nearest(genoboard: Callable[..., Said], made: Path) -> None:
    assert genoboard("--workspace", made, "leaderboard", "pebbles", "--format", "names").out == "centroid\nprior\n"
    said = genoboard("leaderboard", "pebbles", "--format", "tabel")
    assert said.status == 2
    assert said.err == "Error: There is no format named 'tabel'. Did you mean table?\n"


def test_the_board_as_csv_and_markdown_holds_the_same_numbers(genoboard: Callable[..., Said], made: Path) -> None:
    told = genoboard("--workspace", made, "leaderboard", "pebbles", "--json").json["standings"]
    rows = list(csv.DictReader(io.StringIO(genoboard("--workspace", made, "leaderboard", "pebbles", "--format", "csv").out)))
    assert [r["name"] for r in rows] == ["centroid", "prior"]
    assert [float(r["f1-macro"]) for r in rows] == [s["scores"]["f1-macro"] for s in told]
    page = genoboard("--workspace", made, "leaderboard", "pebbles", "--format", "md").out.splitlines()
    assert page[0].startswith("pebbles: data demo (")
    assert page[2].startswith("| rank | name | f1-macro (95 % interval) | true rank | chance of best | accuracy | multiclass-log-loss |")
    assert page[4].startswith(f"| 1 | centroid | {told[0]['scores']['f1-macro']:.5f} [")


def test_a_cross_validated_board_shows_mean_and_sd_over_folds_beside_the_pooled_score(genoboard: Callable[..., Said]) -> None:
    assert genoboard("run", "pebbles", "prior", "--split", "cove-cv").status == 0
    board = genoboard("leaderboard", "pebbles", "--split", "cove-cv")
    assert "fold mean +- sd" in board.out
    assert re.search(r"0\.\d{5} \+- 0\.\d{5}", board.out)
    (standing,) = genoboard("leaderboard", "pebbles", "--split", "cove-cv", "--json").json["standings"]
    assert set(standing["fold_mean"]) == set(standing["fold_sd"]) == {"f1-macro", "accuracy", "multiclass-log-loss"}
    assert standing["scores"]["accuracy"] == pytest.approx(1 / 3, abs=0.05)


def test_the_index_is_made_anew_from_the_folders(genoboard: Callable[..., Said], made: Path, workspace: Path) -> None:
    import shutil

    shutil.copytree(made / "submissions", workspace / "submissions")
    assert "No entries yet." in genoboard("leaderboard", "pebbles").out
    said = genoboard("leaderboard", "pebbles", "--rebuild")
    assert said.err == "The index holds 2 entries, read from their folders.\n"
    assert said.out == genoboard("--workspace", made, "leaderboard", "pebbles").out
    broken = entries(workspace)[0] / "run.json"
    broken.write_text("{}")
    again = genoboard("leaderboard", "--rebuild")
    assert again.status == 1
    assert f"{broken.parent} is not the whole record of an entry" in again.err
    assert genoboard("leaderboard", "pebbles").out == said.out, "what could not be rebuilt stays as it was"


def test_a_damaged_index_is_answered_with_the_command_that_mends_it(genoboard: Callable[..., Said], workspace: Path) -> None:
    (workspace / "leaderboard").mkdir(parents=True)
    (workspace / "leaderboard" / "leaderboard.db").write_bytes(b"no database" * 100)
    said = genoboard("leaderboard", "pebbles")
    assert said.status == 1
    assert "'genoboard leaderboard --rebuild' makes it anew" in said.err
    assert genoboard("leaderboard", "--rebuild").status == 0
    assert genoboard("leaderboard", "pebbles").status == 0


# ------------------------------------------------------------------------------------------------------------------- places


def test_a_workspace_is_the_current_folder_unless_one_is_named(
    genoboard: Callable[..., Said], sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("submit", "pebbles", "-f", sample, "--name", "x")
    assert genoboard("--workspace", tmp_path / "named", *words).status == 0
    assert genoboard(*words).status == 0
    monkeypatch.delenv("GENOBOARD_WORKSPACE")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert genoboard(*words).status == 0
    for place in ("named", "workspace", "here"):
        assert len(entries(tmp_path / place)) == 2, place
        assert (tmp_path / place / "leaderboard" / "leaderboard.db").is_file()


def test_a_workspace_that_cannot_be_written_is_an_error_and_no_traceback(
    genoboard: Callable[..., Said], sample: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    said = genoboard("--workspace", tmp_path / "file", "submit", "pebbles", "-f", sample, "--name", "x")
    assert said.status == 1
    assert said.err.splitlines()[-1].startswith(f"Error: {tmp_path / 'file'}")
    assert "Not a directory. Check that the path is right, that you may write there, and that the disk has room." in said.err


def test_choices_that_are_damaged_are_answered_with_the_mend(genoboard: Callable[..., Said], workspace: Path) -> None:
    (workspace / "leaderboard").mkdir(parents=True)
    (workspace / "leaderboard" / "choices.json").write_text("{")
    said = genoboard("leaderboard", "pebbles")
    assert said.status == 1
    assert "choices.json is not JSON" in said.err
    assert "Delete it and choose again: genoboard data pebbles --use NAME." in said.err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["genoboard", "list"])
    monkeypatch.setattr(describe, "installed", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_a_click_error_in_a_group_option_is_a_usage_error(genoboard: Callable[..., Said]) -> None:
    assert genoboard("--workspce", "x", "list").status == 2
    with pytest.raises(click.NoSuchOption):
        cli.cli(["--workspce", "x", "list"], standalone_mode=False)
