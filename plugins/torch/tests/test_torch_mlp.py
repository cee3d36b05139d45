"""The network of genoboard-torch: what its card promises, that it is the dense network it stands for, and how it stops."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard import Block, Design, Packed, RunContext, Slots, UsageError
from genoboard_torch import packed, register_models
from genoboard_torch.model import MLP, inner_fold
from genoboard_torch.network import Network
from genoboard_torch.rows import DesignRows

pytestmark = pytest.mark.slow  # minutes, all together

(CARD,) = register_models()
BINS, CELLS = 40, 5
SMALL: dict[str, Any] = {"layers": (16, 8), "batch_size": 64, "max_epochs": 5, "l1": 0.0, "dropout": 0.0}


def design(genes: int = 60, seed: int = 0) -> Design:
    """Return genes x cells with some 8 of 40 bins that hold one region each; the last bin never does."""
    rng = np.random.default_rng(seed)
    held = [np.sort(rng.choice(BINS - 1, rng.integers(4, 13), replace=False)) for _ in range(genes)]
    count = np.array([len(h) for h in held])
    total, none = int(count.sum()), np.zeros(0, np.float32)
    slots = Slots(
        np.concatenate([[0], np.cumsum(count)]),
        np.concatenate(held).astype(np.int32),
        np.arange(total + 1),
        np.arange(total, dtype=np.int32),
        np.ones(total, np.float32),
        none,
        none,
    )
    gene, cell = (a.astype(np.int32) for a in np.divmod(np.arange(genes * CELLS), CELLS))
    index = pd.Index([f"r{i}" for i in range(len(gene))], dtype="str")
    openness = rng.gamma(0.5, 2, (CELLS, total)).astype(np.float32)
    distance = ((np.arange(BINS) - BINS // 2) * 1000 + 500).astype(np.int32)
    of = np.arange(genes, dtype=np.int32), np.arange(CELLS, dtype=np.int32), distance, openness, np.arange(total, dtype=np.int32), slots
    return Design(index, gene, cell, *of)


def planted(X: Design, noise: float = 0.1, seed: int = 1) -> NDArray[np.float64]:
    """Return a target that is linear in the bins, far from standardised."""
    rng = np.random.default_rng(seed)
    signal = X.dot(rng.normal(size=BINS))
    return 20 + 3 * (signal - signal.mean()) / signal.std() + 3 * noise * rng.normal(size=len(X))


def table(n: int = 150, k: int = 3, p: int = 12) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return a table whose first columns tell the class; one column is constant."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n) % k)
    values = rng.normal(size=(n, p)).astype(np.float32)
    values[np.arange(n), y] += 3
    values[:, -1] = 7
    return pd.DataFrame(values * 50 + 1000, columns=[f"G{i}" for i in range(p)]), y


def run(folder: Path) -> RunContext:
    return RunContext(folder, seed=0, device="cpu", n_jobs=1)


@st.composite
def batches(draw: st.DrawFn) -> list[Block]:
    """Blocks of any height and width, those at the edges of what the kernels take at a time among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found, start = [], 0
    for _ in range(draw(st.integers(1, 4))):
        m, width = draw(st.integers(1, 9)), draw(st.integers(0, 11))
        bins = np.sort(rng.choice(BINS, width, replace=False)).astype(np.int32)
        found.append(Block(np.arange(start, start + m), bins, rng.normal(size=(m, width)).astype(np.float32)))
        start += m
    return found


def dense(blocks: list[Block]) -> torch.Tensor:
    out = np.zeros((sum(len(b.rows) for b in blocks), BINS), np.float32)
    for b in blocks:
        out[b.rows[:, None], b.bins] = b.values
    return torch.from_numpy(out)


def test_the_card_imports_nothing_heavy() -> None:
    code = "import sys, genoboard_torch; print(*({'numpy', 'pandas', 'torch', 'numba', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_the_card_shows_every_parameter_with_its_default() -> None:
    parameters = inspect.signature(MLP).parameters
    assert dict(CARD.parameters) == {k: v.default for k, v in parameters.items() if k not in {"random_state", "n_jobs"}}
    assert json.loads(json.dumps(dict(CARD.parameters)))["layers"] == list(MLP().layers)


