"""Outputs: labels of several and values of several, from the data to the board."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, mean_squared_error, r2_score, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from genoboard import Dataset, DataSource, ModelSpec, Split, Task, hookimpl, outputs
from genoboard.apart import Apart
from genoboard.blend import blend
from genoboard.competition import Competition
from genoboard.datasheet import export
from genoboard.errors import DataError, InvalidSubmission
from genoboard.evaluation import cross_validate, evaluate, submit
from genoboard.plugins import Plugins, load_plugins
from genoboard.predicting import predict_outputs
from genoboard.rows import view
from genoboard.testing import check_task
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

LABELS, VALUES = ("kinase", "membrane", "nuclear"), ("height", "weight")
HERE = __name__


def rows(n: int = 180) -> tuple[pd.DataFrame, pd.DataFrame, np.random.Generator]:
    rng = np.random.default_rng(0)
    index = pd.Index([f"protein {i}" for i in range(n)])
    X = pd.DataFrame(rng.normal(size=(n, 6)).astype(np.float32), index=index, columns=[f"g{i}" for i in range(6)])
    groups = pd.DataFrame({"family": [f"family {i // 6}" for i in range(n)]}, index=index)
    return X, groups, rng


def of_labels() -> Dataset:
    X, groups, rng = rows()
    y = (X.to_numpy()[:, :3] + rng.normal(scale=0.7, size=(len(X), 3)) > 0.3).astype(float)
    return Dataset(X=X, y=pd.DataFrame(y, index=X.index, columns=list(LABELS)), groups=groups)


def of_values() -> Dataset:
    X, groups, rng = rows()
    y = X.to_numpy()[:, :2] * [2.0, 5.0] + rng.normal(scale=0.5, size=(len(X), 2))
    return Dataset(X=X, y=pd.DataFrame(y, index=X.index, columns=list(VALUES)), groups=groups)


def with_gaps() -> Dataset:
    X, groups, rng = rows()
    y = pd.Series(np.where(X["g0"] > 0, "high", "low"), index=X.index)
    return Dataset(X=X.mask(rng.random(X.shape) < 0.1), y=y, groups=groups)


def card(name: str, target: Any, make: str, names: tuple[str, ...], metrics: tuple[str, ...], **more: Any) -> Task:
    family = Split("family", asks="Of a family never seen?", null="prior", group="family", stratified=False)
    source = DataSource("demo", "made up", generate=f"{HERE}:{make}")
    return Task(name, name, "Tell.", "tabular", target, (source,), (family,), metrics, outputs=names, **more)


class Several:
    """A plugin of this module's own."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return [
            card("labels", "multilabel", "of_labels", LABELS, ("auroc", "log-loss", "f1", "auprc"), controls=("prior",)),
            card("values", "regression", "of_values", VALUES, ("mse", "r2", "spearman"), controls=("grand-mean",)),
            card("gaps", "binary", "with_gaps", (), ("auroc", "log-loss"), controls=("prior",), classes=("low", "high")),
        ]

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        forest = "sklearn.ensemble:RandomForestClassifier"
        return [
            ModelSpec("together", forest, "a forest of all labels", targets=("multilabel",), outputs=True, any_parameters=True),
            ModelSpec("grove", "sklearn.ensemble:RandomForestRegressor", "likewise of values", targets=("regression",), outputs=True),
        ]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, HERE, sys.modules[HERE])


@pytest.fixture
def plugins() -> Plugins:
    return load_plugins([Several()])


def compete(task: str, tmp_path: Path, plugins: Plugins) -> Competition:
    return Competition.open(task, workspace=tmp_path, plugins=plugins)


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3) | st.none(), min_size=1))
def test_what_is_packed_is_unpacked_to_the_bit(cells: list[list[float] | None]) -> None:
    frame = pd.DataFrame([c or [np.nan] * 3 for c in cells], columns=list("abc"), dtype=np.float64)
    packed = outputs.pack(frame, binary=False)
    assert packed.isna().tolist() == [c is None for c in cells]
    assert outputs.unpack(packed, "abc").tobytes() == frame.to_numpy().tobytes()


