"""genoboard-catboost: the card of its model; CatBoost itself is imported when the model is run."""

from __future__ import annotations

from collections.abc import Iterable

from genoboard import ModelSpec, hookimpl


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Return the card of ``catboost``."""
    return [
        ModelSpec(
            "catboost",
            "genoboard_catboost.models:CatBoost",
            "gradient-boosted symmetric trees of CatBoost, shallow and many",
            {"iterations": 700, "learning_rate": 0.15, "depth": 3, "l2_leaf_reg": 1.0, "rsm": 0.15, "top": 2000},
        )
    ]