@settings(max_examples=40, deadline=None)
@given(batches(), st.sampled_from([1, 3, 16, 40]))
def test_the_packed_product_and_its_gradients_are_the_dense_ones(blocks: list[Block], units: int) -> None:
    batch, x = Packed.of(blocks, BINS), dense(blocks)
    weights, shift, seen = (torch.randn(size) for size in ((BINS, units), (units,), (len(x), units)))
    found = []
    for product in (lambda w, s: packed.times(batch, w, s), lambda w, s: x @ w + s):
        w, s = weights.clone().requires_grad_(), shift.clone().requires_grad_()
        out = product(w, s)
        out.backward(seen)
        found.append((out.detach(), w.grad, s.grad))
    for ours, plain in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(batches())
def test_a_packed_batch_unpacks_to_the_dense_one(blocks: list[Block]) -> None:
    assert torch.equal(packed.dense(Packed.of(blocks, BINS)), dense(blocks))


def test_a_network_learns_from_a_packed_batch_what_it_learns_from_the_dense_one() -> None:
    X = design()
    rows = DesignRows(X, "cpu")
    mean, spread = rows.spread(np.arange(len(X)))
    np.testing.assert_allclose(mean, X.dense().mean(axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(spread, X.dense().std(axis=0), rtol=1e-5, atol=1e-7)
    network = Network(mean, spread, (16, 8), 1, dropout=0.0)
    ((at, batch),) = rows.batches(np.arange(len(X)), len(X))
    standard = np.divide(X.dense(at) - mean, spread, out=np.zeros((len(at), BINS)), where=spread > 0).astype(np.float32)
    # the network as one writes it down
    first = torch.nn.Linear(BINS, 16)
    with torch.no_grad():
        first.weight.copy_(network.weight.T)
        first.bias.copy_(network.bias)
    plain = torch.nn.Sequential(
        first, torch.nn.ReLU(), *(torch.nn.Linear(a, b) if b else torch.nn.ReLU() for a, b in ((16, 8), (0, 0), (8, 1)))
    )
    plain[2].load_state_dict(network.rest[1].state_dict())
    plain[4].load_state_dict(network.rest[3].state_dict())
    outputs = [network(batch), network(torch.from_numpy(X.dense(at))), plain(torch.from_numpy(standard))]
    for out in outputs:
        torch.testing.assert_close(out, outputs[-1], rtol=1e-4, atol=1e-5)
    outputs[0].square().mean().backward()
    outputs[-1].square().mean().backward()
    torch.testing.assert_close(network.weight.grad, first.weight.grad.T, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.bias.grad, first.bias.grad, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(network.rest.parameters(), list(plain.parameters())[2:], strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)


def test_shuffled_batches_bring_every_row_once_and_other_genes_each_time() -> None:
    rows = DesignRows(design(), "cpu")
    asked = np.arange(0, 300, 2)
    first, second = ([at for at, _ in rows.batches(asked, 40, seed)] for seed in (1, 2))
    assert [len(at) for at in first] == [40, 40, 40, 30]
    for found in (first, second):
        np.testing.assert_array_equal(np.sort(np.concatenate(found)), asked)
    assert set(first[0]) != set(second[0])


def test_a_planted_signal_is_learnt_also_for_genes_never_seen() -> None:
    X = design(200)
    y = planted(X)
    train, test = np.flatnonzero(X.gene < 160), np.flatnonzero(X.gene >= 160)
    model = MLP(layers=(32,), batch_size=64, max_epochs=60).fit(X.take(train), y[train], X.gene[train].astype(np.int64))
    found = model.predict(X.take(test))
    assert 1 - np.square(y[test] - found).mean() / y[test].var() > 0.8


def test_the_same_seed_gives_the_same_bits_and_torch_is_left_as_it_was() -> None:
    X = design()
    y = planted(X)
    torch.manual_seed(5)
    before = torch.get_num_threads(), torch.random.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    one, two, other = (MLP(**{**SMALL, "dropout": 0.2}, random_state=seed).fit(X, y).predict(X) for seed in (1, 1, 2))
    after = torch.get_num_threads(), torch.random.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    assert one.tobytes() == two.tobytes()
    assert (one != other).any()
    assert (before[0], before[2]) == (after[0], after[2])
    assert torch.equal(before[1], after[1])


def test_a_row_asked_alone_or_in_other_order_gets_the_same_answer() -> None:
    X = design()
    model = MLP(**SMALL).fit(X, planted(X))
    every = model.predict(X)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(model.predict(X.take(order)), every[order], rtol=1e-5)
    np.testing.assert_allclose(model.predict(X.take(np.array([7]))), every[[7]], rtol=1e-5)


def test_training_stops_and_the_best_epoch_stays(tmp_path: Path) -> None:
    X = design()
    y = planted(X, noise=2)
    groups = X.gene.astype(np.int64)
    model = MLP(layers=(64, 64), batch_size=32, learning_rate=3e-3, max_epochs=100, patience=3, l1=0.0).fit(X, y, groups, run=run(tmp_path))
    curve = model.artifacts()["curve"]
    assert curve.columns.tolist() == ["epoch", "train_mse", "valid_mse", "null_mse", "best"]
    best = int(curve["valid_mse"].idxmin())
    assert len(curve) == best + 1 + 3
    assert curve["best"].tolist() == [float(i == best) for i in range(len(curve))]
    learnt, watched = inner_fold(len(X), groups, 0)
    assert watched is not None
    error = np.square(model.predict(X.take(watched)) - y[watched]).mean()
    assert error == pytest.approx(curve["valid_mse"][best], rel=1e-4)
    assert curve["null_mse"][0] == pytest.approx(np.square(y[watched] - y[learnt].mean()).mean())
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == curve["epoch"].tolist()
    assert [line["valid_mse"] for line in lines] == curve["valid_mse"].tolist()


def test_without_early_stopping_it_runs_all_epochs_on_all_rows(tmp_path: Path) -> None:
    X = design()
    model = MLP(**SMALL, early_stopping=False).fit(X, planted(X), run=run(tmp_path))
    curve = model.artifacts()["curve"]
    assert curve["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert curve["best"].tolist() == [0, 0, 0, 0, 1]
    assert curve[["valid_mse", "null_mse"]].isna().all(axis=None)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [set(line) for line in lines] == [{"step", "train_mse", "l1"}] * 5


def test_refit_learns_all_rows_for_the_best_number_of_epochs(tmp_path: Path) -> None:
    X = design()
    y = planted(X)
    model = MLP(**SMALL, refit=True).fit(X, y, run=run(tmp_path))
    plain = MLP(**{**SMALL, "max_epochs": model.best_epoch_}, early_stopping=False).fit(X, y)
    np.testing.assert_allclose(model.target_.mean, y.mean())
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert sum("all_rows_loss" in line for line in lines) == model.best_epoch_
    assert model.predict(X).tobytes() == plain.predict(X).tobytes()


@given(st.lists(st.integers(0, 8), min_size=2, max_size=60), st.integers(0, 100))
def test_the_inner_fold_cuts_no_group(codes: list[int], seed: int) -> None:
    groups = np.array(codes, np.int64)
    learnt, watched = inner_fold(len(groups), groups, seed)
    assert watched is not None
    assert len(learnt) > 0
    assert len(watched) > 0
    assert sorted([*learnt, *watched]) == list(range(len(groups)))
    if len(set(codes)) > 1:
        assert not set(groups[learnt]) & set(groups[watched])


def test_of_single_rows_a_tenth_is_watched() -> None:
    learnt, watched = inner_fold(1000, None, 0)
    assert watched is not None
    assert (len(learnt), len(watched)) == (900, 100)


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_a_penalty_makes_weights_small(name: str) -> None:
    X = design()
    y = planted(X)
    long = {**SMALL, "max_epochs": 30, "learning_rate": 0.01, "early_stopping": False}
    plain, held = (MLP(**{**long, **given}).fit(X, y).network_.weights() for given in ({}, {name: 0.1}))
    assert sum(w.square().sum().item() for w in held) < 0.7 * sum(w.square().sum().item() for w in plain)


@pytest.mark.parametrize("layers", [(16, 8), ()])
def test_a_flat_start_is_the_mean_and_the_other_is_not(layers: tuple[int, ...]) -> None:
    X = design()
    y = planted(X)
    flat, noisy = (
        MLP(layers, learning_rate=1e-9, max_epochs=1, early_stopping=False, flat_start=start).fit(X, y).predict(X)
        for start in (True, False)
    )
    np.testing.assert_allclose(flat, y.mean(), rtol=1e-5)
    assert noisy.std() > 0.1 * y.std()


def test_of_few_rows_an_epoch_still_takes_many_steps() -> None:
    assert [MLP().rows_in_step(n) for n in (3_500_000, 120_000, 2_000, 50)] == [10_000, 3_750, 62, 32]
    assert MLP(batch_size=500).rows_in_step(50) == 500


def test_l1_is_chosen_by_the_inner_fold_where_it_is_not_given(tmp_path: Path) -> None:
    X = design()
    noise = np.random.default_rng(0).normal(size=len(X))
    chosen = {}
    for name, y in (("noise", noise), ("signal", planted(X, noise=0))):
        model = MLP(layers=(32, 16), batch_size=32, max_epochs=30, patience=30, learning_rate=0.01).fit(X, y, run=run(tmp_path))
        chosen[name] = model.l1_
        fixed = MLP(layers=(32, 16), batch_size=32, max_epochs=30, patience=30, learning_rate=0.01, l1=model.l1_).fit(X, y)
        assert fixed.predict(X).tobytes() == model.predict(X).tobytes()
        pd.testing.assert_frame_equal(fixed.artifacts()["curve"], model.artifacts()["curve"])
    assert {json.loads(line)["l1"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()} == {0.0, 3e-4, 1e-3}
    assert chosen["noise"] > 0
    assert MLP(layers=(4,), max_epochs=1, early_stopping=False).fit(X, noise).l1_ == 0


def test_dropout_follows_every_hidden_layer_and_rests_when_asked() -> None:
    X = design()
    model = MLP(**{**SMALL, "dropout": 0.5}).fit(X, planted(X))
    assert sum(isinstance(m, torch.nn.Dropout) for m in model.network_.rest) == 2
    assert model.predict(X).tobytes() == model.predict(X).tobytes()


def test_without_hidden_layers_it_is_linear_and_its_gradients_are_its_weights() -> None:
    X = design()
    y = planted(X, noise=0)
    model = MLP(layers=(), batch_size=50, learning_rate=0.02, max_epochs=80, patience=80).fit(X, y)
    gradients = model.artifacts()["gradients"]
    assert gradients.columns.tolist() == ["distance", "gradient", "absolute", "loss"]
    np.testing.assert_array_equal(gradients["distance"], X.distance)
    step = np.eye(BINS)[3]
    weights = X.dot(np.eye(BINS)) @ gradients["gradient"].to_numpy()
    np.testing.assert_allclose(np.diff(model.predict(X)), np.diff(weights), atol=1e-3)
    assert gradients["absolute"] @ step == pytest.approx(abs(gradients["gradient"] @ step), rel=1e-5)


def test_gradients_are_the_slopes_of_predictions() -> None:
    X, _ = table()
    y = X["G0"].to_numpy(np.float64) / 50 + np.square(X["G1"].to_numpy(np.float64) / 50 - 20)
    model = MLP(**{**SMALL, "max_epochs": 30}, early_stopping=False).fit(X, y)
    gradients = model.artifacts()["gradients"]
    assert gradients.columns.tolist() == ["feature", "gradient", "absolute", "loss"]
    up, down = X.copy(), X.copy()
    up["G1"] += 0.05
    down["G1"] -= 0.05
    slope = (model.predict(up) - model.predict(down)) / 0.1
    assert gradients["gradient"][1] == pytest.approx(slope.mean(), rel=0.05, abs=1e-4)
    error = model.predict(X) - y
    assert gradients["loss"][1] == pytest.approx(np.abs(2 * error * slope).mean(), rel=0.05, abs=1e-4)
    assert gradients["absolute"][1] == pytest.approx(np.abs(slope).mean(), rel=0.05)


@pytest.mark.parametrize("k", [2, 3])
def test_a_table_of_classes_gets_probabilities(k: int) -> None:
    X, y = table(k=k)
    model = MLP(**{**SMALL, "max_epochs": 40, "learning_rate": 0.01}).fit(X, y)
    probability = model.predict_proba(X)
    assert probability.shape == (len(X), k)
    assert probability.min() >= 0
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)
    assert model.classes_.tolist() == list(range(k))
    assert (model.predict(X) == y).mean() > 0.9
    assert model.artifacts()["curve"].columns.tolist() == ["epoch", "train_log_loss", "valid_log_loss", "null_log_loss", "best"]


def test_mixed_precision_is_near_and_another_name_is_refused() -> None:
    X = design()
    y = planted(X)
    full, mixed = (MLP(**SMALL, precision=name).fit(X, y).predict(X) for name in ("float32", "mixed"))
    assert np.corrcoef(full, mixed)[0, 1] > 0.99
    with pytest.raises(UsageError, match="precision is 'double'"):
        MLP(precision="double").fit(X, y)


def test_a_handful_of_rows_and_a_constant_target_are_learnt() -> None:
    X = design(1)
    assert np.isfinite(MLP(**SMALL).fit(X, np.full(len(X), 3.0), np.zeros(len(X), np.int64)).predict(X)).all()
