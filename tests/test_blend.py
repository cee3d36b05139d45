"""Blend: weights that are learnt from training rows alone, one submission that is their doing, and what is refused."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from genoboard import DataError, Dataset, DataSource, Split, Task, UnknownName, UsageError, board, hookimpl, oof
from genoboard.blend import blend
from genoboard.competition import Competition
from genoboard.evaluation import measure, submit
from genoboard.plugins import load_plugins
from genoboard.record import SubmissionFolder
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

Floats = NDArray[np.float64]
LOBES = ("cortex", "putamen", "spinal cord")
ROWS = 90

# A task of 90 samples, whose three folds are fixed: neither targets nor chance deal them


def cohort() -> Dataset:
    index = pd.Index([f"S{i:02d}" for i in range(ROWS)], dtype="str")
    code = np.arange(ROWS) % 3
    return Dataset(
        X=pd.DataFrame({"a": code.astype(np.float32)}, index=index),
        y=pd.Series([LOBES[c] for c in code], index=index, dtype="str"),
        groups=pd.DataFrame({"donor": [f"D{i // 5:02d}" for i in range(ROWS)]}, index=index),
    )


def contradicted() -> Dataset:
    """The same, where all samples of the first third are of one class."""
    data = cohort()
    return replace(data, y=data.y.where(np.arange(ROWS) >= ROWS // 3, "cortex"))


def halves() -> Dataset:
    data = cohort()
    return replace(data, y=data.y.mask(data.y == "spinal cord", "putamen"))


def numbers() -> Dataset:
    data = cohort()
    return replace(data, y=pd.Series(np.random.default_rng(3).normal(size=ROWS), index=data.X.index))


def thirds(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    third = rows["donor"].str[1:].astype(int) // 6
    return [(list(rows.index[third != t]), list(rows.index[third == t])) for t in range(3)]


def first_third(rows: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    return thirds(rows)[:1]


def source(name: str, function: str) -> DataSource:
    return DataSource(name, "a small cohort", generate=f"{__name__}:{function}")


HELD = Split("donor", "Does it work on people it has not seen?", "prior", group="donor", rule=f"{__name__}:first_third")
CROSSED = replace(HELD, name="donor-cv", cross_validated=True, rule=f"{__name__}:thirds")
TASK = Task(
    name="mixed", title="Mixed", summary="a task for tests", kind="tabular", target="multiclass", classes=LOBES,
    sources=(source("demo", "cohort"), source("contradicted", "contradicted")), splits=(HELD, CROSSED),
    metrics=("f1-macro", "multiclass-log-loss"), id_column="sample", target_column="region",
)  # fmt: skip
TASKS = (
    TASK,
    replace(TASK, name="mixed-halves", target="binary", classes=LOBES[:2], sources=(source("demo", "halves"),), metrics=("log-loss",)),
    replace(TASK, name="mixed-numbers", target="regression", classes=(), sources=(source("demo", "numbers"),), metrics=("mse",)),
    replace(TASK, name="mixed-scores", metrics=("auroc",)),
)


class Mixed:
    """A plugin that brings these tasks."""

    @hookimpl
    def register_tasks(self) -> Iterable[Task]:
        return TASKS


def compete(workspace: Path, task: str = "mixed", split: str | None = None, data: str | None = None) -> Competition:
    return Competition.open(task, split, data, workspace, load_plugins(extra=[Mixed()]))


# Entries as a run with --oof leaves them, of predictions that a test makes up


def enter(
    competition: Competition, name: str, everywhere: Floats, inside: Callable[[int], Floats] | None = None, seed: int = 0, **more: Any
) -> Entry:
    """Record an entry: `everywhere` (n, ...) are predictions of all rows; `inside` gives those from within the training rows of a fold."""
    inners = [competition.within_train(fold=f) for f in range(len(competition.folds))]
    with SubmissionFolder(competition, name) as folder:
        entry = replace(folder.entry(name, "run"), **{"model": name, "seed": seed, "threads": 1, **more})
        entry, replicates = measure(competition, folder, entry, everywhere[competition.test])
        frames = [oof.frame(c, (inside(f) if inside else everywhere)[c.test]) for f, c in enumerate(inners)]
        sha256 = oof.write(folder.path / "oof.csv", frames)
        return folder.keep(entry, replicates, {"oof_sha256": sha256, "estimator": "models.py:Model"})


def truth(competition: Competition) -> NDArray[Any]:
    return competition.codes(competition.data.rows["y"], competition.task.classes)


def guesses(competition: Competition, seed: int, skill: float = 1.0) -> Floats:
    """Probabilities that lean towards the truth of the plain cohort, each `seed` its own way; they sum to 1."""
    rng = np.random.default_rng(seed)
    original = competition.data.original_ids.loc[competition.data.rows.index]
    code = original.str[1:].astype(int).to_numpy() % 3
    logits = rng.normal(size=(ROWS, 3)) + skill * np.eye(3)[code]
    shares: Floats = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return shares


def table(competition: Competition, entry: Entry) -> pd.DataFrame:
    return pd.read_csv(folder_of(competition, entry) / "predictions.csv", index_col="sample").loc[competition.form.ids]


def folder_of(competition: Competition, entry: Entry) -> Path:
    return competition.workspace.folder(entry.id, competition.task.name)


@pytest.fixture
def crossed(tmp_path: Path) -> Competition:
    competition = compete(tmp_path, split="donor-cv")
    for name, seed, skill in (("good", 1, 2.0), ("fair", 2, 2.0), ("poor", 3, 0.0)):
        enter(competition, name, guesses(competition, seed, skill))
    return competition


# What a blend is


def test_each_folds_test_rows_get_the_members_mean_under_that_folds_weights(crossed: Competition) -> None:
    found = blend(crossed, ["good", "fair", "poor"], name="mix")
    written = table(crossed, found.entry).to_numpy()
    for number, fold in enumerate(crossed.folds):
        weights = [found.weights[m][number] for m in ("good", "fair", "poor")]
        assert sum(weights) == pytest.approx(1.0, abs=1e-12)
        expected = sum(w * guesses(crossed, seed, skill) for w, seed, skill in zip(weights, (1, 2, 3), (2.0, 2.0, 0.0), strict=True))
        assert written[fold.test] == pytest.approx(expected[fold.test], abs=1e-14)
    assert len({found.weights["good"][n] for n in range(3)}) == 3, "the folds learn from different rows"


def test_a_fold_learns_from_its_own_training_rows_and_from_no_other(tmp_path: Path) -> None:
    def weights(where: str, **change: Any) -> Any:
        competition = compete(tmp_path / where, split="donor-cv", data=change.pop("data", None))
        for name, seed in (("a", 1), ("b", 2)):
            enter(
                competition, name, guesses(competition, seed), change.get("inside", {}).get(name, lambda _, s=seed: guesses(competition, s))
            )
        return np.array([blend(competition, ["a", "b"], name="mix").weights[m] for m in ("a", "b")])

    plain = weights("plain")
    # the first third is the test part of fold 1, and among the training rows of the others
    contradicted = weights("contradicted", data="contradicted")
    assert contradicted[:, 0].tolist() == plain[:, 0].tolist()
    assert (np.abs(contradicted - plain)[:, 1:] > 0.01).all()


def test_only_the_out_of_fold_predictions_of_a_fold_decide_its_weights(tmp_path: Path) -> None:
    plain, other = compete(tmp_path / "plain", split="donor-cv"), compete(tmp_path / "other", split="donor-cv")
    found = []
    for competition in (plain, other):
        enter(competition, "a", guesses(competition, 1, 1.0))
        worse = competition is other
        enter(
            competition,
            "b",
            guesses(competition, 9 if worse else 2, 3.0),
            lambda f, c=competition, w=worse: guesses(c, 2, -1.0 if w and f == 1 else 1.0),
        )
        found.append(blend(competition, ["a", "b"], name="mix").weights["b"])
    assert found[0][0] == found[1][0]
    assert found[0][2] == found[1][2]
    assert found[0][1] > 0.2 > found[1][1]


def test_the_weights_are_the_best_there_are_and_the_losses_are_told(crossed: Competition) -> None:
    found = blend(crossed, ["good", "fair", "poor"], name="mix")
    code = truth(crossed)

    def loss(probabilities: Floats, fold: int) -> float:
        rows = crossed.folds[fold].train
        return -float(np.log(probabilities[rows, code[rows]]).mean())

    members = {"good": guesses(crossed, 1, 2.0), "fair": guesses(crossed, 2, 2.0), "poor": guesses(crossed, 3, 0.0)}
    assert found.measure == "log loss"
    assert found.losses == pytest.approx({m: np.mean([loss(p, f) for f in range(3)]) for m, p in members.items()}, abs=1e-12)
    assert found.best == min(found.losses, key=lambda m: found.losses[m])
    best = []
    for fold in range(3):
        result = minimize(
            lambda w, f=fold: loss(sum(x * p for x, p in zip(w, members.values(), strict=True)), f), np.full(3, 1 / 3), method="SLSQP",
            bounds=[(0, 1)] * 3, constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-14},
        )  # fmt: skip
        best.append(result.fun)
        assert [found.weights[m][fold] for m in members] == pytest.approx(result.x, abs=1e-3)
    assert found.loss == pytest.approx(np.mean(best), abs=1e-9)
    assert found.loss < min(found.losses.values())


def test_a_member_that_knows_the_truth_gets_all(tmp_path: Path) -> None:
    competition = compete(tmp_path)
    enter(competition, "oracle", np.eye(3)[truth(competition)])
    enter(competition, "a", guesses(competition, 1))
    assert blend(competition, ["a", "oracle"], name="mix").mean_weights == pytest.approx({"a": 0.0, "oracle": 1.0}, abs=1e-9)


def test_the_order_of_names_plays_no_part(crossed: Competition) -> None:
    one, other = (blend(crossed, names, name="mix") for names in (["good", "fair", "poor"], ["poor", "good", "fair"]))
    assert one.mean_weights == pytest.approx(other.mean_weights, abs=1e-7)
    assert table(crossed, one.entry).to_numpy() == pytest.approx(table(crossed, other.entry).to_numpy(), abs=1e-7)


def test_rows_are_rescaled_before_they_are_mixed_as_the_scorer_does(tmp_path: Path) -> None:
    plain, scaled = compete(tmp_path / "plain"), compete(tmp_path / "scaled")
    for competition, factor in ((plain, 1.0), (scaled, 0.25)):
        enter(competition, "a", guesses(competition, 1) * factor)
        enter(competition, "b", guesses(competition, 2))
    one, other = (blend(c, ["a", "b"], name="mix") for c in (plain, scaled))
    assert other.mean_weights == pytest.approx(one.mean_weights, abs=1e-9)
    assert table(scaled, other.entry).to_numpy() == pytest.approx(table(plain, one.entry).to_numpy(), abs=1e-9)


def test_a_member_without_any_probability_for_the_truth_is_clipped_as_the_scorer_does(tmp_path: Path) -> None:
    competition = compete(tmp_path)
    wrong = np.eye(3)[(truth(competition) + 1) % 3]
    enter(competition, "wrong", wrong)
    enter(competition, "wrong too", wrong[:, :])
    found = blend(competition, ["wrong", "wrong too"], name="mix")
    assert found.losses["wrong"] == pytest.approx(-np.log(1e-15))
    assert found.mean_weights == pytest.approx({"wrong": 0.5, "wrong too": 0.5})


def test_a_binary_task_is_blended_by_the_probability_of_its_second_class(tmp_path: Path) -> None:
    competition = compete(tmp_path, "mixed-halves")
    a, b = (np.random.default_rng(s).beta(2, 2, ROWS) * 0.5 + 0.5 * truth(competition) * (s % 2) for s in (1, 2))
    enter(competition, "a", a)
    enter(competition, "b", b)
    found = blend(competition, ["a", "b"], name="mix")
    rows = competition.folds[0].train
    code = truth(competition)[rows]

    def loss(w: float) -> float:
        p = w * a[rows] + (1 - w) * b[rows]
        return -float(np.log(np.where(code == 1, p, 1 - p)).mean())

    grid = np.linspace(0, 1, 2001)
    w = float(grid[np.argmin([loss(x) for x in grid])])
    assert found.mean_weights["a"] == pytest.approx(w, abs=1e-3)
    assert found.loss == pytest.approx(loss(w), abs=1e-6)
    expected = found.mean_weights["a"] * a + found.mean_weights["b"] * b
    assert table(competition, found.entry)["region"].to_numpy() == pytest.approx(expected[competition.test], abs=1e-14)


def test_regression_is_blended_by_least_squares(tmp_path: Path) -> None:
    competition = compete(tmp_path, "mixed-numbers", "donor-cv")
    y = truth(competition)
    members = {
        n: y + np.random.default_rng(s).normal(shift, sd, ROWS) for n, s, shift, sd in (("a", 1, 0, 1), ("b", 2, 0, 2), ("c", 3, 5, 1))
    }
    for name, values in members.items():
        enter(competition, name, values)
    found = blend(competition, list(members), name="mix")
    assert found.measure == "mean squared error"
    for number, fold in enumerate(competition.folds):
        residuals = np.column_stack([m[fold.train] - y[fold.train] for m in members.values()])
        result = minimize(
            lambda w, r=residuals: np.square(r @ w).mean(), np.full(3, 1 / 3), method="SLSQP", bounds=[(0, 1)] * 3,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-15},
        )  # fmt: skip
        weights = [found.weights[m][number] for m in members]
        assert weights == pytest.approx(result.x, abs=1e-5)
        expected = sum(w * m for w, m in zip(weights, members.values(), strict=True))
        assert table(competition, found.entry)["region"].to_numpy()[fold.test] == pytest.approx(expected[fold.test], abs=1e-12)


# The entry


def test_the_entry_comes_through_the_one_door_and_says_what_it_is_made_of(crossed: Competition) -> None:
    members = [e for e in Store(crossed.workspace.database).entries(crossed.board) if e.name in ("good", "fair")]
    found = blend(crossed, ["good", "fair"], name="mix", message="the two best")
    entry = found.entry
    assert (entry.origin, entry.model, entry.name, entry.verdict, entry.message) == ("blend", "blend", "mix", "ok", "the two best")
    assert (entry.seed, entry.threads, entry.control) == (None, None, False)
    assert entry.parameters == {"members": [m.id for m in members], "weights": found.mean_weights}
    record = json.loads((folder_of(crossed, entry) / "run.json").read_text(encoding="utf-8"))
    assert Entry.from_dict(record["entry"]) == entry
    assert [(m["name"], m["entry"], m["submission_sha256"]) for m in record["members"]] == [
        (m.name, m.id, m.submission_sha256) for m in members
    ]
    assert {m["name"]: tuple(m["weights"]) for m in record["members"]} == found.weights
    by_hand = submit(crossed, folder_of(crossed, entry) / "predictions.csv", "by hand")
    assert by_hand.scores == entry.scores
    assert by_hand.submission_sha256 == entry.submission_sha256


def test_the_board_says_blend_and_is_the_same_after_a_rebuild(crossed: Competition) -> None:
    blend(crossed, ["good", "fair"], name="mix")

    def rows() -> list[dict[str, Any]]:
        told = board.document(crossed.plugins, str(crossed.workspace.root), "mixed", "donor-cv", "demo")
        assert re.search(r"^\d[= ]  mix .* blend$", board.text(crossed.plugins, told, "table", 200), re.MULTILINE)
        standings: list[dict[str, Any]] = told["standings"]
        return standings

    before = rows()
    assert board.rebuild(str(crossed.workspace.root)) == 4
    assert rows() == before


def test_the_same_blend_twice_is_one_standing(crossed: Competition) -> None:
    one, other = (blend(crossed, ["good", "fair"], name="mix").entry for _ in range(2))
    assert one.id != other.id
    assert (one.standing, one.submission_sha256) == (other.standing, other.submission_sha256)
    third = blend(crossed, ["good", "poor"], name="mix").entry
    assert third.standing != one.standing


def test_no_model_runs(crossed: Competition, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genoboard.sandbox.run", lambda *_: pytest.fail("a model ran"))
    assert blend(crossed, ["good", "fair"], name="mix").entry.verdict == "ok"


def test_it_is_told_as_a_table_and_as_json(crossed: Competition) -> None:
    found = blend(crossed, ["good", "fair"], name="mix")
    weights = found.mean_weights
    assert found.text().splitlines() == [
        "Out-of-fold, from training rows alone; weights and losses are means over 3 folds:",
        "member  weight  log loss",
        f"good     {weights['good']:.3f}   {found.losses['good']:.5f}",
        f"fair     {weights['fair']:.3f}   {found.losses['fair']:.5f}",
        f"mix              {found.loss:.5f}  (its weights were fitted on these rows)",
    ]
    told = json.loads(json.dumps(found.told()))
    assert told == {
        "measure": "log loss",
        "weights_by_fold": {m: list(w) for m, w in found.weights.items()},
        "oof_losses": found.losses,
        "oof_loss": found.loss,
    }


# Who is meant


def test_a_name_means_its_latest_valid_entry_that_has_out_of_fold_predictions(crossed: Competition) -> None:
    latest = enter(crossed, "good", guesses(crossed, 5), seed=1)
    without = enter(crossed, "good", guesses(crossed, 6), seed=2)
    (folder_of(crossed, without) / "oof.csv").unlink()
    assert blend(crossed, ["good", "fair"], name="mix").entry.parameters["members"][0] == latest.id


def test_an_id_means_that_entry_and_two_of_one_name_are_told_by_their_ids(crossed: Competition) -> None:
    first = Store(crossed.workspace.database).find("good")[0]
    second = enter(crossed, "good", guesses(crossed, 5), seed=1)
    found = blend(crossed, [first.id, second.id, "fair"], name="mix")
    assert list(found.weights) == [first.id, second.id, "fair"]


def test_members_of_another_board_are_refused_by_name(crossed: Competition) -> None:
    held = compete(crossed.workspace.root)
    enter(held, "elsewhere", guesses(held, 1))
    with pytest.raises(UsageError) as refused:
        blend(crossed, ["good", "elsewhere"], name="mix")
    here, there = crossed.board, held.board
    assert str(refused.value) == (
        f"elsewhere is not on this board (data demo {here.data_fingerprint[:8]}, split donor-cv {here.split_fingerprint[:8]}) but on"
        f" data demo {there.data_fingerprint[:8]}, split donor {there.split_fingerprint[:8]}. Only entries of one board can be compared."
    )
    other = compete(crossed.workspace.root, split="donor-cv", data="contradicted")
    enter(other, "elsewhere too", guesses(other, 1))
    with pytest.raises(UsageError, match=f"but on data contradicted {other.board.data_fingerprint[:8]}, split donor-cv"):
        blend(crossed, ["good", "elsewhere too"], name="mix")


def test_an_unknown_name_suggests_the_nearest(crossed: Competition) -> None:
    with pytest.raises(UnknownName) as unknown:
        blend(crossed, ["good", "fare"], name="mix")
    assert str(unknown.value) == "There is no entry of mixed named 'fare'. Did you mean fair? See genoboard leaderboard mixed."


@pytest.mark.parametrize(
    ("names", "answer"),
    [
        (["good"], "A blend needs two members or more: genoboard blend TASK NAME NAME... --name NEW."),
        (["good", "fair", "good"], "A blend takes an entry once, and of these names two mean the same. Name each member once."),
    ],
)
def test_one_member_or_the_same_twice_is_no_blend(crossed: Competition, names: list[str], answer: str) -> None:
    with pytest.raises(UsageError) as refused:
        blend(crossed, names, name="mix")
    assert str(refused.value) == answer


def test_a_member_without_out_of_fold_predictions_is_refused_with_the_command_that_leaves_them(crossed: Competition) -> None:
    entry = enter(crossed, "plain", guesses(crossed, 5), seed=3, model="Model", parameters={"depth": 2, "note": "it's"})
    (folder_of(crossed, entry) / "oof.csv").unlink()
    with pytest.raises(UsageError) as refused:
        blend(crossed, ["good", "plain"], name="mix")
    assert str(refused.value) == (
        "plain left no out-of-fold predictions, from which a blend learns its weights. Run it again: genoboard run mixed models.py:Model --oof"
        " --split donor-cv --data demo --name plain --seed 3 --set depth=2 --set 'note=\"it'\"'\"'s\"'."
    )


def test_that_command_names_a_registered_model_and_only_what_is_not_usual(crossed: Competition) -> None:
    entry = enter(crossed, "prior", guesses(crossed, 5))
    (folder_of(crossed, entry) / "oof.csv").unlink()
    with pytest.raises(UsageError, match=re.escape("Run it again: genoboard run mixed prior --oof --split donor-cv --data demo.")):
        blend(crossed, ["good", "prior"], name="mix")


def test_files_and_blends_are_no_members(crossed: Competition) -> None:
    mix = blend(crossed, ["good", "fair"], name="mix").entry
    submit(crossed, folder_of(crossed, mix) / "predictions.csv", "by hand")
    with pytest.raises(UsageError, match="It was submitted as a file, and only runs leave them"):
        blend(crossed, ["good", "by hand"], name="more")
    with pytest.raises(UsageError, match="It is a blend itself: name its members instead"):
        blend(crossed, ["good", "mix"], name="more")


def test_a_name_that_only_failed_is_refused_with_the_reason(crossed: Competition) -> None:
    with SubmissionFolder(crossed, "broken") as folder:
        folder.keep(replace(folder.entry("broken", "run"), verdict="failed", reason="ValueError: no genes"), {}, {})
    with pytest.raises(UsageError) as refused:
        blend(crossed, ["good", "broken"], name="mix")
    assert str(refused.value) == "broken has no valid entry on this board (failed: ValueError: no genes)."


@pytest.mark.parametrize("file", ["predictions.csv", "oof.csv"])
def test_a_member_whose_files_have_changed_is_refused(crossed: Competition, file: str) -> None:
    entry = Store(crossed.workspace.database).find("good")[0]
    path = folder_of(crossed, entry) / file
    with path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.reader(text))
    rows[1][-2:] = rows[1][:-3:-1]
    with path.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows(rows)
    with pytest.raises(DataError, match=re.escape(str(path))) as refused:
        blend(crossed, ["good", "fair"], name="mix")
    assert "has changed" in str(refused.value)
    assert [e.name for e in Store(crossed.workspace.database).entries()] == ["good", "fair", "poor"], "nothing was entered"


def test_scores_that_are_no_probabilities_are_not_averaged(tmp_path: Path) -> None:
    competition = compete(tmp_path, "mixed-scores")
    enter(competition, "scores", np.random.default_rng(1).normal(size=(ROWS, 3)))
    enter(competition, "a", guesses(competition, 1))
    with pytest.raises(UsageError, match="scores gives scores that are no probabilities"):
        blend(competition, ["a", "scores"], name="mix")
