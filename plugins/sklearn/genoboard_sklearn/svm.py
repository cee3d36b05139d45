"""CalibratedSVM: one-vs-rest support vector machines whose scores become probabilities out of fold."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC


class CalibratedSVM(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """SVMs fitted on all rows, and a logistic regression that reads their scores, fitted on out-of-fold scores.

    `SVC(probability=True)` is deprecated, and `CalibratedClassifierCV` refuses a class with fewer rows than folds. Here each
    class is dealt to the folds in turn, as far as it goes; a class of one row stays in every training part.

    Parameters
    ----------
    C, kernel, gamma, class_weight : as of `sklearn.svm.SVC`.
    folds : into how many parts the rows are dealt for the calibration.
    random_state : decides which row goes to which part.
    """

    def __init__(
        self,
        C: float = 10.0,
        kernel: str = "rbf",
        gamma: float | str = 0.2,
        class_weight: str | None = None,
        folds: int = 5,
        random_state: int | None = None,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.class_weight = class_weight
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit on (n, m) `X` and (n,) labels `y`."""
        values, labels = np.asarray(X), np.asarray(y)
        self.classes_ = np.unique(labels)
        machine = OneVsRestClassifier(SVC(C=self.C, kernel=self.kernel, gamma=self.gamma, class_weight=self.class_weight))
        self.machine_ = clone(machine).fit(values, labels)
        scores = self._scores(self.machine_, values)
        dealt = self._deal(labels)
        for fold in range(self.folds):
            out = dealt == fold
            if out.any():
                scores[out] = self._scores(clone(machine).fit(values[~out], labels[~out]), values[out])
        self.calibrator_ = LogisticRegression(max_iter=1000).fit(scores, labels)
        return self

    def _deal(self, labels: NDArray[Any]) -> NDArray[np.intp]:
        """Return each row's fold; -1 for the only row of a class."""
        dealt = np.empty(len(labels), dtype=np.intp)
        shuffle = np.random.default_rng(self.random_state).permutation
        for first, label in enumerate(self.classes_):
            rows = shuffle(np.flatnonzero(labels == label))
            dealt[rows] = (first + np.arange(len(rows))) % self.folds if len(rows) > 1 else -1
        return dealt

    @staticmethod
    def _scores(machine: OneVsRestClassifier, X: NDArray[Any]) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = machine.decision_function(X).reshape(len(X), -1)
        return scores

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        probability: NDArray[np.float64] = self.calibrator_.predict_proba(self._scores(self.machine_, np.asarray(X)))
        return probability

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return (n,) the most probable label."""
        labels: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels
