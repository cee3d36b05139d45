"""How sure a board is of its order: coverage where the truth is known, rank intervals and ties that match the paired intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard import metrics, scoring
from genoboard.scoring import Solution
from genoboard_leaderboard import certainty
from genoboard_leaderboard.certainty import ROWS, ROWS_AND_SEEDS, assessed
from genoboard_leaderboard.entry import Board, Entry, Score
from genoboard_leaderboard.pairing import Seeds, difference, error, reach
from genoboard_leaderboard.ranking import Standing, standings

BOARD = Board("task", "data", "d1", "split", "s1")
CARDS = {m.name: m for m in metrics.BUILTIN}
Floats = NDArray[np.float64]
SIMULATIONS = 1500  # the standard error of a coverage of 95 % is .006 then


def solution_of(truth: NDArray[np.int64], cluster: NDArray[np.int64], classes: int) -> Solution:
    return Solution(truth, tuple(map(str, range(classes))), np.zeros(len(truth), np.int64), cluster, "5eed" * 16)


# Coverage


def hits(rng: np.random.Generator, groups: int, per_group: int, share: float, spread: float) -> NDArray[np.bool_]:
    """Rows that are right with a probability of the group's own, `share` on average over all groups that there could be."""
    of_group = rng.beta(share * spread, (1 - share) * spread, groups) if per_group > 1 else np.full(groups, share)
    return rng.random((groups, per_group)) < of_group[:, None]


@pytest.mark.parametrize(("groups", "per_group"), [(10, 12), (30, 12), (100, 12), (300, 1)])
def test_the_interval_of_a_score_covers_the_truth_in_95_of_100_cases(groups: int, per_group: int) -> None:
    rng, share = np.random.default_rng(groups), 0.8
    truth, cluster = np.zeros(groups * per_group, np.int64), np.repeat(np.arange(groups), per_group)
    solution, covered = solution_of(truth, cluster, 2), 0
    for _ in range(SIMULATIONS):
        right = hits(rng, groups, per_group, share, 20.0).ravel()
        labels = np.where(right, 0, 1)
        (found,), _ = scoring.score([CARDS["accuracy"]], solution, np.eye(2)[labels])
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= share <= found.high
    assert 0.93 <= covered / SIMULATIONS <= 0.97


@pytest.mark.parametrize(("groups", "per_group"), [(10, 12), (30, 12), (100, 12), (300, 1)])
def test_the_interval_of_a_paired_difference_covers_the_truth_in_95_of_100_cases(groups: int, per_group: int) -> None:
    rng, better, worse = np.random.default_rng(groups + 1), 0.85, 0.75
    solution = solution_of(np.zeros(groups * per_group, np.int64), np.repeat(np.arange(groups), per_group), 2)
    weights = scoring.resampling_weights(solution)
    covered = 0
    for _ in range(SIMULATIONS):
        # what both find hard: the groups' effects are shared
        ease = rng.beta(10.0, 10.0, groups) if per_group > 1 else np.full(groups, 0.5)
        sides = []
        for share in (better, worse):
            of_group = np.clip(share + (ease - 0.5) * 0.25, 0, 1)
            right = (rng.random((groups, per_group)) < of_group[:, None]).ravel()
            prediction = np.eye(2)[np.where(right, 0, 1)]
            drawn = scoring.replicates_of(CARDS["accuracy"], solution, prediction, weights)
            sides.append((float(right.mean()), drawn))
        (a, drawn_a), (b, drawn_b) = sides
        found = difference(a, b, [drawn_a], [drawn_b], groups)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= better - worse <= found.high
    assert 0.93 <= covered / SIMULATIONS <= 0.97


