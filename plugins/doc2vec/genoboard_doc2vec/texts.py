"""TextVectors: doc2vec, learnt from distinct texts and asked about any text, one by one."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pandas as pd
from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.doc2vec import Doc2Vec, TaggedDocument, train_document_dm
from gensim.models.word2vec import MAX_WORDS_IN_BATCH
from numpy.typing import NDArray
from tqdm import tqdm

from genoboard import DataError

WORD = re.compile(r"\w+")
# seconds: short work shows no progress bar, long work a line now and then
QUIET, EVERY = 5.0, 5.0


def words_of(text: str, limit: int) -> list[str]:
    """Return the first `limit` words of `text` in lower case: runs of letters, digits and ``_``."""
    found = (m.group() for m in WORD.finditer(text.lower()))
    # one string per word, however often it comes: a corpus of millions of words is a list of pointers
    return [sys.intern(word) for word, _ in zip(found, range(limit), strict=False)]


class TextVectors:
    """gensim's doc2vec (distributed memory), the same bits for the same texts and seed.

    Every vector, of a training text too, is inferred from the fitted word vectors: what a model learns from and what it is
    asked about come about in the same way. A text without any known word is all zero.

    Parameters
    ----------
    vector_size, window, min_count, sample, negative : gensim's own.
    passes : how often the texts are read, for learning and for inferring.
    words : how many words of a text are read, from its beginning.
    """

    def __init__(
        self, vector_size: int, window: int, min_count: int, sample: float, negative: int, passes: int, words: int, seed: int
    ) -> None:
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.sample = sample
        self.negative = negative
        self.passes = passes
        self.words = words
        self.seed = seed % 2**32

    def fit(self, texts: pd.Series) -> Self:
        """Learn words from `texts`, each distinct one once; raise `DataError` where no word is left to learn."""
        distinct = texts.unique().tolist()
        documents = [TaggedDocument(piece, [i]) for i, text in enumerate(distinct) for piece in self._pieces(text)]
        # one worker: threads would race for the vectors
        self.model_ = Doc2Vec(
            vector_size=self.vector_size,
            window=self.window,
            min_count=self.min_count,
            sample=self.sample,
            negative=self.negative,
            epochs=self.passes,
            seed=self.seed,
            workers=1,
            hashfxn=stable_hash,
        )
        self.model_.build_vocab(documents)
        if len(self.model_.wv) == 0:
            raise DataError(
                f"No word comes {self.min_count} times or more in the first {self.words} words of {len(distinct)} distinct training texts: "
                "doc2vec has nothing to learn. Lower min_count, or raise words."
            )
        with Progress(self.passes, f"doc2vec learns {len(distinct)} texts") as progress:
            self.model_.train(documents, total_examples=len(documents), epochs=self.passes, callbacks=[progress])
        return self

    def transform(self, texts: pd.Series) -> NDArray[np.float32]:
        """Return (n, vector_size): a row depends on its own text alone."""
        code, distinct = pd.factorize(texts)
        shown = tqdm(distinct.tolist(), f"doc2vec reads {len(distinct)} texts", delay=QUIET, mininterval=EVERY)
        vectors = [self._infer(text) for text in shown]
        return np.array(vectors, dtype=np.float32).reshape(-1, self.vector_size)[code]

    def _infer(self, text: str) -> NDArray[np.float32]:
        """Return (vector_size,).

        gensim's `infer_vector` would start from Python's hash of the text, go on where the last text left its generator, and drop
        what comes after its batch's length.
        """
        model = self.model_
        pieces = [piece for piece in self._pieces(text) if any(word in model.wv for word in piece)]
        if not pieces:
            return np.zeros(self.vector_size, dtype=np.float32)
        model.random.seed(self.seed)
        start = np.random.default_rng(self.seed).random((1, self.vector_size), dtype=np.float32)
        vector = (start - np.float32(0.5)) / np.float32(self.vector_size)
        lock = np.ones(1, dtype=np.float32)
        work, mean = (np.zeros(model.layer1_size, dtype=np.float32) for _ in range(2))
        for alpha in np.linspace(model.alpha, model.min_alpha, self.passes):
            for piece in pieces:
                train_document_dm(
                    model,
                    piece,
                    [0],
                    alpha,
                    work,
                    mean,
                    learn_words=False,
                    learn_hidden=False,
                    doctag_vectors=vector,
                    doctags_lockf=lock,
                )
        found: NDArray[np.float32] = vector[0]
        return found

    def _pieces(self, text: str) -> Iterator[list[str]]:
        """Cut a text where gensim would drop the rest without a word."""
        words = words_of(text, self.words)
        return (words[i : i + MAX_WORDS_IN_BATCH] for i in range(0, len(words), MAX_WORDS_IN_BATCH))


def stable_hash(text: str) -> int:
    """Return a hash that does not depend on PYTHONHASHSEED."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


class Progress(CallbackAny2Vec):  # type: ignore[misc]  # gensim ships no types
    """A progress bar over gensim's passes, on stderr."""

    def __init__(self, passes: int, title: str) -> None:
        self.bar = tqdm(total=passes, desc=title, delay=QUIET, mininterval=EVERY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def on_epoch_end(self, model: Any) -> None:
        """Move on by one pass."""
        self.bar.update()
