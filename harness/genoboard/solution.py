"""Solution file: any CSV of truths; what a submission to it must look like, and its score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import scoring, submission
from .errors import DataError, UsageError
from .metrics import Metric
from .submission import Form

USAGE = "Usage"
IGNORED = "ignored"


def score_file(path: Path, solution: Path, metric: Metric, id_column: str | None = None) -> tuple[float, tuple[str, ...]]:
    """Return the metric's value of the submission at `path` against the solution at `solution`, and notes.

    A solution holds ids, and one label or value column or one 0/1 column per class; 0/1 columns that do not sum to 1
    in every row are multilabel. Rows whose ``Usage`` is ``Ignored`` are left out, as on Kaggle. Raise
    `InvalidSubmission` for a faulty submission, `DataError` for a faulty solution.
    """
    table = submission.read_columns(solution)
    key = id_column or table.column_names[0]
    if key not in table.column_names:
        raise UsageError(f"{solution} has no column {key!r}. Its columns: {', '.join(table.column_names)}.")
    ids = _column(table, key)
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise DataError(f"{solution}: id {twice!r} occurs more than once. Every row of a solution needs an id of its own.")
    counted, notes = _counted(table, len(ids))
    names = [c for c in table.column_names if c not in (key, USAGE)]
    if not names:
        raise DataError(f"{solution} has no column beside {key!r}: a label, a value, or one 0/1 column per class is needed.")
    if len(names) > 1:
        truth, form = _one_column_per_class(table, names, ids, key, metric, solution)
    else:
        truth, form = _one_column(table, names[0], ids, key, metric, path, solution)
    read = submission.read(path, form)
    prediction = read.prediction[counted]
    value = scoring.value_of(metric, truth[counted], prediction, form.classes)
    return value, (*notes, *read.notes)


def _column(table: pa.Table, name: str) -> list[str]:
    return [str(v) for v in table.column(name).to_pylist()]


def _counted(table: pa.Table, rows: int) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return which rows count, and a note when some do not."""
    if USAGE not in table.column_names:
        return np.ones(rows, dtype=bool), ()
    counted = np.array([u.strip().lower() != IGNORED for u in _column(table, USAGE)])
    left = int((~counted).sum())
    return counted, (f"{left:,} of {rows:,} rows are marked Ignored in the solution and do not count",) if left else ()


def _one_column_per_class(
    table: pa.Table, names: Sequence[str], ids: list[str], key: str, metric: Metric, solution: Path
) -> tuple[NDArray[np.float64] | NDArray[np.int64], Form]:
    truth = np.column_stack([_numbers(_column(table, n), ids, n, solution) for n in names])
    if not np.isin(truth, (0.0, 1.0)).all():
        row, column = np.argwhere(~np.isin(truth, (0.0, 1.0)))[0]
        raise DataError(f"{solution}: id {ids[row]!r}, column {names[column]!r}: {truth[row, column]:g} is neither 0 nor 1. Class columns hold 0 and 1.")
    exclusive = bool((truth.sum(axis=1) == 1.0).all())
    if not exclusive and metric.reads != "scores":
        raise UsageError(f"{solution} is multilabel (its 0/1 columns do not sum to 1), and {metric.name} takes one class a row. Use auroc or auprc.")
    form = Form(ids, key, "", tuple(names), metric.reads, exclusive=exclusive)
    return (truth.argmax(axis=1) if exclusive else truth), form


def _one_column(table: pa.Table, name: str, ids: list[str], key: str, metric: Metric, path: Path, solution: Path) -> tuple[NDArray[np.float64] | NDArray[np.int64], Form]:
    """A label or value column: the submission has one of the same name, or (labels) one probability column per class."""
    values = _column(table, name)
    if metric.reads == "values":
        return _numbers(values, ids, name, solution), Form(ids, key, name, (), "values")
    given = submission.read_columns(path)
    if name in given.column_names and metric.reads != "labels":
        truth = _numbers(values, ids, name, solution)
        if not np.isin(truth, (0.0, 1.0)).all():
            raise DataError(f"{solution}: column {name!r} holds more than 0 and 1. For {metric.name} over several classes, submit one column per class.")
        return truth.astype(np.int64), Form(ids, key, name, (), metric.reads)
    told = set(_column(given, name)) if name in given.column_names else {c for c in given.column_names if c != key}
    classes = tuple(sorted({*values, *told}))
    return np.array([classes.index(v) for v in values], dtype=np.int64), Form(ids, key, name, classes, metric.reads)


def _numbers(values: Sequence[str], ids: Sequence[str], name: str, solution: Path) -> NDArray[np.float64]:
    numbers = np.empty(len(values))
    for i, text in enumerate(values):
        try:
            numbers[i] = float(text)
        except ValueError:
            numbers[i] = np.nan
        if not np.isfinite(numbers[i]):
            raise DataError(f"{solution}: id {ids[i]!r}, column {name!r}: {text!r} is not a number.")
    return numbers
