"""SubmissionFolder: the record of an entry; the database is only its index."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Entry, Origin
from genoboard_leaderboard.store import Store

from . import lease, workspace
from .competition import Competition
from .entering import entering
from .sandbox import Outcome
from .table import harmless
from .version import __version__


class SubmissionFolder:
    """A submission folder in the making: hidden until it is whole, gone if it never gets there.

    Parameters
    ----------
    keep : it is to stay, beside the others; else it lies among temporary files.
    enters : an entry comes of it.
    out : where it is to stay instead, for the index to be made from it later.
    """

    def __init__(self, competition: Competition, name: str, keep: bool = True, enters: bool = True, out: Path | None = None) -> None:
        self.competition, self.now, self.indexed = competition, datetime.now(UTC), out is None
        self.id = competition.workspace.new_id(name, self.now) if out is None else out.name
        self.final = competition.workspace.folder(self.id, competition.task.name) if out is None else out
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._folder = lease.temporary(out.parent, f".{out.name}-")
        elif keep and enters:
            self._folder = entering(competition.workspace, self.id, competition.task.name)
        elif keep:
            self.final.parent.mkdir(parents=True, exist_ok=True)
            self._folder = lease.temporary(self.final.parent, ".dev-")
        else:
            self._folder = lease.temporary(Path(tempfile.gettempdir()), "genoboard-run-")

    def __enter__(self) -> Self:
        self.path = self._folder.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._folder.__exit__(kind, error, where)

    def entry(self, name: str, origin: Origin) -> Entry:
        """Return an entry with what is known before anything ran."""
        return Entry(self.id, self.competition.board, name, self.now.isoformat(), origin)

    def write_artifacts(self, outcomes: Sequence[Outcome]) -> None:
        """Write the models' own tables, told apart by fold where there are several."""
        for number, outcome in enumerate(outcomes, start=1):
            place = self.path / workspace.ARTIFACTS / (f"fold-{number}" if len(outcomes) > 1 else "")
            for name, frame in self.competition.annotate(outcome.artifacts).items():
                place.mkdir(parents=True, exist_ok=True)
                # a model may write what it likes, and a person opens it in a spreadsheet
                harmless(frame).to_csv(place / f"{name}.csv", index=False)

    def stay(self) -> None:
        """Give the folder its name."""
        if not self.indexed and self.final.exists():
            with lease.temporary(self.final.parent, f".{self.final.name}-") as earlier:
                os.replace(self.final, earlier / self.final.name)
        os.replace(self.path, self.final)

    def keep(self, entry: Entry, replicates: Mapping[str, NDArray[np.float64]], details: Mapping[str, Any]) -> Entry:
        """Write the record, give the folder its name, then tell the index and the plugins, unless it lies elsewhere."""
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
        if self.indexed:
            Store(self.competition.workspace.database).record(entry, replicates)
            self.competition.plugins.announce({**entry.to_dict(), "folder": str(self.final)})
        return entry
