"""Evidence: a dataset and its dealt splits as the audit's checks look at them, and the findings that they come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import outputs, splits
from .data import Prepared
from .splits import Fold, Split
from .texts import Texts
from .windows import Windows

Verdict = Literal["ok", "leak", "told"]


@dataclass(frozen=True)
class Finding:
    """What one check found on one split: ``ok``, ``leak`` (the split says that this cannot be), or ``told`` (worth knowing, and allowed)."""

    split: str
    check: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True)
class Dealt:
    """A split with its folds."""

    card: Split
    folds: tuple[Fold, ...]

    @property
    def open(self) -> bool:
        """Whether the card says openly that this split is not honest, or stands for comparison only."""
        return bool(self.card.leaks) or self.card.published

    @property
    def tested(self) -> int:
        """How many rows are asked about, in all folds."""
        return sum(len(f.test) for f in self.folds)

    @property
    def group(self) -> str:
        """What rows that belong together are to be given one of, in sentences that say how to mend."""
        return self.card.group or "group, and split by it"

    def finds(self, check: str, bad: bool, sentence: str, mend: str = "") -> Finding:
        """Return a finding that is a leak where it is `bad` and the split says that it is honest; then `mend` says what to do."""
        if not bad or self.open:
            return self.tells(check, bad, sentence)
        return Finding(self.card.name, check, "leak", f"{sentence} {mend}".rstrip())

    def tells(self, check: str, worth: bool, sentence: str) -> Finding:
        """Return a finding that is never a leak; it may be `worth` knowing."""
        return Finding(self.card.name, check, "told" if worth else "ok", sentence)


@dataclass(frozen=True)
class Evidence:
    """What is known of a dataset's rows, found out once for all of its splits."""

    prepared: Prepared
    tell: Callable[[str], None]

    @property
    def kind(self) -> str:
        """What the task's features are."""
        return self.prepared.task.kind

    @property
    def classes(self) -> tuple[str, ...]:
        """The task's classes; none for a regression."""
        return self.prepared.task.classes

    @cached_property
    def X(self) -> Any:
        """The features. A split's published protocol is not applied: it transforms rows and makes none the same."""
        return self.prepared.X()

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Rows that have a target (n,)."""
        found: NDArray[np.bool_] = self.prepared.rows[splits.TARGET].notna().to_numpy()
        return found

    @cached_property
    def y(self) -> NDArray[np.float64]:
        """The target: codes into the classes, or for a regression its rank from 0 to 1, in which every monotone copy is the same; 0 where there is none.

        Of several columns it is the mean of their ranks.
        """
        y = self.prepared.rows[splits.TARGET]
        if self.classes:
            return np.maximum(pd.Index(self.classes).get_indexer(pd.Index(y)), 0).astype(np.float64)
        if self.prepared.task.outputs:
            columns = pd.DataFrame(outputs.unpack(y, self.prepared.task.outputs))
            return np.asarray(columns.rank(pct=True).mean(axis=1).fillna(0.0), dtype=np.float64)
        return np.asarray(y.rank(pct=True).fillna(0.0), dtype=np.float64)

    @cached_property
    def texts(self) -> Texts:
        """The prose of a dataset that has it."""
        return Texts.of(self.X["text"])

    @property
    def reads(self) -> bool:
        """Whether there is prose: a dataset of text may come without it, or without a word in it."""
        return self.kind == "text" and "text" in self.X and len(self.texts.vocabulary) > 0

    @cached_property
    def windows(self) -> Windows:
        """The rows of a design."""
        self.tell(f"Looking at {len(self.X):,} windows.")
        return Windows.of(self.X, self.prepared.rows[splits.TARGET].to_numpy(dtype=np.float64))

    def named(self, at: int) -> str:
        """Return a row's id as people know it."""
        row = self.prepared.rows.index[at]
        return str(self.prepared.original_ids.get(row, row))

    def some(self, kin: NDArray[np.intp]) -> str:
        """Return up to three test rows with their kin in train (m, 2), for people."""
        return "; ".join(f"test {self.named(a)} and train {self.named(b)}" for a, b in kin[:3].tolist())
