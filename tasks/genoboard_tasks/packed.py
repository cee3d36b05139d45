"""Packed: a file plain, zipped or gzipped, told apart by its first bytes; as lines of text, or as a stream that ends before memory does."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import sys
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from genoboard import DataError

GZIP, SEVEN = b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c"
# an archive of something, and one of nothing
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# what the standard library's readers of gzip and zip raise at damaged bytes
DAMAGE = (
    *(OSError, EOFError, zlib.error, lzma.LZMAError, struct.error, zipfile.BadZipFile, zipfile.LargeZipFile),
    *(RuntimeError, NotImplementedError, ValueError, IndexError, OverflowError),
)
# Tables of numbers and prose are packed to a third or a tenth; a file of nothing but zeros to a thousandth.
RATIO, ALWAYS = 200, 256 << 20
# the longest text of the competition has half a megabyte, the longest line of a matrix some megabytes
LONGEST = 64 << 20


class Bounded(io.RawIOBase):
    """A stream of a packed file, which raises `DataError` once it gives many times what lies on disk."""

    def __init__(self, stream: Any, path: Path) -> None:
        self.stream, self.path = stream, path
        self.most = self.left = max(ALWAYS, RATIO * path.stat().st_size)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer."""
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def read(self, size: int = -1) -> bytes:
        """Return bytes, or raise."""
        found: bytes = self.stream.read(self.left + 1 if size < 0 else min(size, self.left + 1))
        self.left -= len(found)
        if self.left < 0:
            raise DataError(
                f"{self.path} unpacks to over {self.most >> 20:,} MiB, {RATIO} times its size or more, and was not read further: it may be made to "
                "fill memory. If it is what it should be, unpack it yourself and give the unpacked file."
            )
        return found


def lines(path: Path, errors: str = "strict") -> Generator[str, None, None]:
    """Give the lines of a UTF-8 file as they stand, one at a time; on a terminal a bar tells how far it is.

    `errors` may be ``"replace"``, where no byte of what is asked for can be wrong.

    Raises
    ------
    DataError
        Where the file is damaged, holds several files, is packed in a way that is not read, or holds a byte that is not UTF-8.
    """
    try:
        with opened(path) as (stream, size), tqdm(total=size, unit="B", unit_scale=True, desc=path.name, delay=1, disable=_silent()) as bar:
            before = 0
            for number, line in enumerate(ended(stream, path), start=1):
                try:
                    # the mark that some editors put in front of a file is no part of its first line
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8", errors)
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{path}, line {number}, byte {error.start + 1} of the line (byte {before + error.start + 1} of the text) is "
                        f"0x{line[error.start]:02x}, which is not UTF-8 there. Get the file again, or save it as UTF-8."
                    ) from error
                before += len(line)
                bar.update(len(line))
    except DAMAGE as error:
        raise damaged(path, error) from error


def ended(stream: io.BufferedIOBase, path: Path) -> Iterator[bytes]:
    """Give a stream's lines; raise `DataError` at one that does not end."""
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        if len(line) == LONGEST:
            raise too_long(path, number)
        yield line


def damaged(path: Path, error: Exception) -> DataError:
    """Return what is said of a file that breaks off while it is read."""
    return DataError(f"{path} cannot be read to its end: {error}. Get the file again, or unpack it yourself.")


def too_long(path: Path, number: int, longest: int = LONGEST) -> DataError:
    """Return what is said of a line without end."""
    return DataError(
        f"{path}, line {number} has over {longest >> 20} MiB and no end. It has lost its line ends, or is no text; get the file again."
    )


def _silent() -> bool:
    return not sys.stderr.isatty()


@contextmanager
def opened(path: Path) -> Iterator[tuple[io.BufferedIOBase, int | None]]:
    """Open by the first bytes, whatever the name says; give the stream and its length in bytes, where that is known.

    The stream raises what is in `DAMAGE`, or `DataError` where it gives far more than a file of that size can hold.
    """
    if not path.is_file():
        # a pipe would be waited for, a device never ends
        raise DataError(f"{path} is not a regular file. Give a file, not a folder, a pipe or a device.")
    with path.open("rb") as raw:
        head = raw.read(6)
        raw.seek(0)
        if head.startswith(SEVEN):
            raise DataError(f"{path} is a 7-Zip archive, which is not read here. Unpack it and leave the unpacked file in its place.")
        if head.startswith(GZIP):
            with gzip.open(raw) as stream:
                yield io.BufferedReader(Bounded(stream, path), 1 << 20), None
        elif head.startswith(ZIP):
            with zipfile.ZipFile(raw) as archive, archive.open(_only_member(archive, path)) as member:
                yield io.BufferedReader(Bounded(member, path), 1 << 20), archive.getinfo(member.name).file_size
        else:
            yield raw, path.stat().st_size


def _only_member(archive: zipfile.ZipFile, path: Path) -> str:
    # a Mac adds a folder of its own to what it packs
    names = [i.filename for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX/")]
    if len(names) != 1:
        held = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        raise DataError(f"{path} holds {len(names)} files{': ' + held if names else ''}. Unpack it and give the folder.")
    return names[0]
