"""Packed: a batch of a design's rows without its empty bins, and its product with weights, which knows its own gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from . import kernels

if TYPE_CHECKING:
    from genoboard import Block

Ints = NDArray[np.int64]
# columns that one thread has at a time: some hundred lines of them stay in its cache
WIDEST = 512


class Packed(NamedTuple):
    """Block b is the rows ``row[b]`` to ``row[b + 1]`` of the batch, its bins and its values lie between such edges, too."""

    values: NDArray[np.float32]
    bins: Ints
    row: Ints
    bin: Ints
    value: Ints
    width: int

    @classmethod
    def of(cls, blocks: Sequence[Block], width: int) -> Self:
        """Pack blocks of a design with `width` bins; the rows' order is the blocks'."""
        row, bins = _edges([len(b.rows) for b in blocks]), _edges([len(b.bins) for b in blocks])
        values = np.concatenate([b.values.reshape(-1) for b in blocks])
        at = np.concatenate([b.bins for b in blocks]).astype(np.int64)
        return cls(values, at, row, bins, _edges([b.values.size for b in blocks]), width)

    def __len__(self) -> int:
        return int(self.row[-1])

    def dense(self, device: str = "cpu") -> torch.Tensor:
        """Return the rows (n, p) on a device: what travels there is the packed form alone."""
        cuda = device == "cuda"

        def there(array: NDArray[Any]) -> torch.Tensor:
            tensor = torch.from_numpy(array)
            return tensor.pin_memory().to(device, non_blocking=True) if cuda else tensor

        row, bin_, value, bins = map(there, (self.row, self.bin, self.value, self.bins))
        size = len(self.values)
        block = torch.repeat_interleave(torch.arange(len(row) - 1, device=device), value.diff(), output_size=size)
        place, length = torch.arange(size, device=device) - value[block], bin_.diff()[block]
        column = bins[bin_[block] + place % length]
        out = torch.zeros(len(self), self.width, device=device)
        out.view(-1)[(row[block] + place // length) * self.width + column] = there(self.values)
        return out

    def times(self, weights: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        """Return the rows times `weights` (p, k), plus `shift` (k,): (n, k), with gradients; on the CPU."""
        product: torch.Tensor = _Product.apply(weights, shift, self)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return product


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: torch.Tensor, shift: torch.Tensor, batch: Packed) -> torch.Tensor:
        ctx.batch = batch
        out = torch.empty(len(batch), weights.shape[1])
        given = weights.detach().contiguous().numpy(), shift.detach().numpy()
        kernels.times(_tile(out), out.numpy(), batch.values, *given, np.arange(len(batch)), *batch[1:5])
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        batch, gradient = ctx.batch, gradients[0].contiguous()
        out = torch.zeros(batch.width, gradient.shape[1])
        kernels.transposed_times(_tile(out), out.numpy(), batch.values, gradient.numpy(), np.arange(len(batch)), *batch[1:5])
        return out, gradient.sum(dim=0), None


def _tile(out: torch.Tensor) -> int:
    share = -(-out.shape[1] // kernels.get_num_threads())
    # whole cache lines of 16 numbers
    return min(WIDEST, -(-share // 16) * 16)


def _edges(sizes: Sequence[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
