"""The report of variant-class: every figure that the task asks for, with numbers that independent code gives too, and a stranger's text inert in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import cast
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, f1_score, log_loss

from genoboard import Figure, NotDrawn, Results, Task, catalog, data
from genoboard.competition import Competition
from genoboard.evaluation import evaluate, submit
from genoboard.figure import themed
from genoboard.plugins import load_plugins
from genoboard.splits import Fold
from genoboard_tasks.variant_class import cases, demo, losses, mentions, panels, slices
from genoboard_tasks.variant_class.classes import CLASSES, MERGE
from genoboard_tasks.variant_class.kinds import KINDS, kind_of
from genoboard_tasks.variant_class.labels import plain

PLUGINS = load_plugins()
TASK, CIVIC = PLUGINS.tasks["variant-class"], PLUGINS.tasks["civic-significance"]
LOSS, CONTROL = losses.LOG_LOSS, losses.GENE_ONLY

# What the report shows, in the order of its paragraph among the task's facts.
WITHOUT_TEXT = (
    "Rows by class",
    "Model comparison",
    "Confusion matrix",
    "Confusion matrix, 5 classes",
    "Log loss and F1 by class",
    "Precision, recall and F1 by class",
    "ROC, one class against the rest",
    "Reliability diagram",
    "Loss by how often the gene was seen",
    "Loss by variant type",
    "Gain over gene-only by gene",
    "Worst rows",
    "The splits side by side",
)
OF_TEXT = ("Loss by text length", "Loss by variant named in the text", "Loss by shared text")
OF_STAGE_2 = ("Distribution shift of stage 2",)
LOSS_BY = [t for t in (*WITHOUT_TEXT, *OF_TEXT) if t.startswith("Loss by")]


def drawn(task: Task, results: Results) -> tuple[dict[str, Figure], dict[str, str]]:
    """Return the figures of the card's panels by title, and the reasons of those that are not drawn by panel."""
    figures, reasons = {}, {}
    for target in task.panels:
        try:
            with themed():
                made = resolve_name(target)(results)
        except NotDrawn as error:
            reasons[target.rpartition(":")[2]] = str(error)
            continue
        for figure in [made] if isinstance(made, Figure) else made:
            assert figure.title not in figures
            figures[figure.title] = figure
    return figures, reasons


def check(figures: dict[str, Figure], own_limit: int = 60_000) -> None:
    for title, figure in figures.items():
        ElementTree.fromstring(figure.svg)
        # the standard ROC curve has its own size
        assert title.startswith("ROC") or len(figure.svg) < own_limit, (title, len(figure.svg))
        assert len(figure.alt) > 30, title
        assert "nan" not in figure.alt.split(), title
        assert len(figure.table), title


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        yield tmp_path_factory.mktemp("report")


def ran(workspace: Path, split: str, name: str = "demo", model: str = "variant-features") -> Results:
    competition = Competition.open("variant-class", split, name, workspace, PLUGINS)
    return Results(competition, evaluate(competition, model))


@pytest.fixture(scope="module")
def stage2(workspace: Path) -> Results:
    return ran(workspace, "stage2")


@pytest.fixture(scope="module")
def entry(workspace: Path, stage2: Results) -> Results:
    """Run variant-features on the random split, whose board is not the only one."""
    return ran(workspace, "random")


@pytest.fixture(scope="module")
def figures(entry: Results) -> dict[str, Figure]:
    return drawn(TASK, entry)[0]


@pytest.fixture(scope="module")
def rows(entry: Results) -> pd.DataFrame:
    """The test rows with what pandas makes of them: the losses of entry and control, and how often train has their gene and text."""
    X, y = entry.features(), entry.rows
    assert isinstance(X, pd.DataFrame)
    found = X.iloc[entry.test].assign(truth=entry.truth, article=y["text"].iloc[entry.test])
    control = next(s for s in entry.standings if s.name == CONTROL)
    for name, p in ((LOSS, entry.prediction), (CONTROL, entry.prediction_of(entry.representative(control)))):
        found[name] = [-np.log(row[t] / row.sum()) for row, t in zip(p, entry.truth, strict=True)]
    train = X.iloc[entry.folds[0].train]
    found["seen"] = found["gene"].map(train["gene"].value_counts()).fillna(0)
    found["shared"] = found["article"].isin(y["text"].iloc[entry.folds[0].train])
    return found


