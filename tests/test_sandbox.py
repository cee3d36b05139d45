"""The sandbox: one job in a child process, and a verdict on whatever comes of it."""

from __future__ import annotations

import re
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from genoboard import ModelSpec, UsageError, sandbox, supervision
from genoboard.isolation import THREAD_VARIABLES, Limits
from genoboard.sandbox import Job, Outcome

CLASSES = ("cortex", "putamen", "spinal cord")
HEAD = "import os, signal, subprocess, sys, threading, time\nimport numpy as np\n"
PREDICTS = """
def predict_proba(self, X):
    return np.full((len(X), 3), 1 / 3)
"""


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where job folders are made, so that a test sees what is left of them."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def job(tmp_path: Path, fit: str, limits: Limits | None = None, predicts: str = PREDICTS, **changes: Any) -> Job:
    """Return the job of a model whose ``fit`` is `fit`: 36 rows x 4 features in 3 classes, 12 rows to predict."""
    body = f"def fit(self, X, y):\n{textwrap.indent(textwrap.dedent(fit).strip(), '    ')}\n    return self\n{predicts}"
    path = tmp_path / "model.py"
    path.write_text(f"{HEAD}\nclass Model:\n{textwrap.indent(body, '    ')}", encoding="utf-8")
    values = np.random.default_rng(0).normal(size=(48, 4)).astype(np.float32)
    X = pd.DataFrame(values, index=[f"s{i:016x}" for i in range(48)], columns=list("abcd"))
    card = ModelSpec("model", f"{path}:Model", "a model for a test")
    told: dict[str, Any] = {
        "model": card, "parameters": {}, "X_train": X[:36], "y": np.arange(36) % 3, "X_test": X[36:], "classes": CLASSES,
        "target_kind": "multiclass", "seed": 0, "limits": limits or Limits(60),
    }  # fmt: skip
    return Job(**{**told, **changes})


def run(tmp_path: Path, fit: str, limits: Limits | None = None, **changes: Any) -> tuple[Outcome, str]:
    """Return what came of such a job, and its log."""
    log = tmp_path / "log.txt"
    return sandbox.run(job(tmp_path, fit, limits, **changes), log, tmp_path / "metrics.jsonl"), log.read_text(encoding="utf-8")


