"""Protocol: splits that dealing groups cannot make: unseen genes in unseen cells, and the published study's rows and z-scores."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from genoboard import DataError, Design

MOST_PARTS = 5
SEED, TRAIN, DEVELOPMENT = 123, 0.90, 0.05

Folds = list[tuple[pd.Index, pd.Index]]


def both(rows: pd.DataFrame) -> Folds:
    """Return folds that each ask for the cells of one part of the lineages, in the genes of one part of the chromosomes.

    Every cell is asked about once, in some genes; what is fitted on are the rows that share neither lineage nor chromosome with them.
    """
    count = min(MOST_PARTS, rows["lineage"].nunique(), rows["chromosome"].nunique())
    if count < 2:
        raise DataError("Split 'both' needs two lineages and two chromosomes, and this dataset has not as many. Use another split.")
    lineage, chromosome = (rows[by].map(_parts(rows[by].value_counts(), count)) for by in ("lineage", "chromosome"))
    folds = []
    for part in range(count):
        asked = (lineage == part) & (chromosome == part)
        folds.append((rows.index[(lineage != part) & (chromosome != part)], rows.index[asked]))
    return folds


def poster(rows: pd.DataFrame) -> Folds:
    """Return the study's single fold: 90 % of the rows at random to train, 5 % to test; the 5 % between are its development set, not asked here."""
    ids = rows.index.sort_values()[np.random.default_rng(SEED).permutation(len(rows))]
    train, test = round(TRAIN * len(ids)), round((TRAIN + DEVELOPMENT) * len(ids))
    return [(ids[:train], ids[test:])]


def z_scores(X: Design, rows: pd.DataFrame) -> tuple[Design, pd.Series]:
    """Return what the study made of its data: openness as z-scores per gene and bin, expression per gene, each over all cells, test rows too."""
    by_gene = rows.groupby("gene", sort=False)["y"]
    spread = by_gene.transform("std", ddof=0)
    # a gene that is the same everywhere stays at its mean
    return X.standardised(), (rows["y"] - by_gene.transform("mean")) / spread.where(spread > 1e-9, np.inf)


def _parts(sizes: pd.Series, count: int) -> dict[str, int]:
    """Deal names to parts, the largest first, each to the part that has least; ties by a hash of the name."""
    names = sorted(sizes.index, key=lambda n: (-sizes[n], hashlib.blake2b(n.encode(), digest_size=8).hexdigest()))
    held, part = [0] * count, {}
    for name in names:
        part[name] = held.index(min(held))
        held[part[name]] += int(sizes[name])
    return part
