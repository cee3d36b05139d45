"""Landlock: the kernel keeps this process, and all that it starts, to the paths that it is given; no signals, no TCP beyond."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from .syscalls import LINUX, PR_SET_NO_NEW_PRIVS, prctl, syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION, PATH_BENEATH = 1, 1
# Access rights to files, by the bit that <linux/landlock.h> gives them.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
# how many of these rights a version of Landlock knows
KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}
LATEST = 16
TCP = 0b11  # bind, connect: from version 4
SCOPES = 0b11  # abstract UNIX sockets, signals: from version 6
NEEDED_FOR_TCP, NEEDED_FOR_SIGNALS = 4, 6
READ = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the version of Landlock that this kernel speaks; 0 for none."""
    if not LINUX:
        return 0
    try:
        return syscall(CREATE_RULESET, None, 0, VERSION)
    except OSError:
        return 0


def restrict(read: Iterable[Path], lists: Iterable[Path], write: Iterable[Path], devices: Iterable[Path], network: bool) -> None:
    """Leave this process the paths that are named, each with all that lies beneath, for good; one that is not there is passed over.

    Parameters
    ----------
    read : to be read and executed.
    lists : folders whose names may be listed, and no file of them opened.
    write : to be read, written, and arranged at will.
    devices : to be read, written and controlled.
    network : TCP stays open.
    """
    speaks = version()
    rights = (1 << KNOWN.get(speaks, LATEST)) - 1
    told = _Ruleset(rights, 0 if network or speaks < NEEDED_FOR_TCP else TCP, SCOPES if speaks >= NEEDED_FOR_SIGNALS else 0)
    size = 8 if speaks < NEEDED_FOR_TCP else 16 if speaks < NEEDED_FOR_SIGNALS else 24
    ruleset = syscall(CREATE_RULESET, ctypes.byref(told), size, 0)
    try:
        for paths, allowed in (
            (read, READ),
            (lists, READ_DIR),
            (write, rights & ~IOCTL_DEV),
            (devices, READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV),
        ):
            for path in paths:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                    _add(ruleset, path, allowed & rights)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        syscall(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _add(ruleset: int, path: Path, allowed: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(f"/proc/self/fd/{place}"):
            allowed &= OF_FILES
        rule = _PathBeneath(allowed, place)
        syscall(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)
