"""Joining: ids of rows -> their places among the ids that were asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .threads import each

LONGEST = 64  # bytes of an id that are compared at once
MOST = 1 << 32
PIECE = 1 << 14  # ids that are looked at together: what is made of them stays in the processor's cache
ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: a multiplier that spreads what it is given


@dataclass(frozen=True)
class Keys:
    """Ids as 64-bit words, and the rows in the order of a hash of these.

    Parameters
    ----------
    words : arrays of uint64 (n,): an id's first eight bytes, the next, ..., its last eight; ids of equal words and length are equal.
    length : the ids' lengths in bytes: one, or uint64 (n,) where they differ.
    mixed : uint64 (n,), ascending: the upper bits of an id's hash, and below them its row.
    """

    words: list[NDArray[np.uint64]]
    length: int | NDArray[np.uint64]
    mixed: NDArray[np.uint64]

    @property
    def bits(self) -> np.uint64:
        """How many of the bits of `mixed` are the row."""
        return np.uint64(len(self.mixed).bit_length())

    @property
    def places(self) -> NDArray[np.int64]:
        """The rows in the order of their hashes, (n,)."""
        return (self.mixed & ((np.uint64(1) << self.bits) - np.uint64(1))).view(np.int64)

    @property
    def may_repeat(self) -> bool:
        """Whether two ids have the same hash: then they may be the same."""
        return bool(((self.mixed[1:] ^ self.mixed[:-1]) >> self.bits == 0).any())


def keys(ids: pa.StringArray | pa.ChunkedArray) -> Keys | None:
    """Return the keys of ids, or None where they are too long, or too many, to be told apart this way."""
    chunks = [chunk for chunk in (ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]) if len(chunk)]
    if not chunks or any(chunk.null_count or not pa.types.is_string(chunk.type) for chunk in chunks):
        return None
    pieces = [chunk.slice(at, PIECE) for chunk in chunks for at in range(0, len(chunk), PIECE)]
    ends = np.cumsum([len(piece) for piece in pieces])
    n, bits = int(ends[-1]), np.uint64(int(ends[-1]).bit_length())
    reach = [(int(lengths.min()), int(lengths.max())) for _, lengths in map(_bounds, pieces)]
    shortest, longest = min(low for low, _ in reach), max(high for _, high in reach)
    if longest > LONGEST or n >= MOST:
        return None
    words = [np.empty(n, np.uint64) for _ in range(-(-longest // 8))]
    lengths, mixed = np.empty(n if shortest < longest else 0, np.uint64), np.empty(n, np.uint64)

    def take(piece: pa.StringArray, end: int) -> None:
        rows = slice(end - len(piece), end)
        start, length = _bounds(piece)
        hashed = np.zeros(len(piece), np.uint64)
        if len(lengths):
            lengths[rows] = length
            hashed += lengths[rows]
        for word, part in zip(words, _words(piece, start, length, len(words)), strict=True):
            word[rows] = part
            hashed *= ODD
            hashed ^= hashed >> np.uint64(29)
            hashed += part
        for _ in range(2):
            hashed *= ODD
            hashed ^= hashed >> np.uint64(32)
        # the row in the lower bits: sorting numbers takes a fraction of the time of sorting what they stand for
        mixed[rows] = ((hashed >> bits) << bits) | np.arange(rows.start, end, dtype=np.uint64)

    each(lambda piece: take(*piece), zip(pieces, ends.tolist(), strict=True), alone=len(pieces) < 2)
    mixed.sort()
    return Keys(words, lengths if len(lengths) else longest, mixed)


def places(asked: Keys, given: Keys) -> NDArray[np.int64] | None:
    """Return (n,) for each of the ids `given` its place among those `asked` for; None unless each of these is there exactly once."""
    n = len(asked.mixed)
    if (
        asked.may_repeat
        or len(asked.words) != len(given.words)
        or n != len(given.mixed)
        or ((asked.mixed ^ given.mixed) >> asked.bits).any()
    ):
        return None
    found = np.empty(n, np.int64)
    found[given.places] = asked.places
    lengths = isinstance(asked.length, np.ndarray), isinstance(given.length, np.ndarray)
    if lengths != (True, True) and (any(lengths) or asked.length != given.length):
        return None
    pairs = [*zip(asked.words, given.words, strict=True), *([(asked.length, given.length)] if all(lengths) else [])]

    def same(start: int) -> bool:
        rows = slice(start, start + PIECE)
        return all(np.array_equal(a[found[rows]], g[rows]) for a, g in pairs)  # type: ignore[index]

    return found if all(each(same, range(0, n, PIECE), alone=n < PIECE)) else None


def _bounds(ids: pa.StringArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each id begins in its array's bytes, and how many it has."""
    bounds = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + len(ids) + 1].astype(np.int64)
    return bounds[:-1], np.diff(bounds)


def _words(ids: pa.StringArray, start: NDArray[np.int64], length: NDArray[np.int64], width: int) -> list[NDArray[np.uint64]]:
    data, first, end, size = ids.buffers()[2], int(start[0]), int(start[-1] + length[-1]), int(length[0])
    letters = np.frombuffer(data, np.uint8)[first:end] if data is not None else np.zeros(0, np.uint8)
    if size >= 8 and (length == size).all():
        # of one length: they lie there as the rows of a matrix
        return [np.ndarray((len(ids),), np.uint64, letters, min(8 * k, size - 8), (size,)) for k in range(width)]
    # the eight bytes that begin at each byte, as one number
    at = np.ndarray((len(letters) + 1,), np.uint64, np.append(letters, np.zeros(8, np.uint8)), strides=(1,))
    last = np.maximum(length - 8, 0)
    words = [at[start - first + np.minimum(8 * k, last)] for k in range(width)]
    if width and (short := length < 8).any():
        kept = np.where(short, (np.uint64(1) << (8 * np.minimum(length, 7)).astype(np.uint64)) - np.uint64(1), ~np.uint64(0))
        words = [word & kept for word in words]
    return words
