"""A report: what it says of an entry, what its panels draw, and what becomes of one that cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from genoboard import (
    Dataset,
    DataSource,
    Figure,
    NotDrawn,
    Results,
    Split,
    Task,
    UnknownName,
    UsageError,
    canvas,
    evaluate,
    hookimpl,
    reporting,
)
from genoboard.competition import Competition
from genoboard.evaluation import submit
from genoboard.figure import INK, PAPER
from genoboard.importance import permuted
from genoboard.plugins import Plugins, load_plugins

SHAPES = ("flat", "round")
ROWS = 240


def cohort() -> Dataset:
    rng = np.random.default_rng(0)
    code = rng.integers(0, 2, ROWS)
    index = pd.Index([f"P{i:03d}" for i in range(ROWS)], dtype="str")
    X = pd.DataFrame(rng.normal(size=(ROWS, 6)).astype(np.float32), index=index, columns=[f"x{i}" for i in range(6)])
    X["x2"] += (2.0 * code).astype(np.float32)
    return Dataset(
        X=X,
        y=pd.Series([SHAPES[c] for c in code], index=index, dtype="str"),
        groups=pd.DataFrame({"beach": [f"B{i // 6:02d}" for i in range(ROWS)]}, index=index),
        unit="cm",
    )


def counts(results: Results) -> Figure:
    table = pd.DataFrame({"shape": results.classes, "rows": np.bincount(results.truth)})
    drawing, axes = canvas(height=2)
    axes.barh(table["shape"], table["rows"])
    axes.text(0, 0, "inside", color=PAPER)
    return Figure.of(drawing, "Shapes", table, "As many flat as round.", "Test rows alone.")


def several(results: Results) -> Iterable[Figure]:
    for number in (1, 2):
        yield replace(counts(results), title=f"Number {number}")


def nothing(results: Results) -> Figure:
    raise NotDrawn("there is nothing to see")


def broken(results: Results) -> Figure:
    raise ZeroDivisionError("by zero")


TASK = Task(
    name="beach", title="Beach", summary="a task for tests", kind="tabular", target="multiclass", classes=SHAPES,
    sources=(DataSource("demo", "pebbles", generate=f"{__name__}:cohort", cite="Somebody. Pebbles. 2020.", licence="CC0"),),
    splits=(Split("beach", "Does it know pebbles of other beaches?", "prior", group="beach"),),
    metrics=("accuracy", "auroc", "multiclass-log-loss"), controls=("prior",),
    panels=tuple(f"{__name__}:{f}" for f in ("counts", "several", "nothing", "broken")),
    references=("A study of pebbles.",),
)  # fmt: skip


NEAREST = """
import numpy as np

class Nearest:
    def fit(self, X, y):
        self.middle_ = np.mean([X["x2"][y == c].mean() for c in (0, 1)])
        return self

    def predict_proba(self, X):
        odds = 1 / (1 + np.exp(-2 * (X["x2"].to_numpy() - self.middle_)))
        return np.stack([1 - odds, odds], axis=1)
