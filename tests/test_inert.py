"""A stranger's text: shown by terminals, spreadsheets and pages of Markdown, and obeyed by none of them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard import cli, record, reporting, terminal
from genoboard.figure import Figure
from genoboard.plugins import load_plugins
from genoboard.sandbox import Outcome
from genoboard.table import harmless
from genoboard.workspace import Workspace, slug
from genoboard_leaderboard import export, inert
from genoboard_leaderboard.entry import Board, Code, Entry, Score
from genoboard_leaderboard.ranking import standings
from genoboard_leaderboard.store import Store

HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e=cmd|' /C calc'!A0\r[x](javascript:1)<script>"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


def an_entry(board: Board, name: str, **fields: str) -> Entry:
    return Entry(
        id="1-x", board=board, name=name, created="2025-01-01T00:00:00.000001", origin="file", scores=(Score("f1-macro", -0.5),), **fields
    )


BOARD = Board("brain-region", "demo", "d" * 16, "donor", "5" * 16)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\ufeff@", "\u200b+", "\uff1d", "\xa0-"])
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(start: str) -> None:
    assert str(inert.cell(f"{start}cmd|' /C calc'!A0")).startswith("'")


@pytest.mark.parametrize("value", [-0.25, 7, None, True, "forest", "a=b", "-0.25", "+1e-3", "'quoted", "", "é", "\N{GRINNING FACE}"])
def test_numbers_and_plain_words_stay_as_they_are(value: object) -> None:
    assert inert.cell(value) == value


@given(st.text())
def test_no_cell_of_an_exported_csv_is_a_formula_or_steers_a_terminal(name: str) -> None:
    told = export.csv(export.document(BOARD, standings([an_entry(BOARD, name, reason=name)], "f1-macro", "max"), ["f1-macro", name]))
    assert not CONTROL.search(told)
    for row in csv.reader(io.StringIO(told, newline="")):
        for text in row:
            assert not text.startswith(("=", "+", "@", "\t", "\r", "\n", "-")) or float(text) == float(text)


@given(st.text())
def test_json_stays_json_whatever_the_names_hold(name: str) -> None:
    told = export.json(export.document(BOARD, standings([an_entry(BOARD, name)], "f1-macro", "max"), ["f1-macro"]))
    assert not CONTROL.search(told)
    assert json.loads(told)["standings"][0]["name"] == name


def test_a_markdown_table_holds_no_link_no_picture_and_no_markup_of_a_strangers() -> None:
    assert inert.markdown("![a](http://x/y.png)|<b>\x1b") == "![a]\\(http://x/y.png)\\|&lt;b> "


@pytest.fixture
def genoboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call the command line in this process, and return all that it printed."""

    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["genoboard", *words])
        with contextlib.suppress(SystemExit):
            cli.main()
        said = capsys.readouterr()
        return said.out + said.err

    return call


def a_board() -> tuple[Board, str]:
    """Return a board of brain-region, and the name of its primary metric."""
    plugins = load_plugins()
    card = plugins.task("brain-region")
    return Board(card.name, card.default_data, "d" * 16, card.split(None).name, "5" * 16), plugins.metrics_of(card)[0].name


@pytest.mark.parametrize("form", ["table", "csv", "json", "md", "latex", "html"])
def test_a_board_in_any_format_steers_no_terminal(
    form: str, genoboard: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    board, metric = a_board()
    scores = (Score(metric, 0.5),)
    entry = Entry("1-x", board, HOSTILE, "2025-01-01T00:00:00.000001", "file", scores=scores, team=HOSTILE, message=HOSTILE)
    Store(Workspace.here().database).record(entry)
    said = genoboard("leaderboard", board.task, "--format", form)
    assert "owned" in said
    assert not CONTROL.search(said)
    assert "1)<script>" not in said or form not in ("html", "md")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "  =", " \t@", "\xa0-", "\r\n+"])
