"""What the documents say is so: every hook, command and option that is named exists, and every one that exists is named."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from genoboard import hookspecs
from genoboard.cli import cli

REPO = Path(__file__).resolve().parents[1]
README = (REPO / "README.md").read_text(encoding="utf-8")
CONTRACT = (REPO / "docs" / "contract.md").read_text(encoding="utf-8")
MAKEFILE = (REPO / "Makefile").read_text(encoding="utf-8")
HOOKS = [n for n in vars(hookspecs) if n.startswith(("register_", "entry_"))]
SPOKEN = sorted({line.strip() for page in (README, CONTRACT) for line in page.splitlines() if line.startswith("    genoboard ")})


def code_blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_in_the_contract(hook: str) -> None:
    assert f"`{hook}(" in CONTRACT


def test_the_contract_names_no_hook_that_does_not_exist() -> None:
    assert set(re.findall(r"`(register_\w+|entry_\w+)\(", CONTRACT)) == set(HOOKS)


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`genoboard {command}`" in README


def test_the_readme_speaks_commands() -> None:
    assert len(SPOKEN) >= 10


@pytest.mark.parametrize("line", SPOKEN)
def test_every_command_line_in_the_documents_parses(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    command.make_context(words[0], words[1:], resilient_parsing=False)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", README))))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE), target


@pytest.mark.parametrize("option", ["--from", "--download", "--as", "--use", "--split", "--export"])
def test_data_has_the_options_that_are_promised(option: str) -> None:
    assert option in [o for p in cli.commands["data"].params for o in p.opts]


def test_the_code_in_the_readme_compiles() -> None:
    blocks = code_blocks(README, "python")
    assert len(blocks) >= 3
    for block in blocks:
        compile(block, "README.md", "exec")


def test_the_contract_says_what_a_run_context_offers() -> None:
    for name in ("run.dir", "run.cache", "run.seed", "run.device", "run.n_jobs", "run.classes", "run.log("):
        assert name in CONTRACT


def test_every_face_name_exists() -> None:
    import genoboard

    for name in genoboard.__all__:
        assert getattr(genoboard, name) is not None


def test_the_task_of_the_readme_works_as_it_stands(tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genoboard import data
    from genoboard.competition import Competition
    from genoboard.evaluation import evaluate
    from genoboard.plugins import load_plugins

    card, reader = code_blocks(README[README.index("## Your own task") :], "python")[:2]
    package, told = tmp_path / "genoboard_mine", tmp_path / "genoboard_mine-0.1.dist-info"
    package.mkdir()
    told.mkdir()
    (package / "__init__.py").write_text(card)
    (package / "reader.py").write_text(reader)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: genoboard-mine\nVersion: 0.1\n")
    (told / "entry_points.txt").write_text("[genoboard]\nmine = genoboard_mine\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins = load_plugins()
    data.ingest(plugins.tasks["my-significance"], real_data / "variant-class" / "civic" / "01-Aug-2021-ClinicalEvidenceSummaries.tsv.gz")
    competition = Competition.open("my-significance", workspace=tmp_path, plugins=plugins)
    entry = evaluate(competition, "gene-only")
    assert entry.verdict == "ok"
    assert competition.split.name == "citation"
    assert entry.score("multiclass-log-loss").value < 1.2  # type: ignore[union-attr]
