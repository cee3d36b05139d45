"""Kaggle folder: the files of a competition as Kaggle and MLE-bench lay them out -> a dataset whose rows know their part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from . import columns, flatfiles, lease, ownfiles
from .columns import Table
from .errors import DataError
from .splits import PART, TRAIN
from .task import Dataset, Tell
from .taskfile import Recipe

USAGE = "Usage"
TEST, PUBLIC, PRIVATE, IGNORED = "test", "public", "private", "ignored"
ENDS = (".csv", ".csv.gz")
# of ids that stand in both files
FIRST = ("train-", "test-")
PLACES = ("", "public", "prepared/public")
SECRET = (("", "solution"), ("private", "solution"), ("private", "test"), ("private", "answers"), ("prepared/private", "test"))
Pairs = list[tuple[pd.Index, pd.Index]]


@dataclass(frozen=True)
class Folder:
    """A competition's files, read, and what their columns are.

    Parameters
    ----------
    files : the paths below `home` of all that was read.
    id, target : the id column, and the columns of train that are asked for.
    columns_of : class -> the column of the sample submission, and of the solution, that stands for it; empty where there are none such.
    solution : the solution, or None; `asked` are its columns beside ids and usage.
    """

    home: Path
    files: tuple[str, ...]
    train: Table
    test: Table
    sample: Table
    solution: Table | None
    id: str
    target: tuple[str, ...]
    columns_of: Mapping[str, str]

    @property
    def has_usage(self) -> bool:
        """Whether the solution says which rows are public, private or ignored."""
        return self.solution is not None and USAGE in self.solution.names


def look(home: Path) -> Folder:
    """Read a competition's folder; raise `DataError` where a file is missing, or the columns say no task."""
    if not home.is_dir():
        raise DataError(f"{home} is no folder. Give the one that holds train.csv, test.csv and sample_submission.csv.")
    found = {name: _file(home, [(p, name) for p in PLACES]) for name in ("train", "test", "sample_submission")}
    missing = [f"{name}.csv" for name, path in found.items() if path is None]
    if missing:
        raise DataError(
            f"{home} holds no {' and no '.join(missing)} (.csv.gz will do). A competition's folder has train.csv, test.csv and sample_submission.csv."
        )
    answers = _file(home, SECRET)
    paths = [p for p in (*found.values(), answers) if p is not None]
    train, test, sample = (flatfiles.read(p) for p in found.values() if p is not None)
    solution = None if answers is None else flatfiles.read(answers)
    key = sample.names[0]
    if key not in test.names:
        raise DataError(f"{test.where} has no column {key!r}, the first of {sample.where} and so the ids'. Rename it in one of them.")
    target, columns_of = _asked(train, test, sample, key)
    files = tuple(str(p.relative_to(home)) for p in paths)
    return Folder(home, files, train, test, sample, solution, key if key in train.names else "", target, columns_of)


def _file(home: Path, places: Sequence[tuple[str, str]]) -> Path | None:
    return next(
        (home / folder / f"{name}{end}" for folder, name in places for end in ENDS if (home / folder / f"{name}{end}").is_file()), None
    )


