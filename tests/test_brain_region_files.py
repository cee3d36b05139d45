"""brain-region's two loaders: GTEx's official files, and a prepared folder; what they read, and what they refuse."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genoboard import DataError, Dataset
from genoboard_tasks.brain_region import units
from genoboard_tasks.brain_region.reader import read
from genoboard_tasks.brain_region.regions import REGIONS

Write = Callable[..., Path]


def rounded_log(values: pd.DataFrame) -> np.ndarray:
    return np.round(np.log2(values.to_numpy(dtype=np.float64) + 1), 5).astype(np.float32)


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    return str(caught.value)


# GTEx's official files


def official_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """30 samples of 6 donors, 18 of them brain; 40 genes. TPM (genes, samples), sample attributes, subject phenotypes."""
    random = np.random.default_rng(3)
    donors = [f"GTEX-{c}" for c in "ABCDEF"]
    ids = [f"{d}-{k:04d}-SM-{k}X" for d in donors for k in range(5)]
    tissue = [f"Brain - {REGIONS[(3 * i + k) % 13]}" if k < 3 else "Whole Blood" for i in range(6) for k in range(5)]
    tpm = pd.DataFrame(np.round(random.gamma(0.3, 300, (40, 30)), 3), [f"ENSG{i:05d}.1" for i in range(40)], ids)
    attributes = pd.DataFrame(
        {
            "SAMPID": ids,
            "SMPTHNTS": '2 pieces, "fatty',
            "SMRIN": [f"{v:.1f}" for v in random.uniform(5, 9, 30)],
            "SMTSISCH": "700",
            "SMTSD": tissue,
            "SMGEBTCH": "LCSET-1",
            "SMCENTER": "C1, A1",
        }
    )
    return tpm, attributes, pd.DataFrame({"SUBJID": donors, "SEX": "1", "AGE": "60-69"})


@pytest.fixture
def official(tmp_path: Path) -> Write:
    def write(
        tpm: pd.DataFrame | None = None, attributes: pd.DataFrame | None = None, subjects: pd.DataFrame | None = None, folder: str = "gtex"
    ) -> Path:
        tables = official_tables()
        tpm, attributes, subjects = (t if given is None else given for t, given in zip(tables, (tpm, attributes, subjects), strict=True))
        (tmp_path / folder).mkdir(exist_ok=True)
        body = tpm.to_csv(sep="\t", header=False, lineterminator="\n").splitlines()
        lines = [line.replace("\t", f"\tSYM{i}\t", 1) for i, line in enumerate(body)]
        lines[0] = lines[0].replace("SYM0", "PRSS1")
        head = ["#1.2", f"{tpm.shape[0]}\t{tpm.shape[1]}", "\t".join(["Name", "Description", *tpm.columns])]
        (tmp_path / folder / "gene_tpm.gct.gz").write_bytes(gzip.compress("\n".join([*head, *lines, ""]).encode()))
        for name, table in (("SampleAttributesDS.txt", attributes), ("SubjectPhenotypesDS.txt", subjects)):
            text = ["\t".join(table.columns), *("\t".join(map(str, row)) for row in table.itertuples(index=False))]
            (tmp_path / folder / f"GTEx_{name}").write_text("\n".join(text) + "\n")
        return tmp_path / folder

    return write


def brain(attributes: pd.DataFrame) -> pd.Series:
    table = attributes.set_index("SAMPID")["SMTSD"]
    return table[table.str.startswith("Brain - ")].str.removeprefix("Brain - ")


def test_official_files_become_log2_tpm_of_the_brain_samples(official: Write) -> None:
    tpm, attributes, _ = official_tables()
    told: list[str] = []
    dataset = read(official(), told.append)
    expected = brain(attributes)
    assert dataset.y.to_dict() == expected.to_dict()
    assert len(dataset.y) == 18
    assert list(dataset.X.columns) == list(tpm.index)
    assert set(dataset.X.dtypes) == {np.dtype(np.float32)}
    assert np.array_equal(dataset.X.to_numpy(), rounded_log(tpm[dataset.X.index].T))
    assert (dataset.groups["donor"] == dataset.X.index.str[:6]).all()
    assert dataset.unit == "log2(TPM+1)"
    assert dataset.notes == ("gene_tpm.gct.gz: 18 brain samples kept of 30 samples, 40 genes.",)
    assert told == list(dataset.notes)


def test_official_technical_columns_become_control_columns_and_never_features(official: Write) -> None:
    _, attributes, _ = official_tables()
    attributes.loc[attributes["SAMPID"] == brain(attributes).index[0], "SMRIN"] = ""
    control = read(official(attributes=attributes)).control
    assert control is not None
    assert list(control.columns) == ["SMRIN", "SMTSISCH", "SMGEBTCH", "SMCENTER"]
    assert control["SMRIN"].dtype == np.float64
    assert control["SMRIN"].isna().sum() == 1
    assert set(control["SMCENTER"]) == {"C1, A1"}


def test_a_contaminating_gene_is_flagged(official: Write) -> None:
    columns = read(official()).columns
    assert columns is not None
    assert columns["flag"].to_dict() == {g: "same-day contamination" if s == "PRSS1" else "" for g, s in columns["symbol"].items()}
    assert (columns["symbol"] == "PRSS1").sum() == 1


def test_a_gct_may_be_given_as_a_file(official: Write) -> None:
    folder = official()
    (folder / "another.gct").write_text("#1.2\n")
    odd = (folder / "gene_tpm.gct.gz").rename(folder / "expression.txt")
    assert read(odd).X.shape == (18, 40)
    assert "several GCT files: another.gct, expression.txt. Give the one to read as a file" in refusal(folder)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(order=st.permutations(range(30)))
def test_the_order_of_columns_in_the_file_does_not_matter(official: Write, order: list[int]) -> None:
    tpm, attributes, _ = official_tables()
    dataset = read(official(tpm.iloc[:, order], attributes.iloc[order]))
    straight = read(official(folder="straight"))
    pd.testing.assert_frame_equal(dataset.X, straight.X)
    pd.testing.assert_series_equal(dataset.y, straight.y)


def test_samples_without_a_label_are_refused(official: Write) -> None:
    _, attributes, _ = official_tables()
    said = refusal(official(attributes=attributes.iloc[2:]))
    assert "2 of 30 samples of gene_tpm.gct.gz are not in GTEx_SampleAttributesDS.txt: GTEX-A-0000-SM-0X, GTEX-A-0001-SM-1X" in said


def test_brain_samples_without_a_column_are_counted_in_a_note(official: Write) -> None:
    tpm, _, _ = official_tables()
    notes = read(official(tpm.iloc[:, 2:])).notes
    assert notes[1] == "GTEx_SampleAttributesDS.txt names 2 more brain samples that are not in gene_tpm.gct.gz."


def test_a_sample_labelled_twice_is_refused(official: Write) -> None:
    _, attributes, _ = official_tables()
    assert "SAMPID GTEX-A-0000-SM-0X occurs more than once" in refusal(official(attributes=pd.concat([attributes, attributes.iloc[:1]])))


def test_a_donor_without_phenotypes_is_refused(official: Write) -> None:
    said = refusal(official(subjects=official_tables()[2].iloc[1:]))
    assert "1 of 6 donors of gene_tpm.gct.gz are not in GTEx_SubjectPhenotypesDS.txt: GTEX-A" in said


def test_without_subject_phenotypes_donors_are_taken_from_the_ids_with_a_note(official: Write) -> None:
    folder = official()
    (folder / "GTEx_SubjectPhenotypesDS.txt").unlink()
    dataset = read(folder)
    assert dataset.groups["donor"].nunique() == 6
    assert dataset.notes[1] == "There is no SubjectPhenotypes file: donors are taken from the sample ids, unchecked."


def test_without_sample_attributes_what_is_missing_is_said(official: Write) -> None:
    folder = official()
    (folder / "GTEx_SampleAttributesDS.txt").unlink()
    said = refusal(folder)
    assert "gene_tpm.gct.gz has no labels" in said
    assert "SampleAttributesDS.txt (a tab-separated table with the columns SAMPID and SMTSD)" in said


def test_a_damaged_gct_alone_is_told_of_its_damage_first(real_data: Path) -> None:
    said = refusal(real_data / "brain-region/gtex-v8/official_gct_first_97_genes.txt.gz")
    assert "the header promises 56200 genes, but the file holds 97" in said


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    said = refusal(tmp_path)
    assert "neither a prepared dataset (labels.csv and an expression matrix) nor a GCT" in said
    assert "gene_tpm.gct.gz, SampleAttributesDS.txt and SubjectPhenotypesDS.txt" in said
    assert "does not exist" in refusal(tmp_path / "nowhere")


def test_a_gct_without_brain_is_refused(official: Write) -> None:
    _, attributes, _ = official_tables()
    assert "holds no brain sample" in refusal(official(attributes=attributes.assign(SMTSD="Liver")))


def test_read_counts_in_place_of_tpm_are_refused(official: Write) -> None:
    tpm, _, _ = official_tables()
    assert "holds read counts: all of its values are whole numbers" in refusal(official((tpm * 1000).round(0)))


def test_an_unknown_brain_region_is_refused_with_the_nearest_names(official: Write) -> None:
    _, attributes, _ = official_tables()
    said = refusal(official(attributes=attributes.replace("Brain - Amygdala", "Brain - Amigdala")))
    assert "There is no brain region named 'Amigdala'. Did you mean Amygdala?" in said


def test_a_technical_number_that_is_none_is_named(official: Write) -> None:
    _, attributes, _ = official_tables()
    said = refusal(official(attributes=attributes.assign(SMRIN="high")))
    assert "SMRIN of sample GTEX-A-0000-SM-0X is 'high', not a number" in said


def test_no_second_copy_of_the_brain_matrix_is_ever_made(official: Write) -> None:
    """20,000 genes x 500 brain samples are 40 MB; reading and taking logs may add little to that."""
    samples, count = 500, 20_000
    ids = [f"GTEX-{i:03d}-0001-SM-1" for i in range(samples)]
    folder = official(
        attributes=pd.DataFrame({"SAMPID": ids, "SMTSD": "Brain - Cortex"}), subjects=pd.DataFrame({"SUBJID": [i[:8] for i in ids]})
    )
    cells = "\t".join(["0.5", "3"] * (samples // 2))
    body = "".join(f"ENSG{g}\tSYM\t{cells}\n" for g in range(count))
    (folder / "gene_tpm.gct.gz").write_text(f"#1.2\n{count}\t{samples}\nName\tDescription\t" + "\t".join(ids) + "\n" + body)
    del body
    tracemalloc.start()
    dataset = read(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dataset.X.shape == (samples, count)
    assert peak < 1.5 * samples * count * 4


def test_the_two_loaders_agree_on_the_real_genes_that_both_have(tmp_path: Path, real_data: Path) -> None:
    """The official file's own 97 lines, under a header that tells the truth, give what the prepared folder holds."""
    prepared = read(real_data / "brain-region/gtex-v8")
    with gzip.open(real_data / "brain-region/gtex-v8/official_gct_first_97_genes.txt.gz", "rt") as text:
        whole = text.read().replace("56200\t", "97\t", 1)
    (tmp_path / "genes.gct").write_text(whole)
    samples = whole.split("\n", 3)[2].split("\t")[2:]
    tissue = prepared.y.reindex(samples).map(lambda r: f"Brain - {r}", na_action="ignore").fillna("elsewhere")
    tissue.rename_axis("SAMPID").rename("SMTSD").to_csv(tmp_path / "attributes.txt", sep="\t")
    dataset = read(tmp_path)
    assert dataset.X.shape == (2642, 97)
    pd.testing.assert_series_equal(dataset.y, prepared.y)
    pd.testing.assert_frame_equal(dataset.groups, prepared.groups)
    assert (dataset.columns["symbol"] == prepared.columns["symbol"][dataset.X.columns]).all()
    pd.testing.assert_frame_equal(dataset.X, prepared.X[list(dataset.X.columns)])


