"""Hooks: what MkDocs writes into pages when it builds them: tables that the code already knows, so that nobody writes them twice."""

from __future__ import annotations

import html
import inspect
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority

from genoboard.cli import cli
from genoboard.metrics import BUILTIN, Metric

MARK = re.compile(r"^<!-- (metrics|commands) -->$", flags=re.MULTILINE)
DIRECTIONS = {"max": "higher", "min": "lower"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Write in the place of each mark what it names."""
    made = {"metrics": metrics, "commands": commands}
    return MARK.sub(lambda mark: made[mark[1]](), markdown)


@event_priority(-100)  # after the search has written its index
def on_post_build(config: MkDocsConfig, **_: Any) -> None:
    """Leave the index of the search as a script, too: a page that was opened from a disk may load no other file."""
    index = Path(config.site_dir) / "search" / "search_index.json"
    index.with_suffix(".js").write_text(f"var __index = {index.read_text(encoding='utf-8')};\n", encoding="utf-8")


def metrics() -> str:
    """Return a table of the metrics that come with genoboard, from their cards."""
    head = ["metric", "better", "range", "reads", "version", "what it is"]
    return table(
        head, [[f"`{m.name}`", DIRECTIONS[m.direction], interval(m), m.reads, str(m.version), escaped(m.summary)] for m in BUILTIN]
    )


def interval(metric: Metric) -> str:
    """Return the range of a metric as mathematicians write it."""
    low = "(-∞" if math.isinf(metric.low) else f"[{metric.low:g}"
    high = "∞)" if math.isinf(metric.high) else f"{metric.high:g}]"
    return f"{low}, {high}"


def commands() -> str:
    """Return every command with its usage, its help and its options."""
    return "\n\n".join(section(name, cli.commands[name]) for name in cli.commands)


def section(name: str, command: click.Command) -> str:
    """Return one command's section."""
    context = click.Context(command, info_name=name, parent=click.Context(cli, info_name="genoboard"))
    usage = f"{context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    told = [f"## {name}", f"```text\n{usage}\n```", escaped(inspect.cleandoc(command.help or ""))]
    return "\n\n".join([*told, table(["option", "what it does"], options(command, context))])


def options(command: click.Command, context: click.Context) -> Iterator[list[str]]:
    """Give a command's options, each in its own words."""
    for option in command.params:
        if isinstance(option, click.Option) and (told := option.get_help_record(context)) is not None:
            words, said = map(escaped, told)
            yield [f"<code>{words}</code>", re.sub(r"\[(default: [^\]]*|required)\]", r"*\1*", said)]


def table(head: list[str], lines: Iterable[list[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, in a table too."""
    return html.escape(text, quote=False).replace("|", "&#124;").replace("_", "&#95;").replace("*", "&#42;")
