"""Founding: a user's file, or a competition's folder -> a task of their own: a folder with its task.toml, and its dataset in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import aim, cells, columns, data, flatfiles, kagglefolder, ownfiles, scoring, taskfile
from .aim import Aim
from .columns import Column, Table
from .data import Prepared
from .errors import DataError, UsageError
from .metrics import Metric
from .plugins import Plugins
from .splits import Split
from .task import Task, Tell
from .taskfile import Recipe
from .workspace import TASK_FILE, Workspace, slug, write_text

README, SCORE = "README.md", "score.py"
HEADING = """A task of your own files, made by genoboard new task. What is changed here holds from the next command on; where it changes what
a model is given or asked, the data are read anew, and there are new boards. Columns that are named nowhere are left out."""
NULLS = {
    "binary": "prior: the shares of the classes in train",
    "multiclass": "prior: the shares of the classes in train",
    "multilabel": "prior: how frequent each label is in train",
    "regression": "grand-mean: the mean of the training rows",
}


@dataclass(frozen=True)
class Wish:
    """What a user says of the task to be made; what is empty is inferred.

    Parameters
    ----------
    types : ``COL=KIND`` texts.
    metrics : names of registered metrics, or ``score.py:function`` texts, the primary one first.
    direction, low, high, reads : of the metrics that are functions of a file.
    """

    name: str
    target: tuple[str, ...] = ()
    group: str = ""
    id: str = ""
    layer: str = ""
    types: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    direction: str = ""
    low: float | None = None
    high: float | None = None
    reads: str = ""


@dataclass(frozen=True)
class Founded:
    """A task that was made: its card, its data, the files that were written, and what is told of its columns."""

    task: Task
    prepared: Prepared
    wrote: tuple[Path, ...]
    said: tuple[str, ...]


@dataclass(frozen=True)
class _Plan:
    """What the files come to."""

    reads: str
    place: Path
    recorded: Mapping[str, str]
    recipe: Recipe
    aim: Aim
    said: tuple[str, ...]
    size: str
    asked: tuple[Split, ...] = ()


def of_file(wish: Wish, file: Path, workspace: Workspace, plugins: Plugins, tell: Tell = lambda _: None) -> Founded:
    """Make a task of a CSV, TSV, Parquet or ``.h5ad`` file.

    Raises
    ------
    UsageError : where the words do not fit the file.
    DataError : where the file is damaged, or of a kind that no task can be made of, with the reason.
    """
    if not wish.target:
        raise UsageError("Say what is to be predicted: --target COLUMN.")
    if not file.is_file():
        raise DataError(f"{file} is no file. Give a .csv, .tsv, .parquet or .h5ad file.")
    kind = flatfiles.kind_of(file)
    if wish.layer and kind != flatfiles.ANNDATA:
        raise UsageError(f"--layer chooses a matrix of an .h5ad, and {file} is a table.")
    plan = _of_cells(wish, file) if kind == flatfiles.ANNDATA else _of_table(wish, file)
    return _found(wish, plan, workspace, plugins, tell)


def of_kaggle(wish: Wish, home: Path, workspace: Workspace, plugins: Plugins, tell: Tell = lambda _: None) -> Founded:
    """Make a task of a competition's folder; see `of_file`."""
    if wish.target or wish.id or wish.layer:
        raise UsageError("--from-kaggle takes target and ids from sample_submission.csv: leave out --target, --id and --layer.")
    folder = kagglefolder.look(home)
    table = folder.train
    aimed = aim.of(table, folder.target, columns.parse(wish.types, table.names), wish.group)
    if folder.columns_of and aimed.kind != "regression":
        # in the order of the submission's columns
        aimed = replace(aimed, classes=tuple(c for c in folder.columns_of if c in aimed.classes))
    lacking = () if folder.solution is None else tuple(n for n in table.names if n not in folder.test.names)
    recipe, said = _columns(wish, table, aimed, folder.target, folder.id, lacking)
    recorded = {f: _sha256(home / f) for f in folder.files}
    size = f"{len(table):,} rows in train, {len(folder.test):,} in test, {'with' if folder.solution is not None else 'without'} a solution"
    plan = _Plan("kaggle", home.resolve(), recorded, recipe, aimed, said, size, tuple(_published(folder, aimed)))
    return _found(wish, plan, workspace, plugins, tell)


