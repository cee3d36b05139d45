"""Lease: a temporary folder that is known to be somebody's for as long as its process lives, however that ends."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUFFIX, PART = ".lease", ".part"
OURS = re.compile(r"\..+-[0-9a-f]{12}\.part")
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def held(path: Path, stays: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold the lease at `path`, a file that is made for it and gone afterwards; the system lets go of it with this process.

    One that `stays` tells whoever comes next that something is left to be ended.
    """
    while True:
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_EX)
        # whoever cleans up may have taken it away between these two steps
        if _is(path, file.fileno()):
            break
        file.close()
    try:
        yield
    finally:
        if not stays():
            path.unlink(missing_ok=True)
        file.close()


@contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Tell whether the lease at `path` is nobody's any more; until this ends nobody else is told so, and then it is gone."""
    try:
        file = path.open("a" if path.exists() else "r")
    except OSError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        mine = _is(path, file.fileno())
        yield mine
        if mine:
            path.unlink(missing_ok=True)


@contextmanager
def temporary(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a new folder in `parent`, this user's alone; whatever is left of it afterwards is removed, by the next one if not by us."""
    sweep(parent, prefix)
    folder = parent / f"{prefix}{secrets.token_hex(6)}"
    with held(lease_of(folder)):
        folder.mkdir(mode=0o700)
        try:
            with naming(parent):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def part(path: Path) -> Iterator[Path]:
    """Give a new file beside `path` that takes its place when all went well, and is gone otherwise."""
    clear_parts(path.parent)
    new = path.with_name(f".{path.name}-{secrets.token_hex(6)}{PART}")
    with held(new):
        with naming(path):
            yield new
        os.replace(new, path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an error that says of no file that its disk is full, as those of writing do, say so of `path`."""
    try:
        yield
    except OSError as error:
        # NumPy tells of it in words alone
        if error.filename is None and (error.errno in FULL or "requested and" in str(error)):
            number = error.errno or errno.ENOSPC
            raise OSError(number, os.strerror(number), str(path)) from error
        raise


def clear_parts(folder: Path) -> None:
    """Remove the files that `part` made in a folder for processes which are gone."""
    for left in folder.glob(f".*{PART}"):
        # another program's may be called nearly so
        if OURS.fullmatch(left.name):
            with suppress(OSError), abandoned(left):
                pass


def sweep(parent: Path, prefix: str) -> None:
    """Remove the folders that `temporary` made for processes which are gone."""
    for lease in parent.glob(f"{prefix}*{SUFFIX}"):
        # another user's, or it is gone by now
        with suppress(OSError), abandoned(lease) as nobodys:
            if nobodys:
                shutil.rmtree(lease.with_suffix(""), ignore_errors=True)


def lease_of(folder: Path) -> Path:
    """Return the lease that stands beside a folder."""
    return folder.with_name(folder.name + SUFFIX)


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
