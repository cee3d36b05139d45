"""Syscalls: what Python's own modules do not offer of the Linux kernel, by number."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys

LINUX = sys.platform == "linux"
MACHINE = platform.machine()
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 4, 8, 22
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47
CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITY_VERSION = 0x20080522
AMBIENT_RAISE = 2


@functools.cache
def libc() -> ctypes.CDLL:
    """Return the C library of this process, which keeps errno for us."""
    return ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    """Return what a call of the C library gave; raise `OSError` where that says it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def syscall(number: int, *arguments: object) -> int:
    """Call the kernel; integers go as 64 bits, None as a null pointer."""
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(libc().syscall(ctypes.c_long(number), *given))


def prctl(option: int, *arguments: object) -> int:
    """Change a trait of this process."""
    four = [*arguments, 0, 0, 0, 0][:4]
    return checked(libc().prctl(option, *(ctypes.c_ulong(a) if isinstance(a, int) else a for a in four)))


def capabilities() -> set[int]:
    """Return the capabilities that this process may use."""
    with open("/proc/self/status", encoding="utf-8") as status:
        mask = next((int(line.split()[1], 16) for line in status if line.startswith("CapPrm:")), 0)
    return {number for number in range(64) if mask >> number & 1}


def keep_capabilities(kept: tuple[int, ...]) -> None:
    """Give up every capability of this process but `kept`, which what it starts has, too."""
    mask = sum(1 << number for number in kept)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    # effective, permitted, inheritable; once more for numbers from 32
    sets = (ctypes.c_uint32 * 6)(*[mask & 0xFFFFFFFF] * 3, *[mask >> 32] * 3)
    syscall(CAPSET[MACHINE], header, sets)
    for number in kept:
        prctl(PR_CAP_AMBIENT, AMBIENT_RAISE, number)
