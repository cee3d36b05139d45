"""BoostedBins: what boosted trees of any library share on binned openness: features, baseline, and how many trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from genoboard import Design

from .distances import Known, near_and_far, out_of_part
from .folds import dealt

if TYPE_CHECKING:
    from genoboard import RunContext

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Matrix = NDArray[np.float32]
Rows = NDArray[np.intp]

SPREAD = 1e-9


class BoostedBins(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Trees on what the means of a row's gene and cell leave unexplained.

    The means, and all that is made of labels, come from rows of other groups of the split: where a gene is always new, nothing is known
    of it, in training as in test, and the trees see openness alone. The number of trees, perhaps none, is the one at which the error of
    inner folds is least.

    A subclass has the parameters `inner`, `rows`, `random_state` and `n_jobs`, and grows the trees.
    """

    inner: int
    rows: int
    random_state: int
    n_jobs: int

    def grow(self, features: Matrix, target: Floats, trees: int | None, asked: tuple[Matrix, Floats] | None = None) -> tuple[Any, Floats]:
        """Return a model of so many trees, or as many as help on `asked`, and the mean squared error there, or else in training, after each tree."""
        raise NotImplementedError

    def answer(self, model: Any, features: Matrix) -> Floats:
        """Return the model's predictions (n,)."""
        raise NotImplementedError

    def importance(self, model: Any) -> Floats:
        """Return the importance of every column (f,)."""
        raise NotImplementedError

    def fit(self, X: Design, y: Floats, groups: Codes | None = None, run: RunContext | None = None) -> Self:
        """Fit on a design (n, p) and (n,) `y`; `run` is told both errors of every tenth tree."""
        self.device_ = run.device if run else "cpu"
        part = dealt(np.arange(len(y)) if groups is None else groups, self.inner, self.random_state)
        values, names = near_and_far(X)
        every = np.arange(len(y))
        told = out_of_part(X, values, y, part, every)
        features = np.hstack([values, told.features])
        # of a gene that is always new nothing is ever known
        self.kept_ = np.flatnonzero(~np.isnan(features).all(axis=0))
        self.names_ = np.array([*names, *Known.names(names)])[self.kept_]
        validation = self._choose(X, values, y, part)
        some = self._sample(every)
        self.model_, training = None, np.zeros(0)
        if self.n_trees_:
            self.model_, training = self.grow(features[np.ix_(some, self.kept_)], (y - told.baseline)[some], self.n_trees_)
        self.known_ = Known().fit(X, values, y, every)
        if run:
            for step in range(0, self.n_trees_, 10):
                run.log(step, valid_mse=validation[step + 1], train_mse=training[step])
        return self

    def predict(self, X: Design) -> Floats:
        """Return (n,)."""
        values, _ = near_and_far(X)
        told = self.known_.tell(X, values, np.arange(len(X)))
        if self.model_ is None:
            return told.baseline
        answer: Floats = told.baseline + self.answer(self.model_, np.hstack([values, told.features])[:, self.kept_])
        return answer

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``importances``: feature, importance, as a share of the whole; descending."""
        importance = np.zeros(len(self.names_)) if self.model_ is None else self.importance(self.model_)
        table = pd.DataFrame({"feature": self.names_, "importance": importance / max(float(importance.sum()), 1e-12)})
        return {"importances": table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)}

    def _choose(self, X: Design, values: Matrix, y: Floats, part: Codes) -> Floats:
        """Choose the number of trees by holding out every part; return the error after each tree, that without any tree first."""
        curves: list[tuple[int, Floats]] = []
        for k in np.unique(part) if part.max() else ():
            train, held = self._sample(np.flatnonzero(part != k)), self._sample(np.flatnonzero(part == k))
            everyone = np.flatnonzero(part != k)
            seen = Known().fit(X, values, y, everyone).tell(X, values, held)
            told = out_of_part(X, values, y, part, everyone)
            at = np.searchsorted(everyone, train)
            known = np.hstack([values[train], told.features[at]])[:, self.kept_]
            asked = np.hstack([values[held], seen.features])[:, self.kept_]
            rest = y[held] - seen.baseline
            target = y[train] - told.baseline[at]
            # libraries refuse a target without spread
            curve = self.grow(known, target, None, (asked, rest))[1] if np.ptp(target) > SPREAD else np.zeros(0)
            curves.append((int((part == k).sum()), np.concatenate([[np.mean(rest**2)], curve])))
        if not curves:
            self.n_trees_ = 0
            return np.zeros(1)
        longest = max(len(curve) for _, curve in curves)
        padded = [n * np.pad(curve, (0, longest - len(curve)), mode="edge") for n, curve in curves]
        whole: Floats = np.sum(padded, axis=0) / len(y)
        self.n_trees_ = int(whole.argmin())
        return whole

    def _sample(self, rows: Rows) -> Rows:
        """Return these rows, or as many of them, at random, as trees are grown on at most."""
        if len(rows) <= self.rows:
            return rows
        return np.sort(np.random.default_rng(self.random_state).choice(rows, self.rows, replace=False))
