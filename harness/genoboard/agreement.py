"""Agreement: two submissions row by row: where they differ, and whether by more than chance (McNemar, DeLong)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard.pairing import Difference, difference

from . import delong, scoring
from .errors import UndefinedScore
from .metrics import BUILTIN, Metric, per_class
from .results import Results

AUROC = next(m for m in BUILTIN if m.name == "auroc")
ACCURACY = next(m for m in BUILTIN if m.name == "accuracy")


@dataclass(frozen=True)
class McNemar:
    """Rows that only one of the two has right; `p` is the exact two-sided probability of so uneven a share of them."""

    only_a: int
    only_b: int

    @property
    def p(self) -> float:
        """Return the exact p-value: twice the smaller tail of a binomial with a half."""
        n, few = self.only_a + self.only_b, min(self.only_a, self.only_b)
        k = np.arange(1, few + 1)
        # the logarithm of the binomial coefficients, so that thousands of rows do not overflow
        log = np.concatenate([[0.0], np.cumsum(np.log((n - k + 1) / k))]) - n * np.log(2.0)
        return min(1.0, 2.0 * float(np.exp(log).sum()))


@dataclass(frozen=True)
class Agreement:
    """What two submissions have in common, and what not.

    Parameters
    ----------
    a, b : which entries were read.
    mcnemar : for a task with classes.
    auroc : difference of macro one-vs-rest AUROC by DeLong with clustered components, where it has a value.
    classes : ``class, rows, a, b, value, low, high``: F1 of each class; empty for a regression.
    groups : ``group, rows, a, b, value`` of `by` on each group's rows, the most different first.
    by : the metric of `groups`.
    """

    a: str
    b: str
    mcnemar: McNemar | None
    auroc: Difference | None
    classes: pd.DataFrame
    groups: pd.DataFrame
    by: Metric

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        tests: dict[str, Any] = {}
        if self.mcnemar:
            tests["mcnemar"] = {**vars(self.mcnemar), "p": self.mcnemar.p}
        if self.auroc:
            tests["delong"] = {**vars(self.auroc), "p": self.auroc.p}
        tables = {"classes": self.classes, "groups": self.groups}
        return {"entries": [self.a, self.b], **tests, "by": self.by.name, **{k: _records(t) for k, t in tables.items()}}

    def text(self, a: str, b: str, most: int = 5) -> str:
        """Return it for a terminal, the two by their names."""
        lines = []
        if self.mcnemar:
            m = self.mcnemar
            lines.append(f"Only {a} is right on {m.only_a} rows, only {b} on {m.only_b}: exact McNemar p {probability(m.p)}.")
        if self.auroc:
            interval = f" [{self.auroc.low:z.5f}, {self.auroc.high:z.5f}]" if self.auroc.low is not None else ""
            lines.append(f"AUROC: {self.auroc.value:z.5f}{interval}, DeLong p {probability(self.auroc.p)}.")
        if len(self.classes):
            shown = self.classes.rename(columns={"a": a, "b": b, "value": "difference"})
            lines += ["", "F1 by class:", shown.to_string(index=False, float_format=lambda v: f"{v:.5f}", na_rep="-")]
        if len(self.groups):
            d = self.groups["value"] * (1 if self.by.direction == "max" else -1)
            lines.append("")
            lines.append(
                f"By group ({self.by.name}): {a} is better in {int((d > 0).sum())}, {b} in {int((d < 0).sum())}, equal in {int((d == 0).sum())}."
            )
            shown = self.groups.head(most).rename(columns={"a": a, "b": b, "value": "difference"})
            lines.append(shown.to_string(index=False, float_format=lambda v: f"{v:.5f}", na_rep="-"))
            if len(self.groups) > most:
                lines.append(f"The {most} most different of {len(self.groups)}; --json has all.")
        return "\n".join(lines)


def agreement(a: Results, b: Results, metric: Metric) -> Agreement:
    """Hold two entries' submissions against each other; both are of one competition."""
    solution, classes = a.solution.alone(), a.classes
    first, second = a.prediction, b.prediction
    test = None
    if classes:
        right = [scoring.labels_of(p) == solution.truth for p in (first, second)]
        test = McNemar(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()))
    # of a metric that ranks or averages classes, a group's few rows say nothing
    by = ACCURACY if metric.reads == "labels" else metric if metric.formula.endswith(("log_loss", ":mse", ":mae", "brier")) else None
    by = by or (ACCURACY if classes else next(m for m in BUILTIN if m.name == "mse"))
    return Agreement(
        a.entry.id,
        b.entry.id,
        test,
        _by_delong(solution, first, second) if classes else None,
        _by_class(solution, first, second) if classes else pd.DataFrame(),
        _by_group(a, by, first, second),
        by,
    )


def _by_delong(solution: scoring.Solution, first: NDArray[Any], second: NDArray[Any]) -> Difference | None:
    try:
        values = [scoring.value_of(AUROC, solution.truth, p, solution.classes) for p in (first, second)]
    except UndefinedScore:
        return None
    one, other = (delong.contributions(solution.truth, p, len(solution.classes), solution.cluster) for p in (first, second))
    se = float(np.sqrt(np.sum(np.square(one - other))))
    value = values[0] - values[1]
    if solution.clusters < 2 or not np.isfinite(se):
        return Difference(value)
    return Difference.within(value, se, solution.clusters - 1)


def _by_class(solution: scoring.Solution, first: NDArray[Any], second: NDArray[Any]) -> pd.DataFrame:
    weights = scoring.resampling_weights(solution)
    found = []
    for code, card in enumerate(per_class(solution.classes)):
        one, other = (scoring.value_of(card, solution.truth, p, solution.classes) for p in (first, second))
        drawn, beside = ([scoring.replicates_of(card, solution, p, weights)] for p in (first, second))
        d = difference(one, other, drawn, beside, solution.clusters)
        found.append((solution.classes[code], int((solution.truth == code).sum()), one, other, d.value, d.low, d.high))
    return pd.DataFrame(found, columns=["class", "rows", "a", "b", "value", "low", "high"])


def _by_group(results: Results, by: Metric, first: NDArray[Any], second: NDArray[Any]) -> pd.DataFrame:
    solution, name = results.solution, results.competition.split.bootstrap_group
    if name is None:
        return pd.DataFrame(columns=["group", "rows", "a", "b", "value"])
    code, groups = pd.factorize(results.rows[name].iloc[results.test], sort=True)
    rows = []
    for g, label in enumerate(groups):
        at = code == g
        one, other = (scoring.value_of(by, solution.truth[at], p[at], solution.classes) for p in (first, second))
        rows.append((str(label), int(at.sum()), one, other, one - other))
    table = pd.DataFrame(rows, columns=["group", "rows", "a", "b", "value"])
    return table.iloc[(-table["value"].abs()).argsort(kind="stable")].reset_index(drop=True)


def probability(p: float | None) -> str:
    """Return a p-value as it is printed."""
    return "-" if p is None else "< .00001" if p < 1e-5 else f"{p:.5f}"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): None if v is None or v != v else v for k, v in row.items()} for row in table.to_dict("records")]
