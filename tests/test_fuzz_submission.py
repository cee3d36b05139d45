"""Submissions that are not quite right: whatever happens to one, it scores what a slow reader and scikit-learn say, or is refused with its place."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.stats
import sklearn.metrics as sk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import NUMBERS, Cells, byte_step, changed, damaged, mutated_bytes, mutated_table, table_step

from genoboard import scoring
from genoboard.errors import DataError, GenoboardError, InvalidSubmission, UndefinedScore
from genoboard.metrics import BUILTIN
from genoboard.solution import score_file
from genoboard.submission import Form, read

IDS = (*(f"s{i}" for i in range(9)), "007", "é", "x y")
CLASSES = ("cortex", "putamen", "spinal cord")
CODES = np.arange(12) % 3
RATIO = np.round(np.random.default_rng(0).dirichlet([1, 1, 1], 12), 3)
EITHER = (np.arange(12) // 2) % 2
# how numbers are written that float() reads and that no other convention reads otherwise
PLAIN = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*", re.ASCII)
PLACE = re.compile(
    r"\b(line|row) \d|\bcolumns? |\bids?\b|\bheader\b|\bfirst line\b|file is empty|encoded as UTF|gzip data|Parquet|zip archive|over \d+ MiB"
)
METRICS = {m.name: m for m in BUILTIN}


@dataclass(frozen=True)
class Kind:
    """A competition: what it asks for, a sound file, the truth, and what scikit-learn says of predictions, metric by metric."""

    form: Form
    rows: Cells
    truth: np.ndarray
    classes: tuple[str, ...]
    expected: Callable[[np.ndarray], Mapping[str, float]]


def of_labels(prediction: np.ndarray) -> dict[str, float]:
    said = prediction.argmax(axis=1)
    fixed: dict[str, Any] = {"labels": range(3), "zero_division": 0}
    return {
        "accuracy": sk.accuracy_score(CODES, said),
        "f1-macro": sk.f1_score(CODES, said, average="macro", **fixed),
        "f1-micro": sk.f1_score(CODES, said, average="micro", **fixed),
        "f1-weighted": sk.f1_score(CODES, said, average="weighted", **fixed),
        "balanced-accuracy": sk.recall_score(CODES, said, average="macro", **fixed),
        "mcc": sk.matthews_corrcoef(CODES, said),
    }


def gap_of(rows: np.ndarray, truth: np.ndarray) -> float:
    """Return the expected calibration error, bin by bin: a bin is open below and closed above."""
    said, sure = rows.argmax(axis=1), rows.max(axis=1)
    bins = [[i for i, p in enumerate(sure) if k / 15 < p <= (k + 1) / 15] for k in range(15)]
    return float(sum(abs(sum(sure[i] - (said[i] == truth[i]) for i in b)) for b in bins if b) / len(truth))


def of_classes(prediction: np.ndarray) -> dict[str, float]:
    sums = prediction.sum(axis=1, keepdims=True)
    rows = prediction / sums
    inside = np.clip(rows, 1e-15, 1 - 1e-15)
    one_hot = np.eye(3)[CODES]
    return {
        **of_labels(prediction),
        "multiclass-log-loss": float(-np.log(inside[np.arange(12), CODES]).mean()),
        "brier": float(((rows - one_hot) ** 2).sum(axis=1).mean()),
        "ece": gap_of(rows, CODES),
        "auroc": float(np.mean([sk.roc_auc_score(one_hot[:, k], prediction[:, k]) for k in range(3)])),
        "auprc": sk.average_precision_score(one_hot, prediction),
    }


def of_columns(prediction: np.ndarray) -> dict[str, float]:
    truth = MULTILABEL.truth
    return {"auroc": sk.roc_auc_score(truth, prediction), "auprc": sk.average_precision_score(truth, prediction)}


def of_risks(prediction: np.ndarray) -> dict[str, float]:
    rows = np.column_stack([1 - prediction, prediction])
    return {
        "brier": float(2 * ((prediction - EITHER) ** 2).mean()),
        "ece": gap_of(rows, EITHER),
        "log-loss": float(-np.log(np.clip(np.where(EITHER == 1, prediction, 1 - prediction), 1e-15, 1 - 1e-15)).mean()),
        "auroc": sk.roc_auc_score(EITHER, prediction),
        "auprc": sk.average_precision_score(EITHER, prediction),
        "accuracy": sk.accuracy_score(EITHER, prediction > 0.5),
    }


def of_values(prediction: np.ndarray) -> dict[str, float]:
    with np.errstate(all="ignore"):
        truth, moves = VALUES.truth, np.ptp(prediction) > 0
        squared = float(((truth - prediction) ** 2).mean())
        return {
            "mse": squared,
            "rmse": math.sqrt(squared),
            "rmsle": sk.root_mean_squared_log_error(truth, prediction) if prediction.min() >= 0 else math.nan,
            "mae": float(np.abs(truth - prediction).mean()),
            "r2": float(1 - ((truth - prediction) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()),
            # the slow readers lose their last digits, or all, beside numbers that hide the others
            "pearson": float(scipy.stats.pearsonr(truth, prediction)[0]) if moves and np.abs(prediction).max() < 1e6 else math.nan,
            "spearman": float(scipy.stats.spearmanr(truth, prediction)[0]) if moves else math.nan,
        }


def sound(names: Sequence[str], values: np.ndarray) -> Cells:
    return [["id", *names], *([i, *map(repr, map(float, row))] for i, row in zip(IDS, values.reshape(12, -1), strict=True))]


PROBABILITIES = Kind(Form(IDS, "id", "region", CLASSES), sound(CLASSES, RATIO), CODES, CLASSES, of_classes)
LABELS = Kind(Form(IDS, "id", "region", CLASSES, "labels"), sound(CLASSES, RATIO), CODES, CLASSES, of_labels)
NAMED = Kind(LABELS.form, [["id", "region"], *([i, CLASSES[k]] for i, k in zip(IDS, CODES[::-1], strict=True))], CODES, CLASSES, of_labels)
MULTILABEL = Kind(
    Form(IDS, "id", "region", CLASSES, "scores", exclusive=False),
    sound(CLASSES, RATIO * 7 - 2),
    np.column_stack([EITHER, CODES == 1, 1 - EITHER]).astype(np.float64),
    CLASSES,
    of_columns,
)
BINARY = Kind(Form(IDS, "id", "risk"), sound(["risk"], RATIO[:, 0]), EITHER, ("0", "1"), of_risks)
VALUES = Kind(Form(IDS, "id", "dose", (), "values"), sound(["dose"], RATIO[:, 1] * 9 - 3), RATIO[:, 2] + CODES, (), of_values)
KINDS = {
    "probabilities": PROBABILITIES,
    "labels": LABELS,
    "named labels": NAMED,
    "multilabel": MULTILABEL,
    "binary": BINARY,
    "values": VALUES,
}

each = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))


def often(few: int, many: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("examples", [pytest.param(few, id="few"), pytest.param(many, id="many", marks=pytest.mark.slow)])


def hunt(examples: int, strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Run `check` on that many examples."""
    how = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    how(given(strategy)(check))()


