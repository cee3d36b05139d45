"""Plugins: found one by one; broken, clashing and misspelt ones told with their reason; their hooks called."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from genoboard import Metric, ModelSpec, PluginError, Task, UnknownName, hookimpl
from genoboard.competition import Competition
from genoboard.datasheet import export
from genoboard.evaluation import submit
from genoboard.plugins import load_plugins
from genoboard_leaderboard.store import Store

PEBBLES = Path(__file__).parent / "pebbles"
START = "import sys; sys.argv[0] = 'genoboard'; from genoboard.cli import main; main()"
FOREST = ModelSpec("forest", "trees:Forest", "many trees")


class Trees:
    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return (FOREST,)


def distribution(folder: Path, name: str, code: str, point: str | None = None) -> Path:
    """Install a distribution of one module, as pip would leave it, into `folder`."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[genoboard]\n{point or name} = {name}\n")
    (info / "RECORD").write_text(f"{name}.py,,\n")
    return folder


def process(site: Path, *words: object, **more: Any) -> subprocess.CompletedProcess[str]:
    """Call the command line as a process in which the distributions in `site` are installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))}
    return subprocess.run(
        [sys.executable, "-c", START, *map(str, words)], capture_output=True, text=True, check=False, env=environment, timeout=120, **more
    )


@pytest.fixture
def pebbles(monkeypatch: pytest.MonkeyPatch) -> Task:
    """The task of the test plugin, without its control: nothing needs to run before a file is submitted."""
    monkeypatch.syspath_prepend(str(PEBBLES))
    import pebbles

    return replace(pebbles.TASK, name="bare", controls=())


def bringing(task: Task) -> object:
    class Bare:
        @hookimpl
        def register_tasks(self) -> Iterable[Task]:
            return (task,)

    return Bare()


# ------------------------------------------------------------------------------------------------------ one after the other


def test_every_card_has_an_owner_and_every_call_loads_afresh() -> None:
    plugins = load_plugins(extra=[Trees()])
    assert plugins.models["forest"] is FOREST
    assert plugins.owners["model forest"] == "Trees"
    assert plugins.owners["model prior"] == "genoboard"
    assert plugins.owners["task brain-region"] == "tasks"
    assert "forest" not in load_plugins().models


def test_installed_distributions_are_known_by_name_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PEBBLES))
    plugins = load_plugins()
    assert plugins.distributions["pebbles"] == ("pebbles", "1.0")
    assert plugins.owners["model centroid"] == "pebbles"
    assert plugins.owners["format names"] == "pebbles"


BROKEN = {
    "raises": ("raise RuntimeError('out of sand')", "RuntimeError: out of sand"),
    "imports": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "exits": ("raise SystemExit('gone')", "SystemExit: gone"),
    "misspells": (
        "from genoboard import hookimpl\n@hookimpl\ndef register_model(): return ()",
        "misspells implements 'register_model', which is not a hook. Did you mean register_models?",
    ),
    "invents": (
        "from genoboard import hookimpl\n@hookimpl\ndef zap(): return ()",
        "invents implements 'zap', which is not a hook. The hooks are: register_tasks, register_models, register_metrics, register_exporters, register_commands, entry_recorded.",
    ),
    "misnames": (
        "from genoboard import hookimpl\n@hookimpl\ndef register_commands(group): pass",
        "Plugin 'misnames' for hook 'register_commands'",
    ),
    "answers_wrongly": (
        "from genoboard import hookimpl\n@hookimpl\ndef register_models(): return ['forest']",
        "register_models() failed: TypeError: 'forest' is not a ModelSpec card",
    ),
    "answers_nothing": (
        "from genoboard import hookimpl\n@hookimpl\ndef register_tasks(): pass",
        "register_tasks() failed: TypeError: 'NoneType' object is not iterable",
    ),
    "shadows": (
        "from genoboard import hookimpl\n@hookimpl\ndef register_exporters(): return [('csv', str)]",
        "register_exporters() failed: ValueError: the format 'csv' is genoboard's own",
    ),
    "exports_oddly": (
        "from genoboard import hookimpl\n@hookimpl\ndef register_exporters(): return ['tsv']",
        "register_exporters() failed: TypeError: 'tsv' is not a pair of a format's name and a function",
    ),
}


def test_broken_plugins_are_listed_each_with_its_reason_and_the_others_work(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(PEBBLES, site)
    for name, (code, _) in BROKEN.items():
        distribution(site, name, code)
    said = process(site, "list")
    assert said.returncode == 0
    assert "  centroid" in said.stdout
    for name, (_, reason) in BROKEN.items():
        assert f"broken plugin {name}: {reason}" in said.stderr
    told = json.loads(process(site, "list", "--json").stdout)
    assert set(told["broken"]) == set(BROKEN)
    asked = process(site, "run", "pebbles", "raises", cwd=tmp_path)
    assert asked.returncode == 2
    assert "There is no model named 'raises'." in asked.stderr
    assert "A plugin of that name is installed but broken: RuntimeError: out of sand" in asked.stderr
    other = process(site, "run", "pebbles", "xyzzy", cwd=tmp_path)
    assert "Installed but broken, so that what they bring is not known: answers_nothing, " in other.stderr
    assert "genoboard list says why." in other.stderr


def test_a_misspelt_hook_is_refused_by_its_name() -> None:
    class Slip:
        @hookimpl
        def register_modles(self) -> Iterable[ModelSpec]:
            return ()

    with pytest.raises(PluginError, match=r"^Slip implements 'register_modles', which is not a hook\. Did you mean register_models\?$"):
        load_plugins(extra=[Slip()])


def test_two_plugins_that_register_one_model_are_refused_naming_both(tmp_path: Path) -> None:
    class Woods(Trees):
        pass

    words = r"The model 'forest' is registered twice, by the plugins 'Trees' and 'Woods'\. Uninstall one, or rename its model\."
    with pytest.raises(PluginError, match=words):
        load_plugins(extra=[Trees(), Woods()])
    site = distribution(
        tmp_path,
        "woods",
        "from genoboard import hookimpl, ModelSpec\n@hookimpl\ndef register_models(): return [ModelSpec('prior', 'woods:Prior', '')]",
    )
    said = process(site, "list")
    assert said.returncode == 1
    assert (
        said.stderr
        == "Error: The model 'prior' is registered twice, by the plugins 'genoboard' and 'woods'. Uninstall one, or rename its model.\n"
    )


@pytest.mark.parametrize(
    ("hook", "given", "kind"),
    [
        ("register_tasks", Task("reef", "", "", "tabular", "regression", (), (), ()), "task 'reef'"),
        ("register_metrics", Metric("fit", "a:b", "max", 0.0, 1.0, "values", ""), "metric 'fit'"),
        ("register_exporters", ("tsv", str), "format 'tsv'"),
    ],
)
def test_so_are_tasks_metrics_and_formats(hook: str, given: object, kind: str) -> None:
    one, other = (type(name, (), {hook: hookimpl(lambda self: (given,), specname=hook)})() for name in ("One", "Other"))
    with pytest.raises(PluginError, match=rf"The {kind} is registered twice, by the plugins 'One' and 'Other'"):
        load_plugins(extra=[one, other])


def test_two_plugins_of_one_name_are_refused_with_their_distributions(tmp_path: Path) -> None:
    for name in ("acme_forest", "other_forest"):
        distribution(tmp_path, name, "", point="forest")
    said = process(tmp_path, "list")
    assert said.returncode == 1
    assert said.stderr == (
        "Error: Two plugins are called 'forest': acme_forest of acme_forest 1.0 and other_forest of other_forest 1.0. Uninstall one of them.\n"
    )
    with pytest.raises(PluginError, match=r"Two plugins are called 'Trees': Trees and Trees\. Rename one, or uninstall it\."):
        load_plugins(extra=[Trees(), Trees()])


# ---------------------------------------------------------------------------------------------- models that are not there yet


@pytest.fixture
def lying_there(tmp_path: Path) -> Callable[..., Path]:
    """Put a plugin's folder, not installed, below `folder`."""

    def put(folder: str, package: str = "genoboard_woods/__init__.py") -> Path:
        home = tmp_path / folder / "woods"
        (home / package).parent.mkdir(parents=True)
        (home / "pyproject.toml").write_text('[project]\nname = "woods"\n[project.entry-points.genoboard]\nwoods = "genoboard_woods"\n')
        (home / package).write_text('SPECS = [ModelSpec("rain-forest", "genoboard_woods.models:Rain", "wet")]\n')
        return home

    return put


