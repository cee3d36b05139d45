"""SubmissionFolder: the record of an entry; the database is only its index."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Entry, Origin
from genoboard_leaderboard.store import Store

from . import workspace
from .competition import Competition
from .sandbox import Outcome
from .version import __version__


class SubmissionFolder:
    """A submission folder in the making: hidden until it is whole, gone if it never gets there."""

    def __init__(self, competition: Competition, name: str, keep: bool = True) -> None:
        self.competition, self.now = competition, datetime.now(UTC)
        self.id = competition.workspace.new_id(name, self.now)
        self.final = competition.workspace.folder(self.id, competition.task.name)
        if keep:
            self.path = self.final.with_name(f".{self.id}")
            self.path.mkdir(parents=True)
        else:
            self.path = Path(tempfile.mkdtemp(prefix="genoboard-run-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def entry(self, name: str, origin: Origin) -> Entry:
        """Return an entry with what is known before anything ran."""
        return Entry(self.id, self.competition.board, name, self.now.isoformat(), origin)

    def write_artifacts(self, outcomes: Sequence[Outcome]) -> None:
        """Write the models' own tables, told apart by fold where there are several."""
        for number, outcome in enumerate(outcomes, start=1):
            place = self.path / workspace.ARTIFACTS / (f"fold-{number}" if len(outcomes) > 1 else "")
            for name, frame in self.competition.annotate(outcome.artifacts).items():
                place.mkdir(parents=True, exist_ok=True)
                frame.to_csv(place / f"{name}.csv", index=False)

    def stay(self) -> None:
        """Give the folder its name."""
        os.replace(self.path, self.final)

    def keep(self, entry: Entry, replicates: Mapping[str, NDArray[np.float64]], details: Mapping[str, Any]) -> Entry:
        """Write the record, give the folder its name, then tell the index and the plugins."""
        record = {
            "entry": entry.to_dict(),
            "command": shlex.join(sys.argv),
            "genoboard": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            **details,
        }
        (self.path / workspace.RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        if replicates:
            np.savez_compressed(self.path / workspace.REPLICATES, allow_pickle=False, **replicates)
        (self.path / workspace.LOG).touch()
        (self.path / workspace.CURVES).touch()
        self.stay()
        Store(self.competition.workspace.database).record(entry, replicates)
        self.competition.plugins.announce(entry.to_dict())
        return entry
