"""What the harness itself registers, through the same hooks as everybody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from .hookspecs import hookimpl
from .metrics import BUILTIN, Metric
from .model import ModelSpec
from .task import Kind

ANY = get_args(Kind)


@hookimpl
def register_metrics() -> Iterable[Metric]:
    """Bring the metrics whose formulas are the project's own."""
    return BUILTIN


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Bring the floor models."""
    return (
        ModelSpec("prior", "genoboard.reference:Prior", "every class with its share of the training rows", kinds=ANY),
        ModelSpec("majority", "genoboard.reference:Majority", "always the most frequent class of the training rows", kinds=ANY),
        ModelSpec("uniform", "genoboard.reference:Uniform", "the same probability for every class of the training rows", kinds=ANY),
        ModelSpec("grand-mean", "genoboard.reference:GrandMean", "the mean of the training target", kinds=ANY, targets=("regression",)),
    )
