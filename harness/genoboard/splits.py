"""Split: which rows a model learns from and which it is asked about; deterministic in the ids and a salt."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


# columns of the table of rows that are no groups
TARGET, PART = "y", "part"
TRAIN = "train"


@dataclass(frozen=True)
class Split:
    """The card of a split.

    Parameters
    ----------
    name : ``"donor"``.
    asks : the question that the split asks, in a sentence.
    null : the model that answers it for free, in a few words.
    group : the column of `Dataset.groups` that no fold ever cuts through; ``None`` splits single rows.
    folds : into how many parts the rows are dealt; a cross-validated split with fewer groups leaves out one group at a time.
        A held-out split tests on the first part only.
    cross_validated : every part is predicted once, by a model fitted on the others.
    stratified : parts keep the class shares, as far as the groups allow.
    leaks : what the split lets through, in a sentence; empty for an honest split.
    published : the split is somebody's published one, for comparison; it is never hosted as a competition.
    cluster : the column of `Dataset.groups` that the bootstrap resamples; `group` unless given.
    salt : changed only to make another split of the same kind.
    rule : ``"module:function"`` for a split that dealing cannot make. The function takes the rows
        (DataFrame: id as index, ``y``, where there are any ``part``, and one column per group) and returns a list of (train ids, test ids).
    protocol : ``"module:function"`` where a published study transformed features and target over all rows, test rows too, before
        it dealt them: (X, rows) -> (X, y). Such a split `leaks`, and its target is its own.
    unranked : why entries on this split are shown without ranks, in a sentence; empty where they are ranked.
    unscored : where the solution is, in a sentence, if it is not here: what is run or submitted is checked, kept, and scored by whoever has it.
    baseline : for regression, the column of `Dataset.groups` over whose values a fold's training rows are averaged: these means are
        the predictions of the null that ``skill`` is measured against. A value that training lacks gets the mean of all training
        rows; so does every row where `baseline` is ``None``.
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
    protocol: str | None = None
    unranked: str = ""
    unscored: str = ""
    baseline: str | None = None

    @property
    def bootstrap_group(self) -> str | None:
        """The column whose values are resampled together; ``None``: single rows."""
        return self.cluster or self.group


def groups_of(rows: pd.DataFrame) -> list[str]:
    """Return the kinds of group that a table of rows has."""
    return [c for c in rows.columns if c not in (TARGET, PART)]


