"""Content: the bytes of a file, unpacked by what it is, whatever it is called."""

from __future__ import annotations

import io
from pathlib import Path

from genoboard import DataError

from ..packed import DAMAGE, LONGEST, damaged, opened, too_long

BOM = b"\xef\xbb\xbf"


def unix(content: bytes) -> bytes:
    """Return a text with newlines alone between its lines, as many as there were: an old Mac has carriage returns there."""
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def read_content(path: Path) -> bytes:
    """Return what a plain or gzipped file, or the one file in a zip, holds; raise `DataError` where it is damaged, empty, or far larger than it may be."""
    held, columnar, number = io.BytesIO(), False, 1
    try:
        with opened(path) as (stream, _):
            while block := stream.read(LONGEST):
                # Parquet has no lines; a text without any is refused before all of it is in memory
                columnar |= not held.tell() and block.startswith(b"PAR1")
                if len(block) == LONGEST and not columnar and b"\n" not in block and b"\r" not in block:
                    raise too_long(path, number)
                number += block.count(b"\n")
                held.write(block)
    except DAMAGE as error:
        raise damaged(path, error) from error
    content = held.getvalue()
    # the mark that some editors put in front of a file is no part of its first line
    content = content.removeprefix(BOM)
    if not content.strip():
        raise DataError(f"{path} is empty. Get the file again.")
    return content
