"""Own data: a user's file becomes a task, without Python: what is inferred, what is refused, and that everything works on it at once."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import page_step
from sklearn.metrics import f1_score, roc_auc_score

from genoboard import (
    DataError,
    GenoboardError,
    UsageError,
    audit,
    catalog,
    data,
    founding,
    output_panels,
    regression_panels,
    reporting,
    scoring,
    sparse,
    splits,
    table,
)
from genoboard.competition import Competition
from genoboard.evaluation import evaluate, submit
from genoboard.founding import Founded
from genoboard.plan import Wish
from genoboard.plugins import load_plugins
from genoboard.results import NotDrawn, Results
from genoboard.scoring import Solution
from genoboard.testing import check_task
from genoboard.workspace import Workspace

START = "import sys; sys.argv[0] = 'genoboard'; from genoboard.cli import main; main()"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a workspace with a cache of its own: datasets of one name are made anew in every test."""
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def patients(n: int = 120) -> pd.DataFrame:
    """Return samples of patients: numbers with gaps, categories, dates, texts, and whether the tumour grows."""
    rng = np.random.default_rng(1)
    size = rng.normal(10, 3, n)
    frame = pd.DataFrame(
        {
            "sample": [f"S{i:03}" for i in range(n)],
            "patient": [f"P{i // 4}" for i in range(n)],
            "age": rng.integers(20, 90, n).astype(float),
            "size, mm": size.round(2),
            "sex": rng.choice(["F", "M"], n),
            "smoker": rng.choice([True, False], n),
            "seen": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
            "note": [f"text {i}" for i in range(n)],
            "centre": "Basel",
            "grows": np.where(size + rng.normal(size=n) > 10, "yes", "no"),
        }
    )
    frame.loc[3:6, "age"] = np.nan
    frame.loc[7, "sex"] = None
    return frame


