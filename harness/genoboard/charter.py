"""Charter: what is written down of a task that is made of a user's files: its task.toml, and a README in Kaggle's form."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import columns, flatfiles, toml
from .metrics import Metric
from .plan import Plan, Wish
from .splits import Split
from .task import Task
from .workspace import Workspace, slug

SCORE = "score.py"
HEADING = """A task of your own files, made by genoboard new task. What is changed here holds from the next command on; where it changes what
a model is given or asked, the data are read anew, and there are new boards. Columns that are named nowhere are left out."""


def task_file(
    wish: Wish,
    plan: Plan,
    splits: Sequence[Split],
    named: Sequence[str],
    own: Sequence[Mapping[str, Any]],
    folder: Path,
    workspace: Workspace,
) -> str:
    """Return the task.toml; a file within the workspace is named relative to the task's `folder`."""
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
            **({"hand_in": recipe.hand_in, "hand_in_labels": recipe.labels} if recipe.hand_in else {}),
        },
        "columns": {k: v for k, v in (("number", recipe.number), ("category", recipe.category), ("ignore", recipe.ignore)) if v},
        "metric": list(own),
        "split": [_written(s) for s in splits],
    }
    return toml.dump({k: v for k, v in top.items() if v not in ({}, [])}, HEADING)


def _dataset(place: Path) -> str:
    stem = place.name
    for end in (".gz", *flatfiles.DIVIDED, flatfiles.PARQUET, flatfiles.ANNDATA):
        stem = stem.removesuffix(end)
    return slug(stem)


def _written(split: Split) -> dict[str, Any]:
    plain = Split("", "", "")
    return {k: v for k, v in vars(split).items() if k in ("name", "asks", "null") or v != getattr(plain, k)}


def readme(card: Task, plan: Plan, about: Mapping[str, Any], metrics: Sequence[Metric]) -> str:
    """Return the README: Overview, Data and Evaluation; `about` is what the cache says of the dataset."""
    recipe = plan.recipe
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
