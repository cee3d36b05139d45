"""Limits: what a model may use; checked by the harness, applied by the worker to itself."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass

from .errors import UsageError

LEAST_MEMORY = 512 << 20
LEAST_DISK = 16 << 20
# more than any library opens; where the system allows a million, whoever closes them one by one is slow
FILES = 1 << 16
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
    memory : bytes of private data of each of its processes (RLIMIT_DATA), and resident in all of them; None leaves it unbounded.
    threads : how many threads numerical libraries may start.
    disk : bytes that it may write, in one file or in all.
    network : whether it may open sockets to other machines.
    pass_env : names of environment variables that reach it although they look like secrets.
    """

    seconds: float = 7200.0
    memory: int | None = None
    threads: int = 1
    disk: int = 10 << 30
    network: bool = False
    pass_env: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # below this, BLAS cannot allocate its buffers and spins for ever instead of failing
        if self.memory is not None and self.memory < LEAST_MEMORY:
            raise UsageError(f"A memory limit of {self.memory >> 20} MB is too small for numerical libraries to start. Give at least 512M.")
        if self.seconds <= 0:
            raise UsageError(f"A time limit of {self.seconds:g} s leaves no time to fit. Give for example --timeout 2h.")
        if self.threads < 1:
            raise UsageError(f"A run cannot use {self.threads} threads. Give --threads 1 or more.")
        if self.disk < LEAST_DISK:
            raise UsageError(f"A disk limit of {self.disk >> 20} MB leaves no room for predictions. Give at least --disk 16M.")
        absent = [name for name in self.pass_env if name not in os.environ]
        if absent:
            raise UsageError(f"There is no environment variable {absent[0]} to pass on. Set it, or leave out --pass-env {absent[0]}.")

    def environment(self) -> dict[str, str]:
        """Return the variables that cap numerical libraries; they are read when a library is loaded."""
        return dict.fromkeys(THREAD_VARIABLES, str(self.threads))

    def apply(self) -> None:
        """Bind this process; to be called before anything heavy is imported.

        RLIMIT_DATA, not RLIMIT_AS: address space is reserved far beyond use by threads, CUDA and Arrow.
        """
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.disk, self.disk))
        files = min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        if self.memory is not None and sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory, self.memory))


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


def resident(pid: int, exactly: bool = False) -> int:
    """Return the bytes that a process has in memory now; `exactly`: its share of those that it has in common with others."""
    name, unit = ("smaps_rollup", b"Pss:") if exactly else ("status", b"VmRSS:")
    try:
        with open(f"/proc/{pid}/{name}", "rb") as text:
            return next((int(line.split()[1]) << 10 for line in text if line.startswith(unit)), 0)
    except OSError:
        return 0
