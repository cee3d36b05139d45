"""The leaderboard package: entries, their index under many writers and accidents, standings, and what is printed of them."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoboard_leaderboard import certainty, export, store
from genoboard_leaderboard.entry import Board, Code, Entry, Score
from genoboard_leaderboard.errors import LeaderboardError, UnusableIndexError
from genoboard_leaderboard.ranking import Standing, standings
from genoboard_leaderboard.store import Store

BOARD = Board("brain-region", "demo", "d" * 16, "donor", "5" * 16)
OTHER = Board("brain-region", "demo", "d" * 16, "random", "7" * 16)
METRICS = ["f1-macro", "accuracy", "auroc", "log-loss"]
patient = settings(deadline=None)  # a busy machine is no fault
REBUILD = "'genoboard leaderboard --rebuild' makes it anew"


def an_entry(number: int = 0, name: str = "forest", value: float | None = 0.5, **fields: Any) -> Entry:
    """A valid entry with scores, or without any where `value` is None and nothing else is said."""
    scores: tuple[Score, ...] = ()
    if value is not None:
        undefined = Score("auroc", None, reason="one class")
        scores = (Score("f1-macro", value, value - 0.04, value + 0.04), Score("accuracy", value / 2), undefined)
    defaults: dict[str, Any] = {
        "id": f"{number:05}-{name}",
        "board": BOARD,
        "name": name,
        "created": f"2025-01-01T00:00:00.{number:06}",
        "origin": "run",
        "seed": 0,
        "scores": scores,
    }
    return Entry(**{**defaults, **fields})


def failed(number: int, name: str = "forest", **fields: Any) -> Entry:
    return an_entry(number, name, None, **{"verdict": "timeout", "reason": "stopped after 60 s", **fields})


@pytest.fixture
def db(tmp_path: Path) -> Store:
    return Store(tmp_path / "leaderboard" / "leaderboard.db")


# ---------------------------------------------------------------------------------------------------------------- entries

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
finite = st.floats(-1e6, 1e6)
maybe = st.none() | finite
scores_ = st.builds(Score, st.sampled_from(METRICS), maybe, maybe, maybe, st.integers(1, 9), st.text(max_size=5), maybe, maybe)
entries_ = st.builds(
    Entry,
    id=st.text(max_size=9),
    board=st.builds(Board, *[st.text(max_size=5)] * 5),
    name=st.text(max_size=9),
    created=st.text(max_size=9),
    origin=st.sampled_from(["run", "file"]),
    verdict=st.sampled_from(["ok", "failed", "timeout", "memory", "crashed", "invalid"]),
    parameters=st.dictionaries(st.text(max_size=4), json_values, max_size=3),
    seed=st.none() | st.integers(0, 9),
    control=st.booleans(),
    code=st.builds(Code, *[st.text(max_size=5)] * 3, st.sampled_from(["released", "editable", "dirty", "unknown"]), st.text(max_size=5)),
    scores=st.lists(scores_, max_size=3).map(tuple),
    seconds_fit=maybe,
    peak_memory=st.none() | st.integers(0, 2**60),
    notes=st.lists(st.text(max_size=9), max_size=2).map(tuple),
)


@patient
@given(entries_)
def test_an_entry_comes_back_from_json_as_it_was(entry: Entry) -> None:
    back = Entry.from_dict(json.loads(json.dumps(entry.to_dict())))
    assert back == entry
    assert (back.standing, back.board.key) == (entry.standing, entry.board.key)


@pytest.mark.parametrize(
    "values", [{}, [1], ["id", "name"], {"board": 3}, {**an_entry().to_dict(), "scores": [{"metric": "x", "value": "high"}]}]
)
def test_what_is_no_entry_is_refused(values: Any) -> None:
    with pytest.raises(LeaderboardError, match="This is not a recorded entry"):
        Entry.from_dict(values)


@pytest.mark.parametrize("field", ["value", "low", "high", "fold_mean", "fold_sd"])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_score_is_finite_or_none(field: str, number: float) -> None:
    with pytest.raises(LeaderboardError, match=rf"Score f1-macro: {field} is {number}\. A score is a finite number, or None with"):
        dataclasses.replace(Score("f1-macro", 0.5), **cast(Any, {field: number}))


# ---------------------------------------------------------------------------------------------------------------- ranking


def ranks(rows: list[Standing]) -> list[tuple[int | None, str]]:
    return [(row.rank, row.name) for row in rows]


def test_equal_scores_share_a_rank_and_the_earliest_is_listed_first() -> None:
    entries = [an_entry(4, "d", 0.7), an_entry(3, "c", 0.8), an_entry(2, "b", 0.8), an_entry(1, "a", 0.9)]
    assert ranks(standings(entries, "f1-macro", "max")) == [(1, "a"), (2, "b"), (2, "c"), (4, "d")]
    assert ranks(standings(entries, "f1-macro", "min")) == [(1, "d"), (2, "b"), (2, "c"), (4, "a")]


values_ = st.sampled_from([None, 0.1, 0.25, 0.3, 1.0 / 3])
rows_ = st.tuples(st.sampled_from("abc"), st.integers(0, 3), values_, st.sampled_from(["ok", "ok", "failed", "timeout"]))
boards_ = st.lists(rows_, max_size=12).map(
    lambda rows: [
        an_entry(i, name, value if verdict == "ok" else None, seed=seed, verdict=verdict)
        for i, (name, seed, value, verdict) in enumerate(rows)
    ]
)


@patient
@given(boards_, st.randoms(use_true_random=False), st.sampled_from(["max", "min"]))
def test_ranking_follows_its_laws(entries: list[Entry], rng: random.Random, direction: Any) -> None:
    rows = standings(entries, "f1-macro", direction)
    shuffled = rng.sample(entries, len(entries))
    assert standings(shuffled, "f1-macro", direction) == rows, "the order of entries plays no part"

    valid = [row for row in rows if row.rank is not None]
    assert rows[: len(valid)] == valid, "those without a score stand below"
    values = [row.scores["f1-macro"] for row in valid]
    sign = 1 if direction == "min" else -1
    for row in valid:
        value = row.scores["f1-macro"]
        assert value is not None
        assert row.rank == 1 + sum(sign * v < sign * value for v in values if v is not None), "a rank counts those who are better"
    for one, next_ in itertools.pairwise(valid):
        assert one.rank != next_.rank or one.created < next_.created, "equal scores: the earliest first"
    assert {row.name for row in rows} == {entry.name for entry in entries}, "nobody gets lost"


@patient
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_several_seeds_are_one_standing_with_their_mean_and_sd(values: list[float]) -> None:
    entries = [an_entry(i, value=value, seed=i) for i, value in enumerate(values)]
    (row,) = standings(entries, "f1-macro", "max")
    assert row.scores["f1-macro"] == pytest.approx(statistics.fmean(values), abs=1e-15)
    assert row.sd["f1-macro"] == pytest.approx(statistics.stdev(values), abs=1e-12)
    assert row.intervals["f1-macro"] == pytest.approx((statistics.fmean(values) - 0.04, statistics.fmean(values) + 0.04), abs=1e-12)
    assert row.seeds == len(values)
    assert (row.entry, row.created) == (entries[0].id, entries[0].created)
    assert row.entries == tuple(e.id for e in entries)


@patient
@given(st.floats(0, 1), st.integers(2, 9))
def test_a_deterministic_model_ties_with_itself_whatever_the_number_of_seeds(value: float, seeds: int) -> None:
    once = an_entry(0, "once", value)
    many = [an_entry(i + 1, "many", value, seed=i) for i in range(seeds)]
    rows = standings([*many, once], "f1-macro", "max")
    assert ranks(rows) == [(1, "once"), (1, "many")]
    assert rows[1].sd["f1-macro"] == 0.0


def test_shopping_for_seeds_wins_nothing() -> None:
    honest = an_entry(0, "honest", 0.6)
    shopper = [an_entry(1, "shopper", 0.5, seed=0), an_entry(2, "shopper", 0.9, seed=1), an_entry(3, "shopper", 0.1, seed=1)]
    rows = standings([honest, *shopper], "f1-macro", "max")
    assert ranks(rows) == [(1, "honest"), (2, "shopper")]
    assert rows[1].scores["f1-macro"] == pytest.approx(0.3)
    assert rows[1].seeds == 2
    assert rows[1].entries == ("00001-shopper", "00003-shopper"), "a seed entered twice counts once, by its latest entry"


def test_other_parameters_or_other_code_make_another_standing() -> None:
    entries = [
        an_entry(0, parameters={"C": 1}, code=Code(source="aaa")),
        an_entry(1, parameters={"C": 2}, code=Code(source="aaa")),
        an_entry(2, parameters={"C": 1}, code=Code(source="bbb")),
    ]
    assert len(standings(entries, "f1-macro", "max")) == 3


def test_fold_scores_are_means_over_seeds() -> None:
    entries = [an_entry(i, seed=i, scores=(Score("f1-macro", 0.5, fold_mean=0.4 + i / 10, fold_sd=0.1 + i / 10),)) for i in range(2)]
    (row,) = standings(entries, "f1-macro", "max")
    assert row.fold_mean["f1-macro"] == pytest.approx(0.45)
    assert row.fold_sd["f1-macro"] == pytest.approx(0.15)
    assert row.intervals == {}, "there is none where the entries have none"


def test_failed_entries_stand_below_with_their_reason() -> None:
    rows = standings([failed(0, "a"), an_entry(1, "b", 0.1), failed(2, "c", verdict="memory", reason="over 1 GB")], "f1-macro", "max")
    assert ranks(rows) == [(1, "b"), (None, "a"), (None, "c")]
    assert [(row.verdict, row.reason) for row in rows] == [("ok", ""), ("timeout", "stopped after 60 s"), ("memory", "over 1 GB")]


def test_a_failed_entry_is_hidden_once_its_standing_has_a_valid_one() -> None:
    (row,) = standings([failed(0), an_entry(1, value=0.4), failed(2), failed(3, seed=1)], "f1-macro", "max")
    assert (row.rank, row.entry, row.entries, row.seeds, row.verdict) == (1, "00001-forest", ("00001-forest",), 1, "ok")


def test_a_metric_that_is_undefined_for_an_entry_ranks_it_below_with_the_reason() -> None:
    (row,) = standings([an_entry()], "auroc", "max")
    assert (row.rank, row.scores["auroc"], row.reason) == (None, None, "one class")
    (row,) = standings([an_entry()], "brier", "min")
    assert (row.rank, row.reason) == (None, "no score of brier")


def test_a_seed_without_the_score_does_not_count_behind_it() -> None:
    undefined = an_entry(1, seed=1, scores=(Score("f1-macro", None, reason="no truth"), Score("accuracy", 0.3)))
    (row,) = standings([an_entry(0, value=0.4), undefined], "f1-macro", "max")
    assert (row.scores["f1-macro"], row.seeds, row.counts) == (0.4, 1, {"f1-macro": 1, "accuracy": 2, "auroc": 0})
    assert "f1-macro" not in row.reasons


# ------------------------------------------------------------------------------------------------------------------ store


def test_what_is_recorded_is_read(db: Store) -> None:
    first, second = an_entry(0, parameters={"C": [1, None, "x"], "missing": None}), an_entry(1, "knn", board=OTHER, notes=("a note",))
    vectors = {"f1-macro": np.array([0.1, np.nan, 1 / 3]), "accuracy": np.array([])}
    db.record(second)
    db.record(first, vectors)
    assert db.entries() == [first, second], "in order of created"
    assert db.entries(BOARD) == [first]
    assert db.entries(OTHER, name="knn") == [second]
    assert db.entries(task="brain-region", name="forest") == [first]
    assert db.entries(task="variant-class") == []
    assert db.entry(first.id) == first
    assert db.boards() == db.boards("brain-region") == [(BOARD, 1), (OTHER, 1)]
    assert db.boards("variant-class") == []
    for metric, vector in vectors.items():
        read = db.replicates(first.id, metric)
        assert read is not None
        assert read.dtype == np.float64
        np.testing.assert_array_equal(read, vector)
    assert db.replicates(first.id, "auroc") is None
    assert db.replicates(second.id, "accuracy") is None


def test_find_takes_an_id_or_a_name(db: Store) -> None:
    entries = [an_entry(0, seed=0), an_entry(1, seed=1), an_entry(2, "knn", board=dataclasses.replace(BOARD, task="other"))]
    for entry in entries:
        db.record(entry)
    assert db.find("00001-forest") == [entries[1]]
    assert db.find("forest") == entries[:2]
    assert db.find("forest", task="other") == []
    assert db.find("knn", task="other") == [entries[2]]
    assert db.find("nobody") == []


def test_an_unknown_id_says_how_to_see_them(db: Store) -> None:
    with pytest.raises(LeaderboardError, match=r"There is no entry 'nobody'\. 'genoboard leaderboard TASK --format json' shows the ids\."):
        db.entry("nobody")


def test_recording_the_same_again_changes_nothing(db: Store) -> None:
    entry = an_entry(parameters={"a": 1, "missing": float("nan"), "b": 2})
    vectors = {"f1-macro": np.array([1.0, np.nan])}
    db.record(entry, vectors)
    db.record(dataclasses.replace(entry, parameters={"b": 2, "a": 1, "missing": float("nan")}), vectors)
    assert [e.id for e in db.entries()] == [entry.id]


@pytest.mark.parametrize(
    ("change", "vector"), [({"seed": 5}, [1.0]), ({"scores": ()}, [1.0]), ({"name": "other"}, [1.0]), ({}, [2.0]), ({}, None)], ids=str
)
def test_other_content_under_a_known_id_is_refused(db: Store, change: dict[str, Any], vector: list[float] | None) -> None:
    db.record(an_entry(), {"accuracy": np.array([1.0])})
    with pytest.raises(LeaderboardError, match="Entry '00000-forest' is on the leaderboard already, with other content"):
        db.record(dataclasses.replace(an_entry(), **change), {"accuracy": np.array(vector)} if vector else {})
    assert db.entries() == [an_entry()]


def test_replicates_are_vectors(db: Store) -> None:
    with pytest.raises(LeaderboardError, match=r"replicates of accuracy have shape \(2, 2\); a vector is wanted"):
        db.record(an_entry(), {"accuracy": np.zeros((2, 2))})
    assert db.entries() == [], "and nothing of the entry is kept"


@settings(deadline=None, max_examples=25)
@given(boards_)
def test_the_store_knows_the_standings_that_its_entries_make(entries: list[Entry]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, other = Store(Path(folder, "one.db")), Store(Path(folder, "other.db"))
        for entry in entries:
            one.record(entry)
        other.rebuild((entry, {}) for entry in entries)
        for metric in ("f1-macro", "accuracy"):
            assert one.standings(BOARD, metric, "max") == other.standings(BOARD, metric, "max") == standings(entries, metric, "max")
        assert one.standings(OTHER, "f1-macro", "max") == []


# ---------------------------------------------------------------------------------------------- what is said of an order is kept


def measured(number: int, name: str, value: float = 0.5, **fields: Any) -> tuple[Entry, dict[str, np.ndarray[Any, Any]]]:
    """An entry of a board with groups, and its replicates."""
    drawn = value + 0.01 * np.random.default_rng(number).normal(size=100)
    return an_entry(number, name, value, cluster="donor", clusters=30, **fields), {"f1-macro": drawn}


def told(db: Store) -> list[tuple[str, tuple[int, int] | None]]:
    return [(s.name, s.ranks) for s in db.assessed(BOARD, "f1-macro", "max")]


def test_the_order_of_a_board_is_worked_out_once(db: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = certainty.assessed
    monkeypatch.setattr(certainty, "assessed", lambda *given: calls.append(1) or real(*given))
    for number, name in enumerate("abc"):
        db.record(*measured(number, name, 0.5 + number / 5, parameters={"x": 1 / 3}))
    first = db.assessed(BOARD, "f1-macro", "max")
    assert first[0].ranks == (1, 1)
    assert first[0].chance == 1.0
    assert db.assessed(BOARD, "f1-macro", "max") == first, "and it comes back as it was, bit for bit"
    assert len(calls) == 1
    assert [s.name for s in db.assessed(BOARD, "f1-macro", "min")] == ["a", "b", "c"], "for another direction it is another one"
    assert len(calls) == 2


@pytest.mark.parametrize("change", ["record", "replace", "rebuild", "remove"])
def test_what_was_said_of_an_order_ends_with_every_change(db: Store, change: str) -> None:
    db.record(*measured(0, "a", 0.5))
    db.record(*measured(1, "b", 0.9))
    assert told(db) == told(db) == [("b", (1, 1)), ("a", (2, 2))]
    if change == "record":
        db.record(*measured(2, "c", 0.7))
        assert told(db) == told(db) == [("b", (1, 1)), ("c", (2, 2)), ("a", (3, 3))]
    elif change == "remove":
        entry, vectors = measured(1, "b", 0.9)
        db.replace(dataclasses.replace(entry, removed="a slip"), vectors)
        assert told(db) == told(db) == [("a", (1, 1))]
    elif change == "replace":
        db.replace(*measured(1, "b", 0.1))
        assert told(db) == told(db) == [("a", (1, 1)), ("b", (2, 2))]
    else:
        db.rebuild([measured(0, "a", 0.9), measured(1, "b", 0.5)])
        assert told(db) == told(db) == [("a", (1, 1)), ("b", (2, 2))]


def test_what_is_out_of_date_before_it_is_kept_is_not_kept(db: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    db.record(*measured(0, "a", 0.5))
    real = certainty.assessed

    def overtaken(*given: Any) -> list[Standing]:
        found = real(*given)
        if len(found) == 1:
            db.record(*measured(1, "b", 0.9))
        return found

    monkeypatch.setattr(certainty, "assessed", overtaken)
    assert told(db) == [("a", (1, 1))], "true when it was asked"
    assert told(db) == told(db) == [("b", (1, 1)), ("a", (2, 2))]


def test_nobody_waits_to_keep_what_is_said_of_an_order(db: Store) -> None:
    db.record(*measured(0, "a", 0.5))
    other = sqlite3.connect(db.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        assert told(db) == [("a", (1, 1))], "with the usual patience this would take a minute"
        other.execute("ROLLBACK")
        assert other.execute("SELECT count(*) FROM assessment").fetchone() == (0,)
        assert told(db) == [("a", (1, 1))]
        assert other.execute("SELECT count(*) FROM assessment").fetchone() == (1,)
    finally:
        other.close()


def test_a_board_whose_order_is_known_is_read_without_numpy(db: Store) -> None:
    db.record(*measured(0, "a", 0.5))
    db.record(*measured(1, "b", 0.9))
    code = (
        "import sys\nfrom pathlib import Path\nfrom genoboard_leaderboard.store import Store\n"
        "db = Store(Path(sys.argv[1]))\nprint([s.ranks for s in db.assessed(db.boards()[0][0], 'f1-macro', 'max')], 'numpy' in sys.modules)"
    )
    said = [subprocess.run([sys.executable, "-c", code, str(db.path)], capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert said == ["[(1, 1), (2, 2)] True\n", "[(1, 1), (2, 2)] False\n"]


def test_a_standing_of_more_seeds_than_sqlite_takes_values_is_no_error(db: Store) -> None:
    many = 33_000
    vector = {"f1-macro": np.array([0.5, 0.25])}
    assert db.rebuild((an_entry(i, seed=i, scores=(Score("f1-macro", 0.5),)), vector) for i in range(many)) == many
    (standing,) = db.standings(BOARD, "f1-macro", "max")
    assert standing.seeds == many


def test_replicates_of_unlike_lengths_have_no_mean(db: Store) -> None:
    for i, length in enumerate((3, 2, 3)):
        db.record(an_entry(i, seed=i), {"f1-macro": np.ones(length), "accuracy": np.full(4, float(i))})
    plain = sqlite3.connect(db.path)
    try:
        assert plain.execute("SELECT metric, vector FROM resampled").fetchall() == [("accuracy", np.ones(4).tobytes())]
    finally:
        plain.close()


def test_a_missing_file_is_an_empty_board_and_stays_missing(tmp_path: Path) -> None:
    db = Store(tmp_path / "none" / "leaderboard.db")
    assert [*db.entries(), *db.boards(), *db.find("x"), *db.standings(BOARD, "f1-macro", "max")] == []
    assert db.replicates("x", "f1-macro") is None
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_an_empty_board_until_something_is_recorded(tmp_path: Path) -> None:
    db = Store(tmp_path / "leaderboard.db")
    db.path.touch()  # as a writer leaves it that was killed at once
    assert db.entries() == []
    assert db.path.stat().st_size == 0
    db.record(an_entry())
    assert db.entries() == [an_entry()]


@pytest.mark.parametrize("moment", range(1, 7))
def test_a_file_that_is_being_made_is_taken_for_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    db = Store(tmp_path / "leaderboard.db")
    db.path.touch()
    steps = itertools.count(1)

    class Interrupted(sqlite3.Connection):
        def execute(self, *given: Any) -> sqlite3.Cursor:
            if next(steps) == moment:  # another process comes in between
                with contextlib.suppress(LeaderboardError):
                    Store(db.path).record(an_entry())
            return super().execute(*given)

    monkeypatch.setattr(store, "PATIENCE", 0.05)
    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Interrupted))
    assert db.entries() in ([], [an_entry()])
    assert next(steps) > moment, "it did come in between"


def test_the_file_may_have_an_awkward_name(tmp_path: Path) -> None:
    db = Store(tmp_path / "50 % ?mode=memory #é" / "b&c.db")
    db.record(an_entry())
    assert Store(db.path).entries() == [an_entry()]
    assert [p.name for p in db.path.parent.iterdir()] == ["b&c.db"]


def test_the_database_is_strict_and_keeps_its_references(db: Store) -> None:
    db.record(an_entry(), {"accuracy": np.array([1.0])})
    plain = sqlite3.connect(db.path)
    try:
        tables = dict(plain.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT GLOB 'sqlite*'"))
        assert tables == dict.fromkeys(("board", "entry", "standing", "resampled", "assessment", "replicates"), 1)
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        plain.close()


# ---------------------------------------------------------------------------------------------------- files gone wrong


def test_a_corrupt_file_says_so_and_how_to_mend_it(tmp_path: Path) -> None:
    db = Store(tmp_path / "leaderboard.db")
    db.path.write_bytes(b"this is not a database, whatever its name says " * 40)
    for act in (db.entries, lambda: db.record(an_entry())):
        with pytest.raises(UnusableIndexError, match=REBUILD) as caught:
            act()
        assert str(caught.value).startswith(f"{db.path} is damaged, or no database (file is not a database). It is only an index")


def test_a_file_cut_short_is_damaged(db: Store) -> None:
    db.rebuild((an_entry(i, seed=i), {}) for i in range(60))
    whole = db.path.read_bytes()
    db.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnusableIndexError, match=REBUILD):
        db.entries()


@pytest.mark.parametrize(
    ("table", "document"),
    [("entry", "{"), ("entry", '{"id": 1}'), ("entry", b"\xff\xfe"), ("standing", "[]"), ("standing", '{"intervals": 5}')],
    ids=str,
)
def test_a_damaged_row_is_damage(db: Store, table: str, document: str | bytes) -> None:
    db.record(an_entry())
    plain = sqlite3.connect(db.path)
    plain.execute(f"UPDATE {table} SET document = CAST(? AS TEXT)", [document])
    plain.commit()
    plain.close()
    with pytest.raises(UnusableIndexError, match=f"{db.path} is damaged.*{REBUILD}"):
        _ = db.entries() if table == "entry" else db.standings(BOARD, "f1-macro", "max")


@pytest.mark.parametrize(
    ("version", "said"),
    [(store.VERSION + 1, "a newer genoboard.*Update genoboard, or rebuild it"), (store.VERSION - 1, "an older genoboard")],
)
def test_another_versions_file_says_so(db: Store, version: int, said: str) -> None:
    db.record(an_entry())
    plain = sqlite3.connect(db.path)
    plain.execute(f"PRAGMA user_version = {version}")
    plain.close()
    for act in (db.entries, lambda: db.record(an_entry(1))):
        with pytest.raises(UnusableIndexError, match=rf"was made by {said}.*{REBUILD}") as caught:
            act()
        assert f"(schema {version}; this one reads schema {store.VERSION})" in str(caught.value)


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.db"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE entry (id)")
    theirs.close()
    before = path.read_bytes()
    for act in (Store(path).entries, lambda: Store(path).record(an_entry())):
        with pytest.raises(UnusableIndexError, match="is somebody else's database") as caught:
            act()
        assert str(caught.value).endswith("Move it away, or let 'genoboard leaderboard --rebuild' do so.")
    assert path.read_bytes() == before
    assert Store(path).rebuild([(an_entry(), {})]) == 1
    assert (tmp_path / "leaderboard.db.aside").read_bytes() == before


def test_rebuild_makes_the_index_anew(db: Store) -> None:
    db.record(an_entry(0, "gone"), {"accuracy": np.array([1.0])})
    entries = [an_entry(i, seed=i) for i in range(5)]
    assert db.rebuild((e, {"accuracy": np.full(3, e.seed, dtype=float)}) for e in entries) == 5
    assert db.entries() == entries
    assert db.standings(BOARD, "f1-macro", "max") == standings(entries, "f1-macro", "max")
    assert db.boards() == [(BOARD, 5)]
    np.testing.assert_array_equal(db.replicates(entries[3].id, "accuracy"), [3.0, 3.0, 3.0])


def test_rebuild_mends_a_damaged_file(db: Store) -> None:
    db.record(an_entry(0, "gone"))
    db.path.write_bytes(b"x" * 5000)
    assert db.rebuild([(an_entry(), {})]) == 1
    assert db.entries() == [an_entry()]


def test_a_rebuild_that_stops_in_the_middle_changes_nothing(db: Store) -> None:
    db.record(an_entry())

    def records() -> Iterator[tuple[Entry, Mapping[str, Any]]]:
        yield an_entry(1, "new"), {}
        raise LeaderboardError("run.json of the second folder is damaged")

    with pytest.raises(LeaderboardError, match=r"run\.json of the second"):
        db.rebuild(records())
    assert db.entries() == [an_entry()]
    assert db.standings(BOARD, "f1-macro", "max") == standings([an_entry()], "f1-macro", "max")


def test_an_old_sqlite_is_named(db: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 26, 0))
    with pytest.raises(LeaderboardError, match=r"comes with SQLite 3\.26\.0, which.*Use a Python with SQLite 3\.37 or newer"):
        db.record(an_entry())


def test_a_writer_that_waits_in_vain_says_so(db: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    db.record(an_entry())
    monkeypatch.setattr(store, "PATIENCE", 0.05)
    other = sqlite3.connect(db.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        assert db.entries() == [an_entry()], "a reader does not wait for a writer"
        with pytest.raises(LeaderboardError, match="was kept busy by another process") as caught:
            db.record(an_entry(1))
        assert not isinstance(caught.value, UnusableIndexError), "a rebuild would not help"
    finally:
        other.close()
    db.record(an_entry(1))
    assert len(db.entries()) == 2


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that another user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def as_nobody(code: str, folder: Path) -> str:
    """Run `code` without the right to write to `folder`; root drops to another user, since it may write anywhere."""
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom genoboard_leaderboard.store import Store\n"
        "from genoboard_leaderboard.errors import LeaderboardError\n"
        "from genoboard_leaderboard.entry import Entry, Board\n"
        "folder = Path(sys.argv[1])\n"
        "if os.getuid() == 0:\n    os.setgroups([])\n    os.setgid(65534)\n    os.setuid(65534)\n"
    )
    folder.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", script + code, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


RECORD = """
try:
    Store(folder / "leaderboard" / "leaderboard.db" if len(list(folder.iterdir())) == 0 else folder / "leaderboard.db").record(
        Entry("x", Board("a", "b", "c", "d", "e"), "n", "2025", "run"))
