"""Task checks: what a task must do for its boards to mean what they say, tried on its generated dataset where it has one."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np

from genoboard_leaderboard.entry import Entry

from . import audit, data, evaluation, scoring, splits, submission
from .competition import Competition
from .conformance import Finding, where
from .data import Prepared
from .errors import GenoboardError, UsageError
from .figure import Figure, themed
from .plugins import Plugins
from .results import NotDrawn, Results
from .splits import Fold, Split
from .task import DataSource, Task, Tell
from .workspace import Workspace

# another process, another order of sets: the dataset and its splits have to come out the same
ANEW = """
import json, pickle, sys
from pkgutil import resolve_name
from genoboard import data
task, source = pickle.load(sys.stdin.buffer)
made = data.store(task, source.name, resolve_name(source.generate)(), source.fingerprint)
print(json.dumps([made.fingerprint, made.about["splits"]]))
"""
FLOORS = ("prior", "grand-mean")


@dataclass(frozen=True)
class TaskCheck:
    """A task under the plugins that are registered beside it."""

    task: Task
    plugins: Plugins
    tell: Tell = lambda _: None

    def findings(self) -> Iterator[Finding]:
        """Give what each check comes to; what cannot be looked at, since something before it failed, is left out."""
        task = self.task
        known = tuple(name for name in task.controls if name in self.plugins.models)
        for name in task.controls:
            yield Finding.of(f"its control {name} is registered", name in known, "Register it, or name another control.")
        if known != task.controls:
            yield from (f for f in replace(self, task=replace(task, controls=known)).findings() if "is registered" not in f.check)
            return
        try:
            for metric in self.plugins.metrics_of(task):
                scoring.formula(metric)
        except (GenoboardError, ImportError, AttributeError) as error:
            yield Finding.of("its metrics are registered and their formulas import", False, str(error))
            return
        yield Finding.of("its metrics are registered and their formulas import", True)
        source = next((s for s in task.sources if s.generate), task.sources[0])
        try:
            prepared = data.prepare(task, source.name)
        except Exception as error:
            yield Finding.of(f"its dataset {source.name} opens", False, str(error) if isinstance(error, GenoboardError) else where(error))
            return
        yield Finding.of(f"its dataset {source.name} opens", True)
        if source.generate:
            self.tell("  generating its dataset once more")
            yield from _anew(task, source, prepared)
        sound = []
        for split in task.splits:
            found = list(_deals(prepared, split))
            yield from found
            sound += [split] if all(f.ok for f in found) else []
        if sound:
            yield from self._audited(prepared, [s.name for s in sound])
            # where the solution is with somebody else, there is nothing to score
            scored = [s for s in sound if not s.unscored]
            for split in scored:
                yield from self._played(prepared, split, panels=split == scored[0])

    def _audited(self, prepared: Prepared, names: Sequence[str]) -> Iterator[Finding]:
        """Check that no split which says that it is honest lets test rows through; a fault that was told already is not told again."""
        self.tell("  looking for leaks")
        try:
            found = audit.audit(prepared)
        except Exception as error:
            yield Finding.of("its dataset can be audited", False, where(error))
            return
        for name in names:
            leaks = [f for f in found if f.split == name and f.verdict == "leak"]
            mend = " ".join(f"{f.check}: {f.sentence}" for f in leaks)
            mend += " Or say in the split's `leaks` what it lets through."
            yield Finding.of(f"split {name}: the audit finds no leak", not leaks, mend)

    def _played(self, prepared: Prepared, split: Split, panels: bool) -> Iterator[Finding]:
        """Play one split in a workspace of its own: the truth is handed in, the controls are run, the panels drawn."""
        with tempfile.TemporaryDirectory(prefix="genoboard-check-") as folder:
            try:
                competition = Competition.on(prepared, split, self.plugins, Workspace(Path(folder)))
                best, floor = _ceiling(competition)
            except Exception as error:
                said = str(error) if isinstance(error, GenoboardError) else where(error)
                yield Finding.of(f"split {split.name}: the truth can be handed in and scored", False, said)
                return
            metric = competition.metrics[0]
            yield Finding.of(
                f"split {split.name}: the truth scores better than a constant",
                metric.better(best, floor),
                f"{metric.name}: truth {best:.5f}, constant {floor:.5f}. See to the metric's direction, or to the target.",
            )
            if not metric.better(best, floor):
                return
            names = [c.name for c in competition.controls()] or _floor(competition)
            self.tell(f"  split {split.name}: running {', '.join(names)}")
            entry = None
            for control in names:
                try:
                    # entries are made where panels are to be drawn; elsewhere their scores are enough
                    entry = evaluation.evaluate(competition, control, reuse=panels, in_process=not panels)
                    score = entry.score(metric.name)
                    said = "" if score is not None and score.value is not None else f"{control}: {entry.verdict}: {entry.reason}"
                except Exception as error:
                    score, said = None, str(error) if isinstance(error, GenoboardError) else f"{control}: {where(error)}"
                if said or score is None or score.value is None:
                    yield Finding.of(f"split {split.name}: its controls run", False, said)
                    return
                yield Finding.of(
                    f"split {split.name}: its control {control} stays below the truth",
                    metric.better(best, score.value),
                    f"{metric.name}: control {score.value:.5f}, truth {best:.5f}. What it is given tells the target: "
                    "leave that out of the control columns, or of the features.",
                )
            if panels and entry is not None:
                yield from self._drawn(competition, entry)

    def _drawn(self, competition: Competition, entry: Entry) -> Iterator[Finding]:
        """Check that every panel draws an entry, or says that it has nothing to show."""
        if not self.task.panels:
            return
        if find_spec("matplotlib") is None:
            self.tell('  its panels are not checked: they need matplotlib, pip install "genoboard[report]"')
            return
        results, titles = Results(competition, entry), set[str]()
        for target in self.task.panels:
            self.tell(f"  drawing {target.rpartition(':')[2].replace('_', ' ')}")
            try:
                with themed():
                    made = resolve_name(target)(results)
                figures = [made] if isinstance(made, Figure) else list(made)
                said = _shown(figures, titles)
            except NotDrawn as error:
                said = "" if str(error).strip() else "It raised NotDrawn without a reason, and the report tells that reason."
            except Exception as error:
                said = f"{where(error)} What it cannot show it says by NotDrawn(reason)."
            yield Finding.of(f"its panel {target} draws, or says why not", not said, said)


def _floor(competition: Competition) -> list[str]:
    """Return a model that looks at nothing, for a task that has no control."""
    for name in FLOORS:
        with suppress(UsageError):
            competition.takes(competition.plugins.models[name])
            return [name]
    return []


def _shown(figures: Sequence[Any], titles: set[str]) -> str:
    """Return what is wrong with a panel's figures, and add their titles to those that there are."""
    for figure in figures:
        if not isinstance(figure, Figure):
            return f"It returned {type(figure).__name__}; a panel returns a Figure, or several: Figure.of(drawing, title, table, alt)."
        if not figure.alt.strip():
            return f"Its figure {figure.title!r} has no alt text: say in a sentence what there is to see, with the numbers that matter."
        if figure.title in titles:
            return f"There are two figures called {figure.title!r}: a title stands once in a report."
        titles.add(figure.title)
    return ""


