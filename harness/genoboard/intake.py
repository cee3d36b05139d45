"""Intake: what came back from another machine becomes an entry here, believed no further than it can be checked."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from genoboard_leaderboard.entry import Code, Entry, Verdict
from genoboard_leaderboard.errors import LeaderboardError

from . import lease, parcel, scoring, submission
from .competition import Competition
from .errand import ENTRY_FILES, Answer
from .errors import DataError, GenoboardError, UndefinedScore
from .evaluation import begun, measure
from .grid import GridJob
from .record import SubmissionFolder
from .run import Run, identity
from .submission import Submission
from .supervision import Stream
from .workspace import LOG, PREDICTIONS, RECORD, REPLICATES

# two processors may add in another order, and part in the last digits
NEARLY = 1e-9
# room for what a run leaves that `--disk` does not count
BEYOND = 1 << 30
# what a record says of the machine on which a run was
TOLD = ("versions", "sources", "folds", "genoboard", "python", "platform", "oof_sha256")


def entered(job: GridJob, run: Run, name: str, written: Code, answer: Answer, stream: Stream | None = None) -> Entry | Exception:
    """Make the entry of what came back, through the same door as every other; return it, or why there is none.

    Parameters
    ----------
    run : the job's, as it was prepared here.
    written : what the model's code was when it was sent; it may have been edited since.
    stream : is told what the model printed.
    """
    ours = job.competition
    try:
        if len(answer.parcel) > job.limits.disk + BEYOND:
            raise DataError(f"it sent {len(answer.parcel) >> 20} MB.")
        with lease.temporary(Path(tempfile.gettempdir()), "genoboard-parcel-") as came:
            parcel.unpack(answer.parcel, came, ENTRY_FILES)
            record = json.loads((came / RECORD).read_text(encoding="utf-8"))
            theirs = Entry.from_dict(record["entry"])
            open_board = ours.unhosted.board
            if theirs.board != open_board or theirs.verdict not in get_args(Verdict) or theirs.seed != job.seed:
                raise DataError("it answered for another run than the one that it was sent.")
            if stream is not None and (came / LOG).exists():
                stream((came / LOG).read_text(encoding="utf-8", errors="replace"))
            given = _read(came, theirs, ours) if theirs.verdict == "ok" else None
            with SubmissionFolder(ours, name) as folder:
                ours_to_write = (RECORD, REPLICATES, *([PREDICTIONS] if given is not None else []))
                for path in [p for p in came.iterdir() if p.name not in ours_to_write]:
                    # it may lie on another disk
                    shutil.move(path, folder.path / path.name)
                entry = begun(ours, run, folder, name, written, identity(ours, run, written, answer.installed), job.message, job.team)
                entry = replace(
                    entry,
                    verdict=theirs.verdict,
                    reason=theirs.reason,
                    seconds_fit=theirs.seconds_fit,
                    seconds_predict=theirs.seconds_predict,
                    peak_memory=theirs.peak_memory,
                    isolation=theirs.isolation,
                )
                replicates: Mapping[str, Any] = {}
                if given is not None:
                    entry, replicates = measure(ours, folder, entry, given.prediction)
                    if entry.submission_sha256 != theirs.submission_sha256:
                        raise DataError("its predictions are not what they were when they were scored there.")
                details = {
                    **{k: record[k] for k in TOLD if k in record},
                    "limits": asdict(job.limits),
                    "estimator": run.model.target,
                    "worker": answer.where,
                }
                return folder.keep(replace(entry, notes=theirs.notes), replicates, details)
    except (DataError, UndefinedScore, LeaderboardError, KeyError, TypeError, ValueError, OSError) as error:
        return GenoboardError(f"The worker {answer.where} sent back what cannot be entered: {name}, seed {job.seed}: {error}")
    except GenoboardError as error:
        return error


def _read(came: Path, theirs: Entry, ours: Competition) -> Submission:
    """Return the predictions; raise `DataError` where they are not those of which the worker tells, or do not score what it says."""
    given = submission.read(came / PREDICTIONS, ours.form)
    if given.sha256 != theirs.submission_sha256:
        raise DataError("its predictions are not what they were when they were scored there.")
    if ours.split.unscored:
        return given
    solution = ours.unhosted.solution
    for metric, told in zip(ours.metrics, theirs.scores, strict=True):
        try:
            value = scoring.value_of(metric, solution.truth, solution.rows_of(given.prediction), solution.classes, solution.beside)
        except UndefinedScore:
            value = None
        same = value is told.value if value is None or told.value is None else abs(value - told.value) <= NEARLY * max(1.0, abs(value))
        if metric.name != told.metric or not same:
            raise DataError(f"it says {told.metric} {told.value}, and its predictions score {metric.name} {value}.")
    return given
