"""Audit: what a model could know of test rows from training rows, split by split, and whether the split says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from . import data
from .data import Prepared
from .errors import DataError
from .evidence import Dealt, Evidence, Finding
from .giveaway import Giveaways
from .kin import Kinship
from .task import Task, Tell
from .workspace import Workspace

SHIFT = 0.1  # between shares, or cumulative ones: more is worth knowing


def look(card: Task, workspace: str | None, name: str | None, split: str | None, tell: Tell) -> dict[str, Any]:
    """Open a task's dataset (by default the one that this workspace uses) and return its audit as JSON values."""
    prepared = data.prepare(card, name or Workspace.here(workspace).chosen_data(card.name) or card.default_data, tell)
    findings = audit(prepared, split, tell)
    ok = all(f.verdict != "leak" for f in findings)
    return {"task": card.name, "data": prepared.name, "findings": [asdict(f) for f in findings], "ok": ok}


def text(told: dict[str, Any]) -> str:
    """Return `look`'s answer for a terminal."""
    task, name, found = told["task"], told["data"], [Finding(**f) for f in told["findings"]]
    by_split = {f.split: [g for g in found if g.split == f.split] for f in found}
    lines = [f"{task} / {name}: audit"]
    for split, its in by_split.items():
        lines += ["", f"split {split}:"]
        lines += [f"  {'LEAK' if f.verdict == 'leak' else f.verdict:<4}  {f.check}: {f.sentence}" for f in its]
    leaks = [f for f in found if f.verdict == "leak"]
    of = f"{len(found)} findings on {len(by_split)} splits"
    if leaks:
        many = "1 leak" if len(leaks) == 1 else f"{len(leaks)} leaks"
        where = ", ".join(dict.fromkeys(f.split for f in leaks))
        end = f"{many} in {of}, on splits that say they are honest: {where}. Scores there are not to be trusted."
        then = f"mend it as said above, bring the data again, and look again: genoboard data {task} --audit --data {name}"
    else:
        end = f"No leak in {of}: whatever meets across the line, the split's card says so."
        then = f"genoboard run {task} MODEL --data {name}"
    return "\n".join([*lines, "", end, f"Next: {then}"])


def audit(prepared: Prepared, split: str | None = None, tell: Tell = lambda _: None) -> list[Finding]:
    """Return the findings on every split that the dataset has, or on the one called `split`.

    A split whose card names what it `leaks`, or that is `published` for comparison, is told of and never a leak. One that cannot be dealt
    is told of too, unless it was asked for by name: then `DataError` is raised.
    """
    findings, dealt = [], []
    for card in prepared.task.splits if split is None else (prepared.task.split(split),):
        try:
            dealt.append(Dealt(card, prepared.folds(card)))
        except DataError as error:
            if split is not None:
                raise
            findings.append(Finding(card.name, "folds", "told", f"not looked at, for it has none here: {error}"))
    evidence = Evidence(prepared, tell)
    kin, giveaways = Kinship(evidence), Giveaways(evidence, dealt)
    for one in dealt:
        tell(f"Looking at split {one.card.name}.")
        findings += _checks(kin, giveaways, one)
    order = [s.name for s in prepared.task.splits]
    return sorted(findings, key=lambda f: order.index(f.split))


def _checks(kin: Kinship, giveaways: Giveaways, one: Dealt) -> Iterator[Finding]:
    """Look at one split, at what its kind of data has."""
    e = kin.evidence
    if one.open:
        yield _by_design(kin, one)
    yield from _groups(kin, one)
    yield from kin.same_rows(one)
    if e.kind == "tabular":
        yield from kin.near_rows(one)
    elif e.kind == "bins":
        yield from kin.same_cells(one)
        yield from kin.shared_regions(one)
    elif e.reads:
        yield from kin.near_texts(one)
    if one.card.unscored:
        yield one.tells(
            "targets", True, "its test rows have no target here, so that what would give it away is looked for on other splits."
        )
        return
    yield from giveaways.feature(one)
    if e.reads and e.classes:
        yield from giveaways.words(one)
    yield from giveaways.ids(one)
    yield from giveaways.order(one)
    yield _classes(e, one) if e.classes else _values(e, one)


