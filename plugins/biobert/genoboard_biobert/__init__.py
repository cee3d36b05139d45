"""genoboard-biobert: the cards of its models; torch and transformers are imported when one is run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from genoboard import ModelSpec, hookimpl

CHECKPOINT = "dmis-lab/biobert-base-cased-v1.2"
READING = {"checkpoint": CHECKPOINT, "download": False, "mask_gene": False, "dtype": "auto", "tokens": 256}


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Return the cards of ``biobert-frozen`` and ``biobert-finetune``."""
    likewise: dict[str, Any] = {
        "kinds": ("text",),
        "targets": ("multiclass", "binary"),
        "columns": ("gene", "variation", "text"),
        "prepares": True,
    }
    return [
        ModelSpec(
            "biobert-frozen",
            "genoboard_biobert.frozen:Frozen",
            "a pretrained encoder's embeddings of windows of text, words beside them, and a calibrated logistic regression",
            {**READING, "windows": 2, "layers": 2, "lexical": True, "C": None},
            **likewise,
        ),
        ModelSpec(
            "biobert-finetune",
            "genoboard_biobert.finetune:Finetune",
            "a pretrained encoder with a classification head, trained on one window per text, stopped on an inner fold",
            {
                **READING,
                "epochs": 6,
                "patience": 2,
                "learning_rate": 5e-5,
                "head_learning_rate": 1e-3,
                "batch_size": 16,
                "warmup": 0.1,
                "weight_decay": 0.01,
                "clip": 1.0,
                "dropout": 0.1,
                "class_weight": None,
                "frozen_layers": 0,
            },
            **likewise,
        ),
    ]
