"""Task file: the ``task.toml`` of a task that is made of a user's own files <-> its card; nothing heavy is imported here."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from . import ownmetric
from .errors import DataError, nearest
from .metrics import Metric, Reads
from .splits import Split
from .task import DataSource, RemoteFile, Target, Task
from .workspace import TASK_FILE, Workspace, slug

READERS = {
    "table": "genoboard.ownfiles:read",
    "h5ad": "genoboard.cells:read",
    "kaggle": "genoboard.kagglefolder:read",
}
CONTROLS: Mapping[Target, tuple[str, ...]] = {
    "binary": ("prior", "majority"),
    "multiclass": ("prior", "majority"),
    "multilabel": ("prior",),
    "regression": ("grand-mean",),
}
METRICS: Mapping[Target, tuple[str, ...]] = {
    "binary": ("auroc", "log-loss", "f1", "accuracy"),
    "multiclass": ("f1-macro", "accuracy", "multiclass-log-loss", "auroc"),
    "multilabel": ("auroc", "auprc", "log-loss", "f1"),
    "regression": ("rmse", "r2", "pearson", "spearman", "mae"),
}
_PANELS, _VALUES = "genoboard.panels:", "genoboard.regression_panels:"
_OF_CLASSES = ("model_comparison", "confusion", "per_class", "roc", "reliability", "top_features", "splits")
PANELS: Mapping[Target, tuple[str, ...]] = {
    "binary": tuple(_PANELS + p for p in _OF_CLASSES),
    "multiclass": tuple(_PANELS + p for p in _OF_CLASSES),
    "multilabel": tuple(_PANELS + p for p in ("model_comparison", "top_features", "splits")),
    "regression": (
        _PANELS + "model_comparison",
        _VALUES + "predicted_against_true",
        _VALUES + "residuals_by_prediction",
        _PANELS + "top_features",
        _PANELS + "splits",
    ),
}
OF_OUTPUTS = "genoboard.output_panels:scores_by_output"
TOP = ("name", "title", "summary", "target", "classes", "outputs", "id_column", "target_column", "metrics", "controls")
DATA = ("name", "reads", "path", "sha256", "target", "id", "group", "layer", "hand_in", "hand_in_labels")
COLUMNS = ("number", "category", "ignore")
METRIC = ("name", "file", "function", "direction", "low", "high", "reads", "summary")
SPLIT = tuple(f.name for f in fields(Split))
SOURCE = ("url", "sha256", "licence", "citation")


@dataclass(frozen=True)
class Recipe:
    """How the columns of a user's files become a dataset.

    Parameters
    ----------
    kind : what the target is.
    target : the target's columns.
    classes : the label set, in order; empty for values and for several columns.
    id : the column of the rows' ids; empty where they have none, and are numbered.
    group : the column of groups; empty where there is none.
    layer : which matrix of an ``.h5ad``: empty for X, ``raw`` for raw.X, else a layer's name.
    number, category, ignore : the other columns by what they are to models; none of an ``.h5ad``.
    file : the name of the one file that it is made for; empty for a folder.
    hand_in : the columns of the file that is handed in to whoever has the solution, ids first; empty where nobody asks for one.
    labels : whether it holds classes, where it has one column, and not the probability of the second one.
    """

    kind: Target
    target: tuple[str, ...]
    classes: tuple[str, ...] = ()
    id: str = ""
    group: str = ""
    layer: str = ""
    number: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    file: str = ""
    hand_in: tuple[str, ...] = ()
    labels: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the target's columns, where it has several."""
        return self.target if len(self.target) > 1 else ()