def _published(folder: kagglefolder.Folder, aimed: Aim) -> Iterator[Split]:
    if folder.solution is None:
        return
    here, null = "genoboard.kagglefolder:", NULLS[aimed.kind]
    flat = not (aimed.classes)
    usage = " that is scored, public or private," if folder.has_usage else ""
    yield Split(
        "kaggle",
        f"The published question: what is each row of test.csv{usage}, given all of train.csv?",
        null,
        rule=here + "test",
        published=True,
        stratified=not flat,
    )
    for part in ("public", "private") if folder.has_usage else ():
        yield Split(
            f"kaggle-{part}",
            f"The {part} leaderboard's rows of test.csv alone, given all of train.csv.",
            null,
            rule=here + part,
            published=True,
            stratified=not flat,
        )


def _of_table(wish: Wish, file: Path) -> _Plan:
    table = flatfiles.read(file)
    aimed = aim.of(table, wish.target, columns.parse(wish.types, table.names), wish.group)
    recipe, said = _columns(wish, table, aimed, wish.target, wish.id)
    return _Plan("table", file.resolve(), {file.name: _sha256(file)}, replace(recipe, file=file.name), aimed, said, f"{len(table):,} rows")


def _of_cells(wish: Wish, file: Path) -> _Plan:
    table = cells.observations(file)
    _roles(wish, table, wish.target, wish.id)
    asked = columns.parse(wish.types, table.names)
    stray = next((n for n in asked if n not in wish.target), None)
    if stray is not None:
        raise UsageError(
            f"--type {stray}: of an .h5ad the matrix alone is given to models, and its obs are withheld. --type can tell what a target is."
        )
    aimed = aim.of(table, wish.target, asked, wish.group)
    recipe = Recipe(aimed.kind, wish.target, aimed.classes, wish.id, wish.group, wish.layer, file=file.name)
    withheld = [n for n in table.names[1:] if n not in (*wish.target, wish.group, wish.id)]
    said = columns.said((), _told_roles(wish.target, aimed, wish.group, wish.id or table.names[0]))
    if withheld:
        said.append(
            f"  withheld from models: the other {len(withheld):,} columns of obs ({', '.join(withheld[:6])}{', ...' if len(withheld) > 6 else ''})"
        )
    return _Plan("h5ad", file.resolve(), {file.name: _sha256(file)}, recipe, aimed, tuple(said), f"{len(table):,} observations")


def _columns(
    wish: Wish, table: Table, aimed: Aim, target: tuple[str, ...], key: str, lacking: Sequence[str] = ()
) -> tuple[Recipe, tuple[str, ...]]:
    """Infer what the columns beside the target are, but those that are `lacking` in test; raise `DataError` where none is left for models."""
    _roles(wish, table, target, key)
    asked, taken = columns.parse(wish.types, table.names), (*target, wish.group, key)
    for name, kind in asked.items():
        if name in (wish.group, key) or (name in target and kind == "ignore"):
            role = "target" if name in target else "group" if name == wish.group else "id"
            raise UsageError(f"--type {name}={kind}: it is the {role} column, which is no feature.")
        if name in lacking and name not in target and kind != "ignore":
            raise UsageError(f"--type {name}={kind}: the test rows have no column {name!r}, so that no model can be asked by it.")
    left = [n for n in table.names if n not in taken]
    found = [Column(n, "ignore", 0, "the test rows do not have it") if n in lacking else columns.infer(table, n, asked.get(n)) for n in left]
    by: dict[str, tuple[str, ...]] = {k: tuple(c.name for c in found if c.kind == k) for k in ("number", "category", "ignore")}
    if not by["number"] and not by["category"]:
        why = "; ".join(f"{c.name!r}: {c.said}" for c in found[:6]) or "there is no other"
        raise DataError(
            f"{table.where}: beside target, group and id no column is left for models ({why}). Keep one with --type COL=number or COL=category; texts, sequences and images need a task in Python."
        )
    said = columns.said(found, _told_roles(target, aimed, wish.group, key))
    return Recipe(aimed.kind, target, aimed.classes, key, wish.group, "", by["number"], by["category"], by["ignore"]), tuple(
        said + _like_target(table, found, target, aimed)
    )


