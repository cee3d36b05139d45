"""expression-regression's files: every format that comes in, what is counted, what is refused and where the fault is said to be."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genoboard import DataError
from genoboard_tasks.expression_regression.chromosomes import read_chromosomes
from genoboard_tasks.expression_regression.sites import ensembl, read_sites
from genoboard_tasks.expression_regression.study import Study, Window, read_study

Write = Callable[..., Path]

SLIP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)

TOML = """
[openness]
matrix = "atac.tsv"
regions = "peaks.bed"
unit = "counts"
[expression]
matrix = "rna.tsv"
unit = "counts"
[annotation]
tss = "tss.bed"
sizes = "sizes.tsv"
[lineages]
stem = ["A", "B"]
blood = ["C"]
"""
PEAKS = [("chr1", 100, 200), ("chr1", 900, 950), ("chr2", 0, 50), ("chrX", 400, 500)]
COUNTS = [[1, 2, 3], [0, 0, 1], [5, 5, 5], [4, 3, 1]]
BED = "".join(f"{c}\t{s}\t{e}\n" for c, s, e in PEAKS)
ATAC = "A\tB\tC\n" + "".join("\t".join(map(str, r)) + "\n" for r in COUNTS)
RNA = "gene\tC\tA\tB\nTP53\t10\t1\t2\nMYC\t0\t7\t0\nLOST\t5\t5\t5\n"
TSS = "chr1\t150\t150\tNM_1\tTP53\t+\nchrX\t700\t700\tNM_2\tMYC\t-\n"
SIZES = "chr1\t1000\nchr2\t500\nchrX\t2000\nchrM\t16\n"


@pytest.fixture
def files(tmp_path: Path) -> Write:
    """Write a small study into a folder; a keyword (dots as __) replaces a file's text or bytes, `swap` parts of dataset.toml."""

    def write(swap: dict[str, str] | None = None, **replaced: str | bytes) -> Path:
        folder = tmp_path / "study"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        toml = TOML
        for old, new in (swap or {}).items():
            assert old in toml
            toml = toml.replace(old, new)
        texts: dict[str, str | bytes] = {
            "dataset.toml": toml,
            "peaks.bed": BED,
            "atac.tsv": ATAC,
            "rna.tsv": RNA,
            "tss.bed": TSS,
            "sizes.tsv": SIZES,
        }
        for name, text in {**texts, **{k.replace("__", "."): v for k, v in replaced.items()}}.items():
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return write


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_study(path)
    return str(caught.value)


def same(one: Study, other: Study) -> bool:
    return (
        one.regions.equals(other.regions)
        and one.genes.equals(other.genes)
        and one.lineage.equals(other.lineage)
        and one.sizes.equals(other.sizes)
        and np.array_equal(one.openness, other.openness)
        and np.array_equal(one.expression, other.expression)
        and (one.window, one.unit) == (other.window, other.unit)
    )


# ------------------------------------------------------------------------------------------------------------- the whole


def test_files_become_a_study(files: Write) -> None:
    told: list[str] = []
    study = read_study(files(), told.append)
    assert study.regions.to_numpy().tolist() == [list(p) for p in PEAKS]
    assert study.regions.dtypes.astype(str).tolist() == ["str", "int64", "int64"]
    assert study.regions.index.equals(pd.RangeIndex(4))
    counts = np.array(COUNTS)
    np.testing.assert_allclose(study.openness, counts / counts.sum(axis=0) * 1e6, rtol=1e-6)
    assert study.openness.dtype == np.float32
    assert study.openness.flags.c_contiguous
    # columns go by name: the two matrices have them in different orders; CPM are over LOST too, which has no place
    np.testing.assert_allclose(study.expression, [[1e6 / 13, 2e6 / 7, 10e6 / 15], [7e6 / 13, 0, 0]])
    assert study.expression.flags.c_contiguous
    assert study.genes.reset_index().to_numpy().tolist() == [["TP53", "TP53", "", "chr1", 150, 1], ["MYC", "MYC", "", "chrX", 700, -1]]
    assert study.lineage.to_dict() == {"A": "stem", "B": "stem", "C": "blood"}
    assert study.sizes.to_dict() == {"chr1": 1000, "chr2": 500, "chrX": 2000, "chrM": 16}
    assert (study.window, study.unit) == (Window(1_000_000, 1000, "overlap"), "log1p(CPM)")
    assert study.notes == (
        "atac.tsv: 4 regions; openness of 3 samples, counts.",
        "rna.tsv: 3 genes; expression of 3 samples, counts.",
        "rna.tsv: 2 of 3 genes are in tss.bed, found 2 by symbol; the other 1 (LOST) have no TSS and are dropped.",
        "0 of 2 genes do not exceed 1 CPM in any sample and are dropped.",
    )
    assert [t.split(":")[0] for t in told] == [f"Reading {f}" for f in ("peaks.bed", "atac.tsv", "rna.tsv", "tss.bed")]


