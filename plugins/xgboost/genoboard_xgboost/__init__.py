"""genoboard-xgboost: the card of its model; XGBoost itself is imported when the model is run."""

from __future__ import annotations

from collections.abc import Iterable

from genoboard import ModelSpec, hookimpl


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Return the card of ``xgboost``."""
    return [
        ModelSpec(
            "xgboost",
            "genoboard_xgboost.models:XGBoost",
            "gradient-boosted trees of XGBoost, histogram method, shallow and many",
            {
                "n_estimators": 500,
                "learning_rate": 0.05,
                "max_depth": 3,
                "min_child_weight": 0.3,
                "subsample": 0.6,
                "colsample_bytree": 0.3,
                "reg_lambda": 1.0,
                "max_bin": 64,
                "top": 2000,
            },
        )
    ]