def gone(pid: int, within: float = 5.0) -> bool:
    """Tell whether a process ends `within` seconds; a zombie, which only waits to be counted, has ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if re.search(r"^State:\s+Z", Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.M):
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_a_model_that_answers_is_ok_and_leaves_nothing_behind(tmp_path: Path, jobs: Path) -> None:
    outcome, log = run(tmp_path, "print('fitted', len(X))")
    assert (outcome.verdict, outcome.reason) == ("ok", "")
    assert outcome.predictions is not None
    assert list(outcome.predictions.index) == [f"s{i:016x}" for i in range(36, 48)]
    assert list(outcome.predictions.columns) == list(CLASSES)
    assert outcome.seconds_fit is not None
    assert outcome.seconds_predict is not None
    assert 0 <= outcome.seconds_fit < 30
    assert outcome.versions["numpy"] == np.__version__
    assert log == "fitted 36\n"
    assert not list(jobs.iterdir())


def test_an_exception_fails_with_what_it_says_as_the_reason_and_its_whole_traceback_in_the_log(tmp_path: Path) -> None:
    outcome, log = run(tmp_path, "raise ValueError('no genes are left')")
    assert (outcome.verdict, outcome.reason) == ("failed", "ValueError: no genes are left")
    assert outcome.predictions is None
    assert log.startswith("Traceback (most recent call last):")
    assert "in fit\n    raise ValueError('no genes are left')" in log
    assert log.endswith("ValueError: no genes are left\n")


def test_a_reason_is_one_line_however_long_the_exceptions_text_is(tmp_path: Path) -> None:
    outcome, log = run(tmp_path, "raise ValueError('Input X contains NaN.\\nSee the manual\\non missing values')")
    assert outcome.reason == "ValueError: Input X contains NaN."
    assert log.endswith("See the manual\non missing values\n")
    bare, _ = run(tmp_path, "assert len(X) == 0")
    assert bare.reason == "AssertionError"


def test_a_model_cannot_leave_by_sys_exit_unnoticed(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, "sys.exit(0)")
    assert (outcome.verdict, outcome.reason) == ("failed", "SystemExit: 0")


def test_a_model_that_asks_its_user_something_gets_no_answer_at_once(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, "input('How many trees? ')")
    assert (outcome.verdict, outcome.reason) == ("failed", "EOFError: EOF when reading a line")


def test_a_fit_that_takes_too_long_is_killed_with_all_that_it_started_and_what_it_printed_is_kept(tmp_path: Path, jobs: Path) -> None:
    fit = """
    grandchild = subprocess.Popen(['sleep', '300'])
    print('started', os.getpid(), grandchild.pid)
    time.sleep(300)
    """
    start = time.monotonic()
    outcome, log = run(tmp_path, fit, Limits(2))
    assert time.monotonic() - start < 10
    assert (outcome.verdict, outcome.reason) == ("timeout", "it was still running after 2 s; allow more with --timeout")
    assert outcome.seconds_fit == pytest.approx(2, abs=1)
    child, grandchild = map(int, re.fullmatch(r"started (\d+) (\d+)\n", log).groups())  # type: ignore[union-attr]
    assert gone(child)
    assert gone(grandchild)
    assert not list(jobs.iterdir())


def test_a_model_that_has_answered_is_not_waited_for_whatever_it_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "GRACE", 0.2)
    fit = """
    threading.Thread(target=time.sleep, args=(300,)).start()
    forked = os.fork()
    if not forked:
        time.sleep(300)
    print(forked)
    """
    start = time.monotonic()
    outcome, log = run(tmp_path, fit)
    assert outcome.verdict == "ok"
    assert time.monotonic() - start < 10
    assert gone(int(log))


def test_a_refused_allocation_is_told_as_memory_with_the_limit_and_what_to_do(tmp_path: Path) -> None:
    outcome, log = run(tmp_path, "np.ones((2 << 30) // 8)", Limits(60, memory=1 << 30))
    assert outcome.verdict == "memory"
    assert outcome.reason == (
        "Unable to allocate 2.00 GiB for an array with shape (268435456,) and data type float64; the limit is 1024 MB: allow more with --memory"
    )
    assert "Traceback" in log


def test_what_fits_into_the_memory_limit_runs(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, "self.kept = np.ones((300 << 20) // 8)", Limits(60, memory=1 << 30))
    assert outcome.verdict == "ok", outcome.reason
    assert outcome.peak_memory is not None
    assert 300 << 20 < outcome.peak_memory < 1 << 30


def test_an_abort_by_a_cpp_library_that_got_no_memory_is_told_as_memory(tmp_path: Path) -> None:
    # C++'s own operator new, which throws std::bad_alloc through a caller that cannot catch it
    fit = """
    import ctypes
    new = ctypes.CDLL('libstdc++.so.6')._Znwm
    new.argtypes, new.restype = [ctypes.c_size_t], ctypes.c_void_p
    new(4 << 30)
    """
    outcome, log = run(tmp_path, fit, Limits(60, memory=1 << 30))
    assert "std::bad_alloc" in log
    assert (outcome.verdict, outcome.reason) == ("memory", "an allocation was refused; the limit is 1024 MB: allow more with --memory")


def test_without_a_limit_the_reason_names_none(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, "raise MemoryError")
    assert (outcome.verdict, outcome.reason) == ("memory", "out of memory; the machine has no more memory")


@pytest.mark.parametrize(
    ("fit", "how"),
    [
        ("os._exit(3)", "exit status 3"),
        ("os._exit(0)", "exit status 0"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    ],
)
def test_a_process_that_ends_without_an_answer_has_crashed(tmp_path: Path, fit: str, how: str) -> None:
    outcome, log = run(tmp_path, f"print('so far')\n{fit}")
    assert outcome.verdict == "crashed"
    hint = "; the kernel kills so when the machine runs out of memory" if how == "SIGKILL" else ""
    assert outcome.reason == f"its process ended with {how} before it had answered{hint}"
    assert log.startswith("so far\n")
    if how == "SIGSEGV":
        assert re.search(r'File ".*model.py", line \d+ in fit', log)


def test_a_crash_is_not_blamed_on_memory_for_what_an_earlier_fold_printed(tmp_path: Path) -> None:
    first, _ = run(tmp_path, "raise MemoryError")
    second, log = run(tmp_path, "os._exit(3)")
    assert (first.verdict, second.verdict) == ("memory", "crashed")
    assert "MemoryError" in log


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"memory": 511 << 20}, "A memory limit of 511 MB is too small for numerical libraries to start. Give at least 512M."),
        ({"seconds": 0}, "A time limit of 0 s leaves no time to fit. Give for example --timeout 2h."),
        ({"threads": 0}, "A run cannot use 0 threads. Give --threads 1 or more."),
    ],
)
def test_limits_that_no_model_could_work_under_are_refused(limits: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Limits(**limits)
    assert str(refusal.value) == said


def test_the_least_memory_that_is_allowed_is_enough_to_start(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, "", Limits(60, memory=512 << 20))
    assert outcome.verdict == "ok", outcome.reason


def test_peak_memory_is_the_childs_own_and_not_that_of_a_large_harness(tmp_path: Path) -> None:
    held = np.ones((300 << 20) // 8)
    small, _ = run(tmp_path, "pass")
    large, _ = run(tmp_path, "self.kept = np.ones((200 << 20) // 8)\nraise ValueError('also of one that fails')")
    assert held.nbytes == 300 << 20
    assert small.peak_memory is not None
    assert large.peak_memory is not None
    assert 30 << 20 < small.peak_memory < 250 << 20
    assert small.peak_memory + (150 << 20) < large.peak_memory < small.peak_memory + (250 << 20)


@pytest.mark.parametrize("threads", [1, 2])
def test_numerical_libraries_are_told_how_many_threads_they_may_start(tmp_path: Path, threads: int) -> None:
    _, log = run(tmp_path, f"print(*[os.environ[v] for v in {THREAD_VARIABLES!r}])", Limits(60, threads=threads))
    assert log.split() == [str(threads)] * len(THREAD_VARIABLES)


def test_what_a_model_prints_is_streamed_as_it_comes(tmp_path: Path) -> None:
    heard: list[str] = []
    fit = "print('begun')\ntime.sleep(1.5)\nprint('ended')"
    sandbox.run(job(tmp_path, fit), tmp_path / "log.txt", tmp_path / "metrics.jsonl", stream=heard.append)
    said = [h for h in heard if h]
    assert "".join(said) == "begun\nended\n"
    assert "ended" not in said[0]


def test_the_child_does_not_outlive_an_interrupted_harness(tmp_path: Path, jobs: Path) -> None:
    def interrupt(said: str) -> None:
        if said:
            pids.append(int(said))
            raise KeyboardInterrupt

    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        sandbox.run(
            job(tmp_path, "print(os.getpid())\ntime.sleep(300)"), tmp_path / "log.txt", tmp_path / "metrics.jsonl", stream=interrupt
        )
    assert gone(pids[0])
    assert not list(jobs.iterdir())


def test_ctrl_c_reaches_the_harness_alone_since_the_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    _, log = run(tmp_path, "print(os.getsid(0) == os.getppid())")
    assert log == "True\n"
