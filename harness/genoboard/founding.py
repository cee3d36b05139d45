"""Founding: a user's file, or a competition's folder -> a task of their own: a folder with its task.toml, and its dataset in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import charter, data, plan, scoring, taskfile
from .aim import Aim
from .charter import SCORE
from .data import Prepared
from .errors import UsageError
from .metrics import Metric
from .plan import Plan, Wish
from .plugins import Plugins
from .task import Task, Tell
from .workspace import TASK_FILE, Workspace, slug, write_text

README = "README.md"


@dataclass(frozen=True)
class Founded:
    """A task that was made: its card, its data, the files that were written, and what is told of its columns."""

    task: Task
    prepared: Prepared
    wrote: tuple[Path, ...]
    said: tuple[str, ...]


def of_file(wish: Wish, file: Path, workspace: Workspace, plugins: Plugins, tell: Tell = lambda _: None) -> Founded:
    """Make a task of a CSV, TSV, Parquet or ``.h5ad`` file; where that fails, leave nothing behind. It raises what `plan.of_file` does."""
    return _found(wish, plan.of_file(wish, file), workspace, plugins, tell)


def of_kaggle(wish: Wish, home: Path, workspace: Workspace, plugins: Plugins, tell: Tell = lambda _: None) -> Founded:
    """Make a task of a competition's folder; see `of_file`."""
    return _found(wish, plan.of_kaggle(wish, home), workspace, plugins, tell)


def _found(wish: Wish, planned: Plan, workspace: Workspace, plugins: Plugins, tell: Tell) -> Founded:
    """Write the task's folder and ingest its data."""
    name, folder = wish.name, workspace.tasks / wish.name
    if slug(name) != name:
        raise UsageError(f"{name!r} cannot name a task. Use letters, digits, dots, hyphens and underscores, such as {slug(name)}.")
    if name in plugins.tasks:
        raise UsageError(f"There is a task {name!r} already, of {plugins.owners[f'task {name}']}. Choose another name.")
    if folder.exists():
        raise UsageError(f"{folder} is there already. Choose another name, or remove the folder first.")
    splits = tuple(plan.splits_of(planned))
    named, own, files = _metrics(wish, planned.aim, plugins)
    with _new(folder):
        for file in files:
            shutil.copyfile(file, folder / SCORE)
        write_text(folder / TASK_FILE, charter.task_file(wish, planned, splits, named, own, folder, workspace))
        card = taskfile.load(folder / TASK_FILE)
        prepared = data.ingest(card, planned.place, None, tell)
        metrics = plugins.metrics_of(card)
        for metric in metrics:
            _try(metric, prepared, planned.aim)
        for split in splits:
            if not split.rule:
                prepared.folds(split)
        write_text(folder / README, charter.readme(card, planned, prepared.about, metrics))
    wrote = tuple(folder / f for f in (TASK_FILE, README, *([SCORE] if files else [])))
    target = f"{card.target}, {planned.size}: {planned.aim.said}"
    return Founded(card, prepared, wrote, (target, "columns:", *planned.said))


@contextmanager
def _new(folder: Path) -> Iterator[None]:
    """Make a folder that is gone again where what is done with it fails."""
    folder.mkdir(parents=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()  # where there was none before, and nothing else is in it
        raise


def _metrics(wish: Wish, aimed: Aim, plugins: Plugins) -> tuple[list[str], list[dict[str, Any]], list[Path]]:
    """Return the metrics' names in order, what is written of those of a file, and that file."""
    named: list[str] = []
    own: list[dict[str, Any]] = []
    files: list[Path] = []
    for text in wish.metrics or taskfile.METRICS[aimed.kind]:
        place, colon, function = text.rpartition(":")
        if not colon:
            named.append(plugins.metric(text).name)
            continue
        path = Path(place)
        if not place.endswith(".py") or not function.isidentifier():
            raise UsageError(f"--metric {text}: write the name of a metric, or score.py:function.")
        if not path.is_file():
            raise UsageError(f"--metric {text}: there is no file {place}.")
        if files and path.resolve() != files[0].resolve():
            raise UsageError(f"--metric {text}: the functions of a task lie in one file, and {files[0]} is named already.")
        if not wish.direction:
            raise UsageError(f"--metric {text}: say whether more is better or less: --direction max, or --direction min.")
        files = [path]
        named.append(function.replace("_", "-"))
        bounds = {k: v for k, v in (("low", wish.low), ("high", wish.high)) if v is not None}
        reads = wish.reads or ("values" if aimed.kind == "regression" else "labels")
        own.append({"name": named[-1], "file": SCORE, "function": function, "direction": wish.direction, **bounds, "reads": reads})
    if own and any(o["name"] in plugins.metrics for o in own):
        taken = next(o for o in own if o["name"] in plugins.metrics)
        raise UsageError(
            f"--metric {SCORE}:{taken['function']}: there is a metric {taken['name']!r} already, of {plugins.owners['metric ' + taken['name']]}. Rename the function."
        )
    if not own and (wish.direction or wish.low is not None or wish.reads):
        raise UsageError("--direction, --range and --reads tell of a metric that is a function of a file: --metric score.py:function.")
    return named, own, files


def _try(metric: Metric, prepared: Prepared, aimed: Aim) -> None:
    """Import a metric of a file, and refuse one that reads what this target has not."""
    wrong = (metric.reads == "values") != (aimed.kind == "regression")
    if wrong:
        raise UsageError(
            f"{metric.name} reads {metric.reads}, and a {aimed.kind} target has none. It fits: {', '.join(taskfile.METRICS[aimed.kind])}."
        )
    scoring.formula(metric)