# What there is


def test_every_figure_that_the_task_asks_for_is_drawn(figures: dict[str, Figure]) -> None:
    assert sorted(figures) == sorted((*WITHOUT_TEXT, *OF_TEXT))
    check(figures)


def test_what_is_not_drawn_says_why(entry: Results) -> None:
    _, reasons = drawn(TASK, entry)
    assert reasons == {
        "top_features": f"variant-features left no table of importances; genoboard report {entry.entry.id} --permute measures them by shuffling",
        "stage_2_shift": "only the split stage2 shifts its classes",
    }


def test_stage_2_has_its_shift_drawn_with_the_uniform_line(stage2: Results) -> None:
    found, _ = drawn(TASK, stage2)
    assert set(OF_STAGE_2) < set(found)
    check(found)
    figure = found[OF_STAGE_2[0]]
    y = stage2.rows["y"]
    told = figure.table.set_index("class")
    assert told["n test"].sum() == 40
    share = y.iloc[stage2.competition.test].value_counts(normalize=True).reindex(CLASSES)
    np.testing.assert_allclose(told["share of test"], share)
    np.testing.assert_allclose(told["share of train"], y.iloc[stage2.train].value_counts(normalize=True).reindex(CLASSES))
    of = stats.binomtest(16, 40).proportion_ci(method="wilson")
    assert told.loc["class2", ["low", "high"]].tolist() == pytest.approx([of.low, of.high], abs=1e-9)
    assert "uniform" in figure.svg
    assert "2.197" in figure.alt


@pytest.mark.parametrize("split", ["gene", "text"])
def test_on_a_split_that_keeps_genes_or_texts_apart_nothing_is_left_out(split: str, workspace: Path) -> None:
    results = ran(workspace, split, model="gene-only")
    found, reasons = drawn(TASK, results)
    assert set(OF_TEXT) < set(found)
    assert reasons["gain_by_gene"] == "this entry is gene-only itself"
    check(found)
    by = "Loss by how often the gene was seen" if split == "gene" else "Loss by shared text"
    table = found[by].table
    assert CONTROL not in table
    n = table.set_index(table.columns[0])["n"]
    if split == "gene":
        assert n["0"] == n.sum() == len(results.test)
    else:
        assert n["the text is in train"] == 0


# The numbers


def test_a_rows_loss_is_what_the_metric_gives(entry: Results) -> None:
    metric = entry.metrics[0]
    rng = np.random.default_rng(0)
    wild = rng.dirichlet(np.full(9, 0.02), len(entry.truth)) * rng.uniform(0.5, 3, (len(entry.truth), 1))
    assert (wild[np.arange(len(wild)), entry.truth] < 1e-15).any()
    for prediction in (entry.prediction, wild):
        by_row = losses.row_losses(entry.truth, prediction)
        assert by_row.mean() == pytest.approx(entry.measure(metric, prediction).value, rel=1e-12)
        for at in (0, 7, 23):
            alone = np.arange(len(by_row)) == at
            assert by_row[at] == pytest.approx(entry.measure(metric, prediction, alone).value, rel=1e-12)


@pytest.mark.parametrize("title", LOSS_BY)
def test_the_parts_of_a_loss_are_all_of_it(title: str, figures: dict[str, Figure], entry: Results) -> None:
    table = figures[title].table
    assert table["n"].sum() == len(entry.test)
    whole = entry.measure(entry.metrics[0]).value
    assert (table["n"] * table[LOSS].fillna(0)).sum() / len(entry.test) == pytest.approx(whole, rel=1e-12)
    known = table[table[f"{LOSS} low"].notna()]
    assert len(known) >= 2
    assert (known[f"{LOSS} low"] < known[LOSS]).all()
    assert (known[LOSS] < known[f"{LOSS} high"]).all()
    for n in table["n"]:
        assert f"n = {n:,}" in figures[title].svg