def _asked(train: Table, test: Table, sample: Table, key: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the target's columns in train, and class -> column where the submission has a column for each class."""
    asked = [n for n in sample.names[1:] if n != USAGE]
    if not asked:
        raise DataError(f"{sample.where} has no column beside the ids. Its other columns say what is asked.")
    if all(n in train.names for n in asked):
        return tuple(asked), {}
    only = [n for n in train.names if n not in test.names and n != key]
    if len(asked) == 1:
        if len(only) == 1:
            return (only[0],), {}
        raise DataError(
            f"{sample.where} asks for {asked[0]!r}, which {train.where} does not have, and it has {len(only)} columns that test lacks: "
            f"{', '.join(map(repr, only[:10])) or 'none'}. Rename the target there to {asked[0]!r}."
        )
    for name in only:
        levels = columns.levels(train[name])
        to = _named(levels, asked)
        if to:
            return (name,), to
    raise DataError(
        f"{sample.where} asks for {', '.join(map(repr, asked[:6]))}, and no column that {train.where} alone has "
        f"({', '.join(map(repr, only[:6])) or 'none'}) has these for its values. Rename the columns, or the classes."
    )


def _named(levels: Sequence[str], asked: Sequence[str]) -> dict[str, str]:
    """Return class -> column, in the columns' order; a column may be called as its class, with one beginning that all share. Empty: they do not fit."""
    first = asked[0]
    for begin in ("", *(first[:k] for k in range(1, len(first)))):
        if not all(a.startswith(begin) for a in asked):
            break
        to = {a[len(begin) :].strip(): a for a in asked}
        if len(to) == len(asked) and set(levels) <= to.keys():
            return to
    return {}


def read(path: Path, tell: Tell, recipe: Recipe) -> Dataset:
    """Read a competition's folder by its recipe."""
    folder, notes = look(path), list[str]()
    train = ownfiles.targeted(folder.train, recipe.target, notes)
    known, asked = ownfiles.ids(train, recipe.id), ownfiles.ids(folder.test, folder.sample.names[0])
    answers, usage = _answers(folder, recipe)
    if len(known.intersection(asked)):
        notes.append(f"{len(known.intersection(asked)):,} ids stand in train and in test: there they begin with {FIRST[0]} and {FIRST[1]}")
        known, asked = FIRST[0] + known, FIRST[1] + asked
    index = known.append(asked)
    both = _together(train, folder.test, (*recipe.number, *recipe.category, recipe.group))
    X = ownfiles.features(both, recipe, notes).set_axis(index)
    y = pd.concat([ownfiles.target(train, recipe, known), answers.set_axis(asked)])
    part = pd.Series([TRAIN] * len(train) + list(usage), index=index, dtype="str", name=PART)
    counts = part[len(train) :].value_counts()
    ignored = "; those are asked and never scored" if IGNORED in counts else ""
    parts = ", ".join(f"{n:,} {p}" for p, n in counts.items()) + ignored
    notes.append(
        f"test rows: {parts}"
        if folder.solution is not None
        else f"{len(folder.test):,} test rows have no solution here: they can be asked, and not scored"
    )
    groups = ownfiles.groups(both, recipe.group, index) if recipe.group in folder.test.names else _own_groups(train, recipe, known, asked)
    return Dataset(X, y, groups, unit=ownfiles.UNIT, notes=tuple(notes), part=part)


def _together(train: Table, test: Table, names: Sequence[str]) -> Table:
    """Return train and then test, of the columns that are needed; raise `DataError` where test lacks one."""
    kept = [n for n in train.names if n in names and n in test.names]
    lost = [n for n in train.names if n in names and n not in test.names and n != names[-1]]
    if lost:
        raise DataError(
            f"{test.where} has no column {lost[0]!r}, and {train.where} has. Leave it out: --type {columns.quoted(lost[0])}=ignore."
        )
    frames = [t.content.select(kept) for t in (train, test)]
    kinds = [f.schema for f in frames]
    if kinds[0] != kinds[1]:
        frames = [f.cast(pa.schema([(n, pa.string()) for n in kept])) for f in frames]
    return Table(pa.concat_tables(frames), f"{train.where} and then {test.where}", 1, "row")


def _own_groups(train: Table, recipe: Recipe, known: pd.Index, asked: pd.Index) -> pd.DataFrame:
    """Return the groups of train; a test row, whose file does not tell its group, is one by itself."""
    found = ownfiles.groups(train, recipe.group, known)
    return (
        pd.concat([found, pd.DataFrame(dict.fromkeys(found, asked), index=asked)])
        if len(found.columns)
        else pd.DataFrame(index=known.append(asked))
    )


def _answers(folder: Folder, recipe: Recipe) -> tuple[pd.Series | pd.DataFrame, list[str]]:
    """Return the test rows' targets in the order of test.csv, missing where the solution ignores or lacks a row, and each row's part."""
    key = folder.sample.names[0]
    asked = ownfiles.ids(folder.test, key)
    if folder.solution is None:
        gaps = np.full((len(asked), len(recipe.target)), np.nan)
        every = pd.DataFrame(gaps, index=asked, columns=list(recipe.target))
        one = every.iloc[:, 0].astype("str" if recipe.classes else np.float64)
        return every if recipe.outputs else one, [TEST] * len(asked)
    solution = folder.solution
    at = pd.Series(range(len(solution)), index=ownfiles.ids(solution, key))
    strange = at.index.difference(asked)
    if len(strange):
        raise DataError(f"{solution.where} has the id {strange[0]!r}, which {folder.test.where} does not have: it is another test set's.")
    rows = at.reindex(asked)
    uses = [TEST] * len(solution)
    if USAGE in solution.names:
        uses = [(u or "").lower() for u in columns.texts(solution[USAGE])]
        odd = next((i for i, u in enumerate(uses) if u not in (PUBLIC, PRIVATE, IGNORED)), None)
        if odd is not None:
            raise DataError(
                f"{solution.at(odd)}, column {USAGE!r}: {columns.texts(solution[USAGE])[odd]!r} is none of Public, Private, Ignored."
            )
    part = [IGNORED if pd.isna(r) else uses[int(r)] for r in rows]
    scored = np.array([p != IGNORED for p in part])
    truth = _truth(folder, recipe)
    found = truth.iloc[rows.fillna(0).astype(int).to_numpy()].set_axis(asked)
    found = found.where(pd.Series(scored, index=asked), np.nan) if isinstance(found, pd.Series) else found.mask(~scored)
    missing = found.isna() if isinstance(found, pd.Series) else found.isna().any(axis=1)
    lost = np.flatnonzero(missing.to_numpy() & scored)
    if len(lost):
        raise DataError(
            f"{solution.where}: id {asked[lost[0]]!r} has no target, and is not Ignored. Mark it {USAGE} = Ignored, or say what it is."
        )
    return found, part


def _truth(folder: Folder, recipe: Recipe) -> pd.Series | pd.DataFrame:
    """Return the solution's targets, row by row; missing where it says none."""
    assert folder.solution is not None
    solution, index = folder.solution, pd.RangeIndex(len(folder.solution))
    if folder.columns_of and set(folder.columns_of.values()) <= set(solution.names):
        shares = pd.DataFrame({c: columns.require_numbers(solution, n) for c, n in folder.columns_of.items()}).fillna(0.0)
        one = (shares == 1).sum(axis=1).eq(1) & (shares == 0).sum(axis=1).eq(len(shares.columns) - 1)
        return shares.idxmax(axis=1).where(one).rename(recipe.target[0])
    names = recipe.target
    if len(names) == 1 and names[0] not in solution.names:
        rest = [n for n in solution.names if n not in (folder.sample.names[0], USAGE)]
        if len(rest) != 1:
            raise DataError(f"{solution.where} has no column {names[0]!r}. Its columns: {', '.join(solution.names)}.")
        solution = Table(solution.content.rename_columns([names[0] if n == rest[0] else n for n in solution.names]), solution.where)
    return ownfiles.target(solution, recipe, index)


def hand_in(path: Path, recipe: Recipe, originals: pd.Series, ids: Sequence[str], prediction: NDArray[np.float64]) -> None:
    """Write predictions as the competition's sample submission has them.

    Parameters
    ----------
    originals : every row's id in the files, by its opaque one.
    ids, prediction : (n,) opaque, and (n, K) by class or by column, or (n,).
    """
    (key, *asked), names = recipe.hand_in, [str(i) for i in originals.loc[list(ids)]]
    if all(str(i).startswith(FIRST) for i in originals):
        names = [n.removeprefix(FIRST[1]) for n in names]
    values = prediction.reshape(len(names), -1)
    if recipe.classes and len(asked) > 1:
        to = _named(recipe.classes, asked)
        found = pd.DataFrame(0.0, index=range(len(names)), columns=asked)
        found[[to[c] for c in recipe.classes]] = values if values.shape[1] > 1 else np.column_stack([1 - values, values])
    elif recipe.labels:
        best = values.argmax(axis=1) if values.shape[1] > 1 else (values[:, 0] > 0.5).astype(np.intp)
        found = pd.DataFrame({asked[0]: np.array(recipe.classes)[best]})
    else:
        found = pd.DataFrame(values, columns=asked)
    found.insert(0, key, names)
    with lease.part(path) as part:
        found.to_csv(part, index=False)


def test(rows: pd.DataFrame) -> Pairs:
    """Return (train ids, test ids) of the published question: all training rows, and all rows of test.csv."""
    return [(rows.index[rows[PART] == TRAIN], rows.index[rows[PART] != TRAIN])]


def public(rows: pd.DataFrame) -> Pairs:
    """Return (train ids, test ids) of the public leaderboard's rows."""
    return [(rows.index[rows[PART] == TRAIN], rows.index[rows[PART] == PUBLIC])]


def private(rows: pd.DataFrame) -> Pairs:
    """Return (train ids, test ids) of the private leaderboard's rows."""
    return [(rows.index[rows[PART] == TRAIN], rows.index[rows[PART] == PRIVATE])]
