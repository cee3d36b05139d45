"""Confinement: models that set out to do harm, each stopped and named, and the next run unharmed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import absent
from processes import command, running

from genoboard import ModelSpec, board, confinement, evaluate, landlock, sandbox, scoring, seccomp
from genoboard.competition import Competition
from genoboard.isolation import Limits
from genoboard.workspace import Workspace
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.ranking import FULL
from genoboard_leaderboard.store import Store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
HEAD = "import json, os, socket, subprocess, sys, threading, time\nfrom pathlib import Path\nimport numpy as np\n"


def needs(present: bool, what: str) -> None:
    """Skip where this kernel lacks a mechanism; the run records that it does."""
    if not present:
        absent(f"this kernel has no {what}")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[float | None]:
    """What an honest model scores where nobody has been before."""
    return [s.value for s in evaluate("brain-region", "majority", workspace=tmp_path_factory.mktemp("undisturbed")).scores]


@pytest.fixture
def competition(tmp_path: Path, undisturbed: list[float | None], with_controls: Callable[..., Path]) -> Iterator[Competition]:
    """A competition in which, after every attempt, an honest run is what it always was, and the record is intact."""
    found = Competition.open("brain-region", workspace=with_controls(tmp_path / "workspace", "brain-region", "donor"))
    yield found
    entry = evaluate(found, "majority")
    assert entry.verdict == "ok"
    assert [s.value for s in entry.scores] == undisturbed
    assert Store(found.workspace.database).entry(entry.id) == entry


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of the user's own, outside of anything that a model is given."""
    path = tmp_path / "home" / "grant-proposal.txt"
    path.parent.mkdir()
    path.write_text("the idea", encoding="utf-8")
    return path


def attempt(competition: Competition, tmp_path: Path, fit: str, predict: str = "", limits: Limits | None = None) -> tuple[Entry, str]:
    """Enter a model whose ``fit`` and ``predict_proba`` begin with this code; return the entry, and its log."""
    path = tmp_path / "villain.py"
    path.write_text(
        f"{HEAD}\nclass Villain:\n    def fit(self, X, y):\n{textwrap.indent(textwrap.dedent(fit), ' ' * 8)}\n        self.k = len(set(y))\n        return self\n\n"
        f"    def predict_proba(self, X):\n{textwrap.indent(textwrap.dedent(predict), ' ' * 8)}\n        return np.full((len(X), self.k), 1 / self.k)\n",
        encoding="utf-8",
    )
    entry = evaluate(competition, f"{path}:Villain", limits=limits or Limits(120))
    return entry, (competition.workspace.folder(entry.id, competition.task.name) / "log.txt").read_text(encoding="utf-8")


# Reading


def test_an_ordinary_run_is_confined_and_its_entry_says_so(competition: Competition, tmp_path: Path) -> None:
    needs(landlock.version() >= landlock.NEEDED_FOR_SIGNALS and seccomp.knows_this_machine(), "Landlock with scopes, or no seccomp here")
    entry, _ = attempt(competition, tmp_path, "pass")
    assert (entry.verdict, entry.isolation) == ("ok", FULL)
    found = next(s for s in Store(competition.workspace.database).standings(competition.board, "macro-f1", "max") if s.entry == entry.id)
    assert found.isolation == FULL


@pytest.mark.parametrize("what", ["solution", "database", "another run", "home", "the harness's memory", "the harness's environment"])
def test_a_model_that_reads_what_it_must_not_is_refused(competition: Competition, tmp_path: Path, secret: Path, what: str) -> None:
    needs(landlock.version() > 0, "Landlock")
    other = evaluate(competition, "prior")
    place = {
        "solution": competition.data.targets,
        "database": competition.workspace.database,
        "another run": competition.workspace.folder(other.id, "brain-region") / "predictions.csv",
        "home": secret,
        "the harness's memory": Path(f"/proc/{os.getpid()}/mem"),
        "the harness's environment": Path(f"/proc/{os.getpid()}/environ"),
    }[what]
    assert place.exists()
    entry, log = attempt(competition, tmp_path, f"print(open({str(place)!r}, 'rb').read(10))")
    assert entry.verdict == "failed"
    # what lies in a folder that others share is not even seen
    assert entry.reason.startswith(("PermissionError: [Errno 13] Permission denied", "FileNotFoundError: [Errno 2] No such file"))
    assert str(place) in entry.reason
    assert "(the sandbox " in entry.reason
    assert not log.startswith("b'")


