"""Errand: one run as it is sent to another machine, and what that machine does: find the data or ask for them, run, send the folder back."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genoboard_leaderboard.entry import Code
from genoboard_leaderboard.errors import LeaderboardError

from . import catalog, data, lease, parcel, scoring
from .competition import Competition
from .data import Prepared
from .errors import DataError, GenoboardError, UnknownName, UsageError
from .evaluation import evaluate
from .isolation import Limits
from .lock import locked
from .plugins import Plugins, load_plugins
from .provenance import installed
from .run import Run, code, prepare, withheld
from .surroundings import located
from .task import Task
from .version import __version__
from .workspace import Workspace, umask

# what a prepared dataset consists of, and what a submission folder may: nothing hidden, nothing deep
DATASET_FILES = r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?"
ENTRY_FILES = r"[A-Za-z0-9][\w.-]*\.(csv|txt|jsonl|json|npz)|(artifacts|oof)(/[\w-]+){0,2}/[\w][\w .()+-]*\.(csv|txt|jsonl|json)"


@dataclass(frozen=True)
class Errand:
    """A run in plain values; what it is called and which entry it becomes is not the worker's business.

    Parameters
    ----------
    model : as it was given; of a file, its name and the class.
    source : the text of the model's file, where it is one.
    code : what the model's code is where the errand comes from; a worker that has another refuses.
    needs : the distributions that bring task and model, as pip takes them.
    paths : which parameters name files.
    files : of a task that a workspace's file stands for, its files' texts, by their paths there.
    """

    genoboard: str
    task: str
    data: str
    data_fingerprint: str
    split: str
    split_fingerprint: str
    model: str
    source: str
    code: Mapping[str, Any]
    needs: tuple[str, ...]
    parameters: Mapping[str, Any]
    paths: tuple[str, ...]
    seed: int
    limits: Mapping[str, Any]
    oof: bool = False
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, competition: Competition, model: str, run: Run, oof: bool, written: Code) -> Errand:
        """Describe a run of a model that was given by its name or path, and whose code is as it is `written` now."""
        board = competition.unhosted.board
        parameters, named = located(run.parameters, withheld(competition))
        place, _, name = run.model.target.rpartition(":")
        source = ""
        if place.endswith(".py"):
            try:
                source, model = Path(place).read_bytes().decode("utf-8"), f"{Path(place).name}:{name}"
            except UnicodeDecodeError as error:
                raise UsageError(f"{place} is not UTF-8, and cannot be sent to another machine.") from error
        return cls(
            __version__,
            board.task,
            board.data,
            board.data_fingerprint,
            board.split,
            board.split_fingerprint,
            model,
            source,
            asdict(written),
            tuple(_distributions(competition.plugins, f"task {board.task}", f"model {run.model.name}")),
            json.loads(json.dumps(parameters)),
            tuple(key for key, value in parameters.items() if isinstance(value, str) and Path(value) in named),
            run.seed,
            asdict(run.limits),
            oof,
            {name: path.read_text(encoding="utf-8") for name, path in competition.files.items()},
        )

    @classmethod
    def read(cls, text: str) -> Errand:
        """Read what `text` gave."""
        told = json.loads(text)
        return cls(**{**told, "needs": tuple(told["needs"]), "paths": tuple(told["paths"])})

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Answer:
    """What a worker said: one of `parcel`, the submission folder; `error`, why there is none; or that it lacks the data.

    `where` is its address, and `installed` a hash of what is installed there.
    """

    where: str
    installed: str = ""
    parcel: bytes = b""
    error: str = ""
    lacks_data: bool = False


def about() -> dict[str, str]:
    """Return which genoboard this is, which Python, and a hash of all that is installed."""
    return {"genoboard": __version__, "scorer": str(scoring.VERSION), "installed": installed(), "host": socket.gethostname()}


def bring(text: str, sent: bytes, where: str = "") -> Answer:
    """Put the prepared dataset of an errand, as it was `sent`, into this machine's cache, verified."""
    errand = Errand.read(text)
    try:
        with _at_work(errand) as (plugins, _):
            _held(errand, plugins, sent)
    except (GenoboardError, LeaderboardError) as error:
        return Answer(where, error=str(error))
    return Answer(where)


def do(text: str, where: str = "", stopped: Callable[[], bool] = lambda: False) -> Answer:
    """Do an errand on this machine, or say that the data are not here; `stopped` is asked again and again whether anybody still waits."""
    errand = Errand.read(text)

    def stream(_: str) -> None:
        if stopped():
            # what a finally does on the way ends the model's processes
            raise _Stopped

    try:
        if errand.genoboard != __version__:
            raise UsageError(f"it has genoboard {__version__}, and this is {errand.genoboard}. Install the same on both.")
        with _at_work(errand) as (plugins, home):
            prepared = _held(errand, plugins)
            if prepared is None:
                return Answer(where, lacks_data=True)
            out = home / "out" / "entry"
            competition, model, limits = _arranged(errand, prepared, plugins, home)
            evaluate(
                competition, model, parameters=errand.parameters, seed=errand.seed, limits=limits, oof=errand.oof, out=out, stream=stream
            )
            return Answer(where, installed(), parcel.pack(out))
    except (GenoboardError, LeaderboardError) as error:
        return Answer(where, error=str(error))
    except _Stopped:
        return Answer(where, error="it was stopped.")


