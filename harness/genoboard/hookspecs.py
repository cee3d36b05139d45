"""The contract: the hooks that a plugin may implement, each returning an iterable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from .metrics import Metric
    from .model import ModelSpec
    from .task import Task

hookspec = pluggy.HookspecMarker("genoboard")
hookimpl = pluggy.HookimplMarker("genoboard")


@hookspec
def register_tasks() -> Iterable[Task]:
    """Return the tasks that this plugin brings."""


@hookspec
def register_models() -> Iterable[ModelSpec]:
    """Return the cards of the models that this plugin brings."""


@hookspec
def register_metrics() -> Iterable[Metric]:
    """Return metrics that any task or ``genoboard score`` may use by name."""


@hookspec
def register_exporters() -> Iterable[tuple[str, Callable[[dict[str, Any]], str]]]:
    """Return (format name, function) pairs; the function turns a board (the JSON form) into text."""


@hookspec
def register_commands(cli: click.Group) -> None:
    """Add commands to the ``genoboard`` group."""


@hookspec
def entry_recorded(entry: dict[str, Any]) -> None:
    """Be told of an entry after its commit, and in which ``folder`` it lies; a failure here is logged and undoes nothing."""
