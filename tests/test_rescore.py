"""Rescore: every kind of damage is named, new versions keep the earlier scores, and what is removed leaves a tombstone."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from genoboard import (
    Dataset,
    DataSource,
    Metric,
    Split,
    Task,
    UnknownName,
    UsageError,
    board,
    data,
    evaluate,
    hookimpl,
    oof,
    referee,
    rescore,
    scoring,
)
from genoboard.blend import blend
from genoboard.cli import cli
from genoboard.competition import Competition
from genoboard.evaluation import measure, submit
from genoboard.plugins import Plugins, load_plugins
from genoboard.record import SubmissionFolder
from genoboard.rescore import Finding, renew, verify
from genoboard.rescore import summary as summed
from genoboard.tombstone import remove
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

SHAPES = ("flat", "round")
ROWS = 240


def cohort(seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 2, ROWS)
    index = pd.Index([f"P{i:03d}" for i in range(ROWS)], dtype="str")
    return Dataset(
        X=pd.DataFrame({"x": (code + rng.normal(size=ROWS)).astype(np.float32)}, index=index),
        y=pd.Series([SHAPES[c] for c in code], index=index, dtype="str"),
        groups=pd.DataFrame({"beach": [f"B{i // 4:02d}" for i in range(ROWS)]}, index=index),
    )


def other_cohort() -> Dataset:
    return cohort(1)


BEACH = Split("beach", "Does it know pebbles of other beaches?", "prior", group="beach")
TASK = Task(
    name="beach", title="Beach", summary="a task for tests", kind="tabular", target="multiclass", classes=SHAPES,
    sources=(DataSource("demo", "pebbles", generate=f"{__name__}:cohort"), DataSource("own", "own", read=f"{__name__}:cohort")),
    splits=(BEACH, replace(BEACH, name="beach-cv5", cross_validated=True)),
    metrics=("accuracy", "auroc", "multiclass-log-loss"), controls=("prior",),
)  # fmt: skip


class Beach:
    """A plugin that brings this task, as it is now or as it will be."""

    def __init__(self, task: Task = TASK, metrics: tuple[Metric, ...] = ()) -> None:
        self.task, self.metrics = task, metrics

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return (self.task,)

    @hookimpl
    def register_metrics(self) -> Iterable[Metric]:
        return self.metrics


def plugins(task: Task = TASK, *metrics: Metric) -> Plugins:
    return load_plugins(extra=[Beach(task, metrics)])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data cache of its own: other tests have a beach, too, with other pebbles."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A workspace with runs on both splits, a file, and a run that failed."""
    home = tmp_path_factory.mktemp("rescore")
    root = home / "beach"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        for split in ("beach", "beach-cv5"):
            competition = Competition.open("beach", split, None, root, plugins())
            evaluate(competition, "majority")
        competition = Competition.open("beach", "beach", None, root, plugins())
        guessed(competition, home, "mine", 3)
        evaluate(competition, f"{__file__}:Dataset")  # no model, and so a failed run
    return root


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(made, tmp_path / "beach")


def entry_of(place: Path, name: str) -> Entry:
    return Store(place / "leaderboard" / "leaderboard.db").find(name)[0]


def record_of(place: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder_of(place, name) / "run.json").read_text(encoding="utf-8"))
    return record


def folder_of(place: Path, name: str) -> Path:
    return place / "submissions" / "beach" / entry_of(place, name).id


def verified(place: Path, task: Task = TASK, *metrics: Metric) -> dict[str, Finding]:
    return {f.entry.id: f for f in verify(place, plugins=plugins(task, *metrics))}


def guessed(competition: Competition, home: Path, name: str, seed: int) -> Entry:
    """Hand in a file of guesses."""
    form, rng = competition.form, np.random.default_rng(seed)
    guesses = rng.dirichlet([1, 1], len(form.ids))
    pd.DataFrame(guesses, index=pd.Index(form.ids, name="id"), columns=list(form.classes)).to_csv(home / f"{name}.csv")
    return submit(competition, home / f"{name}.csv", name)


def test_what_was_just_made_is_as_recorded_bit_for_bit(place: Path) -> None:
    found = verified(place)
    assert sorted(f.what for f in found.values()) == ["failed run", *["ok"] * 5]
    assert summed(list(found.values())) == "6 entries verified: 5 ok, 1 without predictions."


