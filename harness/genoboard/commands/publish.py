"""Publish: what leaves the workspace: reports, and what to cite."""

from __future__ import annotations

from pathlib import Path

import click

from .. import completion
from ..options import as_json, data_option, split_option, task_argument
from ..terminal import competition_of, installed, print_json, tell


@click.command()
@click.argument("entry", shell_complete=completion.entries)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="report-ENTRY.html by default.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Also write each figure as PDF and SVG, with its data as CSV.",
)
@click.option("--permute", is_flag=True, help="First fit the model again and measure what it loses when a feature is shuffled.")
@click.option("--task", metavar="NAME", shell_complete=completion.tasks, help="Where a name stands on the boards of several tasks.")
@as_json
@click.pass_obj
def report(
    workspace: str | None, entry: str, output: Path | None, figures: Path | None, permute: bool, task: str | None, as_json: bool
) -> None:
    """Write an entry's report, one HTML file.

    In it: its scores beside controls and the best, the task's figures, how it was made, and a Methods paragraph. ENTRY is an entry's id, or a name, for its latest entry.
    """
    from .. import reporting

    results = reporting.results_of(entry, workspace, task, tell)
    if permute:
        from ..importance import permuted

        permuted(results, tell=tell)
    drawn, missing = reporting.figures(results, tell)
    output = output or Path(f"report-{results.entry.id}.html")
    output.write_text(reporting.page(results, drawn, missing), encoding="utf-8")
    wrote = [output, *(reporting.write_figures(drawn, figures) if figures else [])]
    if as_json:
        told = [{"panel": name, "reason": why} for name, why in missing]
        print_json({"entry": results.entry.id, "wrote": [str(p) for p in wrote], "figures": [f.title for f in drawn], "not_drawn": told})
        return
    for name, why in missing:
        print(f"not drawn: {name}: {why}")
    print(f"wrote {output} ({len(drawn)} figures)" + (f", and {len(wrote) - 1} files in {figures}" if figures else ""))
    where = results.entry.board
    print(
        f"Next: open it in a browser; or genoboard leaderboard {where.task} --split {where.split} --data {where.data} --format html -o board.html"
    )


@click.command()
@task_argument
@as_json
def cite(task: str, as_json: bool) -> None:
    """Print what to cite for a task."""
    from ..reporting import cite as cited

    told = cited(installed(), task)
    if as_json:
        print_json(told)
        return
    print(f"{told['title']} ({told['task']})")
    for d in told["datasets"]:
        print(f"  dataset {d['name']}: {d['cite'] or 'no publication known'}" + (f"\n    licence: {d['licence']}" if d["licence"] else ""))
    for reference in told["references"]:
        print(f"  {reference}")


@click.command()
@task_argument
@split_option
@data_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="A new folder, or DIR.zip; TASK-bundle by default.")
@as_json
@click.pass_obj
def pack(workspace: str | None, task: str, split: str | None, data_name: str | None, output: Path | None, as_json: bool) -> None:
    """Pack a competition, all but its solution.

    The rows of a held-out split, in a folder that is a workspace: run, run --dev and submit work in it, and what comes out is submitted here.
    """
    from .. import packing

    competition = competition_of(workspace, task, split, data_name)
    output = output or Path(f"{task}-bundle")
    wrote = packing.pack_into_archive(competition, output) if output.suffix == ".zip" else list(packing.pack(competition, output))
    if as_json:
        print_json({"task": task, "data": competition.data.name, "split": competition.split.name, "wrote": [str(p) for p in wrote]})
        return
    for path in wrote:
        print(f"wrote {path}")
    where = f"{task} -f FILE.csv --name NAME --split {competition.split.name} --data {competition.data.name}"
    print(f"Next: hand out {output}; then, with what comes back: genoboard submit {where}")