def _like_target(table: Table, found: Sequence[Column], target: tuple[str, ...], aimed: Aim) -> list[str]:
    """Say which features are nothing but the target under another name."""
    if len(target) > 1:
        return []
    truth = columns.names(table[target[0]])
    same = [c.name for c in found if c.kind != "ignore" and columns.names(table[c.name]) == truth]
    return [f"  {n!r} is the target once more, row by row: leave it out with --type {columns.quoted(n)}=ignore" for n in same]


def _roles(wish: Wish, table: Table, target: tuple[str, ...], key: str) -> None:
    for role, name in (*(("target", t) for t in target), ("group", wish.group), ("id", key)):
        if name:
            table[name]
            others = [*target] if role != "target" else []
            if name in others or (role == "id" and name == wish.group):
                raise UsageError(f"Column {name!r} cannot be {role} and {'target' if name in others else 'group'} at once.")


def _told_roles(target: tuple[str, ...], aimed: Aim, group: str, key: str) -> dict[str, str]:
    roles = dict.fromkeys(target[:8], "target")
    if group:
        roles[group] = "group"
    if key:
        roles[key] = "id"
    return roles


def _found(wish: Wish, plan: _Plan, workspace: Workspace, plugins: Plugins, tell: Tell) -> Founded:
    """Write the task's folder and ingest its data; where that fails, leave nothing behind."""
    name, folder = wish.name, workspace.tasks / wish.name
    if slug(name) != name:
        raise UsageError(f"{name!r} cannot name a task. Use letters, digits, dots, hyphens and underscores, such as {slug(name)}.")
    if name in plugins.tasks:
        raise UsageError(f"There is a task {name!r} already, of {plugins.owners[f'task {name}']}. Choose another name.")
    if folder.exists():
        raise UsageError(f"{folder} is there already. Choose another name, or remove the folder first.")
    splits = (*plan.asked, *_splits(plan))
    named, own, files = _metrics(wish, plan.aim, plugins)
    with _new(folder):
        for file in files:
            shutil.copyfile(file, folder / SCORE)
        write_text(folder / TASK_FILE, _toml(wish, plan, splits, named, own, folder, workspace))
        card = taskfile.load(folder / TASK_FILE)
        prepared = data.ingest(card, plan.place, None, tell)
        metrics = plugins.metrics_of(card)
        for metric in metrics:
            _try(metric, prepared, plan.aim)
        for split in splits:
            if not split.rule:
                prepared.folds(split)
        write_text(folder / README, _readme(card, plan, prepared, metrics))
    wrote = tuple(folder / f for f in (TASK_FILE, README, *([SCORE] if files else [])))
    target = f"{card.target}, {plan.size}: {plan.aim.said}"
    return Founded(card, prepared, wrote, (target, "columns:", *plan.said))


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


def _splits(plan: _Plan) -> Iterator[Split]:
    recipe, null, stratified = plan.recipe, NULLS[plan.aim.kind], bool(plan.aim.classes)
    what = "What is the target of a further row"
    if not recipe.group:
        yield Split("random", f"{what}, drawn like those of train?", null, stratified=stratified)
        yield Split(
            "random-cv5", f"{what}, drawn like those of train? Every row is asked once.", null, cross_validated=True, stratified=stratified
        )
        return
    group = ownfiles.called(recipe.group)
    name = slug(group)
    name = f"by-{name}" if name in ("random", "random-cv5", "kaggle", "kaggle-public", "kaggle-private", "entry") else name
    held = Split(name, f"{what}, of a {group} never seen before?", null, group=group, stratified=stratified)
    yield held
    yield replace(held, name=f"{name}-cv5", asks=f"{held.asks} Every {group} is asked once.", cross_validated=True)
    yield Split(
        "random",
        f"{what}, other rows of its {group} being known?",
        null,
        cluster=group,
        stratified=stratified,
        leaks=f"Rows of one {group} are in train and in test: a model may know the {group} and not what is asked.",
    )


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


