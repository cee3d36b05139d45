"""Judge: scores and boards: leaderboard, compare, score."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size

import click

from ..errors import UsageError
from ..options import as_json, data_option, split_option
from ..terminal import competition_of, installed, print_json, say_where, tell


@click.command()
@click.argument("task", required=False)
@split_option
@data_option
@click.option(
    "--format", "form", default="table", show_default=True, metavar="FORMAT", help="table, csv, json, md, or one that a plugin brings."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--rebuild", is_flag=True, help="First make the index of all entries anew, from the submission folders.")
@click.pass_obj
def leaderboard(
    workspace: str | None, task: str | None, split: str | None, data_name: str | None, form: str, as_json: bool, rebuild: bool
) -> None:
    """Show a board: standings with their intervals."""
    from .. import board

    if rebuild:
        tell(f"The index holds {board.rebuild(workspace):,} entries, read from their folders.")
    if task is not None:
        plugins = installed()
        width = max(120, get_terminal_size().columns) if sys.stdout.isatty() else 120
        print(board.text(plugins, board.document(plugins, workspace, task, split, data_name), "json" if as_json else form, width), end="")
    elif not rebuild:
        raise UsageError("Which task's board? Write genoboard leaderboard TASK; genoboard list tasks names them.")


@click.command()
@click.argument("task")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--metric", metavar="NAME", help="One of the task's metrics; the primary one by default.")
@split_option
@data_option
@as_json
@click.pass_obj
def compare(
    workspace: str | None, task: str, a: str, b: str, metric: str | None, split: str | None, data_name: str | None, as_json: bool
) -> None:
    """Compare two standings, A less B, resample by resample.

    A and B are standings' names, each for the mean over its seeds, or ids of entries.
    """
    from ..compare import paired

    competition = competition_of(workspace, task, split, data_name)
    say_where(competition, as_json)
    found = paired(competition, a, b, metric)
    if as_json:
        print_json({"task": task, "data": competition.data.name, "split": competition.split.name, **found.to_dict()})
    else:
        print(found.sentence())


@click.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--solution",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="A CSV with ids and a label or value column, or one 0/1 column per class.",
)
@click.option("--metric", required=True, metavar="NAME", help="See genoboard list metrics.")
@click.option("--id", "id_column", metavar="COLUMN", help="The id column; the solution's first by default.")
@as_json
def score(path: Path, solution: Path, metric: str, id_column: str | None, as_json: bool) -> None:
    """Score any CSV against any solution CSV; no task needed."""
    from ..solution import score_file

    card = installed().metric(metric)
    value, notes = score_file(path, solution, card, id_column)
    if as_json:
        print_json({"metric": card.name, "score": value, "notes": list(notes)})
        return
    print(f"{card.name}  {value:.5f}")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