def test_a_blend_is_recomputed_from_its_file_like_any_other(place: Path) -> None:
    competition = Competition.open("beach", "beach", None, place, plugins())
    inners = [competition.within_train(fold=f) for f in range(len(competition.folds))]
    for seed, name in enumerate(("one", "other")):
        everywhere = np.random.default_rng(seed).dirichlet([1, 1], ROWS)
        with SubmissionFolder(competition, name) as folder:
            entry, drawn = measure(competition, folder, folder.entry(name, "run"), everywhere[competition.test])
            sha256 = oof.write(folder.path / "oof.csv", [oof.frame(c, everywhere[c.test]) for c in inners])
            folder.keep(entry, drawn, {"oof_sha256": sha256})
    blend(competition, ["one", "other"], name="mixed")
    assert verified(place)[entry_of(place, "mixed").id].what == "ok"
    flip(folder_of(place, "mixed"))
    assert {f.entry.name: f.what for f in verified(place).values()}["mixed"] == "tampered"


def test_entries_of_a_hosted_competition_are_verified_on_the_part_that_they_were_scored_on(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Competition.open("beach", "beach-cv5", None, place, plugins()).host(0.4)
    competition = Competition.open("beach", "beach-cv5", None, place, plugins())
    monkeypatch.setenv("GENOBOARD_TEAM", "ana")
    first, second = (guessed(competition, tmp_path, name, seed) for seed, name in ((1, "first"), (2, "second")))
    assert (first.held, second.held != "") == ("", True), "one is told, and one held back"
    assert {f.what for f in verified(place).values()} == {"ok", "failed run"}

    said: list[str] = []
    with monkeypatch.context() as later:
        later.setattr(scoring, "VERSION", scoring.VERSION + 1)
        renewed = list(renew(place, tell=said.append, plugins=plugins()))
    assert not {first.id, second.id} & {f.entry.id for f in renewed}
    assert said[-1] == "3 entries of hosted competitions kept the scores that they were judged by."

    assert competition.hosting is not None
    referee.reveal(competition.workspace, competition.hosting)
    guessed(Competition.open("beach", "beach-cv5", None, place, plugins()), tmp_path, "late", 4)
    hosted = {f.entry.name: f.what for f in verified(place).values() if f.entry.phase}
    assert hosted == {"prior": "ok", "first": "ok", "second": "ok", "late": "ok"}

    box = place / "submissions" / "beach" / first.id / "sealed.json.gz"
    box.unlink()
    found = verified(place)[first.id]
    assert (found.what, str(box) in found.why) == ("missing", True)


def flip(folder: Path) -> None:
    text = (folder / "predictions.csv").read_text(encoding="utf-8")
    at = next(i for i, c in enumerate(text) if c == "0" and text[i + 1] == "." and i > 20)
    digit = at + 4
    (folder / "predictions.csv").write_text(text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1 :], encoding="utf-8")


def edit(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    record["entry"]["scores"][0]["value"] = 0.99
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")


def shift(folder: Path) -> None:
    with np.load(folder / "replicates.npz") as held:
        shifted = {metric: vector + 1e-12 for metric, vector in held.items()}
    np.savez_compressed(folder / "replicates.npz", allow_pickle=False, **shifted)


def entomb(folder: Path) -> None:
    (folder / "removed.json").write_text('{"reason": "x", "removed": "2026"}', encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "what", "why"),
    [
        (flip, "tampered", r"predictions\.csv was changed: SHA-256 [0-9a-f]{12}, recorded [0-9a-f]{12}"),
        (lambda f: (f / "predictions.csv").unlink(), "missing", r"predictions\.csv is gone"),
        (shutil.rmtree, "missing", "its folder .* is gone"),
        (lambda f: (f / "run.json").unlink(), "missing", r"run\.json is gone"),
        (edit, "edited", r"run\.json and the index differ in scores"),
        (lambda f: (f / "run.json").write_text("{"), "edited", r"run\.json is no record any more"),
        (shift, "edited", r"replicates\.npz and the index differ in the replicates of accuracy"),
        (lambda f: (f / "replicates.npz").write_bytes(b"PK"), "edited", r"replicates\.npz cannot be read"),
        (lambda f: (f / "replicates.npz").unlink(), "missing", r"replicates\.npz is gone"),
        (entomb, "edited", r"removed\.json says that it was removed, and the index does not"),
    ],
)
def test_damage_is_named_for_the_entry_that_it_befell_and_no_other(
    place: Path, damage: Callable[[Path], object], what: str, why: str
) -> None:
    hurt = entry_of(place, "mine").id
    damage(folder_of(place, "mine"))
    found = verified(place)
    told = found.pop(hurt)
    assert told.what == what
    assert re.search(why, told.why), told.why
    assert all(f.what in ("ok", "failed run") for f in found.values())


