"""Binning: every base of every region counted by hand gives the bins that sorted arrays give."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoboard_tasks.expression_regression.binning import distances, slots
from genoboard_tasks.expression_regression.description import Window

LENGTH = 300
CHROMOSOMES = ("chr1", "chr10", "chr2")
# of every gene: column -> region -> weight
Found = list[dict[int, dict[int, float]]]


class Genome(NamedTuple):
    """Regions sorted by chromosome, start and end; genes in any order."""

    regions: list[tuple[str, int, int]]
    genes: list[tuple[str, int, int]]


def binned(genome: Genome, window: Window) -> Found:
    """Return what `slots` finds, once it has been seen that it is laid out as it should be."""
    regions = pd.DataFrame(genome.regions, columns=["chrom", "start", "end"]).astype({"chrom": "str", "start": "int64", "end": "int64"})
    genes = pd.DataFrame(genome.genes, columns=["chrom", "tss", "strand"]).astype({"chrom": "str", "tss": "int64", "strand": "int64"})
    made = slots(regions, genes, window)
    assert [a.dtype for a in made] == [np.int64, np.int32, np.int64, np.int32, np.float32, np.float32, np.float32]
    assert len(made.start) == len(genome.genes) + 1
    assert len(made.entry) == len(made.bin) + 1
    assert (made.start[0], made.start[-1], made.entry[0], made.entry[-1]) == (0, len(made.bin), 0, len(made.region))
    assert len(made.region) == len(made.weight)
    assert (np.diff(made.entry) > 0).all(), "a slot holds something"
    assert len(made.centre) == len(made.factor) == 0
    found: Found = []
    for low, high in zip(made.start[:-1], made.start[1:], strict=True):
        assert (np.diff(made.bin[low:high]) > 0).all(), "a gene's bins ascend"
        entries = [(int(made.bin[s]), slice(made.entry[s], made.entry[s + 1])) for s in range(low, high)]
        found.append({b: dict(zip(made.region[e].tolist(), made.weight[e].tolist(), strict=True)) for b, e in entries})
    return found


def by_bases(genome: Genome, window: Window) -> Found:
    """Return the same by walking over the bases."""
    half = window.reach // window.bin
    found: Found = []
    for chrom, tss, strand in genome.genes:
        mine: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for r, (on, start, end) in enumerate(genome.regions):
            for base in range(start, end) if on == chrom else ():
                if window.rule == "end" and base != end - 1:
                    continue
                d = (base - tss) * strand
                if not -window.reach <= d < window.reach:
                    continue
                column = d // window.bin if d >= 0 else half + (-d - 1) // window.bin
                mine[column][r] += (end - start if window.rule == "end" else 1) / window.bin
        found.append({b: dict(held) for b, held in mine.items()})
    return found


def alike(a: Found, b: Found) -> bool:
    def same(x: dict[int, dict[int, float]], y: dict[int, dict[int, float]]) -> bool:
        return {b: set(held) for b, held in x.items()} == {b: set(held) for b, held in y.items()} and all(
            w == pytest.approx(y[b][r], rel=1e-6) for b, held in x.items() for r, w in held.items()
        )

    return len(a) == len(b) and all(map(same, a, b))


@st.composite
def genomes(draw: st.DrawFn) -> Genome:
    chroms = st.sampled_from(CHROMOSOMES)
    starts, lengths = st.integers(0, LENGTH - 1), st.integers(1, 25) | st.integers(26, LENGTH)
    drawn = draw(st.lists(st.tuples(chroms, starts, lengths), max_size=12))
    regions = sorted((c, s, min(s + length, LENGTH)) for c, s, length in drawn)
    genes = draw(st.lists(st.tuples(chroms, starts, st.sampled_from([1, -1])), min_size=1, max_size=6))
    return Genome(regions, genes)


rules = st.sampled_from(["overlap", "end"])
windows = st.builds(lambda bins, width, rule: Window(bins * width, width, rule), st.integers(1, 6), st.integers(1, 20), rules)


@settings(deadline=None, max_examples=150)
@given(genome=genomes(), window=windows | st.builds(lambda rule: Window(40, 10, rule), rules))
def test_bins_are_those_of_a_walk_over_all_bases(genome: Genome, window: Window) -> None:
    assert alike(binned(genome, window), by_bases(genome, window))


@settings(deadline=None, max_examples=60)
@given(genome=genomes(), window=windows)
def test_in_the_mirror_every_gene_has_the_same_bins(genome: Genome, window: Window) -> None:
    window = Window(window.reach, window.bin, "overlap")
    turned = sorted((c, LENGTH - e, LENGTH - s, r) for r, (c, s, e) in enumerate(genome.regions))
    mirror = Genome([(c, s, e) for c, s, e, _ in turned], [(c, LENGTH - 1 - tss, -strand) for c, tss, strand in genome.genes])
    was = [r for *_, r in turned]
    back = [{b: {was[r]: w for r, w in held.items()} for b, held in gene.items()} for gene in binned(mirror, window)]
    assert alike(back, binned(genome, window))


@settings(deadline=None, max_examples=60)
@given(genome=genomes(), window=windows)
def test_a_regions_shares_add_up_to_what_of_it_lies_in_the_window(genome: Genome, window: Window) -> None:
    window = Window(window.reach, window.bin, "overlap")
    for (chrom, tss, strand), mine in zip(genome.genes, binned(genome, window), strict=True):
        low, high = (tss - window.reach, tss + window.reach) if strand > 0 else (tss - window.reach + 1, tss + window.reach + 1)
        for r, (on, start, end) in enumerate(genome.regions):
            inside = max(0, min(end, high) - max(start, low)) if on == chrom else 0
            assert window.bin * sum(held.get(r, 0.0) for held in mine.values()) == pytest.approx(inside, rel=1e-6)


def place(region: tuple[int, int], tss: int, strand: int, rule: Literal["overlap", "end"] = "overlap") -> dict[int, float]:
    """Return column -> weight of a region around a TSS, in a window of 2 x 4 bins of 10 bases."""
    (mine,) = binned(Genome([("chr1", *region)], [("chr1", tss, strand)]), Window(40, 10, rule))
    return {b: held[0] for b, held in mine.items()}


@pytest.mark.parametrize("strand", [1, -1])
def test_the_base_of_the_tss_lies_downstream_and_the_one_before_it_upstream(strand: int) -> None:
    assert place((100, 101), 100, strand) == pytest.approx({0: 0.1})
    assert place((100 - strand, 101 - strand), 100, strand) == pytest.approx({4: 0.1})


@pytest.mark.parametrize("strand", [1, -1])
def test_bins_go_from_the_tss_outwards_first_downstream_then_upstream(strand: int) -> None:
    # the k-th base downstream, and upstream
    down, up = ([place((at, at + 1), 100, strand) for at in (100 + sign * strand * (5 + 10 * k) for k in range(4))] for sign in (1, -1))
    assert [list(d) for d in (*down, *up)] == [[k] for k in range(8)]
    assert distances(Window(40, 10)).tolist() == [5, 15, 25, 35, -5, -15, -25, -35]


def test_a_region_over_an_edge_is_in_both_bins_by_its_shares_or_by_its_end_in_one() -> None:
    assert place((107, 111), 100, 1) == pytest.approx({0: 0.3, 1: 0.1})
    assert place((98, 101), 100, 1) == pytest.approx({0: 0.1, 4: 0.2}), "over the TSS"
    assert place((90, 95), 100, -1) == pytest.approx({0: 0.4, 1: 0.1})
    assert place((107, 111), 100, 1, "end") == pytest.approx({1: 0.4})
    assert place((98, 101), 100, 1, "end") == pytest.approx({0: 0.3})
    # on the other strand it is still the last base on the chromosome
    assert place((90, 95), 100, -1, "end") == pytest.approx({0: 0.5})


def test_a_region_that_reaches_out_of_the_window_counts_by_what_is_inside_and_not_at_all_where_its_end_is_outside() -> None:
    assert place((135, 190), 100, 1) == pytest.approx({3: 0.5})
    assert place((135, 190), 100, 1, "end") == {}
    assert place((0, 300), 100, 1) == pytest.approx(dict.fromkeys(range(8), 1.0))
    assert place((140, 150), 100, 1) == place((55, 60), 100, 1) == {}


def test_chromosomes_are_kept_apart() -> None:
    regions = [("chr1", 100, 110), ("chr10", 100, 120), ("chr2", 100, 130)]
    found = binned(Genome(regions, [("chr2", 100, 1), ("chr1", 100, 1), ("chr3", 100, 1), ("chr10", 100, 1)]), Window(40, 10))
    assert [{r for held in gene.values() for r in held} for gene in found] == [{2}, {0}, set(), {1}]


def test_without_any_region_genes_have_no_bins() -> None:
    assert binned(Genome([], [("chr1", 5, 1), ("chr2", 5, -1)]), Window(40, 10)) == [{}, {}]
