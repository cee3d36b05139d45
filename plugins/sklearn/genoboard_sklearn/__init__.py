"""genoboard-sklearn: the cards of its models; what they need is imported when one is run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from genoboard import ModelSpec, hookimpl

MODELS = "genoboard_sklearn.models:"
TEXT = "genoboard_sklearn.text:"
LINEAR = "genoboard_sklearn.linear:"


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Return one card per function in `models` and `linear`, and per class in `text`."""
    forest = {"min_samples_leaf": 1, "class_weight": None, "expressed_in": 0.05, "top": 1000}
    path = {"alpha": None, "n_alphas": 100, "eps": 1e-3, "folds": 5, "rule": "min", "standardise": True, "top": 5000}
    linear: dict[str, Any] = {"kinds": ("bins", "tabular"), "targets": ("regression",)}
    return [
        ModelSpec(
            "logistic-regression",
            MODELS + "logistic_regression",
            "multinomial logistic regression, L2 penalty, scaled genes",
            {"C": 20.0, "class_weight": None, "max_iter": 1000, "power": 0.25, "expressed_in": 0.05, "top": 5000},
        ),
        ModelSpec(
            "random-forest",
            MODELS + "random_forest",
            "random forest on the most variable genes",
            {"n_estimators": 300, "max_features": 0.2, **forest},
        ),
        ModelSpec(
            "extra-trees",
            MODELS + "extra_trees",
            "extremely randomised trees on the most variable genes",
            {"n_estimators": 500, "max_features": 0.4, **forest},
        ),
        ModelSpec(
            "hist-gradient-boosting",
            MODELS + "hist_gradient_boosting",
            "histogram gradient boosting on the most variable genes",
            {
                "learning_rate": 0.1,
                "max_iter": 150,
                "max_leaf_nodes": 6,
                "min_samples_leaf": 5,
                "max_features": 0.2,
                "l2_regularization": 1.0,
                "expressed_in": 0.05,
                "top": 300,
            },
        ),
        ModelSpec(
            "knn",
            MODELS + "knn",
            "nearest neighbours among linear discriminants of principal components",
            {
                "n_neighbors": 20,
                "weights": "uniform",
                "n_components": 100,
                "shrinkage": 0.1,
                "power": 0.25,
                "expressed_in": 0.05,
                "top": 5000,
            },
        ),
        ModelSpec(
            "svm",
            MODELS + "svm",
            "one-vs-rest support vector machines on principal components, calibrated out of fold",
            {
                "C": 10.0,
                "gamma": 0.2,
                "kernel": "rbf",
                "class_weight": None,
                "n_components": 200,
                "power": 0.25,
                "expressed_in": 0.05,
                "top": 5000,
            },
        ),
        ModelSpec(
            "soft-vote",
            MODELS + "soft_vote",
            "mean probability of logistic-regression, svm and hist-gradient-boosting",
            {"weights": None},
        ),
        ModelSpec(
            "variant-features",
            TEXT + "VariantFeatures",
            "multinomial logistic regression on what gene and name say of a variant, calibrated on grouped inner folds",
            {"C": (0.1, 0.3, 1.0), "balance": 0.0, "folds": 4},
            kinds=("text",),
            columns=("gene", "variation"),
        ),
        ModelSpec(
            "tfidf-logistic",
            TEXT + "TfidfLogistic",
            "multinomial logistic regression on tf-idf of variant-centred windows and on variant features, calibrated on grouped inner folds",
            {"words": 300, "mask_gene": False, "C": (5.0, 15.0, 50.0), "balance": 1.0, "axes": 800, "variant_weight": 0.17, "folds": 4},
            kinds=("text",),
            columns=("gene", "variation", "text"),
        ),
        ModelSpec(
            "lasso",
            LINEAR + "lasso",
            "scikit-learn's lasso along its whole path, from second moments; the penalty by inner folds",
            path,
            **linear,
        ),
        ModelSpec(
            "elastic-net",
            LINEAR + "elastic_net",
            "scikit-learn's elastic net along its whole path, from second moments; the penalty by inner folds",
            {"l1_ratio": 0.5, **path},
            **linear,
        ),
        ModelSpec(
            "ridge", LINEAR + "ridge", "ridge regression, from second moments; the penalty by inner folds", {**path, "eps": 1e-7}, **linear
        ),
        ModelSpec(
            "ridge-deviations",
            "genoboard_sklearn.deviations:RidgeDeviations",
            "means of a row's gene and cell, and ridge on how its openness differs from the gene's mean",
            {k: v for k, v in path.items() if k != "top"} | {"eps": 1e-7},
            kinds=("bins",),
            targets=("regression",),
        ),
    ]
