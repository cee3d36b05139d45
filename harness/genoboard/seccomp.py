"""Seccomp: calls to the kernel that a model has no use for, and the network's, fail."""

from __future__ import annotations

import ctypes
import errno
import struct

from .syscalls import LINUX, MACHINE, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, prctl

FILTER_MODE = 2
# Classic BPF: load a word of the call's description; jump by it; return a verdict. See <linux/bpf_common.h>, <linux/seccomp.h>.
LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # x86_64's second set of numbers for the same calls
NEW_USER = 0x10000000
UNIX, NETLINK = 1, 16
SOCKET = {"x86_64": 41, "aarch64": 198}
CLONE = {"x86_64": 56, "aarch64": 220}
# by architecture: ways around what confines, or about the machine as a whole
DENIED = {
    "unshare": {"x86_64": 272, "aarch64": 97},
    "setns": {"x86_64": 308, "aarch64": 268},
    "open_by_handle_at": {"x86_64": 304, "aarch64": 265},
    "bpf": {"x86_64": 321, "aarch64": 280},
    "perf_event_open": {"x86_64": 298, "aarch64": 241},
    "add_key": {"x86_64": 248, "aarch64": 217},
    "request_key": {"x86_64": 249, "aarch64": 218},
    "keyctl": {"x86_64": 250, "aarch64": 219},
    "userfaultfd": {"x86_64": 323, "aarch64": 282},
}
# Libraries fall back where the kernel does not know these: sockets could be had by the one, flags of the other lie out of a filter's reach.
UNKNOWN = {"io_uring_setup": 425, "clone3": 435}


def knows_this_machine() -> bool:
    """Tell whether calls have numbers here on this machine."""
    return LINUX and MACHINE in ARCHITECTURES


def deny(network: bool) -> None:
    """Filter the calls of this process and all that it starts, for good; with `network`, sockets of every family stay."""
    code: list[tuple[int, int, int, int]] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (IF_EQUAL, 1, 0, ARCHITECTURES[MACHINE]),
        (RETURN, 0, 0, FAIL | errno.ENOSYS),
        (LOAD, 0, 0, NUMBER),
    ]
    if MACHINE == "x86_64":
        code += [(IF_AT_LEAST, 0, 1, X32), (RETURN, 0, 0, FAIL | errno.ENOSYS)]
    for number in UNKNOWN.values():
        code += [(IF_EQUAL, 0, 1, number), (RETURN, 0, 0, FAIL | errno.ENOSYS)]
    for numbers in DENIED.values():
        code += [(IF_EQUAL, 0, 1, numbers[MACHINE]), (RETURN, 0, 0, FAIL | errno.EPERM)]
    code += [
        (IF_EQUAL, 0, 4, CLONE[MACHINE]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (IF_ANY_BIT, 0, 1, NEW_USER),
        (RETURN, 0, 0, FAIL | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    if not network:
        code += [
            (IF_EQUAL, 0, 4, SOCKET[MACHINE]),
            (LOAD, 0, 0, FIRST_ARGUMENT),
            (IF_EQUAL, 2, 0, UNIX),
            (IF_EQUAL, 1, 0, NETLINK),
            (RETURN, 0, 0, FAIL | errno.EACCES),
        ]
    code.append((RETURN, 0, 0, ALLOW))
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in code))
    # struct sock_fprog: how many lines, and where they are
    filtered = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(program)))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, FILTER_MODE, ctypes.addressof(filtered))