@dataclass(frozen=True)
class Fold:
    """Row positions, ascending: a model is fitted on `train` and predicts `test`."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]


def deal(split: Split, rows: pd.DataFrame) -> tuple[Fold, ...]:
    """Return the folds of `split` over `rows` (index: unique ids; columns: ``y``, where there are any ``part``, and one per group).

    The same ids, targets and groups give the same folds in whatever order the rows come. Positions count in the
    order of `rows`. A held-out split has one fold, a cross-validated one has `split.folds`.
    """
    import numpy as np

    if split.rule is not None:
        return _by_rule(split, rows)
    # what a published competition asked about is for the splits that ask it
    dealt = np.flatnonzero(rows[PART] == TRAIN) if PART in rows else np.arange(len(rows))
    rows = rows.iloc[dealt]
    if split.cross_validated and split.group in rows:
        split = replace(split, folds=min(split.folds, max(2, rows[split.group].nunique())))
    part = _parts(split, rows)
    tests = range(split.folds) if split.cross_validated else range(1)
    folds = tuple(Fold(dealt[part != t], dealt[part == t]) for t in tests)
    if any(len(f.train) == 0 or len(f.test) == 0 for f in folds):
        units = "rows" if split.group is None else f"{split.group}s"
        count = len(rows) if split.group is None else rows[split.group].nunique()
        raise DataError(
            f"Split {split.name!r} deals {split.folds} parts, but there are only {count} {units}. Use another split or more data."
        )
    return folds


def fingerprint(rows: pd.DataFrame, folds: Sequence[Fold]) -> str:
    """Return a SHA-256 over which ids each fold trains and tests on; the order of rows does not matter."""
    import numpy as np

    ids = rows.index.to_numpy(dtype=object)
    order = np.argsort(ids)
    digest = hashlib.sha256("\n".join(ids[order]).encode())
    for fold in folds:
        role = np.zeros(len(ids), dtype=np.uint8)
        role[fold.train], role[fold.test] = 1, 2
        digest.update(role[order].tobytes())
    return digest.hexdigest()


def grouping(rows: pd.DataFrame, group: str) -> dict[str, Any]:
    """Return how many groups have how many of the rows that are dealt, and which share of test rows meets its own group in train when single rows are dealt."""
    import numpy as np
    import pandas as pd

    shared = total = 0
    dealt = rows[rows[PART] == TRAIN] if PART in rows else rows
    sizes = dealt[group].value_counts()
    by = pd.factorize(dealt[group])[0]
    # the parts are dealt by hash: a small dataset may leave some without rows
    part = np.array([_hash("leak", str(i)) % 5 for i in dealt.index])
    for t in range(5):
        shared += int(np.isin(by[part == t], by[part != t]).sum())
        total += int((part == t).sum())
    return {"sizes": dict(sorted(Counter(sizes.tolist()).items())), "leak": shared / max(total, 1)}


def _hash(salt: str, text: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{salt}\n{text}".encode(), digest_size=8).digest(), "big")


def _parts(split: Split, rows: pd.DataFrame) -> NDArray[np.intp]:
    """Deal every row a part, 0 .. folds-1."""
    import numpy as np
    import pandas as pd

    if split.group is not None and split.group not in rows.columns:
        raise DataError(f"Split {split.name!r} groups by {split.group!r}, which this dataset does not have. Choose another split.")
    units = rows.index.to_series() if split.group is None else rows[split.group]
    unit, names = pd.factorize(units, sort=True)
    # values of a regression are no classes
    stratified = split.stratified and not pd.api.types.is_float_dtype(rows["y"])
    strata = pd.factorize(rows["y"], sort=True)[0] if stratified else np.zeros(len(rows), dtype=np.intp)
    counts = np.zeros((len(names), int(strata.max()) + 1))
    np.add.at(counts, (unit, strata), 1.0)
    key = np.array([_hash(split.salt, str(n)) for n in names], dtype=np.uint64)
    if split.group is None:
        return _round_robin(counts.argmax(axis=1), key, split.folds)[unit]
    return _greedy(counts, key, split.folds)[unit]


def _round_robin(stratum: NDArray[np.intp], key: NDArray[np.uint64], folds: int) -> NDArray[np.intp]:
    """Deal single rows like cards, stratum after stratum, in the order of their hashes."""
    import numpy as np

    order = np.lexsort((key, stratum))
    part = np.empty(len(key), dtype=np.intp)
    part[order] = np.arange(len(key)) % folds
    return part


def _greedy(counts: NDArray[np.float64], key: NDArray[np.uint64], folds: int) -> NDArray[np.intp]:
    """Deal whole groups, largest first, each to the part where its classes are scarcest.

    With n_fc rows of class c (N_c in all) in part f, a group with u_c rows goes where sum_c n_fc u_c / N_c^2 is
    least: that is the choice which keeps the sum of squared class shares, and so their imbalance, smallest.
    """
    import numpy as np

    weight = 1.0 / np.maximum(counts.sum(axis=0), 1.0) ** 2
    held = np.zeros((folds, counts.shape[1]))
    part = np.empty(len(counts), dtype=np.intp)
    for g in np.lexsort((key, -counts.sum(axis=1))):
        cost = (held * weight) @ counts[g]
        # equal costs are common at the start: the emptier part first, then the earlier one
        part[g] = np.lexsort((held.sum(axis=1), cost))[0]
        held[part[g]] += counts[g]
    return part


def _by_rule(split: Split, rows: pd.DataFrame) -> tuple[Fold, ...]:
    from pkgutil import resolve_name

    import numpy as np

    pairs = resolve_name(str(split.rule))(rows)
    folds = tuple(Fold(np.sort(rows.index.get_indexer(train)), np.sort(rows.index.get_indexer(test))) for train, test in pairs)
    known = rows[TARGET].notna().to_numpy()
    for fold in folds:
        if not known[fold.train].all():
            unknown = rows.index[fold.train[~known[fold.train]][0]]
            raise DataError(f"Split {split.name!r} trains on row {unknown!r}, which has no target. Its rule may only ask about such rows.")
        if not known[fold.test].any() and not split.unscored:
            raise DataError(
                f"Split {split.name!r} asks about {len(fold.test):,} rows, and none of them has a target to score. Bring the solution and ingest again."
            )
    return folds