@pytest.mark.parametrize(("groups", "per_group"), [(10, 20), (30, 12), (100, 12), (400, 1)])
def test_delongs_interval_of_an_auroc_covers_the_truth_in_95_of_100_cases(groups: int, per_group: int) -> None:
    rng, apart, within = np.random.default_rng(groups + 2), 1.0, 0.5
    n = groups * per_group
    cluster = np.repeat(np.arange(groups), per_group)
    truth = (np.arange(n) % 2).astype(np.int64)
    solution = solution_of(truth, cluster, 2)
    # a group shifts its rows of either class alike: positive and other rows of different groups differ by N(apart, 2 (1 + within^2))
    scale = np.sqrt(2 * (1 + (within**2 if per_group > 1 else 0.0)))
    from scipy import stats

    true = stats.norm.cdf(apart / scale)
    covered = 0
    for _ in range(SIMULATIONS):
        shift = rng.normal(0, within, groups)[cluster] if per_group > 1 else 0.0
        scores = rng.normal(size=n) + apart * truth + shift
        card = metrics.Metric("auroc", "genoboard.formulas:auroc", "max", 0.0, 1.0, "scores", "")
        value = scoring.value_of(card, truth, scores, solution.classes)
        se = scoring.analytic(card, solution, scores)
        low, high = scoring.interval(value, np.empty(0), groups, card, se)
        assert low is not None
        assert high is not None
        covered += low <= true <= high
    assert 0.93 <= covered / SIMULATIONS <= 0.97


# Ranks, ties, chances


def placed(values: Floats, drawn: Floats, clusters: int, direction: str = "max", controls: int = 0) -> list[Standing]:
    entries = [
        Entry(
            f"e{i:02d}", BOARD, f"m{i:02d}", f"2026-01-01T00:00:00.{i:06d}", "file", scores=(Score("m", float(v), float(v), float(v)),),
            submission_sha256=str(i), cluster="donor", clusters=clusters, control=i >= len(values) - controls,
        )
        for i, v in enumerate(values)
    ]  # fmt: skip
    way = "max" if direction == "max" else "min"
    vectors = {e.standing: d for e, d in zip(entries, drawn, strict=True)}
    return assessed(standings(entries, "m", way), vectors, "m", way)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 12),
    clusters=st.integers(2, 50),
    direction=st.sampled_from(["max", "min"]),
    holes=st.floats(0, 0.7),
)
def test_ranks_and_ties_are_those_of_the_paired_intervals(seed: int, n: int, clusters: int, direction: str, holes: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n).round(1)
    drawn = values[:, None] + rng.normal(size=(1, 80)) + rng.normal(size=(n, 80)) * rng.uniform(0.01, 1, (n, 1))
    drawn[rng.random(drawn.shape) < holes * rng.random((n, 1))] = np.nan
    found = placed(values, drawn, clusters, direction)
    at = {f"m{i:02d}": i for i in range(n)}
    sign = 1 if direction == "max" else -1
    for i, one in enumerate(found):
        worse = better = 0
        for other in found:
            d = difference(
                sign * values[at[one.name]],
                sign * values[at[other.name]],
                [sign * drawn[at[one.name]]],
                [sign * drawn[at[other.name]]],
                clusters,
            )
            better += d.proven and d.value < 0
            worse += d.proven and d.value > 0
            if other is found[0]:
                assert one.tied == (not (d.proven and d.value < 0))
        assert one.ranks == (1 + better, n - worse)
        assert one.ranks[0] <= i + 1 <= one.ranks[1]
        assert one.covers == ROWS
    chances = [s.chance for s in found]
    if None in chances:
        assert set(chances) == {None}
    else:
        assert sum(c for c in chances if c is not None) == pytest.approx(1.0)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 12), clusters=st.integers(2, 50), block=st.sampled_from([1, 3, 1024]))
