"""Users' files that are not quite right: whatever happens to one, it is read as it stands or refused, its name and the place told; never a traceback."""

from __future__ import annotations

import math
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
from genoboard_tasks.brain_region.reader import read as read_brain
from genoboard_tasks.civic_significance.reader import read as read_civic
from genoboard_tasks.expression_regression.chromosomes import read_chromosomes
from genoboard_tasks.expression_regression.description import read_description
from genoboard_tasks.expression_regression.reader import read as read_expression
from genoboard_tasks.expression_regression.sites import read_sites
from genoboard_tasks.expression_regression.study import read_study
from genoboard_tasks.expression_regression.table import open_bed, open_table
from genoboard_tasks.variant_class.reader import read as read_variants
from genoboard_tasks.variant_class.texts import read_texts

often = pytest.mark.parametrize("examples", [pytest.param(60, id="few"), pytest.param(500, id="many", marks=pytest.mark.slow)])
# where in a file; or what is said of a whole one
PLACE = re.compile(
    r"line \d|row \d|first line|first row|column|gene|sample|donor|SAMPID|SUBJID|region|chromosome|\[\w+\]|section|byte|ID \d|no header|header"
    r"|is empty|cannot be read|is no |is a zip|is not |not readable|holds |not a whole|names no|has no"
)


def hunt(examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Run `check` on that many examples; a few are the same every time."""
    few = settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < 100,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    few(given(strategy)(check))()


def answer(read: Callable[[], Any], *files: Path) -> Any:
    """Return what was read; None where it was refused in so many words."""
    try:
        return read()
    except GenoboardError as error:
        said = str(error)
        assert any(f.name in said for f in files), said
        assert PLACE.search(said), said
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


@often
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


@often
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


@often
@pytest.mark.parametrize("name", STUDY)
def test_a_bent_file_of_a_study_is_read_or_refused_by_name(tmp_path: Path, name: str, examples: int) -> None:
    a_study(tmp_path)

    def check(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
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

    hunt(examples, packings(mutated_table(STUDY[name], "\t")), check)


@often
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

    hunt(examples, packings(mutated_table(rows, delimiter, quoting=rows is CSV_SITES)), check)


@often
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


@often
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


@often
@pytest.mark.parametrize("name", ["training_variants", "training_text", "test_variants", "stage1_solution_filtered.csv"])
def test_a_bent_file_of_the_competition_is_read_or_refused_by_name(tmp_path: Path, name: str, examples: int) -> None:
    tables = {"training_variants": VARIANTS, "test_variants": ASKED, "stage1_solution_filtered.csv": SOLUTION}
    for file, rows in tables.items():
        (tmp_path / file).write_bytes(plain(rows))
    (tmp_path / "training_text").write_bytes(TEXTS)

    def check(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        found = answer(lambda: read_variants(tmp_path), tmp_path / name)
        if found is not None:
            sound(found)

    hunt(examples, packings(mutated_bytes(TEXTS) if name == "training_text" else mutated_table(tables[name])), check)


EVIDENCE: Cells = [
    ["gene", "variant", "evidence_statement", "citation_id", "evidence_id", "clinical_significance"],
    ["EGFR", "L858R", "Patients responded.", "123", "1", "Sensitivity/Response"],
    ["KRAS", "G12D", "Patients did not.", "124", "2", "Resistance"],
]


@often
def test_a_bent_release_of_civic_is_read_or_refused_by_name(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "01-Jan-2020-ClinicalEvidenceSummaries.tsv"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        if (found := answer(lambda: read_civic(path), path)) is not None:
            sound(found)

    hunt(examples, packings(mutated_table(EVIDENCE, "\t", quoting=False)), check)