@pytest.mark.parametrize("package", ["genoboard_woods/__init__.py", "genoboard_woods.py", "src/genoboard_woods/__init__.py"])
@pytest.mark.parametrize("place", ["workspace/plugins", "plugins"])
@pytest.mark.parametrize("name", ["woods", "rain-forest"])
def test_a_plugin_that_lies_there_uninstalled_is_answered_with_its_install_command(
    lying_there: Callable[..., Path], place: str, name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = lying_there(place, package)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownName, match=r"There is no model named '(woods|rain-forest)'\.") as caught:
        load_plugins().model(name, tmp_path / "workspace" / "plugins")
    shown = home if place.startswith("workspace") else home.relative_to(tmp_path)
    assert str(caught.value).endswith(f"The plugin that brings it lies in {shown}, not installed: pip install -e {shown}")


def test_the_command_line_says_so_too(lying_there: Callable[..., Path], tmp_path: Path) -> None:
    home = lying_there("workspace/plugins")
    (home.parent / "half-written").mkdir()
    (home.parent / "half-written" / "pyproject.toml").write_text("[project")
    said = process(PEBBLES, "run", "pebbles", "rain-forest", cwd=tmp_path)
    assert said.returncode == 2
    assert f"The plugin that brings it lies in {home}, not installed: pip install -e {home}\n" in said.stderr


