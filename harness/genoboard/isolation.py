"""Limits: what a model's process may use; checked by the harness, applied by the worker to itself."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass

from .errors import UsageError

LEAST_MEMORY = 512 << 20
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)


@dataclass(frozen=True)
class Limits:
    """Bounds on one model process.

    Parameters
    ----------
    seconds : wall time of one fold, fit and predict together.
    memory : bytes of private data (RLIMIT_DATA); None leaves it unbounded.
    threads : how many threads numerical libraries may start.
    """

    seconds: float = 7200.0
    memory: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        # below this, BLAS cannot allocate its buffers and spins for ever instead of failing
        if self.memory is not None and self.memory < LEAST_MEMORY:
            raise UsageError(f"A memory limit of {self.memory >> 20} MB is too small for numerical libraries to start. Give at least 512M.")
        if self.seconds <= 0:
            raise UsageError(f"A time limit of {self.seconds:g} s leaves no time to fit. Give for example --timeout 2h.")
        if self.threads < 1:
            raise UsageError(f"A run cannot use {self.threads} threads. Give --threads 1 or more.")

    def environment(self) -> dict[str, str]:
        """Return the variables that cap numerical libraries; they are read when a library is loaded."""
        return dict.fromkeys(THREAD_VARIABLES, str(self.threads))

    def apply(self) -> None:
        """Bind this process; to be called before anything heavy is imported.

        RLIMIT_DATA, not RLIMIT_AS: address space is reserved far beyond use by threads, CUDA and Arrow.
        """
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.memory is not None and sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory, self.memory))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the harness, process `parent`, is gone, however it went (Linux only)."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    # it may have gone before the kernel was asked; in a container the harness itself is often process 1
    if os.getppid() != parent:
        os._exit(1)


def peak_memory(pid: int | None = None) -> int:
    """Return the largest resident size so far of a process (this one by default), in bytes; 0 where it cannot be read.

    VmHWM, not ru_maxrss: across fork and exec the latter starts from the parent's size.
    """
    try:
        with open(f"/proc/{pid or 'self'}/status", encoding="ascii") as status:
            return next((int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        # macOS has no /proc; there ru_maxrss counts bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if pid is None and sys.platform == "darwin" else 0
