"""Own metric: a user's function of truth and predictions, taken from a file of theirs, as a formula."""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import GenoboardError, UndefinedScore
from .metrics import Metric

if TYPE_CHECKING:
    from .ranks import Floats, Ints

SHOWN = 200  # characters of what a function's error says


def of(metric: Metric) -> OwnFormula:
    """Return the formula of a card that points to ``path/to/file.py:function``; importing the file runs it, as its owner trusts it to."""
    place, _, name = metric.formula.rpartition(":")
    return OwnFormula(_function(place, name, metric.version), f"{Path(place).name}:{name}", metric.low, metric.high)


def version(content: bytes) -> int:
    """Return a version that another content of the file does not have: what it computes may have changed."""
    return int(hashlib.sha256(content).hexdigest()[:7], 16)


@lru_cache(maxsize=32)
def _function(place: str, name: str, _version: int) -> Callable[[Any, Any], Any]:
    path = Path(place)
    if not path.is_file():
        raise GenoboardError(
            f"{place} is not there, and a metric of this task is its function {name}. Put it back, or mend the task's task.toml."
        )
    spec = importlib.util.spec_from_file_location(f"genoboard_own_{path.stem}", path)
    assert spec is not None, place
    assert spec.loader is not None, place
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise GenoboardError(
            f"{place} cannot be imported: {type(error).__name__}: {error}. Mend it: a metric of this task is its function {name}."
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        raise GenoboardError(
            f"{place} has no function {name}. Write def {name}(y_true, y_pred), which returns a number, or name another one."
        )
    function: Callable[[Any, Any], Any] = found
    return function


@dataclass(frozen=True)
class OwnFormula:
    """A `Formula` of a function (y_true, y_pred) -> number, as scikit-learn's metrics are; `low` and `high` bound what it may give.

    A resample is the rows themselves, each as often as it was drawn.
    """

    function: Callable[[Any, Any], Any]
    called: str
    low: float
    high: float

    def score(self, truth: Any, prediction: Any, n_classes: int) -> float:
        """Return what the function gives; see `Formula`."""
        if not len(truth):
            raise UndefinedScore("there are no rows to score")
        try:
            value = float(self.function(truth, prediction))
        except Exception as error:
            said = " ".join(str(error).split())[:SHOWN]
            raise UndefinedScore(f"{self.called} raised {type(error).__name__}: {said}") from error
        if not math.isfinite(value):
            raise UndefinedScore(f"{self.called} gave {value}")
        if not self.low <= value <= self.high:
            raise GenoboardError(
                f"{self.called} gave {value:g}, which lies outside its range from {self.low:g} to {self.high:g}. Mend the function, or low and high in task.toml."
            )
        return value

    def replicates(self, truth: Any, prediction: Any, n_classes: int, group: Ints, weights: Floats) -> Floats:
        """Return what the function gives for every resample; see `Formula`."""
        import numpy as np

        found = np.full(len(weights), np.nan)
        rows = np.arange(len(truth))
        for place, drawn in enumerate(weights):
            again = np.repeat(rows, drawn[group].astype(np.int64))
            try:
                value = float(self.function(truth[again], prediction[again])) if len(again) else math.nan
            except Exception:  # a resample may lack a class, say
                continue
            found[place] = value if math.isfinite(value) else math.nan
        return found
