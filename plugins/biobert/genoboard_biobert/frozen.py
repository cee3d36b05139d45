"""Frozen: the model ``biobert-frozen``, a calibrated logistic regression on the embeddings of an encoder that stays as it is."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from genoboard import RunContext

from . import CHECKPOINT
from . import checkpoint as checkpoints
from .encoder import Encoder
from .head import CalibratedSoftmax, Choice
from .likeness import Likeness
from .texts import windows

# the share of meaning beside wording: how far words go depends on what a split keeps apart
SHARES = (1 / 2, 2 / 3)
STRENGTHS = (2.0, 6.0)


class Frozen(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Embed the windows of each row's text, take their mean, and fit a logistic regression.

    Parameters
    ----------
    checkpoint : folder, or ``OWNER/NAME`` on the hub.
    download : whether the hub may be asked for what is not on this machine.
    mask_gene : replace the gene's symbol in the text.
    dtype : ``"float32"``, ``"bfloat16"``, or ``"auto"``.
    tokens, windows : how long a window is, and how many of a text there are at most.
    layers : of how many of the encoder's upper layers the states are taken.
    lexical : whether the windows' words (tf-idf) stand beside the embeddings.
    C : inverse strength of the penalty; None chooses it out of fold.
    """

    def __init__(
        self,
        checkpoint: str = CHECKPOINT,
        download: bool = False,
        mask_gene: bool = False,
        dtype: str = "auto",
        tokens: int = 256,
        windows: int = 2,
        layers: int = 2,
        lexical: bool = True,
        C: float | None = None,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.checkpoint = checkpoint
        self.download = download
        self.mask_gene = mask_gene
        self.dtype = dtype
        self.tokens = tokens
        self.windows = windows
        self.layers = layers
        self.lexical = lexical
        self.C = C
        self.random_state = random_state
        self.n_jobs = n_jobs

    def prepare(self, X: pd.DataFrame, run: RunContext) -> None:
        """Fetch the checkpoint where that is allowed, and embed `X`; both outlive the run."""
        torch.set_num_threads(self.n_jobs)
        found = checkpoints.find(self.checkpoint, self.download, run.cache, run.dir)
        self.encoder_ = Encoder(found, self.dtype, self.tokens, self.layers, run.device, run.cache, run.dir)
        self._read(X)

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64], groups: NDArray[np.int64] | None = None, run: RunContext | None = None) -> Self:
        """Learn from `X` (columns ``gene``, ``variation``, ``text``) and codes `y`; inner folds, which choose, cut no group."""
        torch.set_num_threads(self.n_jobs)
        device, cache = (run.device, run.cache) if run else ("cpu", None)
        found = checkpoints.find(self.checkpoint, self.download, cache)
        self.encoder_ = Encoder(found, self.dtype, self.tokens, self.layers, device, cache)
        self.likeness_ = Likeness(self.lexical).fit(*self._read(X))
        self.head_ = CalibratedSoftmax(choices(self.lexical, self.C), self.random_state).fit(self.likeness_.among(), y, groups)
        self.classes_ = self.head_.classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        return self.head_.predict_proba(self.likeness_(*self._read(X)))

    def predict(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return (n,) the most probable code."""
        codes: NDArray[np.int64] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def _read(self, X: pd.DataFrame) -> tuple[NDArray[np.float32], list[str]]:
        """Return (n, layers, d) embeddings, each the mean of a row's windows, and the windows' text."""
        cut = windows(X, self.encoder_.tokenizer, self.encoder_.length, self.windows, self.mask_gene)
        each = self.encoder_([w for row in cut for w in row])
        first = np.cumsum([0, *(len(row) for row in cut[:-1])])
        count = np.array([len(row) for row in cut])[:, None, None]
        mean: NDArray[np.float32] = (np.add.reduceat(each, first) / count).astype(np.float32)
        return mean, [" ".join(row) for row in cut]


def choices(lexical: bool, C: float | None) -> list[Choice]:
    """Return what the head may choose from."""
    if lexical:
        return [Choice((share, 1 - share), C or 6.0) for share in SHARES]
    return [Choice((1.0,), strength) for strength in ((C,) if C else STRENGTHS)]
