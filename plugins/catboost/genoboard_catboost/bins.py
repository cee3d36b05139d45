"""CatBoostBins: boosted symmetric trees on openness by distance, beside the means of gene and cell; imported by the worker alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from catboost import CatBoostRegressor, Pool
from numpy.typing import NDArray

from genoboard_sklearn.boosting import BoostedBins

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

PATIENCE = 30


class CatBoostBins(BoostedBins):
    """`catboost.CatBoostRegressor` by its own parameter names, but for two.

    Parameters
    ----------
    inner : parts of whole groups, by which the number of trees is chosen and means are kept from the rows that they are of.
    rows : trees are grown on so many rows at most, drawn at random; means are of all.
    """

    def __init__(
        self,
        iterations: int = 500,
        learning_rate: float = 0.1,
        depth: int = 6,
        l2_leaf_reg: float = 10.0,
        rsm: float = 0.5,
        inner: int = 5,
        rows: int = 1_000_000,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.depth = depth
        self.l2_leaf_reg = l2_leaf_reg
        self.rsm = rsm
        self.inner = inner
        self.rows = rows
        self.random_state = random_state
        self.n_jobs = n_jobs

    def grow(self, features: Matrix, target: Floats, trees: int | None, asked: tuple[Matrix, Floats] | None = None) -> tuple[Any, Floats]:
        """Return CatBoost's model and its errors; see `BoostedBins`."""
        settings: dict[str, Any] = {} if asked is None else {"early_stopping_rounds": PATIENCE, "use_best_model": False}
        # CatBoost samples columns on the CPU only
        settings |= {"task_type": "GPU"} if self.device_ == "cuda" else {"rsm": self.rsm}
        model = CatBoostRegressor(
            loss_function="RMSE",
            iterations=trees or self.iterations,
            learning_rate=self.learning_rate,
            depth=self.depth,
            l2_leaf_reg=self.l2_leaf_reg,
            # trees add to the baseline, and none of them is the baseline itself
            boost_from_average=False,
            random_seed=self.random_state,
            thread_count=self.n_jobs,
            allow_writing_files=False,
            verbose=False,
            **settings,
        )
        model.fit(Pool(features, target), eval_set=None if asked is None else Pool(*asked))
        part = "learn" if asked is None else "validation"
        return model, np.square(model.get_evals_result()[part]["RMSE"])

    def answer(self, model: Any, features: Matrix) -> Floats:
        """Return CatBoost's predictions (n,)."""
        return np.asarray(model.predict(features, thread_count=self.n_jobs), dtype=np.float64)

    def importance(self, model: Any) -> Floats:
        """Return the change of a prediction when a column changes (f,)."""
        return np.asarray(model.get_feature_importance(), dtype=np.float64)
