"""Aim: what the target columns of a user's table ask for: classes, labels or values; or why no task can be made of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import pyarrow.types as pt

from . import columns
from .columns import Kind, Table
from .errors import DataError
from .task import Target

FEW, ROWS_EACH = 20, 5  # whole numbers are classes where there are so few of them, each with so many rows on average
MOST_CLASSES = 200
# a class that is named so is what the other one is told from
NEGATIVE = ("0", "false", "no", "n", "none", "absent", "negative", "neg", "-", "control", "ctrl", "healthy", "normal", "benign", "wt", "wildtype", "wild type",
            "wild-type", "alive", "non-responder", "nonresponder", "resistant", "unaffected")  # fmt: skip
TIME = re.compile(r"(^|[\W_])(time|duration|surv\w*|days|months|years|followup|follow_up|os|pfs|dfs|rfs|tte)([\W_]|$)", re.IGNORECASE)
EVENT = re.compile(r"(^|[\W_])(event|status|censor\w*|died|death|dead|deceased|vital\w*|relapse\w*|progress\w*)([\W_]|$)", re.IGNORECASE)
KINDS = "A task of a file is binary, multiclass, multilabel, or a regression of one or several values."


@dataclass(frozen=True)
class Aim:
    """What is asked: the kind of target and, where it has them, its classes in order, the positive one last of two."""

    kind: Target
    classes: tuple[str, ...] = ()
    said: str = ""


def of(table: Table, target: Sequence[str], asked: Mapping[str, Kind], group: str = "") -> Aim:
    """Return what the target columns ask for; raise `DataError`, which says why, where it is nothing that a task can be of."""
    for name in target:
        _refuse(table, name)
    if len(target) > 1:
        return _several(table, target, asked)
    (name,) = target
    values, found = columns.numbers(table[name]), columns.levels(table[name])
    if len(found) < 2:
        raise DataError(
            f"{table.where}: the target {name!r} is {found[0]!r} in every row. There is nothing to tell apart: name another column."
        )
    known = int(len(table) - table[name].null_count)
    whole = values is not None and bool((np.trunc(values) == values)[~np.isnan(values)].all())
    many = values is None or (whole and (len(found) == 2 or (len(found) <= FEW and known >= ROWS_EACH * len(found))))
    if asked.get(name) == "number" or (asked.get(name) != "category" and not many):
        known_values = columns.require_numbers(table, name)
        known_values = known_values[~np.isnan(known_values)]
        hint = f"; --type {columns.quoted(name)}=category if they are classes" if whole and len(found) <= MOST_CLASSES else ""
        return Aim("regression", said=f"values from {known_values.min():g} to {known_values.max():g}{hint}")
    if group and values is not None and _ranks(table, name, group):
        raise DataError(
            f"{table.where}: the target {name!r} numbers the rows of every {group} from 1 on: this is ranking, which genoboard does not score. {KINDS}"
        )
    return _classes(table, name, found, values is not None)


def _refuse(table: Table, name: str) -> None:
    column = table[name]
    if column.null_count == len(column):
        raise DataError(f"{table.where}: the target {name!r} has no value in any row.")
    why = ""
    if pt.is_temporal(column.type):
        why = "dates or times"
    elif pt.is_nested(column.type) or pt.is_binary(column.type):
        why = f"values of the type {column.type}"
    elif pt.is_string(column.type):
        known = column.drop_null()
        for pattern, what in ((columns.DATE, "dates"), (columns.RESIDUES, "sequences"), (columns.PICTURE, "names of image files")):
            if pc.all(pc.match_substring_regex(known, pattern)).as_py():
                why = what
    if why:
        raise DataError(f"{table.where}: the target {name!r} holds {why}, and these are nothing to predict here. {KINDS}")


def _several(table: Table, target: Sequence[str], asked: Mapping[str, Kind]) -> Aim:
    if len(set(target)) < len(target):
        raise DataError(f"The target {next(t for t in target if list(target).count(t) > 1)!r} is named twice.")
    kinds: dict[str, str] = {}
    for name in target:
        values, found = columns.numbers(table[name]), columns.levels(table[name])
        if len(found) < 2:
            raise DataError(
                f"{table.where}: the target {name!r} is {found[0]!r} in every row. There is nothing to tell apart: leave it out."
            )
        flags = {t.lower() for t in found} in ({"0", "1"}, {"true", "false"})
        kinds[name] = "label" if flags and asked.get(name) != "number" else "value" if values is not None else "text"
    words = [n for n, k in kinds.items() if k == "text"]
    if words:
        raise DataError(
            f"{table.where}: the target {words[0]!r} holds texts, such as {columns.levels(table[words[0]])[0]!r}, and of several targets each is a label, 0 or 1, or a "
            f"number. Name it alone, or write one column of 0 and 1 for each of its values."
        )
    if len(set(kinds.values())) > 1:
        times, events = ([n for n in target if p.search(n)] for p in (TIME, EVENT))
        if len(target) == 2 and times and events:
            raise DataError(
                f"{table.where}: the targets {times[0]!r} and {events[0]!r} are a time and an event: this is survival, which genoboard does not score. "
                f"{KINDS} Name one of them alone."
            )
        one, other = (next(n for n, k in kinds.items() if k == kind) for kind in ("label", "value"))
        raise DataError(
            f"{table.where}: the target {one!r} is a label, 0 or 1, and {other!r} a value: a task has either labels or values. Make two tasks, or say --type {columns.quoted(one)}=number."
        )
    if set(kinds.values()) == {"value"}:
        return Aim("regression", said=f"{len(target)} values a row")
    few = [n for n in target if min(Counter(_flags(table, n)).values()) < 2]
    if few:
        raise DataError(
            f"{table.where}: the label {few[0]!r} has one row of one of its values: either train or test would lack it. Leave it out."
        )
    return Aim("multilabel", said=f"{len(target)} labels a row")


def _flags(table: Table, name: str) -> list[str]:
    return [t for t in columns.names(table[name]) if t is not None]


def flags(table: Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a label's column as 0 and 1, NaN where there is none; true and false are such too."""
    values = columns.numbers(table[name])
    if values is None:
        to = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
        values = np.array([np.nan if t is None else to.get(t.lower(), 2.0) for t in columns.texts(table[name])])
    return values


