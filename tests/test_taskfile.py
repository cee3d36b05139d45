"""Task file: a task.toml stands for a task, says where it does not, and closes nobody's house."""

from __future__ import annotations

import math
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard import DataError, PluginError, UnknownName, taskfile, toml
from genoboard.plugins import load_plugins
from genoboard.workspace import Workspace

GOOD = """
name = "soil"
target = "binary"
classes = ["dry", "wet"]

[data]
name = "plots"
reads = "table"
path = "plots.csv"
sha256 = { "plots.csv" = "00" }
target = ["state"]

[columns]
number = ["depth"]

[[split]]
name = "random"
asks = "What is a further plot?"
null = "prior"
"""


def at(workspace: Path, text: str, name: str = "soil") -> Path:
    path = workspace / "tasks" / name / "task.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_few_lines_are_a_task_with_the_usual_metrics_controls_and_panels(tmp_path: Path) -> None:
    card = taskfile.load(at(tmp_path, GOOD))
    assert (card.name, card.target, card.classes, card.kind) == ("soil", "binary", ("dry", "wet"), "tabular")
    assert card.metrics == ("auroc", "log-loss", "f1", "accuracy")
    assert card.controls == ("prior", "majority")
    (source,) = card.sources
    assert source.place == str(tmp_path / "tasks" / "soil" / "plots.csv")
    assert source.recipe == taskfile.Recipe("binary", ("state",), ("dry", "wet"), number=("depth",), file="plots.csv")


def test_every_metric_panel_and_control_that_a_task_has_unasked_is_there() -> None:
    from pkgutil import resolve_name

    plugins = load_plugins()
    for target, names in taskfile.METRICS.items():
        assert {plugins.metric(n).name for n in names} == set(names)
        assert all(callable(resolve_name(p)) for p in taskfile.PANELS[target])
        assert all(target in plugins.models[c].targets or target == "multilabel" for c in taskfile.CONTROLS[target])
    assert all(callable(resolve_name(r)) for r in taskfile.READERS.values())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "soil"', "name = soil", "cannot be read as TOML"),
        ('name = "soil"', 'name = "so il"', "such as 'so-il'"),
        ('name = "soil"', 'nam = "soil"', "nam = 'soil' is nothing that a task has. Did you mean name?"),
        ('target = "binary"', 'target = "survival"', "target = 'survival' is to be one of binary, multiclass, multilabel, regression."),
        ('classes = ["dry", "wet"]', 'classes = ["dry"]', "classes = ['dry'] do not fit a binary target"),
        ('classes = ["dry", "wet"]', 'classes = "dry"', "is to be a list of texts"),
        ('target = "binary"', 'target = "multilabel"', "classes = ['dry', 'wet'] are none of a multilabel target"),
        ('path = "plots.csv"', "", "[data] path is missing."),
        ('reads = "table"', 'reads = "excel"', "is to be one of table, h5ad, kaggle."),
        ('null = "prior"', "", "[[split]] number 1 null is missing."),
        ('null = "prior"', 'null = "prior"\nfolds = "five"', "[[split]] number 1 folds = 'five' is to be a whole number."),
        ('null = "prior"', 'null = "prior"\ngrop = "x"', "Did you mean group?"),
        ("[[split]]", "[split]", "write [[split]], with two brackets"),
        ('name = "soil"', 'name = "soil"\nmetrics = ["aurok"]', "There is no metric named 'aurok'. Did you mean auroc"),
        ("[[split]]", '[[metric]]\nname = "m"\nfile = "m.py"\nfunction = "m"\ndirection = "max"\n[[split]]', "cannot be read"),
    ],
)
def test_a_file_that_says_no_task_is_listed_as_broken_with_the_place_and_the_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = at(tmp_path, GOOD.replace(old, new, 1))
    plugins = load_plugins(workspace=Workspace(tmp_path))
    assert "soil" not in plugins.tasks
    reason = plugins.broken["tasks/soil/task.toml"]
    assert said in reason
    assert str(path) in reason
    assert "brain-region" in plugins.tasks
    with pytest.raises(UnknownName, match=r"tasks/soil/task\.toml"):
        plugins.task("something-else-entirely")


