"""Kin: rows that are the same or nearly, in groups, features, texts, windows and cells, and meet across the line of a split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import sparse, splits
from .evidence import Dealt, Evidence, Finding
from .splits import Fold
from .texts import RUN, SAME_WORDS

SKETCH = 512  # random directions that stand for more columns than these: distances come out within some 3 %
# near is less than a quarter of the distance to the 10th training row, or what chance does for .001 rows
KTH, NEAREST, CHANCE = 10, 0.25, 1e-3
MOST_TESTED = 4_000  # rows that are compared with every training row
COPY = 0.995  # correlation of two cells' log openness: replicates of one cell type lie below, for counting alone parts them more
FEW_BINS = 10  # a window with less of it open may have its like on any chromosome
NO_PAIRS = np.empty((0, 2), dtype=np.intp)


@dataclass(frozen=True)
class Kin:
    """Rows with one code (n,) are the same in some way; codes that stand together in `pairs` (m, 2) nearly are; `counted` (n,) are looked at."""

    code: NDArray[np.intp]
    counted: NDArray[np.bool_]
    pairs: NDArray[np.intp]

    @classmethod
    def of(cls, values: pd.Series) -> Kin:
        """Return rows of one value as kin."""
        return cls(pd.factorize(values)[0], np.ones(len(values), dtype=np.bool_), NO_PAIRS)

    def across(self, folds: Iterable[Fold]) -> NDArray[np.intp]:
        """Return the test rows that have kin in train, each with one of its kin (m, 2)."""
        found = [NO_PAIRS]
        for f in folds:
            train, test = f.train[self.counted[f.train]], f.test[self.counted[f.test]]
            # code -> a training row that has it, or else one that nearly has it
            kin = np.full(int(self.code.max(initial=-1)) + 1, -1, dtype=np.intp)
            kin[self.code[train]] = train
            near = kin.copy()
            for a, b in (self.pairs.T, self.pairs.T[::-1]):
                at = kin[b] >= 0
                near[a[at]] = kin[b[at]]
            met = np.where(kin >= 0, kin, near)[self.code[test]]
            found.append(np.column_stack([test, met])[met >= 0])
        return np.concatenate(found)


@dataclass(frozen=True)
class Kinship:
    """Which rows of a dataset are kin, found out once; each check asks it of one split."""

    evidence: Evidence

    @cached_property
    def groups(self) -> dict[str, Kin]:
        """Kind of group -> rows of one group as kin."""
        rows = self.evidence.prepared.rows
        return {g: Kin.of(rows[g]) for g in splits.groups_of(rows)}

    @cached_property
    def same(self) -> Kin:
        """Rows with the same features."""
        X, kind = self.evidence.X, self.evidence.kind
        if kind == "bins":
            windows = self.evidence.windows
            return Kin(pd.factorize(windows.digest)[0], windows.filled >= FEW_BINS, NO_PAIRS)
        if sparse.is_sparse(X):
            return Kin.of(pd.Series(sparse.row_hashes(X)))
        return Kin.of(pd.util.hash_pandas_object(X + 0.0 if kind == "tabular" else X, index=False))

    @cached_property
    def prose(self) -> tuple[Kin, Kin]:
        """Rows that share their prose, or nearly; and those that also share all other fields."""
        self.evidence.tell("Comparing texts.")
        texts = self.evidence.texts
        code, pairs = texts.row, texts.alike()
        others = self.evidence.X.drop(columns="text").apply(lambda c: c.str.casefold().str.strip())
        field = others.groupby(list(others), sort=False).ngroup().to_numpy() if len(others.columns) else np.zeros(len(code), np.int64)
        unit, _ = pd.factorize(pd.Series(field * len(texts.words) + code))
        units = pd.DataFrame({"unit": unit, "field": field, "prose": code}).drop_duplicates("unit")
        both = pd.DataFrame(pairs, columns=["a", "b"]).merge(units, left_on="a", right_on="prose")
        both = both.merge(units, left_on=["b", "field"], right_on=["prose", "field"])
        with_words = np.array([len(t) > 0 for t in texts.words])[code]
        return Kin(code, with_words, pairs), Kin(unit, with_words, both[["unit_x", "unit_y"]].to_numpy(dtype=np.intp))

    @cached_property
    def sketch(self) -> NDArray[np.float64]:
        """Rows (n, q) between which distances are those of the standardised features."""
        if sparse.is_sparse(self.evidence.X):
            return sparse.sketch(self.evidence.X, SKETCH)
        values = self.evidence.X.to_numpy(dtype=np.float32)
        if np.isnan(values).any():
            # what is missing lies at its column's mean, where it brings no two rows nearer or farther
            known = np.where(np.isnan(values), 0, values).sum(axis=0) / np.maximum((~np.isnan(values)).sum(axis=0), 1)
            values = np.where(np.isnan(values), known, values).astype(np.float32)
        spread = values.std(axis=0)
        values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
        if values.shape[1] > SKETCH:
            values = values @ np.random.default_rng(0).normal(0, SKETCH**-0.5, (values.shape[1], SKETCH)).astype(np.float32)
        found: NDArray[np.float64] = values.astype(np.float64)
        return found

    def same_rows(self, one: Dealt) -> Iterator[Finding]:
        """Tell of test rows that are the same as a training row."""
        e, met = self.evidence, self.same.across(one.folds)
        what = f"in {' + '.join(e.X.columns)}" if e.kind == "text" else "in every feature"
        skipped = ""
        if e.kind == "bins":
            few = sum(int((~self.same.counted[f.test]).sum()) for f in one.folds)
            skipped = f" Left out are {few:,} windows with fewer than {FEW_BINS} open bins, which chance makes alike."
        if not len(met):
            yield one.finds("same rows", False, f"none of {one.tested:,} test rows is the same as a training row {what}.{skipped}")
            return
        agree = int((e.y[met[:, 0]] == e.y[met[:, 1]]).sum())
        sentence = f"{len(met):,} of {one.tested:,} test rows are the same as a training row {what}, {agree:,} with its target ({e.some(met)}).{skipped}"
        if e.kind == "tabular" and (chance := _by_chance(e.X, one.folds)) > len(met) / 2:
            # a few coarse columns come out the same for samples that have nothing to do with each other
            yield one.tells("same rows", True, f"{sentence} Columns of so few values make about {chance:,.0f} such rows by chance.")
        else:
            yield one.finds("same rows", True, sentence, f"Drop the copies in the reader, or give them one {one.group}.")

    def near_rows(self, one: Dealt) -> Iterator[Finding]:
        """Compare each test row's distance to its nearest training row with that to its tenth.

        What lies how close is a matter of the data: samples of one tissue correlate at .99. The ratio of two distances needs no scale. Where
        rows lie as densely as their surroundings, its m-th power is a Beta(1, 9) variable, m being the dimension of the data, which the median
        ratio gives; so the threshold is where chance would put a thousandth of a row. In few dimensions that is next to nothing.
        """
        fewest = min(len(f.train) for f in one.folds)
        if fewest <= KTH:
            yield one.tells("near rows", True, f"not looked for: a fold has only {fewest} training rows.")
            return
        ratio, pairs = _ratios(self.sketch, one.folds)
        # copies are told by another check
        different = self.same.code[pairs[:, 0]] != self.same.code[pairs[:, 1]]
        ratio, pairs = ratio[different], pairs[different]
        middle = float(np.median(ratio)) if len(ratio) else 1.0
        if not 0 < middle < 1:
            why = "the rows that are no copies are too few or too regular to say what is near"
            yield one.tells("near rows", True, f"not looked for: {why}.")
            return
        dimension = np.log(1 - 0.5 ** (1 / (KTH - 1))) / np.log(middle)
        limit = min(NEAREST, float((CHANCE / ((KTH - 1) * len(ratio))) ** (1 / dimension)))
        near = ratio < limit
        basis = f"distance to the nearest training row over that to the {KTH}th: median {middle:.2f}"
        if not near.any():
            basis += f", least {ratio.min():.2f}, near below {limit:.2g}"
            yield one.finds("near rows", False, f"none of {len(ratio):,} test rows is nearly a training row ({basis}).")
            return
        met = self.evidence.some(pairs[near][np.argsort(ratio[near])])
        sentence = f"{near.sum():,} of {len(ratio):,} test rows are nearly a training row ({basis}, near below {limit:.2g}): {met}."
        mend = f"If they are replicates of one sample, give them one {one.group} in the reader; if copies, drop them."
        yield one.finds("near rows", True, sentence, mend)

    def near_texts(self, one: Dealt) -> Iterator[Finding]:
        """Tell of test rows that are a training row in nearly the same words, and of texts that both sides share."""
        e = self.evidence
        shared, whole = (kin.across(one.folds) for kin in self.prose)
        alike = f"a training row's other fields, and a text with {SAME_WORDS:.0%} of its runs of {RUN} words in common"
        sentence = (
            f"{len(whole):,} of {one.tested:,} test rows have {alike} ({e.some(whole)})." if len(whole) else f"no test row has {alike}."
        )
        yield one.finds("near rows", len(whole) > 0, sentence, f"Give them one {one.group} in the reader, or drop the copies.")
        # The split asks about the group that it names. A review that is kept with variants of two genes stands on both sides of a split by gene, and
        # the rows differ: another gene, another variation, to be found in the same words. So it is told and no leak; who asks about texts
        # never seen has a split by text for it, whose group it would cut, and then the check of groups calls it a leak.
        sentence = "no test row shares its text with train."
        if len(shared):
            share = f"{len(shared):,} of {one.tested:,} test rows ({len(shared) / one.tested:.1%})"
            sentence = f"{share} share their text, or nearly, with training rows ({e.some(shared)}): the split asks about another {one.card.group or 'row'}, not another text."
        yield one.tells("shared text", len(shared) > 0, sentence)

    @cached_property
    def cells(self) -> NDArray[np.float64]:
        """How the cells' log openness correlates (c, c)."""
        profile = np.log1p(self.evidence.X.openness)
        profile -= profile.mean(axis=1, keepdims=True)
        # a cell that is closed everywhere is like no other
        profile /= np.maximum(np.sqrt(np.square(profile).sum(axis=1, keepdims=True)), 1e-12)
        found: NDArray[np.float64] = profile @ profile.T
        return found

    def same_cells(self, one: Dealt) -> Iterator[Finding]:
        """Where cells are held out, tell which of them is most like a training cell."""
        X, rows = self.evidence.X, self.evidence.prepared.rows
        cell = np.searchsorted(X.cells, X.cell)
        closest, count = (-1.0, 0, 0), 0
        for f in one.folds:
            old = np.unique(cell[f.train])
            new = np.setdiff1d(cell[f.test], old)
            count += len(new)
            if len(new) and len(old):
                block = self.cells[np.ix_(new, old)]
                i, j = np.unravel_index(int(block.argmax()), block.shape)
                closest = max(closest, (float(block[i, j]), int(new[i]), int(old[j])))
        if count:
            r, *both = closest
            test, train = (str(rows["cell"].iloc[int(np.argmax(cell == c))]) if "cell" in rows else f"cell {c}" for c in both)
            sentence = f"of {count} cells that train lacks, {test} is the one most like a training cell, {train}: their log openness correlates at {r:.4f}."
            mend = f"Above {COPY} one is a copy of the other. Give them one {one.group} in the reader."
            yield one.finds("same cells", r > COPY, sentence, mend)

    def shared_regions(self, one: Dealt) -> Iterator[Finding]:
        """Where genes are held out, tell how many regions lie in their windows and in those of training genes."""
        X: Any = self.evidence.X
        gene = np.searchsorted(X.genes, X.gene)
        of_entry = np.repeat(np.arange(len(X.genes)), np.diff(X.slots.entry[X.slots.start]))
        shared, count = 0, 0
        for f in one.folds:
            seen, asked = (np.bincount(gene[side], minlength=len(X.genes)) > 0 for side in (f.train, f.test))
            new = asked & ~seen
            count += int(new.sum())
            sides = [np.bincount(X.slots.region[side[of_entry]], minlength=len(X.regions)) > 0 for side in (seen, new)]
            shared += int((sides[0] & sides[1]).sum())
        if count:
            sentence = f"{shared:,} regions lie in windows of genes to train and of the {count:,} that train lacks."
            yield one.finds("shared regions", shared > 0, sentence, "Windows of neighbours overlap: hold out whole chromosomes.")