# A prepared folder


def prepared_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """12 samples x 5 genes of log2(TPM+1), labels, genes."""
    ids = [f"GTEX-{c}-{k}" for c in "ABC" for k in range(4)]
    values = np.round(np.random.default_rng(1).uniform(0, 9, (12, 5)), 5)
    matrix = pd.DataFrame(values, pd.Index(ids, name="SAMPID"), [f"ENSG{i}" for i in range(5)])
    labels = pd.DataFrame({"SAMPID": ids, "SUBJID": [i[:6] for i in ids], "SMTSD": [f"Brain - {r}" for r in REGIONS[:12]]})
    names = pd.DataFrame({"gene_id": matrix.columns, "gene_name": ["A", "B", "CLPS", "", "E"], "biotype": "lncRNA"})
    return matrix, labels, names


@pytest.fixture
def prepared(tmp_path: Path) -> Write:
    def write(matrix: pd.DataFrame | None = None, labels: pd.DataFrame | None = None, name: str = "log2tpm.csv") -> Path:
        tables = prepared_tables()
        folder = tmp_path / "prepared"
        folder.mkdir(exist_ok=True)
        matrix = tables[0] if matrix is None else matrix
        matrix.to_parquet(folder / name) if name.endswith("parquet") else matrix.to_csv(folder / name)
        (tables[1] if labels is None else labels).to_csv(folder / "labels.csv", index=False)
        tables[2].to_csv(folder / "genes.csv", index=False)
        return folder

    return write


