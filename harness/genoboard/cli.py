"""The command line: parse, call, print; no decisions."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, redirect_stdout
from functools import partial
from itertools import pairwise
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .errors import GenoboardError, InvalidSubmission, UsageError
from .options import DURATION, MEMORY, as_json, data_option, split_option
from .version import __version__

if TYPE_CHECKING:
    from genoboard_leaderboard.entry import Entry

    from .competition import Competition
    from .plugins import Plugins
    from .splits import Fold


class Face(click.Group):
    """The group of commands, with those that plugins bring; plugins are loaded only when a word is not one of our own."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return our own command, else a plugin's."""
        if super().get_command(ctx, cmd_name) is None:
            _plugins().add_commands(self)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest commands when there is none of that name."""
        from .errors import UnknownName

        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise UnknownName("command", args[0], self.list_commands(ctx), "See genoboard --help.")
        return super().resolve_command(ctx, args)


@click.group(cls=Face, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="genoboard")
@click.option(
    "--workspace",
    metavar="DIR",
    envvar="GENOBOARD_WORKSPACE",
    help="Where submissions/ and leaderboard/ are kept; the current folder by default.",
)
@click.pass_context
def cli(ctx: click.Context, workspace: str | None) -> None:
    """Run genomics models on fixed splits, and rank them honestly.

    Begin with: genoboard run brain-region prior
    """
    ctx.obj = workspace


def main() -> None:
    """Run the command line; an error that the user can mend is printed plainly, any other keeps its traceback."""
    if sys.platform == "win32":
        print(
            "genoboard runs on Linux (and, with less isolation, on macOS). On Windows, use it inside WSL: https://learn.microsoft.com/windows/wsl",
            file=sys.stderr,
        )
        sys.exit(1)
    from genoboard_leaderboard.errors import LeaderboardError

    try:
        cli(standalone_mode=False)
        sys.stdout.flush()
    except (GenoboardError, LeaderboardError) as error:
        _fail(error, str(error), 2 if isinstance(error, UsageError) else 1)
    except click.ClickException as error:
        if not _wants_json():
            error.show()
            sys.exit(error.exit_code)
        _fail(error, error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # whoever read our output has enough of it; Python would try once more to write it when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        _fail(
            error,
            f"{error.filename}: {error.strerror}. Check that the path is right, that you may write there, and that the disk has room.",
            1,
        )


def _fail(error: Exception, message: str, status: int) -> NoReturn:
    """Print the error, as JSON where that was asked for, and exit."""
    if _wants_json():
        _print_json(
            {
                "error": type(error).__name__,
                "message": message,
                **({"problems": error.problems} if isinstance(error, InvalidSubmission) else {}),
            }
        )
    else:
        print(f"Error: {message}", file=sys.stderr)
    sys.exit(status)


def _wants_json() -> bool:
    # the words themselves: they may be such that click could make nothing of them
    return any(w in ("--json", "--format=json") for w in sys.argv) or ("--format", "json") in pairwise(sys.argv)


@cli.command("list")
@click.argument("what", type=click.Choice(["tasks", "models", "metrics"]), required=False)
@as_json
def list_(what: str | None, as_json: bool) -> None:
    """List tasks, models, metrics, and broken plugins."""
    plugins = _plugins()
    owner = plugins.owners.get
    listing: dict[str, list[dict[str, Any]]] = {
        "tasks": [
            {
                "name": t.name,
                "summary": t.summary,
                "splits": [s.name for s in t.splits],
                "datasets": [s.name for s in t.sources],
                "plugin": owner(f"task {t.name}"),
            }
            for t in plugins.tasks.values()
        ],
        "models": [
            {
                "name": m.name,
                "summary": m.summary,
                "parameters": dict(m.parameters),
                "tasks": list(m.tasks),
                "plugin": owner(f"model {m.name}"),
            }
            for m in plugins.models.values()
        ],
        "metrics": [
            {
                "name": m.name,
                "summary": m.summary,
                "direction": m.direction,
                "range": [_number(m.low), _number(m.high)],
                "version": m.version,
                "plugin": owner(f"metric {m.name}"),
            }
            for m in plugins.metrics.values()
        ],
    }
    shown = {k: v for k, v in listing.items() if what in (None, k)}
    if as_json:
        _print_json({**shown, "broken": dict(plugins.broken)})
        return
    for kind, cards in shown.items():
        print(f"{kind}:")
        width = max(len(c["name"]) for c in cards) if cards else 0
        for card in cards:
            print(f"  {card['name']:<{width}}  {card['summary']}")
        print()
    for name, reason in plugins.broken.items():
        print(f"broken plugin {name}: {reason}", file=sys.stderr)
    if what is None:
        print("Next: genoboard run TASK MODEL   (or genoboard data TASK to see its data)")


@cli.command()
@click.argument("task")
@click.option("--from", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Ingest your files.")
@click.option("--download", is_flag=True, help="Fetch the published files, and ingest them.")
@click.option("--as", "as_name", metavar="NAME", help="The name that ingested data get.")
@click.option("--use", metavar="NAME", help="Make this dataset the workspace's default for the task.")
@split_option
@data_option
@click.option(
    "--export", type=click.Path(path_type=Path), metavar="DIR", help="Write train.csv, test.csv and sample_submission.csv, as on Kaggle."
)
@as_json
@click.pass_obj
def data(workspace: str | None, task: str, folder: Path | None, download: bool, as_name: str | None, use: str | None, split: str | None,
         data_name: str | None, export: Path | None, as_json: bool) -> None:  # fmt: skip
    """Show, ingest, describe or export a task's datasets."""
    from . import datasheet

    say = _tell if as_json else print
    card = _plugins().task(task)
    if folder is not None or download:
        found = datasheet.bring(card, folder, as_name, _tell)
        say(
            f"Ingested {card.name} / {found.name}: {found.about['rows']:,} rows x {found.about['features']:,} features, fingerprint {found.fingerprint[:16]}."
        )
        for note in found.about["notes"]:
            say(f"  note: {note}")
        data_name = data_name or found.name
    elif as_name is not None:
        raise UsageError("--as names what --from or --download brings. Give one of these too.")
    if use is not None:
        datasheet.choose(card, workspace, use)
        say(f"This workspace now uses {card.name} / {use}.")
        data_name = data_name or use
    if export is not None:
        competition = _competition(workspace, task, split, data_name)
        wrote = [str(path) for path in datasheet.export(competition, export)]
        if as_json:
            _print_json({"task": task, "data": competition.data.name, "split": competition.split.name, "wrote": wrote})
        else:
            print("\n".join(f"wrote {path}" for path in wrote))
            print(f"Next: genoboard submit {task} -f YOUR.csv --name NAME --split {competition.split.name} --data {competition.data.name}")
    elif split is not None:
        told = datasheet.split(_competition(workspace, task, split, data_name))
        _print_json(told) if as_json else print(datasheet.split_text(told))
    elif as_json or not (folder or download or use):
        told = datasheet.task(card, workspace, data_name)
        _print_json(told) if as_json else print(datasheet.task_text(told))
    else:
        print(f"Next: genoboard run {task} MODEL --data {data_name}")


