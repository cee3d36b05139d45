"""Reader: a user's files -> Dataset, by whichever loader knows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from genoboard import DataError, Dataset

from .official import read_official
from .prepared import LABELS, read_prepared


def read(path: Path, tell: Callable[[str], None] = lambda _: None) -> Dataset:
    """Read a prepared folder (it has a ``labels.csv``), a folder with GTEx's official files, or a GCT with the other files beside it."""
    if not path.exists():
        raise DataError(f"{path} does not exist. Give a folder or a GCT file.")
    return read_prepared(path, tell) if (path / LABELS).is_file() else read_official(path, tell)