def test_the_toml_may_be_given_itself_and_files_by_their_absolute_names(files: Write, tmp_path: Path) -> None:
    folder = files()
    moved = (folder / "atac.tsv").rename(tmp_path / "elsewhere.tsv")
    toml = folder / "dataset.toml"
    toml.write_text(TOML.replace('"atac.tsv"', f"'{moved}'"))
    assert same(read_study(toml), read_study(files()))


def test_signal_and_tpm_stay_as_they_are(files: Write) -> None:
    swap = {
        'regions = "peaks.bed"\nunit = "counts"': 'regions = "peaks.bed"\nunit = "signal"',
        'rna.tsv"\nunit = "counts"': 'rna.tsv"\nunit = "TPM"',
    }
    study = read_study(files(swap))
    assert study.openness.tolist() == COUNTS
    assert study.expression.tolist() == [[1, 2, 10], [7, 0, 0]]
    assert study.unit == "log1p(TPM)"
    assert any("the TPM of a sample sum to 7 to 15, not to a million" in n for n in study.notes)


def test_genes_that_are_low_or_hardly_vary_are_dropped_and_counted(files: Write) -> None:
    rna = "gene\tA\tB\tC\nTP53\t9\t9\t9\nMYC\t0\t7\t0\nLOW\t1\t0\t1\n"
    tss = TSS + "chr2\t5\t5\tNM_3\tLOW\t+\n"
    study = read_study(
        files(
            {'rna.tsv"\nunit = "counts"': 'rna.tsv"\nunit = "CPM"', "[lineages]": "[genes]\nsd_log_above = 0.3\n[lineages]"},
            rna__tsv=rna,
            tss__bed=tss,
        )
    )
    assert study.genes.index.tolist() == ["MYC"]
    assert study.notes[-2:] == (
        "1 of 3 genes do not exceed 1 CPM in any sample and are dropped.",
        "1 of 2 genes vary no more than an sd of 0.3 in log1p(CPM) over samples and are dropped.",
    )
    assert "[genes]: no gene is left, as all 2 do not exceed 1e+06 CPM" in refusal(
        files({"[lineages]": "[genes]\nabove = 1e6\n[lineages]"})
    )


# ------------------------------------------------------------------------------------------------------------- dataset.toml


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[openness]", "[opennes]", "there is no section [opennes]. Was 'openness' meant?"),
        ("matrix = \"atac.tsv\"", "matrx = \"atac.tsv\"", "[openness]: there is no key matrx. Was 'matrix' meant?"),
        ("matrix = \"atac.tsv\"\n", "", "[openness]: matrix is missing."),
        ("matrix = \"atac.tsv\"", "matrix = 3", "[openness]: matrix = 3 is not a file's name in quotes."),
        ("\"atac.tsv\"", "\"atacs.tsv\"", "which is not a file. Was 'atac.tsv' meant?"),
        ("\"peaks.bed\"\nunit = \"counts\"", "\"peaks.bed\"\nunit = \"Count\"", "[openness]: unit = 'Count' is not known. Was 'counts' meant?"),
        ("\"rna.tsv\"\nunit = \"counts\"", "\"rna.tsv\"\nunit = \"cpm\"", "[expression]: unit = 'cpm' is not known. Was 'CPM' meant?"),
        ("[lineages]", "[window]\nrule = \"ends\"\n[lineages]", "[window]: rule = 'ends' is not known. Was 'end' meant?"),
        ("[lineages]", "[window]\nreach = 1500\n[lineages]", "[window]: reach = 1500 is not a multiple of bin = 1000."),
        ("[lineages]", "[window]\nbin = 0\n[lineages]", "Both are whole numbers from 1 up"),
        ("[lineages]", "[window]\nreach = 1e6\n[lineages]", "[window]: reach = 1000000.0 is not a whole number."),
        ("[lineages]", "[window]\nreach = true\n[lineages]", "[window]: reach = True is not a whole number."),
        ("[lineages]", "[genes]\nabove = \"1\"\n[lineages]", "[genes]: above = '1' is not a number."),
        ("[lineages]", "[genes]\nabove = nan\n[lineages]", "[genes]: above = nan is not a number."),
        ("blood = [\"C\"]", "blood = \"C\"", "[lineages]: blood = 'C' is not a list of samples."),
        ("blood = [\"C\"]", "blood = [\"C\", \"A\"]", "[lineages]: sample A is in stem and again in blood."),
        ("blood = [\"C\"]", "blood = [\"D\"]", "[lineages]: blood names the sample 'D', which is not in"),
        ("blood = [\"C\"]", "", "[lineages]: C, in both matrices, is in no lineage."),
        ("[lineages]\nstem = [\"A\", \"B\"]\nblood = [\"C\"]", "", "[lineages] is missing or empty."),
        ("unit = \"counts\"\n[expression]", "unit = counts\n[expression]", "is not TOML"),
    ],
)  # fmt: skip
def test_a_description_with_a_fault_is_refused_by_file_and_key(files: Write, old: str, new: str, said: str) -> None:
    folder = files({old: new})
    text = refusal(folder)
    assert str(folder / "dataset.toml") in text
    assert said in text


