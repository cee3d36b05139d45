"""Design: rows that are made when asked are those of plain loops, whichever way they are asked for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard import Design, Moments, Slots

Array = NDArray[np.float64]

QUICK = settings(deadline=None, max_examples=25)
BINS = 12


def made(seed: int, n_genes: int = 6, n_cells: int = 4, z: bool = False) -> Design:
    """Some genes x some cells, of which not all pairs are rows, some twice; regions shared by genes, over several bins, or never open."""
    rng = np.random.default_rng(seed)
    start, bins, entry, region, weight = [0], [], [0], [], []
    for g in range(n_genes):
        # a gene's regions lie side by side, and neighbours share some; one gene in five has none
        near = np.arange(2 * g, 2 * g + rng.integers(1, 6)) if rng.random() > 0.2 else []
        held: dict[int, list[int]] = {}
        for r in near:
            for b in rng.choice(BINS, rng.integers(1, 4), replace=False):
                held.setdefault(int(b), []).append(int(r))
        for b in sorted(held):
            bins.append(b)
            region += held[b]
            weight += rng.uniform(0.01, 1.0, len(held[b])).tolist()
            entry.append(len(region))
        start.append(len(bins))
    used, place = np.unique(np.array(region, np.int64), return_inverse=True)
    openness = rng.gamma(0.7, 3.0, (n_cells, len(used))).astype(np.float32) * (rng.random((n_cells, len(used))) < 0.8)
    openness[:, used % 7 == 0] = 0.0
    none = np.zeros(0, np.float32)
    slots = Slots(
        *(np.array(start, np.int64), np.array(bins, np.int32), np.array(entry, np.int64)),
        *(place.astype(np.int32), np.array(weight, np.float32), none, none),
    )
    # every gene and every cell has a row
    gene = np.concatenate([np.arange(n_genes), rng.integers(0, n_genes, n_cells), rng.integers(0, n_genes, 10)])
    cell = np.concatenate([rng.integers(0, n_cells, n_genes), np.arange(n_cells), rng.integers(0, n_cells, 10)])
    order = rng.permutation(len(gene))
    genes, cells = (np.sort(rng.choice(100, n, replace=False)).astype(np.int32) for n in (n_genes, n_cells))
    regions = np.sort(rng.choice(1000, len(used), replace=False)).astype(np.int32)
    index = pd.Index([f"s{i:03d}" for i in range(len(gene))], dtype="str", name="id")
    middle = 100 * np.arange(BINS // 2) + 50
    distance = np.concatenate([middle, -middle]).astype(np.int32)
    design = Design(index, genes[gene[order]], cells[cell[order]], genes, cells, distance, openness, regions, slots)
    return design.standardised() if z else design


def plain(design: Design) -> Array:
    """Return the rows by loops, in float64."""
    slots, rows = design.slots, np.zeros(design.shape)
    for i in range(len(design)):
        g, c = list(design.genes).index(design.gene[i]), list(design.cells).index(design.cell[i])
        for s in range(slots.start[g], slots.start[g + 1]):
            total = 0.0
            for e in range(slots.entry[s], slots.entry[s + 1]):
                total += float(slots.weight[e]) * float(design.openness[c, slots.region[e]])
            value = np.log1p(total)
            rows[i, slots.bin[s]] = (value - slots.centre[s]) * slots.factor[s] if len(slots.centre) else value
    return rows


def held(design: Design) -> NDArray[np.bool_]:
    """Tell where the rows have bins that hold a region, (n, p)."""
    found = np.zeros(design.shape, bool)
    for i, g in enumerate(np.searchsorted(design.genes, design.gene)):
        found[i, design.slots.bin[design.slots.start[g] : design.slots.start[g + 1]]] = True
    return found


def some_rows(design: Design, seed: int) -> NDArray[np.intp]:
    """Return some positions, in any order, some twice."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, len(design), rng.integers(1, 2 * len(design)))


seeds = st.integers(0, 2**32 - 1)
designs = st.builds(made, seeds, st.integers(1, 9), st.integers(1, 6), st.booleans())


# Rows


@QUICK
@given(design=designs)
def test_a_row_is_the_logarithm_of_the_openness_that_its_bins_hold(design: Design) -> None:
    dense = design.dense()
    assert (dense.dtype, dense.shape) == (np.float32, (len(design), BINS))
    # a z-score is the difference of two numbers of some units, each rounded
    scale = 1 + np.abs(design.slots.factor).max(initial=0.0)
    np.testing.assert_allclose(dense, plain(design), rtol=1e-6, atol=1e-6 * scale)
    assert not dense[~held(design)].any()