@pytest.mark.parametrize("name", ["log2tpm.csv", "log2tpm.csv.gz", "log2tpm.parquet"])
def test_a_prepared_folder_is_read_from_csv_and_parquet(prepared: Write, name: str) -> None:
    matrix, labels, _ = prepared_tables()
    dataset = read(prepared(matrix.iloc[::-1], name=name))
    assert np.array_equal(dataset.X.to_numpy(), matrix.to_numpy().astype(np.float32))
    assert list(dataset.X.index) == list(matrix.index)
    assert dataset.y.tolist() == list(REGIONS[:12])
    assert dataset.groups["donor"].tolist() == labels["SUBJID"].tolist()
    assert dataset.columns is not None
    assert dataset.columns["symbol"].tolist() == ["A", "B", "CLPS", "ENSG3", "E"]
    assert dataset.columns["flag"].tolist() == ["", "", "same-day contamination", "", ""]
    assert dataset.control is None


def test_parquet_may_hold_the_ids_as_its_first_column(prepared: Write) -> None:
    matrix, _, _ = prepared_tables()
    assert read(prepared(matrix.reset_index(), name="log2tpm.parquet")).X.shape == (12, 5)


def test_regions_go_without_their_prefix_too(prepared: Write) -> None:
    _, labels, _ = prepared_tables()
    labels["SMTSD"] = labels["SMTSD"].str.removeprefix("Brain - ")
    assert read(prepared(labels=labels)).y.tolist() == list(REGIONS[:12])


