"""The tutorial: what the page of the first entry shows is run, word for word, in an empty folder, and comes out as it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import page_step

PAGE = Path(__file__).resolve().parents[1] / "docs" / "first-entry.md"
BLOCK = re.compile(r"^```(console|python title=\"([^\"]+)\")\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# how a reader installed genoboard, and whether this clone has changes, is no matter of the page
STATE = re.compile(r"\b(released|editable|dirty)\b")


@dataclass(frozen=True)
class Step:
    """A command with the output that the page shows; or a file, whose name is then given."""

    command: str
    text: str
    file: str = ""


def steps(page: str) -> Iterator[Step]:
    for kind, name, body in BLOCK.findall(page):
        if kind != "console":
            yield Step("", body, name)
            continue
        for told in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, output = told.partition("\n")
            yield Step(command, output)


def looks_like(shown: str, found: str) -> bool:
    """Whether an output is the one that is shown, where `...` stands for anything in a line, or alone on a line for any lines."""
    pattern = re.escape(STATE.sub("released", shown)).replace(r"\.\.\.", "...")
    pattern = re.sub(r"^\.\.\.\\\n", "(?:.*\\\\n)*", pattern, flags=re.MULTILINE).replace("...", ".*")
    return re.fullmatch(pattern, STATE.sub("released", found)) is not None


def test_a_shown_output_is_compared_to_the_letter_but_for_its_dots() -> None:
    assert looks_like("a .../b (1.5)\n", "a /tmp/x/b (1.5)\n")
    assert looks_like("...\nb\n...\n", "a\na\nb\n")
    assert looks_like("run released\n", "run dirty\n")
    for shown, found in (("a\n", "a\nb\n"), ("1.5\n", "1x5\n"), ("a ... c\n", "a\nc\n"), ("", "a\n")):
        assert not looks_like(shown, found)


@pytest.mark.slow
def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    told = list(steps(PAGE.read_text(encoding="utf-8")))
    assert sum(bool(s.file) for s in told) == 2
    for step in told:
        if step.file:
            (folder / step.file).write_text(step.text, encoding="utf-8")
            continue
        done = page_step(step.command, folder, tmp_path / "cache")
        assert looks_like(step.text, done.stdout), f"$ {step.command}\n{done.stdout}"
        assert (done.returncode != 0) == ("Error:" in step.text), step.command
    assert [path.suffix for path in folder.glob("report-*")] == [".html"]


@pytest.mark.parametrize("step", [s for s in steps(PAGE.read_text(encoding="utf-8")) if s.file], ids=lambda s: s.file)
def test_a_file_of_the_tutorial_is_valid_python(step: Step) -> None:
    compile(step.text, step.file, "exec")
