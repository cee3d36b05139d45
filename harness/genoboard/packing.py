"""Packing: a competition -> the bundle that its participants are handed: rows without the solution, in a workspace of their own."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import catalog, datasheet, lease, splits, table, toml
from .bundle import ASKED, COLUMNS, FEATURES, ROWS
from .competition import Competition
from .errors import UsageError
from .splits import PART, TARGET, TRAIN
from .version import __version__
from .workspace import TASK_FILE, Workspace, sha256


def pack(competition: Competition, folder: Path) -> Iterator[Path]:
    """Write the bundle of a held-out split into `folder`, which is made, and yield what was written.

    The test rows' targets and groups are in none of its files, and its ids are the opaque ones: what participants predict is
    submitted here as it is.

    Raises
    ------
    UsageError : where the split asks about training rows, or about none; and where the folder is not empty.
    """
    card, split, data = competition.task, competition.split, competition.data
    _require_packable(competition, folder)
    (fold,) = competition.folds
    used = np.sort(np.concatenate([fold.train, fold.test]))
    asked = np.isin(used, fold.test)
    place = Workspace.here(folder)
    place.bundled.mkdir(parents=True, exist_ok=True)
    table.write(table.take(data.X(), used), place.bundled / FEATURES)
    _rows(data.rows.iloc[used], asked).to_parquet(place.bundled / ROWS)
    if data.columns is not None:
        table.write(data.columns, place.bundled / COLUMNS)
    yield from sorted(folder / path.relative_to(place.root) for path in (*place.bundled.iterdir(), *_task_files(competition, place)))
    source = catalog.sources(card).get(data.name)
    sample = folder / "sample_submission.csv"
    datasheet.sample(competition, sample)
    yield sample
    about = {
        "task": card.name,
        "title": card.title,
        "split": split.name,
        "asks": split.asks,
        "null": split.null,
        "stratified": split.stratified,
        "group": split.group or "",
        "unit": str(data.about["unit"]),
        "licence": source.licence if source else "",
        "cite": source.cite if source else "",
        "from": {"data": data.name, "data_fingerprint": data.fingerprint, "split_fingerprint": competition.board.split_fingerprint},
        "packed": {"by": f"genoboard {__version__}", "on": datetime.now(UTC).strftime("%Y-%m-%d")},
        "files": {p.name: sha256(p) for p in sorted(place.bundled.iterdir()) if p.is_file()},
    }
    place.bundle.write_text(
        toml.dump(about, "What genoboard takes this folder for: one competition's rows, without the solution."), "utf-8"
    )
    yield place.bundle
    (folder / "README.md").write_text(_readme(competition), encoding="utf-8")
    yield folder / "README.md"


def pack_into_archive(competition: Competition, path: Path) -> list[Path]:
    """Write the bundle as a zip archive, which holds one folder of its name."""
    if path.exists():
        raise UsageError(f"{path} is there already. Name another with -o.")
    with tempfile.TemporaryDirectory() as folder:
        for _ in pack(competition, Path(folder) / path.stem):
            pass
        with lease.part(path) as part:
            made = shutil.make_archive(str(Path(folder) / "archive"), "zip", folder, path.stem)
            shutil.copyfile(made, part)
    return [path]


def _require_packable(competition: Competition, folder: Path) -> None:
    split, task = competition.split, competition.task
    held_out = [s.name for s in task.splits if not (s.cross_validated or s.protocol or s.unscored or s.rule)]
    mend = f"Choose another: --split {held_out[0]}." if held_out else f"{task.name} has no split that can be packed."
    if len(competition.folds) > 1:
        raise UsageError(
            f"Under {split.name!r} every row is a training row of some fold, so a bundle would hold the whole solution. {mend}"
        )
    if split.protocol:
        raise UsageError(f"Under {split.name!r} the features depend on test rows, by a published protocol. {mend}")
    if split.unscored:
        raise UsageError(f"{split.name!r} has no solution here ({split.unscored}): there is nothing to be host of. {mend}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already, and not empty. Name a new folder with -o DIR.")


def _rows(rows: pd.DataFrame, asked: NDArray[np.bool_]) -> pd.DataFrame:
    """Return target, part and groups of the rows, those of the test rows left out; groups are told by number."""
    told = rows.drop(columns=PART, errors="ignore").copy()
    for group in splits.groups_of(told):
        codes = pd.factorize(told[group].mask(asked))[0]
        # an asked row is a group by itself
        told[group] = np.where(asked, told.index, [f"{group} {code + 1}" for code in codes])
    told[TARGET] = told[TARGET].mask(asked)
    told.insert(1, PART, np.where(asked, ASKED, TRAIN))
    return told


def _task_files(competition: Competition, place: Workspace) -> Iterator[Path]:
    """Copy the task file of a task that a workspace's file stands for, and its metrics' files; it does not say where the host's data lie."""
    for name, path in competition.files.items():
        to = place.root / name
        to.parent.mkdir(parents=True, exist_ok=True)
        if to.name == TASK_FILE:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
            told["data"] |= {"path": str(place.bundled.relative_to(place.root)), "sha256": {}}
            to.write_text(toml.dump(told, "The task, as its host has it."), encoding="utf-8")
        else:
            shutil.copyfile(path, to)
        yield to


def _readme(competition: Competition) -> str:
    card, (fold,) = competition.task, competition.folds
    metrics = "\n".join(
        f"- `{m.name}`: {m.summary} ({'more' if m.direction == 'max' else 'less'} is better)" for m in competition.metrics[:6]
    )
    columns = ", ".join(f"`{c}`" for c in competition.form.columns[:12]) + (", ..." if len(competition.form.columns) > 12 else "")
    licence = next((s.licence for s in card.sources if s.name == competition.data.name), "")
    return f"""# {card.title}

## Overview

{card.summary} {competition.split.asks}

## Data

{len(fold.train):,} training rows with their target, {len(fold.test):,} test rows without, {competition.data.about["features"]:,} features. The solution
is not in these files.{f" Licence: {licence.rstrip('.')}." if licence else ""}

This folder is a genoboard workspace. With `pip install genoboard` (and the plugins that you want), in here:

    genoboard data {card.name}
    genoboard run {card.name} MODEL --dev
    genoboard run {card.name} MODEL
    genoboard submit {card.name} -f FILE.csv --name NAME

`--dev` cross-validates inside the training rows. `run` fits on them, predicts the test rows and writes `submission.csv`; `submit` checks a file that you made
otherwise. Neither scores anything here.

## Evaluation

{metrics}

The first one ranks. Hand in a CSV as `sample_submission.csv` is: `{competition.form.id_column}`, then {columns}; one row per test row.
"""
