"""Judge: scores and boards: leaderboard, compare, score."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size

import click

from .. import completion
from ..errors import UsageError
from ..options import as_json, data_option, split_option, task_argument
from ..terminal import competition_of, installed, print_json, say_where, show_board, tell


@click.command()
@click.argument("task", required=False, shell_complete=completion.tasks)
@split_option
@data_option
@click.option(
    "--format", "form", default="table", show_default=True, metavar="FORMAT", shell_complete=completion.formats,
    help="table, csv, json, md, latex, html, or one that a plugin brings.",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file.")
@click.option("--groups", is_flag=True, help="Show every score with one group of test rows left out.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--rebuild", is_flag=True, help="First make the index of all entries anew, from the submission folders.")
@click.pass_obj
def leaderboard(
    workspace: str | None, task: str | None, split: str | None, data_name: str | None, form: str, output: Path | None, groups: bool,
    as_json: bool, rebuild: bool,
) -> None:  # fmt: skip
    """Show a board: standings, and how sure their order is."""
    from .. import board

    if rebuild:
        tell(f"The index holds {board.rebuild(workspace):,} entries, read from their folders.")
    if task is not None:
        if groups:
            from ..jackknife import leave_one_group_out

            competition = competition_of(workspace, task, split, data_name)
            left_out = leave_one_group_out(competition)
            print_json(left_out.to_dict()) if as_json or form == "json" else print(left_out.text(), end="")
            return
        plugins = installed()
        width = max(120, get_terminal_size().columns) if sys.stdout.isatty() else 120
        told = board.document(plugins, workspace, task, split, data_name)
        # reports that lie beside the page are linked from it
        near = {row["entry"]: f"report-{row['entry']}.html" for row in told["standings"]} if output else {}
        links = {entry: name for entry, name in near.items() if output and (output.parent / name).exists()}
        text = board.text(plugins, told, "json" if as_json else form, width, links)
        if output is None:
            show_board(text) if form == "table" and not as_json else print(text, end="")
        else:
            output.write_text(text, encoding="utf-8")
            tell(f"wrote {output}")
    elif not rebuild:
        raise UsageError("Which task's board? Write genoboard leaderboard TASK; genoboard list tasks names them.")


@click.command()
@task_argument
@click.argument("a", metavar="A", required=False, shell_complete=completion.entries)
@click.argument("b", metavar="B", required=False, shell_complete=completion.entries)
@click.option("--all", "every", is_flag=True, help="Every two standings of the board, p-values adjusted by Holm.")
@click.option("--metric", metavar="NAME", shell_complete=completion.metrics, help="One of the task's metrics; the primary one by default.")
@split_option
@data_option
@as_json
@click.pass_obj
def compare(workspace: str | None, task: str, a: str | None, b: str | None, every: bool, metric: str | None, split: str | None,
            data_name: str | None, as_json: bool) -> None:  # fmt: skip
    """Compare two standings, A less B, resample by resample.

    A and B are standings' names, each for the mean over its seeds, or ids of entries. Also told: which rows only one of
    them has right (exact McNemar), AUROC by DeLong, and where they differ by class and by group.
    """
    from .. import compare as comparison

    if every == (a is not None) or (a is None) != (b is None):
        raise UsageError("Which two? Write genoboard compare TASK A B, or genoboard compare TASK --all for every pair.")
    competition = competition_of(workspace, task, split, data_name)
    say_where(competition, as_json)
    where = {"task": task, "data": competition.data.name, "split": competition.split.name}
    if a is None or b is None:
        pairs = comparison.every_pair(competition, metric)
        print_json({**where, "pairs": [p.to_dict() for p in pairs]}) if as_json else print(comparison.pairs_text(pairs))
        return
    found = comparison.paired(competition, a, b, metric)
    agreed = comparison.agreed(competition, found)
    if as_json:
        print_json({**where, **found.to_dict(), "agreement": agreed.to_dict() if agreed else None})
        return
    print(found.sentence())
    if agreed:
        print(agreed.text(found.a.label, found.b.label))


@click.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option(
    "--solution",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="A CSV with ids and a label or value column, or one 0/1 column per class.",
)
@click.option("--metric", required=True, metavar="NAME", shell_complete=completion.metrics, help="See genoboard list metrics.")
@click.option("--id", "id_column", metavar="COLUMN", help="The id column; the solution's first by default.")
@as_json
def score(path: Path, solution: Path, metric: str, id_column: str | None, as_json: bool) -> None:
    """Score any CSV against any solution CSV; no task needed."""
    from ..metrics import BUILTIN
    from ..solution import score_file

    # a plugin may bring others, and cannot replace these
    card = next((m for m in BUILTIN if m.name == metric.replace("_", "-")), None) or installed().metric(metric)
    value, notes = score_file(path, solution, card, id_column)
    if as_json:
        print_json({"metric": card.name, "score": value, "notes": list(notes)})
        return
    print(f"{card.name}  {value:.5f}")
    for note in notes:
        tell(f"note: {note}")
