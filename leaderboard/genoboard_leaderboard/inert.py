"""Inert: a stranger's text as a terminal, a spreadsheet, a page or a notebook shows it and does not obey it."""

from __future__ import annotations

import re

# what a terminal obeys, and what turns the direction of writing; not tab and newline
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# OWASP's signs and their wide forms, behind whatever some programs trim
FORMULA = re.compile("[\t\r\n]|[\\s\x00-\x1f\x7f\ufeff\u200b-\u200f]*[=+\\-@\uff1d\uff0b\uff0d\uff20]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def printable(text: str) -> str:
    """Return a text on one line, blanks in the place of what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def visible(text: str) -> str:
    """Return a text, of any number of lines, with what a terminal would obey written as JSON writes it: ``\\u001b``."""
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cell(value: object) -> object:
    """Return a cell of CSV: a text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    text = visible(value.replace("\r\n", "\n").replace("\r", "\n"))  # a bare \r would end the row, for some readers
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def markdown(text: str) -> str:
    """Return a cell of a Markdown table: no column, markup, link or picture of its own."""
    return printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("](", "]\\(")


def escape(text: object) -> str:
    """Return HTML text or an attribute's value: on one line, no markup, nothing that turns the writing's direction."""
    import html  # here, because the command line starts without it

    return html.escape(printable(str(text)))
