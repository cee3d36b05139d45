"""Packed: one file of the competition, plain, zipped or gzipped, found by its name and read as lines of text."""

from __future__ import annotations

import gzip
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from genoboard import DataError

ENDINGS = ("", ".csv", ".txt")
PACKINGS = ("", ".zip", ".gz", ".7z")
GZIP, SEVEN = b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c"
# an archive of something, and one of nothing
ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def find(folder: Path, name: str) -> list[Path]:
    """Return the copies of an official file that a folder holds, the one to read first: plain before packed."""
    stem = name.removesuffix(".csv")
    named = [folder / f"{stem}{ending}{packing}" for packing in PACKINGS for ending in ENDINGS]
    return [p for p in named if p.is_file()]


def lines(path: Path) -> Iterator[str]:
    """Give the lines of a UTF-8 file as they stand, one at a time; on a terminal a bar tells how far it is.

    Raises
    ------
    DataError
        Where the file is damaged, holds several files, is packed in a way that is not read, or holds a byte that is not UTF-8.
    """
    try:
        with _open(path) as (stream, size), tqdm(total=size, unit="B", unit_scale=True, desc=path.name, delay=1, disable=_silent()) as bar:
            before = 0
            for number, line in enumerate(stream, start=1):
                try:
                    # the mark that some editors put in front of a file is no part of its first line
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{path}, line {number}, byte {error.start + 1} of the line (byte {before + error.start + 1} of the text) is "
                        f"0x{line[error.start]:02x}, which is not UTF-8 there. Get the file again, or save it as UTF-8."
                    ) from error
                before += len(line)
                bar.update(len(line))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path} cannot be read to its end: {error}. Get the file again, or unpack it yourself.") from error


def _silent() -> bool:
    return not sys.stderr.isatty()


@contextmanager
def _open(path: Path) -> Iterator[tuple[Iterable[bytes], int | None]]:
    """Open by the first bytes, whatever the name says; give the stream and its length in bytes, where that is known."""
    with path.open("rb") as raw:
        head = raw.read(6)
        raw.seek(0)
        if head.startswith(SEVEN):
            raise DataError(f"{path} is a 7-Zip archive, which is not read here. Unpack it and leave the unpacked file in its place.")
        if head.startswith(GZIP):
            with gzip.open(raw) as stream:
                yield stream, None
        elif head.startswith(ZIP):
            with zipfile.ZipFile(raw) as archive, archive.open(_only_member(archive, path)) as member:
                yield member, archive.getinfo(member.name).file_size
        else:
            yield raw, path.stat().st_size


def _only_member(archive: zipfile.ZipFile, path: Path) -> str:
    # a Mac adds a folder of its own to what it packs
    names = [i.filename for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX/")]
    if len(names) != 1:
        held = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        raise DataError(f"{path} holds {len(names)} files{': ' + held if names else ''}. Unpack it and give the folder.")
    return names[0]
