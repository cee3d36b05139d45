"""The models: each function returns an unfitted scikit-learn pipeline; imported by the worker alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from .genes import Components, GeneFilter, GeneScaler
from .svm import CalibratedSVM


class Explained(Pipeline):  # type: ignore[misc]  # scikit-learn ships no types
    """A pipeline of ``genes``, perhaps ``scale``, and a ``classify`` step that weighs the genes."""

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``importances``: feature, importance; descending.

        A forest's is its mean decrease in impurity; a linear model's the mean over classes of |coefficient| per standard deviation.
        """
        model = self["classify"]
        linear = hasattr(model, "coef_")
        importance = np.abs(model.coef_).mean(axis=0) * self["scale"].spread_ if linear else model.feature_importances_
        table = pd.DataFrame({"feature": self["genes"].genes_, "importance": importance})
        return {"importances": table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)}


class Softmax(LogisticRegression):  # type: ignore[misc]  # likewise
    """Multinomial logistic regression without the deprecated `n_jobs`, of which scikit-learn warns whenever it is set."""

    def __init__(self, C: float = 1.0, tol: float = 1e-4, max_iter: int = 1000, class_weight: str | None = None) -> None:
        super().__init__(C=C, tol=tol, max_iter=max_iter, class_weight=class_weight)


def logistic_regression(
    C: float = 20.0, class_weight: str | None = None, max_iter: int = 1000, power: float = 0.25, expressed_in: float = 0.05, top: int = 5000
) -> Pipeline:
    """Return a multinomial logistic regression with an L2 penalty on scaled genes."""
    model = Softmax(C=C, class_weight=class_weight, max_iter=max_iter)
    return Explained([("genes", GeneFilter(expressed_in, top)), ("scale", GeneScaler(power)), ("classify", model)])


def random_forest(
    n_estimators: int = 300,
    max_features: float | str = 0.2,
    min_samples_leaf: int = 1,
    class_weight: str | None = None,
    expressed_in: float = 0.05,
    top: int = 1000,
) -> Pipeline:
    """Return a random forest on the most variable genes."""
    model = RandomForestClassifier(n_estimators, max_features=max_features, min_samples_leaf=min_samples_leaf, class_weight=class_weight)
    return Explained([("genes", GeneFilter(expressed_in, top)), ("classify", model)])


def extra_trees(
    n_estimators: int = 500,
    max_features: float | str = 0.4,
    min_samples_leaf: int = 1,
    class_weight: str | None = None,
    expressed_in: float = 0.05,
    top: int = 1000,
) -> Pipeline:
    """Return extremely randomised trees on the most variable genes."""
    model = ExtraTreesClassifier(n_estimators, max_features=max_features, min_samples_leaf=min_samples_leaf, class_weight=class_weight)
    return Explained([("genes", GeneFilter(expressed_in, top)), ("classify", model)])


def hist_gradient_boosting(
    learning_rate: float = 0.1,
    max_iter: int = 150,
    max_leaf_nodes: int = 6,
    min_samples_leaf: int = 5,
    max_features: float = 0.2,
    l2_regularization: float = 1.0,
    expressed_in: float = 0.05,
    top: int = 300,
) -> Pipeline:
    """Return histogram gradient boosting on the most variable genes."""
    model = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=max_iter,
        max_leaf_nodes=max_leaf_nodes,
        min_samples_leaf=min_samples_leaf,
        max_features=max_features,
        l2_regularization=l2_regularization,
        early_stopping=False,
    )
    return Pipeline([("genes", GeneFilter(expressed_in, top)), ("classify", model)])


def knn(
    n_neighbors: int = 20,
    weights: str = "uniform",
    n_components: int = 100,
    shrinkage: float = 0.1,
    power: float = 0.25,
    expressed_in: float = 0.05,
    top: int = 5000,
) -> Pipeline:
    """Return nearest neighbours among linear discriminants of the principal components."""
    return Pipeline(
        [
            ("genes", GeneFilter(expressed_in, top)),
            ("scale", GeneScaler(power)),
            ("reduce", Components(n_components)),
            ("discriminate", LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage)),
            ("classify", KNeighborsClassifier(n_neighbors, weights=weights)),
        ]
    )


def svm(
    C: float = 10.0,
    gamma: float | str = 0.2,
    kernel: str = "rbf",
    class_weight: str | None = None,
    n_components: int = 200,
    power: float = 0.25,
    expressed_in: float = 0.05,
    top: int = 5000,
) -> Pipeline:
    """Return calibrated one-vs-rest support vector machines on principal components."""
    return Pipeline(
        [
            ("genes", GeneFilter(expressed_in, top)),
            ("scale", GeneScaler(power)),
            ("reduce", Components(n_components)),
            ("classify", CalibratedSVM(C=C, gamma=gamma, kernel=kernel, class_weight=class_weight)),
        ]
    )


def soft_vote(weights: list[float] | None = None) -> VotingClassifier:
    """Return the mean probability, perhaps weighted, of a linear, a kernel and a tree model: they err on different rows."""
    members = [("linear", logistic_regression()), ("kernel", svm()), ("trees", hist_gradient_boosting())]
    return VotingClassifier(members, voting="soft", weights=weights)
