"""GroupedLogistic: multinomial logistic regression that chooses its design, its penalty and its sureness by grouped inner folds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

Floats = NDArray[np.float64]

TEMPERATURES = np.geomspace(0.4, 5.0, 31)
SHRINKAGES = (0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.4, 0.6, 0.8)
FLOOR = 1e-12


class GroupedLogistic:
    """Fit one of several designs of the same rows.

    Which design and which penalty, is decided by log loss on inner folds that cut through no group: where the groups are genes, columns
    of a single gene prove useless and are left out. On the same out-of-fold predictions a temperature and a share of the prior are
    fitted: a model that meets new groups is told there how sure it may be. In that prior a group counts as the root of its rows: the
    largest gene does not decide what another one is like.

    Parameters
    ----------
    penalties : the values of C that are tried, ascending; or one.
    balance : rows weigh as their class's share to the power of -balance: 0 as they are, 1 every class alike.
    folds : inner folds; fewer where there are fewer groups.
    max_iter : at most so many steps of the solver; it is not run to its end where that takes more.

    Attributes
    ----------
    design_, C_, temperature_, shrinkage_ : what was chosen.
    trials : DataFrame: design, C, log_loss: what was tried, and its out-of-fold log loss after calibration.
    """

    def __init__(self, penalties: float | Sequence[float], balance: float = 0.0, folds: int = 4, max_iter: int = 200) -> None:
        self.penalties = penalties
        self.balance = balance
        self.folds = folds
        self.max_iter = max_iter

    def fit(self, designs: Mapping[str, Any], y: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> Self:
        """Fit on `designs`, name -> (n, p) array or sparse matrix, and (n,) codes; rows of one group of (n,) `groups` stay together."""
        self.classes_, code = np.unique(y, return_inverse=True)
        by = np.unique(groups, return_inverse=True)[1] if groups is not None else np.arange(len(code))
        mass = np.bincount(code, weights=np.bincount(by)[by] ** -0.5)
        self.prior_ = mass / mass.sum()
        inner = _inner(by, self.folds)
        tried: list[tuple[str, float, float]] = []
        penalties = [float(C) for C in np.atleast_1d(self.penalties)]
        best = (np.inf, next(iter(designs)), penalties[len(penalties) // 2], 1.0, 0.0)
        for name, design in designs.items():
            for C in penalties if inner else ():
                logs, seen = self._out_of_fold(design, code, inner, C)
                if not seen.any():
                    continue
                loss, temperature, shrinkage = _calibrate(logs[seen], code[seen], self.prior_)
                tried.append((name, C, loss))
                best = min(best, (loss, name, C, temperature, shrinkage))
        self.trials = pd.DataFrame(tried, columns=["design", "C", "log_loss"])
        _, self.design_, self.C_, self.temperature_, self.shrinkage_ = best
        self.model_ = self._model(self.C_, designs[self.design_], code)
        return self

    def predict_proba(self, design: Any) -> Floats:
        """Return (n, k), in the order of `classes_`; `design` is the rows in the design called `design_`."""
        return _tempered(_logs(self.model_, design, len(self.classes_)), self.prior_, self.temperature_, self.shrinkage_)

    @property
    def coefficients_(self) -> Floats:
        """(k, p): one row per class, their mean over classes taken away."""
        weights = np.asarray(self.model_.coef_, dtype=np.float64)
        # of two classes scikit-learn keeps the difference alone
        weights = np.vstack([-weights / 2, weights / 2]) if len(weights) == 1 else weights
        centred: Floats = weights - weights.mean(axis=0)
        return centred

    def _model(self, C: float, design: Any, code: NDArray[np.intp]) -> LogisticRegression:
        share = np.bincount(code, minlength=len(self.classes_))[code] / len(code)
        weight = share**-self.balance
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return LogisticRegression(C=C, max_iter=self.max_iter, tol=1e-3).fit(design, code, sample_weight=weight / weight.mean())

    def _out_of_fold(self, design: Any, code: NDArray[np.intp], inner: list[tuple[Any, Any]], C: float) -> tuple[Floats, NDArray[np.bool_]]:
        """Return log probabilities (n, k), and which rows can be judged: those whose class was there to be learned."""
        logs = np.zeros((len(code), len(self.classes_)))
        seen = np.zeros(len(code), dtype=np.bool_)
        for train, test in inner:
            if len(np.unique(code[train])) > 1:
                logs[test] = _logs(self._model(C, design[train], code[train]), design[test], len(self.classes_))
                seen[test] = np.isin(code[test], code[train])
        return logs, seen


def _inner(groups: NDArray[np.intp], folds: int) -> list[tuple[Any, Any]]:
    """Return (train, test) positions; none where all rows are one group."""
    folds = min(folds, len(np.unique(groups)))
    return list(GroupKFold(folds).split(groups, groups=groups)) if folds > 1 else []


def _logs(model: LogisticRegression, design: Any, k: int) -> Floats:
    """Return log probabilities (n, k); a class that `model` does not know has next to none."""
    found = np.full((design.shape[0], k), np.log(FLOOR))
    found[:, model.classes_] = np.log(np.maximum(model.predict_proba(design).astype(np.float64), FLOOR))
    return found


def _tempered(logs: Floats, prior: Floats, temperature: float, shrinkage: float) -> Floats:
    cooled = np.exp((logs - logs.max(axis=1, keepdims=True)) / temperature)
    cooled /= cooled.sum(axis=1, keepdims=True)
    mixed: Floats = (1 - shrinkage) * cooled + shrinkage * prior
    return mixed


def _calibrate(logs: Floats, code: NDArray[np.intp], prior: Floats) -> tuple[float, float, float]:
    """Return the least log loss, and the temperature and share of the prior that reach it."""
    rows = np.arange(len(code))
    best = (np.inf, 1.0, 0.0)
    for temperature in TEMPERATURES:
        sure = _tempered(logs, prior, temperature, 0.0)[rows, code]
        for shrinkage in SHRINKAGES:
            loss = -float(np.mean(np.log(np.maximum((1 - shrinkage) * sure + shrinkage * prior[code], FLOOR))))
            best = min(best, (loss, float(temperature), shrinkage))
    return best
