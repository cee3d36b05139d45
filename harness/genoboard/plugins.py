"""Plugins: find them one by one, gather what they register, remember owners and broken ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import pluggy

from . import builtin, hookspecs
from .errors import GenoboardError, PluginError, UnknownName, UsageError, nearest
from .metrics import Metric
from .model import ModelSpec
from .task import Target, Task
from .workspace import TASK_FILE, Workspace

if TYPE_CHECKING:
    import click


GROUP = "genoboard"
FORMATS = ("table", "csv", "json", "md", "latex", "html")  # of boards: genoboard's own, which no plugin may replace
Exporter = Callable[[dict[str, Any]], str]
Card = TypeVar("Card", Task, ModelSpec, Metric)
Found = TypeVar("Found")


class Distributions(Mapping[str, tuple[str, str]]):
    """Plugin name -> (distribution, version); read when it is asked for, since that takes longer than to load the plugin."""

    def __init__(self, found: Mapping[str, metadata.Distribution]) -> None:
        self._found = found

    def __getitem__(self, plugin: str) -> tuple[str, str]:
        found = self._found[plugin]
        return found.name, found.version

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


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
    exporters: Mapping[str, Exporter]
    owners: Mapping[str, str]
    distributions: Mapping[str, tuple[str, str]]
    broken: Mapping[str, str]
    manager: pluggy.PluginManager = field(repr=False)

    def task(self, name: str) -> Task:
        """Return the task called `name`."""
        return _find("task", name, self.tasks, self._why_not)

    def metric(self, name: str) -> Metric:
        """Return the registered metric called `name`; ``f1_macro`` is ``f1-macro``."""
        return self.metrics.get(name.replace("_", "-")) or _find("metric", name, self.metrics, self._why_not)

    def fitting(self, task: Task, most: int = 8) -> list[str]:
        """Return the names of models that are made for a task, those that look at nothing left out; some of them where there are many."""
        floor = {m.name for m in builtin.register_models()}
        names = [
            m.name for m in self.models.values() if task.admits(m) and m.inputs == "features" and m.name not in (*floor, *task.controls)
        ]
        return [*names[:most], *(["..."] if len(names) > most else [])]

    def metrics_of(self, task: Task) -> tuple[Metric, ...]:
        """Return the task's metrics as cards, the primary one first."""
        return tuple(self.metric(m) if isinstance(m, str) else m for m in task.metrics)

    def model(self, text: str, plugin_folder: Path | None = None) -> ModelSpec:
        """Return the card of a registered model, or one made for ``package.module:Class`` or ``path/to/file.py:Class``.

        `plugin_folder` is looked through, as ``./plugins`` is, for a plugin that would bring the model but is not installed.
        """
        if text in self.models:
            return self.models[text]
        place, colon, name = text.rpartition(":")
        if not colon:
            raise UnknownName("model", text, self.models, self._why_not(text, plugin_folder) or _dotted(text))
        if not place or not name.isidentifier():
            raise UsageError(f"{text!r} names no model. Write package.module:Class or path/to/file.py:Class.")
        if place.endswith(".py"):
            path = Path(place)
            if not path.is_file():
                raise UsageError(f"{text!r}: there is no file {place}.")
            from . import whereabouts

            known = whereabouts.defined(path)
            if known and name not in known:
                raise UnknownName(f"class or function in {place}", name, known)
            place = str(path.resolve())
        return ModelSpec(
            name, f"{place}:{name}", f"{text}, by its path", kinds=("tabular", "text"), targets=get_args(Target), any_parameters=True
        )

    def card_module(self, card: ModelSpec) -> str:
        """Return the name of the module that registered the card; empty for one made by its path, or by an object."""
        plugin = self.manager.get_plugin(self.owners.get(f"model {card.name}", "")) if self.models.get(card.name) == card else None
        return plugin.__name__ if isinstance(plugin, ModuleType) else ""

    def add_commands(self, cli: click.Group) -> None:
        """Let every plugin add its commands; one that fails is logged, and the others add theirs."""
        self._tell_all("register_commands", cli=cli)

    def announce(self, entry: dict[str, Any]) -> None:
        """Tell every plugin of a recorded entry; one that fails is logged and undoes nothing."""
        self._tell_all("entry_recorded", entry=entry)

    def _tell_all(self, hook: str, **given: Any) -> None:
        import logging  # here, because a list is told in less time than such imports take

        for impl in getattr(self.manager.hook, hook).get_hookimpls():
            try:
                impl.function(*(given[a] for a in impl.argnames))
            except Exception:
                logging.getLogger("genoboard").exception("%s() failed in plugin %r", hook, impl.plugin_name)

    def _why_not(self, name: str, plugin_folder: Path | None = None) -> str:
        """Say how `name` could come to be known, in a sentence; nothing where no plugin is in sight that would bring it."""
        if name in self.broken:
            return f"A plugin of that name is installed but broken: {self.broken[name]}"
        from . import whereabouts

        if here := whereabouts.uninstalled(name, *filter(None, (plugin_folder, Path("plugins")))):
            return here
        if self.broken and not nearest(name, (*self.models, *self.tasks, *self.metrics)):
            return f"Installed but broken, so that what they bring is not known: {', '.join(self.broken)}; genoboard list says why."
        return ""


