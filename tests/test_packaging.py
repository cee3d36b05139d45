"""What a user installs: a clean wheel, a small core, and a stranger's plugin that works from the README alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
README = (REPO / "README.md").read_text(encoding="utf-8")


def block(after: str, language: str) -> str:
    """Return the first code block of `language` that follows the text `after` in the README."""
    text = README[README.index(after) :]
    start = text.index(f"```{language}\n") + len(language) + 4
    return text[start : text.index("```", start)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(REPO)], check=True)
    return next(folder.glob("genoboard-*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_three_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {n.split("/")[0] for n in names}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"genoboard", "genoboard_leaderboard", "genoboard_tasks"}
    for needed in ("genoboard/py.typed", "genoboard_leaderboard/schema.sql", "genoboard_leaderboard/py.typed", "genoboard_tasks/py.typed"):
        assert needed in names
    assert not [n for n in names if n.endswith((".db", ".csv", ".npy")) or "__pycache__" in n]


class Shell:
    """A user's own environment: a venv, an empty folder, and nothing of this checkout."""

    def __init__(self, root: Path) -> None:
        self.bin, self.folder = root / "venv" / "bin", root / "here"
        self.folder.mkdir()
        subprocess.run([sys.executable, "-m", "venv", str(root / "venv")], check=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV", "GENOBOARD_WORKSPACE"))}
        self.environment = {**kept, "PATH": f"{self.bin}:{os.environ['PATH']}", "GENOBOARD_CACHE": str(root / "cache")}

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*words], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done

    def board(self) -> list[dict[str, object]]:
        return json.loads(self("genoboard", "leaderboard", "brain-region", "--json").stdout)["standings"]


@pytest.fixture(scope="module")
def shell(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("user"))
    shell("pip", "install", "-q", "-c", str(REPO / "constraints.txt"), str(wheel))
    return shell


@pytest.mark.slow
def test_the_core_stays_under_450_megabytes_and_works_without_a_plugin(shell: Shell) -> None:
    size = sum(f.stat().st_size for f in (shell.bin.parent / "lib").rglob("*") if f.is_file() and not f.is_symlink())
    assert size < 450e6, f"{size / 1e6:.0f} MB"
    shell("genoboard", "run", "brain-region", "prior")
    assert {s["name"] for s in shell.board()} == {"prior", "majority", "technical-covariates"}
    for heavy in ("torch", "sklearn", "xgboost", "catboost", "scipy"):
        assert shell("python", "-c", f"import {heavy}", check=False).returncode != 0


@pytest.mark.slow
def test_an_extra_that_is_not_installed_is_answered_with_its_command(shell: Shell) -> None:
    done = shell("genoboard", "run", "brain-region", "xgboost", check=False)
    assert done.returncode != 0
    assert 'pip install "genoboard[xgboost]"' in done.stderr


@pytest.mark.slow
def test_a_strangers_plugin_made_from_the_readme_alone_runs_and_stays_on_the_board(shell: Shell) -> None:
    plugin = shell.folder / "genoboard-centroid"
    (plugin / "genoboard_centroid").mkdir(parents=True)
    (plugin / "pyproject.toml").write_text(block("`pyproject.toml`", "toml"))
    (plugin / "genoboard_centroid" / "__init__.py").write_text(block("the card: it imports nothing heavy", "python"))
    model = plugin / "genoboard_centroid" / "model.py"
    model.write_text(block("Save this as `centroid.py`", "python"))
    answer = shell("genoboard", "run", "brain-region", "centroid", check=False)
    assert answer.returncode == 2

    shell("pip", "install", "-q", "./genoboard-centroid")
    shell("genoboard", "check", "centroid")
    shell("genoboard", "run", "brain-region", "centroid")
    (first,) = [s for s in shell.board() if s["name"] == "centroid"]
    assert first["rank"] == 1

    # edited without a change of version
    model.write_text(model.read_text().replace("-self.sharpness", "-3.0 * self.sharpness"))
    shell("pip", "install", "-q", "--force-reinstall", "--no-deps", "./genoboard-centroid")
    shell("genoboard", "run", "brain-region", "centroid")
    two = [s for s in shell.board() if s["name"] == "centroid"]
    assert len(two) == 2
    assert two[0]["code"] != two[1]["code"]

    shell("pip", "uninstall", "-q", "-y", "genoboard-centroid")
    assert len([s for s in shell.board() if s["name"] == "centroid"]) == 2
    # the README's other way in: the file by its path
    (shell.folder / "centroid.py").write_text(model.read_text())
    shell("genoboard", "run", "brain-region", "centroid.py:Centroid", "--set", "sharpness=4")
    assert "Centroid" in [s["name"] for s in shell.board()]
