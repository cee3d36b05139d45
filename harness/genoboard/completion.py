"""Completion: what a shell offers for a word of a command line that is not yet whole."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

    from .model import ModelSpec
    from .plugins import Plugins
    from .task import Task
    from .workspace import Workspace

Offer = Callable[["click.Context", "click.Parameter", str], "list[CompletionItem]"]


def _offering(named: Callable[[click.Context], Iterable[tuple[str, str]]]) -> Offer:
    """Make a function that gives names, each with what it is, into one that click asks; of a list with commas the last is completed."""

    @functools.wraps(named)
    def offer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        head, comma, last = incomplete.rpartition(",")
        try:
            found = [CompletionItem(f"{head}{comma}{name}", help=told) for name, told in named(ctx) if name.startswith(last)]
        except Exception:
            # whoever presses TAB is in the middle of a line: what is wrong is told when that is sent
            return []
        return found

    return offer


@_offering
def tasks(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Offer the tasks."""
    return [(task.name, task.summary) for task in _plugins(ctx).tasks.values()]


@_offering
def splits(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Offer the splits of the task that was named before."""
    return [(split.name, split.asks) for split in _task(ctx).splits]


@_offering
def datasets(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Offer the datasets of the task that was named before: its own, and those that the user brought."""
    from . import catalog

    task = _task(ctx)
    known = catalog.sources(task)
    return [(name, known[name].summary if name in known else "yours") for name in catalog.names(task)]


@_offering
def metrics(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Offer the metrics of the task that was named before, or all where none was."""
    plugins, of_task = _plugins(ctx), any(param.name == "task" for param in ctx.command.params)
    return [(m.name, m.summary) for m in (plugins.metrics_of(_task(ctx)) if of_task else plugins.metrics.values())]


@_offering
def formats(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Offer the forms that a board can be printed in."""
    from .plugins import FORMATS

    return [(name, "") for name in (*FORMATS, *_plugins(ctx).exporters)]


@_offering
def subjects(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Offer what can be checked: models and tasks."""
    plugins = _plugins(ctx)
    cards: list[ModelSpec | Task] = [*plugins.models.values(), *plugins.tasks.values()]
    return [(card.name, card.summary) for card in cards]


@_offering
def entries(ctx: click.Context) -> Iterable[tuple[str, str]]:
    """Offer the names that stand on the boards of the task that was named before, or on all where none was."""
    from genoboard_leaderboard.store import Store

    of_task = ctx.command.params[0].name == "task"
    task = _task(ctx).name if of_task else ctx.params.get("task")
    return [(name, "") for name in Store(_workspace(ctx).database).names(task)]


@_offering
def _models(ctx: click.Context) -> Iterable[tuple[str, str]]:
    task = _task(ctx)
    return [(model.name, model.summary) for model in _plugins(ctx).models.values() if task.admits(model)]


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the models that the task named before takes; for a word that begins no name, files."""
    from click.shell_completion import CompletionItem

    return _models(ctx, param, incomplete) or [CompletionItem(incomplete, type="file")]


def _workspace(ctx: click.Context) -> Workspace:
    from .workspace import Workspace

    return Workspace.here(ctx.find_root().params.get("workspace"))


def _plugins(ctx: click.Context) -> Plugins:
    from .plugins import load_plugins

    return load_plugins(workspace=_workspace(ctx))


def _task(ctx: click.Context) -> Task:
    # behind an option that still wants its value, click has not told words from arguments: the first of them is the task
    return _plugins(ctx).task(ctx.params.get("task") or ctx.args[0])
