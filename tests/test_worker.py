"""The worker: what a model is told in the child, what it is not told, and what it may answer."""

from __future__ import annotations

import base64
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from genoboard import ModelSpec, building, landlock, sandbox
from genoboard.isolation import Limits
from genoboard.sandbox import Job, Outcome

CLASSES = ("cortex", "putamen", "spinal cord")
TRAIN, TEST = slice(0, 36), slice(36, 48)
HEAD = "import json, os, sys\nfrom pathlib import Path\nimport numpy as np\n"


def cohort(seed: int = 0) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """48 rows x 4 features in 3 classes that are easily told apart."""
    y = np.arange(48) % 3
    values = np.random.default_rng(seed).normal(size=(48, 4)) + 6 * y[:, None] * [1, 0, -1, 0]
    return pd.DataFrame(values.astype(np.float32), index=[f"s{i:016x}" for i in range(48)], columns=list("abcd")), y


def run(tmp_path: Path, target: str = "", code: str = "", **changes: Any) -> tuple[Outcome, str]:
    """Run a job of the model `target`, or of ``Model`` in a file of this `code`; return what came of it, and its log."""
    path = tmp_path / "model.py"
    path.write_text(HEAD + textwrap.dedent(code), encoding="utf-8")
    X, y = cohort()
    told: dict[str, Any] = {
        "model": ModelSpec("model", target or f"{path}:Model", "a model for a test", any_parameters=True), "parameters": {}, "X_train": X[TRAIN],
        "y": y[TRAIN], "X_test": X[TEST], "classes": CLASSES, "target_kind": "multiclass", "seed": 0, "limits": Limits(60),
    }  # fmt: skip
    log = tmp_path / "log.txt"
    outcome = sandbox.run(Job(**{**told, **changes}), log, tmp_path / "metrics.jsonl")
    return outcome, log.read_text(encoding="utf-8")


def predictions(outcome: Outcome) -> pd.DataFrame:
    assert outcome.verdict == "ok", outcome.reason
    assert outcome.predictions is not None
    return outcome.predictions


# What lies in the job folder


SPY = """
    import base64

    def contents():
        job = Path(os.environ["TMPDIR"]).parent
        files = [p for name in ("in", "out", "run", "scratch") for p in sorted((job / name).rglob("*")) if p.is_file()]
        return {p.name: base64.b64encode(p.read_bytes()).decode() for p in files}

    class Model:
        def fit(self, X, y, groups, run):
            print(json.dumps(contents()))
            return self

        def predict_proba(self, X):
            print(json.dumps(contents()))
            return np.full((len(X), 3), 1 / 3)
"""


