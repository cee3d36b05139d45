"""Plan: a user's file, or a competition's folder, and what they wish -> what a task of it would be, and why there can be none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import aim, cells, columns, flatfiles, kagglefolder, ownfiles
from .aim import Aim
from .columns import Column, Table
from .errors import DataError, UsageError
from .splits import Split
from .taskfile import Recipe
from .workspace import sha256, slug

NULLS = {
    "binary": "prior: the shares of the classes in train",
    "multiclass": "prior: the shares of the classes in train",
    "multilabel": "prior: how frequent each label is in train",
    "regression": "grand-mean: the mean of the training rows",
}


@dataclass(frozen=True)
class Wish:
    """What a user says of the task to be made; what is empty is inferred.

    Parameters
    ----------
    types : ``COL=KIND`` texts.
    metrics : names of registered metrics, or ``score.py:function`` texts, the primary one first.
    direction, low, high, reads : of the metrics that are functions of a file.
    """

    name: str
    target: tuple[str, ...] = ()
    group: str = ""
    id: str = ""
    layer: str = ""
    types: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    direction: str = ""
    low: float | None = None
    high: float | None = None
    reads: str = ""


@dataclass(frozen=True)
class Plan:
    """What the files come to."""

    reads: str
    place: Path
    recorded: Mapping[str, str]
    recipe: Recipe
    aim: Aim
    said: tuple[str, ...]
    size: str
    asked: tuple[Split, ...] = ()


def of_file(wish: Wish, file: Path) -> Plan:
    """Return what a CSV, TSV, Parquet or ``.h5ad`` file comes to.

    Raises
    ------
    UsageError : where the words do not fit the file.
    DataError : where the file is damaged, or of a kind that no task can be made of, with the reason.
    """
    if not wish.target:
        raise UsageError("Say what is to be predicted: --target COLUMN.")
    if not file.is_file():
        raise DataError(f"{file} is no file. Give a .csv, .tsv, .parquet or .h5ad file.")
    kind = flatfiles.kind_of(file)
    if wish.layer and kind != flatfiles.ANNDATA:
        raise UsageError(f"--layer chooses a matrix of an .h5ad, and {file} is a table.")
    return _of_cells(wish, file) if kind == flatfiles.ANNDATA else _of_table(wish, file)


def of_kaggle(wish: Wish, home: Path) -> Plan:
    """Return what a competition's folder comes to; see `of_file`."""
    if wish.target or wish.id or wish.layer:
        raise UsageError("--from-kaggle takes target and ids from sample_submission.csv: leave out --target, --id and --layer.")
    folder = kagglefolder.look(home)
    table = folder.train
    aimed = aim.of(table, folder.target, columns.parse(wish.types, table.names), wish.group)
    if folder.columns_of and aimed.kind != "regression":
        # in the order of the submission's columns
        aimed = replace(aimed, classes=tuple(c for c in folder.columns_of if c in aimed.classes))
    lacking = tuple(n for n in table.names if n not in folder.test.names)
    recipe, said = _columns(wish, table, aimed, folder.target, folder.id, lacking)
    if folder.solution is None:
        recipe, more = _handed_in(folder, recipe)
        said = (*said, more)
    recorded = {f: sha256(home / f) for f in folder.files}
    size = f"{len(table):,} rows in train, {len(folder.test):,} in test, {'with' if folder.solution is not None else 'without'} a solution"
    return Plan("kaggle", home.resolve(), recorded, recipe, aimed, said, size, tuple(_published(folder, aimed)))


def _handed_in(folder: kagglefolder.Folder, recipe: Recipe) -> tuple[Recipe, str]:
    """Return the recipe with the form of what is handed in, as the sample submission shows it, and a line that says so."""
    key, *asked = (n for n in folder.sample.names if n != kagglefolder.USAGE)
    shown = {n for n in columns.names(folder.sample[asked[0]]) if n is not None}
    # a sample of one value, or of halves, tells of no class
    labels = len(asked) == 1 and (len(recipe.classes) > 2 or (len(shown) > 1 and shown <= set(recipe.classes)))
    what = "classes" if labels else f"the probability of {recipe.classes[1]}" if len(recipe.classes) == 2 and len(asked) == 1 else ""
    line = f"  to hand in: {key}, {', '.join(asked[:6])}{', ...' if len(asked) > 6 else ''}" + (f" ({what})" if what else "")
    return replace(recipe, hand_in=(key, *asked), labels=labels), line


def _published(folder: kagglefolder.Folder, aimed: Aim) -> Iterator[Split]:
    here, null = "genoboard.kagglefolder:", NULLS[aimed.kind]
    flat = not (aimed.classes)
    yield Split(
        "kaggle",
        "The published question: what is the target of each row of test.csv, given all of train.csv?",
        null,
        rule=here + "test",
        published=True,
        stratified=not flat,
        unscored="" if folder.solution is not None else "whoever holds the competition has the solution",
    )
    for part in ("public", "private") if folder.has_usage else ():
        yield Split(
            f"kaggle-{part}",
            f"What is the target of the {part} leaderboard's rows of test.csv alone, given all of train.csv?",
            null,
            rule=here + part,
            published=True,
            stratified=not flat,
        )


def _of_table(wish: Wish, file: Path) -> Plan:
    table = flatfiles.read(file)
    aimed = aim.of(table, wish.target, columns.parse(wish.types, table.names), wish.group)
    recipe, said = _columns(wish, table, aimed, wish.target, wish.id)
    return Plan("table", file.resolve(), {file.name: sha256(file)}, replace(recipe, file=file.name), aimed, said, f"{len(table):,} rows")


