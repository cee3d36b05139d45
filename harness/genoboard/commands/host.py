"""Host: a split as a competition with a private part: host, select, reveal."""

from __future__ import annotations

import click

from ..options import as_json, data_option, split_option, task_argument, team_option
from ..terminal import competition_of, installed, print_json


@click.command()
@task_argument
@click.option(
    "--public",
    "share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.3,
    show_default=True,
    metavar="SHARE",
    help="Of the test groups, how many scores come from before the reveal.",
)
@split_option
@data_option
@as_json
@click.pass_obj
def host(workspace: str | None, task: str, share: float, split: str | None, data_name: str | None, as_json: bool) -> None:
    """Host a split as a competition with a private part.

    Public scores go through the Ladder: a team's next one is told where it is shown to beat its best. Private scores are
    computed once and sealed until genoboard reveal. Entries made before stand on the open board and do not count.
    """
    competition = competition_of(workspace, task, split, data_name)
    found = competition.host(share)
    if as_json:
        print_json(found.to_dict())
        return
    (shown, sealed), (told, kept) = found.groups, found.rows
    print(f"{found.title} is hosted from now on: {shown} of {shown + sealed} {found.unit}s are public ({told:,} of {told + kept:,} rows).")
    if found.known:
        print(f"No secret: {found.known}.")
    print("The seal is a convention: the answers lie on this machine, and whoever sets out to read them can.")
    print(f"Next: genoboard run {task} MODEL --split {found.split} --data {found.data} --team NAME")
    print(f"  or: genoboard select {task} ENTRY --split {found.split} --data {found.data} --team NAME")
    print(f"  or: genoboard reveal {found.title}")


@click.command()
@task_argument
@click.argument("entries", nargs=-1, required=True, metavar="ENTRY [ENTRY]")
@team_option
@split_option
@data_option
@as_json
@click.pass_obj
def select(
    workspace: str | None, task: str, entries: tuple[str, ...], team: str, split: str | None, data_name: str | None, as_json: bool
) -> None:
    """Choose a team's entries for the private ranking.

    At most two of a hosted competition. ENTRY is an id, or a name that stands for one entry. Without a selection a team's best public entry is taken.
    """
    from .. import referee
    from ..workspace import Workspace

    place, team = Workspace.here(workspace), referee.team_of(team)
    found = referee.select(place, referee.named(place, installed().task(task), split, data_name), entries, team)
    if as_json:
        print_json({"team": team, "selected": list(found.selections[team])})
    else:
        print(f"Team {team} enters the private ranking with {' and '.join(found.selections[team])}.")


@click.command()
@task_argument
@split_option
@data_option
@as_json
@click.pass_obj
def reveal(workspace: str | None, task: str, split: str | None, data_name: str | None, as_json: bool) -> None:
    """End a hosted competition: open private scores.

    For good: entries made from then on are marked post-reveal, and are not ranked.
    """
    from .. import referee
    from ..workspace import Workspace

    place = Workspace.here(workspace)
    found = referee.reveal(place, referee.named(place, installed().task(task), split, data_name))
    if as_json:
        print_json(found.to_dict())
    else:
        print(f"{found.title} is revealed: {len(found.private)} private scores are open. Entries from now on are marked post-reveal.")
        print(f"Next: genoboard leaderboard {found.title}")
