"""Split: which rows a model learns from and which it is asked about; deterministic in the ids and a salt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """The card of a split.

    Parameters
    ----------
    name : ``"donor"``.
    asks : the question that the split asks, in a sentence.
    null : the model that answers it for free, in a few words.
    group : the column of `Dataset.groups` that no fold ever cuts through; ``None`` splits single rows.
    folds : into how many parts the rows are dealt. A held-out split tests on the first part only.
    cross_validated : every part is predicted once, by a model fitted on the others.
    stratified : parts keep the class shares, as far as the groups allow.
    leaks : what the split lets through, in a sentence; empty for an honest split.
    published : the split is somebody's published one, for comparison; it is never hosted as a competition.
    cluster : the column of `Dataset.groups` that the bootstrap resamples; `group` unless given.
    salt : changed only to make another split of the same kind.
    rule : ``"module:function"`` for a split that dealing cannot make. The function takes the rows
        (DataFrame: id as index, ``y`` and one column per group) and returns a list of (train ids, test ids).
    """

    name: str
    asks: str
    null: str
    group: str | None = None
    folds: int = 5
    cross_validated: bool = False
    stratified: bool = True
    leaks: str = ""
    published: bool = False
    cluster: str | None = None
    salt: str = "genoboard"
    rule: str | None = None

    @property
    def bootstrap_group(self) -> str | None:
        """The column whose values are resampled together; ``None``: single rows."""
        return self.cluster or self.group


@dataclass(frozen=True)
class Fold:
    """Row positions, ascending: a model is fitted on `train` and predicts `test`."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