def test_a_folder_without_a_description_is_told_to_get_one(tmp_path: Path) -> None:
    assert f"{tmp_path} holds no dataset.toml. Write one" in refusal(tmp_path)


# ------------------------------------------------------------------------------------------------------------- matrices


def zipped(text: str, *others: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("table", text)
        for name in others:
            archive.writestr(name, "junk")
    return held.getvalue()


R_STYLE = "C\tA\tB\nTP53\t10\t1\t2\nMYC\t0\t7\t0\nLOST\t5\t5\t5\n"


@pytest.mark.parametrize(
    "rna",
    [
        RNA.replace("\t", ","),
        RNA.replace("\n", "\r\n"),
        "\ufeff" + RNA,
        R_STYLE,
        "\t" + R_STYLE,
        R_STYLE.replace("\t", " "),
        "\n".join("\t".join(f'"{c}"' for c in line.split("\t")) for line in R_STYLE.split("\n")[:-1]),
        gzip.compress(RNA.encode(), mtime=0),
        zipped(RNA, "__MACOSX/._rna"),
        "C\tA\tB\tname\n10\t1\t2\tTP53\n0\t7\t0\tMYC\n5\t5\t5\tLOST\n",
    ],
    ids=["csv", "windows", "mark", "R", "unnamed", "spaces", "quoted", "gzip", "zip", "last"],
)
def test_a_matrix_may_be_written_in_many_ways(files: Write, rna: str | bytes) -> None:
    assert same(read_study(files(rna__tsv=rna)), read_study(files()))


@pytest.mark.parametrize("how", ["index", "named index", "column"])
def test_a_matrix_may_be_parquet(files: Write, how: str) -> None:
    frame = pd.DataFrame(
        {"C": [10, 0, 5], "A": [1, 7, 5], "B": [2.0, 0, 5]},
        index=pd.Index(["TP53", "MYC", "LOST"], name="a.gene" if "named" in how else None),
    )
    folder = files({"rna.tsv": "rna.parquet"})
    (frame.rename_axis("g").reset_index() if how == "column" else frame).to_parquet(folder / "rna.parquet")
    assert same(read_study(folder), read_study(files()))


def test_a_fault_in_parquet_is_told_by_row(files: Write) -> None:
    folder = files({"rna.tsv": "rna.parquet"})
    pd.DataFrame({"g": ["TP53", "MYC"], "A": ["1", "x"], "B": [1, 2], "C": [1, 2]}).to_parquet(folder / "rna.parquet")
    assert "rna.parquet, row 2: gene MYC, column A is 'x', which is not a number" in refusal(folder)
    pd.DataFrame({"g": ["TP53", "MYC"], "A": [1, None], "B": [1, 2], "C": [1, 2]}).to_parquet(folder / "rna.parquet")
    assert "rna.parquet, row 2: gene MYC, column A is missing" in refusal(folder)
    content = bytearray((folder / "rna.parquet").read_bytes())
    content[4:60] = b"?" * 56
    (folder / "rna.parquet").write_bytes(content)
    assert f"{folder / 'rna.parquet'} cannot be read to its end" in refusal(folder)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("x", "is 'x', which is not a number"),
        ("0,5", "is '0,5', which is not a number"),
        ("", "is missing ('')"),
        ("NA", "is missing ('NA')"),
        ("nan", "is missing ('nan')"),
        ("-1", "is -1, which is below 0"),
        ("inf", "is inf, which is infinite"),
        ("1e999", "is 1e999, which is infinite"),
    ],
)
def test_a_cell_with_a_fault_is_named_by_file_line_row_and_column(files: Write, cell: str, said: str) -> None:
    folder = files(rna__tsv=RNA.replace("MYC\t0\t7", f"\nMYC\t0\t{cell}"))
    assert f"{folder / 'rna.tsv'}, line 4: gene MYC, column A {said}" in refusal(folder)
    folder = files(atac__tsv=ATAC.replace("5\t5\t5", f"5\t5\t{cell}"))
    assert f"{folder / 'atac.tsv'}, line 4: region chr2:0-50, column C {said}" in refusal(folder)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rna.tsv", RNA.replace("MYC\t0\t7\t0", "MYC\t0\t7"), "rna.tsv, line 3: 3 cells where there are 4 columns."),
        ("rna.tsv", RNA.replace("gene\tC\tA", "gene\tA\tA"), "rna.tsv: columns 2 and 3 are both called A."),
        ("rna.tsv", "gene\tC\tA\tB\n", "rna.tsv has no row below its column names."),
        ("rna.tsv", "", "rna.tsv is empty."),
        ("rna.tsv", "gene\n1\n", "its first line, 'gene', is no row of column names"),
        ("rna.tsv", gzip.compress(RNA.encode() * 99, mtime=0)[:-20], "rna.tsv cannot be read to its end"),
        ("rna.tsv", b"PAR1junk", "rna.tsv is not readable as Parquet"),
        ("rna.tsv", zipped(RNA, "two"), "rna.tsv holds 2 files: table, two. Unpack it"),
        ("rna.tsv", "C\tA\tB\n1\t2\t3\n", "rna.tsv has no column that names the genes: all 3 are samples."),
        ("rna.tsv", RNA.replace("TP53", "A1").replace("MYC", "A2"), "Not one of the 3 genes of"),
        ("rna.tsv", RNA.replace("\tA\t", "\tA.1\t"), "rna.tsv: A. The columns there are C, A.1, B."),
        ("atac.tsv", ATAC.replace("5\t5\t5\n", ""), "has 3 rows, but"),
        ("atac.tsv", "A\tB\tC\n" + "1\t0\t1\n" * 4, "sample B has no counts at all."),
    ],
)
def test_a_matrix_with_a_fault_is_refused(files: Write, name: str, text: str | bytes, said: str) -> None:
    folder = files(**{name.replace(".", "__"): text})
    assert str(folder / name) in refusal(folder)
    assert said in refusal(folder)