def _anew(task: Task, source: DataSource, prepared: Prepared) -> Iterator[Finding]:
    """Check that the generator makes the same dataset, dealt the same way, in another process."""
    check = f"its dataset {source.name} is generated the same again"
    with tempfile.TemporaryDirectory(prefix="genoboard-check-") as folder:
        environment = {**os.environ, "GENOBOARD_CACHE": folder, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        environment.pop("PYTHONHASHSEED", None)
        command = [sys.executable, "-c", ANEW]
        try:
            done = subprocess.run(command, input=pickle.dumps((task, source)), env=environment, capture_output=True, check=False)
        except (pickle.PicklingError, AttributeError) as error:
            yield Finding.of(check, False, f"Its card cannot be sent to another process: {error}.")
            return
    if done.returncode:
        yield Finding.of(check, False, f"{done.stderr.decode(errors='replace').strip().splitlines()[-1]}.")
        return
    fingerprint, dealt = json.loads(done.stdout)
    mend = f"{prepared.fingerprint[:16]} is in the cache, and it came out as {fingerprint[:16]}. Draw from a generator of a fixed seed, and iterate over no set."
    if fingerprint != prepared.fingerprint:
        yield Finding.of(check, False, mend)
        return
    yield Finding.of(check, True)
    for split in task.splits:
        recorded = prepared.about["splits"].get(split.name)
        said = f"{str(recorded)[:16]} was recorded, and another process deals {str(dealt.get(split.name))[:16]}. Deal by hashes of ids, not by hash() or at random."
        yield Finding.of(f"split {split.name} is dealt the same again", dealt.get(split.name) == recorded, said)


def _deals(prepared: Prepared, split: Split) -> Iterator[Finding]:
    """Check that a split is a function of the ids, keeps train and test apart, and cuts no group."""
    try:
        folds = prepared.folds(split)
    except Exception as error:
        yield Finding.of(f"split {split.name} deals", False, str(error) if isinstance(error, GenoboardError) else where(error))
        return
    rows = prepared.rows
    shuffled = rows.sample(frac=1.0, random_state=0)
    try:
        same = splits.fingerprint(rows, folds) == splits.fingerprint(shuffled, splits.deal(split, shuffled))
    except Exception:
        same = False
    yield Finding.of(f"split {split.name} does not depend on the order of rows", same, "Deal by hashes of ids, never by position.")
    both = [rows.index[i] for f in folds for i in np.intersect1d(f.train, f.test)[:1]]
    yield Finding.of(
        f"split {split.name} keeps train and test apart", not both, f"Row {both[:1]} is in train and in test of one fold. Mend its rule."
    )
    if split.group is not None and not both:
        yield _whole(prepared, split, folds)


def _whole(prepared: Prepared, split: Split, folds: Sequence[Fold]) -> Finding:
    group = prepared.rows[split.group].to_numpy()
    cut = sorted({str(g) for f in folds for g in set(group[f.train]) & set(group[f.test])})
    several = f"{split.group}s, such as {cut[0]!r}, are" if len(cut) > 1 else f"{split.group}, {cut[0]!r}, is" if cut else ""
    mend = f"{len(cut)} {several} on both sides of a fold. Deal whole {split.group}s: mend its rule."
    return Finding.of(f"split {split.name} never cuts through a {split.group}", not cut, mend)


def _ceiling(competition: Competition) -> tuple[float, float]:
    """Return what the truth itself scores, through the submission file, and what a constant does."""
    form, solution = competition.form, competition.solution
    truth = solution.truth
    known = solution.perfect(bool(form.classes))
    flat = np.tile(known.mean(axis=0), (len(known), *[1] * (known.ndim - 1)))
    # rows that are never scored are answered too
    perfect = np.repeat(flat[:1], len(form.ids), axis=0)
    perfect[slice(None) if solution.scored is None else solution.scored] = known
    with tempfile.TemporaryDirectory(prefix="genoboard-check-") as folder:
        path = Path(folder) / "perfect.csv"
        submission.write(path, form, perfect, form.ids)
        read = submission.read(path, form)
    metric = competition.metrics[0]
    best = scoring.value_of(metric, truth, solution.rows_of(read.prediction), solution.classes, solution.beside)
    return best, scoring.value_of(metric, truth, flat, solution.classes, solution.beside)
