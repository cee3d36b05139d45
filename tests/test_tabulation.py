"""Tabulation: what is made for tables enters on a board of binned designs, fitted on as many rows as a table may have, and is told so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import genoboard
from genoboard import Dataset, DataSource, Design, ModelSpec, Slots, Split, Task, UsageError, hookimpl
from genoboard.competition import Competition
from genoboard.plugins import load_plugins
from genoboard.tabulation import MOST_ROWS
from genoboard_leaderboard.entry import Entry

GENES, CELLS, BINS = 2 * MOST_ROWS // 10 + 200, 10, 4


def dataset(n_genes: int) -> Dataset:
    """Return genes x 10 cells x 4 bins, a region in each of them; the target is the sum of two bins."""
    rng = np.random.default_rng(3)
    slot, none = np.arange(n_genes * BINS), np.zeros(0, np.float32)
    gene, cell = (a.astype(np.int32) for a in np.divmod(np.arange(n_genes * CELLS), CELLS))
    index = pd.Index([f"g{g}-c{c}" for g, c in zip(gene, cell, strict=True)], dtype="str")
    X = Design(
        index=index,
        gene=gene,
        cell=cell,
        genes=np.arange(n_genes, dtype=np.int32),
        cells=np.arange(CELLS, dtype=np.int32),
        distance=np.array([50, 150, -50, -150], np.int32),
        openness=rng.gamma(1.0, 2.0, (CELLS, len(slot))).astype(np.float32),
        regions=slot.astype(np.int32),
        slots=Slots(
            start=np.arange(n_genes + 1) * BINS,
            bin=(slot % BINS).astype(np.int32),
            entry=np.arange(len(slot) + 1),
            region=slot.astype(np.int32),
            weight=np.ones(len(slot), np.float32),
            centre=none,
            factor=none,
        ),
    )
    y = X.dot(np.array([1.0, 0.0, 2.0, 0.0])) + 0.01 * rng.normal(size=len(index))
    groups = pd.DataFrame({"gene": gene, "cell": cell}, index=index).astype("str")
    return Dataset(X, pd.Series(y, index=index), groups)


def many() -> Dataset:
    """Return more rows than a table may have, in either half of them."""
    return dataset(GENES)


def few() -> Dataset:
    return dataset(30)


HALVES = Split("halves", "And a gene it has not seen?", "grand-mean", group="gene", folds=2, stratified=False)
TASK = Task(
    "tiny-bins", "Tiny bins", "a task for tests", "bins", "regression", splits=(HALVES,), metrics=("mse", "r2"), controls=("grand-mean",),
    sources=tuple(DataSource(n, "four bins", generate=f"{__name__}:{n}") for n in ("few", "many")),
)  # fmt: skip

MODELS = """
import numpy as np
import pandas as pd


class Told:
    def __init__(self, asks=""):
        self.asks = asks

    def fit(self, X, y, groups):
        self.told = pd.DataFrame({
            "type": [type(X).__name__], "rows": [len(X)], "y": [len(y)], "groups": [len(groups)], "ids": [X.index.is_unique],
            # of a design, the target is the sum of two bins: rows and target still belong together
            "fits": [float(np.abs((X.dense() if hasattr(X, "dense") else X.to_numpy()) @ [1, 0, 2, 0] - y).max())],
            "columns": [" ".join(X.columns)],
        })
        return self

    def predict(self, X):
        print("asked for", len(X), type(X).__name__)
        return np.zeros(len(X))

    def artifacts(self):
        return {"told": self.told}


class Binned(Told):
    kinds = ("bins",)
"""


class Tiny:
    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return (TASK,)

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return (ModelSpec("reader", "nowhere:Reader", "reads prose", kinds=("text",), targets=("regression",)),)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: the control enters once."""
    return tmp_path_factory.mktemp("tiny")


def compete(workspace: Path, data: str) -> Competition:
    return Competition.open("tiny-bins", "halves", data, workspace, load_plugins(extra=[Tiny()]))


def evaluate(competition: Competition, tmp_path: Path, model: str) -> tuple[Entry, Path]:
    """Enter a model, one of this file's `MODELS` where it is not dotted; return its entry and folder."""
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    entry = genoboard.evaluate(competition, model if ":" in model else f"{tmp_path / 'models.py'}:{model}")
    assert entry.verdict == "ok", entry.reason
    return entry, competition.workspace.folder(entry.id, "tiny-bins")


