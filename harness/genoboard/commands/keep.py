"""Keep: entries after they were made: rescore, remove."""

from __future__ import annotations

import sys

import click

from .. import completion
from ..options import as_json
from ..terminal import counted, print_json, tell


@click.command()
@click.argument("task", required=False, shell_complete=completion.tasks)
@click.option("--verify", is_flag=True, help="Change nothing: recompute every entry, and say which are not as recorded.")
@as_json
@click.pass_obj
def rescore(workspace: str | None, task: str | None, verify: bool, as_json: bool) -> None:
    """Score entries anew from their stored submissions.

    Without --verify, entries that an older scorer or formula scored get new scores; the earlier ones stay in their run.json.
    """
    from .. import rescore as again

    if not verify:
        told = list(counted(again.renew(workspace, task, tell), "rescore", "entry"))
        refused = [f for f in told if f.what != "changed"]
        if as_json:
            changed = [f.to_dict() for f in told if f.what == "changed"]
            print_json({"changed": changed, "refused": [f.to_dict() for f in refused], "ok": not refused})
        else:
            for found in told:
                print(found.sentence())
            print(again.renewed(told))
            print("Next: genoboard rescore --verify")
        if refused:
            sys.exit(1)
        return
    findings = list(counted(again.verify(workspace, task, tell), "verify", "entry"))
    wrong = [f for f in findings if f.what not in again.SOUND]
    if as_json:
        print_json({"entries": [f.to_dict() for f in findings], "ok": not wrong})
    else:
        for found in wrong:
            print(found.sentence())
        print(again.summary(findings))
        if any(f.what == "changed" for f in wrong):
            print("Next: genoboard rescore, where a newer scorer or formula explains it")
        if any(f.what in ("tampered", "missing", "edited") for f in wrong):
            print("Next: put the files back from a copy; or genoboard remove ENTRY --reason TEXT")
        if any(f.what == "not indexed" for f in wrong):
            print("Next: genoboard leaderboard --rebuild")
    if wrong:
        sys.exit(1)


@click.command()
@click.argument("entry", shell_complete=completion.entries)
@click.option("--reason", required=True, metavar="TEXT", help="Why; the board shows it in the entry's place.")
@click.option("--task", metavar="NAME", shell_complete=completion.tasks, help="Where a name stands on the boards of several tasks.")
@as_json
@click.pass_obj
def remove(workspace: str | None, entry: str, reason: str, task: str | None, as_json: bool) -> None:
    """Take an entry from its board, and leave a tombstone.

    ENTRY is its id, or a name that only one entry has. Its files stay.
    """
    from ..tombstone import remove as taken

    gone = taken(workspace, entry, reason, task)
    if as_json:
        print_json({"entry": gone.id, "removed": gone.removed})
        return
    print(f"{gone.id} no longer stands on {gone.board.task} / {gone.board.data} / {gone.board.split}: {gone.removed}")
    print(f"Next: genoboard leaderboard {gone.board.task} --split {gone.board.split} --data {gone.board.data}")
