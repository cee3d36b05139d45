"""Compete: run models on a task."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import completion
from ..errors import GenoboardError, UsageError
from ..options import as_json, data_option, limit_options, set_option, task_argument, team_option
from ..terminal import Clock, competition_of, hear, print_json, say_where, show_dev, show_entry, tell

if TYPE_CHECKING:
    from genoboard_leaderboard.entry import Entry

    from ..competition import Competition
    from ..grid import GridJob
    from ..isolation import Limits


@click.command()
@task_argument
@click.argument("models", nargs=-1, required=True, metavar="MODEL...", shell_complete=completion.models)
@click.option("--split", metavar="S,...", shell_complete=completion.splits, help="The split, or several; the task's first one by default.")
@data_option
@click.option("--seed", default="0", show_default=True, metavar="N,...", help="Reaches every random_state. Several: 0-4 or 0,3,7-9.")
@set_option
@click.option("--name", metavar="NAME", help="The standing's name; the model's by default.")
@limit_options
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="How many run side by side.")
@click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="Where: here, or on the workers of a Dask scheduler.",
)
@click.option("--scheduler", metavar="ADDRESS", help="The Dask scheduler's address: tcp://HOST:8786.")
@click.option(
    "--gpu", is_flag=True, help="These models need a GPU: refused where there is none; a cluster sends them to a worker that has one."
)
@click.option("--force", is_flag=True, help="Run again what was entered before and has not changed.")
@click.option("--list-jobs", is_flag=True, help="Run nothing: print one command per job, for a scheduler to start.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the entry to this folder and leave the index as it is; with --list-jobs, each job's to one in it.",
)
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
def run(workspace: str | None, task: str, models: tuple[str, ...], split: str | None, data_name: str | None, seed: str, settings: tuple[str, ...],
        name: str | None, timeout: float, memory: float | None, disk: float, threads: int, network: bool, pass_env: tuple[str, ...], jobs: int,
        engine: str, scheduler: str | None, gpu: bool, force: bool, list_jobs: bool, out: Path | None, message: str, verbose: bool, dev: bool, oof: bool,
        in_process: bool, team: str, as_json: bool) -> None:  # fmt: skip
    """Run models on a task and record their entries.

    Every model is run on every split with every seed. MODEL is a registered name, package.module:Class, or path/to/file.py:Class: any scikit-learn-compatible estimator. What was entered
    before and has not changed is not run again, so that a run which was interrupted goes on where it was.
    """
    from .. import grid
    from ..competition import INNER
    from ..isolation import Limits
    from ..run import settings_for
    from ..surroundings import require_graphics

    seeds = grid.seeds(seed)
    splits = dict.fromkeys(split.split(",") if split else [None])
    _fits_together(name, models, splits, seeds, oof=oof, dev=dev, in_process=in_process, out=out, list_jobs=list_jobs)
    elsewhere = _elsewhere(engine, scheduler, jobs, dev=dev, in_process=in_process, out=out, list_jobs=list_jobs)
    if gpu and not elsewhere and not list_jobs:
        require_graphics("--gpu says that this run")
    limits = Limits(timeout, None if memory is None else int(memory), threads, int(disk), network, pass_env)
    competitions = [competition_of(workspace, task, s, data_name) for s in splits]
    for competition in competitions:
        for model in models:
            # a slip in the last name is told before the first model has run for an hour
            competition.takes(competition.plugins.model(model, competition.workspace.plugins))
    parameters = settings_for(competitions[0], models, settings)
    if dev or in_process:
        _aside(competitions[0], models, parameters, seeds[0], name, limits, message, verbose, dev, as_json)
        return
    todo = [
        grid.GridJob(c, model, number, limits, parameters[model], name or "", message, oof, team, gpu)
        for c in competitions
        for model in models
        for number in seeds
    ]
    if list_jobs:
        for job in grid.with_controls(todo) if out is not None else todo:
            print(job.command(None if out is None else str(out.absolute())))
        return
    if not as_json:
        for competition in competitions:
            say_where(competition, False)
    # out of fold, each fold's training rows are fitted once more for each inner fold
    folds = sum(len(job.competition.folds) * (1 + INNER * oof) for job in todo)
    clock = Clock(folds if len(todo) > 1 else None)
    stream = hear if verbose else clock.tick
    talk: dict[str, Any] = {"progress": clock.folds, "tell": clock.tell, "stream": stream}
    with clock:
        if out is not None:
            found = iter([(todo[0], grid.outcome(todo[0], not force, out.absolute(), **talk))])
        elif elsewhere:
            from .. import cluster

            found = cluster.run(todo, elsewhere, not force, **talk)
        else:
            found = grid.run(todo, jobs, not force, **talk)
        told = []
        for job, what in found:
            with clock.aside():
                told.append(_shown(job, what, len(competitions) * len(seeds) > 1, out, as_json))
    if as_json:
        print_json({"task": task, "data": competitions[0].data.name, "split": split or competitions[0].split.name, "runs": told})
    elif out is not None:
        print(_gather(competitions[0], out.absolute()))
    else:
        _next(competitions, [t for t in told if "name" in t], oof)
    if any("error" in t or t["verdict"] != "ok" or (oof and "oof" not in t) for t in told):
        sys.exit(1)


def _fits_together(name: str | None, models: Sequence[str], splits: Sequence[str | None] | dict[str | None, None], seeds: Sequence[int], *, oof: bool, dev: bool,
                   in_process: bool, out: Path | None, list_jobs: bool) -> None:  # fmt: skip
    if name is not None and len(models) > 1:
        raise UsageError(f"--name names one entry, and {len(models)} models were given. Run them one by one, or leave --name out.")
    beside = "--dev" if dev else "--in-process" if in_process else ""
    if oof and beside:
        raise UsageError(f"--oof keeps out-of-fold predictions with an entry, and {beside} records none. Leave out one of the two.")
    if beside and (len(splits) > 1 or len(seeds) > 1 or out is not None or list_jobs):
        raise UsageError(f"{beside} takes one split and one seed, and writes no entry. Leave it out, or the other options.")
    if out is not None and not list_jobs and len(models) * len(splits) * len(seeds) > 1:
        raise UsageError("--out is one entry's folder, and several were asked for. With --list-jobs each gets one of its own.")


def _elsewhere(engine: str, scheduler: str | None, jobs: int, **beside: Any) -> str:
    """Return the scheduler's address; an empty text where nothing is to be sent to one."""
    if engine == "local":
        if scheduler is not None:
            raise UsageError("--scheduler is where --engine dask sends jobs. Add that, or leave it out.")
        return ""
    if not scheduler:
        raise UsageError("--engine dask sends jobs to a scheduler. Say which: --scheduler tcp://HOST:8786; to start one: dask scheduler")
    if jobs > 1:
        raise UsageError("--jobs is how many run side by side here; on a cluster the workers' threads are. Leave it out.")
    for option in (name for name, given in beside.items() if given):
        raise UsageError(
            f"--{option.replace('_', '-')} is for runs on this machine, and --engine dask sends them to others. Leave out one of the two."
        )
    return scheduler


