"""Overhead: a run by the harness, against one bare script that loads, fits, predicts and scores the same."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from genoboard import evaluate
from genoboard.competition import Competition

TURNS, TIMES = 5, 40
MODEL = """
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class Repeated:
    '''A logistic regression that is fitted so many times, the same each time.'''

    def __init__(self, times=1):
        self.times = times

    def fit(self, X, y):
        for _ in range(self.times):
            self.model_ = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(X, y)
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)
"""
SCRIPT = """
import json, sys
import numpy as np, pandas as pd
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from model import Repeated

features, train, test, times = sys.argv[1:]
names = json.loads(open(features + ".json").read())
X = pd.DataFrame(np.load(features + ".npy"), index=names["index"], columns=names["columns"])
train, test = (pd.read_csv(p, index_col=0)["y"] for p in (train, test))
codes = {c: i for i, c in enumerate(sorted(train.unique()))}
y, truth = train.map(codes).to_numpy(), test.map(codes).to_numpy()
probability = Repeated(int(times)).fit(X.loc[train.index], y).predict_proba(X.loc[test.index])
labels = probability.argmax(axis=1)
pd.DataFrame(probability, index=test.index, columns=list(codes)).to_csv("submission.csv")
print(f1_score(truth, labels, average="macro"), accuracy_score(truth, labels), log_loss(truth, probability),
      roc_auc_score(truth, probability, multi_class="ovr"))
"""


@pytest.mark.slow
def test_what_the_harness_adds_to_a_bare_script(benchmark: Any, tmp_path: Path) -> None:
    """By turns; the board's controls are entered before."""
    competition = Competition.open("brain-region", workspace=tmp_path / "workspace")
    evaluate(competition, "uniform")
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "bare.py").write_text(SCRIPT, encoding="utf-8")
    (fold,) = competition.folds
    for name, rows in (("train", fold.train), ("test", fold.test)):
        competition.data.rows["y"].iloc[rows].to_csv(tmp_path / f"{name}.csv")
    features = str(competition.data.folder / "features")

    def took(words: list[str]) -> float:
        start = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True, cwd=tmp_path)
        return time.perf_counter() - start

    def pair(times: int) -> tuple[float, float]:
        bare = took([sys.executable, "bare.py", features, "train.csv", "test.csv", str(times)])
        run = ["run", "brain-region", "model.py:Repeated", "--set", f"times={times}", "--force"]
        return took([sys.executable, "-m", "genoboard", "--workspace", str(tmp_path / "workspace"), *run]), bare

    told: dict[str, Any] = {}

    def by_turns() -> None:
        short, long = [pair(1) for _ in range(TURNS)], [pair(TIMES) for _ in range(2)]
        fixed = statistics.median(ours - bare for ours, bare in short)
        beyond = statistics.median((ours - bare - fixed) / bare for ours, bare in long)
        told.update({
            "bare script, s": round(statistics.median(b for _, b in short), 2),
            "fixed overhead, s": round(fixed, 2),
            "by minima, s": round(min(o for o, _ in short) - min(b for _, b in short), 2),
            "a long fit, bare, s": round(statistics.median(b for _, b in long), 1),
            "beyond the fixed part, %": round(100 * beyond, 2),
        })  # fmt: skip

    benchmark.pedantic(by_turns, rounds=1)
    benchmark.extra_info.update(told)
    print(f"\nharness overhead: {told}")