def test_a_sample_that_does_not_pair_is_told_with_its_likely_partner(files: Write) -> None:
    folder = files(
        {'blood = ["C"]': 'blood = ["mono_cyte"]'},
        atac__tsv=ATAC.replace("\tC\n", "\tmono_cyte\n"),
        rna__tsv=RNA.replace("\tC\t", "\tmono.cyte\t"),
    )
    assert refusal(folder) == (
        f"1 samples of {folder / 'atac.tsv'} are not in {folder / 'rna.tsv'}: mono_cyte. Is it the 'mono.cyte' there? Call it the same in both."
    )


def test_a_lineage_s_unknown_sample_is_told_with_the_likely_one(files: Write) -> None:
    folder = files(
        {'blood = ["C"]': 'blood = ["monocyt"]'},
        atac__tsv=ATAC.replace("\tC\n", "\tmonocyte\n"),
        rna__tsv=RNA.replace("\tC\t", "\tmonocyte\t"),
    )
    assert "names the sample 'monocyt', which is not in" in refusal(folder)
    assert "Was 'monocyte' meant?" in refusal(folder)


def test_columns_of_one_matrix_that_have_no_lineage_are_dropped_and_counted(files: Write) -> None:
    lines = ATAC.splitlines()
    atac = "\n".join([lines[0] + "\tD\tE", *(line + "\tx\t1" for line in lines[1:])]) + "\n"
    study = read_study(files(atac__tsv=atac))
    assert same(study, read_study(files()))
    assert study.notes[0] == "atac.tsv: 2 columns are in no lineage and not used (D, E)."


def test_the_gene_column_may_be_named_and_a_wrong_name_is_told(files: Write) -> None:
    lines = RNA.splitlines()
    rna = "\n".join(["id\t" + lines[0], *(f"g{i}\t{line}" for i, line in enumerate(lines[1:]))]) + "\n"
    named = {'rna.tsv"': 'rna.tsv"\ngene = "gene"'}
    assert same(read_study(files(named, rna__tsv=rna)), read_study(files()))
    assert "has no column 'Gene', which [expression] gene asks for. Was 'gene' meant?" in refusal(
        files({'rna.tsv"': 'rna.tsv"\ngene = "Gene"'})
    )


def test_of_a_gene_that_occurs_twice_the_larger_copy_stays(files: Write) -> None:
    study = read_study(files(rna__tsv=RNA + "TP53\t90\t90\t90\nTP53\t3\t3\t3\n"))
    assert study.genes.index.tolist() == ["TP53", "MYC"]
    np.testing.assert_allclose(study.expression[0], np.array([90, 90, 90]) / [106, 100, 108] * 1e6)
    assert (
        study.notes[2]
        == "rna.tsv: 1 genes occur more than once (TP53); of each the copy with the largest total is kept, 2 rows are dropped."
    )


# ------------------------------------------------------------------------------------------------------------- regions


NO_BED = {'regions = "peaks.bed"\n': ""}


def beside(names: str) -> str:
    lines = ATAC.splitlines()
    return "\n".join([names + "\t" + lines[0], *("\t".join([*map(str, p), line]) for p, line in zip(PEAKS, lines[1:], strict=True))]) + "\n"


