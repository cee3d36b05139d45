"""What those who contribute and those who cite are told is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest

from genoboard import __version__
from genoboard.cli import cli

REPO = Path(__file__).resolve().parents[1]
CONTRIBUTING = (REPO / "CONTRIBUTING.md").read_text(encoding="utf-8")
CITATION = (REPO / "CITATION.cff").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))


def cited(key: str) -> str:
    (found,) = re.findall(rf"^{key}: (.*)$", CITATION, re.MULTILINE)
    return str(found).strip('"')


def test_the_citation_file_names_the_version_the_licence_and_the_authors_of_the_package() -> None:
    assert cited("cff-version") == "1.2.0"
    assert cited("version") == __version__
    assert cited("license") == PROJECT["project"]["license"]
    assert re.findall(r"^  - name: (.*)$", CITATION, re.MULTILINE) == [a["name"] for a in PROJECT["project"]["authors"]]
    assert re.findall(r"^  - (?!name)(.*)$", CITATION, re.MULTILINE) == PROJECT["project"]["keywords"]


def test_the_citation_file_is_yaml_with_what_the_format_asks_for() -> None:
    yaml = pytest.importorskip("yaml")
    told = yaml.safe_load(CITATION)
    assert {"cff-version", "message", "title", "authors"} <= set(told)
    assert told["type"] == "software"
    assert isinstance(told["version"], str)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z][a-z-]*)", CONTRIBUTING)) - {"labels"}))
def test_every_make_target_that_is_named_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("words", sorted(set(re.findall(r"`genoboard ([a-z ]+)", CONTRIBUTING))))
def test_every_command_that_is_named_exists(words: str) -> None:
    command: click.Command | None = cli
    for word in words.split():
        assert isinstance(command, click.Group), words
        command = command.get_command(click.Context(command), word)
        assert command is not None, words


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?:`|\]\()((?:harness|tests|plugins|docs)/[\w./]+)", CONTRIBUTING))))
def test_every_path_that_is_named_is_there(path: str) -> None:
    assert (REPO / path.replace("NAME", "sklearn")).exists()
