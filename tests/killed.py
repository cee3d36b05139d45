"""A process that does one thing after the other, each in a child that is killed at a given event or moment; spoken to in lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pebbles

from genoboard import board, data, grid, referee, rescore, scoring
from genoboard.competition import Competition
from genoboard.errors import GenoboardError, UsageError
from genoboard.evaluation import submit
from genoboard.isolation import Limits
from genoboard.plugins import load_plugins
from genoboard.tombstone import remove
from genoboard.workspace import Workspace
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

MODELS = ("uniform", "centroid")
PLUGINS = load_plugins()
CHANGES = (
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.chmod",
    "os.link",
    "shutil.rmtree",
    "sqlite3.connect",
    "fcntl.flock",
    "subprocess.Popen",
)


def compete(workspace: str) -> Competition:
    return Competition.open("pebbles", "cove", workspace=workspace, plugins=PLUGINS)


def run(workspace: str, **_: Any) -> None:
    competition = compete(workspace)
    for _job, what in grid.run([grid.GridJob(competition, model, 0, Limits(60)) for model in MODELS]):
        if not isinstance(what, Entry) or what.verdict != "ok":
            raise RuntimeError(f"{what}")


def hand_in(workspace: str, file: str, **_: Any) -> None:
    submit(compete(workspace), Path(file), "mine")


def bring(cache: str, source: str, **_: Any) -> None:
    os.environ["GENOBOARD_CACHE"] = cache
    data.prepare(pebbles.TASK, "demo")
    data.ingest(pebbles.TASK, Path(source), "shore-2")


def open_seals(workspace: str, **_: Any) -> None:
    competition = Competition.open("brain-region", "donor", workspace=workspace, plugins=PLUGINS)
    assert competition.hosting is not None
    try:
        referee.reveal(competition.workspace, competition.hosting)
    except UsageError as error:
        if "was revealed on" not in str(error):
            raise


def score_anew(workspace: str, **_: Any) -> None:
    scoring.VERSION += 1
    for finding in rescore.renew(workspace, "pebbles", PLUGINS):
        if finding.what != "changed":
            raise RuntimeError(finding)


def take_down(workspace: str, **_: Any) -> None:
    for entry in Store(Workspace.here(workspace).database).entries(name="mine"):
        try:
            remove(workspace, entry.id, "a trial")
        except GenoboardError as error:
            if "removed" not in str(error):
                raise


def look(workspace: str, task: str = "pebbles", **_: Any) -> None:
    board.document(PLUGINS, workspace, task)


DEEDS: dict[str, Callable[..., None]] = {
    "run": run, "submit": hand_in, "data": bring, "reveal": open_seals, "rescore": score_anew, "remove": take_down, "look": look,
}  # fmt: skip


class Reaper:
    """Counts what changes the disk; kills this process at one of these events, or at a moment."""

    def __init__(self, event: int | None, after: float | None) -> None:
        self.event, self.seen = event, 0
        if after is not None:
            threading.Thread(target=self.wait, args=(after,), daemon=True).start()
        sys.addaudithook(self.hear)

    def wait(self, after: float) -> None:
        time.sleep(after)
        os.kill(os.getpid(), signal.SIGKILL)

    def hear(self, name: str, told: tuple[Any, ...]) -> None:
        writes = name == "open" and isinstance(told[2], int) and told[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or name in CHANGES:
            self.seen += 1
            if self.seen == self.event:
                os.kill(os.getpid(), signal.SIGKILL)


def do(words: dict[str, Any]) -> dict[str, Any]:
    """Do a deed in a child; return its exit status, how many events there were, and what it said of its failure."""
    hear, tell = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if not child:
        os.close(hear)
        reaper = Reaper(words.get("event"), words.get("after"))
        said = ""
        try:
            DEEDS[words["deed"]](**words["given"])
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(tell, json.dumps({"events": reaper.seen, "said": said[:2000]}).encode())
        os._exit(1 if said else 0)
    os.close(tell)
    with os.fdopen(hear, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    told = json.loads(text) if text else {"events": 0, "said": ""}
    return {**told, "status": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - start}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(do(json.loads(line))), flush=True)
