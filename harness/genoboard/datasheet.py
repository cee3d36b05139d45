"""Datasheet: what a person is told of a task's data and splits, and the files that a person takes home."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import catalog, data, download
from .competition import Competition
from .data import Prepared
from .design import Design
from .errors import DataError, UnknownName
from .rows import TestRows, view
from .splits import groups_of
from .table import harmless
from .task import Task, Tell
from .workspace import Workspace


def bring(card: Task, folder: Path | None, name: str | None, tell: Tell) -> Prepared:
    """Ingest a user's folder, or the published files when none is given."""
    if folder is None:
        published = next((s for s in card.sources if s.files), None)
        if published is None:
            raise DataError(f"{card.name} has no published files to download. Bring your own: genoboard data {card.name} --from DIR.")
        folder, name = download.fetch(card, published, tell), name or published.name
    return data.ingest(card, folder, name, tell)


def choose(card: Task, workspace: str | None, name: str) -> None:
    """Make `name` the dataset that this workspace uses when none is named."""
    _known(card, name)
    source = catalog.sources(card).get(name)
    if catalog.state(card, name) is None and not (source and source.generate):
        raise DataError(
            f"The dataset {name!r} of {card.name} is not here yet. Bring it first: genoboard data {card.name} --from DIR --as {name}."
        )
    Workspace.here(workspace).choose_data(card.name, name)


def task(card: Task, workspace: str | None, only: str | None = None) -> dict[str, Any]:
    """Return the state of a task's datasets, or of the one called `only`, as JSON values."""
    chosen = Workspace.here(workspace).chosen_data(card.name) or card.default_data
    known = catalog.sources(card)
    found = []
    for name in catalog.names(card) if only is None else [_known(card, only)]:
        about, source = catalog.state(card, name), known.get(name)
        how = "generated when first used" if source and source.generate else f"genoboard data {card.name} --from DIR"
        if source and source.place:
            how = f"read from {source.place} when first used"
        if source and source.files:
            how += f", or genoboard data {card.name} --download"
        about = {k: v for k, v in (about or {}).items() if k not in ("name", "task", "splits", "files")}
        found.append(
            {
                "name": name,
                "summary": source.summary if source else "brought by you",
                "ready": bool(about),
                "chosen": name == chosen,
                "how": how,
                "licence": source.licence if source else "",
                "cite": source.cite if source else "",
                **about,
            }
        )
    splits = [{"name": s.name, "asks": s.asks, "null": s.null, "leaks": s.leaks, "unranked": s.unranked} for s in card.splits]
    return {"task": card.name, "title": card.title, "datasets": found, "splits": splits, "controls": list(card.controls)}


def _known(card: Task, name: str) -> str:
    if name not in catalog.names(card):
        raise UnknownName(
            f"dataset of {card.name}",
            name,
            catalog.names(card),
            f"To bring one of your own: genoboard data {card.name} --from DIR --as {name}.",
        )
    return name


def task_text(told: dict[str, Any]) -> str:
    """Return `task`'s answer for a terminal."""
    lines = [f"{told['task']}: {told['title']}", "", "datasets:"]
    for d in told["datasets"]:
        lines.append(f"{'*' if d['chosen'] else ' '} {d['name']}: {d['summary']}")
        if d["ready"]:
            groups = ", ".join(f"{n:,} {g}s" for g, n in d["groups"].items())
            lines.append(
                f"    ready: {d['rows']:,} rows x {d['features']:,} features ({d['unit']}), {groups}; fingerprint {d['fingerprint'][:16]}"
            )
            lines += [f"    {line}" for g, found in d.get("grouping", {}).items() for line in _grouping(g, found)]
            lines += [f"    note: {n}" for n in d["notes"]]
        else:
            lines.append(f"    not here yet: {d['how']}")
        lines += [f"    {k}: {d[k]}" for k in ("licence", "cite") if d[k]]
    lines += ["", "splits (the first is the default):"]
    for s in told["splits"]:
        told_too = [f" {key.capitalize()}: {s[key]}" for key in ("leaks", "unranked") if s[key]]
        lines.append(f"  {s['name']}: {s['asks']} Its null: {s['null']}." + "".join(told_too))
    lines += [
        "",
        f"controls on every board: {', '.join(told['controls'])}",
        "",
        f"* is what this workspace uses. Next: genoboard run {told['task']} MODEL",
    ]
    return "\n".join(lines)


def _grouping(group: str, found: dict[str, Any]) -> Iterator[str]:
    """Tell how many groups there are of every size, and what dealing single rows would leak."""
    sizes = {int(size): count for size, count in found["sizes"].items()}
    told = ", ".join(f"{count:,} of {size:,}" for size, count in sorted(sizes.items()))
    yield from textwrap.wrap(f"{group}s by their rows: {told}", 110, subsequent_indent="  ")
    yield f"  under a random split {found['leak']:.0%} of the test rows share their {group} with a training row"


