"""What `genoboard run` costs beside one bare script that loads, fits, predicts and scores the same.

Processes by turns, on one thread, after a first run that enters the board's controls: a fit of no length, whose difference is what is
fixed, and a long one, whose difference beyond that is told as a share of the script's time. GENOBOARD_BENCH_TREES says how long.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoboard.competition import Competition

TREES = int(os.environ.get("GENOBOARD_BENCH_TREES", 1_500))
CASES = {"short": ("logistic-regression", {"top": 100, "max_iter": 20}, 9), "long": ("random-forest", {"n_estimators": TREES}, 3)}

SCRIPT = """
import json, sys
import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from genoboard_sklearn import models

folder, model, parameters = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
train, test = (pd.read_parquet(f"{folder}/{part}.parquet") for part in ("train", "test"))
truth = {part: np.load(f"{folder}/{part}.npy") for part in ("train", "test")}
fitted = getattr(models, model.replace("-", "_"))(**parameters).set_params(**({"classify__random_state": 0} if model == "random-forest" else {}))
fitted.fit(train, truth["train"])
p = fitted.predict_proba(test)
pd.DataFrame(p, index=test.index).to_csv(f"{folder}/predictions.csv")
y, labels = truth["test"], p.argmax(axis=1)
print(f1_score(y, labels, average="macro"), accuracy_score(y, labels), log_loss(y, p), roc_auc_score(y, p, multi_class="ovr"))
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose board has its controls, and beside it the rows for the script."""
    folder = tmp_path_factory.mktemp("overhead")
    _run(folder, *CASES["short"][:2])
    competition = Competition.open("brain-region", workspace=folder)
    fold = competition.folds[0]
    for part, rows in (("train", fold.train), ("test", fold.test)):
        competition.data.X(rows).to_parquet(folder / f"{part}.parquet")
        np.save(folder / f"{part}.npy", competition.codes(competition.data.rows["y"].iloc[rows], competition.task.classes))
    return folder


def _seconds(words: list[str], folder: Path) -> tuple[float, float]:
    """Return how long a process takes, by the clock and of the processors, its children's among these."""
    told = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    # what is installed is compiled, too
    around = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, check=True, capture_output=True, cwd=folder, env={**around, **told})
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(folder: Path, model: str, parameters: dict[str, Any]) -> tuple[float, float]:
    told = [word for key, value in parameters.items() for word in ("--set", f"{key}={value}")]
    return _seconds([sys.executable, "-m", "genoboard", "run", "brain-region", model, "--force", *told], folder)


@pytest.mark.slow
def test_a_run_against_a_bare_script(benchmark: Any, board: Path) -> None:
    told: dict[str, Any] = {}

    def by_turns() -> None:
        for case, (model, parameters, turns) in CASES.items():
            bare = [sys.executable, "-c", SCRIPT, str(board), model, json.dumps(parameters)]
            pairs = [(_seconds(bare, board), _run(board, model, parameters)) for _ in range(turns)]
            for i, what in enumerate(("seconds", "of the processors")):
                script, ours = ([pair[k][i] for pair in pairs] for k in (0, 1))
                told[f"{case}, {what}"] = {
                    "script": round(statistics.median(script), 2),
                    "run": round(statistics.median(ours), 2),
                    "more, by medians": round(statistics.median(ours) - statistics.median(script), 2),
                    "more, by minima": round(min(ours) - min(script), 2),
                }
        for what in ("seconds", "of the processors"):
            short, long = told[f"short, {what}"], told[f"long, {what}"]
            told[f"beyond what is fixed, {what}"] = {
                by: f"{100 * (long[f'more, {by}'] - short[f'more, {by}']) / long['script']:.1f} %" for by in ("by medians", "by minima")
            }

    benchmark.pedantic(by_turns, rounds=1)
    benchmark.extra_info.update(told)
    print("\n" + "\n".join(f"{name}: {figures}" for name, figures in told.items()))