def test_with_seeds_too_they_are_those_of_the_paired_intervals(seed: int, n: int, clusters: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    entries, drawn = [], {}
    for i in range(n):
        # few seeds of a wide spread, where degrees of freedom tell most, and values as near to one another as intervals are wide
        values = rng.normal(0.0, 0.1) + rng.normal(0.0, rng.choice([0.0, 0.02, 0.05]), rng.choice([1, 2, 3, 4, 20]))
        for k, v in enumerate(values.tolist()):
            score = (Score("m", v, v - 0.1, v + 0.1),)
            entries.append(Entry(f"e{i:02d}-{k}", BOARD, f"m{i:02d}", f"2026-{i:02d}-{k}", "run", seed=k, scores=score, clusters=clusters))
        drawn[entries[-1].standing] = rng.normal(0.0, 0.02, 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certainty, "BLOCK", block)
        found = assessed(standings(entries, "m", "max"), drawn, "m", "max")
    for one in found:
        apart = [
            difference(one.scores["m"] or 0.0, s.scores["m"] or 0.0, [drawn[one.key]], [drawn[s.key]], clusters, seeds)
            for s in found
            for seeds in [[Seeds(t.sd.get("m", 0.0), t.counts["m"]) for t in (one, s)]]
        ]
        worse, better = (sum(d.proven and (d.value > 0) == above for d in apart) for above in (True, False))
        assert one.ranks == (1 + better, n - worse)
        assert one.tied == (not (apart[0].proven and apart[0].value < 0))


def test_equal_entries_share_the_chance_of_being_best() -> None:
    drawn = np.random.default_rng(0).normal(size=(1, 200))
    found = placed(np.array([0.5, 0.5, -9.0]), np.concatenate([drawn + 0.5, drawn + 0.5, drawn - 9.0]), 20)
    assert [s.chance for s in found] == [0.5, 0.5, 0.0]
    assert [s.ranks for s in found] == [(1, 2), (1, 2), (3, 3)]
    assert [s.tied for s in found] == [True, True, False]


def test_an_entry_that_does_not_beat_the_control_is_warned_of() -> None:
    rng = np.random.default_rng(1)
    drawn = np.array([0.9, 0.52, 0.5])[:, None] + rng.normal(0, 0.05, (3, 300))
    best, weak, control = placed(np.array([0.9, 0.52, 0.5]), drawn, 30, controls=1)
    assert (best.warning, control.warning) == ("", "")
    assert weak.warning == "not shown to beat the control m02"


def test_three_seeds_widen_the_interval_by_their_spread_and_it_says_what_it_covers() -> None:
    rng = np.random.default_rng(2)
    shared = rng.normal(0, 0.02, 500)
    values = [0.80, 0.84, 0.76]
    entries = [
        Entry(
            f"e{i}", BOARD, "seeded", f"2026-01-01T00:00:00.{i:06d}", "run", seed=i, cluster="donor", clusters=25,
            scores=(Score("m", v, v - 0.05, v + 0.05),),
        )
        for i, v in enumerate(values)
    ]  # fmt: skip

    def assess(some: list[Entry]) -> Standing:
        return assessed(standings(some, "m", "max"), {some[0].standing: shared}, "m", "max")[0]

    two, three = assess(entries[:2]), assess(entries)
    assert (two.covers, three.covers) == (ROWS, ROWS_AND_SEEDS)
    half = reach(*error(float(shared.var(ddof=1)), 25, [Seeds(float(np.std(values, ddof=1)), 3)]))
    assert three.intervals["m"] == pytest.approx((0.80 - half, 0.80 + half))
    assert two.intervals["m"] == pytest.approx((0.77, 0.87))


@pytest.mark.parametrize("change", [lambda e: {"clusters": None}, lambda e: {"clusters": 1}])
def test_without_groups_to_resample_nothing_is_said_of_the_order(change: Callable[[Entry], dict[str, object]]) -> None:
    entry = Entry("e", BOARD, "m", "2026-01-01T00:00:00", "file", scores=(Score("m", 0.5),))
    entry = Entry(**{**vars(entry), **change(entry)})  # type: ignore[arg-type]
    (found,) = assessed(standings([entry], "m", "max"), {entry.standing: np.zeros(10)}, "m", "max")
    assert (found.ranks, found.chance, found.tied) == (None, None, False)