def test_the_targets_of_the_test_rows_are_nowhere_that_a_model_can_walk_to(competition: Competition, tmp_path: Path) -> None:
    """It opens every file below every folder that it can list, and looks for the opaque id of a test row beside a class."""
    needs(landlock.version() > 0, "Landlock")
    row = competition.data.rows.index[competition.test[0]]
    fit = f"""
    roots = {[str(p) for p in (competition.workspace.root, competition.data.folder.parent, Path.home(), Path.cwd(), tmp_path)]}
    opened = []
    for root in roots:
        for folder, folders, files in os.walk(root):
            # gigabytes of libraries, made before there were any rows
            folders[:] = [f for f in folders if os.path.join(folder, f) != sys.prefix]
            for name in files:
                try:
                    opened.append((name, {row!r}.encode() in open(os.path.join(folder, name), 'rb').read(50_000_000)))
                except OSError:
                    continue
    print(json.dumps([name for name, found in opened if found]), len(opened))
    """
    entry, log = attempt(competition, tmp_path, fit)
    assert entry.verdict == "ok", entry.reason
    assert log.startswith("[] ")


def test_a_capability_to_read_by_handle_or_a_new_namespace_is_not_to_be_had(competition: Competition, tmp_path: Path) -> None:
    needs(seccomp.knows_this_machine(), "seccomp filter for this machine")
    fit = """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    told = []
    for flags in (0x10000000, 0x00020000, 0x40000000):
        told.append((libc.unshare(flags), ctypes.get_errno()))
    told.append((libc.open_by_handle_at(-100, None, 0), ctypes.get_errno()))
    told.append((libc.ptrace(16, os.getppid(), 0, 0), ctypes.get_errno()))
    print(json.dumps(told))
    """
    _, log = attempt(competition, tmp_path, fit)
    assert json.loads(log.splitlines()[0]) == [[-1, 1]] * 5


