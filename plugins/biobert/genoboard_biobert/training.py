"""Training: a classifier learns from labelled texts; the epoch that answers best on held-out texts is the one that stays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from tqdm import tqdm

from .batches import Batches, padded
from .calibration import cooled
from .network import Classifier

# padded tokens of a step that are in memory at once; a longer step is done in parts
TOKENS = {"cpu": 8192, "cuda": 65536}
# batches are made of texts of like length from among so many batches' texts
POOL = 16
SILENT, EVERY = 2.0, 5.0

Tell = Callable[..., None]


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained.

    Parameters
    ----------
    epochs, patience : passes over the texts at most, and after how many without a better one it stops.
    learning_rate, head_learning_rate : peaks, of the encoder and of the new layer; they rise over the first `warmup` of the steps, then
        fall to 0 by the last.
    batch_size : texts in a step.
    weight_decay : AdamW's, for matrices.
    clip : the longest gradient.
    """

    epochs: int
    patience: int
    learning_rate: float
    head_learning_rate: float
    batch_size: int
    warmup: float
    weight_decay: float
    clip: float

    def optimizer(self, network: Classifier) -> torch.optim.Optimizer:
        """Return AdamW over what is to be trained."""
        parts: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for name, weight in network.named_parameters():
            if weight.requires_grad:
                parts.setdefault((name.startswith("linear."), weight.ndim > 1), []).append(weight)
        return torch.optim.AdamW(
            {
                "params": weights,
                "lr": self.head_learning_rate if head else self.learning_rate,
                "weight_decay": self.weight_decay if matrix else 0.0,
            }
            for (head, matrix), weights in parts.items()
        )

    def schedule(self, optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
        """Return linear warm-up and decay."""
        rising = max(1, round(self.warmup * steps))
        falling = max(1, steps - rising)
        return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / rising, max(0.0, (steps - step) / falling)))


class Trainer:
    """A classifier, and what it takes to show it texts.

    Parameters
    ----------
    dtype : what the encoder multiplies in; weights stay float32.
    shift : (k,) float64, subtracted from the logits: log of the classes' weights in training, so that answers are about the classes as
        frequent as they are.
    """

    def __init__(self, network: Classifier, tokenizer: Any, device: str, dtype: torch.dtype, shift: NDArray[np.float64]) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.device = device
        self.dtype = dtype
        self.shift = shift
        self.batches = Batches(TOKENS[device])

    def learn(
        self,
        ids: list[list[int]],
        code: NDArray[np.int64],
        held: list[list[int]],
        truth: NDArray[np.int64],
        recipe: Recipe,
        seed: int,
        tell: Tell,
    ) -> float:
        """Train on texts, given as token ids, with their codes; return the temperature of the best epoch, whose weights are restored.

        `held` and its `truth` decide which epoch that is, by log loss at its best temperature; without any it is the last one, at 1.
        """
        rng = np.random.default_rng(seed)
        lengths = np.array([len(i) for i in ids])
        optimizer = recipe.optimizer(self.network)
        steps = recipe.epochs * -(-len(ids) // recipe.batch_size)
        schedule = recipe.schedule(optimizer, steps)
        best, temperature, since, kept = np.inf, 1.0, 0, None
        with tqdm(total=steps, desc="fine-tuning", unit=" steps", delay=SILENT, mininterval=EVERY) as bar:
            for epoch in range(recipe.epochs):
                self.network.train()
                loss = 0.0
                for batch in shuffled(lengths, recipe.batch_size, rng):
                    loss += self._gradients([ids[i] for i in batch], code[batch]) / len(ids)
                    torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
                    optimizer.step()
                    schedule.step()
                    bar.update()
                if not held:
                    tell(epoch, train_log_loss=loss)
                    continue
                logits = self.logits(held)
                warmth, valid = cooled(logits, truth)
                tell(epoch, train_log_loss=loss, valid_log_loss=valid, valid_accuracy=(logits.argmax(axis=1) == truth).mean())
                since += 1
                if valid < best:
                    best, temperature, since = valid, warmth, 0
                    kept = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
                if since >= recipe.patience:
                    break
        if kept is not None:
            self.network.load_state_dict(kept)
        return temperature

    def _gradients(self, ids: list[list[int]], code: NDArray[np.int64]) -> float:
        """Set the gradients of the step's mean loss; return the sum of its texts' losses.

        Parts of a step are summed here, not by `backward`: of a part that memory had no room for nothing must remain.
        """
        trained = [w for w in self.network.parameters() if w.requires_grad]
        weights = torch.as_tensor(np.exp(self.shift), dtype=torch.float32, device=self.device)
        target = torch.as_tensor(code, device=self.device)

        def run(part: NDArray[np.intp]) -> tuple[float, tuple[torch.Tensor | None, ...]]:
            losses = functional.cross_entropy(self._forward([ids[i] for i in part]), target[part], reduction="none")
            weighted = (losses * weights[target[part]]).sum() / len(ids)
            return float(losses.detach().sum()), torch.autograd.grad(weighted, trained, allow_unused=True)

        total = 0.0
        for weight in trained:
            weight.grad = None
        for _, (loss, gradients) in self.batches.over(run, np.array([len(i) for i in ids])):
            total += loss
            for weight, gradient in zip(trained, gradients, strict=True):
                if gradient is not None:
                    weight.grad = gradient if weight.grad is None else weight.grad + gradient
        return total

    def logits(self, ids: list[list[int]]) -> NDArray[np.float64]:
        """Return (n, k) float64 logits of texts given as token ids."""

        def run(batch: NDArray[np.intp]) -> NDArray[np.float32]:
            with torch.inference_mode():
                found: NDArray[np.float32] = self._forward([ids[i] for i in batch]).cpu().numpy()
            return found

        self.network.eval()
        logits = np.empty((len(ids), len(self.shift)))
        for batch, answer in self.batches.over(run, np.array([len(i) for i in ids])):
            logits[batch] = answer
        return logits - self.shift

    def _forward(self, ids: list[list[int]]) -> torch.Tensor:
        with torch.autocast(self.device, dtype=self.dtype, enabled=self.dtype != torch.float32):
            logits: torch.Tensor = self.network(**padded(self.tokenizer, ids, self.device))
        return logits.float()


def shuffled(lengths: NDArray[np.int64], size: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return positions in batches of `size`, at random, but with texts of like length side by side."""
    order = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


@contextmanager
def deterministic(seed: int, device: str) -> Iterator[None]:
    """Seed torch, and have it choose kernels that give the same bits again, where it has such; leave it as it was found."""
    if device == "cuda":
        # read when CUDA starts; without it cuBLAS sums in any order
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
