"""genoboard-catboost: the cards of its models; CatBoost itself is imported when one is run."""

from __future__ import annotations

from collections.abc import Iterable

from genoboard import ModelSpec, hookimpl


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Return the cards of ``catboost``, ``catboost-text`` and ``catboost-bins``."""
    return [
        ModelSpec(
            "catboost",
            "genoboard_catboost.models:CatBoost",
            "gradient-boosted symmetric trees of CatBoost, shallow and many",
            {"iterations": 700, "learning_rate": 0.15, "depth": 3, "l2_leaf_reg": 1.0, "rsm": 0.15, "top": 2000},
        ),
        ModelSpec(
            "catboost-text",
            "genoboard_catboost.text:CatBoostText",
            "trees of CatBoost with its own statistics of categories (gene, kind, residues) and of the words around the variant",
            {
                "iterations": 400,
                "learning_rate": 0.15,
                "depth": 4,
                "l2_leaf_reg": 3.0,
                "rsm": 0.3,
                "inner": 3,
                "words": 300,
            },
            kinds=("text",),
            targets=("multiclass",),
            columns=("gene", "variation"),
        ),
        ModelSpec(
            "catboost-bins",
            "genoboard_catboost.bins:CatBoostBins",
            "symmetric trees of CatBoost on openness by distance, on what the means of a row's gene and cell leave",
            {"iterations": 500, "learning_rate": 0.1, "depth": 6, "l2_leaf_reg": 10.0, "rsm": 0.5, "inner": 5, "rows": 1_000_000},
            kinds=("bins",),
            targets=("regression",),
        ),
    ]
