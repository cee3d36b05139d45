"""A grid on a cluster: a real scheduler and real workers give the entries that this machine would, and what goes wrong there costs one job."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from genoboard import GenoboardError, UsageError, cluster, errand, evaluate, grid, intake, parcel
from genoboard.competition import Competition
from genoboard.errand import Answer, Errand
from genoboard.errors import DataError
from genoboard.grid import GridJob
from genoboard.isolation import Limits
from genoboard.run import code, prepare
from genoboard.surroundings import require_graphics
from genoboard.workspace import RECORD, Workspace
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

PEBBLES = Path(__file__).parent / "pebbles"
PATIENCE = 60.0
FILE = "file.py:Class"
FILE_MODEL = """
from genoboard.reference import Majority

class Mine(Majority):
    def __init__(self, random_state=0):
        self.random_state = random_state
"""
NAP = """
import time
from genoboard.reference import Majority

class Nap(Majority):
    def fit(self, X, y):
        print('asleep', flush=True)
        time.sleep({seconds})
        return super().fit(X, y)
"""
THIEF = """
from pathlib import Path
from genoboard.reference import Majority

class Thief(Majority):
    def fit(self, X, y):
        for path in map(Path, {files!r}):
            try:
                path.read_bytes()
            except OSError:
                continue
            raise RuntimeError(f'could read {{path}}')
        return super().fit(X, y)
"""


@dataclass
class Machine:
    """A worker's process and the places that are its own."""

    process: subprocess.Popen[bytes]
    home: Path

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    def datasets(self) -> list[Path]:
        return [p for p in (self.cache / "data").glob("*/objects/*") if not p.name.startswith(".")]

    def running(self) -> bool:
        return any("asleep" in log.read_text() for log in (self.home / "tmp").glob("genoboard-errand-*/out/.entry-*/log.txt"))


@dataclass
class Cluster:
    """A scheduler, and workers by name."""

    address: str
    machines: dict[str, Machine]
    scheduler: subprocess.Popen[bytes]

    def named(self, worker: str) -> str:
        return next(n for n, m in self.machines.items() if worker == (m.home / "address").read_text())


def started(home: Path, workers: dict[str, list[str]], **settings: str) -> Iterator[Cluster]:
    """Start a scheduler and workers, each with options; end them afterwards."""
    environment = {**os.environ, "PYTHONPATH": str(PEBBLES), **settings}
    processes = []

    def start(module: str, *words: str, log: Path, **more: str) -> subprocess.Popen[bytes]:
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard", "--host", "127.0.0.1"],
                env={**environment, **more}, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        processes.append(process)
        return process

    try:
        scheduler = start("dask_scheduler", "--port", "0", "--scheduler-file", str(home / "scheduler.json"), log=home / "scheduler.log")
        address = json.loads(soon(lambda: (home / "scheduler.json").exists() and (home / "scheduler.json").read_text()))["address"]
        machines = {}
        for name, options in workers.items():
            place = home / name
            (place / "tmp").mkdir(parents=True)
            words = [address, "--no-nanny", "--name", name, "--local-directory", str(place / "dask"), *options]
            own = {"GENOBOARD_CACHE": str(place / "cache"), "TMPDIR": str(place / "tmp")}
            machines[name] = Machine(start("dask_worker", *words, log=place / "log", **own), place)
        for machine in machines.values():
            log = machine.home / "log"
            line = soon(lambda log=log: next((s for s in log.read_text().splitlines() if "Registered to" in s), None))  # type: ignore[misc]
            assert line
            at = next(s for s in log.read_text().splitlines() if "Start worker at" in s)
            (machine.home / "address").write_text(at.split()[-1])
        yield Cluster(address, machines, scheduler)
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def soon(ask: Callable[[], Any], within: float = PATIENCE) -> Any:
    """Return what `ask` says as soon as that is something."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := ask():
            return found
        time.sleep(0.05)
    raise AssertionError("nothing came of it")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers; one has two threads, the other says that it has a GPU."""
    yield from started(
        tmp_path_factory.mktemp("cluster"), {"wide": ["--nthreads", "2"], "gpu": ["--nthreads", "1", "--resources", "GPU=1"]}
    )