def _classes(table: Table, name: str, found: list[str], of_numbers: bool) -> Aim:
    cells = columns.names(table[name])
    counts = Counter(c for c in cells if c is not None)
    alone = [c for c in found if counts[c] == 1]
    known = sum(counts.values())
    if len(found) > MOST_CLASSES or len(alone) > len(found) / 2:
        raise DataError(
            f"{table.where}: the target {name!r} has {len(found):,} different values in {known:,} rows{', ' + str(len(alone)) + ' of them once' if alone else ''}: these are names, and no classes. "
            f"{KINDS} For values, every cell is to be a number."
        )
    if alone:
        row = cells.index(alone[0])
        raise DataError(
            f"{table.at(row)}: the class {alone[0]!r} of the target {name!r} has this row only: either train or test would lack it. Join it to another class, or delete the row."
        )
    order = tuple(sorted(found, key=lambda c: c.lower() not in NEGATIVE)) if len(found) == 2 else tuple(found)
    shown = ", ".join(f"{c} {counts[c]:,}" for c in order[:8]) + (f", ... ({len(order)} classes)" if len(order) > 8 else "")
    hint = f"; --type {columns.quoted(name)}=number if they are values" if of_numbers and len(order) > 2 else ""
    if len(order) == 2:
        return Aim("binary", order, f"{shown}; {order[1]!r} is the positive one")
    return Aim("multiclass", order, f"{shown}{hint}")


def _ranks(table: Table, name: str, group: str) -> bool:
    """Tell whether the values number the rows of each group, of which most have several."""
    members: dict[str, list[str]] = {}
    for g, value in zip(columns.names(table[group]), columns.names(table[name]), strict=True):
        members.setdefault(g or "", []).append(value or "")
    several = [m for m in members.values() if len(m) > 1]
    return len(several) > len(members) / 2 and all(sorted(m) == sorted(str(i + 1) for i in range(len(m))) for m in several)
