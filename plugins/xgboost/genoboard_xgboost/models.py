"""XGBoost: gradient-boosted trees on the most variable genes; imported by the worker alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from xgboost import XGBClassifier
from xgboost.callback import TrainingCallback

if TYPE_CHECKING:
    from genoboard import RunContext


class XGBoost(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """`xgboost.XGBClassifier` by its own parameter names, but for one.

    Parameters
    ----------
    top : how many genes are used, the most variable ones of the training rows; the time goes with their number.
    """

    def __init__(
        self,
        n_estimators: int = 500,
        learning_rate: float = 0.05,
        max_depth: int = 3,
        min_child_weight: float = 0.3,
        subsample: float = 0.6,
        colsample_bytree: float = 0.3,
        reg_lambda: float = 1.0,
        max_bin: int = 64,
        top: int = 2000,
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
        self.max_bin = max_bin
        self.top = top
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64], run: RunContext | None = None) -> Self:
        """Fit on (n, p) `X` and (n,) codes 0..k-1; `run` is told the training loss of every tenth round."""
        # as numpy: XGBoost refuses names that hold [, ] or <
        values = X.to_numpy()
        self.kept_ = np.sort(np.argsort(-values.var(axis=0), kind="stable")[: self.top])
        self.genes_ = X.columns[self.kept_]
        values = values[:, self.kept_]
        parameters = self.get_params()
        del parameters["top"]
        self.model_ = XGBClassifier(
            **parameters,
            tree_method="hist",
            device=run.device if run else "cpu",
            callbacks=[Log(run)] if run else None,
        )
        self.model_.fit(values, y, eval_set=[(values, y)] if run else None, verbose=False)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float32]:
        """Return (n, k), in the order of `classes_`."""
        probability: NDArray[np.float32] = self.model_.predict_proba(X.to_numpy()[:, self.kept_])
        return probability

    def predict(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return (n,) the most probable code."""
        codes: NDArray[np.int64] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``importances``: feature, importance (the mean gain of a split on it, as a share); descending."""
        table = pd.DataFrame({"feature": self.genes_, "importance": self.model_.feature_importances_})
        return {"importances": table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)}


class Log(TrainingCallback):
    """Write the training loss of every tenth round to the run's ``metrics.jsonl``."""

    def __init__(self, run: RunContext) -> None:
        self.run = run

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Log, and let the training go on."""
        if epoch % 10 == 0:
            (losses,) = evals_log["validation_0"].values()
            self.run.log(epoch, train_log_loss=losses[-1])
        return False