@QUICK
@given(design=designs, seed=seeds)
def test_dense_sparse_and_table_are_the_same_rows(design: Design, seed: int) -> None:
    dense, rows = design.dense(), some_rows(design, seed)
    assert np.array_equal(design.dense(rows), dense[rows])
    for asked in (None, rows):
        sparse, table = design.sparse(asked), design.table(asked)
        expected = dense if asked is None else dense[asked]
        assert (sparse.dtype, sparse.shape) == (np.float32, expected.shape)
        assert np.array_equal(sparse.toarray(), expected)
        assert sparse.has_sorted_indices
        assert np.array_equal(table.to_numpy(), expected)
        assert table.index.tolist() == design.index[np.arange(len(design)) if asked is None else asked].tolist()
        assert table.columns.equals(design.columns)
    assert design.nonzeros == design.sparse().nnz == held(design).sum()


@QUICK
@given(design=designs, size=st.integers(1, 40), seed=st.none() | st.integers(0, 99), some=st.booleans())
def test_batches_bring_every_row_once(design: Design, size: int, seed: int | None, some: bool) -> None:
    asked = some_rows(design, size) if some else None
    dense, brought, sizes = design.dense(), [], []
    for rows, values in design.batches(asked, size, seed):
        assert np.array_equal(values, dense[rows])
        assert (np.diff(np.searchsorted(design.genes, design.gene[rows])) >= 0).all(), "rows of one gene stand together"
        brought += rows.tolist()
        sizes.append(len(rows))
    assert sorted(brought) == sorted(range(len(design)) if asked is None else asked.tolist())
    assert all(s == size for s in sizes[:-1])
    assert 0 < sizes[-1] <= size


def test_a_seed_shuffles_batches_always_alike() -> None:
    design = made(1)

    def order(seed: int | None) -> list[list[int]]:
        return [rows.tolist() for rows, _ in design.batches(size=5, seed=seed)]

    assert order(3) == order(3) != order(4)
    assert order(None)[0] == sorted(range(5), key=lambda i: (design.gene[i], i)), "without a seed, rows come as they lie"


def test_the_array_of_a_batch_is_used_again_for_the_next_but_one() -> None:
    design = made(2)
    batches = design.batches(size=6)
    (first, a), (second, b), (_, c) = next(batches), next(batches), next(batches)
    assert np.array_equal(b, design.dense(second)), "the one before the last is still whole"
    assert np.shares_memory(a, c)
    assert not np.array_equal(a, design.dense(first))


@QUICK
@given(design=designs, size=st.integers(1, 40), seed=st.none() | st.integers(0, 99), some=st.booleans())
def test_blocks_bring_every_row_once_with_no_bin_that_holds_nothing(design: Design, size: int, seed: int | None, some: bool) -> None:
    asked = some_rows(design, size) if some else np.arange(len(design))
    dense, brought = design.dense(), []
    batches = list(design.blocks(asked if some else None, size, seed))
    for batch in batches:
        assert 0 < sum(len(block.rows) for block in batch) <= size
        for block in batch:
            (gene,) = set(design.gene[block.rows])
            at = np.flatnonzero(held(design)[block.rows[0]])
            assert block.bins.tolist() == at.tolist(), "ascending"
            assert np.array_equal(block.values, dense[np.ix_(block.rows, at)])
            brought += block.rows.tolist()
            whole = (design.gene[asked] == gene).sum()
            assert len(block.rows) == whole or whole > size, "a gene's rows are parted where they are more than a batch, and only there"
    assert sorted(brought) == sorted(asked.tolist())
    sizes = [sum(len(block.rows) for block in batch) for batch in batches]
    first = [len(batch[0].rows) for batch in batches]
    assert all(n + m > size for n, m in zip(sizes, first[1:], strict=False)), "a batch is as full as whole genes allow"


def test_a_seed_brings_genes_in_random_order_and_no_seed_in_theirs() -> None:
    design = made(5, n_genes=9)

    def order(seed: int | None) -> list[int]:
        return [int(design.gene[block.rows[0]]) for batch in design.blocks(seed=seed) for block in batch]

    assert order(None) == design.genes.tolist()
    assert order(0) == order(0) != order(1)
    assert sorted(order(0)) == design.genes.tolist()