except LeaderboardError as error:
    print(error)
"""


@pytest.mark.parametrize("exists", [False, True])
def test_a_read_only_folder_says_what_to_do(public_folder: Path, exists: bool) -> None:
    if exists:
        Store(public_folder / "leaderboard.db").record(an_entry())
    said = as_nobody(RECORD, public_folder)
    assert "leaderboard.db cannot be opened or written (" in said
    assert f"Make the folder {public_folder}" in said
    assert "or choose another workspace with --workspace or GENOBOARD_WORKSPACE." in said


def test_a_board_in_a_read_only_folder_is_read(public_folder: Path) -> None:
    Store(public_folder / "leaderboard.db").record(an_entry())
    assert as_nobody("print([e.id for e in Store(folder / 'leaderboard.db').entries()])", public_folder) == "['00000-forest']\n"
    assert [p.name for p in public_folder.iterdir()] == ["leaderboard.db"]


def test_rebuild_in_a_read_only_folder_says_what_to_do(public_folder: Path) -> None:
    (public_folder / "leaderboard.db").write_bytes(b"x" * 5000)
    code = "try:\n    Store(folder / 'leaderboard.db').rebuild([])\nexcept LeaderboardError as error:\n    print(error)\n"
    assert "or choose another workspace" in as_nobody(code, public_folder)


def test_a_full_disk_is_named(db: Store) -> None:
    db.record(an_entry())
    real = sqlite3.connect

    def small(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*args, **kwargs)
        connection.execute("PRAGMA max_page_count = 1")  # SQLite's own way of having no room: raised to what the file has
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(LeaderboardError, match=r"leaderboard\.db: the disk is full\. Free some space\."):
            db.record(an_entry(1), {"accuracy": np.zeros(100_000)})
    assert db.entries() == [an_entry()]


# ------------------------------------------------------------------------------------------- many writers, and kill -9

WRITER = """
import sys
from pathlib import Path
from genoboard_leaderboard import store
from genoboard_leaderboard.entry import Board, Entry, Score
if sys.argv[4]:
    store.MOUNTS = Path(sys.argv[4])
