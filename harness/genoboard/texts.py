"""Texts: the prose of rows as words, and which texts are nearly the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rensa import RMinHash

WORD = re.compile(r"[^\W_]+")
SAME_WORDS, RUN = 0.9, 5  # share of runs of words in common that makes texts nearly the same, and the length of a run
# MinHash's slots, in bands: two texts at .9 miss all of 16 bands of 8 slots once in 10,000 times
SLOTS, BANDS, SEED = 128, 16, 1


@dataclass(frozen=True)
class Texts:
    """Row -> text (n,), each text's words as codes, and the words; case, white space and punctuation make no text another."""

    row: NDArray[np.int64]
    words: list[NDArray[np.int64]]
    vocabulary: pd.Index

    @classmethod
    def of(cls, prose: pd.Series) -> Texts:
        """Cut the prose of rows into words."""
        vocabulary: dict[str, int] = {}
        kept: dict[bytes, int] = {}
        texts: list[NDArray[np.int64]] = []
        row, different = pd.factorize(prose)
        code = np.empty(len(different), dtype=np.int64)
        for k, text in enumerate(different):
            # what a further word is counted as: codes take a tenth of the memory that words do
            words = np.fromiter((vocabulary.setdefault(w, len(vocabulary)) for w in WORD.findall(str(text).casefold())), np.int64)
            code[k] = kept.setdefault(words.tobytes(), len(kept))
            if code[k] == len(texts):
                texts.append(words)
        return cls(code[row], texts, pd.Index(list(vocabulary), dtype=object))

    @cached_property
    def said(self) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Which row says which word, each once: (m,) and (m,)."""
        each = [np.unique(words) for words in self.words]
        return np.repeat(np.arange(len(self.row)), [len(each[t]) for t in self.row]), np.concatenate([each[t] for t in self.row])

    def alike(self) -> NDArray[np.intp]:
        """Return the pairs (m, 2) of texts that have 90 % of their runs of five words in common: MinHash proposes, a full count decides."""
        runs = list(self._runs())
        marks = np.empty((len(runs), SLOTS), np.uint32)
        for k, of in enumerate(runs):
            # one by one: all at once would hold every run twice, and is no faster
            marks[k] = RMinHash.digest_matrix_from_flat_token_hashes(of, [0, len(of)], SLOTS, SEED).to_rows()[0]
        likely: set[tuple[int, int]] = set()
        for band in np.split(marks, BANDS, axis=1):
            buckets: dict[bytes, list[int]] = {}
            for k, row in enumerate(band):
                buckets.setdefault(row.tobytes(), []).append(k)
            likely.update(pair for bucket in buckets.values() for pair in combinations(bucket, 2))
        found = []
        for a, b in sorted(likely):
            common = len(np.intersect1d(runs[a], runs[b], assume_unique=True))
            if common >= SAME_WORDS * (len(runs[a]) + len(runs[b]) - common):
                found.append((a, b))
        return np.array(found, dtype=np.intp).reshape(-1, 2)

    def _runs(self) -> Iterator[NDArray[np.uint64]]:
        """Give each text's different runs of words, as hashes; a text of less than five words is one run, one without words has none."""
        hashed = pd.util.hash_array(self.vocabulary.to_numpy(dtype=object))
        factor = np.random.default_rng(0).integers(1 << 63, size=RUN, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        for words in self.words:
            length = max(1, len(words) - RUN + 1)
            parts = [hashed[words[j : j + length]] * factor[j] for j in range(min(RUN, len(words)))]
            yield np.unique(np.sum(parts, axis=0, dtype=np.uint64)) if parts else np.empty(0, np.uint64)