def load_plugins(extra: Iterable[object] = (), workspace: Workspace | None = None) -> Plugins:
    """Load every installed plugin, `extra` plugin objects, and the task files of the workspace (by default the one that is here); return a fresh `Plugins`.

    A plugin that cannot be imported or breaks the contract is listed in `broken` with its reason, and so is a task file that says no task.
    Two that register one name raise `PluginError`, naming both.
    """
    manager = pluggy.PluginManager("genoboard")
    manager.add_hookspecs(hookspecs)
    manager.register(builtin, name="genoboard")
    distributions: dict[str, metadata.Distribution] = {}
    broken: dict[str, str] = {}
    points = sorted(metadata.entry_points(group=GROUP), key=lambda p: (p.name, p.value))
    for one, other in pairwise(points):
        if one.name == other.name:
            raise PluginError(f"Two plugins are called {one.name!r}: {_origin(one)} and {_origin(other)}. Uninstall one of them.")
    for point in points:
        try:
            _register(manager, point.load(), point.name)
        except (Exception, SystemExit) as error:  # one broken plugin must not close the house
            broken[point.name] = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            continue
        if point.dist is not None:
            distributions[point.name] = point.dist
    for plugin in extra:
        _register(manager, plugin, getattr(plugin, "name", None) or type(plugin).__name__)
    owners: dict[str, str] = {}
    tasks = _gather(manager, "register_tasks", "task", partial(_card, Task), owners, broken)
    models = _gather(manager, "register_models", "model", partial(_card, ModelSpec), owners, broken)
    metrics = _gather(manager, "register_metrics", "metric", partial(_card, Metric), owners, broken)
    exporters = _gather(manager, "register_exporters", "format", _exporter, owners, broken)
    tasks = _with_files(tasks, workspace or Workspace.here(), metrics, owners, broken)
    return Plugins(tasks, models, metrics, exporters, owners, Distributions(distributions), dict(sorted(broken.items())), manager)


def _register(manager: pluggy.PluginManager, plugin: object, name: str) -> None:
    if manager.has_plugin(name):
        other = manager.get_plugin(name)
        raise PluginError(f"Two plugins are called {name!r}: {_where(other)} and {_where(plugin)}. Rename one, or uninstall it.")
    try:
        manager.register(plugin, name=name)
    except pluggy.PluginValidationError as error:
        manager.unregister(name=name)
        raise PluginError(" ".join(str(error).split())) from None
    strange = next((h.name for h in manager.get_hookcallers(plugin) or () if not h.has_spec()), None)
    if strange is not None:
        manager.unregister(name=name)
        near = nearest(strange, _hooks(), most=1)
        mend = f"Did you mean {near[0]}?" if near else f"The hooks are: {', '.join(_hooks())}."
        raise PluginError(f"{_where(plugin)} implements {strange!r}, which is not a hook. {mend}")