def _by_chance(X: pd.DataFrame, folds: Iterable[Fold]) -> float:
    """Return how many test rows would have their like in train if columns were independent."""
    columns = (X.iloc[:, i].to_numpy() for i in range(X.shape[1]))
    same = np.array([np.square(np.unique(c, return_counts=True)[1] / len(c)).sum() for c in columns])
    alike = float(np.exp(np.log(same).sum()))
    return sum(len(f.test) * -float(np.expm1(-len(f.train) * alike)) for f in folds)


def _ratios(rows: NDArray[np.float64], folds: Iterable[Fold]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return distances to the nearest training row over those to the tenth (m,), and the test rows with their nearest (m, 2)."""
    ratios, pairs = [], []
    sampled = np.random.default_rng(0)
    for f in folds:
        test = f.test if len(f.test) <= MOST_TESTED else np.sort(sampled.choice(f.test, MOST_TESTED, replace=False))
        train = rows[f.train]
        size = np.square(train).sum(axis=1)
        for start in range(0, len(test), 512):
            at = test[start : start + 512]
            asked = rows[at]
            distance = np.maximum(size + np.square(asked).sum(axis=1)[:, None] - 2 * asked @ train.T, 0)
            nearest = distance.argmin(axis=1)
            kth = np.partition(distance, KTH - 1, axis=1)[:, KTH - 1]
            closest = distance[np.arange(len(at)), nearest]
            ratios.append(np.sqrt(np.divide(closest, kth, out=np.ones_like(kth), where=kth > 0)))
            pairs.append(np.column_stack([at, f.train[nearest]]))
    return np.concatenate(ratios), np.concatenate(pairs)
