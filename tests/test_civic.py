"""civic-significance: CIViC's release as it is given out; what is kept of it, what is refused, and what the controls score on it."""

from __future__ import annotations

import gzip
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoboard import DataError, board, catalog, cli, data
from genoboard.competition import Competition
from genoboard.evaluation import evaluate
from genoboard.plugins import load_plugins
from genoboard_tasks.civic_significance.reader import read
from genoboard_tasks.civic_significance.significance import CLASSES

PLUGINS = load_plugins()
TASK = PLUGINS.tasks["civic-significance"]
RELEASE = "01-Aug-2021-ClinicalEvidenceSummaries.tsv"
HONEST = ("citation", "gene", "citation-cv5", "gene-cv5")
KEPT = ("Sensitivity/Response", 1360), ("Resistance", 920), ("Uncertain Significance", 579), ("Poor Outcome", 342), ("Positive", 176), ("Better Outcome", 109)  # fmt: skip


@pytest.fixture(scope="session")
def release(real_data: Path) -> Path:
    return real_data / "variant-class" / "civic" / f"{RELEASE}.gz"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("civic")


@pytest.fixture
def civic(release: Path, workspace: Path) -> Path:
    """A workspace where the real release has been ingested."""
    if catalog.state(TASK, "civic") is None:
        data.ingest(TASK, release)
    return workspace


