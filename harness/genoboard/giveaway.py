"""Giveaways: single features and words, ids and the order of rows, where one of them tells the target by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .evidence import Dealt, Evidence, Finding
from .splits import Fold

# One feature that removes this share of the errors that the most frequent class (or the mean) makes on test rows. Real biology has genes that
# part one tissue from all others; none of them parts all classes, nor gives the value of a regression.
GOLDEN = 0.95
# The share that an id may remove, and by how many standard errors, before it counts as carrying the label.
CARRIES, SURE = 0.1, 4.0
ORDERED, SHUFFLES = 6.0, 100  # standard deviations of what shuffled rows give
MOST_IDS = 50_000
# Quantiles that a feature's values are put into, and how many rows make another one. Values are no labels, so those of test rows may help.
BINS, FEW_ROWS = 128, 5
COLUMNS = 256  # looked at in one go
FIELD, PIECE = re.compile(r"[\W_]+"), re.compile(r"\d+|[^\W\d_]+")


@dataclass(frozen=True)
class Ids:
    """Some rows' ids: for the rows `at` (m,), ascending, what stands at each of some places `names`, as codes (m, c)."""

    at: NDArray[np.intp]
    names: list[str]
    code: NDArray[np.int64]

    @classmethod
    def of(cls, ids: Sequence[str], at: NDArray[np.intp]) -> Ids:
        """Cut ids into fields, and these into letters and digits; what is another in most ids tells nothing of a further one, but its order may."""
        cut = [_cut(i) for i in ids]
        # numbers count as numbers
        natural = sorted(range(len(ids)), key=lambda k: [(p.zfill(20) if p.isdecimal() else p) for p in PIECE.findall(ids[k])])
        place = np.empty(len(ids), dtype=np.int64)
        place[natural] = np.arange(len(ids))
        found = {"the order": place * BINS // max(1, len(ids))}
        for key in sorted({k for c in cut for k in c}):
            code, values = pd.factorize(np.array([c.get(key, "") for c in cut], dtype=object))
            if 1 < len(values) <= len(ids) / 2:
                found[key] = code.astype(np.int64)
        return cls(at, list(found), np.column_stack(list(found.values())))


def _cut(one: str) -> dict[str, str]:
    fields = [f for f in FIELD.split(one) if f]
    found = {f"field {k}": f for k, f in enumerate(fields, 1)}
    for k, f in enumerate(fields, 1):
        found.update({f"piece {j} of field {k}": p for j, p in enumerate(PIECE.findall(f), 1)})
    return found


@dataclass(frozen=True)
class Giveaways:
    """What of a dataset may tell the target by itself, found out once for the splits that are `dealt`; each check asks it of one split."""

    evidence: Evidence
    dealt: Sequence[Dealt]

    @cached_property
    def strongest(self) -> dict[str, tuple[float, str]]:
        """Split -> the share of errors that its strongest feature removes, and that feature's name."""
        e = self.evidence
        best = {one.card.name: (-np.inf, "") for one in self.dealt}
        for names, code in self._codes():
            for one in self.dealt:
                found = skill(code, e.y, e.known, len(e.classes), one.folds, e.kind == "tabular")
                top = int(found.argmax())
                if found[top] > best[one.card.name][0]:
                    best[one.card.name] = (float(found[top]), str(names[top]))
        return best

    def _codes(self) -> Iterator[tuple[Sequence[Any], NDArray[Any]]]:
        """Give the columns' names and their values as small integers, some columns at a time."""
        X = self.evidence.X
        self.evidence.tell(f"Looking at {X.shape[1]:,} features one by one.")
        if self.evidence.kind == "text":
            for name in X:
                yield [name], pd.factorize(X[name])[0][:, None]
            return
        for start in range(0, X.shape[1], COLUMNS):
            part = X.iloc[:, start : start + COLUMNS]
            values = part.to_numpy(dtype=np.float32)
            order = values.argsort(axis=0)
            ascending = np.take_along_axis(values, order, axis=0)
            # equal values have one rank, the first of theirs
            new = np.concatenate([np.zeros((1, len(part.columns)), np.bool_), ascending[1:] != ascending[:-1]])
            rank = np.maximum.accumulate(np.where(new, np.arange(len(values))[:, None], 0), axis=0)
            code = np.empty(values.shape, dtype=np.int64)
            np.put_along_axis(code, order, rank * max(2, min(BINS, len(values) // FEW_ROWS)) // len(values), axis=0)
            yield list(part.columns), code

    def feature(self, one: Dealt) -> Iterator[Finding]:
        """Tell how far the strongest feature gets by itself."""
        e = self.evidence
        if e.kind == "bins":
            r = e.windows.correlation
            top = int(np.abs(r).argmax())
            share = float(r[top] ** 2)
            what = f"the strongest bin is {e.X.columns[top]}: r = {r[top]:+.2f} with the target, over all rows."
        else:
            share, name = self.strongest[one.card.name]
            than = "the most frequent class" if e.classes else "the mean rank"
            what = f"the strongest feature is {name!r}: a table of its values, learned on train, removes {max(share, 0):.1%} of the errors that {than} makes on test rows."
        yield one.finds("golden feature", share > GOLDEN, what, "It nearly is the answer. Leave it out in the reader.")

    def words(self, one: Dealt) -> Iterator[Finding]:
        """Take for each class the one word that best tells it in train (F1), and see how far these words get on test rows."""
        e = self.evidence
        row, word = e.texts.said
        names, many, errors, null = e.texts.vocabulary, len(e.classes), 0, 0
        y = e.y.astype(np.int64)
        said: list[str] = []
        for f in one.folds:
            train, test = f.train[e.known[f.train]], f.test[e.known[f.test]]
            mine = np.isin(row, train)
            counts = np.bincount(word[mine] * many + y[row[mine]], minlength=len(names) * many).reshape(-1, many)
            of_class = np.bincount(y[train], minlength=many)
            f1 = 2 * counts / np.maximum(counts.sum(axis=1, keepdims=True) + of_class, 1)
            best = f1.argmax(axis=0)
            guess = np.full(len(y), of_class.argmax())
            # the surest word speaks last
            for c in np.argsort(f1[best, np.arange(many)]):
                if of_class[c]:
                    guess[row[word == best[c]]] = c
            errors += int((guess[test] != y[test]).sum())
            null += int((y[test] != of_class.argmax()).sum())
            said = said or [str(names[b]) for b, n in zip(best, of_class, strict=True) if n]
        share = 1 - errors / null if null else 0.0
        what = f"one word for each class ({', '.join(said)}) removes {max(share, 0):.1%} of the errors that the most frequent class makes on test rows."
        yield one.finds("golden words", share > GOLDEN, what, "They nearly are the answer. Take them out in the reader.")

    @cached_property
    def _ids(self) -> tuple[Ids, Ids]:
        """The ids of the source, and those that models are given, in pieces."""
        self.evidence.tell("Looking at ids.")
        handed = self.evidence.prepared.rows.index
        few = np.arange(len(handed))
        if len(few) > MOST_IDS:
            few = np.sort(np.random.default_rng(0).choice(few, MOST_IDS, replace=False))
        original = self.evidence.prepared.original_ids.reindex(handed[few])
        return Ids.of([str(i) for i in original], few), Ids.of([str(i) for i in handed[few]], few)

    def ids(self, one: Dealt) -> Iterator[Finding]:
        """Look at the ids of the source, which no model is given, and at those that are handed out."""
        original, handed = (self._told_by(ids, one.folds) for ids in self._ids)
        share, _, where = original
        sentence = f"{where} of the source's ids removes {max(share, 0):.1%} of the prior's errors on test rows."
        if share > CARRIES:
            sentence += " Models are given opaque ids and cannot use it; keep it out of what you hand in."
        yield one.tells("original ids", share > CARRIES, sentence)
        share, sure, where = handed
        sentence = f"{where} of the ids that models are given removes {max(share, 0):.1%} of the prior's errors on test rows."
        mend = "They carry the label. Ingest the data again, which makes ids opaque."
        yield one.finds("handed ids", share > CARRIES and sure > SURE, sentence, mend)

    def _told_by(self, ids: Ids, folds: Sequence[Fold]) -> tuple[float, float, str]:
        """Return the share of errors that the best piece of an id removes, by how many standard errors, and which it is."""
        e = self.evidence
        place = np.full(len(e.known), -1, dtype=np.intp)
        place[ids.at] = np.arange(len(ids.at))
        held = [Fold(*(place[side][place[side] >= 0] for side in (f.train, f.test))) for f in folds]
        held = [f for f in held if len(f.train) and len(f.test)]
        share = skill(ids.code, e.y[ids.at], e.known[ids.at], len(e.classes), held)
        top = int(share.argmax())
        return float(share[top]), float(share[top]) * sum(len(f.test) for f in held) ** 0.5, ids.names[top]

    @cached_property
    def _order(self) -> float:
        """How much more alike the targets of neighbouring rows are than shuffling makes them, in standard deviations."""
        e = self.evidence
        y = e.y[e.known][:MOST_IDS]
        y = y if e.classes else y - y.mean()
        shuffled = np.random.default_rng(0)

        def alike(values: NDArray[np.float64]) -> float:
            return float(np.mean(values[1:] == values[:-1]) if e.classes else np.mean(values[1:] * values[:-1]))

        by_chance = np.array([alike(shuffled.permutation(y)) for _ in range(SHUFFLES)])
        return (alike(y) - float(by_chance.mean())) / max(float(by_chance.std()), 1e-12)

    def order(self, one: Dealt) -> Iterator[Finding]:
        """Tell whether rows lie in the order of their targets."""
        sentence = f"targets of neighbouring rows are as alike as z = {self._order:+.1f}, by {SHUFFLES} shuffles."
        mend = "The order carries the label. Ingest the data again, which puts rows in the order of opaque ids."
        yield one.finds("row order", abs(self._order) > ORDERED, sentence, mend)


def skill(
    code: NDArray[Any], y: NDArray[np.float64], known: NDArray[np.bool_], classes: int, folds: Iterable[Fold], ordered: bool = False
) -> NDArray[np.float64]:
    """Return which share of the prior's errors on test rows a table of the training rows, value -> label, removes.

    `code` (n, c) are small integers, each column's own table. The prior is the most frequent class, or for a regression the mean; it stands for
    values that train lacks, unless they are `ordered`: then the value below does.
    """
    columns = np.arange(code.shape[1])
    width, many = int(code.max(initial=0)) + 1, max(1, classes)
    errors, null = np.zeros(len(columns)), 0.0
    for f in folds:
        train, test = f.train[known[f.train]], f.test[known[f.test]]
        learned, asked = y[train], y[test]
        cell, place = columns * width + code[train], columns * width + code[test]
        if classes:
            of = learned.astype(np.int64)
            counts = np.bincount((cell * many + of[:, None]).ravel(), minlength=len(columns) * width * many).reshape(-1, many)
            prior = np.bincount(of).argmax()
            guess = _filled(counts.argmax(axis=1), counts.sum(axis=1) > 0, prior, width, ordered)
            errors += (guess[place] != asked[:, None]).sum(axis=0)
            null += float((asked != prior).sum())
        else:
            size = np.bincount(cell.ravel(), minlength=len(columns) * width)
            total = np.bincount(cell.ravel(), np.repeat(learned, len(columns)), minlength=len(columns) * width)
            guess = _filled(total / np.maximum(size, 1), size > 0, learned.mean(), width, ordered)
            errors += np.square(guess[place] - asked[:, None]).sum(axis=0)
            null += float(np.square(learned.mean() - asked).sum())
    share: NDArray[np.float64] = 1 - errors / null if null > 0 else np.zeros(len(columns))
    return share


def _filled(guess: NDArray[Any], seen: NDArray[np.bool_], prior: Any, width: int, ordered: bool) -> NDArray[Any]:
    """Return what tables of `width` values say, also of values that were not `seen`."""
    place = np.where(seen, np.arange(len(guess)), -1)
    if ordered:
        place = np.maximum.accumulate(place.reshape(-1, width), axis=1).ravel()
    return np.where(place >= 0, guess[place], prior)
