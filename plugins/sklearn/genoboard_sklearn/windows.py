"""Windows: long texts -> the sentences that matter for one variant, up to a budget of words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

import pandas as pd

from .spellings import codon
from .spellings import spellings as spellings

# a full stop, perhaps with a bracket or a reference's number behind it, then white space and what can begin a sentence; or none, where
# it was lost between two sentences; or an empty line
END = re.compile(
    r"[.!?][\"'\u201d\u2019)\]]*(?:(?<=[a-z)\]%][.])\d{1,3}(?:[,\u2013-]\d{1,3})*)?(\s+)(?=[\"'\u201c\u2018(\[]?[A-Z0-9\u0391-\u03c9])"
    r"|(?<=[a-z)\]][a-z)\]])[.]()(?=[A-Z][a-z]+\s)"
    r"|(\n\s*\n\s*)"
)
ABBREVIATED = re.compile(
    r"(?:\b(?:al|e\.g|i\.e|figs?|figures?|refs?|tabs?|eqs?|suppl?|vs|no|nos|dr|prof|ca|cf|approx|resp|etc|inc|ltd|co|st|vol|pp|ed|eds|spp?|var)"
    r"|(?<![A-Za-z0-9'\u2019])[A-Z])\.$",
    re.IGNORECASE,
)
TAIL = 12
# what has no full stop (a table, a list of authors) is cut after so many words
LONGEST = 100
WORD = re.compile(r"\S+")


def sentences(text: str) -> list[str]:
    """Return the sentences of `text`, in order, without the white space between them.

    Nothing but white space is lost. Abbreviations, initials and decimal numbers end no sentence; what runs on without a full stop is
    cut every 100 words.
    """
    return [text[start:end] for start, end in _spans(text)]


def ranked(text: str, gene: str, variation: str) -> tuple[list[str], list[int]]:
    """Return the sentences of `text`, and their positions in the order of how much they matter for the variant.

    First those that name the variant, then those that name its codon, those beside them, those that name the gene, and the rest;
    each in the text's order.
    """
    return Document(text).ranked(gene, variation)


def window(text: str, gene: str, variation: str, words: int) -> str:
    """Return the most important sentences up to `words` words, in the text's order; the whole text where it is no longer."""
    return Document(text).window(gene, variation, words)


def windows(X: pd.DataFrame, words: int) -> pd.Series[str]:
    """Return `window` of each row of `X` (columns ``gene``, ``variation``, ``text``); a text that rows share is cut into sentences once."""
    found: dict[int, str] = {}
    for text, rows in X.reset_index(drop=True).groupby("text", sort=False):
        document = Document(str(text))
        for row, gene, variation in zip(rows.index, rows["gene"], rows["variation"], strict=True):
            found[row] = document.window(gene, variation, words)
    return pd.Series([found[i] for i in range(len(X))], index=X.index, dtype="str")


def blind(X: pd.DataFrame, words: int) -> list[str]:
    """Return `windows` with the gene masked and the variation's name behind them, so that a text on a new gene reads as any other.

    Two words that every row has stand in front: readers refuse to learn a vocabulary without terms.
    """
    return [f"the variant {masked(t, g)} {v}" for t, g, v in zip(windows(X, words), X["gene"], X["variation"], strict=True)]


def masked(text: str, gene: str, token: str = "GENE") -> str:
    """Return `text` with the gene's symbol replaced by `token` wherever it stands as a word, or before a substitution (BRAFV600E).

    Upper and lower case are one, but for a symbol that may be a word of its own (KIT, MET: three letters). Other names of the gene
    (HER2 for ERBB2) stay.
    """
    return symbol(gene).sub(lambda _: token, text) if gene else text


def symbol(gene: str) -> re.Pattern[str]:
    """Return the pattern under which a text names `gene`."""
    word_too = gene.isalpha() and len(gene) < 4
    return re.compile(rf"(?<!\w){re.escape(gene)}(?=(?:[A-Z]\d{{2,4}}[A-Z*])?(?!\w))", re.NOFLAG if word_too else re.IGNORECASE)


