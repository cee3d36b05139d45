"""Windows: a design's rows, read once: which hold the same values, and how each bin goes with the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .design import Design


@dataclass(frozen=True)
class Windows:
    """A `digest` of each row's values (n,), how many of its bins are `filled` (n,), and each bin's `correlation` with the target (p,)."""

    digest: NDArray[np.uint64]
    filled: NDArray[np.int32]
    correlation: NDArray[np.float64]

    @classmethod
    def of(cls, X: Design, y: NDArray[np.float64]) -> Windows:
        """Read the rows (n, p) of a design; where the target `y` (n,) is NaN, a row counts for no correlation."""
        digest, filled = np.zeros(len(X), np.uint64), np.zeros(len(X), np.int32)
        # a bin that is closed adds nothing, whether it holds a region or not
        factor = np.random.default_rng(0).integers(1 << 63, size=X.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        known = np.isfinite(y)
        centred = np.where(known, y - y[known].mean(), 0.0)
        total, square, product = np.zeros((3, X.shape[1]))
        for batch in X.blocks():
            for block in batch:
                digest[block.rows] = (np.ascontiguousarray(block.values).view(np.uint32) * factor[block.bins]).sum(axis=1)
                filled[block.rows] = np.count_nonzero(block.values, axis=1)
                values = block.values[known[block.rows]].astype(np.float64)
                total[block.bins] += values.sum(axis=0)
                square[block.bins] += np.square(values).sum(axis=0)
                product[block.bins] += centred[block.rows][known[block.rows]] @ values
        n = max(1, int(known.sum()))
        spread = np.sqrt(np.maximum(square / n - np.square(total / n), 0) * np.square(centred).sum() / n)
        return cls(digest, filled, np.divide(product / n, spread, out=np.zeros_like(spread), where=spread > 0))
