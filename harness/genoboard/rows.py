"""Rows: a task's training rows with their target and its test rows without, for people at a prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .competition import Competition
from .errors import UsageError
from .table import Features


@dataclass(frozen=True, repr=False)
class TestRows:
    """`X` (n, p), a DataFrame or for kind ``bins`` a `Design`, and `groups` (n,) as opaque codes; None under a split by single rows."""

    __test__ = False  # pytest takes any class named so for a test
    X: Features
    groups: pd.Series | None

    def __repr__(self) -> str:
        told = "" if self.groups is None else f", {self.groups.nunique():,} groups"
        return f"{len(self.X):,} rows x {self.X.shape[1]:,} features{told}"


@dataclass(frozen=True, repr=False)
class TrainRows(TestRows):
    """Rows with their target `y` (n,): class names, or float64; a DataFrame (n, K) of float64 where it has several columns."""

    y: pd.Series | pd.DataFrame


@dataclass(frozen=True)
class LoadedFold:
    """What a model is fitted on, and what it is asked."""

    train: TrainRows
    test: TestRows


@dataclass(frozen=True, repr=False)
class Loaded:
    """A task's rows under a split; `train` and `test` are those of its only fold."""

    task: str
    data: str
    split: str
    classes: tuple[str, ...]
    folds: tuple[LoadedFold, ...]

    def __repr__(self) -> str:
        told = [f"{self.task}: data {self.data}, split {self.split}", *([f"{len(self.classes)} classes"] if self.classes else [])]
        parts = [f"  train {fold.train}\n  test  {fold.test}" for fold in self.folds]
        numbered = [f"fold {i}\n{part}" for i, part in enumerate(parts)] if len(parts) > 1 else parts
        return "\n".join([", ".join(told), *numbered])

    @property
    def train(self) -> TrainRows:
        """The training rows of a held-out split."""
        return self._only.train

    @property
    def test(self) -> TestRows:
        """The test rows of a held-out split."""
        return self._only.test

    @property
    def _only(self) -> LoadedFold:
        if len(self.folds) > 1:
            raise UsageError(f"Split {self.split!r} has {len(self.folds)} folds: use .folds[i].train and .folds[i].test.")
        return self.folds[0]


def view(competition: Competition) -> Loaded:
    """Return the rows of a competition, fold by fold."""
    table, by = competition.data.rows, competition.split.group

    def part(at: NDArray[np.intp]) -> tuple[Features, pd.Series | None]:
        groups = None if by is None else pd.Series(competition.groups(at), index=table.index[at], name="group")
        return competition.data.X(at), groups

    def target(at: NDArray[np.intp]) -> pd.Series | pd.DataFrame:
        y = table["y"].iloc[at]
        names = competition.task.outputs
        return pd.DataFrame(competition.codes(y, ()), index=y.index, columns=list(names)) if names else y

    folds = tuple(LoadedFold(TrainRows(*part(f.train), target(f.train)), TestRows(*part(f.test))) for f in competition.folds)
    return Loaded(competition.task.name, competition.data.name, competition.split.name, competition.task.classes, folds)
