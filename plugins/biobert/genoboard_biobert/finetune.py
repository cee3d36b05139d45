"""Finetune: the model ``biobert-finetune``, an encoder that learns the task itself."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from genoboard import ModelFailed, RunContext
from genoboard_sklearn.folds import inner

from . import CHECKPOINT
from . import checkpoint as checkpoints
from .network import Classifier, precision
from .texts import windows
from .training import Recipe, Trainer, deterministic

# one inner fold of so many stops the training
HELD = 8
# Cui et al., Class-Balanced Loss Based on Effective Number of Samples (2019), with their beta for small datasets
BETA = 0.99


class Finetune(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Train an encoder and a linear layer on the mean of its last states; one window per text, the most important one.

    Parameters
    ----------
    checkpoint : folder, or ``OWNER/NAME`` on the hub.
    download : whether the hub may be asked for what is not on this machine.
    mask_gene : replace the gene's symbol in the text.
    dtype : ``"float32"``, ``"bfloat16"``, or ``"auto"``; what is multiplied in it, weights are float32.
    tokens : how long a window is.
    dropout : before the linear layer.
    class_weight : None; ``"balanced"``: inverse to a class's rows; ``"effective"``: to its effective number of rows. Answers are
        corrected for it.
    frozen_layers : how many of the lower layers, the embeddings with them, stay as they are; 0 trains all.
    epochs, patience, learning_rate, head_learning_rate, batch_size, warmup, weight_decay, clip : see `training.Recipe`.
    """

    def __init__(
        self,
        checkpoint: str = CHECKPOINT,
        download: bool = False,
        mask_gene: bool = False,
        dtype: str = "auto",
        tokens: int = 256,
        epochs: int = 6,
        patience: int = 2,
        learning_rate: float = 5e-5,
        head_learning_rate: float = 1e-3,
        batch_size: int = 16,
        warmup: float = 0.1,
        weight_decay: float = 0.01,
        clip: float = 1.0,
        dropout: float = 0.1,
        class_weight: str | None = None,
        frozen_layers: int = 0,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.checkpoint = checkpoint
        self.download = download
        self.mask_gene = mask_gene
        self.dtype = dtype
        self.tokens = tokens
        self.epochs = epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.head_learning_rate = head_learning_rate
        self.batch_size = batch_size
        self.warmup = warmup
        self.weight_decay = weight_decay
        self.clip = clip
        self.dropout = dropout
        self.class_weight = class_weight
        self.frozen_layers = frozen_layers
        self.random_state = random_state
        self.n_jobs = n_jobs

    def prepare(self, X: pd.DataFrame, run: RunContext) -> None:
        """Fetch the checkpoint where that is allowed; it outlives the run."""
        checkpoints.find(self.checkpoint, self.download, run.cache, run.dir)

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64], groups: NDArray[np.int64] | None = None, run: RunContext | None = None) -> Self:
        """Learn from `X` (columns ``gene``, ``variation``, ``text``) and codes `y`; one inner fold, which cuts no group, stops the training."""
        torch.set_num_threads(self.n_jobs)
        device, cache = (run.device, run.cache) if run else ("cpu", None)
        found = checkpoints.find(self.checkpoint, self.download, cache)
        self.tokenizer_ = found.tokenizer()
        self.length_ = min(self.tokens, found.longest())
        self.classes_, code = np.unique(y, return_inverse=True)
        recipe = Recipe(
            self.epochs,
            self.patience,
            self.learning_rate,
            self.head_learning_rate,
            self.batch_size,
            self.warmup,
            self.weight_decay,
            self.clip,
        )
        ids = self._ids(X)
        folds = inner(code, groups, HELD, self.random_state)
        train, held = folds[0] if folds else (np.arange(len(code)), np.arange(0))
        with deterministic(self.random_state, device):
            network = Classifier(found.network(device), found.config().hidden_size, len(self.classes_), self.dropout).to(device)
            network.freeze(self.frozen_layers)
            shift = np.log(class_weights(code[train], len(self.classes_), self.class_weight))
            self.trainer_ = Trainer(network, self.tokenizer_, device, precision(self.dtype, device), shift)
            self.temperature_ = self.trainer_.learn(
                [ids[i] for i in train],
                code[train],
                [ids[i] for i in held],
                code[held],
                recipe,
                self.random_state,
                run.log if run else lambda *_, **__: None,
            )
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        probability: NDArray[np.float64] = softmax(self.trainer_.logits(self._ids(X)) / self.temperature_, axis=1)
        return probability

    def predict(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return (n,) the most probable code."""
        codes: NDArray[np.int64] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def _ids(self, X: pd.DataFrame) -> list[list[int]]:
        first = [row[0] for row in windows(X, self.tokenizer_, self.length_, 1, self.mask_gene)]
        ids: list[list[int]] = self.tokenizer_(first, truncation=True, max_length=self.length_, verbose=False)["input_ids"]
        return ids


def class_weights(code: NDArray[np.int64], k: int, rule: str | None) -> NDArray[np.float64]:
    """Return (k,) weights whose mean over the rows is 1; those of a class without rows is 1."""
    count = np.bincount(code, minlength=k).astype(float)
    if rule is None:
        return np.ones(k)
    if rule not in ("balanced", "effective"):
        raise ModelFailed("failed", f"class_weight={rule!r} is none of null, balanced, effective.")
    present = np.maximum(count, 1)
    weight = 1 / present if rule == "balanced" else (1 - BETA) / (1 - BETA**present)
    scaled: NDArray[np.float64] = np.where(count > 0, weight * count.sum() / (weight * count).sum(), 1.0)
    return scaled
