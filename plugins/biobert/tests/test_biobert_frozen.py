"""biobert-frozen: embeddings that do not depend on what stands beside a text, a head that is calibrated, and the run as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from genoboard import ModelFailed, RunContext, evaluate
from genoboard_biobert.calibration import cooled, log_loss
from genoboard_biobert.checkpoint import find
from genoboard_biobert.encoder import Encoder
from genoboard_biobert.frozen import Frozen
from genoboard_biobert.head import SHARED, CalibratedSoftmax, Choice
from genoboard_sklearn.folds import inner

Cohort = tuple[pd.DataFrame, np.ndarray, np.ndarray]
TEXTS = [" ".join(["the patients with BRAF mutations respond to therapy"] * n) + f" in cells {n}." for n in (1, 9, 2, 7, 1, 3, 12, 5)]


def context(folder: Path, cache: Path | None = None) -> RunContext:
    folder.mkdir(exist_ok=True)
    return RunContext(folder, seed=0, device="cpu", n_jobs=1, classes=("a", "b", "c"), cache=cache)


def alone(checkpoint: str, text: str) -> np.ndarray:
    """A text by itself, without padding, batches or masks."""
    found = find(checkpoint)
    with torch.inference_mode():
        states = found.network()(**found.tokenizer()([text], truncation=True, max_length=128, return_tensors="pt")).last_hidden_state
    return states[0].mean(dim=0).numpy()


def test_in_a_batch_a_text_gets_the_embedding_that_it_gets_alone(tiny: str) -> None:
    found = Encoder(find(tiny), "float32", length=128)(TEXTS)[:, -1]
    np.testing.assert_allclose(found, [alone(tiny, t) for t in TEXTS], atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-2


def test_a_real_encoder_s_embeddings_are_the_same_in_a_batch_and_alone(minilm: str) -> None:
    found = Encoder(find(minilm), "float32", length=128)(TEXTS)[:, -1]
    np.testing.assert_allclose(found, [alone(minilm, t) for t in TEXTS], atol=1e-5)


def test_layers_are_given_from_the_lower_to_the_upper(tiny: str) -> None:
    both = Encoder(find(tiny), "float32", layers=2)(TEXTS)
    assert both.shape == (len(TEXTS), 2, 32)
    np.testing.assert_array_equal(both[:, -1], Encoder(find(tiny), "float32")(TEXTS)[:, 0])


def test_bfloat16_gives_nearly_the_same_embeddings_as_float32(minilm: str) -> None:
    full, half = (Encoder(find(minilm), dtype)(TEXTS)[:, -1] for dtype in ("float32", "bfloat16"))
    alike = (full * half).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(half, axis=1)
    assert alike.min() > 0.999
    assert (full != half).any()


def test_every_distinct_text_is_encoded_once_and_not_again_from_the_cache(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(find(tiny), "float32", cache=tmp_path, into=tmp_path)
    first = encoder([*TEXTS, *TEXTS[::-1]])
    np.testing.assert_array_equal(first[: len(TEXTS)], first[: len(TEXTS) - 1 : -1])
    assert encoder.network is not None
    with np.load(next(tmp_path.rglob("*.npz"))) as held:
        assert len(held["keys"]) == len(set(TEXTS))
    again = Encoder(find(tiny), "float32", cache=tmp_path, into=tmp_path)
    assert again([*TEXTS, *TEXTS[::-1]]).tobytes() == first.tobytes()
    assert again.network is None


def test_another_checkpoint_precision_or_length_does_not_read_these_embeddings(
    tiny: str, tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    Encoder(find(tiny), "float32", 64, cache=tmp_path, into=tmp_path)(TEXTS)
    other = str(make_checkpoint(tmp_path / "other", seed=1))
    for encoder in (
        Encoder(find(other), "float32", 64, cache=tmp_path, into=tmp_path),
        Encoder(find(tiny), "bfloat16", 64, cache=tmp_path, into=tmp_path),
    ):
        encoder(TEXTS)
        assert encoder.network is not None
    assert TEXTS[0] not in Encoder(find(tiny), "float32", 32, cache=tmp_path, into=tmp_path).store


def test_a_batch_that_does_not_fit_is_encoded_in_halves(tiny: str) -> None:
    class Small(torch.nn.Module):
        """A network on a device without room for more than two texts."""

        def __init__(self, network: torch.nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: torch.Tensor, **given: object) -> object:
            if len(input_ids) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return self.network(input_ids=input_ids, **given)

    encoder = Encoder(find(tiny), "float32")
    encoder.network = Small(find(tiny).network())
    np.testing.assert_allclose(encoder(TEXTS), Encoder(find(tiny), "float32")(TEXTS), atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6), st.integers(2, 40))
def test_inner_folds_cut_no_group_and_hold_every_row_out_once(seed: int, n: int, g: int) -> None:
    rng = np.random.default_rng(seed)
    groups, code = rng.integers(0, g, 60), rng.integers(0, 3, 60)
    folds = inner(code, groups, n, seed)
    assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)
    assert sorted(np.concatenate([[], *(test for _, test in folds)])) == (list(range(60)) if len(set(groups)) > 1 else [])


@settings(max_examples=20, deadline=None)
@given(st.floats(0.3, 4.0), st.integers(0, 100))
def test_the_temperature_is_the_one_that_logits_were_heated_by(heat: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(4000, 4)) * 2
    code = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    temperature, loss = cooled(logits * heat, code)
    assert temperature == pytest.approx(heat, rel=0.15)
    assert loss <= log_loss(logits, code) + 1e-6


def products(seed: int = 0, sizes: tuple[int, ...] = (40, 40, 37, 3)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inner products of rows of 5 features, codes, and the rows themselves."""
    rng = np.random.default_rng(seed)
    code = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = (rng.normal(size=(len(sizes), 5))[code] + rng.normal(size=(len(code), 5))).astype(np.float32)
    return rows @ rows.T, code, rows


