"""Folds: inner folds of the training rows that cut no group."""

from __future__ import annotations

import heapq
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


def dealt(groups: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of every row, 0 to at most `n` - 1: whole groups, the largest first, each to the fold with fewest rows.

    Groups of like size come in random order. Where all rows are one group, single rows are dealt.
    """
    rng = np.random.default_rng(seed)
    names, place, size = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) == 1:
        names = place = np.arange(len(groups))
        size = np.ones(len(groups), np.int64)
    n = max(1, min(n, len(names)))
    order = rng.permutation(len(names))
    order = order[np.argsort(-size[order], kind="stable")]
    fold = np.empty(len(names), np.int64)
    if size[order[0]] == size[order[-1]]:
        fold[order] = np.arange(len(names)) % n
    else:
        held = [(0, k) for k in range(n)]
        for group in order.tolist():
            rows, k = held[0]
            fold[group] = k
            heapq.heapreplace(held, (rows + int(size[group]), k))
    return fold[place]
