"""Competition: a task on one dataset under one split; what every entry of one board shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Board, Entry
from genoboard_leaderboard.store import Store

from . import data, hosting, outputs, scoring, splits
from .data import Prepared
from .entering import clear
from .errors import DataError, UndefinedScore, UsageError
from .hosting import Hosting
from .lock import locked
from .metrics import Metric
from .model import ModelSpec
from .plugins import Plugins, load_plugins
from .scoring import Solution, blocks, null
from .splits import Fold, Split
from .submission import Form
from .task import Task, Tell
from .workspace import TASK_FILE, Workspace

INNER = 5  # folds that training rows are dealt into, unless somebody asks for others


@dataclass(frozen=True)
class Competition:
    """Everything that is fixed before a model is named."""

    task: Task
    data: Prepared
    split: Split
    folds: tuple[Fold, ...]
    metrics: tuple[Metric, ...]
    plugins: Plugins
    workspace: Workspace
    hosting: Hosting | None = None

    @classmethod
    def open(
        cls,
        task: str,
        split: str | None = None,
        data_name: str | None = None,
        workspace: str | Path | Workspace | None = None,
        plugins: Plugins | None = None,
        tell: Tell = lambda _: None,
    ) -> Competition:
        """Find the task, open and verify its data, deal the split.

        The dataset is `data_name`, else what this workspace chose, else the task's `default_data`.
        """
        workspace = workspace if isinstance(workspace, Workspace) else Workspace.here(workspace)
        plugins = plugins or load_plugins(workspace=workspace)
        clear(workspace)
        card = plugins.task(task)
        chosen = card.split(split)
        prepared = data.prepare(card, data_name or workspace.chosen_data(card.name) or card.default_data, tell)
        return cls.on(prepared, chosen, plugins, workspace)

    @classmethod
    def on(cls, prepared: Prepared, split: Split, plugins: Plugins, workspace: Workspace) -> Competition:
        """Deal the split of a dataset that is open."""
        card, folds = prepared.task, prepared.folds(split)
        found = cls(card, prepared.through(split), split, folds, plugins.metrics_of(card), plugins, workspace)
        return replace(found, hosting=hosting.of(workspace, found.board))

    @property
    def unhosted(self) -> Competition:
        """The same in the open, as it is where nobody hosts it."""
        return self if self.hosting is None else replace(self, hosting=None)

    @cached_property
    def board(self) -> Board:
        """The fingerprints that make entries comparable; a hosted competition has a board of its own."""
        return self.hosting.board if self.hosting else self._open

    @cached_property
    def _open(self) -> Board:
        return Board(self.task.name, self.data.name, self.data.fingerprint, self.split.name, splits.fingerprint(self.data.rows, self.folds))

    @property
    def files(self) -> dict[str, Path]:
        """What in the workspace stands for the task, by its path there: a task file with its metrics' code, and what says that it is a bundle; nothing where a plugin does."""
        place, owner = self.workspace, Path(self.plugins.owners.get(f"task {self.task.name}", ""))
        found = {}
        if owner.name == TASK_FILE:
            own = sorted({Path(m.formula.rpartition(":")[0]) for m in self.metrics})
            found = {str(owner): place.root / owner} | {str(owner.parent / p.name): p for p in own if p.suffix == ".py"}
        return found | ({place.bundle.name: place.bundle} if place.bundle.is_file() else {})

    @cached_property
    def test(self) -> NDArray[np.intp]:
        """Positions of the rows that a submission answers for, ascending."""
        return np.unique(np.concatenate([f.test for f in self.folds]))

    @cached_property
    def form(self) -> Form:
        """What a submission must look like."""
        one_column = self.task.target in ("regression", "binary")
        return Form(
            ids=list(self.data.rows.index[self.test]),
            id_column=self.task.id_column,
            target_column=self.task.target_column,
            classes=self.task.outputs or (() if one_column else self.task.classes),
            reads=self.metrics[0].reads,
            exclusive=not self.task.outputs,
        )

    @property
    def solution(self) -> Solution:
        """The truth of the test rows that scores come from; nothing that a model is given is made from it.

        Of a hosted competition the public part, and after its reveal the private one.
        """
        return self._whole if self.hosting is None else self._parts[1 if self.hosting.revealed else 0]

    @property
    def sealed(self) -> Solution | None:
        """The private part, until the reveal; None where nothing is sealed."""
        return None if self.hosting is None or self.hosting.revealed else self._parts[1]

    @cached_property
    def _parts(self) -> tuple[Solution, Solution]:
        assert self.hosting is not None
        return self.hosting.parts(self._whole, self._units)

    @property
    def _units(self) -> list[str]:
        """The names of the groups that are resampled, of every test row that has a truth."""
        rows = self.data.rows.iloc[self.test]
        by = self.split.bootstrap_group
        rows = rows[rows["y"].notna()]
        return [str(name) for name in (rows.index if by is None else rows[by])]

    def shown(self, entry: Entry) -> Entry:
        """Return an entry of this board with the scores that its solution gives: after a reveal, the private ones."""
        return self.hosting.opened(self.workspace, entry) if self.hosting and self.hosting.revealed else entry

    def replicates(self, entry: Entry, metric: str) -> NDArray[np.float64] | None:
        """Return the bootstrap replicates behind such a score, (R,), or None where there are none."""
        if self.hosting and self.hosting.revealed:
            return self.hosting.replicates(self.workspace, entry, metric)
        return Store(self.workspace.database).replicates(entry.id, metric)

    def host(self, share: float) -> Hosting:
        """Make this split a competition with a public part, a `share` of its groups; raise `UsageError` where it cannot be one."""
        if self.hosting is not None:
            raise UsageError(f"{self.hosting.title} is hosted already, since {self.hosting.created[:16]} UTC, and its parts do not change.")
        found = hosting.dealt(self._open, self.split, self._units, share)
        for name, part in zip(("public", "private"), found.parts(self._whole, self._units), strict=True):
            try:
                scoring.value_of(self.metrics[0], part.truth, part.perfect(bool(self.form.classes)), part.classes, part.beside)
            except UndefinedScore as error:
                raise UsageError(
                    f"On the {name} part {self.metrics[0].name} would have no value: {error}. Choose another --public, or more data."
                ) from error
        with locked(self.workspace.hosting_lock):
            if (other := hosting.of(self.workspace, self._open)) is not None:
                raise UsageError(f"{other.title} was hosted by another process just now.")
            found.write(self.workspace)
        return found

    @cached_property
    def _whole(self) -> Solution:
        """The truth of all test rows that have one."""
        table = self.data.rows
        scored = np.flatnonzero(table["y"].iloc[self.test].notna())
        test = self.test[scored]
        fold = np.empty(len(table), dtype=np.int64)
        for number, f in enumerate(self.folds):
            fold[f.test] = number
        by = self.split.bootstrap_group
        cluster = np.arange(len(test)) if by is None else pd.factorize(table[by].iloc[test], sort=True)[0]
        key = self._open.split_fingerprint
        # the columns of the rows' groups, and no others, stand beside the truth where a metric asks
        asked, beside = {m.beside for m in self.metrics}, {}
        y = table["y"].to_numpy(dtype=np.float64) if asked > {""} and not (self.task.classes or self.task.outputs) else None
        for name in asked & set(splits.groups_of(table)):
            beside[name] = np.column_stack([pd.factorize(table[name].iloc[test], sort=True)[0], fold[test]])
        if "null" in asked and y is not None:
            of = self.split.baseline
            if of is not None and of not in table:
                raise DataError(
                    f"Split {self.split.name!r} has the mean by {of!r} for its null, which this dataset does not have. Choose another split."
                )
            code = None if of is None else pd.factorize(table[of])[0]
            beside["null"] = null(y, code, self.folds)[test]
        truth = self.codes(table["y"].iloc[test], self.task.classes)
        return Solution(
            truth, self.task.outputs or self.task.classes, fold[test], blocks(cluster.astype(np.int64), key), key, scored, beside
        )

    def codes(self, y: pd.Series, classes: tuple[str, ...]) -> NDArray[Any]:
        """Return the target as a model or a metric takes it: int64 codes into `classes`, or float64, (n, K) where it has several columns."""
        if self.task.outputs:
            return outputs.unpack(y, self.task.outputs)
        return pd.Index(classes).get_indexer(pd.Index(y)).astype(np.int64) if classes else y.to_numpy(dtype=np.float64)

    def groups(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the groups that this split never cuts, as opaque codes (n,), so that a model's own folds ask what the split asks.

        Under a split by single rows each row is its own group.
        """
        by = self.split.group
        return np.arange(len(rows)) if by is None else pd.factorize(self.data.rows[by].iloc[rows])[0].astype(np.int64)

    def takes(self, model: ModelSpec) -> None:
        """Raise `UsageError` unless the model is made for this kind of task and has the columns that it needs."""
        task = self.task
        if not task.admits(model):
            meant = ", ".join(model.tasks) or f"{' / '.join(model.kinds)} tasks with a {' or '.join(model.targets)} target"
            fit = self.plugins.fitting(task)
            beside = f" Of the models here {', '.join(fit)} fit." if fit else ""
            raise UsageError(f"{model.name} is made for {meant}; {task.name} is a {task.kind} task with a {task.target} target.{beside}")
        missing = self._missing(model)
        if missing:
            why = self.data.about.get("lacks", {}).get(
                missing[0], f"{task.name} / {self.data.name} has {', '.join(self.data.about['columns'])}"
            )
            raise UsageError(f"{model.name} reads the column {missing[0]!r}, which this dataset does not have: {why.rstrip('.')}.")
        if model.inputs == "control" and not self.data.has_control:
            raise UsageError(f"{model.name} looks at technical columns, and {task.name} / {self.data.name} has none.")

    def controls(self) -> tuple[ModelSpec, ...]:
        """Return the controls that this board holds: all of the task's that find the columns they need."""
        found = (self.plugins.model(n) for n in self.task.controls)
        return tuple(c for c in found if (c.inputs == "features" or self.data.has_control) and not self._missing(c))

    def _missing(self, model: ModelSpec) -> list[str]:
        """Return the columns that a model of text cannot do without and this dataset does not have."""
        return [c for c in model.columns if c not in self.data.about["columns"]] if self.task.kind == "text" else []

    def annotate(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Return a model's tables with what the dataset knows of each ``feature``: its symbol, biotype and flag."""
        known = self.data.columns
        if known is None:
            return dict(tables)
        return {n: t.join(known, on="feature") if "feature" in t and not set(known) & set(t) else t for n, t in tables.items()}

    def within_train(self, folds: int = INNER, fold: int = 0) -> Competition:
        """Return the competition that is left when only the training rows of one fold exist: its groups dealt anew."""
        train = self.folds[fold].train
        split = replace(
            self.split, name=f"{self.split.name}-dev", folds=folds, cross_validated=True, rule=None, salt="genoboard-dev", unscored=""
        )
        within = tuple(Fold(train[f.train], train[f.test]) for f in splits.deal(split, self.data.rows.iloc[train]))
        # its rows are all open
        return replace(self, split=split, folds=within, hosting=None)
