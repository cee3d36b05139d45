"""Joining: every id finds its place, whatever it is made of, and nothing else passes for it."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard import joining

IDS = st.lists(st.text(max_size=20), min_size=1, max_size=60, unique=True)


def chunked(ids: list[str], cuts: list[int]) -> pa.ChunkedArray:
    edges = [0, *sorted(c % (len(ids) + 1) for c in cuts), len(ids)]
    # sliced, so that an array begins in the middle of its bytes
    whole = pa.array(["before", *ids, "after"], pa.string())
    return pa.chunked_array([whole.slice(1 + a, b - a) for a, b in itertools.pairwise(edges)], pa.string())


@given(IDS, st.randoms(use_true_random=False), st.lists(st.integers(0, 99), max_size=4))
def test_shuffled_ids_find_their_places(ids: list[str], random: object, cuts: list[int]) -> None:
    shuffled = ids[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    asked, there = joining.keys(pa.array(ids, pa.string())), joining.keys(chunked(shuffled, cuts))
    if max(len(i.encode()) for i in ids) > joining.LONGEST:
        assert asked is None
        return
    assert asked is not None
    assert there is not None
    found = joining.places(asked, there)
    assert found is not None
    assert [ids[p] for p in found] == shuffled


@given(IDS, st.data())
def test_another_id_or_one_that_is_there_twice_passes_for_none(ids: list[str], data: st.DataObject) -> None:
    asked = joining.keys(pa.array(ids, pa.string()))
    other = data.draw(st.text(max_size=20).filter(lambda t: t not in ids))
    place = data.draw(st.integers(0, len(ids) - 1))
    for instead in {other, *ids} - {ids[place]}:
        there = joining.keys(pa.array([*ids[:place], instead, *ids[place + 1 :]], pa.string()))
        assert asked is None or there is None or joining.places(asked, there) is None


def test_ids_that_differ_by_zeros_or_by_what_follows_them_are_told_apart() -> None:
    ids = ["a", "a\0", "a\0\0", "", "\0", "abcdefgh", "abcdefgh\0", "abcdefghabcdefgh", "abcdefghi", "bcdefghi"]
    asked = joining.keys(pa.array(ids, pa.string()))
    assert asked is not None
    assert not asked.may_repeat
    found = joining.places(asked, joining.keys(pa.array(ids[::-1], pa.string())))  # type: ignore[arg-type]
    assert found is not None
    assert found.tolist() == list(range(len(ids)))[::-1]


def test_the_same_id_twice_is_noticed() -> None:
    told = joining.keys(pa.array(["s1", "s2", "s1"], pa.string()))
    assert told is not None
    assert told.may_repeat


def test_ids_that_are_longer_than_what_is_compared_are_left_to_others() -> None:
    assert joining.keys(pa.array(["x" * (joining.LONGEST + 1)], pa.string())) is None
    assert joining.keys(pa.array([None], pa.string())) is None
    assert np.array_equal(joining.keys(pa.array(["x" * joining.LONGEST], pa.string())).places, [0])  # type: ignore[union-attr]


@pytest.mark.parametrize("lengths", [(9,), (9, 12), (3, 20)])
def test_many_ids_are_joined_piece_by_piece(lengths: tuple[int, ...]) -> None:
    n = 2 * joining.PIECE + 77
    ids = [f"{k:0{lengths[k % len(lengths)]}d}" if lengths[0] > 5 or k % 2 else f"{k:x}" for k in range(n)]
    order = np.random.default_rng(0).permutation(n)
    asked = joining.keys(pa.array(ids))
    shuffled = pa.chunked_array([pa.array([ids[k] for k in part]) for part in np.array_split(order, 5)])
    there = joining.keys(shuffled)
    assert asked is not None
    assert there is not None
    found = joining.places(asked, there)
    assert found is not None
    assert np.array_equal(found, order)
    ids[-1] = "z" * len(ids[-1])
    other = joining.keys(pa.array(ids))
    assert other is not None
    assert joining.places(other, there) is None