@pytest.mark.parametrize(
    ("row", "binary", "said"),
    [
        ([1.0, np.nan], False, r"Sample 'b': target 'y' is missing, and others of the row are there"),
        ([np.inf, 1.0], False, r"Sample 'b': target 'x' is infinite"),
        ([0.0, 0.5], True, r"Sample 'b': target 'y' is neither 0 nor 1, as a label of several is \(0\.5\)"),
    ],
)
def test_a_target_that_is_none_is_refused_by_row_and_column(row: list[float], binary: bool, said: str) -> None:
    with pytest.raises(DataError, match=said):
        outputs.pack(pd.DataFrame([[0.0, 1.0], row], index=["a", "b"], columns=["x", "y"]), binary)


def truth_and_prediction(competition: Competition, entry: Any) -> tuple[np.ndarray, np.ndarray]:
    path = competition.workspace.folder(entry.id, entry.board.task) / "predictions.csv"
    table = pd.read_csv(path, index_col=0).loc[list(competition.form.ids)]
    assert tuple(table.columns) == competition.task.outputs
    return competition.solution.truth, table.to_numpy()


@pytest.mark.parametrize("model", ["sklearn.linear_model:LogisticRegression", "together", "sklearn.svm:LinearSVC"])
def test_any_classifier_takes_labels_of_several(model: str, tmp_path: Path, plugins: Plugins) -> None:
    competition = compete("labels", tmp_path, plugins)
    entry = evaluate(competition, model)
    assert entry.verdict == "ok", entry.reason
    truth, p = truth_and_prediction(competition, entry)
    assert value(entry, "auroc") == pytest.approx(roc_auc_score(truth, p, average="macro"), abs=1e-9)
    assert value(entry, "auroc") > 0.65
    assert value(entry, "f1") == pytest.approx(f1_score(truth, p > 0.5, average="macro"), abs=1e-9)
    if not model.endswith("LinearSVC"):  # whose 0 and 1 everybody clips elsewhere
        assert value(entry, "log-loss") == pytest.approx(np.mean([log_loss(truth[:, c], p[:, c]) for c in range(3)]), abs=1e-9)
    assert all(s.low is not None and s.high is not None and s.low <= (s.value or 0.0) <= s.high for s in entry.scores)
    (control,) = (e for e in Store(competition.workspace.database).entries() if e.name == "prior")
    assert value(control, "auroc") == 0.5


@pytest.mark.parametrize("model", ["sklearn.linear_model:Ridge", "grove"])
def test_any_regressor_takes_values_of_several(model: str, tmp_path: Path, plugins: Plugins) -> None:
    competition = compete("values", tmp_path, plugins)
    entry = evaluate(competition, model)
    assert entry.verdict == "ok", entry.reason
    truth, p = truth_and_prediction(competition, entry)
    assert value(entry, "mse") == pytest.approx(mean_squared_error(truth, p), rel=1e-12)
    assert value(entry, "r2") == pytest.approx(r2_score(truth, p), rel=1e-12)
    (control,) = (e for e in Store(competition.workspace.database).entries() if e.name == "grand-mean")
    assert value(entry, "mse") < value(control, "mse") / 2


def test_a_label_that_no_training_row_has_is_predicted_as_that(tmp_path: Path, plugins: Plugins) -> None:
    model = Apart(lambda: LogisticRegression(), ("some", "none", "all"), labels=True)
    X = np.arange(8.0)[:, None]
    model.fit(X, np.column_stack([X[:, 0] > 3, np.zeros(8), np.ones(8)]).astype(float))
    frame, only = predict_outputs(model, pd.DataFrame(X), ("some", "none", "all"), labels=True)
    assert not only
    assert frame["some"].is_monotonic_increasing
    assert (frame["none"] == 0.0).all()
    assert (frame["all"] == 1.0).all()


