"""Cluster: the jobs of a grid on the workers of a Dask scheduler; entries are made here alone, from the folders that come back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import Any

from genoboard_leaderboard.entry import Code, Entry
from genoboard_leaderboard.errors import LeaderboardError

from . import errand, parcel
from .errand import Answer, Errand
from .errors import DataError, GenoboardError, UsageError
from .grid import GridJob, controls_first
from .intake import entered
from .provenance import installed
from .recall import recalled
from .run import Run, code, identity, prepare

CONNECT, POLL = 10.0, 0.5
RETRIES, LOST = 2, 3


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
                    sending = _Sending.of(job, talk)
                    same = identity(job.competition, sending.run, sending.written, environment)
                    found = recalled(job.competition, sending.run, sending.name, same, job.oof) if reuse else None
                    if found is not None:
                        _count(job, sending, talk)
                        yield job, found
                    else:
                        sent.send(sending)
                except (GenoboardError, LeaderboardError) as error:
                    yield job, error
            for sending, what in sent.answers(talk):
                _count(sending.job, sending, talk)
                yield (
                    sending.job,
                    what
                    if isinstance(what, Exception)
                    else entered(sending.job, sending.run, sending.name, sending.written, what, talk.get("stream")),
                )
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


def _count(job: GridJob, sending: _Sending, talk: Mapping[str, Any]) -> None:
    """Move the bar by a job's folds."""
    for _ in talk.get("progress", lambda folds, _: folds)(job.competition.folds, sending.name):
        pass


@dataclass
class _Sending:
    """A job that was sent, as often as it took; `written` is what its code was when it was."""

    job: GridJob
    run: Run
    name: str
    written: Code
    text: str
    lost: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.name}, seed {self.job.seed}"

    @classmethod
    def of(cls, job: GridJob, talk: Mapping[str, Any]) -> _Sending:
        run = prepare(job.competition, job.model, job.parameters, job.seed, job.limits, tell=talk.get("tell", lambda _: None))
        written = code(job.competition, run)
        errand = Errand.of(job.competition, job.model, run, job.oof, written)
        return cls(job, run, job.name or run.model.name, written, errand.text())


