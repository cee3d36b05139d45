"""Content: the bytes of a file, unpacked by what it is, whatever it is called."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

from genoboard import DataError

from ..variant_class.packed import GZIP, ZIP
from .wording import some

BOM = b"\xef\xbb\xbf"


def read_content(path: Path) -> bytes:
    """Return what a plain or gzipped file, or the one file in a zip, holds; raise `DataError` where it is damaged or empty."""
    try:
        content = path.read_bytes()
        if content.startswith(GZIP):
            content = gzip.decompress(content)
        elif content.startswith(ZIP):
            content = _only_member(content, path)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path} cannot be read to its end: {error}. Get the file again, or unpack it yourself.") from error
    # the mark that some editors put in front of a file is no part of its first line
    content = content.removeprefix(BOM)
    if not content.strip():
        raise DataError(f"{path} is empty. Get the file again.")
    return content


def _only_member(content: bytes, path: Path) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        # a Mac adds a folder of its own to what it packs
        names = [i.filename for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX/")]
        if len(names) != 1:
            raise DataError(f"{path} holds {len(names)} files{': ' if names else ''}{some(names)}. Unpack it and name the one to read.")
        return archive.read(names[0])
