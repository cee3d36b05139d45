"""Texts: the file of clinical texts, one row ``ID||Text`` a line, read as a stream; a text that several rows share is held once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from genoboard import DataError

from ..packed import lines

HEADER = ("id,text", "id||text")
MARK = "||"
EMPTY = (b"", b"null")


def read_texts(path: Path, wanted: Sequence[int], known: Iterable[int]) -> tuple[list[bytes], list[str]]:
    """Read the texts of the rows that are `wanted`; `known` are the ids that the table of variants has.

    Returns
    -------
    The wanted texts (UTF-8) in the order of `wanted`, empty where the file has none (its row is missing, empty or the word null); and notes that count those.

    Raises
    ------
    DataError
        Where the header is missing, a line does not begin with ``ID||``, an id occurs twice, or none of the wanted rows is there.
    """
    keep = set(wanted)
    found: dict[int, bytes] = {}
    at: dict[int, int] = {}
    once: dict[bytes, bytes] = {}
    empty = []
    # closed at once where a line is refused
    with closing(lines(path)) as rows:
        for number, line in enumerate(rows, start=1):
            if number == 1:
                _check_header(path, line)
                continue
            if not line.strip():
                continue
            head, mark, text = line.partition(MARK)
            # a number that no file of the competition counts up to is no ID either
            if not mark or not (head.strip().isascii() and head.strip().isdigit() and len(head) < 19):
                raise _wrong_delimiter(path, number, line)
            key = int(head)
            if key in at:
                raise DataError(
                    f"{path}, line {number}: ID {key} stands on line {at[key]} already. Every ID may occur once; remove the other row."
                )
            at[key] = number
            if key not in keep:
                continue
            # Python spends two bytes on every letter of a text with an alpha in it; UTF-8 one
            raw = text.strip().encode()
            if raw in EMPTY:
                empty.append(key)
                raw = b""
            found[key] = once.setdefault(raw, raw)
    if not at:
        raise DataError(f"{path} holds no text. Its first line is the header ID,Text, each other line a row ID||Text.")
    if keep and not found:
        raise DataError(
            f"{path} has no text for any of the {len(keep):,} variants: it belongs to another table. Give the text file of these variants."
        )
    missing = sorted(keep - set(found))
    strange = sorted(set(at) - set(known))
    notes = []
    if empty:
        notes.append(
            f"{path.name}: {len(empty):,} of {len(found):,} texts are empty or the word null, and count as none (ID {_some(empty)})."
        )
    if missing:
        notes.append(f"{path.name}: {len(missing):,} variants have no row in it, and come in without text (ID {_some(missing)}).")
    if strange:
        notes.append(f"{path.name}: {len(strange):,} rows belong to no variant, and are left out (ID {_some(strange)}).")
    return [found.get(k, b"") for k in wanted], notes


def _check_header(path: Path, line: str) -> None:
    if line.strip().casefold() in HEADER:
        return
    if re.match(r"\s*\d+\s*\|\|", line):
        raise DataError(f"{path}, line 1 is a row, {line.strip()[:40]!r}: the header is missing. Put the line ID,Text in front of it.")
    raise DataError(
        f"{path}, line 1 is {line.strip()[:40]!r}, where the text file has the header ID,Text. Give the competition's text file."
    )


def _wrong_delimiter(path: Path, number: int, line: str) -> DataError:
    start = line[:40].rstrip("\r\n")
    other = re.match(r"\s*\d+([^\d\r\n])", line)
    fault = f"an ID followed by {other[1]!r} instead of {MARK!r}" if other else f"no row: it does not begin with an ID and {MARK!r}"
    return DataError(
        f"{path}, line {number} is {fault}: {start!r}. Write one row ID{MARK}Text on every line, and no line break inside a text."
    )


def _some(ids: Iterable[int], most: int = 5) -> str:
    ordered = sorted(ids)
    return ", ".join(map(str, ordered[:most])) + (f" and {len(ordered) - most:,} more" if len(ordered) > most else "")
