"""Design: chromatin openness around transcription start sites, in bins; a row is a gene in a cell, and nothing dense of full size exists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import UsageError
from .moments import Moments
from .slots import Slots, of_genes

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Rows = NDArray[np.intp]
Floats = NDArray[np.float32]
EXTRA = 'Binned designs are computed by Numba and SciPy, which are not installed here: pip install "genoboard[bins]"'


class Block(NamedTuple):
    """Rows of one gene: their places `rows` (m,), the `bins` (b,) that hold a region, ascending, and these bins' `values` (m, b); all else is 0."""

    rows: Rows
    bins: NDArray[np.int32]
    values: Floats


@dataclass(frozen=True, eq=False)
class Design:
    """A matrix (n, p) of float32 that is made when asked; row i is the window of gene ``gene[i]`` in cell ``cell[i]``.

    Parameters
    ----------
    index : (n,) unique ids of the rows, str.
    gene, cell : int32 (n,), codes 0..G-1 and 0..C-1 that mean nothing, the same for training and test rows.
    genes, cells : int32, ascending: the codes that occur, to which `slots` and `openness` are aligned.
    distance : int32 (p,), of each bin's middle from the TSS in base pairs, downstream positive.
    openness : float32 (C, R), of every region in every cell, not negative; a gene's regions lie side by side.
    regions : int32 (R,), codes of the regions, the same for training and test rows.
    slots : the bins that hold a region.
    """

    index: pd.Index
    gene: NDArray[np.int32]
    cell: NDArray[np.int32]
    genes: NDArray[np.int32]
    cells: NDArray[np.int32]
    distance: NDArray[np.int32]
    openness: Floats
    regions: NDArray[np.int32]
    slots: Slots

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        return f"<Design: {len(self):,} rows (of {len(self.genes):,} genes x {len(self.cells):,} cells) x {self.shape[1]:,} bins>"

    @property
    def shape(self) -> tuple[int, int]:
        """(n, p)."""
        return len(self.index), len(self.distance)

    @property
    def columns(self) -> pd.Index:
        """The bins' names (p,): their middles' distance to the TSS, ``"+500"`` downstream and ``"-500"`` upstream."""
        return pd.Index([f"{d:+d}" for d in self.distance.tolist()], dtype="str")

    @property
    def nonzeros(self) -> int:
        """How many values the rows have in bins that hold a region."""
        return int(np.diff(self.slots.start)[self._gene].sum())

    def take(self, rows: Rows, index: pd.Index | None = None) -> Design:
        """Return the design of these rows (positions), with no more of genes, cells and regions than they need; `index` renames the rows."""
        gene, cell = self.gene[rows], self.cell[rows]
        genes, cells = np.unique(gene), np.unique(cell)
        slots, openness, regions = self.slots, self.openness, self.regions
        if len(genes) < len(self.genes):
            slots = of_genes(slots, np.searchsorted(self.genes, genes))
            used = np.unique(slots.region)
            slots = slots._replace(region=np.searchsorted(used, slots.region).astype(np.int32))
            openness, regions = openness[:, used], regions[used]
        if len(cells) < len(self.cells):
            openness = openness[np.searchsorted(self.cells, cells)]
        openness = np.ascontiguousarray(openness)
        return Design(self.index[rows] if index is None else index, gene, cell, genes, cells, self.distance, openness, regions, slots)

    def batches(self, rows: Rows | None = None, size: int = 10_000, seed: int | None = None) -> Iterator[tuple[Rows, Floats]]:
        """Give (positions (m,), their rows (m, p)) in batches of `size`; with a seed, shuffled.

        Within a batch, rows of one gene stand together. The array is used again for the next batch but one: copy what is to stay.
        """
        rows = self._positions(rows)
        if seed is not None:
            rows = np.random.default_rng(seed).permutation(rows)
        buffers = np.empty((2, min(size, len(rows)), self.shape[1]), np.float32)
        for number, start in enumerate(range(0, len(rows), size)):
            batch = rows[start : start + size]
            # numbers of 16 bits are sorted by counting, in a tenth of the time
            gene = self._gene[batch].astype(np.uint16 if len(self.genes) <= 1 << 16 else np.int64)
            batch = batch[np.argsort(gene, kind="stable")]
            out = buffers[number % 2, : len(batch)]
            _run("fill_dense", out, *self._of(batch))
            yield batch, out

    def blocks(self, rows: Rows | None = None, size: int = 10_000, seed: int | None = None) -> Iterator[list[Block]]:
        """Give the rows in batches of about `size`, each a list of blocks by gene; with a seed, genes come in random order.

        A gene's rows are never parted, unless there are more than `size` of them. What a product with the rows needs to
        touch is their bins alone.
        """
        rows = self._positions(rows)
        gene = self._gene[rows]
        if seed is None:
            order = np.argsort(gene, kind="stable")
        else:
            rng = np.random.default_rng(seed)
            order = np.lexsort((rng.random(len(rows)), rng.permutation(len(self.genes))[gene]))
        rows, gene = rows[order], gene[order]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(gene)) + 1, [len(rows)]])
        start = 0
        while start < len(rows):
            # up to the last gene that fits whole, if one does
            stop = edges[np.searchsorted(edges, start + size, side="right") - 1]
            stop = int(stop) if stop > start else min(start + size, len(rows))
            yield self._blocks(rows[start:stop])
            start = stop

    def sparse(self, rows: Rows | None = None) -> csr_array:
        """Return the rows (n, p) as a SciPy CSR array of float32; a bin without regions is no entry."""
        rows = self._positions(rows)
        try:
            from scipy.sparse import csr_array
        except ImportError:
            raise UsageError(f"{EXTRA}.") from None
        values, offset = self._packed(rows)
        length = np.diff(offset)
        at = np.arange(len(values)) - np.repeat(offset[:-1] - self.slots.start[self._gene[rows]], length)
        return csr_array((values, self.slots.bin[at], offset), shape=(len(rows), self.shape[1]))

    def dense(self, rows: Rows | None = None) -> Floats:
        """Return the rows as an array (n, p); for few rows, 8 KB each."""
        rows = self._positions(rows)
        out = np.empty((len(rows), self.shape[1]), np.float32)
        _run("fill_dense", out, *self._of(rows))
        return out

    def table(self, rows: Rows | None = None) -> pd.DataFrame:
        """Return the rows as a DataFrame (n, p), as a model for tables takes them; for few rows, 8 KB each."""
        return pd.DataFrame(self.dense(rows), index=self.index[self._positions(rows)], columns=self.columns, copy=False)

    def dot(self, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the rows times `weights`, (p,) -> (n,) or (p, k) -> (n, k), in float64."""
        weights = np.asarray(weights, np.float64)
        columns = np.ascontiguousarray(weights.reshape(len(weights), -1))
        out = np.empty((len(self), columns.shape[1]))
        _run("project", out, columns, *self._of(self._positions(None)))
        return out.reshape(len(self), *weights.shape[1:])

    def gram(self, y: NDArray[np.floating] | None = None) -> Moments:
        """Return the exact second moments of all rows, and with `y` (n,) those of rows and target."""
        return self.grams(np.zeros(len(self), np.intp), y)[0]

    def grams(self, part: NDArray[np.integer], y: NDArray[np.floating] | None = None) -> list[Moments]:
        """Return the second moments of every part 0..K-1 of the rows, `part` (n,) telling which they are in, all in one pass."""
        target = np.zeros(len(self)) if y is None else np.asarray(y, np.float64)
        count, p = int(part.max()) + 1 if len(part) else 1, self.shape[1]
        order = np.lexsort((self._cell, part, self._gene))
        gene, of_part = self._gene[order], np.asarray(part, np.int64)[order]
        first = np.concatenate([[0], np.flatnonzero((np.diff(gene) != 0) | (np.diff(of_part) != 0)) + 1, [len(order)]])
        kernels = loops()
        threads = kernels.get_num_threads()
        # the pairs of slots that a segment adds up, for each four rows and once more to put them where they belong
        slots = np.diff(self.slots.start)[gene[first[:-1]]]
        work = np.cumsum(np.square(slots) * (np.diff(first) / 4 + 2))
        bounds = np.searchsorted(work, np.linspace(0, work[-1], threads + 1)[1:-1])
        bounds = np.concatenate([[0], bounds, [len(slots)]])
        xx, xs, xy = np.zeros((threads, count, p, p)), np.zeros((threads, count, p)), np.zeros((threads, count, p))
        sizes = (int(np.diff(first).max()), *self._widths)
        kernels.second_moments(xx, xs, xy, self.slots, self.openness, gene, self._cell[order], target[order], of_part, first, bounds, sizes)
        for other in range(1, threads):
            xx[0] += xx[other]
        found = []
        for k in range(count):
            square, mine = xx[0, k], part == k
            # the kernel fills the upper triangle
            square += np.triu(square, 1).T
            whole = (float(target[mine].sum()), xy[:, k].sum(axis=0), float(np.square(target[mine]).sum()))
            found.append(Moments(int(mine.sum()), xs[:, k].sum(axis=0), square, *((0.0, None, 0.0) if y is None else whole)))
        return found

    def standardised(self) -> Design:
        """Return the design whose every slot has mean 0 and standard deviation 1 over all of its gene's rows; one that never varies is 0.

        The statistics are those of all rows: taken before a split, they tell the training rows of the test rows.
        """
        centre, factor = np.zeros(len(self.slots.bin), np.float32), np.zeros(len(self.slots.bin), np.float32)
        plain = replace(self, slots=self.slots._replace(centre=centre[:0], factor=factor[:0]))
        # a gene's rows must not be parted, however many they are
        most = int(np.bincount(self._gene).max(initial=10_000))
        for batch in plain.blocks(size=most):
            for block in batch:
                low = self.slots.start[self._gene[block.rows[0]]]
                at = slice(low, low + len(block.bins))
                values = block.values.astype(np.float64)
                centre[at], spread = values.mean(axis=0), values.std(axis=0)
                # less is what float32 rounds
                factor[at] = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-6 * values.max(axis=0))
        return replace(self, slots=self.slots._replace(centre=centre, factor=factor))

    def save(self, folder: Path) -> None:
        """Write the design to a folder: plain NumPy arrays, the ids as Parquet."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in self._arrays():
            np.save(folder / f"{name}.npy", values, allow_pickle=False)
        pd.DataFrame({"id": self.index.astype("str")}).to_parquet(folder / "ids.parquet")

    @classmethod
    def open(cls, folder: Path) -> Design:
        """Read what `save` wrote."""

        def array(name: str) -> Any:
            return np.load(folder / f"{name}.npy", allow_pickle=False)

        slots = Slots(*map(array, Slots._fields))
        plain = {f.name: array(f.name) for f in fields(cls) if f.name not in ("index", "slots")}
        index = pd.Index(pd.read_parquet(folder / "ids.parquet")["id"], dtype="str", name="id")
        return cls(index=index, slots=slots, **plain)

    def digest(self) -> bytes:
        """Return a SHA-256 of all that the design holds but the ids."""
        digest = hashlib.sha256()
        for name, values in self._arrays():
            digest.update(json.dumps([name, str(values.dtype), list(values.shape)]).encode())
            digest.update(np.ascontiguousarray(values).data)
        return digest.digest()

    def _arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        yield from ((f.name, getattr(self, f.name)) for f in fields(self) if f.name not in ("index", "slots"))
        yield from self.slots._asdict().items()

    @cached_property
    def _gene(self) -> NDArray[np.intp]:
        """Places of the rows' genes in `genes`."""
        return np.searchsorted(self.genes, self.gene)

    @cached_property
    def _cell(self) -> NDArray[np.intp]:
        return np.searchsorted(self.cells, self.cell)

    @cached_property
    def _widths(self) -> tuple[int, int]:
        """The most slots and the most entries of a gene."""
        slots = self.slots
        return max(1, int(np.diff(slots.start).max(initial=1))), max(1, int(np.diff(slots.entry[slots.start]).max(initial=1)))

    def _positions(self, rows: Rows | None) -> Rows:
        return np.arange(len(self)) if rows is None else np.asarray(rows, np.intp)

    def _of(self, rows: Rows) -> Sequence[Any]:
        return self.slots, self.openness, self._gene[rows], self._cell[rows], *self._widths

    def _packed(self, rows: Rows) -> tuple[Floats, NDArray[np.int64]]:
        """Return the rows' values in bins that hold a region, one row after the other, and where each begins, (n + 1,)."""
        offset = np.concatenate([[0], np.cumsum(np.diff(self.slots.start)[self._gene[rows]])])
        values = np.empty(int(offset[-1]), np.float32)
        _run("fill_packed", values, offset, *self._of(rows))
        return values, offset

    def _blocks(self, rows: Rows) -> list[Block]:
        """Return the blocks of rows that are sorted by gene."""
        values, offset = self._packed(rows)
        gene = self._gene[rows]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(gene)) + 1, [len(rows)]])
        found = []
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            bins = self.slots.bin[self.slots.start[gene[low]] : self.slots.start[gene[low] + 1]]
            found.append(Block(rows[low:high], bins, values[offset[low] : offset[high]].reshape(high - low, len(bins))))
        return found


def _run(kernel: str, *given: Any) -> None:
    """Call a kernel that goes over rows, in pieces for all threads."""
    kernels = loops()
    # the number of threads is no constant that a cached kernel could hold
    getattr(kernels, kernel)(kernels.get_num_threads() * kernels.CHUNKS, *given)


def loops() -> ModuleType:
    """Return the compiled loops; raise `UsageError` where what compiles them is not installed."""
    try:
        from . import kernels
    except ImportError as error:
        raise UsageError(f"{EXTRA} ({error}).") from None
    return kernels
