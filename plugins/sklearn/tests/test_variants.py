"""What a variant's name says: real names of every sort, whatever the spelling, row by row."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard_sklearn.residues import BLOSUM62, LETTERS, PROPERTIES, THREE
from genoboard_sklearn.spellings import codon, spellings
from genoboard_sklearn.variants import KINDS, describe, parse

residues = st.sampled_from(LETTERS)
codons = st.integers(1, 35_000)


def frame(*pairs: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["gene", "variation"], index=[f"r{i}" for i in range(len(pairs))])


@pytest.mark.parametrize(
    ("gene", "name", "kind", "reference", "position", "last", "alternate"),
    [
        ("BRAF", "V600E", "substitution", "V", 600, 600, "E"),
        ("BRAF", "p.Val600Glu", "substitution", "V", 600, 600, "E"),
        ("BRAF", "p.(V600E)", "substitution", "V", 600, 600, "E"),
        ("BRAF", "BRAF V600E", "substitution", "V", 600, 600, "E"),
        ("BRAF", "V600E and AMPLIFICATION", "substitution", "V", 600, 600, "E"),
        ("ABL1", "BCR-ABL T315I", "substitution", "T", 315, 315, "I"),
        ("VHL", "R167Q (c.500G>A)", "substitution", "R", 167, 167, "Q"),
        ("U2AF1", "S34Y/F", "substitution", "S", 34, 34, "Y"),
        ("AKT1", "null262Q", "substitution", "", 262, 262, "Q"),
        ("CBL", "W802*", "nonsense", "W", 802, 802, "*"),
        ("TP53", "Arg213Ter", "nonsense", "R", 213, 213, "*"),
        ("TP53", "R213X", "nonsense", "R", 213, 213, "*"),
        ("VHL", "*214L (c.641G>T)", "extension", "*", 214, 214, "L"),
        ("VHL", "M1? (c.3G>A)", "start", "M", 1, 1, ""),
        ("VHL", "P154= (c.462A>C)", "silent", "P", 154, 154, ""),
        ("ERBB2", "I1145I", "silent", "I", 1145, 1145, "I"),
        ("PTEN", "T263fs", "frameshift", "T", 263, 263, ""),
        ("CASP8", "S291fsX300", "frameshift", "S", 291, 291, ""),
        ("VHL", "E55RfsTer11 (c.163delG)", "frameshift", "E", 55, 55, "R"),
        ("EGFR", "E746_A750del", "deletion", "E", 746, 750, ""),
        ("EGFR", "Glu746_Ala750del", "deletion", "E", 746, 750, ""),
        ("AXIN1", "534_536del", "deletion", "", 534, 536, ""),
        ("BRAF", "DEL 485-490", "deletion", "", 485, 490, ""),
        ("EGFR", "D770_N771insNPG", "insertion", "D", 770, 771, "NPG"),
        ("EGFR", "Asp770_Asn771insAsnProGly", "insertion", "D", 770, 771, "NPG"),
        ("ALK", "EML4-ALK T1151INST", "insertion", "T", 1151, 1151, "T"),
        ("PTEN", "S34_E41dup", "duplication", "S", 34, 41, ""),
        ("EGFR", "E746_T751delinsVA", "indel", "E", 746, 751, "VA"),
        ("BRAF", "V600_K601>E", "indel", "V", 600, 601, "E"),
        ("RHEB", "L232LI", "indel", "L", 232, 232, "LI"),
        ("PIK3R1", "X582_splice", "splice", "", 582, 582, ""),
        ("MET", "963_D1010splice", "splice", "", 963, 1010, ""),
        ("NOTCH1", "1_2009trunc", "truncation", "", 1, 2009, ""),
        ("BRCA1", "R1627", "codon", "R", 1627, 1627, ""),
        ("KRAS", "G12/G13", "codon", "G", 12, 12, ""),
        ("PRKAA2", "T172 PHOSPHORYLATION", "modification", "T", 172, 172, ""),
    ],
)
def test_a_name_with_a_place_gives_its_kind_residues_and_codons(
    gene: str, name: str, kind: str, reference: str, position: int, last: int, alternate: str
) -> None:
    variant = parse(gene, name)
    assert (variant.kind, variant.reference, variant.position, variant.last, variant.alternate) == (
        kind,
        reference,
        position,
        last,
        alternate,
    )


@pytest.mark.parametrize(
    ("gene", "name", "kind"),
    [
        ("TET2", "Truncating Mutations", "truncation"),
        ("NOTCH1", "Truncating Mutations in the PEST Domain", "truncation"),
        ("ERBB2", "Amplification", "amplification"),
        ("PTEN", "Deletion", "loss"),
        ("PTEN", "Copy Number Loss", "loss"),
        ("BRCA1", "LOSS-OF-FUNCTION", "loss"),
        ("KIT", "exon 11 deletion", "deletion"),
        ("AR", "DNA binding domain deletions", "deletion"),
        ("EGFR", "Exon 20 insertions/deletions", "indel"),
        ("MET", "EXON 14 SKIPPING MUTATION", "splice"),
        ("VHL", "Splicing alteration (c.340+1G>A)", "splice"),
        ("TERT", "Promoter Mutations", "promoter"),
        ("MLH1", "Promoter Hypermethylation", "methylation"),
        ("CDKN2A", "Epigenetic Silencing", "methylation"),
        ("MYC", "Overexpression", "expression"),
        ("FLT3", "FLT3 internal tandem duplications", "duplication"),
        ("EGFR", "EGFR-KDD", "duplication"),
        ("EGFR", "EGFRvIII", "isoform"),
        ("AR", "AR-V7", "isoform"),
        ("AR", "ARv567es", "isoform"),
        ("BRAF", "p61BRAF", "isoform"),
        ("TGFBR1", "TGFBR1*6A", "polymorphism"),
        ("KIT", "Exon 9 mutations", "exon"),
        ("ERBB2", "KINASE DOMAIN MUTATION", "domain"),
        ("KRAS", "WILD TYPE", "wildtype"),
        ("KRAS", "MUTATION", "mutation"),
        ("CASP8", "CASP8L", "other"),
    ],
)
def test_a_name_in_words_gives_its_kind_and_no_place(gene: str, name: str, kind: str) -> None:
    variant = parse(gene, name)
    assert variant.kind == kind
    assert math.isnan(variant.position)


@pytest.mark.parametrize(
    ("gene", "name", "partner"),
    [
        ("ROS1", "CD74-ROS1 Fusion", "CD74"),
        ("ROS1", "ROS1-CD74 Fusion", "CD74"),
        ("NKX2-1", "TRA-NKX2-1 Fusion", "TRA"),
        ("FGFR1", "ERLIN2?FGFR1 Fusion", "ERLIN2"),
        ("FGFR3", "FGFR3 - BAIAP2L1 Fusion", "BAIAP2L1"),
        ("ALK", "EML4-ALK", "EML4"),
        ("ALK", "ALK FUSIONS", ""),
    ],
)
def test_a_fusion_gives_the_other_gene(gene: str, name: str, partner: str) -> None:
    variant = parse(gene, name)
    assert (variant.kind, variant.partner, variant.fused) == ("fusion", partner, True)


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("OVEREXPRESSION", 1),
        ("Amplification", 1),
        ("UNDEREXPRESSION", -1),
        ("Deletion", -1),
        ("PROMOTER DEMETHYLATION", 1),
        ("EXPRESSION", 0),
    ],
)
def test_a_name_says_whether_there_is_more_or_less_of_the_gene(name: str, direction: int) -> None:
    assert parse("X", name).direction == direction


@given(residues, codons, residues)
def test_a_substitution_reads_the_same_in_every_code(before: str, position: int, after: str) -> None:
    one = f"{before}{position}{after}"
    three = f"{THREE[before]}{position}{THREE[after]}"
    found = {parse("BRAF", name) for name in (one, f"p.{one}", three, f"p.{three}", f"p.({three})", f" {one} ", f"{one} (c.1A>T)")}
    # NaN equals nothing, so sets of variants compare by their text
    assert len({str(v) for v in found}) == 1
    assert found.pop().position == position


@given(residues, codons, st.integers(1, 50), residues)
def test_a_range_gives_both_ends_and_how_many_codons_it_spans(before: str, position: int, more: int, after: str) -> None:
    row = describe(frame(("EGFR", f"{before}{position}_{after}{position + more}del"))).iloc[0]
    assert (row["position"], row["last"], row["span"], row["final"]) == (position, position + more, more + 1, after)


@given(st.lists(st.tuples(st.sampled_from(["KIT", "ROS1"]), st.text(max_size=20)), min_size=1, max_size=8))
def test_any_text_is_described_row_by_row_on_the_same_index(pairs: list[tuple[str, str]]) -> None:
    X = frame(*pairs)
    table = describe(X)
    assert table.index.equals(X.index)
    assert set(table["kind"]) <= set(KINDS)
    pd.testing.assert_frame_equal(describe(X.iloc[::-1]), table.iloc[::-1])


def test_a_substitution_carries_the_change_of_its_residues() -> None:
    row = describe(frame(("BRAF", "V600E"))).iloc[0]
    assert row["charge"] == -1
    assert row["blosum62"] == -2
    assert row["hydropathy"] == pytest.approx(PROPERTIES["E"].hydropathy - PROPERTIES["V"].hydropathy)
    assert np.isnan(describe(frame(("ERBB2", "Amplification")))["blosum62"].iloc[0])


def test_blosum62_is_whole_and_symmetric_and_no_residue_is_more_like_another_than_itself() -> None:
    assert len(BLOSUM62) == 400
    assert all(BLOSUM62[a, b] == BLOSUM62[b, a] < BLOSUM62[a, a] for a in LETTERS for b in LETTERS if a != b)


def test_an_empty_frame_has_the_same_columns() -> None:
    empty = describe(frame())
    assert len(empty) == 0
    assert empty.columns.tolist() == describe(frame(("BRAF", "V600E"))).columns.tolist()


@pytest.mark.parametrize(
    ("gene", "name", "expected"),
    [
        ("BRAF", "V600E", {"V600E", "Val600Glu", "p.V600E", "p.Val600Glu", "V600 E", "BRAFV600E"}),
        ("TP53", "R213*", {"R213*", "R213X", "Arg213Ter", "p.Arg213*"}),
        ("EGFR", "E746_A750del", {"E746_A750del", "E746-A750del", "delE746-A750", "Glu746_Ala750del"}),
        ("ROS1", "CD74-ROS1 Fusion", {"CD74-ROS1", "CD74/ROS1", "CD74::ROS1"}),
        ("KIT", "Exon 11 deletions", {"exon 11 deletion", "exon 11"}),
        ("TET2", "Truncating Mutations", {"truncating", "Truncating Mutation"}),
    ],
)
def test_a_variant_is_looked_for_under_the_names_that_papers_use(gene: str, name: str, expected: set[str]) -> None:
    found = spellings(gene, name)
    assert found[0] == name
    assert expected <= set(found)


def test_a_codon_is_looked_for_under_its_number_and_a_variant_without_one_has_none() -> None:
    assert {"codon 600", "residue 600", "V600", "Val600"} <= set(codon("BRAF", "V600E"))
    assert codon("BRAF", "Amplification") == ()


@pytest.mark.parametrize("source", ["msk", "civic"])
def test_hardly_a_real_name_stays_unread(real_data: Path, source: str) -> None:
    folder = real_data / "variant-class" / source
    if source == "msk":
        files = [pd.read_csv(folder / f, dtype="str") for f in ("training_variants", "test_variants", "stage2_test_variants.csv")]
        rows = pd.concat(files).rename(columns={"Gene": "gene", "Variation": "variation"})
    else:
        rows = pd.read_csv(folder / "01-Aug-2021-ClinicalEvidenceSummaries.tsv.gz", sep="\t", quoting=3, dtype="str")
        rows = rows.rename(columns={"variant": "variation"})
    names = rows[["gene", "variation"]].drop_duplicates(ignore_index=True)
    table = describe(names)
    assert (table["kind"] == "other").mean() < 0.001
    plain = names["variation"].str.fullmatch(r"[A-Z]\d+[A-Z]")
    assert plain.sum() > 300
    assert set(table.loc[plain, "kind"]) <= {"substitution", "silent", "nonsense"}
    # of what is in the table, nothing contradicts itself
    assert (table["span"].dropna() >= 1).all()