@pytest.mark.parametrize("names", ["chrom\tstart\tend", "#Chr\tchromStart\tchromEnd", "seqnames\tstart\tend"])
def test_regions_may_be_the_first_columns_of_the_matrix(files: Write, names: str) -> None:
    assert same(read_study(files(NO_BED, atac__tsv=beside(names))), read_study(files()))


def test_a_matrix_without_regions_needs_a_bed(files: Write) -> None:
    assert "does not begin with the columns chrom, start, end, but with A, B, C. Name the BED" in refusal(files(NO_BED))


@pytest.mark.parametrize(
    "bed",
    [
        gzip.compress(BED.encode(), mtime=0),
        "browser position chr1\ntrack name=peaks\n# a peak\n" + BED.replace("chr2", "#\n\nchr2"),
        BED.replace("\n", "\tpeak\t0.5\t.\n"),
        BED.replace("\t", " "),
        BED.replace("\n", "\r\n"),
        BED.replace("chr", ""),
    ],
    ids=["gzip", "track", "more", "spaces", "windows", "unprefixed"],
)
def test_a_bed_may_be_written_in_many_ways(files: Write, bed: str | bytes) -> None:
    assert same(read_study(files(peaks__bed=bed)), read_study(files()))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("chr2\t0\t50", "chr2\t-1\t50", "line 4: column start is -1, which is below 0"),
        ("chr2\t0\t50", "chr2\t0.5\t50", "line 4: region chr2:0.5-50 does not start and end at whole numbers"),
        ("chr2\t0\t50", "chr2\tx\t50", "line 4: column start is 'x', which is not a number"),
        ("chr2\t0\t50", "chr2\t50\t50", "line 4: region chr2:50-50 ends where it starts"),
        ("chr2\t0\t50", "chr2\t500\t550", "line 4: region chr2:500-550 begins beyond the end of its chromosome in sizes.tsv. The two are likely of different genome builds."),
        ("chr2\t0\t50", "chr2\t0", "line 4: 2 cells where there are 3 columns"),
        (BED, "chr1\t5\n", "is no BED: its first row has 2 cells"),
        ("chr", "scaffold", "Not one chromosome of"),
    ],
)  # fmt: skip
def test_a_region_with_a_fault_is_named_by_its_line(files: Write, old: str, new: str, said: str) -> None:
    folder = files(peaks__bed="# peaks\n" + BED.replace(old, new))
    assert f"{folder / 'peaks.bed'}" in refusal(folder)
    assert said in refusal(folder)


def test_a_fault_among_regions_of_the_matrix_is_named_by_its_line(files: Write) -> None:
    folder = files(NO_BED, atac__tsv=beside("chr\tstart\tend").replace("chr2\t0\t50", "chr2\t50\t0"))
    assert f"{folder / 'atac.tsv'}, line 4: region chr2:50-0 ends where it starts, or before." in refusal(folder)


def test_regions_that_are_odd_but_not_wrong_are_counted(files: Write) -> None:
    peaks = "chr1\t900\t1001\nchr1\t100\t200\nchr1\t150\t160\nchr6_hap\t1\t2\n"
    study = read_study(files(peaks__bed=peaks))
    assert study.regions.to_numpy().tolist() == [["chr1", 100, 200], ["chr1", 150, 160], ["chr1", 900, 1000]]
    # CPM are over the region on chr6_hap too
    np.testing.assert_allclose(study.openness[:, 0], [0, 5e5, 1e5], rtol=1e-6)
    assert study.notes[1:5] == (
        "peaks.bed: 1 of 4 regions lie on 1 sequences that are not in sizes.tsv (chr6_hap) and are dropped.",
        "peaks.bed: 1 of 4 regions reach beyond the end of their chromosome and are cut there (chr1:900-1001, which has 1,000 bases).",
        "peaks.bed: 3 regions were put in the order of chromosome (by name), start and end.",
        "peaks.bed: 1 of 3 regions overlap one before them; they stay, and the openness of both counts.",
    )


@SLIP
@given(
    order=st.permutations(range(6)),
    peaks=st.lists(
        st.tuples(st.sampled_from(["chr1", "chr2", "chrX", "chrUn"]), st.integers(0, 3), st.integers(1, 3)), min_size=5, max_size=5
    ),
    counts=st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=5, max_size=5),
)
def test_the_order_of_regions_in_the_file_leaves_no_trace(
    files: Write, order: list[int], peaks: list[tuple[str, int, int]], counts: list[tuple[int, int, int]]
) -> None:
    beds = [f"{c}\t{s}\t{s + n}\n" for c, s, n in [*peaks, ("chr1", 5, 1)]]
    cells = ["\t".join(map(str, r)) + "\n" for r in [*counts, (1, 1, 1)]]
    one = read_study(files(peaks__bed="".join(beds), atac__tsv="A\tB\tC\n" + "".join(cells)))
    other = read_study(files(peaks__bed="".join(beds[i] for i in order), atac__tsv="A\tB\tC\n" + "".join(cells[i] for i in order)))
    assert same(one, other)


