"""Sample ids: each once, the same ones in every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import pandas as pd

from genoboard import DataError

from .regions import region_of


def donor_of(sample: str) -> str:
    """Return the donor of a GTEx sample id, its first two dash-fields: ``GTEX-1117F-3226-SM-5N9CT`` -> ``GTEX-1117F``."""
    return "-".join(sample.split("-")[:2])


def regions_of(tissues: pd.Series, where: str) -> pd.Series:
    """Return the classes of samples, which `tissues` is indexed by; a sample whose tissue is none is named."""
    return pd.Series(
        [region_of(t, f"{where}: SMTSD of sample {s}") for s, t in tissues.items()], index=tissues.index, dtype="str", name=tissues.name
    )


def require_once(ids: Sequence[str], what: str, where: str) -> None:
    """Raise `DataError` where an id is empty or occurs more than once."""
    if "" in ids:
        raise DataError(f"{where}: {what} number {list(ids).index('') + 1} is empty. Every {what} needs an id.")
    if len(set(ids)) < len(ids):
        often = [i for i, n in Counter(ids).items() if n > 1]
        raise DataError(f"{where}: {what} {_some(often)} occurs more than once. Every {what} may occur once; remove the others.")


def require_known(ids: Collection[str], known: Collection[str], here: str, there: str, what: str = "sample") -> None:
    """Raise `DataError` where an id found `here` is not `there`."""
    known = set(known)
    lost = [i for i in ids if i not in known]
    if lost:
        raise DataError(f"{len(lost)} of {len(ids)} {what}s of {here} are not in {there}: {_some(lost)}. Both must name the same {what}s.")


def _some(ids: Sequence[str], most: int = 3) -> str:
    return ", ".join(i[:80] for i in ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")