def test_the_csv_of_a_board_begins_no_cell_as_a_formula_whoever_wrote_it(
    start: str, genoboard: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    board, metric = a_board()
    score = Score(metric, -0.5)
    evil = f"{start}cmd|' /C calc'!A0"
    said = {"team": evil, "message": evil, "model": evil, "reason": evil}
    Store(Workspace.here().database).record(
        Entry(
            "1-x",
            board,
            evil,
            "2025-01-01T00:00:00.000001",
            "plugin",
            scores=(score,),
            parameters={evil: evil},
            code=Code(plugin=evil, version=evil),
            **said,
        )
    )
    head, *rows = csv.reader(io.StringIO(genoboard("leaderboard", board.task, "--format", "csv"), newline=""))
    assert len(rows) == 1
    told = dict(zip(head, rows[0], strict=True))
    for column in ("name", "model", "reason", "plugin", "version"):
        assert told[column].startswith("'"), column
        assert "cmd|" in told[column]
    assert told[score.metric] == "-0.5", "a number stays one"
    for column, text in told.items():
        assert not re.match(r"\s*[=+@\t\r\n-]", text) or column == score.metric, column


def test_what_came_of_a_run_steers_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdout", terminal.Shown(sys.stdout))
    terminal.show_entry(tmp_path, an_entry(BOARD, HOSTILE, team=HOSTILE), quiet=False)
    terminal.show_entry(tmp_path, an_entry(BOARD, HOSTILE, verdict="failed", reason=HOSTILE), quiet=False)
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert "owned" in text
        assert not CONTROL.search(text)


def test_what_a_model_leaves_as_tables_runs_nothing_in_a_spreadsheet(tmp_path: Path) -> None:
    folder = record.SubmissionFolder.__new__(record.SubmissionFolder)
    folder.path = tmp_path
    folder.competition = SimpleNamespace(annotate=dict)  # type: ignore[assignment]
    tables = {"importances": pd.DataFrame({"=cmd|' /C calc'!A0": [" =1+1", "TP53"], "gain": ["-0.5", "1e-3"]}, dtype="str")}
    folder.write_artifacts([Outcome("ok", "", artifacts=tables)])
    (path,) = tmp_path.rglob("*.csv")
    assert path.read_text().splitlines() == ["'=cmd|' /C calc'!A0,gain", "' =1+1,-0.5", "TP53,1e-3"]


def test_an_error_about_a_hostile_file_steers_no_terminal(genoboard: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mtruth.csv").write_text("id,y\na,\x1b[2J\n")
    said = genoboard("score", str(tmp_path / "\x1b[31mtruth.csv"), "--solution", str(tmp_path / "\x1b[31mtruth.csv"), "--metric", "rmse")
    assert said.startswith("Error:")
    assert "\\u001b[31mtruth.csv" in said
    assert "\x1b" not in said


def test_what_a_model_says_is_shown_and_its_bars_become_lines(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.hear("\r10 %\r20 %\x1b[2J\r\n")
    assert capsys.readouterr().err == "\n10 %\n20 %\\u001b[2J\n"


def test_the_csv_of_a_figure_runs_nothing_in_a_spreadsheet(tmp_path: Path) -> None:
    table = pd.DataFrame({"=name": ["=1+1", "TP53"], "score": [-0.5, 1.0]}, index=pd.Index(["@a", "-1"], name="gene"))
    wrote = reporting.write_figures([_figure(table)], tmp_path)
    path = next(p for p in wrote if p.suffix == ".csv")
    assert path.read_text().splitlines() == ["gene,'=name,score", "'@a,'=1+1,-0.5", "-1,TP53,1.0"]


def test_a_table_made_harmless_leaves_the_one_it_was_made_of_alone() -> None:
    table = pd.DataFrame({"feature": ["=1+1", "TP53", None], "gain": [-1.0, 2.0, 3.0]})
    assert harmless(table)["feature"].tolist()[:2] == ["'=1+1", "TP53"]
    assert harmless(table)["gain"].tolist() == [-1.0, 2.0, 3.0]
    assert table["feature"].tolist()[0] == "=1+1"


def _figure(table: pd.DataFrame) -> Figure:
    return Figure(title="A figure", svg="<svg xmlns='http://www.w3.org/2000/svg'></svg>", table=table, alt="nothing")


@given(st.text())
def test_a_name_makes_a_folder_inside_the_workspace_and_nowhere_else(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,59}", slug(name))
