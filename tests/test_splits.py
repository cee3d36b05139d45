"""Splits: deterministic in the ids and a salt, whatever the order of rows; groups never cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoboard import DataError, Split
from genoboard.splits import deal, fingerprint

DONOR = Split("donor", "Does it work on people it has not seen?", "prior", group="donor")
RANDOM = Split("random", "Does it work on samples it has not seen?", "prior")


def cohort(n: int = 300, donors: int = 40, classes: int = 4, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"y": rng.choice([f"c{i}" for i in range(classes)], n), "donor": rng.choice([f"d{i}" for i in range(donors)], n)},
        index=[f"s{i:05d}" for i in range(n)],
    )


@settings(deadline=None, max_examples=40)
@given(n=st.integers(60, 200), donors=st.integers(6, 60), seed=st.integers(0, 10**6), cross=st.booleans())
def test_no_group_is_ever_on_both_sides_and_every_row_has_one_part(n: int, donors: int, seed: int, cross: bool) -> None:
    rows = cohort(n, donors, seed=seed)
    if rows["donor"].nunique() < 5:
        return
    folds = deal(replace(DONOR, cross_validated=cross), rows)
    for fold in folds:
        assert not set(rows["donor"].iloc[fold.train]) & set(rows["donor"].iloc[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(len(rows)))
    if cross:
        assert sorted(np.concatenate([f.test for f in folds])) == list(range(len(rows)))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), group=st.booleans())
def test_the_order_of_rows_does_not_matter(seed: int, group: bool) -> None:
    rows = cohort(seed=3)
    shuffled = rows.sample(frac=1.0, random_state=seed)
    split = DONOR if group else RANDOM
    a, b = deal(split, rows)[0], deal(split, shuffled)[0]
    assert set(rows.index[a.test]) == set(shuffled.index[b.test])
    assert fingerprint(rows, [a]) == fingerprint(shuffled, [b])


def test_a_held_out_split_is_the_first_fold_of_its_cross_validated_form() -> None:
    rows = cohort()
    held = deal(DONOR, rows)
    every = deal(replace(DONOR, cross_validated=True), rows)
    assert len(held) == 1
    assert len(every) == 5
    assert np.array_equal(held[0].test, every[0].test)


def test_stratification_keeps_class_shares_close() -> None:
    rows = cohort(2000, 200)
    for split, slack in ((RANDOM, 1), (DONOR, 12)):
        for fold in deal(replace(split, cross_validated=True), rows):
            share = rows["y"].iloc[fold.test].value_counts()
            whole = rows["y"].value_counts() / 5
            assert (share - whole).abs().max() <= slack, split.name


def test_another_salt_is_another_split() -> None:
    rows = cohort()
    assert not np.array_equal(deal(RANDOM, rows)[0].test, deal(replace(RANDOM, salt="other"), rows)[0].test)


def test_a_changed_dataset_has_another_fingerprint() -> None:
    rows = cohort()
    one = fingerprint(rows, deal(RANDOM, rows))
    fewer = rows.iloc[1:]
    assert one != fingerprint(fewer, deal(RANDOM, fewer))


def test_too_few_groups_are_refused_with_their_number() -> None:
    with pytest.raises(DataError, match=r"deals 2 parts, but there are only 1 donors. Use another split or more data"):
        deal(replace(DONOR, cross_validated=True), cohort(60, 1))
    with pytest.raises(DataError, match=r"deals 5 parts, but there are only 3 rows"):
        deal(replace(RANDOM, cross_validated=True), cohort(3))


def test_a_cross_validated_split_of_fewer_groups_than_folds_leaves_out_one_group_at_a_time() -> None:
    for donors in (2, 3, 4):
        rows = cohort(60, donors)
        folds = deal(replace(DONOR, cross_validated=True), rows)
        left_out = [set(rows["donor"].iloc[f.test]) for f in folds]
        assert all(len(names) == 1 for names in left_out)
        assert set.union(*left_out) == set(rows["donor"])
        assert len(folds) == donors


def test_targets_that_are_numbers_are_no_classes_to_keep_the_shares_of() -> None:
    rows = cohort()
    one, other = (rows.assign(y=np.random.default_rng(seed).normal(size=len(rows))) for seed in (0, 1))
    for split in (DONOR, RANDOM):
        every = replace(split, cross_validated=True)
        assert fingerprint(one, deal(every, one)) == fingerprint(other, deal(every, other)), "the values of the target deal nothing"
        assert fingerprint(one, deal(every, one)) == fingerprint(rows, deal(replace(every, stratified=False), rows))
        assert fingerprint(rows, deal(every, rows)) != fingerprint(rows, deal(replace(every, stratified=False), rows)), "classes do"


def test_a_group_that_the_data_do_not_have_is_named() -> None:
    with pytest.raises(DataError, match=r"groups by 'donor', which this dataset does not have"):
        deal(DONOR, cohort().drop(columns="donor"))


def by_first_letter(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    test = [i for i in rows.index if i.endswith("7")]
    return [([i for i in rows.index if i not in test], test)]


def test_a_rule_may_deal_instead() -> None:
    rows = cohort()
    (fold,) = deal(Split("rule", "?", "?", rule=f"{__name__}:by_first_letter"), rows)
    assert all(rows.index[i].endswith("7") for i in fold.test)
    assert len(fold.train) + len(fold.test) == len(rows)
