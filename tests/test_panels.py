"""The standard panels: their numbers are those of independent code, and their drawings fit any page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, confusion_matrix, precision_recall_fscore_support, roc_auc_score, roc_curve

from genoboard import panels
from genoboard.competition import Competition
from genoboard.evaluation import evaluate, submit
from genoboard.figure import Figure, themed
from genoboard.plugins import load_plugins
from genoboard.results import NotDrawn, Results
from genoboard.scoring import Solution

CLASSES = ("ant", "bee", "cat", "dog")
PLUGINS = load_plugins()


def drawn(panel: Callable[..., Figure], results: Any, **options: Any) -> Figure:
    with themed():
        figure = panel(results, **options)
    root = ElementTree.fromstring(figure.svg)
    assert root.tag.endswith("svg")
    for own in ("#010203", "#c4c5c6,", "#fdfeff"):
        assert own not in figure.svg
    assert len(figure.svg) < 80_000
    assert len(figure.alt) > 20
    assert not figure.table.empty
    assert "nan" not in figure.alt
    return figure


def pets(predict: Mapping[str, Any] | None = None, n: int = 300, classes: tuple[str, ...] = CLASSES) -> Any:
    """Results of a made-up classification, without a workspace: what panels of predictions need."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, len(classes), n)
    p = rng.dirichlet(np.ones(len(classes)), n) + 0.7 * np.eye(len(classes))[truth] * rng.random((n, 1))
    p /= p.sum(axis=1, keepdims=True)
    group = np.arange(n) // 5
    solution = Solution(truth, classes, np.zeros(n, np.int64), group, "0" * 64)

    class Made(Results):
        """Results with the parts that are asked for put in place."""

        classes = property(lambda self: self.competition.classes)  # type: ignore[assignment]
        solution = property(lambda self: self.competition.solution)  # type: ignore[assignment]

        def __post_init__(self) -> None:
            pass

    entry = SimpleNamespace(cluster="nest", clusters=int(group.max()) + 1, standing="own", name="me")
    made = Made(SimpleNamespace(classes=classes, solution=solution), entry)  # type: ignore[arg-type]
    made.__dict__["prediction"] = p if predict is None else predict["p"](p, truth)
    return made


# Panels of a classification


def test_the_confusion_matrix_is_scikit_learns_in_the_order_that_was_asked() -> None:
    results = pets()
    order = ["dog", "ant", "cat", "bee"]
    figure = drawn(panels.confusion, results, order=order, blocks=[("ant", "bee"), ("cat", "bee")])
    names = np.array(CLASSES)
    expected = confusion_matrix(names[results.truth], names[results.labels], labels=order)
    assert (figure.table["count"].to_numpy().reshape(4, 4) == expected).all()
    np.testing.assert_allclose(figure.table["share of true"].to_numpy().reshape(4, 4), expected / expected.sum(axis=1, keepdims=True))
    assert f"{expected.trace()} of 300" in figure.alt
    assert "ant and bee" in figure.note
    assert (panels.counts_of(results) == confusion_matrix(results.truth, results.labels)).all()


def test_merged_classes_are_one_row_and_the_title_says_how_many_are_left() -> None:
    results = pets()
    merge = {"bee": "ant", "dog": "cat"}
    figure = drawn(panels.confusion, results, merge=merge)
    assert figure.title == "Confusion matrix, 2 classes"
    assert "bee into ant" in figure.note
    two = np.array([0, 0, 1, 1])
    assert (figure.table["count"].to_numpy().reshape(2, 2) == confusion_matrix(two[results.truth], two[results.labels])).all()


def test_an_order_that_lacks_a_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="lacks \\['dog'\\]"):
        drawn(panels.confusion, pets(), order=["ant", "bee", "cat"])


