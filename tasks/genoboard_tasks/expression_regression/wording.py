"""Wording: how names are listed in a sentence, and which known name somebody likely meant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches


def shown(name: object, most: int = 80) -> str:
    """Return a name or a cell cut to what a message may hold."""
    text = str(name)
    return text if len(text) <= most else f"{text[:most]}…"


def some(names: Iterable[object], most: int = 3) -> str:
    """Return the first names, and how many more there are: ``a, b, c and 5 more``."""
    every = [shown(n) for n in names]
    return ", ".join(every[:most]) + (f" and {len(every) - most:,} more" if len(every) > most else "")


def nearest(name: str, known: Collection[str]) -> str:
    """Return the known name that is most like this one, upper and lower case being alike; "" where none is."""
    folded = {k.casefold(): k for k in reversed(list(known))}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def meant(name: str, known: Sequence[str]) -> str:
    """Return the sentence that names what was likely meant, or else what there is."""
    likely = nearest(name, known)
    return f"Was {likely!r} meant?" if likely else f"There is {some(known, 12)}." if known else ""