def table_of(content: bytes) -> Cells:
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    return [row for row in rows if row and (len(row) > 1 or row[0].strip())]


def slowly(table: Cells, form: Form) -> np.ndarray:
    """Return the predictions as a plain loop over cells reads them; raise where any of it is not as it was asked for."""
    header, *rows = table
    labels = form.takes_labels and form.target_column in header
    wanted = (form.target_column,) if labels else form.columns
    assert sorted(header) == sorted((form.id_column, *wanted))
    assert len(rows) == len(form.ids)
    found: dict[str, list[float]] = {}
    for row in rows:
        assert len(row) == len(header)
        cells = dict(zip(header, row, strict=True))
        name = cells[form.id_column]
        assert name not in found
        if labels:
            found[name] = [float(c == cells[form.target_column]) for c in form.classes]
            assert sum(found[name]) == 1
            continue
        found[name] = [float(cells[c]) for c in wanted if PLAIN.fullmatch(cells[c])]
        assert len(found[name]) == len(wanted)
        assert all(map(math.isfinite, found[name]))
        assert not form.bounded or all(0 <= v <= 1 for v in found[name])
        assert not form.sums or sum(found[name]) > 0
    prediction = np.array([found[i] for i in form.ids])
    return prediction if form.classes else prediction[:, 0]


def strictly(table: Callable[[], Cells], form: Form) -> np.ndarray | None:
    """Return what `slowly` reads; None where it finds no table, or not the one that was asked for."""
    try:
        return slowly(table(), form)
    except (AssertionError, ValueError, KeyError, csv.Error, OSError, EOFError, zlib.error, pa.ArrowException):
        return None


def holds(path: Path, kind: Kind, table: Callable[[], Cells]) -> bool:
    """Tell whether a file is accepted, once it was found to be so with right."""
    try:
        prediction = read(path, kind.form).prediction
    except InvalidSubmission as error:
        said, problems = str(error), error.problems
        assert str(path) in said
        assert all(map(PLACE.search, problems)), problems
        assert strictly(table, kind.form) is None, f"refused without need: {said}"
        return False
    expected = strictly(table, kind.form)
    assert expected is not None, "accepted, but it is not what was asked for"
    assert prediction.tolist() == expected.tolist()
    assert np.isfinite(prediction).all()
    for name, score in kind.expected(prediction).items():
        try:
            value = scoring.value_of(METRICS[name], kind.truth, prediction, kind.classes)
        except UndefinedScore:
            assert not math.isfinite(score) or name in ("pearson", "spearman"), name
            continue
        assert math.isfinite(value), name
        assert math.isnan(score) or value == pytest.approx(score, rel=1e-9, abs=1e-9), name
    return True


