"""DeLong: what each group of rows contributes to an AUROC, and so its standard error and that of a difference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ranks import Floats, Ints, ascending, bounds


def contributions(truth: NDArray[Any], scores: Floats, n_classes: int, group: Ints) -> Floats:
    """Return each group's contribution (G,) to the AUROC's deviation from its expectation; their sum of squares is its variance.

    A row's component is its share of the rows of the other side that it is ordered rightly with (DeLong, DeLong and Clarke-Pearson,
    Biometrics 44, 837, 1988); components are summed within groups, and divided by the classes (Obuchowski, Biometrics 53, 567, 1997). Where
    every row is its own group, the variance of a binary AUROC is DeLong's. Contributions of two predictors of the same rows may be
    subtracted: they are then those of the difference.

    Parameters
    ----------
    truth : int64 codes (n,), or 0/1 (n, K) for multilabel.
    scores : (n, K), or (n,) that of class 1; every class must occur in `truth`, and no class in every row.
    group : (n,) 0 .. G-1.
    """
    classes = range(n_classes) if scores.ndim == 2 else (1,)
    found = np.zeros(int(group.max()) + 1)
    for c in classes:
        positive = truth[:, c] > 0 if truth.ndim == 2 else truth == c
        found += _of_class(positive, scores[:, c] if scores.ndim == 2 else scores, group, len(found))
    return found / len(classes)


def _of_class(positive: NDArray[np.bool_], scores: Floats, group: Ints, n_groups: int) -> Floats:
    order, ties = ascending(scores)
    start, end = np.empty_like(order), np.empty_like(order)
    start[order], end[order] = bounds(ties, np.arange(len(order)))
    before = np.append(0, np.cumsum(positive[order]))
    n = np.count_nonzero(positive)
    others = len(positive) - n
    positives = (before[start] + before[end]) / 2  # below a row, a tie counting half
    share = np.where(positive, ((start + end) / 2 - positives) / others, (n - positives) / n)
    area = share[positive].mean()
    found = np.zeros(n_groups)
    for side, count in ((positive, n), (~positive, others)):
        deviations = np.bincount(group[side], share[side] - area, n_groups)
        # how many groups have such rows; one alone tells nothing of how they vary
        m = np.count_nonzero(np.bincount(group[side], minlength=n_groups))
        found += deviations / count * np.sqrt(m / (m - 1) if m > 1 else np.nan)
    return found