def test_another_version_of_the_data_is_named_and_not_scored(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "elsewhere"))
    changed = replace(TASK, sources=(replace(TASK.sources[0], generate=f"{__name__}:other_cohort"),))
    found = verified(place, changed)
    told = {f.what for f in found.values()}
    assert told == {"other data", "failed run"}
    why = next(f.why for f in found.values() if f.what == "other data")
    then, now = re.findall("[0-9a-f]{12}", why)
    assert then != now
    assert "the data of beach / demo / beach changed since it was scored" in why


def test_where_the_data_are_gone_it_is_said_how_to_bring_them_and_a_tampered_file_is_still_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "elsewhere"))
    card = plugins().task("beach")
    data.store(card, "own", cohort(2))
    competition = Competition.open("beach", "beach", "own", place, plugins())
    whole, hurt = guessed(competition, tmp_path, "kept", 1), guessed(competition, tmp_path, "hurt", 2)
    flip(folder_of(place, "hurt"))
    shutil.rmtree(tmp_path / "elsewhere")
    found = verified(place)
    assert found[whole.id].what == "cannot be verified"
    assert "genoboard data beach --from DIR" in found[whole.id].why
    assert found[hurt.id].what == "tampered"
    assert found[entry_of(place, "mine").id].what == "ok", "the other dataset is generated anew"


def test_entries_that_the_index_lacks_are_named(place: Path) -> None:
    mine = entry_of(place, "mine").id
    (place / "leaderboard" / "leaderboard.db").unlink()
    found = verified(place)
    assert len(found) == 6
    assert {f.what for f in found.values()} == {"not indexed"}
    board.rebuild(str(place))
    assert verified(place)[mine].what == "ok"


def test_a_score_that_no_version_explains_is_told_as_that(place: Path) -> None:
    with sqlite3.connect(place / "leaderboard" / "leaderboard.db") as db:
        (text,) = db.execute("SELECT document FROM entry WHERE name = 'mine'").fetchone()
        values = json.loads(text)
        was = values["scores"][0]["high"]
        values["scores"][0]["high"] = np.nextafter(was, 2.0)
        db.execute("UPDATE entry SET document = ? WHERE name = 'mine'", [json.dumps(values, sort_keys=True)])
    record = record_of(place, "mine")
    (folder_of(place, "mine") / "run.json").write_text(json.dumps({**record, "entry": values}), encoding="utf-8")
    found = verified(place)[entry_of(place, "mine").id]
    assert found.what == "changed"
    (change,) = found.changes
    assert change.startswith("accuracy 0.")
    assert change.endswith(f", {was!r}] (no version explains it)")


def test_a_score_that_comes_out_otherwise_is_told_with_the_version_that_explains_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "VERSION", scoring.VERSION + 1)
    kept = scoring.REPLICATES
    monkeypatch.setattr(scoring, "REPLICATES", 500)
    scoring._weights.cache_clear()
    found = verified(place)[entry_of(place, "mine").id]
    assert found.what == "changed"
    assert all(c.endswith(f"(scorer {scoring.VERSION - 1}, now {scoring.VERSION})") for c in found.changes)
    changed = list(renew(place, plugins=plugins()))
    assert {f.what for f in changed} == {"changed"}
    assert len(changed) == 5
    assert all(f.what in ("ok", "failed run") for f in verified(place).values())
    record = json.loads((folder_of(place, "mine") / "run.json").read_text(encoding="utf-8"))
    (earlier,) = record["earlier"]
    assert earlier["scorer"] == scoring.VERSION - 1
    assert earlier["scores"] != record["entry"]["scores"]
    assert list(renew(place, plugins=plugins())) == []
    assert board.rebuild(str(place)) == 6
    assert all(f.what in ("ok", "failed run") for f in verified(place).values())
    monkeypatch.setattr(scoring, "REPLICATES", kept)
    scoring._weights.cache_clear()


