"""XGBoostText: boosted trees on variants' names, their relatives' classes and the words around them; imported by the worker alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from genoboard_sklearn.temper import fit_temper, tempered
from genoboard_sklearn.variants import describe

from .prose import Prose
from .shares import Shares, keys

if TYPE_CHECKING:
    from genoboard import RunContext

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

PATIENCE = 40
# into how many parts rows are dealt, so that what labels tell of a row comes from the others
PARTS = 6
FEW = 3


class XGBoostText(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Boosted trees for rows of a gene, a variation and, where there is one, a text.

    What labels tell before the trees see it (class shares, linear scores of words) is made out of fold, by the groups of the split:
    where a gene is always new its share is the prior, in training as it will be in test. The number of trees is the one at which the
    loss of inner folds is least; the trees are then grown again on all rows. The inner folds' probabilities also fit how much to temper.

    Parameters
    ----------
    n_estimators : rounds at most.
    inner : folds that choose how many.
    words : length of the window of the text, around the variant.
    components : into how many the tf-idf of words and characters is reduced.
    alpha : the penalty of the linear scores.

    The others are XGBoost's own, by its names.
    """

    def __init__(
        self,
        n_estimators: int = 600,
        learning_rate: float = 0.06,
        max_depth: int = 4,
        min_child_weight: float = 3.0,
        subsample: float = 0.7,
        colsample_bytree: float = 0.4,
        reg_lambda: float = 1.0,
        inner: int = 4,
        words: int = 300,
        components: int = 100,
        alpha: float = 1.0,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.inner = inner
        self.words = words
        self.components = components
        self.alpha = alpha
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: pd.DataFrame, y: Codes, groups: Codes | None = None, run: RunContext | None = None) -> Self:
        """Fit on (n, c) str `X` and (n,) codes 0..k-1; `run` is told the losses of every tenth round: of inner folds, and of training."""
        self.classes_ = np.arange(int(y.max()) + 1)
        self.prior_ = np.bincount(y) / len(y)
        self.device_ = run.device if run else "cpu"
        groups = np.arange(len(y)) if groups is None else groups
        described = describe(X)
        self.variants_ = Variants().fit(described)
        self.prose_ = Prose(self.words, self.components, self.random_state).fit(X) if "text" in X else None
        rows = self._rows(X, described)
        validation = self._choose(rows, y, groups)
        self.told_ = Told(self.prior_, self.alpha).fit(rows, y)
        features = np.hstack([rows.plain, out_of_fold(self.told_, rows, y, groups)])
        training: dict[str, dict[str, list[float]]] = {}
        data = xgb.DMatrix(features, y)
        watched: list[tuple[xgb.DMatrix, str]] = [(data, "training")] if run else []
        self.model_ = xgb.train(self._settings(), data, self.n_rounds_, evals=watched, evals_result=training, verbose_eval=False)
        names = list(run.classes) if run and run.classes else [f"class {c}" for c in self.classes_]
        self.features_ = [*self.variants_.names, *self._components(), *self.told_.names(names)]
        if run:
            for step in range(0, self.n_rounds_, 10):
                run.log(step, validation_log_loss=validation[step], train_log_loss=training["training"]["mlogloss"][step])
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Return (n, k), in the order of `classes_`."""
        rows = self._rows(X, describe(X))
        raw = self.model_.predict(xgb.DMatrix(np.hstack([rows.plain, self.told_.transform(rows)])), output_margin=True)
        return tempered(raw.astype(np.float64), self.prior_, self.temper_)

    def predict(self, X: pd.DataFrame) -> Codes:
        """Return (n,) the most probable code."""
        codes: Codes = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``importances``: feature, importance (the gain of all splits on it, as a share of the whole); descending."""
        gain = self.model_.get_score(importance_type="total_gain")
        table = pd.DataFrame({"feature": self.features_, "importance": [gain.get(f"f{i}", 0.0) for i in range(len(self.features_))]})
        table["importance"] /= max(table["importance"].sum(), 1e-12)
        return {"importances": table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)}

    def _choose(self, rows: Rows, y: Codes, groups: Codes) -> Floats:
        """Choose the number of rounds and how to temper by inner folds; return the loss of every round, over all rows."""
        losses = np.zeros(self.n_estimators)
        fitted = []
        for train, test in parts(groups, self.inner):
            told = Told(self.prior_, self.alpha).fit(rows[train], y[train])
            known = np.hstack([rows[train].plain, out_of_fold(told, rows[train], y[train], groups[train])])
            asked = xgb.DMatrix(np.hstack([rows[test].plain, told.transform(rows[test])]), y[test])
            seen: dict[str, dict[str, list[float]]] = {}
            model = xgb.train(
                self._settings(),
                xgb.DMatrix(known, y[train]),
                self.n_estimators,
                evals=[(asked, "inner")],
                evals_result=seen,
                early_stopping_rounds=PATIENCE,
                verbose_eval=False,
            )
            curve = np.array(seen["inner"]["mlogloss"])
            losses += np.pad(curve, (0, self.n_estimators - len(curve)), mode="edge") * len(test) / len(y)
            fitted.append((model, asked, test))
        self.n_rounds_ = int(losses.argmin()) + 1
        raw = np.empty((len(y), len(self.classes_)))
        for model, asked, test in fitted:
            rounds = min(self.n_rounds_, model.num_boosted_rounds())
            raw[test] = model.predict(asked, output_margin=True, iteration_range=(0, rounds))
        self.temper_ = fit_temper(raw, y, self.prior_)
        return losses

    def _settings(self) -> dict[str, Any]:
        own = ("learning_rate", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "reg_lambda")
        return {
            **{name: getattr(self, name) for name in own},
            "objective": "multi:softprob",
            "eval_metric": "mlogloss",
            "num_class": len(self.classes_),
            "tree_method": "hist",
            "max_bin": 64,
            "device": self.device_,
            "seed": self.random_state,
            "nthread": self.n_jobs,
        }

    def _rows(self, X: pd.DataFrame, described: pd.DataFrame) -> Rows:
        plain, words = self.variants_.transform(described), None
        if self.prose_ is not None:
            words, components = self.prose_.transform(X)
            plain = np.hstack([plain, components])
        return Rows(keys(X, described), plain, words)

    def _components(self) -> list[str]:
        return [] if self.prose_ is None else [f"text component {i}" for i in range(1, self.prose_.svd_.n_components + 1)]


