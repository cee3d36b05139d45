"""New: what a user begins with: a task of their own file, or the folder of a task or model to be written."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ..errors import UsageError
from ..terminal import installed, tell

FOLDER = click.Path(path_type=Path)


@click.group()
def new() -> None:
    """Make a task of your own file, or a model or task to write."""


@new.command()
@click.argument("name")
@click.option("--from", "file", type=FOLDER, metavar="FILE", help="Your data: .csv, .tsv (.gz too), .parquet, or an AnnData .h5ad.")
@click.option(
    "--from-kaggle",
    "kaggle",
    type=FOLDER,
    metavar="DIR",
    help="A competition's folder: train.csv, test.csv, sample_submission.csv; solution.csv where you have it.",
)
@click.option("--target", multiple=True, metavar="COL", help="The column to predict; several make labels, or several values.")
@click.option("--group", default="", metavar="COL", help="What no split may cut through: patient, donor, batch.")
@click.option("--id", "key", default="", metavar="COL", help="The rows' ids; they are numbered by default.")
@click.option("--layer", default="", metavar="L", help="Of an .h5ad: a layer's name, or raw for raw.X; X by default.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME|score.py:fn", help="A metric, the primary one first. May be repeated.")
@click.option("--direction", type=click.Choice(["max", "min"]), help="Of score.py:fn: whether more is better, or less.")
@click.option("--range", "bounds", type=float, nargs=2, metavar="LOW HIGH", help="Of score.py:fn: between which values it lies.")
@click.option(
    "--reads",
    type=click.Choice(["labels", "probabilities", "scores", "values"]),
    help="Of score.py:fn: what y_pred holds; labels, or values, by default.",
)
@click.option("--type", "types", multiple=True, metavar="COL=KIND", help="What a column is: number, category or ignore. May be repeated.")
@click.pass_obj
def task(workspace: str | None, name: str, file: Path | None, kaggle: Path | None, target: tuple[str, ...], group: str, key: str, layer: str,
         metrics: tuple[str, ...], direction: str | None, bounds: tuple[float, float] | None, reads: str | None, types: tuple[str, ...]) -> None:  # fmt: skip
    """Make a task of a file or of a competition's folder.

    Without either: the folder of a task to write in Python.
    """
    from ..workspace import Workspace

    place = Workspace.here(workspace)
    if file is not None and kaggle is not None:
        raise UsageError("Give --from or --from-kaggle, not both.")
    if file is None and kaggle is None:
        if target or group or key or layer or metrics or types:
            raise UsageError("--target, --group and the others tell of a file. Name it with --from FILE.")
        from .. import scaffold

        wrote = scaffold.task(name, Path())
        for path in wrote:
            print(f"wrote {path}")
        print(f"Next: pip install -e {shlex.quote(str(wrote[0].parent))}, then genoboard check {name}")
        return
    from .. import founding
    from ..plan import Wish

    low, high = bounds or (None, None)
    wish = Wish(name, target, group, key, layer, types, metrics, direction or "", low, high, reads or "")
    made = (
        founding.of_file(wish, file, place, installed(), tell)
        if file is not None
        else founding.of_kaggle(wish, kaggle or Path(), place, installed(), tell)
    )
    print(f"{name}: {made.said[0]}")
    for line in made.said[1:]:
        print(line)
    about = made.prepared.about
    print(
        f"Ingested {name} / {made.prepared.name}: {about['rows']:,} rows x {about['features']:,} features, fingerprint {made.prepared.fingerprint[:16]}."
    )
    for note in about["notes"]:
        print(f"  note: {note}")
    print("splits: " + ", ".join(s.name for s in made.task.splits))
    for path in made.wrote:
        print(f"wrote {path}")
    fit = installed().fitting(made.task)
    print(
        f"Next: genoboard run {name} {fit[0] if fit else made.task.controls[0]}   (of the models here {', '.join(fit) or 'none'} fit; genoboard data {name} shows the data)"
    )


@new.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(["tabular", "text", "bins"]), default="tabular", show_default=True, help="What it reads.")
@click.option("--task", metavar="TASK", help="The task that it is for; any of its kind by default.")
def model(name: str, kind: str, task: str | None) -> None:
    """Make the folder of a plugin with a model to write.

    It holds a card, a model that works as it stands, and a test.
    """
    from .. import scaffold

    wrote = scaffold.model(name, Path(), kind, task)
    for path in wrote:
        print(f"wrote {path}")
    print(
        f"Next: pip install -e {shlex.quote(str(wrote[0].parent))}, then genoboard check {name}, then genoboard run {task or 'TASK'} {name}"
    )
