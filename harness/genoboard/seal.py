"""Seal: what an entry of a hosted competition came to on the private part, kept in its folder until the reveal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genoboard_leaderboard.entry import Score
from genoboard_leaderboard.errors import LeaderboardError

from .errors import DataError
from .workspace import SEALED, SEALED_REPLICATES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Seal:
    """Scores on the private part, and how many groups were resampled for their intervals.

    `public` are the scores on the public part of an entry that was held back.
    """

    private: tuple[Score, ...]
    clusters: int
    public: tuple[Score, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**vars(self), **{part: [dict(vars(s)) for s in getattr(self, part)] for part in ("private", "public")}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Seal:
        """Read what `to_dict` gave."""
        private, public = (tuple(Score(**s) for s in values[part]) for part in ("private", "public"))
        return cls(private, values["clusters"], public)


def write(folder: Path, seal: Seal, private: Vectors, public: Vectors) -> None:
    """Write a seal and the replicates of both parts, by metric; compressed, so that nobody reads them in passing."""
    import gzip  # here, because a board is shown in less time than these take

    import numpy as np

    with gzip.open(folder / SEALED, "wt", encoding="utf-8") as out:
        json.dump(seal.to_dict(), out)
    vectors = {f"private/{m}": v for m, v in private.items()} | {f"public/{m}": v for m, v in public.items()}
    np.savez_compressed(folder / SEALED_REPLICATES, allow_pickle=False, **vectors)


def read(folder: Path) -> Seal:
    """Return the seal in a submission folder; raise `DataError` where it is not whole."""
    import gzip
    import zlib

    try:
        with gzip.open(folder / SEALED, "rt", encoding="utf-8") as text:
            return Seal.from_dict(json.load(text))
    except (OSError, EOFError, ValueError, KeyError, TypeError, LeaderboardError, zlib.error) as error:
        raise DataError(
            f"{folder / SEALED} holds no sealed scores ({error}). Put it back; or move the folder {folder.name} away, and run"
            " genoboard leaderboard --rebuild, to go on without that entry."
        ) from error


def replicates(folder: Path, metric: str) -> NDArray[np.float64] | None:
    """Return the replicates of a metric on the private part; None where it had no value there."""
    import zipfile
    import zlib

    import numpy as np

    try:
        # opened here, as NumPy leaves a damaged one open
        with (folder / SEALED_REPLICATES).open("rb") as file, np.load(file, allow_pickle=False) as held:
            found: NDArray[np.float64] | None = held.get(f"private/{metric}")
            return found
    except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{folder / SEALED_REPLICATES} cannot be read ({error}). Put it back as it was.") from error
