"""Any scikit-learn-compatible estimator enters without a plugin: thirty of them, by dotted path, on the demo."""

from __future__ import annotations

import pytest
from sklearn.utils import all_estimators

from genoboard.competition import Competition
from genoboard.evaluation import evaluate
from genoboard.isolation import Limits

# those that cannot be made without arguments, or take minutes on 600 genes
LEFT_OUT = {
    "ClassifierChain",
    "FixedThresholdClassifier",
    "MultiOutputClassifier",
    "OneVsOneClassifier",
    "OneVsRestClassifier",
    "OutputCodeClassifier",
    "StackingClassifier",
    "TunedThresholdClassifierCV",
    "VotingClassifier",
    "SelfTrainingClassifier",
    "GradientBoostingClassifier",
    "LogisticRegressionCV",
    "GaussianProcessClassifier",
}
CLASSIFIERS = [(n, c) for n, c in all_estimators(type_filter="classifier") if n not in LEFT_OUT]


@pytest.mark.slow
def test_at_least_thirty_estimators_run_by_dotted_path_on_the_demo(tmp_path_factory: pytest.TempPathFactory) -> None:
    competition = Competition.open("brain-region", workspace=tmp_path_factory.mktemp("workspace"))
    verdicts = {}
    for name, estimator in CLASSIFIERS:
        entry = evaluate(competition, f"{estimator.__module__.partition('._')[0]}:{name}", limits=Limits(seconds=300))
        verdicts[name] = entry.verdict
        if entry.verdict == "ok":
            primary = entry.scores[0].value
            assert primary is not None
            assert 0.0 <= primary <= 1.0
            if not hasattr(estimator, "predict_proba"):
                assert entry.notes, name
        else:
            assert entry.verdict in ("failed", "invalid"), (name, entry.reason)
            assert "\n" not in entry.reason.strip(), name
    print(verdicts)
    assert sum(v == "ok" for v in verdicts.values()) >= 25
    assert len(verdicts) >= 30


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", ["sklearn.linear_model:LinearRegression", "sklearn.cluster:KMeans", "sklearn.preprocessing:StandardScaler"]
)
def test_what_is_no_classifier_is_refused_in_one_line(path: str) -> None:
    entry = evaluate("brain-region", path)
    assert entry.verdict == "failed"
    assert "this task needs a classifier" in entry.reason or "neither predict nor predict_proba" in entry.reason