"""


class Beach:
    """A plugin that brings this task and a model."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return (TASK,)


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(extra=[Beach()])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, cache: Path, plugins: Plugins) -> Results:
    """An entry of a model by its path."""
    place = tmp_path_factory.mktemp("beach")
    (place / "nearest.py").write_text(NEAREST, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        competition = Competition.open("beach", None, None, place, plugins)
        entry = evaluate(competition, f"{place / 'nearest.py'}:Nearest")
        assert entry.verdict == "ok", entry.reason
        return reporting.results_of("Nearest", place, plugins=plugins)


def test_panels_are_drawn_in_the_cards_order_and_those_that_are_not_say_why(results: Results) -> None:
    drawn, missing = reporting.figures(results)
    assert [f.title for f in drawn] == ["Shapes", "Number 1", "Number 2"]
    assert missing == [("nothing", "there is nothing to see"), ("broken", "it failed: ZeroDivisionError: by zero")]


def test_a_drawing_takes_its_colours_from_the_page_and_alone_it_has_its_own(results: Results, tmp_path: Path) -> None:
    drawn, _ = reporting.figures(results)
    assert INK not in drawn[0].svg
    assert "currentColor" in drawn[0].svg
    assert "var(--paper, #ffffff)" in drawn[0].svg
    wrote = reporting.write_figures(drawn, tmp_path / "figures")
    assert [p.name for p in wrote[:3]] == ["01-shapes.svg", "01-shapes.csv", "01-shapes.pdf"]
    alone = wrote[0].read_text(encoding="utf-8")
    ElementTree.fromstring(alone)
    assert "currentColor" not in alone
    assert "var(" not in alone
    assert pd.read_csv(wrote[1]).equals(drawn[0].table.astype({"shape": "str"}))
    assert wrote[2].read_bytes().startswith(b"%PDF")


def test_the_same_entry_gives_the_same_page_twice(results: Results) -> None:
    first, second = (reporting.page(results, *reporting.figures(results)) for _ in range(2))
    assert first == second


def test_the_page_tells_scores_place_card_and_methods(results: Results) -> None:
    page = reporting.page(results, *reporting.figures(results))
    entry = results.entry
    for score in entry.scores:
        assert f"{score.value:.5f}" in page, score.metric
    assert "control: prior" in page
    assert entry.board.data_fingerprint in page
    assert entry.submission_sha256 in page
    assert "there is nothing to see" in page
    assert "A study of pebbles." in page
    methods = reporting.methods(results)
    assert f"({ROWS} rows, 6 features, cm; data fingerprint {entry.board.data_fingerprint[:16]})" in methods
    assert "no beach on both sides" in methods
    assert f"here {results.solution.clusters} groups of one beach" in methods
    assert f"The result is accuracy {entry.scores[0].value:.5f} [{entry.scores[0].low:.5f}, {entry.scores[0].high:.5f}]." in methods
    assert reporting.lead(results)[1].startswith("Rank 1 of 2, true rank 1")


def test_results_hold_what_a_panel_is_promised(results: Results) -> None:
    assert len(results.rows) == ROWS
    assert set(results.train).isdisjoint(results.test)
    assert results.prediction.shape == (len(results.test), 2)
    truth = results.rows["y"].iloc[results.test]
    assert [SHAPES[c] for c in results.truth] == list(truth)
    right = results.labels == results.truth
    recorded = results.scores()["accuracy"]
    assert recorded.value == right.mean()
    assert results.measure(results.metrics[0]) == recorded
    half = results.measure(results.metrics[0], where=right)
    assert half.value == 1.0
    alone = results.measure(results.metrics[1], where=results.truth == 0)
    assert alone.value is None
    assert "class 0 of 2 is that of every row" in alone.reason
    control = results.representative(next(s for s in results.standings if s.control))
    assert np.ptp(results.prediction_of(control)[:, 0]) == 0
    assert set(results.elsewhere["split"]) == {"beach"}
    with pytest.raises(NotDrawn, match="Nearest left no table of weights"):
        results.artifact("weights")


def test_a_shuffled_feature_costs_what_the_model_made_of_it(results: Results) -> None:
    found = permuted(results)
    assert found["feature"].iloc[0] == "x2"
    best = found.iloc[0]
    assert best["importance"] > 0.2
    assert 0 < best["low"] < best["importance"] < best["high"]
    assert (found["importance"][1:] == 0).all(), "the model looks at nothing else"
    kept = results.artifact("permuted")
    assert list(kept["feature"]) == list(found["feature"])


def test_a_file_has_no_model_to_ask(results: Results, tmp_path: Path) -> None:
    form = results.competition.form
    path = tmp_path / "mine.csv"
    pd.DataFrame(results.prediction, index=pd.Index(form.ids, name=form.id_column), columns=list(form.classes)).to_csv(path)
    entry = submit(results.competition, path, "mine")
    with pytest.raises(UsageError, match="mine is a file: there is no model to ask"):
        permuted(Results(results.competition, entry))


def test_what_cannot_be_reported_is_named(results: Results, plugins: Plugins) -> None:
    place = results.competition.workspace.root
    with pytest.raises(UnknownName, match=r"There is no entry named 'Nearst'\. Did you mean Nearest"):
        reporting.results_of("Nearst", place, plugins=plugins)
    (place / "absent.py").write_text("class Absent:\n    def fit(self, X, y): raise ValueError('no')\n    def predict(self, X): ...\n")
    failed = evaluate(results.competition, f"{place / 'absent.py'}:Absent")
    assert failed.verdict == "failed"
    with pytest.raises(UsageError, match="Absent gave no predictions"):
        reporting.results_of("Absent", place, plugins=plugins)


def test_what_to_cite_names_datasets_licences_and_studies(plugins: Plugins) -> None:
    assert reporting.cite(plugins, "beach") == {
        "task": "beach",
        "title": "Beach",
        "datasets": [{"name": "demo", "cite": "Somebody. Pebbles. 2020.", "licence": "CC0"}],
        "references": ["A study of pebbles."],
    }


def test_the_page_needs_nothing_from_elsewhere(results: Results) -> None:
    page = reporting.page(results, *reporting.figures(results))
    assert len(page.encode()) < 300_000
    assert not re.search(r"""(src|href)=["']https?:""", page)
