"""The reference's scale: 184,665 regions, 17,794 genes and 201 cell types, made up, but crowded and correlated as real ones are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Design
from genoboard_tasks.expression_regression import binning
from genoboard_tasks.expression_regression.description import Window

# of hg19, 1 to 22 and X, in million base pairs
CHROMOSOMES = (
    np.array([249, 243, 198, 191, 181, 171, 159, 146, 141, 136, 135, 134, 115, 107, 102, 90, 81, 78, 59, 63, 48, 51, 155]) * 1_000_000
)
LINEAGES = 12
WINDOW = Window(reach=1_000_000, bin=1_000, rule="overlap")


@dataclass(frozen=True)
class Reference:
    """`regions` (R, 3), sorted; `genes` (G, 3); `openness` float32 (C, R); `lineage` int (C,), of each cell type."""

    regions: pd.DataFrame
    genes: pd.DataFrame
    openness: NDArray[np.float32]
    lineage: NDArray[np.int64]

    @cached_property
    def design(self) -> Design:
        """All genes in all cells, gene after gene."""
        genes, cells = len(self.genes), len(self.openness)
        every_gene, every_cell = np.arange(genes, dtype=np.int32), np.arange(cells, dtype=np.int32)
        return Design(
            pd.RangeIndex(genes * cells),
            np.repeat(every_gene, cells),
            np.tile(every_cell, genes),
            every_gene,
            every_cell,
            binning.distances(WINDOW),
            self.openness,
            np.arange(self.openness.shape[1], dtype=np.int32),
            binning.slots(self.regions, self.genes, WINDOW),
        )

    def expression(self, explained: float = 0.1, seed: int = 1) -> NDArray[np.float64]:
        """Return a target (n,) of which weights that fall off with the distance explain that share; the rest is the gene and noise."""
        rng = np.random.default_rng(seed)
        distance = np.abs(self.design.distance) / 1_000
        weights = rng.normal(0.3, 0.2, len(distance)) * np.exp(-distance / 8) + rng.normal(0, 0.01, len(distance)) * np.exp(-distance / 200)
        signal = self.design.dot(weights)
        rest = rng.normal(0, 1.5, len(self.genes))[self.design.gene] + rng.normal(size=len(signal))
        y: NDArray[np.float64] = signal + rest * signal.std() / rest.std() * np.sqrt(1 / explained - 1)
        return y


def reference(genes: int = 17_794, cells: int = 201, regions: int = 184_665, seed: int = 0) -> Reference:
    """Make it up.

    Genes stand in clusters and half of the regions near a TSS. Openness is the product of what a region, its domain of some 200 kb in the
    cell's lineage, and the cell's depth bring, counted: so bins correlate, near ones most, and a third of the values are 0.
    """
    rng = np.random.default_rng(seed)
    chromosome, tss = _places(genes, 400_000, rng)
    on = rng.integers(0, genes, regions // 2)
    near = tss[on] + np.rint(rng.laplace(0, 30_000, len(on))).astype(np.int64)
    far_chromosome, far = _places(regions - len(on), 300_000, rng)
    table = pd.DataFrame({"chrom": np.concatenate([chromosome[on], far_chromosome]), "start": np.concatenate([near, far])})
    table["start"] = table["start"].clip(lower=0)
    table["end"] = table["start"] + rng.integers(150, 900, regions)
    table = table.sort_values(["chrom", "start"], ignore_index=True)
    domain = pd.factorize(table["chrom"] * 10_000 + table["start"] // 200_000)[0]
    lineage = np.sort(rng.integers(0, LINEAGES, cells))
    of_domain = rng.normal(0, 0.7, (LINEAGES, int(domain.max()) + 1))
    of_region, depth = rng.normal(0, 1, regions), rng.normal(0, 0.3, cells)
    openness = np.empty((cells, regions), np.float32)
    for c in range(cells):
        level = np.exp(of_region + of_domain[lineage[c], domain] + depth[c] + rng.normal(0, 0.4, regions))
        openness[c] = rng.poisson(level)
    names = np.array([f"chr{c + 1}" for c in range(len(CHROMOSOMES))], dtype=object)
    sites = pd.DataFrame({"chrom": names[chromosome], "tss": tss, "strand": rng.choice([-1, 1], genes)})
    return Reference(table.assign(chrom=names[table["chrom"]]), sites, openness, lineage.astype(np.int64))


def reference_design(genes: int = 17_794, cells: int = 201, regions: int = 184_665, seed: int = 0) -> Design:
    """Return the design of `reference` alone."""
    return reference(genes, cells, regions, seed).design


def _places(count: int, width: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return chromosomes and positions, in clusters of some eight within `width`."""
    share = CHROMOSOMES / CHROMOSOMES.sum()
    clusters = max(1, count // 8)
    chromosome = rng.choice(len(CHROMOSOMES), clusters, p=share)
    centre = rng.random(clusters) * CHROMOSOMES[chromosome]
    of = rng.integers(0, clusters, count)
    place = np.clip(centre[of] + rng.normal(0, width / 2, count), 0, CHROMOSOMES[chromosome[of]] - 1)
    return chromosome[of], np.rint(place).astype(np.int64)
