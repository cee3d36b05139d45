"""Joining: ids of rows -> their places among the ids that were asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

LONGEST = 64  # bytes of an id that are compared at once
ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: a multiplier that spreads what it is given


@dataclass(frozen=True)
class Keys:
    """Ids as 64-bit words, and the places of the rows in the order of a hash of these.

    Parameters
    ----------
    words : arrays of uint64 (n,): an id's first eight bytes, the next, ..., its last eight, then its length; ids of equal words are equal.
    hashes : uint64 (n,), the upper bits of the hashes, ascending.
    places : int64 (n,), the rows that these belong to.
    """

    words: list[NDArray[np.uint64]]
    hashes: NDArray[np.uint64]
    places: NDArray[np.int64]

    @property
    def may_repeat(self) -> bool:
        """Whether two ids have the same hash: then they may be the same."""
        return bool((self.hashes[1:] == self.hashes[:-1]).any())


def keys(ids: pa.StringArray | pa.ChunkedArray) -> Keys | None:
    """Return the keys of ids, or None where they are too long, or too many, to be told apart this way."""
    chunks = [chunk for chunk in (ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]) if len(chunk)]
    if not chunks or any(chunk.null_count or not pa.types.is_string(chunk.type) for chunk in chunks):
        return None
    bounds = [_bounds(chunk) for chunk in chunks]
    longest = max(int(np.diff(b).max()) for b in bounds)
    n, bits = sum(map(len, chunks)), np.uint64(sum(map(len, chunks)).bit_length())
    if longest > LONGEST or bits > 32:
        return None
    parts = [_words(chunk, b, -(-longest // 8)) for chunk, b in zip(chunks, bounds, strict=True)]
    words = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    hashed = np.zeros(n, np.uint64)
    for column in words:
        hashed ^= hashed >> np.uint64(29)
        hashed += column
        hashed *= ODD
    hashed ^= hashed >> np.uint64(32)
    hashed *= ODD
    # the row's place in the lower bits: sorting numbers takes a fraction of the time of sorting what they stand for
    mixed = ((hashed >> bits) << bits) | np.arange(n, dtype=np.uint64)
    mixed.sort()
    return Keys(words, mixed >> bits, (mixed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64))


def places(asked: Keys, given: Keys) -> NDArray[np.int64] | None:
    """Return (n,) for each of the ids `given` its place among those `asked` for; None unless each of these is there exactly once."""
    if asked.may_repeat or len(asked.words) != len(given.words) or not np.array_equal(asked.hashes, given.hashes):
        return None
    found = np.empty(len(given.places), np.int64)
    found[given.places] = asked.places
    return found if all(np.array_equal(a[found], g) for a, g in zip(asked.words, given.words, strict=True)) else None


def _bounds(ids: pa.StringArray) -> NDArray[np.int64]:
    """Return where each id begins in its array's bytes, and where the last one ends."""
    return np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + len(ids) + 1].astype(np.int64)


def _words(ids: pa.StringArray, bounds: NDArray[np.int64], width: int) -> list[NDArray[np.uint64]]:
    data = ids.buffers()[2]
    letters = np.zeros(int(bounds[-1] - bounds[0]) + 8, np.uint8)
    if data is not None:
        letters[:-8] = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]]
    # the eight bytes that begin at each byte, as one number
    at = np.ndarray((len(letters) - 7,), np.uint64, letters, strides=(1,))
    start, length = bounds[:-1] - bounds[0], np.diff(bounds)
    last = np.maximum(length - 8, 0)
    words = [at[start + np.minimum(8 * k, last)] for k in range(width)]
    if width and (short := length < 8).any():
        kept = np.where(short, (np.uint64(1) << (8 * np.minimum(length, 7)).astype(np.uint64)) - np.uint64(1), ~np.uint64(0))
        words = [word & kept for word in words]
    return [*words, length.astype(np.uint64)]
