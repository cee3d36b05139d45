"""Cluster: the jobs of a grid on the workers of a Dask scheduler; entries are made here alone, from the folders that come back."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from queue import Empty, Queue
from typing import Any, get_args

from genoboard_leaderboard.entry import Entry, Verdict
from genoboard_leaderboard.errors import LeaderboardError

from . import errand, lease, parcel, scoring, submission
from .competition import Competition
from .errand import ENTRY_FILES, Answer, Errand
from .errors import DataError, GenoboardError, UndefinedScore, UsageError
from .evaluation import begun, measure
from .grid import GridJob, controls_first
from .provenance import installed
from .recall import recalled
from .record import SubmissionFolder
from .run import Run, prepare
from .submission import Submission
from .workspace import LOG, PREDICTIONS, RECORD, REPLICATES

CONNECT, POLL = 10.0, 0.5
RETRIES, LOST = 2, 3
# two processors may add in another order, and part in the last digits
NEARLY = 1e-9
# room for what a run leaves that `--disk` does not count
BEYOND = 1 << 30
# what a record says of the machine on which a run was
TOLD = ("versions", "sources", "folds", "genoboard", "python", "platform", "oof_sha256")


def run(jobs: Sequence[GridJob], scheduler: str, reuse: bool = True, **talk: Any) -> Iterator[tuple[GridJob, Entry | Exception]]:
    """Run the jobs on the workers of the scheduler at this address, and yield each with what came of it, in the order in which they end.

    What one job raises is yielded, and the others go on. What has not changed is answered from its entry, and the controls of the boards
    are entered here, before anything is sent. Raise `UsageError` where the cluster cannot be reached, or is no place for these jobs.
    """
    with connected(scheduler) as client:
        environment = _looked_over(client, scheduler, jobs, talk)
        ready: dict[str, Exception | None] = {}
        sent = _Sent(client)
        try:
            for job in jobs:
                key = job.competition.board.key
                if key not in ready:
                    ready[key] = controls_first(job, talk)
                try:
                    if (failed := ready[key]) is not None:
                        raise failed
                    errands = _Errands.of(job, talk)
                    found = recalled(job.competition, errands.run, errands.name, job.oof, environment=environment) if reuse else None
                    if found is not None:
                        talk.get("tell", lambda _: None)(
                            f"{errands.name}, seed {job.seed}: nothing has changed since it was entered on {found.created[:16]} UTC. --force runs it again."
                        )
                        _count(job, errands, talk)
                        yield job, found
                    else:
                        sent.send(errands)
                except (GenoboardError, LeaderboardError) as error:
                    yield job, error
            for errands, what in sent.answers(talk):
                _count(errands.job, errands, talk)
                yield errands.job, what if isinstance(what, Exception) else _entered(errands, what, talk)
        finally:
            sent.cancel()


@contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """Give a client of the scheduler at this address; raise `UsageError` where there can be none."""
    dask = _dask()
    try:
        client = dask.Client(scheduler, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"There is no Dask scheduler at {scheduler} that answers within {CONNECT:g} s ({error}). Start one, and say where: dask scheduler"
        ) from None
    try:
        yield client
    finally:
        client.close()


def _dask() -> Any:
    """Return the library, which is an extra, and whose calls are not typed."""
    try:
        import distributed
    except ImportError as error:
        raise UsageError(f"--engine dask needs more than the core: pip install 'genoboard[dask]' ({error}).") from None
    return distributed


def _looked_over(client: Any, scheduler: str, jobs: Sequence[GridJob], talk: Mapping[str, Any]) -> str:
    """Raise `UsageError` where the workers are none for these jobs; return what is installed on them, as here where they differ."""
    tell = talk.get("tell", lambda _: None)
    workers = client.scheduler_info(n_workers=-1)["workers"]
    if any(_needs_gpu(job) for job in jobs) and not any(w["resources"].get("GPU") for w in workers.values()):
        raise UsageError(
            f'No worker of {scheduler} says that it has a GPU. Start one that does: dask worker {scheduler} --resources "GPU=1"'
        )
    if not workers:
        tell(f"{scheduler} has no worker yet; jobs wait for one. Start some: dask worker {scheduler}")
        return installed()
    mine, found = errand.about(), {}
    for where, told in client.run(errand.about, on_error="return").items():
        if not isinstance(told, dict):
            raise UsageError(
                f"The worker {where} cannot say which genoboard it has ({told}). Install there: genoboard=={mine['genoboard']}, and the plugins of these models."
            )
        if told["genoboard"] != mine["genoboard"]:
            raise UsageError(
                f"The worker {where} on {told['host']} has genoboard {told['genoboard']}, and this is {mine['genoboard']}. Install the same on both."
            )
        found[where] = told["installed"]
    different = {i for i in found.values() if i != mine["installed"]}
    if different:
        where = next(w for w, i in found.items() if i != mine["installed"])
        tell(
            f"Workers ({where}) have another Python or other packages than this machine, so that predictions may differ in their last digits."
        )
    return different.pop() if len(set(found.values())) == 1 and different else mine["installed"]


def _needs_gpu(job: GridJob) -> bool:
    plugins = job.competition.plugins
    return job.gpu or (job.model in plugins.models and plugins.models[job.model].gpu)


def _count(job: GridJob, errands: _Errands, talk: Mapping[str, Any]) -> None:
    """Move the bar by a job's folds."""
    for _ in talk.get("progress", lambda folds, _: folds)(job.competition.folds, errands.name):
        pass


