"""Solution file: any CSV of truths; what a submission to it must look like, and its score."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from . import joining, scoring, submission
from .errors import DataError, InvalidSubmission, UndefinedScore, UsageError, nearest
from .metrics import Metric
from .submission import Form

USAGE = "Usage"
PUBLIC, PRIVATE, IGNORED = "public", "private", "ignored"
MOST_CELLS = 1 << 28
NO_LABEL = frozenset({"", "nan", "na", "n/a", "null", "none"})
Truth = NDArray[np.int64] | NDArray[np.float64]


def score_file(path: Path, solution: Path, metric: Metric, id_column: str | None = None) -> tuple[float, tuple[str, ...]]:
    """Return the metric's value of the submission at `path` against the solution at `solution`, and notes.

    A solution holds ids, and one label or value column or one 0/1 column per class; 0/1 columns that do not sum to 1
    in every row are multilabel. Rows whose ``Usage`` is ``Ignored`` are left out, as on Kaggle: they need predictions,
    but what the solution says of them is not looked at. Where some are ``Public`` and some ``Private``, the value is that of
    both together, and notes say what it is on each.

    Raises
    ------
    InvalidSubmission : for a faulty submission.
    DataError : for a faulty solution.
    UsageError : where solution and metric do not fit together.
    UndefinedScore : where the metric has no value on these rows.
    """
    scoring.require_alone(metric)
    table = _read(solution)
    key = id_column or table.column_names[0]
    if key not in table.column_names:
        near = nearest(key, table.column_names, most=1)
        raise UsageError(
            f"{solution} has no column {key!r}. "
            + (f"Did you mean {near[0]!r}?" if near else f"Its columns: {', '.join(table.column_names)}.")
        )
    ids = table.column(key).combine_chunks()
    told = _require_ids(ids, solution, key)
    # a slice, which copies nothing, until there is something to leave out
    counted: NDArray[np.bool_] | slice = slice(None)
    usage = np.zeros(0, dtype=str)
    notes: list[str] = []
    if USAGE in table.column_names:
        usage = _usage(table, solution, ids)
        kept = usage != IGNORED
        if not kept.any():
            raise DataError(f"{solution}: every row is marked {USAGE} = Ignored, so that there is nothing to score.")
        if not kept.all():
            notes.append(f"{int((~kept).sum()):,} of {len(ids):,} rows are marked Ignored in the solution and do not count")
            counted, usage, table = kept, usage[kept], table.filter(pa.array(kept))
    names = [c for c in table.column_names if c not in (key, USAGE)]
    if not names:
        raise DataError(f"{solution} has no column beside {key!r}: a label, a value, or one 0/1 column per class is needed.")
    held = _Solution(solution, table, key, names, metric)
    if len(names) > 1:
        truth, classes, form = held.by_class(ids)
    elif metric.reads == "values":
        truth, classes, form = held.numbers(names[0]), (), Form(ids, key, names[0], (), "values")
    else:
        truth, classes, form = held.by_label(ids, path, notes)
    read = submission.read(path, replace(form, made=told), hashing=False)
    try:
        value = scoring.value_of(metric, truth, read.prediction[counted], classes)
    except UndefinedScore as error:
        order = f" The classes, counted from 0: {', '.join(classes)}." if classes else ""
        raise UndefinedScore(f"{metric.name} has no value on {solution}: {error}.{order}") from error
    return value, (*_by_part(metric, truth, read.prediction[counted], classes, usage), *notes, *read.notes)


@dataclass(frozen=True)
class _Solution:
    """The rows of a solution that count."""

    path: Path
    table: pa.Table
    key: str
    names: Sequence[str]
    metric: Metric

    def by_class(self, ids: pa.StringArray) -> tuple[Truth, tuple[str, ...], Form]:
        """One 0/1 column per class."""
        if self.metric.reads == "values":
            raise UsageError(
                f"{self.metric.name} takes one column of values, and {self.path} has {len(self.names)}: {', '.join(self.names)}. Leave one beside {self.key!r}."
            )
        truth = np.column_stack([self.numbers(n) for n in self.names])
        if not np.isin(truth, (0.0, 1.0)).all():
            row, column = np.argwhere(~np.isin(truth, (0.0, 1.0)))[0]
            name = _column(self.table, self.key)[row]
            raise DataError(
                f"{self.path}: id {name!r}, column {self.names[column]!r}: {truth[row, column]:g} is neither 0 nor 1. Class columns hold 0 and 1."
            )
        exclusive = bool((truth.sum(axis=1) == 1.0).all())
        if not exclusive and self.metric.reads != "scores":
            raise UsageError(
                f"{self.path} is multilabel (its 0/1 columns do not sum to 1), and {self.metric.name} takes one class a row. Use auroc or auprc."
            )
        label = "label" if "label" not in self.names else ""
        form = Form(ids, self.key, label, tuple(self.names), self.metric.reads, exclusive=exclusive)
        return (truth.argmax(axis=1) if exclusive else truth), tuple(self.names), form

    def by_label(self, ids: pa.StringArray, given: Path, notes: list[str]) -> tuple[Truth, tuple[str, ...], Form]:
        """A column of labels: the submission `given` has one of the same name, or one probability column per class."""
        name, reads = self.names[0], self.metric.reads
        column = self.table.column(name).combine_chunks().dictionary_encode()
        labels, code = column.dictionary.to_pylist(), np.from_dlpack(column.indices)
        if blank := [i for i, label in enumerate(labels) if not label.strip()]:
            where = self.table.column(self.key)[int(np.flatnonzero(np.isin(code, blank))[0])]
            raise DataError(
                f"{self.path}: id {where.as_py()!r}, column {name!r}: the label is empty. Mark rows that do not count in a column {USAGE}, as Ignored."
            )
        said = submission.names(given, len(ids))
        if name in said and reads != "labels":
            strange = next((label for label in labels if _number(label) not in (0.0, 1.0)), None)
            if strange is not None:
                raise DataError(
                    f"{self.path}: column {name!r} holds {strange!r}, which is neither 0 nor 1. For {self.metric.name} over such labels, submit one column per class."
                )
            return np.array([int(float(label)) for label in labels])[code], ("0", "1"), Form(ids, self.key, name, (), reads)
        entered = (
            set(submission.read_columns(given, len(ids)).column(name).unique().to_pylist()) if name in said else set(said) - {self.key}
        )
        known = set(labels)
        more = sorted(_new_labels(entered, known)) if name in said or entered & known else []
        if len(ids) * (len(known) + len(more)) > MOST_CELLS:
            # one number for each row and class
            raise InvalidSubmission(
                str(given),
                [f"column {name!r}: {len(more):,} labels are not in the solution, such as {more[0]!r}: they are compared to the letter"],
            )
        if more:
            notes.append(
                f"of these classes the solution has no row: {', '.join(more[:5])}" + (f" and {len(more) - 5} more" if len(more) > 5 else "")
            )
        classes = tuple(sorted({*known, *more}))
        return np.array([classes.index(label) for label in labels])[code], classes, Form(ids, self.key, name, classes, reads)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column as float64; raise `DataError` at the first cell that is not a finite number."""
        values = _column(self.table, name)
        numbers = np.array([_number(v) for v in values])
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if len(wrong):
            where = _column(self.table, self.key)[wrong[0]]
            raise DataError(
                f"{self.path}: id {where!r}, column {name!r}: {values[wrong[0]]!r} is not a number. A solution holds a finite number in every row that counts."
            )
        return numbers


