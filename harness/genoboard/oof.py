"""Out-of-fold predictions: every training row as a model predicts it that was fitted without that row's group; what a blend learns from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from . import submission
from .competition import Competition
from .errors import DataError, InvalidSubmission, ModelFailed
from .run import Run, run_folds, union
from .splits import Fold
from .workspace import OUT_OF_FOLD, OUT_OF_FOLD_RUNS, PREDICTIONS
from .workspace import sha256 as digest_of

FOLD = "fold"
Predictions = NDArray[np.float64]


def leave(inners: Sequence[Competition], run: Run, folder: Path) -> str:
    """Run a model on each of `inners`, what is left of the competition inside the training rows of each fold.

    Writes ``oof.csv`` in `folder` and returns its SHA-256; what the models print and log goes to ``oof/``. No prediction for an
    outer fold comes from a model that saw this fold's test rows, or another row of the same group.
    Raise `ModelFailed` where there are no valid predictions.
    """
    count = len(inners)
    frames = []
    for number, inner in enumerate(inners, start=1):
        part = f", fold {number} of {count}" if count > 1 else ""
        place = folder / OUT_OF_FOLD_RUNS / (f"fold-{number}" if count > 1 else "")
        place.mkdir(parents=True)
        labelled = replace(run, progress=partial(_progress, run, f"out-of-fold{part}"))
        try:
            frames.append(frame(inner, _checked(inner, union(inner, run_folds(inner, labelled, place)), place / PREDICTIONS)))
        except ModelFailed as error:
            raise ModelFailed(error.verdict, f"inside the training rows{part}: {error}") from error
    return write(folder / OUT_OF_FOLD, frames)


def frame(inner: Competition, prediction: Predictions) -> pd.DataFrame:
    """Return predictions with ids as index and one column per class, or the target's."""
    return pd.DataFrame(prediction, index=inner.data.rows.index[inner.test], columns=list(inner.form.columns))


def write(path: Path, frames: Sequence[pd.DataFrame]) -> str:
    """Write the out-of-fold predictions of each outer fold, numbers in full, and return the file's SHA-256."""
    pd.concat(frames, keys=range(1, len(frames) + 1), names=[FOLD]).swaplevel().to_csv(path)
    return digest_of(path)


def read(path: Path, competition: Competition, sha256: str) -> list[Predictions]:
    """Return the out-of-fold predictions for each fold, (n, K) or (n,), in the order of its training rows.

    Raise `DataError` where the file is not what was written there, or answers for other rows.
    """
    if digest_of(path) != sha256:
        raise DataError(f"{path} has changed since it was written. Put it back, or run that model again with --oof.")
    form = competition.form
    types = {form.id_column: pa.string(), FOLD: pa.int64(), **{c: pa.float64() for c in form.columns}}
    options = pyarrow.csv.ConvertOptions(column_types=types, include_columns=list(types))
    table = pyarrow.csv.read_csv(path, convert_options=options).to_pandas().set_index([FOLD, form.id_column])
    found = []
    for number, fold in enumerate(competition.folds, start=1):
        ids = competition.data.rows.index[fold.train]
        values = table.loc[number].reindex(ids).to_numpy(dtype=np.float64)
        if np.isnan(values).any():
            raise DataError(f"{path} does not answer for every training row of fold {number}. Run that model again with --oof.")
        found.append(values if form.classes else values[:, 0])
    return found


def _progress(run: Run, part: str, folds: Sequence[Fold], label: str) -> Iterable[Fold]:
    return run.progress(folds, f"{label} {part}")


def _checked(inner: Competition, prediction: Predictions, path: Path) -> Predictions:
    """What the validator makes of these predictions; a submission of them is written for it, and not kept."""
    submission.write(path, inner.form, prediction, inner.form.ids)
    try:
        return submission.read(path, inner.form).prediction
    except InvalidSubmission as error:
        raise ModelFailed("invalid", " ".join(" ".join(error.problems).split())) from error
    finally:
        path.unlink()
