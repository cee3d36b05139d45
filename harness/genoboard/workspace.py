"""Workspace: the folders that runs write to, and the user's cache; the only module that knows their names."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import lease
from .errors import DataError, GenoboardError

PREDICTIONS = "predictions.csv"
LOG = "log.txt"
CURVES = "metrics.jsonl"
RECORD = "run.json"
ARTIFACTS = "artifacts"
OUT_OF_FOLD = "oof.csv"
OUT_OF_FOLD_RUNS = "oof"
REPLICATES = "replicates.npz"
REMOVED = "removed.json"
SEALED = "sealed.json.gz"
SEALED_REPLICATES = "sealed.npz"
LEAST = 1 << 16  # bytes, which an entry takes in its folder and the index, and more
TASK_FILE = "task.toml"
HANDED_IN = "submission.csv"


@dataclass(frozen=True)
class Workspace:
    """A folder with ``submissions/`` and ``leaderboard/``, both made by the first run."""

    root: Path

    @classmethod
    def here(cls, root: str | Path | None = None) -> Workspace:
        """Return the workspace at `root`, else at GENOBOARD_WORKSPACE, else the current folder."""
        return cls(Path(root or os.environ.get("GENOBOARD_WORKSPACE") or ".").resolve())

    @property
    def database(self) -> Path:
        """The index of entries."""
        return self.root / "leaderboard" / "leaderboard.db"

    @property
    def amending(self) -> Path:
        """The lock of whoever changes recorded entries."""
        return self.root / "leaderboard" / "amending.lock"

    def amendment(self, entry_id: str) -> Path:
        """The note of what is being changed in an entry, there only meanwhile."""
        return self._amendments / f"{entry_id}.json"

    def amendments(self) -> list[Path]:
        """The notes of all changes that are under way, or were cut off."""
        return sorted(p for p in self._amendments.glob("*.json") if not p.name.startswith("."))

    def clear_amendments(self) -> None:
        """Remove notes that were being written when their process was killed."""
        lease.clear_parts(self._amendments)

    @property
    def _amendments(self) -> Path:
        return self.root / "leaderboard" / "amendments"

    @property
    def entering(self) -> Path:
        """Where it is noted which entries are being made."""
        return self.root / "leaderboard" / "entering"

    @property
    def entering_controls(self) -> Path:
        """The lock of whoever enters a board's controls."""
        return self.root / "leaderboard" / "controls.lock"

    def under_way(self) -> list[Path]:
        """What is noted of entries that are being made."""
        return sorted(self.entering.iterdir()) if self.entering.is_dir() else []

    @property
    def _choices(self) -> Path:
        return self.root / "leaderboard" / "choices.json"

    @property
    def plugins(self) -> Path:
        """Where plugin folders may lie, installed or not."""
        return self.root / "plugins"

    @property
    def bundle(self) -> Path:
        """What says that this workspace is the bundle of one competition, handed out to its participants."""
        return self.root / "bundle.toml"

    @property
    def bundled(self) -> Path:
        """Where a bundle's rows lie."""
        return self.root / "data"

    @property
    def tasks(self) -> Path:
        """Where the tasks lie that a user made of files, each a folder with its `TASK_FILE`."""
        return self.root / "tasks"

    @property
    def entries(self) -> Path:
        """The record of all tasks' entries."""
        return self.root / "submissions"

    def submissions(self, task: str) -> Path:
        """The record of a task's entries."""
        return self.entries / task

    def folder(self, entry_id: str, task: str) -> Path:
        """The submission folder of an entry."""
        return self.submissions(task) / entry_id

    def require_writable(self, task: str) -> None:
        """Raise `DataError` unless entries of a task can be kept here; nothing is made."""
        for folder in (self.submissions(task), self.database.parent):
            there = next(p for p in (folder, *folder.parents) if p.exists())
            try:
                # a right to write says nothing of a disk that is mounted for reading, nor an empty file of one that is full
                with tempfile.TemporaryFile(dir=there) as file:
                    file.write(bytes(LEAST))
                    file.flush()
            except OSError as error:
                mend = "Free some space there" if error.errno in lease.FULL else "Make it writable"
                raise DataError(
                    f"{folder} cannot be written ({error.strerror}), and entries are kept there. {mend}, or choose another"
                    " workspace with --workspace or GENOBOARD_WORKSPACE."
                ) from error

    def records(self) -> list[Path]:
        """The ``run.json`` of every entry of every task, in the order of their folders' names."""
        return sorted(self._records())

    def has_records(self) -> bool:
        """Tell whether there is an entry of any task, which takes no longer where there are many."""
        return next(self._records(), None) is not None

    def _records(self) -> Iterator[Path]:
        return (p for p in self.entries.glob(f"*/*/{RECORD}") if not p.parent.name.startswith("."))

    def hosting(self, task: str, split: str, key: str) -> Path:
        """Where it is kept that a split of a task is hosted; `key` tells its data apart."""
        return self._hosted / f"{slug(task)}-{slug(split)}-{key}.json"

    def hostings(self) -> list[Path]:
        """Every competition that is hosted here."""
        return sorted(p for p in self._hosted.glob("*.json") if not p.name.startswith("."))

    def looks(self, key: str, team: str) -> Path:
        """What a team's looks that are under way are, on the hosted board `key`."""
        return self._hosted / "looks" / key / f"{slug(team)}-{hashlib.sha256(team.encode()).hexdigest()[:8]}.json"

    @property
    def hosting_lock(self) -> Path:
        """The lock of whoever changes what is hosted."""
        return self._hosted / "hosting.lock"

    @property
    def _hosted(self) -> Path:
        return self.root / "leaderboard" / "hosted"

    def new_id(self, name: str, when: datetime | None = None) -> str:
        """Return a fresh folder name, ``<when>-<name>-<8 random hex digits>``; thousands of runs in one second differ."""
        stamp = (when or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
        return f"{stamp}-{slug(name)}-{secrets.token_hex(4)}"

    def chosen_data(self, task: str) -> str | None:
        """Return the dataset that ``data TASK --use`` chose here, or None."""
        try:
            choice = json.loads(self._choices.read_text(encoding="utf-8")).get(task)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise GenoboardError(
                f"{self._choices} is not JSON ({error}). Delete it and choose again: genoboard data {task} --use NAME."
            ) from None
        return str(choice) if choice else None

    def choose_data(self, task: str, name: str) -> None:
        """Remember `name` as this workspace's dataset of `task`."""
        try:
            choices = json.loads(self._choices.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            choices = {}
        self._choices.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._choices, json.dumps({**choices, task: name}, indent=1) + "\n")


def cache() -> Path:
    """Return the user's cache: GENOBOARD_CACHE, else the platform's place. It is not created here."""
    if given := os.environ.get("GENOBOARD_CACHE"):
        return Path(given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("genoboard"))


def model_cache(package: str) -> Path:
    """Return where the models of a package keep what outlives a run; made where it is not there."""
    folder = (cache() / "models" / slug(package)).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def slug(name: str) -> str:
    """Return `name` as a folder name: letters, digits, dot, hyphen and underscore, at most 60 of them."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:60].rstrip("-.") or "entry"


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: a reader never sees half of it."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file of any content, whole or not at all."""
    with lease.part(path) as part:
        part.write_bytes(content)
        part.chmod(0o666 & ~umask())


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def umask() -> int:
    """Return which permissions this process withholds from new files; asking for it means setting it for a moment, so it is done once."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
