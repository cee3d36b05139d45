"""The models of genoboard-doc2vec: what their cards promise, and the rows that break careless code."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard import DataError, ModelSpec, RunContext
from genoboard_doc2vec import register_models
from genoboard_doc2vec.blend import Doc2VecBlend
from genoboard_doc2vec.mlp import Doc2VecMLP, inner_fold
from genoboard_doc2vec.recipe import Fields, Rows
from genoboard_doc2vec.texts import TextVectors, words_of
from genoboard_doc2vec.trees import Doc2VecXGBoost

CARDS = {card.name: card for card in register_models()}
SMALL = {"vector_size": 20, "passes": 10}
FEW = {
    "doc2vec-xgboost": {**SMALL, "rounds": 10},
    "doc2vec-mlp": {**SMALL, "epochs": 10, "learning_rate": 1e-3},
    "doc2vec-blend": {**SMALL, "rounds": 10, "epochs": 10, "learning_rate": 1e-3},
}
every_model = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)

TALK = (
    "the mutation abolishes binding and the protein is lost from cells",
    "the mutant kinase is hyperactive and transforms cells in culture",
    "growth with this change resembles wild type in every assay",
)

CLASSES = ("Sensitivity/Response", "Resistance", "Uncertain Significance", "Poor Outcome", "Positive", "Better Outcome")

Cohort = tuple[pd.DataFrame, NDArray[np.int64]]


def cohort(sizes: tuple[int, ...] = (30, 30, 30), genes: int = 12, seed: int = 0) -> Cohort:
    """Return rows whose text, and in part whose gene, tells the class; some texts are shared, one is empty."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    texts = [" ".join(rng.choice(TALK[k % len(TALK)].split(), 40)) for k in y]
    for k in range(len(sizes)):
        first, *others = np.flatnonzero(y == k)[:4]
        for i in others:
            texts[i] = texts[first]
    texts[np.flatnonzero(y == 0)[-1]] = ""
    X = pd.DataFrame(
        {
            "gene": [f"GENE{(rng.integers(genes) // 2 * 2 + k) % genes}" for k in y],
            "variation": [f"{a}{i}{b}" for i, (a, b) in enumerate(rng.choice(list("ARNDCEQGH"), (len(y), 2)))],
            "text": texts,
        },
        index=[f"s{i:04d}" for i in range(len(y))],
    )
    return X, y


def build(card: ModelSpec, seed: int = 0, **given: object) -> Any:
    module, _, name = card.target.partition(":")
    return getattr(importlib.import_module(module), name)(**card.settings({**FEW[card.name], **given}), random_state=seed)


def assert_probabilities(probability: NDArray[np.float64], n: int, k: int) -> None:
    assert probability.shape == (n, k)
    assert np.isfinite(probability).all()
    assert probability.min() >= 0
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)


def vectors(seed: int = 0, **given: Any) -> TextVectors:
    settings: dict[str, Any] = {"vector_size": 10, "window": 5, "min_count": 1, "sample": 1e-3, "negative": 5, "passes": 5, "words": 3000}
    return TextVectors(**{**settings, **given}, seed=seed)


def test_the_card_module_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'pandas', 'sklearn', 'gensim', 'torch', 'xgboost'}"
    code = f"import sys, genoboard_doc2vec; print(*sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_the_trees_alone_do_without_torch() -> None:
    code = "import sys, genoboard_doc2vec.trees; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


@every_model
def test_a_card_shows_every_parameter_with_its_default(card: ModelSpec) -> None:
    module, _, name = card.target.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    given_by_the_run = {"random_state", "n_jobs"}
    assert dict(card.parameters) == {k: v.default for k, v in signature.parameters.items() if k not in given_by_the_run}


@every_model
def test_a_card_asks_for_text_and_is_refused_where_there_is_none(card: ModelSpec) -> None:
    assert card.kinds == ("text",)
    assert card.columns == ("gene", "variation", "text")


def test_the_published_recipe_is_the_default() -> None:
    card = CARDS["doc2vec-blend"].parameters
    assert (card["vector_size"], card["components"]) == (300, 25)
    assert (card["eta"], card["max_depth"], card["rounds"]) == (0.2, 4, 50)
    assert (card["hidden"], card["dropout"]) == ((350, 350, 100), (0.3, 0.5))
    assert (card["l2"], card["learning_rate"], card["batch_size"], card["share"]) == (0.01, 1e-4, 64, 0.25)


