"""Blend: entries -> a weighted mean of their predictions, with weights learnt from training rows alone; an entry of its own."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Entry

from . import board, formulas, look, oof, simplex, submission
from .competition import Competition
from .errors import DataError, UsageError
from .evaluation import enter_controls, measure
from .record import SubmissionFolder
from .run import Run
from .task import Tell
from .workspace import OUT_OF_FOLD, PREDICTIONS, RECORD

Predictions = NDArray[np.float64]


@dataclass(frozen=True)
class Member:
    """An entry that is blended.

    Parameters
    ----------
    label : its name, or its id where two members share a name.
    oof : for each fold its predictions of that fold's training rows.
    prediction : of the test rows, in the order of the submission's ids.
    """

    label: str
    entry: Entry
    oof: tuple[Predictions, ...]
    oof_sha256: str
    prediction: Predictions


@dataclass(frozen=True)
class Blend:
    """What came of blending.

    Parameters
    ----------
    entry : the recorded entry.
    weights : label of a member -> its weight in each fold.
    measure : what the weights make least: the log loss, or the mean squared error.
    losses : label -> `measure` of the out-of-fold predictions of the training rows, mean over folds.
    loss : that of the blend, on the rows that its weights were fitted on.
    """

    entry: Entry
    weights: Mapping[str, tuple[float, ...]]
    measure: str
    losses: Mapping[str, float]
    loss: float

    @property
    def mean_weights(self) -> dict[str, float]:
        """Label of a member -> mean of its weights over the folds."""
        return {label: float(np.mean(w)) for label, w in self.weights.items()}

    @property
    def best(self) -> str:
        """The member that is best by itself, on training rows."""
        return min(self.losses, key=lambda label: self.losses[label])

    def told(self) -> dict[str, Any]:
        """Return what is not in the entry, as plain JSON values."""
        by_fold = {label: list(w) for label, w in self.weights.items()}
        return {"measure": self.measure, "weights_by_fold": by_fold, "oof_losses": dict(self.losses), "oof_loss": self.loss}

    def text(self) -> str:
        """Return a table of members, with their weights and losses."""
        rows = [(label, f"{w:.3f}", f"{self.losses[label]:.5f}") for label, w in self.mean_weights.items()]
        heads = ("member", "weight", self.measure)
        rows.append((self.entry.name, "", f"{self.loss:.5f}"))
        wide, wider, widest = (max(map(len, column)) for column in zip(heads, *rows, strict=True))
        lines = [f"{a:<{wide}}  {b:>{wider}}  {c:>{widest}}" for a, b, c in (heads, *rows)]
        lines[-1] += "  (its weights were fitted on these rows)"
        folds = len(next(iter(self.weights.values())))
        over = f"; weights and losses are means over {folds} folds" if folds > 1 else ""
        return "\n".join([f"Out-of-fold, from training rows alone{over}:", *lines])


def blend(
    task: str | Competition,
    names: Sequence[str],
    *,
    name: str,
    split: str | None = None,
    data: str | None = None,
    workspace: str | Path | None = None,
    message: str = "",
    tell: Tell = lambda _: None,
    team: str = "",
) -> Blend:
    """Blend entries of one board, and record the result as an entry; no model runs.

    For each fold, weights that are not negative and sum to 1 are fitted on the out-of-fold predictions of this fold's training
    rows, and applied to the members' predictions of its test rows. They make the log loss of the weighted mean least, whatever the
    primary metric; for regression the squared error.

    Parameters
    ----------
    names : two or more standings' names, each for its latest valid entry that has out-of-fold predictions (`evaluate` with
        ``oof=True``), or ids of entries.
    name : that of the new standing.
    team : whose look it is, in a hosted competition; GENOBOARD_TEAM's or this machine's user unless given.

    Raises
    ------
    UsageError : where a member stands on another board, has no valid entry, or left no out-of-fold predictions.
    DataError : where a member's files are not those that were recorded.
    """
    competition = task if isinstance(task, Competition) else Competition.open(task, split, data, workspace, tell=tell)
    competition.workspace.require_writable(competition.task.name)
    members = _members(competition, names)
    # (n, K) or (n,) of each fold's training rows, and its weights
    weights = np.stack([_fit(competition, f.train, [m.oof[n] for m in members]) for n, f in enumerate(competition.folds)])
    prediction = np.empty_like(members[0].prediction)
    for fold, w in zip(competition.folds, weights, strict=True):
        at = np.searchsorted(competition.test, fold.test)
        prediction[at] = _mean(w, [m.prediction[at] for m in members])

    enter_controls(competition, Run(competition.plugins.model("prior"), {}, tell=tell))
    with SubmissionFolder(competition, name) as folder:
        mean = dict(zip((m.label for m in members), weights.mean(axis=0).tolist(), strict=True))
        entry = replace(
            folder.entry(name, "blend"),
            model="blend",
            parameters={"members": [m.entry.id for m in members], "weights": mean},
            message=message,
        )
        entry = look.placed(competition, entry, team)
        entry, replicates = measure(competition, folder, entry, prediction)
        used = [
            {
                "name": m.label,
                "entry": m.entry.id,
                "submission_sha256": m.entry.submission_sha256,
                "oof_sha256": m.oof_sha256,
                "weights": w,
            }
            for m, w in zip(members, weights.T.tolist(), strict=True)
        ]
        entry = folder.keep(entry, replicates, {"members": used})

    def loss(by_fold: Sequence[Predictions]) -> float:
        return float(np.mean([_loss(competition, f.train, p) for f, p in zip(competition.folds, by_fold, strict=True)]))

    blended = [_mean(w, [m.oof[n] for m in members]) for n, w in enumerate(weights)]
    return Blend(
        entry,
        {m.label: tuple(w) for m, w in zip(members, weights.T.tolist(), strict=True)},
        "mean squared error" if competition.task.target == "regression" else "log loss",
        {m.label: loss(m.oof) for m in members},
        loss(blended),
    )


def _members(competition: Competition, names: Sequence[str]) -> list[Member]:
    entries = [_with_oof(competition, n) for n in names]
    if len({e.id for e in entries}) < len(entries):
        raise UsageError("A blend takes an entry once, and of these names two mean the same. Name each member once.")
    if len(entries) < 2:
        raise UsageError("A blend needs two members or more: genoboard blend TASK NAME NAME... --name NEW.")
    shared = {e.name for n, e in enumerate(entries) if e.name in {other.name for other in entries[:n]}}
    return [_member(competition, e, e.id if e.name in shared else e.name) for e in entries]


def _member(competition: Competition, entry: Entry, label: str) -> Member:
    folder = competition.workspace.folder(entry.id, competition.task.name)
    read = submission.read(folder / PREDICTIONS, competition.form)
    if read.sha256 != entry.submission_sha256:
        raise DataError(
            f"{folder / PREDICTIONS} is not the file that was scored: its SHA-256 has changed. Put it back, or run {label} again."
        )
    sha256 = _record(folder).get("oof_sha256", "")
    by_fold = oof.read(folder / OUT_OF_FOLD, competition, sha256)
    return Member(
        label, entry, tuple(_shares(competition, label, p) for p in by_fold), sha256, _shares(competition, label, read.prediction)
    )


def _with_oof(competition: Competition, name: str) -> Entry:
    """Return the latest entry that `name` stands for and that has out-of-fold predictions."""
    found = board.named(competition, name)
    latest = found[-1]
    kept = [e for e in found if (competition.workspace.folder(e.id, competition.task.name) / OUT_OF_FOLD).exists()]
    if kept:
        return kept[-1]
    if latest.origin == "file":
        mend = "It was submitted as a file, and only runs leave them"
    elif latest.origin == "blend":
        mend = "It is a blend itself: name its members instead"
    else:
        mend = f"Run it again: {_again(competition, latest)}"
    raise UsageError(f"{name} left no out-of-fold predictions, from which a blend learns its weights. {mend}.")


def _again(competition: Competition, entry: Entry) -> str:
    """Return the command that repeats an entry, and leaves its out-of-fold predictions."""
    card = competition.plugins.models.get(entry.model)
    record = _record(competition.workspace.folder(entry.id, competition.task.name))
    model = entry.model if card else record.get("estimator", "")
    if not re.fullmatch(r"[^\s()]+", model):
        return "genoboard.evaluate(..., oof=True), since it was an object in Python"
    words = ["genoboard", "run", entry.board.task, model, "--oof", "--split", entry.board.split, "--data", entry.board.data]
    words += ["--name", entry.name] if entry.name != entry.model else []
    words += ["--seed", str(entry.seed)] if entry.seed else []
    words += ["--threads", str(entry.threads)] if entry.threads not in (None, 1) else []
    usual = card.parameters if card else {}
    for key, value in entry.parameters.items():
        words += ["--set", f"{key}={json.dumps(value)}"] if value != usual.get(key) else []
    return shlex.join(words)


def _record(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / RECORD} cannot be read ({error}). Put it back, or leave that entry out.") from error
    return found


def _shares(competition: Competition, label: str, prediction: Predictions) -> Predictions:
    """Return probabilities as the scorer takes them: rows of one class sum to 1; values as they are."""
    if competition.task.target == "regression":
        return prediction
    exclusive = prediction.ndim == 2 and competition.form.exclusive
    if prediction.min() < 0 or prediction.max() > 1 or (exclusive and not (prediction.sum(axis=1) > 0).all()):
        raise UsageError(f"{label} gives scores that are no probabilities, and a blend is a mean of probabilities. Leave it out.")
    return prediction / prediction.sum(axis=1, keepdims=True) if exclusive else prediction


def _mean(weights: NDArray[np.float64], predictions: Sequence[Predictions]) -> Predictions:
    mean: Predictions = sum((w * p for w, p in zip(weights, predictions, strict=True)), np.zeros_like(predictions[0]))
    # rounding may lead a hair beyond what every member says
    return mean.clip(np.minimum.reduce(predictions), np.maximum.reduce(predictions))


def _truth(competition: Competition, rows: NDArray[np.intp], predictions: Sequence[Predictions]) -> tuple[NDArray[Any], list[Predictions]]:
    """Return the target of these rows beside the predictions; several columns as if each were rows of its own."""
    truth = competition.codes(competition.data.rows["y"].iloc[rows], competition.task.classes)
    return (truth.ravel(), [p.ravel() for p in predictions]) if truth.ndim == 2 else (truth, list(predictions))


def _fit(competition: Competition, rows: NDArray[np.intp], predictions: Sequence[Predictions]) -> NDArray[np.float64]:
    """Return the weights (m,) that are best on these training rows."""
    truth, predictions = _truth(competition, rows, predictions)
    if competition.task.target == "regression":
        return simplex.least_squares(np.column_stack(predictions) - truth[:, None])
    if predictions[0].ndim == 2:
        true = np.column_stack([p[np.arange(len(truth)), truth] for p in predictions])
    else:
        true = np.column_stack([np.where(truth == 1, p, 1.0 - p) for p in predictions])
    return simplex.least_log_loss(true.clip(formulas.EPSILON, 1.0 - formulas.EPSILON))


def _loss(competition: Competition, rows: NDArray[np.intp], prediction: Predictions) -> float:
    truth, (prediction,) = _truth(competition, rows, [prediction])
    if competition.task.target == "regression":
        return formulas.mse.score(truth, prediction, 0)
    if prediction.ndim == 2:
        return formulas.multiclass_log_loss.score(truth, prediction, prediction.shape[1])
    return formulas.log_loss.score(truth.astype(np.int64), prediction, 2)
