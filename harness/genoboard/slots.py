"""Slots: the bins around each gene's start site that hold a region, and what of it they hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Slots(NamedTuple):
    """The bins that hold a region, gene after gene: a gene's are ``start[g]`` to ``start[g + 1]``, ascending in `bin`.

    Slot s holds the entries ``entry[s]`` to ``entry[s + 1]``, at least one: `region` numbers with their `weight`, what a unit of openness
    of that region adds to the bin. Its value in a cell is ln(1 + sum of weight x openness), then, where there are any, less its `centre`
    and times its `factor`.
    """

    start: NDArray[np.int64]
    bin: NDArray[np.int32]
    entry: NDArray[np.int64]
    region: NDArray[np.int32]
    weight: Floats
    centre: Floats
    factor: Floats


def of_genes(slots: Slots, genes: NDArray[np.intp]) -> Slots:
    """Return the slots of these genes (places, ascending)."""
    count = np.diff(slots.start)[genes]
    of_slot = ranges(slots.start[genes], count)
    entries = np.diff(slots.entry)[of_slot]
    of_entry = ranges(slots.entry[of_slot], entries)
    scaled = len(slots.centre) > 0
    return Slots(
        np.concatenate([[0], np.cumsum(count)]),
        slots.bin[of_slot],
        np.concatenate([[0], np.cumsum(entries)]),
        slots.region[of_entry],
        slots.weight[of_entry],
        slots.centre[of_slot] if scaled else slots.centre,
        slots.factor[of_slot] if scaled else slots.factor,
    )


def ranges(start: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``start[0], start[0] + 1, ...`` (`count[0]` of them), then the same of ``start[1]``, and so on."""
    found: NDArray[np.int64] = np.arange(int(count.sum())) + np.repeat(start - np.concatenate([[0], np.cumsum(count)[:-1]]), count)
    return found