def told(folder: Path) -> dict[str, str]:
    return {k: v for (k, (v,)) in pd.read_csv(folder / "artifacts" / "told.csv", dtype="str").to_dict("list").items()}


def scores(entry: Entry) -> dict[str, float]:
    return {s.metric: s.value for s in entry.scores if s.value is not None}


def test_of_more_rows_than_the_cap_so_many_are_drawn_and_the_entry_says_so(workspace: Path, tmp_path: Path) -> None:
    competition = compete(workspace, "many")
    (fold,) = competition.folds
    assert min(len(fold.train), len(fold.test)) > MOST_ROWS
    entry, folder = evaluate(competition, tmp_path, "Told")
    assert entry.notes == (
        f"a model for tables: fitted on {MOST_ROWS:,} of {len(fold.train):,} training rows, drawn at random, since {len(fold.train):,} x 4 "
        'do not fit into a table. A model whose card says kinds=("bins",) is given all of them',
    )
    found = told(folder)
    assert (found["type"], found["rows"], found["y"], found["groups"], found["ids"]) == ("DataFrame", *[f"{MOST_ROWS}"] * 3, "True")
    # a spreadsheet would take it for a sum
    assert found["columns"] == "'+50 +150 -50 -150"
    assert float(found["fits"]) < 0.1, "rows and target are drawn together"
    assert len(pd.read_csv(folder / "predictions.csv")) == len(fold.test)
    log = (folder / "log.txt").read_text(encoding="utf-8")
    assert f"asked for {MOST_ROWS} DataFrame\nasked for {len(fold.test) - MOST_ROWS} DataFrame\n" in log


def test_of_fewer_rows_all_are_fitted_on_and_no_note_is_left(workspace: Path, tmp_path: Path) -> None:
    competition = compete(workspace, "few")
    entry, folder = evaluate(competition, tmp_path, "Told")
    assert entry.notes == ()
    assert told(folder)["rows"] == str(len(competition.folds[0].train))


def test_a_regressor_of_scikit_learn_enters_by_its_dotted_path_with_parameters_of_its_own(workspace: Path) -> None:
    competition = compete(workspace, "few")
    entry = genoboard.evaluate(competition, "sklearn.tree:DecisionTreeRegressor", parameters={"max_depth": 3})
    assert (entry.verdict, entry.notes) == ("ok", ())
    folder = competition.workspace.folder(entry.id, "tiny-bins")
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["entry"]["parameters"]["max_depth"] == 3
    predicted = pd.read_csv(folder / "predictions.csv", index_col=0)
    assert len(predicted) == len(competition.test)
    assert predicted.iloc[:, 0].nunique() <= 2**3
    assert scores(entry)["r2"] > 0.4


def test_each_row_has_its_own_prediction_though_they_are_made_piece_by_piece(workspace: Path, tmp_path: Path) -> None:
    competition = compete(workspace, "many")
    entry, folder = evaluate(competition, tmp_path, "sklearn.linear_model:LinearRegression")
    predicted = pd.read_csv(folder / "predictions.csv", index_col=0)
    assert predicted.index.tolist() == competition.data.rows.index[competition.test].tolist()
    assert scores(entry)["r2"] == pytest.approx(1, abs=1e-4)


def test_a_class_that_says_it_takes_bins_is_given_the_design_with_all_its_rows(workspace: Path, tmp_path: Path) -> None:
    competition = compete(workspace, "many")
    entry, folder = evaluate(competition, tmp_path, "Binned")
    rows = str(len(competition.folds[0].train))
    found = told(folder)
    assert (found["type"], found["rows"], found["y"], found["groups"]) == ("Design", rows, rows, rows)
    assert float(found["fits"]) < 0.1
    assert entry.notes == ()
    assert f"asked for {len(competition.test)} Design\n" in (folder / "log.txt").read_text(encoding="utf-8")


def test_a_model_that_reads_prose_is_refused_with_words(workspace: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^reader is made for text tasks with a regression target; tiny-bins is a bins task with a regression target"
    ):
        genoboard.evaluate(compete(workspace, "few"), "reader")


def test_a_classifier_is_refused_before_it_is_fitted(workspace: Path) -> None:
    entry = genoboard.evaluate(compete(workspace, "few"), "sklearn.tree:DecisionTreeClassifier")
    assert (entry.verdict, entry.reason) == ("failed", "DecisionTreeClassifier is a classifier; this task needs a regressor.")
