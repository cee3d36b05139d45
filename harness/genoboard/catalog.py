"""Catalog: which datasets lie in the user's cache, and what was noted of each; nothing is opened."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .task import DataSource, Task
from .workspace import cache, slug, write_text

ABOUT = "about.json"


def sources(task: Task) -> Mapping[str, DataSource]:
    """Return the datasets that the task knows, by name."""
    return {s.name: s for s in task.sources}


def names(task: Task) -> list[str]:
    """Return every dataset name that could be opened or brought: the task's own, and those that the user gave."""
    there = (_noted(p).get("name") for p in sorted((cache() / "data" / task.name).glob("*/current.json")))
    return list(dict.fromkeys([*sources(task), *filter(None, there)]))


def state(task: Task, name: str) -> dict[str, Any] | None:
    """Return what was noted of a dataset when it came in; None where it is not in the cache."""
    folder = place(task, name)
    return noted(folder, name) if folder else None


def noted(folder: Path, name: str) -> dict[str, Any] | None:
    """Return what was noted of the dataset content in `folder`, which is called `name`; None where there is none."""
    about = _noted(folder / ABOUT)
    # an earlier version noted no digest
    digest = about.pop("digest", None)
    return {**about, "name": name} if about and digest in (None, _digest(about)) else None


def note(folder: Path, about: Mapping[str, Any]) -> None:
    """Write what is to be noted of the dataset content in `folder`, with a digest: what was damaged is not believed."""
    told = json.loads(json.dumps(about))
    (folder / ABOUT).write_text(json.dumps({**told, "digest": _digest(told)}, indent=1), encoding="utf-8")


def _digest(about: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def objects(task: Task) -> Path:
    """Return the folder of the task's dataset contents, each named by its fingerprint."""
    return cache() / "data" / task.name / "objects"


def place(task: Task, name: str) -> Path | None:
    """Return the folder that `name` stands for; None where it stands for nothing."""
    content = _noted(_pointer(task, name)).get("object")
    return objects(task) / content if content else None


def point(task: Task, name: str, folder: Path) -> None:
    """Let `name` stand for `folder` from now on."""
    pointer = _pointer(task, name)
    if pointer.is_dir():
        forget(task, name)
    pointer.parent.mkdir(parents=True, exist_ok=True)
    write_text(pointer, json.dumps({"name": name, "object": folder.name}))


def forget(task: Task, name: str) -> None:
    """Let `name` stand for nothing."""
    pointer = _pointer(task, name)
    if pointer.is_dir():
        shutil.rmtree(pointer)
    else:
        pointer.unlink(missing_ok=True)


def _pointer(task: Task, name: str) -> Path:
    return cache() / "data" / task.name / slug(name) / "current.json"


def _noted(path: Path) -> dict[str, Any]:
    """Return what a file of notes says; nothing where it is absent or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
