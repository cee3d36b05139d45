"""Target: what a network learns to give, numbers or classes, with its loss and the loss of knowing nothing."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

At = NDArray[np.intp]


class Target(Protocol):
    """The rows' target on a device.

    Attributes
    ----------
    name : the loss's.
    outputs : how many numbers the network gives for a row.
    unit : what the network's loss is times as large, in the target's own units.
    """

    name: str
    outputs: int
    unit: float

    def loss(self, out: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of `out` (n, outputs) for the rows at these positions."""

    def null(self, rows: At) -> float:
        """Return the loss on `rows`, in the target's units, of the best constant of the rows learnt from."""

    def answer(self, out: torch.Tensor) -> torch.Tensor:
        """Return what `out` stands for: values, or the classes' probabilities."""

    def shown(self, out: torch.Tensor) -> torch.Tensor:
        """Return, for each row, the number whose slopes are shown, (n,)."""


class Values:
    """Numbers (n,), learnt as standardised by the rows learnt from; the loss is the mean squared error."""

    name = "mse"
    outputs = 1

    def __init__(self, y: NDArray[np.float64], learnt: At, device: str) -> None:
        self.y = y
        self.mean, spread = float(y[learnt].mean()), float(y[learnt].std())
        self.scale = spread if spread > 0 else 1.0
        self.unit = self.scale**2
        self.tensor = torch.as_tensor((y - self.mean) / self.scale, dtype=torch.float32, device=device)

    def loss(self, out: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Target`."""
        return nn.functional.mse_loss(out[:, 0].float(), self.tensor[rows])

    def null(self, rows: At) -> float:
        """See `Target`."""
        return float(np.square(self.y[rows] - self.mean).mean())

    def answer(self, out: torch.Tensor) -> torch.Tensor:
        """See `Target`."""
        return out[:, 0].double() * self.scale + self.mean

    def shown(self, out: torch.Tensor) -> torch.Tensor:
        """See `Target`: the prediction."""
        return out[:, 0] * self.scale


class Classes:
    """Codes (n,) 0..k-1; the loss is the cross-entropy."""

    name = "log_loss"
    unit = 1.0

    def __init__(self, code: NDArray[np.int64], outputs: int, learnt: At, device: str) -> None:
        self.code = code
        self.outputs = outputs
        # a class that none of these rows has is not impossible
        self.prior = (np.bincount(code[learnt], minlength=outputs) + 1) / (len(learnt) + outputs)
        self.tensor = torch.as_tensor(code, device=device)

    def loss(self, out: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Target`."""
        return nn.functional.cross_entropy(out.float(), self.tensor[rows])

    def null(self, rows: At) -> float:
        """See `Target`."""
        return float(-np.log(self.prior[self.code[rows]]).mean())

    def answer(self, out: torch.Tensor) -> torch.Tensor:
        """See `Target`."""
        return torch.softmax(out.double(), dim=1)

    def shown(self, out: torch.Tensor) -> torch.Tensor:
        """See `Target`: the log-probability of the class that the network thinks most likely."""
        return torch.log_softmax(out, dim=1).max(dim=1).values