@dataclass
class _Errands:
    """A job that was sent, as often as it took."""

    job: GridJob
    run: Run
    name: str
    text: str
    lost: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, job: GridJob, talk: Mapping[str, Any]) -> _Errands:
        run = prepare(job.competition, job.model, job.parameters, job.seed, job.limits, tell=talk.get("tell", lambda _: None))
        return cls(job, run, job.name or run.model.name, Errand.of(job.competition, job.model, run, job.oof).text())


class _Sent:
    """What is under way: jobs, and the data that some worker lacked."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.waiting: dict[Any, tuple[_Errands, str]] = {}
        self.done: Queue[Any] = Queue()
        self.packed: dict[str, bytes] = {}
        self.data: dict[tuple[str, str], Any] = {}

    def send(self, errands: _Errands, to: str = "") -> None:
        """Send a job to any worker, or to one, with its data."""
        how: dict[str, Any] = {"pure": False, "retries": RETRIES}
        if _needs_gpu(errands.job):
            how["resources"] = {"GPU": 1}
        data = None
        if to:
            # before jobs that have not begun: these would ask for the same data
            how |= {"workers": [to], "priority": 10}
            try:
                data = self._data(errands.job.competition, to)
            except TimeoutError:
                # that worker is gone by now
                return self.send(errands)
        future = self.client.submit(on_worker, errands.text, data, **how)
        self.waiting[future] = (errands, to)
        future.add_done_callback(self.done.put)

    def _data(self, competition: Competition, to: str) -> Any:
        print_ = competition.data.fingerprint
        if print_ not in self.packed:
            self.packed = {print_: parcel.pack(competition.data.folder)}
        if (to, print_) not in self.data:
            self.data[to, print_] = self.client.scatter(self.packed[print_], workers=[to], hash=False)
        return self.data[to, print_]

    def answers(self, talk: Mapping[str, Any]) -> Iterator[tuple[_Errands, Answer | Exception]]:
        """Yield what comes back, until everything has."""
        while self.waiting:
            try:
                done = [self.done.get(timeout=POLL)]
            except Empty:
                done = []
            if (stream := talk.get("stream")) is not None:
                stream("")
            # what was cancelled is done as well
            for future in [f for f in done if f in self.waiting]:
                errands, _ = self.waiting.pop(future)
                answer = self._taken(future, errands)
                if answer is not None:
                    yield errands, answer
            self._left_behind()
            # what has been unpacked there is no longer held in that worker's memory
            for key in self.data.keys() - {(to, e.job.competition.data.fingerprint) for e, to in self.waiting.values()}:
                self.data.pop(key).release()

    def _taken(self, future: Any, errands: _Errands) -> Answer | Exception | None:
        """Return what came of a job, or None where it was sent once more."""
        dask = _dask()
        try:
            answer: Answer = future.result()
        except dask.KilledWorker as error:
            return GenoboardError(
                f"{errands.name}, seed {errands.job.seed}: every worker that ran it died, the last at {error.last_worker.address}. Its log says more; often it ran out of memory."
            )
        except dask.CancelledError as error:
            # the data that were sent with it went with their worker
            return self._again(errands, error)
        except Exception as error:  # whatever a machine of somebody else's raises is that job's
            return GenoboardError(f"{errands.name}, seed {errands.job.seed}: a worker failed with {type(error).__name__}: {error}")
        finally:
            future.release()
        if answer.lacks_data:
            errands.asked[answer.where] += 1
            if errands.asked[answer.where] > LOST:
                return DataError(f"The worker {answer.where} loses the data that it is sent. Is its GENOBOARD_CACHE cleaned meanwhile?")
            self.send(errands, answer.where)
            return None
        return GenoboardError(f"The worker {answer.where}: {answer.error}") if answer.error else answer

    def _again(self, errands: _Errands, error: Exception) -> Exception | None:
        errands.lost += 1
        if errands.lost > LOST:
            return GenoboardError(f"{errands.name}, seed {errands.job.seed}: the scheduler lost it {errands.lost} times ({error}).")
        self.send(errands)
        return None

    def _left_behind(self) -> None:
        """Send anew what was meant for a worker that is gone: nobody else may take it."""
        if not self.data:
            return
        there = self.client.scheduler_info(n_workers=-1)["workers"]
        for key in [k for k in self.data if k[0] not in there]:
            self.data.pop(key).release()
        for future, (errands, to) in list(self.waiting.items()):
            if to and to not in there:
                del self.waiting[future]
                self.client.cancel([future], force=True)
                self.send(errands)

    def cancel(self) -> None:
        """Let nothing run that nobody waits for."""
        if self.waiting:
            with suppress(Exception):  # the scheduler may be what went away
                self.client.cancel(list(self.waiting), force=True)


def on_worker(text: str, data: bytes | None) -> Answer:
    """Do an errand as a task of a Dask worker, for as long as somebody waits for it."""
    worker = _dask().get_worker()
    key = worker.get_current_task()

    def stopped() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state in ("cancelled", "released")

    return errand.do(text, data, worker.address, stopped)


def _entered(errands: _Errands, answer: Answer, talk: Mapping[str, Any]) -> Entry | Exception:
    """Make the entry of what came back, through the same door as every other; what a worker says is believed no further than it can be checked."""
    job, ours = errands.job, errands.job.competition
    try:
        if len(answer.parcel) > job.limits.disk + BEYOND:
            raise DataError(f"it sent {len(answer.parcel) >> 20} MB.")
        with lease.temporary(Path(tempfile.gettempdir()), "genoboard-parcel-") as came:
            parcel.unpack(answer.parcel, came, ENTRY_FILES)
            record = json.loads((came / RECORD).read_text(encoding="utf-8"))
            theirs = Entry.from_dict(record["entry"])
            open_board = ours.unhosted.board
            if theirs.board != open_board or theirs.verdict not in get_args(Verdict) or theirs.seed != job.seed:
                raise DataError("it answered for another run than the one that it was sent.")
            if (stream := talk.get("stream")) is not None and (came / LOG).exists():
                stream((came / LOG).read_text(encoding="utf-8", errors="replace"))
            given = _read(came, theirs, ours) if theirs.verdict == "ok" else None
            with SubmissionFolder(ours, errands.name) as folder:
                ours_to_write = (RECORD, REPLICATES, *([PREDICTIONS] if given is not None else []))
                for path in [p for p in came.iterdir() if p.name not in ours_to_write]:
                    # it may lie on another disk
                    shutil.move(path, folder.path / path.name)
                entry = begun(ours, errands.run, folder, errands.name, job.message, job.team, answer.installed)
                entry = replace(
                    entry,
                    verdict=theirs.verdict,
                    reason=theirs.reason,
                    seconds_fit=theirs.seconds_fit,
                    seconds_predict=theirs.seconds_predict,
                    peak_memory=theirs.peak_memory,
                    isolation=theirs.isolation,
                )
                replicates: Mapping[str, Any] = {}
                if given is not None:
                    entry, replicates = measure(ours, folder, entry, given.prediction)
                    if entry.submission_sha256 != theirs.submission_sha256:
                        raise DataError("its predictions are not what they were when they were scored there.")
                details = {
                    **{k: record[k] for k in TOLD if k in record},
                    "limits": asdict(job.limits),
                    "estimator": errands.run.model.target,
                    "worker": answer.where,
                }
                return folder.keep(replace(entry, notes=theirs.notes), replicates, details)
    except (DataError, UndefinedScore, LeaderboardError, KeyError, TypeError, ValueError, OSError) as error:
        return GenoboardError(f"The worker {answer.where} sent back what cannot be entered: {errands.name}, seed {job.seed}: {error}")
    except GenoboardError as error:
        return error


def _read(came: Path, theirs: Entry, ours: Competition) -> Submission:
    """Return the predictions; raise `DataError` where they are not those of which the worker tells, or do not score what it says."""
    given = submission.read(came / PREDICTIONS, ours.form)
    if given.sha256 != theirs.submission_sha256:
        raise DataError("its predictions are not what they were when they were scored there.")
    solution = ours.unhosted.solution
    for metric, told in zip(ours.metrics, theirs.scores, strict=True):
        try:
            value = scoring.value_of(metric, solution.truth, solution.rows_of(given.prediction), solution.classes, solution.beside)
        except UndefinedScore:
            value = None
        same = value is told.value if value is None or told.value is None else abs(value - told.value) <= NEARLY * max(1.0, abs(value))
        if metric.name != told.metric or not same:
            raise DataError(f"it says {told.metric} {told.value}, and its predictions score {metric.name} {value}.")
    return given