@cli.command()
@click.argument("task")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@split_option
@data_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Reaches every random_state.")
@click.option(
    "--set", "settings", multiple=True, metavar="[MODEL:]KEY=VALUE", help="A parameter; the value is JSON, else text. May be repeated."
)
@click.option("--name", metavar="NAME", help="The standing's name; the model's by default.")
@click.option("--timeout", type=DURATION, default="2h", show_default=True, metavar="T", help="Wall time of one fold: 7200, 90m, 2h.")
@click.option("--memory", type=MEMORY, metavar="M", help="Data memory of one fold: 8192 (MB), 8G. Unbounded by default.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Threads of numerical libraries; part of the run's identity.",
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
@as_json
@click.pass_obj
def run(workspace: str | None, task: str, models: tuple[str, ...], split: str | None, data_name: str | None, seed: int, settings: tuple[str, ...],
        name: str | None, timeout: float, memory: float | None, threads: int, message: str, verbose: bool, dev: bool, oof: bool, in_process: bool, as_json: bool) -> None:  # fmt: skip
    """Run models on a task and record their entries.

    MODEL is a registered name, package.module:Class, or path/to/file.py:Class: any scikit-learn-compatible estimator.
    """
    from .evaluation import cross_validate, evaluate
    from .isolation import Limits
    from .run import settings_for
    from .workspace import OUT_OF_FOLD

    if name is not None and len(models) > 1:
        raise UsageError(f"--name names one entry, and {len(models)} models were given. Run them one by one, or leave --name out.")
    if oof and (dev or in_process):
        without = "--dev" if dev else "--in-process"
        raise UsageError(f"--oof keeps out-of-fold predictions with an entry, and {without} records none. Leave out one of the two.")
    limits = Limits(timeout, None if memory is None else int(memory), threads)
    competition = _competition(workspace, task, split, data_name)
    for model in models:
        # a slip in the last name is told before the first model has run for an hour
        competition.takes(competition.plugins.model(model, competition.workspace.plugins))
    parameters = settings_for(competition, models, settings)
    clock = _Clock()
    stream = partial(print, end="", file=sys.stderr, flush=True) if verbose else clock.tick
    talk: dict[str, Any] = {"progress": clock.folds, "tell": _tell, "in_process": in_process, "stream": stream}
    _say_where(competition, as_json)
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
                        **talk,
                    )
        except GenoboardError as error:
            # the others are still worth running
            failed += 1
            told.append({"model": model, "error": str(error)})
            print(f"{model}: {error}", file=sys.stderr)
            continue
        if dev:
            told.append(_show_dev(model, found, as_json))
        else:
            _show_entry(competition, entry, recorded=not in_process, quiet=as_json)
            told.append(entry.to_dict())
            left = competition.workspace.folder(entry.id, competition.task.name) / OUT_OF_FOLD
            failed += entry.verdict != "ok" or (oof and not left.exists())
            if oof and left.exists():
                told[-1]["oof"] = str(left)
                if not as_json:
                    print(f"  out-of-fold predictions of the training rows: {left}")
    if as_json:
        _print_json({"task": task, "data": competition.data.name, "split": competition.split.name, "runs": told})
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


