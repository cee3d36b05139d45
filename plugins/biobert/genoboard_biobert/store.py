"""Store: embeddings that outlive a run, each under the hash of what it was made of and how."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIGEST = 16


class Store:
    """Vectors by text, in one folder per way of making them.

    What is kept at once becomes one file, named by its content and moved into place whole: runs side by side do not disturb one
    another, and one that is stopped loses only what it had not kept.

    Parameters
    ----------
    folder : where the stores of all ways lie; None where there are none.
    into : where what is kept goes; None keeps nothing.
    made_by : what the vectors depend on beside the text: checkpoint, pooling, precision.
    """

    def __init__(self, folder: Path | None, into: Path | None, *made_by: object) -> None:
        way = hashlib.sha256(repr(made_by).encode()).hexdigest()[:32]
        self.into = None if into is None else into / "embeddings" / way
        self.found: dict[bytes, NDArray[np.float32]] = {}
        for file in sorted((folder / "embeddings" / way).glob("*.npz")) if folder else []:
            self._read(file)

    def _read(self, file: Path) -> None:
        try:
            with file.open("rb") as content, np.load(content, allow_pickle=False) as held:
                keys, vectors = held["keys"], held["vectors"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            # cut short by a full disk, or another's: its texts are encoded anew
            return
        for key, vector in zip(keys, vectors, strict=True):
            self.found.setdefault(key.tobytes(), vector)

    def __contains__(self, text: str) -> bool:
        return _key(text) in self.found

    def __getitem__(self, text: str) -> NDArray[np.float32]:
        return self.found[_key(text)]

    def keep(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Hold (n, d) `vectors`, and write them where they are kept."""
        keys = [_key(t) for t in texts]
        self.found.update(zip(keys, vectors, strict=True))
        if self.into is None or not keys:
            return
        self.into.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:32]
        with tempfile.NamedTemporaryFile(dir=self.into, suffix=".part", delete=False) as part:
            np.savez(part, keys=np.frombuffer(b"".join(keys), np.uint8).reshape(-1, DIGEST), vectors=vectors)
        os.replace(part.name, self.into / f"{name}.npz")


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=DIGEST).digest()
