"""Network: hidden layers with ReLU and dropout on standardised columns, the same bits for the same seed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from genoboard import Packed

from . import packed

Inputs = Packed | torch.Tensor


class Network(nn.Module):
    """Xavier's weights, biases 0.

    On a dense batch the first layer multiplies the standardised columns, z = (x - m) / s. On a packed one it takes the same step from
    the other side, as x (w / s) + (b - m (w / s)), which leaves empty bins out; weights, penalties and Adam's steps are those of z either way.

    Parameters
    ----------
    mean, spread : (p,), of the training rows' columns. A column whose spread is 0 says nothing: it is left out.
    layers : units of the hidden layers.
    outputs : units of the last.
    dropout : share of units left out after every hidden layer.
    flat : the last layer's weights begin at 0, so that learning begins from the mean, not from the noise of random weights.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self,
        mean: NDArray[np.float64],
        spread: NDArray[np.float64],
        layers: Sequence[int],
        outputs: int,
        dropout: float = 0.0,
        flat: bool = False,
    ) -> None:
        super().__init__()
        scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=torch.float32))
        first, *others = *layers, outputs
        self.weight, self.bias = nn.Parameter(torch.empty(len(mean), first)), nn.Parameter(torch.zeros(first))
        nn.init.xavier_uniform_(self.weight)
        rest: list[nn.Module] = []
        for width, units in zip(layers, others, strict=True):
            linear = nn.Linear(width, units)
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
            rest += [nn.ReLU(inplace=True), *([nn.Dropout(dropout)] if dropout else []), linear]
        self.rest = nn.Sequential(*rest)
        if flat:
            nn.init.zeros_(self.weights()[-1])

    def forward(self, x: Inputs) -> torch.Tensor:
        """Return (n, outputs)."""
        out: torch.Tensor = self.rest(self.first(x))
        return out

    def first(self, x: Inputs) -> torch.Tensor:
        """Return what the first layer's units are given, (n, units)."""
        if isinstance(x, torch.Tensor):
            return torch.addmm(self.bias, (x - self.mean) * self.scale, self.weight)
        with torch.autocast("cpu", enabled=False):
            slopes = self.slopes()
            return packed.times(x, slopes, self.bias - self.mean @ slopes)

    def slopes(self) -> torch.Tensor:
        """Return the first layer's weights (p, units) for columns as they come."""
        return self.weight * self.scale.unsqueeze(1)

    def weights(self) -> list[nn.Parameter]:
        """Return all parameters but biases."""
        return [p for name, p in self.named_parameters() if name.endswith("weight")]


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
def repeatable(n_jobs: int, device: str) -> Iterator[None]:
    """Keep torch to deterministic algorithms, and afterwards leave it, and its generators, as they were."""
    cuda = device == "cuda"
    if cuda:
        # cuBLAS reads it when it starts; without it, torch refuses a matrix product
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    with threads(n_jobs), torch.random.fork_rng(devices=[torch.cuda.current_device()] if cuda else []):
        # what is used on the CPU is deterministic anyway, and there the switch would have all new memory filled
        torch.use_deterministic_algorithms(before or cuda)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)


def half(device: str) -> Any:
    """Return the 16-bit type in which a device multiplies fast: bfloat16, which needs no scaling of the loss, where it has it."""
    return torch.float16 if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False) else torch.bfloat16
