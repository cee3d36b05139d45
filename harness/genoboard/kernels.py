"""Kernels: a design's loops over rows, genes and blocks, compiled by Numba; imported when a design first computes something."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import get_num_threads, njit, prange

__all__ = ["CHUNKS", "fill_dense", "fill_packed", "get_num_threads", "project", "second_moments", "times", "transposed_times"]

# Sums may be contracted and vectorised: values are finite, and nothing hangs on the sign of a zero.
FAST = {"contract", "nsz", "nnan", "ninf", "reassoc"}
# Numbers of rows that are kept, of how many segments at most, and lines of a matrix of sums: all stay in cache.
KEPT, MOST_TOGETHER, TILE = 1 << 17, 1024, 16
CHUNKS = 4  # per thread, so that one that starts late holds nobody up
# An index of this type needs no test for being negative, and the loop around it becomes vector instructions.
AT = np.uint32
ONE, TWO = np.float32(1), np.float32(2)
LN2, SQRT2 = np.float32(np.log(2)), np.float32(np.sqrt(2))
SQRT_HALF_BITS, MANTISSA = np.int32(np.float32(np.sqrt(0.5)).view(np.int32)), np.int32(23)
C3, C5, C7, C9 = (np.float32(1 / k) for k in (3, 5, 7, 9))


@njit(cache=True, fastmath=FAST, inline="always")
def _log1p(x: Any, u: Any, bits: Any, n: int) -> None:
    """Take ln(1 + x) of `n` float32 from 0 up, in place, to some 3 units in the last place; `bits` is `u` as int32.

    The C library's is a call per number; this is a loop that becomes vector instructions: 1 + x = 2^k (1 + f) with 1 + f from
    sqrt(1/2) to sqrt(2), and ln(1 + f) = 2 artanh(f / (2 + f)).
    """
    for i in range(n):
        u[i] = ONE + x[i]
    for i in range(n):
        large = u[i] > SQRT2
        k = (bits[i] - SQRT_HALF_BITS) >> MANTISSA if large else np.int32(0)
        bits[i] = bits[i] - (k << MANTISSA)
        # below sqrt(2), x itself is what 1 + x has rounded
        f = u[i] - ONE if large else x[i]
        s = f / (TWO + f)
        z = s * s
        x[i] = np.float32(k) * LN2 + TWO * (s + s * z * (C3 + z * (C5 + z * (C7 + z * C9))))


@njit(cache=True, fastmath=FAST, inline="always")
def _values(slots: Any, row: Any, gene: int, x: Any, u: Any, bits: Any, y: Any) -> int:
    """Write the values of a gene's slots in one cell to `x`, where `row` is the cell's openness (R,); return how many there are."""
    low = slots.start[gene]
    n: int = slots.start[gene + 1] - low
    first = slots.entry[low]
    width = slots.entry[low + n] - first
    region, weight = slots.region[first : first + width], slots.weight[first : first + width]
    for e in range(width):
        y[e] = weight[e] * row[AT(region[e])]
    entry = slots.entry[low : low + n + 1]
    for s in range(n):
        begin, end = AT(entry[s] - first), AT(entry[s + 1] - first)
        total = y[begin]
        for e in range(begin + AT(1), end):
            total += y[AT(e)]
        x[s] = total
    _log1p(x, u, bits, n)
    if len(slots.centre):
        centre, factor = slots.centre[low : low + n], slots.factor[low : low + n]
        for s in range(n):
            x[s] = (x[s] - centre[s]) * factor[s]
    return n


@njit(cache=True, parallel=True, nogil=True, fastmath=FAST)
def fill_dense(chunks: int, out: Any, slots: Any, openness: Any, gene: Any, cell: Any, most: int, widest: int) -> None:
    """Write rows (n, p) of float32."""
    n = len(gene)
    for chunk in prange(chunks):
        x, u, y = np.empty(most, np.float32), np.empty(most, np.float32), np.empty(widest, np.float32)
        bits = u.view(np.int32)
        for i in range(n * chunk // chunks, n * (chunk + 1) // chunks):
            row = out[i]
            row[:] = 0
            m = _values(slots, openness[cell[i]], gene[i], x, u, bits, y)
            at = slots.bin[slots.start[gene[i]] : slots.start[gene[i]] + m]
            for s in range(m):
                row[AT(at[s])] = x[s]


@njit(cache=True, parallel=True, nogil=True, fastmath=FAST)
def fill_packed(chunks: int, out: Any, offset: Any, slots: Any, openness: Any, gene: Any, cell: Any, most: int, widest: int) -> None:
    """Write the rows' values without their zeros, row i from ``out[offset[i]]`` on."""
    n = len(gene)
    for chunk in prange(chunks):
        x, u, y = np.empty(most, np.float32), np.empty(most, np.float32), np.empty(widest, np.float32)
        bits = u.view(np.int32)
        for i in range(n * chunk // chunks, n * (chunk + 1) // chunks):
            m = _values(slots, openness[cell[i]], gene[i], x, u, bits, y)
            out[offset[i] : offset[i] + m] = x[:m]


@njit(cache=True, parallel=True, nogil=True, fastmath=FAST)
def project(chunks: int, out: Any, weights: Any, slots: Any, openness: Any, gene: Any, cell: Any, most: int, widest: int) -> None:
    """Write the rows (n, p) times `weights` (p, k), float64 (n, k)."""
    n, k = len(gene), weights.shape[1]
    for chunk in prange(chunks):
        x, u, y = np.empty(most, np.float32), np.empty(most, np.float32), np.empty(widest, np.float32)
        bits = u.view(np.int32)
        for i in range(n * chunk // chunks, n * (chunk + 1) // chunks):
            m = _values(slots, openness[cell[i]], gene[i], x, u, bits, y)
            at = slots.bin[slots.start[gene[i]] : slots.start[gene[i]] + m]
            total = out[i]
            total[:] = 0
            for s in range(m):
                line = weights[AT(at[s])]
                for j in range(k):
                    total[j] += np.float64(x[s]) * line[j]


@njit(cache=True, parallel=True, nogil=True, fastmath=FAST)
def second_moments(
    xx: Any, xs: Any, xy: Any, slots: Any, openness: Any, gene: Any, cell: Any, y: Any, part: Any, first: Any, bounds: Any, sizes: Any
) -> None:
    """Add up x x' (upper triangle), x and x y by part.

    Segment i, ``first[i]`` to ``first[i + 1]``, is rows of one gene and one part; thread t has the segments ``bounds[t]`` to
    ``bounds[t + 1]`` and its own sums: `xx` (T, K, p, p), `xs` and `xy` (T, K, p), float64. `sizes`: the most rows of a segment, slots
    and entries of a gene. The values are those of `fill_dense`, so these are the moments of the very matrix that batches bring.

    The sums of a part are larger than a cache. So the rows of some segments are kept, and these segments go over the sums together, a
    tile of lines at a time.
    """
    tall, most, widest = sizes
    parts, p = xs.shape[1], xs.shape[2]
    room = max(KEPT, (tall + 3) * most)
    for t in prange(len(bounds) - 1):
        x, u, scratch = np.empty(most, np.float32), np.empty(most, np.float32), np.empty(widest, np.float32)
        bits, line = u.view(np.int32), np.empty(most)
        # by segment: where its rows and bins are kept, how many of each, and how far it has come
        rows, bins = np.empty(room), np.empty(room, np.int32)
        about = np.empty((5, MOST_TOGETHER), np.int64)
        row_at, bin_at, height, live, done = about[0], about[1], about[2], about[3], about[4]
        begin = bounds[t]
        while begin < bounds[t + 1]:
            end, used_rows, used_bins = begin, 0, 0
            while end < bounds[t + 1]:
                low, high = first[end], first[end + 1]
                g, k, n = gene[low], part[low], slots.start[gene[low] + 1] - slots.start[gene[low]]
                # four rows at a time, so up to three more of zeros
                tallest = (high - low + 3) // 4 * 4
                if end > begin and (used_rows + tallest * n > room or end - begin == MOST_TOGETHER):
                    break
                held = rows[used_rows : used_rows + tallest * n].reshape(tallest, n)
                held[high - low :] = 0
                for i in range(high - low):
                    _values(slots, openness[cell[low + i]], g, x, u, bits, scratch)
                    for s in range(n):
                        held[i, s] = x[s]
                of_gene, sums, products, count = slots.bin[slots.start[g] : slots.start[g + 1]], xs[t, k], xy[t, k], 0
                for s in range(n):
                    total, product, closed = 0.0, 0.0, True
                    for i in range(high - low):
                        value = held[i, s]
                        held[i, count] = value
                        total += value
                        product += value * y[low + i]
                        closed &= value == 0
                    # what is closed in all of these cells adds nothing
                    if not closed:
                        sums[AT(of_gene[s])] += total
                        products[AT(of_gene[s])] += product
                        bins[used_bins + count] = of_gene[s]
                        count += 1
                at = end - begin
                row_at[at], bin_at[at], height[at], live[at], done[at] = used_rows, used_bins, tallest, count, 0
                used_rows, used_bins, end = used_rows + tallest * n, used_bins + count, end + 1
            for k in range(parts):
                for edge in range(TILE, p + TILE, TILE):
                    for at in range(end - begin):
                        low = first[begin + at]
                        if part[low] != k:
                            continue
                        n, count, r = slots.start[gene[low] + 1] - slots.start[gene[low]], live[at], done[at]
                        held = rows[row_at[at] : row_at[at] + height[at] * n].reshape(height[at], n)
                        place = bins[bin_at[at] : bin_at[at] + count]
                        while r < count and place[r] < edge:
                            line[r:count] = 0
                            eights = height[at] // 8 * 8
                            for i in range(0, eights, 8):
                                b0, b1, b2, b3 = held[i], held[i + 1], held[i + 2], held[i + 3]
                                b4, b5, b6, b7 = held[i + 4], held[i + 5], held[i + 6], held[i + 7]
                                a0, a1, a2, a3, a4, a5, a6, a7 = b0[r], b1[r], b2[r], b3[r], b4[r], b5[r], b6[r], b7[r]
                                for c in range(r, count):
                                    four = a0 * b0[c] + a1 * b1[c] + a2 * b2[c] + a3 * b3[c]
                                    line[c] += four + a4 * b4[c] + a5 * b5[c] + a6 * b6[c] + a7 * b7[c]
                            for i in range(eights, height[at], 4):
                                b0, b1, b2, b3 = held[i], held[i + 1], held[i + 2], held[i + 3]
                                a0, a1, a2, a3 = b0[r], b1[r], b2[r], b3[r]
                                for c in range(r, count):
                                    line[c] += a0 * b0[c] + a1 * b1[c] + a2 * b2[c] + a3 * b3[c]
                            total_line = xx[t, k, place[r]]
                            for c in range(r, count):
                                total_line[AT(place[c])] += line[c]
                            r += 1
                        done[at] = r
            begin = end


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