def test_technical_columns_of_labels_become_control_columns_and_others_are_named_in_a_note(prepared: Write) -> None:
    _, labels, _ = prepared_tables()
    dataset = read(prepared(labels=labels.assign(RIN="7.5", SMCENTER="B1", shelf="left")))
    assert dataset.control is not None
    assert list(dataset.control.columns) == ["SMRIN", "SMCENTER"]
    assert any("labels.csv: shelf not used" in n for n in dataset.notes)


@pytest.mark.parametrize(("name", "how"), [("my_tpm.csv", "stated by the file's name"), ("matrix.csv", "recognised from the values")])
def test_tpm_are_logged_and_it_is_said(prepared: Write, name: str, how: str) -> None:
    matrix, _, _ = prepared_tables()
    dataset = read(prepared(matrix * 20, name=name))
    # the table is parsed to float32 first, so the fifth decimal may round the other way
    assert np.allclose(dataset.X, rounded_log(matrix * 20), rtol=0, atol=1.1e-5)
    assert dataset.notes[0] == f"{name} holds TPM ({how}); log2(TPM+1) was taken."
    assert dataset.unit == "log2(TPM+1)"


@pytest.mark.parametrize(("name", "how"), [("counts.csv", "stated by the file's name"), ("matrix.csv", "recognised from the values")])
def test_counts_become_log2_of_counts_per_million_and_it_is_said(prepared: Write, name: str, how: str) -> None:
    counts = (prepared_tables()[0] * 1000).round().astype(int)
    dataset = read(prepared(counts, name=name))
    per_million = counts.div(counts.sum(axis=1), axis=0) * 1e6
    assert np.allclose(dataset.X, np.log2(per_million + 1), atol=2e-5)
    assert dataset.unit == "log2(CPM+1)"
    assert dataset.notes[0].startswith(f"{name} holds counts ({how}); log2(CPM+1) was taken")


