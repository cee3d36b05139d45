"""Plugins: find them one by one, gather what they register, remember owners and broken ones."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, get_args

import pluggy

from . import builtin, hookspecs
from .errors import PluginError, UnknownName, UsageError
from .metrics import Metric
from .model import ModelSpec
from .task import Kind, Target, Task

GROUP = "genoboard"
Card = TypeVar("Card", Task, ModelSpec, Metric)


@dataclass(frozen=True)
class Plugins:
    """What is registered: cards by name, the plugin that owns each, and what could not be loaded.

    Parameters
    ----------
    owners : ``"model xgboost"`` -> the plugin's name.
    distributions : plugin name -> (distribution, version).
    broken : plugin name -> the reason why it is not here.
    """

    tasks: Mapping[str, Task]
    models: Mapping[str, ModelSpec]
    metrics: Mapping[str, Metric]
    exporters: Mapping[str, Callable[[dict[str, Any]], str]]
    owners: Mapping[str, str]
    distributions: Mapping[str, tuple[str, str]]
    broken: Mapping[str, str]
    manager: pluggy.PluginManager = field(repr=False)

    def task(self, name: str) -> Task:
        """Return the task called `name`."""
        return _find("task", name, self.tasks, self._why_not(name))

    def metric(self, name: str) -> Metric:
        """Return the registered metric called `name`; ``f1_macro`` is ``f1-macro``."""
        return _find("metric", name.replace("_", "-"), self.metrics)

    def metrics_of(self, task: Task) -> tuple[Metric, ...]:
        """Return the task's metrics as cards, the primary one first."""
        return tuple(self.metric(m) if isinstance(m, str) else m for m in task.metrics)

    def model(self, text: str, plugin_folder: Path | None = None) -> ModelSpec:
        """Return the card of a registered model, or one made for ``package.module:Class`` or ``path/to/file.py:Class``."""
        if text in self.models:
            return self.models[text]
        place, colon, name = text.rpartition(":")
        if not colon:
            hint = self._why_not(text) or _uninstalled(text, plugin_folder) or _dotted(text)
            raise UnknownName("model", text, self.models, hint)
        if not place or not name.isidentifier():
            raise UsageError(f"{text!r} names no model. Write package.module:Class or path/to/file.py:Class.")
        if place.endswith(".py"):
            path = Path(place)
            if not path.is_file():
                raise UsageError(f"{text!r}: there is no file {place}.")
            place = str(path.resolve())
        return ModelSpec(
            name, f"{place}:{name}", f"{text}, by its path", kinds=get_args(Kind), targets=get_args(Target), any_parameters=True
        )  # fmt: skip

    def announce(self, entry: dict[str, Any]) -> None:
        """Tell every plugin of a recorded entry; one that fails is logged and undoes nothing."""
        for impl in self.manager.hook.entry_recorded.get_hookimpls():
            try:
                impl.function(entry)
            except Exception:
                logging.getLogger("genoboard").exception("entry_recorded failed in plugin %s", impl.plugin_name)

    def _why_not(self, name: str) -> str:
        if name in self.broken:
            return f"A plugin of that name is installed but broken: {self.broken[name]}"
        return ""


def load_plugins(extra: Iterable[object] = ()) -> Plugins:
    """Load every installed plugin, and `extra` plugin objects; return a fresh `Plugins`.

    A plugin that cannot be imported or breaks the contract is listed in `broken` with its reason. Two plugins that
    register one name raise `PluginError`, naming both.
    """
    manager = pluggy.PluginManager("genoboard")
    manager.add_hookspecs(hookspecs)
    manager.register(builtin, name="genoboard")
    distributions: dict[str, tuple[str, str]] = {}
    broken: dict[str, str] = {}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.name):
        try:
            plugin = point.load()
            _register(manager, plugin, point.name)
        except Exception as error:  # one broken plugin must not close the house
            broken[point.name] = f"{type(error).__name__}: {error}"
            continue
        if point.dist is not None:
            distributions[point.name] = (point.dist.name, point.dist.version)
    for plugin in extra:
        _register(manager, plugin, getattr(plugin, "name", None) or type(plugin).__name__)
    owners: dict[str, str] = {}
    tasks = _gather(manager, "register_tasks", Task, "task", owners, broken)
    models = _gather(manager, "register_models", ModelSpec, "model", owners, broken)
    metrics = _gather(manager, "register_metrics", Metric, "metric", owners, broken)
    exporters = dict(pair for result in manager.hook.register_exporters() for pair in result)
    return Plugins(tasks, models, metrics, exporters, owners, distributions, broken, manager)


def _register(manager: pluggy.PluginManager, plugin: object, name: str) -> None:
    if manager.has_plugin(name):
        other = manager.get_plugin(name)
        raise PluginError(f"Two plugins are called {name!r}: {_where(other)} and {_where(plugin)}. Rename one, or uninstall it.")
    manager.register(plugin, name=name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        manager.unregister(plugin)
        raise PluginError(f"{error} The hooks are: {', '.join(_hooks())}.") from None


def _gather(
    manager: pluggy.PluginManager, hook: str, card: type[Card], kind: str, owners: dict[str, str], broken: dict[str, str]
) -> dict[str, Card]:
    """Call `hook` plugin by plugin, so that each card's owner is known and one failure stays one plugin's."""
    found: dict[str, Card] = {}
    for impl in getattr(manager.hook, hook).get_hookimpls():
        owner = impl.plugin_name
        if owner in broken:
            continue
        try:
            cards = tuple(impl.function())
            wrong = next((c for c in cards if not isinstance(c, card)), None)
            if wrong is not None:
                raise PluginError(f"{hook}() must return {card.__name__} cards, not {wrong!r}.")
        except Exception as error:
            broken[owner] = f"{hook}() failed: {type(error).__name__}: {error}"
            continue
        for c in cards:
            if c.name in found:
                raise PluginError(
                    f"Two plugins register the {kind} {c.name!r}: {owners[f'{kind} {c.name}']!r} and {owner!r}. Uninstall one, or rename its {kind}."
                )
            found[c.name] = c
            owners[f"{kind} {c.name}"] = owner
    return dict(sorted(found.items()))


def _find(kind: str, name: str, known: Mapping[str, Card], hint: str = "") -> Card:
    if name not in known:
        raise UnknownName(kind, name, known, hint)
    return known[name]


def _hooks() -> list[str]:
    return [n for n in vars(hookspecs) if n.startswith(("register_", "entry_"))]


def _where(plugin: object) -> str:
    return str(getattr(plugin, "__name__", None) or type(plugin).__qualname__)


def _dotted(text: str) -> str:
    module, dot, name = text.rpartition(".")
    return f"For an estimator by its path, write {module}:{name}." if dot and name.isidentifier() else ""


def _uninstalled(name: str, folder: Path | None) -> str:
    """Say how to install a plugin that brings `name` and lies in `folder` uninstalled, or is an extra of genoboard."""
    for project in sorted(folder.glob("*/pyproject.toml")) if folder else ():
        try:
            points = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("entry-points", {}).get(GROUP, {})
        except (OSError, ValueError):
            continue
        cards = [project.parent / str(module).replace(".", "/") / "__init__.py" for module in points.values()]
        if name in (project.parent.name, *points) or any(f'"{name}"' in c.read_text(encoding="utf-8") for c in cards if c.is_file()):
            return f"The plugin that brings it lies in {project.parent}, not installed: pip install -e {project.parent}"
    try:
        extras = metadata.metadata("genoboard").get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        extras = []
    return f'A plugin brings it: pip install "genoboard[{name}]"' if name in extras else ""
