"""Own files: a user's table, and how its columns are to be read -> a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import aim, columns, flatfiles
from .columns import Table
from .errors import DataError
from .splits import PART, TARGET
from .task import Dataset, Tell
from .taskfile import Recipe

UNIT = "as in the file"


def read(path: Path, tell: Tell, recipe: Recipe) -> Dataset:
    """Read a table by its recipe."""
    table = flatfiles.read(file_in(path, recipe.file))
    notes: list[str] = []
    table = targeted(table, recipe.target, notes)
    index = ids(table, recipe.id)
    X = features(table, recipe, notes)
    return Dataset(X.set_axis(index), target(table, recipe, index), groups(table, recipe.group, index), unit=UNIT, notes=tuple(notes))


def file_in(path: Path, name: str) -> Path:
    """Return the file that is meant by a path: itself, or what is called `name` in a folder."""
    if path.is_dir():
        if not (path / name).is_file():
            raise DataError(f"{path} holds no {name}. Give the file itself.")
        return path / name
    return path


def known(table: Table, target: Sequence[str]) -> NDArray[np.bool_]:
    """Tell of each row whether it has a target."""
    found = np.ones(len(table), dtype=np.bool_)
    for name in target:
        column = table[name]
        values = columns.numbers(column)
        found &= ~np.isnan(values) if values is not None else column.is_valid().to_numpy(zero_copy_only=False)
    return found


def targeted(table: Table, target: Sequence[str], notes: list[str]) -> Table:
    """Return the rows that have a target; the others are counted in a note."""
    there = known(table, target)
    if there.all():
        return table
    lost = np.flatnonzero(~there)
    notes.append(
        f"{columns.many(len(lost), 'row')} of {len(table):,} without a target left out; the first is {table.row} {lost[0] + table.first}"
    )
    return table.take(np.flatnonzero(there))


def ids(table: Table, name: str) -> pd.Index:
    """Return the rows' ids: those of a column, or their numbers."""
    if not name:
        return pd.Index([f"row-{i + 1}" for i in range(len(table))], dtype="str")
    found = columns.texts(table[name])
    seen: dict[str, int] = {}
    for row, text in enumerate(found):
        if text is None:
            raise DataError(f"{table.at(row)}: the id column {name!r} is empty. Every row needs an id of its own.")
        if seen.setdefault(text, row) != row:
            raise DataError(
                f"{table.at(row)}: the id {text!r} in column {name!r} stands at {table.row} {seen[text] + table.first} already. Every row needs one of its own."
            )
    return pd.Index(found, dtype="str")


def groups(table: Table, name: str, index: pd.Index) -> pd.DataFrame:
    """Return the column of groups; raise `DataError` at a row that has none."""
    if not name:
        return pd.DataFrame(index=index)
    found = columns.texts(table[name])
    if None in found:
        raise DataError(
            f"{table.at(found.index(None))}: the group column {name!r} is empty. Every row needs a group: a name of its own where it stands alone."
        )
    return pd.DataFrame({called(name): pd.Series(found, index=index, dtype="str")})


def called(group: str) -> str:
    """Return what a kind of group is called beside the target and the parts, whose names are taken."""
    return f"{group}-group" if group in (TARGET, PART) else group


def target(table: Table, recipe: Recipe, index: pd.Index) -> pd.Series | pd.DataFrame:
    """Return the target as its recipe has it."""
    if recipe.outputs:
        take = aim.flags if recipe.kind == "multilabel" else columns.require_numbers
        return pd.DataFrame({name: take(table, name) for name in recipe.outputs}, index=index)
    (name,) = recipe.target
    if recipe.kind == "regression":
        return pd.Series(columns.require_numbers(table, name), index=index, name=name)
    return pd.Series(columns.names(table[name]), index=index, name=name, dtype="str")


def features(table: Table, recipe: Recipe, notes: list[str]) -> pd.DataFrame:
    """Return numbers, and a column of 0 and 1 for every level of a category, in the table's order; what was missing is counted in notes."""
    made: dict[str, NDArray[np.float32]] = {}
    of_numbers, of_categories = set(recipe.number), set(recipe.category)
    missing, gaps, without = 0, 0, 0
    for name in table.names:
        if name in of_numbers:
            values = columns.require_numbers(table, name)
            lost = int(np.isnan(values).sum())
            missing, gaps = missing + lost, gaps + (lost > 0)
            new = {name: values.astype(np.float32)}
        elif name in of_categories:
            without += table[name].null_count
            new = columns.one_hot(table, name)
        else:
            continue
        twice = next((n for n in new if n in made), None)
        if twice is not None:
            raise DataError(
                f"{table.where}: column {name!r} becomes a feature called {twice!r}, and another one is called so. Rename one of them."
            )
        made.update(new)
    for name in (*recipe.number, *recipe.category):
        table[name]  # a column that the recipe names and this file does not have
    if missing:
        where = columns.many(gaps, "column") + " of numbers"
        notes.append(
            f"{columns.many(missing, 'missing value')} in {where}; a model that takes none is given the medians of the training rows"
        )
    if without:
        notes.append(f"{columns.many(without, 'missing value')} of categories: such a row has 0 for every level")
    if recipe.category:
        notes.append(f"{columns.many(len(recipe.category), 'category', 'categories')} as columns of 0 and 1, one for each level")
    return pd.DataFrame(made)
