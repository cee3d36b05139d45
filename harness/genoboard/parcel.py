"""Parcel: a folder as bytes, and back: regular files of the names expected, and nothing else, whoever packed it."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

from .errors import DataError

MOST_FILES = 10_000


def pack(folder: Path) -> bytes:
    """Return the regular files beneath a folder, links left out."""
    buffer = io.BytesIO()
    # not compressed: what lies in it mostly is, and what is unpacked is never more than what was sent
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                tar.add(path, str(path.relative_to(folder)), recursive=False)
    return buffer.getvalue()


def unpack(parcel: bytes, folder: Path, expected: str) -> None:
    """Write a parcel's files to a folder.

    Raise `DataError`, before anything is written, where one of them is no regular file, or its path does not match the pattern `expected`.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(parcel), mode="r:") as tar:
            members = tar.getmembers()
            for member in members:
                # a sparse file is larger than what was sent of it
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse() or not re.fullmatch(expected, member.name):
                    raise DataError(f"A parcel held {member.name!r}, which is not expected in it.")
            if len(members) > MOST_FILES or len({m.name for m in members}) < len(members):
                raise DataError(f"A parcel held {len(members)} files, more than {MOST_FILES} or some of them twice.")
            tar.extractall(folder, members, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"A parcel cannot be read: {error}.") from error
