"""Mutations: what happens to a table on its way: bytes that flip, cells that a spreadsheet changed, rows and columns that got lost."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Sequence

from hypothesis import strategies as st

Cells = list[list[str]]

NUMBERS = (
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "1e999",
    "-1e999",
    "1e-400",
    "-0",
    "-0.0",
    "0x10",
    "1_000",
    "1,5",
    "1.000,5",
    "1,000",
    "50%",
)
NUMBERS += (
    "+1",
    "1.",
    ".5",
    "-1",
    "2",
    "1e0",
    "1e5",
    "0.5f",
    "1d0",
    " 0.5",
    "0.5 ",
    "\t0.5",
    "0.5\xa0",
    "1" * 400,
    "0." + "3" * 400,
    "9" * 5000,
)
NUMBERS += (
    "\u0661",
    "½",
    "²",
    "0.\u0665",
    "Ⅷ",
    "--1",
    "1e",
    "e1",
    ".",
    "-",
    "+",
    "True",
    "None",
    "NA",
    "null",
    "4294967296",
    "9223372036854775808",
    "3e38",
    "1e300",
)
TEXTS = (
    "",
    " ",
    '"',
    '""',
    '"a',
    'a"b',
    "\x00",
    "\ufeff",
    "\u202e",
    "é",
    "=cmd|' /C calc'!A0",
    "#",
    "a\nb",
    "a\rb",
    "a,b",
    "a\tb",
    "||",
    "\x1b[31m",
    "x" * 70_000,
)
BYTES = (
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xe9",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n",
    b'"',
    b",",
    b"\t",
    b";",
    b" ",
    b"|",
    b"\x1a",
    b"\x1f\x8b",
)
BYTES += (
    b"'",
    b"#",
    b"=",
    b"-",
    b"9",
    b"\x85",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\x0b",
    b"\x0c",
    b"[",
    b"]",
    b"\xfe\xff",
    b"PK\x03\x04",
    b"PAR1",
)

place = st.integers(0, 1 << 20)
cell = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.floats().map(repr), st.text(max_size=5))
byte_step = st.tuples(
    st.sampled_from(("flip", "delete", "insert", "double", "cut", "move", "behead")), place, st.integers(1, 40), st.sampled_from(BYTES)
)
table_step = st.tuples(
    st.sampled_from(
        ["cell"] * 3
        + ["drop row", "double row", "swap rows", "empty row", "append cell", "lose cell"]
        + ["drop column", "double column", "swap columns", "extra column", "rename column", "drop header"]
    ),
    place,
    place,
    cell,
)


def damaged(content: bytes, step: tuple[str, int, int, bytes]) -> bytes:
    """Return the bytes with something done to them at one place."""
    how, at, length, piece = step
    at %= len(content) + 1
    head, span, tail = content[:at], content[at : at + length], content[at + length :]
    if how == "flip":
        return head + bytes(b ^ (1 << length % 8) for b in span[:1]) + span[1:] + tail
    if how == "insert":
        return head + piece + span + tail
    if how == "move":
        return head + tail[: length * 3] + span + tail[length * 3 :]
    return {"delete": head + tail, "double": head + span + span + tail, "cut": head, "behead": span + tail}[how]


def changed(rows: Cells, step: tuple[str, int, int, str]) -> Cells:
    """Return the table, a header and rows, with one cell, row or column changed."""
    how, i, j, text = step
    made = [list(row) for row in rows]
    if not made or not made[0]:
        return made
    i, j = i % len(made), j % len(made[0])
    other = (i + 1 + j) % len(made)
    if how == "cell" and j < len(made[i]):
        made[i][j] = text
    elif how == "drop row":
        del made[i]
    elif how == "double row":
        made.insert(other, list(made[i]))
    elif how == "swap rows":
        made[i], made[other] = made[other], made[i]
    elif how == "empty row":
        made.insert(i, [])
    elif how == "append cell":
        made[i].append(text)
    elif how == "lose cell":
        made[i] = made[i][:-1]
    elif how == "drop column":
        made = [row[:j] + row[j + 1 :] for row in made]
    elif how == "double column":
        made = [row + row[j : j + 1] for row in made]
    elif how == "swap columns":
        made = [[*row[j:], *row[:j]] for row in made]
    elif how == "extra column":
        made = [[*row, text if n == 0 else "1"] for n, row in enumerate(made)]
    elif how == "rename column":
        made[0][j] = text
    elif how == "drop header":
        del made[0]
    return made


@st.composite
def mutated_table(draw: st.DrawFn, rows: Cells, delimiter: str = ",", quoting: bool = True) -> bytes:
    """Return the bytes of a table in which at least one thing is not as it was."""
    steps = draw(st.lists(table_step, max_size=2))
    made = rows
    for step in steps:
        made = changed(made, step)
    newline = draw(st.sampled_from(("\n", "\n", "\n", "\r\n", "\r")))

    def written(text: str) -> str:
        quoted = quoting and any(c in text for c in (delimiter, '"', "\n", "\r"))
        return '"' + text.replace('"', '""') + '"' if quoted else text

    text = "".join(delimiter.join(map(written, row)) + newline for row in made)
    return draw(mutated_bytes(text.encode("utf-8", "surrogatepass"), least=0 if steps else 1))


@st.composite
def mutated_bytes(draw: st.DrawFn, content: bytes, least: int = 1) -> bytes:
    """Return the bytes with up to two places damaged."""
    for step in draw(st.lists(byte_step, min_size=least, max_size=2)):
        content = damaged(content, step)
    return content


def zipped(content: bytes, names: Sequence[str] = ("inside.csv",)) -> bytes:
    """Return a zip archive in which every name holds the same content."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return packed.getvalue()


def packings(plain: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return content as it is, gzipped, zipped; and packed content that was damaged."""
    gzipped, archived = plain.map(lambda c: gzip.compress(c, mtime=0)), plain.map(zipped)
    return st.one_of(plain, plain, plain, gzipped, archived, st.one_of(gzipped, archived).flatmap(mutated_bytes))
