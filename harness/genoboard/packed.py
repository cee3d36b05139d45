"""Packed: a batch of a design's rows without its empty bins, for models that multiply it with weights and ask for the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .design import Block, Floats, loops

Ints = NDArray[np.int64]
# columns that one thread has at a time: some hundred lines of them stay in its cache
WIDEST = 512


class Packed(NamedTuple):
    """Rows (n, p) as blocks; block b is the rows ``row[b]`` to ``row[b + 1]``, its bins and values lie between such edges of `bin` and `value`.

    `values` float32, of all blocks one after the other, each (rows, bins) in C order; `bins` int64, those that hold a region; `row`, `bin`
    and `value` int64 (B + 1,), where each block begins; `width` p, the design's bins.
    """

    values: Floats
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

    def times(self, weights: Floats, shift: Floats) -> Floats:
        """Return the rows times `weights` (p, k), plus `shift` (k,): (n, k), all float32; only weights of bins that hold a region are read."""
        out = np.empty((len(self), weights.shape[1]), np.float32)
        given = np.ascontiguousarray(weights), np.ascontiguousarray(shift)
        loops().times(_tile(out), out, self.values, *given, np.arange(len(self)), *self[1:5])
        return out

    def transposed_times(self, gradient: Floats) -> Floats:
        """Return the transposed rows times `gradient` (n, k): (p, k), float32; the gradient by the weights of `times`."""
        out = np.zeros((self.width, gradient.shape[1]), np.float32)
        loops().transposed_times(_tile(out), out, self.values, np.ascontiguousarray(gradient), np.arange(len(self)), *self[1:5])
        return out


def _tile(out: Floats) -> int:
    threads: int = loops().get_num_threads()
    share: int = -(-out.shape[1] // threads)
    # whole cache lines of 16 numbers
    return min(WIDEST, -(-share // 16) * 16)


def _edges(sizes: Sequence[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