def test_a_task_of_the_workspace_is_registered_beside_those_of_plugins_and_says_whose_it_is(tmp_path: Path) -> None:
    at(tmp_path, GOOD)
    plugins = load_plugins(workspace=Workspace(tmp_path))
    assert plugins.task("soil").title == "soil"
    assert plugins.owners["task soil"] == "tasks/soil/task.toml"
    assert "soil" not in load_plugins(workspace=Workspace(tmp_path / "elsewhere")).tasks


@pytest.mark.parametrize("name", ["soil", "brain-region"])
def test_two_tasks_of_one_name_raise_and_both_are_named(tmp_path: Path, name: str) -> None:
    at(tmp_path, GOOD)
    at(tmp_path, GOOD.replace('"soil"', f'"{name}"', 1), "other")
    with pytest.raises(PluginError, match=rf"The task '{name}' is registered twice, by .* and tasks/.*/task\.toml"):
        load_plugins(workspace=Workspace(tmp_path))


def test_what_is_changed_of_data_columns_or_splits_makes_other_data_and_what_is_not_does_not(tmp_path: Path) -> None:
    def fingerprint(text: str, name: str) -> str:
        return taskfile.load(at(tmp_path, text, name)).sources[0].fingerprint

    first = fingerprint(GOOD, "a")
    assert fingerprint(GOOD + "folds = 7\n", "b") != first
    assert fingerprint(GOOD.replace('"depth"', '"width"'), "c") != first
    assert fingerprint(GOOD.replace('"00"', '"01"'), "d") != first
    assert fingerprint(GOOD.replace('name = "soil"', 'name = "soil"\ntitle = "Soil"'), "e") == first


def test_a_source_is_what_can_be_downloaded_and_cited(tmp_path: Path) -> None:
    more = '\n[source]\nurl = "https://example.org/plots.csv"\nlicence = "CC0"\ncitation = "Clay 2020"\n'
    (source,) = taskfile.load(at(tmp_path, GOOD + more)).sources
    assert (source.files[0].url, source.files[0].sha256, source.licence, source.cite) == (
        "https://example.org/plots.csv",
        "00",
        "CC0",
        "Clay 2020",
    )


def test_another_content_of_a_metrics_file_is_another_version(tmp_path: Path) -> None:
    told = '[[metric]]\nname = "m"\nfile = "m.py"\nfunction = "m"\ndirection = "max"\nlow = 0\nhigh = 1\n[[split]]'
    path = at(tmp_path, GOOD.replace("[[split]]", told))
    versions = []
    for text in ("def m(a, b): return 0.5\n", "def m(a, b): return 0.6\n"):
        (path.parent / "m.py").write_text(text)
        (metric,) = taskfile.load(path).metrics
        assert not isinstance(metric, str)
        assert (metric.low, metric.high, metric.reads) == (0.0, 1.0, "labels")
        versions.append(metric.version)
    assert versions[0] != versions[1]


texts = st.text(st.characters(codec="utf-8"))
plain = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False),
    st.lists(texts),
    st.dictionaries(texts, texts, min_size=1),
)


@given(st.dictionaries(texts, plain), st.lists(st.dictionaries(texts, plain), min_size=1, max_size=3))
def test_what_is_written_is_what_is_read_whatever_the_names(top: dict[str, Any], several: list[dict[str, Any]]) -> None:
    flat = {f"k{k}": v for k, v in top.items() if not isinstance(v, dict)}
    written = {**flat, "table": top, "one": several}
    read = tomllib.loads(toml.dump(written, "a heading"))
    assert read == written
    assert all(math.copysign(1, a) == math.copysign(1, b) for a, b in zip(numbers(read), numbers(written), strict=True))


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict | list):
        return [n for v in (value.values() if isinstance(value, dict) else value) for n in numbers(v)]
    return [value] if isinstance(value, float) else []


def test_listing_tasks_imports_neither_pandas_nor_numpy(tmp_path: Path) -> None:
    at(tmp_path, GOOD)
    code = (
        "import sys; sys.argv = ['genoboard', '--workspace', sys.argv[1], 'list', 'tasks']; from genoboard.cli import cli; cli(standalone_mode=False);"
        "print(*[m for m in ('pandas', 'numpy', 'pyarrow', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert any(line.split()[:1] == ["soil"] for line in lines)
    assert lines[-1] == ""


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        taskfile.load(tmp_path / "task.toml")
