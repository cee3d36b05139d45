"""The story, told once: model -> submission -> scores -> entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from genoboard_leaderboard.entry import Code, Entry, Score, shown
from genoboard_leaderboard.store import Store

from . import kagglefolder, look, rows, scoring, submission
from . import oof as out_of_fold
from .board import recover
from .competition import INNER, Competition
from .errors import GenoboardError, InvalidSubmission, ModelFailed, UndefinedScore, UsageError
from .isolation import Limits
from .lock import locked
from .model import ModelSpec
from .recall import recalled, require_free
from .record import SubmissionFolder
from .run import Run, code, identity, isolation, prepare, run_folds, union
from .sandbox import Outcome
from .task import Tell
from .taskfile import Recipe
from .workspace import HANDED_IN, LOG, OUT_OF_FOLD, PREDICTIONS


def evaluate(
    task: str | Competition,
    model: object,
    *,
    split: str | None = None,
    data: str | None = None,
    name: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    limits: Limits | None = None,
    workspace: str | Path | None = None,
    message: str = "",
    oof: bool = False,
    team: str = "",
    reuse: bool = False,
    out: Path | None = None,
    **talk: Any,
) -> Entry:
    """Run a model on a task, score what it predicts, and record the entry.

    Parameters
    ----------
    task : a task's name, or an open `Competition`.
    model : a registered name, ``"package.module:Class"``, ``"path/to/file.py:Class"``, or an estimator.
    name : the standing's name; the model's unless given.
    oof : also leave the training rows' out-of-fold predictions in the submission folder, for a blend. Within the training rows of
        each fold the model is fitted five more times; where that fails, the entry stands, and a note says why it has none.
    team : whose look it is, in a hosted competition; GENOBOARD_TEAM's or this machine's user unless given.
    reuse : return the entry of an earlier run where that was the same in everything that its predictions depend on, and run nothing.
    out : the folder that becomes the entry's, in the place of one that the workspace names; the index is left as it is, and no control
        is entered: ``genoboard leaderboard --rebuild`` gathers what lies in a workspace's ``submissions``.
    talk : `Run`'s ``stream``, ``progress``, ``tell`` and ``in_process``.

    Returns
    -------
    Entry : recorded, whatever its verdict; a run in this process (``in_process=True``) is never recorded.
    """
    competition = task if isinstance(task, Competition) else Competition.open(task, split, data, workspace)
    run = prepare(competition, model, parameters, seed, limits, **talk)
    if oof and run.in_process:
        raise UsageError("Out-of-fold predictions are kept with an entry, and a run in this process leaves none. Choose one of the two.")
    if run.in_process and competition.sealed is not None:
        raise UsageError(
            "This competition is hosted: looks are counted, and a run in this process leaves no record. Use --dev, or enter it."
        )
    # a split too small to be dealt anew says so before anything is fitted
    inners = [competition.within_train(fold=f) for f in range(len(competition.folds))] if oof else []
    name, written = name or run.model.name, code(competition, run)
    same = identity(competition, run, written)
    if out is not None:
        require_free(competition, out, name, same, reuse)
    if reuse and (found := recalled(competition, run, name, same, oof, out)) is not None:
        for part in (competition, *inners):
            for _ in run.progress(part.folds, run.model.name):
                pass  # whoever counts folds counts these as done
        return found
    if not run.in_process and out is None:
        enter_controls(competition, run, without=name if run.is_control(competition, name) else "")
    return _run(competition, run, name, written, same, message, record=not run.in_process, inners=inners, team=team, out=out)


def submit(competition: Competition, path: Path, name: str, message: str = "", tell: Tell = lambda _: None, team: str = "") -> Entry:
    """Score a submission file and record its entry; raise `InvalidSubmission` with everything that is wrong with it."""
    given = submission.read(path, competition.form)
    if not competition.split.unscored:
        scoring.score(competition.metrics[:1], competition.solution, given.prediction)
    enter_controls(competition, Run(competition.plugins.model("prior"), {}, tell=tell))
    with SubmissionFolder(competition, name) as folder:
        entry = look.placed(competition, folder.entry(name, "file"), team)
        entry, replicates = measure(competition, folder, entry, given.prediction)
        entry = replace(entry, message=message, notes=given.notes)
        return folder.keep(entry, replicates, {"file": str(path), "file_sha256": given.sha256})


def cross_validate(
    task: str | Competition,
    model: object,
    *,
    split: str | None = None,
    data: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    limits: Limits | None = None,
    workspace: str | Path | None = None,
    folds: int = INNER,
    **talk: Any,
) -> CrossValidation:
    """Cross-validate a model inside the training rows, by the split's groups; the test rows are not looked at.

    On a cross-validated split the training rows are those of its first fold.
    """
    competition = task if isinstance(task, Competition) else Competition.open(task, split, data, workspace)
    run = prepare(competition, model, parameters, seed, limits, **talk)
    inner = competition.within_train(folds)
    with SubmissionFolder(inner, f"{run.model.name}-dev", enters=False) as folder:
        outcomes = run_folds(inner, run, folder.path)
        try:
            prediction = union(inner, outcomes)
        except ModelFailed as error:
            folder.stay()
            raise ModelFailed(error.verdict, f"{error}. Its log: {folder.final / LOG}") from error
        scores, _ = scoring.score(inner.metrics, inner.solution, prediction)
        oof = out_of_fold.frame(inner, prediction)
        out_of_fold.write(folder.path / OUT_OF_FOLD, [oof])
        folder.stay()
    return CrossValidation(scores, oof, folder.final / OUT_OF_FOLD)


@dataclass(frozen=True)
class CrossValidation:
    """What cross-validation inside the training rows gave: scores (with mean and sd over folds) and out-of-fold predictions."""

    scores: tuple[Score, ...]
    oof: pd.DataFrame
    path: Path

    def score(self, metric: str) -> Score | None:
        """Return the score of `metric`, or None where there is none of that name."""
        return next((s for s in self.scores if s.metric == metric), None)

    def _repr_html_(self) -> str:
        return shown("Inside the training rows", self.scores, [f"out-of-fold predictions of {len(self.oof):,} rows: {self.path}"])


def load(task: str, *, split: str | None = None, data: str | None = None, workspace: str | Path | None = None) -> rows.Loaded:
    """Return a task's training rows with their target and its test rows without: pandas objects, indexed by opaque ids.

    Examples
    --------
    >>> import genoboard
    >>> rows = genoboard.load("brain-region")  # doctest: +SKIP
    >>> rows.train.X.shape, rows.train.y.nunique()  # doctest: +SKIP
    """
    return rows.view(Competition.open(task, split, data, workspace))


def enter_controls(competition: Competition, like: Run, without: str = "") -> None:
    """Record the task's controls that this board does not hold yet; processes that find it empty at once do so once."""
    if not _missing_controls(competition, without):
        return
    recover(competition.workspace)
    with locked(competition.workspace.entering_controls):
        for spec in _missing_controls(competition, without):
            like.tell(f"Entering the control {spec.name} (once per board).")
            run = Run(spec, spec.settings({}), 0, Limits(like.limits.seconds, like.limits.memory), stream=like.stream, tell=like.tell)
            written = code(competition, run)
            entry = _run(competition, run, spec.name, written, identity(competition, run, written))
            if entry.verdict != "ok":
                raise GenoboardError(
                    f"The control {spec.name} failed ({entry.reason}); a board without its controls shows nothing. See {competition.workspace.folder(entry.id, competition.task.name)}."
                )


