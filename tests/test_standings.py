"""What people see at a prompt and in a notebook: entries, boards and rows that show themselves, whatever others called them."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import genoboard
from genoboard_leaderboard import notebook
from genoboard_leaderboard.entry import Board, Code, Entry, Score

BOARD = Board("pebbles", "demo", "0" * 64, "cove", "1" * 64)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'\u202e&"


class Reader(HTMLParser):
    """Reads HTML as a browser does: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "every tag that is opened is closed"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def inert(self) -> bool:
        """Tell whether it is a table and nothing else: no script, no link, no picture, nothing from elsewhere."""
        return {t for t, _ in self.tags} <= {"div", "b", "table", "thead", "tbody", "tr", "th", "td"} and all(
            set(attrs) <= {"style", "scope"} and "url(" not in (attrs.get("style") or "") for _, attrs in self.tags
        )


def an_entry(**fields: Any) -> Entry:
    given = {
        "id": "20260101T000000-x",
        "board": BOARD,
        "name": "x",
        "created": "2026-01-01T00:00:00.000001+00:00",
        "origin": "run",
        **fields,
    }
    return Entry(**given)


def html(thing: Any) -> str:
    return str(thing._repr_html_())


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Any:
    """Two nearest neighbours under hostile names, a failure, and the controls of the demo."""
    place = tmp_path_factory.mktemp("board")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        for name, model in ((HOSTILE, "sklearn.neighbors:KNeighborsClassifier"), ("NA", "sklearn.naive_bayes:GaussianNB")):
            genoboard.evaluate("brain-region", model, name=name, workspace=place)
        genoboard.evaluate("brain-region", "sklearn.cluster:KMeans", name="clusters", workspace=place)
        return genoboard.leaderboard("brain-region", workspace=place)


# ------------------------------------------------------------------------------------------------------------------ entries


def test_an_entry_shows_its_scores_with_intervals_and_how_it_came_about() -> None:
    scores = (Score("f1-macro", 0.5, 0.4, 0.6), Score("auroc", None, reason="a class is absent"), Score("f1[flat]", 0.1))
    entry = an_entry(
        scores=scores, parameters={"C": 0.1, "kind": "rbf"}, seed=3, seconds_fit=1.25, code=Code("sklearn", "1.9", state="released")
    )
    shown = Reader(html(entry))
    assert shown.inert()
    text = " ".join(shown.text)
    for word in (
        "x",
        "f1-macro",
        "0.50000",
        "[0.40000, 0.60000]",
        "a class is absent",
        "C=0.1",
        'kind="rbf"',
        "seed 3",
        "sklearn 1.9 released",
        entry.id,
    ):
        assert word in text, word
    assert "f1[flat]" not in text
    assert "fold mean" not in text


def test_a_cross_validated_entry_shows_mean_and_sd_over_folds() -> None:
    assert "0.51000 ± 0.02000" in html(an_entry(scores=(Score("f1-macro", 0.5, 0.4, 0.6, fold_mean=0.51, fold_sd=0.02),)))


def test_an_entry_that_failed_shows_why_and_no_table() -> None:
    shown = html(an_entry(verdict="timeout", reason="it was still running after 7200 s"))
    assert "timeout: it was still running after 7200 s" in shown
    assert "<table" not in shown


@given(st.text(), st.text())
def test_no_text_of_an_entry_is_markup(one: str, other: str) -> None:
    entry = an_entry(
        name=one, reason=other, verdict="failed", parameters={one: other}, notes=(one, other), model=other, scores=(Score(one, 0.5),), held=other,
        removed=one, board=Board(one, other, one, other, one), code=Code(one, other),
    )  # fmt: skip
    assert Reader(html(entry)).inert()


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)), st.text())
def test_no_text_of_a_table_is_markup_and_none_is_lost(rows: list[list[str]], title: str) -> None:
    shown = Reader(notebook.table(title, ("a", "b"), rows, numeric=(0,), bold=(0,), below=[title]))
    assert shown.inert()
    told = "".join(shown.text)
    assert all("".join(c for c in cell if c.isprintable() and c != " ") in told.replace(" ", "") for row in rows for cell in row)


# ------------------------------------------------------------------------------------------------------------------- boards


def test_a_board_shows_itself_as_a_compact_table_that_does_nothing(board: Any) -> None:
    shown = Reader(html(board))
    assert shown.inert()
    text = " ".join(shown.text)
    for word in ("rank", "name", "f1-macro (95 % interval)", "true rank", "chance of best", "accuracy", "NA", "alert(1)"):
        assert word in text, word
    assert "f1[Amygdala]" not in text
    assert "[low, high] is the 95 % interval" in text
    assert not re.search(r"(?<!-)color: #|background: #", html(board)), "the notebook's own colours, light or dark"


def test_at_a_prompt_a_board_is_what_the_terminal_shows(board: Any) -> None:
    assert repr(board).startswith("brain-region: data demo (")
    assert "Best first; [low, high] is the 95 % interval" in repr(board)
    assert "NA" in repr(board)


def test_a_board_s_table_is_its_csv_with_every_value_as_it_is(board: Any) -> None:
    table = board.table()
    assert isinstance(table, pd.DataFrame)
    assert list(table["rank"].dropna()) == sorted(table["rank"].dropna())
    assert {HOSTILE, "NA"} <= set(table["name"])
    best = table.iloc[0]
    assert best["f1-macro_low"] < best["f1-macro"] < best["f1-macro_high"]
    assert len(table) == len(board.standings) == 6
    assert set(table.loc[table["verdict"] == "failed", "name"]) == {"clusters"}


def test_a_board_is_frozen(board: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        board.document = {}


def test_another_metric_orders_the_board_and_it_says_so(tmp_path: Path) -> None:
    genoboard.evaluate("brain-region", "prior", workspace=tmp_path)
    other = genoboard.leaderboard("brain-region", workspace=tmp_path, metric="multiclass_log_loss")
    assert "Ordered by multiclass-log-loss; the task ranks by f1-macro." in repr(other)
    losses = [row["scores"]["multiclass-log-loss"] for row in other.standings]
    assert losses == sorted(losses)
    assert [row["rank"] for row in other.standings] == [1, 2, 3]
    assert set(other.standings[0]["intervals"]) >= {"f1-macro", "multiclass-log-loss"}
    with pytest.raises(genoboard.UnknownName, match="Did you mean f1-macro"):
        genoboard.leaderboard("brain-region", workspace=tmp_path, metric="f1-macr")


def test_a_board_without_entries_says_what_comes_next(tmp_path: Path) -> None:
    empty = genoboard.leaderboard("brain-region", split="random", workspace=tmp_path)
    assert empty.standings == ()
    assert len(empty.table()) == 0
    assert "genoboard run brain-region MODEL --split random" in repr(empty)
    assert "genoboard run brain-region MODEL --split random" in html(empty)


# --------------------------------------------------------------------------------------------------------------------- rows


def test_rows_say_how_many_they_are_and_print_none_of_them() -> None:
    rows = genoboard.load("brain-region")
    assert repr(rows) == "\n".join(
        [
            "brain-region: data demo, split donor, 13 classes",
            "  train 560 rows x 600 features, 87 groups",
            "  test  140 rows x 600 features, 22 groups",
        ]
    )
    assert repr(rows.train) == "560 rows x 600 features, 87 groups"
    assert repr(genoboard.load("brain-region", split="donor-cv5")).count("fold ") == 5