def same(table: pd.DataFrame, expected: pd.core.groupby.DataFrameGroupBy) -> None:
    """Hold a panel's parts, those that have rows, against the means of pandas' groups."""
    told = table[table["n"] > 0].set_index(table.columns[0])
    assert expected.size().to_dict() == told["n"].to_dict()
    for name in (LOSS, CONTROL):
        means = expected[name].mean()
        np.testing.assert_allclose(told[name].reindex(means.index), means, rtol=1e-9)


def test_loss_by_gene_variant_and_text_is_what_pandas_makes_of_it(figures: dict[str, Figure], rows: pd.DataFrame) -> None:
    edges = [-1, 0, 5, 20, 50, 100, np.inf]
    names = ["0", "1\N{EN DASH}5", "6\N{EN DASH}20", "21\N{EN DASH}50", "51\N{EN DASH}100", "over 100"]
    bins = pd.cut(rows["seen"], edges, labels=names).astype(str)
    same(figures["Loss by how often the gene was seen"].table, rows.groupby(bins))
    shared = np.where(rows["text"] == "", "no text", np.where(rows["shared"], "the text is in train", "the text is new"))
    same(figures["Loss by shared text"].table, rows.groupby(shared))
    named = [v in t or (v.endswith(" Fusion") and v.split()[0] in t) for v, t in zip(rows["variation"], rows["text"], strict=True)]
    table = figures["Loss by variant named in the text"].table.set_index("the text names")
    assert abs(table.loc["the variant", "n"] - sum(named)) <= 0.02 * len(rows)
    length = figures["Loss by text length"].table.set_index("characters")
    for name, n in length["n"].drop("no text").items():
        low, high = (int(x.replace(",", "")) for x in str(name).split("\N{EN DASH}"))
        assert rows["text"].str.len().between(low, high).sum() == n > 40
    assert length.loc["no text", "n"] == (rows["text"] == "").sum()


def test_what_train_has_is_counted_in_the_fold_that_predicted_the_row() -> None:
    one, other = Fold(np.array([0, 1, 2]), np.array([3, 4])), Fold(np.array([2, 3, 4]), np.array([0, 1]))
    results = SimpleNamespace(folds=(one, other), test=np.array([0, 1, 3, 4]))
    assert slices.seen(cast(Results, results), pd.Series(["a", "b", "a", "a", "c"])).tolist() == [2, 0, 2, 0]


def test_losses_and_f1_of_classes_are_those_of_scikit_learn(figures: dict[str, Figure], entry: Results) -> None:
    table = figures["Log loss and F1 by class"].table.set_index("class")
    labels = list(range(9))
    np.testing.assert_allclose(table["F1"], f1_score(entry.truth, entry.labels, average=None, labels=labels, zero_division=0))
    assert table["n"].tolist() == np.bincount(entry.truth, minlength=9).tolist()
    for c in labels:
        of = entry.truth == c
        expected = log_loss(entry.truth[of], entry.prediction[of], labels=labels)
        assert table.loc[CLASSES[c], LOSS] == pytest.approx(expected, rel=1e-6)
    scored = entry.scores()["f1[class7]"]
    assert table.loc["class7", ["F1", "F1 low", "F1 high"]].tolist() == pytest.approx([scored.value, scored.low, scored.high], abs=1e-12)


def test_the_nine_classes_stand_with_their_twins_framed_and_collapse_to_five(figures: dict[str, Figure], entry: Results) -> None:
    nine, five = figures["Confusion matrix"], figures["Confusion matrix, 5 classes"]
    order = list(dict.fromkeys(nine.table["true"]))
    assert order[:4] == ["class1", "class4", "class2", "class7"]
    for figure, to in ((nine, {}), (five, MERGE)):
        names = list(dict.fromkeys(figure.table["true"]))
        truth, said = ([to.get(CLASSES[c], CLASSES[c]) for c in codes] for codes in (entry.truth, entry.labels))
        expected = confusion_matrix(truth, said, labels=names)
        assert figure.table["count"].to_numpy().reshape(len(names), -1).tolist() == expected.tolist()
    assert five.table["true"].nunique() == 5
    assert nine.note.casefold().startswith("framed: class1 and class4; framed: class2 and class7.")


