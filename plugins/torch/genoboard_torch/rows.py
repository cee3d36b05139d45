"""Rows: a design or a table as a network is given it: batches on the device, and the columns' mean and spread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from genoboard import Design, Packed

from . import packed
from .network import Inputs

At = NDArray[np.intp]
# so many rows of one gene come together into a shuffled batch: enough to share the reading of weights, few enough to
# have hundreds of genes in 10,000 rows, of which 50 whole genes would tell much less
TOGETHER = 32


class Rows(Protocol):
    """Rows of X by their positions."""

    def __len__(self) -> int: ...

    def spread(self, rows: At) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the columns' mean and standard deviation over `rows`, each (p,)."""

    def batches(self, rows: At, size: int, seed: int | None = None) -> Iterator[tuple[At, Inputs]]:
        """Give the rows in batches, each with their positions; with a seed, shuffled."""


def rows_of(X: Design | pd.DataFrame, device: str) -> Rows:
    """Return the rows of what a model was given."""
    return DesignRows(X, device) if isinstance(X, Design) else TableRows(X, device)


class DesignRows:
    """Rows of a design: packed on the CPU; a GPU, which multiplies a dense batch faster than it would gather, unpacks them itself."""

    def __init__(self, X: Design, device: str) -> None:
        self.X = X
        self.device = device

    def __len__(self) -> int:
        return len(self.X)

    def spread(self, rows: At) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Rows`; one pass, which is all that the diagonal of the second moments takes."""
        total, square = np.zeros((2, self.X.shape[1]))
        for batch in self.X.blocks(rows):
            for block in batch:
                values = block.values.astype(np.float64)
                total[block.bins] += values.sum(axis=0)
                square[block.bins] += np.einsum("ij,ij->j", values, values)
        mean = total / len(rows)
        variance = square / len(rows) - np.square(mean)
        # what is left of a constant is rounding
        return mean, np.sqrt(np.where(variance > 1e-12 * square / len(rows), variance, 0))

    def batches(self, rows: At, size: int, seed: int | None = None) -> Iterator[tuple[At, Inputs]]:
        """See `Rows`."""
        order = rows if seed is None else self._shuffled(rows, np.random.default_rng(seed))
        if seed is None:
            order = rows[np.argsort(self.X.gene[rows], kind="stable")]
        for start in range(0, len(order), size):
            part = order[start : start + size]
            for blocks in self.X.blocks(part, size=len(part)):
                batch = Packed.of(blocks, self.X.shape[1])
                yield np.concatenate([b.rows for b in blocks]), batch if self.device == "cpu" else packed.dense(batch, self.device)

    def _shuffled(self, rows: At, rng: np.random.Generator) -> At:
        """Return the rows in random order, but some of a gene's side by side."""
        gene = self.X.gene[rows]
        order = np.lexsort((rng.random(len(rows)), gene))
        gene = gene[order]
        first = np.flatnonzero(np.diff(gene, prepend=gene[0] - 1))
        rank = np.arange(len(rows)) - np.repeat(first, np.diff(first, append=len(rows)))
        piece = np.cumsum(rank % TOGETHER == 0) - 1
        return rows[order[np.argsort(rng.permutation(piece[-1] + 1)[piece], kind="stable")]]


class TableRows:
    """Rows of a table (n, p)."""

    def __init__(self, X: pd.DataFrame, device: str) -> None:
        self.values = np.ascontiguousarray(X.to_numpy(np.float32))
        self.tensor = torch.from_numpy(self.values).to(device)

    def __len__(self) -> int:
        return len(self.values)

    def spread(self, rows: At) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """See `Rows`."""
        values = self.values[rows]
        mean, spread = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64)
        # what is left of a constant is rounding
        return mean, np.where(spread > 1e-6 * np.abs(mean), spread, 0)

    def batches(self, rows: At, size: int, seed: int | None = None) -> Iterator[tuple[At, Inputs]]:
        """See `Rows`."""
        order = rows if seed is None else np.random.default_rng(seed).permutation(rows)
        for start in range(0, len(order), size):
            part = order[start : start + size]
            yield part, self.tensor[torch.from_numpy(part).to(self.tensor.device)]
