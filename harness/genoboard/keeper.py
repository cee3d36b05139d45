"""Keeper: a process that outlives the model's by a moment, and leaves nothing of what that started."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from types import FrameType

from .syscalls import LINUX, PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl

PATIENCE = 10.0  # seconds that killed processes may take to end: one that waits for a disk cannot do so at once


def fork(parent: int) -> int:
    """Fork; return in the child, with the keeper's id. The keeper itself never returns: it waits, cleans up, and ends as the child did.

    Processes that a model starts and lets go of become children of the keeper, whatever session they put themselves into. It ends them
    when the model's process has ended, on SIGTERM, and when the harness, process `parent`, is gone, however it went.
    """
    if not LINUX:
        return os.getppid()
    keeper = os.getpid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    # it may be told before it has a child
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    # the harness may have gone before the kernel was asked; in a container it is often process 1
    if os.getppid() != parent:
        os._exit(1)
    child = os.fork()
    if not child:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        return keeper
    _keep(child)
    raise AssertionError


def _keep(child: int) -> None:
    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = signal.SIGKILL.value
    # what the model prints is not held up by us, and its pipes end when it ends
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            os.close(descriptor)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        while True:
            ended, found = os.waitpid(-1, 0)
            if ended == child:
                status = found
                break
    except KeyboardInterrupt:
        pass
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        end_all(os.getpid())
    if os.WIFSIGNALED(status):
        # as the child went, so that whoever waits for us is told how
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def end_all(root: int) -> None:
    """Kill every descendant of this process until none is left.

    All are stopped first: what is stopped starts nothing, so the tree stands still before it is felled.
    """
    deadline = time.monotonic() + PATIENCE
    stopped: set[int] = set()
    while time.monotonic() < deadline:
        alive = descendants(root)
        new = alive - stopped
        for process in new:
            _signal(process, signal.SIGSTOP)
        stopped |= new
        if not new:
            for process in alive:
                _signal(process, signal.SIGKILL)
            if not alive:
                break
            stopped.clear()
            time.sleep(0.001)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def descendants(root: int) -> set[int]:
    """Return the processes that descend from `root` and have not ended."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as stat:
                    # a program's name may hold spaces and parentheses
                    state, parent = stat.read().rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    parents[int(name)] = int(parent)
    found: set[int] = set()
    for process in parents:
        path = []
        above = process
        while above in parents and above != root and above not in found:
            path.append(above)
            above = parents[above]
        if above == root or above in found:
            found.update(path)
    return found


def _signal(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)
