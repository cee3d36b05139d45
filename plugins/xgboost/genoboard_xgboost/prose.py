"""Prose: the words around a variant -> a sparse matrix of words, and a few components of words and characters."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from genoboard_sklearn.windows import blind

# a term that fewer rows hold tells nothing of others
RARE = 3


class Prose:
    """tf-idf of windows in which the gene is masked, with the variation's name behind them, and truncated SVD of it.

    The gene's symbol would teach the words of known genes; without it a text on a new gene reads as any other.

    Parameters
    ----------
    words : length of a window.
    components : how many; fewer where there are fewer rows or terms.
    """

    def __init__(self, words: int, components: int, seed: int) -> None:
        self.words = words
        self.components = components
        self.seed = seed

    def fit(self, X: pd.DataFrame) -> Self:
        """Learn terms and components from (n, c) `X`."""
        documents = blind(X, self.words)
        rare = min(RARE, max(1, len(documents) // 10))
        self.terms_ = [
            TfidfVectorizer(ngram_range=(1, 2), min_df=rare, sublinear_tf=True, dtype=np.float32),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=rare, sublinear_tf=True, dtype=np.float32),
        ]
        matrix = hstack([t.fit_transform(documents) for t in self.terms_]).tocsr()
        # rows that are all alike have no variance that components could explain a share of
        with np.errstate(divide="ignore", invalid="ignore"):
            self.svd_ = TruncatedSVD(min(self.components, *matrix.shape), n_iter=3, random_state=self.seed).fit(matrix)
        return self

    def transform(self, X: pd.DataFrame) -> tuple[csr_matrix, NDArray[np.float32]]:
        """Return the words (n, terms), sparse, and the components (n, `components`)."""
        documents = blind(X, self.words)
        words, characters = (t.transform(documents) for t in self.terms_)
        components: NDArray[np.float32] = self.svd_.transform(hstack([words, characters]).tocsr())
        return words.tocsr(), components