def test_a_metric_that_the_task_got_since_is_scored_for_the_older_entries(place: Path) -> None:
    more = replace(TASK, metrics=(*TASK.metrics, "brier"))
    told = verified(place, more)[entry_of(place, "mine").id]
    assert "brier was not scored, and is" in told.sentence()
    changed = list(renew(place, plugins=plugins(more)))
    assert len(changed) == 5
    assert entry_of(place, "mine").score("brier") is not None


def test_entries_of_a_version_that_did_not_tell_their_groups_are_brought_up_to_date(place: Path) -> None:
    for path in place.glob("submissions/beach/*/run.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        for later in ("cluster", "clusters", "scorer", "removed", "team", "look", "held", "phase"):
            record["entry"].pop(later, None)
        path.write_text(json.dumps(record), encoding="utf-8")
    board.rebuild(str(place))
    told = board.document(plugins(), str(place), "beach")
    assert {s["ranks"] for s in told["standings"]} == {None}
    assert any("genoboard rescore beach" in note for note in told["notes"])
    assert len(list(renew(place, plugins=plugins()))) == 5
    told = board.document(plugins(), str(place), "beach")
    assert all(s["ranks"] for s in told["standings"] if s["verdict"] == "ok")
    assert not any("genoboard rescore" in note for note in told["notes"])


def test_a_metric_that_the_task_dropped_goes_with_the_next_rescore_and_stays_in_the_record(place: Path) -> None:
    fewer = replace(TASK, metrics=("accuracy",))
    was = entry_of(place, "mine").score("auroc")
    told = verified(place, fewer)[entry_of(place, "mine").id]
    assert [c.partition(" ")[0] for c in told.changes] == ["auroc", "multiclass-log-loss"]
    assert told.changes[0].endswith("is no metric of the task any more")
    assert len(list(renew(place, plugins=plugins(fewer)))) == 5
    assert {f.what for f in verified(place, fewer).values()} == {"ok", "failed run"}
    assert was in Entry.from_dict({**record_of(place, "mine")["entry"], "scores": record_of(place, "mine")["earlier"][0]["scores"]}).scores


def test_a_metric_of_a_newer_version_explains_its_change_and_an_older_one_overwrites_nothing(place: Path, tmp_path: Path) -> None:
    formulas = "genoboard.formulas:"
    share = Metric("share", formulas + "accuracy", "max", 0.0, 1.0, "labels", "share of rows that are right")
    newer = replace(share, version=2, formula=formulas + "balanced_accuracy")
    scored = replace(TASK, metrics=(*TASK.metrics, "share"))
    list(renew(place, plugins=plugins(scored, share)))
    assert list(renew(place, plugins=plugins(scored, share))) == []
    before = entry_of(place, "mine").score("share")
    told = verified(place, scored, newer)[entry_of(place, "mine").id]
    (change,) = told.changes
    assert re.fullmatch(r"share 0\.\d+ \[.*\], recomputed 0\.\d+ \[.*\] \(formula 1, now 2\)", change)

    assert {f.what for f in renew(place, plugins=plugins(scored, newer))} == {"changed"}
    now = entry_of(place, "mine").score("share")
    assert now is not None
    assert before is not None
    assert (now.version, before.version) == (2, 1)
    assert [len(e["scores"]) for e in record_of(place, "mine")["earlier"]] == [3, 4], "each of the earlier ones, in their order"
    refused = list(renew(place, plugins=plugins(scored, share)))
    assert {f.what for f in refused} == {"cannot be verified"}
    assert "a newer genoboard, task or plugin scored it (formula 2 of share, here 1)" in refused[0].why
    assert entry_of(place, "mine").score("share") == now


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (flip, "tampered"),
        (edit, "edited"),
        (entomb, "edited"),
        (lambda f: (f / "run.json").unlink(), "missing"),
        (lambda f: (f / "predictions.csv").unlink(), "missing"),
        (shutil.rmtree, "missing"),
    ],
)
def test_what_was_damaged_gets_no_new_scores_and_the_others_do(
    place: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], object], what: str
) -> None:
    damage(folder_of(place, "mine"))
    before, files = entry_of(place, "mine"), contents(place / "submissions" / "beach" / entry_of(place, "mine").id)
    monkeypatch.setattr(scoring, "VERSION", scoring.VERSION + 1)
    found = list(renew(place, plugins=plugins()))
    assert [(f.entry.name, f.what) for f in found if f.what != "changed"] == [("mine", what)]
    assert len(found) == 5
    assert next(f for f in found if f.what == what).why.endswith("It was left as it is")
    assert entry_of(place, "mine") == before
    assert contents(place / "submissions" / "beach" / before.id) == files


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.glob("*") if p.is_file()}


