"""Rehearsal: a model that is tried in the worker in all the ways that a single run does not: fitted anew, asked twice, given fewer rows or classes."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import building, gaps, predicting, table, worker
from .conformance import where
from .design import Design
from .model import RunContext
from .table import Features

REHEARSED = "rehearsed"
SEEDED, TWICE = "the same seed gives the same predictions, bit for bit", "asked twice, it answers the same"
MEND_SEED = "Take the seed from random_state, or from run.seed in fit(X, y, run=...)."
COPY = "Work on a copy: X.copy(), or values = X.to_numpy(copy=True)."
FEW, MOST, GAP = 30, 60, 7
Said = tuple[str, bool, str]


@dataclass
class Rehearsal:
    """An estimator in whose place the model itself is built, fitted and asked, several times in one process.

    Parameters
    ----------
    target : what the card's target says, or the name of a class in `source`.
    source : the text of the file that holds the model, for one by its path,
    place : and that file.
    estimator : an estimator object instead.
    binary : whether it also takes a target of two classes.
    missing : whether its card says that it takes missing values.
    """

    target: str
    source: str = ""
    place: str = ""
    estimator: object | None = None
    binary: bool = False
    missing: bool = False

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return what has to travel with it."""
        return {"estimator": self.estimator}

    def set_params(self, **parameters: Any) -> Self:
        """Keep the model's parameters."""
        self.parameters = parameters
        return self

    def fit(self, X: Features, y: NDArray[Any], groups: NDArray[np.int64] | None = None, run: RunContext | None = None) -> Self:
        """Fit the model once, as a run does; then try it. What that raises is the model's failure, what a trial raises a finding."""
        assert run is not None
        self.run, self.groups = run, np.arange(len(X)) if groups is None else groups
        self.classes_ = np.arange(len(run.classes))
        # built once for both: a file is written, an object pickled, only here
        self.folder = tempfile.mkdtemp()
        self.model = self._built(run)
        # a model is never given the rows themselves: one that changes them has that fault, and not all that follows from it
        rows, target = table.take(X, np.arange(len(X))), y.copy()
        returned = self._fit(self.model, rows, target, self.groups, run)
        self.said: list[Said] = [
            ("fit returns the model", returned is self.model, f"It returned {type(returned).__name__}. End fit with: return self"),
            ("fit leaves X and y as they are", _print(rows, target) == _print(X, y), COPY),
        ]
        self.said += self._tried(X, y)
        return self

    def predict_proba(self, X: Features) -> NDArray[np.float64]:
        """Return what the model that was fitted first predicts: (n, k), or (n, 1) for a regression."""
        return self._asked(self.model, X, self.run.classes)

    predict = predict_proba

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return what the trials came to."""
        # a copy of the file was tried; its author knows the original
        home = str(Path(self.place).parent)
        said = [(check, ok, mend.replace(self.folder, home)) for check, ok, mend in self.said]
        return {REHEARSED: pd.DataFrame(said, columns=["check", "ok", "mend"])}

    def _built(self, run: RunContext) -> Any:
        told = {"parameters": getattr(self, "parameters", {}), "seed": run.seed, "threads": run.n_jobs, "model": self.target}
        if self.estimator is not None:
            import cloudpickle

            path = Path(self.folder, "estimator.pkl")
            path.write_bytes(cloudpickle.dumps(self.estimator))
            told["model"] = f"{path}:"
        elif self.source:
            path = Path(self.folder, Path(self.place).name)
            path.write_text(self.source, encoding="utf-8")
            told["model"] = f"{path}:{self.target}"
        worker.seed_everything(run.seed)
        model = building.build(told)
        worker.seed_everything(run.seed)
        return model

    def _fit(self, model: Any, X: Features, y: NDArray[Any], groups: NDArray[np.int64], run: RunContext) -> Any:
        building.refuse_other_estimators(model, "multiclass" if run.classes else "regression")
        asked = inspect.signature(model.fit).parameters
        extra = {name: value for name, value in (("groups", groups), ("run", run)) if name in asked}
        return model.fit(X, y, **extra)

    def _asked(self, model: Any, X: Features, classes: Sequence[str]) -> NDArray[np.float64]:
        frame, _ = predicting.predict(model, table.take(X, np.arange(len(X))), tuple(classes))
        return frame.to_numpy(dtype=np.float64)

    def _fresh(self, X: Features, y: NDArray[Any], at: NDArray[np.intp], classes: Sequence[str]) -> tuple[Any, RunContext]:
        run = replace(self.run, classes=tuple(classes))
        model = self._built(run)
        self._fit(model, table.take(X, at), y.copy(), self.groups[at], run)
        return model, run

    def _tried(self, X: Features, y: NDArray[Any]) -> Iterator[Said]:
        """Give what each trial came to; what compares predictions is left out where these are random."""
        every, classes = np.arange(len(X)), self.run.classes
        rows = table.take(X, every)
        frame, _ = predicting.predict(self.model, rows, classes)
        first = frame.to_numpy(dtype=np.float64)
        yield "predict leaves X as it is", _print(rows) == _print(X), COPY
        second = self._asked(self._fresh(X, y, every, classes)[0], X, classes)
        seeded = np.array_equal(first, second, equal_nan=True)
        yield SEEDED, seeded, MEND_SEED
        alone = self._attempt("it predicts a single row", lambda: self._asked(self.model, table.take(X, every[:1]), classes))
        yield alone[0]
        if seeded and np.isfinite(first).all():
            again = self._asked(self.model, X, classes)
            same = np.array_equal(first, again)
            mend = f"The second answer differs, by up to {np.abs(first - again).max():.3g}. Change nothing of the model in predict."
            yield TWICE, same, mend
            if same:
                yield self._beside(X, first, alone[1])
            yield self._refitted(X, y, first)
        few = every[:FEW]
        if classes:
            yield self._attempt("it fits a handful of rows", lambda: self._trial(X, few % len(classes), few, len(classes)))[0]
        else:
            yield self._attempt("it fits a handful of rows", lambda: self._trial(X, y[:FEW], few, 0))[0]
        if len(classes) > 2:
            most = np.flatnonzero(y < len(classes) - 1)
            yield self._attempt("it fits where train lacks a class", lambda: self._trial(X, y[most], most, len(classes) - 1))[0]
            if self.binary:
                yield self._attempt("it fits two classes", lambda: self._trial(X, (y > 1).astype(np.int64), every, 2))[0]
        if isinstance(X, pd.DataFrame) and _numeric(X) and (self.missing or gaps.taken(self.model)):
            yield self._attempt("it takes missing values, as it says", lambda: self._with_gaps(X, y))[0]

    def _attempt(self, check: str, trial: Callable[[], NDArray[np.float64]]) -> tuple[Said, NDArray[np.float64] | None]:
        try:
            values = trial()
        except Exception as error:
            return (check, False, where(error)), None
        return (check, bool(np.isfinite(values).all()), "It predicts NaN or infinity there."), values

    def _trial(self, X: Features, y: NDArray[Any], at: NDArray[np.intp], k: int) -> NDArray[np.float64]:
        model, run = self._fresh(X, y, at, self.run.classes[:k])
        return self._asked(model, table.take(X, np.arange(FEW)), run.classes)

    def _with_gaps(self, X: Features, y: NDArray[Any]) -> NDArray[np.float64]:
        assert isinstance(X, pd.DataFrame)
        values = X.to_numpy(copy=True)
        values.reshape(-1)[::GAP] = np.nan
        holed = pd.DataFrame(values, index=X.index, columns=X.columns)
        model, run = self._fresh(holed, y, np.arange(len(X)), self.run.classes)
        return self._asked(model, holed, run.classes)

    def _beside(self, X: Features, first: NDArray[np.float64], alone: NDArray[np.float64] | None) -> Said:
        back = np.arange(len(X))[::-1]
        turned = self._asked(self.model, table.take(X, back), self.run.classes)[::-1]
        pairs = [(first, turned), *([] if alone is None else [(first[:1], alone)])]
        mend = "It differs when the row is asked alone, or in another order: fit every statistic in fit, none in predict."
        return "a row's prediction does not depend on the rows beside it", all(_alike(a, b) for a, b in pairs), mend

    def _refitted(self, X: Features, y: NDArray[Any], first: NDArray[np.float64]) -> Said:
        """Fit one model to some rows under another target, then to all; a fresh one, and what its module keeps, should not tell the difference."""
        check, classes = "fitted again, it gives what a fresh one gives", self.run.classes
        mend = "Something of an earlier fit is left: start from nothing in fit, and keep nothing in the module or the class."
        some = np.arange(MOST)
        other = y[::-1][:MOST]
        if classes:
            other = np.unique(other, return_inverse=True)[1].astype(np.int64)
        try:
            model, _ = self._fresh(X, other, some, classes[: int(other.max()) + 1] if classes else ())
            worker.seed_everything(self.run.seed)
            self._fit(model, table.take(X, np.arange(len(X))), y.copy(), self.groups, self.run)
            values = self._asked(model, X, classes)
        except Exception as error:
            return check, False, f"{where(error)} {mend}"
        return check, _alike(first, values), f"It differs by up to {np.abs(first - values).max():.3g}. {mend}"


def _alike(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(np.allclose(a, b, rtol=1e-5, atol=1e-7))


def _numeric(X: pd.DataFrame) -> bool:
    return all(d == np.float32 for d in X.dtypes)


def _print(X: Features, y: NDArray[Any] | None = None) -> object:
    """Return a value that is another one when any value, name or order of X, or y, is."""
    target = None if y is None else y.tobytes()
    if isinstance(X, Design):
        return X.digest(), target
    values = pd.util.hash_pandas_object(X, index=True).to_numpy().tobytes()
    return values, tuple(X.columns), tuple(map(str, X.dtypes)), target