def test_log_values_are_recognised_and_left_as_they_are(prepared: Write) -> None:
    dataset = read(prepared(name="matrix.csv"))
    assert dataset.notes[0] == "matrix.csv holds log2(TPM+1) (recognised from the values)."
    assert np.array_equal(dataset.X.to_numpy(), prepared_tables()[0].to_numpy().astype(np.float32))


@pytest.mark.parametrize(
    ("name", "factor", "said"),
    [
        ("log2tpm.csv", 20, "is said to hold log2(TPM+1), which never exceeds 20, but it holds 1"),
        ("counts.csv", 1, "is said to hold counts, but its values are not all whole numbers"),
    ],
)
def test_a_unit_that_the_values_contradict_is_refused(prepared: Write, name: str, factor: int, said: str) -> None:
    assert said in refusal(prepared(prepared_tables()[0] * factor, name=name))


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("expression_log2tpm1_2642x117.csv.gz", "log2(TPM+1)"),
        ("log2(TPM+1).csv", "log2(TPM+1)"),
        ("log_tpm.parquet", "log2(TPM+1)"),
        ("gene_TPM.csv", "TPM"),
        ("gene_read_counts.csv", "counts"),
        ("count.csv", "counts"),
        ("accounts.csv", None),
        ("matrix.csv", None),
    ],
)
def test_a_unit_is_stated_by_a_files_name(name: str, unit: str | None) -> None:
    assert units.stated(name) == unit


def with_cell(value: object) -> pd.DataFrame:
    matrix = prepared_tables()[0].astype(object)
    matrix.iloc[4, 2] = value
    return matrix


@pytest.mark.parametrize("name", ["log2tpm.csv", "log2tpm.csv.gz", "log2tpm.parquet"])
@pytest.mark.parametrize(
    ("value", "fault"),
    [("high", "is 'high', not a number"), (None, "is missing"), (-1.5, "is -1.5, which is below 0"), (np.inf, "is infinite")],
)
def test_a_cell_that_is_no_expression_is_named_by_sample_and_gene(prepared: Write, name: str, value: object, fault: str) -> None:
    matrix = with_cell(value)
    if name.endswith("parquet"):
        matrix = matrix.astype("str" if isinstance(value, str) else "float64")
    assert f"sample GTEX-B-0, gene ENSG2 {fault}" in refusal(prepared(matrix, name=name))


def test_samples_of_one_file_that_the_other_lacks_are_refused(prepared: Write) -> None:
    matrix, labels, _ = prepared_tables()
    assert "1 of 12 samples of log2tpm.csv are not in labels.csv: GTEX-A-0" in refusal(prepared(labels=labels.iloc[1:]))
    said = refusal(prepared(matrix.iloc[:-4]))
    assert "4 of 12 samples of labels.csv are not in log2tpm.csv: GTEX-C-0, GTEX-C-1, GTEX-C-2 and 1 more" in said


def test_a_repeated_sample_is_refused_in_either_file(prepared: Write) -> None:
    matrix, labels, _ = prepared_tables()
    assert "log2tpm.csv: sample GTEX-A-0 occurs more than once" in refusal(prepared(pd.concat([matrix, matrix.iloc[:1]])))
    assert "labels.csv: sample GTEX-A-0 occurs more than once" in refusal(prepared(labels=pd.concat([labels, labels.iloc[:1]])))


def test_a_repeated_gene_is_refused_in_either_file(prepared: Write) -> None:
    matrix, _, names = prepared_tables()
    assert "gene ENSG0 occurs more than once" in refusal(prepared(matrix.set_axis(["ENSG0", "ENSG0", "x", "y", "z"], axis=1)))
    folder = prepared()
    pd.concat([names, names.iloc[:1]]).to_csv(folder / "genes.csv", index=False)
    assert "genes.csv: gene ENSG0 occurs more than once" in refusal(folder)


