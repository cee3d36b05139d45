"""A first plugin: what is made for a beginner installs, keeps to the contract, passes its own tests and stands on a board as it is."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from genoboard import ModelSpec, UnknownName, UsageError, scaffold
from genoboard.competition import Competition
from genoboard.evaluation import evaluate
from genoboard.plugins import Plugins, load_plugins
from genoboard.testing import check_model, check_task

REPO = Path(__file__).resolve().parents[1]
PAGE = (REPO / "docs" / "first-plugin.md").read_text(encoding="utf-8")
NUMBER = itertools.count()
Install = Callable[[str], Plugins]


@pytest.fixture
def name() -> str:
    # a module that was imported once stays as it was: every plugin has a name of its own
    return f"made-{next(NUMBER)}"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make a plugin's folder known to this process, as an installation would."""

    def put(name: str) -> Plugins:
        home = tmp_path / f"genoboard-{name}"
        project = tomllib.loads((home / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        points = "\n".join(f"{k} = {v}" for k, v in project["entry-points"]["genoboard"].items())
        told = home / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
        (told / "entry_points.txt").write_text(f"[genoboard]\n{points}\n")
        monkeypatch.syspath_prepend(home)
        return load_plugins()

    return put


@pytest.mark.parametrize(
    ("kind", "task", "split", "metric"),
    [
        ("tabular", "brain-region", "donor", "f1-macro"),
        ("text", "variant-class", "gene", "multiclass-log-loss"),
        pytest.param("bins", "expression-regression", "both", "mse", marks=pytest.mark.slow),
    ],
)
def test_a_model_keeps_to_the_contract_and_beats_the_control_as_it_is(
    kind: str, task: str, split: str, metric: str, name: str, install: Install, tmp_path: Path
) -> None:
    scaffold.model(name, tmp_path, kind)
    plugins = install(name)
    assert not plugins.broken
    card = plugins.models[name]
    assert [f for f in check_model(card, plugins) if not f.ok] == []
    competition = Competition.open(task, split, workspace=tmp_path, plugins=plugins)
    mine, floor = (evaluate(competition, model) for model in (name, "grand-mean" if kind == "bins" else "prior"))
    assert mine.verdict == "ok", mine.reason
    value, least = (entry.score(metric).value for entry in (mine, floor))  # type: ignore[union-attr]
    assert value is not None
    assert least is not None
    assert competition.metrics[0].better(value, least)


@pytest.mark.parametrize("kind", ["tabular", "text"])
def test_a_regressor_keeps_to_the_contract_as_it_is(kind: str, name: str, install: Install, tmp_path: Path, numbers: str) -> None:
    scaffold.model(name, tmp_path, task=f"{numbers}-{kind}")
    plugins = install(name)
    card = plugins.models[name]
    assert (card.kinds, card.targets) == ((kind,), ("regression",))
    assert [f for f in check_model(card, plugins) if not f.ok] == []


NUMBERS = """
from genoboard import DataSource, Split, Task, hookimpl


@hookimpl
def register_tasks():
    split = Split("random", asks="?", null="grand-mean")
    return [
        Task(f"{__name__}-{kind}", "Numbers", "Tell a number.", kind, "regression", (DataSource("mine", "mine", read="nobody:read"),), (split,), ("mse",))
        for kind in ("tabular", "text")
    ]
"""


@pytest.fixture
def numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two tasks of numbers, without a dataset, by a plugin; return the beginning of their names."""
    module, told = f"numbers{next(NUMBER)}", tmp_path / "numbers" / "numbers-1.dist-info"
    told.mkdir(parents=True)
    (told.parent / f"{module}.py").write_text(NUMBERS)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: numbers\nVersion: 1\n")
    (told / "entry_points.txt").write_text(f"[genoboard]\n{module} = {module}\n")
    monkeypatch.syspath_prepend(told.parent)
    return module


@pytest.mark.slow
def test_a_task_keeps_to_the_contract_and_a_model_learns_it_as_it_is(name: str, install: Install, tmp_path: Path) -> None:
    scaffold.task(name, tmp_path)
    plugins = install(name)
    assert not plugins.broken
    findings = check_task(plugins.tasks[name], plugins)
    assert [f for f in findings if not f.ok] == []
    assert len([f for f in findings if "panel" in f.check]) == 3
    competition = Competition.open(name, workspace=tmp_path, plugins=plugins)
    learnt = evaluate(competition, "logistic-regression").score("f1-macro")
    batch = evaluate(competition, f"{name}-batch", reuse=True).score("f1-macro")
    assert learnt is not None
    assert batch is not None
    assert (learnt.low or 0.0) > (batch.high or 1.0)


def test_what_is_made_is_told_and_lies_in_one_folder(tmp_path: Path) -> None:
    wrote = scaffold.model("nearest", tmp_path / "here")
    assert sorted(p.relative_to(tmp_path / "here" / "genoboard-nearest").as_posix() for p in wrote) == [
        "README.md",
        "genoboard_nearest/__init__.py",
        "genoboard_nearest/model.py",
        "pyproject.toml",
        "tests/test_nearest.py",
    ]
    assert all(p.is_file() for p in wrote)
    assert wrote[0].parent in wrote[2].parents


def test_what_is_made_is_valid_tidy_and_has_no_gap(tmp_path: Path) -> None:
    made = [p for kind in ("tabular", "text", "bins") for p in scaffold.model(f"a-{kind}", tmp_path, kind)]
    made += [*scaffold.model("values", tmp_path, task="expression-regression"), *scaffold.task("b-states", tmp_path)]
    for path in made:
        text = path.read_text(encoding="utf-8")
        assert "$" not in text, path
        assert max(map(len, text.splitlines())) <= 170, path
        if path.suffix == ".py":
            compile(text, str(path), "exec")
    python = [str(p) for p in made if p.suffix == ".py"]
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--isolated",
        "--select",
        "E,F,B,UP,SIM,PT,C4",
        "--ignore",
        "E501",
        *python,
    ]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_model_for_a_task_is_made_for_what_it_asks(tmp_path: Path) -> None:
    for name, task, kind, target in (("one", "brain-region", "tabular", "classes"), ("two", "expression-regression", "bins", "values")):
        home = scaffold.model(name, tmp_path, task=task)[2].parent
        card, model = (home / "__init__.py").read_text(), (home / "model.py").read_text()
        assert f'kinds=("{kind}",)' in card
        assert ('targets=("regression",)' in card) == (target == "values")
        assert ("def predict_proba" in model) == (target == "classes")
        assert f"genoboard run {task} {name}" in (home.parent / "README.md").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a b", "Write for example a-b"),
        ("9lives", "Write for example lives"),
        ("under_score", "Write for example under-score"),
        ("-", "a letter first"),
        ("../up", "Write for example up"),
        ("class", "a word of Python"),
        ("true", "a word of Python"),
        ("knn", "a model of that name is registered"),
        ("KNN", "a model of that name is registered"),
        ("brain-region", "a task of that name is registered"),
        ("sklearn", "a plugin of that name is installed"),
        ("genoboard", "a plugin of that name is installed"),
        ("leaderboard", "a package genoboard_leaderboard is installed"),
    ],
)
@pytest.mark.parametrize("make", [scaffold.model, scaffold.task])
def test_a_name_that_cannot_be_one_or_is_taken_is_refused(make: Callable[..., list[Path]], name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        make(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "genoboard-granite").mkdir()
    (tmp_path / "genoboard-granite" / "README.md").write_text("my own")
    for make in (scaffold.model, scaffold.task):
        with pytest.raises(UsageError, match="is there already"):
            make("granite", tmp_path)
    assert [p.read_text() for p in (tmp_path / "genoboard-granite").iterdir()] == ["my own"]


def test_what_there_is_no_scaffold_for_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean brain-region"):
        scaffold.model("granite", tmp_path, task="brain-regoin")
    with pytest.raises(UsageError, match="is no kind of rows"):
        scaffold.model("granite", tmp_path, kind="images")
    assert list(tmp_path.iterdir()) == []


def test_the_templates_are_part_of_the_package() -> None:
    home = Path(scaffold.__file__).parent / "scaffolds"
    assert len(list(home.rglob("*.tmpl"))) == len([p for p in home.rglob("*") if p.is_file()]) > 15


def commands(page: str) -> list[str]:
    """Return the command lines of a page's shell blocks, in their order."""
    return [line for block in re.findall(r"^```sh\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL) for line in block.splitlines()]


def test_the_page_speaks_of_what_is_made(tmp_path: Path) -> None:
    for path in scaffold.model("nearest", tmp_path):
        assert f"`{path.relative_to(tmp_path / 'genoboard-nearest')}`" in PAGE
    assert isinstance(ModelSpec("a", "b:c", "d").parameters, dict)
    assert [c.split()[0] for c in commands(PAGE)].count("genoboard") >= 8


@pytest.mark.slow
def test_the_page_runs_as_it_stands_in_an_empty_folder(tmp_path: Path) -> None:
    # an environment of its own that sees what is installed here, so that only the plugins themselves are installed anew
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    own, empty = tmp_path / "venv" / "bin", tmp_path / "empty"
    empty.mkdir()
    asked = [str(own / "python"), "-c", "import site; print(site.getsitepackages()[0])"]
    packages = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    here = next(p for p in map(Path, sys.path) if (p / "click").is_dir())
    Path(packages, "here.pth").write_text(f"import site; site.addsitedir({str(here)!r})\n")
    for script, module in (("genoboard", "genoboard"), ("pytest", "pytest")):
        (own / script).write_text(f'#!/bin/sh\nexec {own / "python"} -m {module} "$@"\n')
        (own / script).chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENOBOARD_", "PYTHONPATH", "VIRTUAL_ENV", "PYTEST"))}
    environment = {**kept, "PATH": f"{own}:{os.environ['PATH']}", "GENOBOARD_CACHE": str(tmp_path / "cache")}
    said = []
    for line in commands(PAGE):
        words = line.replace("pip install ", "pip install -q --no-deps ")
        done = subprocess.run(["bash", "-c", words], cwd=empty, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"$ {line}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    board = said[commands(PAGE).index("genoboard leaderboard brain-region")]
    assert re.search(r"^1 +nearest ", board, flags=re.MULTILINE), board
    # the task's own tests, too, though the page does not say so
    done = subprocess.run(["pytest", "-q", "genoboard-t-states"], cwd=empty, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
