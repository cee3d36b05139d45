"""variant-class: its card, its generated variants and what their splits let through, and its controls."""

from __future__ import annotations

import math
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import genoboard_tasks
from genoboard import Dataset, InvalidSubmission, Metric, cli
from genoboard.competition import Competition
from genoboard.data import prepare
from genoboard.evaluation import evaluate, submit
from genoboard.reference import Prior, Uniform
from genoboard.scoring import value_of
from genoboard.splits import Fold, deal
from genoboard_leaderboard.store import Store
from genoboard_tasks.variant_class import CONTROLS, TASK, demo
from genoboard_tasks.variant_class.classes import CLASSES, MEANING, MERGE
from genoboard_tasks.variant_class.controls import GeneOnly
from genoboard_tasks.variant_class.sharing import text_groups

COUNTS = dict(zip(CLASSES, (568, 452, 89, 686, 242, 275, 953, 19, 37), strict=True))
SPLITS = [s.name for s in TASK.splits]
GROUPED = [s.name for s in TASK.splits if s.group]


@pytest.fixture(scope="module")
def variants() -> Dataset:
    return demo.generate()


@pytest.fixture(scope="module")
def train(variants: Dataset) -> pd.DataFrame:
    """The training rows: gene, variation, text, y, and the text's group as ``article``."""
    assert variants.part is not None
    found = variants.X.assign(y=variants.y, article=variants.groups["text"])
    return found[variants.part == "train"]


def folds(dataset: Dataset, split: str) -> tuple[Fold, ...]:
    assert dataset.part is not None
    return deal(TASK.split(split), pd.concat([dataset.y.rename("y"), dataset.part.rename("part"), dataset.groups], axis=1))


def codes(dataset: Dataset) -> NDArray[np.int64]:
    """Class codes; -1 where a row has none."""
    return pd.Index(CLASSES).get_indexer(pd.Index(dataset.y)).astype(np.int64)


# The card


def test_the_plugin_brings_the_task_and_its_control() -> None:
    assert TASK in genoboard_tasks.register_tasks()
    models = list(genoboard_tasks.register_models())
    assert [c.name for c in CONTROLS if c in models] == ["gene-only"]
    assert TASK.controls == ("prior", "uniform", "gene-only")


def test_the_gene_split_is_the_default_and_only_the_published_ones_leak() -> None:
    assert SPLITS == ["gene", "text", "random", "gene-cv5", "text-cv5", "random-cv5", "stage1", "stage2"]
    for split in TASK.splits:
        kind = split.name.removesuffix("-cv5")
        assert split.group == (kind if kind in ("gene", "text") else None)
        assert split.bootstrap_group == (split.group or "gene")
        assert split.cross_validated == split.name.endswith("-cv5")
        assert split.published == (split.group is None)
        assert bool(split.leaks) == (kind in ("random", "stage1"))
        assert bool(split.unranked) == (kind == "stage2")
        assert split.asks.endswith("?")


def test_log_loss_is_the_primary_metric_and_all_that_the_field_reports_stands_beside_it() -> None:
    names = [m if isinstance(m, str) else m.name for m in TASK.metrics]
    assert names[:8] == ["multiclass-log-loss", "f1-macro", "accuracy", "auroc", "brier", "ece", "log-loss-5", "accuracy-5"]
    assert names[8:] == [f"f1[{c}]" for c in CLASSES]


def test_the_nine_classes_collapse_to_five_by_leaving_out_how_sure_the_curator_was() -> None:
    assert len({MERGE.get(c, c) for c in CLASSES}) == 5
    for one, other in MERGE.items():
        assert MEANING[one].removeprefix("likely ") == MEANING[other].removeprefix("likely ")


def metric(name: str) -> Metric:
    return next(m for m in TASK.metrics if isinstance(m, Metric) and m.name == name)


def test_the_collapsed_scores_add_up_probabilities_and_rename_labels() -> None:
    p = np.array([[0.3, 0.05, 0.05, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05], [0.1, 0.1, 0.05, 0.05, 0.1, 0.4, 0.1, 0.05, 0.05]])
    truth = np.array([CLASSES.index("class4"), CLASSES.index("class7")])
    # loss is .3 + .2 and the label class1 is a hit; gain is .1 + .1 and the label class6 is a miss
    assert value_of(metric("log-loss-5"), truth, p, CLASSES) == pytest.approx(-(math.log(0.5) + math.log(0.2)) / 2, rel=1e-12)
    assert value_of(metric("accuracy-5"), truth, p, CLASSES) == 0.5


