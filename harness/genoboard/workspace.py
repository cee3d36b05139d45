"""Workspace: the folders that runs write to, and the user's cache; the only module that knows their names."""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .errors import GenoboardError

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
    def _choices(self) -> Path:
        return self.root / "leaderboard" / "choices.json"

    @property
    def plugins(self) -> Path:
        """Where plugin folders may lie, installed or not."""
        return self.root / "plugins"

    def submissions(self, task: str) -> Path:
        """The record of a task's entries."""
        return self.root / "submissions" / task

    def folder(self, entry_id: str, task: str) -> Path:
        """The submission folder of an entry."""
        return self.submissions(task) / entry_id

    def records(self) -> list[Path]:
        """The ``run.json`` of every entry of every task, in the order of their folders' names."""
        return sorted(p for p in (self.root / "submissions").glob(f"*/*/{RECORD}") if not p.parent.name.startswith("."))

    def hosting(self, task: str, split: str, key: str) -> Path:
        """Where it is kept that a split of a task is hosted; `key` tells its data apart."""
        return self._hosted / f"{slug(task)}-{slug(split)}-{key}.json"

    def hostings(self) -> list[Path]:
        """Every competition that is hosted here."""
        return sorted(p for p in self._hosted.glob("*.json") if not p.name.startswith("."))

    @property
    def _hosted(self) -> Path:
        return self.root / "leaderboard" / "hosted"

    def new_id(self, name: str, when: datetime | None = None) -> str:
        """Return a fresh folder name, ``<when>-<name>-<4 random hex digits>``; two runs in one second differ."""
        stamp = (when or datetime.now(UTC)).strftime("%Y%m%dT%H%M%S")
        return f"{stamp}-{slug(name)}-{secrets.token_hex(2)}"

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
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(temporary, 0o666 & ~umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def umask() -> int:
    """Return which permissions this process withholds from new files; asking for it means setting it for a moment."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