def test_while_a_model_is_fitted_the_test_rows_are_nowhere_in_its_job_folder_and_their_targets_never_are(tmp_path: Path) -> None:
    X, y = cohort()
    outcome, log = run(tmp_path, code=SPY, groups=np.arange(36) // 3)
    assert outcome.verdict == "ok", outcome.reason
    fitting, predicting = ({k: base64.b64decode(v) for k, v in json.loads(line).items()} for line in log.splitlines())

    def holds(files: dict[str, bytes], rows: pd.DataFrame) -> list[bool]:
        """Tell of each row whether any file holds its id or its features."""
        everything = b"\n".join(files.values())
        return [i.encode() in everything or x.tobytes() in everything for i, x in zip(rows.index, rows.to_numpy(), strict=True)]

    assert all(holds(fitting, X[TRAIN]))
    assert not any(holds(fitting, X[TEST]))
    assert all(holds(predicting, X[TEST])), "the search above finds what is there"

    # an array of as many numbers as there are test rows would be their target: the only ones are those of the training rows
    arrays = [name for name in predicting if name.endswith(".npy") and name not in ("train.npy", "test.npy")]
    assert arrays == ["groups.npy", "target.npy"]
    (tmp_path / "target.npy").write_bytes(predicting["target.npy"])
    assert np.array_equal(np.load(tmp_path / "target.npy"), y[TRAIN])
    assert sorted(set(predicting) - set(fitting)) == ["test.json", "test.npy"]
    told = json.loads(fitting["job.json"])
    assert sorted(told) == [
        "cache",
        "classes",
        "devices",
        "disk",
        "kinds",
        "lists",
        "memory",
        "model",
        "network",
        "outputs",
        "parameters",
        "parent",
        "path",
        "reads",
        "seconds",
        "seed",
        "takes_missing",
        "target_kind",
        "threads",
        "together",
        "withheld",
    ]


# What fit is given


ASKS = """
    class Model:
        def fit(self, X, y{also}):
            {body}
            return self

        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)
"""


def test_x_is_a_float32_frame_under_opaque_ids_and_y_are_the_codes_of_the_training_classes(tmp_path: Path) -> None:
    body = "print(type(X).__name__, {str(d) for d in X.dtypes}, X.shape, list(X.columns), X.index[0], y.dtype, y.tolist()[:4], sep='|')"
    outcome, log = run(tmp_path, code=ASKS.format(also="", body=body))
    assert outcome.verdict == "ok", outcome.reason
    assert log == "DataFrame|{'float32'}|(36, 4)|['a', 'b', 'c', 'd']|s0000000000000000|int64|[0, 1, 2, 0]\n"


def test_groups_are_given_where_fit_asks_and_where_there_are_any(tmp_path: Path) -> None:
    code = ASKS.format(also=", groups=None", body="print(None if groups is None else (groups.dtype, groups.tolist()[:4]))")
    _, asked = run(tmp_path, code=code, groups=np.arange(36) // 3)
    assert asked == "(dtype('int64'), [0, 0, 0, 1])\n"
    (tmp_path / "log.txt").unlink()
    _, none_there = run(tmp_path, code=code)
    assert none_there == "None\n"
    outcome, _ = run(tmp_path, code=ASKS.format(also="", body="pass"), groups=np.arange(36) // 3)
    assert outcome.verdict == "ok", "a model that does not ask for groups is not given any"


def test_the_run_tells_its_seed_threads_classes_and_device_and_has_an_empty_folder_of_its_own(tmp_path: Path) -> None:
    body = """
            print(run.seed, run.n_jobs, run.device, run.classes, list(run.dir.iterdir()))
            (run.dir / "weights").write_text("1")
            for step in range(2): run.log(step, loss=1 / (step + 1), rows=len(X))"""
    outcome, log = run(tmp_path, code=ASKS.format(also=", run", body=body), seed=7, limits=Limits(60, threads=2))
    assert outcome.verdict == "ok", outcome.reason
    assert log == f"7 2 cpu {CLASSES!r} []\n"
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"fold": 1, "step": 0, "loss": 1.0, "rows": 36.0},
        {"fold": 1, "step": 1, "loss": 0.5, "rows": 36.0},
    ]


# Seeds and threads


PROBE = """
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import VotingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    class Model(ClassifierMixin, BaseEstimator):
        def __init__(self, random_state=11, n_jobs=None):
            self.random_state, self.n_jobs = random_state, n_jobs

        def fit(self, X, y):
            print(self.random_state, self.n_jobs)
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)

        def predict(self, X):
            return np.zeros(len(X), dtype=int)

    def made():
        return make_pipeline(StandardScaler(), CalibratedClassifierCV(Model(), cv=2, ensemble=False))

    ready = VotingClassifier([("set", Model(random_state=5)), ("unset", Model(None)), ("told", Model(None))], voting="soft")
"""


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("made", {}, {"3 2"}),
        ("ready", {"told__random_state": 9}, {"5 2", "3 2", "9 2"}),
        ("Model", {"random_state": 9, "n_jobs": 4}, {"9 4"}),
    ],
)
def test_seed_and_threads_reach_every_estimator_inside_and_what_the_user_set_stays(
    tmp_path: Path, name: str, parameters: dict[str, Any], said: set[str]
) -> None:
    outcome, log = run(tmp_path, f"{tmp_path / 'model.py'}:{name}", PROBE, parameters=parameters, seed=3, limits=Limits(60, threads=2))
    assert outcome.verdict == "ok", outcome.reason
    assert set(log.splitlines()) == said