class Document:
    """A text and where its sentences lie; made once for all the variants that share it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = list(_spans(text))
        self.starts = [start for start, _ in self.spans]
        lower = text.lower()
        # a few capitals become two characters, and places would shift
        self.lower = lower if len(lower) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)

    def ranked(self, gene: str, variation: str) -> tuple[list[str], list[int]]:
        """Return what the function `ranked` returns."""
        return [self.text[a:b] for a, b in self.spans], self.order(gene, variation)

    def order(self, gene: str, variation: str) -> list[int]:
        """Return the sentences' positions, the most important first."""
        named = self._naming(spellings(gene, variation))
        weak = self._naming(codon(gene, variation), open_end=True)
        of_gene = {self._sentence(m.start()) for m in symbol(gene).finditer(self.text)} if gene else set()
        centres = named or weak
        beside = {i + step for i in centres for step in (-1, 1)}

        def rank(i: int) -> tuple[bool, ...]:
            return (i not in named, i not in weak, i not in beside, i not in of_gene)

        return sorted(range(len(self.spans)), key=rank)

    def window(self, gene: str, variation: str, words: int) -> str:
        """Return what the function `window` returns."""
        if _no_longer(self.text, words):
            return self.text
        chosen: list[int] = []
        left = words
        for i in self.order(gene, variation):
            start, end = self.spans[i]
            length = len(self.text[start:end].split())
            if not chosen and length > words:
                return self._cut(i, spellings(gene, variation), words)
            if length <= left:
                chosen.append(i)
                left -= length
            if left <= 0:
                break
        return " ".join(self.text[slice(*self.spans[i])] for i in sorted(chosen))

    def _cut(self, i: int, names: tuple[str, ...], words: int) -> str:
        """Return `words` words of sentence `i`, around the first name in it."""
        start, end = self.spans[i]
        places = [m.span() for m in WORD.finditer(self.text, start, end)]
        hit = next((p for name in names for p in self._places(name) if start <= p < end), start)
        middle = bisect_right([a for a, _ in places], hit) - 1
        first = max(0, min(middle - words // 2, len(places) - words))
        return self.text[places[first][0] : places[first + words - 1][1]] if words > 0 else ""

    def _naming(self, names: tuple[str, ...], open_end: bool = False) -> set[int]:
        return {self._sentence(place) for name in names for place in self._places(name, open_end)}

    def _places(self, name: str, open_end: bool = False) -> Iterator[int]:
        """Yield where `name` stands, whatever its case, not within a longer word or number.

        With an open end letters may follow: V600 is found in V600K, and T263fs, always open, in T263fsX12.
        """
        needle = name.lower()
        if len(needle) != len(name):
            return
        frameshift = needle.endswith("fs")
        place = self.lower.find(needle)
        while place >= 0:
            end = place + len(needle)
            before, after = self.lower[place - 1 : place] if place else "", self.lower[end : end + 1]
            goes_on = False if frameshift else after.isdigit() if open_end else after.isalnum()
            if not before.isalnum() and not goes_on:
                yield place
            place = self.lower.find(needle, place + 1)

    def _sentence(self, place: int) -> int:
        return max(0, bisect_right(self.starts, place) - 1)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of every sentence."""
    start = 0
    for gap in END.finditer(text):
        inner = gap.lastindex or 0
        if inner < 3 and ABBREVIATED.search(text, max(start, gap.start() - TAIL), gap.start() + 1):
            continue
        yield from _pieces(text, start, gap.start(inner))
        start = gap.end()
    yield from _pieces(text, start, len(text))


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield text[start:end] without outer white space, in pieces of at most `LONGEST` words."""
    first = last = -1
    count = 0
    # most sentences are far from it, and need no counting
    if end - start <= 2 * LONGEST:
        piece = text[start:end]
        inner = piece.strip()
        if inner:
            first = start + piece.index(inner[0])
            yield first, first + len(inner)
        return
    for word in WORD.finditer(text, start, end):
        if count == LONGEST:
            yield first, last
            count = 0
        if count == 0:
            first = word.start()
        last = word.end()
        count += 1
    if count:
        yield first, last


def _no_longer(text: str, words: int) -> bool:
    """Return whether `text` has at most so many words, without counting all of a long one."""
    return len(text.split(None, words)) <= words if words > 0 else not text.strip()
