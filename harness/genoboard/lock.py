"""Lock: one process at a time; the system releases it when that process ends, however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DataError

MEND = "Make it writable, or choose another workspace with --workspace or GENOBOARD_WORKSPACE."


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold the lock at `path`, an empty file that stays; the value tells whether it is held, and is False only without `wait`.

    Threads of one process are kept apart, too. It is not to be asked for by who holds it already.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}). {MEND}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            raise DataError(f"{path} cannot be locked: its file system has no locks ({error.strerror}). {MEND}") from error
        yield True
