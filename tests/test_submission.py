"""The submission file: what is accepted, bit for bit, and what is said of everything that is not."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import os
import random
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genoboard import submission
from genoboard.diagnosis import diagnose
from genoboard.errors import InvalidSubmission
from genoboard.submission import Form, read, read_columns, write

CLASSES = ("Amygdala", "Cortex")
FORM = Form(("a", "b", "c"), "id", "region", CLASSES)
LABELS = Form(("a", "b", "c"), "id", "region", CLASSES, "labels")
SCORES = Form(("a", "b", "c"), "id", "region", CLASSES, "scores")
VALUES = Form(("a", "b", "c"), "id", "dose", reads="values")
BINARY = Form(("a", "b", "c"), "id", "risk", reads="probabilities")
MULTILABEL = Form(("a", "b", "c"), "id", "region", CLASSES, exclusive=False)

SOUND = "id,Amygdala,Cortex\na,0.25,0.75\nb,1,0\nc,0.5,0.5\n"
SOUND_ROWS = [[0.25, 0.75], [1, 0], [0.5, 0.5]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("submissions")


def put(folder: Path, content: str | bytes, name: str = "predictions.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problems(path: Path, form: Form = FORM) -> tuple[str, ...]:
    with pytest.raises(InvalidSubmission) as caught:
        read(path, form)
    assert caught.value.where == str(path)
    return caught.value.problems


def identical(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype == np.float64 and a.tobytes() == b.tobytes()


# What is accepted


def test_rows_are_joined_by_id_and_columns_by_name(tmp_path: Path) -> None:
    plain = read(put(tmp_path, SOUND), FORM)
    shuffled = read(put(tmp_path, "Cortex,id,Amygdala\n0.5,c,0.5\n0.75,a,0.25\n0,b,1\n"), FORM)
    assert plain.prediction.tolist() == SOUND_ROWS
    assert identical(plain.prediction, shuffled.prediction)
    assert plain.notes == ()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("\ufeff" + SOUND, id="byte order mark"),
        pytest.param(SOUND.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(SOUND.replace("\n", "\r"), id="CR"),
        pytest.param(SOUND.rstrip("\n"), id="no newline at the end"),
        pytest.param("\n" + SOUND + "\n\r\n  \n", id="blank lines around"),
        pytest.param(re.sub(r"[^,\n]+", r'"\g<0>"', SOUND), id="all cells quoted"),
        pytest.param(SOUND.replace("\na,", '\n"a",'), id="an id quoted"),
        pytest.param(SOUND.replace("0.25", " +2.5E-1\t").replace("b,1,", "b,1.,"), id="other spellings of numbers"),
    ],
)
def test_a_sound_file_is_accepted_however_it_is_written(tmp_path: Path, content: str) -> None:
    assert read(put(tmp_path, content), FORM).prediction.tolist() == SOUND_ROWS
    packed = put(tmp_path, gzip.compress(content.encode()), "predictions.csv.gz")
    assert read(packed, FORM).prediction.tolist() == SOUND_ROWS


def test_a_plain_file_needs_no_diagnosis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "diagnose", lambda *_: pytest.fail("the slow path was taken"))
    for content in (SOUND, "\ufeff" + SOUND.replace("\n", "\r\n"), re.sub(r"[^,\n]+", r'"\g<0>"', SOUND)):
        assert read(put(tmp_path, content), FORM).prediction.tolist() == SOUND_ROWS
    assert read(put(tmp_path, "id,region\nc,Cortex\na,Amygdala\nb,Cortex\n"), LABELS).prediction.tolist() == [[1, 0], [0, 1], [0, 1]]
    pq.write_table(pa.table({"id": ["c", "a", "b"], "dose": [3, 1, 2]}), tmp_path / "p.parquet")
    assert read(tmp_path / "p.parquet", VALUES).prediction.tolist() == [1, 2, 3]


def test_the_hash_is_that_of_the_files_bytes(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": list("abc"), "Amygdala": [0.5] * 3, "Cortex": [0.5] * 3}), tmp_path / "p.parquet")
    for path in (
        put(tmp_path, SOUND),
        put(tmp_path, SOUND.replace("0.25", "+0.25"), "odd.csv"),
        put(tmp_path, gzip.compress(SOUND.encode()), "p.csv.gz"),
        tmp_path / "p.parquet",
    ):
        assert read(path, FORM).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_probabilities_that_do_not_sum_to_1_stay_as_they_are_and_are_counted(tmp_path: Path) -> None:
    one = read(put(tmp_path, SOUND.replace("0.25", "0.5")), FORM)
    assert one.prediction[0].tolist() == [0.5, 0.75]
    assert one.notes == ("1 row does not sum to 1 and was rescaled, as Kaggle does",)
    two = read(put(tmp_path, SOUND.replace("0.25", "0.5").replace("b,1,", "b,+0.9,")), FORM)
    assert two.notes == ("2 rows do not sum to 1 and were rescaled, as Kaggle does",)
    assert read(put(tmp_path, SOUND.replace("0.25", "0.2500001")), FORM).notes == ()
    assert read(put(tmp_path, SOUND.replace("0.25", "0.5")), MULTILABEL).notes == ()
    assert read(put(tmp_path, SOUND.replace("0.25", "0.5")), SCORES).notes == ()


def test_labels_stand_for_probabilities_where_the_metric_reads_labels(tmp_path: Path) -> None:
    assert read(put(tmp_path, "region,id\nCortex,c\nAmygdala,a\nCortex,b\n"), LABELS).prediction.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert read(put(tmp_path, SOUND), LABELS).prediction.tolist() == SOUND_ROWS


def test_scores_and_values_are_any_finite_number(tmp_path: Path) -> None:
    assert read(put(tmp_path, "id,Amygdala,Cortex\na,-3,1e300\nb,0,0\nc,7,-0.0\n"), SCORES).prediction.tolist() == [
        [-3, 1e300],
        [0, 0],
        [7, 0],
    ]
    assert read(put(tmp_path, "id,dose\nc,3\nb,-2\na,1e-5\n"), VALUES).prediction.tolist() == [1e-5, -2, 3]


def test_one_column_of_probabilities_and_multilabel_rows_need_no_sum(tmp_path: Path) -> None:
    assert read(put(tmp_path, "id,risk\nc,1\nb,0\na,0.5\n"), BINARY).prediction.tolist() == [0.5, 0, 1]
    assert read(put(tmp_path, "id,Amygdala,Cortex\na,1,1\nb,0,0\nc,0,1\n"), MULTILABEL).prediction.tolist() == [[1, 1], [0, 0], [0, 1]]


def test_ids_stay_exactly_what_they_are(tmp_path: Path) -> None:
    ids = ("007", "7", "1.0", "1", " a", "a", "a ", "NA", "null", "nan", "é", "e\u0301", "x,y", 'say "hi"', "two\nlines", "=cmd")
    form = Form(ids, "id", "dose", reads="values")
    values = np.arange(len(ids), dtype=float)
    write(tmp_path / "p.csv", form, values, ids)
    assert read(tmp_path / "p.csv", form).prediction.tolist() == values.tolist()
    pq.write_table(pa.table({"id": ids[::-1], "dose": values[::-1]}), tmp_path / "p.parquet")
    assert read(tmp_path / "p.parquet", form).prediction.tolist() == values.tolist()
    said = problems(put(tmp_path, "id,dose\n" + "1,1\n1.0,2\n7,3\n", "q.csv"), Form(("01", "1.0", "007"), "id", "dose", reads="values"))
    assert said[0].splitlines()[1:] == ["      line 2: '1': did you mean '01'?", "      line 4: '7': did you mean '007'?"]


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.float16(), pa.int8(), pa.uint64(), pa.string(), pa.decimal128(22, 2)])
def test_parquet_numbers_of_any_type_are_accepted(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"dose": pa.array([1, 2, 3]).cast(kind), "id": ["c", "a", "b"]}), tmp_path / "p.parquet")
    assert read(tmp_path / "p.parquet", VALUES).prediction.tolist() == [2, 3, 1]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.int64(), pa.uint8(), pa.dictionary(pa.int8(), pa.string())]
)
def test_parquet_ids_are_text_and_whole_numbers_their_decimal_text(tmp_path: Path, kind: pa.DataType) -> None:
    ids = pa.array(["3", "1", "2"]) if not pa.types.is_integer(kind) else pa.array([3, 1, 2])
    pq.write_table(pa.table({"id": ids.cast(kind), "dose": [3.0, 1.0, 2.0]}), tmp_path / "p.parquet")
    form = Form(("1", "2", "3"), "id", "dose", reads="values")
    assert read(tmp_path / "p.parquet", form).prediction.tolist() == [1, 2, 3]
    assert problems(tmp_path / "p.parquet", Form(("01", "2", "3"), "id", "dose", reads="values")) == (
        "1 unknown id: they are compared to the letter: correct or delete the row\n      row 2: '1': did you mean '01'?",
        "1 missing id: every id of the test set needs a row\n      '01'",
    )


def test_a_file_of_many_blocks_is_read_alike_by_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 50_000
    ids = [f"sample,{i}" if i % 3 else f"s{i}" for i in range(n)]
    form = Form(ids, "id", "region", CLASSES)
    expected = np.random.default_rng(0).dirichlet([1, 1], n)
    order = np.random.default_rng(1).permutation(n)
    path = tmp_path / "p.csv"
    write(path, form, expected[order], [ids[i] for i in order])
    content = path.read_bytes()
    assert len(content) > 2 * submission.BLOCK
    assert identical(diagnose(content, "", form), expected)
    middle = content.index(b"\n", len(content) // 2)
    assert "badly quoted" in problems(put(tmp_path, content[:middle] + b'\n"x"y,1,0' + content[middle:], "odd.csv"), form)[0]
    monkeypatch.setattr(submission, "diagnose", lambda *_: pytest.fail("the slow path was taken"))
    assert identical(read(path, form).prediction, expected)
    assert identical(read(put(tmp_path, gzip.compress(content, 1), "p.csv.gz"), form).prediction, expected)


def test_ids_may_be_given_as_an_arrow_array(tmp_path: Path) -> None:
    for kind in (pa.string(), pa.large_string()):
        form = Form(pa.array(["a", "b", "c"], kind), "id", "region", CLASSES)
        assert read(put(tmp_path, SOUND), form).prediction.tolist() == SOUND_ROWS


def test_a_solution_that_asks_for_an_id_twice_is_a_bug_not_a_bad_submission(tmp_path: Path) -> None:
    for second in ("a", "b"):
        path = put(tmp_path, f"id,dose\na,1\n{second},2\n")
        with pytest.raises(ValueError, match="more than once"):
            read(path, Form(("a", "a"), "id", "dose", reads="values"))


# What is refused, and what is said of it


def rows(*lines: str) -> str:
    return "\n".join(["id,Amygdala,Cortex", *lines]) + "\n"


A, B, C = "a,0.25,0.75", "b,1,0", "c,0.5,0.5"
CELL = "      line 3, id 'b', column 'Amygdala': "


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "the file is empty: it needs a header and one line per row"),
        ("\ufeff\n \n", "the file is empty: it needs a header and one line per row"),
        ("id,Amygdala,Cortex\n\n", "1 header without rows: 3 rows are asked for\n      the file ends after it"),
        (rows(A, C), "1 missing id: every id of the test set needs a row\n      'b'"),
        (rows(A, B, C, "zebra,0,1"), "1 unknown id: they are compared to the letter: correct or delete the row\n      line 5: 'zebra'"),
        (rows(A, B, C, A), "1 duplicate id: give every id one row\n      line 5: 'a' stands on line 2 already"),
        (rows(A, B, C, ",0,1"), "1 empty id: every row needs its id\n      line 5"),
        (rows(A, B, C, ",,"), "1 row without content: delete what is empty\n      line 5"),
        (
            rows(A, "b,1", C),
            "1 row with too few cells: every row needs one cell per column of the header\n      line 3: 2 cells, 3 expected",
        ),
        (
            rows(A, "b,1,0,0", C),
            "1 row with too many cells: is there a decimal comma, or a comma in an unquoted cell?\n      line 3: 4 cells, 3 expected",
        ),
        (rows(A, "b,,0", C), f"1 empty cell: every row needs a prediction\n{CELL}''"),
        (rows(A, "b,NaN,0", C), f"1 missing value: every row needs a finite number\n{CELL}'NaN'"),
        (rows(A, "b,-nan,0", C), f"1 missing value: every row needs a finite number\n{CELL}'-nan'"),
        (rows(A, "b,NA,0", C), f"1 missing value: every row needs a finite number\n{CELL}'NA'"),
        (rows(A, "b,-inf,0", C), f"1 infinite value: every row needs a finite number\n{CELL}'-inf'"),
        (rows(A, "b,1e999,0", C), f"1 infinite value: every row needs a finite number\n{CELL}'1e999'"),
        (rows(A, "b,high,0", C), f"1 cell of text: a number such as 0.25 is expected\n{CELL}'high'"),
        (rows(A, "b,1_0,0", C), f"1 cell of text: a number such as 0.25 is expected\n{CELL}'1_0'"),
        (rows(A, "b,0x1,0", C), f"1 cell of text: a number such as 0.25 is expected\n{CELL}'0x1'"),
        (rows(A, "b,\uff11,0", C), f"1 cell of text: a number such as 0.25 is expected\n{CELL}'\uff11'"),
        (rows(A, "b,\xa01,0", C), f"1 cell of text: a number such as 0.25 is expected\n{CELL}'\\xa01'"),
        (rows(A, "b,=1+0,0", C), f"1 cell of text: a number such as 0.25 is expected\n{CELL}'=1+0'"),
        (rows(A, 'b,"0,5",0.5', C), f"1 decimal comma: write a decimal point\n{CELL}'0,5' -> 0.5"),
        (rows(A, "b,25%,0.75", C), f"1 percent sign: write a fraction of 1\n{CELL}'25%' -> 0.25"),
        (rows(A, "b,-0.5,0", C), f"1 probability below 0: a probability lies between 0 and 1\n{CELL}'-0.5'"),
        (
            rows(A, "b,1.0000001,0", C),
            f"1 probability above 1: a probability lies between 0 and 1 (percentages are divided by 100)\n{CELL}'1.0000001'",
        ),
        (rows(A, "b,0,0.0", C), "1 row that sums to 0: give at least one class a probability above 0\n      line 3, id 'b'"),
        (
            SOUND.replace("Amygdala", " Amygdala"),
            "1 misspelt column: names are compared to the letter\n      column ' Amygdala' has a stray blank: rename it to 'Amygdala'",
        ),
        (
            SOUND.replace("Amygdala", "amygdala"),
            "1 misspelt column: names are compared to the letter\n      column 'amygdala' differs in case: rename it to 'Amygdala'",
        ),
        (
            SOUND.replace("id", "ID "),
            "1 misspelt column: names are compared to the letter\n      column 'ID ' has a stray blank and differs in case: rename it to 'id'",
        ),
        (
            SOUND.replace("Amygdala", "Amigdala"),
            "1 unknown column that may be misspelt: names are compared to the letter\n      column 'Amigdala': did you mean 'Amygdala'?",
        ),
        (rows(A + ",1", B + ",1", C + ",1").replace("Cortex", "Cortex,fold"), "1 unknown column: delete it\n      column 'fold'"),
        (
            rows(A + ",1", B + ",0", C + ",1").replace("Cortex", "Cortex,Amygdala"),
            "1 duplicate column: keep one of them\n      column 'Amygdala' is number 2 and number 4",
        ),
        (
            rows(A, B, C).replace("\n", "\n0,").replace("id", "Unnamed: 0,id").removesuffix("0,"),
            "1 column without a name: a pandas index or a comma too many: write with index=False\n      column number 1: 'Unnamed: 0'",
        ),
        (
            SOUND.replace("id", ""),
            "1 column without a name: if it holds the ids, name it 'id' (pandas: index_label='id')\n      column number 1: ''",
        ),
        (
            "id,Amygdala\na,0.5\nb,1\nc,1\n",
            "1 missing column: the header is id,Amygdala,Cortex, in any order\n      column 'Cortex'",
        ),
        ("a,0.25,0.75\nb,1,0\nc,0,1\n", "there is no header: the first line is already a row; begin with id,Amygdala,Cortex"),
        ("a,x\nb,y\n", "there is no header: the first line is already a row; begin with id,Amygdala,Cortex"),
        (
            SOUND.replace(",", ";"),
            "1 wrong delimiter: the columns are separated by semicolons: separate them by commas\n      in the first line",
        ),
        (
            SOUND.replace(",", "\t"),
            "1 wrong delimiter: the columns are separated by tabs: separate them by commas\n      in the first line",
        ),
        (
            SOUND.replace(",", "|"),
            "1 wrong delimiter: the columns are separated by pipes: separate them by commas\n      in the first line",
        ),
        (
            rows(A, '"b,1,0', C),
            "1 badly quoted line: close every quote, and double a quote that stands inside a quoted cell\n      line 3: unexpected end of data",
        ),
        (
            rows(A, '"b"x,1,0', C),
            "1 badly quoted line: close every quote, and double a quote that stands inside a quoted cell\n      line 3: ',' expected after '\"'",
        ),
        (
            rows("b" * 140_000 + ",1,0"),
            "1 badly quoted line: close every quote, and double a quote that stands inside a quoted cell\n"
            "      line 2: field larger than field limit (131072)",
        ),
    ],
)
def test_one_fault_is_named_with_its_place_and_its_mend(tmp_path: Path, content: str, said: str) -> None:
    assert problems(put(tmp_path, content)) == (said,)
    assert problems(put(tmp_path, gzip.compress(content.encode()), "p.csv.gz")) == (said,)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_named(tmp_path: Path, encoding: str) -> None:
    assert problems(put(tmp_path, SOUND.encode(encoding))) == ("the text is encoded as UTF-16 or UTF-32: save it as UTF-8",)


def test_a_byte_order_mark_belongs_to_the_file_and_not_to_a_row(tmp_path: Path) -> None:
    assert problems(put(tmp_path, SOUND.replace("a,0.25", "\ufeffa,0.25"))) == (
        "1 unknown id: they are compared to the letter: correct or delete the row\n      line 2: '\\ufeffa': did you mean 'a'?",
        "1 missing id: every id of the test set needs a row\n      'a'",
    )


def test_a_byte_that_is_no_utf8_is_shown_where_it_stands(tmp_path: Path) -> None:
    content = "\ufeff".encode() + SOUND.replace("b,", "bé,").encode("latin-1")
    assert content[content.index(b"\xe9")] == 0xE9
    assert problems(put(tmp_path, content)) == (
        f"1 byte that cannot be UTF-8: save the file as UTF-8; it may be Latin-1 now\n      line 3, byte offset {content.index(0xE9)}: 0xE9",
        "1 unknown id: they are compared to the letter: correct or delete the row\n      line 3: 'b\\\\xe9'",
        "1 missing id: every id of the test set needs a row\n      'b'",
    )


def test_labels_are_compared_to_the_letter(tmp_path: Path) -> None:
    assert problems(put(tmp_path, "id,region\na,cortex\nb,Amigdala\nc,Moon\n"), LABELS) == (
        "3 unknown labels: labels are compared to the letter\n"
        "      line 2, id 'a', column 'region': 'cortex': did you mean 'Cortex'?\n"
        "      line 3, id 'b', column 'region': 'Amigdala': did you mean 'Amygdala'?\n"
        "      line 4, id 'c', column 'region': 'Moon'",
    )
    assert problems(put(tmp_path, "id,region\na,Cortex\nb, \nc,Cortex\n"), LABELS) == (
        "1 empty cell: every row needs a prediction\n      line 3, id 'b', column 'region': ' '",
    )


def test_labels_are_refused_where_numbers_are_asked_for(tmp_path: Path) -> None:
    assert problems(put(tmp_path, "id,region\na,Cortex\nb,Cortex\nc,Cortex\n")) == (
        "1 column of labels: this competition asks for a number per class, one column each\n      column 'region'",
        "2 missing columns: the header is id,Amygdala,Cortex, in any order\n      column 'Amygdala'\n      column 'Cortex'",
    )
    assert problems(put(tmp_path, "id,x\na,1\nb,1\nc,1\n"), LABELS)[1].startswith(
        "2 missing columns: the header is id,Amygdala,Cortex, or id,region, in any order"
    )


def test_percentages_of_a_regression_and_decimal_commas_are_mended_in_the_message(tmp_path: Path) -> None:
    assert problems(put(tmp_path, 'id,dose\na,"-1,5"\nb,"12,5 %"\nc,1\n'), VALUES) == (
        "1 decimal comma: write a decimal point\n      line 2, id 'a', column 'dose': '-1,5' -> -1.5",
        "1 percent sign: write a fraction of 1\n      line 3, id 'b', column 'dose': '12,5 %' -> 0.125",
    )


def test_everything_is_told_at_once_with_five_examples_of_each(tmp_path: Path) -> None:
    form = Form(tuple(f"s{i:04}" for i in range(2000)), "id", "region", CLASSES)
    lines = [f"s{i:04},{-1 if i < 22 else 0.5},0.5" for i in range(500)]
    lines += [f"S{i:04},0.5,{'x' * 200}" for i in range(500, 600)]
    assert problems(put(tmp_path, "\n".join(["id,amygdala,Cortex", *lines])), form) == (
        "1 misspelt column: names are compared to the letter\n      column 'amygdala' differs in case: rename it to 'Amygdala'",
        "22 probabilities below 0: a probability lies between 0 and 1\n"
        + "".join(f"      line {i + 2}, id 's{i:04}', column 'Amygdala': '-1'\n" for i in range(5))
        + "      and 17 more",
        "100 cells of text: a number such as 0.25 is expected\n"
        + "".join(f"      line {i + 2}, id 'S{i:04}', column 'Cortex': '{'x' * 80}…'\n" for i in range(500, 505))
        + "      and 95 more",
        "100 unknown ids: they are compared to the letter: correct or delete the row\n"
        + "".join(f"      line {i + 2}: 'S{i:04}': did you mean 's{i:04}'?\n" for i in range(500, 505))
        + "      and 95 more",
        "1,500 missing ids: every id of the test set needs a row\n"
        + "".join(f"      's{i:04}'\n" for i in range(500, 505))
        + "      and 1,495 more",
    )


def test_line_numbers_count_the_lines_of_the_file(tmp_path: Path) -> None:
    content = '\nid,Amygdala,Cortex\r\n\r\n"a",0.5,0.5\n"b\nb",0.5,0.5\nc,0.5,no\n'
    assert "line 7, id 'c', column 'Cortex': 'no'" in "".join(problems(put(tmp_path, content)))


def test_a_semicolon_file_with_decimal_commas_is_read_on(tmp_path: Path) -> None:
    said = problems(put(tmp_path, SOUND.replace(",", ";").replace(".", ",")))
    assert [p.splitlines()[0].partition(":")[0] for p in said] == ["1 wrong delimiter", "4 decimal commas"]


def test_files_that_cannot_be_opened_say_why(tmp_path: Path) -> None:
    sound = put(tmp_path, SOUND, "predictions.csv")
    assert problems(tmp_path / "prediction.csv") == (f"there is no such file: did you mean {sound}?",)
    assert problems(tmp_path / "none" / "x.csv") == ("there is no such file: check the path",)
    assert problems(tmp_path) == (f"it is a folder: name the file inside it, such as {sound}",)
    (tmp_path / "empty.csv").mkdir()
    assert problems(tmp_path / "empty.csv") == ("it is a folder: name the file inside it",)
    assert problems(put(tmp_path, SOUND, "p.tsv")) == ("the name does not say what the file is: let it end in .csv, .csv.gz or .parquet",)
    assert problems(put(tmp_path, gzip.compress(SOUND.encode()), "z.csv")) == ("the content is gzip data: let the name end in .csv.gz",)
    assert problems(put(tmp_path, b"PK\3\4....", "x.csv")) == ("the content is a zip archive or an Excel workbook: save it as CSV",)
    assert problems(put(tmp_path, b"PAR1....PAR1", "q.csv")) == ("the content is Parquet: let the name end in .parquet",)
    os.mkfifo(tmp_path / "pipe.csv")
    assert problems(tmp_path / "pipe.csv") == ("it is not a regular file: write the predictions to one first",)
    assert read(put(tmp_path, SOUND, "LOUD.CSV"), FORM).prediction.tolist() == SOUND_ROWS


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = put(tmp_path, SOUND)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert problems(path) == ("the file cannot be read: Permission denied",)


def test_damaged_archives_say_so(tmp_path: Path) -> None:
    whole = gzip.compress(SOUND.encode())
    for cut in range(2, len(whole)):
        assert problems(put(tmp_path, whole[:cut], "p.csv.gz")) == ("the gzip data end too early: copy or compress the file again",)
    assert problems(put(tmp_path, SOUND, "p.csv.gz")) == (
        "the gzip data are damaged, or none (Not a gzipped file (b'id')): compress the file again",
    )
    bent = bytearray(whole)
    bent[-6] ^= 1
    assert "CRC check failed" in problems(put(tmp_path, bytes(bent), "p.csv.gz"))[0]
    assert problems(put(tmp_path, SOUND, "p.parquet"))[0].startswith("it is no Parquet file, or a damaged one: ")
    assert problems(put(tmp_path, b"", "p.parquet"))[0].startswith("it is no Parquet file, or a damaged one: ")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    said = ("it holds over 64 MiB, many times what it can need: write one short line per row",)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as out:
        for _ in range(257):
            out.write(b" " * (1 << 20))
    assert problems(put(tmp_path, packed.getvalue(), "bomb.csv.gz")) == said
    zeros = pa.chunked_array([pa.nulls(1 << 20, pa.int8())] * 34)
    pq.write_table(pa.table({"id": zeros}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 1 << 20
    assert problems(tmp_path / "bomb.parquet") == said
    with (tmp_path / "large.csv").open("wb") as sparse:
        sparse.truncate((64 << 20) + 1)
    assert problems(tmp_path / "large.csv") == said


def test_parquet_faults_are_told_by_row(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": ["a", None, "c"], "dose": [1.0, None, float("nan")]}), path)
    assert problems(path, VALUES) == (
        "1 row without content: delete what is empty\n      row 2",
        "1 missing value: every row needs a finite number\n      row 3, id 'c', column 'dose': 'nan'",
        "1 missing id: every id of the test set needs a row\n      'b'",
    )
    pq.write_table(pa.table({"id": [1.0, 2.0, 3.0], "dose": [True, False, True]}), path)
    assert problems(path, VALUES)[0] == (
        "1 id column of neither text nor whole numbers: other types change ids: store text\n      column 'id' (double)"
    )
    assert problems(path, VALUES)[1].startswith(
        "3 cells of text: a number such as 0.25 is expected\n      row 1, id None, column 'dose': 'True'"
    )
    pq.write_table(pa.table({"id": ["a", "b", "c"], "dose": [[1], [2], [3]]}), path)
    assert problems(path, VALUES) == (
        "neither text nor numbers: 'dose' (list<element: int64>); store ids as text and predictions as float64",
    )
    pq.write_table(pa.table({"dose": [1.0, 2.0, 3.0], "__index_level_0__": ["a", "b", "c"]}), path)
    assert problems(path, VALUES) == (
        "1 column without a name: if it holds the ids, name it 'id' (pandas: index_label='id')\n      column number 2: '__index_level_0__'",
    )


# Laws

CELLS_OF_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
NASTY = st.sampled_from(["007", "7", "1.0", " a", "a ", "NA", "null", "nan", '"', "\r", "x,y", "\n"])
IDS = st.lists(CELLS_OF_TEXT | NASTY, min_size=1, max_size=6, unique=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back_bit_for_bit_however_it_is_laid_out(place: Path, data: st.DataObject) -> None:
    ids = data.draw(IDS)
    names = data.draw(st.lists(CELLS_OF_TEXT.filter(lambda t: bool(t.strip()) and "\0" not in t), min_size=3, max_size=5, unique=True))
    form = Form(ids, names[0], names[1], tuple(names[2:]), "scores")
    expected = np.array(data.draw(st.lists(FINITE, min_size=len(ids) * len(form.classes), max_size=len(ids) * len(form.classes))))
    expected = expected.reshape(len(ids), -1)
    order = data.draw(st.permutations(range(len(ids))))
    path = place / "law.csv"
    write(path, form, expected[order], [ids[i] for i in order])
    assert identical(read(path, form).prediction, expected)

    columns = data.draw(st.permutations(range(1 + len(form.classes))))
    with path.open(newline="", encoding="utf-8") as file:
        table = [[row[c] for c in columns] for row in csv.reader(file)]
    out = io.StringIO()
    # csv.writer leaves a lone CR unquoted where lines do not end in one
    if data.draw(st.booleans()):
        csv.writer(out, lineterminator="\r\n").writerows(table)
    else:
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator=data.draw(st.sampled_from(["\n", "\r\n"]))).writerows(table)
    content = (data.draw(st.sampled_from(["", "\ufeff"])) + out.getvalue()).encode()
    assert identical(read(put(place, content, "again.csv"), form).prediction, expected)
    assert identical(read(put(place, gzip.compress(content), "again.csv.gz"), form).prediction, expected)
    assert identical(diagnose(content, "", form), expected)
    parquet = {names[0]: [ids[i] for i in order], **{c: expected[order, k] for k, c in enumerate(form.classes)}}
    pq.write_table(pa.table({n: parquet[n] for n in ([names[0], *form.classes][c] for c in columns)}), place / "again.parquet")
    assert identical(read(place / "again.parquet", form).prediction, expected)


@settings(max_examples=300, deadline=None)
@given(spelling=st.from_regex(r"[ \t]{0,2}[+-]?([0-9]{1,25}\.?[0-9]{0,25}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?[ \t]{0,2}", fullmatch=True))
def test_a_number_is_what_python_reads_in_it(place: Path, spelling: str) -> None:
    form = Form(("a",), "id", "dose", reads="values")
    path = put(place, f"id,dose\na,{spelling}\n", "number.csv")
    if np.isfinite(float(spelling)):
        assert identical(read(path, form).prediction, np.array([float(spelling)]))
    else:
        assert "infinite value" in problems(path, form)[0]


def reference(content: bytes, form: Form, labels: bool) -> list[list[float]] | None:
    """The rules once more, as plainly as possible; None for what must be refused."""
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode()
        table = [r for r in csv.reader(io.StringIO(text, newline=""), strict=True) if "".join(r).strip() or len(r) > 1]
    except (UnicodeDecodeError, csv.Error):
        return None
    names = ["region"] if labels else list(CLASSES)
    if not table or sorted(table[0]) != sorted(["id", *names]) or any(len(r) != len(table[0]) for r in table):
        return None
    found = [dict(zip(table[0], r, strict=True)) for r in table[1:]]
    if sorted(r["id"] for r in found) != sorted(form.ids):
        return None
    if labels:
        if any(r["region"] not in CLASSES for r in found):
            return None
        numbers = {r["id"]: [float(c == r["region"]) for c in CLASSES] for r in found}
    else:
        plain = re.compile(r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*")
        if any(not plain.fullmatch(r[c]) for r in found for c in names):
            return None
        numbers = {r["id"]: [float(r[c]) for c in names] for r in found}
    if form.reads == "scores":
        sound = all(abs(v) <= 1.8e308 and v - v == 0 for r in numbers.values() for v in r)
    else:
        sound = all(0 <= v <= 1 for r in numbers.values() for v in r) and all(sum(r) > 0 for r in numbers.values())
    return [numbers[i] for i in form.ids] if sound else None


TOKENS = [b'"', b'""', b",", b"\n", b"\r", b"\r\n", b" ", b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b";", b"a", b"b", b"-", b"+", b".", b"e", b"e9", b"1", b"0",
          b"_", b"nan", b"inf", b"NA", b"%", b"=", b"0x1", "\u0661".encode(), "é".encode(), b"Cortex", b"Amygdala", b"id", b"\x1a", b"a,0.5,0.5\n"]  # fmt: skip


HARMLESS = [b" 1", b"0.5", b"5e-1", b"+.5", b"1.", b'"0"', b"1\t", b"00.50", b"1E-400", b"-0"]


def mutated(content: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 6])):
        at, length = rng.randrange(len(content) + 1), rng.choice([0, 0, 1, 1, 2, 8])
        match rng.randrange(5):
            case 0 | 1:
                content = content[:at] + rng.choice(TOKENS) + content[at + length :]
            case 2:
                content = content[:at] + bytes([rng.randrange(256)]) + content[at + length :]
            case 3:
                head, *lines = re.split(rb"(?<=\n)", content)
                content = b"".join([head, *rng.sample(lines, len(lines) - (rng.random() < 0.1 and len(lines) > 0))])
            case _:
                cells = re.split(rb"([,\r\n]+)", content)
                cells[rng.randrange(0, len(cells), 2)] = rng.choice(HARMLESS if rng.random() < 0.7 else [*TOKENS, *cells])
                content = b"".join(cells)
    return content


def seeds() -> Iterable[tuple[bytes, Form, bool]]:
    labelled = b"id,region\na,Cortex\nb,Amygdala\nc,Cortex\n"
    plain = SOUND.encode()
    for form, content in itertools.product(
        (FORM, LABELS, SCORES), (plain, plain.replace(b"\n", b"\r\n"), re.sub(rb"[^,\n]+", rb'"\g<0>"', plain))
    ):
        yield content, form, False
    yield labelled, LABELS, True


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_mutated_files_fare_as_in_the_slow_reference(tmp_path: Path, suffix: str) -> None:
    rng = random.Random(suffix)
    sound, fates = list(seeds()), {True: 0, False: 0}
    for _ in range(1500):
        content, form, labels = rng.choice(sound)
        content = mutated(content, rng)
        if content.startswith((b"\x1f\x8b", b"PAR1", b"PK\3\4", b"\xff\xfe", b"\xfe\xff")):
            continue
        expected = reference(content, form, labels)
        path = put(tmp_path, gzip.compress(content, mtime=0) if suffix == ".csv.gz" else content, "p" + suffix)
        fates[expected is not None] += 1
        if expected is None:
            assert problems(path, form), content
        else:
            assert identical(read(path, form).prediction, np.array(expected)), content
    assert min(fates.values()) > 100


def test_mutated_parquet_files_are_read_right_or_refused(tmp_path: Path) -> None:
    rng = random.Random(0)
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": ["a", "b", "c"], "dose": [1.0, 2.0, 3.0]}), path)
    whole = path.read_bytes()
    for _ in range(300):
        bent = bytearray(whole)
        for _ in range(rng.choice([1, 2, 5])):
            bent[rng.randrange(len(bent))] = rng.randrange(256)
        path.write_bytes(bent[: rng.choice([len(bent), len(bent), rng.randrange(len(bent))])])
        try:
            prediction = read(path, VALUES).prediction
        except InvalidSubmission:
            continue
        assert prediction.shape == (3,)
        assert np.isfinite(prediction).all()


# Writing


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "before")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write(path, FORM, np.array(SOUND_ROWS), ["a", "b", "c"])
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["predictions.csv"]


def test_a_plain_file_is_written_plainly(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", FORM, np.array([[0.1, 0.9], [1 / 3, 2 / 3], [1, 0]]), ["c", "a", "b"])
    assert (tmp_path / "p.csv").read_text() == "id,Amygdala,Cortex\nc,0.1,0.9\na,0.3333333333333333,0.6666666666666666\nb,1,0\n"
    write(tmp_path / "p.csv", VALUES, np.array([1.5, -2]), ["x,y", "z"])
    assert (tmp_path / "p.csv").read_text() == 'id,dose\n"x,y",1.5\n"z",-2\n'


def test_predictions_of_another_shape_are_a_bug(tmp_path: Path) -> None:
    for form, prediction in ((FORM, np.zeros((2, 3))), (FORM, np.zeros(6)), (VALUES, np.zeros((3, 1)))):
        with pytest.raises(ValueError, match="the predictions have shape"):
            write(tmp_path / "p.csv", form, prediction, ["a", "b", "c"])
    assert not (tmp_path / "p.csv").exists()


def test_what_a_model_got_wrong_is_written_down_and_then_refused(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", FORM, np.array([[np.nan, 1], [np.inf, 0], [-0.5, 1]]), ["a", "b", "c"])
    said = problems(tmp_path / "p.csv")
    assert [p.partition(":")[0] for p in said] == ["1 missing value", "1 infinite value", "1 probability below 0"]


# Files of unknown form


@pytest.mark.parametrize("odd", ["", "\r", "  \n"])
def test_columns_of_any_file_are_read_as_text(tmp_path: Path, odd: str) -> None:
    content = 'name, Usage ,x\n007,Public,1.0\n" a",,NA\n' + odd
    expected = {"name": ["007", " a"], " Usage ": ["Public", ""], "x": ["1.0", "NA"]}
    assert read_columns(put(tmp_path, content)).to_pydict() == expected
    assert read_columns(put(tmp_path, gzip.compress(content.encode()), "p.csv.gz")).to_pydict() == expected


def test_columns_of_parquet_are_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": [7, 8], "x": pa.array([0.1, None], pa.float32()), "label": ["a", ""]}), path)
    assert read_columns(path).to_pydict() == {"id": ["7", "8"], "x": [repr(float(np.float32(0.1))), ""], "label": ["a", ""]}
    for table, said in ((pa.table({"id": ["a"]}), "a single column"), (pa.table({"id": [], "x": []}), "a header but no rows")):
        pq.write_table(table, path)
        with pytest.raises(InvalidSubmission, match=said):
            read_columns(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ["the file is empty: it needs a header and one line per row"]),
        ("id,x\n", ["the file has a header but no rows"]),
        ("id\n1\n", ["the file has a single column: separate columns by commas"]),
        ("id;x\n1;2\n", ["1 wrong delimiter: the columns are separated by semicolons: separate them by commas\n      in the first line"]),
        ("id,x,x\n1,2,3\n", ["1 duplicate column: keep one of them\n      column 'x' is number 2 and number 3"]),
        (
            "Unnamed: 0,id,x\n0,1,2\n",
            ["1 column without a name: a pandas index or a comma too many: write with index=False\n      column number 1: 'Unnamed: 0'"],
        ),
        ("id,x\n1\n", ["1 row with too few cells: every row needs one cell per column of the header\n      line 2: 1 cells, 2 expected"]),
        (
            "id,x\n1,2,3\n",
            ["1 row with too many cells: is there a decimal comma, or a comma in an unquoted cell?\n      line 2: 3 cells, 2 expected"],
        ),
        (
            b"id,x\n1,\xe9\n",
            ["1 byte that cannot be UTF-8: save the file as UTF-8; it may be Latin-1 now\n      line 2, byte offset 7: 0xE9"],
        ),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: str | bytes, said: list[str]) -> None:
    with pytest.raises(InvalidSubmission) as caught:
        read_columns(put(tmp_path, content))
    assert list(caught.value.problems) == said


def test_a_long_header_is_never_cut(tmp_path: Path) -> None:
    names = [f"column-{i:06}" for i in range(6000)]
    path = put(tmp_path, ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    assert read_columns(path).column_names == names


def test_the_kaggle_solution_of_the_msk_task_is_read(real_data: Path) -> None:
    table = read_columns(real_data / "variant-class" / "msk" / "stage1_solution_filtered.csv")
    assert table.num_rows == 368
    assert table.column_names == ["ID", *(f"class{k}" for k in range(1, 10))]


def test_predictions_for_the_real_samples_come_back_bit_for_bit(real_data: Path, tmp_path: Path) -> None:
    labels = read_columns(real_data / "brain-region" / "gtex-v8" / "labels.csv")
    classes = tuple(sorted(set(labels["SMTSD"].to_pylist())))
    form = Form(labels["SAMPID"].combine_chunks(), "SAMPID", "SMTSD", classes, "labels")
    expected = np.random.default_rng(0).dirichlet(np.ones(len(classes)), len(form.ids))
    order = np.random.default_rng(1).permutation(len(form.ids))
    write(tmp_path / "p.csv", form, expected[order], form.id_array.take(pa.array(order)))
    given = read(tmp_path / "p.csv", form)
    assert identical(given.prediction, expected)
    assert given.notes == ()


def test_the_real_labels_are_a_perfect_submission_of_labels(real_data: Path, tmp_path: Path) -> None:
    labels = read_columns(real_data / "brain-region" / "gtex-v8" / "labels.csv")
    classes = tuple(sorted(set(labels["SMTSD"].to_pylist())))
    form = Form(labels["SAMPID"].combine_chunks(), "SAMPID", "SMTSD", classes, "labels")
    pyarrow.csv.write_csv(labels.select(["SMTSD", "SAMPID"]), tmp_path / "p.csv")
    prediction = read(tmp_path / "p.csv", form).prediction
    assert [classes[k] for k in prediction.argmax(axis=1)] == labels["SMTSD"].to_pylist()
    assert (prediction.sum(axis=1) == 1).all()


@pytest.mark.parametrize("cell", ["1.5", "-0.25", "nan", "inf", ""])
@pytest.mark.parametrize("row", [0, 40_000])
def test_one_bad_cell_among_many_pieces_is_found(tmp_path: Path, row: int, cell: str) -> None:
    form = Form([f"r{k}" for k in range(50_000)], "id", "label", ("a", "b"))
    lines = [f"r{k},0.25,0.75" for k in reversed(range(50_000))]
    assert read(put(tmp_path, "\n".join(["id,a,b", *lines, ""])), form).prediction.tolist()[7] == [0.25, 0.75]
    lines[row] = lines[row].replace("0.75", cell)
    with pytest.raises(InvalidSubmission, match=f"r{49_999 - row}'"):
        read(put(tmp_path, "\n".join(["id,a,b", *lines, ""])), form)
