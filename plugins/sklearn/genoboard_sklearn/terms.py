"""Terms: texts -> tf-idf of their words and of the letters within words."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer


class Terms:
    """Words and runs of 2 to 5 letters, as two blocks of equal norm.

    Parameters
    ----------
    letters : whether runs of letters are read too.
    least : a term is kept that is in at least so many texts, where there are some tens of texts.
    """

    def __init__(self, letters: bool = True, least: int = 2) -> None:
        self.letters = letters
        self.least = least

    def fit_transform(self, texts: list[str]) -> sparse.csr_matrix:
        """Learn the terms and how rare they are; return float32 (n, p), rows of norm 1."""
        kinds: list[dict[str, object]] = [{"ngram_range": (1, 2)}]
        if self.letters:
            kinds.append({"analyzer": "char_wb", "ngram_range": (2, 5)})
        least = self.least if len(texts) >= 50 else 1
        self.readers_ = []
        blocks = []
        for kind in kinds:
            reader = TfidfVectorizer(min_df=least, sublinear_tf=True, dtype=np.float32, **kind)
            try:
                blocks.append(reader.fit_transform(texts))
                self.readers_.append(reader)
            except ValueError as error:
                # of empty texts there is nothing to learn; the variant's name remains
                if "vocabulary" not in str(error) and "no terms" not in str(error):
                    raise
        return self._beside(blocks, len(texts))

    def transform(self, texts: list[str]) -> sparse.csr_matrix:
        """Return float32 (n, p); a text without any known term is a row of zeros."""
        return self._beside([r.transform(texts) for r in self.readers_], len(texts))

    @staticmethod
    def _beside(blocks: list[sparse.csr_matrix], n: int) -> sparse.csr_matrix:
        if not blocks:
            return sparse.csr_matrix((n, 0), dtype=np.float32)
        return sparse.csr_matrix(sparse.hstack(blocks, dtype=np.float32) / np.float32(np.sqrt(len(blocks))))

    @property
    def names_(self) -> list[str]:
        """The terms, in the order of columns."""
        return [str(name) for reader in self.readers_ for name in reader.get_feature_names_out()]