def _shown(job: GridJob, what: Entry | Exception, several: bool, out: Path | None, as_json: bool) -> dict[str, Any]:
    """Print what came of a job, and return it as JSON values."""
    from ..workspace import OUT_OF_FOLD

    if isinstance(what, Exception):
        tell(f"{job.label if several else job.model}: {what}")
        return {"model": job.model, "seed": job.seed, "split": job.competition.split.name, "error": str(what)}
    where = job.competition.workspace.folder(what.id, job.competition.task.name) if out is None else out.absolute()
    show_entry(where, what, quiet=as_json, seed=several)
    told = what.to_dict()
    if job.oof and (where / OUT_OF_FOLD).exists():
        told["oof"] = str(where / OUT_OF_FOLD)
        if not as_json:
            print(f"  out-of-fold predictions of the training rows: {told['oof']}")
    return told


def _next(competitions: Sequence[Competition], told: Sequence[dict[str, Any]], oof: bool) -> None:
    steps, verdicts = [], {t["verdict"] for t in told}
    if verdicts - {"ok"}:
        steps.append("mend what failed, and run it again")
    # what failed left no file
    if "ok" in verdicts and any(c.split.unscored for c in competitions):
        # a bundle's ids are those of the files that its host takes
        also = "; genoboard submit checks one that was made otherwise" if competitions[0].workspace.bundle.is_file() else ""
        steps.append(f"hand in that file{also}")
    for competition in (c for c in competitions if not c.split.unscored):
        where = f"{competition.task.name} --split {competition.split.name} --data {competition.data.name}"
        steps.append(f"genoboard leaderboard {where}")
        if oof and told and all("oof" in t for t in told):
            names = list(dict.fromkeys(t["name"] for t in told))
            also = where.partition(" ")[2]
            steps.append(
                f"genoboard blend {competition.task.name} {' '.join(names if len(names) > 1 else [*names, 'NAME...'])} --name NEW {also}"
            )
    for number, step in enumerate(steps):
        print(f"{'  or' if number else 'Next'}: {step}")


def _gather(competition: Competition, out: Path) -> str:
    home = competition.workspace.submissions(competition.task.name)
    if out.parent != home:
        return f"Next: put it into {home}; genoboard leaderboard --rebuild then reads it in."
    return "Next, once all of them are there: genoboard leaderboard --rebuild"


def _aside(competition: Competition, models: Sequence[str], parameters: dict[str, dict[str, Any]], seed: int, name: str | None, limits: Limits,
           message: str, verbose: bool, dev: bool, as_json: bool) -> None:  # fmt: skip
    """Run models without recording anything: inside the training rows, or in this process."""
    from ..evaluation import cross_validate, evaluate

    say_where(competition, as_json)
    clock = Clock()
    stream = hear if verbose else clock.tick
    talk: dict[str, Any] = {"progress": clock.folds, "tell": tell, "stream": stream, "seed": seed, "limits": limits, "in_process": not dev}
    told: list[dict[str, Any]] = []
    failed = False
    for model in models:
        try:
            # without a child, what the model prints is printed here
            with redirect_stdout(sys.stderr) if as_json and not dev else nullcontext():
                if dev:
                    found = cross_validate(competition, model, parameters=parameters[model], **talk)
                else:
                    entry = evaluate(competition, model, name=name, parameters=parameters[model], message=message, **talk)
        except GenoboardError as error:
            # the others are still worth running
            failed = True
            told.append({"model": model, "error": str(error)})
            tell(f"{model}: {error}")
            continue
        if dev:
            told.append(show_dev(model, found, as_json))
        else:
            show_entry(None, entry, quiet=as_json)
            told.append(entry.to_dict())
            failed |= entry.verdict != "ok"
    if as_json:
        print_json({"task": competition.task.name, "data": competition.data.name, "split": competition.split.name, "runs": told})
    elif dev and not failed:
        then = (
            "that writes the file to hand in"
            if competition.split.unscored
            else f"genoboard leaderboard {competition.task.name} shows where it stands then"
        )
        print(f"Next: the same without --dev, once you are content; {then}.")
    if failed:
        sys.exit(1)