@every_model
def test_a_model_learns_from_the_words(card: ModelSpec) -> None:
    X, y = cohort((40, 40, 40))
    train, test = slice(0, 90), slice(90, None)
    model = build(card, components=2, passes=40).fit(X[train], y[train])
    assert model.classes_.tolist() == [0, 1, 2]
    probability = model.predict_proba(X[test])
    assert_probabilities(probability, 30, 3)
    assert (model.predict(X[test]) == probability.argmax(axis=1)).all()
    assert (model.predict(X[test]) == y[test]).mean() > 0.8


@every_model
def test_the_same_seed_gives_the_same_bits_and_another_seed_another_model(card: ModelSpec) -> None:
    X, y = cohort()
    one, two, other = (build(card, seed=seed).fit(X, y).predict_proba(X) for seed in (3, 3, 4))
    assert one.tobytes() == two.tobytes()
    assert (one != other).any()


@every_model
def test_a_row_asked_alone_gets_the_same_answer(card: ModelSpec) -> None:
    X, y = cohort()
    model = build(card).fit(X, y)
    together = model.predict_proba(X)
    for i in (0, 7, int(np.flatnonzero(X["text"] == "")[0])):
        np.testing.assert_allclose(model.predict_proba(X.iloc[[i]]), together[[i]], rtol=1e-5, atol=1e-7)


@every_model
def test_a_gene_a_variation_and_words_never_seen_are_answered(card: ModelSpec) -> None:
    X, y = cohort()
    strange = pd.DataFrame({"gene": ["NEW"], "variation": ["Fusion"], "text": ["unheard of"]}, index=["t"])
    assert_probabilities(build(card).fit(X, y).predict_proba(strange), 1, 3)


@every_model
@pytest.mark.parametrize("sizes", [(40, 40, 37, 3), (20, 20)], ids=["tiny class", "two classes"])
def test_it_takes_a_cohort_of_any_shape(card: ModelSpec, sizes: tuple[int, ...]) -> None:
    X, y = cohort(sizes)
    assert_probabilities(build(card).fit(X, y).predict_proba(X), len(y), len(sizes))


@every_model
def test_one_gene_and_few_variations_are_enough(card: ModelSpec) -> None:
    X, y = cohort()
    X = X.assign(gene="TP53", variation=["Deletion", "Fusion", "R175H"] * 30)
    assert_probabilities(build(card).fit(X, y).predict_proba(X), 90, 3)


@every_model
def test_texts_without_a_word_are_refused_with_what_mends_it(card: ModelSpec) -> None:
    X, y = cohort()
    with pytest.raises(DataError, match=r"min_count"):
        build(card).fit(X.assign(text="... ?!"), y)
    with pytest.raises(DataError, match=r"No word comes 1000 times"):
        build(card, min_count=1000).fit(X, y)


def test_the_blend_is_a_quarter_network_and_three_quarters_trees_of_the_same_features() -> None:
    X, y = cohort()
    network = build(CARDS["doc2vec-mlp"]).fit(X, y).predict_proba(X)
    trees = build(CARDS["doc2vec-xgboost"]).fit(X, y).predict_proba(X)
    blend = build(CARDS["doc2vec-blend"]).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(blend, 0.25 * network + 0.75 * trees, atol=1e-7)
    assert np.abs(network - trees).max() > 0.01


