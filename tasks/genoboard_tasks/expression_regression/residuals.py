"""Residuals: what an entry and its split's null miss, by row, by gene and by cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import NotDrawn, Results

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

FEWEST = 3  # r of two rows is 1 or -1, whatever they hold
ROUNDING = 1e-28  # squares below this share of the mean square are rounding


@dataclass(frozen=True)
class Residuals:
    """Truth, prediction and null of the n scored rows, float64 (n,), with their `fold` and the `groups` that they are of."""

    truth: Floats
    prediction: Floats
    null: Floats
    fold: Codes
    groups: pd.DataFrame

    @classmethod
    def of(cls, results: Results) -> Self:
        """Take an entry's; raise `NotDrawn` where the split has no null."""
        if results.baseline is None:
            raise NotDrawn("this split has no null to stand beside")
        rows = results.rows.iloc[results.test]
        return cls(results.truth, results.prediction, results.baseline, results.solution.fold.astype(np.intp), rows)

    @cached_property
    def squared(self) -> Floats:
        """The entry's squared errors (n,)."""
        return np.square(self.prediction - self.truth)

    @cached_property
    def squared_null(self) -> Floats:
        """The null's squared errors (n,)."""
        return np.square(self.null - self.truth)

    def units(self, by: str) -> tuple[Codes, pd.Index]:
        """Return each row's code (n,) of its gene, cell or other group, and the names, ascending."""
        code, names = pd.factorize(self.groups[by], sort=True)
        return code.astype(np.intp), pd.Index(names)

    def profile(self, by: str) -> pd.DataFrame:
        """Return one line a unit: ``rows, mse, mse of null, r, r of null, kurtosis of truth, kurtosis of error``.

        r is within folds, as the board's gene-pearson and cell-pearson are: each side counts from its mean over the unit's rows in the fold.
        It is 0 where a prediction is constant and missing where the truth is. Kurtosis is the excess over a normal distribution's.
        """
        code, names = self.units(by)
        n = np.bincount(code)
        return pd.DataFrame(
            {
                "rows": n,
                "mse": np.bincount(code, self.squared) / n,
                "mse of null": np.bincount(code, self.squared_null) / n,
                "r": self._pearson(code, self.prediction),
                "r of null": self._pearson(code, self.null),
                "kurtosis of truth": kurtosis(self.truth, code),
                "kurtosis of error": kurtosis(self.prediction - self.truth, code),
            },
            index=names.rename(by),
        )

    def _pearson(self, code: Codes, prediction: Floats) -> Floats:
        within = code * (int(self.fold.max()) + 1) + self.fold
        n, sides = np.bincount(code), (self.truth, prediction)
        x, y = (_centred(side, within) for side in sides)
        floor_x, floor_y = (ROUNDING * np.bincount(code, np.square(side)) for side in sides)
        xx, xy, yy = (np.bincount(code, product) for product in (x * x, x * y, y * y))
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.where(yy > floor_y, xy / np.sqrt(xx * yy), 0.0)
        return np.where((n >= FEWEST) & (xx > floor_x), r, np.nan)


def kurtosis(values: Floats, code: Codes) -> Floats:
    """Return the excess kurtosis of every unit's values; missing where they are constant."""
    n, away = np.bincount(code), _centred(values, code)
    second, fourth = (np.bincount(code, away**power) / n for power in (2, 4))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(second > 0, fourth / np.square(second) - 3, np.nan)


def target(results: Results) -> str:
    """Return what an axis of the target is called: on a board with a protocol of its own, z-scores stand where the unit does elsewhere."""
    if results.competition.split.protocol:
        return "expression, z-score"
    return f"expression, {results.unit.partition('target ')[2] or results.unit}"


def _centred(values: Floats, code: Codes) -> Floats:
    n = np.bincount(code)
    return np.asarray(values - (np.bincount(code, values) / np.maximum(n, 1))[code])
