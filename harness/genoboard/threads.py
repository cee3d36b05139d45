"""Threads: work on pieces, by as many threads as this process has processors; NumPy and Arrow let others run while they compute."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parts(n: int, size: int) -> list[slice]:
    """Return slices of `size`, one after the other, of something as long as `n`."""
    return [slice(start, start + size) for start in range(0, n, size)]


def each(work: Callable[[Piece], Result], pieces: Iterable[Piece], alone: bool = False) -> list[Result]:
    """Return the work's result of every piece, in their order; in this thread where it is to be done `alone`, or there is one processor.

    A piece is only taken when a thread is free for it. What the work of the first piece that fails raises is raised, and no other begun.
    """
    threads = 1 if alone else processors()
    if threads < 2:
        return [work(piece) for piece in pieces]
    turn, waiting = Lock(), enumerate(pieces)
    results: dict[int, Result] = {}
    failures: dict[int, BaseException] = {}

    def some() -> None:
        while True:
            with turn:
                taken = None if failures else next(waiting, None)
            if taken is None:
                return
            at, piece = taken
            try:
                results[at] = work(piece)
            except BaseException as error:  # raised below, by the thread that asked
                failures[at] = error

    with ThreadPoolExecutor(threads) as pool:
        # what NumPy is told to ignore is said in the context
        for done in [pool.submit(copy_context().run, some) for _ in range(threads)]:
            done.result()
    if failures:
        raise failures[min(failures)]
    return [results[at] for at in sorted(results)]