class _Stopped(Exception):
    """Nobody waits for this any more; not a KeyboardInterrupt, which would end the machine's whole worker."""


@contextmanager
def _at_work(errand: Errand) -> Iterator[tuple[Plugins, Path]]:
    """Give what is installed here, with the task that came along, and a folder for the time of the work."""
    with lease.temporary(Path(tempfile.gettempdir()), "genoboard-errand-") as home:
        place = _workspace(home)
        for name, text in errand.files.items():
            (place.root / name).parent.mkdir(parents=True, exist_ok=True)
            (place.root / name).write_text(text, encoding="utf-8")
        yield load_plugins(workspace=place), home


def _workspace(home: Path) -> Workspace:
    return Workspace(home / "workspace")


def _arranged(errand: Errand, prepared: Prepared, plugins: Plugins, home: Path) -> tuple[Competition, str, Limits]:
    """Return competition, model and limits as they are here; raise `UsageError` where something would not be what it is at the other end."""
    bring = f" Install there: {' '.join(errand.needs)}." if errand.needs else ""
    try:
        task = plugins.task(errand.task)
        competition = Competition.on(prepared, task.split(errand.split), plugins, _workspace(home))
    except UnknownName as error:
        raise UsageError(f"{error}{bring}") from error
    if competition.board.split_fingerprint != errand.split_fingerprint:
        raise UsageError(f"its {errand.task} deals split {errand.split!r} otherwise: the task's code is another version.{bring}")
    model = errand.model
    if errand.source:
        place, _, name = model.rpartition(":")
        (home / "model").mkdir()
        # bytes: what is hashed there is what was hashed here
        (home / "model" / place).write_bytes(errand.source.encode("utf-8"))
        model = f"{home / 'model' / place}:{name}"
    for key in errand.paths:
        if not Path(errand.parameters[key]).exists():
            raise UsageError(f"--set {key}={errand.parameters[key]}: it has no such file. Put it where all machines see it.")
    limits = Limits(**{**errand.limits, "pass_env": tuple(errand.limits["pass_env"])})
    try:
        here = code(competition, prepare(competition, model, errand.parameters, errand.seed, limits))
    except UnknownName as error:
        raise UsageError(f"{error}{bring}") from error
    there = Code(**errand.code)
    # what a library's wheel lists differs between places it was installed to
    library = model not in plugins.models and here.state == there.state == "released"
    same_release = library and (here.plugin, here.version) == (there.plugin, there.version)
    if here.source != there.source and not same_release:
        raise UsageError(
            f"its {errand.model} is other code ({here.plugin} {here.version} {here.source}) than the one it was sent for"
            f" ({there.plugin} {there.version} {there.source}).{bring}"
        )
    return competition, model, limits


def _held(errand: Errand, plugins: Plugins, sent: bytes | None = None) -> Prepared | None:
    """Return the dataset from this machine's cache, verified; what was `sent` is put there where it is not. None: it is not there."""
    task = plugins.tasks.get(errand.task)
    if task is None:
        raise UsageError(f"there is no task {errand.task!r}. Install there: {' '.join(errand.needs)}.")
    folder = catalog.objects(task) / errand.data_fingerprint[:24]
    if not folder.is_dir() and sent is None:
        return None
    try:
        # one of several that begin at once takes out what is damaged, and puts in what was sent
        with locked(folder.with_name(f".{folder.name}.lock")):
            if folder.is_dir() and (found := _opened(task, errand, folder)) is not None:
                return found
            if sent is None:
                return None
            with lease.temporary(folder.parent, ".sent-") as new:
                parcel.unpack(sent, new, DATASET_FILES)
                if data.opened(task, errand.data, new).fingerprint != errand.data_fingerprint:
                    raise DataError(f"what was sent to it is not {errand.task} / {errand.data}.")
                os.chmod(new, 0o777 & ~umask())
                os.replace(new, folder)
            return _opened(task, errand, folder)
    except OSError as error:
        raise DataError(f"its cache {folder.parent} cannot be written ({error.strerror}). Set GENOBOARD_CACHE there.") from error


def _opened(task: Task, errand: Errand, folder: Path) -> Prepared | None:
    try:
        found = data.opened(task, errand.data, folder)
    except DataError as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        # damaged, and removed: it is sent anew
        return None
    return found if found.fingerprint == errand.data_fingerprint else None


def _distributions(plugins: Plugins, *cards: str) -> list[str]:
    owners = dict.fromkeys(plugins.owners.get(card, "genoboard") for card in cards)
    return ["==".join(plugins.distributions[o]) for o in owners if o in plugins.distributions]
