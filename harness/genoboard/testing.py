"""Testing: the conformance suite that authors of models and tasks run, from their tests or as ``genoboard check``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import catalog
from .conformance import Finding
from .errors import UnknownName, nearest
from .model import ModelSpec
from .model_checks import Subject
from .plugins import Plugins, load_plugins
from .task import Task, Tell
from .task_checks import TaskCheck
from .workspace import Workspace


def check(
    plugins: Plugins | None = None, name: str | None = None, progress: Tell = lambda _: None, parameters: Mapping[str, Any] | None = None
) -> list[Finding]:
    """Check the model (with these `parameters`) or task called `name`; without a name, all that is registered, but no task whose data are not here."""
    plugins = plugins or load_plugins()
    models = [m for m in plugins.models.values() if name in (None, m.name)]
    tasks = [t for t in plugins.tasks.values() if name in (None, t.name)]
    if name is not None and not models and not tasks:
        if ":" not in name and nearest(name, plugins.tasks):
            raise UnknownName("model or task", name, [*plugins.models, *plugins.tasks])
        models = [plugins.model(name, Workspace.here().plugins)]
    found = [Finding(p, "the plugin loads", False, reason) for p, reason in plugins.broken.items() if name is None]
    for t in tasks:
        if name is None and not any(s.generate or s.place or catalog.state(t, s.name) for s in t.sources):
            progress(f"task {t.name} is not checked: its data are not here (genoboard data {t.name} says how to bring them)")
            continue
        progress(f"checking task {t.name}")
        found += check_task(t, plugins, progress)
    for m in models:
        progress(f"checking model {m.name}")
        found += check_model(m, plugins, parameters, progress)
    return found


def check_model(
    model: ModelSpec | object,
    plugins: Plugins | None = None,
    parameters: Mapping[str, Any] | None = None,
    progress: Tell = lambda _: None,
) -> list[Finding]:
    """Return the findings on a model: a card, or an estimator object.

    It is fitted in the worker, as in a run, on a small cohort of every kind and target that its card says it takes (see `cohorts`): 90 rows
    in 4 classes, one of them of 3 rows.
    """
    plugins = plugins or load_plugins()
    card = model if isinstance(model, ModelSpec) else plugins.model(f"{type(model).__module__}:{type(model).__qualname__}")
    estimator = None if isinstance(model, ModelSpec) else model
    module = plugins.card_module(card)
    card = replace(card, parameters=card.settings(parameters or {}))
    return [replace(f, subject=f"model {card.name}") for f in Subject(card, estimator, module).findings(progress)]


def check_task(task: Task, plugins: Plugins | None = None, progress: Tell = lambda _: None) -> list[Finding]:
    """Return the findings on a task, on its generated dataset where it has one, else on the first that is here.

    Its controls are run and its panels drawn in a workspace that is made for it and gone afterwards.
    """
    checks = TaskCheck(task, plugins or load_plugins(), progress)
    return [replace(f, subject=f"task {task.name}") for f in checks.findings()]


__all__ = ["Finding", "check", "check_model", "check_task"]
