"""Terminal: what commands print, and how they find what they were asked about."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genoboard_leaderboard.entry import Entry

    from .competition import Competition
    from .plugins import Plugins
    from .splits import Fold


def installed() -> Plugins:
    """Load the plugins, which takes longer than most words that a command line is given."""
    from .plugins import load_plugins

    return load_plugins()


def competition_of(workspace: str | None, task: str, split: str | None, data_name: str | None) -> Competition:
    """Open a competition, telling what takes time on the error stream."""
    from .competition import Competition

    return Competition.open(task, split, data_name, workspace, tell=tell)


def tell(line: str) -> None:
    """Print a line that is no answer."""
    print(line, file=sys.stderr)


class Clock:
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


def counted(things: Iterable[Any], label: str, unit: str) -> Iterable[Any]:
    """Count what comes, on a terminal."""
    from tqdm import tqdm

    found: Iterable[Any] = tqdm(things, desc=label, unit=f" {unit}", disable=not sys.stderr.isatty(), leave=False)
    return found


def say_where(competition: Competition, quiet: bool) -> None:
    """Print which board this is, and what it asks."""
    if not quiet:
        print(f"{competition.task.name} / {competition.data.name} / split {competition.split.name}: {competition.split.asks}")


def show_entry(competition: Competition, entry: Entry, recorded: bool, quiet: bool) -> None:
    """Print what came of an entry, and where it lies."""
    where = competition.workspace.folder(entry.id, competition.task.name)
    if entry.verdict != "ok":
        print(f"{entry.name}: {entry.verdict}: {entry.reason}", file=sys.stderr)
        if recorded:
            print(f"  its log: {where / 'log.txt'}", file=sys.stderr)
        return
    if quiet:
        return
    shown = [s for s in entry.scores if "[" not in s.metric]
    told = "  ".join(f"{s.metric} {s.value:.5f}" if s.value is not None else f"{s.metric} -" for s in shown)
    # in a hosted competition
    part = {"": "", "public": "public ", "post-reveal": "post-reveal, private "}[entry.phase]
    look = f"  (look {entry.look} of team {entry.team})" if entry.look is not None else ""
    print(f"{entry.name}  {entry.held}" if entry.held else f"{entry.name}  {part}{told}{look}")
    for note in entry.notes:
        print(f"  note: {note}")
    print(f"  {where}" if recorded else "  not recorded (--in-process)")


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
