"""Jackknife: every standing's score with one group of test rows left out; what an interval over few groups rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from . import scoring
from .competition import Competition
from .errors import UndefinedScore, UsageError
from .results import NotDrawn, Results, representatives

WIDEST = 12  # groups that a terminal shows as columns


@dataclass(frozen=True)
class Jackknife:
    """`table` is indexed by the standings' names, with a column ``all`` and one per group: the score without it; NaN where it has none."""

    metric: str
    group: str
    table: pd.DataFrame
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        rows = [
            {"name": name, "all": row["all"], "without": {g: None if v != v else v for g, v in row.drop("all").items()}}
            for name, row in self.table.iterrows()
        ]
        return {"metric": self.metric, "group": self.group, "leave_one_group_out": rows, "notes": list(self.notes)}

    def text(self) -> str:
        """Return the table for a terminal: all groups where they are few, else the two that matter most to each standing."""
        head = f"{self.metric} without each {self.group}:"
        if self.table.shape[1] - 1 <= WIDEST:
            shown = self.table
        else:
            without = self.table.drop(columns="all")
            shown = pd.DataFrame(
                {
                    "all": self.table["all"],
                    "lowest": without.min(axis=1),
                    f"without {self.group}": without.idxmin(axis=1),
                    "highest": without.max(axis=1),
                    f"without {self.group} ": without.idxmax(axis=1),
                }
            )
        body = shown.to_string(float_format=lambda v: f"{v:.5f}", na_rep="-", index_names=False)
        return "\n".join([head, "", body, *self.notes, ""])


def leave_one_group_out(competition: Competition) -> Jackknife:
    """Score every standing of a board anew, once without each group; of a standing with several seeds, its earliest entry."""
    by, card = competition.split.bootstrap_group, competition.metrics[0]
    if by is None:
        raise UsageError(f"Split {competition.split.name!r} resamples single rows: there are no groups to leave out.")
    found, notes = {}, []
    for results in representatives(competition):
        entry = results.entry
        try:
            prediction = results.prediction
        except NotDrawn as error:
            notes.append(f"{entry.name}: {error}")
            continue
        scores = {"all": _value(results, prediction, None)}
        code, names = pd.factorize(results.rows[by].iloc[results.test], sort=True)
        scores |= {str(name): _value(results, prediction, code != g) for g, name in enumerate(names)}
        found[entry.name if entry.name not in found else entry.id] = scores
    if not found:
        raise UsageError("This board has no entry yet whose predictions could be scored anew.")
    return Jackknife(card.name, by, pd.DataFrame(found).T, tuple(notes))


def _value(results: Results, prediction: Any, kept: Any) -> float:
    solution = results.solution
    beside = solution.beside if kept is None else {name: more[kept] for name, more in solution.beside.items()}
    truth, prediction = (solution.truth, prediction) if kept is None else (solution.truth[kept], prediction[kept])
    try:
        return scoring.value_of(results.metrics[0], truth, prediction, solution.classes, beside)
    except UndefinedScore:
        return float("nan")