board = Board("brain-region", "demo", "d" * 16, "donor", "5" * 16)
db = store.Store(Path(sys.argv[1]))
for i in range(int(sys.argv[3])):
    id = f"{sys.argv[2]}-{i:05}"
    db.record(Entry(id, board, f"model-{i % 3}", f"2025-{id}", "run", seed=i, scores=(Score("f1-macro", i / 1000),)))
    print(id, flush=True)
"""


def a_writer(db: Store, who: int, entries: int, mounts: Path | str = "") -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(db.path), str(who), str(entries), str(mounts)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
def test_eight_processes_lose_nothing(db: Store, tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"somewhere / {kind} rw 0 0\n")
    writers = [a_writer(db, who, 25, mounts) for who in range(8)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        now = len(db.entries())
        assert now >= seen, "what was once read stays"
        seen = now
        time.sleep(0.02)
    for writer in writers:
        _, complaint = writer.communicate()
        assert (writer.returncode, complaint) == (0, "")
    entries = db.entries()
    assert sorted(e.id for e in entries) == [f"{who}-{i:05}" for who in range(8) for i in range(25)]
    assert db.standings(BOARD, "f1-macro", "max") == standings(entries, "f1-macro", "max")
    assert db.boards() == [(BOARD, 200)]


@pytest.mark.parametrize("kind", ["ext4", "nfs4"])
def test_a_killed_writer_leaves_a_whole_database(db: Store, tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"somewhere / {kind} rw 0 0\n")
    promised: list[str] = []
    for who in range(6):
        writer = a_writer(db, who, 100_000, mounts)
        assert writer.stdout is not None
        promised += [writer.stdout.readline().strip() for _ in range(3)]
        time.sleep(who / 300)  # another instant each time
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate()
        promised += rest.split()
        entries = db.entries()
        assert set(promised) <= {e.id for e in entries}, "a recorded entry stays"
        assert db.standings(BOARD, "f1-macro", "max") == standings(entries, "f1-macro", "max")
    db.record(an_entry())
    plain = sqlite3.connect(db.path)
    assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    plain.close()


def test_a_writer_killed_within_a_transaction_leaves_nothing_of_it(db: Store) -> None:
    db.record(an_entry())
    code = """