class _Sent:
    """What is under way: jobs, and the data that some worker lacked, with the jobs that wait for them."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.waiting: dict[Any, _Sending] = {}
        self.bringing: dict[Any, tuple[str, str]] = {}
        self.parked: dict[tuple[str, str], list[_Sending]] = {}
        self.packed: dict[str, bytes] = {}
        self.done: Queue[Any] = Queue()

    def send(self, sending: _Sending) -> None:
        """Send a job to whichever worker is free."""
        self._require_scheduler()
        resources = {"GPU": 1} if _needs_gpu(sending.job) else None
        future = self.client.submit(on_worker, sending.text, pure=False, retries=RETRIES, resources=resources)
        self.waiting[future] = sending
        future.add_done_callback(self.done.put)

    def answers(self, talk: Mapping[str, Any]) -> Iterator[tuple[_Sending, Answer | Exception]]:
        """Yield what comes back, until everything has."""
        while self.waiting or self.parked:
            try:
                future = self.done.get(timeout=POLL)
            except Empty:
                future = None
            self._require_scheduler()
            if (stream := talk.get("stream")) is not None:
                stream("")
            # what was cancelled is done as well, and in neither
            if future in self.waiting:
                yield from self._taken(self.waiting.pop(future), future)
            elif future in self.bringing:
                yield from self._brought(self.parked.pop(self.bringing.pop(future)), future)
            yield from self._left_behind()

    def _taken(self, sending: _Sending, future: Any) -> Iterator[tuple[_Sending, Answer | Exception]]:
        answer = self._result(sending, future)
        if isinstance(answer, Exception) or not answer.lacks_data:
            yield from self._settled(sending, answer)
            return
        sending.asked[answer.where] += 1
        if sending.asked[answer.where] > LOST:
            yield sending, DataError(f"The worker {answer.where} loses the data that it is sent. Is its GENOBOARD_CACHE cleaned meanwhile?")
            return
        key = answer.where, sending.job.competition.data.fingerprint
        if key in self.parked:
            self.parked[key].append(sending)
        else:
            yield from self._bring(key, sending)

    def _bring(self, key: tuple[str, str], sending: _Sending) -> Iterator[tuple[_Sending, Exception]]:
        """Send data to a worker; the jobs that asked for them wait, bound to no worker, until they are there."""
        to, content = key
        if content not in self.packed:
            self.packed = {content: parcel.pack(sending.job.competition.data.folder)}
        try:
            data = self.client.scatter(self.packed[content], workers=[to], hash=False)
        except (OSError, ValueError, KeyError) as error:
            # that worker is gone by now
            yield from self._again(sending, error)
            return
        # before the jobs that have not begun there: these would ask for the same
        future = self.client.submit(to_worker, sending.text, data, pure=False, retries=RETRIES, workers=[to], priority=10)
        self.parked[key], self.bringing[future] = [sending], key
        future.add_done_callback(self.done.put)

    def _brought(self, parked: Sequence[_Sending], future: Any) -> Iterator[tuple[_Sending, Exception]]:
        answer = self._result(parked[0], future)
        for sending in parked:
            if isinstance(answer, Exception) or answer.error:
                yield from self._settled(sending, answer)
            else:
                self.send(sending)

    def _result(self, sending: _Sending, future: Any) -> Answer | Exception:
        dask = _dask()
        try:
            answer: Answer = future.result()
        except dask.KilledWorker as error:
            return GenoboardError(
                f"{sending.title}: every worker that ran it died, the last at {error.last_worker.address}. Its log says more; often it ran out of memory."
            )
        except dask.CancelledError as error:
            return _Lost(str(error))
        except Exception as error:  # whatever a machine of somebody else's raises is that job's
            return GenoboardError(f"{sending.title}: a worker failed with {type(error).__name__}: {error}")
        finally:
            future.release()
        return answer

    def _settled(self, sending: _Sending, answer: Answer | Exception) -> Iterator[tuple[_Sending, Any]]:
        if isinstance(answer, _Lost):
            yield from self._again(sending, answer)
        elif isinstance(answer, Answer) and answer.error:
            yield sending, GenoboardError(f"The worker {answer.where}: {answer.error}")
        else:
            yield sending, answer

    def _again(self, sending: _Sending, error: Exception) -> Iterator[tuple[_Sending, Exception]]:
        sending.lost += 1
        if sending.lost > LOST:
            yield sending, GenoboardError(f"{sending.title}: the scheduler lost it {sending.lost} times ({error}).")
        else:
            self.send(sending)

    def _left_behind(self) -> Iterator[tuple[_Sending, Exception]]:
        """Send anew what waits for data that are on their way to a worker which is gone: no other may take them."""
        if not self.parked:
            return
        there = self.client.scheduler_info(n_workers=-1)["workers"]
        for future, key in [(f, k) for f, k in self.bringing.items() if k[0] not in there]:
            del self.bringing[future]
            self.client.cancel([future], force=True)
            for sending in self.parked.pop(key):
                yield from self._again(sending, _Lost(f"{key[0]} is gone"))

    def _require_scheduler(self) -> None:
        if self.client.status in ("closing", "closed"):
            raise GenoboardError(
                f"The scheduler at {self.client.scheduler.address} is gone, with {len(self.waiting)} of these jobs. What came back before is entered: start it, and run the same again."
            )

    def cancel(self) -> None:
        """Let nothing run that nobody waits for."""
        with suppress(Exception):  # the scheduler may be what went away
            self.client.cancel([*self.waiting, *self.bringing], force=True)


class _Lost(Exception):
    """The scheduler no longer knows of it."""


def on_worker(text: str) -> Answer:
    """Do an errand as a task of a Dask worker, for as long as somebody waits for it."""
    worker = _dask().get_worker()
    key = worker.get_current_task()

    def stopped() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state in ("cancelled", "released")

    return errand.do(text, worker.address, stopped)


def to_worker(text: str, data: bytes) -> Answer:
    """Put an errand's data into the cache of a Dask worker, as a task of it."""
    return errand.bring(text, data, _dask().get_worker().address)
