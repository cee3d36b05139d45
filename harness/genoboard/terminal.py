"""Terminal: what commands print, and how they find what they were asked about."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from genoboard_leaderboard import inert

from . import colour

if TYPE_CHECKING:
    from pathlib import Path

    from genoboard_leaderboard.entry import Entry

    from .competition import Competition
    from .plugins import Plugins
    from .splits import Fold


def installed() -> Plugins:
    """Load the plugins and the workspace's own tasks, which takes longer than most words that a command line is given."""
    import click

    from .plugins import load_plugins
    from .workspace import Workspace

    at = click.get_current_context(silent=True)
    return load_plugins(workspace=Workspace.here(at.find_root().obj if at is not None else None))


def competition_of(workspace: str | None, task: str, split: str | None, data_name: str | None) -> Competition:
    """Open a competition, telling what takes time on the error stream."""
    from .competition import Competition

    return Competition.open(task, split, data_name, workspace, tell=tell)


class Shown:
    """The output of a command: what a stranger's name, note or message would have a terminal do is shown instead, as ``\\u001b``."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; what it says stays, what it would do does not."""
        return int(self._stream.write(inert.visible(_told_where(text))))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write some texts."""
        for line in lines:
            self.write(line)

    def put(self, text: str) -> None:
        """Write a text that `colour` has made, as it is."""
        self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _told_where(text: str) -> str:
    """Return what is printed; a next step names the workspace, where this command was told which on its line."""
    if not text.lstrip().startswith(("Next", "or:")):
        return text
    import click

    at = click.get_current_context(silent=True)
    root = at.find_root() if at is not None else None
    if root is None or root.get_parameter_source("workspace") is not click.core.ParameterSource.COMMANDLINE:
        return text
    return text.replace("genoboard ", f"genoboard --workspace {shlex.quote(str(root.obj))} ")


def tell(line: str) -> None:
    """Print a line that is no answer; bars, which do steer the terminal, are drawn beside it."""
    print(colour.error(line, sys.stderr), file=sys.stderr)


def show_board(text: str) -> None:
    """Print a board's table."""
    _put(colour.board(text, sys.stdout))


def show_check(ok: bool, told: str, mend: str) -> None:
    """Print what a check found, and what to do where it failed."""
    mark = colour.paint("ok  ", sys.stdout, fg="green") if ok else colour.paint("FAIL", sys.stdout, fg="red", bold=True)
    _put(f"{mark}  {inert.visible(told)}\n" + ("" if ok else f"      {inert.visible(mend)}\n"))


def _put(text: str) -> None:
    (sys.stdout.put if isinstance(sys.stdout, Shown) else sys.stdout.write)(text)


def hear(said: str) -> None:
    """Print what a model says as it says it; a bar that it draws becomes lines."""
    print(inert.visible(said.replace("\r\n", "\n").replace("\r", "\n")), end="", file=sys.stderr, flush=True)


