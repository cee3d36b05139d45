"""Batches: texts of like length side by side, so that little is padded; one that memory has no room for is cut in half."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Answer = TypeVar("Answer")

STARVED = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


class Batches:
    """Deals texts to a function in batches.

    Parameters
    ----------
    tokens : how many tokens a batch has at most, padded to its longest text; a longer text is a batch of its own. Halved whenever
        memory did not suffice, and so it stays: the next batch would not fit either.
    """

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def over(self, run: Callable[[NDArray[np.intp]], Answer], lengths: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.intp], Answer]]:
        """Yield positions and what `run` answered to them, longest texts first: what does not fit into memory shows at once.

        Where memory does not suffice for a single text, what `run` raised is raised.
        """
        left = np.argsort(-lengths, kind="stable")
        while len(left):
            longest = max(1, int(lengths[left[0]]))
            batch = left[: max(1, self.tokens // longest)]
            answer = _unless_starved(run, batch)
            if answer is None:
                self.tokens = longest * (len(batch) // 2)
                continue
            yield batch, answer[0]
            left = left[len(batch) :]


def _unless_starved(run: Callable[[NDArray[np.intp]], Answer], batch: NDArray[np.intp]) -> tuple[Answer] | None:
    try:
        return (run(batch),)
    except (RuntimeError, MemoryError) as error:
        if len(batch) == 1 or not starved(error):
            raise
    # not while the error is held: its traceback keeps the failed attempt's tensors
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def starved(error: Exception) -> bool:
    """Return whether an error says that memory ran out: torch has a type for it on GPUs alone."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(sign in str(error).lower() for sign in STARVED)


def padded(tokenizer: Any, ids: list[list[int]], device: str) -> dict[str, torch.Tensor]:
    """Return texts' token ids as ``input_ids`` and ``attention_mask``, (n, longest), padded to the longest of them."""
    together = tokenizer.pad({"input_ids": ids}, return_tensors="pt", verbose=False)
    return {k: together[k].to(device) for k in ("input_ids", "attention_mask")}
