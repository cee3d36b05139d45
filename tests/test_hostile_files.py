"""Files made to do harm: those that unpack to more than memory, that never end, that lead elsewhere; refused fast, and small."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from mutations import mutated_bytes

from genoboard import DataError, answers, diagnosis, parcel, seal, solution, submission
from genoboard.board import rebuild
from genoboard.errand import ENTRY_FILES
from genoboard.errors import GenoboardError, InvalidSubmission
from genoboard.metrics import BUILTIN
from genoboard.submission import Form
from genoboard.workspace import SEALED, SEALED_REPLICATES
from genoboard_leaderboard.entry import Board, Entry, Score
from genoboard_tasks import packed, parquet
from genoboard_tasks.brain_region import gct, sheet
from genoboard_tasks.brain_region.matrix import read_matrix
from genoboard_tasks.brain_region.sheet import read_sheet
from genoboard_tasks.civic_significance.reader import read as read_civic
from genoboard_tasks.expression_regression.chromosomes import read_chromosomes
from genoboard_tasks.expression_regression.description import read_description
from genoboard_tasks.expression_regression.sites import read_sites
from genoboard_tasks.expression_regression.table import open_bed, open_table
from genoboard_tasks.variant_class.texts import read_texts
from genoboard_tasks.variant_class.variants import read_variants

Read = Callable[[Path], object]

GCT_HEAD = b"#1.2\n9\t1\nName\tDescription\tS1\n"
FORM = Form(("a", "b"), "id", "risk")
# who reads, and how such a file begins
READERS: dict[str, tuple[Read, bytes]] = {
    "GCT": (lambda p: gct.read_columns(p, ["S1"]), GCT_HEAD),
    "GCT's length": (gct.check_length, GCT_HEAD),
    "GCT's names": (gct.read_header, b"#1.2\n9\t1\nName\tDescription\t"),
    "matrix": (read_matrix, b"sample,G1\n"),
    "labels": (read_sheet, b"SAMPID,SMTSD\n"),
    "table": (open_table, b"gene\tA\n"),
    "BED": (open_bed, b"chr1\t0\t1\n"),
    "start sites": (read_sites, b"chr1\t1\t1\tNM\tTP53\t+\n"),
    "chromosomes": (read_chromosomes, b"chr1\t1000\n"),
    "texts": (lambda p: read_texts(p, [0], [0]), b"ID,Text\n0||"),
    "variants": (lambda p: read_variants(p, True), b"ID,Gene,Variation,Class\n"),
    "CIViC": (read_civic, b"gene\tvariant\n"),
    "submission": (lambda p: submission.read(p, FORM), b"id,risk\n"),
    "any table": (lambda p: submission.read_columns(p, 2), b"id,risk\n"),
}
every = pytest.mark.parametrize("who", READERS)


@pytest.fixture(autouse=True)
def _no_test_waits_for_ever() -> Iterator[None]:
    """End what waits for a pipe."""

    def stop(*_: object) -> None:
        raise TimeoutError("it waited")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def refusal(read: Callable[[], Any]) -> str:
    with pytest.raises(GenoboardError) as caught:
        read()
    return str(caught.value)


@every
def test_a_gzip_bomb_is_refused_with_its_bound_and_what_to_do(tmp_path: Path, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, head = READERS[who]
    monkeypatch.setattr(packed, "ALWAYS", 1 << 22)
    monkeypatch.setattr(submission, "ALWAYS", 1 << 22)
    monkeypatch.setattr(sheet, "MOST_ROWS", 100_000)
    path = tmp_path / "bomb.csv.gz"
    line = {"GCT's names": b"S\t", "texts": b"x "}.get(who, b"1\t1\t1\n" if b"\t" in head else b"1,1\n")
    path.write_bytes(gzip.compress(head + line * ((48 << 20) // len(line)), 9))
    assert path.stat().st_size < 1 << 19
    tracemalloc.start()
    said = refusal(lambda: read(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "bomb.csv.gz" in said
    # where its first rows are wrong, that is told before
    assert re.search(r"over [\d,]+ MiB|has over 100,000 rows|not \d+|\d cells|line \d", said), said
    assert peak < 300 << 20, f"{peak >> 20} MiB"


def test_a_zip_bomb_is_refused_with_its_bound_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "ALWAYS", 1 << 20)
    path = tmp_path / "training_text.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("training_text", "ID,Text\n" + "0||a\n" * (1 << 24))
    said = refusal(lambda: list(packed.lines(path)))
    assert said.startswith(f"{path} unpacks to over ")
    assert said.endswith("If it is what it should be, unpack it yourself and give the unpacked file.")


def test_what_compresses_well_and_is_no_bomb_is_read(tmp_path: Path) -> None:
    path = tmp_path / "zeros.tsv.gz"
    path.write_bytes(gzip.compress(b"gene\tA\n" + b"g\t0\n" * (8 << 20), 9))
    assert len(open_table(path).content) > 32 << 20, "a few hundred megabytes are always read"


@every
def test_a_line_of_a_gigabyte_is_refused_at_once_and_without_holding_it(tmp_path: Path, who: str) -> None:
    read, head = READERS[who]
    path = tmp_path / "endless.csv"
    with path.open("wb") as out:
        out.write(head)
        out.truncate(1 << 30)
    began = time.monotonic()
    tracemalloc.start()
    said = refusal(lambda: read(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "endless.csv" in said
    assert peak < 300 << 20, f"{peak >> 20} MiB"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("many", [2, 400_000])
def test_a_submissions_line_without_end_is_named(tmp_path: Path, many: int) -> None:
    path = tmp_path / "endless.csv"
    path.write_bytes(b"id,risk\na,0.5\nb," + b"1" * (20 << 20))
    form = Form(tuple(f"s{i}" for i in range(many)), "id", "risk")
    assert refusal(lambda: submission.read(path, form)).endswith("line 3 has over 8 MiB and no end: write one short line per row")


def test_a_submission_of_far_too_many_rows_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"id,risk\n" + b"a,1\n" * 1_000_000)
    assert "1 surplus of rows: 2 are asked for\n      it was not read beyond line 100006" in refusal(lambda: submission.read(path, FORM))


def test_a_text_that_stands_in_every_row_of_a_parquet_is_counted_before_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 100_000]))
    pq.write_table(pa.table({"id": [f"s{i}" for i in range(20_000)], "risk": long}), path)
    assert path.stat().st_size < 1 << 20
    form = Form(tuple(f"s{i}" for i in range(20_000)), "id", "risk")
    assert "it holds over 64 MiB, many times what it can need" in refusal(lambda: submission.read(path, form))
    said = refusal(lambda: parquet.read(path, ["id", "risk"], path))
    assert "unpacks to over 1,024 MiB" in said


def test_a_row_that_holds_millions_of_numbers_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    numbers = np.zeros(30_000_000, np.float32)
    pq.write_table(
        pa.table({"id": ["a"], "risk": pa.ListArray.from_arrays(pa.array([0, len(numbers)], pa.int32()), pa.array(numbers))}), path
    )
    assert path.stat().st_size < 1 << 16
    before = pa.total_allocated_bytes()
    assert "neither text nor numbers: 'risk'" in refusal(lambda: submission.read(path, Form(("a",), "id", "risk")))
    assert "column risk (list<element: float>) is neither text nor numbers" in refusal(lambda: parquet.read(path, ["id", "risk"], path))
    path.rename(tmp_path / "predictions.parquet")
    with pytest.raises(answers.UnreadableError, match="something else than numbers"):
        answers.predictions(tmp_path, pd.Index(["a"]), ["id", "risk"])
    assert pa.total_allocated_bytes() - before < 1 << 20


def test_labels_that_the_solution_does_not_have_make_no_matrix_of_their_own(tmp_path: Path) -> None:
    truth, answer = tmp_path / "truth.csv", tmp_path / "answer.csv"
    truth.write_text("id,region\n" + "".join(f"s{i},{'ab'[i % 2]}\n" for i in range(20_000)))
    answer.write_text("id,region\n" + "".join(f"s{i},label{i}\n" for i in range(20_000)))
    metric = next(m for m in BUILTIN if m.name == "f1-macro")
    said = refusal(lambda: solution.score_file(answer, truth, metric))
    assert "column 'region': 20,000 labels are not in the solution, such as 'label0'" in said


@every
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a device"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path, who: str, kind: str) -> None:
    read, _ = READERS[who]
    path = tmp_path / "thing.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        path.symlink_to("/dev/zero")
    assert path.name in refusal(lambda: read(path))


def test_a_dataset_toml_that_names_a_device_or_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tsv")
    for name in ("/dev/zero", "pipe.tsv", "."):
        (tmp_path / "dataset.toml").write_text(f'[openness]\nmatrix = "{name}"\nunit = "counts"\n')
        assert "[openness]: matrix names" in refusal(lambda: read_description(tmp_path))


def test_a_zip_whose_member_is_called_like_a_file_elsewhere_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in" / "training_text.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside", "ID,Text\n0||a text\n")
    assert read_texts(path, [0], [0])[0] == [b"a text"]
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["in", "training_text.zip"]


def test_a_zip_with_a_link_in_it_gives_the_links_text_and_follows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "training_text.zip"
    link = zipfile.ZipInfo("training_text")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "line 1 is '/etc/passwd'" in refusal(lambda: read_texts(path, [0], [0]))


@pytest.mark.parametrize("examples", [pytest.param(60, id="few"), pytest.param(2000, id="many", marks=pytest.mark.slow)])
def test_a_bent_parcel_brings_only_what_is_expected_or_is_refused(tmp_path: Path, examples: int) -> None:
    (tmp_path / "from" / "artifacts").mkdir(parents=True)
    for name in ("run.json", "log.txt", "artifacts/importances.csv"):
        (tmp_path / "from" / name).write_text("1\n")
    sent, to = parcel.pack(tmp_path / "from"), tmp_path / "to"
    outside = {p for p in tmp_path.rglob("*") if to not in p.parents} | {to}

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated_bytes(sent.rstrip(b"\0") + b"\0" * 1024))
    def holds(content: bytes) -> None:
        try:
            parcel.unpack(content, to, ENTRY_FILES)
        except DataError as error:
            said = str(error)
            assert said.startswith("A parcel")
        assert {p for p in tmp_path.rglob("*") if to not in p.parents} <= outside
        assert not [p for p in to.rglob("*") if p.is_symlink()]

    holds()


def test_a_parcel_is_an_archive_that_is_not_compressed_so_that_it_cannot_be_a_bomb(tmp_path: Path) -> None:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        about = tarfile.TarInfo("log.txt")
        about.size = 1 << 20
        tar.addfile(about, BytesIO(b"\0" * (1 << 20)))
    assert "A parcel cannot be read" in refusal(lambda: parcel.unpack(buffer.getvalue(), tmp_path / "to", ENTRY_FILES))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"\0" * 60, b"not numbers"])
def test_a_damaged_file_of_replicates_is_told_with_its_entrys_folder(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "submissions" / "a-task" / "1-x"
    folder.mkdir(parents=True)
    entry = Entry("1-x", Board("a-task", "demo", "d", "donor", "s"), "x", "2025-01-01T00:00:00.000001", "file")
    (folder / "run.json").write_text(json.dumps({"entry": entry.to_dict()}))
    (folder / "replicates.npz").write_bytes(content)
    assert f"{folder} is not the whole record of an entry" in refusal(lambda: rebuild(str(tmp_path)))


def test_a_submission_may_be_a_link_since_its_path_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("id,risk\na,0.5\nb,1\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    assert submission.read(tmp_path / "link.csv", FORM).prediction.tolist() == [0.5, 1.0]
    (tmp_path / "lost.csv").symlink_to(tmp_path / "nowhere.csv")
    with pytest.raises(InvalidSubmission, match="there is no such file"):
        submission.read(tmp_path / "lost.csv", FORM)


@pytest.mark.parametrize("head", [b"id,risk\na,0.5\nb,1\n", b""])
def test_gzip_data_with_a_gigabyte_of_nothing_behind_them_are_refused_at_once(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "nothing.csv.gz"
    path.write_bytes(gzip.compress(head))
    os.truncate(path, 1 << 30)
    for read in (lambda: submission.read(path, FORM), lambda: submission.read_columns(path, 2)):
        began = time.monotonic()
        assert "nothing.csv.gz was not scored: 1 problem.\n  - it holds over 64 MiB" in refusal(read)
        assert time.monotonic() - began < 2
    if not head:
        assert "it holds over 64 MiB" in refusal(lambda: submission.names(path, 2))


def test_labels_that_nobody_knows_are_counted_and_only_the_first_ones_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(diagnosis, "nearest", lambda name, *_, **__: asked.append(name) or [])
    path = tmp_path / "labels.csv"
    path.write_text("id,region\n" + "".join(f"s{i},klass{i}\n" for i in range(1000)))
    form = Form(tuple(f"s{i}" for i in range(1000)), "id", "region", ("class1", "class2"), "labels")
    assert "1,000 unknown labels" in refusal(lambda: submission.read(path, form))
    assert asked == ["klass0", "klass1", "klass2", "klass3", "klass4"]


@pytest.mark.parametrize(
    "content",
    [
        b"," * 1_000_000 + b"\n",
        b"a\n" + b"," * 1_000_000 + b"\n",
        b"\n \n" + b'"a\n",' * 1_000_000 + b"\n",
        b"a,b\n" + b"x" * 5_000_000 + b"\n",
    ],
    ids=["head", "first row", "quoted", "a long row"],
)
def test_a_models_table_of_a_million_columns_is_refused_before_pandas_takes_minutes_over_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "importances.csv").write_bytes(content)
    began = time.monotonic()
    with pytest.raises(answers.UnreadableError, match=r"importances\.csv has over 10,000 columns, or rows too long for a table"):
        answers.tables(tmp_path)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("content", [b"", b"\n\n", b"feature\nTP53\n", b"feature,gain\n" + b'"TP\n53",1\n' * 500_000])
def test_a_models_table_of_many_rows_and_a_few_columns_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "importances.csv").write_bytes(content)
    if content.strip():
        assert len(answers.tables(tmp_path)["importances"]) == content.count(b"T")
    else:
        with pytest.raises(answers.UnreadableError, match=r"importances\.csv is no table"):
            answers.tables(tmp_path)


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-9], lambda c: c[:20] + b"\xff" * 30 + c[50:], lambda c: b"", lambda c: b"PK\3\4" + b"\0" * 60]
)
def test_a_damaged_seal_is_told_with_its_file(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    seal.write(tmp_path, seal.Seal((Score("rmse", 0.5),), 9), {"rmse": np.arange(1000.0)}, {})
    for name in (SEALED, SEALED_REPLICATES):
        (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))
    assert f"{tmp_path / SEALED} holds no sealed scores" in refusal(lambda: seal.read(tmp_path))
    assert f"{tmp_path / SEALED_REPLICATES} cannot be read" in refusal(lambda: seal.replicates(tmp_path, "rmse"))
