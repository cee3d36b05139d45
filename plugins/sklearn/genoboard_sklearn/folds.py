"""Folds: inner folds of the training rows that cut no group."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]


def inner(code: NDArray[np.int64], groups: NDArray[np.int64] | None, n: int, seed: int) -> Folds:
    """Return `n` folds, or as many as there are groups; none where all rows are one group.

    Classes are dealt as evenly as the groups allow; one with fewer rows than folds is then missing from some.
    """
    groups = np.arange(len(code)) if groups is None else groups
    n = min(n, len(np.unique(groups)), int(np.bincount(code).max()))
    if n < 2:
        return []
    with warnings.catch_warnings():
        # a class of few rows, which is why the caller looks at what a fold's training rows have
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(StratifiedGroupKFold(n, shuffle=True, random_state=seed % 2**32).split(code, code, groups))