# The generated variants


def test_the_same_variants_are_generated_every_time_and_have_the_fingerprint_of_the_card(
    variants: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    again = demo.generate()
    pd.testing.assert_frame_equal(again.X, variants.X)
    pd.testing.assert_frame_equal(again.groups, variants.groups)
    pd.testing.assert_series_equal(again.y, variants.y)
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path))
    made = prepare(TASK, "demo")
    (source,) = [s for s in TASK.sources if s.generate]
    assert source.fingerprint == made.fingerprint
    said: list[str] = []
    assert prepare(TASK, "demo", said.append).fingerprint == made.fingerprint
    assert said == []
    shutil.rmtree(tmp_path)
    assert prepare(TASK, "demo", said.append).fingerprint == made.fingerprint
    assert said == ["Generating the demo dataset of variant-class (once)."]


def test_the_generated_variants_have_the_shape_of_the_real_ones(variants: Dataset, train: pd.DataFrame) -> None:
    assert list(variants.X.columns) == ["gene", "variation", "text"]
    assert {str(d) for d in variants.X.dtypes} == {"str"}
    assert variants.X.index.is_unique
    assert variants.X.notna().to_numpy().all()
    assert variants.unit == "gene + variation + text"
    assert list(variants.groups.columns) == ["gene", "text"]
    assert variants.part is not None
    assert variants.part.value_counts().to_dict() == {"train": 1200, "stage2": 200, "stage1": 120}
    assert variants.y.notna().groupby(variants.part).sum().to_dict() == {"train": 1200, "stage1": 120, "stage2": 40}
    assert not variants.X.duplicated(["gene", "variation"]).any()
    for part in (variants.y, variants.groups, variants.part):
        assert part.index.equals(variants.X.index)
    share = train["y"].value_counts() / len(train)
    assert (share - pd.Series(COUNTS) / 3321).abs().max() < 0.02
    genes = train["gene"].value_counts()
    assert 60 <= len(genes) <= 72
    assert genes.iloc[0] > 80
    assert genes.iloc[:10].sum() > len(train) / 3
    assert (genes <= 5).mean() > 1 / 3


def test_ids_of_generated_variants_say_nothing_of_gene_class_or_part(variants: Dataset) -> None:
    assert variants.part is not None
    for told in (variants.X["gene"], variants.y.dropna()):
        assert (told.to_numpy()[1:] != told.to_numpy()[:-1]).mean() > 0.7
    assert abs(np.flatnonzero(variants.part == "stage2").mean() / len(variants.X) - 0.5) < 0.1


def test_generated_genes_are_invented(variants: Dataset, real_data: Path) -> None:
    files = [real_data / "variant-class/msk" / f for f in ("training_variants", "test_variants", "stage2_test_variants.csv")]
    real = set(pd.concat([pd.read_csv(f)["Gene"] for f in files]))
    assert len(real) > 1000
    assert not real & set(variants.X["gene"])


def test_generated_names_are_written_as_in_the_real_files_and_their_kind_hints_at_the_class(train: pd.DataFrame) -> None:
    kinds = {
        "exchange": r"[A-Y]\d+[A-Y]",
        "stop": r"[A-Y]\d+\*",
        "frameshift": r"[A-Y]\d+fs",
        "in-frame deletion": r"[A-Y]\d+_[A-Y]\d+del",
        "insertion": r"[A-Y]\d+_[A-Y]\d+ins[A-Y]+",
        "duplication": r"[A-Y]\d+dup",
        "splice": r"X\d+_splice",
        "exon": r"Exon \d+ (deletion|skipping)",
        "fusion": r"[A-Z]+\d-[A-Z]+\d Fusion",
        "truncation": r"Truncating Mutations",
        "whole": r"Amplification|Deletion|Promoter Mutations|Overexpression",
    }
    kind = train["variation"].map(lambda name: next(k for k, pattern in kinds.items() if re.fullmatch(pattern, name)))
    assert set(kind) == set(kinds)
    assert 0.6 < (kind == "exchange").mean() < 0.9
    loss, gain = train["y"].isin(["class1", "class4"]), train["y"].isin(["class2", "class7"])
    assert loss[kind.isin(["stop", "frameshift", "truncation"])].mean() > 0.75
    assert gain[kind == "fusion"].mean() > 0.75
    assert gain[train["variation"] == "Amplification"].mean() > 0.75
    # most rows are exchanges, of which the name says nothing
    assert abs(loss[kind == "exchange"].mean() - loss.mean()) < 0.1


