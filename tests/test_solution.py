"""Scoring any CSV against any solution CSV: what a solution may look like, and what is said of one that may not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from genoboard import DataError, InvalidSubmission, UndefinedScore, UsageError
from genoboard.cli import cli
from genoboard.plugins import load_plugins
from genoboard.solution import score_file

metrics = pytest.importorskip("sklearn.metrics")
METRICS = load_plugins()
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text.replace(" ", ""))
        return path

    return put


@pytest.fixture
def score(write: Write) -> Callable[..., float]:
    """Score the lines of a submission against those of a solution."""

    def both(solution: str, submission: str, metric: str, id_column: str | None = None) -> float:
        value, _ = score_file(write("mine.csv", submission), write("solution.csv", solution), METRICS.metric(metric), id_column)
        return value

    return both


def noted(write: Write, solution: str, submission: str, metric: str) -> tuple[str, ...]:
    return score_file(write("mine.csv", submission), write("solution.csv", solution), METRICS.metric(metric))[1]


LABELS = "id,kind\na,cat\nb,dog\nc,cat\nd,owl\n"


# ------------------------------------------------------------------------------------------------- what a solution may be


def test_labels_against_labels_in_any_order(score: Callable[..., float]) -> None:
    truth, said = ["cat", "dog", "cat", "owl"], ["cat", "dog", "dog", "owl"]
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        lines = "".join(f"{'abcd'[i]},{said[i]}\n" for i in order)
        assert score(LABELS, f"id,kind\n{lines}", "accuracy") == 0.75
        assert score(LABELS, f"id,kind\n{lines}", "f1_macro") == pytest.approx(metrics.f1_score(truth, said, average="macro"), abs=1e-12)


def test_labels_against_one_probability_column_per_class_in_any_order(score: Callable[..., float]) -> None:
    probabilities = "owl,id,cat,dog\n.1,a,.7,.2\n.1,b,.3,.6\n.2,c,.5,.3\n.8,d,.1,.1\n"
    assert score(LABELS, probabilities, "accuracy") == 1.0
    assert score(LABELS, probabilities, "multiclass-log-loss") == pytest.approx(-np.log([0.7, 0.6, 0.5, 0.8]).mean(), abs=1e-12)
    assert score(LABELS, probabilities, "auroc") == 1.0


def test_values_against_values(score: Callable[..., float]) -> None:
    truth, said = "id,y\na,1\nb,2.5\nc,-3e1\n", "y,id\n-30,c\n2,a\n2.5,b\n"
    assert score(truth, said, "mse") == pytest.approx(1 / 3)
    assert score(truth, said, "rmse") == pytest.approx(math.sqrt(1 / 3))
    assert score(truth, said, "spearman") == pytest.approx(1.0, abs=1e-12)


def test_one_hot_columns_are_classes(score: Callable[..., float]) -> None:
    truth = "id,cat,dog,owl\na,1,0,0\nb,0,1,0\nc,1,0,0\nd,0,0,1\n"
    said = "id,owl,dog,cat\nd,.5,.3,.2\na,.2,.2,.6\nb,.1,.5,.4\nc,.1,.2,.7\n"
    assert score(truth, said, "multiclass-log-loss") == pytest.approx(-np.log([0.6, 0.5, 0.7, 0.5]).mean(), abs=1e-12)
    assert score(truth, said, "accuracy") == 1.0
    assert score(truth, "id,label\na,cat\nb,dog\nc,owl\nd,owl\n", "accuracy") == 0.75


def test_columns_that_do_not_sum_to_1_are_multilabel_and_auroc_is_the_mean_over_columns(score: Callable[..., float]) -> None:
    truth = "id,wings,fur\na,0,1\nb,0,1\nc,1,1\nd,1,0\ne,0,0\n"
    said = "id,wings,fur\na,-3,2\nb,4,1\nc,5,.5\nd,3,1.5\ne,0,0\n"
    wings = metrics.roc_auc_score([0, 0, 1, 1, 0], [-3, 4, 5, 3, 0])
    fur = metrics.roc_auc_score([1, 1, 1, 0, 0], [2, 1, 0.5, 1.5, 0])
    assert score(truth, said, "auroc") == pytest.approx((wings + fur) / 2, abs=1e-12)
    with pytest.raises(
        UsageError,
        match=r"solution\.csv is multilabel \(its 0/1 columns do not sum to 1\), and accuracy takes one class a row\. Use auroc or auprc\.",
    ):
        score(truth, said, "accuracy")


@settings(deadline=None, max_examples=25)
@given(data=st.data(), n=st.integers(5, 40))
def test_the_order_of_rows_and_columns_never_changes_a_bit_of_the_score(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, n: int
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    classes = ["a", "b", "c"]
    truth = pd.DataFrame({"id": [f"{i:03d}" for i in range(n)], "kind": rng.permutation([classes[i % 3] for i in range(n)])})
    said = pd.DataFrame(rng.dirichlet([1.0, 1.0, 1.0], n), columns=classes)
    said.insert(0, "id", truth["id"])
    folder = tmp_path_factory.mktemp("order")
    found = set()
    for t, s in ((truth, said), (truth.iloc[rng.permutation(n)], said.iloc[rng.permutation(n), rng.permutation(4)])):
        t.to_csv(folder / "solution.csv", index=False)
        s.to_csv(folder / "mine.csv", index=False)
        found.add(
            tuple(score_file(folder / "mine.csv", folder / "solution.csv", METRICS.metric(m), "id")[0] for m in ("f1-macro", "accuracy"))
        )
    assert len(found) == 1


def test_a_binary_column_takes_scores_of_any_size_for_auroc_and_probabilities_for_log_loss(score: Callable[..., float]) -> None:
    truth, wild, tame = "id,sick\n1,0\n2,1\n3,0\n4,1\n", "id,sick\n1,-7\n2,250\n3,0\n4,-1\n", "id,sick\n1,.1\n2,.8\n3,.4\n4,.3\n"
    assert score(truth, wild, "auroc") == 0.75
    assert score(truth, tame, "auroc") == 0.75
    expected = -np.log([0.9, 0.8, 0.6, 0.3]).mean()
    assert score(truth, tame, "log-loss") == pytest.approx(expected, abs=1e-12)
    assert score(truth, tame, "multiclass-log-loss") == pytest.approx(expected, abs=1e-12)
    with pytest.raises(InvalidSubmission, match=r"(?s)mine\.csv was not scored: 2 problems\..*below 0.*'-7'.*above 1.*'250'"):
        score(truth, wild, "log-loss")


def test_ids_stay_what_they_are(score: Callable[..., float]) -> None:
    truth = "id,y\n007,1\n7,2\n7.0,3\n1e3,4\nTrue,5\nNA,6\n"
    assert score(truth, truth, "mse") == 0.0
    assert score(truth, "id,y\nNA,6\nTrue,5\n1e3,4\n7.0,3\n7,2\n007,2\n", "mse") == pytest.approx(1 / 6)
    with pytest.raises(InvalidSubmission, match=r"(?s)unknown id.*'1000'.*missing id.*'1e3'"):
        score(truth, truth.replace("1e3", "1000"), "mse")


def test_labels_that_look_like_numbers_are_compared_as_text_but_no_slip_passes_for_a_class(
    score: Callable[..., float], write: Write
) -> None:
    truth = "id,grade\na,1\nb,0\nc,1\n"
    assert score(truth, "id,grade\na,1\nb,0\nc,0\n", "accuracy") == pytest.approx(2 / 3)
    with pytest.raises(
        InvalidSubmission, match=r"(?s)3 unknown labels: labels are compared to the letter.*line 2, id 'a', column 'grade': '1\.0'"
    ):
        score(truth, "id,grade\na,1.0\nb,0.0\nc,0.0\n", "accuracy")
    with pytest.raises(InvalidSubmission, match=r"(?s)1 unknown label:.*'0\.7'"):
        score(truth, "id,grade\na,1\nb,0\nc,0.7\n", "accuracy")
    assert noted(write, truth, "id,grade\na,1\nb,0\nc,2\n", "accuracy") == ("of these classes the solution has no row: 2",)


def test_a_class_that_the_solution_has_no_row_of_counts_as_scikit_learn_counts_it(score: Callable[..., float], write: Write) -> None:
    said = "id,kind\na,cat\nb,dog\nc,newt\nd,owl\n"
    assert score(LABELS, said, "f1-macro") == pytest.approx(
        metrics.f1_score(["cat", "dog", "cat", "owl"], ["cat", "dog", "newt", "owl"], average="macro")
    )
    assert noted(write, LABELS, said, "f1-macro") == ("of these classes the solution has no row: newt",)


@pytest.mark.parametrize(
    ("cell", "problem"), [("", "empty cell"), ("nan", "unknown label"), ("Cat", "did you mean 'cat'"), ("None", "unknown label")]
)
def test_a_cell_that_says_nothing_is_never_a_class_of_its_own(score: Callable[..., float], cell: str, problem: str) -> None:
    with pytest.raises(InvalidSubmission, match=problem):
        score(LABELS, f"id,kind\na,{cell}\nb,dog\nc,cat\nd,owl\n", "accuracy")


def test_rows_marked_ignored_need_predictions_but_do_not_count(score: Callable[..., float], write: Write) -> None:
    truth = "id,kind,Usage\na,cat,Public\nb,dog,Private\nc,,Ignored\nd,cat,ignored\n"
    said = "id,kind\na,cat\nb,dog\nc,dog\nd,dog\n"
    assert score(truth, said, "accuracy") == 1.0
    assert noted(write, truth, said, "accuracy")[-1] == "2 of 4 rows are marked Ignored in the solution and do not count"
    with pytest.raises(InvalidSubmission, match=r"(?s)1 missing id.*'c'"):
        score(truth, said.replace("c,dog\n", ""), "accuracy")


def test_ignored_rows_of_zeros_or_text_do_not_change_what_a_solution_is(score: Callable[..., float]) -> None:
    one_hot = "id,cat,dog,Usage\na,1,0,Public\nb,0,1,Public\nc,0,0,Ignored\n"
    assert score(one_hot, "id,cat,dog\na,.9,.1\nb,.2,.8\nc,.5,.5\n", "accuracy") == 1.0
    values = "id,y,Usage\na,1,Public\nb,?,Ignored\nc,2,Public\n"
    assert score(values, "id,y\na,1\nb,9\nc,2\n", "mse") == 0.0


def test_rows_that_do_not_sum_to_1_are_rescaled_with_a_note(write: Write) -> None:
    (note,) = noted(write, LABELS, "id,cat,dog,owl\na,2,0,0\nb,0,1,0\nc,1,0,0\nd,0,0,1\n".replace("a,2", "a,.5"), "multiclass-log-loss")
    assert note == "1 row does not sum to 1 and was rescaled, as Kaggle does"


def test_the_id_column_is_the_solution_s_first_unless_one_is_named(score: Callable[..., float]) -> None:
    assert score("y,key\n1,a\n2,b\n", "y,key\n1,a\n2,b\n", "mse", "key") == 0.0
    with pytest.raises(UsageError, match=r"solution\.csv has no column 'kei'\. Did you mean 'key'\?$"):
        score("key,y\na,1\nb,2\n", "key,y\na,1\nb,2\n", "mse", "kei")
    with pytest.raises(UsageError, match=r"solution\.csv has no column 'patient'\. Its columns: key, y\.$"):
        score("key,y\na,1\nb,2\n", "key,y\na,1\nb,2\n", "mse", "patient")
    with pytest.raises(InvalidSubmission, match=r"(?s)mine\.csv was not scored.*column 'Key' differs in case: rename it to 'key'"):
        score("key,y\na,1\nb,2\n", "Key,y\na,1\nb,2\n", "mse")


# ----------------------------------------------------------------------------------------------------- what it may not be


@pytest.mark.parametrize(
    ("solution", "metric", "words"),
    [
        ("id,y\na,1\nb,2\na,3\nb,4\nb,5\n", "mse", "solution.csv: id 'b' occurs 3 times in column 'id'. Every row of a solution needs an id of its own; --id names another column."),
        ("id,y\na,1\n,2\n", "mse", "solution.csv: row 2 has no id in column 'id'. Every row of a solution needs one."),
        ("id,Usage\na,Public\nb,Public\n", "mse", "solution.csv has no column beside 'id': a label, a value, or one 0/1 column per class is needed."),
        ("id,y,Usage\na,1,Ignored\nb,2,Ignored\n", "mse", "solution.csv: every row is marked Usage = Ignored, so that there is nothing to score."),
        ("id,y\na,1\nb,many\n", "mse", "solution.csv: id 'b', column 'y': 'many' is not a number. A solution holds a finite number in every row that counts."),
        ("id,y\na,1\nb,\n", "mse", "solution.csv: id 'b', column 'y': '' is not a number."),
        ("id,y\na,1\nb,inf\n", "mse", "solution.csv: id 'b', column 'y': 'inf' is not a number."),
        ("id,kind\na,cat\nb,\n", "accuracy", "solution.csv: id 'b', column 'kind': the label is empty. Mark rows that do not count in a column Usage, as Ignored."),
        ("id,p,q\na,1,0\nb,0,2\n", "accuracy", "solution.csv: id 'b', column 'q': 2 is neither 0 nor 1. Class columns hold 0 and 1."),
        ("id,p,q\na,1,0\nb,0,x\n", "accuracy", "solution.csv: id 'b', column 'q': 'x' is not a number."),
        ("id,p,q\na,1,2\nb,3,4\n", "rmse", "rmse takes one column of values, and"),
        ("id\na\nb\n", "mse", "cannot be read.\n  - the file has a single column: separate columns by commas"),
        ("", "mse", "cannot be read.\n  - the file is empty"),
        ("id;y\na;1\n", "mse", "the columns are separated by semicolons: separate them by commas"),
        ("id,y\na,1,2\n", "mse", "line 2: 3 cells, 2 expected"),
    ],
)  # fmt: skip
def test_a_faulty_solution_is_named_with_the_place_and_the_mend(
    score: Callable[..., float], solution: str, metric: str, words: str
) -> None:
    with pytest.raises((DataError, UsageError)) as caught:
        score(solution, "id,y\na,1\nb,2\n", metric)
    assert words in str(caught.value)
    assert "solution.csv" in str(caught.value)
    assert "was not scored" not in str(caught.value), "that would be said of a submission"


def test_a_solution_that_is_not_there_is_named(tmp_path: Path, write: Write) -> None:
    mine = write("solutions.csv", "id,y\na,1\n")
    with pytest.raises(
        DataError, match=r"The solution \S+solution\.csv cannot be read\.\n  - there is no such file: did you mean \S+solutions\.csv\?"
    ):
        score_file(mine, tmp_path / "solution.csv", METRICS.metric("mse"))


def test_labels_where_a_metric_needs_a_number_per_class_are_answered_with_the_form(score: Callable[..., float]) -> None:
    with pytest.raises(
        DataError,
        match=r"column 'kind' holds 'cat', which is neither 0 nor 1\. For multiclass-log-loss over such labels, submit one column per class\.",
    ):
        score(LABELS, LABELS, "multiclass-log-loss")


def test_a_submission_whose_column_has_another_name_is_told_the_right_one(score: Callable[..., float]) -> None:
    with pytest.raises(InvalidSubmission) as caught:
        score(LABELS, LABELS.replace("kind", "Kind"), "accuracy")
    assert "column 'Kind' differs in case: rename it to 'kind'" in str(caught.value)
    with pytest.raises(
        InvalidSubmission, match=r"(?s)unknown column.*'animal'.*missing columns: the header is id,cat,dog,owl, or id,kind, in any order"
    ):
        score(LABELS, LABELS.replace("kind", "animal"), "accuracy")


def test_a_metric_without_a_value_says_why_and_what_its_classes_are(score: Callable[..., float]) -> None:
    with pytest.raises(UndefinedScore) as caught:
        score(LABELS, "id,cat,dog,newt,owl\na,.7,.1,.1,.1\nb,.1,.7,.1,.1\nc,.7,.1,.1,.1\nd,.1,.1,.1,.7\n", "auroc")
    assert "auroc has no value on" in str(caught.value)
    assert "class 2 of 4 does not occur in the truth" in str(caught.value)
    assert "The classes, counted from 0: cat, dog, newt, owl." in str(caught.value)
    with pytest.raises(
        UndefinedScore, match=r"r2 has no value on \S+solution\.csv: R2 needs a truth that is not constant, over at least two rows\.$"
    ):
        score("id,y\na,1\nb,1\n", "id,y\na,1\nb,2\n", "r2")


# ------------------------------------------------------------------------------------------------------- the command line


def test_score_prints_metric_and_score_and_json_the_same(write: Write) -> None:
    words = [
        "score",
        str(write("mine.csv", "id,kind\na,cat\nb,dog\nc,dog\nd,owl\n")),
        "--solution",
        str(write("solution.csv", LABELS)),
        "--metric",
    ]
    said = CliRunner().invoke(cli, [*words, "f1_macro"])
    assert (said.exit_code, said.stdout) == (0, "f1-macro  0.77778\n")
    told = json.loads(CliRunner().invoke(cli, [*words, "f1-macro", "--json"]).stdout)
    assert told["metric"] == "f1-macro"
    assert told["score"] == pytest.approx(7 / 9, abs=1e-15)


def test_score_reads_every_kind_of_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["007", "7", "1.0"], "y": [1.5, 2.5, 3.5]})
    frame.to_parquet(tmp_path / "solution.parquet")
    frame.to_csv(tmp_path / "mine.csv.gz", index=False)
    assert score_file(tmp_path / "mine.csv.gz", tmp_path / "solution.parquet", METRICS.metric("mae")) == (0.0, ())
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + frame.to_csv(index=False, lineterminator="\r\n").encode())
    assert score_file(tmp_path / "bom.csv", tmp_path / "mine.csv.gz", METRICS.metric("mae")) == (0.0, ())


def test_kaggle_s_own_stage_2_solution_scores_the_uniform_guess_at_ln_9(real_data: Path, tmp_path: Path) -> None:
    solution = real_data / "variant-class" / "msk" / "stage_2_private_solution.csv"
    truth = pd.read_csv(solution)
    guess = truth.assign(**dict.fromkeys(truth.columns[1:], 1 / 9))
    guess.to_csv(tmp_path / "uniform.csv", index=False)
    value, notes = score_file(tmp_path / "uniform.csv", solution, METRICS.metric("multiclass-log-loss"))
    assert value == pytest.approx(math.log(9), abs=1e-12)
    assert notes == ()