def test_new_scores_reach_the_board_and_the_replicates_of_both_the_folder_and_the_index(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(place / "leaderboard" / "leaderboard.db")
    mine = entry_of(place, "mine").id
    old = store.replicates(mine, "accuracy")
    monkeypatch.setattr(scoring, "VERSION", scoring.VERSION + 1)
    drawn = scoring._weights
    monkeypatch.setattr(scoring, "_weights", lambda key, groups: drawn(key[::-1], groups))
    list(renew(place, plugins=plugins()))
    new = store.replicates(mine, "accuracy")
    assert old is not None
    assert new is not None
    assert not np.array_equal(old, new)
    with np.load(folder_of(place, "mine") / "replicates.npz") as held:
        assert np.array_equal(held["accuracy"], new)
    assert not [p.name for p in folder_of(place, "mine").iterdir() if p.name.startswith(".")]
    score = entry_of(place, "mine").score("accuracy")
    (row,) = (s for s in board.document(plugins(), str(place), "beach")["standings"] if s["name"] == "mine")
    assert score is not None
    assert tuple(row["intervals"]["accuracy"]) == (score.low, score.high)


def test_an_entry_of_before_there_were_replicates_gets_them(place: Path) -> None:
    record, folder = record_of(place, "mine"), folder_of(place, "mine")
    for field in ("scorer", "cluster", "clusters"):
        del record["entry"][field]
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "replicates.npz").unlink()
    board.rebuild(str(place))
    found = verified(place)[entry_of(place, "mine").id]
    assert found.what == "changed"
    assert found.changes[0] == f"accuracy is as recorded, and its replicates are missing (scorer 0, now {scoring.VERSION})"
    (told,) = renew(place, plugins=plugins())
    assert told.sentence().endswith(f": changed: every score came out as it was (scorer 0, now {scoring.VERSION})")
    assert entry_of(place, "mine").clusters == 12
    assert verified(place)[entry_of(place, "mine").id].what == "ok"


def test_nothing_is_opened_where_everything_is_up_to_date(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "elsewhere"))
    assert list(renew(place, plugins=plugins())) == []
    assert not (tmp_path / "elsewhere").exists()


def test_a_removed_entry_leaves_a_tombstone_and_its_place_on_the_board(place: Path) -> None:
    gone = remove(place, "mine", "wrong file")
    assert json.loads((folder_of(place, "mine") / "removed.json").read_text(encoding="utf-8"))["reason"] == "wrong file"
    assert (folder_of(place, "mine") / "predictions.csv").exists()
    for _ in range(2):
        told = board.document(plugins(), str(place), "beach")
        assert [s["name"] for s in told["standings"] if s["verdict"] == "ok"] == ["prior", "majority"]
        assert told["removed"] == [{"entry": gone.id, "name": "mine", "reason": "wrong file"}]
        assert f"Removed: {gone.id}: wrong file" in told["notes"]
        assert verified(place)[gone.id].what == "removed"
        board.rebuild(str(place))


def test_of_a_standing_with_two_seeds_the_other_one_stays(place: Path) -> None:
    competition = Competition.open("beach", "beach", None, place, plugins())
    second = evaluate(competition, "majority", seed=1)
    remove(place, second.id, "a trial")
    (row,) = (s for s in board.document(plugins(), str(place), "beach")["standings"] if s["name"] == "majority")
    assert row["seeds"] == 1
    assert second.id not in row["entries"]


