"""Mention: where a text speaks of a variant, or at least of its gene, and the words around it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

VARIANT, GENE, NEITHER, NO_TEXT = "the variant", "only its gene", "neither", "no text"
WAYS = (VARIANT, GENE, NEITHER, NO_TEXT)
SNIPPET = 200  # characters

LETTERS = "ARNDCQEGHILKMFPSTWYV*"
CODES = "AlaArgAsnAspCysGlnGluGlyHisIleLeuLysMetPheProSerThrTrpTyrValTer"
THREE = {letter: CODES[3 * at : 3 * at + 3] for at, letter in enumerate(LETTERS)}
BEFORE, AFTER = re.compile(r"\b([A-Z])(?=\d)|(?<=_)([A-Z])(?=\d)"), re.compile(r"(?<=\d)([A-Z*])(?![A-Za-z0-9])")
JOINTS = ("-", "/", "::", "\N{EN DASH}")
GENES = re.compile(r"[A-Za-z][A-Za-z0-9]+-[A-Za-z][A-Za-z0-9]+")


def spellings(variation: str) -> tuple[str, ...]:
    """Return under which names, in lower case, a text may speak of the variant: as given first, then Val600Glu, E746-A750del, ..."""
    # without the word that tells what it is, and the nucleotides that stand in brackets behind it
    name = re.sub(r"\s+fusions?$|\s*\(c\.[^()]*\)$", "", " ".join(variation.split()), flags=re.IGNORECASE)
    found = [name]
    if re.match(r"[A-Z]\d", name):
        three = BEFORE.sub(lambda m: THREE.get(m[1] or m[2], m[1] or m[2]), name)
        found += [AFTER.sub(lambda m: THREE.get(m[1], m[1]), three), three]
        found += [f"{name[:-1]}X"] if name.endswith("*") else []
        found += [f.replace("_", joint) for f in found for joint in JOINTS[::3] if "_" in f]
    elif GENES.fullmatch(name):
        found += [name.replace("-", joint) for joint in JOINTS[1:]]
    elif name.endswith("s"):
        found.append(name[:-1])
    return tuple(dict.fromkeys(f.lower() for f in found if f))


def variant_at(lowered: str, gene: str, variation: str) -> int | None:
    """Return where a text in lower case first names the variant, as a word or right behind its gene (BRAFV600E); None where nowhere."""
    places = []
    for spelling in spellings(variation):
        # a plain search: a pattern without regard to case is fifty times slower, and texts are as long as books
        at = lowered.find(spelling)
        while at >= 0 and not _word(lowered, at, at + len(spelling), gene.lower()):
            at = lowered.find(spelling, at + 1)
        places += [at] if at >= 0 else []
    return min(places, default=None)


def _word(lowered: str, start: int, end: int, gene: str) -> bool:
    open_before = start == 0 or not lowered[start - 1].isalnum() or (gene != "" and lowered.endswith(gene, 0, start))
    return open_before and (end == len(lowered) or not lowered[end].isalnum() or lowered[end - 1] == "*")


def gene_at(text: str, gene: str) -> int | None:
    """Return where a text first names the gene; None where nowhere. Case counts: MET is a gene, met a verb."""
    found = re.search(rf"(?<!\w){re.escape(gene)}(?!\w)", text) if gene else None
    return found.start() if found else None


def ways(X: pd.DataFrame) -> list[str]:
    """Return what each row's text names, one of `WAYS`: X (n, 3) with ``gene``, ``variation``, ``text``. A text that rows share is looked at once."""
    found = [NO_TEXT] * len(X)
    genes, variations = X["gene"].tolist(), X["variation"].tolist()
    for text, rows in _by_text(X["text"].tolist()).items():
        lowered = text.lower()
        for row in rows:
            if variant_at(lowered, genes[row], variations[row]) is not None:
                found[row] = VARIANT
            else:
                found[row] = NEITHER if gene_at(text, genes[row]) is None else GENE
    return found


def _by_text(texts: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        if text.strip():
            found.setdefault(text, []).append(row)
    return found


def snippet(text: str, gene: str, variation: str, most: int = SNIPPET) -> str:
    """Return at most `most` characters of the text, around its first mention of the variant, else of the gene, else its beginning."""
    at = variant_at(text.lower(), gene, variation)
    at = gene_at(text, gene) if at is None else at
    # a letter may be longer in lower case: then the place is a little off, which a window forgives
    start = max(0, (at or 0) - most // 2)
    end = start + 2 * most
    words = " ".join("".join(c if c.isprintable() else " " for c in text[start:end]).split())
    front, back = "\N{HORIZONTAL ELLIPSIS}" if start else "", "\N{HORIZONTAL ELLIPSIS}"
    room = most - len(front) - len(back)
    if len(words) <= room and end >= len(text):
        return front + words
    return front + words[:room].rstrip() + back
