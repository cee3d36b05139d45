"""Batches: every text once, little padding, and what happens when memory runs out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard_biobert.batches import Batches
from genoboard_biobert.training import shuffled

lengths = st.lists(st.integers(1, 600), max_size=80).map(lambda v: np.array(v, dtype=np.int64))


@given(lengths, st.integers(1, 4096))
def test_every_text_is_in_one_batch_and_no_batch_is_larger_than_allowed(lengths: NDArray[np.int64], tokens: int) -> None:
    dealt = [batch for batch, _ in Batches(tokens).over(lambda b: None or len(b), lengths)]
    assert sorted(np.concatenate([[], *dealt])) == list(range(len(lengths)))
    assert all(len(b) == 1 or len(b) * lengths[b].max() <= tokens for b in dealt)


@given(lengths)
def test_neighbours_in_a_batch_are_of_like_length(lengths: NDArray[np.int64]) -> None:
    dealt = [lengths[batch] for batch, _ in Batches(2048).over(len, lengths)]
    assert [n for b in dealt for n in b] == sorted(lengths, reverse=True)


@given(lengths, st.integers(600, 4096), st.integers(1, 8))
def test_what_does_not_fit_is_halved_until_it_does_and_stays_so(lengths: NDArray[np.int64], tokens: int, fits: int) -> None:
    refused = []

    def run(batch: NDArray[np.intp]) -> NDArray[np.int64]:
        if len(batch) > fits:
            refused.append(len(batch))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return lengths[batch]

    batches = Batches(tokens)
    answers = list(batches.over(run, lengths))
    assert sorted(np.concatenate([[], *(b for b, _ in answers)])) == list(range(len(lengths)))
    assert all((lengths[b] == a).all() for b, a in answers)
    assert len(refused) <= np.log2(tokens) + 1
    again = len(refused)
    list(batches.over(run, lengths[:1]))
    assert len(refused) == again


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")],
)
def test_a_single_text_that_does_not_fit_says_so(error: Exception) -> None:
    def run(batch: NDArray[np.intp]) -> None:
        raise error

    with pytest.raises(type(error)):
        list(Batches(100).over(run, np.array([10, 20, 30])))


def test_another_error_is_not_taken_for_a_lack_of_memory() -> None:
    tried = []

    def run(batch: NDArray[np.intp]) -> None:
        tried.append(len(batch))
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        list(Batches(100).over(run, np.array([1, 2, 3])))
    assert tried == [3]


@given(lengths, st.integers(1, 20), st.integers(0, 5))
def test_training_shows_every_text_once_in_an_epoch(lengths: NDArray[np.int64], size: int, seed: int) -> None:
    dealt = shuffled(lengths, size, np.random.default_rng(seed))
    assert sorted(np.concatenate([[], *dealt])) == list(range(len(lengths)))
    assert len(dealt) == -(-len(lengths) // size)
