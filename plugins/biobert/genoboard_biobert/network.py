"""Network: an encoder's states -> one vector per text, and a classifier on top of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genoboard import ModelFailed

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Classifier(nn.Module):
    """An encoder, dropout, and a linear layer on the mean of its last states."""

    def __init__(self, encoder: nn.Module, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, classes)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return (n, classes) float32 logits."""
        logits: Tensor = self.linear(self.dropout(pooled(self.encoder, input_ids, attention_mask)[:, -1])).float()
        return logits

    def freeze(self, layers: int) -> None:
        """Keep the embeddings and the first `layers` layers as they are; 0 keeps nothing."""
        if layers <= 0:
            return
        stack = next((m for n, m in self.encoder.named_modules() if isinstance(m, nn.ModuleList)), None)
        still: list[Any] = [m for n, m in self.encoder.named_modules() if n.rpartition(".")[2] == "embeddings"]
        for module in [*still, *list(stack or [])[:layers]]:
            module.requires_grad_(False)


def pooled(encoder: nn.Module, input_ids: Tensor, attention_mask: Tensor, layers: int = 1) -> Tensor:
    """Return (n, layers, d) float32: the mean of the states of each text's own tokens, by layer, the last one last.

    Padding counts for nothing.
    """
    told = encoder(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=layers > 1)
    upper = told.hidden_states[-layers:] if layers > 1 else (told.last_hidden_state,)
    own = attention_mask.unsqueeze(-1).float()
    return torch.stack([(states.float() * own).sum(1) / own.sum(1) for states in upper], dim=1)


def precision(name: str, device: str) -> torch.dtype:
    """Return the dtype for ``float32``, ``bfloat16`` or ``auto``; raise `ModelFailed` at any other name."""
    if name in DTYPES:
        return DTYPES[name]
    if name != "auto":
        raise ModelFailed("failed", f"dtype={name!r} is none of auto, {', '.join(DTYPES)}.")
    return torch.bfloat16 if has_bfloat16(device) else torch.float32


def has_bfloat16(device: str) -> bool:
    """Return whether the processor multiplies in bfloat16 itself: one that emulates it is slower than in float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # older releases of torch do not tell
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(v for k, v in able.items() if "bf16" in k)
