"""Grid: models x splits x seeds, as jobs that may run side by side, here or wherever somebody else starts them."""

from __future__ import annotations

import json
import re
import shlex
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.errors import LeaderboardError

from .competition import Competition
from .errors import GenoboardError, UsageError
from .evaluation import enter_controls, evaluate
from .isolation import Limits
from .run import Run
from .workspace import slug

MOST_SEEDS = 10_000
POLL = 0.2  # seconds after which an interrupt is heard at the latest


@dataclass(frozen=True)
class GridJob:
    """One run of a grid.

    Parameters
    ----------
    model : as it was given: a name, or a path or module with a class.
    name : the standing's name; the model's where it is empty.
    parameters : those that were set; the card has the others.
    gpu : it needs a GPU, whatever its card says.
    """

    competition: Competition
    model: str
    seed: int
    limits: Limits
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    message: str = ""
    oof: bool = False
    team: str = ""
    gpu: bool = False

    @property
    def label(self) -> str:
        """How it is told apart from the other jobs: model, split and seed."""
        return f"{self.name or self.competition.plugins.model(self.model, self.competition.workspace.plugins).name}-{self.competition.split.name}-seed{self.seed}"

    def command(self, out: str | None = None) -> str:
        """Return the command line that does this job alone; with `out`, into a folder of its own there, leaving the index as it is."""
        place, limits = self.competition, self.limits
        file, _, name = self.model.rpartition(":")
        # whoever starts it may do so in another folder
        model = f"{Path(file).absolute()}:{name}" if file.endswith(".py") else self.model
        words = ["genoboard", "--workspace", str(place.workspace.root), "run", place.task.name, model]
        words += ["--split", place.split.name, "--data", place.data.name, "--seed", str(self.seed)]
        words += [f"--set={key}={json.dumps(value)}" for key, value in self.parameters.items()]
        given = {"--name": self.name, "-m": self.message, "--team": self.team}
        words += [word for option, value in given.items() if value for word in (option, value)]
        words += ["--threads", str(limits.threads), "--timeout", f"{limits.seconds:g}", "--disk", f"{limits.disk >> 20}"]
        words += ["--memory", f"{limits.memory >> 20}"] if limits.memory is not None else []
        words += ["--allow-network"] if limits.network else []
        words += [word for variable in limits.pass_env for word in ("--pass-env", variable)]
        words += ["--oof"] if self.oof else []
        words += ["--gpu"] if self.gpu else []
        words += ["--out", str(Path(out, place.task.name, slug(self.label)))] if out is not None else []
        return shlex.join(words)


def seeds(text: str) -> tuple[int, ...]:
    """``"0-4"`` or ``"0,3,7-9"`` -> the seeds, each once, in the order given."""
    found: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise UsageError(f"--seed {text} is no list of seeds. Write for example --seed 0, --seed 0-4 or --seed 0,3,7-9.")
        if last - first >= MOST_SEEDS or len(found) + last - first >= MOST_SEEDS:
            raise UsageError(f"--seed {text} names more than {MOST_SEEDS} seeds.")
        found.update(dict.fromkeys(range(first, last + 1)))
    return tuple(found)


def with_controls(jobs: Sequence[GridJob]) -> list[GridJob]:
    """Return the jobs, before them those of the controls that their boards hold, for whoever fills an empty board from elsewhere."""
    found: dict[tuple[str, str], GridJob] = {}
    for job in jobs:
        for control in job.competition.controls():
            limits = Limits(job.limits.seconds, job.limits.memory)
            found[job.competition.board.key, control.name] = GridJob(job.competition, control.name, 0, limits)
    mine = {(j.competition.board.key, j.model) for j in jobs if not j.name and not j.parameters and j.seed == 0}
    return [*(job for key, job in found.items() if key not in mine), *jobs]


def run(jobs: Sequence[GridJob], side_by_side: int = 1, reuse: bool = True, **talk: Any) -> Iterator[tuple[GridJob, Entry | Exception]]:
    """Run the jobs, so many `side_by_side`, and yield each with what came of it, in the order in which they end.

    What one job raises is yielded, and the others go on. Before several run at once the controls of their boards are entered.
    """
    if side_by_side == 1:
        for job in jobs:
            yield job, outcome(job, reuse, **talk)
        return
    ready: dict[str, Exception | None] = {}
    for job in jobs:
        if job.competition.board.key not in ready:
            ready[job.competition.board.key] = controls_first(job, talk)
    with _interrupts() as heard, ThreadPoolExecutor(side_by_side, thread_name_prefix="genoboard-job") as pool:
        waiting: dict[Future[Entry | Exception], GridJob] = {}
        try:
            for job in jobs:
                failed = ready[job.competition.board.key]
                if failed is not None:
                    yield job, failed
                    continue
                waiting[pool.submit(outcome, job, reuse, **{**talk, "stream": partial(_stoppable, heard, talk.get("stream"))})] = job
            going = set(waiting)
            while going:
                ended, going = wait(going, POLL, FIRST_COMPLETED)
                if heard:
                    raise KeyboardInterrupt
                for done in ended:
                    yield waiting[done], done.result()
        finally:
            # whatever ended this: what still runs ends as soon as its child has something to say, or in a moment
            heard.append(signal.SIGINT)
            pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Give a list that every Ctrl-C is added to, instead of breaking off whatever this thread does just then.

    Broken off at the wrong instant, it would leave a lock taken that the others wait for, and they would never end.
    """
    heard: list[int] = []
    # what a shell started in the background does not listen to interrupts
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield heard
        return
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)


def controls_first(job: GridJob, talk: Mapping[str, Any]) -> Exception | None:
    """Enter the controls of a job's board, here; return what that raised."""
    like = Run(job.competition.plugins.model("prior"), {}, 0, job.limits, **{k: v for k, v in talk.items() if k in ("stream", "tell")})
    try:
        enter_controls(job.competition, like)
    except (GenoboardError, LeaderboardError) as error:
        return error
    return None


def outcome(job: GridJob, reuse: bool = True, out: Path | None = None, **talk: Any) -> Entry | Exception:
    """Do one job, into the folder `out` where that is given; return its entry, or what it raised."""
    try:
        return evaluate(
            job.competition,
            job.model,
            name=job.name or None,
            parameters=job.parameters,
            seed=job.seed,
            limits=job.limits,
            message=job.message,
            oof=job.oof,
            team=job.team,
            reuse=reuse,
            out=out,
            **talk,
        )
    except (GenoboardError, LeaderboardError) as error:
        return error


def _stoppable(heard: Sequence[int], stream: Any, said: str) -> None:
    if heard:
        raise KeyboardInterrupt
    if stream is not None:
        stream(said)