def test_rows_are_counted_by_class(figures: dict[str, Figure], entry: Results) -> None:
    table = figures["Rows by class"].table.set_index("class")
    y = entry.rows["y"]
    for part, at in (("train", entry.train), ("test", entry.test)):
        assert table[part].to_dict() == y.iloc[at].value_counts().to_dict()


def test_the_gain_of_a_gene_is_the_mean_difference_of_its_rows(figures: dict[str, Figure], rows: pd.DataFrame) -> None:
    table = figures["Gain over gene-only by gene"].table.set_index("gene")
    gain = (rows[CONTROL] - rows[LOSS]).groupby(rows["gene"]).mean()
    np.testing.assert_allclose(table["gain"].reindex(gain.index), gain, atol=1e-9)
    assert table["n"].to_dict() == rows["gene"].value_counts().to_dict()
    assert table["n"].is_monotonic_decreasing
    alone = table.index[table["n"] == 1]
    assert table.loc[alone, ["gain low", "gain high"]].isna().all(axis=None)


def test_the_interval_of_a_mean_is_students_and_wider_where_rows_belong_together() -> None:
    values = np.random.default_rng(3).normal(0.3, 1.0, 40)
    low, high = cases.mean_interval(values, np.arange(40))
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    thrice = cases.mean_interval(np.repeat(values, 3), np.repeat(np.arange(40), 3))
    assert thrice == pytest.approx((low, high), rel=1e-12)
    assert all(np.isnan(cases.mean_interval(values, np.zeros(40, dtype=np.intp))))


def test_the_worst_rows_are_told_with_what_their_text_says(figures: dict[str, Figure], rows: pd.DataFrame, entry: Results) -> None:
    table = figures["Worst rows"].table
    worst = rows.sort_values(LOSS, ascending=False).head(len(table))
    np.testing.assert_allclose(table["loss"], worst[LOSS], rtol=1e-9)
    np.testing.assert_allclose(table[f"loss of {CONTROL}"], worst[CONTROL], rtol=1e-9)
    np.testing.assert_allclose(np.exp(-table["loss"]), table["p of true"], rtol=1e-9)
    assert table["id"].tolist() == entry.original_ids.loc[worst.index].tolist()
    assert table["id"].str.startswith("DEMO-").all()
    assert table["true"].tolist() == [CLASSES[c] for c in worst["truth"]]
    assert (table["p of predicted"] >= table["p of true"]).all()
    for told, text in zip(table.to_dict("records"), worst["text"], strict=True):
        assert len(told["snippet"]) <= 200
        if told["variation"] in text:
            assert told["variation"] in told["snippet"]
        elif text:
            assert told["gene"] in told["snippet"]
        assert f"{told['gene']} {told['variation']}" in figures["Worst rows"].svg


def test_the_gene_only_control_is_left_out_where_it_does_not_stand_on_the_board(entry: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(entry), "standings", [replace(s, model="another") for s in entry.standings])
    with themed():
        assert CONTROL not in slices.loss_by_variant_type(entry).table
        assert f"loss of {CONTROL}" not in cases.worst_rows(entry).table
        with pytest.raises(NotDrawn, match="gene-only does not stand on this board"):
            cases.gain_by_gene(entry)


# What texts and names say


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("V600E", "substitution"),
        ("W802*", "truncation"),
        ("P847fs", "truncation"),
        ("R1627Gfs*9", "truncation"),
        ("Truncating Mutations", "truncation"),
        ("BRAF-CUL1 Fusion", "fusion"),
        ("CUL1-BRAF", "fusion"),
        ("NON-V600", "other"),
        ("E746_A750del", "deletion"),
        ("Deletion", "deletion"),
        ("Exon 19 deletion", "deletion"),
        ("T599_V600insETT", "insertion or duplication"),
        ("E746_A750delinsQP", "insertion or duplication"),
        ("T599dup", "insertion or duplication"),
        ("X963_splice", "splice"),
        ("MET exon 14 skipping", "splice"),
        ("Amplification", "amplification or expression"),
        ("Overexpression", "amplification or expression"),
        ("Wildtype", "other"),
        ("Promoter Mutations", "other"),
    ],
)
def test_a_name_tells_the_kind_of_variant(name: str, kind: str) -> None:
    assert kind_of("BRAF", name) == kind
    assert kind in KINDS


