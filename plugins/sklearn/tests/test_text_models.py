"""The models of text: what their cards promise, the cohorts that break careless ones, and what they reach on real data."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from genoboard import ModelSpec
from genoboard_sklearn import register_models
from genoboard_sklearn.latent import Latent, inner_products
from genoboard_sklearn.logistic import GroupedLogistic
from genoboard_sklearn.terms import Terms
from genoboard_sklearn.text import neutral

CARDS = {card.name: card for card in register_models() if "text" in card.kinds}
every_model = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)

GENES = ("BRAF", "KIT", "EGFR", "PTEN", "TP53", "FGFR2", "FGFR3", "ALK", "VHL", "CBL")
SAYS = (
    "{g} {v} raised kinase activity and transformed the cells.",
    "{g} {v} abolished the protein, and the tumour suppressor was lost.",
    "{g} {v} behaved like the wild type in every assay.",
)
NAMES = (("V{p}E", "Amplification"), ("W{p}*", "T{p}fs"), ("A{p}S", "L{p}I"))

Cohort = tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.int64]]


def cohort(n: int = 150, classes: int = 3, seed: int = 0) -> Cohort:
    """Return X, codes, and the gene of each row as groups; text and kind of variant tell the class, in every gene alike."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    gene = rng.integers(len(GENES), size=n)
    rows = []
    for code, g in zip(y, gene, strict=True):
        name = str(rng.choice(NAMES[code])).format(p=rng.integers(2, 900))
        filler = " ".join(rng.choice(["Cells were grown.", "We thank all.", "Figure 2 shows a blot."], size=5))
        rows.append((GENES[g], name, f"{filler} {SAYS[code].format(g=GENES[g], v=name)} {filler}"))
    return pd.DataFrame(rows, columns=["gene", "variation", "text"], index=[f"i{i}" for i in range(n)]), y, gene


def build(card: ModelSpec, **given: object) -> Any:
    module, _, name = card.target.partition(":")
    make: Callable[..., Any] = getattr(importlib.import_module(module), name)
    # what a run keeps and gives back is JSON
    return make(**json.loads(json.dumps(card.settings(given))))


def assert_probabilities(probability: NDArray[np.float64], n: int, k: int) -> None:
    assert probability.shape == (n, k)
    assert np.isfinite(probability).all()
    assert probability.min() >= 0
    np.testing.assert_allclose(probability.sum(axis=1), 1)


