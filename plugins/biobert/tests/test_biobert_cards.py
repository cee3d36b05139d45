"""The cards: nothing heavy behind them, and every parameter shown with its default."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

from genoboard import ModelSpec
from genoboard_biobert import register_models

CARDS = {card.name: card for card in register_models()}


def test_the_card_module_imports_nothing_heavy() -> None:
    code = "import sys, genoboard_biobert; print(*sorted({'numpy', 'pandas', 'sklearn', 'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_a_card_shows_every_parameter_with_its_default(card: ModelSpec) -> None:
    module, _, name = card.target.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    given_by_the_run = {"random_state", "n_jobs"}
    assert dict(card.parameters) == {k: v.default for k, v in signature.parameters.items() if k not in given_by_the_run}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_a_model_takes_text_tasks_alone(card: ModelSpec) -> None:
    assert card.kinds == ("text",)
    assert card.columns == ("gene", "variation", "text")
