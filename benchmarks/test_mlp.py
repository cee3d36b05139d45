"""An epoch of `mlp` on a binned design against the same network, in plain torch, that is fed dense batches.

Both take the same steps: the same layers, Adam, batches of 10,000 rows, float32. The dense network's batches lie in memory as tensors,
already standardised; the time to make them is told apart. Measured epoch by epoch in turns, with two threads; medians are compared.
GENOBOARD_BENCH_ROWS says how many rows (50,000), of 201 cells with the reference's density: 184,665 regions, 17,794 genes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from genoboard import Design  # noqa: E402 (only where torch is)
from genoboard_tasks.expression_regression.binning import distances, slots  # noqa: E402
from genoboard_tasks.expression_regression.description import Window  # noqa: E402
from genoboard_torch.network import repeatable  # noqa: E402
from genoboard_torch.rows import DesignRows  # noqa: E402
from genoboard_torch.target import Values  # noqa: E402
from genoboard_torch.training import Plan, Trainer  # noqa: E402

GENOME, REGIONS, GENES, CELLS = 3_100_000_000, 184_665, 17_794, 201
BATCH, ROUNDS = 10_000, 3


def reference_slice(rows: int) -> Design:
    """Return rows of a design as dense as the reference's: regions and genes strewn evenly over one chromosome of the genome's length."""
    rng = np.random.default_rng(0)
    start = np.sort(rng.integers(GENOME, size=REGIONS))
    regions = pd.DataFrame({"chrom": "chr1", "start": start, "end": start + rng.integers(150, 900, REGIONS)})
    tss = rng.integers(GENOME, size=GENES)[: max(1, round(rows / CELLS))]
    genes = pd.DataFrame({"chrom": "chr1", "tss": tss, "strand": rng.choice([-1, 1], len(tss))})
    window = Window()
    found = slots(regions, genes, window)
    openness = np.where(rng.random((CELLS, REGIONS)) < 0.7, rng.gamma(0.5, 2, (CELLS, REGIONS)), 0).astype(np.float32)
    gene, cell = (a.astype(np.int32).ravel() for a in np.divmod(np.arange(len(tss) * CELLS), CELLS))
    of = np.arange(len(tss), dtype=np.int32), np.arange(CELLS, dtype=np.int32), distances(window)
    design = Design(pd.RangeIndex(len(gene)), gene, cell, *of, openness, np.arange(REGIONS, dtype=np.int32), found)
    return design.take(np.arange(len(design)))


def dense_epoch(layers: tuple[int, ...], batches: list[tuple[Any, Any]]) -> Callable[[], None]:
    """Return an epoch of the network as a first script has it."""
    widths = [batches[0][0].shape[1], *layers, 1]
    parts: list[Any] = []
    for width, units in pairwise(widths):
        parts += [torch.nn.Linear(width, units), torch.nn.ReLU()]
        torch.nn.init.xavier_uniform_(parts[-2].weight)
    network = torch.nn.Sequential(*parts[:-1])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def epoch() -> None:
        for x, y in batches:
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(network(x)[:, 0], y).backward()
            optimizer.step()

    return epoch


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@pytest.mark.slow
@pytest.mark.benchmark(group="mlp")
@pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")
@pytest.mark.parametrize("layers", [(1000, 1000, 1000), (1000, 500, 250)], ids=["1000-1000-1000", "1000-500-250"])
def test_an_epoch_that_leaves_out_empty_bins(benchmark: Any, layers: tuple[int, ...]) -> None:
    design = reference_slice(int(os.environ.get("GENOBOARD_BENCH_ROWS", 50_000)))
    y = np.random.default_rng(1).normal(size=len(design))
    every = np.arange(len(design))
    with repeatable(n_jobs=2, device="cpu"):
        rows = DesignRows(design, "cpu")
        trainer = Trainer(
            Plan(layers, 0.0, 0.0, 0.0, 1e-3, (0.9, 0.999), BATCH, True, False, False, 0, "cpu"), rows, Values(y, every, "cpu")
        )
        network = trainer.build(every)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        mean, scale = network.mean.numpy(), network.scale.numpy()

        def ours(seed: int = 0) -> None:
            trainer.epoch(network, every, seed, optimizer, scaler)

        def build() -> None:
            for _ in design.batches(seed=0, size=BATCH):
                pass

        # the last, short batch is left out of neither
        batches = [
            (torch.from_numpy((x - mean) * scale), torch.as_tensor(y[at], dtype=torch.float32))
            for at, x in design.batches(seed=0, size=BATCH)
        ]
        dense = dense_epoch(layers, batches)
        for warm in (ours, dense, build):
            warm()
        told: dict[str, list[float]] = {"ours": [], "dense": [], "building dense batches": []}
        for _ in range(ROUNDS):
            for name, call in (("dense", dense), ("ours", ours), ("building dense batches", build)):
                told[name].append(seconds(call))
        benchmark.pedantic(ours, rounds=1)
    own, plain, built = (float(np.median(told[k])) for k in ("ours", "dense", "building dense batches"))
    found = {
        "rows": len(design),
        "share of bins with a region": round(design.nonzeros / len(design) / design.shape[1], 3),
        **{k: [round(s, 2) for s in v] for k, v in told.items()},
        "times faster than dense batches in memory": round(plain / own, 2),
        "with building them": round((plain + built) / own, 2),
    }
    benchmark.extra_info.update(found)
    print(f"\nmlp {'-'.join(map(str, layers))}, seconds an epoch: {found}")
