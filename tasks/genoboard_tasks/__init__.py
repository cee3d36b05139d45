"""genoboard_tasks: the competitions that come with genoboard, as one plugin."""

from __future__ import annotations

from collections.abc import Iterable

from genoboard import ModelSpec, Task, hookimpl

from . import brain_region, civic_significance, expression_regression, variant_class


@hookimpl
def register_tasks() -> Iterable[Task]:
    """Bring the tasks."""
    return (brain_region.TASK, variant_class.TASK, civic_significance.TASK, expression_regression.TASK)


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Bring the controls that belong to a task."""
    return (*brain_region.CONTROLS, *variant_class.CONTROLS, *expression_regression.CONTROLS)