def test_a_model_that_draws_from_the_global_generators_is_seeded_too(tmp_path: Path) -> None:
    code = """
        import random

        class Model:
            def fit(self, X, y):
                self.p = np.random.random(3) + random.random()
                return self

            def predict_proba(self, X):
                return np.tile(self.p / self.p.sum(), (len(X), 1))
    """
    first, again, other = (predictions(run(tmp_path, code=code, seed=seed)[0]) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


# What a model may answer


ANSWERS = """
    class Model:
        def fit(self, X, y):
            return self

        def {answer}
"""


def test_columns_of_probabilities_are_told_apart_by_classes_(tmp_path: Path) -> None:
    code = """
        class Model:
            def fit(self, X, y):
                self.classes_ = np.array([2, 0])
                return self

            def predict_proba(self, X):
                return np.tile([0.9, 0.1], (len(X), 1))
    """
    found = predictions(run(tmp_path, code=code)[0])
    assert found.iloc[0].to_dict() == {"cortex": 0.1, "putamen": 0.0, "spinal cord": 0.9}


def test_labels_alone_are_turned_into_ones_and_zeros_and_said_to_be(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, code=ANSWERS.format(answer="predict(self, X): return [2, 1.0, True] * 4"))
    assert outcome.labels_only
    assert predictions(outcome).to_numpy()[:3].tolist() == [[0, 0, 1], [0, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("predict(self, X): return ['cortex'] * len(X)", "predict() gave 'cortex' at place 1, which is not one of the class codes 0..2."),
        ("predict(self, X): return [0] * 11 + [3]", "predict() gave 3 at place 12, which is not one of the class codes 0..2."),
        ("predict(self, X): return [0, 0.5] * 6", "predict() gave 0.5 at place 2, which is not one of the class codes 0..2."),
        ("predict(self, X): return [0, -1, np.nan] * 4", "predict() gave -1.0 at place 2, which is not one of the class codes 0..2."),
        ("predict(self, X): return [0] * 5", "predict() returned an array of shape (5,); (12,) was expected."),
        (
            "predict_proba(self, X): return np.ones((12, 2)) / 2",
            "predict_proba() returned an array of shape (12, 2); (12, 3) was expected.",
        ),
        ("predict_proba(self, X): return np.ones(12)", "predict_proba() returned an array of shape (12,); (12, 3) was expected."),
        (
            "predict_proba(self, X): self.classes_ = ['a', 'b', 'c']; return np.ones((12, 3)) / 3",
            "classes_ holds 'a' at place 1, which is not one of the class codes 0..2.",
        ),
    ],
)
def test_an_answer_that_is_no_prediction_is_invalid_and_told_why(tmp_path: Path, answer: str, said: str) -> None:
    outcome, log = run(tmp_path, code=ANSWERS.format(answer=answer))
    assert (outcome.verdict, outcome.reason) == ("invalid", said)
    assert log == said + "\n"


def test_a_regressor_answers_one_number_a_row(tmp_path: Path) -> None:
    code = ANSWERS.format(answer="predict(self, X): return X[['a']]")
    X, y = cohort()
    outcome, _ = run(tmp_path, code=code, y=y[TRAIN].astype(float), classes=(), target_kind="regression")
    assert np.array_equal(predictions(outcome)["prediction"], X["a"][TEST])
    wide, _ = run(tmp_path, code=code.replace("['a']", "['a', 'b']"), y=y[TRAIN].astype(float), classes=(), target_kind="regression")
    assert (wide.verdict, wide.reason) == ("invalid", "predict() returned an array of shape (12, 2); (12, 1) was expected.")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("sklearn.preprocessing:StandardScaler", "StandardScaler has neither predict nor predict_proba: it cannot enter a competition."),
        ("sklearn.linear_model:Ridge", "Ridge is a regressor; this task needs a classifier."),
        ("sklearn.svm:OneClassSVM", "OneClassSVM is an outlier detector; this task needs a classifier."),
        ("sklearn.linear_model:Rigde", "sklearn.linear_model has no Rigde. Did you mean Ridge or RidgeCV?"),
        ("no_such_package.models:Model", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("pathlib:Path", "pathlib:Path is a PosixPath without fit(X, y): it is not a model."),
    ],
)
def test_what_is_no_model_for_the_task_is_refused_in_one_line_before_it_is_fitted(tmp_path: Path, target: str, said: str) -> None:
    outcome, _ = run(tmp_path, target)
    assert (outcome.verdict, outcome.reason) == ("failed", said)


