"""Users' files that are not quite right: whatever happens to one, it is read as it stands or refused, its name and the place told; never a traceback."""

from __future__ import annotations

import csv
import gzip
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import Cells, mutated_bytes, mutated_table, packings

from genoboard import DataError, Dataset
from genoboard.errors import GenoboardError
from genoboard_tasks.brain_region import gct
from genoboard_tasks.brain_region.matrix import read_matrix
from genoboard_tasks.brain_region.reader import read as read_brain
from genoboard_tasks.civic_significance.reader import read as read_civic
from genoboard_tasks.civic_significance.significance import CLASSES
from genoboard_tasks.expression_regression.chromosomes import read_chromosomes
from genoboard_tasks.expression_regression.description import read_description
from genoboard_tasks.expression_regression.reader import read as read_expression
from genoboard_tasks.expression_regression.sites import read_sites
from genoboard_tasks.expression_regression.study import read_study
from genoboard_tasks.expression_regression.table import open_bed, open_table
from genoboard_tasks.variant_class.reader import read as read_variants
from genoboard_tasks.variant_class.texts import read_texts

# what others read as well, or the files of one folder, and what is read alone; more of them where there is time
beside, at_times, often = (
    pytest.mark.parametrize("examples", [pytest.param(few, id="few"), pytest.param(many, id="many", marks=pytest.mark.slow)])
    for few, many in ((100, 300), (200, 1000), (300, 3000))
)
# where in a file something is wrong
PLACE = re.compile(
    r"\bline \d|\brow \d|\bbyte \d|\bID \d|first (?:line|row)|columns? |(?:sample|gene|donor|SAMPID|SUBJID) [^ ]|\[\w+\]|section|names? the (?:sample|gene)|(?:samples|genes|donors) of "
)
# what is said of one as a whole: what is missing has no place, and bytes that do not unpack have none either
WHOLE = re.compile(
    r"is empty|is a zip archive|is a 7-Zip|holds \d+ files|is not readable as Parquet|is not TOML|names no (?:gene|chromosome)|is no BED|is not a GCT"
    r"|holds no (?:gene|sample|variant|text|brain sample)|header promises|holds (?:neither|no expression|read counts)|has no (?:row|text|labels)"
    r"|Not one (?:chromosome|of the)|Both must name the same|They must match row for row|is said to hold|stops short|is not a whole CSV"
)
UNPACKING = "cannot be read"
PACKED = (b"\x1f\x8b", b"PK", b"PAR1")


