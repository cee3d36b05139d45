"""The pages on notebooks, tuning and MLflow, run as notebooks in an empty folder: what they promise is there."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w./-]+)`\s*\Z")
PNG = "image/png"


class Notebook:
    """Cells that were run."""

    def __init__(self, folder: Path, cells: Sequence[str]) -> None:
        self.shown = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        nbformat.validate(self.shown)
        nbclient.NotebookClient(self.shown, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()

    @classmethod
    def of(cls, page: str, folder: Path, more: Sequence[str] = ()) -> Notebook:
        """Run a page of the documents: every block of Python is a cell, but those under the name of a file, which are laid into the folder."""
        text = (DOCS / page).read_text(encoding="utf-8")
        cells = []
        for block in BLOCK.finditer(text):
            language, code = block.groups()
            if name := NAMED.search(text[: block.start()]):
                (folder / name[1]).parent.mkdir(parents=True, exist_ok=True)
                (folder / name[1]).write_text(code, encoding="utf-8")
            elif language == "python":
                cells.append(code)
        return cls(folder, [*cells, *more])

    def outputs(self, sign: str) -> list[Any]:
        """What the only cell that holds `sign` shows."""
        (cell,) = (c for c in self.shown.cells if sign in c.source)
        return list(cell.outputs)

    def data(self, sign: str, kind: str = "text/plain") -> str:
        """The last thing that cell shows, in one of its forms."""
        return str(self.outputs(sign)[-1].data[kind])

    def value(self, sign: str) -> Any:
        """What that cell prints, as JSON."""
        return json.loads(self.outputs(sign)[-1].text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder for a notebook, with a workspace and a cache in it, and a kernel that is this interpreter."""
    here = tmp_path / "notebook"
    here.mkdir()
    monkeypatch.setenv("GENOBOARD_CACHE", str(here / "cache"))
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(here))
    # what a user of this machine set up for notebooks is left alone
    with tempfile.TemporaryDirectory(prefix="jupyter-") as own:
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
            monkeypatch.setenv(name, str(Path(own) / name))
        monkeypatch.delenv("MPLBACKEND", raising=False)
        yield here


EDITED = """
first = softmax

def softmax(scores):
    return first(2 * scores)
"""
ENTERED = "\ngenoboard.evaluate('brain-region', Centroid())"
STANDINGS = """
print(json.dumps([[row["name"], row["seeds"], row["code"]["source"]] for row in genoboard.leaderboard("brain-region").standings]))
"""
SOFTMAX = """
def softmax(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
"""
CENTROID = """
from sklearn.base import BaseEstimator, ClassifierMixin

class Centroid(ClassifierMixin, BaseEstimator):
    def __init__(self, sharpness=1.0):
        self.sharpness = sharpness
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.centres_ = np.stack([np.asarray(X)[y == c].mean(axis=0) for c in self.classes_])
        return self
    def predict_proba(self, X):
        distance = ((np.asarray(X)[:, None] - self.centres_) ** 2).mean(axis=2)
        return softmax(-self.sharpness * distance)
"""
FOLDS = "print(genoboard.cross_validate('brain-region', Plain(), folds=3).score('f1-macro').value)"
OTHERS = """
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

def doubled(X):
    return 2 * X

class Plain:
    kinds = ("tabular",)
    def fit(self, X, y, groups=None):
        self.inner = Centroid().fit(X, y)
        return self
    def predict(self, X):
        return self.inner.classes_[self.inner.predict_proba(X).argmax(axis=1)]

def made(sharpness=2.0):
    return Centroid(sharpness)

models = {"pipeline": make_pipeline(FunctionTransformer(doubled), Centroid()), "plain": Plain, "made": made}
entries = [genoboard.evaluate("brain-region", model, name=name) for name, model in models.items()]
print(json.dumps([[entry.name, entry.model, entry.verdict, entry.reason] for entry in entries]))
"""
REFUSED = """
import threading

class Locked(Centroid):
    def __init__(self, sharpness=1.0):
        self.sharpness, self.lock = sharpness, threading.Lock()

said = []
for model in (Locked(), "__main__:Centroid"):
    try:
        genoboard.evaluate("brain-region", model)
    except genoboard.UsageError as error:
        said.append(str(error))
print(json.dumps(said))
"""


@pytest.mark.slow
def test_a_notebook_shows_rows_an_entry_a_board_and_a_plot_and_a_class_of_its_cells_travels(folder: Path) -> None:
    page = Notebook.of("notebook.md", folder)

    assert page.data("rows = genoboard.load").startswith("brain-region: data demo, split donor, 13 classes\n  train 560 rows")
    folds = page.data("genoboard.cross_validate", "text/html")
    assert "Inside the training rows" in folds
    assert re.search(r"0\.\d{5} ± 0\.\d{5}", folds)

    entry = page.data('name="centroid")\nentry', "text/html")
    assert re.search(r"f1-macro</td>.*0\.[5-9]\d{4}</td>.*\[0\.\d{5}, 0\.\d{5}\]", entry)
    assert "sharpness=4.0" in entry
    board = page.data("board = genoboard.leaderboard", "text/html")
    assert board.index("centroid") < board.index("technical-covariates") < board.index("majority")
    assert "<script" not in entry + board
    assert "centroid" in page.data("table = board.table()")
    assert page.outputs("import matplotlib")[-1].data[PNG]

    kept = {p.suffix for p in (folder / "submissions").rglob("*") if p.is_file()}
    assert ".csv" in kept
    assert not kept & {".pkl", ".pickle"}


