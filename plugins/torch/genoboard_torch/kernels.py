"""Kernels: the product of a batch's blocks with a weight matrix, and its gradient, compiled by Numba; they touch only bins with a region."""

from __future__ import annotations

from typing import Any

from numba import get_num_threads, njit, prange

__all__ = ["get_num_threads", "times", "transposed_times"]

# Sums may be contracted and vectorised: values are finite, and nothing hangs on the sign of a zero.
FAST = {"contract", "nsz", "nnan", "ninf", "reassoc"}


@njit(cache=True, fastmath=FAST, inline="always")
def _add(out: Any, put: Any, source: Any, take: Any, v: Any, low: int, high: int) -> None:
    """Add ``v @ source[take]`` to ``out[put]``, v (m, n), in the columns `low` to `high`.

    Four lines of the source at a time for two lines of the result: their eight factors stay in registers.
    """
    m, n, width = len(put), len(take), high - low
    for j in range(0, n - n % 4, 4):
        s0, s1 = source[take[j], low:high], source[take[j + 1], low:high]
        s2, s3 = source[take[j + 2], low:high], source[take[j + 3], low:high]
        for i in range(0, m - m % 2, 2):
            a, b = out[put[i], low:high], out[put[i + 1], low:high]
            a0, a1, a2, a3 = v[i, j], v[i, j + 1], v[i, j + 2], v[i, j + 3]
            b0, b1, b2, b3 = v[i + 1, j], v[i + 1, j + 1], v[i + 1, j + 2], v[i + 1, j + 3]
            for c in range(width):
                a[c] += a0 * s0[c] + a1 * s1[c] + a2 * s2[c] + a3 * s3[c]
                b[c] += b0 * s0[c] + b1 * s1[c] + b2 * s2[c] + b3 * s3[c]
        if m % 2:
            a = out[put[m - 1], low:high]
            a0, a1, a2, a3 = v[m - 1, j], v[m - 1, j + 1], v[m - 1, j + 2], v[m - 1, j + 3]
            for c in range(width):
                a[c] += a0 * s0[c] + a1 * s1[c] + a2 * s2[c] + a3 * s3[c]
    for j in range(n - n % 4, n):
        s0 = source[take[j], low:high]
        for i in range(m):
            a, a0 = out[put[i], low:high], v[i, j]
            for c in range(width):
                a[c] += a0 * s0[c]


@njit(cache=True, parallel=True, nogil=True, fastmath=FAST)
def times(tile: int, out: Any, values: Any, weights: Any, shift: Any, rows: Any, bins: Any, row: Any, bin: Any, value: Any) -> None:
    """Write the batch times `weights` (p, k), plus `shift` (k,), to `out` (n, k).

    Block b is the rows ``row[b]`` to ``row[b + 1]``, the bins ``bins[bin[b]:bin[b + 1]]`` and the values from ``value[b]`` on; `rows` is
    0..n-1. Each thread has `tile` columns, so that no two write one place and every sum has one order.
    """
    for t in prange((out.shape[1] + tile - 1) // tile):
        low, high = t * tile, min((t + 1) * tile, out.shape[1])
        for b in range(len(row) - 1):
            at, m = bins[bin[b] : bin[b + 1]], row[b + 1] - row[b]
            out[row[b] : row[b + 1], low:high] = shift[low:high]
            _add(out, rows[row[b] : row[b + 1]], weights, at, values[value[b] : value[b + 1]].reshape(m, len(at)), low, high)


@njit(cache=True, parallel=True, nogil=True, fastmath=FAST)
def transposed_times(tile: int, out: Any, values: Any, gradient: Any, rows: Any, bins: Any, row: Any, bin: Any, value: Any) -> None:
    """Add the transposed batch times `gradient` (n, k) to `out` (p, k)."""
    for t in prange((out.shape[1] + tile - 1) // tile):
        low, high = t * tile, min((t + 1) * tile, out.shape[1])
        for b in range(len(row) - 1):
            at, m = bins[bin[b] : bin[b + 1]], row[b + 1] - row[b]
            _add(out, at, gradient, rows[row[b] : row[b + 1]], values[value[b] : value[b + 1]].reshape(m, len(at)).T, low, high)