def _gather(
    manager: pluggy.PluginManager,
    hook: str,
    kind: str,
    named: Callable[[Any], tuple[str, Found]],
    owners: dict[str, str],
    broken: dict[str, str],
) -> dict[str, Found]:
    """Call `hook` plugin by plugin, so that each card's owner is known and one failure stays one plugin's."""
    found: dict[str, Found] = {}
    for impl in getattr(manager.hook, hook).get_hookimpls():
        owner = impl.plugin_name
        if owner in broken:
            continue
        try:
            cards = [named(given) for given in impl.function()]
        except Exception as error:
            broken[owner] = f"{hook}() failed: {type(error).__name__}: {error}"
            continue
        for name, card in cards:
            if name in found:
                first = owners[f"{kind} {name}"]
                raise PluginError(
                    f"The {kind} {name!r} is registered twice, by the plugins {first!r} and {owner!r}. Uninstall one, or rename its {kind}."
                )
            found[name] = card
            owners[f"{kind} {name}"] = owner
    return dict(sorted(found.items()))


def _with_files(
    tasks: dict[str, Task], workspace: Workspace, metrics: Mapping[str, Metric], owners: dict[str, str], broken: dict[str, str]
) -> dict[str, Task]:
    """Return the tasks and those that the workspace's files stand for."""
    # most workspaces have none, and a list is told in less time than reading them takes to import
    if not (workspace.bundle.is_file() or any(workspace.tasks.glob(f"*/{TASK_FILE}"))):
        return tasks
    from . import bundle, taskfile

    found = dict(tasks)
    for owner, path in taskfile.found(workspace):
        try:
            card = taskfile.load(path)
            unknown = next((m for m in card.metrics if isinstance(m, str) and m not in metrics), None)
            if unknown is not None:
                raise UnknownName("metric", unknown, metrics, f"{path} names it.")
        except GenoboardError as error:
            broken[owner] = str(error)
            continue
        if card.name in found:
            raise PluginError(
                f"The task {card.name!r} is registered twice, by {owners[f'task {card.name}']} and {owner}. Give one another name, or remove it."
            )
        found[card.name] = card
        owners[f"task {card.name}"] = owner
    try:
        packed = bundle.replaced(workspace, found)
    except GenoboardError as error:
        broken[workspace.bundle.name] = str(error)
    else:
        found |= {packed.name: packed} if packed is not None else {}
    return dict(sorted(found.items()))


def _card(kind: type[Card], given: object) -> tuple[str, Card]:
    if not isinstance(given, kind):
        raise TypeError(f"{given!r} is not a {kind.__name__} card")
    return given.name, given


def _exporter(given: object) -> tuple[str, Exporter]:
    match given:
        case (str(name), function) if callable(function) and name not in FORMATS:
            return name, function
        case (str(name), _) if name in FORMATS:
            raise ValueError(f"the format {name!r} is genoboard's own")
    raise TypeError(f"{given!r} is not a pair of a format's name and a function")


def _find(kind: str, name: str, known: Mapping[str, Card], why_not: Callable[[str], str]) -> Card:
    if name not in known:
        raise UnknownName(kind, name, known, why_not(name))
    return known[name]


def _hooks() -> list[str]:
    return [n for n in vars(hookspecs) if n.startswith(("register_", "entry_"))]


def _where(plugin: object) -> str:
    return str(getattr(plugin, "__name__", None) or type(plugin).__name__)


def _origin(point: metadata.EntryPoint) -> str:
    return f"{point.value} of {point.dist.name} {point.dist.version}" if point.dist is not None else point.value


def _dotted(text: str) -> str:
    if text.endswith(".py"):
        return f"For an estimator in a file, name its class too: {text}:Class."
    module, dot, name = text.rpartition(".")
    return f"For an estimator by its path, write {module}:{name}." if dot and name.isidentifier() else ""