@cli.command()
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
@as_json
@click.pass_obj
def submit(
    workspace: str | None, task: str, path: Path, name: str, split: str | None, data_name: str | None, message: str, as_json: bool
) -> None:
    """Score a submission file and record its entry."""
    from .evaluation import submit as enter

    competition = _competition(workspace, task, split, data_name)
    _say_where(competition, as_json)
    entry = enter(competition, path, name, message, _tell)
    _show_entry(competition, entry, recorded=True, quiet=as_json)
    if as_json:
        _print_json(entry.to_dict())
    else:
        print(f"Next: genoboard leaderboard {task} --split {competition.split.name} --data {competition.data.name}")


@cli.command()
@click.argument("task")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--name", required=True, metavar="NEW", help="The new standing's name.")
@split_option
@data_option
@click.option("-m", "message", default="", metavar="TEXT", help="A note kept with the entry.")
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
    as_json: bool,
) -> None:
    """Blend entries into a new one.

    NAME is a standing's name, for its latest entry that was run with --oof, or an entry's id. No model runs: weights are learnt from
    the members' out-of-fold predictions of training rows.
    """
    from .blend import blend as enter

    competition = _competition(workspace, task, split, data_name)
    _say_where(competition, as_json)
    found = enter(competition, names, name=name, message=message, tell=_tell)
    if as_json:
        _print_json({**found.entry.to_dict(), **found.told()})
        return
    print(found.text())
    _show_entry(competition, found.entry, recorded=True, quiet=False)
    where = f"--split {competition.split.name} --data {competition.data.name}"
    print(f"Next: genoboard compare {task} {shlex.join([name, found.best])} {where}\n  or: genoboard leaderboard {task} {where}")


@cli.command()
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
    from .compare import paired

    competition = _competition(workspace, task, split, data_name)
    _say_where(competition, as_json)
    found = paired(competition, a, b, metric)
    if as_json:
        _print_json({"task": task, "data": competition.data.name, "split": competition.split.name, **found.to_dict()})
    else:
        print(found.sentence())


@cli.command()
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
    from .solution import score_file

    card = _plugins().metric(metric)
    value, notes = score_file(path, solution, card, id_column)
    if as_json:
        _print_json({"metric": card.name, "score": value, "notes": list(notes)})
        return
    print(f"{card.name}  {value:.5f}")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


