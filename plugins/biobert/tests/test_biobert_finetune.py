"""biobert-finetune: it learns, stops in time, answers as sure as it should, and gives the same bits again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genoboard import ModelFailed, RunContext
from genoboard_biobert.calibration import cooled
from genoboard_biobert.checkpoint import find
from genoboard_biobert.finetune import Finetune, class_weights
from genoboard_biobert.network import Classifier
from genoboard_biobert.training import Recipe, Trainer

Cohort = tuple[pd.DataFrame, np.ndarray, np.ndarray]
QUICK: dict[str, Any] = {"epochs": 8, "patience": 8, "learning_rate": 2e-3, "head_learning_rate": 1e-2, "dtype": "float32"}


def context(folder: Path) -> RunContext:
    folder.mkdir(exist_ok=True)
    return RunContext(folder, seed=0, device="cpu", n_jobs=1, classes=("a", "b", "c"))


def test_it_learns_to_tell_texts_apart_and_logs_every_epoch(tiny: str, cohort: Cohort, tmp_path: Path) -> None:
    X, y, groups = cohort
    model = Finetune(tiny, **QUICK).fit(X[:90], y[:90], groups[:90], context(tmp_path / "run"))
    probability = model.predict_proba(X[90:])
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert (model.predict(X[90:]) == y[90:]).mean() > 0.8
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(8))
    assert lines[-1]["train_log_loss"] < 0.5 * lines[0]["train_log_loss"]
    assert {"valid_log_loss", "valid_accuracy"} < set(lines[0])


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_model(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    one, two, other = (Finetune(tiny, **{**QUICK, "epochs": 2}, random_state=seed).fit(X, y, groups).predict_proba(X) for seed in (1, 1, 2))
    assert one.tobytes() == two.tobytes()
    assert (one != other).any()


def test_what_it_does_to_torch_does_not_outlast_it(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Finetune(tiny, **{**QUICK, "epochs": 1}).fit(X, y, groups)
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()


def test_it_stops_when_the_inner_fold_gets_no_better_and_keeps_the_best_epoch(tiny: str, cohort: Cohort, tmp_path: Path) -> None:
    X, y, groups = cohort
    y = np.random.default_rng(0).integers(0, 3, len(y))
    model = Finetune(tiny, **{**QUICK, "epochs": 40, "patience": 3}).fit(X, y, groups, context(tmp_path / "run"))
    valid = [json.loads(line)["valid_log_loss"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert len(valid) == int(np.argmin(valid)) + 1 + 3 < 40
    assert model.predict_proba(X).max() < 0.95


def test_the_epoch_that_stays_is_the_best_one(tiny: str, cohort: Cohort) -> None:
    X, y, _ = cohort
    tokenizer, network = find(tiny).tokenizer(), find(tiny).network()
    ids = tokenizer(X["text"].tolist())["input_ids"]
    truth = np.where(np.arange(30) % 4, y[90:], 0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        trainer = Trainer(Classifier(network, 32, 3, 0.1), tokenizer, "cpu", torch.float32, np.zeros(3))
        told: list[float] = []
        # the learning rate rises to the end, until all that was learned is lost again
        recipe = Recipe(8, 8, 0.05, 1e-2, 16, 1.0, 0.0, 1.0)
        trainer.learn(ids[:90], y[:90], ids[90:], truth, recipe, 0, lambda _, **t: told.append(t["valid_log_loss"]))
    assert told[-1] > min(told) + 0.001
    assert cooled(trainer.logits(ids[90:]), truth)[1] == pytest.approx(min(told), abs=1e-5)


def test_a_step_that_does_not_fit_is_done_in_halves_with_the_same_gradients(tiny: str, cohort: Cohort) -> None:
    X, y, _ = cohort
    tokenizer = find(tiny).tokenizer()
    ids, code = tokenizer(X["text"].tolist()[:16])["input_ids"], y[:16]
    found = []
    for room in (None, 3):
        torch.manual_seed(0)
        network = Classifier(find(tiny).network(), 32, 3, 0.0).eval()
        if room is not None:
            forward = network.encoder.forward

            def narrow(input_ids: torch.Tensor, *, room: int = room, forward: Any = forward, **given: Any) -> Any:
                if len(input_ids) > room:
                    raise torch.OutOfMemoryError("CUDA out of memory.")
                return forward(input_ids=input_ids, **given)

            network.encoder.forward = narrow  # type: ignore[method-assign]
        trainer = Trainer(network, tokenizer, "cpu", torch.float32, np.log([1.0, 2.0, 0.5]))
        loss = trainer._gradients(ids, code)
        found.append((loss, [w.grad for w in network.parameters() if w.grad is not None]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    for whole, parts in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(whole, parts, atol=1e-5, rtol=1e-4)


def test_frozen_layers_and_embeddings_stay_as_they_are(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    before = find(tiny).network().state_dict()
    after = Finetune(tiny, **{**QUICK, "epochs": 1}, frozen_layers=1).fit(X, y, groups).trainer_.network.encoder.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed
    assert all("layer.1." in k for k in changed)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.sampled_from([None, "balanced", "effective"]))
def test_class_weights_average_one_over_the_rows_and_lift_the_rare(codes: list[int], rule: str | None) -> None:
    code = np.array(codes)
    weight = class_weights(code, 4, rule)
    assert weight[code].mean() == pytest.approx(1)
    count = np.bincount(code, minlength=4)
    order = np.argsort(count[count > 0])
    assert (np.diff(weight[count > 0][order]) <= 1e-9).all()


def test_answers_are_corrected_for_class_weights(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    # nothing but the shares of the classes can be learned from texts that are all one
    X = X.assign(text="the patients respond to therapy")
    y = np.where(np.arange(len(y)) % 10 == 0, 1, 0)
    settings = {**QUICK, "epochs": 12, "patience": 12}
    for rule in (None, "balanced"):
        probability = Finetune(tiny, **settings, class_weight=rule).fit(X, y, groups).predict_proba(X[:1])
        assert probability[0, 1] == pytest.approx(0.1, abs=0.06)


def test_an_unknown_rule_for_class_weights_is_refused(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    with pytest.raises(ModelFailed, match="class_weight='rare' is none of null, balanced, effective"):
        Finetune(tiny, class_weight="rare").fit(X, y, groups)


def test_one_group_leaves_no_inner_fold_and_it_trains_to_the_end(tiny: str, cohort: Cohort, tmp_path: Path) -> None:
    X, y, _ = cohort
    model = Finetune(tiny, **{**QUICK, "epochs": 3}).fit(X, y, np.zeros(len(y), dtype=int), context(tmp_path / "run"))
    assert model.temperature_ == 1.0
    assert (tmp_path / "run" / "metrics.jsonl").read_text().count("train_log_loss") == 3


def test_a_masked_gene_cannot_tell_the_class(tiny: str, cohort: Cohort) -> None:
    X, _, groups = cohort
    y = X["gene"].eq("BRAF").to_numpy(dtype=np.int64)
    X = X.assign(text=[f"Cells with {g} mutations in patients." for g in X["gene"]])
    masked = Finetune(tiny, **{**QUICK, "epochs": 2}, mask_gene=True).fit(X, y, groups).predict_proba(X)
    assert np.ptp(masked, axis=0).max() < 1e-5


def test_bfloat16_trains_too(tiny: str, cohort: Cohort) -> None:
    X, y, groups = cohort
    model = Finetune(tiny, **{**QUICK, "dtype": "bfloat16"}).fit(X[:90], y[:90], groups[:90])
    assert (model.predict(X[90:]) == y[90:]).mean() > 0.7
    assert all(w.dtype == torch.float32 for w in model.trainer_.network.parameters())