def _toml(
    wish: Wish,
    plan: _Plan,
    splits: Sequence[Split],
    named: Sequence[str],
    own: Sequence[Mapping[str, Any]],
    folder: Path,
    workspace: Workspace,
) -> str:
    recipe = plan.recipe
    near = plan.place.is_relative_to(workspace.root)
    taken = {*recipe.classes, *recipe.outputs}
    id_column = recipe.id or "id"
    while id_column in taken:
        id_column = f"row_{id_column}"
    target_column = "target" if recipe.outputs else recipe.target[0]
    top: dict[str, Any] = {
        "name": wish.name,
        "title": wish.name.replace("-", " ").replace("_", " ").capitalize(),
        "summary": f"Predict {', '.join(recipe.target[:4])}{' and others' if len(recipe.target) > 4 else ''} from {plan.place.name}.",
        "target": plan.aim.kind,
        **({"classes": recipe.classes} if recipe.classes else {"outputs": recipe.outputs} if recipe.outputs else {}),
        "id_column": id_column,
        "target_column": target_column if target_column != id_column else "target",
        "metrics": list(named),
        "data": {
            "name": _dataset(plan.place),
            "reads": plan.reads,
            "path": os.path.relpath(plan.place, folder) if near else str(plan.place),
            "sha256": dict(plan.recorded),
            "target": recipe.target,
            **{k: v for k, v in (("id", recipe.id), ("group", recipe.group), ("layer", recipe.layer)) if v},
        },
        "columns": {k: v for k, v in (("number", recipe.number), ("category", recipe.category), ("ignore", recipe.ignore)) if v},
        "metric": list(own),
        "split": [_written(s) for s in splits],
    }
    return taskfile.dump({k: v for k, v in top.items() if v not in ({}, [])}, HEADING)


def _dataset(place: Path) -> str:
    stem = place.name
    for end in (".gz", *flatfiles.DIVIDED, flatfiles.PARQUET, flatfiles.ANNDATA):
        stem = stem.removesuffix(end)
    return slug(stem)


def _written(split: Split) -> dict[str, Any]:
    plain = Split("", "", "")
    return {k: v for k, v in vars(split).items() if k in ("name", "asks", "null") or v != getattr(plain, k)}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _readme(card: Task, plan: _Plan, prepared: Prepared, metrics: Sequence[Metric]) -> str:
    about, recipe = prepared.about, plan.recipe
    kinds = [
        columns.many(len(v), *k)
        for k, v in (
            (("number",), recipe.number),
            (("category", "categories"), recipe.category),
            (("column left out", "columns left out"), recipe.ignore),
        )
        if v
    ]
    lines = [f"# {card.title}", "", "## Overview", "", card.summary, ""]
    if card.classes:
        lines += [
            f"Classes: {', '.join(card.classes)}." + (f" The positive one is {card.classes[1]}." if card.target == "binary" else ""),
            "",
        ]
    if card.outputs:
        lines += [f"{'Labels' if card.target == 'multilabel' else 'Values'}: {', '.join(card.outputs)}.", ""]
    lines += [
        "## Data",
        "",
        f"`{plan.place.name}`: {plan.size}; {about['rows']:,} rows x {about['features']:,} features as models get them"
        + (f" ({', '.join(kinds)})." if kinds else "."),
        "",
    ]
    lines += [f"- {n[0].upper()}{n[1:]}." for n in about["notes"]] + ([""] if about["notes"] else [])
    lines += [
        "Licence and source: write them into `[source]` of `task.toml` (`url`, `sha256`, `licence`, `citation`); with a url, `genoboard data "
    ]
    lines[-1] += f"{card.name} --download` fetches the file."
    lines += ["", "## Evaluation", "", f"The primary metric is {metrics[0].name}: {metrics[0].summary}."]
    lines += [f"- {m.name}: {m.summary}" for m in metrics[1:]] + ["", "Splits, the first is the default:", ""]
    lines += [f"- `{s.name}`: {s.asks}" + (f" {s.leaks}" if s.leaks else "") for s in card.splits]
    if any(".py:" in m.formula for m in metrics):
        lines += [
            "",
            f"`{SCORE}` is code: whoever opens this task runs it, unconfined. Take such a task only from people whose code you would run.",
        ]
    lines += [
        "",
        "    genoboard run " + card.name + " " + " ".join(card.controls),
        f"    genoboard data {card.name} --export DIR",
        f"    genoboard submit {card.name} -f YOUR.csv --name NAME",
    ]
    return "\n".join(lines) + "\n"