def test_generated_texts_name_their_gene_and_now_and_then_other_genes_and_variants(train: pd.DataFrame) -> None:
    told = train[train["text"] != ""]
    assert len(train) - len(told) == 5
    words = told["text"].str.split().str.len()
    assert 60 < words.min() < 120
    assert 300 < words.max() <= 420
    assert all(gene in text for gene, text in zip(told["gene"], told["text"], strict=True))
    named = [variation in text for variation, text in zip(told["variation"], told["text"], strict=True)]
    assert 0.6 < np.mean(named) < 0.95
    others = [len(set(re.findall(r"\b[A-Z]{4}\d\b", text)) - {gene}) for gene, text in zip(told["gene"], told["text"], strict=True)]
    assert np.mean(np.array(others) > 0) > 0.7
    assert not told["text"].str.contains(r"[{}]").any()


def test_rows_of_one_gene_share_texts_often_with_the_same_class_as_in_the_real_file(train: pd.DataFrame) -> None:
    told = train[train["text"] != ""]
    assert 0.5 < told["text"].nunique() / len(told) < 0.65  # 1,920 of 3,321 in the real file
    assert told.groupby("text")["gene"].nunique().max() == 1
    shared = told[told["text"].duplicated(keep=False)]
    same = shared.groupby("text")["y"].agg(lambda y: y.value_counts().iloc[0]).sum() / len(shared)
    chance = told.groupby("gene")["y"].agg(lambda y: y.value_counts().iloc[0]).sum() / len(told)
    assert chance + 0.1 < same < 0.98


def test_the_readers_text_groups_are_those_that_the_generator_made(variants: Dataset, train: pd.DataFrame) -> None:
    found, _ = text_groups({i: t.encode() for i, t in variants.X["text"].items()})
    assert found == variants.groups["text"].to_dict()
    told = train[train["text"] != ""]
    assert 10 < told["text"].nunique() - told["article"].nunique() < 60  # near-duplicates
    assert train.loc[train["text"] == "", "article"].is_unique


# The splits


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_deals_and_every_training_part_knows_all_nine_classes(split: str, variants: Dataset) -> None:
    y, tested = codes(variants), []
    assert variants.part is not None
    for fold in folds(variants, split):
        assert set(y[fold.train]) == set(range(9))
        assert set(variants.part.iloc[fold.train]) == {"train"}
        tested.append(set(variants.X.index[fold.test]))
    expected = {"stage1": 120, "stage2": 200}.get(split, 1200 if split.endswith("-cv5") else 240)
    assert len(set.union(*tested)) == sum(map(len, tested)) == pytest.approx(expected, abs=10)


@pytest.mark.parametrize("split", GROUPED)
def test_no_gene_and_no_text_is_cut(split: str, variants: Dataset) -> None:
    by = variants.groups[str(TASK.split(split).group)]
    for fold in folds(variants, split):
        assert not set(by.iloc[fold.train]) & set(by.iloc[fold.test])


def test_a_random_split_leaks_what_the_real_one_does(variants: Dataset) -> None:
    (fold,) = folds(variants, "random")
    shared = {g: variants.groups[g].iloc[fold.test].isin(variants.groups[g].iloc[fold.train]).mean() for g in ("gene", "text")}
    assert shared["gene"] > 0.95
    assert 0.4 < shared["text"] < 0.7