# ------------------------------------------------------------------------------------------------------------- chromosomes


@pytest.mark.parametrize(
    "sizes",
    [
        "name\tlength\trole\nchr1\t1000\tx\nchr2\t500\tx\nchrX\t2000\tx\nchrM\t16\tx\n",
        "chrom,size\nchr1,1000\nchr2,500\nchrX,2000\nchrM,16\n",
        "chr1\t1000\t6\t60\t61\nchr2\t500\t9\t60\t61\nchrX\t2000\t9\t60\t61\nchrM\t16\t9\t60\t61\n",
    ],
    ids=["table", "csv", "fai"],
)
def test_sizes_may_be_written_in_many_ways(files: Write, sizes: str) -> None:
    assert same(read_study(files(sizes__tsv=sizes)), read_study(files()))


def test_every_file_s_chromosomes_are_called_as_the_sizes_call_them(files: Write) -> None:
    study = read_study(files(sizes__tsv="1\t1000\n2\t500\nX\t2000\nMT\t16\n", peaks__bed=BED.replace("chr2\t0\t50", "chrM\t0\t16")))
    assert study.regions["chrom"].tolist() == ["1", "1", "MT", "X"]
    assert study.genes["chrom"].tolist() == ["1", "X"]
    assert "peaks.bed: 3 chromosomes are called as in sizes.tsv (chr1 as 1, chrM as MT and 1 more)." in study.notes


def test_a_table_s_aliases_are_known_too(files: Write) -> None:
    sizes = "name\tlength\taliases\nchr1\t1000\t1,NC_1.1\nchr2\t500\t2,NC_2.1\nchrX\t2000\tX,NC_X.1\nchrM\t16\t\n"
    assert same(read_study(files(sizes__tsv=sizes, peaks__bed=BED.replace("chr1", "NC_1.1"))), read_study(files()))


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ("chr1\t1000\nchr1\t500\n", "line 2: chr1 occurs twice"),
        ("chr1\t1000\nchr2\t5.5\n", "line 2: the length of chr2 is '5.5'"),
        ("chr1\t1000\nchr2\n", "line 2: the length of chr2 is ''"),
        ("chr1\t1000\nchr2\t0\n", "line 2: the length of chr2 is '0'"),
        ("a\tb\nchr1\t1000\n", "line 1, has the columns a, b"),
    ],
)
def test_sizes_with_a_fault_are_refused_by_line(files: Write, sizes: str, said: str) -> None:
    folder = files(sizes__tsv=sizes)
    assert f"{folder / 'sizes.tsv'}, {said}" in refusal(folder)


# ------------------------------------------------------------------------------------------------------------- sites


ENS = "ENSG00000141510"
GTF = (
    "#!genome-build x\n"
    f'chr1\thavana\tgene\t151\t900\t.\t+\t.\tgene_id "{ENS}.5"; gene_type "protein_coding"; gene_name "TP53";\n'
    f'chr1\thavana\ttranscript\t151\t900\t.\t+\t.\tgene_id "{ENS}.5"; transcript_id "T"; gene_name "TP53";\n'
    'chrX\thavana\tgene\t100\t701\t.\t-\t.\tgene_id "ENSG00000136997"; gene_name "MYC";\n'
)
GFF = (
    f"##gff-version 3\nchr1\tx\tgene\t151\t900\t.\t+\t.\tID=gene:{ENS};Name=TP53;biotype=b\n###\n"
    "chrX\tx\tncRNA_gene\t100\t701\t.\t-\t.\tID=gene:ENSG00000136997;Name=MYC\n"
)  # fmt: skip
UCSC_GTF = (
    'chr1\trefGene\ttranscript\t151\t900\t.\t+\t.\tgene_id "TP53"; transcript_id "NM_1";  gene_name "TP53";\n'
    'chr1\trefGene\texon\t151\t200\t.\t+\t.\tgene_id "TP53"; transcript_id "NM_1"; exon_number "1"; gene_name "TP53";\n'
    'chrX\trefGene\ttranscript\t100\t701\t.\t-\t.\tgene_id "MYC"; transcript_id "NM_2"; gene_name "MYC";\n'
)  # fmt: skip
TABLE = (
    "585\tNM_1\tchr1\t+\t150\t900\t150\t900\t1\t150,\t900,\t0\tTP53\tcmpl\tcmpl\t0,\n"
    "585\tNM_2\tchrX\t-\t99\t701\t99\t701\t1\t99,\t701,\t0\tMYC\tcmpl\tcmpl\t0,\n"
)
HEADER = "bin\tname\tchrom\tstrand\ttxStart\ttxEnd\tcdsStart\tcdsEnd\texonCount\texonStarts\texonEnds\tscore\tname2\ta\tb\tc\n"
CSV = (
    "gene.ID,geneID_UCSC,gene.name,chrom,strand,Tx.start,Tx.end,TSS\n"
    'x-1,"NM_1,NM_9",TP53,chr1,+,150,900,150\nx-2,NM_2,MYC,chrX,-,99,700,700\n'
)


