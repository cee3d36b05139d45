"""genoboard-xgboost: the cards of its models; XGBoost itself is imported when one is run."""

from __future__ import annotations

from collections.abc import Iterable

from genoboard import ModelSpec, hookimpl


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Return the cards of ``xgboost``, ``xgboost-text`` and ``xgboost-bins``."""
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
        ),
        ModelSpec(
            "xgboost-text",
            "genoboard_xgboost.text:XGBoostText",
            "trees of XGBoost on a variant's name, the classes of its gene and neighbours, and the words around it",
            {
                "n_estimators": 600,
                "learning_rate": 0.06,
                "max_depth": 4,
                "min_child_weight": 3.0,
                "subsample": 0.7,
                "colsample_bytree": 0.4,
                "reg_lambda": 1.0,
                "inner": 4,
                "words": 300,
                "components": 100,
                "alpha": 1.0,
            },
            kinds=("text",),
            targets=("multiclass",),
            columns=("gene", "variation"),
        ),
        ModelSpec(
            "xgboost-bins",
            "genoboard_xgboost.bins:XGBoostBins",
            "trees of XGBoost on openness by distance, on what the means of a row's gene and cell leave",
            {
                "n_estimators": 400,
                "learning_rate": 0.08,
                "max_depth": 6,
                "min_child_weight": 50.0,
                "subsample": 0.7,
                "colsample_bytree": 0.5,
                "reg_lambda": 10.0,
                "inner": 5,
                "rows": 1_000_000,
            },
            kinds=("bins",),
            targets=("regression",),
        ),
    ]
