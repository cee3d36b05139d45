"""The GCT reader: chosen columns, exactly as written, and a refusal of every file that is not what it promises."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genoboard import DataError
from genoboard_tasks.brain_region import gct

SAMPLES = ["S1", "S2", "S3"]
ROWS = [["0", "1.5", "2"], ["10", "1e3", "0.017"]]


def text_of(
    rows: Sequence[Sequence[str]] = ROWS,
    samples: Sequence[str] = SAMPLES,
    genes: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    magic: str = "#1.2",
) -> str:
    genes = genes or [f"ENSG{i}.1" for i in range(len(rows))]
    promised = size or (len(rows), len(samples))
    lines = ["\t".join([g, f"SYM{i}", *row]) for i, (g, row) in enumerate(zip(genes, rows, strict=True))]
    return "\n".join([magic, f"{promised[0]}\t{promised[1]}", "\t".join(["Name", "Description", *samples]), *lines]) + "\n"


def written(folder: Path, text: str, name: str = "genes.gct") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(DataError) as caught:
        gct.read_columns(written(folder, text), SAMPLES)
    return str(caught.value)


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    read = gct.read_columns(written(tmp_path, text_of()), ["S3", "S1"])
    assert read.values.dtype == np.float32
    assert np.array_equal(read.values, np.array([[2, 0], [0.017, 10]], dtype=np.float32))
    assert read.genes == ["ENSG0.1", "ENSG1.1"]
    assert read.symbols == ["SYM0", "SYM1"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    values=arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=st.floats(0, 2.0**120, width=32)),
    data=st.data(),
)
def test_what_was_written_is_what_is_read(tmp_path: Path, values: np.ndarray, data: st.DataObject) -> None:
    samples = [f"S{i}" for i in range(values.shape[1])]
    wanted = data.draw(st.lists(st.sampled_from(samples), min_size=1, unique=True))
    path = written(tmp_path, text_of([[str(v) for v in row] for row in values], samples))
    assert np.array_equal(gct.read_columns(path, wanted).values, values[:, [samples.index(s) for s in wanted]])


def test_numbers_are_the_float32_nearest_to_the_text(tmp_path: Path, real_data: Path) -> None:
    with gzip.open(real_data / "brain-region/gtex-v8/official_gct_first_97_genes.txt.gz", "rt") as text:
        body = text.read().replace("56200\t", "97\t", 1)
    path = written(tmp_path, body)
    wanted = gct.read_header(path).samples[5000:10000:7]
    expected = pd.read_csv(path, sep="\t", skiprows=2, usecols=list(wanted))[list(wanted)]
    assert np.array_equal(gct.read_columns(path, wanted).values, expected.to_numpy().astype(np.float32))


@pytest.mark.parametrize("block", [1, 20, 64, 1 << 20])
def test_the_size_of_blocks_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(gct, "BLOCK", block)
    values = np.arange(60, dtype=np.float32).reshape(20, 3) / 8
    path = written(tmp_path, text_of([[str(v) for v in row] for row in values]))
    assert np.array_equal(gct.read_columns(path, SAMPLES).values, values)


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda t: t.encode(), id="plain"),
        pytest.param(lambda t: gzip.compress(t.encode()), id="gzip"),
        pytest.param(lambda t: gzip.compress(t[:60].encode()) + gzip.compress(t[60:].encode()), id="gzip in two members"),
        pytest.param(lambda t: t.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(lambda t: t.rstrip("\n").encode(), id="no last newline"),
        pytest.param(lambda t: (t + "\n\n").encode(), id="blank lines at the end"),
    ],
)
def test_a_gct_is_known_by_its_first_line_however_it_is_stored(tmp_path: Path, bend) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "whatever.dat"
    path.write_bytes(bend(text_of()))
    assert gct.is_gct(path)
    assert np.array_equal(gct.read_columns(path, SAMPLES).values, np.array(ROWS, dtype=np.float32))


@pytest.mark.parametrize("content", [b"", b"#1.3\n", b"#1.25\n", b"SAMPID,x\n", b"\x1f\x8bnot gzip", b"\x89PNG"])
def test_other_files_are_no_gct(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.gct"
    path.write_bytes(content)
    assert not gct.is_gct(path)


def test_columns_that_nobody_asked_for_are_not_even_parsed(tmp_path: Path) -> None:
    path = written(tmp_path, text_of([["0", "not a number", "2"]]))
    assert gct.read_columns(path, ["S1", "S3"]).values.tolist() == [[0, 2]]


def test_the_official_files_first_97_genes_are_refused_with_both_numbers(real_data: Path) -> None:
    path = real_data / "brain-region/gtex-v8/official_gct_first_97_genes.txt.gz"
    wanted = gct.read_header(path).samples[:3]
    for read in (lambda: gct.read_columns(path, wanted), lambda: gct.check_length(path)):
        with pytest.raises(DataError, match="promises 56200 genes, but the file holds 97: it is cut off"):
            read()


def test_a_body_longer_than_promised_is_refused_with_both_numbers(tmp_path: Path) -> None:
    assert "promises 1 genes, but the file holds 2: its header is wrong" in refusal(tmp_path, text_of(size=(1, 3)))


def test_a_promise_beyond_memory_is_refused(tmp_path: Path) -> None:
    assert "line 2 promises 99999999999999 genes, more than memory holds" in refusal(tmp_path, text_of(size=(99999999999999, 3)))


def test_a_wrong_number_of_samples_is_refused_with_both_numbers(tmp_path: Path) -> None:
    assert "line 2 promises 4 samples, line 3 names 3" in refusal(tmp_path, text_of(size=(2, 4)))


@pytest.mark.parametrize(("row", "cells"), [(["1", "2"], 4), (["1", "2", "3", "4"], 6)])
def test_a_line_with_too_few_or_too_many_cells_is_named(tmp_path: Path, row: list[str], cells: int) -> None:
    said = refusal(tmp_path, text_of([["1", "2", "3"], row]))
    assert f"line 5 (gene ENSG1.1) has {cells} cells where the column names have 5" in said


def test_lines_that_are_ragged_but_even_out_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, text_of([["1", "2", "3"], ["1", "2"], ["1", "2", "3", "4"]]))
    assert "line 5 (gene ENSG1.1) has 4 cells" in said


def test_a_repeated_gene_is_refused(tmp_path: Path) -> None:
    assert "gene ENSG7.2 occurs more than once" in refusal(tmp_path, text_of(genes=["ENSG7.2", "ENSG7.2"]))


def test_a_repeated_sample_is_refused(tmp_path: Path) -> None:
    assert "sample S1 occurs more than once" in refusal(tmp_path, text_of(samples=["S1", "S2", "S1"]))


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("abc", "is not a number"),
        ("", "is not a number"),
        ("1_000", "is not a number"),
        ("0x1F", "is not a number"),
        ("-0.5", "is below 0"),
        ("nan", "is not a finite number"),
        ("inf", "is not a finite number"),
        ("1e40", "is not a finite number"),
    ],
)
def test_a_cell_that_is_no_expression_is_named_by_line_gene_and_sample(tmp_path: Path, cell: str, fault: str) -> None:
    said = refusal(tmp_path, text_of([["1", "2", "3"], ["1", cell, "3"]]))
    assert f"line 5, gene ENSG1.1, sample S2: {cell!r} {fault}" in said


def test_a_gzip_cut_off_on_the_way_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(text_of([[str(i), "1", "2"] for i in range(500)]).encode())
    path = tmp_path / "genes.gct.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read to its end: it is damaged or cut off .* Download the file again"):
        gct.read_columns(path, SAMPLES)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(text_of([[str(i), "1", "2"] for i in range(500)]).encode()))
    whole[-6] ^= 255
    path = tmp_path / "genes.gct.gz"
    path.write_bytes(whole)
    with pytest.raises(DataError, match="cannot be read to its end"):
        gct.read_columns(path, SAMPLES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (text_of(magic="#1.3"), "is not a GCT: its first line is '#1.3', not '#1.2'"),
        (text_of().replace("2\t3\n", "two by three\n", 1), "line 2 is 'two by three', where a GCT has two numbers"),
        (text_of().replace("Description", "S0", 1), "line 3 begins with ['Name', 'S0'], where a GCT has Name and Description"),
        ("", "is not a GCT: its first line is ''"),
    ],
)
def test_a_file_that_is_no_gct_is_refused_with_what_was_found(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(tmp_path, text)


def test_memory_is_that_of_the_wanted_columns_however_large_the_file(tmp_path: Path) -> None:
    """75 MB of text, of which a seventh is wanted: 10 MB of float32, and some blocks on the way."""
    samples = [f"GTEX-{i:05d}" for i in range(17_382)]
    cells = "\t".join(["0.123", "4.5", "0"] * (len(samples) // 3))
    path = tmp_path / "wide.gct"
    with path.open("w") as out:
        out.write("#1.2\n1000\t17382\n" + "\t".join(["Name", "Description", *samples]) + "\n")
        out.writelines(f"ENSG{g}\tSYM\t{cells}\n" for g in range(1000))
    script = tmp_path / "measure.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom genoboard_tasks.brain_region import gct\n"
        "def peak():\n    return next(int(x.split()[1]) for x in open('/proc/self/status') if x.startswith('VmHWM'))\n"
        "path = Path(sys.argv[1])\nwanted = gct.read_header(path).samples[::7]\nbefore = peak()\n"
        "values = gct.read_columns(path, wanted).values\nprint(values.nbytes // 1024, peak() - before, values.sum())\n"
    )
    roots = os.pathsep.join(str(Path(__file__).parents[1] / root) for root in ("harness", "leaderboard", "tasks"))
    done = subprocess.run(
        [sys.executable, str(script), str(path)], env={**os.environ, "PYTHONPATH": roots}, capture_output=True, text=True, check=True
    )
    kept, more = (int(n) for n in done.stdout.split()[:2])
    assert path.stat().st_size > 50 << 20
    assert more < kept + (30 << 10)