ONE = [Choice((1.0,), 1.0)]


def test_the_head_is_the_logistic_regression_on_the_features_themselves() -> None:
    K, code, rows = products()
    head = CalibratedSoftmax(ONE).fit([K[:90, :90]], code[:90])
    head.temperature_ = 1.0
    rows = np.column_stack([rows, np.full(len(rows), np.sqrt(SHARED))])
    plain = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000, fit_intercept=False).fit(rows[:90], code[:90])
    np.testing.assert_allclose(head.predict_proba([K[90:, :90]]), plain.predict_proba(rows[90:]), atol=0.02)


def test_of_two_kinds_of_likeness_the_one_that_tells_gets_the_larger_share() -> None:
    K, code, _ = products()
    noise, _, _ = products(seed=7)
    choices = [Choice((share, 1 - share), 1.0) for share in (0.1, 0.9)]
    assert CalibratedSoftmax(choices).fit([K, noise], code).choice_ == choices[1]
    assert CalibratedSoftmax(choices).fit([noise, K], code).choice_ == choices[0]


def test_what_cannot_be_known_is_answered_with_the_shares() -> None:
    K, code, _ = products(sizes=(60, 60, 60, 60))
    noise = np.random.default_rng(1).permutation(code)
    known, unknown = CalibratedSoftmax(ONE).fit([K], code), CalibratedSoftmax(ONE).fit([K], noise)
    assert known.losses_.min() < 0.9 * np.log(4) < unknown.losses_.min()
    assert unknown.temperature_ > 2 * known.temperature_
    assert unknown.predict_proba([K]).max() < 0.5 < known.predict_proba([K]).max()


@pytest.mark.parametrize("sizes", [(40, 40, 1), (30, 30), (60,)], ids=["a class of one row", "two classes", "one class"])
def test_the_head_takes_few_classes_and_small_ones(sizes: tuple[int, ...]) -> None:
    K, code, _ = products(sizes=sizes)
    groups = np.where(code == len(sizes) - 1, 0, np.arange(len(code)) + 1)
    probability = CalibratedSoftmax(ONE).fit([K], code, groups).predict_proba([K])
    assert probability.shape == (len(code), len(sizes))
    np.testing.assert_allclose(probability.sum(axis=1), 1)