@pytest.fixture(autouse=True)
def _pebbles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PEBBLES))
    monkeypatch.setenv("PYTHONPATH", str(PEBBLES))


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(FILE_MODEL)
    return f"{tmp_path / 'mine.py'}:Mine"


def compete(workspace: Path, split: str = "cove") -> Competition:
    return Competition.open("pebbles", split, workspace=workspace)


def jobs(workspace: Path, models: tuple[str, ...], seeds: tuple[int, ...] = (0, 1), **given: Any) -> list[GridJob]:
    competition = compete(workspace)
    return [GridJob(competition, m, s, Limits(300), **given) for m in models for s in seeds]


def entries(found: Any) -> dict[tuple[str, int | None], Entry]:
    told = {}
    for job, what in found:
        assert isinstance(what, Entry), what
        told[job.model, what.seed] = what
    return told


def record(workspace: Path, entry: Entry) -> dict[str, Any]:
    return json.loads((Workspace(workspace).folder(entry.id, "pebbles") / RECORD).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def call(workspace: Path, *words: str) -> subprocess.CompletedProcess[str]:
    said = [sys.executable, "-m", "genoboard", "--workspace", str(workspace), "run", "pebbles", *words]
    return subprocess.run(said, capture_output=True, text=True, check=False)


# The same as here


@pytest.mark.parametrize(
    "models", [("centroid", FILE), pytest.param(("centroid", FILE, "sklearn.tree:DecisionTreeClassifier"), marks=pytest.mark.slow)]
)
def test_a_cluster_gives_what_this_machine_gives_bit_for_bit(two: Cluster, tmp_path: Path, mine: str, models: tuple[str, ...]) -> None:
    models = tuple(mine if m == FILE else m for m in models)
    here = entries(grid.run(jobs(tmp_path / "here", models)))
    said: list[str] = []
    there = entries(cluster.run(jobs(tmp_path / "there", models), two.address, tell=said.append))
    assert said == ["Entering the control prior (once per board)."]
    assert here.keys() == there.keys()
    assert len(here) == 2 * len(models)
    for key, entry in there.items():
        same = here[key]
        assert (entry.scores, entry.submission_sha256, entry.identity) == (same.scores, same.submission_sha256, same.identity)
        assert (entry.code, entry.isolation, entry.notes, entry.parameters) == (same.code, same.isolation, same.notes, same.parameters)
        told = record(tmp_path / "there", entry)
        assert told["entry"] == entry.to_dict(), "the record says what the index says"
        assert told["worker"].startswith("tcp://127.0.0.1:")
        assert Store(Workspace(tmp_path / "there").database).entry(entry.id) == entry


def test_a_task_of_ones_own_file_goes_along_with_its_jobs(two: Cluster, tmp_path: Path) -> None:
    rows = [f"{i},{i % 7 + i % 2},{'odd' if i % 2 else 'even'},P{i // 3}" for i in range(90)]
    (tmp_path / "parity.csv").write_text("\n".join(["sample,x,kind,patient", *rows]) + "\n")
    (tmp_path / "score.py").write_text("def hits(y_true, y_pred):\n    return float((y_true == y_pred).mean())\n")
    words = ["new", "task", "parity", "--from", "parity.csv", "--target", "kind", "--group", "patient", "--id", "sample"]
    own = ["--metric", "score.py:hits", "--direction", "max", "--range", "0", "1"]
    made = [sys.executable, "-m", "genoboard", "--workspace", str(tmp_path), *words, *own]
    subprocess.run(made, check=True, capture_output=True, cwd=tmp_path)

    def todo() -> list[GridJob]:
        return [GridJob(Competition.open("parity", workspace=tmp_path), "sklearn.tree:DecisionTreeClassifier", 0, Limits(300))]

    here, there = entries(grid.run(todo(), reuse=False)), entries(cluster.run(todo(), two.address, reuse=False))
    assert {k: (e.scores, e.submission_sha256) for k, e in here.items()} == {k: (e.scores, e.submission_sha256) for k, e in there.items()}


def test_data_are_sent_to_a_worker_that_lacks_them_and_to_no_other(two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed: list[Path] = []
    sent: list[list[str]] = []
    pack, scatter = parcel.pack, Client.scatter

    def packing(folder: Path) -> bytes:
        packed.append(folder)
        return pack(folder)

    def scattering(self: Any, data: Any, workers: list[str], **how: Any) -> Any:
        sent.append([two.named(w) for w in workers])
        return scatter(self, data, workers=workers, **how)

    monkeypatch.setattr(parcel, "pack", packing)
    monkeypatch.setattr(Client, "scatter", scattering)
    for machine in two.machines.values():
        shutil.rmtree(machine.cache / "data", ignore_errors=True)
    # the one has two threads, both of which lack them at once; the other is sure to be asked for its GPU
    entries(cluster.run(jobs(tmp_path / "wide", ("centroid",), (0, 1, 2, 3)), two.address))
    entries(cluster.run(jobs(tmp_path / "gpu", ("centroid",), (0,), gpu=True), two.address))
    assert len(sent) == len({w for [w] in sent}), "each once"
    assert {w for [w] in sent} >= {"gpu"}
    name = compete(tmp_path).data.folder.name
    assert {w: [p.name for p in m.datasets()] for w, m in two.machines.items()} == {w: [name] if [w] in sent else [] for w in two.machines}
    for machine in two.machines.values():
        if not machine.datasets():
            shutil.copytree(compete(tmp_path).data.folder, machine.cache / "data" / "pebbles" / "objects" / name)
    inodes = {p: p.stat().st_ino for m in two.machines.values() for p in m.datasets()}
    packed.clear()
    sent.clear()
    entries(cluster.run(jobs(tmp_path / "again", ("centroid",)), two.address))
    assert packed == sent == []
    assert {p: p.stat().st_ino for p in inodes} == inodes


def test_what_has_not_changed_is_answered_without_the_cluster(two: Cluster, tmp_path: Path) -> None:
    first = entries(cluster.run(jobs(tmp_path, ("centroid",), (0,)), two.address))
    said: list[str] = []
    then = entries(cluster.run(jobs(tmp_path, ("centroid",), (0, 1)), two.address, tell=said.append))
    assert then["centroid", 0] == first["centroid", 0]
    assert [s.partition(" has changed")[0] for s in said] == ["centroid, seed 0: nothing"]
    assert entries(grid.run(jobs(tmp_path, ("centroid",), (1,))))["centroid", 1] == then["centroid", 1], "nor is it run here"
    assert entries(cluster.run(jobs(tmp_path, ("centroid",), (0,)), two.address, reuse=False))["centroid", 0].id != first["centroid", 0].id


def test_a_model_that_fails_there_leaves_its_entry_and_its_log(two: Cluster, tmp_path: Path) -> None:
    found = entries(cluster.run(jobs(tmp_path, ("stumbler", "centroid"), (0,)), two.address))
    assert found["centroid", 0].verdict == "ok"
    failed = found["stumbler", 0]
    assert failed.verdict == "failed"
    assert "stumbled at step 1" in failed.reason
    assert "stumbled at step 1" in (Workspace(tmp_path).folder(failed.id, "pebbles") / "log.txt").read_text()


def test_the_sandbox_is_kept_there(two: Cluster, tmp_path: Path) -> None:
    entries(cluster.run(jobs(tmp_path / "before", ("centroid",), (0, 1, 2, 3)), two.address))
    files = [str(p / "rows.parquet") for m in two.machines.values() for p in m.datasets()]
    assert files
    assert all(map(os.path.exists, files)), "there is something to be read"
    (tmp_path / "thief.py").write_text(THIEF.format(files=files))
    model = f"{tmp_path / 'thief.py'}:Thief"
    found = entries(cluster.run(jobs(tmp_path / "there", (model,), (0, 1)), two.address))
    here = evaluate(compete(tmp_path / "here"), "centroid")
    assert {e.verdict for e in found.values()} == {"ok"}, [e.reason for e in found.values()]
    assert {e.isolation for e in found.values()} == {here.isolation}


def test_out_of_fold_predictions_come_back_as_well(two: Cluster, tmp_path: Path) -> None:
    there = entries(cluster.run(jobs(tmp_path / "there", ("centroid",), (0,), oof=True), two.address))["centroid", 0]
    here = evaluate(compete(tmp_path / "here"), "centroid", oof=True)
    folders = Workspace(tmp_path / "there").folder(there.id, "pebbles"), Workspace(tmp_path / "here").folder(here.id, "pebbles")
    one, other = ({str(p.relative_to(f)) for p in f.rglob("*") if p.is_file()} for f in folders)
    assert one == other
    assert (folders[0] / "oof.csv").read_bytes() == (folders[1] / "oof.csv").read_bytes()
    assert record(tmp_path / "there", there)["oof_sha256"] == record(tmp_path / "here", here)["oof_sha256"]


@pytest.mark.slow
def test_looks_of_a_hosted_competition_are_counted_here_and_its_private_part_stays_sealed(two: Cluster, tmp_path: Path) -> None:
    Competition.open("brain-region", "donor", workspace=tmp_path).host(0.5)
    competition = Competition.open("brain-region", "donor", workspace=tmp_path)
    todo = [GridJob(competition, "uniform", s, Limits(300), team="alpha") for s in (0, 1)]
    found = [e for _, e in cluster.run(todo, two.address) if isinstance(e, Entry)]
    assert sorted(e.look for e in found if e.look is not None) == [1, 2]
    first = next(e for e in found if e.look == 1)
    here = evaluate(competition, "uniform", seed=first.seed or 0, team="beta")
    assert first.scores == here.scores
    assert first.board == competition.board
    folders = [{p.name for p in Workspace(tmp_path).folder(e.id, "brain-region").iterdir()} for e in (first, here)]
    assert folders[0] == folders[1]


# A GPU


def test_a_job_that_needs_a_gpu_goes_to_a_worker_that_says_it_has_one(two: Cluster, tmp_path: Path) -> None:
    found = entries(cluster.run(jobs(tmp_path, ("centroid",), (0, 1, 2), gpu=True), two.address))
    assert {two.named(record(tmp_path, e)["worker"]) for e in found.values()} == {"gpu"}


def test_where_no_gpu_is_to_be_seen_a_run_that_needs_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    if Path("/dev/kfd").exists():
        pytest.skip("this machine has a GPU that nothing hides")
    done = call(tmp_path, "centroid", "--gpu")
    assert done.returncode == 2
    assert "needs a GPU, and none is to be seen here" in done.stderr
    competition = compete(tmp_path)
    with pytest.raises(UsageError, match="centroid needs a GPU, and none is to be seen here"):
        evaluate(competition, replace(competition.plugins.model("centroid"), gpu=True))
    assert call(tmp_path, "centroid", "--gpu", "--list-jobs").stdout.rstrip().endswith("--gpu")


@pytest.mark.parametrize(
    ("names", "visible", "why"),
    [
        (("nvidia0", "nvidiactl"), None, ""),
        (("nvidia0", "nvidia1"), "1", ""),
        (("kfd",), None, ""),
        (("nvidia0",), "-1", "CUDA_VISIBLE_DEVICES hides those that there are"),
        (("nvidia0",), "", "CUDA_VISIBLE_DEVICES hides those that there are"),
        (("nvidiactl", "null"), None, "there is no /dev/nvidia0 or /dev/kfd"),
    ],
)
def test_a_gpu_is_what_the_devices_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], visible: str | None, why: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(UsageError, match=why) if why else nullcontext():
        require_graphics("This", tmp_path)


# What goes wrong


@pytest.mark.slow
@pytest.mark.parametrize("allowed", [3, 0], ids=["sent-again", "told"])
def test_a_worker_that_is_killed_costs_its_job_a_retry_or_itself_and_not_the_grid(tmp_path: Path, allowed: int) -> None:
    (tmp_path / "nap.py").write_text(NAP.format(seconds=6))
    model, words = f"{tmp_path / 'nap.py'}:Nap", {"one": ["--nthreads", "1"], "other": ["--nthreads", "1"]}
    (tmp_path / "cluster").mkdir()
    for here in started(tmp_path / "cluster", words, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=str(allowed)):
        with pytest.raises(
            UsageError, match=r'No worker of tcp://.* says that it has a GPU. Start one that does: dask worker .* --resources "GPU=1"'
        ):
            list(cluster.run(jobs(tmp_path, ("centroid",), gpu=True), here.address))
        said = [
            sys.executable,
            "-m",
            "genoboard",
            "--workspace",
            str(tmp_path),
            "run",
            "pebbles",
            model,
            "--seed",
            "0-1",
            "--engine",
            "dask",
        ]
        client = subprocess.Popen([*said, "--scheduler", here.address, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        soon(lambda here=here: all(m.running() for m in here.machines.values()))  # type: ignore[misc]
        os.kill(here.machines["one"].process.pid, signal.SIGKILL)
        out, err = client.communicate(timeout=120)
        told = json.loads(out)["runs"]
        assert client.returncode == (0 if allowed else 1), err
        done = [t for t in told if "error" not in t]
        assert len(done) == (2 if allowed else 1)
        assert {t["verdict"] for t in done} == {"ok"}
        if not allowed:
            assert "every worker that ran it died" in next(t["error"] for t in told if "error" in t)
            assert "every worker that ran it died" in err


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_while_data_are_on_their_way_costs_no_job(tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cluster").mkdir()
    for here in started(tmp_path / "cluster", {"one": ["--nthreads", "1"], "other": ["--nthreads", "1"]}):
        scatter, killed = Client.scatter, []

        def scattering(
            self: Any, data: Any, workers: list[str], here: Cluster = here, killed: list[str] = killed, scatter: Any = scatter, **how: Any
        ) -> Any:
            victim = here.machines[here.named(workers[0])].process
            if killed:
                return scatter(self, data, workers=workers, **how)
            killed.append(workers[0])
            if when == "before":
                victim.kill()
                return scatter(self, data, workers=workers, **how)
            found = scatter(self, data, workers=workers, **how)
            victim.kill()
            return found

        monkeypatch.setattr(Client, "scatter", scattering)
        found = entries(cluster.run(jobs(tmp_path, ("centroid",), (0, 1, 2, 3)), here.address))
        assert len(found) == 4
        assert {record(tmp_path, e)["worker"] for e in found.values()} == {
            (m.home / "address").read_text() for m in here.machines.values()
        } - {*killed}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_or_a_kill_ends_what_runs_on_the_workers(two: Cluster, tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "nap.py").write_text(NAP.format(seconds=600))
    said = [
        sys.executable,
        "-m",
        "genoboard",
        "--workspace",
        str(tmp_path),
        "run",
        "pebbles",
        f"{tmp_path / 'nap.py'}:Nap",
        "--seed",
        "0-4",
    ]
    client = subprocess.Popen(
        [*said, "--engine", "dask", "--scheduler", two.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    soon(lambda: all(m.running() for m in two.machines.values()))
    client.send_signal(how)
    _, err = client.communicate(timeout=60)
    if how == signal.SIGINT:
        assert client.returncode == 130
        assert err.rstrip().endswith("Stopped.")
    soon(lambda: not any(list((m.home / "tmp").glob("genoboard-job-*")) for m in two.machines.values()))
    assert entries(cluster.run(jobs(tmp_path, ("centroid",), (0,)), two.address)), "the workers are free again"


@pytest.mark.slow
def test_a_scheduler_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "nap.py").write_text(NAP.format(seconds=600))
    (tmp_path / "cluster").mkdir()
    for here in started(tmp_path / "cluster", {"one": ["--nthreads", "1", "--death-timeout", "1"]}):
        said = [sys.executable, "-m", "genoboard", "--workspace", str(tmp_path), "run", "pebbles", "centroid", f"{tmp_path / 'nap.py'}:Nap"]
        client = subprocess.Popen(
            [*said, "--engine", "dask", "--scheduler", here.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        soon(here.machines["one"].running)
        here.scheduler.kill()
        out, err = client.communicate(timeout=90)
        assert client.returncode == 1
        assert "Traceback" not in err
        assert "is gone, with 1 of these jobs. What came back before is entered" in err
        assert out.count("centroid [") + out.count("centroid  ") == 1


def test_what_one_job_raises_is_told_and_the_others_go_on(two: Cluster, tmp_path: Path) -> None:
    told = {j.model: what for j, what in cluster.run(jobs(tmp_path, ("no-such-model", "centroid"), (0,)), two.address)}
    assert isinstance(told["no-such-model"], UsageError)
    assert isinstance(told["centroid"], Entry)


def test_a_cluster_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dask = ("--engine", "dask", "--scheduler", "tcp://127.0.0.1:1")
    for words, expected in (
        (("--engine", "dask"), "Say which: --scheduler tcp://HOST:8786"),
        (("--scheduler", "tcp://127.0.0.1:1"), "--scheduler is where --engine dask sends jobs."),
        ((*dask, "--jobs", "2"), "--jobs is how many run side by side here"),
        ((*dask, "--list-jobs"), "--list-jobs is for runs on this machine"),
        ((*dask, "--dev"), "--dev is for runs on this machine"),
        ((*dask, "--out", str(tmp_path / "out")), "--out is for runs on this machine"),
    ):
        done = call(tmp_path, "centroid", *words)
        assert done.returncode == 2, done.stderr
        assert expected in done.stderr
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    with pytest.raises(UsageError, match=r"no Dask scheduler at tcp://127.0.0.1:1 that answers within 1 s .* dask scheduler"):
        list(cluster.run(jobs(tmp_path, ("centroid",)), "tcp://127.0.0.1:1"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'genoboard\[dask\]'"):
        list(cluster.run(jobs(tmp_path, ("centroid",)), "tcp://127.0.0.1:1"))


def test_workers_with_another_genoboard_are_refused_and_other_packages_told(
    two: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with monkeypatch.context() as changed:
        changed.setattr(errand, "installed", lambda: "others")
        found = entries(cluster.run(jobs(tmp_path, ("centroid",), (0,)), two.address, tell=said.append))
        assert any("have another Python or other packages than this machine" in line for line in said)
        assert entries(cluster.run(jobs(tmp_path, ("centroid",), (0,)), two.address)) == found, "unchanged is what the workers would run"
    with monkeypatch.context() as changed:
        changed.setattr(errand, "__version__", "9.9")
        with pytest.raises(UsageError, match=r"The worker tcp://.* has genoboard .*, and this is 9\.9\. Install the same on both"):
            list(cluster.run(jobs(tmp_path, ("centroid",)), two.address))


# An errand, on whatever machine


def errand_of(workspace: Path, **changed: Any) -> Errand:
    competition = compete(workspace)
    run = prepare(competition, "centroid", {}, 0, Limits(300))
    return replace(Errand.of(competition, "centroid", run, False, code(competition, run)), **changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"genoboard": "0.0.1"}, "and this is 0.0.1. Install the same on both"),
        ({"model": "no-such-model"}, r"There is no model named 'no-such-model'. .*Install there: .*pebbles==1.0"),
        ({"task": "no-such-task"}, r"there is no task 'no-such-task'. Install there: .*pebbles==1.0"),
        ({"code": {"plugin": "pebbles", "version": "1.0", "source": "0" * 16, "state": "released"}}, "is other code .* than the one it was sent for"),
        ({"split_fingerprint": "0"}, "deals split 'cove' otherwise"),
        ({"parameters": {"spread": "/no/such/file"}, "paths": ("spread",)}, "--set spread=/no/such/file: it has no such file"),
    ],
    ids=["genoboard", "model", "task", "code", "split", "file"],
)  # fmt: skip
def test_a_machine_on_which_a_run_would_be_another_refuses_it(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    answer = errand.do(errand_of(tmp_path, **changed).text(), where="tcp://there")
    assert answer.parcel == b""
    assert re.search(said, answer.error), answer.error


def test_data_are_asked_for_put_in_the_cache_verified_and_asked_for_anew_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, packed = errand_of(tmp_path).text(), parcel.pack(compete(tmp_path).data.folder)
    folder = compete(tmp_path).data.folder
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "there"))
    assert errand.do(text).lacks_data
    assert not errand.bring(text, packed).error
    mine = tmp_path / "there" / "data" / "pebbles" / "objects" / folder.name
    assert {p.name: p.read_bytes() for p in mine.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}
    assert [p.name for p in mine.parent.iterdir() if p.is_dir()] == [folder.name]
    assert errand.do(text).parcel, "what is there is used"
    matrix = bytearray((mine / "features.npy").read_bytes())
    matrix[-1] ^= 1
    (mine / "features.npy").write_bytes(matrix)
    assert errand.do(text).lacks_data
    assert not mine.exists()
    spoilt = bytearray(packed)
    spoilt[packed.index(bytes(matrix[-16:-1])) + 3] ^= 1
    assert "was damaged" in errand.bring(text, bytes(spoilt)).error
    assert not mine.exists()
    assert not errand.bring(text, packed).error
    assert errand.do(text).parcel


def test_what_comes_back_is_believed_no_further_than_it_can_be_checked(tmp_path: Path) -> None:
    job = jobs(tmp_path, ("centroid",), (0,))[0]
    sent = cluster._Sending.of(job, {})
    answer = errand.do(sent.text, where="tcp://there")

    def changed(name: str, change: Callable[[bytes], bytes]) -> Answer:
        folder = tmp_path / "changed"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        parcel.unpack(answer.parcel, folder, errand.ENTRY_FILES)
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        return replace(answer, parcel=parcel.pack(folder))

    def better(record: bytes) -> bytes:
        told = json.loads(record)
        told["entry"]["scores"][0]["value"] += 1e-6
        return json.dumps(told).encode()

    for bad in (
        changed("predictions.csv", lambda text: text.replace(b"0.", b"0.0", 1)),
        changed("run.json", better),
        changed("run.json", lambda text: text.replace(b'"seed": 0', b'"seed": 1')),
        changed("run.json", lambda _: b"{}"),
        replace(answer, parcel=b"x" * 1024),
    ):  # fmt: skip
        told = intake.entered(job, sent.run, sent.name, sent.written, bad)
        assert isinstance(told, GenoboardError)
        assert str(told).startswith("The worker tcp://there sent back what cannot be entered: centroid, seed 0: ")
    assert not Store(Workspace(tmp_path).database).entries(), "nothing of it was recorded"
    assert not [p for p in (tmp_path / "submissions").rglob("*") if p.is_file()]
    assert isinstance(intake.entered(job, sent.run, sent.name, sent.written, answer), Entry)


# A parcel


@pytest.mark.parametrize(
    "kind", ["above", "absolute", "link", "hardlink", "pipe", "device", "folder", "hidden", "deep", "twice", "many", "sparse"]
)
def test_a_parcel_of_anything_but_the_expected_files_is_refused_whole(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"above": "../a.csv", "absolute": "/tmp/a.csv", "hidden": ".a.csv", "deep": "a/b/c/a.csv"}
    types = {
        "link": tarfile.SYMTYPE,
        "hardlink": tarfile.LNKTYPE,
        "pipe": tarfile.FIFOTYPE,
        "device": tarfile.CHRTYPE,
        "folder": tarfile.DIRTYPE,
    }
    monkeypatch.setattr(parcel, "MOST_FILES", 3)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for number in range(5 if kind == "many" else 1):
            tar.addfile(tarfile.TarInfo(f"log{number}.txt"))
        for _ in range(2 if kind == "twice" else 1):
            about = tarfile.TarInfo(names.get(kind, "a.csv"))
            about.type, about.linkname = types.get(kind, tarfile.REGTYPE), "/etc/passwd"
            if kind == "sparse":
                about.pax_headers = {
                    "GNU.sparse.major": "0",
                    "GNU.sparse.minor": "1",
                    "GNU.sparse.size": "9999999",
                    "GNU.sparse.map": "0,0",
                }
            tar.addfile(about)
    with pytest.raises(DataError, match="A parcel held"):
        parcel.unpack(buffer.getvalue(), tmp_path / "here", errand.ENTRY_FILES)
    assert not (tmp_path / "here").exists()


def test_a_parcel_brings_a_folder_as_it_was_without_links(tmp_path: Path) -> None:
    for name in ("run.json", "log.txt", "artifacts/importances.csv", "artifacts/fold-1/importances.csv"):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "one" / name).write_bytes(os.urandom(100))
    (tmp_path / "one" / "link.csv").symlink_to("/etc/passwd")
    packed = parcel.pack(tmp_path / "one")
    parcel.unpack(packed, tmp_path / "two", errand.ENTRY_FILES)
    files = {p.relative_to(tmp_path / "two"): p.read_bytes() for p in (tmp_path / "two").rglob("*") if p.is_file()}
    assert len(files) == 4
    assert all((tmp_path / "one" / p).read_bytes() == content for p, content in files.items())