def test_a_folder_with_blanks_is_quoted(lying_there: Callable[..., Path], tmp_path: Path) -> None:
    home = lying_there("my plugins")
    with pytest.raises(UnknownName, match=rf"pip install -e '{re.escape(str(home))}'$"):
        load_plugins().model("woods", tmp_path / "my plugins")


def test_an_extra_is_answered_with_its_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plugins = load_plugins()
    without = replace(plugins, models={n: m for n, m in plugins.models.items() if n != "catboost"})
    with pytest.raises(
        UnknownName, match=r'There is no model named \'catboost\'\..* A plugin brings it: pip install "genoboard\[catboost\]"$'
    ):
        without.model("catboost")


def test_a_path_names_a_model_that_no_plugin_brings(tmp_path: Path) -> None:
    plugins = load_plugins()
    spec = plugins.model("sklearn.svm:SVC")
    assert (spec.name, spec.target) == ("SVC", "sklearn.svm:SVC")
    assert spec.settings({"anything": 1}) == {"anything": 1}, "the estimator itself knows what it takes"
    (tmp_path / "mine.py").write_text("")
    assert plugins.model(f"{tmp_path}/mine.py:Model").target == f"{tmp_path / 'mine.py'}:Model"


# -------------------------------------------------------------------------------------------------------------------- hooks


def submitted(competition: Competition, folder: Path) -> Any:
    *_, sample = export(competition, folder)
    return submit(competition, sample, "by hand")


def test_entry_recorded_is_called_after_the_commit_and_its_failure_undoes_nothing(
    pebbles: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, bool, bool]] = []

    class Town:
        @hookimpl
        def entry_recorded(self, entry: dict[str, Any]) -> None:
            folder = competition.workspace.folder(entry["id"], "bare")
            told.append((entry["name"], (folder / "run.json").is_file(), bool(Store(competition.workspace.database).find(entry["id"]))))

    class Silent:
        @hookimpl
        def entry_recorded(self) -> None:
            told.append(("", True, True))

    class Deaf:
        @hookimpl
        def entry_recorded(self, entry: dict[str, Any]) -> None:
            raise RuntimeError("cannot hear")

    competition = Competition.open("bare", plugins=load_plugins(extra=[bringing(pebbles), Town(), Silent(), Deaf()]))
    with caplog.at_level(logging.ERROR):
        entry = submitted(competition, tmp_path / "taken")
    assert sorted(told) == [("", True, True), ("by hand", True, True)]
    assert "entry_recorded() failed in plugin 'Deaf'" in caplog.text
    assert "RuntimeError: cannot hear" in caplog.text
    assert Store(competition.workspace.database).entry(entry.id).verdict == "ok"
    assert competition.workspace.folder(entry.id, "bare").is_dir()


def test_register_commands_adds_a_command_and_a_broken_one_takes_nobody_s_away(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(PEBBLES, site)
    distribution(site, "angry", "from genoboard import hookimpl\n@hookimpl\ndef register_commands(cli): raise RuntimeError('no')")
    said = process(site, "skim")
    assert (said.returncode, said.stdout) == (0, "The pebble skims.\n")
    assert "register_commands() failed in plugin 'angry'" in said.stderr
    assert "Did you mean skim?" in process(site, "skimm").stderr
    assert process(site, "--version").stderr == "", "our own words load no plugin"


def test_a_metric_of_a_plugin_scores_any_file_by_name(tmp_path: Path) -> None:
    site = distribution(
        tmp_path / "site", "halves",
        "from genoboard import Metric, hookimpl\n"
        "class Half:\n"
        "    def score(self, truth, prediction, n_classes): return float((truth - prediction).mean() / 2)\n"
        "half = Half()\n"
        "@hookimpl\n"
        "def register_metrics(): return [Metric('half-bias', 'halves:half', 'min', 0.0, float('inf'), 'values', 'half of the bias')]\n",
    )  # fmt: skip
    pd.DataFrame({"id": ["a", "b"], "value": [3.0, 5.0]}).to_csv(tmp_path / "solution.csv", index=False)
    pd.DataFrame({"id": ["b", "a"], "value": [4.0, 1.0]}).to_csv(tmp_path / "mine.csv", index=False)
    said = process(site, "score", tmp_path / "mine.csv", "--solution", tmp_path / "solution.csv", "--metric", "half_bias", "--json")
    assert json.loads(said.stdout) == {"metric": "half-bias", "score": 0.75, "notes": []}


def test_a_task_of_a_plugin_is_opened_like_any_other(pebbles: Task) -> None:
    competition = Competition.open("bare", plugins=load_plugins(extra=[bringing(pebbles)]))
    assert (len(competition.data.rows), competition.split.name, competition.data.name) == (90, "cove", "demo")
