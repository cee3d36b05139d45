"""Encoder: texts -> embeddings, each distinct text encoded once, in batches of like length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from .batches import Batches, padded
from .checkpoint import Checkpoint
from .network import pooled, precision
from .store import Store

# padded tokens in a batch: on a CPU larger ones leave its caches and are slower
TOKENS = {"cpu": 2048, "cuda": 65536}
# a run that is stopped loses at most so many texts
KEPT_EVERY = 512
# seconds: a short job shows no bar, a long one few lines in the log
SILENT, EVERY = 2.0, 5.0


class Encoder:
    """A checkpoint's network, loaded when the first text that is not in the store asks for it.

    Parameters
    ----------
    dtype : ``"float32"``, ``"bfloat16"``, or ``"auto"``: bfloat16 where the processor computes in it.
    length : tokens of a text that are read, at most; the rest is cut off.
    layers : how many of the upper layers' states are given.
    device : ``"cpu"`` or ``"cuda"``.
    cache, into : the folder of the store, and that to which new embeddings go; None where there is none.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        dtype: str = "auto",
        length: int = 512,
        layers: int = 1,
        device: str = "cpu",
        cache: Path | None = None,
        into: Path | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.dtype = precision(dtype, device)
        self.length = min(length, checkpoint.longest())
        self.layers = layers
        self.tokenizer = checkpoint.tokenizer()
        self.store = Store(cache, into, checkpoint.identity, str(self.dtype), self.length, layers, "mean")
        self.batches = Batches(TOKENS[device])
        self.network: torch.nn.Module | None = None

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n, layers, d): for each text the mean of its tokens' states, from the lower to the upper layer."""
        new = [t for t in dict.fromkeys(texts) if t not in self.store]
        if new:
            self._encode(new)
        return np.stack([self.store[t] for t in texts])

    def _encode(self, texts: list[str]) -> None:
        if self.network is None:
            self.network = self.checkpoint.network(self.device).to(self.dtype)
        network = self.network
        ids = self.tokenizer(texts, truncation=True, max_length=self.length, verbose=False)["input_ids"]

        def run(batch: NDArray[np.intp]) -> NDArray[np.float32]:
            with torch.inference_mode():
                vectors: NDArray[np.float32] = (
                    pooled(network, **padded(self.tokenizer, [ids[i] for i in batch], self.device), layers=self.layers).cpu().numpy()
                )
            return vectors

        places: list[int] = []
        vectors: list[NDArray[np.float32]] = []
        with tqdm(total=len(texts), desc="encoding", unit=" texts", delay=SILENT, mininterval=EVERY) as bar:
            for batch, answer in self.batches.over(run, np.array([len(i) for i in ids])):
                places += batch.tolist()
                vectors.append(answer)
                if len(places) >= KEPT_EVERY or bar.n + len(batch) == len(texts):
                    self.store.keep([texts[i] for i in places], np.concatenate(vectors))
                    places, vectors = [], []
                bar.update(len(batch))
