"""Lasso, ridge and elastic net of any number of rows, exact, by their second moments; imported by the worker alone."""

from __future__ import annotations

import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from genoboard import Design, Moments, UsageError

from .folds import dealt
from .squares import Squares

if TYPE_CHECKING:
    from genoboard import RunContext

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Alphas = float | list[float] | None

# a column whose variance is less, as a share of its mean square, is a constant that was rounded
CONSTANT = 1e-12
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Path:
    """Weights (p, k) of all training rows along descending penalties (k,) per row, and the held-out error of inner folds with its standard error."""

    ratio: float
    penalties: Floats
    weights: Floats
    error: Floats
    spread: Floats


class Linear(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Least squares with scikit-learn's penalties: its Lasso (`l1_ratio` 1), ElasticNet, and Ridge (0), on columns of unit variance.

    One pass over the rows adds up the moments of the inner folds; a fold's training rows are all less its own. Columns are scaled over
    all training rows, the same for every fold; the intercept is not penalised.

    Parameters
    ----------
    l1_ratio : one, or several to choose from.
    alpha : the penalty, or several to choose from; None: a path.
    n_alphas, eps : the path's length, and its least penalty as a share of the first.
    folds : inner folds, of whole groups, that choose.
    rule : ``"min"``: least mean squared error; ``"1se"``: the largest penalty within a standard error of it.
    standardise : scale the columns.
    top : of a table's columns, so many are used, the most variable; of a design, all bins are.
    """

    def __init__(
        self,
        l1_ratio: float | list[float] = 1.0,
        alpha: Alphas = None,
        n_alphas: int = 100,
        eps: float = 1e-3,
        folds: int = 5,
        rule: str = "min",
        standardise: bool = True,
        top: int = 5000,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.alpha = alpha
        self.n_alphas = n_alphas
        self.eps = eps
        self.folds = folds
        self.rule = rule
        self.standardise = standardise
        self.top = top
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Design | pd.DataFrame, y: Floats, groups: Codes | None = None, run: RunContext | None = None) -> Self:
        """Fit on (n, p) `X` and (n,) `y`; `run` is told the penalty that was chosen and its held-out error."""
        if self.rule not in ("min", "1se"):
            raise UsageError(f"rule={self.rule!r} is neither min nor 1se.")
        groups = np.arange(len(y)) if groups is None else groups
        if (groups == groups[0]).all():
            logger.warning("All rows are of one group, so inner folds are of single rows: the error that they find is none of new groups.")
        parts = self._moments(X, np.asarray(y, np.float64), dealt(groups, self.folds, self.random_state))
        total = sum(parts[1:], start=parts[0])
        mean, square = total.x / total.n, np.diag(total.xx) / total.n
        live = np.flatnonzero(square - mean**2 > CONSTANT * (square + self.offset_**2))
        scale = np.sqrt(square - mean**2)[live] if self.standardise else np.ones(len(live))
        weights = self._choose([m[live].scaled(mean[live], scale, total.y / total.n) for m in parts])
        self.standardised_, self.coef_ = np.zeros(len(mean)), np.zeros(len(mean))
        self.standardised_[live], self.coef_[live] = weights, weights / scale
        self.intercept_ = total.y / total.n - float((mean + self.offset_) @ self.coef_)
        if run:
            chosen = self.path_[self.path_["chosen"] == 1].iloc[0]
            run.log(0, alpha=chosen["alpha"], valid_mse=chosen["valid_mse"], nonzero=chosen["nonzero"])
        return self

    def predict(self, X: Design | pd.DataFrame) -> Floats:
        """Return (n,)."""
        product = X.dot(self.coef_) if isinstance(X, Design) else X.to_numpy(np.float64)[:, self.kept_] @ self.coef_
        answer: Floats = product + self.intercept_
        return answer

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``path``: alpha, l1_ratio, valid_mse, valid_se, nonzero, chosen; and ``coefficients``: distance or feature, coefficient, raw.

        A coefficient is that of the standardised column, a raw one that of the column as it stands; distance is in base pairs, downstream positive.
        """
        table = self.names_.assign(coefficient=self.standardised_, raw=self.coef_)
        if "distance" in table:
            return {"path": self.path_, "coefficients": table.sort_values("distance", ignore_index=True)}
        return {
            "path": self.path_,
            "coefficients": table.sort_values("coefficient", key=np.abs, ascending=False, kind="stable", ignore_index=True),
        }

    def _moments(self, X: Design | pd.DataFrame, y: Floats, part: Codes) -> list[Moments]:
        """Return the moments of every fold, of columns less their `offset_`."""
        if isinstance(X, Design):
            self.names_, self.offset_ = pd.DataFrame({"distance": X.distance}), np.zeros(X.shape[1])
            return X.grams(part, y)
        values = X.to_numpy()
        self.kept_ = np.sort(np.argsort(-values.var(axis=0, dtype=np.float64), kind="stable")[: self.top])
        self.names_ = pd.DataFrame({"feature": X.columns[self.kept_]})
        values = values[:, self.kept_].astype(np.float64)
        # squares of numbers far from 0 would drown their spread
        self.offset_ = values.mean(axis=0)
        values -= self.offset_
        return [Moments.of(values[part == k], y[part == k]) for k in range(int(part.max()) + 1)]

    def _choose(self, parts: list[Moments]) -> Floats:
        """Choose ratio and penalty, keep the table of all that were tried, and return the weights (p,)."""
        total = sum(parts[1:], start=parts[0])
        whole = Squares.of(total)
        with warnings.catch_warnings():
            # what ends a path need not be exact to the last digit; what is chosen is fitted once more, finely
            warnings.simplefilter("ignore", ConvergenceWarning)
            paths = [self._path(whole, total, parts, ratio) for ratio in np.atleast_1d(self.l1_ratio).tolist()]
            best = min(paths, key=lambda path: path.error.min())
            at = int(best.error.argmin())
            if self.rule == "1se":
                at = int(np.flatnonzero(best.error <= best.error[at] + best.spread[at])[0])
            weights = best.weights[:, at]
            if best.ratio > 0:
                weights = whole.sparse(best.penalties[at : at + 1], best.ratio, start=weights)[:, 0]
        self.path_ = pd.concat([self._table(path, total.n).assign(chosen=0) for path in paths], ignore_index=True)
        self.path_.loc[sum(len(path.penalties) for path in paths[: paths.index(best)]) + at, "chosen"] = 1
        return weights

    def _path(self, whole: Squares, total: Moments, parts: list[Moments], ratio: float) -> Path:
        """Solve the path on all rows and, to know its error, without each of the folds."""
        wanted = self._penalties(whole, ratio)

        def solve(held: Moments | None) -> tuple[Floats, Floats]:
            squares = whole if held is None else Squares.of(total - held)
            weights = squares.ridge(wanted) if ratio == 0 else squares.sparse(wanted, ratio)
            return weights, np.zeros(len(wanted)) if held is None else squares.error(weights, held)

        # neither scikit-learn's descent nor LAPACK holds the interpreter's lock: a fold per thread is faster than a fold in all threads
        with threadpool_limits(1), ThreadPoolExecutor(self.n_jobs) as pool:
            (weights, error), *folds = pool.map(solve, [None, *(parts if len(parts) > 1 else ())])
        if not folds:
            return Path(ratio, wanted, weights, error, error)
        errors = np.array([e for _, e in folds])
        rows = np.array([held.n for held in parts]) / total.n
        return Path(ratio, wanted, weights, rows @ errors, errors.std(axis=0, ddof=1) / np.sqrt(len(errors)))

    def _penalties(self, whole: Squares, ratio: float) -> Floats:
        """Return the penalties per row, descending."""
        if self.alpha is not None:
            # Ridge's is of the sum over rows, the others' of their mean
            return np.sort(np.atleast_1d(np.asarray(self.alpha, np.float64)))[::-1] / (whole.n if ratio == 0 else 1)
        first = 100 * np.abs(whole.gram).sum(axis=0).max(initial=0.0) if ratio == 0 else whole.steepest() / ratio
        return np.geomspace(1.0, self.eps, self.n_alphas) * (first or 1.0)

    def _table(self, path: Path, n: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "alpha": path.penalties * (n if path.ratio == 0 else 1),
                "l1_ratio": path.ratio,
                "valid_mse": path.error,
                "valid_se": path.spread,
                "nonzero": (path.weights != 0).sum(axis=0),
            }
        )