def test_a_name_that_a_file_does_not_hold_is_told_by_the_files_own_name(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, f"{tmp_path / 'model.py'}:Modle", "class Model: ...")
    assert (outcome.verdict, outcome.reason) == ("failed", "model.py has no Modle. Did you mean Model?")


# Artifacts


ARTIFACTS = """
    import pandas as pd

    class Model:
        def fit(self, X, y):
            return self

        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)

        def artifacts(self):
            {body}
"""


def test_a_models_own_tables_come_out_as_they_are(tmp_path: Path) -> None:
    body = "return {'importance': pd.DataFrame({'feature': ['a', 'NA'], 'gain': [0.25, None]}), 'empty': pd.DataFrame()}"
    outcome, _ = run(tmp_path, code=ARTIFACTS.format(body=body))
    assert outcome.verdict == "ok", outcome.reason
    assert {n: t.to_csv(index=False) for n, t in outcome.artifacts.items()} == {"importance": "feature,gain\na,0.25\nNA,\n"}


@pytest.mark.parametrize("body", ["raise ValueError('no importances')", "return {'a/b': pd.DataFrame({'x': [1]})}", "return 3"])
def test_artifacts_that_fail_cost_lines_in_the_log_and_never_the_run(tmp_path: Path, body: str) -> None:
    outcome, log = run(tmp_path, code=ARTIFACTS.format(body=body))
    assert outcome.verdict == "ok", outcome.reason
    assert outcome.artifacts == {}
    assert log.startswith("Traceback")


# Where a model may come from


class Nearest:
    """A model that is defined here, in a module that the child cannot import."""

    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64]) -> Self:
        self.centres = np.stack([X[y == c].mean() for c in np.unique(y)])
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        return (np.abs(X.to_numpy()[:, None] - self.centres) ** self.power).sum(axis=2).argmin(axis=1)


def halved(X: pd.DataFrame) -> pd.DataFrame:
    return X / 2


@pytest.mark.parametrize("estimator", [Nearest(), Nearest], ids=["object", "class"])
def test_an_estimator_that_only_this_process_knows_travels_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, estimator: object
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome, _ = run(tmp_path, estimator=estimator)
    assert np.array_equal(predictions(outcome).to_numpy().argmax(axis=1), cohort()[1][TEST])


def test_a_pipeline_enters_as_an_object_also_with_a_step_that_only_this_process_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome, _ = run(tmp_path, estimator=make_pipeline(FunctionTransformer(halved), StandardScaler(), LinearSVC()))
    assert outcome.labels_only
    assert np.array_equal(predictions(outcome).to_numpy().argmax(axis=1), cohort()[1][TEST])


def test_a_module_that_the_harness_can_import_the_child_can_import_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "floor.py").write_text("from genoboard.reference import Majority\nclass Floor(Majority): ...\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "lab")
    assert run(tmp_path, "floor:Floor")[0].verdict == "ok"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, "lab.floor:Floor")[0].verdict == "ok", "the current folder counts as well"
    monkeypatch.chdir("/")
    assert run(tmp_path, "lab.floor:Floor")[0].reason == "ModuleNotFoundError: No module named 'lab'"


def test_a_files_own_functions_reach_the_processes_that_its_model_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    code = """
        from joblib import Parallel, delayed

        def double(x):
            return 2 * x

        class Model:
            def fit(self, X, y, run):
                self.p = np.array(Parallel(n_jobs=run.n_jobs)(delayed(double)(x) for x in (1, 2, 5)))
                return self

            def predict_proba(self, X):
                return np.tile(self.p / 16, (len(X), 1))
    """
    found = predictions(run(tmp_path, code=code, limits=Limits(60, threads=2))[0])
    assert found.iloc[0].to_list() == [0.125, 0.25, 0.625]


