"""Supervision: a child started, handed the test features once it has fitted, watched, and ended with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import keeper, worker
from .isolation import Limits, peak_memory, resident

Stream = Callable[[str], None]
Overrun = Literal["", "timeout", "memory", "disk"]
# seconds that a child which has answered is given to end; a thread that it left running would hold it for ever
GRACE = 10.0
# seconds that the keeper is given to leave nothing
CLEANING = keeper.PATIENCE + 5.0
POLL = 0.1
# looking at its processes takes this share of the time at most, unless they are not looked at for so many seconds
WATCHING, LONGEST_LOOK = 0.01, 0.5
DISK_POLL = 0.5
LONGEST = 1 << 16  # bytes of a line that a child says
ENTRY = 4096  # bytes that a name costs, so that empty files are not free


@dataclass(frozen=True)
class Ending:
    """How a child went.

    Parameters
    ----------
    status : exit status, as `subprocess` tells it.
    overran : which limit, if any.
    peak, seconds : bytes, and wall time.
    said_from : where its part of the log begins.
    lacks : what it was not kept from, in its own words before any of the model's code ran; None where it did not come so far.
    """

    status: int
    overran: Overrun
    peak: int
    seconds: float
    said_from: int
    lacks: tuple[str, ...] | None = None


def supervise(
    folder: Path, environment: Mapping[str, str], limits: Limits, fitted: Callable[[], None], log: Path, stream: Stream | None
) -> Ending:
    """Run the worker on the job folder `folder`; call `fitted` when it has fitted. Whatever it started is gone when this returns."""
    hear, tell = os.pipe()
    writable = [folder / name for name in worker.WRITABLE]
    with log.open("ab") as out, log.open("rb") as tail:
        said_from, start = tail.seek(0, os.SEEK_END), time.monotonic()
        child = subprocess.Popen(
            # unbuffered: what it printed is in the log even if it is killed; faulthandler: a crash tells where it was
            [sys.executable, "-P", "-u", "-X", "faulthandler", "-m", "genoboard.worker", str(folder), str(tell)],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder / "scratch",
            env=environment,
            pass_fds=(tell,),
            start_new_session=True,
        )
        os.close(tell)
        ended = _watched(child.pid)
        overran: Overrun = ""
        heard, lacks = b"", None
        deadline, peak, used, look_due, disk_due = start + limits.seconds, 0, 0, start, start + DISK_POLL
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(hear, selectors.EVENT_READ)
                if ended is not None:
                    selector.register(ended, selectors.EVENT_READ)
                while True:
                    ready = {key.fd for key, _ in selector.select(timeout=POLL)}
                    now = time.monotonic()
                    if now >= look_due:
                        used = _used(child.pid)
                        peak, looked = max(peak, used), time.monotonic()
                        # a limit is to be met before it is passed by much
                        look_due = looked + min((looked - now) / WATCHING, LONGEST_LOOK) * (limits.memory is None)
                    if stream is not None:
                        stream(tail.read().decode(errors="replace"))
                    if hear in ready:
                        said = os.read(hear, 1 << 16)
                        heard += said
                        *lines, heard = heard.split(b"\n")
                        if lacks is None and lines:
                            lacks = tuple(json.loads(lines.pop(0)))
                        if lines == [worker.FITTED]:
                            fitted()
                            assert child.stdin is not None
                            with contextlib.suppress(BrokenPipeError):
                                child.stdin.write(b"predict\n")
                                child.stdin.flush()
                        elif lines or not said or len(heard) > LONGEST:
                            break
                    if ended in ready or (ended is None and child.poll() is not None):
                        break
                    if now > deadline:
                        overran = "timeout"
                    elif limits.memory is not None and used > limits.memory and _used(child.pid, exactly=True) > limits.memory:
                        overran = "memory"
                    elif now > disk_due:
                        overran = "disk" if written(writable, limits.disk) > limits.disk else ""
                        disk_due = time.monotonic() + DISK_POLL
                    if overran:
                        break
            if not overran:
                _await_end(child, ended, GRACE)
        finally:
            status = _end(child)
            for descriptor in (hear, ended):
                if descriptor is not None:
                    os.close(descriptor)
            if child.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    child.stdin.close()
            if stream is not None:
                stream(tail.read().decode(errors="replace"))
    return Ending(status, overran, peak, time.monotonic() - start, said_from, lacks)


def _watched(process: int) -> int | None:
    """Return a descriptor that is readable when a process has ended; None where the kernel offers none.

    `Popen.poll` tells it as well. But a Ctrl-C that meets it where it has taken its lock, and not yet what gives that back, leaves the
    lock taken for good, and whoever waits next waits for ever.
    """
    with contextlib.suppress(AttributeError, OSError):
        return os.pidfd_open(process)
    return None


def _await_end(child: subprocess.Popen[bytes], ended: int | None, seconds: float) -> None:
    """Wait for a child's end, but no longer: the kernel tells it, where `Popen.wait` looks every 50 ms."""
    if ended is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=seconds)
        return
    with selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        selector.select(seconds)


def _end(child: subprocess.Popen[bytes]) -> int:
    """End the keeper, which ends all others first; return its status."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=CLEANING)
    # where there is no keeper, or it was killed: what stayed in its session
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def _used(pid: int, exactly: bool = False) -> int:
    """Return the bytes that a keeper's processes hold: pages that several share count for each, unless `exactly`."""
    processes = keeper.descendants(pid) if sys.platform == "linux" else {pid}
    return max(sum(resident(p, exactly) for p in processes), max(map(peak_memory, processes), default=0) if not exactly else 0)


def written(folders: list[Path], enough: int) -> int:
    """Return the bytes that files in `folders` take up on the disk, counted no further than past `enough`."""
    total, seen = 0, set()
    waiting = [str(f) for f in folders]
    while waiting and total <= enough:
        # a folder may be gone by the time it is looked at
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    about = entry.stat(follow_symlinks=False)
                    if (about.st_dev, about.st_ino) not in seen:
                        seen.add((about.st_dev, about.st_ino))
                        total += about.st_blocks * 512 + ENTRY
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total
