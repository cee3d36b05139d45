"""MLP: the network as a model, for designs and tables, numbers and classes; imported by the worker alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from genoboard import Design, UsageError

from .network import repeatable, threads
from .rows import At, Rows, rows_of
from .target import Classes, Target, Values
from .training import Note, Plan, Trainer, answers, slopes

if TYPE_CHECKING:
    from genoboard import RunContext

PRECISIONS = ("auto", "float32", "mixed")
WATCHED = 0.1  # share of the rows on which training is stopped
MOST, STEPS, LEAST = 10_000, 32, 32  # rows in a step, steps in an epoch, rows in a step
TRIED = (0.0, 3e-4, 1e-3)  # for l1; large networks do not get off the ground under the last
SHOWN = 2000  # rows whose gradients are averaged


@dataclass(repr=False, eq=False)
class MLP(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A feed-forward network on standardised columns, stopped on an inner fold.

    Parameters
    ----------
    layers : units of the hidden layers, each followed by ReLU; none make it a linear model.
    l1, l2 : the loss, of the standardised target, has l1 * sum |w| + l2 * sum w^2 added, biases left out. l1 None: 0, .0003 or .001, whichever
        serves the inner fold best (0 without one): cells of known genes ask for none, genes never seen for much.
    dropout : share of units left out after every hidden layer.
    learning_rate, betas : of Adam.
    batch_size : rows in a step; None: 10,000, or what makes 32 steps of an epoch, but not less than 32.
    max_epochs : training ends here,
    patience : or when the loss on the inner fold has not fallen for so many epochs.
    early_stopping : whether there is an inner fold, a tenth of the rows in whole groups. Its best epoch's weights stay.
        Else all rows are learnt for `max_epochs`.
    refit : whether all rows are learnt once more, for as many epochs as were best.
    standardise : whether columns are, by the mean and spread of the rows learnt from.
    flat_start : whether the last layer's weights begin at 0, so that learning begins from the mean; else all are Xavier's.
    precision : ``"float32"``; ``"mixed"``, where matrices are multiplied in 16 bits; or ``"auto"``, which is mixed on a GPU.
    """

    layers: Sequence[int] = (256, 128)
    l1: float | None = None
    l2: float = 0.0
    dropout: float = 0.3
    learning_rate: float = 1e-3
    betas: Sequence[float] = (0.9, 0.999)
    batch_size: int | None = None
    max_epochs: int = 300
    patience: int = 10
    early_stopping: bool = True
    refit: bool = False
    standardise: bool = True
    flat_start: bool = True
    precision: str = "auto"
    random_state: int = 0
    n_jobs: int = 1

    def fit(
        self, X: Design | pd.DataFrame, y: NDArray[Any], groups: NDArray[np.int64] | None = None, run: RunContext | None = None
    ) -> Self:
        """Learn a design or table (n, p) and (n,) `y`: float for regression, else codes of classes."""
        self._device = run.device if run else "cpu"
        self._run = run
        self.curve_: list[dict[str, float]] = []
        rows = rows_of(X, self._device)
        every = np.arange(len(rows))
        learnt, watched = inner_fold(len(rows), groups, self.random_state) if self.early_stopping else (every, None)
        with repeatable(self.n_jobs, self._device):
            target = self._target(y, learnt)
            self._search(rows, target, learnt, watched)
            if self.refit and watched is not None:
                target = self._target(y, every)
                trainer = Trainer(self._plan(len(learnt), self.l1_), rows, target)
                self.network_ = trainer.build(every)
                trainer.learn(self.network_, every, self.best_epoch_, self._again)
            self.target_ = target
            asked = every if watched is None else watched
            asked = np.random.default_rng(self.random_state).permutation(asked)[:SHOWN]
            mean, absolute, loss = slopes(self.network_, rows, self.target_, asked)
        of = {"distance": X.distance} if isinstance(X, Design) else {"feature": X.columns}
        self.gradients_ = pd.DataFrame({**of, "gradient": mean, "absolute": absolute, "loss": loss})
        del self._run
        return self

    def predict(self, X: Design | pd.DataFrame) -> NDArray[Any]:
        """Return (n,): values, or the most probable codes."""
        answer = self._answer(X)
        return answer if answer.ndim == 1 else self.classes_[answer.argmax(axis=1)]

    def predict_proba(self, X: Design | pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        return self._answer(X)

    def rows_in_step(self, n: int) -> int:
        """Return how many of `n` rows a step of Adam learns from."""
        return self.batch_size or min(MOST, max(LEAST, n // STEPS))

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``curve`` and ``gradients``.

        ``curve``: epoch, loss on the rows learnt from, on those watched, and there of the best constant (NaN where none are watched),
        and 1 at the best epoch. ``gradients``: for each column, the mean over the watched rows (or a sample of them or, without any, of all) of the
        prediction's derivative, in units of y, and of its absolute value; for classes, of the likeliest one's log-probability; and of the
        absolute derivative of a row's loss: of its squared error, or its cross-entropy.
        """
        return {"curve": pd.DataFrame(self.curve_), "gradients": self.gradients_}

    def _plan(self, n: int, l1: float) -> Plan:
        if self.precision not in PRECISIONS:
            raise UsageError(f"precision is {self.precision!r}. It must be one of {', '.join(PRECISIONS)}.")
        mixed = self.precision == "mixed" or (self.precision == "auto" and self._device == "cuda")
        adam = (self.learning_rate, self.betas, self.rows_in_step(n))
        return Plan(
            self.layers, self.dropout, l1, self.l2, *adam, self.standardise, self.flat_start, mixed, self.random_state, self._device
        )

    def _target(self, y: NDArray[Any], learnt: At) -> Target:
        if np.issubdtype(y.dtype, np.floating):
            return Values(y, learnt, self._device)
        self.classes_, code = np.unique(y, return_inverse=True)
        return Classes(code, len(self.classes_), learnt, self._device)

    def _search(self, rows: Rows, target: Target, learnt: At, watched: At | None) -> None:
        """Train with each l1 that is to be tried, and keep the network that does best on the rows `watched`."""
        self.null_ = float("nan") if watched is None else target.null(watched)
        least = np.inf
        for l1 in [self.l1] if self.l1 is not None else TRIED if watched is not None else TRIED[:1]:
            curve: list[dict[str, float]] = []
            trainer = Trainer(self._plan(len(learnt), l1), rows, target)
            network = trainer.build(learnt)
            best = trainer.learn(network, learnt, self.max_epochs, self._note(curve, target.name, l1), watched, self.patience)
            loss = curve[best - 1][f"valid_{target.name}"] if best else np.inf
            # without watched rows there is one to try; a loss that was never a number leaves the first
            if not self.curve_ or loss < least:
                least = loss
                self.l1_, self.network_, self.best_epoch_ = l1, network, best
                self.curve_ = [{**line, "best": float(line["epoch"] == best)} for line in curve]

    def _note(self, curve: list[dict[str, float]], name: str, l1: float) -> Note:
        """Return what writes an epoch's losses to the curve and to the run's log."""

        def note(epoch: int, train: float, valid: float) -> None:
            losses = {f"train_{name}": train, f"valid_{name}": valid, f"null_{name}": self.null_}
            curve.append({"epoch": epoch, **losses})
            if self._run:
                self._run.log(epoch, **{k: v for k, v in losses.items() if np.isfinite(v)}, l1=l1)

        return note

    def _again(self, epoch: int, train: float, _: float) -> None:
        if self._run:
            self._run.log(epoch, all_rows_loss=train)

    def _answer(self, X: Design | pd.DataFrame) -> NDArray[np.float64]:
        with threads(self.n_jobs):
            return answers(self.network_, rows_of(X, self._device), self.target_)


def inner_fold(n: int, groups: NDArray[np.int64] | None, seed: int) -> tuple[At, At | None]:
    """Return the rows to learn from and those to watch: whole groups in random order, as many as come nearest to a tenth of the rows.

    Where all rows share one group, single rows are watched; where there is but one row, none.
    """
    code = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    if n and code.max() == 0:
        code = np.arange(n)
    if n < 2:
        return np.arange(n), None
    size = np.bincount(code)
    order = np.random.default_rng(seed).permutation(len(size))
    reached = np.cumsum(size[order])[:-1]
    chosen = order[: int(np.argmin(np.abs(reached - WATCHED * n))) + 1]
    watched = np.isin(code, chosen)
    return np.flatnonzero(~watched), np.flatnonzero(watched)
