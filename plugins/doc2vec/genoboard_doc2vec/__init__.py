"""genoboard-doc2vec: the cards of its models; gensim, XGBoost and torch are imported when one is run."""

from __future__ import annotations

from collections.abc import Iterable

from genoboard import ModelSpec, hookimpl

READING = {
    "vector_size": 300,
    "window": 5,
    "min_count": 1,
    "sample": 1e-4,
    "negative": 5,
    "passes": 20,
    "words": 3000,
    "components": 25,
}
TREES = {"eta": 0.2, "max_depth": 4, "rounds": 50}
NETWORK = {
    "hidden": (350, 350, 100),
    "dropout": (0.3, 0.5),
    "l2": 0.01,
    "learning_rate": 1e-4,
    "batch_size": 64,
    "epochs": None,
    "max_epochs": 200,
    "patience": 20,
}
READS = "doc2vec of the text and truncated SVD of gene and variation"


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Return the cards of the recipe's two models and of their blend."""
    models = (
        ("doc2vec-xgboost", "trees:Doc2VecXGBoost", f"{READS}, read by shallow boosted trees", TREES),
        ("doc2vec-mlp", "mlp:Doc2VecMLP", f"{READS}, read by a network of three hidden layers", NETWORK),
        ("doc2vec-blend", "blend:Doc2VecBlend", f"{READS}, read by both; a quarter network", {**NETWORK, **TREES, "share": 0.25}),
    )
    return [
        ModelSpec(
            name,
            f"genoboard_doc2vec.{target}",
            summary,
            {**READING, **parameters},
            kinds=("text",),
            columns=("gene", "variation", "text"),
        )
        for name, target, summary, parameters in models
    ]
