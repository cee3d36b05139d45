"""Binning: regions of the genome x transcription start sites -> each gene's slots, the bins of its window that hold a region."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Slots

from .description import Window

Ints = NDArray[np.int64]


def distances(window: Window) -> NDArray[np.int32]:
    """Return each bin's middle, in base pairs from the TSS: first the bins downstream, nearest first, then those upstream, nearest first."""
    middle = np.arange(window.reach // window.bin) * window.bin + window.bin // 2
    return np.concatenate([middle, -middle]).astype(np.int32)


def slots(regions: pd.DataFrame, genes: pd.DataFrame, window: Window) -> Slots:
    """Return the slots of every gene, by sorted arrays alone.

    Base d counts from the TSS along the strand: 0 is the TSS, negative is upstream; bin j >= 0 holds the bases from j x width on,
    the first bin upstream the bases from -width to -1. By the rule ``overlap`` a region weighs in every bin by the share of the bin that it covers;
    by ``end`` it is put whole (its length over the bin's width) into the bin that holds its last base on the chromosome.

    Parameters
    ----------
    regions : (R, 3) sorted by chrom and start: chrom, start, end; 0-based, half-open.
    genes : (G, .) with chrom, tss (0-based), strand (1 or -1).
    """
    gene, region = _pairs(regions, genes, window)
    tss, strand = genes["tss"].to_numpy(np.int64)[gene], genes["strand"].to_numpy(np.int64)[gene]
    start, end = regions["start"].to_numpy(np.int64)[region], regions["end"].to_numpy(np.int64)[region]
    forward = strand > 0
    # the region's first and last base along the strand
    first = np.where(forward, start - tss, tss - end + 1)
    last = first + (end - start) - 1
    if window.rule == "end":
        at = np.where(forward, last, first)
        inside = (at >= -window.reach) & (at < window.reach)
        gene, region, weight = gene[inside], region[inside], (end - start)[inside] / window.bin
        number = at[inside] // window.bin
    else:
        first, last = np.maximum(first, -window.reach), np.minimum(last, window.reach - 1)
        inside = first <= last
        gene, region, first, last = gene[inside], region[inside], first[inside], last[inside]
        low = first // window.bin
        # a region that reaches over a bin's edge is in several
        spans = last // window.bin - low + 1
        pair = np.repeat(np.arange(len(gene)), spans)
        number = low[pair] + np.arange(len(pair)) - np.repeat(np.cumsum(spans) - spans, spans)
        covered = np.minimum(last[pair], (number + 1) * window.bin - 1) - np.maximum(first[pair], number * window.bin) + 1
        gene, region, weight = gene[pair], region[pair], covered / window.bin
    half = window.reach // window.bin
    return _gathered(len(genes), gene, np.where(number >= 0, number, half - 1 - number), region, weight, 2 * half)


def _pairs(regions: pd.DataFrame, genes: pd.DataFrame, window: Window) -> tuple[Ints, Ints]:
    """Return all (gene, region) that may meet, by gene, then by place: a region is no longer than the longest one."""
    start = regions["start"].to_numpy(np.int64)
    longest = int((regions["end"] - regions["start"]).max()) if len(regions) else 0
    low, high = np.zeros(len(genes), np.int64), np.zeros(len(genes), np.int64)
    on = regions.groupby("chrom", sort=False).indices
    for chrom, which in genes.groupby("chrom", sort=False).indices.items():
        if chrom not in on:
            continue
        begin = int(on[chrom][0])
        here = start[begin : begin + len(on[chrom])]
        tss = genes["tss"].to_numpy(np.int64)[which]
        low[which] = begin + np.searchsorted(here, tss - window.reach - longest)
        high[which] = begin + np.searchsorted(here, tss + window.reach, side="right")
    count = high - low
    gene = np.repeat(np.arange(len(genes)), count)
    return gene, np.arange(len(gene)) + np.repeat(low - np.concatenate([[0], np.cumsum(count)[:-1]]), count)


def _gathered(n_genes: int, gene: Ints, column: Ints, region: Ints, weight: NDArray[np.float64], width: int) -> Slots:
    """Sort entries by gene, bin and region, and tell slots apart."""
    key = gene * width + column
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    none = np.zeros(0, np.float32)
    return Slots(
        start=np.searchsorted(key[first], np.arange(n_genes + 1) * width),
        bin=(key[first] % width).astype(np.int32),
        entry=np.append(first, len(key)),
        region=region[order].astype(np.int32),
        weight=weight[order].astype(np.float32),
        centre=none,
        factor=none,
    )