@pytest.mark.parametrize(
    "tss",
    [
        TSS.replace("\n", "\r\n"),
        "chr1\t150\t900\tNM_1\tTP53\t+\nchrX\t99\t701\tNM_2\tMYC\t-\n",
        "chr1\t150\t900\tTP53\t0\t+\nchrX\t99\t701\tMYC\t0\t-\n",
        TABLE,
        "#" + HEADER + TABLE,
        TABLE.replace("585\t", ""),
        GTF,
        gzip.compress(GTF.encode(), mtime=0),
        GFF,
        UCSC_GTF,
        CSV,
        "symbol\tchr\tstrand\ttss\nTP53\t1\t1\t150\nMYC\tX\t-1\t700\n",
    ],
    ids=["bed", "bed of genes", "bed6", "refGene", "#bin", "no bin", "gtf", "gtf.gz", "gff", "ucsc gtf", "csv", "tsv"],
)
def test_sites_are_told_apart_by_content(files: Write, tss: str | bytes) -> None:
    study = read_study(files(tss__bed=tss))
    assert study.genes[["chrom", "tss", "strand"]].to_numpy().tolist() == [["chr1", 150, 1], ["chrX", 700, -1]]
    assert study.genes.index.tolist() == ["TP53", "MYC"]


def test_genes_named_by_ensembl_id_are_found_by_it_whatever_the_version(files: Write) -> None:
    study = read_study(files(rna__tsv=RNA.replace("TP53", f"{ENS}.17"), tss__bed=GTF))
    assert study.genes.loc[f"{ENS}.17"].tolist() == ["TP53", ENS, "chr1", 150, 1]
    assert study.genes.loc["MYC", "gene_id"] == "ENSG00000136997"
    assert study.notes[2].startswith("rna.tsv: 2 of 3 genes are in tss.bed, found 1 by Ensembl id and 1 by symbol; the other 1 (LOST)")


def test_ensembl_ids_against_an_annotation_without_them_are_told_so(files: Write) -> None:
    text = refusal(files(rna__tsv=RNA.replace("TP53", ENS).replace("MYC", "ENSG00000136997").replace("LOST", "ENSG00000000001")))
    assert "Not one of the 3 genes" in text
    assert f"({ENS}, ENSG00000136997, ENSG00000000001)" in text
    assert "(TP53, MYC)" in text


@pytest.mark.parametrize(("name", "found"), [(f"{ENS}.5", ENS), ("ENSMUSG00000031162", "ENSMUSG00000031162"), ("ENSG00000182378.8_PAR_Y", "ENSG00000182378"), ("ENSA", ""), ("ENST00000000001", "")])  # fmt: skip
def test_an_ensembl_gene_id_is_known_by_its_form(name: str, found: str) -> None:
    assert ensembl(name) == found


def test_of_several_transcripts_the_most_5_prime_is_taken_where_most_of_them_are(files: Write) -> None:
    tss = (
        "chr2\t5\t5\tN\tTP53\t+\nchr1\t300\t300\tN\tTP53\t-\nchr1\t400\t400\tN\tTP53\t-\nchr1\t10\t10\tN\tTP53\t+\n"
        "chrX\t700\t700\tN\tMYC\t+\nchr2\t90\t90\tN\tMYC\t+\nchr6_hap\t1\t1\tN\tMYC\t+\nchr6_hap\t1\t1\tN\tMYC\t+\n"
    )
    study = read_study(files(tss__bed=tss))
    assert study.genes[["chrom", "tss", "strand"]].to_numpy().tolist() == [["chr1", 400, -1], ["chr2", 90, 1]]
    assert study.notes[2:5] == (
        "tss.bed: 2 of 8 transcripts lie on 1 sequences that are not in sizes.tsv (chr6_hap) and are dropped.",
        "tss.bed: 2 genes have several TSS; the most 5' is taken.",
        "tss.bed: 2 genes lie on several chromosomes and 1 on both strands; the one that holds most of their transcripts is taken.",
    )


def test_two_genes_with_one_tss_both_stay(files: Write) -> None:
    study = read_study(files(tss__bed=TSS + "chr1\t150\t150\tN\tLOST\t+\n"))
    assert study.genes["tss"].to_dict() == {"TP53": 150, "MYC": 700, "LOST": 150}