def test_the_vectors_do_not_depend_on_pythonhashseed() -> None:
    code = (
        "import pandas as pd; from genoboard_doc2vec.texts import TextVectors\n"
        "texts = pd.Series(['a lost protein is lost', 'a kinase gained a habit', 'gained and lost'])\n"
        "print(TextVectors(8, 5, 1, 0.0, 5, 5, 99, seed=0).fit(texts).transform(texts).tobytes().hex())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert len(next(iter(said)).strip()) == 3 * 8 * 4 * 2


def test_texts_are_learnt_once_however_many_rows_share_them() -> None:
    X, _ = cohort()
    once = vectors().fit(X["text"].drop_duplicates())
    often = vectors().fit(pd.concat([X["text"]] * 3))
    assert once.transform(X["text"]).tobytes() == often.transform(X["text"]).tobytes()


def test_rows_that_share_a_text_share_its_vector_and_no_text_is_zero() -> None:
    X, _ = cohort()
    found = vectors().fit(X["text"]).transform(X["text"])
    for _, rows in X.reset_index().groupby("text"):
        assert (found[rows.index] == found[rows.index[0]]).all()
    assert (found[np.flatnonzero(X["text"] == "")] == 0).all()
    assert len(np.unique(found, axis=0)) == X["text"].nunique()


def test_what_lies_beyond_gensims_batch_is_read_too() -> None:
    X, _ = cohort()
    fitted = vectors(words=30_000).fit(X["text"])
    beginning = TALK[0] + " "
    short = beginning * 900
    ends = [short + (talk + " ") * 600 for talk in TALK]
    assert len(words_of(short, 10**9)) == 9900
    found = fitted.transform(pd.Series(ends))
    assert len(np.unique(found, axis=0)) == 3
    assert len(np.unique(vectors(words=9000).fit(X["text"]).transform(pd.Series(ends)), axis=0)) == 1


@given(st.text(), st.integers(1, 20))
def test_words_are_lower_case_without_punctuation_and_no_more_than_the_limit(text: str, limit: int) -> None:
    words = words_of(text, limit)
    assert len(words) <= limit
    assert words == words_of(" ".join(words_of(text, 10**9)), limit)
    assert all(w == w.lower() and w.strip(" .,;:-()") == w and w for w in words)


def test_the_words_of_a_sentence() -> None:
    assert words_of("Loss of p.V600E (BRAF), β-catenin.", 99) == ["loss", "of", "p", "v600e", "braf", "β", "catenin"]


def test_an_unseen_gene_is_all_zero_and_the_seen_ones_are_told_apart() -> None:
    X, _ = cohort(genes=40)
    gene, variation = Fields(25, seed=0).fit(X).transform(X)
    assert gene.shape == variation.shape == (90, 25)
    strange = X.assign(gene="NEW", variation="NEW")
    assert not any(block.any() for block in Fields(25, seed=0).fit(X).transform(strange))
    common = X["gene"].value_counts().index[:5]
    assert len(np.unique(gene[X["gene"].isin(common)].round(4), axis=0)) == 5


def test_fewer_genes_than_components_make_as_many_columns() -> None:
    X, _ = cohort(genes=12)
    gene, _ = Fields(25, seed=0).fit(X).transform(X)
    assert gene.shape == (90, X["gene"].nunique())


def test_the_trees_importances_are_shares_by_block() -> None:
    X, y = cohort()
    table = build(CARDS["doc2vec-xgboost"], components=2, passes=40).fit(X, y).artifacts()["importances"]
    assert table["block"].tolist() == ["text", "gene", "variation"]
    assert table["columns"].tolist() == [20, 2, 2]
    assert table["importance"].sum() == pytest.approx(1)
    assert table["importance"][0] > 0.6


def test_an_inner_fold_by_group_decides_the_epochs_and_the_curve_tells_of_it(tmp_path: Path) -> None:
    X, y = cohort()
    run = RunContext(tmp_path, seed=0, device="cpu", n_jobs=1)
    model = Doc2VecMLP(vector_size=20, passes=10, learning_rate=0.01, l2=0, max_epochs=40, patience=3)
    curve = model.fit(X, y, groups=np.arange(90) // 3, run=run).artifacts()["curve"]
    best = int(curve["valid_loss"].idxmin())
    assert curve.columns.tolist() == ["epoch", "train_loss", "valid_loss", "all_rows_loss"]
    assert curve["all_rows_loss"].count() == best + 1
    assert curve["valid_loss"].count() == best + 1 + model.patience
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    told = [line for line in lines if "valid_loss" in line]
    assert [line["step"] for line in told] == list(range(1, len(told) + 1))
    assert [line["valid_loss"] for line in told] == curve["valid_loss"].dropna().tolist()


def test_no_group_lies_on_both_sides_of_the_inner_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = cohort()
    groups = np.random.default_rng(0).integers(0, 9, 90)
    seen: list[pd.Index] = []
    learn = Fields.fit

    def spy(self: Fields, rows: pd.DataFrame) -> Fields:
        seen.append(rows.index)
        return learn(self, rows)

    monkeypatch.setattr(Fields, "fit", spy)
    Doc2VecMLP(vector_size=10, passes=2, max_epochs=2).fit(X, y, groups=groups)
    everything, inner = seen
    assert len(everything) == 90
    at = X.index.get_indexer(inner)
    assert 0 < len(at) < 90
    assert not set(groups[at]) & set(np.delete(groups, at))


def test_the_inner_fold_is_some_fifth_of_the_rows_and_of_all_classes_alike_beside_a_huge_group() -> None:
    X, y = cohort((200, 80, 17, 3))
    groups = np.where(np.arange(300) < 150, 0, np.arange(300))
    dealt = inner_fold(Rows(X, np.zeros((300, 1), dtype=np.float32), y, groups), seed=0)
    assert dealt is not None
    train, valid = dealt
    assert sorted([*train, *valid]) == list(range(300))
    assert not set(groups[train]) & set(groups[valid])
    assert 30 <= len(valid) <= 60
    assert (y[valid] == 0).mean() == pytest.approx(2 / 3, abs=0.1)


def test_without_groups_rows_that_share_a_text_stay_together_and_a_single_group_is_taken(tmp_path: Path) -> None:
    X, y = cohort()
    model = Doc2VecMLP(vector_size=10, passes=2, max_epochs=3)
    assert "valid_loss" in model.fit(X, y).artifacts()["curve"]
    alone = model.fit(X, y, groups=np.zeros(90, dtype=np.int64)).artifacts()["curve"]
    assert alone.columns.tolist() == ["epoch", "all_rows_loss"]
    assert len(alone) == 3


def test_the_network_leaves_torch_as_it_was() -> None:
    import torch

    X, y = cohort()
    torch.manual_seed(1)
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.random.get_rng_state().tolist()
    build(CARDS["doc2vec-mlp"]).fit(X, y).predict_proba(X)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.random.get_rng_state().tolist()) == before


def test_a_stronger_penalty_makes_smaller_weights() -> None:
    X, y = cohort()

    def size(l2: float) -> float:
        model = Doc2VecMLP(vector_size=10, passes=2, epochs=30, learning_rate=1e-2, l2=l2).fit(X, y)
        return sum((p.detach() ** 2).sum().item() for n, p in model.network_.layers_.named_parameters() if n.endswith("weight"))

    assert size(0.1) < size(0.001) / 10


def test_the_blend_keeps_both_models_tables() -> None:
    X, y = cohort()
    assert set(build(CARDS["doc2vec-blend"]).fit(X, y).artifacts()) == {"importances", "curve"}


def test_the_run_is_told_the_trees_loss_of_every_tenth_round(tmp_path: Path) -> None:
    X, y = cohort()
    run = RunContext(tmp_path, seed=0, device="cpu", n_jobs=1)
    Doc2VecXGBoost(vector_size=10, passes=2, rounds=21).fit(X, y, run=run)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 10, 20]
    assert lines[0]["train_log_loss"] > lines[1]["train_log_loss"] > lines[2]["train_log_loss"] > 0