def test_a_parameter_that_names_the_answers_is_refused_before_anything_runs(competition: Competition, tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text("class Reader:\n    def __init__(self, where=''): ...\n", encoding="utf-8")
    for place in (competition.data.folder, competition.data.targets, tmp_path, competition.workspace.root):
        competition.workspace.root.mkdir(exist_ok=True)
        with pytest.raises(Exception, match="would let the model read what is kept from it"):
            evaluate(competition, f"{tmp_path / 'reader.py'}:Reader", parameters={"where": str(place)})


def test_a_folder_that_a_parameter_names_can_be_read_and_not_written_to(competition: Competition, tmp_path: Path, secret: Path) -> None:
    needs(landlock.version() > 0, "Landlock")
    (tmp_path / "reader.py").write_text(
        f"{HEAD}\nfrom genoboard.reference import Majority\n\nclass Reader(Majority):\n"
        "    def __init__(self, where=''):\n        self.where = where\n\n"
        "    def fit(self, X, y):\n        print(Path(self.where, 'grant-proposal.txt').read_text())\n"
        "        try:\n            Path(self.where, 'new').touch()\n        except OSError as error:\n            print(type(error).__name__)\n"
        "        return super().fit(X, y)\n",
        encoding="utf-8",
    )
    entry = evaluate(competition, f"{tmp_path / 'reader.py'}:Reader", parameters={"where": str(secret.parent)})
    assert entry.verdict == "ok", entry.reason
    log = (competition.workspace.folder(entry.id, "brain-region") / "log.txt").read_text(encoding="utf-8")
    assert log == "the idea\nPermissionError\n"
    assert entry.parameters["where"] == str(secret.parent)


def test_what_looks_like_a_secret_does_not_reach_a_model_unless_it_is_passed(
    competition: Competition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = {
        "AWS_SECRET_ACCESS_KEY": "a", "OPENAI_API_KEY": "a", "HF_TOKEN": "a", "PGPASSWORD": "a", "MYSQL_PWD": "a", "SSH_AUTH_SOCK": "/run/x",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/x", "DATABASE_URL": "postgres://me:pass@host/db", "CI_JOB": "ghp_0123456789abcdef0123",
    }  # fmt: skip
    shown = {"TOKENIZERS_PARALLELISM": "false", "KEYBOARD": "de", "PASSAGES": "3", "LAB_URL": "https://example.org/a"}
    for name, value in {**hidden, **shown}.items():
        monkeypatch.setenv(name, value)
    _, log = attempt(competition, tmp_path, f"print(json.dumps([n for n in {[*hidden, *shown]} if n in os.environ]))")
    assert json.loads(log) == [*shown]
    entry, log = attempt(competition, tmp_path, "print(os.environ['HF_TOKEN'])", limits=Limits(120, pass_env=("HF_TOKEN",)))
    assert log == "a\n"
    record = json.loads((competition.workspace.folder(entry.id, "brain-region") / "run.json").read_text(encoding="utf-8"))
    assert record["limits"]["pass_env"] == ["HF_TOKEN"]


def test_other_processes_are_out_of_sight_of_a_model_that_root_runs(competition: Competition, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("it takes root to hide them; their command lines are visible here, as docs/sandbox.md says")
    _, log = attempt(competition, tmp_path, "print(json.dumps([p for p in os.listdir('/proc') if p.isdigit()]), os.getpid(), os.getppid())")
    needs("sockets" not in attempt(competition, tmp_path, "pass")[0].isolation, "mount namespaces for this user")
    seen, own = json.loads(log[: log.index("]") + 1]), log[log.index("]") + 1 :].split()
    assert seen == own[:1]


# Writing


def test_a_model_cannot_write_over_its_score_or_anything_else(competition: Competition, tmp_path: Path, secret: Path) -> None:
    needs(landlock.version() > 0, "Landlock")
    other = evaluate(competition, "prior")
    record = competition.workspace.folder(other.id, "brain-region") / "run.json"
    before = record.read_bytes(), secret.read_bytes(), competition.workspace.database.read_bytes()
    places = [record, secret, competition.workspace.database, Path(scoring.__file__), Path(sys.executable)]
    fit = f"""
    told = []
    for place in {[str(p) for p in places]}:
        for act in (lambda p: open(p, 'ab'), os.unlink, lambda p: os.rename(p, p + 'x'), lambda p: os.truncate(p, 0), lambda p: os.chmod(p, 0)):
            try:
                act(place)
                told.append(place)
            except OSError:
                pass
    for name in ('in', 'out'):
        folder = Path.cwd().parent / name
        try:
            folder.rename(folder.with_name('x'))
            told.append(name)
        except OSError:
            pass
    try:
        (Path.cwd().parent / 'in' / 'test').symlink_to({str(secret)!r})
        told.append('in/test')
    except OSError:
        pass
    print(json.dumps(told))
    """
    entry, log = attempt(competition, tmp_path, fit)
    assert entry.verdict == "ok", entry.reason
    assert log == "[]\n"
    assert (record.read_bytes(), secret.read_bytes(), competition.workspace.database.read_bytes())[:2] == before[:2]
    assert Store(competition.workspace.database).entry(other.id) == other


def test_a_patched_scorer_is_patched_in_the_childs_memory_alone(competition: Competition, tmp_path: Path) -> None:
    fit = """
    import genoboard.formulas, genoboard.scoring, genoboard.submission
    for module in (genoboard.formulas, genoboard.scoring, genoboard.submission):
        for name in dir(module):
            if callable(getattr(module, name)) and not name.startswith('__'):
                setattr(module, name, lambda *_, **__: 1.0)
    """
    entry, _ = attempt(competition, tmp_path, fit)
    honest = evaluate(competition, "uniform") if "uniform" in competition.plugins.models else None
    assert entry.verdict == "ok", entry.reason
    assert entry.scores[0].value is not None
    assert entry.scores[0].value < 0.5
    assert honest is None or entry.scores[0].value == honest.scores[0].value


def test_an_object_that_peeks_when_it_is_looked_at_looks_from_within(competition: Competition, tmp_path: Path) -> None:
    needs(landlock.version() > 0, "Landlock")
    predict = f"""
    class Lazy:
        def __array__(self, dtype=None, copy=None):
            print(os.getpid())
            return np.frombuffer(open({str(competition.data.targets)!r}, 'rb').read(), dtype=np.uint8)
    return Lazy()
    """
    entry, log = attempt(competition, tmp_path, "pass", predict)
    assert entry.verdict == "failed"
    assert entry.reason.startswith(("PermissionError", "FileNotFoundError"))
    assert int(log.split()[0]) != os.getpid()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("os.symlink({target!r}, out / 'predictions.parquet')", "predictions.parquet cannot be read"),
        ("os.mkfifo(out / 'predictions.parquet')", "predictions.parquet is no regular file"),
        ("(out / 'predictions.parquet').write_bytes(b'PAR1' * 1000)", "predictions.parquet is not what the worker writes"),
        ("import pandas; pandas.DataFrame({{'a': [1.0]}}).to_parquet(out / 'predictions.parquet')", "holds other rows or columns"),
        ("os.truncate(out / 'predictions.parquet', 0); os.truncate(out / 'predictions.parquet', 1 << 30)", "at most"),
        ("(out / 'artifacts').mkdir(exist_ok=True); os.symlink({target!r}, out / 'artifacts' / 'genes.csv')", "genes.csv cannot be read"),
        ("(out / 'done.json').write_text('[' * 100000)", "done.json is not what a worker writes"),
        ("""(out / 'done.json').write_text(json.dumps(dict(verdict='champion', reason='', peak_memory=0)))""", "done.json is not what a worker writes"),
    ],
)  # fmt: skip
def test_a_forged_answer_is_invalid_and_no_link_of_it_is_followed(
    competition: Competition, tmp_path: Path, secret: Path, act: str, said: str
) -> None:
    forge = f"""
    out = Path.cwd().parent / 'out'
    end = os._exit
    def forge(status):
        if (out / 'predictions.parquet').exists() and {"'predictions" in act}:
            if 'truncate' not in {act!r}: (out / 'predictions.parquet').unlink()
        if (out / 'done.json').exists() and {"'done" in act}:
            (out / 'done.json').unlink()
        {act.format(target=str(secret))}
        end(status)
    os._exit = forge
    """
    entry, _ = attempt(competition, tmp_path, forge)
    assert entry.verdict == "invalid"
    assert said in entry.reason
    assert "the idea" not in "".join(
        p.read_text(encoding="utf-8", errors="replace")
        for p in competition.workspace.folder(entry.id, "brain-region").rglob("*")
        if p.is_file()
    )


# Reaching others


def test_signals_to_the_harness_do_not_arrive(competition: Competition, tmp_path: Path) -> None:
    needs(landlock.version() >= landlock.NEEDED_FOR_SIGNALS, "Landlock with scopes")
    arrived: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: arrived.append(number))
    try:
        entry, _ = attempt(competition, tmp_path, f"import signal\nos.kill({os.getpid()}, signal.SIGUSR1)")
        keeper, _ = attempt(competition, tmp_path, "import signal\nos.kill(os.getppid(), signal.SIGKILL)")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not arrived
    for refused in (entry, keeper):
        assert refused.verdict == "failed"
        assert refused.reason.startswith("PermissionError: [Errno 1] Operation not permitted")


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_the_network_is_closed_unless_it_is_asked_for(competition: Competition, tmp_path: Path, kind: str, family: str) -> None:
    needs(seccomp.knows_this_machine(), "seccomp filter for this machine")
    act = f"""
    s = socket.socket(socket.{family}, socket.{kind})
    """
    entry, _ = attempt(competition, tmp_path, act)
    assert entry.verdict == "failed"
    assert entry.reason.startswith("PermissionError: [Errno 13] Permission denied (the sandbox")
    assert "--allow-network" in entry.reason