@QUICK
@given(design=designs, columns=st.none() | st.integers(1, 4), seed=seeds)
def test_a_product_with_weights_is_that_of_the_dense_rows(design: Design, columns: int | None, seed: int) -> None:
    weights = np.random.default_rng(seed).normal(size=BINS if columns is None else (BINS, columns))
    product = design.dot(weights)
    expected = design.dense().astype(np.float64) @ weights
    assert product.dtype == np.float64
    assert product.shape == expected.shape
    np.testing.assert_allclose(product, expected, rtol=1e-12, atol=1e-12 * (1 + np.abs(design.dense()).max()))
    assert np.array_equal(design.dot(weights.astype(np.float32)), design.dot(weights.astype(np.float32).astype(np.float64)))


def test_columns_are_named_by_the_distance_of_their_middle() -> None:
    assert made(0).columns.tolist()[:2] == ["+50", "+150"]
    assert made(0).columns.tolist()[-1] == "-550"


# Moments


def same(a: Moments, b: Moments) -> bool:
    """Tell whether they are the same but for 1e-12 of what was added up."""
    size, y = np.sqrt(np.diag(b.xx)), np.sqrt(b.yy)

    def close(x: object, y: object, scale: object) -> bool:
        return bool((np.abs(np.asarray(x) - np.asarray(y)) <= 1e-12 * np.asarray(scale) + 1e-300).all())

    assert a.xy is not None
    assert b.xy is not None
    return (
        a.n == b.n
        and close(a.xx, b.xx, np.outer(size, size))
        and close(a.x, b.x, np.sqrt(b.n) * size)
        and close(a.xy, b.xy, y * size)
        and close(a.y, b.y, np.sqrt(b.n) * y)
        and close(a.yy, b.yy, b.yy)
    )