@pytest.mark.parametrize(
    ("text", "gene", "variation", "way"),
    [
        ("Cells with V600E grew.", "BRAF", "V600E", mentions.VARIANT),
        ("Cells with (p.Val600Glu) grew.", "BRAF", "V600E", mentions.VARIANT),
        ("BRAFV600E, a kinase", "BRAF", "V600E", mentions.VARIANT),
        ("AV600E and V600EK are others; BRAF is not.", "BRAF", "V600E", mentions.GENE),
        ("W802X of the gene", "RB1", "W802*", mentions.VARIANT),
        ("the E746-A750del in", "EGFR", "E746_A750del", mentions.VARIANT),
        ("a KIF5B/RET rearrangement", "RET", "KIF5B-RET Fusion", mentions.VARIANT),
        ("a truncating mutation of", "TP53", "Truncating Mutations", mentions.VARIANT),
        ("in R167Q families", "VHL", "R167Q (c.500G>A)", mentions.VARIANT),
        ("MET is a receptor.", "MET", "D1228N", mentions.GENE),
        ("We met patients.", "MET", "D1228N", mentions.NEITHER),
        ("  ", "MET", "D1228N", mentions.NO_TEXT),
    ],
)
def test_a_variant_is_found_under_the_names_that_papers_use(text: str, gene: str, variation: str, way: str) -> None:
    assert mentions.ways(pd.DataFrame({"gene": [gene], "variation": [variation], "text": [text]})) == [way]


def test_a_snippet_is_short_and_around_the_mention_wherever_it_stands() -> None:
    for before, after in ((0, 5000), (5000, 0), (5000, 5000), (3, 3)):
        text = "word\n" * before + "the V600E change " + "more " * after
        found = mentions.snippet(text, "BRAF", "V600E")
        assert "the V600E change" in found
        assert len(found) <= 200
        assert found.startswith("\N{HORIZONTAL ELLIPSIS}") == (before > 100)
    assert mentions.snippet("", "BRAF", "V600E") == ""
    assert mentions.snippet("x" * 900, "BRAF", "V600E") == "x" * 199 + "\N{HORIZONTAL ELLIPSIS}"


def test_a_label_holds_nothing_that_cannot_be_drawn() -> None:
    assert plain("a\n b\x00\x1b\N{GRINNING FACE}\u202e") == "a b????"
    assert len(plain("x" * 500)) == 34


# A stranger's text

HOSTILE_GENE, HOSTILE_VARIANT = "$x^2", "<script>alert(1)</script> $\\frac{"


def test_hostile_genes_variants_and_texts_are_inert(workspace: Path, tmp_path: Path) -> None:
    made = demo.generate()
    X = made.X.copy()
    large = X["gene"].value_counts().index
    X.loc[X["gene"] == large[0], "gene"] = HOSTILE_GENE
    X.loc[X["gene"] == large[1], "gene"] = "$\\undefined$"
    X["variation"] = [f"{HOSTILE_VARIANT} {i}\x07\N{GRINNING FACE}" for i in range(len(X))]
    X["text"] = "<svg onload=alert(2)>\x00\x0b & ]]> $x^2$ \N{GRINNING FACE} " + X["text"]
    data.store(TASK, "hostile", replace(made, X=X, groups=made.groups.assign(gene=X["gene"])))
    competition = Competition.open("variant-class", "random", "hostile", workspace, PLUGINS)
    values = np.random.default_rng(0).dirichlet(np.full(9, 0.3), len(competition.test)).clip(1e-6)
    pd.DataFrame(values, index=pd.Index(competition.form.ids, name="ID"), columns=list(CLASSES)).to_csv(tmp_path / "file.csv")
    found, _ = drawn(TASK, Results(competition, submit(competition, tmp_path / "file.csv", "$a_b$ <b>")))
    assert {"Worst rows", "Gain over gene-only by gene", *LOSS_BY} < set(found)
    for title in ("Worst rows", "Gain over gene-only by gene", *LOSS_BY, "Log loss and F1 by class", "Rows by class"):
        tree = ElementTree.fromstring(found[title].svg)
        names = {e.tag.rpartition("}")[2] for e in tree.iter()}
        assert not names & {"script", "b"}, title
        assert not any(a.rpartition("}")[2].startswith("on") for e in tree.iter() for a in e.attrib), title
    words = "".join(ElementTree.fromstring(found["Worst rows"].svg).itertext())
    assert "<script>alert(" in words
    assert "$x^2" in "".join(ElementTree.fromstring(found["Gain over gene-only by gene"].svg).itertext())
    assert found["Worst rows"].table["snippet"].map(lambda s: len(s) <= 200 and s.isprintable()).all()


