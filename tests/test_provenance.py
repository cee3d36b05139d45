"""Provenance: code that changed is told apart, and its state is said."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import genoboard
from genoboard import ModelSpec
from genoboard.provenance import code_of
from genoboard_leaderboard.entry import Code


def of(target: str, plugin: str = "", distribution: tuple[str, str] | None = None) -> Code:
    return code_of(ModelSpec("model", target, "a model for a test"), plugin, distribution)


def written(path: Path, text: str = "class Model: ...\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package ``stranger`` that can be imported."""
    written(tmp_path / "stranger" / "__init__.py")
    written(tmp_path / "stranger" / "deep" / "net.py")
    written(tmp_path / "stranger" / "genes.txt", "GAL\nTRH\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "stranger"


@pytest.fixture
def installed(package: Path) -> Path:
    """The folder that pip would leave beside that package for a wheel of it."""
    folder = package.parent / "stranger_models-1.2.dist-info"
    written(folder / "METADATA", "Metadata-Version: 2.1\nName: stranger-models\nVersion: 1.2\n")
    written(folder / "RECORD", "stranger/__init__.py,sha256=abc,17\nstranger/deep/net.py,,\n")
    importlib.invalidate_caches()
    return folder


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True).stdout.strip()


def committed(folder: Path) -> str:
    """Make `folder` a repository with all its files, and return the commit."""
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return git(folder, "rev-parse", "--short=12", "HEAD")


# What changes the hash


def test_a_file_is_known_by_its_name_and_its_content(tmp_path: Path) -> None:
    path = written(tmp_path / "lab.py")
    first = of(f"{path}:Model")
    assert (first.plugin, first.version, first.state, first.commit) == ("lab.py", "", "editable", "")
    assert len(first.source) == 16
    written(path, "class Model: x = 1\n")
    assert of(f"{path}:Model").source != first.source
    written(path)
    assert of(f"{path}:Model") == first
    assert of(f"{written(tmp_path / 'elsewhere' / 'lab.py')}:Model") == first, "wherever it lies"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: written(folder / "deep" / "net.py", "class Model: x = 1\n"),
        lambda folder: written(folder / "genes.txt", "GAL\n"),
        lambda folder: written(folder / "deep" / "more.py", ""),
        lambda folder: (folder / "genes.txt").unlink(),
        lambda folder: (folder / "genes.txt").rename(folder / "markers.txt"),
    ],
    ids=["an edit", "other data", "one more file", "one less", "another name"],
)
def test_whatever_changes_in_a_packages_folder_changes_its_hash(package: Path, change: Callable[[Path], object]) -> None:
    before = of("stranger.deep.net:Model")
    assert (before.plugin, before.version, before.state) == ("stranger", "", "editable")
    change(package)
    assert of("stranger.deep.net:Model").source != before.source


def test_what_python_and_editors_leave_in_a_folder_does_not_count(package: Path) -> None:
    before = of("stranger:Model")
    written(package / "__pycache__" / "net.cpython-311.pyc")
    written(package / ".net.py.swp")
    written(package / "deep" / ".ipynb_checkpoints" / "net.py")
    assert of("stranger:Model") == before


def test_a_single_module_counts_as_well_as_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "stranger_alone.py")
    monkeypatch.syspath_prepend(tmp_path)
    before = of("stranger_alone:Model")
    assert (before.plugin, before.state) == ("stranger_alone", "editable")
    written(path, "class Model: x = 1\n")
    assert of("stranger_alone:Model").source != before.source


def test_a_folder_without_init_that_lies_in_the_current_folder_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "stranger_lab" / "net.py")
    monkeypatch.chdir(tmp_path)
    before = of("stranger_lab.net:Model")
    assert (before.plugin, before.state, len(before.source)) == ("stranger_lab", "editable", 16)
    written(path, "class Model: x = 1\n")
    assert of("stranger_lab.net:Model").source != before.source