def test_without_a_second_group_there_is_nothing_to_choose_by() -> None:
    K, code, _ = products()
    head = CalibratedSoftmax([Choice((1.0,), C) for C in (0.1, 1.0)]).fit([K], code, np.zeros(len(code), dtype=int))
    assert (head.temperature_, head.choice_.C, len(head.losses_)) == (1.0, 0.1, 0)


@pytest.mark.parametrize("lexical", [True, False])
def test_it_learns_to_tell_texts_apart(tiny: str, cohort: Cohort, tmp_path: Path, lexical: bool) -> None:
    X, y, groups = cohort
    model = Frozen(tiny, lexical=lexical, layers=2).fit(X[:90], y[:90], groups[:90], context(tmp_path / "run"))
    probability = model.predict_proba(X[90:])
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert (model.predict(X[90:]) == y[90:]).mean() > 0.7
    assert model.classes_.tolist() == [0, 1, 2]


def test_what_was_prepared_is_read_and_not_encoded_again_and_gives_the_same_bits(tiny: str, cohort: Cohort, tmp_path: Path) -> None:
    X, y, groups = cohort
    plain = Frozen(tiny).fit(X[:90], y[:90], groups[:90], context(tmp_path / "plain"))
    Frozen(tiny).prepare(X[:90], context(tmp_path / "cache", tmp_path / "none yet"))
    model = Frozen(tiny).fit(X[:90], y[:90], groups[:90], context(tmp_path / "run", tmp_path / "cache"))
    assert model.encoder_.network is None
    assert plain.encoder_.network is not None
    assert model.predict_proba(X[90:]).tobytes() == plain.predict_proba(X[90:]).tobytes()
    assert not list((tmp_path / "run").iterdir()), "where the target is known nothing is kept"


@pytest.mark.slow
def test_an_entry_s_embeddings_are_made_where_no_target_is_and_the_next_one_reads_them(
    minilm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    told = [
        evaluate(
            "variant-class",
            "biobert-frozen",
            parameters={"checkpoint": minilm, "tokens": 16, "windows": 1, "layers": 1},
            workspace=tmp_path,
        )
        for _ in range(2)
    ]
    assert [e.verdict for e in told] == ["ok", "ok"], told[0].reason
    assert told[0].scores == told[1].scores
    kept = sorted(p.name for p in (tmp_path / "cache" / "models" / "genoboard_biobert").rglob("*.npz"))
    assert kept


def test_a_row_asked_alone_gets_the_same_answer(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    model = Frozen(tiny).fit(X, y, groups)
    other = Frozen(tiny).fit(X, y, groups)
    np.testing.assert_allclose(model.predict_proba(X)[[7]], other.predict_proba(X.iloc[[7]]), rtol=1e-4)


def test_a_masked_gene_cannot_tell_the_class(tiny: str, cohort: Cohort) -> None:
    X, _, groups = cohort
    y = X["gene"].eq("BRAF").to_numpy(dtype=np.int64)
    X = X.assign(text=[f"Cells with {g} mutations in patients." for g in X["gene"]])
    seen, masked = (Frozen(tiny, mask_gene=m).fit(X[:90], y[:90], groups[:90]).predict_proba(X[90:]) for m in (False, True))
    assert (seen.argmax(axis=1) == y[90:]).all()
    assert np.ptp(masked, axis=0).max() < 1e-6


def test_rows_without_text_and_a_test_gene_never_seen_are_taken(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    X = X.copy()
    X.iloc[::7, 2] = ""
    X.iloc[100:, 0] = "NEVER1"
    probability = Frozen(tiny, windows=3, tokens=16).fit(X[:90], y[:90], groups[:90]).predict_proba(X[90:])
    assert np.isfinite(probability).all()
    X["text"] = ""
    assert np.isfinite(Frozen(tiny).fit(X, y, groups).predict_proba(X)).all()


def test_an_unknown_precision_is_refused(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    with pytest.raises(ModelFailed, match="dtype='half' is none of auto, float32, bfloat16"):
        Frozen(tiny, dtype="half").fit(X, y, groups)
