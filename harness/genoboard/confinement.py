"""Confinement: a worker gives up, for good, what a model has no business with; what this machine lacks for it is told."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import landlock, mounts, seccomp
from .isolation import Limits
from .syscalls import LINUX, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, capabilities, keep_capabilities, prctl

PROCESSES = 512  # processes and threads, at once
CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, SETGID, SETUID = 0, 1, 2, 6, 7  # powers of root
USERS = 1_000_000_000  # above what systems give to people
NOBODY = 65534
NONE = "no sandbox on this system"


def confine(told: Mapping[str, Any], limits: Limits, job: Path) -> list[str]:
    """Confine this process and all that it will start; return in a few words each what stays open.

    To be called by a process of one thread, before it imports anything that is not Python's own. What it may reach from then on: `told`'s
    ``reads``, ``lists`` and ``devices``, and the job folder, of which ``in`` is not its own.
    """
    limits.apply()
    if not LINUX:
        return [NONE]
    lacks = []
    reads, lists, devices = ([Path(p) for p in told[key]] for key in ("reads", "lists", "devices"))
    writes = [p for p in job.iterdir() if p.name != "in"]
    reads.append(job / "in")
    root = os.geteuid() == 0
    counted = root or _done(mounts.own_users)
    if not _done(lambda: mounts.hide([*reads, *lists, *writes], limits.memory)):
        lacks.append("others' sockets and shared memory open")
    elif root and landlock.version():
        # before Landlock came, this changed what the whole system sees
        _done(mounts.own_processes)
    os.chdir(os.environ["TMPDIR"])
    if root:
        # to read what root may read, since this Python may lie in root's home: containers often have the second alone
        kept = next((power for power in (DAC_READ_SEARCH, DAC_OVERRIDE) if power in capabilities()), None)
        counted = kept is not None and {SETUID, SETGID, CHOWN} <= capabilities() and _done(lambda: _drop_root(writes, kept))
    elif counted:
        _done(lambda: keep_capabilities(()))
    # without users of its own, what the user runs beside it is counted, too
    most = PROCESSES + (0 if counted else _running(os.getuid()))
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    if root and not counted:
        lacks.append("processes uncounted")
    speaks = landlock.version()
    if speaks:
        landlock.restrict(reads, lists, [*writes, mounts.SHARED_MEMORY], devices, limits.network)
    else:
        lacks.append("files open")
    if speaks < landlock.NEEDED_FOR_SIGNALS:
        lacks.append("signals open")
    if seccomp.knows_this_machine():
        seccomp.deny(limits.network)
    elif not limits.network:
        lacks.append("network open" if speaks < landlock.NEEDED_FOR_TCP else "UDP open")
    if limits.network:
        lacks.append("network open, as asked")
    lacks += [f"{Path(path).name} open" for path in told["withheld"] if speaks and os.path.isfile(path) and _opens(path)]
    return lacks


def _done(step: Any) -> bool:
    """Take a step that not every kernel and container allows; tell whether it was taken."""
    try:
        step()
    except (OSError, KeyError):
        return False
    return True


def _drop_root(writes: Sequence[Path], kept: int) -> None:
    """Become a user that nobody else is: root's processes cannot be counted. Of root's powers the one that is `kept` stays."""
    user = USERS + os.getpid()
    try:
        _hand_over(writes, user)
    except OSError:
        # in a container that knows few users
        user = NOBODY
        _hand_over(writes, user)
    prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    keep_capabilities((kept,))
    # a process that changed its user is not shown its own /proc/self otherwise
    prctl(PR_SET_DUMPABLE, 1)


def _hand_over(folders: Sequence[Path], user: int) -> None:
    for folder in folders:
        for place in (folder, *folder.rglob("*")):
            os.chown(place, user, user, follow_symlinks=False)


def _running(user: int) -> int:
    """Count a user's processes and threads."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    count += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
    return count


def _opens(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True