def found(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """Give every task file of a workspace: what it is called there, and where it lies."""
    for path in sorted(workspace.tasks.glob(f"*/{TASK_FILE}")):
        yield str(path.relative_to(workspace.root)), path


def load(path: Path) -> Task:
    """Return the card that a ``task.toml`` stands for.

    Raises
    ------
    DataError : for a file that is no TOML, or says what no task can be; with the place and the mend.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path} cannot be read as TOML: {error}. Mend it there.") from error
    tables = {name: told.pop(name, {}) for name in ("data", "columns", "source")}
    lists = {name: told.pop(name, []) for name in ("metric", "split")}
    top = _Keys(path, "", told, TOP)
    data, columns, source = (
        _Keys(path, f"[{n}] ", tables[n], known) for n, known in (("data", DATA), ("columns", COLUMNS), ("source", SOURCE))
    )
    name = top.text("name")
    if slug(name) != name:
        raise top.wrong("name", f"cannot name a task. Use letters, digits, dots, hyphens and underscores, such as {slug(name)!r}")
    target: Target = top.one_of("target", get_args(Target))
    recipe = Recipe(
        target,
        data.texts("target"),
        top.texts("classes", ()),
        data.text("id", ""),
        data.text("group", ""),
        data.text("layer", ""),
        number=columns.texts("number", ()),
        category=columns.texts("category", ()),
        ignore=columns.texts("ignore", ()),
        hand_in=data.texts("hand_in", ()),
        labels=data.truth("hand_in_labels", False),
    )
    outputs = top.texts("outputs", ())
    _require_one_shape(top, recipe, outputs)
    reads = data.one_of("reads", tuple(READERS))
    recorded = data.mapping("sha256")
    place = (path.parent / data.text("path")).resolve()
    recipe = Recipe(**{**asdict(recipe), "file": "" if reads == "kaggle" else place.name})
    splits = tuple(_split(_Keys(path, f"[[split]] number {i} ", s, SPLIT)) for i, s in enumerate(_list(top, "split", lists), 1))
    if not splits:
        raise DataError(f"{path} has no [[split]]. Write one: name, asks (a question), null, and group for whole groups.")
    own = {
        m.name: m
        for m in (
            _metric(path, _Keys(path, f"[[metric]] number {i} ", m, METRIC), target) for i, m in enumerate(_list(top, "metric", lists), 1)
        )
    }
    named = top.texts("metrics", () if own else METRICS[target])
    url = source.text("url", "")
    sha256 = source.text("sha256", next(iter(recorded.values()), "") if len(recorded) == 1 else "")
    told_all = json.dumps([asdict(recipe), dict(recorded), [asdict(s) for s in splits], reads], sort_keys=True)
    return Task(
        name=name,
        title=top.text("title", name),
        summary=top.text("summary", ""),
        kind="tabular",
        target=target,
        sources=(
            DataSource(
                data.text("name"),
                f"{place.name}, read as {path.parent.name}/{path.name} says",
                read=READERS[reads],
                files=(RemoteFile(url, sha256),) if url else (),
                fingerprint=hashlib.sha256(told_all.encode()).hexdigest(),
                licence=source.text("licence", ""),
                cite=source.text("citation", ""),
                recipe=recipe,
                place=str(place),
                recorded=recorded,
            ),
        ),
        splits=splits,
        metrics=tuple(own.get(m, m) for m in dict.fromkeys((*named, *own))),
        controls=top.texts("controls", CONTROLS[target]),
        panels=(PANELS[target][0], OF_OUTPUTS, *PANELS[target][1:]) if outputs else PANELS[target],
        classes=recipe.classes,
        outputs=outputs,
        id_column=top.text("id_column", "id"),
        target_column=top.text("target_column", "target"),
    )


def _require_one_shape(top: _Keys, recipe: Recipe, outputs: tuple[str, ...]) -> None:
    kind, classes = recipe.kind, recipe.classes
    if not recipe.target:
        raise top.wrong("target", 'needs a column: write [data] target = ["COLUMN"]')
    if outputs != recipe.outputs:
        raise top.wrong("outputs", f"are the target's columns where it has several; here {list(recipe.outputs)}")
    if kind in ("binary", "multiclass") and (
        outputs or len(set(classes)) != len(classes) or len(classes) < 2 or (kind == "binary") != (len(classes) == 2)
    ):
        raise top.wrong(
            "classes", f"do not fit a {kind} target: it has {'two' if kind == 'binary' else 'three or more'} different ones, in one column"
        )
    if kind in ("multilabel", "regression") and classes:
        raise top.wrong("classes", f"are none of a {kind} target: delete them")
    if kind == "multilabel" and not outputs:
        raise top.wrong("outputs", "of a multilabel target are two or more columns of 0 and 1")


def _list(top: _Keys, name: str, lists: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if not isinstance(lists[name], list):
        raise DataError(f"{top.path}: write [[{name}]], with two brackets, for each {name}.")
    found: list[Mapping[str, Any]] = lists[name]
    return found


def _split(keys: _Keys) -> Split:
    given = {"name": keys.text("name"), "asks": keys.text("asks"), "null": keys.text("null"), **keys.values}
    for name, value in given.items():
        wanted = bool if name in ("cross_validated", "stratified", "published") else int if name == "folds" else str
        if type(value) is not wanted:
            raise keys.wrong(name, f"is to be {'true or false' if wanted is bool else 'a whole number' if wanted is int else 'a text'}")
    return Split(**given)


def _metric(path: Path, keys: _Keys, target: Target) -> Metric:
    name, file = keys.text("name"), (path.parent / keys.text("file")).resolve()
    try:
        version = ownmetric.version(file.read_bytes())
    except OSError as error:
        raise keys.wrong("file", f"cannot be read ({error.strerror}): {file}") from error
    default: Reads = "values" if target == "regression" else "labels"
    low, high = keys.number("low", -math.inf), keys.number("high", math.inf)
    if not low < high:
        raise keys.wrong("low", f"is not below high, {high:g}")
    return Metric(
        name,
        f"{file}:{keys.text('function')}",
        keys.one_of("direction", ("max", "min")),
        low,
        high,
        keys.one_of("reads", get_args(Reads), default),
        keys.text("summary", f"the task's own: {keys.text('function')} of {file.name}"),
        version,
    )


class _Keys:
    """The values of one table of a task file, each asked for by what it has to be."""

    def __init__(self, path: Path, where: str, values: Any, known: Sequence[str]) -> None:
        self.path, self.where = path, where
        if not isinstance(values, Mapping):
            raise DataError(f"{path}: {where.strip()} is no table of keys and values.")
        self.values: Mapping[str, Any] = values
        for key in values:
            if key not in known:
                near = nearest(key, known, most=1)
                raise self.wrong(
                    key, "is nothing that a task has. " + (f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}")
                )

    def wrong(self, key: str, what: str) -> DataError:
        """Return the error of a key, which says `what` is wrong with it."""
        value = f" = {self.values[key]!r}" if key in self.values else ""
        return DataError(f"{self.path}: {self.where}{key}{value} {what.rstrip('.?')}{'?' if what.endswith('?') else '.'}")

    def _get(self, key: str, default: Any) -> Any:
        if key not in self.values and default is None:
            raise DataError(f"{self.path}: {self.where}{key} is missing.")
        return self.values.get(key, default)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text."""
        value = self._get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "is to be a text, in quotes")
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise self.wrong(key, "is to be a list of texts, each in quotes")
        return tuple(value)

    def truth(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "is to be true or false")
        return value

    def mapping(self, key: str) -> Mapping[str, str]:
        """Return a table of texts."""
        value = self._get(key, None)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self.wrong(key, 'is to name each file and its SHA-256: { "FILE" = "..." }')
        return value

    def number(self, key: str, default: float) -> float:
        """Return a number."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise self.wrong(key, "is to be a number")
        return float(value)

    def one_of(self, key: str, allowed: Sequence[str], default: str | None = None) -> Any:
        """Return one of the texts that are allowed."""
        value = self.text(key, default)
        if value not in allowed:
            raise self.wrong(key, f"is to be one of {', '.join(allowed)}")
        return value
