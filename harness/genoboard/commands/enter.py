"""Enter: what makes entries: run, submit, blend."""

from __future__ import annotations

import shlex
import sys
from contextlib import nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..errors import GenoboardError, UsageError
from ..options import as_json, data_option, limit_options, set_option, split_option, team_option
from ..terminal import Clock, competition_of, print_json, say_where, show_dev, show_entry, tell


@click.command()
@click.argument("task")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@split_option
@data_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Reaches every random_state.")
@set_option
@click.option("--name", metavar="NAME", help="The standing's name; the model's by default.")
@limit_options
@click.option("-m", "message", default="", metavar="TEXT", help="A note kept with the entry.")
@click.option("-v", "--verbose", is_flag=True, help="Stream what the model prints.")
@click.option("--dev", is_flag=True, help="Cross-validate inside the training rows; the test rows are not looked at, nothing is recorded.")
@click.option(
    "--oof",
    is_flag=True,
    help="Also leave out-of-fold predictions of the training rows, for genoboard blend: five more fits for each fold, inside its training rows.",
)
@click.option("--in-process", is_flag=True, help="Without the child, for a debugger; nothing is recorded.")
@team_option
@as_json
@click.pass_obj
def run(workspace: str | None, task: str, models: tuple[str, ...], split: str | None, data_name: str | None, seed: int, settings: tuple[str, ...],
        name: str | None, timeout: float, memory: float | None, disk: float, threads: int, network: bool, pass_env: tuple[str, ...], message: str, verbose: bool, dev: bool, oof: bool, in_process: bool, team: str, as_json: bool) -> None:  # fmt: skip
    """Run models on a task and record their entries.

    MODEL is a registered name, package.module:Class, or path/to/file.py:Class: any scikit-learn-compatible estimator.
    """
    from ..evaluation import cross_validate, evaluate
    from ..isolation import Limits
    from ..run import settings_for
    from ..workspace import OUT_OF_FOLD

    if name is not None and len(models) > 1:
        raise UsageError(f"--name names one entry, and {len(models)} models were given. Run them one by one, or leave --name out.")
    if oof and (dev or in_process):
        without = "--dev" if dev else "--in-process"
        raise UsageError(f"--oof keeps out-of-fold predictions with an entry, and {without} records none. Leave out one of the two.")
    limits = Limits(timeout, None if memory is None else int(memory), threads, int(disk), network, pass_env)
    competition = competition_of(workspace, task, split, data_name)
    for model in models:
        # a slip in the last name is told before the first model has run for an hour
        competition.takes(competition.plugins.model(model, competition.workspace.plugins))
    parameters = settings_for(competition, models, settings)
    clock = Clock()
    stream = partial(print, end="", file=sys.stderr, flush=True) if verbose else clock.tick
    talk: dict[str, Any] = {"progress": clock.folds, "tell": tell, "in_process": in_process, "stream": stream}
    say_where(competition, as_json)
    told: list[dict[str, Any]] = []
    failed = 0
    for model in models:
        try:
            # without a child, what the model prints is printed here
            with redirect_stdout(sys.stderr) if as_json and in_process else nullcontext():
                if dev:
                    found = cross_validate(competition, model, parameters=parameters[model], seed=seed, limits=limits, **talk)
                else:
                    entry = evaluate(
                        competition,
                        model,
                        name=name,
                        parameters=parameters[model],
                        seed=seed,
                        limits=limits,
                        message=message,
                        oof=oof,
                        team=team,
                        **talk,
                    )
        except GenoboardError as error:
            # the others are still worth running
            failed += 1
            told.append({"model": model, "error": str(error)})
            print(f"{model}: {error}", file=sys.stderr)
            continue
        if dev:
            told.append(show_dev(model, found, as_json))
        else:
            show_entry(competition, entry, recorded=not in_process, quiet=as_json)
            told.append(entry.to_dict())
            left = competition.workspace.folder(entry.id, competition.task.name) / OUT_OF_FOLD
            failed += entry.verdict != "ok" or (oof and not left.exists())
            if oof and left.exists():
                told[-1]["oof"] = str(left)
                if not as_json:
                    print(f"  out-of-fold predictions of the training rows: {left}")
    if as_json:
        print_json({"task": task, "data": competition.data.name, "split": competition.split.name, "runs": told})
    elif dev and not failed:
        print(f"Next: the same without --dev, once you are content; genoboard leaderboard {task} shows where it stands then.")
    elif not dev and not in_process:
        where = f"--split {competition.split.name} --data {competition.data.name}"
        print(f"Next: genoboard leaderboard {task} {where}")
        if oof and not failed:
            names = [entry["name"] for entry in told]
            print(f"  or: genoboard blend {task} {' '.join(names if len(names) > 1 else [*names, 'NAME...'])} --name NEW {where}")
    if failed:
        sys.exit(1)


@click.command()
@click.argument("task")
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
    show_entry(competition, entry, recorded=True, quiet=as_json)
    if as_json:
        print_json(entry.to_dict())
    else:
        print(f"Next: genoboard leaderboard {task} --split {competition.split.name} --data {competition.data.name}")


@click.command()
@click.argument("task")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
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
    show_entry(competition, found.entry, recorded=True, quiet=False)
    where = f"--split {competition.split.name} --data {competition.data.name}"
    print(f"Next: genoboard compare {task} {shlex.join([name, found.best])} {where}\n  or: genoboard leaderboard {task} {where}")