class Answered:
    """The log loss of a few models on a split of the generated variants."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.y = dataset, codes(dataset)

    def loss(self, model: object, split: str) -> float:
        (fold,) = folds(self.dataset, split)
        test = fold.test[self.y[fold.test] >= 0]
        fitted = model.fit(self.dataset.X.iloc[fold.train], self.y[fold.train])  # type: ignore[attr-defined]
        return float(-np.log(fitted.predict_proba(self.dataset.X.iloc[test])[np.arange(len(test)), self.y[test]]).mean())


def reading(*more: tuple[object, object]) -> object:
    """Return tf-idf of the text, with `more` beside it, and a logistic regression."""
    words = (TfidfVectorizer(min_df=2, sublinear_tf=True), "text")
    return make_pipeline(make_column_transformer(words, *more), LogisticRegression(C=3.0, max_iter=500))


def kind_alone(variation: str) -> str:
    """Leave out what is peculiar to one variant: residues, positions and partners."""
    return re.sub(r"[A-Z]{4}\d-|[A-Z]?\d+", "", variation)


GENE = (OneHotEncoder(handle_unknown="ignore"), ["gene"])
KIND = (TfidfVectorizer(preprocessor=kind_alone, token_pattern=r"[a-z*]+|[A-Za-z]{3,}"), "variation")


@pytest.fixture(scope="module")
def losses(variants: Dataset) -> dict[tuple[str, str], float]:
    """Log loss by split and by what a model looks at."""
    answered = Answered(variants)
    models = {"prior": Prior(), "gene": GeneOnly(), "text": reading(), "both": reading(GENE, KIND)}
    asked = {"random": models, "text": models, "gene": {k: models[k] for k in ("prior", "gene", "text")}, "stage2": models}
    return {(split, name): answered.loss(model, split) for split, named in asked.items() for name, model in named.items()}


def test_on_the_random_split_the_gene_alone_gets_far_the_text_gets_farther_and_both_get_farthest(
    losses: dict[tuple[str, str], float],
) -> None:
    prior, gene, text, both = (losses["random", m] for m in ("prior", "gene", "text", "both"))
    assert prior == pytest.approx(1.83, abs=0.03)
    assert gene == pytest.approx(1.2, abs=0.1)
    assert text < gene - 0.1
    assert both < text - 0.05


def test_on_the_gene_split_the_gene_alone_is_the_prior_and_the_text_still_helps(losses: dict[tuple[str, str], float]) -> None:
    assert losses["gene", "gene"] == pytest.approx(losses["gene", "prior"], rel=1e-12)
    assert losses["gene", "text"] < losses["gene", "prior"] - 0.3
    assert losses["gene", "text"] > losses["random", "text"] + 0.2


def test_the_text_split_lies_between_the_two(losses: dict[tuple[str, str], float]) -> None:
    by_text = [losses[split, "text"] for split in ("random", "text", "gene")]
    assert all(b > a + 0.1 for a, b in pairwise(by_text))
    by_gene = [losses[split, "gene"] for split in ("random", "text", "gene")]
    assert all(b > a + 0.1 for a, b in pairwise(by_gene))
    assert losses["text", "both"] < losses["text", "gene"] - 0.2


def test_on_stage_2_whatever_was_learnt_is_worse_than_uniform(losses: dict[tuple[str, str], float]) -> None:
    for model in ("prior", "gene", "text", "both"):
        assert losses["stage2", model] > math.log(9) + 0.3


# The controls

rows_of_genes = st.lists(st.tuples(st.sampled_from("ABCDE"), st.integers(0, 4)), min_size=1, max_size=40)


@given(rows=rows_of_genes, asked=st.lists(st.sampled_from("ABCDEXYZ"), min_size=1, max_size=8), a=st.floats(0.01, 50.0))
def test_gene_only_gives_the_smoothed_shares_of_the_gene_and_the_prior_for_a_gene_never_seen(
    rows: list[tuple[str, int]], asked: list[str], a: float
) -> None:
    genes, y = [g for g, _ in rows], np.array([c for _, c in rows], dtype=np.int64)
    model = GeneOnly(a=a).fit(pd.DataFrame({"gene": genes}), y)
    assert model.classes_.tolist() == sorted(set(y.tolist()))
    found = model.predict_proba(pd.DataFrame({"gene": asked, "variation": "V600E"}))
    for gene, row in zip(asked, found, strict=True):
        mine = [c for g, c in rows if g == gene]
        for c, p in zip(model.classes_, row, strict=True):
            prior = np.mean(y == c)
            assert p == pytest.approx((mine.count(c) + a * prior) / (len(mine) + a), rel=1e-9)
    assert np.allclose(found.sum(axis=1), 1.0)


@pytest.mark.parametrize("split", SPLITS)
def test_uniform_scores_ln_9_on_every_split(split: str) -> None:
    competition = Competition.open("variant-class", split, "demo")
    (fold, *_) = competition.folds
    y = competition.codes(competition.data.rows["y"].iloc[fold.train], CLASSES)
    asked = Uniform().fit(None, y).predict_proba(competition.test)
    loss = value_of(competition.metrics[0], competition.solution.truth, competition.solution.rows_of(asked), CLASSES)
    assert loss == pytest.approx(math.log(9), abs=1e-12)


def test_the_control_gene_only_scores_what_the_prior_does_where_no_gene_is_known() -> None:
    competition = Competition.open("variant-class", "gene", "demo")
    gene = evaluate(competition, "gene-only")
    entries = {e.name: e for e in Store(competition.workspace.database).entries(competition.board)}
    assert set(entries) == set(TASK.controls)
    assert all(e.control for e in entries.values())
    prior = entries["prior"]
    for one in ("multiclass-log-loss", "accuracy-5"):
        assert gene.score(one).value == pytest.approx(prior.score(one).value, rel=1e-12)


# Stage 2


def file_of(competition: Competition, values: NDArray[np.float64], path: Path) -> Path:
    table = pd.DataFrame(values, index=pd.Index(competition.form.ids, name="ID"), columns=list(CLASSES))
    table.to_csv(path)
    return path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One workspace for these tests: the controls are entered once."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture
def stage2(shared: Path) -> Competition:
    return Competition.open("variant-class", "stage2", "demo", shared)


def test_a_file_of_ninths_scores_ln_9_on_stage_2_whose_board_ranks_nobody(
    stage2: Competition, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = submit(stage2, file_of(stage2, np.full((200, 9), 1 / 9), tmp_path / "ninths.csv"), "ninths")
    assert entry.verdict == "ok"
    assert entry.score("multiclass-log-loss").value == pytest.approx(math.log(9), abs=1e-12)
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(stage2.workspace.root))
    monkeypatch.setattr("sys.argv", ["genoboard", "leaderboard", "variant-class", "--split", "stage2", "--data", "demo"])
    capsys.readouterr()
    cli.main()
    shown = capsys.readouterr().out
    lines = {line.split()[1]: line.split() for line in shown.splitlines() if re.match(r"[-\d] ", line)}
    assert {"ninths", "uniform", "prior", "gene-only"} <= set(lines)
    assert {words[0] for words in lines.values()} == {"-"}
    assert lines["ninths"][2] == lines["uniform"][2] == "2.19722"
    assert f"Unranked: {stage2.split.unranked}" in shown


def test_only_the_labelled_rows_of_stage_2_are_scored_and_the_ignored_ones_must_still_be_valid(stage2: Competition, tmp_path: Path) -> None:
    scored = stage2.data.rows["y"].iloc[stage2.test].notna().to_numpy()
    assert (len(scored), scored.sum()) == (200, 40)
    values = np.random.default_rng(0).dirichlet(np.ones(9), 200)
    first = submit(stage2, file_of(stage2, values, tmp_path / "first.csv"), "first")
    y = pd.Index(CLASSES).get_indexer(stage2.data.rows["y"].iloc[stage2.test][scored])
    assert first.score("multiclass-log-loss").value == pytest.approx(-np.log(values[scored][np.arange(40), y]).mean(), rel=1e-9)
    others = np.where(scored[:, None], values, np.eye(9)[0])
    second = submit(stage2, file_of(stage2, others, tmp_path / "second.csv"), "second")
    assert second.scores == first.scores
    moved = np.where(scored[:, None], values[::-1], values)
    third = submit(stage2, file_of(stage2, moved, tmp_path / "third.csv"), "third")
    assert third.score("multiclass-log-loss") != first.score("multiclass-log-loss")
    bad = values.copy()
    bad[np.flatnonzero(~scored)[0], 0] = np.nan
    with pytest.raises(InvalidSubmission, match=stage2.form.ids[np.flatnonzero(~scored)[0]]):
        submit(stage2, file_of(stage2, bad, tmp_path / "bad.csv"), "bad")
    short = file_of(stage2, values, tmp_path / "short.csv")
    short.write_text("".join(short.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InvalidSubmission):
        submit(stage2, short, "short")