def lasso(
    alpha: Alphas = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    folds: int = 5,
    rule: str = "min",
    standardise: bool = True,
    top: int = 5000,
) -> Linear:
    """Return scikit-learn's Lasso: (1 / 2n) |y - Xw|^2 + alpha |w|_1."""
    return Linear(1.0, alpha, n_alphas, eps, folds, rule, standardise, top)


def elastic_net(
    l1_ratio: float | list[float] = 0.5,
    alpha: Alphas = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    folds: int = 5,
    rule: str = "min",
    standardise: bool = True,
    top: int = 5000,
) -> Linear:
    """Return scikit-learn's ElasticNet: (1 / 2n) |y - Xw|^2 + alpha (l1_ratio |w|_1 + (1 - l1_ratio) / 2 |w|^2)."""
    return Linear(l1_ratio, alpha, n_alphas, eps, folds, rule, standardise, top)


def ridge(
    alpha: Alphas = None,
    n_alphas: int = 100,
    eps: float = 1e-7,
    folds: int = 5,
    rule: str = "min",
    standardise: bool = True,
    top: int = 5000,
) -> Linear:
    """Return scikit-learn's Ridge: |y - Xw|^2 + alpha |w|^2. Inner folds, of fewer rows, are given the same penalty per row."""
    return Linear(0.0, alpha, n_alphas, eps, folds, rule, standardise, top)
