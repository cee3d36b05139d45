"""Packed: a batch of a design's rows on a device, and its product with weights, which knows its own gradient."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray

from genoboard import Packed


def dense(batch: Packed, device: str = "cpu") -> torch.Tensor:
    """Return the rows (n, p) on a device: what travels there is the packed form alone."""
    cuda = device == "cuda"

    def there(array: NDArray[Any]) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(device, non_blocking=True) if cuda else tensor

    row, bin_, value, bins = map(there, (batch.row, batch.bin, batch.value, batch.bins))
    size = len(batch.values)
    block = torch.repeat_interleave(torch.arange(len(row) - 1, device=device), value.diff(), output_size=size)
    place, length = torch.arange(size, device=device) - value[block], bin_.diff()[block]
    column = bins[bin_[block] + place % length]
    out = torch.zeros(len(batch), batch.width, device=device)
    out.view(-1)[(row[block] + place // length) * batch.width + column] = there(batch.values)
    return out


def times(batch: Packed, weights: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Return the rows times `weights` (p, k), plus `shift` (k,): (n, k), with gradients; on the CPU."""
    product: torch.Tensor = _Product.apply(weights, shift, batch)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return product


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: torch.Tensor, shift: torch.Tensor, batch: Packed) -> torch.Tensor:
        ctx.batch = batch
        return torch.from_numpy(batch.times(weights.detach().numpy(), shift.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        gradient = gradients[0].contiguous()
        return torch.from_numpy(ctx.batch.transposed_times(gradient.numpy())), gradient.sum(dim=0), None
