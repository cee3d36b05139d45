"""What the documents say is so: every hook, command and option that is named exists, and every one that exists is named."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from genoboard import audit, giveaway, hookspecs, hosting, kin, scoring, texts
from genoboard.cli import cli
from genoboard_leaderboard import ladder, pairing, ranking

REPO = Path(__file__).resolve().parents[1]
README = (REPO / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((REPO / "docs").glob("*.md"))}
ALL = {"README.md": README, **PAGES}
CONTRACT = PAGES["contract.md"]
MAKEFILE = (REPO / "Makefile").read_text(encoding="utf-8")
HOOKS = [n for n in vars(hookspecs) if n.startswith(("register_", "entry_"))]


def commands_of(page: str) -> Iterator[list[str]]:
    """Give the words of every command line of genoboard's in a page: in an indented block, in one of a shell's, or after a prompt."""
    page = re.sub(
        r"^```sh\n(.*?)^```", lambda block: re.sub("^", "    ", block[1], flags=re.MULTILINE), page, flags=re.DOTALL | re.MULTILINE
    )
    for line in re.sub(r"\\\n\s*", "", page).splitlines():
        told = re.match(r"(?:    |\$ )(genoboard .*)", line)
        if told is None or told[1].endswith("<TAB>"):  # still being typed
            continue
        lexer = shlex.shlex(told[1], posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        # what a shell does with the output is no word of ours
        yield words[: next((i for i, word in enumerate(words) if set(word) <= set("();<>|&")), len(words))]


SPOKEN = sorted({shlex.join(words) for page in ALL.values() for words in commands_of(page)})


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


def test_the_documents_speak_commands() -> None:
    assert len(SPOKEN) >= 30
    assert {"genoboard leaderboard --rebuild", "genoboard new model nearest"} <= set(SPOKEN)
    assert "genoboard run brain-region knn xgboost --seed 0-4 --list-jobs --out submissions" in SPOKEN, "without what a shell does with it"


@pytest.mark.parametrize("line", SPOKEN)
def test_every_command_line_in_the_documents_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    if words[0] == "--workspace":
        words = words[2:]
    if words in (["--version"], ["--help"]):
        return
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    if "--help" not in words:
        command.make_context(words[0], words[1:], resilient_parsing=False)


WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 10: "ten", 20: "20"}
NUMBERS = {
    "uncertainty.md": [
        f"{scoring.REPLICATES:,} resamples are made",
        f"More than {scoring.MOST_CLUSTERS:,} groups are merged",
        f"fewer than {WORDS[ranking.FEW]} groups the board says",
        f"From {WORDS[pairing.FEWEST_SEEDS]} seeds on",
        f"{ladder.LEVEL:.2f} / (k (k + 1))".lstrip("0"),
        f"fewer than {WORDS[hosting.FEWEST_GROUPS]} test groups",
        f"fewer than {WORDS[hosting.FEWEST_IN_PART]} in either part",
        f"at most {WORDS[hosting.SELECTED]} entries of a team",
    ],
    "splits.md": [
        f"of {kin.FEW_BINS} open bins or more",
        f"({kin.CHANCE:.3f} / {kin.KTH - 1}n)".replace("0.", "."),
        f"min(1/{1 / kin.NEAREST:.0f},",
        f"above {kin.COPY:.3f} |".replace("0.", "."),
        f"{texts.SAME_WORDS:.0%} of its runs of {WORDS[texts.RUN]} words".replace("%", " %"),
        f"over {giveaway.GOLDEN:.0%} of the errors".replace("%", " %"),
        f"over {giveaway.CARRIES:.0%} of the errors, by more than {WORDS[int(giveaway.SURE)]} standard errors".replace("%", " %"),
        f"{WORDS[int(giveaway.ORDERED)]} standard deviations of what {giveaway.SHUFFLES} shuffles",
        f"by more than {audit.SHIFT:.1f};".replace("0.", "."),
        f"more than {kin.SKETCH}, between {kin.SKETCH} random projections",
        f"at most {kin.MOST_TESTED:,} test rows of a fold, and into at most {giveaway.MOST_IDS:,} ids",
    ],
}


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, told in NUMBERS.items() for said in told])
def test_a_number_in_an_explanation_is_the_one_in_the_code(name: str, said: str) -> None:
    assert said in " ".join(PAGES[name].split())


def test_every_file_that_the_readme_links_to_exists() -> None:
    linked = {link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link}
    assert "docs/index.md" in linked
    assert [link for link in linked if not (REPO / link).exists()] == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:`|^    )make ([a-z-]+)", README, flags=re.MULTILINE))))
def test_every_make_target_in_the_readme_exists(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE), target


def test_every_extra_that_a_document_installs_exists() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    told = {extra for page in ALL.values() for named in re.findall(r"genoboard\[([a-z,]+)\]", page) for extra in named.split(",")}
    assert {"sklearn", "report", "dask"} <= told
    assert told <= set(project["optional-dependencies"])


@pytest.mark.parametrize("option", ["--from", "--download", "--as", "--use", "--split", "--export"])
def test_data_has_the_options_that_are_promised(option: str) -> None:
    assert option in [o for p in cli.commands["data"].params for o in p.opts]


@pytest.mark.parametrize("name", [name for name, page in ALL.items() if "```python\n" in page])
def test_the_code_in_a_document_compiles(name: str) -> None:
    for block in code_blocks(ALL[name], "python"):
        if not re.search(r"^rule ", block, flags=re.MULTILINE):  # a Snakefile
            compile(block, name, "exec")


def test_the_readme_shows_code() -> None:
    assert len(code_blocks(README, "python")) >= 3


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
