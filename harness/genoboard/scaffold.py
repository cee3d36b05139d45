"""Scaffold: a first plugin of one's own, which installs, passes `genoboard check` and its tests, and stands on a board before a line is changed."""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import get_args

from .errors import UsageError
from .plugins import Plugins, load_plugins
from .task import Kind, Task

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*")
CLASSES, VALUES = ("multiclass", "binary"), ("regression",)
FLOORS = {"classes": "prior", "values": "grand-mean"}


@dataclass(frozen=True)
class Made:
    """A model that a scaffold can make: what its card says, and the distribution of genoboard that it needs."""

    summary: str
    parameters: Mapping[str, object]
    needs: str = "genoboard"


MODELS: Mapping[tuple[str, str], Made] = {
    ("tabular", "classes"): Made("the nearest class mean", {"sharpness": 2.0}),
    ("tabular", "values"): Made("ridge regression on scaled columns", {"penalty": 1.0}),
    ("text", "classes"): Made("words that speak for a class", {"buckets": 65536, "smoothing": 1.0, "sharpness": 4.0}),
    ("text", "values"): Made("ridge regression on words", {"buckets": 4096, "penalty": 1.0}),
    ("bins", "values"): Made("ridge regression on binned openness", {"penalty": 1.0}, "genoboard[bins]"),
}


def model(name: str, folder: Path, kind: str = "tabular", task: str | None = None) -> list[Path]:
    """Make ``genoboard-NAME`` in `folder`, a plugin with a model for rows of `kind`, or for what `task` asks; return its files.

    Raises
    ------
    UsageError : for a name that cannot be one or is taken, a folder that is there, a kind or a target that no scaffold is made for.
    UnknownName : for a task that nobody registered.
    """
    plugins = load_plugins()
    meant = plugins.task(task) if task is not None else None
    if meant is None and kind not in get_args(Kind):
        raise UsageError(f"{kind!r} is no kind of rows. Choose one of {', '.join(get_args(Kind))}.")
    kind = meant.kind if meant else kind
    target = _target(meant, kind)
    made = MODELS.get((kind, target))
    if made is None or (meant is not None and meant.target == "multilabel"):
        asked = f"{meant.name}, a {kind} task with a {meant.target} target" if meant else f"{kind} rows"
        known = ", ".join(f"{k} with {t}" for k, t in MODELS)
        raise UsageError(f"There is no scaffold of a model for {asked}. There is one for {known}; docs/contract.md says what a model does.")
    words = _words(name, plugins, "model")
    words |= {
        "kind": kind,
        "targets": "(" + " ".join(f'"{t}",' for t in (CLASSES if target == "classes" else VALUES)) + ")",
        "summary": made.summary,
        "parameters": _literal(made.parameters),
        "genoboard": made.needs,
    }
    shown = _shown(plugins, kind, target, meant)
    texts = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{words['package']}/__init__.py": "card.py",
        f"{words['package']}/model.py": f"{kind}-{target}.py",
    }
    if shown is not None:
        metric = plugins.metrics_of(shown)[0]
        floor = next((c for c in shown.controls if c in FLOORS.values()), FLOORS[target])
        better = ">" if metric.direction == "max" else "<"
        # one that asks once, if there is any: tests are run often
        split = next((s for s in shown.splits if not (s.cross_validated or s.leaks or s.published or s.unranked)), shown.splits[0])
        words |= {"task": shown.name, "split": split.name, "data": shown.default_data, "metric": metric.name}
        words |= {"better": better, "floor": floor}
    else:
        words |= {"task": meant.name if meant else "TASK"}
    tested = "test_board.py" if shown is not None else "test.py"
    return _write(folder, "model", words, {**texts, f"tests/test_{words['module']}.py": tested})


def task(name: str, folder: Path) -> list[Path]:
    """Make ``genoboard-NAME`` in `folder`, a plugin with a task on generated samples and a control; return its files.

    Raises
    ------
    UsageError : for a name that cannot be one or is taken, and for a folder that is there.
    """
    words = _words(name, load_plugins(), "task")
    words |= {"title": name.replace("-", " ").capitalize()}
    package = words["package"]
    parts = {f"{package}/{module}.py": f"{module}.py" for module in ("dataset", "controls", "panels")}
    texts = {"pyproject.toml": "pyproject.toml", "README.md": "README.md", f"{package}/__init__.py": "card.py", **parts}
    return _write(folder, "task", words, {**texts, f"tests/test_{words['module']}.py": "test.py"})


def _target(meant: Task | None, kind: str) -> str:
    if meant is None:
        return "values" if kind == "bins" else "classes"
    return "values" if meant.target == "regression" else "classes"


def _shown(plugins: Plugins, kind: str, target: str, meant: Task | None) -> Task | None:
    """Return the task that the model's board is shown on: the one it is meant for, or any like it, where that has a generated dataset."""
    like = [t for t in plugins.tasks.values() if t.kind == kind and t.target in (VALUES if target == "values" else CLASSES)]
    ready = [t for t in ([meant] if meant else []) + like if any(s.generate for s in t.sources)]
    return ready[0] if ready else None


def _words(name: str, plugins: Plugins, noun: str) -> dict[str, str]:
    """Return what stands for the name in the texts; raise `UsageError` where it cannot be the name of a plugin."""
    if not NAME.fullmatch(name):
        near = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lstrip("0123456789-")
        instead = f" Write for example {near}." if NAME.fullmatch(near) else ""
        raise UsageError(f"{name!r} cannot name a {noun}: it takes letters, digits and single hyphens, a letter first.{instead}")
    module = name.replace("-", "_")
    class_name = "".join(part[:1].upper() + part[1:] for part in name.split("-"))
    if keyword.iskeyword(module) or keyword.iskeyword(class_name):
        raise UsageError(f"{name!r} is a word of Python, and code that is called so does not run. Choose another name.")
    taken = {
        what.casefold(): f"a {kind} of that name is registered"
        for kind, known in (("model", plugins.models), ("task", plugins.tasks))
        for what in known
    }
    taken |= {p.casefold(): "a plugin of that name is installed" for p in (*plugins.distributions, *plugins.broken, "genoboard")}
    if (why := taken.get(name.casefold())) is not None:
        raise UsageError(f"{name!r} is taken: {why} (genoboard list). Choose another name.")
    if importlib.util.find_spec(f"genoboard_{module}") is not None:
        raise UsageError(f"{name!r} is taken: a package genoboard_{module} is installed. Choose another name.")
    return {"name": name, "module": module, "package": f"genoboard_{module}", "class_name": class_name}


def _literal(parameters: Mapping[str, object]) -> str:
    return "{" + ", ".join(f'"{key}": {value!r}' for key, value in parameters.items()) + "}"


def _write(folder: Path, noun: str, words: Mapping[str, str], texts: Mapping[str, str]) -> list[Path]:
    home = folder / f"genoboard-{words['name']}"
    if home.exists():
        raise UsageError(f"{home} is there already, and nothing of it is overwritten. Choose another name, or another folder.")
    templates = files("genoboard") / "scaffolds" / noun
    # a text that lacks a word fails here, before anything is written
    said = {
        place: Template((templates / f"{source}.tmpl").read_text(encoding="utf-8")).substitute(words) for place, source in texts.items()
    }
    for place, text in said.items():
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        (home / place).write_text(text, encoding="utf-8")
    return [home / place for place in said]