def hunt(examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Run `check` on that many examples."""
    few = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    few(given(strategy)(check))()


def answer(read: Callable[[], Any], *files: Path) -> Any:
    """Return what was read; None where it was refused in so many words: which file, and where in it."""
    try:
        return read()
    except GenoboardError as error:
        said = str(error)
        assert any(f.name in said for f in files), said
        # the folder is called after the test, and its name must not count as a place
        told = re.sub(r"\S*/", "", said)
        if UNPACKING in told and not PLACE.search(told):
            assert any(f.suffix == ".parquet" or (f.is_file() and f.read_bytes().startswith(PACKED)) for f in files), said
        else:
            assert PLACE.search(told) or WHOLE.search(told), said
        assert len(said) < 1500, f"{len(said)} characters"
        return None


def sound(dataset: Dataset) -> None:
    """Hold a dataset to what models and scores take for granted."""
    assert dataset.X.index.is_unique
    assert len(dataset.X) > 0
    assert dataset.y.index.equals(dataset.X.index)
    if dataset.part is None:
        assert dataset.y.notna().all()
    if isinstance(dataset.X, pd.DataFrame) and dataset.X.shape[1]:
        values = dataset.X.select_dtypes("number").to_numpy()
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert dataset.X.notna().all(axis=None)
    assert dataset.X.shape[1]
    assert dataset.X.shape[0] == len(dataset.y)
    if dataset.control is not None:
        # what nobody measured may be missing, but nothing is infinite
        assert not np.isinf(dataset.control.select_dtypes("number").to_numpy()).any()
    if dataset.groups is not None:
        assert dataset.groups.notna().all(axis=None)


# GCT

SAMPLES = [f"S{i}" for i in range(1, 5)]
GENES: Cells = [["Name", "Description", *SAMPLES], *([f"ENSG{g}.1", f"SYM{g}", *(f"{g * k / 4:g}" for k in range(4))] for g in range(6))]


def slow_gct(content: bytes, wanted: list[str]) -> dict[str, list[float]] | None:
    """Return gene -> values, read cell by cell; None where anything at all is unusual."""
    lines = content.replace(b"\r\n", b"\n").decode("utf-8", "replace").rstrip("\n").split("\n")
    names = lines[2].split("\t")
    found = {}
    for line in lines[3:]:
        cells = line.split("\t")
        if len(cells) != len(names) or cells[0] in found:
            return None
        found[cells[0]] = [float(cells[names.index(s)]) for s in wanted]
        if not all(0 <= v <= gct.LARGEST for v in found[cells[0]]):
            return None
    return found


@often
def test_a_bent_gct_is_read_as_it_stands_or_refused_with_its_place(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "bent.gct"
    table = mutated_table(GENES, "\t", quoting=False).map(lambda body: b"#1.2\n6\t4\n" + body)
    whole = mutated_bytes(b"#1.2\n6\t4\n" + "".join("\t".join(r) + "\n" for r in GENES).encode())

    def check(content: bytes) -> None:
        path.write_bytes(content)
        if not gct.is_gct(path):
            return
        header = answer(lambda: gct.read_header(path), path)
        answer(lambda: gct.check_length(path), path)
        if header is None or not header.samples:
            return
        wanted = [*header.samples[::-2]]
        found = answer(lambda: gct.read_columns(path, wanted), path)
        if found is None:
            return
        assert np.isfinite(found.values).all()
        if content[:2] != b"\x1f\x8b":
            slowly = slow_gct(content, wanted)
            assert slowly is not None
            assert found.genes == list(slowly)
            assert found.values.tolist() == np.array(list(slowly.values()), np.float32).reshape(-1, len(wanted)).tolist()

    hunt(examples, st.one_of(packings(table), whole), check)


def test_a_truncated_gct_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.gct"
    path.write_bytes(("#1.2\n6\t4\n" + "".join("\t".join(r) + "\n" for r in GENES)).encode()[:-12])
    with pytest.raises(DataError, match=r"cut\.gct: line 9 \(gene ENSG5\.1\) has \d cells where the column names have 6"):
        gct.read_columns(path, SAMPLES)


# brain-region's two kinds of folders

BRAIN = [f"GTEX-{d}-{k}" for d in "ABC" for k in range(2)]
ATTRIBUTES: Cells = [
    ["SAMPID", "SMTSD", "SMRIN", "SMGEBTCH"],
    *([s, f"Brain - {('Cortex', 'Cerebellum')[i % 2]}", "7.1", "B1"] for i, s in enumerate(BRAIN)),
]
SUBJECTS: Cells = [["SUBJID", "SEX"], *([f"GTEX-{d}", "1"] for d in "ABC")]
LABELS: Cells = [
    ["SAMPID", "SUBJID", "SMTSD", "SMRIN"],
    *([s, s[:6], ("Cortex", "Cerebellum")[i % 2], "6.5"] for i, s in enumerate(BRAIN)),
]
MATRIX: Cells = [["sample", "G1", "G2", "G3"], *([s, f"{i}.5", "0", f"1e{i}"] for i, s in enumerate(BRAIN))]
ABOUT_GENES: Cells = [["gene_id", "gene_name", "biotype"], ["G1", "XIST", "lncRNA"], ["G2", "TP53", "protein_coding"]]


def plain(rows: Cells, delimiter: str = ",") -> bytes:
    return "".join(delimiter.join(row) + "\n" for row in rows).encode()


@beside
@pytest.mark.parametrize("name", ["attributes.txt", "subjects.txt", "tpm.gct"])
def test_a_bent_file_of_gtex_is_read_or_refused_by_name(tmp_path: Path, name: str, examples: int) -> None:
    genes: Cells = [["Name", "Description", *BRAIN], *([f"ENSG{g}.1", f"SYM{g}", *("0.25" for _ in BRAIN)] for g in range(3))]
    head = b"#1.2\n3\t6\n"
    tables = {"attributes.txt": ATTRIBUTES, "subjects.txt": SUBJECTS, "tpm.gct": genes}
    for file, rows in tables.items():
        (tmp_path / file).write_bytes((head if file == "tpm.gct" else b"") + plain(rows, "\t"))
    bent = mutated_table(tables[name], "\t", quoting=False).map(lambda body: (head if name == "tpm.gct" else b"") + body)

    def check(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        # what is no longer known for what it was is told of the folder, or of the file that lacks it
        if (found := answer(lambda: read_brain(tmp_path), tmp_path / name, tmp_path, tmp_path / "tpm.gct")) is not None:
            sound(found)

    hunt(examples, packings(bent), check)


@beside
@pytest.mark.parametrize("name", ["labels.csv", "genes.csv", "tpm.csv", "tpm.csv.gz", "tpm.parquet"])
def test_a_bent_file_of_a_prepared_folder_is_read_or_refused_by_name(tmp_path: Path, name: str, examples: int) -> None:
    (tmp_path / "labels.csv").write_bytes(plain(LABELS))
    (tmp_path / "genes.csv").write_bytes(plain(ABOUT_GENES))
    if not name.startswith("tpm"):
        (tmp_path / "tpm.csv").write_bytes(plain(MATRIX))
    rows = {"labels.csv": LABELS, "genes.csv": ABOUT_GENES}.get(name, MATRIX)
    bent = packings(mutated_table(rows))
    if name == "tpm.parquet":
        columns = {"sample": BRAIN, "G1": [0.5, 1, 2, 3, 4, 5], "G2": [0] * 6}
        pq.write_table(pa.table(columns), tmp_path / name)
        bent = mutated_bytes((tmp_path / name).read_bytes())

    def check(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        if (found := answer(lambda: read_brain(tmp_path), tmp_path / name, tmp_path)) is None:
            return
        sound(found)
        # cells that slid into another column would still be text
        assert set(found.X.index) <= set(BRAIN) or name == "labels.csv"

    hunt(examples, bent, check)


# dataset.toml and what it names

TOML = """
[openness]
matrix = "atac.tsv"
regions = "peaks.bed"
unit = "counts"
[expression]
matrix = "rna.tsv"
gene = "gene"
unit = "counts"
[annotation]
tss = "tss.bed"
sizes = "sizes.tsv"
[genes]
above = 0.5
sd_log_above = 0.0
[window]
bin = 100
reach = 1_000
[lineages]
stem = ["A", "B"]
blood = ["C"]
"""
REGIONS: Cells = [["chr1", "100", "200"], ["chr1", "900", "950"], ["chr2", "0", "50"], ["chrX", "400", "500"]]
ATAC: Cells = [["A", "B", "C"], ["1", "2", "3"], ["0", "0", "1"], ["5", "5", "5"], ["4", "3", "1"]]
RNA: Cells = [["gene", "C", "A", "B"], ["TP53", "10", "1", "2"], ["MYC", "0", "7", "0"], ["LOST", "5", "5", "5"]]
SIZES: Cells = [["chr1", "1000"], ["chr2", "500"], ["chrX", "2000"], ["chrM", "16"]]
NAMED_SIZES: Cells = [["length", "name", "aliases"], ["1000", "chr1", "1,one"], ["2000", "chrX", ""]]
BED_SITES: Cells = [["chr1", "150", "150", "NM_1", "TP53", "+"], ["chrX", "700", "700", "NM_2", "MYC", "-"]]
CSV_SITES: Cells = [["gene_name", "chrom", "strand", "TSS"], ["TP53", "chr1", "+", "150"], ["MYC", "chrX", "-", "700"]]
GTF_SITES: Cells = [
    ["chr1", "x", "gene", "151", "300", ".", "+", ".", 'gene_id "ENSG00000141510"; gene_name "TP53";'],
    ["chrX", "x", "gene", "600", "700", ".", "-", ".", "ID=gene:ENSG00000136997;Name=MYC"],
]
UCSC_SITES: Cells = [["585", "NM_1", "chr1", "+", "150", "300", "150", "300", "1", "150,", "300,", "0", "TP53", "cmpl", "cmpl", "0,"]]
STUDY = {"peaks.bed": REGIONS, "atac.tsv": ATAC, "rna.tsv": RNA, "tss.bed": BED_SITES, "sizes.tsv": SIZES}


def a_study(folder: Path) -> Path:
    for name, rows in STUDY.items():
        (folder / name).write_bytes(plain(rows, "\t"))
    (folder / "dataset.toml").write_text(TOML)
    return folder


@beside
@pytest.mark.parametrize("name", STUDY)
def test_a_bent_file_of_a_study_is_read_or_refused_by_name(tmp_path: Path, name: str, examples: int) -> None:
    a_study(tmp_path)

    def check(drawn: tuple[bytes, str]) -> None:
        content, unit = drawn
        (tmp_path / name).write_bytes(content)
        (tmp_path / "dataset.toml").write_text(TOML.replace('"counts"', f'"{unit}"'))
        study = answer(lambda: read_study(tmp_path), tmp_path / name)
        if study is None:
            return
        assert np.isfinite(study.openness).all()
        assert np.isfinite(study.expression).all()
        assert (study.regions["start"] < study.regions["end"]).all()
        assert (study.regions["end"] <= study.regions["chrom"].map(study.sizes)).all()
        assert study.genes.index.is_unique
        assert (study.genes["tss"] < study.genes["chrom"].map(study.sizes)).all()
        sound(read_expression(tmp_path))

    hunt(examples, st.tuples(packings(mutated_table(STUDY[name], "\t")), st.sampled_from(("counts", "signal"))), check)


@at_times
@pytest.mark.parametrize(
    ("rows", "delimiter"),
    [(BED_SITES, "\t"), (CSV_SITES, ","), (GTF_SITES, "\t"), (UCSC_SITES, "\t")],
    ids=["BED", "CSV", "GTF", "UCSC's table"],
)
def test_bent_start_sites_are_read_or_refused_by_name(tmp_path: Path, rows: Cells, delimiter: str, examples: int) -> None:
    path = tmp_path / "sites.txt"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        sites = answer(lambda: read_sites(path), path)
        if sites is not None:
            assert sites["tss"].dtype == np.int64
            assert (sites["tss"] >= 0).all()
            assert sites["strand"].isin([1, -1]).all()
            if rows is BED_SITES and re.fullmatch(rb"[\x20-\x7e\t\n]+", content) and not re.search(rb'["#]|track|browser', content):
                cells = [line.split("\t") for line in content.decode().split("\n") if line]
                # where the fifth are numbers, they are scores, and names stand before them
                symbol = 4 if any(c[4].strip().strip(".0123456789") for c in cells) else 3
                assert sites["symbol"].tolist() == [c[symbol].strip() for c in cells]
                assert sites["chrom"].tolist() == [c[0].strip() for c in cells]
            if rows is GTF_SITES and content[:2] not in (b"\x1f\x8b", b"PK") and not re.search(rb"#|track|browser", content):
                features = [line.split(b"\t")[2:3] for line in re.split(rb"[\r\n]", content)]
                assert len(sites) == features.count([b"gene"]), "a gene is not passed over"

    hunt(examples, packings(mutated_table(rows, delimiter, quoting=rows is CSV_SITES)), check)


@at_times
@pytest.mark.parametrize("rows", [SIZES, NAMED_SIZES], ids=["plain", "with names"])
def test_bent_chromosome_sizes_are_read_or_refused_by_name(tmp_path: Path, rows: Cells, examples: int) -> None:
    path = tmp_path / "sizes.txt"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = answer(lambda: read_chromosomes(path), path)
        if found is not None:
            assert found.lengths.index.is_unique
            assert (found.lengths > 0).all()

    hunt(examples, packings(mutated_table(rows, "\t")), check)


@often
def test_a_bent_bed_gives_the_numbers_that_stand_in_it(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "peaks.bed"

    def read() -> tuple[list[str], list[list[float]]]:
        table = open_bed(path)
        return table.texts("chrom").tolist(), table.numbers(["start", "end"]).tolist()

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = answer(read, path)
        usual = re.fullmatch(rb"(?:[A-Za-z0-9_.]+\t[0-9.]+\t[0-9.]+\n)+", content)
        if usual:
            rows = [line.split("\t") for line in content.decode().splitlines()]
            try:
                slowly = [r[0] for r in rows], [[float(r[1]), float(r[2])] for r in rows]
            except ValueError:
                assert found is None
                return
            assert found == (slowly if np.isfinite(slowly[1]).all() else None)

    hunt(examples, packings(mutated_table(REGIONS, "\t")), check)


@at_times
def test_a_bent_matrix_gives_the_numbers_that_stand_in_it(tmp_path: Path, examples: int) -> None:
    """Arrow reads it, and the standard library reads it again, cell by cell."""
    path, asked = tmp_path / "rna.tsv", list("AB")

    def read() -> tuple[list[str], Any] | None:
        table = open_table(path)
        lost = {"gene", *asked} - set(table.columns)
        return None if lost else (table.texts("gene").tolist(), table.numbers(asked))

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = answer(read, path)
        # what is quoted, or broken otherwise than by a newline, is read in more than one way
        if (
            found is None
            or not re.fullmatch(rb"[\x20-\x7e\t\n]+", content)
            or b'"' in content
            or b"\t" not in content.strip().split(b"\n")[0]
        ):
            return
        head, *body = [row for row in csv.reader(content.decode().split("\n"), delimiter="\t") if row]
        head = [h.strip() for h in head]
        if all(len(row) == len(head) + 1 for row in body):
            head = ["", *head]
        assert found[0] == [row[head.index("gene")].strip() for row in body]
        assert found[1].tolist() == [[float(row[head.index(s)]) for s in asked] for row in body]

    hunt(examples, packings(mutated_table(RNA, "\t")), check)


@at_times
def test_a_bent_prepared_matrix_gives_the_numbers_that_stand_in_it(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "tpm.csv"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = answer(lambda: read_matrix(path), path)
        if found is None:
            return
        assert np.isfinite(found.values).all()
        assert found.values.shape == (len(found.genes), len(found.samples))
        if re.fullmatch(rb"[\x20-\x7e\t\n]+", content) and b'"' not in content:
            head, *body = [row for row in csv.reader(content.decode().split("\n")) if row]
            assert found.genes == head[1:]
            assert found.samples == [row[0] for row in body]
            with np.errstate(over="ignore"):
                slowly = [[np.float32(c) for c in row[1:]] for row in body]
            assert found.values.T.tolist() == np.array(slowly).tolist()

    hunt(examples, packings(mutated_table(MATRIX)), check)


@at_times
def test_a_bent_parquet_matrix_is_read_or_refused_by_name(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "rna.parquet"
    pq.write_table(pa.table({"gene": ["a", "b"], "A": [1.0, 2.0], "B": [3, 4]}), path)

    def read() -> tuple[list[str], Any]:
        table = open_table(path)
        return table.texts(table.columns[0]).tolist(), table.numbers(table.columns[1:])

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = answer(read, path)
        if found is not None:
            assert np.isfinite(found[1]).all()
            assert len(found[0]) == len(found[1])

    hunt(examples, mutated_bytes(path.read_bytes()), check)


VALUES = [
    "1e400",
    "nan",
    "inf",
    "-1",
    "0",
    "1_0",
    "9" * 30,
    "0x1F",
    "true",
    "[]",
    "{}",
    "1979-05-27",
    '""',
    '"\\u0000"',
    '"a/../b"',
    '"/dev/zero"',
]
VALUES += [
    '"' + "n" * 300 + '"',
    "''",
    '"""a\nb"""',
    '["A", "A"]',
    "[1]",
    "[[]]",
    "[" * 3000,
    "9" * 5000,
    "0x" + "F" * 5000,
    "9" * 400,
    '"counts"',
    '"."',
    '"\\u001b[31m"',
    "1e3",
]
LINES = [i for i, line in enumerate(TOML.splitlines()) if "=" in line]


@st.composite
def bent_toml(draw: st.DrawFn) -> bytes:
    lines = TOML.splitlines()
    for at, value, key in draw(
        st.lists(
            st.tuples(st.sampled_from(LINES), st.sampled_from(VALUES), st.sampled_from(["", "", "x", "unit", "a.b", '"a\\u001b"'])),
            max_size=2,
        )
    ):
        name = lines[at].partition("=")[0].strip()
        lines[at] = f"{key or name} = {value}"
    return draw(mutated_bytes("\n".join(lines).encode(), least=draw(st.integers(0, 1))))


@often
def test_a_bent_dataset_toml_is_understood_or_refused_by_name(tmp_path: Path, examples: int) -> None:
    path = a_study(tmp_path) / "dataset.toml"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = answer(lambda: read_description(tmp_path), path)
        if found is not None:
            assert found.window.reach % found.window.bin == 0
            assert found.genes.above is None or math.isfinite(found.genes.above)
            # what it asks for may not be there; that is told of the files that it names
            answer(lambda: read_study(tmp_path), path, *(tmp_path / n for n in STUDY))

    hunt(examples, bent_toml(), check)


# The competition's files

VARIANTS: Cells = [
    ["ID", "Gene", "Variation", "Class"],
    ["0", "CBL", "W802*", "2"],
    ["1", "CBL", "Q249E", "4"],
    ["2", "TERT", "C228T", "7"],
]
SOLUTION: Cells = [["ID", *(f"class{i}" for i in range(1, 10))], ["7", *"000000100"], ["8", *"010000000"]]
ASKED: Cells = [["ID", "Gene", "Variation"], ["7", "KIT", "V560D"], ["8", "F8", "R2323H"]]
TEXTS = b'ID,Text\n0||Cyclin-dependent kinases (CDKs) regulate.\n1||a \xce\xb1 helix, "quoted"\n2||null\n'


def slow_texts(content: bytes, wanted: list[int]) -> list[bytes]:
    found = {}
    for line in content.decode("utf-8-sig").split("\n")[1:]:
        head, mark, text = line.partition("||")
        if mark:
            found[int(head)] = text.strip().encode()
    return [b"" if found.get(k) in (None, b"null") else found[k] for k in wanted]


@often
def test_a_bent_file_of_texts_is_read_as_it_stands_or_refused_with_its_line(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "training_text"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = answer(lambda: read_texts(path, [2, 0, 1], [0, 1, 2])[0], path)
        if found is not None and content[:2] not in (b"\x1f\x8b", b"PK"):
            assert found == slow_texts(content, [2, 0, 1])

    rows: Cells = [["ID,Text"], ["0", "some text"], ["1", "another"], ["2", "null"]]
    hunt(examples, packings(st.one_of(mutated_bytes(TEXTS), mutated_table(rows, "||", quoting=False))), check)


@beside
@pytest.mark.parametrize("name", ["training_variants", "training_text", "test_variants", "stage1_solution_filtered.csv"])
def test_a_bent_file_of_the_competition_is_read_or_refused_by_name(tmp_path: Path, name: str, examples: int) -> None:
    tables = {"training_variants": VARIANTS, "test_variants": ASKED, "stage1_solution_filtered.csv": SOLUTION}
    for file, rows in tables.items():
        (tmp_path / file).write_bytes(plain(rows))
    (tmp_path / "training_text").write_bytes(TEXTS)

    def check(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        found = answer(lambda: read_variants(tmp_path), tmp_path / name)
        if found is None:
            return
        sound(found)
        assert isinstance(found.X, pd.DataFrame)
        if name == "training_variants" and content[:2] not in (b"\x1f\x8b", b"PK"):
            head, *body = [row for row in csv.reader(content.decode("utf-8-sig").splitlines(keepends=True)) if row]
            asked = [[h.strip().casefold() for h in head].index(c) for c in ("id", "gene", "variation", "class")]
            slowly = {f"train-{int(row[asked[0]])}": [row[i].strip() for i in asked[1:]] for row in body}
            train = found.X.index[found.X.index.str.startswith("train-")]
            assert {i: [*found.X.loc[i, ["gene", "variation"]], found.y[i].removeprefix("class")] for i in train} == slowly

    hunt(examples, packings(mutated_bytes(TEXTS) if name == "training_text" else mutated_table(tables[name])), check)


EVIDENCE: Cells = [
    ["gene", "variant", "evidence_statement", "citation_id", "evidence_id", "clinical_significance"],
    ["EGFR", "L858R", "Patients responded.", "123", "1", "Sensitivity/Response"],
    ["KRAS", '"G12D"', "Patients did not.", "124", "2", "Resistance"],
]


@at_times
def test_a_bent_release_of_civic_is_read_or_refused_by_name(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "01-Jan-2020-ClinicalEvidenceSummaries.tsv"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        if (found := answer(lambda: read_civic(path), path)) is None:
            return
        sound(found)
        if content[:2] not in (b"\x1f\x8b", b"PK"):
            names, *lines = [line.rstrip("\r\n").split("\t") for line in content.decode("utf-8-sig").split("\n") if line.strip()]
            rows = [dict(zip(names, cells, strict=True)) for cells in lines]
            slowly = {tuple(r[c] for c in ("gene", "variant", "evidence_statement", "clinical_significance")) for r in rows}
            assert {(*row, found.y[i]) for i, row in zip(found.X.index, found.X.itertuples(index=False), strict=True)} == {
                r for r in slowly if r[3] in CLASSES
            }

    hunt(examples, packings(mutated_table(EVIDENCE, "\t", quoting=False)), check)


# What the fuzz has found, each told with its place since

FOUND = {
    "a signal beyond what is kept": ("atac.tsv", b"A\tB\tC\n1\t1\t1\n1e300\t1\t1\n1\t1\t1\n1\t1\t1\n", r"atac\.tsv, line 3: region chr1:900-950, column A is 1e\+300, larger"),
    "counts whose sum has no end": ("rna.tsv", b"gene\tC\tA\tB\nTP53\t1e308\t1\t2\nMYC\t1e308\t7\t0\n", r"rna\.tsv, line 2: gene TP53, column C is 1e\+308, larger"),
    "counts too small to be scaled": ("atac.tsv", b"A\tB\tC\n5e-324\t1\t1\n0\t1\t1\n0\t1\t1\n0\t1\t1\n", r"atac\.tsv: sample A has no counts at all"),
    "a region beyond all chromosomes": ("peaks.bed", b"chr1\t1\t2\nchr1\t9\t10\nchrQ\t0\t1e300\nchr2\t1\t2\n", r"peaks\.bed, line 3: region chrQ:0-1e\+300 lies beyond"),
    "a number as Python writes it": ("atac.tsv", b"A\tB\tC\n1\t1\t1\n1\t1_000\t1\n1\t1\t1\n1\t1\t1\n", r"atac\.tsv, line 3: region chr1:900-950, column B is '1_000', which is not a number"),
    "a digit of another script": ("atac.tsv", "A\tB\tC\n1\t1\t1\n1\t1\t1\n1\t1\t\u0661\n1\t1\t1\n".encode(), r"atac\.tsv, line 4: region chr2:0-50, column C is"),
    "a name that is not UTF-8": ("rna.tsv", b"gene\tC\tA\tB\nTP53\t1\t1\t2\nMY\xe9\t1\t7\t0\n", r"rna\.tsv, line 3: a byte of it is not UTF-8"),
    "a gene of a GTF without a place": ("tss.bed", plain(GTF_SITES, "\t").replace(b"600", b"6e2"), r"tss\.bed, line 2: MYC lies at 6e2-700"),
    "a GTF that breaks off": ("tss.bed", plain(GTF_SITES, "\t")[:-40], r"tss\.bed, line 2: \d cells where a GTF or GFF has 9"),
    "two columns of sites": ("tss.bed", b"symbol,chrom,strand,tss,tss\nTP53,chr1,+,150,151\n", r"tss\.bed, line 1: several columns are called tss"),
    "two lengths of a chromosome": ("sizes.tsv", b"name\tlength\tsize\nchr1\t1000\t2000\n", r"sizes\.tsv, line 1: several columns hold the length"),
    "a name without end": ("sizes.tsv", b"chr1\t" + b"9" * 5000 + b"\n", r"sizes\.tsv, line 1: the length of chr1 is '9{80}\u2026'"),
}  # fmt: skip


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_in_a_study_is_told_with_its_place(tmp_path: Path, what: str) -> None:
    name, content, told = FOUND[what]
    (a_study(tmp_path) / name).write_bytes(content)
    toml = (tmp_path / "dataset.toml").read_text()
    # counts of 1e300 would be scaled to a million
    (tmp_path / "dataset.toml").write_text(toml.replace('"counts"', '"signal"') if "signal" in what else toml)
    with pytest.raises(DataError, match=told):
        read_study(tmp_path)


def test_the_genes_of_a_gtf_with_an_old_macs_line_ends_are_all_read(tmp_path: Path) -> None:
    (tmp_path / "mac.gtf").write_bytes(b"#!genome\r" + plain(GTF_SITES, "\t").replace(b"\n", b"\r"))
    assert read_sites(tmp_path / "mac.gtf")[["symbol", "line"]].to_numpy().tolist() == [["TP53", 2], ["MYC", 3]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"#1.2\n0\t1\nName\tDescription\tS1\n", "line 2 promises no gene"),
        (b"#1.2\n1\t1\nName\tDescription\tS1\nEN\xe9\tA\t1\n", r"line 4, Name EN\\xe9 is not UTF-8"),
        (b"#1.2\n1\t1\nName\tDescription\tS\xe9\nENSG\tA\t1\n", r"line 3, sample 'S.' is not UTF-8"),
        (b"#1.2\n1\t1\nName\tDescription\tS1\n" + b"G" * 70_000 + b"\tA\tx\n", r"line 4, gene G{80}, sample S1: 'x' is not a number"),
    ],
    ids=["no gene", "a gene's bytes", "a sample's bytes", "a name without end"],
)
def test_what_was_found_in_a_gct_is_told_with_its_place(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "bent.gct").write_bytes(content)
    with pytest.raises(DataError, match=rf"bent\.gct: {told}"):
        gct.read_columns(tmp_path / "bent.gct", gct.read_header(tmp_path / "bent.gct").samples)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("tpm.csv.gz", gzip.compress(plain(MATRIX))[:-9], "cannot be read to its end"),
        ("tpm.csv", plain(MATRIX).replace(b"G2", b"G\xe9"), "line 1, byte 12 of the line .* is not UTF-8"),
        ("tpm.csv", plain(MATRIX).replace(b"3.5,0", b"3.5"), r"line 5 \(sample 'GTEX-B-1'\) has 3 cells, where there are 4"),
        ("tpm.csv", b"sample\n" + plain([[s] for s in BRAIN]), "holds no gene"),
        ("tpm.csv", b"", "is empty"),
        ("labels.csv", plain(LABELS).replace(b"6.5", b"inf", 1), "SMRIN of sample GTEX-A-0 is 'inf', not a number"),
        ("labels.csv", plain(LABELS).replace(b"Cortex", b"Vortex", 1), "SMTSD of sample GTEX-A-0"),
    ],
    ids=["cut off", "a gene's bytes", "a short line", "no genes", "nothing", "without end", "no region"],
)
def test_what_was_found_in_a_prepared_folder_is_told_with_its_place(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    for file, rows in {"labels.csv": LABELS, "tpm.csv": MATRIX}.items():
        if not name.startswith(file):
            (tmp_path / file).write_bytes(plain(rows))
    (tmp_path / "tpm.csv").unlink(missing_ok=True) if name.startswith("tpm") else None
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{re.escape(name)}\W.*{told}"):
        read_brain(tmp_path)


def test_a_column_that_is_there_twice_is_not_read_from_either_place(tmp_path: Path) -> None:
    release, variants = tmp_path / "x-ClinicalEvidenceSummaries.tsv", tmp_path / "training_variants"
    release.write_bytes(plain([[*row, row[0]] for row in EVIDENCE], "\t"))
    with pytest.raises(DataError, match="line 1: the column gene is there 2 times"):
        read_civic(release)
    variants.write_bytes(plain([[*row, row[3]] for row in VARIANTS]))
    with pytest.raises(DataError, match="line 1 names the column Class more than once"):
        read_variants(variants)


# Folders with something else in the place of a file

FOLDERS: dict[str, tuple[Callable[[Path], Dataset], dict[str, bytes]]] = {
    "GTEx": (
        read_brain,
        {
            "tpm.gct": b"#1.2\n1\t6\n" + plain([["Name", "Description", *BRAIN], ["ENSG1.1", "A", *["0.5"] * 6]], "\t"),
            "attributes.txt": plain(ATTRIBUTES, "\t"),
            "subjects.txt": plain(SUBJECTS, "\t"),
        },
    ),
    "prepared": (read_brain, {"labels.csv": plain(LABELS), "genes.csv": plain(ABOUT_GENES), "tpm.csv": plain(MATRIX)}),
    "study": (read_expression, {**{n: plain(rows, "\t") for n, rows in STUDY.items()}, "dataset.toml": TOML.encode()}),
    "competition": (
        read_variants,
        {
            "training_variants": plain(VARIANTS),
            "training_text": TEXTS,
            "test_variants": plain(ASKED),
            "stage1_solution_filtered.csv": plain(SOLUTION),
        },
    ),
    "CIViC": (read_civic, {"01-Jan-2020-ClinicalEvidenceSummaries.tsv": plain(EVIDENCE, "\t")}),
}
EACH = pytest.mark.parametrize(("kind", "name"), [(k, n) for k, (_, files) in FOLDERS.items() for n in files])


def a_folder(folder: Path, kind: str) -> Callable[[Path], Dataset]:
    read, files = FOLDERS[kind]
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sound(read(folder))
    return read


@EACH
@pytest.mark.parametrize("thing", ["a pipe", "a folder", "a link to nowhere", "a link to itself", "a link to a device"])
def test_a_folder_with_something_else_in_a_files_place_is_read_without_it_or_refused(
    tmp_path: Path, kind: str, name: str, thing: str
) -> None:
    read, path = a_folder(tmp_path / "data", kind), tmp_path / "data" / name
    path.unlink()
    if thing == "a pipe":
        os.mkfifo(path)
    elif thing == "a folder":
        path.mkdir()
    else:
        path.symlink_to({"a link to nowhere": "nowhere", "a link to itself": name, "a link to a device": "/dev/zero"}[thing])
    try:
        sound(read(path.parent))
    except DataError as error:
        said = str(error)
        assert str(path.parent) in said
        assert len(said) < 1500


@EACH
def test_a_link_out_of_a_folder_is_followed_as_the_folder_is_the_users_own_and_what_it_leads_to_stays_as_it_is(
    tmp_path: Path, kind: str, name: str
) -> None:
    """Large files are kept once, and linked to; what a link leads to is read as any file is, and never written to."""
    read, path, there = a_folder(tmp_path / "data", kind), tmp_path / "data" / name, tmp_path / "elsewhere"
    before = read(path.parent)
    there.mkdir()
    path.rename(there / name)
    path.symlink_to(there / name)
    (there / name).chmod(0o400)
    after = read(path.parent)
    assert after.y.equals(before.y)
    assert after.notes == before.notes
    assert [p.name for p in there.iterdir()] == [name]


@EACH
def test_a_link_out_of_a_folder_to_what_is_no_dataset_shows_no_more_of_it_than_a_few_letters(tmp_path: Path, kind: str, name: str) -> None:
    read, path = a_folder(tmp_path / "data", kind), tmp_path / "data" / name
    (tmp_path / "key").write_text("-----BEGIN KEY-----\n" + "\n".join("secret" * 10 for _ in range(20)))
    path.unlink()
    path.symlink_to(tmp_path / "key")
    said = ""
    try:
        read(path.parent)
    except DataError as error:
        said = str(error)
    assert said.count("secret") <= 14
