"""Hosting: a public part whose scores go through the Ladder, and a private one that nobody is told of before the reveal."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genoboard import (
    DataError,
    Dataset,
    DataSource,
    Split,
    Task,
    UndefinedScore,
    UsageError,
    board,
    hookimpl,
    hosting,
    look,
    referee,
    scoring,
)
from genoboard import cli as command_line
from genoboard.blend import blend
from genoboard.compare import paired
from genoboard.competition import Competition
from genoboard.evaluation import evaluate, submit
from genoboard.hosting import HostedView, Hosting
from genoboard.plugins import Plugins, load_plugins
from genoboard.results import Results, standings_of
from genoboard.solution import score_file
from genoboard.workspace import SEALED, SEALED_REPLICATES, Workspace
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

CLASSES = ("cortex", "putamen")
DONORS, EACH, TAUGHT = 60, 5, 20


def cohort() -> Dataset:
    """60 donors with 5 samples each; the first 20 are for training."""
    rng = np.random.default_rng(3)
    donor = np.repeat([f"D{d:02d}" for d in range(DONORS)], EACH)
    index = pd.Index([f"S{i:03d}" for i in range(len(donor))], dtype="str")
    y = pd.Series(np.array(CLASSES)[rng.integers(0, 2, len(index))], index=index, dtype="str")
    X = pd.DataFrame({"gene": rng.normal(size=len(index)).astype(np.float32)}, index=index)
    return Dataset(X=X, y=y, groups=pd.DataFrame({"donor": donor, "site": [f"site {d[1]}" for d in donor]}, index=index))


def last_donors(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    tested = rows["donor"] >= f"D{TAUGHT:02d}"
    return [(list(rows.index[~tested]), list(rows.index[tested]))]


LAST = Split("last", "Does it work on the last donors?", "prior", group="donor", rule=f"{__name__}:last_donors")
GAME = Task(
    name="game", title="Game", summary="a task for tests", kind="tabular", target="multiclass", classes=CLASSES,
    sources=(DataSource("demo", "a small cohort", generate=f"{__name__}:cohort"),),
    splits=(
        LAST,
        replace(LAST, name="known", published=True),
        replace(LAST, name="sites", cluster="site"),
        replace(LAST, name="odd", unranked="its labels contradict the others."),
        replace(LAST, name="rows", group=None),
        Split("donor-cv3", "Does it work on new donors?", "prior", group="donor", folds=3, cross_validated=True),
    ),
    metrics=("accuracy", "f1-macro", "multiclass-log-loss"), id_column="sample", target_column="region",
)  # fmt: skip


class Game:
    """A plugin that brings these tasks."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return [GAME, replace(GAME, name="guarded", controls=("prior",))]


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(extra=[Game()])


@pytest.fixture
def play(tmp_path: Path, plugins: Plugins) -> Callable[..., Competition]:
    """Open the competition anew, as every command does."""

    def opened(task: str = "game", split: str | None = None) -> Competition:
        return Competition.open(task, split, None, tmp_path / "workspace", plugins)

    return opened


@pytest.fixture
def enter(tmp_path: Path, play: Callable[..., Competition]) -> Callable[..., Entry]:
    """Hand in predictions of which a share is right, rows and errors by a seed."""

    def handed(right: float, name: str = "net", team: str = "ana", seed: int = 0, task: str = "game") -> Entry:
        competition = play(task)
        path = tmp_path / f"{name}-{seed}-{right}.csv"
        predicted(competition, right, seed).to_csv(path)
        return submit(competition, path, name, team=team)

    return handed


