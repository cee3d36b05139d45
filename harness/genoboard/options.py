"""Options: what several commands take alike, and quantities with their units."""

from __future__ import annotations

import re
from typing import Any

import click

from . import completion


class Quantity(click.ParamType[float]):
    """A number with a unit: ``8G`` or ``8192`` (MB), ``2h`` or ``7200`` (s); `examples` are shown to whoever writes another thing."""

    def __init__(self, name: str, units: dict[str, float], bare: str, examples: str) -> None:
        self.name, self.units, self.bare, self.examples = name, units, bare, examples

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the value in bytes or seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(value))
        unit = (match[2].lower() or self.bare) if match else ""
        if match is None or unit not in self.units:
            self.fail(f"{value!r} is not a {self.name}. Write for example {self.examples}.", param, ctx)
        return float(match[1]) * self.units[unit]


MEMORY = Quantity("memory size", {u + b: 2.0**p for u, p in (("k", 10), ("m", 20), ("g", 30), ("t", 40)) for b in ("", "b")}, "m",
                  "8G, 512M or 8192 (MB)")  # fmt: skip
DURATION = Quantity("duration", {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}, "s", "2h, 90m or 7200 (seconds)")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
task_argument = click.argument("task", shell_complete=completion.tasks)
split_option = click.option("--split", metavar="S", shell_complete=completion.splits, help="The split; the task's first one by default.")
data_option = click.option(
    "--data",
    "data_name",
    metavar="NAME",
    shell_complete=completion.datasets,
    help="The dataset; what `data TASK --use` chose here, else demo.",
)
team_option = click.option(
    "--team", default="", envvar="GENOBOARD_TEAM", metavar="NAME", help="In a hosted competition, whose entry it is; your user by default."
)
set_option = click.option(
    "--set", "settings", multiple=True, metavar="[MODEL:]KEY=VALUE", help="A parameter; the value is JSON, else text. May be repeated."
)


def limit_options(command: Any) -> Any:
    """Add what a run may use, and what it may reach."""
    for option in reversed((
        click.option("--timeout", type=DURATION, default="2h", show_default=True, metavar="T", help="Wall time of one fold: 7200, 90m, 2h."),
        click.option("--memory", type=MEMORY, metavar="M", help="Data memory of one fold: 8192 (MB), 8G. Unbounded by default."),
        click.option("--disk", type=MEMORY, default="10G", show_default=True, metavar="M", help="What one fold may write."),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="N",
            help="Threads of numerical libraries; part of the run's identity.",
        ),
        click.option("--allow-network", "network", is_flag=True, help="Let models reach the network; the board says so."),
        click.option(
            "--pass-env", multiple=True, metavar="NAME", help="Let an environment variable that looks like a secret reach models. May be repeated."
        ),
    )):  # fmt: skip
        command = option(command)
    return command