def _missing_controls(competition: Competition, without: str) -> list[ModelSpec]:
    if competition.split.unscored:
        return []
    primary = competition.metrics[0]
    standings = Store(competition.workspace.database).standings(competition.board, primary.name, primary.direction)
    there = {s.model for s in standings if s.control and s.verdict == "ok"}
    return [spec for spec in competition.controls() if spec.name not in there and spec.name != without]


def _run(
    competition: Competition,
    run: Run,
    name: str,
    written: Code,
    same: str,
    message: str = "",
    record: bool = True,
    inners: Sequence[Competition] = (),
    team: str = "",
    out: Path | None = None,
) -> Entry:
    """Fit and predict every fold, then pass what came of it through the submission file."""
    with SubmissionFolder(competition, name, keep=record, out=out) as folder:
        entry = begun(competition, run, folder, name, written, same, message, team)
        outcomes: list[Outcome] = []
        replicates: Mapping[str, NDArray[Any]] = {}
        try:
            outcomes = run_folds(competition, run, folder.path)
            entry, replicates = measure(competition, folder, entry, union(competition, outcomes))
            folder.write_artifacts(outcomes)
        except ModelFailed as error:
            entry = replace(entry, verdict=error.verdict, reason=str(error))
        except InvalidSubmission as error:
            entry = replace(entry, verdict="invalid", reason=" ".join(" ".join(error.problems).split()))
        except UndefinedScore as error:
            entry = replace(entry, verdict="invalid", reason=str(error))
        if outcomes:
            entry = replace(
                entry,
                seconds_fit=sum(o.seconds_fit or 0.0 for o in outcomes),
                seconds_predict=sum(o.seconds_predict or 0.0 for o in outcomes),
                peak_memory=max(o.peak_memory or 0 for o in outcomes),
                isolation=isolation(outcomes),
            )
        if any(o.labels_only for o in outcomes):
            entry = replace(entry, notes=("the model gives labels, no probabilities: written as 1 and 0", *entry.notes))
        entry = replace(entry, notes=(*dict.fromkeys(n for o in outcomes for n in o.notes), *entry.notes))
        details: dict[str, Any] = {
            "limits": asdict(run.limits),
            "estimator": repr(run.estimator) if run.estimator is not None else run.model.target,
            "versions": outcomes[-1].versions if outcomes else {},
            "sources": {path: digest for o in outcomes for path, digest in o.sources.items()},
            "folds": [{"fit": o.seconds_fit, "predict": o.seconds_predict, "peak_memory": o.peak_memory} for o in outcomes],
        }
        if inners and entry.verdict == "ok":
            try:
                details["oof_sha256"] = out_of_fold.leave(inners, run, folder.path)
            except ModelFailed as error:
                entry = replace(entry, notes=(*entry.notes, f"no out-of-fold predictions: {error}"))
        return folder.keep(entry, replicates, details) if record else entry


