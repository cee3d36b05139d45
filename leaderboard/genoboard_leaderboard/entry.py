"""Entry: one scored submission, or one failed run, as it is recorded; plain values that go to JSON and back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from . import notebook
from .errors import LeaderboardError

Origin = Literal["run", "file", "blend"]
Verdict = Literal["ok", "failed", "timeout", "memory", "crashed", "invalid", "disk"]
CodeState = Literal["released", "editable", "dirty", "unknown"]


@dataclass(frozen=True)
class Board:
    """What entries are comparable on: the same task, data and split, each by its fingerprint."""

    task: str
    data: str
    data_fingerprint: str
    split: str
    split_fingerprint: str

    @property
    def key(self) -> str:
        """A short, stable name for these five values."""
        return hashlib.sha256("\n".join(vars(self).values()).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Score:
    """A measurement: `value` with its 95 % interval, or None with the `reason` why there is none.

    `fold_mean` and `fold_sd` are given on cross-validated splits, where `value` is that of the pooled folds.
    `version` is that of the metric's formula.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    version: int = 1
    reason: str = ""
    fold_mean: float | None = None
    fold_sd: float | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "fold_mean", "fold_sd"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise LeaderboardError(f"Score {self.metric}: {name} is {number}. A score is a finite number, or None with its reason.")


def shown(title: str, scores: Sequence[Score], below: Sequence[str]) -> str:
    """Return scores as a notebook shows them, the primary one first; those of single classes are left out."""
    rows = []
    for score in (s for s in scores if "[" not in s.metric):
        value = f"{score.value:.5f}" if score.value is not None else score.reason or "-"
        interval = f"[{score.low:.5f}, {score.high:.5f}]" if score.low is not None and score.high is not None else ""
        folds = f"{score.fold_mean:.5f} ± {score.fold_sd or 0.0:.5f}" if score.fold_mean is not None else ""
        rows.append([score.metric, value, interval, folds])
    return notebook.table(title, ["metric", "score", "95 % interval", "fold mean ± sd"], rows, numeric=(1,), bold=(0,), below=below)


@dataclass(frozen=True)
class Code:
    """Where the model's code came from; `source` is a hash of its source tree, empty for a submitted file."""

    plugin: str = ""
    version: str = ""
    source: str = ""
    state: CodeState = "unknown"
    commit: str = ""


@dataclass(frozen=True)
class Entry:
    """One submission on a board, or one run that gave none (`verdict` other than ``ok``).

    Parameters
    ----------
    id : the submission folder's name, unique in a workspace.
    name : the standing's name, chosen by the user or the model's.
    created : UTC, ISO 8601 with microseconds; entries sort by it.
    parameters : the model's parameters, JSON values.
    seed, threads : of the run; None for a file or a blend.
    submission_sha256 : of ``predictions.csv``; empty where there is none.
    control : the board's own control, not a contestant.
    seconds_fit, seconds_predict : wall seconds, summed over folds.
    peak_memory : bytes, the largest of the folds.
    notes : what the scorer and the run want the reader to know.
    cluster, clusters : what was resampled for the intervals (``"donor"``, ``"row"``), and how many of them there were.
    scorer : version of the scorer: of how replicates are drawn and intervals made.
    removed : why the entry was taken from the board; empty while it stands.
    team, look : on a hosted board, whose entry it is, and the how manieth of that team; controls have neither.
    held : why a hosted board does not show its scores, which are in no field then.
    isolation : ``full``, or in a few words each what its models were not kept from; empty where nothing was run.
    identity : a hash of all that a run's predictions depend on, its environment included; empty where that cannot be told.
    phase : ``public`` on a hosted board, scored on its public part; ``post-reveal`` where the reveal came first; else empty.
    """

    id: str
    board: Board
    name: str
    created: str
    origin: Origin
    verdict: Verdict = "ok"
    reason: str = ""
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    threads: int | None = None
    control: bool = False
    code: Code = field(default_factory=Code)
    scores: tuple[Score, ...] = ()
    seconds_fit: float | None = None
    seconds_predict: float | None = None
    peak_memory: int | None = None
    submission_sha256: str = ""
    message: str = ""
    notes: tuple[str, ...] = ()
    cluster: str = ""
    clusters: int | None = None
    scorer: int = 0
    removed: str = ""
    team: str = ""
    look: int | None = None
    held: str = ""
    phase: str = ""
    isolation: str = ""
    identity: str = ""

    @property
    def standing(self) -> str:
        """The key of the standing that this entry belongs to: everything that makes it what it is, but for the seed."""
        what = [self.name, self.origin, self.model, self.parameters, self.threads, self.code.plugin, self.code.version, self.code.source]
        if self.origin == "file":
            what.append(self.submission_sha256)
        if self.phase:
            # teams are told apart, and what is held back or was scored on the other part is not averaged with the rest
            what += [self.team, self.phase, "held back" if self.held else ""]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]

    def score(self, metric: str) -> Score | None:
        """Return the score of `metric`, or None where the entry has none."""
        return next((s for s in self.scores if s.metric == metric), None)

    def __repr__(self) -> str:
        told = self.reason or self.verdict
        if self.verdict == "ok" and self.scores:
            first = self.scores[0]
            between = f" [{first.low:.5f}, {first.high:.5f}]" if first.low is not None and first.high is not None else ""
            told = f"{first.metric} -" if first.value is None else f"{first.metric} {first.value:.5f}{between}"
        return f"<Entry {self.name!r} of {self.board.task} / {self.board.data} / {self.board.split}: {told}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the scores, or why there are none, and how they came about."""
        board, code = self.board, " ".join(filter(None, (self.code.plugin, self.code.version)))
        state = "" if self.code.state == "unknown" else self.code.state
        made = [self.origin, f"seed {self.seed}" if self.seed is not None else "", f"{code} {state}".strip()]
        took = f"fitted in {self.seconds_fit:.1f} s" if self.seconds_fit is not None else ""
        settings = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in self.parameters.items())
        below = [
            f"{self.verdict}: {self.reason}" if self.verdict != "ok" else "",
            self.held,
            f"Removed: {self.removed}" if self.removed else "",
            f"{board.task}: data {board.data}, split {board.split}",
            ", ".join(filter(None, (*made, took))),
            settings,
            *self.notes,
            self.id,
        ]
        return shown(self.name, self.scores, below)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        # Not asdict: it copies every value, which is most of the time that a rebuild takes.
        scores = [dict(vars(score)) for score in self.scores]
        given = {"board": dict(vars(self.board)), "parameters": dict(self.parameters), "code": dict(vars(self.code)), "scores": scores}
        return {**vars(self), **given, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Entry:
        """Read what `to_dict` gave; raise `LeaderboardError` when it is something else."""
        try:
            given = dict(values)
            given["board"] = Board(**given["board"])
            given["code"] = Code(**given["code"])
            given["scores"] = tuple(Score(**s) for s in given["scores"])
            given["notes"] = tuple(given["notes"])
            return cls(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise LeaderboardError(f"This is not a recorded entry: {error}.") from error
