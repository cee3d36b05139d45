"""Units: what expression values are measured in, and the one that models see, log2(x + 1)."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genoboard import DataError

Unit = Literal["log2(TPM+1)", "TPM", "counts"]

# The largest log2(TPM+1) is that of a gene with all of a sample's reads: log2(1e6 + 1) = 19.93.
LOG_LIMIT = 30.0
ROWS_AT_ONCE = 512


def stated(name: str) -> Unit | None:
    """Return the unit that a file's name states, or None."""
    if re.search(r"log2?[ _.-]*\(?tpm", name, re.IGNORECASE):
        return "log2(TPM+1)"
    if re.search(r"tpm", name, re.IGNORECASE):
        return "TPM"
    if re.search(r"(?<![a-z])(read_?)?counts?(?![a-z])", name, re.IGNORECASE):
        return "counts"
    return None


def recognised(values: NDArray[np.float32]) -> Unit:
    """Return the unit that the values themselves speak for."""
    top = float(values.max(initial=0.0))
    if top > 1000.0 and whole(values):
        return "counts"
    return "TPM" if top >= LOG_LIMIT or whole(values) else "log2(TPM+1)"


def whole(values: NDArray[Any]) -> bool:
    """Tell whether there are only whole numbers."""
    return all(bool((part == np.rint(part)).all()) for part in _parts(values))


def contradict(values: NDArray[np.float32], unit: Unit, where: str) -> None:
    """Raise `DataError` where the values cannot be in `unit`."""
    top = float(values.max(initial=0.0))
    if unit == "log2(TPM+1)" and top >= LOG_LIMIT:
        raise DataError(f"{where} is said to hold log2(TPM+1), which never exceeds 20, but it holds {top:g}. If it holds TPM, name it so.")
    if unit == "counts" and not whole(values):
        raise DataError(f"{where} is said to hold counts, but its values are not all whole numbers. If it holds TPM, name it so.")


def log_in_place(values: NDArray[np.float32]) -> None:
    """Replace `values` (genes, samples) by log2(values + 1), some rows at a time."""
    for part in _parts(values):
        part[:] = log2_plus_one(part)


def counts_to_cpm_in_place(counts: NDArray[np.float32]) -> None:
    """Replace `counts` (genes, samples) by counts per million of each sample's total."""
    counts *= 1e6 / np.maximum(counts.sum(axis=0, dtype=np.float64), 1.0)


def log2_plus_one(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return log2(values + 1), rounded to 5 decimals.

    The last bits of a logarithm differ between processors. What is left after rounding does not, and so the same files
    have the same fingerprint everywhere; 5 decimals are below the 4 digits that GTEx publishes.
    """
    return (np.rint(np.log2(values.astype(np.float64) + 1.0) * 1e5) / 1e5).astype(np.float32)


def _parts(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values[i : i + ROWS_AT_ONCE] for i in range(0, len(values), ROWS_AT_ONCE)]
