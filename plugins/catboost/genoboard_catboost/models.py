"""CatBoost: gradient-boosted symmetric trees on the most variable genes; imported by the worker alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

if TYPE_CHECKING:
    from genoboard import RunContext


class CatBoost(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """`catboost.CatBoostClassifier` by its own parameter names, but for one.

    Parameters
    ----------
    top : how many genes are used, the most variable ones of the training rows; the time goes with their number.
    """

    def __init__(
        self,
        iterations: int = 700,
        learning_rate: float = 0.15,
        depth: int = 3,
        l2_leaf_reg: float = 1.0,
        rsm: float = 0.15,
        top: int = 2000,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.depth = depth
        self.l2_leaf_reg = l2_leaf_reg
        self.rsm = rsm
        self.top = top
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64], run: RunContext | None = None) -> Self:
        """Fit on (n, p) `X` and (n,) codes 0..k-1; `run` is told the training loss of every tenth round."""
        values = X.to_numpy()
        self.kept_ = np.sort(np.argsort(-values.var(axis=0), kind="stable")[: self.top])
        self.genes_ = X.columns[self.kept_]
        self.model_ = CatBoostClassifier(
            loss_function="MultiClass",
            iterations=self.iterations,
            learning_rate=self.learning_rate,
            depth=self.depth,
            l2_leaf_reg=self.l2_leaf_reg,
            random_seed=self.random_state,
            thread_count=self.n_jobs,
            # CatBoost samples columns on the CPU only
            **({"task_type": "GPU"} if run and run.device == "cuda" else {"rsm": self.rsm}),
            allow_writing_files=False,
            verbose=False,
        )
        self.model_.fit(values[:, self.kept_], y)
        self.classes_ = self.model_.classes_
        if run:
            losses = self.model_.get_evals_result()["learn"]["MultiClass"]
            for step in range(0, len(losses), 10):
                run.log(step, train_log_loss=losses[step])
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        probability: NDArray[np.float64] = self.model_.predict_proba(X.to_numpy()[:, self.kept_], thread_count=self.n_jobs)
        return probability

    def predict(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return (n,) the most probable code."""
        codes: NDArray[np.int64] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``importances``: feature, importance (the change of a prediction when it changes, of 100 in all); descending."""
        table = pd.DataFrame({"feature": self.genes_, "importance": self.model_.feature_importances_})
        return {"importances": table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)}
