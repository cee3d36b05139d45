"""genoboard-torch: the card of its network; torch and Numba are imported when it is run."""

from __future__ import annotations

from collections.abc import Iterable

from genoboard import ModelSpec, hookimpl


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    """Return the card of ``mlp``."""
    return [
        ModelSpec(
            "mlp",
            "genoboard_torch.model:MLP",
            "a feed-forward network, stopped on an inner fold; on binned designs its first layer multiplies only bins that hold a region",
            {
                "layers": (256, 128),
                "l1": None,
                "l2": 0.0,
                "dropout": 0.3,
                "learning_rate": 1e-3,
                "betas": (0.9, 0.999),
                "batch_size": None,
                "max_epochs": 300,
                "patience": 10,
                "early_stopping": True,
                "refit": False,
                "standardise": True,
                "flat_start": True,
                "precision": "auto",
            },
            kinds=("bins", "tabular"),
            targets=("regression", "multiclass", "binary"),
        )
    ]