def test_an_unknown_region_in_labels_is_refused_with_the_nearest_names(prepared: Write) -> None:
    _, labels, _ = prepared_tables()
    labels.loc[3, "SMTSD"] = "Brain - Cerebelum"
    assert "There is no brain region named 'Cerebelum'. Did you mean Cerebellum" in refusal(prepared(labels=labels))


@pytest.mark.parametrize("column", ["SUBJID", "SMTSD"])
def test_labels_need_a_donor_and_a_region_for_every_sample(prepared: Write, column: str) -> None:
    _, labels, _ = prepared_tables()
    assert f"labels.csv has no column {column}" in refusal(prepared(labels=labels.drop(columns=column)))
    labels.loc[2, column] = ""
    assert f"{column} of sample GTEX-A-2 is empty" in refusal(prepared(labels=labels))


def test_several_matrices_are_refused_by_name_and_none_says_what_was_looked_at(prepared: Write) -> None:
    folder = prepared()
    (folder / "notes.csv").write_text("when,what\ntoday,nothing\n")
    assert read(folder).X.shape == (12, 5)
    prepared_tables()[0].to_csv(folder / "again.csv")
    assert "several expression matrices: again.csv, log2tpm.csv. Leave one" in refusal(folder)
    (folder / "again.csv").unlink()
    (folder / "log2tpm.csv").unlink()
    said = refusal(folder)
    assert "holds no expression matrix" in said
    assert "Not one of the first samples of notes.csv is in labels.csv" in said


def test_a_ragged_or_cut_off_matrix_is_refused(prepared: Write) -> None:
    folder = prepared()
    path = folder / "log2tpm.csv"
    path.write_text(path.read_text().rstrip("\n").rpartition(",")[0] + "\n")
    assert "log2tpm.csv, line 13 (sample 'GTEX-C-3') has 5 cells, where there are 6 column names" in refusal(folder)
    path.unlink()
    whole = gzip.compress(prepared_tables()[0].to_csv().encode())
    (folder / "log2tpm.csv.gz").write_bytes(whole[:-20])
    assert "log2tpm.csv.gz" in refusal(folder)


def test_genes_csv_is_optional_and_may_lack_genes(prepared: Write) -> None:
    folder = prepared()
    names = prepared_tables()[2]
    names.iloc[:3][["gene_id", "gene_name"]].to_csv(folder / "genes.csv", index=False)
    dataset = read(folder)
    assert dataset.columns["symbol"].tolist() == ["A", "B", "CLPS", "ENSG3", "ENSG4"]
    assert "2 of 5 genes are not in genes.csv; they are called by their ids." in dataset.notes
    (folder / "genes.csv").unlink()
    without = read(folder)
    assert without.columns["symbol"].tolist() == list(without.X.columns)
    (folder / "genes.csv").write_text("name\nA\n")
    assert "genes.csv has no column gene_id; its columns are name" in refusal(folder)


def test_labels_that_are_no_csv_are_refused(prepared: Write) -> None:
    folder = prepared()
    (folder / "labels.csv").write_bytes(b"\xff\xfe\x00S")
    assert "labels.csv, line 1, byte 1 of the line (byte 1 of the text) is 0xff, which is not UTF-8 there" in refusal(folder)
    (folder / "labels.csv").write_text("")
    assert "labels.csv is empty. It needs a line of column names" in refusal(folder)


def test_a_row_of_labels_with_a_cell_too_many_is_named_and_slides_into_no_other_column(prepared: Write) -> None:
    folder = prepared()
    first, *rest = (folder / "labels.csv").read_text().splitlines()
    (folder / "labels.csv").write_text("\n".join([first, *(f"x,{line}" for line in rest)]))
    assert "labels.csv, line 2 has" in refusal(folder)


def test_a_reader_always_gives_the_four_parts_on_one_index(prepared: Write, official: Write) -> None:
    for dataset in (read(prepared()), read(official())):
        assert isinstance(dataset, Dataset)
        assert dataset.X.index.equals(dataset.y.index)
        assert dataset.X.index.equals(dataset.groups.index)
        assert list(dataset.groups.columns) == ["donor"]
        assert dataset.columns is not None
        assert dataset.columns.index.equals(dataset.X.columns)
