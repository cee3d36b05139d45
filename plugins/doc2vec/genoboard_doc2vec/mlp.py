"""Doc2VecMLP: the network on the recipe's features; imported by the worker alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_sklearn.folds import inner

from .network import Network, Shape
from .recipe import Fields, Floats, Recipe, Rows

if TYPE_CHECKING:
    from genoboard import RunContext

INNER_FOLDS = 5


@dataclass(repr=False, eq=False)
class Doc2VecMLP(Recipe):
    """The network on the recipe's features.

    Parameters
    ----------
    hidden, dropout, l2, learning_rate, batch_size : of `Shape`.
    epochs : how many, or None: as many as serve an inner fold best, one fifth of the groups; then all rows are learnt for so many.
    max_epochs, patience : the inner fold's training ends here, or when its loss has not fallen for so many epochs.
    """

    hidden: tuple[int, ...] = (350, 350, 100)
    dropout: tuple[float, ...] = (0.3, 0.5)
    l2: float = 0.01
    learning_rate: float = 1e-4
    batch_size: int = 64
    epochs: int | None = None
    max_epochs: int = 200
    patience: int = 20

    def _learn(self, rows: Rows, run: RunContext | None) -> None:
        self.curve_: list[dict[str, float]] = []
        shape = Shape(
            self.hidden,
            self.dropout,
            self.l2,
            self.learning_rate,
            self.batch_size,
            self.random_state,
            self.n_jobs,
            run.device if run else "cpu",
        )
        epochs = self.epochs or self._epochs(shape, rows, run)

        def note(epoch: int, train: float, _: float | None) -> bool:
            self._note(run, epoch, all_rows_loss=train)
            return False

        self.network_ = Network(shape, len(self.classes_)).fit(self._features(rows.X, rows.vectors), rows.code, epochs, note)

    def _epochs(self, shape: Shape, rows: Rows, run: RunContext | None) -> int:
        """Return the epoch at which the loss on an inner fold, which shares no group with the rows learnt from, is least."""
        dealt = inner_fold(rows, self.random_state)
        if dealt is None:
            return self.max_epochs
        train, valid = dealt
        # axes of genes that only the watched rows have would be unlike anything that a test row brings
        fields = Fields(self.components, self.random_state).fit(rows.X.iloc[train])
        inner, watched = (self._features(rows.X.iloc[at], rows.vectors[at], fields) for at in (train, valid))
        losses: list[float] = []

        def watch(epoch: int, train_loss: float, valid_loss: float | None) -> bool:
            assert valid_loss is not None
            losses.append(valid_loss)
            self._note(run, epoch, train_loss=train_loss, valid_loss=valid_loss)
            return epoch - int(np.argmin(losses)) > self.patience

        Network(shape, len(self.classes_)).fit(inner, rows.code[train], self.max_epochs, watch, (watched, rows.code[valid]))
        return int(np.argmin(losses)) + 1

    def _note(self, run: RunContext | None, epoch: int, **losses: float) -> None:
        self.curve_.append({"epoch": epoch, **losses})
        if run:
            run.log(epoch, **losses)

    def _answer(self, values: Floats) -> NDArray[np.float64]:
        return self.network_.predict_proba(values)

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``curve``: epoch, and the losses on the inner fold's two sides and on all rows."""
        return {"curve": pd.DataFrame(self.curve_).groupby("epoch", as_index=False).first()}


def inner_fold(rows: Rows, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return the rows to learn from and those to watch, some fifth of all, of all classes alike; None where all share one group."""
    dealt = inner(rows.code, rows.groups, INNER_FOLDS, seed)
    # a few large groups make one fold large and unlike the others
    return min(dealt, key=lambda fold: abs(len(fold[1]) - len(rows.code) / len(dealt)), default=None)