@QUICK
@given(design=designs, parts=st.integers(1, 5), seed=seeds)
def test_moments_are_those_of_the_dense_rows_part_by_part_and_add_up(design: Design, parts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, dense = rng.normal(size=len(design)), design.dense().astype(np.float64)
    whole = design.gram(y)
    assert same(whole, Moments.of(dense, y))
    assert np.array_equal(whole.xx, whole.xx.T)
    part = rng.integers(0, parts, len(design))
    part[part == 1] = 0  # which leaves part 1 without rows
    part[0] = max(parts - 1, 0)
    found = design.grams(part, y)
    assert len(found) == part.max() + 1
    for k, moments in enumerate(found):
        assert same(moments, Moments.of(dense[part == k], y[part == k]))
    assert same(sum(found[1:], start=found[0]), whole)
    without = design.gram()
    assert (without.y, without.xy, without.yy) == (0.0, None, 0.0)
    assert np.array_equal(without.xx, whole.xx)


# Parts of a design


@QUICK
@given(design=designs, seed=seeds)
def test_what_is_taken_keeps_its_codes_and_nothing_that_it_does_not_need(design: Design, seed: int) -> None:
    rows = some_rows(design, seed)
    part = design.take(rows)
    assert np.array_equal(part.dense(), design.dense()[rows])
    assert part.index.tolist() == design.index[rows].tolist()
    assert np.array_equal(part.gene, design.gene[rows])
    assert np.array_equal(part.cell, design.cell[rows])
    assert part.genes.tolist() == sorted(set(design.gene[rows]))
    assert part.cells.tolist() == sorted(set(design.cell[rows]))
    assert part.openness.shape == (len(part.cells), len(part.regions))
    needed = [design.slots.region[design.slots.entry[lo] : design.slots.entry[hi]] for lo, hi in slot_ranges(design, part.genes)]
    assert part.regions.tolist() == sorted(set(design.regions[np.concatenate(needed)].tolist()))
    # what remains is that of the whole: the same region has the same code, and the same openness in the same cell
    where = np.ix_(np.searchsorted(design.cells, part.cells), np.searchsorted(design.regions, part.regions))
    assert np.array_equal(part.openness, design.openness[where])
    assert part.take(np.arange(0), pd.Index([], dtype="str")).shape == (0, BINS)


def slot_ranges(design: Design, genes: NDArray[np.int32]) -> list[tuple[int, int]]:
    return [(int(design.slots.start[g]), int(design.slots.start[g + 1])) for g in np.searchsorted(design.genes, genes)]


@QUICK
@given(design=designs, seed=seeds)
def test_taking_twice_is_taking_once(design: Design, seed: int) -> None:
    rows = some_rows(design, seed)
    again = some_rows(design.take(rows), seed + 1)
    twice, once = design.take(rows).take(again), design.take(rows[again])
    assert twice.digest() == once.digest()
    assert twice.index.equals(once.index)
    assert design.take(np.arange(len(design))).digest() == design.digest()


def test_rows_that_are_taken_may_be_given_other_names() -> None:
    part = made(0).take(np.array([4, 2]), pd.Index(["b", "a"]))
    assert part.index.tolist() == part.table().index.tolist() == ["b", "a"]


@pytest.mark.parametrize("position", [0, 7])
def test_a_single_row_is_a_design(position: int) -> None:
    design = made(3, z=True)
    one = design.take(np.array([position]))
    assert (len(one), one.genes.tolist(), one.cells.tolist()) == (1, [design.gene[position]], [design.cell[position]])
    assert np.array_equal(one.dense(), design.dense()[[position]])
    assert np.array_equal(one.gram().xx, np.outer(one.dense()[0], one.dense()[0].astype(np.float64)))
    assert [len(batch) for batch in one.blocks()] == [1]


def test_genes_without_any_region_are_rows_of_zeros() -> None:
    slots = made(0).slots
    nothing = slots._replace(
        start=np.zeros(7, np.int64), bin=slots.bin[:0], entry=np.zeros(1, np.int64), region=slots.region[:0], weight=slots.weight[:0]
    )
    design = replace(made(0), slots=nothing, openness=np.zeros((4, 0), np.float32), regions=np.zeros(0, np.int32))
    for rows in (design, design.take(np.arange(3)), design.standardised()):
        assert not rows.dense().any()
        assert not rows.sparse().nnz
        assert not rows.dot(np.ones(BINS)).any()
        assert not rows.gram(np.ones(len(rows))).xx.any()
        assert {block.values.shape[1] for batch in rows.blocks() for block in batch} == {0}


# z-scores


@QUICK
@given(seed=seeds, n_cells=st.integers(1, 6))
def test_a_standardised_slot_has_mean_0_and_sd_1_over_its_genes_rows_and_is_0_where_it_never_varies(seed: int, n_cells: int) -> None:
    raw = made(seed, n_cells=n_cells)
    before, after = raw.dense().astype(np.float64), raw.standardised().dense()
    for gene in raw.genes:
        rows = raw.gene == gene
        sd = before[rows].std(axis=0)
        varies = sd > 1e-5
        # float32 tells values apart down to their last bits, of which a small spread is made
        close = 1e-4 + 4 * np.finfo(np.float32).eps * np.abs(before[rows]).max(axis=0) / np.maximum(sd, 1e-5)
        assert (np.abs(after[rows].mean(axis=0)) <= close).all()
        assert (np.abs(after[rows].std(axis=0) - 1)[varies] <= close[varies]).all()
        assert not after[rows][:, np.ptp(before[rows], axis=0) == 0].any()
    assert not after[~held(raw)].any(), "a bin without regions stays 0"
    again = raw.standardised().standardised()
    assert again.digest() == raw.standardised().digest(), "it is the openness that is standardised, not what is so already"


def test_a_gene_with_more_rows_than_a_batch_is_standardised_over_all_of_them() -> None:
    one = made(0, n_genes=1, n_cells=6)
    many = one.take(np.repeat(np.arange(len(one)), 1 + 12_000 // len(one)))
    assert len(many) > 12_000
    values = many.standardised().dense().astype(np.float64)
    live = one.dense().std(axis=0) > 0
    assert live.any()
    assert values[:, live].mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert values[:, live].std(axis=0) == pytest.approx(1, abs=1e-5)


def test_openness_in_a_small_unit_is_standardised_too() -> None:
    raw = made(0, n_genes=3, n_cells=6)
    small = replace(raw, openness=raw.openness * np.float32(1e-8))
    before, after = small.dense().astype(np.float64), small.standardised().dense()
    for gene in small.genes:
        rows = small.gene == gene
        varies = before[rows].std(axis=0) > 0.01 * before[rows].mean(axis=0)
        assert after[rows].std(axis=0)[varies] == pytest.approx(1, abs=1e-4)


# On disk


@settings(deadline=None, max_examples=10)
@given(design=designs)
def test_a_design_comes_back_from_disk_as_it_was(design: Design) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "new" / "design"
        design.save(folder)
        assert {p.suffix for p in folder.iterdir()} == {".npy", ".parquet"}
        back = Design.open(folder)
    assert back.index.equals(design.index)
    assert back.digest() == design.digest()
    assert np.array_equal(back.dense(), design.dense())


def changes(design: Design) -> Iterator[tuple[str, Design]]:
    """Give the design with one number of one array changed, or one array of another type."""
    for f in fields(Design):
        if f.name in ("index", "slots"):
            continue
        values = getattr(design, f.name).copy()
        values.flat[0] += 1
        yield f.name, replace(design, **{f.name: values})
        yield f.name, replace(design, **{f.name: getattr(design, f.name).astype(np.float64)})
    for name, array in design.slots._asdict().items():
        values = array.copy()
        values[-1] += 1
        yield name, replace(design, slots=design.slots._replace(**{name: values}))
    yield "centre", replace(design, slots=design.slots._replace(centre=design.slots.centre[:0]))


def test_any_change_of_what_a_design_holds_is_another_digest() -> None:
    design = made(1, z=True)
    assert made(1, z=True).digest() == design.digest()
    found = {design.digest()}
    for count, (name, other) in enumerate(changes(design), start=2):
        found.add(other.digest())
        assert len(found) == count, name
    assert replace(design, index=design.index + "x").digest() == design.digest(), "the ids are told beside it"


# Arithmetic


def test_the_logarithm_is_within_4_units_in_the_last_place_of_every_float32_from_0_up() -> None:
    largest = int(np.float32(np.finfo(np.float32).max).view(np.int32))
    turns = np.array(
        [0.0, 1e-45, 1e-38, np.sqrt(2) - 1, *(2.0**k - 1 for k in range(1, 128)), *(2.0**k for k in range(-126, 128))], np.float32
    )
    near = turns.view(np.int32)[:, None].astype(np.int64) + np.arange(-40, 41)
    bits = np.unique(np.concatenate([np.arange(0, largest + 1, 1511), near.ravel(), [largest]]).clip(0, largest))
    x = bits.astype(np.int32).view(np.float32)
    at, none = np.arange(len(x)), np.zeros(0, np.float32)
    slots = Slots(
        np.array([0, len(x)]), at.astype(np.int32), np.arange(len(x) + 1), at.astype(np.int32), np.ones(len(x), np.float32), none, none
    )
    zero = np.zeros(1, np.int32)
    (got,) = Design(pd.Index(["s0"]), zero, zero, zero, zero, at.astype(np.int32), x[None], at.astype(np.int32), slots).dense()
    exact = np.log1p(x.astype(np.float64))
    ulp = np.abs(got - exact) / np.spacing(exact.astype(np.float32)).astype(np.float64)
    worst = int(ulp.argmax())
    assert ulp[worst] <= 4, f"ln(1 + {x[worst]!r}) = {got[worst]!r}"
    assert got[0] == 0


def test_rows_are_the_same_bits_whatever_the_number_of_threads() -> None:
    design, found = made(4, n_genes=40, n_cells=9), {}
    before = numba.get_num_threads()
    try:
        for threads in (1, before):
            numba.set_num_threads(threads)
            found[threads] = [design.dense(), *(values.copy() for _, values in design.batches(size=7, seed=0)), design.dot(np.ones(BINS))]
            assert same(design.gram(np.ones(len(design))), Moments.of(design.dense(), np.ones(len(design))))
    finally:
        numba.set_num_threads(before)
    assert all(np.array_equal(a, b) for a, b in pairwise(found.values()) for a, b in zip(a, b, strict=True))


@pytest.mark.parametrize(("lost", "asked"), [("numba", "dense"), ("numba", "sparse"), ("numba", "gram"), ("scipy.sparse", "sparse")])
def test_without_its_libraries_a_design_says_how_to_install_them(lost: str, asked: str) -> None:
    code = (
        f"import sys; sys.modules[{lost!r}] = None\n"
        "from genoboard import GenoboardError, cohorts\n"
        "X, y = cohorts.cohort('bins', 'regression')\n"
        f"try: X.take([0, 1]).{asked}()\n"
        "except GenoboardError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'not installed here: pip install "genoboard[bins]"' in done.stdout