@pytest.fixture
def genoboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Call the command line in this process; return its status and all that it said."""

    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["genoboard", *map(str, words)])
        capsys.readouterr()
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


@dataclass(frozen=True)
class Item:
    """A row of a release, in the columns that are read and one that is not."""

    evidence_id: str
    gene: str = "BRAF"
    variant: str = "V600E"
    evidence_type: str = "Predictive"
    evidence_statement: str = "It answers."
    citation_id: str = "1"
    clinical_significance: str = "Resistance"


def written(folder: Path, *items: Item, name: str = RELEASE) -> Path:
    lines = ["\t".join(vars(Item("")))] + ["\t".join(vars(i).values()) for i in items]
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder / name


# ------------------------------------------------------------------------------------------------------ the real release


def test_the_real_release_gives_3486_statements_of_six_classes_and_says_what_it_dropped(release: Path) -> None:
    found = read(release)
    assert list(found.X.columns) == ["gene", "variation", "text"]
    assert tuple(found.y.value_counts().items()) == KEPT
    assert [c for c, _ in KEPT] == list(TASK.classes) == list(CLASSES)
    assert found.groups.nunique().to_dict() == {"citation": 1562, "gene": 293}
    assert found.X["gene"].nunique() == 320
    dropped, shared, withheld = found.notes
    assert dropped == (
        f"{RELEASE}.gz: 3,486 of 3,650 evidence items kept. Dropped: 79 without a clinical significance, 64 of classes too rare to learn, 21 duplicates."
    )
    assert shared.startswith("0 statements stand under several citations, 45 under several genes.")
    assert withheld.startswith("Type, direction and level of the evidence, drugs and disease are not handed to models")


def test_each_row_says_what_a_plain_reading_of_the_file_says(release: Path) -> None:
    plain = pd.read_csv(release, sep="\t", quoting=3, dtype="str", keep_default_na=False).set_index("evidence_id")
    found = read(release)
    there = plain.loc[found.X.index]
    for ours, theirs in (("gene", "gene"), ("variation", "variant"), ("text", "evidence_statement")):
        assert (found.X[ours] == there[theirs]).all(), ours
    assert (found.y == there["clinical_significance"]).all()
    assert found.X["text"].str.contains('"').any(), "a quotation mark is part of the text"


def test_no_statement_lies_on_both_sides_of_a_split_by_citation_or_gene(civic: Path) -> None:
    for split in HONEST:
        competition = Competition.open("civic-significance", split, "civic", civic, PLUGINS)
        X, group = competition.data.X(), competition.data.rows[split.removesuffix("-cv5")]
        texts = X["text"].str.casefold().str.split().str.join(" ")
        assert len(competition.folds) == (5 if split.endswith("cv5") else 1)
        for fold in competition.folds:
            for values in (texts, group, *([X["gene"]] if split.startswith("gene") else [])):
                assert not set(values.iloc[fold.train]) & set(values.iloc[fold.test]), split


@pytest.mark.parametrize("split", ["citation", "gene", "random"])
def test_a_cross_validated_split_asks_each_row_once_and_a_fold_holds_every_class(civic: Path, split: str) -> None:
    competition = Competition.open("civic-significance", f"{split}-cv5", "civic", civic, PLUGINS)
    assert np.array_equal(np.sort(np.concatenate([f.test for f in competition.folds])), np.arange(3486))
    for fold in competition.folds:
        assert set(competition.data.rows["y"].iloc[fold.test]) == set(CLASSES)


def test_a_random_split_is_known_to_leak_citations(civic: Path) -> None:
    (fold,) = Competition.open("civic-significance", "random", "civic", civic, PLUGINS).folds
    citation = data.prepare(TASK, "civic").rows["citation"]
    assert 0.6 < citation.iloc[fold.test].isin(citation.iloc[fold.train]).mean() < 0.7


@pytest.mark.parametrize(
    ("split", "prior", "gene_only"),
    [("random-cv5", 1.504, 0.863), ("citation-cv5", 1.504, 0.9545), ("gene-cv5", 1.820, 1.820)],
)
def test_the_controls_score_what_they_are_known_to_score(civic: Path, split: str, prior: float, gene_only: float) -> None:
    competition = Competition.open("civic-significance", split, "civic", civic, PLUGINS)
    found = {name: evaluate(competition, name, in_process=True).scores[0].value for name in TASK.controls}
    assert found == pytest.approx({"prior": prior, "gene-only": gene_only}, abs=0.01)


def test_a_board_holds_the_controls_and_ranks_the_gene_above_the_prior(civic: Path) -> None:
    competition = Competition.open("civic-significance", None, "civic", civic, PLUGINS)
    entry = evaluate(competition, "gene-only")
    assert (entry.verdict, entry.control, entry.scores[0].metric) == ("ok", True, "multiclass-log-loss")
    told = board.document(PLUGINS, str(civic), "civic-significance", "citation", "civic")
    assert [s["name"] for s in told["standings"]] == ["gene-only", "prior"]


# ------------------------------------------------------------------------------------------------------- the command line


def test_a_local_copy_comes_in_by_one_command(genoboard: Callable[..., tuple[int, str]], release: Path) -> None:
    for place in (release, release.parent):
        status, said = genoboard("data", "civic-significance", "--from", place)
        assert status == 0
        assert "Ingested civic-significance / civic: 3,486 rows x 3 features" in said
        assert "Dropped: 79 without a clinical significance, 64 of classes too rare to learn, 21 duplicates." in said
    assert "gene + variation + text), 1,562 citations, 293 genes" in genoboard("data", "civic-significance")[1]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a local HTTP server serves in the publisher's place; the cache is the test's own."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("GENOBOARD_MIRROR", f"http://127.0.0.1:{http.server_port}")
        yield folder
        http.shutdown()
        thread.join()


def test_the_published_release_is_downloaded_checked_and_read(
    genoboard: Callable[..., tuple[int, str]], server: Path, release: Path
) -> None:
    (server / RELEASE).write_bytes(gzip.decompress(release.read_bytes()))
    status, said = genoboard("data", "civic-significance", "--download")
    assert status == 0, said
    assert "Ingested civic-significance / civic: 3,486 rows x 3 features" in said
    assert data.prepare(TASK, "civic").fingerprint == data.ingest(TASK, release, "again").fingerprint


def test_a_download_that_is_not_the_published_release_is_refused(
    genoboard: Callable[..., tuple[int, str]], server: Path, release: Path
) -> None:
    content = gzip.decompress(release.read_bytes())
    (server / RELEASE).write_bytes(content.replace(b"Resistance", b"Positively", 1))
    status, said = genoboard("data", "civic-significance", "--download")
    assert status != 0
    assert f"but {TASK.sources[0].files[0].sha256} is published. It was not kept." in said
    assert catalog.state(TASK, "civic") is None


# ------------------------------------------------------------------------------------------------------- what is kept


def test_rows_that_say_the_same_of_one_variant_are_kept_once_and_contradictions_both(tmp_path: Path) -> None:
    found = read(
        written(tmp_path, Item("1"), Item("2", citation_id="2"), Item("3", clinical_significance="Positive"), Item("4", variant="V600K"))
    )
    assert list(found.X.index) == ["1", "3", "4"]
    assert (
        "3 of 4 evidence items kept. Dropped: 0 without a clinical significance, 0 of classes too rare to learn, 1 duplicates."
        in found.notes[0]
    )


def test_what_shares_a_statement_is_one_group_through_any_number_of_steps(tmp_path: Path) -> None:
    found = read(
        written(
            tmp_path,
            Item("1", gene="ALK", citation_id="7", evidence_statement="One thing."),
            Item("2", gene="BRAF", citation_id="8", evidence_statement="ONE  thing."),
            Item("3", gene="BRAF", citation_id="8", evidence_statement="Another."),
            Item("4", gene="KIT", citation_id="9", evidence_statement="Another. "),
            Item("5", gene="RET", citation_id="3", evidence_statement="A third."),
        )
    )
    assert list(found.groups["citation"]) == ["7", "7", "7", "7", "3"]
    assert list(found.groups["gene"]) == ["ALK", "ALK", "ALK", "ALK", "RET"]
    assert list(found.X["gene"]) == ["ALK", "BRAF", "BRAF", "KIT", "RET"], "what a model reads is not changed"
    assert found.notes[1].startswith("2 statements stand under several citations, 2 under several genes.")


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("12345678")), min_size=1, max_size=30))
def test_whatever_shares_a_citation_or_a_statement_shares_a_group_and_nothing_else_does(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    items = [Item(str(i), variant=f"V{i}", evidence_statement=t, citation_id=c) for i, (t, c) in enumerate(pairs)]
    groups = read(written(tmp_path_factory.mktemp("joined"), *items)).groups["citation"].tolist()
    # by another way: walk from row to row
    expected: dict[int, int] = {}
    for start in range(len(pairs)):
        todo = [start]
        while todo:
            at = todo.pop()
            if at not in expected:
                expected[at] = start
                todo += [i for i, p in enumerate(pairs) if p[0] == pairs[at][0] or p[1] == pairs[at][1]]
    assert len(set(zip(groups, (expected[i] for i in range(len(pairs))), strict=True))) == len(set(groups)) == len(set(expected.values()))


def test_a_spreadsheets_byte_order_mark_and_line_ends_are_read_over(tmp_path: Path) -> None:
    file = written(tmp_path, Item("1"), Item("2", variant="V600K"))
    plain = read(file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert read(file).X.equals(plain.X)


# ------------------------------------------------------------------------------------------------------- what is refused


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    said = str(caught.value)
    assert str(path) in said
    assert "genoboard data civic-significance --download" in said or "Give the one to read" in said
    return said


def test_a_folder_with_several_releases_or_none_is_refused(tmp_path: Path) -> None:
    assert "holds no *ClinicalEvidenceSummaries.tsv" in refused(tmp_path)
    written(tmp_path, Item("1"), name="01-Jan-2020-ClinicalEvidenceSummaries.tsv")
    written(tmp_path, Item("1"), name="01-Jan-2020-VariantSummaries.tsv")
    assert len(read(tmp_path).X) == 1
    written(tmp_path, Item("1"))
    assert "holds several releases: 01-Aug-2021-ClinicalEvidenceSummaries.tsv, 01-Jan-2020-ClinicalEvidenceSummaries.tsv." in refused(
        tmp_path
    )


@pytest.mark.parametrize("column", ["gene", "evidence_statement", "clinical_significance"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    file = written(tmp_path, Item("1"))
    file.write_text(file.read_text().replace(column, "significance"))
    assert f"line 1: there is no column {column}. Later releases name it otherwise." in refused(file)


def test_an_empty_file_and_one_without_tabs_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, Item("1"))
    file.write_text(file.read_text().replace("\t", ","))
    assert "It is not tab-separated." in refused(file)
    for content in ("", "\n \n"):
        file.write_text(content)
        assert "The file is empty." in refused(file)


def test_a_file_of_other_classes_alone_is_refused(tmp_path: Path) -> None:
    assert "column clinical_significance: no row is of the classes" in refused(
        written(tmp_path, Item("1", clinical_significance="Pathogenic"))
    )


def test_a_row_that_is_cut_off_is_named_by_its_line(tmp_path: Path) -> None:
    file = written(tmp_path, Item("1"), Item("2"))
    file.write_text(file.read_text().rpartition("\t")[0])
    assert "line 3: 6 columns, but line 1 names 7." in refused(file)
    file.write_text(written(tmp_path, Item("1")).read_text() + "\tx")
    assert "line 3: 2 columns" in refused(file)


def test_a_real_release_that_was_cut_off_is_refused(tmp_path: Path, release: Path) -> None:
    content = gzip.decompress(release.read_bytes())
    cut = tmp_path / RELEASE
    cut.write_bytes(content[: len(content) // 2])
    assert re.search(r"line \d+: \d+ columns, but line 1 names 41\.", refused(cut))
    (cut := tmp_path / f"{RELEASE}.gz").write_bytes(release.read_bytes()[:100_000])
    assert "cannot be read: Compressed file ended" in refused(cut)


def test_broken_utf8_is_named_by_line_and_column(tmp_path: Path) -> None:
    file = written(tmp_path, Item("1"), Item("2", evidence_statement="TGF-β"))
    file.write_bytes(file.read_text(encoding="utf-8").encode("iso-8859-7"))
    assert "line 3, column evidence_statement: byte 0xe2 is no UTF-8." in refused(file)


@pytest.mark.parametrize("column", ["gene", "variant", "evidence_statement", "citation_id", "evidence_id"])
def test_an_empty_cell_is_named_by_line_and_column(tmp_path: Path, column: str) -> None:
    assert f"line 3, column {column} is empty." in refused(written(tmp_path, Item("1"), Item(**{"evidence_id": "2", column: " "})))


def test_an_id_that_occurs_twice_is_named(tmp_path: Path) -> None:
    assert "line 4, column evidence_id: 1 occurs a second time." in refused(written(tmp_path, Item("1"), Item("2"), Item("1", gene="KIT")))