def log_loss(probability: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    return float(-np.log(np.maximum(probability[np.arange(len(y)), y], 1e-15)).mean())


@every_model
def test_a_card_shows_every_parameter_with_its_default(card: ModelSpec) -> None:
    module, _, name = card.target.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    shown = {k: v.default for k, v in signature.parameters.items() if k != "random_state"}
    assert dict(card.parameters) == shown


@every_model
def test_a_model_learns_and_gives_probabilities(card: ModelSpec) -> None:
    X, y, _ = cohort()
    model = build(card).fit(X[:100], y[:100], groups=np.arange(100))
    assert model.classes_.tolist() == [0, 1, 2]
    probability = model.predict_proba(X[100:])
    assert_probabilities(probability, 50, 3)
    assert log_loss(probability, y[100:]) < 0.3
    assert (model.predict(X[100:]) == probability.argmax(axis=1)).all()


@every_model
def test_genes_never_seen_are_read_too(card: ModelSpec) -> None:
    X, y, gene = cohort()
    new = np.isin(gene, [0, 1, 2])
    probability = build(card).fit(X[~new], y[~new], groups=gene[~new]).predict_proba(X[new])
    assert log_loss(probability, y[new]) < 0.4


@every_model
def test_where_groups_are_genes_a_misleading_gene_does_no_harm(card: ModelSpec) -> None:
    X, y, gene = cohort()
    # in train the gene alone tells the class; in a new gene nothing does
    X["variation"], X["text"] = "Mutation", "Cells were grown."
    y = gene % 3
    new = gene < 3
    model = build(card).fit(X[~new], y[~new], groups=gene[~new])
    assert log_loss(model.predict_proba(X[new]), y[new]) < 1.12


@every_model
def test_where_genes_repeat_the_gene_is_trusted(card: ModelSpec) -> None:
    X, _, gene = cohort()
    X["variation"], X["text"] = "Mutation", "Cells were grown."
    y = (gene % 3).astype(np.int64)
    model = build(card).fit(X[:110], y[:110], groups=np.arange(110))
    assert log_loss(model.predict_proba(X[110:]), y[110:]) < 0.5


@every_model
def test_the_same_rows_give_the_same_bits(card: ModelSpec) -> None:
    X, y, gene = cohort(n=80)
    one, two = (build(card).fit(X, y, groups=gene).predict_proba(X) for _ in range(2))
    assert one.tobytes() == two.tobytes()


@every_model
def test_a_row_asked_alone_gets_the_same_answer(card: ModelSpec) -> None:
    X, y, gene = cohort()
    model = build(card).fit(X, y, groups=gene)
    np.testing.assert_allclose(model.predict_proba(X.iloc[[7]]), model.predict_proba(X)[[7]], rtol=1e-4, atol=1e-6)


@every_model
@pytest.mark.parametrize(
    "groups", [None, np.zeros(61, dtype=np.int64), np.arange(61) % 2, np.arange(61), np.r_[np.zeros(60, dtype=np.int64), 1]],
    ids=["none", "one", "two", "single rows", "one and a row"],
)  # fmt: skip
def test_any_groups_and_a_class_of_one_row_are_fitted(card: ModelSpec, groups: NDArray[np.int64] | None) -> None:
    X, y, _ = cohort(n=61, classes=2)
    y[60] = 2
    assert_probabilities(build(card).fit(X, y, groups=groups).predict_proba(X), 61, 3)


@every_model
def test_groups_that_are_classes_leave_a_model_that_still_answers(card: ModelSpec) -> None:
    X, y, _ = cohort(n=40, classes=2)
    assert_probabilities(build(card).fit(X, y, groups=y).predict_proba(X), 40, 2)


@every_model
def test_rows_without_text_are_answered_by_the_variant_alone(card: ModelSpec) -> None:
    X, y, _ = cohort()
    X["text"] = ""
    probability = build(card).fit(X[:100], y[:100]).predict_proba(X[100:])
    assert_probabilities(probability, 50, 3)
    assert log_loss(probability, y[100:]) < 0.6


@every_model
def test_columns_come_in_any_order_and_classes_need_not_start_at_zero(card: ModelSpec) -> None:
    X, y, _ = cohort(n=60)
    model = build(card).fit(X[["text", "variation", "gene"]], y + 4)
    assert model.classes_.tolist() == [4, 5, 6]
    assert set(model.predict(X[["variation", "gene", "text"]])) <= {4, 5, 6}


@every_model
def test_one_penalty_is_taken_as_it_is(card: ModelSpec) -> None:
    X, y, _ = cohort(n=60)
    assert build(card, C=0.7).fit(X, y).model_.C_ == 0.7


@every_model
def test_artifacts_name_what_speaks_for_and_against_each_class(card: ModelSpec) -> None:
    X, y, _ = cohort()
    tables = build(card).fit(X, y).artifacts()
    terms = tables["terms"]
    assert terms.columns.tolist() == ["feature", "class", "weight"]
    assert sorted(set(terms["class"])) == [0, 1, 2]
    top = terms[terms["class"] == 1].head(40)
    assert top["weight"].is_monotonic_decreasing
    assert top["feature"].str.contains("broken|suppressor").any()
    assert set(tables["trials"].columns) == {"design", "C", "log_loss"}


def test_variant_features_needs_no_text() -> None:
    X, y, gene = cohort()
    card = CARDS["variant-features"]
    bare, full = (build(card).fit(x, y, groups=gene).predict_proba(x) for x in (X[["gene", "variation"]], X))
    assert (bare == full).all()


def test_a_masked_model_does_not_see_which_gene_it_is() -> None:
    X, y, gene = cohort()
    card = CARDS["tfidf-logistic"]
    renamed = X.assign(gene="SMAD4", text=[t.replace(g, "SMAD4") for t, g in zip(X["text"], X["gene"], strict=True)])
    model = build(card, mask_gene=True).fit(X, y, groups=gene)
    np.testing.assert_allclose(model.predict_proba(renamed), model.predict_proba(X), rtol=1e-6)
    # and one that may see it, does
    y = (gene % 3).astype(np.int64)
    open_eyed = build(card).fit(X, y, groups=np.arange(len(y)))
    assert not np.allclose(open_eyed.predict_proba(renamed), open_eyed.predict_proba(X), atol=0.05)


def test_a_long_text_is_read_around_the_variant() -> None:
    X, y, _ = cohort()
    padding = "Nothing of note was found in the other arm of the study. " * 200
    X["text"] = padding + X["text"] + " " + padding
    X["variation"] = [f"V{i + 2}E" for i in range(len(X))]
    X["text"] = [f"{padding}{SAYS[c].format(g=g, v=v)} {padding}" for c, g, v in zip(y, X["gene"], X["variation"], strict=True)]
    probability = build(CARDS["tfidf-logistic"], words=40).fit(X[:100], y[:100]).predict_proba(X[100:])
    assert log_loss(probability, y[100:]) < 0.3


def test_gene_and_variant_are_made_neutral_by_whatever_name() -> None:
    assert (
        neutral("BRAF(Val600Glu) and p.V600E, but not V600K or ARAF", "BRAF", "V600E") == "GENE(VARIANT) and VARIANT, but not V600K or ARAF"
    )
    assert neutral("TET2 truncating mutations", "TET2", "Truncating Mutations") == "GENE truncating mutations"


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 2**16))
def test_latent_axes_keep_the_inner_products(n: int, p: int, seed: int) -> None:
    from scipy import sparse

    M = sparse.random(n, p, 0.3, format="csr", dtype=np.float32, random_state=np.random.default_rng(seed))
    latent = Latent(axes=60)
    rows = latent.fit_transform(M)
    exact = (M @ M.T).toarray()
    np.testing.assert_allclose(inner_products(M, M), exact, atol=1e-4)
    np.testing.assert_allclose(rows @ rows.T, exact, atol=1e-3)
    np.testing.assert_allclose(latent.transform(M) @ rows.T, exact, atol=1e-2)


