"""Ranks: the order of scores, their ties, and weights added up in that order; what the formulas of ranks stand on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _bits(values: Floats) -> NDArray[np.uint64]:
    """Return integers (n,) that are ordered and equal as these numbers are; those of numbers from 0 up have 63 bits."""
    bits = (values + 0.0).view(np.int64)  # + 0.0 makes -0.0 the 0.0 that it equals
    low = bits.min()
    if low < 0:
        bits ^= (bits >> 63) & np.int64(2**63 - 1)  # now ordered like the numbers
        low = bits.min()
    unsigned = bits.view(np.uint64)
    unsigned -= low.view(np.uint64)
    return unsigned


def places_of(positive: NDArray[np.bool_], values: Floats) -> tuple[Ints, NDArray[np.bool_]]:
    """Return at which places of the ascending order the positives stand, (m,), and (n - 1,) whether each place ties with the next.

    Among rows that tie, the positives are last. That takes no row's number: a number's bits with one more behind them are sorted.
    """
    bits = _bits(values)
    if bits.max() >> np.uint64(63):
        order, ties = ascending(values)
        return np.flatnonzero(positive[order]), ties
    bits <<= np.uint64(1)
    bits |= positive
    bits.sort()
    last = np.flatnonzero((bits.astype(np.uint8) & np.uint8(1)).view(np.bool_))
    return last, (bits[1:] ^ bits[:-1]) < 2


def ascending(values: Floats) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the order (n,), and (n - 1,) whether each place ties with the next.

    Each number's leading bits, with its row behind them, are sorted as one integer, which takes a fraction of the time of sorting rows by
    their numbers; then a comparison sort of the few rows that share these bits.
    """
    unsigned = _bits(values)
    place = len(values).bit_length()
    unsigned >>= np.uint64(max(0, int(unsigned.max()).bit_length() + place - 64))
    unsigned <<= np.uint64(place)
    unsigned |= np.arange(len(values), dtype=np.uint64)
    unsigned.sort()
    order = (unsigned & np.uint64((1 << place) - 1)).astype(np.int64)
    unsigned >>= np.uint64(place)
    ties = unsigned[1:] == unsigned[:-1]
    shared = np.flatnonzero(np.append(ties, False) | np.append(False, ties))
    undecided = values[order[shared]]
    if (undecided[1:] < undecided[:-1]).any():
        again = undecided.argsort()
        undecided, order[shared] = undecided[again], order[shared[again]]
    ties[shared[:-1]] &= undecided[1:] == undecided[:-1]
    return order, ties


def bounds(ties: NDArray[np.bool_], at: Ints) -> tuple[Ints, Ints]:
    """Return where the rows that tie with the places `at` begin, and where they have ended."""
    if not ties.any():
        return at, at + 1
    edges = np.flatnonzero(np.diff(ties, prepend=False, append=False))
    first, last = np.append(edges[::2], len(ties) + 1), np.append(edges[1::2], -1)
    run = np.searchsorted(first, at, side="right") - 1
    tied = at <= last[run]
    return np.where(tied, first[run], at), np.where(tied, last[run], at) + 1


def weight_before(weights: Floats, group: Ints) -> Callable[[Ints], Floats]:
    """Return places -> (R, m): the weight of the rows before each of these places, 0..n; `group` (n,) is in the rows' order."""
    if weights.shape[1] == 1:
        return lambda places: weights * places
    total = np.zeros((len(weights), len(group) + 1))
    np.cumsum(weights.take(group, axis=1), axis=1, out=total[:, 1:])
    return lambda places: total.take(places, axis=1)