def test_a_control_that_was_removed_is_entered_again_by_the_next_run(place: Path) -> None:
    competition = Competition.open("beach", "beach", None, place, plugins())
    (control,) = (e for e in Store(competition.workspace.database).entries(competition.board) if e.control)
    remove(place, control.id, "made by an old version")
    evaluate(competition, "uniform")
    names = [s["name"] for s in board.document(plugins(), str(place), "beach")["standings"] if s["control"]]
    assert names == ["prior"]


def test_what_cannot_be_removed_is_said(place: Path) -> None:
    with pytest.raises(UsageError, match="Say why it is removed"):
        remove(place, "mine", " ")
    with pytest.raises(UnknownName, match="There is no entry named 'nobody'"):
        remove(place, "nobody", "x")
    with pytest.raises(UsageError, match=r"'majority' names 2 entries: .*, .*Name one of them by its id"):
        remove(place, "majority", "x")
    remove(place, "mine", "x")
    with pytest.raises(UsageError, match="was removed already: x"):
        remove(place, "mine", "y")


def test_a_tombstone_that_is_lost_is_named_and_can_be_written_again(place: Path) -> None:
    gone = remove(place, "mine", "x")
    stone = folder_of(place, "mine") / "removed.json"
    stone.unlink()
    found = verified(place)[gone.id]
    assert (found.what, f"{stone} is gone" in found.why) == ("missing", True)
    remove(place, "mine", "x")
    assert verified(place)[gone.id].what == "removed"


# On the command line


@pytest.fixture
def words(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Give genoboard words, in an installation that has this task."""
    monkeypatch.setattr(rescore, "load_plugins", lambda **_: plugins())
    return lambda *given: CliRunner().invoke(cli, ["--workspace", str(place), *given])


def test_verify_prints_a_line_for_each_entry_that_is_not_ok_and_a_summary(place: Path, words: Callable[..., Result]) -> None:
    sound = words("rescore", "--verify")
    assert (sound.exit_code, sound.stdout) == (0, "6 entries verified: 5 ok, 1 without predictions.\n")
    hurt, lost = entry_of(place, "mine").id, entry_of(place, "prior").id
    flip(folder_of(place, "mine"))
    (folder_of(place, "prior") / "predictions.csv").unlink()
    told = words("rescore", "--verify", "beach")
    lines = told.stdout.splitlines()
    assert told.exit_code == 1
    assert [line.partition(": ")[0] for line in lines[:2]] == [lost, hurt]
    assert lines[2] == "6 entries verified: 3 ok, 1 tampered, 1 with missing files, 1 without predictions."
    assert lines[3].startswith("Next: ")
    told = words("rescore", "--verify", "--json")
    assert told.exit_code == 1
    found = json.loads(told.stdout)
    assert found["ok"] is False
    assert {e["entry"]: e["what"] for e in found["entries"]}[hurt] == "tampered"


def test_rescore_says_what_changed_and_then_that_nothing_is_left(
    place: Path, words: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "VERSION", scoring.VERSION + 1)
    flip(folder_of(place, "mine"))
    told = words("rescore")
    assert told.exit_code == 1
    assert "every score came out as it was (scorer 1, now 2)" in told.stdout
    assert told.stdout.endswith("4 entries got new scores; 1 left as found.\nNext: genoboard rescore --verify\n")
    remove(place, "mine", "tampered with")
    told = words("rescore")
    assert (told.exit_code, told.stdout) == (0, "Every entry is up to date.\nNext: genoboard rescore --verify\n")
    assert json.loads(words("rescore", "--json").stdout) == {"changed": [], "refused": [], "ok": True}


def test_remove_says_what_is_gone_and_where_to_look(place: Path, words: Callable[..., Result]) -> None:
    id = entry_of(place, "mine").id
    told = words("remove", "mine", "--reason", "wrong file", "--task", "beach")
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        f"{id} no longer stands on beach / demo / beach: wrong file",
        "Next: genoboard leaderboard beach --split beach --data demo",
    ]
    assert isinstance(words("remove", "mine", "--reason", " ").exception, UsageError)
