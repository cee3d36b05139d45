"""Metric: the card of a function of truth and predictions, with its direction, range and version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Reads = Literal["probabilities", "labels", "scores", "values"]


@dataclass(frozen=True)
class Metric:
    """A named measure of a submission against the solution.

    Parameters
    ----------
    name : lower case with hyphens: ``"f1-macro"``.
    formula : ``"module:name"`` of a `genoboard.formulas.Formula`, imported when something is scored.
    direction : ``"max"`` where more is better, ``"min"`` where less is.
    low, high : the closed range of possible values; ``inf`` where there is no bound.
    reads : what the formula is given of a submission. ``"probabilities"``: float64 (n, K), as submitted;
        ``"labels"``: int64 (n,), the most probable class, the earlier one on a tie;
        ``"scores"``: any finite float64, (n,) or (n, K); ``"values"``: float64 (n,), a regression's.
    version : raised whenever the formula could give another number on the same rows.
    positive : where given, the metric is computed one-vs-rest for this class.
    merge : class -> class; these classes are merged before the formula is applied: labels are renamed, probabilities added up.
    beside : what the formula is given beside the truth, whose shape then is (n, 2) or (n, 3), float64. ``""``: nothing; ``"null"``: the
        predictions of the split's null (`Split.baseline`); otherwise a column of `Dataset.groups`, as codes 0, 1, ..., and
        the fold that predicted the row.
        Only the rows of a competition have it: such a metric cannot score a file against a file.
    """

    name: str
    formula: str
    direction: Literal["max", "min"]
    low: float
    high: float
    reads: Reads
    summary: str
    version: int = 1
    positive: str | None = None
    merge: Mapping[str, str] = field(default_factory=dict)
    beside: str = ""

    def better(self, a: float, b: float) -> bool:
        """Tell whether score `a` beats score `b`."""
        return a > b if self.direction == "max" else a < b


INF = float("inf")
HERE = "genoboard.formulas:"

BUILTIN: tuple[Metric, ...] = (
    Metric(
        "multiclass-log-loss",
        HERE + "multiclass_log_loss",
        "min",
        0.0,
        INF,
        "probabilities",
        "mean -ln p of the true class; rows rescaled to sum 1, then clipped to [1e-15, 1 - 1e-15], as on Kaggle",
    ),
    Metric(
        "log-loss",
        HERE + "log_loss",
        "min",
        0.0,
        INF,
        "probabilities",
        "binary: mean -ln p of the true class, clipped to [1e-15, 1 - 1e-15]",
    ),
    Metric("brier", HERE + "brier", "min", 0.0, 2.0, "probabilities", "mean over rows of the squared error summed over classes"),
    Metric(
        "ece",
        HERE + "ece",
        "min",
        0.0,
        1.0,
        "probabilities",
        "expected calibration error of the most probable class, in 15 equal bins of its probability",
    ),
    Metric(
        "auroc",
        HERE + "auroc",
        "max",
        0.0,
        1.0,
        "scores",
        "area under the ROC curve, ties at 1/2: binary, mean over columns (multilabel), or macro one-vs-rest (multiclass)",
    ),
    Metric("auprc", HERE + "auprc", "max", 0.0, 1.0, "scores", "average precision: binary, mean over columns, or macro one-vs-rest"),
    Metric(
        "f1-macro",
        HERE + "f1_macro",
        "max",
        0.0,
        1.0,
        "labels",
        "unweighted mean of the per-class F1 over the fixed label set; a class without truth and predictions counts 0",
    ),
    Metric("f1", HERE + "f1_binary", "max", 0.0, 1.0, "labels", "binary: F1 of the second class; multilabel: the mean over the labels"),
    Metric("f1-micro", HERE + "f1_micro", "max", 0.0, 1.0, "labels", "F1 of pooled counts; for one label a row it is accuracy"),
    Metric("f1-weighted", HERE + "f1_weighted", "max", 0.0, 1.0, "labels", "mean of the per-class F1, weighted by support"),
    Metric("accuracy", HERE + "accuracy", "max", 0.0, 1.0, "labels", "share of rows whose most probable class is the true one"),
    Metric(
        "balanced-accuracy", HERE + "balanced_accuracy", "max", 0.0, 1.0, "labels", "mean recall over the classes that occur in the truth"
    ),
    Metric(
        "mcc",
        HERE + "mcc",
        "max",
        -1.0,
        1.0,
        "labels",
        "Matthews correlation coefficient, multiclass; 0 when truth or predictions are constant",
    ),
    Metric("mse", HERE + "mse", "min", 0.0, INF, "values", "mean squared error"),
    Metric("rmse", HERE + "rmse", "min", 0.0, INF, "values", "root of the mean squared error"),
    Metric("mae", HERE + "mae", "min", 0.0, INF, "values", "mean absolute error"),
    Metric("rmsle", HERE + "rmsle", "min", 0.0, INF, "values", "root mean squared error of ln(1 + value); undefined for values below 0"),
    Metric(
        "r2", HERE + "r2", "max", -INF, 1.0, "values", "1 - residual sum of squares / total sum of squares; undefined for constant truth"
    ),
    Metric("pearson", HERE + "pearson", "max", -1.0, 1.0, "values", "Pearson's r; undefined when either side is constant"),
    Metric(
        "spearman",
        HERE + "spearman",
        "max",
        -1.0,
        1.0,
        "values",
        "Spearman's rho, ties at their mean rank; undefined when either side is constant",
    ),
    Metric(
        "skill",
        "genoboard.profiles:skill",
        "max",
        -INF,
        1.0,
        "values",
        "1 - MSE / MSE of the split's null on the same rows: 0 is what the null does, 1 is without error",
        beside="null",
    ),
)


def per_class(classes: tuple[str, ...], name: str = "f1") -> tuple[Metric, ...]:
    """Return one one-vs-rest F1 metric per class, named ``f1[class]``."""
    return tuple(
        Metric(f"{name}[{c}]", HERE + "f1_binary", "max", 0.0, 1.0, "labels", f"F1 of class {c!r} against the rest", positive=c)
        for c in classes
    )