def test_precision_recall_and_f1_are_scikit_learns_with_intervals_around_them() -> None:
    results = pets()
    table = drawn(panels.per_class, results).table
    wide = table.pivot(index="class", columns="measure", values="value").loc[list(CLASSES)]
    precision, recall, f1, support = precision_recall_fscore_support(results.truth, results.labels)
    np.testing.assert_allclose(wide[["precision", "recall", "F1"]], np.column_stack([precision, recall, f1]))
    assert table.drop_duplicates("class").set_index("class")["support"].loc[list(CLASSES)].tolist() == support.tolist()
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    # of independent rows in groups of 5, an interval is about as wide as the binomial one
    se = np.sqrt(recall * (1 - recall) / support)
    half = table[table["measure"] == "recall"].set_index("class").loc[list(CLASSES)].eval("(high - low) / 2")
    np.testing.assert_allclose(half, 2 * se, rtol=0.35)


def test_roc_curves_are_scikit_learns_and_so_are_their_areas() -> None:
    results = pets()
    table = drawn(panels.roc, results).table
    for i, c in enumerate(CLASSES):
        part = table[table["class"] == c]
        positive, score = results.truth == i, results.prediction[:, i]
        false, true, _ = roc_curve(positive, score)
        grid = np.linspace(0, 1, 201)
        # steps: at a rate of the curve's own both sides of a step are right, so compare between
        np.testing.assert_allclose(
            np.trapezoid(part["true positive rate"], part["false positive rate"]), np.trapezoid(true, false), rtol=1e-12
        )
        assert np.interp(grid, part["false positive rate"], part["true positive rate"]) == pytest.approx(
            np.interp(grid, false, true), abs=1.01 / positive.sum()
        )
        assert part["auroc"].iloc[0] == pytest.approx(roc_auc_score(positive, score))
        assert part["low"].iloc[0] < part["auroc"].iloc[0] <= part["high"].iloc[0]


def test_a_class_without_test_rows_has_no_curve_and_is_named() -> None:
    results = pets(classes=(*CLASSES, "emu"))
    solution = results.competition.solution
    results.competition.solution = replace(solution, truth=np.where(solution.truth == 4, 0, solution.truth))
    figure = drawn(panels.roc, results)
    assert "emu" not in set(figure.table["class"])
    assert figure.note.endswith("Not defined here: emu.")
    drawn(panels.per_class, results)
    drawn(panels.confusion, results)


def test_two_classes_with_one_column_of_probabilities_are_drawn_too() -> None:
    results = pets({"p": lambda p, _: p[:, 1]}, classes=("no", "yes"))
    assert results.prediction.ndim == 1
    table = drawn(panels.roc, results).table
    assert table["auroc"].iloc[0] == pytest.approx(roc_auc_score(results.truth, results.prediction))
    assert set(table["class"]) == {"yes"}
    drawn(panels.reliability, results)
    precision = drawn(panels.per_class, results).table.query("measure == 'precision'").set_index("class")["value"]
    expected = precision_recall_fscore_support(results.truth, results.prediction > 0.5)[0]
    assert precision.loc[["no", "yes"]].tolist() == pytest.approx(expected.tolist())


def test_reliability_bins_count_every_row_once_and_give_back_ece_and_brier() -> None:
    results = pets()
    figure = drawn(panels.reliability, results)
    table = figure.table
    assert len(table) == 15
    assert table["rows"].sum() == 300
    filled = table[table["rows"] > 0]
    ece = (filled["rows"] * (filled["mean probability"] - filled["share right"]).abs()).sum() / 300
    brier = sum(brier_score_loss(results.truth == i, results.prediction[:, i]) for i in range(4))
    assert f"ECE {ece:.3f} [" in figure.alt
    assert f"Brier score {brier:.3f} [" in figure.alt
    assert (filled["low"] <= filled["share right"] + 1e-9).all()
    assert (filled["share right"] <= filled["high"] + 1e-9).all()


def test_labels_are_no_probabilities() -> None:
    results = pets({"p": lambda p, _: np.eye(p.shape[1])[p.argmax(axis=1)]})
    for panel in (panels.roc, panels.reliability):
        with pytest.raises(NotDrawn, match="holds labels"):
            drawn(panel, results)
    drawn(panels.confusion, results)


def test_a_regression_has_no_panels_of_classes() -> None:
    results = pets()
    results.competition.classes = ()
    for panel in (panels.confusion, panels.per_class, panels.roc, panels.reliability):
        with pytest.raises(NotDrawn, match="no classes"):
            drawn(panel, results)