def test_a_file_is_free_to_define_dataclasses_and_to_pickle_what_it_defines(tmp_path: Path) -> None:
    code = """
        import pickle
        from dataclasses import dataclass

        @dataclass
        class Model:
            weight: float = 1.0

            def fit(self, X, y):
                assert pickle.loads(pickle.dumps(self)) == self
                return self

            def predict_proba(self, X):
                return np.full((len(X), 3), self.weight)
    """
    assert predictions(run(tmp_path, code=code, parameters={"weight": 0.25})[0]).iloc[0].to_list() == [0.25, 0.25, 0.25]


def test_in_this_process_the_models_own_exception_comes_through(tmp_path: Path) -> None:
    X, y = cohort()
    (tmp_path / "model.py").write_text(
        "class Model:\n    def fit(self, X, y): return 1 / 0\n    def predict(self, X): ...\n", encoding="utf-8"
    )
    job = Job(ModelSpec("m", f"{tmp_path / 'model.py'}:Model", ""), {}, X[TRAIN], y[TRAIN], X[TEST], CLASSES, "multiclass", 0, Limits(60))
    with pytest.raises(ZeroDivisionError):
        sandbox.run(job, tmp_path / "log.txt", tmp_path / "metrics.jsonl", in_process=True)


def test_seed_and_threads_reach_catboost_though_it_lists_only_parameters_that_were_set() -> None:
    told = {"model": "catboost:CatBoostClassifier", "parameters": {"iterations": 3}, "seed": 7, "threads": 2}
    assert building.build(told).get_params() == {"iterations": 3, "random_state": 7, "thread_count": 2}
    chosen = {**told, "parameters": {"random_seed": 5}}
    assert building.build(chosen).get_params() == {"random_seed": 5, "thread_count": 2}


# What is prepared before


PREPARES = """
    class Model:
        def prepare(self, X, run):
            job = Path(os.environ["TMPDIR"]).parent
            print(json.dumps([sorted(p.name for p in (job / "in").iterdir()), len(X)]))
            (run.dir / "embeddings").mkdir()
            (run.dir / "embeddings" / "a.txt").write_text("of X alone")
            (run.dir / "stolen.txt").symlink_to("/etc/passwd")
            os.mkfifo(run.dir / "pipe")

        def fit(self, X, y, run):
            print((run.cache / "embeddings" / "a.txt").read_text(), sorted(p.name for p in run.cache.iterdir()))
            (run.dir / "labels.txt").write_text(str(list(y)))
            try:
                (run.cache / "labels.txt").write_text(str(list(y)))
            except OSError as error:
                print(type(error).__name__)
            return self

        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)
"""


def test_what_a_model_prepares_is_made_without_a_target_and_no_label_gets_into_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    outcome, log = run(tmp_path, code=PREPARES, y=None)
    assert (outcome.verdict, outcome.predictions) == ("ok", None)
    assert json.loads(log) == [["job.json", "model.py", "train.json", "train.npy"], 36]
    outcome, log = run(tmp_path, code=PREPARES)
    assert outcome.verdict == "ok", outcome.reason
    said = log.splitlines()[1:]
    assert said[0] == "of X alone ['embeddings']"
    if sys.platform == "linux" and landlock.version():
        assert said[1:] == ["PermissionError"]
        kept = [p.relative_to(tmp_path / "cache") for p in (tmp_path / "cache").rglob("*") if p.is_file()]
        assert kept == [Path("models", "model", "embeddings", "a.txt")]


def test_a_model_whose_preparation_fails_is_told_so(tmp_path: Path) -> None:
    outcome, _ = run(
        tmp_path,
        code="class Model:\n    def prepare(self, X, run):\n        raise ValueError('no weights')\n    def fit(self, X, y): ...\n",
        y=None,
    )
    assert (outcome.verdict, outcome.reason) == ("failed", "ValueError: no weights")
