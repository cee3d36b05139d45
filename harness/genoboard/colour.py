"""Colour: which words stand out on a terminal that shows colours; elsewhere none do."""

from __future__ import annotations

import os
import re
from typing import Any

import click

from genoboard_leaderboard import inert

PLACE = re.compile(r"( *\d+)(=?)(.*)", re.DOTALL)


def wanted(stream: Any) -> bool:
    """Tell whether colours may be written to a stream: NO_COLOR forbids them, FORCE_COLOR asks for them, else it must be a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return os.environ.get("TERM") != "dumb" and bool(stream.isatty())


def paint(text: str, stream: Any, **style: Any) -> str:
    """Return a text in `click.style`'s colours, where the stream takes them; what a stranger's text would have a terminal do is shown instead."""
    text = inert.visible(text)
    return click.style(text, **style) if text and style and wanted(stream) else text


def error(line: str, stream: Any) -> str:
    """Return a line of the error stream, its ``Error:`` in red."""
    head = "Error:" if line.startswith("Error:") else ""
    return paint(head, stream, fg="red", bold=True) + inert.visible(line[len(head) :])


def board(text: str, stream: Any) -> str:
    """Return a board's table with the first of it in bold and the ties' signs dim."""
    lines, inside = [], False
    for line in text.splitlines(keepends=True):
        # rows stand between the heads' last line and the next empty one
        found = PLACE.fullmatch(line) if inside else None
        inside = bool(line.strip()) and (inside or line.lstrip().startswith("# "))
        if found is None:
            lines.append(inert.visible(line))
            continue
        place, tie, rest = found.groups()
        best = {"bold": True} if place.strip() == "1" else {}
        body = rest.removesuffix("\n")
        lines.append(paint(place, stream, **best) + paint(tie, stream, dim=True) + paint(body, stream, **best) + rest[len(body) :])
    return "".join(lines)