@cli.command()
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
    from . import board

    if rebuild:
        _tell(f"The index holds {board.rebuild(workspace):,} entries, read from their folders.")
    if task is not None:
        plugins = _plugins()
        width = max(120, get_terminal_size().columns) if sys.stdout.isatty() else 120
        print(board.text(plugins, board.document(plugins, workspace, task, split, data_name), "json" if as_json else form, width), end="")
    elif not rebuild:
        raise UsageError("Which task's board? Write genoboard leaderboard TASK; genoboard list tasks names them.")


@cli.command()
@click.argument("name", required=False, metavar="[MODEL|TASK]")
@as_json
def check(name: str | None, as_json: bool) -> None:
    """Check a model or a task, as its author would.

    This is the conformance suite; without a name it runs on everything that is registered.
    """
    from .testing import check as conform

    findings = conform(_plugins(), name, progress=_tell)
    if as_json:
        _print_json({"checks": [f.__dict__ for f in findings], "ok": all(f.ok for f in findings)})
    else:
        for f in findings:
            print(f"{'ok  ' if f.ok else 'FAIL'}  {f.subject}: {f.check}" + ("" if f.ok else f"\n      {f.mend}"))
    if not all(f.ok for f in findings):
        sys.exit(1)


def _plugins() -> Plugins:
    from .plugins import load_plugins

    return load_plugins()


def _competition(workspace: str | None, task: str, split: str | None, data_name: str | None) -> Competition:
    from .competition import Competition

    return Competition.open(task, split, data_name, workspace, tell=_tell)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


class _Clock:
    """The bar of a run's folds, on a terminal; it goes on counting seconds while a model is fitted."""

    def __init__(self) -> None:
        self.bar: Any = None

    def folds(self, folds: Sequence[Fold], label: str) -> Iterable[Fold]:
        """Count the folds of one model."""
        from tqdm import tqdm

        self.bar = tqdm(folds, desc=label, unit="fold", disable=not sys.stderr.isatty(), leave=False)
        bar: Iterable[Fold] = self.bar
        return bar

    def tick(self, _said: str) -> None:
        """Show the time that has passed; what the model says goes to its log alone."""
        if self.bar is not None and not self.bar.disable:
            self.bar.refresh()


def _say_where(competition: Competition, quiet: bool) -> None:
    if not quiet:
        print(f"{competition.task.name} / {competition.data.name} / split {competition.split.name}: {competition.split.asks}")


def _show_entry(competition: Competition, entry: Entry, recorded: bool, quiet: bool) -> None:
    where = competition.workspace.folder(entry.id, competition.task.name)
    if entry.verdict != "ok":
        print(f"{entry.name}: {entry.verdict}: {entry.reason}", file=sys.stderr)
        if recorded:
            print(f"  its log: {where / 'log.txt'}", file=sys.stderr)
        return
    if quiet:
        return
    shown = [s for s in entry.scores if "[" not in s.metric]
    print(f"{entry.name}  " + "  ".join(f"{s.metric} {s.value:.5f}" if s.value is not None else f"{s.metric} -" for s in shown))
    for note in entry.notes:
        print(f"  note: {note}")
    print(f"  {where}" if recorded else "  not recorded (--in-process)")


def _show_dev(model: str, found: Any, quiet: bool) -> dict[str, Any]:
    shown = [s for s in found.scores if "[" not in s.metric and s.fold_mean is not None]
    if not quiet:
        print(f"{model}  " + "  ".join(f"{s.metric} {s.fold_mean:.5f} +- {s.fold_sd:.5f}" for s in shown))
        print(f"  inside the training rows only; out-of-fold predictions: {found.path}")
    return {"model": model, "scores": {s.metric: {"mean": s.fold_mean, "sd": s.fold_sd} for s in shown}, "oof": str(found.path)}


def _number(value: float) -> float | None:
    return value if abs(value) != float("inf") else None


def _print_json(value: Any) -> None:
    # NaN is no JSON, but a parameter may be it
    print(json.dumps(json.loads(json.dumps(value), parse_constant=str), indent=1))
