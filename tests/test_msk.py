"""variant-class on the real variants, without their text: what is known of them, and first-party entries below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from genoboard import board, catalog, data
from genoboard.competition import Competition
from genoboard.evaluation import evaluate
from genoboard.plugins import load_plugins

PLUGINS = load_plugins()
TASK = PLUGINS.tasks["variant-class"]
READ_NAMES = ("variant-features", "xgboost-text", "catboost-text")
# log loss of the controls, and of gene + variant type + amino acids by plain logistic regression, on other people's folds
KNOWN = {"gene-cv5": (1.868, 1.868, 1.775), "stage1": (None, 1.10, 1.10)}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("msk")


@pytest.fixture
def msk(real_data: Path, workspace: Path) -> Path:
    """A workspace where the official variants have been ingested, without text."""
    if catalog.state(TASK, "msk") is None:
        data.ingest(TASK, real_data / "variant-class" / "msk")
    return workspace


@pytest.mark.slow
@pytest.mark.parametrize(("split", "models"), [("stage1", READ_NAMES), ("gene-cv5", READ_NAMES[1:2])])
def test_the_controls_are_where_they_are_known_to_be_and_every_model_that_reads_names_beats_them(
    msk: Path, split: str, models: tuple[str, ...]
) -> None:
    competition = Competition.open("variant-class", split, "msk", msk, PLUGINS)
    for model in models:
        entry = evaluate(competition, model)
        assert entry.verdict == "ok", entry.reason
    told = board.document(PLUGINS, str(msk), "variant-class", split, "msk")
    loss = {s["name"]: s["scores"]["multiclass-log-loss"] for s in told["standings"]}
    print(split, loss)
    prior, gene_only, plain = KNOWN[split]
    assert prior is None or abs(loss["prior"] - prior) < 0.03
    assert abs(loss["gene-only"] - gene_only) < 0.03
    if split == "gene-cv5":
        assert loss["gene-only"] == pytest.approx(loss["prior"], abs=1e-12)
    for model in models:
        assert loss[model] < plain - 0.02, model


@pytest.mark.slow
def test_on_stage_2_confidence_costs_more_than_it_brings_and_nobody_is_ranked(msk: Path) -> None:
    competition = Competition.open("variant-class", "stage2", "msk", msk, PLUGINS)
    evaluate(competition, "variant-features")
    told = board.document(PLUGINS, str(msk), "variant-class", "stage2", "msk")
    loss = {s["name"]: s["scores"]["multiclass-log-loss"] for s in told["standings"]}
    print(loss)
    assert loss["uniform"] == pytest.approx(2.1972245773362196, abs=1e-12)
    assert min(loss["gene-only"], loss["variant-features"], loss["prior"]) > loss["uniform"]
    assert {s["rank"] for s in told["standings"]} == {None}
