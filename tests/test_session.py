"""A class that no file holds is told apart from another of its name: by its code, and by that of what it uses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
MODEL = """
import numpy as np
SHARPNESS = 2.0
def weigh(x):
    return np.exp(-SHARPNESS * x)
class Base:
    kinds = ("tabular",)
    def fit(self, X, y):
        self.seen_ = {"round", "flat", "rough"} & set(y)
        return self
class Model(Base):
    def __init__(self, depth=1):
        self.depth = depth
    def predict(self, X):
        return [weigh(x) for x in X]
"""


def fingerprint(session: str, thing: str = "Model()", **environment: str) -> str:
    """Return the hash of `thing`, in a session of its own in which `session` was typed."""
    code = f"{session}\nfrom genoboard.session import fingerprint\nprint(fingerprint({thing}))"
    done = subprocess.run([sys.executable, "-"], input=code, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def here() -> str:
    return fingerprint(MODEL)


def test_the_same_code_has_the_same_hash_in_every_session(here: str) -> None:
    assert re.fullmatch("[0-9a-f]{16}", here)
    assert fingerprint(MODEL, PYTHONHASHSEED="1") == fingerprint(MODEL, PYTHONHASHSEED="2") == here


def test_comments_blanks_and_what_is_not_used_do_not_count(here: str) -> None:
    other = MODEL.replace("    def fit", "\n    # how it learns\n    def fit") + "\ndef unused():\n    return 3\n"
    assert fingerprint(other) == here


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("np.exp(-SHARPNESS * x)", "np.exp(SHARPNESS * x)"),  # a function that it calls
        ("SHARPNESS = 2.0", "SHARPNESS = 3.0"),  # a constant of that
        ('("tabular",)', '("text",)'),  # an attribute of its base
        ('{"round", "flat", "rough"} & set(y)', '{"round", "flat"} & set(y)'),
        ("depth=1", "depth=2"),
        ("import numpy as np", "import math as np"),
        ("return [weigh(x) for x in X]", "return [weigh(x) + 1 for x in X]"),
    ],
)
def test_whatever_it_uses_counts(here: str, was: str, becomes: str) -> None:
    assert was in MODEL
    assert fingerprint(MODEL.replace(was, becomes)) != here


def test_its_state_counts_where_it_has_no_parameters_to_tell_of(here: str) -> None:
    assert fingerprint(MODEL, "Model(depth=3)") != here


def test_what_lies_in_files_has_none_and_a_step_of_a_pipeline_has() -> None:
    lines = "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import FunctionTransformer, StandardScaler\n"
    assert fingerprint(lines, "make_pipeline(StandardScaler())") == ""
    step = "make_pipeline(FunctionTransformer(lambda X: X {}))"
    assert fingerprint(lines, step.format("+ 1")) != fingerprint(lines, step.format("+ 2")) != ""


def test_a_lock_is_told_by_its_type_and_a_circle_has_an_end() -> None:
    code = MODEL + "import threading\nmodel = Model()\nmodel.self, model.lock = model, threading.Lock()\nModel.other = Model\n"
    assert fingerprint(code, "model") == fingerprint(code, "model")


def test_nothing_is_unpickled_but_by_a_child() -> None:
    sources = {p.name: p.read_text(encoding="utf-8") for p in (REPO / "harness" / "genoboard").rglob("*.py")}
    found = {name for name, text in sources.items() if re.search(r"pickle\.loads?\(|Unpickler|allow_pickle=True", text)}
    # the first builds the model in the worker; the other starts a child of its own, whose code is a text there, to look at a task's card
    assert found <= {"building.py", "task_checks.py"}