@dataclass(frozen=True)
class Rows:
    """What is known of rows without their labels: keys that they may share, `plain` columns (n, p), and words (n, terms) if there are any."""

    keys: pd.DataFrame
    plain: Floats
    words: csr_matrix | None

    def __getitem__(self, at: NDArray[np.intp]) -> Rows:
        """Return the rows at these positions."""
        return Rows(self.keys.iloc[at], self.plain[at], None if self.words is None else self.words[at])


class Variants:
    """What `describe` says, as numbers: its numbers as they are, its short texts as one column per value that is not rare."""

    def fit(self, described: pd.DataFrame) -> Self:
        """Learn which values there are."""
        self.numbers_ = described.select_dtypes(["number", "bool"]).columns
        self.values_ = [
            (c, v)
            for c in described.columns.difference([*self.numbers_, "gene"], sort=False)
            for v, n in described[c].value_counts().items()
            if n >= FEW and v
        ]
        return self

    def transform(self, described: pd.DataFrame) -> Floats:
        """Return (n, p); NaN where a name says nothing."""
        numbers = described[self.numbers_].to_numpy(dtype=np.float64)
        return np.column_stack([numbers, *((described[c] == v).to_numpy(dtype=np.float64) for c, v in self.values_)])

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [*self.numbers_, *(f"{c} {v}" for c, v in self.values_)]


class Told:
    """What the labels of some rows tell of others: class shares by key, and linear scores of words."""

    def __init__(self, prior: Floats, alpha: float) -> None:
        self.prior = prior
        self.alpha = alpha

    def fit(self, rows: Rows, y: Codes) -> Self:
        """Learn from `rows` and their classes (n,)."""
        self.shares_ = Shares(self.prior).fit(rows.keys, y)
        # a few steps are enough for a score that trees are going to cut, and act as a penalty
        self.words_ = None if rows.words is None else Ridge(self.alpha, solver="sparse_cg", max_iter=30, tol=1e-3, fit_intercept=False)
        if self.words_ is not None:
            self.words_.fit(rows.words, (np.eye(len(self.prior))[y] - self.prior).astype(np.float32))
        return self

    def transform(self, rows: Rows) -> Floats:
        """Return (n, f) for rows that were not learned from."""
        shares = self.shares_.transform(rows.keys)
        return shares if self.words_ is None else np.hstack([shares, self.words_.predict(rows.words)])

    def names(self, classes: list[str]) -> list[str]:
        """Return the names of the columns."""
        return [*self.shares_.names(classes), *([] if self.words_ is None else (f"words: {c}" for c in classes))]


def out_of_fold(told: Told, rows: Rows, y: Codes, groups: Codes) -> Floats:
    """Return what `told`'s kind tells of each row from rows of other groups (n, f)."""
    pieces = [(test, Told(told.prior, told.alpha).fit(rows[train], y[train]).transform(rows[test])) for train, test in parts(groups, PARTS)]
    order = np.argsort(np.concatenate([test for test, _ in pieces]))
    found: Floats = np.vstack([piece for _, piece in pieces])[order]
    return found


def parts(groups: Codes, most: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return train and test positions of at most so many parts of whole groups; of single rows where there is one group alone."""
    count = len(np.unique(groups))
    kept = groups if count > 1 else np.arange(len(groups))
    return list(GroupKFold(min(most, count if count > 1 else len(groups))).split(kept, groups=kept))
