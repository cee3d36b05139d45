"""The store of embeddings: what is kept is found again, by text and by the way it was made, and damage costs time alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard_biobert.store import Store

VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


@given(st.lists(st.text(), min_size=1, max_size=20, unique=True))
def test_what_is_kept_is_found_by_its_text_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("store")
    vectors = np.random.default_rng(0).normal(size=(len(texts), 5)).astype(np.float32)
    Store(folder, folder, "way").keep(texts, vectors)
    again = Store(folder, folder, "way")
    assert all(t in again for t in texts)
    assert np.stack([again[t] for t in texts]).tobytes() == vectors.tobytes()
    assert "".join(texts) + "another" not in again


def test_what_was_made_another_way_is_not_found(tmp_path: Path) -> None:
    Store(tmp_path, tmp_path, "a checkpoint", "float32").keep(["one"], VECTORS[:1])
    assert "one" not in Store(tmp_path, tmp_path, "a checkpoint", "bfloat16")
    assert "one" not in Store(tmp_path, tmp_path, "another checkpoint", "float32")


def test_runs_side_by_side_do_not_lose_one_another_s_texts(tmp_path: Path) -> None:
    stores = [Store(tmp_path, tmp_path, "way") for _ in range(3)]
    for store, text, vector in zip(stores, "abc", VECTORS, strict=True):
        store.keep([text], vector[None])
    assert all(t in Store(tmp_path, tmp_path, "way") for t in "abc")


def test_a_file_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    store = Store(tmp_path, tmp_path, "way")
    for text, vector in zip("abc", VECTORS, strict=True):
        store.keep([text], vector[None])
    file = next(tmp_path.rglob("*.npz"))
    file.write_bytes(file.read_bytes()[:-60])
    (file.parent / "of another program.npz").write_bytes(b"")
    assert sum(t in Store(tmp_path, tmp_path, "way") for t in "abc") == 2


def test_nothing_half_written_is_left_behind(tmp_path: Path) -> None:
    Store(tmp_path, tmp_path, "way").keep(["a", "b", "c"], VECTORS)
    assert [p.suffix for p in tmp_path.rglob("*") if p.is_file()] == [".npz"]


def test_without_a_folder_it_lasts_as_long_as_the_run() -> None:
    store = Store(None, None, "way")
    store.keep(["a"], VECTORS[:1])
    assert (store["a"] == VECTORS[0]).all()
    assert "a" not in Store(None, None, "way")
