"""XGBoostBins: boosted trees on openness by distance, beside the means of gene and cell; imported by the worker alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from genoboard_sklearn.boosting import BoostedBins

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

PATIENCE = 30


class XGBoostBins(BoostedBins):
    """XGBoost's histogram trees by its own parameter names, but for two.

    Parameters
    ----------
    inner : parts of whole groups, by which the number of trees is chosen and means are kept from the rows that they are of.
    rows : trees are grown on so many rows at most, drawn at random; means are of all.
    """

    def __init__(
        self,
        n_estimators: int = 400,
        learning_rate: float = 0.08,
        max_depth: int = 6,
        min_child_weight: float = 50.0,
        subsample: float = 0.7,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 10.0,
        inner: int = 5,
        rows: int = 1_000_000,
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
        self.rows = rows
        self.random_state = random_state
        self.n_jobs = n_jobs

    def grow(self, features: Matrix, target: Floats, trees: int | None, asked: tuple[Matrix, Floats] | None = None) -> tuple[Any, Floats]:
        """Return a booster and its errors; see `BoostedBins`."""
        own = ("learning_rate", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "reg_lambda")
        settings = {
            **{name: getattr(self, name) for name in own},
            "tree_method": "hist",
            "base_score": 0.0,
            "device": self.device_,
            "seed": self.random_state,
            "nthread": self.n_jobs,
        }
        data = xgb.QuantileDMatrix(features, target, nthread=self.n_jobs)
        watched = data if asked is None else xgb.QuantileDMatrix(*asked, ref=data, nthread=self.n_jobs)
        seen: dict[str, dict[str, list[float]]] = {}
        model = xgb.train(
            settings,
            data,
            trees or self.n_estimators,
            evals=[(watched, "watched")],
            evals_result=seen,
            early_stopping_rounds=PATIENCE if asked else None,
            verbose_eval=False,
        )
        return model, np.square(seen["watched"]["rmse"])

    def answer(self, model: Any, features: Matrix) -> Floats:
        """Return the booster's predictions (n,)."""
        return np.asarray(model.inplace_predict(features), dtype=np.float64)

    def importance(self, model: Any) -> Floats:
        """Return the gain of all splits on each column (f,)."""
        gain = model.get_score(importance_type="total_gain")
        return np.array([gain.get(f"f{i}", 0.0) for i in range(len(self.names_))])