@pytest.mark.parametrize(
    ("tss", "said"),
    [
        (TSS.replace("-", "."), "line 2: MYC has the strand '.'"),
        (TSS.replace("700\t700", "700\tx"), "line 2: MYC lies at 700-x. Positions must be whole numbers."),
        (TSS.replace("700\t700", "700\t600"), "line 2: MYC lies at 700-600."),
        (TSS.replace("700", "2000"), "line 2: MYC begins at chrX:2000, beyond the end of its chromosome in sizes.tsv. The two are likely of different"),
        (TSS.replace("\tMYC\t-", ""), "line 2: 4 cells where the lines before have 6."),
        (CSV.replace("TSS", "begin"), " has no column tss; its first line is gene.id, "),
        (CSV.replace("gene.name", "x").replace("gene.ID", "y"), " has no column symbol; "),
        ("just text\n", " has no column chrom, strand, tss; "),
        (TSS.replace("chr", "scaffold"), ""),
    ],
)  # fmt: skip
def test_sites_with_a_fault_are_refused_by_line(files: Write, tss: str, said: str) -> None:
    folder = files(tss__bed=tss)
    assert f"{folder / 'tss.bed'}" in refusal(folder)
    assert said in refusal(folder)


# ------------------------------------------------------------------------------------------------------------- real files


def test_human_erythropoiesis_is_read_whole(erythroid_toml: Write, tmp_path: Path, real_data: Path) -> None:
    study = read_study(erythroid_toml(tmp_path, sd_log_above=0.3))
    assert study.openness.shape == (109_945, 12)
    np.testing.assert_allclose(study.openness.sum(axis=0, dtype=np.float64), 1e6, rtol=1e-6)
    assert study.lineage.index.tolist() == ["HSC", "MPP", "CMP", "MEP", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"]
    assert study.genes.loc["GATA1"].tolist() == ["GATA1", "", "chrX", 48_644_981, 1]
    assert study.genes.loc["TP53", ["chrom", "tss", "strand"]].tolist() == ["chr17", 7_590_868, -1]
    assert study.expression.shape == (len(study.genes), 12) == (12_228, 12)
    # haemoglobin rises along the columns, which the two files have in different orders
    hbb = pd.Series(study.expression[study.genes.index.get_loc("HBB")], study.lineage.index)
    assert hbb["P8"] > 100 * hbb["HSC"]
    assert study.regions.iloc[0].tolist() == ["chr1", 10371, 10621]
    raw = pd.read_csv(real_data / "expression-regression" / "erythroid" / "combined_12.counts.tsv.gz", sep="\t")
    np.testing.assert_allclose(study.openness[0], (raw.iloc[0] / raw.sum() * 1e6)[study.lineage.index], rtol=1e-6)
    assert "5,881 of 19,160 genes do not exceed 1 CPM in any sample and are dropped." in study.notes
    assert study.unit == "log1p(CPM)"


def test_mouse_haematopoiesis_is_read_whole(immgen_toml: Write, tmp_path: Path, real_data: Path) -> None:
    study = read_study(immgen_toml(tmp_path, above=-1, window={"reach": 50_000}))
    assert study.openness.shape == (512_595, 11)
    np.testing.assert_allclose(study.openness.sum(axis=0, dtype=np.float64), 1e6, rtol=1e-6)
    assert study.genes.loc["Gata1", ["chrom", "tss", "strand"]].tolist() == ["chrX", 7_967_910, -1]
    assert study.expression.shape == (24_156, 11)
    # 303 genes without a TSS were counted and then dropped
    assert (study.expression.sum(axis=0) < 1e6).all()
    assert (study.expression.sum(axis=0) > 0.97e6).all()
    assert study.window == Window(reach=50_000)
    sites = read_sites(real_data / "expression-regression" / "annotation" / "mm10.refGenes.2016.1018.csv")
    assert sites.set_index("symbol")["tss"].reindex(study.genes.index).equals(study.genes["tss"].rename("tss"))


@pytest.mark.parametrize("build", ["hg19", "hg38", "mm10"])
def test_real_sizes_are_read(real_data: Path, build: str) -> None:
    chromosomes = read_chromosomes(real_data / "expression-regression" / "annotation" / f"{build}.seqinfo.tsv")
    assert chromosomes.lengths["chr1"] == {"hg19": 249_250_621, "hg38": 248_956_422, "mm10": 195_471_971}[build]
    names = chromosomes.call(pd.Series(["1", "MT", "chrX", "chr6_apd_hap9"]), Path("x"), "regions", [])
    assert names.tolist() == ["chr1", "chrMT" if build == "hg19" else "chrM", "chrX", None]


def test_another_build_s_sizes_are_noticed(erythroid_toml: Write, tmp_path: Path) -> None:
    toml = erythroid_toml(tmp_path)
    toml.write_text(toml.read_text().replace("hg19.seqinfo", "mm10.seqinfo"))
    assert "begins beyond the end of its chromosome in mm10.seqinfo.tsv. The two are likely of different genome builds." in refusal(toml)