@pytest.mark.slow
def test_what_is_made_of_other_cells_travels_too_and_what_cannot_is_refused_with_the_mend(folder: Path) -> None:
    page = Notebook(folder, ["import json\nimport genoboard\nimport numpy as np", SOFTMAX, CENTROID, OTHERS, FOLDS, REFUSED])
    found = page.value("class Plain")
    assert [row[1:3] for row in found] == [["Pipeline", "ok"], ["Plain", "ok"], ["made", "ok"]], found
    assert page.value("cross_validate") > 0.5
    locked, by_name = page.value("class Locked")
    assert "Locked cannot be sent to the worker: cannot pickle '_thread.lock' object" in locked
    assert "Give the class itself" in by_name


@pytest.mark.slow
def test_a_helper_that_was_edited_makes_another_standing_and_not_a_second_seed(folder: Path) -> None:
    page = Notebook(folder, ["import json\nimport genoboard\nimport numpy as np", SOFTMAX, CENTROID, ENTERED, EDITED + ENTERED, STANDINGS])
    centroids = [row for row in page.value("row in genoboard.leaderboard") if row[0] == "Centroid"]
    assert [seeds for _, seeds, _ in centroids] == [1, 1]
    assert len({source for *_, source in centroids}) == 2
    assert all(len(source) == 16 for *_, source in centroids)


@pytest.mark.slow
def test_tuning_inside_the_training_rows_is_not_worse_than_the_default_and_enters_once(folder: Path) -> None:
    told = """
import json
values = {trial.number: trial.value for trial in study.trials}
print(json.dumps([study.best_value, values[0], study.trials[0].params == DEFAULT, len(values), entry.parameters["n_neighbors"], study.best_params]))
names = [row["name"] for row in genoboard.leaderboard("brain-region").standings if not row["control"]]
"""
    page = Notebook.of("tuning.md", folder, more=[told, "print(json.dumps(names))"])
    best, default, first_is_default, trials, entered, chosen = page.value("values = {trial.number")
    assert first_is_default
    assert trials == 6
    assert best >= default
    assert entered == chosen["n_neighbors"]
    assert page.value("print(json.dumps(names))") == ["knn, tuned"], "the trials looked at no test row, and are on no board"
    assert "knn, tuned" in page.data("entry = genoboard.evaluate", "text/html")


@pytest.mark.slow
def test_mlflow_is_told_of_every_entry_with_parameters_scores_intervals_and_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / "genoboard-mlflow"
    # what pip would leave beside the module
    told = home / "genoboard_mlflow-0.1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: genoboard-mlflow\nVersion: 0.1.0\n")
    (told / "entry_points.txt").write_text("[genoboard]\nmlflow = genoboard_mlflow\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(home), os.environ.get("PYTHONPATH")))))
    asked = """
import json
client = mlflow.MlflowClient()
found = {run.data.tags["mlflow.runName"]: run for experiment in client.search_experiments() for run in client.search_runs([experiment.experiment_id])}
run = found["nine neighbours"]
print(json.dumps({
    "names": sorted(found), "metrics": run.data.metrics, "params": run.data.params, "tags": run.data.tags,
    "files": [f.path for f in client.list_artifacts(run.info.run_id)], "entry": entry.to_dict(),
}))
"""
    page = Notebook.of("mlflow.md", folder, more=[asked])
    said = page.value("client = mlflow")
    assert said["names"] == ["majority", "nine neighbours", "prior", "technical-covariates"]
    score = said["entry"]["scores"][0]
    assert said["metrics"]["f1-macro"] == pytest.approx(score["value"])
    assert said["metrics"]["f1-macro.low"] == pytest.approx(score["low"])
    assert said["metrics"]["f1-macro.high"] == pytest.approx(score["high"])
    assert said["params"]["n_neighbors"] == "9"
    assert said["params"]["seed"] == "0"
    assert said["tags"]["entry"] == said["entry"]["id"]
    assert said["tags"]["verdict"] == "ok"
    assert said["files"] == ["predictions.csv"]
    assert (folder / "mlflow.db").is_file()
    assert "nine neighbours" in page.data("runs = mlflow.search_runs")
    pyproject = (home / "pyproject.toml").read_text(encoding="utf-8")
    assert 'mlflow = "genoboard_mlflow"' in pyproject
