"""genoboard: run genomics models on fixed splits, and rank them honestly. This is the face: all that a plugin may import."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .design import Block, Design
    from .errors import (
        DataError,
        GenoboardError,
        InvalidSubmission,
        ModelFailed,
        PluginError,
        UndefinedScore,
        UnknownName,
        UsageError,
    )
    from .evaluation import cross_validate, evaluate, load
    from .figure import Figure, canvas
    from .hookspecs import hookimpl
    from .metrics import Metric, per_class
    from .model import ModelSpec, RunContext
    from .moments import Moments
    from .packed import Packed
    from .results import NotDrawn, Results
    from .slots import Slots
    from .splits import Split
    from .standings import leaderboard
    from .task import Dataset, DataSource, RemoteFile, Task

# Names are resolved when first asked for: a plugin's card module must cost milliseconds, whatever it registers.
_HOME = {
    "hookimpl": "hookspecs",
    "Task": "task",
    "Dataset": "task",
    "DataSource": "task",
    "RemoteFile": "task",
    "Split": "splits",
    "Block": "design",
    "Design": "design",
    "Slots": "slots",
    "Moments": "moments",
    "Packed": "packed",
    "ModelSpec": "model",
    "RunContext": "model",
    "Metric": "metrics",
    "per_class": "metrics",
    "Figure": "figure",
    "canvas": "figure",
    "Results": "results",
    "NotDrawn": "results",
    "load": "evaluation",
    "evaluate": "evaluation",
    "cross_validate": "evaluation",
    "leaderboard": "standings",
    "GenoboardError": "errors",
    "UsageError": "errors",
    "UnknownName": "errors",
    "InvalidSubmission": "errors",
    "PluginError": "errors",
    "DataError": "errors",
    "UndefinedScore": "errors",
    "ModelFailed": "errors",
}

__all__ = [
    "Block",
    "DataError",
    "DataSource",
    "Dataset",
    "Design",
    "Figure",
    "GenoboardError",
    "InvalidSubmission",
    "Metric",
    "ModelFailed",
    "ModelSpec",
    "Moments",
    "NotDrawn",
    "Packed",
    "PluginError",
    "RemoteFile",
    "Results",
    "RunContext",
    "Slots",
    "Split",
    "Task",
    "UndefinedScore",
    "UnknownName",
    "UsageError",
    "canvas",
    "cross_validate",
    "evaluate",
    "hookimpl",
    "leaderboard",
    "load",
    "per_class",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'genoboard' has no attribute {name!r}")
    return getattr(importlib.import_module(f"genoboard.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
