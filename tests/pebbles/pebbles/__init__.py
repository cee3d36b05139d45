"""pebbles: a small competition and some models, as a stranger would bring them; on the path, this folder is an installed plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from genoboard import DataSource, ModelSpec, RemoteFile, Split, Task, hookimpl

if TYPE_CHECKING:
    import click

COVE = Split(
    "cove", asks="What shape has a pebble of a cove never seen before?", null="prior: the shares of the shapes", group="cove", folds=3
)

TASK = Task(
    name="pebbles",
    title="Pebbles",
    summary="Tell the shape of a pebble from three measures.",
    kind="tabular",
    target="multiclass",
    classes=("flat", "rough", "round"),
    sources=(
        DataSource(
            "shore",
            "real pebbles",
            read="pebbles.rows:read",
            files=(RemoteFile("http://127.0.0.1:9/pebbles.csv"),),
            licence="CC0",
            cite="The Sea (2020).",
        ),
        DataSource("demo", "made-up pebbles", generate="pebbles.rows:generate"),
    ),
    splits=(
        COVE,
        replace(COVE, name="cove-cv", cross_validated=True),
        Split("any", asks="What shape has one more pebble?", null="prior", leaks="Pebbles of one cove are alike.", published=True),
    ),
    metrics=("f1-macro", "accuracy", "multiclass-log-loss"),
    controls=("prior",),
    target_column="shape",
)


@hookimpl
def register_tasks() -> Iterable[Task]:
    return (TASK,)


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    return (
        ModelSpec("centroid", "pebbles.models:Centroid", "the nearest mean", parameters={"spread": 1.0, "says": ""}),
        ModelSpec("stumbler", "pebbles.models:Stumbler", "fails in fit", parameters={"step": 1}),
        ModelSpec("sleeper", "pebbles.models:Sleeper", "fits for an hour"),
    )


@hookimpl
def register_exporters() -> Iterable[tuple[str, Callable[[dict[str, Any]], str]]]:
    return (("names", lambda board: "\n".join(s["name"] for s in board["standings"]) + "\n"),)


@hookimpl
def register_commands(cli: click.Group) -> None:
    import click

    cli.command("skim")(lambda: click.echo("The pebble skims."))
