"""Sharing: which rows have the same text, or nearly the same; the groups that no honest split by text cuts through."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash
from tqdm import tqdm

WORD = re.compile(r"[^\W_]+")
RUN = 5
NEAR = 0.8
# At a true .8 an estimate from 256 slots has a standard deviation of .025: what lies less than six of them below is compared in full.
SLOTS = 256
MARGIN = 0.15
SEED = 1


def words(text: bytes) -> list[str]:
    """Return the words of a text (UTF-8), without case, white space and punctuation."""
    return WORD.findall(text.decode().casefold())


def runs(found: Sequence[str]) -> set[str]:
    """Return all runs of five words; of a shorter text its words as one run."""
    return {" ".join(r) for r in zip(*(found[k:] for k in range(RUN)), strict=False)} or {" ".join(found)}


def text_groups(texts: Mapping[str, bytes]) -> tuple[dict[str, str], str]:
    """Return row id -> group, and a note that counts what is shared.

    Rows are of one group when their words are the same, or when a chain of near-duplicates joins them: two texts that have
    at least .8 of their runs of five words in common (Jaccard). MinHash only proposes pairs; each is then compared in full.
    A group is called by the smallest id among its rows, so it does not depend on their order. A row without a word is alone.
    """
    rows_of: dict[bytes, list[str]] = {}
    for row, text in texts.items():
        rows_of.setdefault(text, []).append(row)
    group = {row: row for row in texts}
    same: dict[bytes, list[str]] = {}
    kept: list[bytes] = []
    sizes: list[int] = []
    marks: list[NDArray[np.uint32]] = []
    for text, rows in tqdm(rows_of.items(), desc="text groups", unit=" texts", delay=1, disable=not sys.stderr.isatty()):
        found = words(text)
        if not found:
            continue
        key = hashlib.blake2b(" ".join(found).encode(), digest_size=16).digest()
        if key not in same:
            of = runs(found)
            kept.append(text)
            sizes.append(len(of))
            marks.append(np.array(RMinHash.digests_from_token_sets([of], SLOTS, SEED)[0], dtype=np.uint32))
        same.setdefault(key, []).extend(rows)
    held = list(same.values())
    part = list(range(len(held)))
    for one, other in _near(kept, sizes, marks, part):
        part[_root(part, one)] = _root(part, other)
    joined: dict[int, list[str]] = {}
    for k, rows in enumerate(held):
        joined.setdefault(_root(part, k), []).extend(rows)
    for rows in joined.values():
        group.update(dict.fromkeys(rows, min(rows)))
    shared = [len(r) for r in held if len(r) > 1]
    return group, (
        f"Texts: {sum(map(len, held)):,} rows hold {len(held):,} different texts; {len(shared):,} of these are shared by {sum(shared):,} rows. "
        f"Near-duplicates ({NEAR:.0%} of all runs of {RUN} words in common) join {len(held) - len(joined):,} more: {len(joined):,} text groups."
    )


def _near(kept: Sequence[bytes], sizes: Sequence[int], marks: Sequence[NDArray[np.uint32]], part: list[int]) -> Iterator[tuple[int, int]]:
    """Give the pairs of near-duplicates among texts that `part` does not yet join."""
    order = np.argsort(np.array(sizes), kind="stable")
    size = np.array(sizes)[order]
    mark = np.array(marks)[order]
    again = lru_cache(maxsize=8)(lambda k: runs(words(kept[k])))
    for i, one in enumerate(order):
        # a set cannot have .8 in common with one of more than 1 / .8 its size
        end = np.searchsorted(size, size[i] / NEAR, side="right")
        likely = (mark[i + 1 : end] == mark[i]).mean(axis=1) >= NEAR - MARGIN
        for other in order[i + 1 : end][likely]:
            if _root(part, one) == _root(part, other):
                continue
            common = len(again(one) & again(other))
            if common / (sizes[one] + sizes[other] - common) >= NEAR:
                yield one, other


def _root(part: list[int], k: int) -> int:
    while part[k] != k:
        part[k] = part[part[k]]
        k = part[k]
    return k
