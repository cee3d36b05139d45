"""Model checks: what a model must do to stand on a board, tried in the worker on small cohorts that break careless ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import cohorts, compiled, sandbox
from .conformance import Finding
from .isolation import Limits
from .model import ModelSpec
from .rehearsal import MEND_SEED, REHEARSED, SEEDED, TWICE, Rehearsal
from .sandbox import Job, Outcome
from .table import Features
from .task import Tell

HEAVY = ("numpy", "pandas", "sklearn", "torch", "xgboost", "catboost", "transformers", "gensim", "numba", "scipy")
SECONDS = 1800.0
RUNS, FINITE = "it fits and predicts in the worker", "its predictions are finite"
ENDLESS = "It predicts NaN or infinity"


@dataclass(frozen=True)
class Subject:
    """A card, or an estimator object with the card that stands for it; `module` is the one that registered the card."""

    card: ModelSpec
    estimator: object | None = None
    module: str = ""

    def findings(self, tell: Tell = lambda _: None) -> Iterator[Finding]:
        """Give what each check comes to."""
        card = list(self._card())
        yield from card
        stages = self._stages() if self.card.inputs == "features" and card[0].ok else []
        for kind, target in stages:
            what = f"{kind}, {target}"
            if kind == "bins":
                compiled.loops(tell)
            tell(f"  on a small cohort: {what}")
            for found in Stage(self, kind, target).findings():
                # a card of several is told apart
                yield replace(found, check=f"{found.check} ({what})") if len(stages) > 1 else found

    def _card(self) -> Iterator[Finding]:
        try:
            json.dumps(dict(self.card.parameters))
            said = ""
        except TypeError as error:
            said = f"{error}: --set could not give them, nor run.json keep them."
        yield Finding.of("its parameters are JSON values", not said, said)
        if self.module:
            heavy = imported_by(self.module)
            mend = f"Importing {self.module} imports {', '.join(heavy)}: move that to the module that the target names."
            yield Finding.of("its card imports nothing heavy", not heavy, mend)

    def _stages(self) -> list[tuple[str, str]]:
        """Return the kinds and targets that it is tried on."""
        card = self.card
        kinds = sorted(set(card.kinds) & set(cohorts.MADE))
        if card.any_parameters:
            # a model by its path has no card that tells what it is for: it is for what it can do, and tried in this order
            kinds = ["tabular", "text", "bins"]
        classes = [t for t in ("multiclass", "binary") if t in card.targets][:1]
        stages = [(kind, target) for kind in kinds for target in (*classes, *({"regression"} & set(card.targets)))]
        if not card.any_parameters:
            return stages
        return [next((s for s in stages if not Stage(self, *s).fails(())), stages[0])]


@dataclass(frozen=True)
class Stage:
    """A model on one kind of rows with one kind of target."""

    subject: Subject
    kind: str
    target: str

    def findings(self) -> Iterator[Finding]:
        """Try the model on a cohort with all that is hard; where that fails, find out what of it, and go on without."""
        hard = cohorts.HARD[self.kind]
        first = self._rehearse(hard)
        wrong = _wrong(first)
        if wrong:
            if broken := self.fails(()):
                yield Finding.of(FINITE if broken.startswith(ENDLESS) else RUNS, False, broken)
                return
            at_fault = {what: said for what in hard if (said := self.fails((what,)))}
            alone = not at_fault and self.fails(hard)
            yield Finding.of(RUNS, not alone, f"{alone} That is with {', '.join(hard)}; without them it does.")
            if not alone:
                yield from (Finding.of(f"it stands {what}", what not in at_fault, at_fault.get(what, "")) for what in hard)
            hard = tuple(w for w in hard if w not in at_fault) if at_fault else ()
            first = self._rehearse(hard)
            if again := _wrong(first):
                yield Finding.of("it can be fitted several times in one process", False, again)
                return
        else:
            yield Finding.of(RUNS, True)
            yield from (Finding.of(f"it stands {what}", True) for what in hard)
        yield Finding.of(FINITE, True)
        yield from self._outcome(first, hard)
        yield from self._beyond()

    def fails(self, hard: Collection[str]) -> str:
        """Return what goes wrong in a plain run on a cohort that is `hard` in these ways; nothing where all goes well."""
        return _wrong(self._run(*cohorts.cohort(self.kind, self.target, hard)))

    def _outcome(self, first: Outcome, hard: Collection[str]) -> Iterator[Finding]:
        assert first.predictions is not None
        values = first.predictions.to_numpy()
        if self.target != "regression":
            sums = values.sum(axis=1)
            proper = bool((values >= 0).all() and (values <= 1).all() and np.allclose(sums, 1.0, atol=1e-6))
            mend = f"Row sums lie in [{sums.min():.4g}, {sums.max():.4g}], values in [{values.min():.4g}, {values.max():.4g}]."
            yield Finding.of("its probabilities lie in [0, 1] and sum to 1", proper, mend)
        rehearsed = first.artifacts[REHEARSED]
        said = {c: Finding.of(c, ok == "True", mend) for c, ok, mend in rehearsed[["check", "ok", "mend"]].itertuples(index=False)}
        # one that changes when it is asked has been asked often
        if said[SEEDED].ok and TWICE in said and said[TWICE].ok:
            # of another process: what hangs on the order of a set, or on when it was started, is seen only there
            other = self._run(*cohorts.cohort(self.kind, self.target, hard))
            said[SEEDED] = Finding.of(SEEDED, other.predictions is not None and other.predictions.equals(first.predictions), MEND_SEED)
        yield from said.values()

    def _beyond(self) -> Iterator[Finding]:
        """Check what a card says that it can do beyond the usual."""
        card = self.subject.card
        X, y = cohorts.cohort(self.kind, self.target)
        if self.kind == "text" and "text" not in card.columns:
            assert isinstance(X, pd.DataFrame)
            bare = _wrong(self._run(X.drop(columns="text"), y))
            yield Finding.of("it does without the column text, as its card says", not bare, f"{bare} Or name it in the card's columns.")
        if card.outputs:
            labels = self.target != "regression"
            several = np.column_stack([y > 0, y > 1]).astype(np.float64) if labels else np.column_stack([y, -y])
            said = _wrong(self._run(X, several, outputs=("one", "other")))
            yield Finding.of(
                "it takes a target of several columns, as its card says", not said, f"{said} Or leave outputs out of its card."
            )

    def _rehearse(self, hard: Collection[str]) -> Outcome:
        card, estimator = self.subject.card, self.subject.estimator
        place, _, name = card.target.rpartition(":")
        binary = "binary" in card.targets
        if place.endswith(".py"):
            stand_in = Rehearsal(name, Path(place).read_text(encoding="utf-8"), place, binary=binary, missing=card.missing)
        else:
            stand_in = Rehearsal(card.target, estimator=estimator, binary=binary, missing=card.missing)
        return self._run(*cohorts.cohort(self.kind, self.target, hard), stand_in=stand_in)

    def _run(self, X: Features, y: NDArray[Any], stand_in: object | None = None, outputs: tuple[str, ...] = ()) -> Outcome:
        """Fit and predict the same rows in the worker, as a run does."""
        card = replace(self.subject.card, kinds=(self.kind,))
        classes = tuple(f"class {i}" for i in range(int(y.max()) + 1)) if self.target != "regression" and not outputs else ()
        target = ("regression" if self.target == "regression" else "multilabel") if outputs else self.target
        job = Job(
            card,
            card.settings({}),
            X,
            y,
            X,
            classes,
            target,
            0,
            Limits(SECONDS),
            np.arange(len(X), dtype=np.int64) // 3,
            estimator=stand_in or self.subject.estimator,
            outputs=outputs,
        )
        with tempfile.TemporaryDirectory(prefix="genoboard-check-") as folder:
            return sandbox.run(job, Path(folder) / "log.txt", Path(folder) / "metrics.jsonl")


def _wrong(outcome: Outcome) -> str:
    if outcome.verdict != "ok" or outcome.predictions is None:
        return f"{outcome.verdict}: {outcome.reason.rstrip('.')}."
    finite = np.isfinite(outcome.predictions.to_numpy()).all(axis=1)
    if finite.all():
        return ""
    return f"{ENDLESS} for {int((~finite).sum())} of {len(finite)} rows, on data without any."


def imported_by(module: str) -> list[str]:
    """Return what heavy packages the import of a module brings in."""
    code = f"import sys, {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment).stdout.split()