def test_a_class_of_the_script_that_runs_is_known_by_the_script(tmp_path: Path) -> None:
    ask = "from genoboard import ModelSpec\nfrom genoboard.provenance import code_of\nprint(code_of(ModelSpec('m', '__main__:M', '')).source)\n"
    script = written(tmp_path / "script.py", ask)
    said = [subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout.strip() for _ in range(2)]
    written(script, ask + "# edited\n")
    said.append(subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout.strip())
    assert said[0] == said[1] != said[2]
    assert len(said[0]) == 16


@pytest.mark.parametrize("top", ["no_such_package", "sys"])
def test_code_that_cannot_be_found_is_of_unknown_state(top: str) -> None:
    assert of(f"{top}.models:Model") == Code(top, "", "", "unknown", "")


# Which state it is in


def test_code_from_a_repository_has_its_commit_and_is_dirty_once_it_differs(tmp_path: Path) -> None:
    path, other = written(tmp_path / "lab.py"), written(tmp_path / "notes.txt", "1\n")
    commit = committed(tmp_path)
    assert (of(f"{path}:Model").state, of(f"{path}:Model").commit) == ("editable", commit)
    written(other, "2\n")
    assert of(f"{path}:Model").state == "editable", "another file's changes are no concern"
    written(path, "class Model: x = 1\n")
    assert (of(f"{path}:Model").state, of(f"{path}:Model").commit) == ("dirty", commit)


def test_code_that_was_never_committed_is_dirty_even_where_git_ignores_it(tmp_path: Path) -> None:
    written(tmp_path / ".gitignore", "scratch/\n")
    commit = committed(tmp_path)
    for path in (written(tmp_path / "new.py"), written(tmp_path / "scratch" / "lab.py")):
        assert (of(f"{path}:Model").state, of(f"{path}:Model").commit) == ("dirty", commit)


def test_a_packages_state_is_that_of_its_whole_folder(package: Path) -> None:
    commit = committed(package.parent)
    assert (of("stranger.deep.net:Model").state, of("stranger.deep.net:Model").commit) == ("editable", commit)
    written(package / "genes.txt", "GAL\n")
    assert of("stranger.deep.net:Model").state == "dirty"


def test_a_library_is_known_by_the_list_of_hashes_that_its_wheel_brought() -> None:
    code = of("sklearn.linear_model:LogisticRegression")
    record = metadata.distribution("scikit-learn").read_text("RECORD")
    assert record is not None
    digest = hashlib.sha256(record.encode()).hexdigest()[:16]
    assert code == Code("scikit-learn", metadata.version("scikit-learn"), digest, "released", "")


def test_a_plugin_that_was_installed_is_released_and_an_edit_in_place_is_still_told_apart(package: Path, installed: Path) -> None:
    before = of("stranger.deep.net:Model", "stranger", ("stranger-models", "1.2"))
    assert (before.plugin, before.version, before.state, before.commit) == ("stranger", "1.2", "released", "")
    written(package / "deep" / "net.py", "class Model: x = 1\n")
    after = of("stranger.deep.net:Model", "stranger", ("stranger-models", "1.2"))
    assert (after.version, after.state) == ("1.2", "released")
    assert after.source != before.source


def test_a_plugin_that_was_installed_from_its_folder_is_editable(package: Path, installed: Path) -> None:
    written(installed / "direct_url.json", '{"url": "file:///somewhere", "dir_info": {"editable": true}}')
    code = of("stranger.deep.net:Model", "stranger", ("stranger-models", "1.2"))
    assert (code.version, code.state) == ("1.2", "editable")
    commit = committed(package.parent)
    written(package / "genes.txt", "GAL\n")
    code = of("stranger.deep.net:Model", "stranger", ("stranger-models", "1.2"))
    assert (code.version, code.state, code.commit) == ("1.2", "dirty", commit)


def test_a_model_of_an_installed_distribution_finds_its_version_by_itself(installed: Path) -> None:
    code = of("stranger.deep.net:Model")
    record = (installed / "RECORD").read_text(encoding="utf-8")
    assert code == Code("stranger-models", "1.2", hashlib.sha256(record.encode()).hexdigest()[:16], "released", "")


def test_the_harnesss_own_controls_have_its_version() -> None:
    code = of("genoboard.reference:Prior", "genoboard")
    assert (code.plugin, code.version) == ("genoboard", genoboard.__version__)
    assert len(code.source) == 16