def _of_cells(wish: Wish, file: Path) -> Plan:
    table = cells.observations(file)
    _roles(wish, table, wish.target, wish.id)
    asked = columns.parse(wish.types, table.names)
    stray = next((n for n in asked if n not in wish.target), None)
    if stray is not None:
        raise UsageError(
            f"--type {stray}: of an .h5ad the matrix alone is given to models, and its obs are withheld. --type can tell what a target is."
        )
    aimed = aim.of(table, wish.target, asked, wish.group)
    recipe = Recipe(aimed.kind, wish.target, aimed.classes, wish.id, wish.group, wish.layer, file=file.name)
    withheld = [n for n in table.names[1:] if n not in (*wish.target, wish.group, wish.id)]
    said = columns.said((), _told_roles(wish.target, aimed, wish.group, wish.id or table.names[0]))
    if withheld:
        said.append(
            f"  withheld from models: the other {len(withheld):,} columns of obs ({', '.join(withheld[:6])}{', ...' if len(withheld) > 6 else ''})"
        )
    return Plan("h5ad", file.resolve(), {file.name: sha256(file)}, recipe, aimed, tuple(said), f"{len(table):,} observations")


def _columns(
    wish: Wish, table: Table, aimed: Aim, target: tuple[str, ...], key: str, lacking: Sequence[str] = ()
) -> tuple[Recipe, tuple[str, ...]]:
    """Infer what the columns beside the target are, but those that are `lacking` in test; raise `DataError` where none is left for models."""
    _roles(wish, table, target, key)
    asked, taken = columns.parse(wish.types, table.names), (*target, wish.group, key)
    for name, kind in asked.items():
        if name in (wish.group, key) or (name in target and kind == "ignore"):
            role = "target" if name in target else "group" if name == wish.group else "id"
            raise UsageError(f"--type {name}={kind}: it is the {role} column, which is no feature.")
        if name in lacking and name not in target and kind != "ignore":
            raise UsageError(f"--type {name}={kind}: the test rows have no column {name!r}, so that no model can be asked by it.")
    left = [n for n in table.names if n not in taken]
    found = [
        Column(n, "ignore", 0, "the test rows do not have it") if n in lacking else columns.infer(table, n, asked.get(n)) for n in left
    ]
    by: dict[str, tuple[str, ...]] = {k: tuple(c.name for c in found if c.kind == k) for k in ("number", "category", "ignore")}
    if not by["number"] and not by["category"]:
        why = "; ".join(f"{c.name!r}: {c.said}" for c in found[:6]) or "there is no other"
        raise DataError(
            f"{table.where}: beside target, group and id no column is left for models ({why}). Keep one with --type COL=number or COL=category; texts, sequences and images need a task in Python."
        )
    said = columns.said(found, _told_roles(target, aimed, wish.group, key))
    return Recipe(aimed.kind, target, aimed.classes, key, wish.group, "", by["number"], by["category"], by["ignore"]), tuple(
        said + _like_target(table, found, target, aimed)
    )


def _like_target(table: Table, found: Sequence[Column], target: tuple[str, ...], aimed: Aim) -> list[str]:
    """Say which features are nothing but the target under another name."""
    if len(target) > 1:
        return []
    truth = table[target[0]]
    values, words = columns.numbers(truth), columns.names(truth)
    same = [
        c.name
        for c in found
        if (c.kind == "category" and columns.names(table[c.name]) == words)
        or (c.kind == "number" and values is not None and np.array_equal(values, columns.require_numbers(table, c.name), equal_nan=True))
    ]
    return [f"  {n!r} is the target once more, row by row: leave it out with --type {columns.quoted(n)}=ignore" for n in same]


def _roles(wish: Wish, table: Table, target: tuple[str, ...], key: str) -> None:
    for role, name in (*(("target", t) for t in target), ("group", wish.group), ("id", key)):
        if name:
            table[name]
            others = [*target] if role != "target" else []
            if name in others or (role == "id" and name == wish.group):
                raise UsageError(f"Column {name!r} cannot be {role} and {'target' if name in others else 'group'} at once.")


def _told_roles(target: tuple[str, ...], aimed: Aim, group: str, key: str) -> dict[str, str]:
    roles = dict.fromkeys(target[:8], "target")
    if group:
        roles[group] = "group"
    if key:
        roles[key] = "id"
    return roles


def splits_of(plan: Plan) -> Iterator[Split]:
    """Give the splits that a task has: those that its files ask, and by group, or by row where there is none; what is not scored here comes last."""
    yield from (s for s in plan.asked if not s.unscored)
    yield from _of_train(plan)
    yield from (s for s in plan.asked if s.unscored)


def _of_train(plan: Plan) -> Iterator[Split]:
    recipe, null, stratified = plan.recipe, NULLS[plan.aim.kind], bool(plan.aim.classes)
    what = "What is the target of a further row"
    if not recipe.group:
        yield Split("random", f"{what}, drawn like those of train?", null, stratified=stratified)
        yield Split(
            "random-cv5", f"{what}, drawn like those of train? Every row is asked once.", null, cross_validated=True, stratified=stratified
        )
        return
    group = ownfiles.called(recipe.group)
    name = slug(group)
    name = f"by-{name}" if name in ("random", "random-cv5", "kaggle", "kaggle-public", "kaggle-private", "entry") else name
    held = Split(name, f"{what}, of a {group} never seen before?", null, group=group, stratified=stratified)
    yield held
    yield replace(held, name=f"{name}-cv5", asks=f"{held.asks} Every {group} is asked once.", cross_validated=True)
    yield Split(
        "random",
        f"{what}, other rows of its {group} being known?",
        null,
        cluster=group,
        stratified=stratified,
        leaks=f"Rows of one {group} are in train and in test: a model may know the {group} and not what is asked.",
    )
