"""The audit: a planted leak of each kind is caught, what a split allows is told, and every honest split of every task passes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from genoboard import DataError, Dataset, DataSource, Split, Task, UnknownName, audit, cli, data
from genoboard.data import Prepared
from genoboard.evidence import Finding
from genoboard.plugins import load_plugins

PEBBLES = Path(__file__).parent / "pebbles"
TASKS = load_plugins().tasks
CLASSES = ("cortex", "putamen", "spinal cord")
GENES = [f"gene{i}" for i in range(12)]


# 30 donors with 5 samples each; 3 regions that no gene tells apart by itself


def cohort(seed: int = 3) -> Dataset:
    rng = np.random.default_rng(seed)
    donor, code = np.repeat(np.arange(30), 5), rng.permutation(np.arange(150) % 3)
    values = rng.normal(size=(150, 12)) + 0.5 * rng.normal(size=(30, 12))[donor] + rng.normal(size=(3, 12))[code]
    index = pd.Index([f"D{d:02d}-{i}" for i, d in enumerate(donor)], dtype="str")
    return Dataset(
        X=pd.DataFrame(values.astype(np.float32), index=index, columns=GENES),
        y=pd.Series([CLASSES[c] for c in code], index=index, dtype="str"),
        groups=pd.DataFrame({"donor": [f"D{d:02d}" for d in donor], "site": [f"S{d % 4}" for d in donor]}, index=index),
    )


def cut(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    """Test on the last donors, one of whose samples stays in train."""
    tested = rows["donor"].isin(["D27", "D28", "D29"])
    tested[tested.idxmax()] = False
    return [(list(rows.index[~tested]), list(rows.index[tested]))]


def overlapping(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    return [(list(rows.index), list(rows.index[:20]))]


DONOR = Split("donor", "Does it work on people it has not seen?", "prior", group="donor", folds=3)
DONOR_CV = replace(DONOR, name="donor-cv3", cross_validated=True)
CUT = replace(DONOR, name="cut", rule=f"{__name__}:cut")
LOBES = Task(
    name="audited", title="Lobes", summary="a task for tests", kind="tabular", target="multiclass", classes=CLASSES,
    sources=(DataSource("demo", "a small cohort", generate=f"{__name__}:cohort"),), splits=(DONOR, DONOR_CV), metrics=("accuracy",),
)  # fmt: skip


def stored(dataset: Dataset, task: Task = LOBES, **changes: Any) -> Prepared:
    return data.store(replace(task, **changes), "demo", dataset)


def leaks(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(f.split, f.check) for f in findings if f.verdict == "leak"}


def of(findings: list[Finding], check: str, split: str | None = None) -> Finding:
    return next(f for f in findings if f.check == check and split in (None, f.split))


# ----------------------------------------------------------------------------------------------------- a clean dataset


def test_a_clean_dataset_has_no_leak_and_every_check_says_what_it_saw() -> None:
    findings = audit.audit(stored(cohort()))
    assert not leaks(findings)
    assert of(findings, "groups").sentence == "no donor of 30 is on both sides of a fold."
    assert {f.check for f in findings if f.split == "donor"} == {
        "groups", "other groups", "same rows", "near rows", "golden feature", "original ids", "handed ids", "row order", "target shift",
    }  # fmt: skip
    assert "the strongest feature is 'gene" in of(findings, "golden feature").sentence


def test_other_kinds_of_group_that_meet_across_the_line_are_told() -> None:
    other = of(audit.audit(stored(cohort()), "donor"), "other groups")
    assert other.verdict == "told"
    assert other.sentence == "of the test rows meet in train, as this split allows, their own site 100.0%."


def test_many_clean_cohorts_raise_no_alarm() -> None:
    alarms = [leaks(audit.audit(stored(cohort(seed), splits=(DONOR_CV,)))) for seed in range(20, 40)]
    assert alarms == [set()] * 20


# -------------------------------------------------------------------------------------------------------- planted leaks


def test_a_cut_group_is_a_leak_that_names_it_and_both_samples() -> None:
    findings = audit.audit(stored(cohort(), splits=(DONOR, CUT)))
    assert leaks(findings) == {("cut", "groups")}
    sentence = of(findings, "groups", "cut").sentence
    cut = sentence.partition("such as ")[2][:3]
    assert f"test {cut}-" in sentence
    assert f"train {cut}-" in sentence
    assert sentence.endswith("Deal whole donors: mend the split's rule.")


def test_a_row_that_is_in_train_and_test_is_a_leak() -> None:
    findings = audit.audit(stored(cohort(), splits=(replace(DONOR, name="over", rule=f"{__name__}:overlapping"),)))
    assert {("over", "rows"), ("over", "groups"), ("over", "same rows")} <= leaks(findings)


def copied(noise: float) -> Dataset:
    """The samples of five donors under the names of five others."""
    whole = cohort()
    X = whole.X.to_numpy().copy()
    X[125:] = X[:25] + np.random.default_rng(1).normal(0, noise, (25, 12)).astype(np.float32)
    return replace(whole, X=pd.DataFrame(X, index=whole.X.index, columns=GENES))


def test_copied_rows_are_a_leak() -> None:
    findings = audit.audit(stored(copied(0.0), splits=(DONOR_CV,)))
    assert leaks(findings) == {("donor-cv3", "same rows")}
    assert "test rows are the same as a training row in every feature" in of(findings, "same rows").sentence


@pytest.mark.parametrize("noise", [1e-6, 1e-3, 0.03])
def test_nearly_copied_rows_are_a_leak(noise: float) -> None:
    findings = audit.audit(stored(copied(noise), splits=(DONOR_CV,)))
    assert leaks(findings) == {("donor-cv3", "near rows")}
    sentence = of(findings, "near rows").sentence
    first, second = sentence.partition("): test ")[2].partition(";")[0].split(" and train ")
    assert abs(int(first[4:]) - int(second[4:])) == 125, "the pair is named by its ids in the source"
    assert "give them one donor in the reader" in sentence


def test_rows_of_one_dense_cluster_are_no_near_copies() -> None:
    whole = cohort()
    # one region is a tight cluster, so that its rows are much nearer to each other than all others
    dense = (whole.y == "cortex").to_numpy()[:, None]
    X = pd.DataFrame(np.where(dense, whole.X * 0.02 + 3, whole.X).astype(np.float32), index=whole.X.index, columns=GENES)
    assert of(audit.audit(stored(replace(whole, X=X), splits=(DONOR_CV,))), "near rows").verdict == "ok"


def test_coarse_columns_that_come_out_the_same_by_chance_are_told_and_no_leak() -> None:
    whole = cohort()
    coarse = (whole.X[GENES[:4]] > 0).astype(np.float32)
    findings = audit.audit(stored(replace(whole, X=coarse), splits=(DONOR_CV,)))
    assert not leaks(findings)
    assert of(findings, "same rows").verdict == "told"
    assert "by chance" in of(findings, "same rows").sentence


def test_a_feature_that_is_the_label_is_a_leak_whatever_order_its_values_are_in() -> None:
    whole = cohort()
    codes = whole.y.map({"cortex": 1.0, "putamen": 7.0, "spinal cord": 4.0}) + np.random.default_rng(2).normal(0, 0.1, 150)
    findings = audit.audit(stored(replace(whole, X=whole.X.assign(gene5=codes.astype(np.float32)))))
    assert leaks(findings) == {("donor", "golden feature"), ("donor-cv3", "golden feature")}
    assert "the strongest feature is 'gene5'" in of(findings, "golden feature").sentence


def test_a_gene_that_parts_one_class_from_all_others_is_biology_and_no_leak() -> None:
    whole = cohort()
    marker = (whole.y == "spinal cord") * 9.0 + whole.X["gene5"]
    findings = audit.audit(stored(replace(whole, X=whole.X.assign(gene5=marker.astype(np.float32)))))
    assert not leaks(findings)
    assert "'gene5'" in of(findings, "golden feature").sentence


@pytest.mark.parametrize(("noise", "caught"), [(0.0, True), (0.02, True), (1.0, False)])
def test_a_monotone_copy_of_a_number_is_a_leak_and_a_mere_correlate_is_not(noise: float, caught: bool) -> None:
    whole = cohort()
    rng = np.random.default_rng(4)
    y = pd.Series(rng.normal(size=150), index=whole.X.index)
    X = whole.X.assign(gene5=np.exp(3 * (y + noise * rng.normal(size=150))).astype(np.float32))
    splits = (replace(DONOR_CV, stratified=False),)
    findings = audit.audit(stored(replace(whole, X=X, y=y), target="regression", classes=(), splits=splits, metrics=("mse",)))
    assert leaks(findings) == ({("donor-cv3", "golden feature")} if caught else set())


def test_ids_of_the_source_that_carry_the_label_are_told_for_no_model_is_given_them() -> None:
    whole = cohort()
    ids = pd.Index([f"GTEX-{i:04d}-{c.upper()[:2]}" for i, c in enumerate(whole.y)], dtype="str")
    named = replace(whole, X=whole.X.set_axis(ids), y=whole.y.set_axis(ids), groups=whole.groups.set_axis(ids))
    findings = audit.audit(stored(named))
    assert not leaks(findings)
    found = of(findings, "original ids")
    assert found.verdict == "told"
    assert found.sentence.startswith("field 3 of the source's ids removes 100.0% of the prior's errors on test rows.")


def test_rows_that_are_handed_out_in_the_order_of_their_labels_are_a_leak() -> None:
    prepared = stored(cohort())
    rows = prepared.rows.sort_values("y", kind="stable")
    ordered = replace(prepared, rows=rows, seen=prepared.X().loc[rows.index])
    assert leaks(audit.audit(ordered, "donor")) == {("donor", "row order")}


def test_handed_ids_that_carry_the_label_are_a_leak() -> None:
    prepared = stored(cohort())
    ids = pd.Index([f"s{CLASSES.index(y)}x{i}" for i, y in enumerate(prepared.rows["y"])], dtype="str")
    told = replace(prepared, rows=prepared.rows.set_axis(ids), seen=prepared.X().set_axis(ids), about={**prepared.about, "splits": {}})
    findings = audit.audit(told)
    assert leaks(findings) == {("donor", "handed ids"), ("donor-cv3", "handed ids")}
    assert of(findings, "handed ids").sentence.startswith("piece 2 of field 1 ")


def test_a_class_that_is_only_in_test_is_told_with_its_rows() -> None:
    whole = cohort()
    last = whole.groups["donor"].isin(["D28", "D29"])
    y = whole.y.mask((whole.y == "spinal cord") & ~last, "cortex").mask(last, "spinal cord")
    findings = audit.audit(stored(replace(whole, y=y), splits=(replace(CUT, rule=f"{__name__}:last_donors"),)))
    shift = of(findings, "target shift")
    assert shift.verdict == "told"
    assert shift.sentence.startswith("train lacks a class that test has: spinal cord (10 test rows).")


def last_donors(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    tested = rows["donor"].isin(["D28", "D29"])
    return [(list(rows.index[~tested]), list(rows.index[tested]))]


# ------------------------------------------------------------------------------------------------ splits that leak by design


@pytest.mark.parametrize("card", [{"leaks": "People are on both sides."}, {"published": True}])
def test_a_split_that_says_what_it_leaks_or_is_for_comparison_is_told_of_with_its_measure_and_never_fails(card: dict[str, Any]) -> None:
    whole = copied(0.0)
    golden = whole.X.assign(gene5=whole.y.map(CLASSES.index).astype(np.float32))
    findings = audit.audit(stored(replace(whole, X=golden), splits=(replace(DONOR, name="random", group=None, **card),)))
    assert not leaks(findings)
    design = of(findings, "by design")
    assert design.verdict == "told"
    assert "Measured: of the test rows meet in train their own donor 90.0%, site 100.0%." in design.sentence
    assert card.get("leaks", "a published split, kept for comparison.").rstrip(".") in design.sentence
    assert of(findings, "golden feature").verdict == "told"


def test_a_split_that_this_dataset_cannot_have_is_told_of_unless_it_was_asked_for() -> None:
    prepared = stored(cohort(), splits=(DONOR, replace(DONOR, name="age", group="age")))
    assert of(audit.audit(prepared), "folds").verdict == "told"
    with pytest.raises(DataError, match="groups by 'age', which this dataset does not have"):
        audit.audit(prepared, "age")
    with pytest.raises(UnknownName, match="no split of audited named 'sex'"):
        audit.audit(prepared, "sex")


# ---------------------------------------------------------------------------------------------------------------- texts

WORDS = np.array([f"word{i}" for i in range(400)])
READ = replace(LOBES, name="audited-texts", kind="text", splits=(replace(DONOR_CV, name="gene-cv3", group="gene"),))


def papers() -> Dataset:
    """40 genes with 4 variants each, every variant with a text of 120 words."""
    rng = np.random.default_rng(6)
    index = pd.Index([f"V{i:03d}" for i in range(160)], dtype="str")
    gene = pd.Series([f"G{i // 4}" for i in range(160)], index=index)
    X = pd.DataFrame(
        {"gene": gene, "variation": [f"p.A{i}V" for i in range(160)], "text": [" ".join(rng.choice(WORDS, 120)) for _ in range(160)]},
        index=index,
    )
    return Dataset(X, pd.Series(rng.choice(CLASSES, 160), index=index), gene.to_frame("gene"))


def with_copies(fields: list[str], change: Callable[[str], str] = lambda t: t) -> Dataset:
    """The first ten genes' rows, of these columns, once more under the last ten genes' names."""
    whole = papers()
    X = whole.X.copy()
    for name in fields:
        X.iloc[120:, X.columns.get_loc(name)] = [change(t) if name == "text" else t for t in X[name].iloc[:40]]
    return replace(whole, X=X)


def test_a_clean_dataset_of_texts_has_no_leak() -> None:
    findings = audit.audit(stored(papers(), READ))
    assert not leaks(findings)
    assert of(findings, "shared text").verdict == "ok"


def test_a_text_that_rows_of_other_genes_share_is_told_with_its_number_where_the_split_asks_about_genes() -> None:
    findings = audit.audit(stored(with_copies(["text"]), READ))
    assert not leaks(findings)
    shared = of(findings, "shared text")
    assert shared.verdict == "told"
    assert "the split asks about another gene, not another text" in shared.sentence


def test_the_same_shared_text_is_a_leak_of_groups_where_the_split_asks_about_texts() -> None:
    whole = with_copies(["text"])
    texts = pd.DataFrame({"gene": whole.groups["gene"], "text": pd.factorize(whole.X["text"])[0].astype(str)}, index=whole.X.index)
    by_gene = Split("by-text", "What does an unseen text say?", "prior", group="text", rule=f"{__name__}:some_genes")
    assert leaks(audit.audit(stored(replace(whole, groups=texts), READ, splits=(by_gene,)))) == {("by-text", "groups")}


def some_genes(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    tested = rows["gene"].str[1:].astype(int) >= 30
    return [(list(rows.index[~tested]), list(rows.index[tested]))]


def test_the_same_fields_and_text_in_another_group_are_a_leak() -> None:
    assert ("gene-cv3", "same rows") in leaks(audit.audit(stored(with_copies(["gene", "variation", "text"]), READ)))


@pytest.mark.parametrize(
    "change", [str.upper, lambda t: t.replace(" ", ", "), lambda t: t + " afterwards", lambda t: t.replace(t.split()[3], "other", 1)]
)
def test_the_same_fields_with_nearly_the_same_text_are_a_leak(change: Callable[[str], str]) -> None:
    found = leaks(audit.audit(stored(with_copies(["gene", "variation", "text"], change), READ)))
    assert found == {("gene-cv3", "near rows")}


def test_a_text_half_of_which_is_the_same_is_no_near_copy() -> None:
    half = with_copies(["gene", "variation", "text"], lambda t: " ".join(t.split()[:60] + t.split()[59::-1]))
    assert not leaks(audit.audit(stored(half, READ)))


def test_a_field_that_is_the_label_is_a_leak() -> None:
    whole = papers()
    findings = audit.audit(stored(replace(whole, X=whole.X.assign(variation="kind " + whole.y)), READ))
    assert leaks(findings) == {("gene-cv3", "golden feature")}
    assert "'variation'" in of(findings, "golden feature").sentence


def test_words_in_the_prose_that_are_the_label_are_a_leak_that_names_them() -> None:
    whole = papers()
    tagged = whole.X["text"] + " Tagged" + whole.y.map({c: str(i) for i, c in enumerate(CLASSES)}) + "."
    findings = audit.audit(stored(replace(whole, X=whole.X.assign(text=tagged)), READ))
    assert leaks(findings) == {("gene-cv3", "golden words")}
    assert "one word for each class (tagged0, tagged1, tagged2)" in of(findings, "golden words").sentence


def test_a_dataset_of_texts_may_lack_its_prose_or_have_none_in_any_row() -> None:
    whole = papers()
    for X in (whole.X[["gene", "variation"]], whole.X.assign(text="")):
        assert not leaks(audit.audit(stored(replace(whole, X=X), READ)))


# ----------------------------------------------------------------------------------------------------------- binned designs

OPEN = TASKS["expression-regression"]


@pytest.fixture(scope="module")
def genome() -> Dataset:
    from genoboard_tasks.expression_regression.demo import generate

    return generate()


def test_a_cell_that_is_in_the_data_twice_under_two_lineages_is_a_leak(genome: Dataset) -> None:
    X: Any = genome.X
    openness = X.openness.copy()
    cells = genome.groups["cell"].to_numpy()
    first, last = cells[X.cell == X.cells[0]][0], cells[X.cell == X.cells[-1]][0]
    openness[-1] = openness[0]
    findings = audit.audit(stored(replace(genome, X=replace(X, openness=openness)), OPEN, name="audited-cells", splits=OPEN.splits[:2]))
    assert leaks(findings) == {("cells", "same rows"), ("cells", "same cells")}
    assert all(name in of(findings, "same cells").sentence for name in (first, last))
    # counted once more, it is a near copy
    openness[-1] = openness[0] * np.random.default_rng(1).normal(1, 0.01, openness.shape[1]).clip(0.9).astype(np.float32)
    findings = audit.audit(stored(replace(genome, X=replace(X, openness=openness)), OPEN, name="audited-cells", splits=OPEN.splits[:1]))
    assert leaks(findings) == {("cells", "same cells")}


def test_windows_of_neighbours_that_share_regions_are_a_leak_where_single_genes_are_held_out(genome: Dataset) -> None:
    genes = Split("genes", "How strongly is a gene expressed, its neighbours being known?", "cell-mean", group="gene", stratified=False)
    findings = audit.audit(stored(genome, OPEN, name="audited-genes", splits=(genes,)))
    assert leaks(findings) == {("genes", "shared regions")}
    assert of(findings, "shared regions").sentence.endswith("hold out whole chromosomes.")


def test_a_bin_that_is_the_target_is_a_leak(genome: Dataset) -> None:
    X: Any = genome.X
    y = pd.Series(X.dot((X.distance == X.distance[3]).astype(float)), index=X.index)
    # where it holds no region it tells nothing, so only these rows are kept
    kept = np.flatnonzero(y.to_numpy() > 0)
    index = X.index[kept]
    dataset = Dataset(X.take(kept), y.loc[index], genome.groups.loc[index])
    findings = audit.audit(stored(dataset, OPEN, name="audited-bins", splits=OPEN.splits[1:2]))
    assert leaks(findings) == {("chromosomes", "golden feature")}
    assert f"the strongest bin is {X.columns[3]}:" in of(findings, "golden feature").sentence


# ----------------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def genoboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Call the command line in this process, with the plugin pebbles and an empty cache."""
    monkeypatch.syspath_prepend(str(PEBBLES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["genoboard", *map(str, words)])
        capsys.readouterr()
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        return status, *capsys.readouterr()

    return call


def test_the_command_tells_split_by_split_and_ends_with_a_verdict_and_a_next_step(genoboard: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = genoboard("data", "pebbles", "--audit")
    lines = out.splitlines()
    assert status == 0
    assert lines[0] == "pebbles / demo: audit"
    assert [line for line in lines if line.startswith("split ")] == ["split cove:", "split cove-cv:", "split any:"]
    assert "  ok    groups: no cove of 9 is on both sides of a fold." in lines
    assert any(line.startswith("  told  by design: the card says what it leaks: Pebbles of one cove are alike.") for line in lines)
    assert lines[-2].startswith("No leak in ")
    assert lines[-1] == "Next: genoboard run pebbles MODEL --data demo"
    assert "Looking at split cove." in err
    status, out, _ = genoboard("data", "pebbles", "--audit", "--split", "cove", "--json")
    told = json.loads(out)
    assert status == 0
    assert (told["task"], told["data"], told["ok"]) == ("pebbles", "demo", True)
    assert {f["split"] for f in told["findings"]} == {"cove"}
    assert set(told["findings"][0]) == {"split", "check", "verdict", "sentence"}


def test_the_command_fails_on_a_leak_and_says_what_to_do(genoboard: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    from pebbles.rows import table  # type: ignore[import-not-found]

    rows = table()
    again = rows.assign(pebble="again " + rows["pebble"], cove="new " + rows["cove"])
    (tmp_path / "shore").mkdir()
    pd.concat([rows, again]).to_csv(tmp_path / "shore" / "pebbles.csv", index=False)
    status, out, _ = genoboard("data", "pebbles", "--from", tmp_path / "shore", "--audit")
    assert status == 1
    assert "  LEAK  same rows: " in out
    assert "again P0" in out
    assert out.splitlines()[-2].startswith("2 leaks in ")
    assert "on splits that say they are honest: cove, cove-cv." in out
    assert (
        out.splitlines()[-1]
        == "Next: mend it as said above, bring the data again, and look again: genoboard data pebbles --audit --data shore"
    )
    status, out, _ = genoboard("data", "pebbles", "--audit", "--data", "shore", "--json")
    assert status == 1
    assert json.loads(out)["ok"] is False
    assert genoboard("data", "pebbles", "--audit", "--data", "shore", "--split", "any")[0] == 0, "this split says that it leaks"


def test_audit_and_export_do_not_go_together(genoboard: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = genoboard("data", "pebbles", "--audit", "--export", "taken")
    assert (status, out) == (2, "")
    assert "Give one of the two." in err


# --------------------------------------------------------------------------------------------------------- the tasks' own


@pytest.mark.parametrize("task", ["brain-region", "variant-class", "expression-regression"])
def test_every_split_of_every_generated_dataset_keeps_what_it_says(task: str) -> None:
    findings = audit.audit(data.prepare(TASKS[task], "demo"))
    assert not leaks(findings)
    assert {f.split for f in findings} == {s.name for s in TASKS[task].splits}


def ingested(task: str, path: Path, name: str) -> list[Finding]:
    return audit.audit(data.ingest(TASKS[task], path, name))


def test_the_splits_of_real_brain_samples_keep_what_they_say_though_the_source_s_ids_tell_the_region(real_data: Path) -> None:
    findings = ingested("brain-region", real_data / "brain-region" / "gtex-v8", "gtex-v8")
    assert not leaks(findings)
    assert of(findings, "original ids").verdict == "told"
    assert "their own donor 98." in of(findings, "by design", "random").sentence


def test_the_splits_of_real_variants_keep_what_they_say(real_data: Path) -> None:
    findings = ingested("variant-class", real_data / "variant-class" / "msk", "msk")
    assert not leaks(findings)
    assert "There was no training_text" in of(findings, "folds", "text").sentence


def test_the_splits_of_real_statements_keep_what_they_say(real_data: Path) -> None:
    release = real_data / "variant-class" / "civic" / "01-Aug-2021-ClinicalEvidenceSummaries.tsv.gz"
    findings = ingested("civic-significance", release, "civic")
    assert not leaks(findings)
    assert of(findings, "same rows", "random-cv5").verdict == "told"
    assert of(findings, "shared text", "gene-cv5").sentence.startswith("2 of 3,486 test rows")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["erythroid", "immgen"])
def test_the_splits_of_real_openness_keep_what_they_say(
    name: str, erythroid_toml: Callable[..., Path], immgen_toml: Callable[..., Path], tmp_path: Path
) -> None:
    toml = {"erythroid": erythroid_toml, "immgen": immgen_toml}[name](tmp_path)
    findings = ingested("expression-regression", toml, f"audited-{name}")
    assert not leaks(findings)
    assert of(findings, "same rows", "random").verdict == "told", "genes that start at one place, under two names"