def _read(solution: Path) -> pa.Table:
    try:
        return submission.read_columns(solution)
    except InvalidSubmission as error:
        raise DataError("\n".join([f"The solution {solution} cannot be read.", *(f"  - {p}" for p in error.problems)])) from error


def _usage(table: pa.Table, solution: Path, ids: pa.StringArray) -> NDArray[np.str_]:
    """Return what every row is for, in small letters; raise `DataError` at the first that is for something else."""
    given = _column(table, USAGE)
    usage = np.array([u.strip().lower() for u in given])
    strange = np.flatnonzero(~np.isin(usage, (PUBLIC, PRIVATE, IGNORED)))
    if len(strange):
        at = int(strange[0])
        raise DataError(
            f"{solution}: row {at + 1}, id {ids[at].as_py()!r}, column {USAGE!r}: {given[at]!r} is none of Public, Private and Ignored. Write one of these."
        )
    return usage


def _by_part(metric: Metric, truth: Truth, prediction: NDArray[np.float64], classes: tuple[str, ...], usage: NDArray[np.str_]) -> list[str]:
    """Return what the metric is on the public rows and on the private ones, where there are both."""
    if len(np.unique(usage)) < 2:
        return []
    notes = []
    for part in (PUBLIC, PRIVATE):
        where = usage == part
        try:
            said = f"{scoring.value_of(metric, truth[where], prediction[where], classes):.5f}"
        except UndefinedScore as error:
            said = f"none: {error}"
        notes.append(f"{part} {metric.name} {said} ({int(where.sum()):,} rows)")
    return notes


def _column(table: pa.Table, name: str) -> list[str]:
    return [str(v) for v in table.column(name).to_pylist()]


def _require_ids(ids: pa.StringArray, solution: Path, key: str) -> joining.Keys | None:
    """Return what rows are joined by."""
    told = joining.keys(ids)
    if (told is None or told.may_repeat) and pc.count_distinct(ids).as_py() < len(ids):
        found, times = Counter(ids.to_pylist()).most_common(1)[0]
        raise DataError(
            f"{solution}: id {found!r} occurs {times} times in column {key!r}. Every row of a solution needs an id of its own; --id names another column."
        )
    blank = np.flatnonzero(np.from_dlpack(pc.binary_length(ids)) == 0)
    if len(blank):
        raise DataError(f"{solution}: row {blank[0] + 1} has no id in column {key!r}. Every row of a solution needs one.")
    return told


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _new_labels(said: Iterable[str], known: Iterable[str]) -> set[str]:
    """Return the labels that may be classes of which the solution has no row; not those that are slips of one that it has."""

    def loose(label: str) -> object:
        number = _number(label)
        return label.strip().casefold() if math.isnan(number) else number

    have = {loose(k) for k in known}
    whole = all(isinstance(h, float) and h.is_integer() for h in have)
    return {s for s in said if s.strip().casefold() not in NO_LABEL and loose(s) not in have and (not whole or _number(s).is_integer())}