# Real data


@pytest.mark.slow
@pytest.mark.parametrize("split", ["random-cv5", "stage2"])
def test_the_real_variants_have_every_figure_that_needs_no_text(split: str, real_data: Path, workspace: Path) -> None:
    if catalog.state(TASK, "msk") is None:
        data.ingest(TASK, real_data / "variant-class" / "msk")
    ran(workspace, "stage1", "msk", "gene-only")
    results = ran(workspace, split, "msk")
    found, reasons = drawn(TASK, results)
    assert sorted(found) == sorted((*WITHOUT_TEXT, *(OF_STAGE_2 if split == "stage2" else ())))
    check(found)
    for panel in ("loss_by_text_length", "loss_by_mention", "loss_by_shared_text"):
        assert reasons[panel].startswith("this dataset has no texts")
    assert (found["Worst rows"].table["snippet"] == "").all()
    if split == "random-cv5":
        assert found["Rows by class"].table["train"].tolist() == [568, 452, 89, 686, 242, 275, 953, 19, 37]
        kinds = found["Loss by variant type"].table.set_index("variant type")
        assert kinds["n"].sum() == 3321
        assert 2400 < kinds.loc["substitution", "n"] < 2800
        assert kinds.loc["truncation", LOSS] < kinds.loc["substitution", LOSS]
        gain = found["Gain over gene-only by gene"].table
        assert len(gain) == 264
        assert (gain["gain"] * gain["n"]).sum() / 3321 == pytest.approx(
            gain[CONTROL].mul(gain["n"]).sum() / 3321 - results.measure(results.metrics[0]).value, rel=1e-9
        )


@pytest.mark.slow
def test_real_statements_of_civic_have_all_of_it_but_the_nine_classes(real_data: Path, workspace: Path) -> None:
    if catalog.state(CIVIC, "civic") is None:
        data.ingest(CIVIC, real_data / "variant-class" / "civic")
    results = []
    for split in ("citation", "random"):
        competition = Competition.open("civic-significance", split, "civic", workspace, PLUGINS)
        results.append(Results(competition, evaluate(competition, "variant-features")))
    found, _ = drawn(CIVIC, results[1])
    left_out = {"Confusion matrix, 5 classes", "Loss by shared text"}
    assert sorted(found) == sorted({*WITHOUT_TEXT, *OF_TEXT, "Loss by shared publication"} - left_out)
    check(found)
    table = found["Loss by variant named in the text"].table.set_index("the text names")
    assert table.loc["the variant", "n"] > 200
    n = found["Loss by shared publication"].table.set_index("shared with train")["n"]
    y = results[1].rows["citation"]
    assert n["the publication is in train"] == y.iloc[results[1].test].isin(y.iloc[results[1].train]).sum() > 100


def test_every_panel_of_the_cards_is_a_function_that_is_there() -> None:
    for card in (TASK, CIVIC):
        assert len(set(card.panels)) == len(card.panels)
        assert all(callable(resolve_name(p)) for p in card.panels)
    assert panels.ORDER != CLASSES
    assert sorted(panels.ORDER) == sorted(CLASSES)