import sys, time
from pathlib import Path
from genoboard_leaderboard.entry import Board, Entry
from genoboard_leaderboard.store import Store
def records():
    for i in range(2000):  # more than SQLite holds back in memory
        yield Entry(f"new-{i}", Board("a", "b", "c", "d", "e"), "n", "2025", "run", reason="x" * 5000), {}
    print("now", flush=True)
    time.sleep(600)
Store(Path(sys.argv[1])).rebuild(records())
"""
    writer = subprocess.Popen([sys.executable, "-c", code, str(db.path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "now\n"
    assert db.entries() == [an_entry()]
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    assert db.entries() == [an_entry()]
    db.record(an_entry(1))
    assert db.entries() == [an_entry(), an_entry(1)]


@pytest.mark.parametrize(
    ("mounts", "mode"),
    [
        ("/dev/vda / ext4 rw 0 0", "WAL"),
        ("/dev/vda / ext4 rw 0 0\nserver:/x /data/team nfs4 rw 0 0", "TRUNCATE"),
        ("/dev/vda / ext4 rw 0 0\nme@host: /data fuse.sshfs rw 0 0", "TRUNCATE"),
        ("server:/x / nfs rw 0 0\n/dev/vdb /data ext4 rw 0 0", "WAL"),
        ("/dev/vda / ext4 rw 0 0\nserver:/x /data/team\\040two nfs4 rw 0 0", "WAL"),
        ("/dev/vda / ext4 rw 0 0\nx /data lustre rw 0 0\n/dev/vdb /data xfs rw 0 0", "WAL"),
        ("auto /data autofs rw 0 0\nx /data gpfs rw 0 0", "TRUNCATE"),
        ("x /data beegfs_nodev rw 0 0\nx /data/t cifs rw 0 0", "WAL"),
    ],
)
def test_network_file_systems_get_a_journal_that_works_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str, mode: str
) -> None:
    (tmp_path / "mounts").write_text(mounts + "\n")
    monkeypatch.setattr(store, "MOUNTS", tmp_path / "mounts")
    assert store.journal_mode(Path("/data/team/workspace")) == mode


def test_a_mount_point_may_hold_a_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mounts").write_text("/dev/vda / ext4 rw 0 0\nserver:/x /data/team\\040two nfs4 rw 0 0\n")
    monkeypatch.setattr(store, "MOUNTS", tmp_path / "mounts")
    assert store.journal_mode(Path("/data/team two/workspace")) == "TRUNCATE"
    monkeypatch.setattr(store, "MOUNTS", tmp_path / "nothing")
    assert store.journal_mode(Path("/data/team two/workspace")) == "WAL"


def test_a_database_moved_to_a_network_file_system_changes_its_journal(db: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db.record(an_entry())
    assert db.path.read_bytes()[18:20] == b"\x02\x02", "the file format's mark of WAL"
    (tmp_path / "mounts").write_text("server:/x / nfs4 rw 0 0\n")
    monkeypatch.setattr(store, "MOUNTS", tmp_path / "mounts")
    db.record(an_entry(1))
    assert db.path.read_bytes()[18:20] == b"\x01\x01"
    assert len(db.entries()) == 2


# ----------------------------------------------------------------------------------------------------------------- export


def a_document(entries: list[Entry], metrics: list[str] | None = None) -> dict[str, Any]:
    return export.document(BOARD, standings(entries, "f1-macro", "max"), metrics or METRICS[:2])


def test_the_document_is_the_promised_json() -> None:
    entries = [an_entry(0, value=0.8), an_entry(1, value=0.6, seed=1), failed(2, "knn", parameters={"missing": float("nan")})]
    document = json.loads(export.json(a_document(entries, METRICS)))
    assert {key: document[key] for key in ("task", "split", "data", "data_fingerprint", "split_fingerprint", "metric")} == {
        "task": "brain-region",
        "split": "donor",
        "data": "demo",
        "data_fingerprint": "d" * 16,
        "split_fingerprint": "5" * 16,
        "metric": "f1-macro",
    }
    best, last = document["standings"]
    assert (best["rank"], best["name"], best["entry"], best["seeds"]) == (1, "forest", "00000-forest", 2)
    assert best["scores"] == {"f1-macro": pytest.approx(0.7), "accuracy": pytest.approx(0.35), "auroc": None, "log-loss": None}
    assert best["intervals"] == {"f1-macro": pytest.approx([0.66, 0.74])}
    assert best["sd"]["f1-macro"] == pytest.approx(0.1414213562)
    assert (best["fold_mean"], best["fold_sd"], best["reasons"]) == ({}, {}, {"auroc": "one class"})
    assert (best["origin"], best["control"], best["code"]["state"]) == ("run", False, "unknown")
    assert (last["rank"], last["verdict"], last["reason"], last["scores"]["f1-macro"]) == (None, "timeout", "stopped after 60 s", None)
    assert last["parameters"] == {"missing": "NaN"}


def test_the_table_shows_scores_with_their_uncertainty() -> None:
    entries = [
        an_entry(0, "forest", 0.81234, scores=(Score("f1-macro", 0.81234, 0.78, 0.84), Score("accuracy", 0.9))),
        an_entry(1, "prior", 0.05, control=True, origin="run"),
        an_entry(2, "mine", 0.5, origin="file", seed=None),
        failed(3, "knn"),
    ]
    assert export.table(a_document(entries, METRICS[:3])) == (
        "brain-region: data demo (dddddddd), split donor\n"
        "\n"
        "#  name    f1-macro (95 % interval)    accuracy  auroc  from     notes\n"
        "1  forest  0.81234 [0.78000, 0.84000]   0.90000      -  run\n"
        "2  mine    0.50000 [0.46000, 0.54000]   0.25000      -  file\n"
        "3  prior   0.05000 [0.01000, 0.09000]   0.02500      -  control\n"
        "-  knn           -                            -      -  run      timeout\n"
        "\n"
        "knn: timeout: stopped after 60 s\n"
    )


def test_several_seeds_show_mean_and_sd() -> None:
    entries = [an_entry(i, value=0.5 + i / 100, seed=i) for i in range(3)]
    assert "0.51000 +- 0.01000 (3 seeds) [0.47000, 0.55000]" in export.table(a_document(entries))
    assert "| 0.51000 +- 0.01000 (3 seeds) [0.47000, 0.55000] |" in export.markdown(a_document(entries))


def test_cross_validated_boards_show_the_folds() -> None:
    entries = [an_entry(0, scores=(Score("f1-macro", 0.8, 0.7, 0.9, fold_mean=0.79, fold_sd=0.0123),)), an_entry(1, "late", 0.7)]
    for text in (export.table(a_document(entries)), export.markdown(a_document(entries))):
        assert "fold mean +- sd" in text
        assert "0.79000 +- 0.01230" in text
    assert "fold mean" not in export.table(a_document([an_entry()]))


def test_two_standings_of_one_name_are_told_apart() -> None:
    def said(*entries: Entry) -> list[str]:
        return [line.split("]")[1].strip() for line in export.table(a_document(list(entries), METRICS[:1])).splitlines() if "[" in line]

    code = [Code(source="a" * 20, state="released"), Code(source="b" * 20, state="dirty")]
    assert said(an_entry(0, code=code[0]), an_entry(1, "knn", code=code[1])) == ["run released", "run dirty"]
    assert said(an_entry(0, code=code[0]), an_entry(1, code=code[1])) == ["run released aaaaaa", "run dirty bbbbbb"]
    assert said(an_entry(0, parameters={"C": 1, "d": 2}), an_entry(1, parameters={"C": 5, "d": 2})) == ["run   C=1", "run   C=5"]
    assert said(an_entry(0, threads=1), an_entry(1, threads=2)) == ["run   threads=1", "run   threads=2"]
    files = [an_entry(i, origin="file", seed=None, submission_sha256=str(i)) for i in range(2)]
    assert said(*files) == ["file  00000-forest", "file  00001-forest"]


worst = [
    an_entry(
        i,
        "a-model-with-an-extraordinarily-long-name" if i < 4 else f"knn-{i}",
        control=i == 5,
        seed=i % 2,
        code=Code("plugin", "1", str(i // 2) * 20, "editable"),
        scores=tuple(Score(m, 0.5 + i / 100, 0.4, 0.6, fold_mean=0.5, fold_sd=0.1) for m in METRICS),
    )
    for i in range(8)
]


@pytest.mark.parametrize("entries", [worst, worst[4:], [*worst, failed(9, "slow", reason="word " * 80)]], ids=["worst", "short", "failed"])
@pytest.mark.parametrize("metrics", [METRICS[:3], METRICS])
def test_the_table_fits_and_names_what_does_not(entries: list[Entry], metrics: list[str]) -> None:
    text = export.table(a_document(entries, metrics), width=120)
    assert max(map(len, text.splitlines())) <= 120
    body, _, below = text.partition("\n\n")[2].partition("\n\n")
    for metric in metrics:
        assert metric in body.splitlines()[0] or metric in below, "shown, or named"
    for short in (0, 60):
        wrapped = export.table(a_document(entries, metrics), width=short or 80)
        assert [line[0] for line in wrapped.splitlines()[2:4]] == ["#", "1"], "and a narrow terminal gets a table too"


def test_metrics_may_be_chosen_and_a_long_header_is_folded() -> None:
    entries = [an_entry(0, scores=(Score("f1-macro", 0.5), Score("multiclass-log-loss", 1.25), Score("accuracy", 0.75)))]
    document = a_document(entries, ["f1-macro", "accuracy", "multiclass-log-loss"])
    assert export.table(document, ["f1-macro", "multiclass-log-loss"]).splitlines()[2:] == [
        "                                     multiclass-",
        "#  name    f1-macro (95 % interval)     log-loss  from",
        "1  forest  0.50000                       1.25000  run",
    ]
    assert "accuracy" not in export.markdown(document, ["multiclass-log-loss"])


def test_long_names_are_cut_in_the_table_only() -> None:
    document = a_document(worst, METRICS)
    name = worst[0].name
    assert name not in export.table(document)
    assert re.search(r"a-model-wit[a-z-]*…[a-z-]*-long-name ", export.table(document))
    for text in (export.csv(document), export.markdown(document), export.json(document)):
        assert name in text


def test_an_empty_board_says_so() -> None:
    document = a_document([])
    assert export.table(document) == export.markdown(document) == "brain-region: data demo (dddddddd), split donor\n\nNo entries yet.\n"
    assert len(export.csv(document).splitlines()) == 1
    assert json.loads(export.json(document))["standings"] == []


def test_a_standing_without_the_score_is_no_failure() -> None:
    text = export.table(export.document(BOARD, standings([an_entry()], "auroc", "max"), ["auroc", "f1-macro"]))
    assert "forest: no score: one class" in text


def test_csv_holds_full_numbers_and_empty_cells() -> None:
    entries = [an_entry(0, value=1 / 3), failed(1, "knn", reason='he said "no",\nthen died')]
    first, second = csv.DictReader(io.StringIO(export.csv(a_document(entries, METRICS[:3]))))
    assert (first["rank"], first["name"], first["entry"], float(first["f1-macro"])) == ("1", "forest", "00000-forest", 1 / 3)
    assert float(first["f1-macro_low"]) == 1 / 3 - 0.04
    assert (first["auroc"], first["sd"], first["seeds"], first["origin"]) == ("", "", "1", "run")
    assert (second["rank"], second["f1-macro"], second["verdict"], second["reason"]) == ("", "", "timeout", 'he said "no",\nthen died')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_nothing_of_the_csv(start: str) -> None:
    name = f"{start}cmd|' /C calc'!A0"
    (row,) = csv.DictReader(io.StringIO(export.csv(a_document([failed(0, name, reason=f"{start}1+1")])), newline=""))
    kept = start.replace("\r", "\n")
    assert (row["name"], row["reason"]) == (f"'{kept}cmd|' /C calc'!A0", f"'{kept}1+1")
    (row,) = csv.DictReader(io.StringIO(export.csv(a_document([an_entry(value=-0.25)]))))
    assert row["f1-macro"] == "-0.25", "a negative number is a number"


def test_a_hostile_name_reaches_neither_terminal_nor_page() -> None:
    document = a_document([an_entry(0, "\x1b[31mred\nnext | <script>")])
    lines = export.table(document).splitlines()
    assert lines[3].startswith("1   [31mred next | <script>  0.50000")
    assert export.markdown(document).splitlines()[4].startswith("| 1 |  [31mred next \\| &lt;script> | 0.50000")


def test_reading_a_board_imports_neither_numpy_nor_the_harness(db: Store) -> None:
    db.record(an_entry())
    code = (
        "import sys\nfrom pathlib import Path\nfrom genoboard_leaderboard import export\nfrom genoboard_leaderboard.store import Store\n"
        "db = Store(Path(sys.argv[1]))\nboard = db.boards()[0][0]\n"
        "print(export.table(export.document(board, db.standings(board, 'f1-macro', 'max'), ['f1-macro'])))\n"
        "print(sorted({'numpy', 'pandas', 'genoboard'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(db.path)], capture_output=True, text=True, check=True)
    assert "1  forest" in done.stdout
    assert done.stderr == "[]\n"
