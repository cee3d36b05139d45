"""Cohorts: small made-up rows of each kind of X, with what breaks careless models; what conformance is checked on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .design import Design
from .slots import Slots
from .table import Features

SIZES, LEVEL = (29, 29, 29, 3), (23, 23, 22, 22)
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
# what is hard about each kind of rows; a check that fails with all of it is done again with one at a time
RARE, CONSTANT, TWICE = "a class of 3 rows", "a constant column", "a column that is there twice"
EMPTY, LONG, SHARED, FOREIGN = "an empty text", "a long text", "a text that two rows share", "letters beyond ASCII"
BARE, SHUT = "a gene without any region", "a region that is never open"
HARD: Mapping[str, tuple[str, ...]] = {
    "tabular": (RARE, CONSTANT, TWICE),
    "text": (RARE, EMPTY, LONG, SHARED, FOREIGN),
    "bins": (RARE, BARE, SHUT),
}


def cohort(kind: str, target: str, hard: Collection[str] | None = None) -> tuple[Features, NDArray[Any]]:
    """Return X (90, p) of `kind` and y: int64 codes of 4 classes, or of 2 where `target` is binary; or float64.

    `hard` is what of `HARD` is in it; all, unless given.
    """
    hard = HARD[kind] if hard is None else hard
    rng = np.random.default_rng(0)
    code = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES if RARE in hard else LEVEL)).astype(np.int64)
    X = MADE[kind](rng, code, hard)
    match target:
        case "multiclass":
            return X, code
        case "binary":
            return X, (code > 1).astype(np.int64)
    return X, code + rng.normal(0.0, 0.3, len(code))


def _tabular(rng: np.random.Generator, code: NDArray[np.int64], hard: Collection[str]) -> pd.DataFrame:
    """Return 40 features: a constant one, one that is there twice, names that a careless parser trips over."""
    values = rng.normal(3.0, 1.0, (len(code), 40)) + 2.0 * rng.normal(size=(len(SIZES), 40))[code]
    if CONSTANT in hard:
        values[:, 1] = 0.0
    if TWICE in hard:
        values[:, 2] = values[:, 3]
    return pd.DataFrame(values.astype(np.float32), index=_ids(code), columns=[f"ENSG{i:011d}.{i % 9}" for i in range(40)])


def _text(rng: np.random.Generator, code: NDArray[np.int64], hard: Collection[str]) -> pd.DataFrame:
    """Return genes, variations and texts that tell of the class: one text empty, one long, some shared, some not in ASCII."""
    gene = [f"GEN{g}" for g in 4 * code + rng.integers(0, 6, len(code))]
    names = np.array(["Truncating Mutations", "Amplification", "K117_L118del", "Q61fs"])
    residues = np.array(list(RESIDUES))
    changed = zip(rng.choice(residues, len(code)), rng.integers(2, 900, len(code)), rng.choice(residues, len(code)), strict=True)
    variation = np.where(rng.random(len(code)) < 0.3, names[rng.integers(0, 4, len(code))], [f"{a}{p}{b}" for a, p, b in changed])
    telling = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu") for b in ("bra", "sti", "ron")]
    plain = [
        f"{a}{b}"
        for a in ("the ", "of ", "a ", "β-" if FOREIGN in hard else "b-")
        for b in ("cell", "assay", "Fig. 2", "patient", "et al.")
    ]
    texts = []
    for c, g, v in zip(code, gene, variation, strict=True):
        words = [*rng.choice(telling[3 * c : 3 * c + 3], 6), *rng.choice(plain, 20), g, v]
        texts.append(" ".join(rng.permutation(words)).capitalize() + ".")
    whole = " ".join(["", *texts[1:]] * 20)
    if EMPTY in hard:
        texts[0] = ""
    if LONG in hard:
        texts[1] = whole
    if SHARED in hard:
        texts[3] = texts[2]
    return pd.DataFrame({"gene": gene, "variation": variation, "text": texts}, index=_ids(code), dtype="str")


def _bins(rng: np.random.Generator, code: NDArray[np.int64], hard: Collection[str]) -> Design:
    """Return 30 genes in 3 cells over 40 bins: one gene without any region, a region that never opens, regions in two bins."""
    n, half = len(code), 20
    genes, cells = np.arange(n // 3, dtype=np.int32), np.arange(3, dtype=np.int32)
    openness = rng.gamma(1.0, 1.0, (3, 120)).astype(np.float32)
    if SHUT in hard:
        openness[:, 5] = 0.0
    bins: list[NDArray[np.int64]] = [np.sort(rng.choice(2 * half, 8, replace=False)) for _ in genes]
    region, weight = [], []
    if BARE in hard:
        bins[4] = bins[4][:0]
    for g, mine in enumerate(bins):
        region.append(4 * g + np.arange(len(mine)) // 2)
        weight.append(rng.uniform(0.1, 0.9, len(mine)))
    none = np.zeros(0, np.float32)
    slots = Slots(
        start=np.cumsum([0, *map(len, bins)]).astype(np.int64),
        bin=np.concatenate(bins).astype(np.int32),
        entry=np.arange(sum(map(len, bins)) + 1),
        region=np.concatenate(region).astype(np.int32),
        weight=np.concatenate(weight).astype(np.float32),
        centre=none,
        factor=none,
    )
    middle = 1000 * np.arange(half) + 500
    distance = np.concatenate([middle, -middle]).astype(np.int32)
    gene, cell = np.repeat(genes, 3), np.tile(cells, len(genes))
    return Design(pd.Index(_ids(code)), gene, cell, genes, cells, distance, openness, np.arange(120, dtype=np.int32), slots)


def _ids(code: NDArray[np.int64]) -> list[str]:
    return [f"s{i:04d}" for i in range(len(code))]


Maker = Callable[[np.random.Generator, NDArray[np.int64], Collection[str]], Features]
MADE: dict[str, Maker] = {"tabular": _tabular, "text": _text, "bins": _bins}