def predicted(competition: Competition, right: float, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = competition.data.rows.iloc[competition.test]
    code = competition.codes(rows["y"], CLASSES)
    code = np.where(rng.random(len(code)) < right, code, 1 - code)
    sure = rng.uniform(0.6, 0.9, len(code))
    values = np.where(np.arange(2) == code[:, None], sure[:, None], 1 - sure[:, None])
    return pd.DataFrame(values, index=rows.index, columns=CLASSES).rename_axis("sample")


def value(entry: Entry, metric: str = "accuracy") -> float:
    score = entry.score(metric)
    assert score is not None
    assert score.value is not None
    return score.value


def folder_of(competition: Competition, entry: Entry) -> Path:
    return competition.workspace.folder(entry.id, competition.task.name)


def on(competition: Competition, part: scoring.Solution, right: float, seed: int = 0) -> float:
    """The accuracy of such predictions on a part of the solution, computed by hand."""
    guess = predicted(competition, right, seed).to_numpy().argmax(axis=1)
    return float((part.rows_of(guess) == part.truth).mean())


def shown(competition: Competition) -> HostedView:
    place, card = competition.workspace, competition.task
    open_board = replace(competition, hosting=None).board
    found = hosting.view(place, Store(place.database), card, open_board, "accuracy", "max")
    assert found is not None
    return found


def reveal(competition: Competition) -> Hosting:
    assert competition.hosting is not None
    return referee.reveal(competition.workspace, competition.hosting)


def written(place: Workspace) -> dict[Path, bytes]:
    """Everything in a workspace but for what is sealed."""
    return {p: p.read_bytes() for p in place.root.rglob("*") if p.is_file() and p.name not in (SEALED, SEALED_REPLICATES)}


# ----------------------------------------------------------------------------------------------------------------- parting


def test_parts_cut_no_group_and_cover_all_rows(play: Callable[..., Competition]) -> None:
    whole = play().solution
    play().host(0.3)
    competition = play()
    parts = [competition.solution, competition.sealed]
    donors = []
    for part in parts:
        assert part is not None
        assert part.scored is not None
        donors.append(set(competition.data.rows["donor"].iloc[competition.test[part.scored]]))
        assert part.clusters == len(donors[-1])
    assert [len(d) for d in donors] == [12, 28]
    assert not donors[0] & donors[1]
    assert sum(len(p.truth) for p in parts if p is not None) == len(whole.truth)
    assert len({p.key for p in [whole, *filter(None, parts)]}) == 3, "and are resampled apart"
    assert all(int(p.key, 16) for p in parts if p is not None)


def test_the_same_groups_are_public_in_whatever_order_they_come() -> None:
    names = [f"D{i}" for i in range(50)] * 3
    once = hosting.public(names, 0.3, "ab")
    again = hosting.public(names[::-1], 0.3, "ab")[::-1]
    assert (once == again).all()
    assert len({n for n, told in zip(names, once, strict=True) if told}) == 15
    assert (hosting.public(names, 0.3, "cd") != once).any()
    wider = hosting.public(names, 0.5, "ab")
    assert (wider | ~once).all(), "a larger share takes the same groups and more"


def test_single_rows_are_parted_where_there_are_no_groups(play: Callable[..., Competition]) -> None:
    found = play(split="rows").host(0.4)
    assert (found.unit, found.groups, found.rows) == ("row", (80, 120), (80, 120))


@pytest.mark.parametrize(
    ("split", "share", "said"),
    [
        ("known", 0.3, r"Split 'known' is a published one: its answers are known, so it is not hosted\. Choose another"),
        ("odd", 0.3, r"Split 'odd' is shown unranked, so nobody could win on it: its labels contradict the others\."),
        ("sites", 0.3, r"Split 'sites' tests on 4 sites, and a hosted competition needs 20:"),
        ("last", 0.05, r"--public 0\.05 of 40 donors leaves 2 public and 38 private ones, and either part needs 5\. Choose a share from 0\.13 to 0\.87"),
    ],
)  # fmt: skip
def test_what_is_nothing_to_compete_on_is_not_hosted(play: Callable[..., Competition], split: str, share: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        play(split=split).host(share)
    assert play(split=split).hosting is None


def test_a_split_is_hosted_once_and_says_since_when(play: Callable[..., Competition]) -> None:
    found = play().host(0.3)
    with pytest.raises(UsageError, match=f"game --split last --data demo is hosted already, since {found.created[:16]}"):
        play().host(0.5)
    assert play().hosting == found
    assert play(split="rows").hosting is None


def test_a_cross_validated_split_tells_that_its_labels_are_known(play: Callable[..., Competition]) -> None:
    assert "training row of its other folds" in play(split="donor-cv3").host(0.3).known


def test_what_was_entered_before_stands_on_another_board(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    before = enter(0.7)
    play().host(0.3)
    after = enter(0.7)
    assert before.board != after.board
    assert (before.phase, before.team, before.look) == ("", "", None)
    assert (after.phase, after.team, after.look) == ("public", "ana", 1)
    assert [s.entry for s in shown(play()).standings] == [after.id]


# ------------------------------------------------------------------------------------------------------------- public part


def test_scores_are_those_of_the_public_rows_and_private_ones_lie_sealed(
    play: Callable[..., Competition], enter: Callable[..., Entry]
) -> None:
    play().host(0.3)
    entry, competition = enter(0.7), play()
    assert competition.sealed is not None
    assert value(entry) == on(competition, competition.solution, 0.7)
    assert (entry.cluster, entry.clusters) == ("donor", 12)
    folder = folder_of(competition, entry)
    with gzip.open(folder / SEALED, "rt") as text:
        sealed = json.load(text)
    private = sealed["private"][0]["value"]
    assert private == on(competition, competition.sealed, 0.7) != value(entry)
    assert (sealed["clusters"], sealed["public"]) == (28, [])
    assert "private" not in (folder / "run.json").read_text().replace("private_", "")


def test_a_look_that_shows_nothing_is_held_back(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.5)
    first, same, worse, better = enter(0.6), enter(0.6), enter(0.55, seed=1), enter(0.95, "better", seed=2)
    assert [e.look for e in (first, same, worse, better)] == [1, 2, 3, 4]
    assert [bool(e.held) for e in (first, same, worse, better)] == [False, True, True, False]
    assert same.scores == worse.scores == ()
    assert worse.held == f"not shown to beat net ({value(first):.5f}), your best so far: look 3 of team ana, needed p < .05/(3 x 4)"
    assert value(better) > value(first)


def test_a_held_score_appears_nowhere(
    play: Callable[..., Competition], enter: Callable[..., Entry], capsys: pytest.CaptureFixture[str]
) -> None:
    from genoboard.terminal import show_entry

    play().host(0.3)
    enter(0.8)
    entry, competition = enter(0.62, "hidden", seed=6), play()
    assert entry.held
    show_entry(competition.workspace.folder(entry.id, competition.task.name), entry, quiet=False)
    view = shown(competition)
    said = capsys.readouterr().out + repr(view) + json.dumps(entry.to_dict())
    frame = predicted(competition, 0.62, 6).to_numpy()
    told = written(competition.workspace)
    checked = []
    for part in (competition.solution, competition.sealed):
        assert part is not None
        for score in scoring.score(competition.metrics, part, frame)[0]:
            assert score.value is not None
            digits = repr(score.value)[:9]
            if len(digits) == 9:  # a shorter one stands among the predictions by chance
                checked.append((part.key, score.metric))
                assert digits[:7] not in said
                assert not [p for p, content in told.items() if digits.encode() in content]
    assert len(checked) >= 5
    assert (competition.solution.key, "accuracy") in checked
    assert not (folder_of(competition, entry) / "replicates.npz").exists()
    assert Store(competition.workspace.database).replicates(entry.id, "accuracy") is None
    with pytest.raises(UndefinedScore, match="hidden has no accuracy: not shown to beat net"):
        paired(competition, "hidden", "net")
    with pytest.raises(UsageError, match=r"Nothing is shown of hidden .* before the reveal: not shown to beat net"):
        Results(competition, entry)


def test_what_a_team_is_told_never_gets_worse(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.5)
    told = [e for right in (0.5, 0.9, 0.6, 0.97, 0.3) if not (e := enter(right, seed=int(100 * right))).held]
    assert [value(e) for e in told] == sorted(value(e) for e in told)
    assert len(told) > 1


def test_looks_are_counted_by_team(play: Callable[..., Competition], enter: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    play().host(0.3)
    enter(0.6)
    enter(0.6)
    assert not (first := enter(0.6, team="bob")).held, "others' scores are not what a team must beat"
    assert first.look == 1
    monkeypatch.setenv("GENOBOARD_TEAM", "cleo")
    assert enter(0.6, team="").team == "cleo"
    monkeypatch.delenv("GENOBOARD_TEAM")
    monkeypatch.setattr("getpass.getuser", lambda: "dora")
    assert enter(0.6, team="").team == "dora"
    view = shown(play())
    assert "Looks: ana 2, bob 1, cleo 1, dora 1." in view.notes
    assert "public part only (30 % of the donors: 12 of 40)" in view.notes[0]
    assert "sealed until genoboard reveal game --split last --data demo" in view.notes[0]


def test_held_entries_stand_below_the_ranked_ones_with_their_reason(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    first, held, other = enter(0.7), enter(0.7), enter(0.6, team="bob")
    rows = shown(play()).standings
    assert [(s.entry, s.rank, s.team) for s in rows] == [(first.id, 1, "ana"), (other.id, 2, "bob"), (held.id, None, "ana")]
    assert rows[-1].reason == held.held
    assert not rows[-1].scores


def test_two_teams_with_the_same_file_are_two_standings(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    enter(0.7)
    enter(0.7, team="bob")
    assert [(s.team, s.rank, s.tied) for s in shown(play()).standings] == [("ana", 1, True), ("bob", 1, True)]


def test_comparisons_use_public_rows_alone(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    a, b = enter(0.9, "a"), enter(0.6, "b", team="bob", seed=1)
    found = paired(play(), "a", "b")
    assert found.clusters == 12
    assert found.difference.value == value(a) - value(b)
    assert len(Results(play(), a).truth) == 12 * EACH
    seen = Results(play(), a).rows["y"].iloc[play().test].notna().sum()
    assert seen == 12 * EACH


def test_a_control_is_no_team_and_no_look(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play("guarded").host(0.3)
    entry = enter(0.7, task="guarded")
    control = next(e for e in Store(play("guarded").workspace.database).entries(entry.board) if e.control)
    assert (control.team, control.look, control.held, control.phase) == ("", None, "", "public")
    assert control.scores
    assert entry.look == 1
    reveal(play("guarded"))
    assert {s.name: s.rank for s in shown(play("guarded")).standings} == {"net": 1, "prior": 2}


def test_a_run_without_a_record_would_be_a_look_that_nobody_counts(play: Callable[..., Competition]) -> None:
    play().host(0.3)
    with pytest.raises(UsageError, match="looks are counted, and a run in this process leaves no record"):
        evaluate(play(), "prior", in_process=True)


def test_a_run_is_a_look_and_dev_is_none(play: Callable[..., Competition]) -> None:
    play().host(0.3)
    inner = play().within_train(3)
    assert inner.hosting is None
    assert len(inner.solution.truth) == TAUGHT * EACH, "the training rows are all open"
    entry = evaluate(play(), "prior", team="ana")
    assert (entry.team, entry.look, entry.phase, entry.verdict) == ("ana", 1, "public", "ok")


def test_a_blend_is_a_look_of_the_team_that_is_named(play: Callable[..., Competition], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOBOARD_TEAM", "somebody else")
    play().host(0.3)
    for model in ("prior", "uniform"):
        evaluate(play(), model, team="ana", oof=True)
    found = blend(play(), ["prior", "uniform"], name="both", team="ana")
    assert (found.entry.team, found.entry.look) == ("ana", 3)
    with pytest.raises(UsageError, match="is no team's name"):
        blend(play(), ["prior", "uniform"], name="both", team="a\nb")


def test_a_rebuilt_index_says_the_same(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    enter(0.7)
    enter(0.6, seed=3)
    before = shown(play())
    board.rebuild(str(play().workspace.root))
    assert shown(play()) == before
    reveal(play())
    after = shown(play())
    board.rebuild(str(play().workspace.root))
    assert shown(play()) == after


# ------------------------------------------------------------------------------------------------------------- the reveal


def test_the_reveal_ranks_by_the_private_part(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    competition = play()
    first, best = enter(0.5), enter(0.95, "best", seed=2)
    assert not best.held
    other = enter(0.8, "other", team="bob", seed=3)
    public = {s.name: s.rank for s in shown(play()).standings}
    private = competition.sealed
    assert private is not None
    found = reveal(competition)
    assert set(found.private) == {first.id, best.id, other.id}
    view = shown(play())
    assert [(s.name, s.rank) for s in view.standings] == [("best", 1), ("other", 2), ("net", None)]
    assert view.standings[0].scores["accuracy"] == on(competition, private, 0.95, 2)
    assert view.standings[0].clusters == 28
    assert view.standings[0].chance is not None
    assert [s.warning for s in view.standings] == [
        f"public rank {public['best']} ({value(best):.5f})",
        f"public rank {public['other']} ({value(other):.5f})",
        f"public rank {public['net']} ({value(first):.5f}); not selected",
    ]
    assert f"revealed on {found.revealed[:10]}" in view.notes[0]
    assert [s.entry for s in standings_of(play())] == [s.entry for s in view.standings]


def test_comparisons_use_the_private_rows_after_the_reveal(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    sealed = play().sealed
    assert sealed is not None
    a, b = enter(0.9, "a"), enter(0.6, "b", team="bob", seed=1)
    public = paired(play(), "a", "b").difference
    reveal(play())
    found = paired(play(), "a", "b")
    assert (found.clusters, play().sealed) == (28, None)
    assert found.difference.value == pytest.approx(on(play(), sealed, 0.9) - on(play(), sealed, 0.6, 1), abs=1e-12)
    assert found.difference.low is not None
    assert public.low is not None
    assert found.difference.value != public.value
    assert Results(play(), a).measure(play().metrics[0]).value == pytest.approx(value(Results(play(), a).entry))
    assert len(Results(play(), b).truth) == 28 * EACH


def test_a_team_selects_at_most_two_entries(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    one, two, three = enter(0.5, "one"), enter(0.8, "two", seed=1), enter(0.6, "three", seed=2)
    theirs = enter(0.7, "theirs", team="bob")
    place = play().workspace

    def select(*names: str, team: str = "ana") -> Hosting:
        hosted = play().hosting
        assert hosted is not None
        return referee.select(place, hosted, names, team)

    assert three.held
    assert select("one").selections == {"ana": (one.id,)}
    assert select("three", one.id).selections == {"ana": (three.id, one.id)}, "one that was held back may be the better one"
    with pytest.raises(UsageError, match="at most 2 entries for the private ranking, and 3 were named"):
        select("one", "two", "three")
    with pytest.raises(UsageError, match=r"Team ana has no valid entry 'theirs' on .*\. It is of bob\. It has: .*\(one\)"):
        select("theirs")
    assert any(f"Selected for the private ranking: ana: {three.id}, {one.id}." in n for n in shown(play()).notes)
    reveal(play())
    ranks = {s.name: s.rank is not None for s in shown(play()).standings}
    assert ranks == {"one": True, "three": True, "theirs": True, "two": False}
    with pytest.raises(UsageError, match=r"was revealed on .*, and nothing is selected after that"):
        select("two")
    assert two.id in {s.entry for s in shown(play()).standings}
    assert theirs.team == "bob"


def test_a_name_that_stands_for_several_entries_is_not_selected(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    ids = [enter(0.5).id, enter(0.6).id]
    hosted = play().hosting
    assert hosted is not None
    with pytest.raises(UsageError, match=f"Team ana has 2 entries named net. Select by id: {', '.join(ids)}"):
        referee.select(play().workspace, hosted, ["net"], "ana")


def test_what_comes_after_the_reveal_is_marked_and_not_ranked(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    sealed = play().sealed
    assert sealed is not None
    enter(0.7)
    reveal(play())
    late = enter(0.95, "late", seed=4)
    assert (late.phase, late.look, late.held, late.team) == ("post-reveal", None, "", "ana")
    assert value(late) == on(play(), sealed, 0.95, 4)
    assert not (folder_of(play(), late) / SEALED).exists()
    again = enter(0.7)
    assert value(again) == on(play(), sealed, 0.7), "the same file again, now by the private rows"
    rows = shown(play()).standings
    assert [(s.name, s.rank) for s in rows] == [("net", 1), ("late", None), ("net", None)]
    assert [s.warning for s in rows[1:]] == ["post-reveal", "post-reveal"]
    assert paired(play(), "late", "net").difference.value > 0


def test_a_second_reveal_says_when_the_first_was(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    enter(0.7)
    found = reveal(play())
    with pytest.raises(UsageError, match=f"was revealed on {found.revealed[:10]} {found.revealed[11:16]} UTC"):
        reveal(play())
    assert play().hosting == found


def test_a_broken_seal_is_named_and_nothing_is_revealed(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    entry = enter(0.7)
    (folder_of(play(), entry) / SEALED).unlink()
    with pytest.raises(DataError, match=rf"{entry.id}/{SEALED} holds no sealed scores"):
        reveal(play())
    found = play().hosting
    assert found is not None
    assert not found.revealed


def test_a_hosting_file_that_says_nothing_is_named(play: Callable[..., Competition]) -> None:
    play().host(0.3)
    (path,) = play().workspace.hostings()
    path.write_text("{}")
    with pytest.raises(DataError, match="does not say what is hosted"):
        play()


def test_the_data_may_go_and_the_reveal_still_finds_what_is_hosted(
    play: Callable[..., Competition], enter: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    play().host(0.3)
    enter(0.7)
    place = play().workspace
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "empty"))
    assert referee.named(place, GAME, None, None).board == Store(place.database).boards("game")[0][0]
    with pytest.raises(UsageError, match=r"game / demo / split rows is not hosted here\. First: genoboard host game --split rows"):
        referee.named(place, GAME, "rows", None)


def test_a_team_has_a_name_that_fits_on_a_line(play: Callable[..., Competition], enter: Callable[..., Entry]) -> None:
    play().host(0.3)
    with pytest.raises(UsageError, match="is no team's name: write at most 60 letters on one line"):
        enter(0.7, team="a\nb")
    assert look.placed(replace(play(), hosting=None), enter(0.7), "x").team == "ana"


# ---------------------------------------------------------------------------------------------------------- the command line


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, plugins: Plugins
) -> Callable[..., tuple[int, str, str]]:
    """Call the command line in this process, with the task of this file."""
    monkeypatch.setattr("genoboard.competition.load_plugins", lambda **_: plugins)
    monkeypatch.setattr("genoboard.plugins.load_plugins", lambda **_: plugins)
    monkeypatch.delenv("GENOBOARD_TEAM", raising=False)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["genoboard", "--workspace", str(tmp_path / "workspace"), *map(str, words)])
        capsys.readouterr()
        try:
            command_line.main()
        except SystemExit as end:
            return int(end.code or 0), *capsys.readouterr()
        return 0, *capsys.readouterr()

    return call


def test_the_game_from_the_command_line(
    said: Callable[..., tuple[int, str, str]], play: Callable[..., Competition], tmp_path: Path
) -> None:
    assert said("reveal", "game") == (
        2,
        "",
        "Error: game / demo / split last is not hosted here. First: genoboard host game --split last --public 0.3\n",
    )
    status, out, _ = said("host", "game", "--split", "last", "--public", "0.3")
    assert status == 0
    assert out.startswith("game --split last --data demo is hosted from now on: 12 of 40 donors are public (60 of 200 rows).\n")
    assert "The seal is a convention" in out
    assert re.search(r"Next: genoboard (--workspace \S+ )?run game MODEL --split last --data demo --team NAME", out)

    for right, seed in ((0.7, 1), (0.6, 2)):
        predicted(play(), right, seed).to_csv(tmp_path / f"{seed}.csv")
    status, out, _ = said("submit", "game", "-f", tmp_path / "1.csv", "--name", "net", "--team", "ana")
    assert status == 0
    public = on(play(), play().solution, 0.7, 1)
    assert f"net  public accuracy {public:.5f}  " in out
    assert "  (look 1 of team ana)\n" in out
    status, out, _ = said("submit", "game", "-f", tmp_path / "2.csv", "--name", "second", "--team", "ana")
    assert f"second  not shown to beat net ({public:.5f}), your best so far: look 2 of team ana, needed p < .05/(2 x 3)\n" in out
    status, out, _ = said("select", "game", "second", "--team", "ana")
    assert (status, out.startswith("Team ana enters the private ranking with ")) == (0, True)
    status, out, _ = said("reveal", "game", "--json")
    assert (status, len(json.loads(out)["private"])) == (0, 2)
    status, _, err = said("reveal", "game")
    assert (status, "was revealed on" in err) == (2, True)
    status, out, _ = said("submit", "game", "-f", tmp_path / "1.csv", "--name", "late", "--team", "ana")
    assert "late  post-reveal, private accuracy " in out
    status, _, err = said("host", "game", "--public", "1.5")
    assert status == 2
    assert "--public" in err


# ---------------------------------------------------------------------------------------------------- Usage in any solution


TRUTH = "id,kind,Usage\na,cat,Public\nb,dog,private\nc,cat, PRIVATE \nd,,Ignored\n"
SAID = "id,kind\na,cat\nb,cat\nc,cat\nd,dog\n"


def scored(tmp_path: Path, plugins: Plugins, truth: str, metric: str = "accuracy") -> tuple[float, tuple[str, ...]]:
    (tmp_path / "truth.csv").write_text(truth)
    (tmp_path / "said.csv").write_text(SAID)
    return score_file(tmp_path / "said.csv", tmp_path / "truth.csv", plugins.metric(metric))


def test_public_and_private_rows_of_a_solution_are_told_apart(tmp_path: Path, plugins: Plugins) -> None:
    value, notes = scored(tmp_path, plugins, TRUTH)
    assert value == pytest.approx(2 / 3)
    assert notes[:2] == ("public accuracy 1.00000 (1 rows)", "private accuracy 0.50000 (2 rows)")


def test_one_part_alone_is_told_once(tmp_path: Path, plugins: Plugins) -> None:
    value, notes = scored(tmp_path, plugins, TRUTH.replace("Public", "Private"))
    assert value == pytest.approx(2 / 3)
    assert len(notes) == 1


def test_a_use_that_is_none_is_refused_with_its_row(tmp_path: Path, plugins: Plugins) -> None:
    with pytest.raises(DataError, match=r"truth\.csv: row 2, id 'b', column 'Usage': 'pubic' is none of Public, Private and Ignored\."):
        scored(tmp_path, plugins, TRUTH.replace("private", "pubic"))
