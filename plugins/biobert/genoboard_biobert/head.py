"""CalibratedSoftmax: how alike rows are -> class probabilities; weights, penalty and temperature are chosen out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import log_softmax, softmax
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from genoboard_sklearn.folds import Folds, inner

from .calibration import cooled

Floats = NDArray[np.float32]

FOLDS = 5
# a feature of each row's own: what makes the products of float32 rows, some of them equal, safe to factorise
OWN = np.float32(3e-3)
# what any two rows share: an intercept that is penalised like every other weight, since classes are not as frequent among groups to
# come as among those seen
SHARED = np.float32(0.05)
# a class that no training row of a fold had
NEVER = -50.0


@dataclass(frozen=True)
class Choice:
    """What is chosen out of fold: the shares of the kinds of likeness, and C, the inverse strength of the L2 penalty."""

    shares: tuple[float, ...]
    C: float

    def mixed(self, kinds: Sequence[Floats]) -> Floats:
        """Return the kinds' weighted mean, and what all rows share."""
        total = np.full_like(kinds[0], SHARED)
        for share, kind in zip(self.shares, kinds, strict=True):
            total += np.float32(share) * kind
        return total


class CalibratedSoftmax:
    """Multinomial logistic regression on rows of which only the inner products are known.

    It is the one on the features themselves, however many there are: the training rows span all that matters. Time grows with
    the cube of their number (some seconds for 3,000).

    Parameters
    ----------
    choices : from which the one with the least log loss out of fold, at its best temperature, is taken; the first, at 1, where there is
        but one group.
    seed : deals the inner folds.

    Attributes
    ----------
    choice_, temperature_ : what was chosen.
    losses_ : (choices,), the log losses out of fold; empty where there is but one group.
    """

    def __init__(self, choices: Sequence[Choice], seed: int = 0) -> None:
        self.choices = choices
        self.seed = seed

    def fit(self, kinds: Sequence[Floats], y: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> Self:
        """Learn from the (n, n) inner products of each kind, and codes; inner folds cut no group."""
        self.classes_, code = np.unique(y, return_inverse=True)
        self.choice_, self.temperature_, self.losses_ = self.choices[0], 1.0, np.empty(0)
        folds = inner(code, groups, FOLDS, self.seed)
        if folds:
            found = [cooled(*self._out_of_fold(choice.mixed(kinds), code, folds, choice.C)) for choice in self.choices]
            self.losses_ = np.array([loss for _, loss in found])
            best = int(self.losses_.argmin())
            self.choice_, self.temperature_ = self.choices[best], found[best][0]
        self.span_ = _factor(self.choice_.mixed(kinds))
        self.model_ = _regression(self.span_, code, self.choice_.C)
        return self

    def predict_proba(self, kinds: Sequence[Floats]) -> NDArray[np.float64]:
        """Return (m, k), in the order of `classes_`, for each kind's (m, n) inner products with the training rows."""
        logits = _logits(self.model_, _coordinates(self.span_, self.choice_.mixed(kinds)), len(self.classes_))
        probability: NDArray[np.float64] = softmax(logits / self.temperature_, axis=1)
        return probability

    def _out_of_fold(
        self, products: Floats, code: NDArray[np.int64], folds: Folds, C: float
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return logits and codes of the rows whose class their fold's training rows have."""
        logits, codes = [], []
        for train, test in folds:
            test = test[np.isin(code[test], code[train])]
            span = _factor(products[np.ix_(train, train)])
            model = _regression(span, code[train], C)
            logits.append(_logits(model, _coordinates(span, products[np.ix_(test, train)]), len(self.classes_)))
            codes.append(code[test])
        return np.concatenate(logits), np.concatenate(codes)


def _factor(products: Floats) -> Floats:
    """Return rows, (n, n), lower triangular, that have these inner products."""
    scale = np.float32(max(float(np.diagonal(products).mean()), float(np.finfo(np.float32).tiny)))
    rows: Floats = cholesky(products + OWN * scale * np.eye(len(products), dtype=np.float32), lower=True)
    return rows


def _coordinates(span: Floats, products: Floats) -> Floats:
    """Return other rows, (m, n), in the same coordinates, by their products with the training rows."""
    return np.ascontiguousarray(solve_triangular(span, products.T, lower=True).T)


def _regression(rows: Floats, code: NDArray[np.int64], C: float) -> Any:
    """Return a fitted logistic regression; of one class, what scikit-learn has for it."""
    if code.min() == code.max():
        return DummyClassifier().fit(rows, code)
    return LogisticRegression(C=C, fit_intercept=False, max_iter=5000).fit(rows, code)


def _logits(model: Any, rows: Floats, k: int) -> NDArray[np.float64]:
    """Return (m, k) log probabilities; those of classes that the model does not know are very small."""
    logits = np.full((len(rows), k), NEVER)
    if len(model.classes_) == 1:
        logits[:, model.classes_] = 0.0
        return logits
    scores = np.asarray(model.decision_function(rows), dtype=np.float64)
    # of two classes there is one score, the second's
    scores = np.column_stack([np.zeros(len(scores)), scores]) if scores.ndim == 1 else scores
    logits[:, model.classes_] = log_softmax(scores, axis=1).clip(NEVER)
    return logits
