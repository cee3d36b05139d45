"""Bundle: a folder that holds one competition's rows without the solution, in place of the task's own datasets and splits."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import DataError
from .splits import PART, TARGET, TRAIN, Split, groups_of
from .task import Dataset, Task, Tell
from .workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

FEATURES, ROWS, COLUMNS, ASKED = "features", "rows.parquet", "columns", "asked"


@dataclass(frozen=True)
class Recipe:
    """What a bundle's reader is told: the names of the target's columns where it has several, and the unit of X."""

    outputs: tuple[str, ...]
    unit: str


def replaced(workspace: Workspace, tasks: Mapping[str, Task]) -> Task | None:
    """Return the card of the task that a workspace is the bundle of; None where it is none.

    Raises
    ------
    DataError : where the file that says so is damaged, or the task's own plugin is not installed.
    """
    path = workspace.bundle
    if not path.is_file():
        return None
    try:
        content = path.read_bytes()
        told = tomllib.loads(content.decode("utf-8"))
        name, unit, licence, cite = (str(told[key]) for key in ("task", "unit", "licence", "cite"))
        recorded = dict(told["files"])
        split = Split(
            told["split"],
            told["asks"],
            told["null"],
            group=told["group"] or None,
            stratified=told["stratified"],
            rule="genoboard.bundle:split",
            unscored="the host has the solution",
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not as it was packed ({error!r}). Unpack the bundle again.") from error
    if name not in tasks:
        raise DataError(f"{path} is of the task {name!r}, which no plugin here brings. Install the one that does.")
    card = tasks[name]
    source = replace(
        card.sources[0],
        name="bundle",
        summary="the rows that the host handed out",
        generate="",
        read="genoboard.bundle:read",
        files=(),
        licence=licence,
        cite=cite,
        fingerprint=hashlib.sha256(content).hexdigest(),
        recipe=Recipe(card.outputs, unit),
        place=str(workspace.bundled),
        recorded=recorded,
    )
    return replace(card, sources=(source,), splits=(split,))


def read(path: Path, tell: Tell, recipe: Recipe) -> Dataset:
    """Read what was packed; its ids stay as they are, since they are those that the host knows."""
    import pandas as pd

    from . import outputs, table

    rows = pd.read_parquet(path / ROWS)
    y: Any = rows[TARGET]
    if recipe.outputs:
        y = pd.DataFrame(outputs.unpack(y, recipe.outputs), index=rows.index, columns=list(recipe.outputs))
    known = table.read_frame(path / COLUMNS) if any(path.glob(f"{COLUMNS}.*")) else None
    groups = rows[groups_of(rows)]
    return Dataset(table.read(path / FEATURES), y, groups, columns=known, unit=recipe.unit, part=rows[PART], opaque=True)


def split(rows: pd.DataFrame) -> list[tuple[pd.Index, pd.Index]]:
    """Return (train ids, test ids), as the host dealt them."""
    return [(rows.index[rows[PART] == TRAIN], rows.index[rows[PART] == ASKED])]