# Panels of a board, on the demo cohort


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Results:
    """A board with two models and the controls; the entry is the forest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        workspace = tmp_path_factory.mktemp("board")
        competition = Competition.open("brain-region", "donor", "demo", workspace, PLUGINS)
        entry = evaluate(competition, "random-forest", parameters={"n_estimators": 40, "top": 200})
        evaluate(competition, "logistic-regression")
        evaluate(Competition.open("brain-region", "random", "demo", workspace, PLUGINS), "random-forest", parameters={"n_estimators": 40})
        return Results(competition, entry)


def test_model_comparison_shows_the_standings_as_the_board_has_them(board: Results) -> None:
    figure = drawn(panels.model_comparison, board)
    scored = [s for s in board.standings if s.rank is not None]
    table = figure.table
    assert table["name"].tolist() == [s.name for s in scored]
    assert table["value"].tolist() == [s.scores["f1-macro"] for s in scored]
    assert [tuple(r) for r in table[["low", "high"]].to_numpy()] == [s.intervals["f1-macro"] for s in scored]
    assert table["tied with best"].tolist() == [s.tied for s in scored]
    assert [r if r[0] == r[0] else None for r in map(tuple, table[["rank from", "rank to"]].to_numpy())] == [s.ranks for s in scored]
    assert table.loc[table["own"], "name"].tolist() == ["random-forest"]
    assert set(table.loc[table["control"], "name"]) == {"prior", "majority", "technical-covariates"}
    assert "technical-covariates" in figure.alt


def test_splits_show_own_best_and_control_of_each_split(board: Results) -> None:
    table = drawn(panels.splits, board).table
    assert table["split"].drop_duplicates().tolist() == ["donor", "random"]
    assert table["kind"].value_counts().to_dict() == {"this entry": 2, "best": 1, "best control": 2}, "on one it is the best itself"
    own = table[(table["split"] == "donor") & (table["kind"] == "this entry")]["value"].item()
    assert own == board.entry.scores[0].value
    best = table[(table["split"] == "donor") & (table["kind"] == "best")]["value"].item()
    assert best == max(s.scores["f1-macro"] or 0 for s in board.standings)


def test_splits_are_not_drawn_where_there_is_only_one(tmp_path: Path) -> None:
    competition = Competition.open("brain-region", "donor", "demo", tmp_path, PLUGINS)
    with pytest.raises(NotDrawn, match="no entries yet"):
        drawn(panels.splits, Results(competition, evaluate(competition, "majority")))


def test_top_features_are_the_models_own_by_symbol(board: Results) -> None:
    figure = drawn(panels.top_features, board)
    left = pd.read_csv(next(board.folder_of(board.entry).rglob("importances.csv")))
    left = left.sort_values("importance", ascending=False, kind="stable")
    np.testing.assert_allclose(figure.table["importance"], left["importance"])
    known = board.columns
    assert known is not None
    assert (figure.table["symbol"] == known["symbol"].loc[figure.table["feature"]].to_numpy()).all()
    assert figure.title == "Top 30 features"
    assert drawn(panels.top_features, board, n=5).title == "Top 5 features"


def test_flagged_features_are_marked(board: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    known = board.columns
    assert known is not None
    pancreas = known.index[known["symbol"] == "PNLIP"][0]
    table = pd.DataFrame(
        {"fold": [1, 2, 1, 2], "feature": [pancreas, pancreas, "DEMOG0001", "DEMOG0003"], "importance": [3.0, 1.0, 2.0, 4.0]}
    )
    monkeypatch.setattr(Results, "artifact", lambda *_: table)
    figure = drawn(panels.top_features, board)
    assert "PNLIP (!)" in figure.svg
    assert "PNLIP, same-day contamination" in figure.note
    assert figure.table["importance"].tolist() == [2.0, 2.0, 1.0], "the mean over folds, a feature that one leaves out counting 0 there"
    assert "2 folds" in figure.note


def test_a_file_leaves_no_importances(board: Results, tmp_path: Path) -> None:
    path = board.folder_of(board.entry) / "predictions.csv"
    entry = submit(board.competition, path, "by-hand")
    with pytest.raises(NotDrawn, match="left no table of importances"):
        drawn(panels.top_features, Results(board.competition, entry))