@each
@often(60, 1000)
def test_a_bent_csv_scores_what_a_slow_reader_says_or_is_refused_with_its_place(tmp_path: Path, kind: Kind, examples: int) -> None:
    path, seen = tmp_path / "bent.csv", set()

    def check(content: bytes) -> None:
        path.write_bytes(content)
        accepted = holds(path, kind, lambda: table_of(content))
        seen.add(accepted)
        packed = path.with_name("bent.csv.gz")
        packed.write_bytes(gzip.compress(content, 1))
        assert holds(packed, kind, lambda: table_of(content)) == accepted

    hunt(examples, mutated_table(kind.rows), check)
    assert seen == {True, False}, "a hunt that finds only one kind of file finds nothing"


@each
@often(8, 100)
def test_every_metric_of_an_accepted_file_has_a_finite_score_with_an_interval_around_it_or_a_reason(
    tmp_path: Path, kind: Kind, examples: int
) -> None:
    path = tmp_path / "bent.csv"
    solution = scoring.Solution(kind.truth, kind.classes, np.arange(12) // 6, np.arange(12) // 2, "0" * 16)

    def check(content: bytes) -> None:
        path.write_bytes(content)
        try:
            prediction = read(path, kind.form).prediction
        except InvalidSubmission:
            return
        # the first one must have a value, or the file is not scored at all
        metrics = [
            METRICS["mae" if kind is VALUES else "auroc" if kind is MULTILABEL else "accuracy"],
            *map(METRICS.get, kind.expected(prediction)),
        ]
        try:
            scores, drawn = scoring.score([m for m in metrics if m is not None], solution, prediction)
        except UndefinedScore:
            assert np.abs(prediction).max() > 1e300
            return
        for score in scores:
            if score.value is None:
                assert score.reason
                continue
            assert math.isfinite(score.value)
            assert score.low is None or score.low <= score.value <= score.high
            assert score.fold_mean is None or math.isfinite(score.fold_mean)
        assert all(len(r) == scoring.REPLICATES for r in drawn.values())

    hunt(examples, mutated_table(kind.rows), check)


@each
@often(25, 200)
def test_a_cell_that_a_spreadsheet_changed_is_read_as_a_number_or_named(tmp_path: Path, kind: Kind, examples: int) -> None:
    path = tmp_path / "cell.csv"

    def check(at: tuple[int, str, str]) -> None:
        row, text, quote = at
        lines = [",".join(r) for r in kind.rows]
        lines[row] = ",".join([*kind.rows[row][:-1], quote + text + quote])
        content = "\n".join(lines).encode() + b"\n"
        path.write_bytes(content)
        accepted = holds(path, kind, lambda: table_of(content))
        if not accepted and "," not in text and kind is not NAMED:
            with pytest.raises(InvalidSubmission, match=rf"line {row + 1}\b|sum to 0"):
                read(path, kind.form)

    hunt(examples, st.tuples(st.integers(1, 12), st.sampled_from(NUMBERS), st.sampled_from(["", '"'])), check)


@each
def test_a_quote_anywhere_in_a_row_is_read_as_the_csv_module_reads_it_or_named(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "quoted.csv"
    lines = [",".join(r) for r in kind.rows]
    whole = lines[3]
    for start in range(len(whole) + 1):
        for end in range(start, len(whole) + 1):
            lines[3] = f'{whole[:start]}"{whole[start:end]}"{whole[end:]}'
            content = "\n".join(lines).encode() + b"\n"
            path.write_bytes(content)
            holds(path, kind, lambda content=content: table_of(content))  # type: ignore[misc]


@st.composite
def tables(draw: st.DrawFn, kind: Kind) -> bytes:
    """Return Parquet of a table in which something is not as it was: a cell, a row, a column, the columns' types, the bytes."""
    rows = kind.rows
    for step in draw(st.lists(table_step, max_size=2)):
        rows = changed(rows, step)
    width = max(map(len, rows), default=0)
    header, *body = [[*row, *[""] * (width - len(row))] for row in rows] or [[]]
    made = []
    for column in zip(*body, strict=True):
        how = draw(st.sampled_from(["number", "number", "text", "dictionary", "float32", "whole", "large", "boolean", "list"]))
        try:
            numbers = [float(c) for c in column]
        except ValueError:
            numbers = []
        if how in ("number", "float32") and numbers:
            made.append(pa.array(numbers, pa.float64()).cast(pa.float64() if how == "number" else pa.float32(), safe=False))
        elif how == "whole" and numbers and all(n.is_integer() and abs(n) < 2**60 for n in numbers):
            made.append(pa.array([int(n) for n in numbers], pa.int64()))
        elif how == "boolean" and numbers:
            made.append(pa.array([bool(n) for n in numbers]))
        elif how == "list" and numbers and draw(st.booleans()):
            made.append(pa.array([[n] for n in numbers]))
        else:
            text = [None if c == "" else c.encode("utf-8", "replace").decode() for c in column]
            kinds = {"dictionary": pa.dictionary(pa.int32(), pa.string()), "large": pa.large_string()}
            made.append(pa.array(text, kinds.get(how, pa.string())))
    out = io.BytesIO()
    # rows in several groups, which are read one by one
    rows_each = draw(st.sampled_from([1, 5, 1000]))
    pq.write_table(
        pa.Table.from_arrays(made, [n.encode("utf-8", "replace").decode() for n in header[: len(made)]]), out, row_group_size=rows_each
    )
    content = out.getvalue()
    for step in draw(st.lists(byte_step, max_size=1)) if draw(st.integers(0, 3)) == 0 else []:
        content = damaged(content, step)
    return content


def cells_of(path: Path) -> Cells:
    """Return a Parquet file's table as text: what float() reads back bit for bit."""
    table = pq.read_table(path)
    columns = [["" if v is None else repr(float(v)) if isinstance(v, float) else str(v) for v in c.to_pylist()] for c in table.columns]
    return [table.column_names, *map(list, zip(*columns, strict=True))]


@each
@often(40, 300)
def test_a_bent_parquet_scores_what_a_slow_reader_says_or_is_refused_with_its_place(tmp_path: Path, kind: Kind, examples: int) -> None:
    path = tmp_path / "bent.parquet"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        holds(path, kind, lambda: cells_of(path))

    hunt(examples, tables(kind), check)


SOLUTIONS: dict[str, tuple[str, Cells, Cells]] = {
    "auroc": ("auroc", [["id", "risk", "Usage"], *([i, str(k), "Public"] for i, k in zip(IDS, EITHER, strict=True))], BINARY.rows),
    "labels": ("f1-macro", [["id", "region"], *([i, CLASSES[k]] for i, k in zip(IDS, CODES, strict=True))], NAMED.rows),
    "classes": (
        "multiclass-log-loss",
        [["id", *CLASSES], *([i, *(str(int(c == k)) for c in range(3))] for i, k in zip(IDS, CODES, strict=True))],
        PROBABILITIES.rows,
    ),
    "values": ("rmse", [["id", "dose"], *([i, f"{v:.3f}"] for i, v in zip(IDS, VALUES.truth, strict=True))], VALUES.rows),
}


@pytest.mark.parametrize("case", SOLUTIONS)
@often(60, 800)
def test_a_bent_solution_or_a_bent_answer_to_it_has_a_score_or_a_refusal_with_its_place(tmp_path: Path, case: str, examples: int) -> None:
    metric, solution, answer = SOLUTIONS[case]
    truth, given_answer = tmp_path / "solution.csv", tmp_path / "answer.csv"

    def check(contents: tuple[bytes, bytes]) -> None:
        truth.write_bytes(contents[0])
        given_answer.write_bytes(contents[1])
        try:
            value, _ = score_file(given_answer, truth, METRICS[metric])
        except (InvalidSubmission, DataError) as error:
            said = str(error)
            assert str(truth) in said or str(given_answer) in said
            assert PLACE.search(said)
        except GenoboardError as error:
            # a metric that has no value, or that does not fit the columns
            said = str(error)
            assert str(truth) in said or str(given_answer) in said
        else:
            assert math.isfinite(value)

    whole = "".join(",".join(r) + "\n" for r in answer).encode()
    hunt(
        examples,
        st.one_of(st.tuples(mutated_table(solution), st.just(whole)), st.tuples(mutated_table(solution), mutated_table(answer))),
        check,
    )


@often(60, 600)
def test_damaged_gzip_is_read_whole_or_refused(tmp_path: Path, examples: int) -> None:
    path = tmp_path / "bent.csv.gz"
    whole = gzip.compress("".join(",".join(r) + "\n" for r in BINARY.rows).encode(), 1, mtime=0)

    def check(content: bytes) -> None:
        path.write_bytes(content)
        holds(path, BINARY, lambda: table_of(gzip.decompress(content)))

    hunt(examples, mutated_bytes(whole), check)