def begun(
    competition: Competition, run: Run, folder: SubmissionFolder, name: str, written: Code, same: str, message: str = "", team: str = ""
) -> Entry:
    """Return a run's entry with what is known before it ran: the model's code as it was `written` then, and the `same` as `identity` told it."""
    entry = replace(
        folder.entry(name, "run"),
        model=run.model.name,
        parameters=run.plain_parameters,
        seed=run.seed,
        threads=run.limits.threads,
        control=run.is_control(competition, name),
        code=written,
        identity=same,
        message=message,
    )
    return look.placed(competition, entry, team)


def measure(
    competition: Competition, folder: SubmissionFolder, entry: Entry, prediction: NDArray[Any]
) -> tuple[Entry, Mapping[str, NDArray[Any]]]:
    """The waist: predictions become the submission file, and what is scored is what that file says."""
    path = folder.path / PREDICTIONS
    submission.write(path, competition.form, prediction, competition.form.ids)
    read = submission.read(path, competition.form)
    if competition.split.unscored:
        hand_in(competition, folder.path / HANDED_IN, read.prediction)
        return replace(entry, submission_sha256=read.sha256, notes=read.notes, held=f"not scored here: {competition.split.unscored}"), {}
    scores, replicates = scoring.score(competition.metrics, competition.solution, read.prediction)
    by, clusters = competition.split.bootstrap_group or "row", competition.solution.clusters
    entry = replace(entry, scores=scores, submission_sha256=read.sha256, notes=read.notes, cluster=by, clusters=clusters)
    entry = look.placed(competition, replace(entry, scorer=scoring.VERSION))
    return look.taken(competition, folder.path, entry, replicates, read.prediction)


def hand_in(competition: Competition, path: Path, prediction: NDArray[Any]) -> None:
    """Write predictions for whoever has the solution: in the form that is asked for, or else the same under the ids that the rows have in their source."""
    originals, ids = competition.data.original_ids, list(competition.form.ids)
    recipe = competition.task.sources[0].recipe
    if isinstance(recipe, Recipe) and recipe.hand_in:
        kagglefolder.hand_in(path, recipe, originals, ids, prediction)
        return
    submission.write(path, competition.form, prediction, [str(i) for i in originals.loc[ids]])
