"""Likeness: rows of embeddings and of words -> how alike any two are, by meaning and by wording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

Floats = NDArray[np.float32]


class Likeness:
    """Inner products of embeddings, and of the words and parts of words of a text where wanted.

    Parameters
    ----------
    lexical : whether there is the second kind.
    """

    def __init__(self, lexical: bool) -> None:
        self.lexical = lexical

    def fit(self, embeddings: Floats, texts: Sequence[str]) -> Self:
        """Learn means and vocabularies from the training rows: (n, layers, d) embeddings and n texts."""
        directions = _directions(embeddings)
        self.mean_ = directions.mean(axis=0)
        self.scale_ = 1 / max(float(np.sqrt(((directions - self.mean_) ** 2).sum(axis=(1, 2)).mean())), 1e-6)
        self.vectorizers_: list[TfidfVectorizer] = []
        if self.lexical:
            # scikit-learn refuses to learn words where there are none
            filled = [t for t in texts if t.strip()] or ["none"]
            self.vectorizers_ = [
                TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32, token_pattern=r"(?u)\b\w+\b").fit(filled),
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, dtype=np.float32).fit(filled),
            ]
        self.train_ = self._meaning(embeddings), self._wording(texts)
        return self

    def __call__(self, embeddings: Floats, texts: Sequence[str]) -> list[Floats]:
        """Return by kind (m, n): how alike m rows and the n training rows are."""
        return self._products(self._meaning(embeddings), self._wording(texts))

    def among(self) -> list[Floats]:
        """Return by kind (n, n): how alike the training rows are."""
        return self._products(*self.train_)

    def _meaning(self, embeddings: Floats) -> Floats:
        """Return (n, layers * d): directions, centred, of mean squared length 1."""
        centred: Floats = (_directions(embeddings) - self.mean_) * np.float32(self.scale_)
        return centred.reshape(len(centred), -1)

    def _wording(self, texts: Sequence[str]) -> sparse.csr_array | None:
        """Return (n, vocabulary): words and parts of words side by side, of length 1 together."""
        if not self.lexical:
            return None
        return sparse.csr_array(sparse.hstack([v.transform(texts) for v in self.vectorizers_]) * np.float32(np.sqrt(0.5)))

    def _products(self, meaning: Floats, wording: sparse.csr_array | None) -> list[Floats]:
        own_meaning, own_wording = self.train_
        found = [meaning @ own_meaning.T]
        if wording is not None and own_wording is not None:
            found.append((wording @ own_wording.T).toarray())
        return found


def _directions(embeddings: Floats) -> Floats:
    norm = np.linalg.norm(embeddings, axis=2, keepdims=True)
    return np.asarray(embeddings / np.where(norm > 0, norm, 1), dtype=np.float32)
