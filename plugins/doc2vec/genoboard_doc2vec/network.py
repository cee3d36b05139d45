"""Network: a small feed-forward classifier in torch, the same bits for the same seed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from .recipe import Codes, Floats

# epoch (from 1), training loss, loss on the rows that are watched (None where none are); True ends the training
Report = Callable[[int, float, float | None], bool]


@dataclass(frozen=True)
class Shape:
    """What a network is made of, and how it learns.

    Parameters
    ----------
    hidden : units of the hidden layers, each followed by ReLU.
    dropout : share of units left out after the first, second... hidden layer; none after the layers that it does not reach.
    l2 : the loss has `l2` times the sum of squared weights added, biases left out.
    """

    hidden: Sequence[int]
    dropout: Sequence[float]
    l2: float
    learning_rate: float
    batch_size: int
    seed: int
    n_jobs: int
    device: str


class Network:
    """Scaled features, hidden layers with ReLU and dropout, softmax.

    Parameters
    ----------
    shape : its layers and how it learns.
    k : number of classes.
    """

    def __init__(self, shape: Shape, k: int) -> None:
        self.shape = shape
        self.k = k

    def fit(self, values: Floats, code: Codes, epochs: int, report: Report, watched: tuple[Floats, Codes] | None = None) -> Self:
        """Learn from (n, p) `values` and (n,) codes 0..k-1; tell `report` after every epoch."""
        shape = self.shape
        self.mean_ = values.mean(axis=0)
        spread = values.std(axis=0)
        self.spread_ = np.where(spread > 0, spread, 1).astype(np.float32)
        with repeatable(shape):
            order = torch.Generator().manual_seed(shape.seed)
            self.layers_ = self._layers(values.shape[1]).to(shape.device)
            optimizer = self._optimizer()
            X, y = self._tensor(values), torch.as_tensor(code, device=shape.device)
            for epoch in tqdm(range(1, epochs + 1), "network", delay=5.0, mininterval=5.0):
                loss = self._epoch(X, y, torch.randperm(len(y), generator=order).to(shape.device), optimizer)
                if report(epoch, loss, None if watched is None else self._loss(*watched)):
                    break
            self.layers_.eval()
        return self

    def predict_proba(self, values: Floats) -> NDArray[np.float64]:
        """Return (n, k)."""
        with threads(self.shape.n_jobs), torch.no_grad():
            logits = self.layers_(self._tensor(values)).double()
            return np.asarray(torch.softmax(logits, dim=1).cpu().numpy())

    def _layers(self, width: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for i, units in enumerate(self.shape.hidden):
            layers += [nn.Linear(width, units), nn.ReLU()]
            if i < len(self.shape.dropout):
                layers.append(nn.Dropout(self.shape.dropout[i]))
            width = units
        return nn.Sequential(*layers, nn.Linear(width, self.k))

    def _optimizer(self) -> torch.optim.Adam:
        named = list(self.layers_.named_parameters())
        weights = [p for name, p in named if name.endswith("weight")]
        biases = [p for name, p in named if not name.endswith("weight")]
        # the gradient of l2 * w^2 is 2 * l2 * w, which is what torch adds for a decay of 2 * l2
        parts: list[dict[str, Any]] = [{"params": weights, "weight_decay": 2 * self.shape.l2}, {"params": biases}]
        return torch.optim.Adam(parts, lr=self.shape.learning_rate)

    def _epoch(self, X: torch.Tensor, y: torch.Tensor, order: torch.Tensor, optimizer: torch.optim.Adam) -> float:
        self.layers_.train()
        total = torch.zeros((), device=X.device)
        for start in range(0, len(order), self.shape.batch_size):
            batch = order[start : start + self.shape.batch_size]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.layers_(X[batch]), y[batch])
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
            total += loss.detach() * len(batch)
        return total.item() / len(y)

    def _loss(self, values: Floats, code: Codes) -> float:
        self.layers_.eval()
        with torch.no_grad():
            return nn.functional.cross_entropy(self.layers_(self._tensor(values)), torch.as_tensor(code, device=self.shape.device)).item()

    def _tensor(self, values: Floats) -> torch.Tensor:
        return torch.as_tensor((values - self.mean_) / self.spread_, device=self.shape.device)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let torch use `n` threads, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def repeatable(shape: Shape) -> Iterator[None]:
    """Seed torch and keep it to deterministic algorithms, and afterwards leave it as it was."""
    cuda = shape.device == "cuda"
    if cuda:
        # cuBLAS reads it when it starts; without it, torch refuses a matrix product
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    with threads(shape.n_jobs), torch.random.fork_rng(devices=[torch.cuda.current_device()] if cuda else []):
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(shape.seed)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