def test_terms_of_texts_without_words_are_rows_of_zeros() -> None:
    terms = Terms()
    assert terms.fit_transform(["", " "]).shape == (2, 0)
    assert terms.transform(["some words"]).shape == (1, 0)
    assert terms.names_ == []


def test_an_overconfident_design_is_cooled_towards_the_prior() -> None:
    rng = np.random.default_rng(0)
    y, noise = np.arange(120) % 3, rng.normal(size=(120, 200))
    model = GroupedLogistic((100.0,)).fit({"noise": noise}, y, np.arange(120))
    assert log_loss(model.predict_proba(rng.normal(size=(300, 200))), np.arange(300) % 3) < 1.2


def out_of_fold(card: ModelSpec, X: pd.DataFrame, y: NDArray[np.int64], groups: NDArray[np.int64], folds: int = 5) -> float:
    probability = np.zeros((len(y), y.max() + 1))
    for train, test in GroupKFold(folds, shuffle=True, random_state=0).split(X, groups=groups):
        model = build(card).fit(X.iloc[train], y[train], groups=groups[train])
        probability[np.ix_(test, model.classes_)] = model.predict_proba(X.iloc[test])
    return log_loss(probability, y)


@pytest.fixture(scope="module")
def msk(real_data: Path) -> pd.DataFrame:
    return pd.read_csv(real_data / "variant-class" / "msk" / "training_variants").rename(columns={"Gene": "gene", "Variation": "variation"})


@pytest.mark.slow
def test_on_stage_one_it_beats_the_gene_alone(msk: pd.DataFrame, real_data: Path) -> None:
    asked = (
        pd.read_csv(real_data / "variant-class" / "msk" / "test_variants")
        .set_index("ID")
        .rename(columns={"Gene": "gene", "Variation": "variation"})
    )
    truth = pd.read_csv(real_data / "variant-class" / "msk" / "stage1_solution_filtered.csv").set_index("ID")
    model = build(CARDS["variant-features"], C=1.0, folds=2).fit(msk, msk["Class"].to_numpy() - 1)
    assert log_loss(model.predict_proba(asked.loc[truth.index]), truth.to_numpy().argmax(axis=1)) < 0.97


@pytest.mark.slow
def test_on_civic_s_short_fields_of_other_genes_it_beats_what_plain_models_reach(real_data: Path) -> None:
    rows = pd.read_csv(
        real_data / "variant-class" / "civic" / "01-Aug-2021-ClinicalEvidenceSummaries.tsv.gz", sep="\t", quoting=3, dtype="str"
    )
    rows = rows.rename(columns={"variant": "variation", "evidence_statement": "text"})
    rows = rows.drop_duplicates(["gene", "variation", "text", "clinical_significance"]).dropna(subset=["clinical_significance"])
    rows = rows[rows.groupby("clinical_significance")["gene"].transform("size") > 100]
    y, groups = (pd.factorize(rows[c], sort=True)[0].astype(np.int64) for c in ("clinical_significance", "gene"))
    assert out_of_fold(CARDS["variant-features"], rows[["gene", "variation", "text"]].fillna(""), y, groups) < 1.70