def test_a_submission_made_by_hand_is_held_to_the_columns(tmp_path: Path, plugins: Plugins) -> None:
    competition = compete("labels", tmp_path, plugins)
    written = list(export(competition, tmp_path / "kaggle"))
    assert {p.name for p in written} >= {"train.csv", "test.csv", "sample_submission.csv"}
    train = pd.read_csv(tmp_path / "kaggle" / "train.csv")
    assert set(LABELS) <= set(train.columns)
    assert not set(LABELS) & set(pd.read_csv(tmp_path / "kaggle" / "test.csv").columns)
    sample = tmp_path / "kaggle" / "sample_submission.csv"
    entry = submit(competition, sample, "shares")
    assert value(entry, "auroc") == 0.5
    pd.read_csv(sample).drop(columns="nuclear").to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(InvalidSubmission, match="nuclear"):
        submit(competition, tmp_path / "short.csv", "short")
    # labels need not sum to 1
    pd.read_csv(sample).assign(**dict.fromkeys(LABELS, 1.0)).to_csv(tmp_path / "all.csv", index=False)
    assert submit(competition, tmp_path / "all.csv", "all").verdict == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("task", ["labels", "values"])
def test_rows_cross_validation_and_blends_know_all_columns(task: str, tmp_path: Path, plugins: Plugins) -> None:
    competition = compete(task, tmp_path, plugins)
    y = view(competition).train.y
    assert tuple(y.columns) == competition.task.outputs
    model, other = {
        "labels": ("sklearn.linear_model:LogisticRegression", "together"),
        "values": ("sklearn.linear_model:Ridge", "grove"),
    }[task]
    inside = cross_validate(competition, model)
    assert inside.scores[0].value is not None
    for one in (model, other):
        evaluate(competition, one, name=one.rpartition(":")[2], oof=True)
    both = blend(competition, [model.rpartition(":")[2], other], name="both")
    assert both.entry.verdict == "ok"
    assert [sum(of) for of in zip(*both.weights.values(), strict=True)] == pytest.approx([1.0])


@pytest.mark.parametrize("task", ["labels", "values"])
def test_such_a_task_passes_its_check_and_its_truth_is_the_best(task: str, plugins: Plugins) -> None:
    assert [f for f in check_task(plugins.tasks[task], plugins) if not f.ok] == []


@pytest.mark.parametrize(
    ("model", "filled"),
    [
        ("sklearn.linear_model:LogisticRegression", True),
        ("sklearn.ensemble:HistGradientBoostingClassifier", False),
        (make_pipeline(SimpleImputer(), LogisticRegression()), False),
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
    ],
)
def test_missing_values_are_filled_for_a_model_that_takes_none(model: Any, filled: bool, tmp_path: Path, plugins: Plugins) -> None:
    competition = compete("gaps", tmp_path, plugins)
    entry = evaluate(competition, model, name="it")
    if isinstance(model, Pipeline) and isinstance(model[0], StandardScaler):
        # a scaler lets them pass, and what comes after it fails: the pipeline said that it takes them
        assert entry.verdict == "failed"
        assert "NaN" in entry.reason
        return
    assert entry.verdict == "ok", entry.reason
    assert value(entry, "auroc") > 0.8
    said = [n for n in entry.notes if "missing values were filled with the medians of the training rows" in n]
    assert bool(said) is filled
    if filled:
        X = competition.data.X()
        asked = np.concatenate([competition.folds[0].train, competition.folds[0].test])
        assert said[0].startswith(f"{int(X.iloc[asked].isna().to_numpy().sum()):,} ")


def value(entry: Entry, metric: str) -> float:
    found = entry.score(metric)
    assert found is not None
    assert found.value is not None
    return found.value
