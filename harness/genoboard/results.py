"""Results: what one entry came to, beside the others of its board; all that a panel of a report is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Entry, Score
from genoboard_leaderboard.ranking import Standing
from genoboard_leaderboard.store import Store

from . import scoring, submission
from .competition import Competition
from .errors import GenoboardError, UndefinedScore, UsageError
from .metrics import Metric
from .scoring import Solution
from .splits import TARGET, Fold
from .table import Features
from .workspace import ARTIFACTS, CURVES, PREDICTIONS, RECORD

PERMUTED = "permuted"  # the table of what each feature is worth, by shuffling it


class NotDrawn(GenoboardError):
    """What a panel raises that has nothing to show here; the report says why."""


@dataclass(frozen=True)
class Results:
    """An entry with its predictions, the truth of the rows that may be looked at, and the rest of its board.

    Rows are meant in the order of `test`: n scored test rows.
    """

    competition: Competition
    entry: Entry

    def __post_init__(self) -> None:
        shown = self.competition.shown(self.entry)
        if shown.held:
            when = "" if self.competition.split.unscored else " before the reveal"
            raise UsageError(f"Nothing is shown of {shown.name} ({shown.id}){when}: {shown.held}.")
        object.__setattr__(self, "entry", shown)

    @property
    def classes(self) -> tuple[str, ...]:
        """The fixed label set; empty for regression."""
        return self.competition.task.classes

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the target's columns where it has several; then `truth` and `prediction` are (n, K)."""
        return self.competition.task.outputs

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The task's metrics, the primary one first."""
        return self.competition.metrics

    @property
    def folds(self) -> tuple[Fold, ...]:
        """Positions in `rows`, fold by fold."""
        return self.competition.folds

    @property
    def solution(self) -> Solution:
        """The truth of the rows that may be looked at: all test rows, or the public ones of a hosted competition before its reveal."""
        return self.competition.solution

    @cached_property
    def test(self) -> NDArray[np.intp]:
        """Positions (n,) in `rows` of the rows that are looked at, ascending."""
        scored = self.solution.scored
        return self.competition.test if scored is None else self.competition.test[scored]

    @cached_property
    def train(self) -> NDArray[np.intp]:
        """Positions in `rows` of what models learn from: of a cross-validated split, of all folds together."""
        return np.unique(np.concatenate([f.train for f in self.folds]))

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All rows of the dataset (N, 1 + g): ``y``, and one column per kind of group; ``y`` is missing where it may not be looked at."""
        rows = self.competition.data.rows.copy()
        sealed = np.setdiff1d(np.setdiff1d(self.competition.test, self.test), self.train)
        rows.loc[rows.index[sealed], TARGET] = np.nan
        return rows

    @property
    def columns(self) -> pd.DataFrame | None:
        """What is known of the features (symbol, biotype, flag), indexed by their names; or None."""
        return self.competition.data.columns

    @property
    def unit(self) -> str:
        """The unit of the features."""
        return str(self.competition.data.about["unit"])

    @cached_property
    def original_ids(self) -> pd.Series:
        """Opaque id -> the id of the source, for people."""
        return self.competition.data.original_ids

    def features(self, positions: NDArray[np.intp] | None = None) -> Features:
        """Return the features of these rows, or of all."""
        return self.competition.data.X(positions)

    @property
    def truth(self) -> NDArray[Any]:
        """The test target (n,): int64 codes into `classes`, or float64; (n, K) where it has several columns."""
        return self.solution.truth

    @cached_property
    def prediction(self) -> NDArray[np.float64]:
        """The entry's predictions: (n, K), or (n,)."""
        return self.prediction_of(self.entry)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The entry's most probable class (n,), the earlier one on a tie."""
        return scoring.labels_of(self.prediction)

    @property
    def cluster(self) -> NDArray[np.int64]:
        """Rows that are resampled together share a number (n,)."""
        return self.solution.cluster

    @property
    def baseline(self) -> NDArray[np.float64] | None:
        """The predictions (n,) of the split's null, for a regression."""
        return self.solution.beside.get("null")

    def prediction_of(self, entry: Entry) -> NDArray[np.float64]:
        """Return another entry's predictions of the same rows; raise `NotDrawn` where its file is not as it was recorded."""
        path = self.folder_of(entry) / PREDICTIONS
        try:
            read = submission.read(path, self.competition.form)
        except (GenoboardError, OSError) as error:
            raise NotDrawn(f"the predictions of {entry.name} cannot be read: {error}") from error
        if read.sha256 != entry.submission_sha256:
            raise NotDrawn(f"{path} is not the file that was scored. See genoboard rescore --verify.")
        return self.solution.rows_of(read.prediction)

    def folder_of(self, entry: Entry) -> Path:
        """Return the submission folder of an entry."""
        return self.competition.workspace.folder(entry.id, entry.board.task)

    @cached_property
    def record(self) -> dict[str, Any]:
        """What the entry's ``run.json`` holds beside the entry: command, versions, limits; empty where it cannot be read."""
        try:
            found: dict[str, Any] = json.loads((self.folder_of(self.entry) / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found

    @cached_property
    def standings(self) -> list[Standing]:
        """The board that the entry stands on, best first, with what can be said of its order."""
        return standings_of(self.competition)

    def representative(self, standing: Standing) -> Entry:
        """Return the entry that a standing is shown by: the earliest of those that count."""
        return self.competition.shown(Store(self.competition.workspace.database).entry(standing.entry))

    @cached_property
    def elsewhere(self) -> pd.DataFrame:
        """The scores on every split of this dataset: ``split, name, control, own, metric, value, low, high``; the latest board of each split.

        `own` marks standings of this entry's name.
        """
        store, here = Store(self.competition.workspace.database), self.competition.board
        boards = {b.split: b for b, _ in store.boards(here.task) if b.data_fingerprint == here.data_fingerprint}
        boards[here.split] = here
        found = []
        for name, board in boards.items():
            there = self.standings if board == here else store.standings(board, self.metrics[0].name, self.metrics[0].direction)
            for s in there:
                for metric, value in s.scores.items():
                    low, high = s.intervals.get(metric, (np.nan, np.nan))
                    found.append((name, s.name, s.control, s.name == self.entry.name, metric, value, low, high))
        return pd.DataFrame(found, columns=["split", "name", "control", "own", "metric", "value", "low", "high"])

    def artifact(self, name: str) -> pd.DataFrame:
        """Return a table that the model left, with a column ``fold`` (1, 2, ...) first; raise `NotDrawn` where it left none of this name."""
        home = self.folder_of(self.entry) / ARTIFACTS
        parts = {1: home / f"{name}.csv"} if (home / f"{name}.csv").exists() else {
            int(p.parent.name.removeprefix("fold-")): p for p in home.glob(f"fold-*/{name}.csv")
        }  # fmt: skip
        if not parts:
            raise NotDrawn(f"{self.entry.name} left no table of {name}")
        frames = [pd.read_csv(parts[f]).assign(fold=f) for f in sorted(parts)]
        whole = pd.concat(frames, ignore_index=True)
        return whole[["fold", *(c for c in whole if c != "fold")]]

    @cached_property
    def curves(self) -> pd.DataFrame:
        """What the model logged step by step, a column each; empty where it logged nothing."""
        path = self.folder_of(self.entry) / CURVES
        if not path.exists() or not path.stat().st_size:
            return pd.DataFrame()
        return pd.read_json(path, lines=True)

    def measure(self, metric: Metric, prediction: NDArray[Any] | None = None, where: NDArray[np.bool_] | None = None) -> Score:
        """Return any metric of these predictions (the entry's by default) on the rows `where` (all by default), with its interval.

        A metric without a value there is a score of None with its reason.
        """
        solution = self.solution if where is None else self.solution.part(where)
        prediction = self.prediction if prediction is None else prediction
        try:
            (found,), _ = scoring.score([metric], solution.alone(), prediction if where is None else prediction[where])
        except UndefinedScore as error:
            return Score(metric.name, None, version=metric.version, reason=str(error))
        return found

    def scores(self) -> Mapping[str, Score]:
        """Return the entry's scores as they were recorded, by metric."""
        return {s.metric: s for s in self.entry.scores}


def standings_of(competition: Competition) -> list[Standing]:
    """Return a competition's board, best first."""
    primary, store, hosted = competition.metrics[0], Store(competition.workspace.database), competition.hosting
    if hosted is not None and hosted.revealed:
        return hosted.private_standings(competition.workspace, store.entries(hosted.board), primary.name, primary.direction)
    return store.assessed(competition.board, primary.name, primary.direction)


def representatives(competition: Competition) -> list[Results]:
    """Return the results of every standing's earliest entry, best first; those without a score are left out."""
    store = Store(competition.workspace.database)
    return [Results(competition, store.entry(s.entry)) for s in standings_of(competition) if s.rank is not None]
