"""Labels: what a stranger's text may put into a figure."""

from __future__ import annotations

# what the font of figures can draw: Latin, Greek, and dashes and quotation marks
DRAWN = ((0x20, 0x24F), (0x370, 0x3FF), (0x2010, 0x2027))


def plain(text: object, most: int = 34) -> str:
    """Return a label of one line: without what cannot be drawn, and cut where it is long."""
    words = " ".join(str(text).split())
    shown = "".join(c if c.isprintable() and any(a <= ord(c) <= b for a, b in DRAWN) else "?" for c in words)
    return shown if len(shown) <= most else shown[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
