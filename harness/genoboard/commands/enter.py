"""Enter: what makes entries of files, and of other entries: submit, blend."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from .. import completion
from ..options import as_json, data_option, split_option, task_argument, team_option
from ..terminal import competition_of, print_json, say_where, show_entry, tell


@click.command()
@task_argument
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The submission: .csv, .csv.gz or .parquet.",
)
@click.option("--name", required=True, metavar="NAME", help="The standing's name.")
@split_option
@data_option
@click.option("-m", "message", default="", metavar="TEXT", help="A note kept with the entry.")
@team_option
@as_json
@click.pass_obj
def submit(workspace: str | None, task: str, path: Path, name: str, split: str | None, data_name: str | None, message: str, team: str,
           as_json: bool) -> None:  # fmt: skip
    """Score a submission file and record its entry."""
    from ..evaluation import submit as enter

    competition = competition_of(workspace, task, split, data_name)
    say_where(competition, as_json)
    entry = enter(competition, path, name, message, tell, team)
    show_entry(competition.workspace.folder(entry.id, task), entry, quiet=as_json)
    if as_json:
        print_json(entry.to_dict())
    else:
        print(
            "Next: hand in that file"
            if competition.split.unscored
            else f"Next: genoboard leaderboard {task} --split {competition.split.name} --data {competition.data.name}"
        )


@click.command()
@task_argument
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=completion.entries)
@click.option("--name", required=True, metavar="NEW", help="The new standing's name.")
@split_option
@data_option
@click.option("-m", "message", default="", metavar="TEXT", help="A note kept with the entry.")
@team_option
@as_json
@click.pass_obj
def blend(
    workspace: str | None,
    task: str,
    names: tuple[str, ...],
    name: str,
    split: str | None,
    data_name: str | None,
    message: str,
    team: str,
    as_json: bool,
) -> None:
    """Blend entries into a new one.

    NAME is a standing's name, for its latest entry that was run with --oof, or an entry's id. No model runs: weights are learnt from
    the members' out-of-fold predictions of training rows.
    """
    from ..blend import blend as enter

    competition = competition_of(workspace, task, split, data_name)
    say_where(competition, as_json)
    found = enter(competition, names, name=name, message=message, tell=tell, team=team)
    if as_json:
        print_json({**found.entry.to_dict(), **found.told()})
        return
    print(found.text())
    show_entry(competition.workspace.folder(found.entry.id, task), found.entry, quiet=False)
    where = f"--split {competition.split.name} --data {competition.data.name}"
    print(f"Next: genoboard compare {task} {shlex.join([name, found.best])} {where}\n  or: genoboard leaderboard {task} {where}")