def test_parameters_may_come_as_json_lists() -> None:
    X, y = cohort()
    model = Doc2VecBlend(vector_size=10, passes=2, rounds=3, epochs=2, hidden=[8, 4], dropout=[0.1])  # type: ignore[arg-type]
    assert_probabilities(model.fit(X, y).predict_proba(X), 90, 3)


def test_the_official_texts_are_read_once_each(real_data: Path) -> None:
    with (real_data / "variant-class" / "msk" / "training_text_first_9_rows").open(encoding="utf-8") as file:
        texts = pd.Series([line.partition("||")[2] for line in file if "||" in line])
    fitted = vectors(passes=2).fit(texts)
    found = fitted.transform(texts)
    assert fitted.model_.corpus_count == texts.nunique() < len(texts)
    assert np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) == texts.nunique()


@pytest.fixture(scope="module")
def civic(real_data: Path) -> Cohort:
    """2,000 evidence items of the six classes, in random order, and their codes."""
    place = real_data / "variant-class" / "civic" / "01-Aug-2021-ClinicalEvidenceSummaries.tsv.gz"
    items = pd.read_csv(place, sep="\t", quoting=3, dtype="str", keep_default_na=False)
    rows = items[items["clinical_significance"].isin(CLASSES)].sample(2000, random_state=0)
    X = rows.rename(columns={"variant": "variation", "evidence_statement": "text"})[["gene", "variation", "text"]]
    return X, pd.factorize(rows["clinical_significance"], sort=True)[0]


@pytest.mark.slow
def test_on_civic_the_blend_of_both_beats_the_shares_of_the_gene_on_a_random_split(civic: Cohort) -> None:
    card = CARDS["doc2vec-blend"]
    (X, y), train, test = civic, slice(0, 1600), slice(1600, None)

    def loss(probability: NDArray[np.float64]) -> float:
        return float(-np.log(probability[np.arange(400), y[test]]).mean())

    prior = np.bincount(y[train]) / 1600
    counts = pd.crosstab(X["gene"][train], y[train])
    smoothed = (counts + 2 * prior).div(counts.sum(axis=1) + 2, axis=0)
    by_gene = smoothed.reindex(X["gene"][test]).fillna(dict(enumerate(prior))).to_numpy()
    module, _, name = card.target.partition(":")
    fixed = {"epochs": 40} if "epochs" in card.parameters else {}
    model = getattr(importlib.import_module(module), name)(**card.settings(fixed)).fit(X[train], y[train])
    assert loss(model.predict_proba(X[test])) < loss(by_gene) - 0.1 < loss(np.tile(prior, (400, 1))) - 0.3