def test_with_allow_network_a_model_reaches_a_server_and_the_board_says_so(competition: Competition, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        entry, log = attempt(
            competition,
            tmp_path,
            f"socket.create_connection(('127.0.0.1', {port})).close()\nprint('there')",
            limits=Limits(120, network=True),
        )
    assert entry.verdict == "ok", entry.reason
    assert log == "there\n"
    assert "network open, as asked" in entry.isolation
    told = board.document(competition.plugins, str(competition.workspace.root), "brain-region")
    for form in ("table", "csv", "md", "html"):
        assert "network open, as asked" in board.text(competition.plugins, told, form, width=400), form


def test_sockets_that_other_programs_left_in_shared_folders_are_out_of_sight(competition: Competition, tmp_path: Path) -> None:
    entry, _ = attempt(competition, tmp_path, "pass")
    needs("sockets" not in entry.isolation, "mount namespaces for this user")
    with socket.socket(socket.AF_UNIX) as daemon:
        place = Path("/run") / f"genoboard-test-{os.getpid()}.sock"
        try:
            daemon.bind(str(place))
        except OSError as error:
            pytest.skip(f"no socket can be made in /run: {error}")
        try:
            daemon.listen()
            entry, _ = attempt(competition, tmp_path, f"socket.socket(socket.AF_UNIX).connect({str(place)!r})")
        finally:
            place.unlink()
    assert entry.verdict == "failed"
    assert entry.reason.startswith("FileNotFoundError")


# Using up


def test_a_fork_bomb_runs_into_its_limit_and_nothing_of_it_is_left(competition: Competition, tmp_path: Path) -> None:
    fit = """
    started = 0
    try:
        while started < 5000:
            if not os.fork():
                time.sleep(300)
            started += 1
    finally:
        print(started)
    """
    entry, log = attempt(competition, tmp_path, fit)
    needs("processes" not in entry.isolation, "way to count this user's processes")
    assert entry.verdict == "failed"
    assert (
        entry.reason
        == f"BlockingIOError: [Errno 11] Resource temporarily unavailable (a model may have {confinement.PROCESSES} processes and threads)"
    )
    assert int(log.splitlines()[0]) < confinement.PROCESSES
    assert not _children_of(os.getpid())


def test_what_forks_for_ever_from_orphan_to_orphan_is_ended_too(competition: Competition, tmp_path: Path) -> None:
    mark = f"genoboard-orphan-{os.getpid()}"
    fit = f"""
    code = 'import os, time\\nwhile os.fork() == 0: os.setsid(); time.sleep(.001)'
    for _ in range(5):
        subprocess.Popen([sys.executable, '-c', code, {mark!r}], start_new_session=True)
    time.sleep(1)
    """
    entry, _ = attempt(competition, tmp_path, fit)
    assert entry.verdict == "ok", entry.reason
    time.sleep(0.2)
    assert not running(mark)


def test_a_process_that_leaves_its_session_does_not_outlive_the_run(competition: Competition, tmp_path: Path) -> None:
    mark = f"genoboard-daemon-{os.getpid()}"
    fit = f"""
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(300)', {mark!r}])
        os._exit(0)
    time.sleep(1)
    """
    entry, _ = attempt(competition, tmp_path, fit)
    assert entry.verdict == "ok", entry.reason
    assert not running(mark)


def test_nothing_outlives_a_harness_that_is_killed(tmp_path: Path) -> None:
    mark = f"genoboard-survivor-{os.getpid()}"
    (tmp_path / "model.py").write_text(
        f"{HEAD}\nclass Model:\n    def fit(self, X, y):\n"
        f"        subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', {mark!r}], start_new_session=True)\n        time.sleep(300)\n"
        "    def predict(self, X): ...\n",
        encoding="utf-8",
    )
    harness = subprocess.Popen(
        [sys.executable, "-m", "genoboard", "run", "brain-region", f"{tmp_path / 'model.py'}:Model"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not running(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running(mark)
    harness.kill()
    harness.wait()
    deadline = time.monotonic() + 20
    while running(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running(mark)


@pytest.mark.parametrize("how", ["one file", "many files", "empty files", "the log"])
def test_a_model_that_fills_the_disk_is_stopped(competition: Competition, tmp_path: Path, how: str) -> None:
    fit = {
        "one file": "open('big', 'wb').write(bytes(100 << 20))",
        "many files": "for i in range(10_000):\n    open(f'part{i}', 'wb').write(bytes(1 << 20))\n    time.sleep(.01)",
        "empty files": "for i in range(10_000_000):\n    open(f'part{i}', 'wb').close()",
        "the log": "while True:\n    os.write(1, bytes(1 << 20))",
    }[how]
    entry, _ = attempt(competition, tmp_path, fit, limits=Limits(120, disk=64 << 20))
    assert entry.verdict == "disk"
    assert entry.reason.endswith("; allow more with --disk")


def test_memory_that_many_processes_hold_together_is_counted(competition: Competition, tmp_path: Path) -> None:
    fit = """
    for _ in range(6):
        if not os.fork():
            kept = np.ones((200 << 20) // 8)
            time.sleep(60)
    time.sleep(60)
    """
    entry, _ = attempt(competition, tmp_path, fit, limits=Limits(120, memory=600 << 20))
    assert (entry.verdict, entry.reason) == ("memory", "its processes together held more than 600 MB; allow more with --memory")


# Unhindered


@pytest.mark.parametrize(
    "fit",
    [
        "from sklearn.ensemble import RandomForestClassifier as R\nfrom sklearn.model_selection import cross_val_score\n"
        "print(cross_val_score(R(5), X, y, cv=2, n_jobs=2))",
        "from joblib import Parallel, delayed\nassert Parallel(2)(delayed(abs)(-i) for i in range(4)) == [0, 1, 2, 3]",
        "import multiprocessing as m\nwith m.Pool(2) as p:\n    assert p.map(abs, [-1, -2]) == [1, 2]\nassert dict(m.Manager().dict(a=1)) == {'a': 1}",
        "import torch\nfrom torch.utils.data import DataLoader, TensorDataset as T\n"
        "assert sum(float(b[0].sum()) for b in DataLoader(T(torch.arange(100.)), batch_size=10, num_workers=2)) == 4950",
        "import xgboost\nxgboost.XGBClassifier(n_estimators=3, n_jobs=2).fit(X, y)",
        "import catboost\ncatboost.CatBoostClassifier(iterations=3, thread_count=2).fit(X, y)",
        "import transformers\nfrom transformers import BertConfig, BertModel\nimport torch\n"
        "BertModel(BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8))(torch.ones(1, 3, dtype=torch.long))",
        "import numba\nnumba.njit(parallel=True)(lambda a: a.sum())(np.ones(3))",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('figure.png')",
        "assert subprocess.run(['sh', '-c', 'echo $((1 + 1)) | cat'], capture_output=True, text=True, check=True).stdout == '2\\n'",
        "import psutil\nchild = subprocess.Popen(['sleep', '9'])\nassert psutil.Process(child.pid).memory_info().rss > 0\nassert psutil.Process().children()",
        "import tempfile\nwith tempfile.NamedTemporaryFile() as f:\n    f.write(b'x')\nassert Path.home().is_dir()",
    ],
    ids=["sklearn", "joblib", "multiprocessing", "torch", "xgboost", "catboost", "transformers", "numba", "matplotlib", "shell", "psutil", "temporary files"],
)  # fmt: skip
def test_what_people_use_runs_unhindered(tmp_path: Path, fit: str) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        f"{HEAD}\nclass Model:\n    def fit(self, X, y):\n{textwrap.indent(fit, ' ' * 8)}\n        return self\n\n"
        "    def predict_proba(self, X):\n        return np.full((len(X), 3), 1 / 3)\n",
        encoding="utf-8",
    )
    import pandas as pd

    X = pd.DataFrame(
        np.random.default_rng(0).normal(size=(48, 4)).astype(np.float32), index=[f"s{i}" for i in range(48)], columns=list("abcd")
    )
    job: dict[str, Any] = {
        "model": ModelSpec("model", f"{path}:Model", "a model for a test"), "parameters": {}, "X_train": X[:36], "y": np.arange(36) % 3,
        "X_test": X[36:], "classes": ("a", "b", "c"), "target_kind": "multiclass", "seed": 0, "limits": Limits(240),
    }  # fmt: skip
    log = tmp_path / "log.txt"
    outcome = sandbox.run(sandbox.Job(**job), log, tmp_path / "metrics.jsonl")
    assert outcome.verdict == "ok", f"{outcome.reason}\n{log.read_text(encoding='utf-8')}"


def test_a_gpu_can_be_used_where_there_is_one(competition: Competition, tmp_path: Path) -> None:
    if not list(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip("this machine has no GPU")
    entry, log = attempt(competition, tmp_path, "import torch\nprint(float(torch.ones(4, device='cuda').sum()))")
    assert entry.verdict == "ok", entry.reason
    assert log == "4.0\n"


# Users without powers


def test_a_user_without_roots_powers_is_confined_as_well(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("every other test here ran as such a user")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    model = tmp_path / "model.py"
    model.write_text(
        f"{HEAD}\nfrom genoboard.reference import Majority\n\nclass Model(Majority):\n    def fit(self, X, y):\n"
        "        started = 0\n        try:\n            while started < 3000:\n                if not os.fork():\n                    time.sleep(100)\n                started += 1\n"
        "        except OSError:\n            print(started < 600, os.getuid(), os.listdir('/dev/shm'))\n        return super().fit(X, y)\n",
        encoding="utf-8",
    )
    for path in (tmp_path, workspace, model):
        os.chown(path, 12345, 12345)
    # this Python may lie in a folder that is root's alone, and the test's folder does: another view of both
    shown = {p: p.parts[:2] for p in (Path(sys.base_prefix), tmp_path)}
    steps = ["set -e", "mount --make-rprivate /", "mount -t tmpfs tmpfs /mnt"]
    for number, (path, (_, top)) in enumerate(shown.items()):
        steps += [f"mkdir /mnt/{number}", f"mount --bind {path} /mnt/{number}", f"mount -t tmpfs -o mode=755 tmpfs /{top}"]
        steps += [f"mkdir -p {path}", f"mount --bind /mnt/{number} {path}"]
    run = f"{sys.executable} -m genoboard --workspace {workspace} run brain-region {model}:Model"
    steps += [f"cd {workspace}", f"exec setpriv --reuid=12345 --regid=12345 --clear-groups {run}"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", "\n".join(steps)], capture_output=True, text=True, check=False,
        env={**os.environ, "GENOBOARD_CACHE": str(workspace / "cache"), "HOME": str(workspace), "TMPDIR": str(workspace)},
    )  # fmt: skip
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this root may not mount: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    entry = next(e for e in Store(Workspace(workspace).database).entries() if e.name == "Model")
    log = (Workspace(workspace).folder(entry.id, "brain-region") / "log.txt").read_text(encoding="utf-8")
    assert entry.isolation == FULL
    assert log == "True 12345 []\n"


@pytest.mark.parametrize(
    "lost",
    ["dac_read_search,sys_admin", "dac_read_search,dac_override,sys_admin", "setuid,sys_admin", "all"],
    ids=["container", "none to read", "none to change users", "none"],
)
def test_a_root_with_fewer_powers_as_in_a_container_is_told_what_is_open_and_models_run(tmp_path: Path, lost: str) -> None:
    if os.getuid() != 0:
        pytest.skip("it takes root to have fewer powers than root")
    less = ",".join(f"-{power}" for power in lost.split(","))
    workspace = tmp_path / "workspace"
    run = [sys.executable, "-m", "genoboard", "--workspace", str(workspace), "run", "brain-region", "majority"]
    done = subprocess.run(
        ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}", *run], capture_output=True, text=True, check=False,
        env={**os.environ, "GENOBOARD_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    entry = next(e for e in Store(Workspace(workspace).database).entries() if e.name == "majority")
    assert "others' sockets and shared memory open" in entry.isolation
    assert ("processes uncounted" in entry.isolation) == (lost != "dac_read_search,sys_admin")


def _children_of(pid: int) -> list[str]:
    return [p for p in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split() if "python" in command(p)]