def _by_design(kin: Kinship, one: Dealt) -> Finding:
    words = f"the card says what it leaks: {one.card.leaks.rstrip('.')}" if one.card.leaks else "a published split, kept for comparison"
    meet = ", ".join(_met(kin, one))
    measured = f"Measured: of the test rows meet in train their own {meet}." if meet else "The rows have no groups."
    return one.tells("by design", True, f"{words}. {measured} No failure: its board is never taken for an honest one.")


def _met(kin: Kinship, one: Dealt) -> Iterator[str]:
    """Tell for each kind of group which share of test rows meets its own in train."""
    for name, rows in kin.groups.items():
        if one.open or name != one.card.group:
            yield f"{name} {len(rows.across(one.folds)) / one.tested:.1%}"


def _groups(kin: Kinship, one: Dealt) -> Iterator[Finding]:
    e, by, rows = kin.evidence, one.card.group, kin.evidence.prepared.rows
    twice = np.concatenate([f.test[np.isin(f.test, f.train)] for f in one.folds])
    if len(twice):
        sentence = f"{len(twice):,} rows are in train and in test of one fold, such as {e.named(twice[0])}."
        yield one.finds("rows", True, sentence, "Mend the split's rule.")
    if by is not None:
        met = kin.groups[by].across(one.folds)
        sentence = f"no {by} of {rows[by].nunique():,} is on both sides of a fold."
        if len(met):
            cut = rows[by].iloc[met[:, 0]].unique()
            sentence = f"{len(met):,} of {one.tested:,} test rows meet their own {by} in train: {len(cut):,} {by}s are cut, such as {cut[0]} ({e.some(met)})."
        yield one.finds("groups", len(met) > 0, sentence, f"Deal whole {by}s: mend the split's rule.")
    elif not one.open:
        yield one.tells("groups", True, "single rows are dealt, by the split's card: no kind of group is kept whole.")
    # under a split that leaks by design these are told with it
    if not one.open and (others := ", ".join(_met(kin, one))):
        yield one.tells("other groups", True, f"of the test rows meet in train, as this split allows, their own {others}.")


def _values(e: Evidence, one: Dealt) -> Finding:
    """Tell how the values of test rows differ from those of training rows."""
    worst = 0.0
    for f in one.folds:
        train, test = (np.sort(e.y[side[e.known[side]]]) for side in (f.train, f.test))
        every = np.concatenate([train, test])
        gap = np.searchsorted(train, every, "right") / len(train) - np.searchsorted(test, every, "right") / len(test)
        worst = max(worst, float(np.abs(gap).max()))
    sentence = f"targets of train and test differ by at most {worst:.3f} between their cumulative shares (Kolmogorov and Smirnov), in the fold where they do most."
    return one.tells("target shift", worst > SHIFT, sentence)


def _classes(e: Evidence, one: Dealt) -> Finding:
    """Tell how the classes of test rows differ from those of training rows."""
    missing: dict[str, int] = {}
    worst, which, shares = -1.0, "", (0.0, 0.0)
    for f in one.folds:
        counts = [np.bincount(e.y[s[e.known[s]]].astype(np.int64), minlength=len(e.classes)) for s in (f.train, f.test)]
        for c in np.flatnonzero((counts[0] == 0) & (counts[1] > 0)):
            missing[e.classes[c]] = missing.get(e.classes[c], 0) + int(counts[1][c])
        train, test = (n / max(1, n.sum()) for n in counts)
        gap = np.abs(train - test)
        top = int(gap.argmax())
        if gap[top] > worst:
            worst, which, shares = float(gap[top]), e.classes[top], (float(train[top]), float(test[top]))
    sentence = f"shares differ most for {which}: {shares[0]:.1%} of train, {shares[1]:.1%} of test."
    if missing:
        lost = ", ".join(f"{c} ({n:,} test rows)" for c, n in missing.items())
        sentence = f"train lacks a class that test has: {lost}. No model can know it there; look at the scores without it. Else {sentence}"
    return one.tells("target shift", bool(missing) or worst > SHIFT, sentence)