def written(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    return path


def made(home: Path, file: Path, *target: str, name: str = "mine", **wish: Any) -> Founded:
    place = Workspace(home)
    return founding.of_file(Wish(name, target, **wish), file, place, load_plugins(workspace=place))


def opened(home: Path, name: str = "mine", split: str | None = None) -> Competition:
    return Competition.open(name, split, workspace=home)


def refused(home: Path, frame: pd.DataFrame, *target: str, error: type[Exception] = DataError, **wish: Any) -> str:
    with pytest.raises(error) as caught:
        made(home, written(frame, home / "bad.csv"), *target, **wish)
    assert not (home / "tasks").exists(), "what failed leaves nothing behind"
    return str(caught.value)


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.tsv", "p.tsv.gz", "p.parquet"])
def test_a_table_becomes_a_task_whatever_its_format(home: Path, name: str) -> None:
    done = made(home, written(patients(), home / name), "grows", group="patient", id="sample")
    assert (done.task.target, done.task.classes) == ("binary", ("no", "yes"))
    assert [s.name for s in done.task.splits] == ["patient", "patient-cv5", "random"]
    X = done.prepared.X()
    assert list(X.columns) == ["age", "size, mm", "sex=F", "sex=M", "smoker=False", "smoker=True"]
    assert set(X.dtypes) == {np.dtype("float32")}
    original = done.prepared.original_ids.sort_values()
    row = X.loc[original.index[7]]
    assert (row["sex=F"], row["sex=M"]) == (0, 0)
    assert X["age"].isna().sum() == 4
    assert list(original) == list(patients()["sample"])
    notes = " / ".join(done.prepared.about["notes"])
    assert "4 missing values in 1 column of numbers" in notes
    assert "1 missing value of categories" in notes


def test_the_same_table_is_the_same_data_in_every_format(home: Path) -> None:
    frames = [
        made(home, written(patients(), home / f"p.{end}"), "grows", name=f"as-{end.replace('.', '-')}", id="sample").prepared
        for end in ("csv", "tsv.gz", "parquet")
    ]
    first = frames[0].X().set_axis(frames[0].original_ids).sort_index()
    for other in frames[1:]:
        pd.testing.assert_frame_equal(other.X().set_axis(other.original_ids).sort_index(), first, check_names=False)


def test_what_every_column_was_taken_for_is_told_and_can_be_said_otherwise(home: Path) -> None:
    file = written(patients(), home / "p.csv")
    told = "\n".join(made(home, file, "grows", group="patient", id="sample").said)
    for name, kind, why in (
        ("grows", "target", ""),
        ("patient", "group", ""),
        ("sample", "id", ""),
        ("age", "number", "4 missing"),
        ("smoker", "category", "False, True"),
        ("seen", "ignored", "dates"),
        ("note", "ignored", "another text in every row; --type note=category to keep it"),
        ("centre", "ignored", "one value only, 'Basel'"),
    ):
        line = next(line for line in told.splitlines() if line.split()[:1] == [name])
        assert line.split()[1] == kind
        assert why in line
    other = made(
        home, file, "grows", name="other", types=("note=category", "age=category", "smoker=ignore", "size, mm=ignore")
    ).prepared.X()
    assert sum(c.startswith("note=") for c in other) == 120
    assert not any(c.startswith(("smoker", "size")) for c in other)
    assert "age=44" in other
    toml = (home / "tasks" / "other" / "task.toml").read_text()
    assert 'ignore = ["sample", "size, mm", "smoker", "seen", "centre"]' in toml


def test_the_task_file_holds_a_relative_path_within_the_workspace_and_an_absolute_one_beyond(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made(home, written(patients(), home / "p.csv"), "grows")
    assert 'path = "../../p.csv"' in (home / "tasks" / "mine" / "task.toml").read_text()
    beyond = written(patients(), tmp_path_factory.mktemp("beyond") / "p.csv")
    made(home, beyond, "grows", name="far")
    assert f'path = "{beyond}"' in (home / "tasks" / "far" / "task.toml").read_text()


def test_the_readme_is_in_kaggles_form(home: Path) -> None:
    made(home, written(patients(), home / "p.csv"), "grows", group="patient")
    text = (home / "tasks" / "mine" / "README.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == ["# Mine", "## Overview", "## Data", "## Evaluation"]
    assert "`patient`" in text


@pytest.mark.parametrize(
    ("values", "target", "classes"),
    [
        (["0", "1"] * 30, "binary", ("0", "1")),
        (["case", "control"] * 30, "binary", ("control", "case")),
        ([True, False] * 30, "binary", ("False", "True")),
        ([1.0, 2.0] * 30, "binary", ("1", "2")),
        ([1, 2, 10] * 20, "multiclass", ("1", "2", "10")),
        (["b", "a", "c"] * 20, "multiclass", ("a", "b", "c")),
        (list(range(60)), "regression", ()),
        ([0.5, 1.5, 2.5] * 20, "regression", ()),
    ],
)
def test_the_kind_of_target_is_inferred(home: Path, values: list[Any], target: str, classes: tuple[str, ...]) -> None:
    frame = pd.DataFrame({"x": np.arange(60) * 0.1, "y": values})
    done = made(home, written(frame, home / "p.csv"), "y")
    assert (done.task.target, done.task.classes) == (target, classes)
    assert [s.name for s in done.task.splits] == ["random", "random-cv5"]
    assert not any(s.leaks for s in done.task.splits)


def test_whole_numbers_are_values_and_fractions_classes_where_that_is_said(home: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(60) * 0.1, "y": [1, 2, 3] * 20, "z": [0.5, 1.5] * 30})
    file = written(frame, home / "p.csv")
    assert made(home, file, "y", types=("y=number",)).task.target == "regression"
    assert made(home, file, "z", name="z", types=("z=category",)).task.classes == ("0.5", "1.5")


N = 40
BASE = {"x": np.arange(N) * 0.5, "g": [f"g{i // 4}" for i in range(N)]}


@pytest.mark.parametrize(
    ("columns", "target", "wish", "said"),
    [
        ({"y": "a"}, ["y"], {}, "the target 'y' is 'a' in every row"),
        ({"y": ""}, ["y"], {}, "the target 'y' has no value in any row"),
        ({"y": ["a"] * (N - 1) + ["b"]}, ["y"], {}, "line 41: the class 'b' of the target 'y' has this row only"),
        ({"y": [f"name {i}" for i in range(N)]}, ["y"], {}, "these are names, and no classes"),
        ({"y": [f"2020-01-{i % 28 + 1:02}" for i in range(N)]}, ["y"], {}, "the target 'y' holds dates"),
        ({"y": ["ACGT" * 6, "GGCA" * 6] * (N // 2)}, ["y"], {}, "the target 'y' holds sequences"),
        ({"y": [f"{i}.png" for i in range(N)]}, ["y"], {}, "the target 'y' holds names of image files"),
        ({"y": [1, 2, 3, 4] * (N // 4)}, ["y"], {"group": "g"}, "numbers the rows of every g from 1 on: this is ranking"),
        ({"time": np.arange(N) + 0.5, "event": [0, 1] * (N // 2)}, ["time", "event"], {}, "are a time and an event: this is survival"),
        ({"a": np.arange(N) + 0.5, "b": [0, 1] * (N // 2)}, ["a", "b"], {}, "'b' is a label, 0 or 1, and 'a' a value"),
        ({"a": ["u", "v"] * (N // 2), "b": [0, 1] * (N // 2)}, ["a", "b"], {}, "the target 'a' holds texts, such as 'u'"),
        ({"a": [1] + [0] * (N - 1), "b": [0, 1] * (N // 2)}, ["a", "b"], {}, "the label 'a' has one row of one of its values"),
        ({"a": 1, "b": [0, 1] * (N // 2)}, ["a", "b"], {}, "the target 'a' is '1' in every row"),
        ({"y": [0, 1] * (N // 2), "g": ["", *["h"] * (N - 1)]}, ["y"], {"group": "g"}, "line 2: the group column 'g' is empty"),
        ({"y": [0, 1] * (N // 2), "g": "h"}, ["y"], {"group": "g"}, "Split 'g' deals 5 parts, but there are only 1 gs"),
        ({"y": [0, 1] * (N // 2)}, ["y"], {"id": "g"}, "line 3: the id 'g0' in column 'g' stands at line 2 already"),
        ({"y": [0, 1] * (N // 2)}, ["why"], {}, "has no column 'why'."),
        ({"y": [0, 1] * (N // 2)}, ["y"], {"types": ("g=number",)}, "line 2, column 'g': 'g0' is no number"),
        (
            {"y": [0, 1] * (N // 2)},
            ["y"],
            {"types": ("x=ignore", "g=ignore")},
            "no column is left for models ('x': as you asked; 'g': as you asked)",
        ),
        ({"y": [0, 1] * (N // 2), "x": ["1e300", *["1"] * (N - 1)]}, ["y"], {}, "line 2, column 'x': 1e+300 is too large"),
        ({"y": ["inf", *["1.5", "2.5", "3.5"] * 13]}, ["y"], {}, "line 2, column 'y': inf is too large"),
    ],
)
def test_what_no_task_can_be_made_of_is_refused_by_name_with_the_reason(
    home: Path, columns: dict[str, Any], target: list[str], wish: dict[str, Any], said: str
) -> None:
    assert said in refused(home, pd.DataFrame({**BASE, **columns}), *target, **wish)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"types": ("x=float",)}, "write COL=KIND, where KIND is number, category, ignore"),
        ({"types": ("xx=number",)}, "there is no column 'xx'"),
        ({"types": ("g=number",), "group": "g"}, "it is the group column, which is no feature"),
        ({"group": "y"}, "Column 'y' cannot be group and target at once"),
        ({"layer": "counts"}, "--layer chooses a matrix of an .h5ad"),
        ({"metrics": ("aurok",)}, "Did you mean auroc"),
        ({"metrics": ("rmse",)}, "rmse reads values, and a binary target has none"),
        ({"metrics": ("s.py:f",)}, "there is no file s.py"),
        ({"direction": "max"}, "tell of a metric that is a function of a file"),
        ({"name": "brain-region"}, "There is a task 'brain-region' already, of tasks"),
        ({"name": "no name"}, "such as no-name"),
    ],
)
def test_words_that_do_not_fit_are_refused(home: Path, wish: dict[str, Any], said: str) -> None:
    frame = pd.DataFrame({**BASE, "y": [0, 1] * (N // 2)})
    assert said in refused(home, frame, "y", error=UsageError, **wish)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"a,b,a\n1,2,3\n", "line 1: two columns are called 'a', numbers 1 and 3"),
        ("t.csv", b"a,y\n1,2\n3\n", "line 3: Expected 2 columns, got 1"),
        ("t.csv", b"a;y\n1;2\n3;4\n", "seems to be divided by another sign"),
        ("t.csv", b"", "line 1: there are no names of columns"),
        ("t.csv", b"a,y\n", "has no rows"),
        ("t.csv", b"a,y\n1,\xff\n", "UTF8"),
        ("t.csv", b"\xff,y\n1,2\n", "line 1"),
        ("t.csv", gzip.compress(b"a,y\n1,2\n"), "is not what its name says"),
        ("t.csv.gz", b"a,y\n1,2\n", "is not what its name says"),
        ("t.parquet", b"a,y\n1,2\n", "Parquet"),
        ("t.h5ad", b"a,y\n1,2\n", "is no .h5ad"),
        ("t.xlsx", b"PK", "genoboard reads .csv, .tsv (.gz too), .parquet and .h5ad"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(home: Path, name: str, content: bytes, said: str) -> None:
    (home / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        made(home, home / name, "y")
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_a_copy_of_the_target_among_the_features_is_told(home: Path) -> None:
    frame = patients().assign(again=patients()["grows"])
    done = made(home, written(frame, home / "p.csv"), "grows")
    assert any("'again' is the target once more" in line for line in done.said)


def test_rows_without_a_target_are_left_out_and_counted(home: Path) -> None:
    frame = patients()
    frame.loc[[2, 5], "grows"] = ""
    done = made(home, written(frame, home / "p.csv"), "grows", id="sample")
    assert done.prepared.about["rows"] == 118
    assert "2 rows of 120 without a target left out; the first is line 4" in done.prepared.about["notes"]


ODD = ["a,b", 'c"d', "e\nf", "ä ö", "🧬", "x=y", "[k]", "<l>", " m ", "n\to", "target", "id", "part", "1", "'q'"]


@pytest.mark.slow
def test_odd_names_go_through_every_step(home: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({n: rng.normal(size=90) for n in ODD})
    frame["y"] = np.where(frame["🧬"] > 0, 'the "one", first', "other")
    frame["part "] = [f"é {i // 3}" for i in range(90)]
    done = made(home, written(frame, home / "odd.csv"), "y", group="part ")
    assert list(done.prepared.X().columns) == ODD
    for model in ("sklearn.naive_bayes:GaussianNB", "xgboost"):
        assert evaluate(opened(home), model).verdict == "ok"


@settings(max_examples=25)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=8), min_size=1, max_size=6, unique=True)
)
def test_any_names_of_columns_come_out_of_the_file_as_they_went_in(names: list[str]) -> None:
    import tempfile

    from genoboard import flatfiles

    with tempfile.TemporaryDirectory() as folder:
        frame = pd.DataFrame({n: [i, i + 1] for i, n in enumerate(names)})
        if not any(names[0].strip("\ufeff")):
            return
        path = written(frame, Path(folder) / "t.csv")
        assert flatfiles.read(path).names == [names[0].removeprefix("\ufeff"), *names[1:]]


@pytest.mark.slow
def test_everything_works_on_a_new_task_at_once(home: Path) -> None:
    made(home, written(patients(), home / "p.csv"), "grows", group="patient", id="sample")
    competition = opened(home)
    prior, logistic = (evaluate(competition, m) for m in ("prior", "logistic-regression"))
    assert logistic.score("auroc").value > 0.8 > prior.score("auroc").value  # type: ignore[operator, union-attr]
    assert any("missing values were filled" in n for n in logistic.notes)
    form, rows = competition.form, competition.data.rows
    own = home / "own.csv"
    pd.DataFrame({"grows": (rows["y"].loc[form.ids] == "yes").astype(float)}, index=pd.Index(form.ids, name="sample")).to_csv(own)
    assert submit(competition, own, "by hand").score("auroc").value == 1.0  # type: ignore[union-attr]
    wrong = [f for f in check_task(competition.task, competition.plugins) if not f.ok]
    assert not wrong


def test_several_labels_are_a_multilabel_task(home: Path) -> None:
    frame = patients()
    rng = np.random.default_rng(2)
    for i in range(3):
        frame[f"label {i}"] = (frame["size, mm"] + rng.normal(scale=2, size=len(frame)) > 9 + i).astype(int)
    frame["label 1"] = frame["label 1"].astype(bool)
    names = [f"label {i}" for i in range(3)]
    done = made(home, written(frame.drop(columns="grows"), home / "p.csv"), *names, group="patient")
    assert (done.task.target, done.task.outputs, done.task.classes) == ("multilabel", tuple(names), ())
    assert not any(s.stratified for s in done.task.splits)
    competition = opened(home)
    entry = evaluate(competition, "logistic-regression")
    assert entry.verdict == "ok"
    auroc = entry.score("auroc")
    assert auroc is not None
    assert auroc.value > 0.7  # type: ignore[operator]
    table = output_panels.scores_by_output(Results(competition, entry)).table
    assert sorted(table["output"]) == names
    assert table["value"].mean() == pytest.approx(auroc.value)
    assert (table["low"] < table["value"]).all()


def test_several_numbers_are_a_regression_of_several_values(home: Path) -> None:
    frame = patients().drop(columns="grows")
    frame["weight"] = 2 * frame["size, mm"] + 1
    frame["girth"] = -frame["size, mm"]
    done = made(home, written(frame, home / "p.csv"), "weight", "girth", group="patient")
    assert (done.task.target, done.task.outputs) == ("regression", ("weight", "girth"))
    competition = opened(home)
    entry = evaluate(competition, "ridge")
    assert entry.verdict == "ok"
    assert entry.score("r2").value > 0.9  # type: ignore[operator, union-attr]
    drawn, _ = reporting.figures(Results(competition, entry))
    assert {"Model comparison", "Scores by output", "Predicted against true", "Residuals by predicted value"} <= {f.title for f in drawn}
    assert set(next(f for f in drawn if f.title == "Predicted against true").table["output"]) == {"weight", "girth"}


@pytest.mark.slow
def test_a_regression_has_panels_of_its_values_and_a_classification_has_none(home: Path) -> None:
    frame = patients()
    file = written(frame, home / "p.csv")
    made(home, file, "size, mm", group="patient", types=("grows=category",))
    competition = opened(home)
    results = Results(competition, evaluate(competition, "ridge"))
    figure = regression_panels.predicted_against_true(results)
    truth, predicted = results.truth, results.prediction
    assert figure.table["r"].iloc[0] == pytest.approx(np.corrcoef(truth, predicted)[0, 1])
    assert figure.table["r2"].iloc[0] == pytest.approx(results.scores()["r2"].value)
    assert figure.table["slope"].iloc[0] == pytest.approx(np.polyfit(predicted, truth, 1)[0])
    left = regression_panels.residuals_by_prediction(results).table
    assert left["rows"].sum() == len(truth)
    assert np.average(left["mean residual"], weights=left["rows"]) == pytest.approx(float((predicted - truth).mean()))
    made(home, file, "grows", name="classes")
    classes = opened(home, "classes")
    with pytest.raises(NotDrawn, match="the target of classes is binary"):
        regression_panels.predicted_against_true(Results(classes, evaluate(classes, "prior")))


def test_a_file_that_has_changed_is_not_read_and_the_error_says_what_to_do(home: Path) -> None:
    file = written(patients(), home / "p.csv")
    done = made(home, file, "grows")
    catalog.forget(done.task, "p")
    before = file.read_bytes()
    written(patients().assign(age=1.5), file)
    with pytest.raises(DataError, match=r"p\.csv has changed since mine was made of it.*genoboard data mine --from .*p\.csv --as NAME"):
        data.prepare(done.task, "p")
    brought = data.ingest(done.task, file, "v2")
    assert brought.name == "v2"
    assert brought.fingerprint != done.prepared.fingerprint
    file.write_bytes(before)
    assert data.prepare(done.task, "p").fingerprint == done.prepared.fingerprint
    catalog.forget(done.task, "p")
    file.unlink()
    with pytest.raises(DataError, match=r"is not there\. Put it back, or bring another: genoboard data mine --from DIR"):
        data.prepare(done.task, "p")


def test_the_data_are_read_anew_when_the_task_file_says_otherwise(home: Path) -> None:
    made(home, written(patients(), home / "p.csv"), "grows")
    path = home / "tasks" / "mine" / "task.toml"
    path.write_text(path.read_text().replace('number = ["age", "size, mm"]', 'number = ["age"]'))
    assert "size, mm" not in opened(home).data.X()


def test_a_damaged_cache_is_read_anew_from_the_file(home: Path) -> None:
    done = made(home, written(patients(), home / "p.csv"), "grows")
    (done.prepared.folder / "features.npy").write_bytes(b"")
    assert data.prepare(done.task, "p").fingerprint == done.prepared.fingerprint


def test_the_published_file_can_be_downloaded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genoboard import datasheet

    file = written(patients(), home / "p.csv")
    made(home, file, "grows")
    path = home / "tasks" / "mine" / "task.toml"
    path.write_text(path.read_text() + '\n[source]\nurl = "https://example.org/p.csv"\nlicence = "CC0"\ncitation = "Clay 2020"\n')
    (home / "mirror").mkdir()
    file.rename(home / "mirror" / "p.csv")
    monkeypatch.setenv("GENOBOARD_MIRROR", str(home / "mirror"))
    card = load_plugins(workspace=Workspace(home)).task("mine")
    assert datasheet.bring(card, None, None, print).about["rows"] == 120
    told = datasheet.task_text(datasheet.task(card, str(home)))
    assert "licence: CC0" in told
    assert "cite: Clay 2020" in told


# AnnData


@contextlib.contextmanager
def as_anndata_writes() -> Iterator[None]:
    """Let texts be objects, as this anndata writes them: it cannot write those of pandas 3. What it warns of itself is not what is tested."""
    with warnings.catch_warnings(action="ignore"), pd.option_context("future.infer_string", False):
        yield


def annotated(home: Path, matrix: str = "dense", n: int = 90, p: int = 12) -> Path:
    ad = pytest.importorskip("anndata")
    rng = np.random.default_rng(3)
    counts = rng.poisson(0.7, (n, p)).astype(np.float32)
    counts[:, 0] = rng.poisson(np.where(np.arange(n) % 3 == 0, 6, 1))
    X = counts if matrix == "dense" else (sp.csr_matrix if matrix == "csr" else sp.csc_matrix)(counts)
    path = home / f"{matrix}.h5ad"
    with as_anndata_writes():
        obs = pd.DataFrame(
            {
                "kind": pd.Categorical(np.where(np.arange(n) % 3 == 0, "B", "T")),
                "donor": [f"D{i // 9}" for i in range(n)],
                "depth": counts.sum(axis=1),
            },
            index=[f"cell-{i}" for i in range(n)],
        )
        var = pd.DataFrame({"gene_name": [f"G{i}" for i in range(p)]}, index=[f"ENSG{i}" for i in range(p - 1)] + ["ENSG0"])
        made = ad.AnnData(np.log1p(X), obs, var, layers={"counts": X})
        made.raw = made[:, :5].copy()
        made.write_h5ad(path)
    return path


@pytest.mark.parametrize("matrix", ["dense", "csr", "csc"])
@pytest.mark.parametrize(("layer", "wide"), [("", 12), ("counts", 12), ("raw", 5)])
def test_every_matrix_of_an_h5ad_is_read_and_a_sparse_one_stays_sparse(home: Path, matrix: str, layer: str, wide: int) -> None:
    import anndata as ad

    path = annotated(home, matrix)
    done = made(home, path, "kind", group="donor", layer=layer)
    X = done.prepared.X()
    assert X.shape == (90, wide)
    assert sparse.is_sparse(X) == (matrix != "dense")
    assert (done.prepared.folder / "features.sparse").is_dir() == (matrix != "dense")
    with as_anndata_writes():
        whole = ad.read_h5ad(path)
    expected = whole.raw.X if layer == "raw" else whole.layers[layer] if layer else whole.X
    dense = expected.toarray() if sp.issparse(expected) else expected
    there = X.set_axis(done.prepared.original_ids).loc[whole.obs_names]
    np.testing.assert_array_equal(there.to_numpy(), dense)
    assert "withheld from models: the other 1 columns of obs (depth)" in "\n".join(done.said)
    if wide == 12:
        assert list(X.columns)[-1] == "ENSG0-1"
        assert list(done.prepared.columns["symbol"])[-1] == "G11"  # type: ignore[index]
        assert any("names of variables stand more than once" in n for n in done.prepared.about["notes"])


@pytest.mark.slow
def test_models_controls_and_the_audit_take_a_sparse_task(home: Path) -> None:
    made(home, annotated(home, "csr"), "kind", group="donor", layer="counts")
    competition = opened(home)
    for model in ("prior", "sklearn.linear_model:LogisticRegression", "xgboost.sklearn:XGBClassifier"):
        entry = evaluate(competition, model)
        assert entry.verdict == "ok", entry.reason
    assert entry.score("auroc").value > 0.8  # type: ignore[operator, union-attr]
    from genoboard import audit

    found = {(f.split, f.check): f for f in audit.audit(competition.data)}
    assert found["donor", "same rows"].verdict in ("ok", "told")
    assert found["donor", "golden feature"].verdict == "ok"


def test_what_an_h5ad_does_not_have_is_named(home: Path) -> None:
    path = annotated(home)
    with pytest.raises(UsageError, match=r"There is no layer in .*dense\.h5ad named 'count'. Did you mean counts\?"):
        made(home, path, "kind", layer="count")
    with pytest.raises(DataError, match="obs has no column 'kinds'"):
        made(home, path, "kinds")
    with pytest.raises(UsageError, match="the matrix alone is given to models"):
        made(home, path, "kind", types=("depth=number",))
    import h5py

    with h5py.File(home / "other.h5ad", "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match="an HDF5 file without obs and var"):
        made(home, home / "other.h5ad", "kind")


@pytest.mark.parametrize(("value", "said"), [(np.nan, "A sparse matrix is to be all finite numbers"), (np.inf, "is inf")])
def test_a_sparse_matrix_with_a_value_that_is_no_number_is_refused(home: Path, value: float, said: str) -> None:
    import anndata as ad

    path = annotated(home, "csr")
    with as_anndata_writes():
        whole = ad.read_h5ad(path)
        whole.X[2, 3] = value
        whole.write_h5ad(path)
    with pytest.raises(DataError, match=f"row 3 in 'ENSG3'.*{said}"):
        made(home, path, "kind")


@settings(max_examples=30)
@given(st.integers(0, 12), st.integers(1, 9), st.integers(0, 2**31), st.data())
def test_a_sparse_table_comes_back_from_disk_whole_and_in_part(n: int, p: int, seed: int, drawn: st.DataObject) -> None:
    import tempfile

    values = sp.random(n, p, 0.3, "csr", np.float32, random_state=np.random.default_rng(seed))
    X = sparse.frame(
        values, pd.Index([f"r{i}" for i in range(n)], dtype="str", name="id"), pd.Index([f"c{i}" for i in range(p)], dtype="str")
    )
    rows = np.array(sorted(drawn.draw(st.sets(st.integers(0, n - 1)))) if n else [], dtype=np.intp)
    with tempfile.TemporaryDirectory() as folder:
        table.write(X, Path(folder) / "features")
        pd.testing.assert_frame_equal(table.read(Path(folder) / "features"), X)
        part = table.read(Path(folder) / "features", rows)
        pd.testing.assert_frame_equal(part, table.take(X, rows))
        np.testing.assert_array_equal(part.to_numpy(), values.toarray()[rows])
        assert sparse.is_sparse(part)


# Competitions' folders


def competition_folder(home: Path, usage: bool = True, solution: bool = True, packed: bool = False) -> Path:
    frame = patients(160)
    folder = home / "comp"
    folder.mkdir()
    train, test = frame.iloc[:120], frame.iloc[120:]
    end = ".csv.gz" if packed else ".csv"
    train.to_csv(folder / f"train{end}", index=False)
    test.drop(columns="grows").to_csv(folder / f"test{end}", index=False)
    pd.DataFrame({"sample": test["sample"], "grows": 0.5}).to_csv(folder / f"sample_submission{end}", index=False)
    if solution:
        answers = test[["sample", "grows"]].assign(**({"Usage": ["Public", "Private", "Private", "Ignored"] * 10} if usage else {}))
        answers.iloc[::-1].to_csv(folder / f"solution{end}", index=False)
    return folder


def of_kaggle(home: Path, folder: Path, **wish: Any) -> Founded:
    place = Workspace(home)
    return founding.of_kaggle(Wish("mine", **wish), folder, place, load_plugins(workspace=place))


def test_a_competition_with_a_solution_has_its_published_boards_and_splits_of_train(home: Path) -> None:
    done = of_kaggle(home, competition_folder(home), group="patient")
    assert [s.name for s in done.task.splits] == ["kaggle", "kaggle-public", "kaggle-private", "patient", "patient-cv5", "random"]
    assert (done.task.id_column, done.task.target_column) == ("sample", "grows")
    parts = done.prepared.rows["part"].value_counts().to_dict()
    assert parts == {"train": 120, "public": 10, "private": 20, "ignored": 10}
    competition = opened(home)
    assert competition.split.name == "kaggle"
    assert len(competition.form.ids) == 40
    assert len(competition.solution.truth) == 30
    entry = evaluate(competition, "logistic-regression")
    assert entry.verdict == "ok"
    assert entry.score("auroc").value > 0.8  # type: ignore[operator, union-attr]
    truth = done.prepared.rows["y"].set_axis(done.prepared.original_ids)
    frame = patients(160).set_index("sample")
    for name in ("S120", "S121", "S122", "S130", "S000"):
        assert truth[name] == frame.loc[name, "grows"]
    assert pd.isna(truth["S123"])
    for split, rows in (("kaggle-public", 10), ("kaggle-private", 20)):
        assert len(opened(home, split=split).solution.truth) == rows
    of_train = opened(home, split="patient-cv5")
    assert len(of_train.test) == 120


@pytest.mark.slow
def test_a_task_of_a_competition_keeps_to_the_contract(home: Path) -> None:
    done = of_kaggle(home, competition_folder(home), group="patient")
    wrong = [f for f in check_task(done.task, load_plugins(workspace=Workspace(home))) if not f.ok]
    assert not wrong


def test_a_competition_without_a_solution_asks_its_test_rows_for_a_file_to_hand_in(home: Path) -> None:
    done = of_kaggle(home, competition_folder(home, solution=False, packed=True), group="patient")
    assert [s.name for s in done.task.splits] == ["patient", "patient-cv5", "random", "kaggle"]
    assert "40 test rows have no solution here: they can be asked, and not scored" in done.prepared.about["notes"]
    assert "  to hand in: sample, grows (the probability of yes)" in done.said
    assert {len(f.train) + len(f.test) for s in done.task.splits[:3] for f in done.prepared.folds(s)} == {120}
    assert evaluate(opened(home), "logistic-regression").score("auroc").value > 0.8  # type: ignore[operator, union-attr]
    asked = opened(home, split="kaggle")
    assert [len(f.train) for f in asked.folds] == [120]
    entry = evaluate(asked, "logistic-regression")
    assert (entry.verdict, entry.held) == ("ok", "not scored here: whoever holds the competition has the solution")
    handed = pd.read_csv(asked.workspace.folder(entry.id, "mine") / "submission.csv")
    assert list(handed.columns) == ["sample", "grows"]
    assert sorted(handed["sample"]) == [f"S{i}" for i in range(120, 160)]
    truth = patients(160).set_index("sample").loc[handed["sample"], "grows"] == "yes"
    assert roc_auc_score(truth, handed["grows"]) > 0.8
    findings = audit.audit(done.prepared)
    assert not [f for f in findings if f.verdict == "leak"]
    assert "target shift" not in {f.check for f in findings if f.split == "kaggle"}


@pytest.mark.parametrize(
    ("train", "sample", "line", "rows"),
    [
        ({"y": [0, 1] * 30}, {"y": [0, 1] * 10}, "id, y (classes)", {"0", "1"}),
        ({"y": ["a", "b", "c"] * 20}, {"y": ["a"] * 20}, "id, y (classes)", {"a", "b", "c"}),
        (
            {"kind": ["a", "b", "c"] * 20},
            {"P_c": [0.0] * 20, "P_a": [0.0] * 20, "P_d": [0.0] * 20, "P_b": [0.0] * 20},
            "id, P_c, P_a, P_d, P_b",
            None,
        ),
        ({"y": np.arange(60) / 7}, {"guess": [0.5] * 20}, "id, guess", None),
        ({"u": [0, 1] * 30, "v": [1, 1, 0] * 20}, {"u": [0.5] * 20, "v": [0.5] * 20}, "id, u, v", None),
    ],
    ids=["labels of two", "labels of three", "a column for a class", "values", "several labels"],
)
def test_what_is_handed_in_has_the_form_of_the_sample(
    home: Path, train: dict[str, Any], sample: dict[str, Any], line: str, rows: set[str] | None
) -> None:
    folder = home / "comp"
    folder.mkdir()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": range(60), "x": rng.normal(size=60), "z": rng.normal(size=60), **train})
    frame.to_csv(folder / "train.csv", index=False)
    # the same ids once more, for other rows
    pd.DataFrame({"id": range(20), "x": rng.normal(size=20), "z": rng.normal(size=20)}).to_csv(folder / "test.csv", index=False)
    pd.DataFrame({"id": range(20), **sample}).to_csv(folder / "sample_submission.csv", index=False)
    done = of_kaggle(home, folder)
    assert f"  to hand in: {line}" in done.said
    competition = opened(home, split="kaggle")
    entry = evaluate(competition, "prior" if done.task.target != "regression" else "grand-mean")
    handed = pd.read_csv(competition.workspace.folder(entry.id, "mine") / "submission.csv", dtype={"id": str})
    assert list(handed.columns) == ["id", *sample]
    assert sorted(handed["id"], key=int) == [str(i) for i in range(20)]
    if rows is not None:
        assert set(handed["y"].astype(str)) <= rows
    elif "P_d" in sample:
        assert (handed["P_d"] == 0).all()
        np.testing.assert_allclose(handed[["P_a", "P_b", "P_c"]].sum(axis=1), 1)
    else:
        means = frame[[*train]].mean().to_numpy()
        np.testing.assert_allclose(handed[[*sample]], np.tile(means, (20, 1)), rtol=1e-6)


def test_a_solution_without_usage_scores_every_test_row(home: Path) -> None:
    done = of_kaggle(home, competition_folder(home, usage=False))
    assert [s.name for s in done.task.splits] == ["kaggle", "random", "random-cv5"]
    assert len(opened(home).solution.truth) == 40


def test_the_layout_of_mle_bench_is_read_too(home: Path) -> None:
    folder = competition_folder(home, usage=False)
    for name, to in (
        ("train", "public/train"),
        ("test", "public/test"),
        ("sample_submission", "public/sample_submission"),
        ("solution", "private/test"),
    ):
        (folder / to).parent.mkdir(exist_ok=True)
        (folder / f"{name}.csv").rename(folder / f"{to}.csv")
    done = of_kaggle(home, folder)
    assert sorted(done.task.sources[0].recorded) == [
        "private/test.csv",
        "public/sample_submission.csv",
        "public/test.csv",
        "public/train.csv",
    ]
    assert opened(home).split.name == "kaggle"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "test.csv").unlink(), "holds no test.csv"),
        (lambda f: edit(f / "sample_submission.csv", "sample,", "row,"), "has no column 'row', the first of"),
        (lambda f: edit(f / "solution.csv", "S150", "S999"), "has the id 'S999', which"),
        (lambda f: edit(f / "solution.csv", "Public", "Open"), "column 'Usage': 'Open' is none of Public, Private, Ignored"),
        (lambda f: edit(f / "solution.csv", "no,Public", ",Public"), "has no target, and is not Ignored"),
        (lambda f: edit(f / "test.csv", "age", "years"), "the test rows have no column 'age'"),
    ],
)
def test_a_competition_that_does_not_fit_together_is_refused_with_the_place(home: Path, spoil: Callable[[Path], object], said: str) -> None:
    folder = competition_folder(home)
    spoil(folder)
    with pytest.raises(GenoboardError) as caught:
        of_kaggle(home, folder, types=("age=number",))
    assert said in str(caught.value)
    assert not (home / "tasks").exists()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# A metric of one's own

SCORE = '''"""What counts here."""
from sklearn.metrics import f1_score


def cost(y_true, y_pred):
    return f1_score(y_true, y_pred)


def plain(y_true, y_pred):
    return 2 * (y_true & y_pred).sum() / max(1, y_true.sum() + y_pred.sum())


def far(y_true, y_pred):
    return 2.0


def fails(y_true, y_pred):
    raise RuntimeError("no luck")
'''


def test_a_function_of_a_file_is_the_primary_metric_with_replicates(home: Path) -> None:
    (home / "score.py").write_text(SCORE)
    file = written(patients(), home / "p.csv")
    made(home, file, "grows", group="patient", metrics=("score.py:plain", "auroc"), direction="max", low=0.0, high=1.0)
    assert (home / "tasks" / "mine" / "score.py").read_text() == SCORE
    assert "is code: whoever opens this task runs it" in (home / "tasks" / "mine" / "README.md").read_text()
    competition = opened(home)
    entry = evaluate(competition, "logistic-regression")
    score = entry.score("plain")
    assert score is not None
    results = Results(competition, entry)
    assert score.value == pytest.approx(f1_score(results.truth, results.labels))
    assert score.low is not None
    assert score.low < score.value < score.high  # type: ignore[operator]


@pytest.mark.parametrize(("seed", "groups"), [(0, 30), (1, 120), (2, 7)])
def test_replicates_of_a_function_are_those_of_the_same_formula_by_weights(home: Path, seed: int, groups: int) -> None:
    from genoboard.metrics import BUILTIN, Metric

    (home / "score.py").write_text(SCORE)
    own = Metric("plain", f"{home / 'score.py'}:plain", "max", 0.0, 1.0, "labels", "")
    builtin = next(m for m in BUILTIN if m.name == "f1")
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 120)
    prediction = (truth * 0.3 + rng.random(120) * 0.7).clip(0, 1)
    cluster = (np.arange(120) % groups).astype(np.int64)
    solution = Solution(truth, ("a", "b"), np.zeros(120, np.int64), cluster, "ab" * 32)
    (one, other), drawn = scoring.score([own, builtin], solution, prediction)
    assert one.value == pytest.approx(other.value)
    np.testing.assert_allclose(drawn["plain"], drawn["f1"], rtol=1e-12)
    assert (one.low, one.high) == (pytest.approx(other.low), pytest.approx(other.high))


@pytest.mark.filterwarnings("ignore:F-score is ill-defined")
@pytest.mark.parametrize(
    ("function", "said"), [("far", "gave 2, which lies outside its range from 0 to 1"), ("fails", "raised RuntimeError: no luck")]
)
def test_a_function_that_fails_or_leaves_its_range_is_told_by_name(home: Path, function: str, said: str) -> None:
    (home / "score.py").write_text(SCORE)
    made(home, written(patients(), home / "p.csv"), "grows", metrics=(f"score.py:{function}",), direction="max", low=0.0, high=1.0)
    try:
        reason = evaluate(opened(home), "prior").reason
    except GenoboardError as error:
        reason = str(error)
    assert said in reason


@pytest.mark.parametrize(
    ("content", "said"),
    [("def other(a, b): return 1\n", "has no function cost"), ("import nothing_of_the_kind\n", "cannot be imported: ModuleNotFoundError")],
)
def test_a_file_without_the_function_makes_no_task(home: Path, content: str, said: str) -> None:
    (home / "score.py").write_text(content)
    with pytest.raises(GenoboardError, match=said):
        made(home, written(patients(), home / "p.csv"), "grows", metrics=("score.py:cost",), direction="max")
    assert not (home / "tasks").exists()


# Real files


@pytest.fixture
def gtex(real_data: Path) -> pd.DataFrame:
    folder = real_data / "brain-region" / "gtex-v8"
    X = pd.read_csv(folder / "expression_log2tpm1_2642x117.csv.gz", index_col=0)
    labels = pd.read_csv(folder / "labels.csv", index_col=0).loc[X.index]
    return pd.concat([X, labels.rename(columns={"SUBJID": "donor", "SMTSD": "region"})[["donor", "region"]]], axis=1)


@pytest.mark.slow
def test_gtex_as_a_csv_is_a_task_of_13_regions_by_donor(home: Path, gtex: pd.DataFrame) -> None:
    file = home / "gtex.csv.gz"
    gtex.to_csv(file, index_label="SAMPID")
    done = made(home, file, "region", group="donor", id="SAMPID")
    assert (len(done.task.classes), done.prepared.about["rows"], done.prepared.about["features"]) == (13, 2642, 116)
    assert done.prepared.about["groups"] == {"donor": 382}
    X = done.prepared.X().set_axis(done.prepared.original_ids).loc[gtex.index]
    genes = gtex.iloc[:, :117]
    assert "one value only, 0" in next(line for line in done.said if line.split()[0] == genes.columns[genes.nunique() == 1].item())
    np.testing.assert_array_equal(X.to_numpy(), genes.loc[:, genes.nunique() > 1].to_numpy(np.float32))
    assert evaluate(opened(home), "logistic-regression").score("accuracy").value > 0.75  # type: ignore[operator, union-attr]


@pytest.mark.slow
def test_gtex_as_an_h5ad_is_the_same_rows_sparse_or_dense(home: Path, gtex: pd.DataFrame) -> None:
    ad = pytest.importorskip("anndata")
    values = gtex.iloc[:, :117].to_numpy(np.float32)
    with as_anndata_writes():
        obs = pd.DataFrame({c: list(gtex[c]) for c in ("donor", "region")}, index=list(gtex.index))
        for name, X in (("dense", values), ("thin", sp.csr_matrix(values))):
            ad.AnnData(X, obs, pd.DataFrame(index=list(gtex.columns[:117]))).write_h5ad(home / f"{name}.h5ad")
    dense, thin = (made(home, home / f"{n}.h5ad", "region", group="donor", name=n) for n in ("dense", "thin"))
    np.testing.assert_array_equal(
        dense.prepared.X().set_axis(dense.prepared.original_ids).sort_index().to_numpy(),
        thin.prepared.X().set_axis(thin.prepared.original_ids).sort_index().to_numpy(),
    )
    one, other = (evaluate(opened(home, n), "sklearn.naive_bayes:MultinomialNB") for n in ("dense", "thin"))
    assert one.verdict == other.verdict == "ok", (one.reason, other.reason)
    assert other.score("accuracy").value > 0.3  # type: ignore[operator, union-attr]


@pytest.mark.slow
def test_msk_as_a_competition_folder_maps_classes_to_the_submissions_columns(home: Path, real_data: Path) -> None:
    msk, folder = real_data / "variant-class" / "msk", home / "msk"
    folder.mkdir()
    train, test = pd.read_csv(msk / "training_variants"), pd.read_csv(msk / "test_variants")
    solution = pd.read_csv(msk / "stage1_solution_filtered.csv")
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    pd.DataFrame({"ID": test["ID"], **{f"class{i}": 1 / 9 for i in range(1, 10)}}).to_csv(folder / "sample_submission.csv", index=False)
    solution.to_csv(folder / "solution.csv", index=False)
    with pytest.raises(
        DataError, match=r"no column is left for models \('Gene': 264 different texts; --type Gene=category to keep it; 'Variation': 2,996"
    ):
        of_kaggle(home, folder)
    with pytest.raises(DataError, match="a category has at most 1,000"):
        of_kaggle(home, folder, types=("Variation=category",))
    done = of_kaggle(home, folder, types=("Gene=category",), metrics=("multiclass-log-loss",))
    assert done.task.classes == tuple(str(i) for i in range(1, 10))
    assert len(opened(home).solution.truth) == 368
    counts = done.prepared.rows["part"].value_counts()
    assert counts.to_dict() == {"train": 3321, "ignored": 5300, "test": 368}
    assert any("ids stand in train and in test" in n for n in done.prepared.about["notes"])
    entry = evaluate(opened(home), "prior")
    assert entry.score("multiclass-log-loss").value == pytest.approx(1.83, abs=0.1)  # type: ignore[union-attr]


@pytest.mark.slow
def test_civic_as_a_tsv_is_a_task_of_its_short_fields(home: Path, real_data: Path) -> None:
    items = pd.read_csv(real_data / "variant-class" / "civic" / "01-Aug-2021-ClinicalEvidenceSummaries.tsv.gz", sep="\t", quoting=3)
    kept = items[items["clinical_significance"].isin(items["clinical_significance"].value_counts().head(6).index)]
    kept.to_csv(home / "civic.tsv", sep="\t", index=False)
    done = made(home, home / "civic.tsv", "clinical_significance", group="gene")
    told = "\n".join(done.said)
    assert len(done.task.classes) == 6
    assert "evidence_statement" in told
    assert any(c.startswith("evidence_type=") for c in done.prepared.X())
    assert splits.groups_of(done.prepared.rows) == ["gene"]
    assert evaluate(opened(home), "sklearn.naive_bayes:BernoulliNB").score("accuracy").value > 0.4  # type: ignore[operator, union-attr]


# The command line, in processes


def said(home: Path, *words: object, status: int = 0) -> str:
    environment = {**os.environ, "GENOBOARD_CACHE": str(home / "cache")}
    environment.pop("GENOBOARD_WORKSPACE", None)
    done = subprocess.run(
        [sys.executable, "-c", START, *map(str, words)], capture_output=True, text=True, check=False, cwd=home, env=environment, timeout=240
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_user_goes_from_a_file_to_a_board_by_commands_alone(home: Path) -> None:
    written(patients(), home / "p.csv")
    out = said(
        home, "new", "task", "mine", "--from", "p.csv", "--target", "grows", "--group", "patient", "--id", "sample", "--type", "note=ignore"
    )
    assert "age                             number    4 missing" in " ".join(out.split("\n")) or "4 missing" in out
    assert "Next: genoboard run mine " in out
    assert "mine" in said(home, "list", "tasks")
    assert json.loads(said(home, "list", "tasks", "--json"))["tasks"][-1]["plugin"] is not None
    said(home, "run", "mine", "logistic-regression", "xgboost")
    board = json.loads(said(home, "leaderboard", "mine", "--json"))
    assert {s["name"] for s in board["standings"]} == {"prior", "majority", "logistic-regression", "xgboost"}
    assert "No leak" in said(home, "data", "mine", "--audit")
    said(home, "data", "mine", "--export", "out")
    sample = pd.read_csv(home / "out" / "sample_submission.csv")
    assert list(sample.columns) == ["sample", "grows"]
    assert "0.5" in said(home, "submit", "mine", "-f", "out/sample_submission.csv", "--name", "flat")
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    assert "mine" in said(elsewhere, "--workspace", home, "list", "tasks")
    assert "There is no task named 'mine'" in said(elsewhere, "data", "mine", status=2)


def test_a_broken_task_file_is_listed_and_the_others_go_on(home: Path) -> None:
    written(patients(), home / "p.csv")
    said(home, "new", "task", "mine", "--from", "p.csv", "--target", "grows")
    (home / "tasks" / "bad").mkdir()
    (home / "tasks" / "bad" / "task.toml").write_text("name = ")
    out = said(home, "list", "tasks")
    assert "broken plugin tasks/bad/task.toml" in out
    assert "mine" in out
    assert "is there already" in said(home, "new", "task", "bad", "--from", "p.csv", "--target", "grows", status=2)
    assert "already, of tasks/mine/task.toml" in said(home, "new", "task", "mine", "--from", "p.csv", "--target", "grows", status=2)


def test_a_folder_to_write_is_made_where_there_is_no_file(home: Path) -> None:
    out = said(home, "new", "model", "toad-net")
    assert "wrote genoboard-toad-net/pyproject.toml" in out
    assert "Next: pip install -e genoboard-toad-net, then genoboard check toad-net, then genoboard run TASK toad-net" in out
    assert "Next: pip install -e genoboard-toad, then genoboard check toad" in said(home, "new", "task", "toad")
    assert "Name it with --from FILE" in said(home, "new", "task", "newt", "--target", "y", status=2)
    assert "not both" in said(home, "new", "task", "newt", "--from", "a.csv", "--from-kaggle", "b", status=2)


# The page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "own-data.md"


@pytest.mark.slow
def test_the_page_runs_as_it_stands_and_comes_out_as_it_shows(home: Path) -> None:
    from test_tutorial import looks_like, steps

    told = list(steps(PAGE.read_text(encoding="utf-8")))
    assert len([s for s in told if s.file]) == 4
    assert len([s for s in told if "genoboard new task" in s.command]) == 5
    for step in told:
        if step.file:
            (home / step.file).write_text(step.text, encoding="utf-8")
            continue
        done = page_step(step.command, home, home / "cache")
        assert done.returncode == 0, f"$ {step.command}\n{done.stdout}"
        assert not step.text.strip() or looks_like(step.text, done.stdout), f"$ {step.command}\n{done.stdout}"
