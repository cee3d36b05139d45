"""Texts: rows of gene, variation and text -> the windows of text that an encoder reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from genoboard_sklearn.windows import Document, masked


def windows(X: pd.DataFrame, tokenizer: Any, tokens: int, most: int = 1, mask_gene: bool = False) -> list[list[str]]:
    """Return for each row of `X` (columns ``gene``, ``variation``, ``text``) its windows, the most important first.

    The first holds the sentences that matter most for the variant, in the text's order, up to `tokens` tokens of `tokenizer` with its
    special ones; the next what matters most of the rest; `most` windows at most. A text that fits is one window as it stands, and so
    the same one for all variants that share it. A text that rows share is cut into sentences once. ``""`` where there is no text.

    Parameters
    ----------
    mask_gene : the gene's symbol is replaced by ``GENE``, once the sentences are chosen.
    """
    room = tokens - tokenizer.num_special_tokens_to_add()
    found: dict[int, list[str]] = {}
    for text, rows in X.reset_index(drop=True).groupby("text", sort=False):
        document = Document(str(text))
        sentences = [document.text[a:b] for a, b in document.spans]
        lengths = _lengths(tokenizer, sentences)
        whole = sum(lengths) <= room
        for row, gene, variation in zip(rows.index, rows["gene"], rows["variation"], strict=True):
            if whole:
                cut = [document.text]
            else:
                chosen = _fill(document.order(gene, variation), lengths, room, most)
                cut = [" ".join(sentences[i] for i in sorted(part)) for part in chosen]
            found[row] = [masked(c, gene) for c in cut] if mask_gene else cut
    return [found[i] for i in range(len(X))]


def _lengths(tokenizer: Any, sentences: list[str]) -> list[int]:
    if not sentences:
        return []
    return [len(ids) for ids in tokenizer(sentences, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]]


def _fill(order: list[int], lengths: list[int], room: int, most: int) -> Iterator[list[int]]:
    """Yield sentences for one window after the other; one that no window has room for is cut short by the tokenizer."""
    left = order
    for _ in range(most):
        chosen: list[int] = []
        free = room
        for i in left:
            if lengths[i] <= free or not chosen:
                chosen.append(i)
                free -= lengths[i]
        if not chosen:
            return
        yield chosen
        taken = set(chosen)
        left = [i for i in left if i not in taken]
