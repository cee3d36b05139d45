"""Docstrings: the house's sections of parameters, ``name : what it is``, as numpydoc has them, so that types come from the code alone."""

from __future__ import annotations

import re
from typing import Any

import griffe

SECTION = re.compile(r"^(Parameters|Returns|Raises)\n-+\n", flags=re.MULTILINE)
ITEM = re.compile(r"^([\w`*, ]+?) : (.+)$")


class HouseStyle(griffe.Extension):
    """Reads ``name : what it is`` as a name and what is said of it, where numpydoc would take that for a type."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a class, a function or a module once it is loaded."""
        if obj.docstring is not None:
            obj.docstring.value = numpydoc(obj.docstring.value)


def numpydoc(text: str) -> str:
    """Return a docstring with what is said of each item on the lines below it."""
    head, *sections = SECTION.split(text)
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        head += f"{title}\n{'-' * len(title)}\n" + "\n".join(ITEM.sub(r"\1\n    \2", line) for line in body.split("\n"))
    return head