def split(competition: Competition) -> dict[str, Any]:
    """Return how a split divides the dataset: rows, groups and classes of each part, and which groups are on both sides."""
    rows = competition.data.rows
    folds = []
    for f in competition.folds:
        parts: dict[str, Any] = {}
        for side, at in (("train", f.train), ("test", f.test)):
            part = rows.iloc[at]
            counts = (
                part["y"].value_counts().reindex(list(competition.task.classes), fill_value=0).to_dict() if competition.task.classes else {}
            )
            groups = {g: int(part[g].nunique()) for g in groups_of(rows)}
            parts[side] = {
                "rows": len(part),
                "scored": int(part["y"].notna().sum()),
                "groups": groups,
                "classes": {str(k): int(v) for k, v in counts.items()},
            }
        both = {g: len(set(rows[g].iloc[f.train]) & set(rows[g].iloc[f.test])) for g in groups_of(rows)}
        folds.append({**parts, "groups_on_both_sides": both})
    card = competition.split
    return {
        "task": competition.task.name,
        "data": competition.data.name,
        "split": card.name,
        "asks": card.asks,
        "null": card.null,
        "leaks": card.leaks,
        "unranked": card.unranked,
        "fingerprint": competition.board.split_fingerprint,
        "data_fingerprint": competition.data.fingerprint,
        "folds": folds,
    }


def split_text(told: dict[str, Any]) -> str:
    """Return `split`'s answer for a terminal."""
    lines = [f"{told['task']} / {told['data']} / split {told['split']}: {told['asks']}", f"  the null model: {told['null']}"]
    lines += [f"  {key}: {told[key]}" for key in ("leaks", "unranked") if told[key]]
    lines.append(f"  fingerprint {told['fingerprint'][:16]} of data {told['data_fingerprint'][:16]}")
    for number, fold in enumerate(told["folds"], start=1):
        train, test = fold["train"], fold["test"]
        scored = "" if test["scored"] == test["rows"] else f" ({test['scored']:,} of them scored, the others ignored)"
        lines += ["", f"fold {number}: {train['rows']:,} rows to train, {test['rows']:,} to test{scored}"]
        for g, n in fold["groups_on_both_sides"].items():
            of = test["groups"][g]
            lines.append(f"  {g}s: {train['groups'][g]:,} in train, {of:,} in test, {n:,} in both ({n / of:.0%} of the test's)")
        width = max(map(len, train["classes"]), default=0)
        lines += [f"  {c:<{width}}  {train['classes'][c]:>6,} {test['classes'][c]:>6,}" for c in train["classes"]]
    return "\n".join(lines)


def export(competition: Competition, folder: Path) -> Iterator[Path]:
    """Write what a Kaggle competition hands out: train.csv, test.csv, sample_submission.csv; and the training rows' groups.

    The solution stays here. Under a cross-validated split, ``fold`` says which rows are predicted together, by a model
    that has seen only the others. What no CSV can hold, a design, is kept in ``windows/``, for `Design.open`; the tables then tell genes and cells by code.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held, card = view(competition), competition.task
    many = len(held.folds) > 1
    test = pd.concat([_frame(f.test).assign(**({"fold": i + 1} if many else {})) for i, f in enumerate(held.folds)])
    test = test.rename_axis(card.id_column)
    if many:
        y = pd.concat([f.train.y for f in held.folds])
        train = test.join(_target(y[~y.index.duplicated()], card))
    else:
        train = _frame(held.train).join(_target(held.train.y, card)).rename_axis(card.id_column)
        if held.train.groups is not None:
            yield _csv(held.train.groups.rename_axis(card.id_column).to_frame(), folder / "train_groups.csv")
    yield _csv(train, folder / "train.csv")
    yield _csv(test, folder / "test.csv")
    whole = competition.data.X()
    if isinstance(whole, Design):
        whole.save(folder / "windows")
        yield folder / "windows"
    sample(competition, folder / "sample_submission.csv")
    yield folder / "sample_submission.csv"


def sample(competition: Competition, path: Path) -> None:
    """Write a submission that says of every test row what training says of all: the same share for each class, or the mean."""
    form, data = competition.form, competition.data
    known = np.unique(np.concatenate([f.train for f in competition.folds]))
    y = competition.codes(data.rows["y"].iloc[known], competition.task.classes)
    floor = 1.0 / len(form.classes) if form.classes and not competition.task.outputs else y.mean(axis=0)
    # its columns are called as those of a submission, to the letter
    frame = pd.DataFrame(np.broadcast_to(floor, (len(form.ids), len(form.columns))), index=list(form.ids), columns=list(form.columns))
    frame.rename_axis(form.id_column).to_csv(path)


def _target(y: pd.Series | pd.DataFrame, card: Task) -> pd.DataFrame:
    return y if isinstance(y, pd.DataFrame) else y.to_frame(card.target_column)


def _frame(rows: TestRows) -> pd.DataFrame:
    """Return the features, or which gene and cell a design's rows are."""
    X = rows.X
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame({"gene": X.gene, "cell": X.cell}, index=X.index)


def _csv(frame: pd.DataFrame, path: Path) -> Path:
    harmless(frame).to_csv(path)
    return path
