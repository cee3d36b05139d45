"""Describe: what there is: tasks, models, datasets; and whether it keeps to the contract."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import completion
from ..errors import UsageError
from ..model import parse_setting
from ..options import as_json, data_option, set_option, split_option, task_argument
from ..terminal import competition_of, installed, number, print_json, show_check, tell

if TYPE_CHECKING:
    from ..task import Task


@click.command("list")
@click.argument("what", type=click.Choice(["tasks", "models", "metrics"]), required=False)
@as_json
def list_(what: str | None, as_json: bool) -> None:
    """List tasks, models, metrics, and broken plugins."""
    plugins = installed()
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
                "range": [number(m.low), number(m.high)],
                "version": m.version,
                "plugin": owner(f"metric {m.name}"),
            }
            for m in plugins.metrics.values()
        ],
    }
    shown = {k: v for k, v in listing.items() if what in (None, k)}
    if as_json:
        print_json({**shown, "broken": dict(plugins.broken)})
        return
    for kind, cards in shown.items():
        print(f"{kind}:")
        width = max(len(c["name"]) for c in cards) if cards else 0
        for card in cards:
            print(f"  {card['name']:<{width}}  {card['summary']}")
        print()
    for name, reason in plugins.broken.items():
        tell(f"broken plugin {name}: {reason}")
    if what is None:
        print("Next: genoboard run TASK MODEL   (or genoboard data TASK to see its data)")


@click.command()
@task_argument
@click.option("--from", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Ingest your files.")
@click.option("--download", is_flag=True, help="Fetch the published files, and ingest them.")
@click.option("--as", "as_name", metavar="NAME", help="The name that ingested data get.")
@click.option("--use", metavar="NAME", shell_complete=completion.datasets, help="Make this dataset the workspace's default for the task.")
@split_option
@data_option
@click.option(
    "--export", type=click.Path(path_type=Path), metavar="DIR", help="Write train.csv, test.csv and sample_submission.csv, as on Kaggle."
)
@click.option("--audit", is_flag=True, help="Look for leaks on every split, or on --split; exit code 1 where an honest one leaks.")
@as_json
@click.pass_obj
def data(workspace: str | None, task: str, folder: Path | None, download: bool, as_name: str | None, use: str | None, split: str | None,
         data_name: str | None, export: Path | None, audit: bool, as_json: bool) -> None:  # fmt: skip
    """Show, ingest, describe, export or audit a task's datasets."""
    from .. import datasheet

    say = tell if as_json else print
    card = installed().task(task)
    if folder is not None or download:
        found = datasheet.bring(card, folder, as_name, tell)
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
    if audit and export is not None:
        raise UsageError("--audit looks at data and --export writes them. Give one of the two.")
    if audit:
        _audit(card, workspace, data_name, split, as_json)
    elif export is not None:
        competition = competition_of(workspace, task, split, data_name)
        wrote = [str(path) for path in datasheet.export(competition, export)]
        if as_json:
            print_json({"task": task, "data": competition.data.name, "split": competition.split.name, "wrote": wrote})
        else:
            print("\n".join(f"wrote {path}" for path in wrote))
            print(f"Next: genoboard submit {task} -f YOUR.csv --name NAME --split {competition.split.name} --data {competition.data.name}")
    elif split is not None:
        told = datasheet.split(competition_of(workspace, task, split, data_name))
        print_json(told) if as_json else print(datasheet.split_text(told))
    elif as_json or not (folder or download or use):
        told = datasheet.task(card, workspace, data_name)
        print_json(told) if as_json else print(datasheet.task_text(told))
    else:
        print(f"Next: genoboard run {task} MODEL --data {data_name}")


def _audit(card: Task, workspace: str | None, data_name: str | None, split: str | None, as_json: bool) -> None:
    from .. import audit

    told = audit.look(card, workspace, data_name, split, tell)
    print_json(told) if as_json else print(audit.text(told))
    if not told["ok"]:
        sys.exit(1)


@click.command()
@click.argument("name", required=False, metavar="[MODEL|TASK]", shell_complete=completion.subjects)
@set_option
@as_json
def check(name: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Check a model or a task, as its author would.

    This is the conformance suite; without a name it runs on everything that is registered.
    """
    from ..testing import check as conform

    if settings and name is None:
        raise UsageError("--set gives a parameter of one model. Name it: genoboard check MODEL --set KEY=VALUE.")
    findings = conform(installed(), name, tell, {key: value for _, key, value in map(parse_setting, settings)})
    if as_json:
        print_json({"checks": [f.__dict__ for f in findings], "ok": all(f.ok for f in findings)})
    else:
        for f in findings:
            show_check(f.ok, f"{f.subject}: {f.check}", f.mend)
    if not all(f.ok for f in findings):
        sys.exit(1)