class Clock:
    """The bar of a run's folds, on a terminal; it goes on counting seconds while models are fitted.

    Parameters
    ----------
    total : folds of all the models that run under one bar; None gives each model a bar of its own.
    """

    def __init__(self, total: int | None = None) -> None:
        self.total, self.bar, self.running = total, None, {}  # type: int | None, Any, dict[str, int]
        # an interrupt may come just when this thread has taken it
        self._alone = threading.RLock()

    def __enter__(self) -> Self:
        if self.total is not None:
            self.bar = self._new(total=self.total, desc="", unit="fold")
        return self

    def __exit__(self, *_: object) -> None:
        if self.total is not None:
            self.bar.close()

    def _new(self, *things: Any, **how: Any) -> Any:
        from tqdm import tqdm

        return tqdm(*things, **_bar(), **how)

    def folds(self, folds: Sequence[Fold], label: str) -> Iterable[Fold]:
        """Count the folds of one model."""
        if self.total is None:
            self.bar = self._new(folds, desc=label, unit="fold")
            yield from self.bar
            return
        done = 0
        self._now(label, 1)
        try:
            for done, fold in enumerate(folds, start=1):  # noqa: B007 (what was done is counted after the loop)
                yield fold
                self._count(1)
        finally:
            # a model that failed in its first fold is done with the others as well
            self._count(len(folds) - done if done < len(folds) else 0)
            self._now(label, -1)

    def _count(self, folds: int) -> None:
        with self._alone:
            self.bar.update(folds)

    def _now(self, label: str, more: int) -> None:
        with self._alone:
            self.running[label] = self.running.get(label, 0) + more
            self.bar.set_description(", ".join(f"{n} x{k}" if k > 1 else n for n, k in self.running.items() if k) or "done", refresh=False)

    def tick(self, _said: str) -> None:
        """Show the time that has passed; what the model says goes to its log alone."""
        if self.bar is not None and not self.bar.disable:
            with self._alone:
                self.bar.refresh()

    def tell(self, line: str) -> None:
        """Print a line that is no answer, above the bar."""
        with self.aside():
            tell(line)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while something else is printed."""
        with self._alone:
            if self.bar is not None and not self.bar.disable:
                self.bar.clear()
            yield


def counted(things: Iterable[Any], label: str, unit: str) -> Iterable[Any]:
    """Count what comes, on a terminal."""
    from tqdm import tqdm

    found: Iterable[Any] = tqdm(things, desc=label, unit=f" {unit}", **_bar())
    return found


def _bar() -> dict[str, Any]:
    """Return how a bar is drawn: on a terminal alone, and on one that does not say how wide it is, too."""
    return {"disable": not sys.stderr.isatty(), "leave": False, "ncols": shutil.get_terminal_size().columns}


def say_where(competition: Competition, quiet: bool) -> None:
    """Print which board this is, and what it asks."""
    if not quiet:
        print(f"{competition.task.name} / {competition.data.name} / split {competition.split.name}: {competition.split.asks}")


def show_entry(where: Path | None, entry: Entry, quiet: bool, seed: bool = False) -> None:
    """Print what came of an entry, which one of several it is by its `seed` and split, and `where` it lies; None: it is not recorded."""
    from .workspace import HANDED_IN  # here, because a list is told without it

    name = f"{entry.name} [{entry.board.split}, seed {entry.seed}]" if seed else entry.name
    if entry.verdict != "ok":
        tell(f"{name}: {entry.verdict}: {entry.reason}")
        if where is not None:
            tell(f"  its log: {where / 'log.txt'}")
        return
    if quiet:
        return
    shown = [s for s in entry.scores if "[" not in s.metric]
    told = "  ".join(f"{s.metric} {s.value:.5f}" if s.value is not None else f"{s.metric} -" for s in shown)
    # in a hosted competition
    part = {"": "", "public": "public ", "post-reveal": "post-reveal, private "}[entry.phase]
    look = f"  (look {entry.look} of team {entry.team})" if entry.look is not None else ""
    print(f"{name}  {entry.held}" if entry.held else f"{name}  {part}{told}{look}")
    for note in entry.notes:
        print(f"  note: {note}")
    print(f"  {where}" if where is not None else "  not recorded (--in-process)")
    if where is not None and (where / HANDED_IN).exists():
        print(f"  to hand in: {where / HANDED_IN}")


def show_dev(model: str, found: Any, quiet: bool) -> dict[str, Any]:
    """Print what cross-validation inside the training rows gave, and return it as JSON values."""
    shown = [s for s in found.scores if "[" not in s.metric and s.fold_mean is not None]
    if not quiet:
        print(f"{model}  " + "  ".join(f"{s.metric} {s.fold_mean:.5f} +- {s.fold_sd:.5f}" for s in shown))
        print(f"  inside the training rows only; out-of-fold predictions: {found.path}")
    return {"model": model, "scores": {s.metric: {"mean": s.fold_mean, "sd": s.fold_sd} for s in shown}, "oof": str(found.path)}


def number(value: float) -> float | None:
    """Return a bound as JSON has it: None for infinity."""
    return value if abs(value) != float("inf") else None


def print_json(value: Any) -> None:
    """Print JSON."""
    # NaN is no JSON, but a parameter may be it
    print(json.dumps(json.loads(json.dumps(value), parse_constant=str), indent=1))
