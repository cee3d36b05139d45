"""Demo: a generated genome with cells in lineages, whose expression follows openness by known weights that fall off with distance; nobody's data."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Dataset

from .binning import distances, slots
from .description import Window
from .reader import dataset
from .study import Study

SEED = 20170619
WINDOW = Window(reach=100_000, bin=1000)
CHROMOSOMES = {f"chr{i}": length for i, length in enumerate((14, 13, 12, 11, 10, 9, 8, 7, 6, 5), start=1)}  # in megabases
LINEAGES = {"stem": 3, "myeloid": 4, "lymphoid": 4, "erythroid": 3, "stromal": 4}
GENES, REGIONS = 600, 9000
# bp over which a bin's weight falls by e, downstream and upstream: regulation is a matter of the promoter's neighbourhood
REACHES = (12_000, 6000)
PEAK, BASE = 0.9, 3.0
GENE_SD, NOISE_SD, OUTLIER_SD = 0.5, 0.4, 2.5
OUTLIER = "stromal-4"


def generate() -> Dataset:
    """Return 600 genes x 18 cells."""
    return dataset(study())


def weights() -> NDArray[np.float64]:
    """Return what a unit of each bin's ln(1 + openness) adds to the expression, (200,): what a right model finds."""
    distance = distances(WINDOW).astype(float)
    return np.asarray(PEAK * np.exp(-np.abs(distance) / np.where(distance > 0, *REACHES)))


def study() -> Study:
    """Return the genome, its cells, and their expression: base + weights x ln(1 + openness) + what a gene has of its own + noise."""
    rng = np.random.default_rng(SEED)
    sizes = pd.Series(CHROMOSOMES) * 1_000_000
    genes = _genes(rng, sizes)
    regions = _regions(rng, sizes, genes)
    lineage = pd.Series({f"{name}-{i + 1}": name for name, count in LINEAGES.items() for i in range(count)}, dtype="str").rename_axis(
        "sample"
    )
    openness = _openness(rng, lineage, len(regions))
    signal = _binned(regions, genes, openness) @ weights()
    spread = np.where(lineage.index == OUTLIER, OUTLIER_SD, NOISE_SD)
    own = rng.normal(0.0, GENE_SD, (len(genes), 1))
    level = BASE + signal + own + spread * rng.normal(size=signal.shape)
    return Study(
        regions=regions,
        openness=openness,
        expression=np.expm1(np.maximum(level, 0.0)),
        genes=genes,
        lineage=lineage,
        sizes=sizes,
        window=WINDOW,
        notes=(
            f"Generated: weights fall by e over {REACHES[0]:,} bp downstream and {REACHES[1]:,} upstream of the TSS; {OUTLIER} is noise for the most part.",
        ),
        unit="log1p(CPM)",
    )


def _genes(rng: np.random.Generator, sizes: pd.Series) -> pd.DataFrame:
    chrom = rng.choice(sizes.index.to_numpy(dtype=object), GENES, p=(sizes / sizes.sum()).to_numpy())
    tss = (rng.uniform(0.02, 0.98, GENES) * sizes[chrom].to_numpy()).astype(np.int64)
    names = pd.Index([f"GENE{i + 1}" for i in range(GENES)], dtype="str")
    strand = rng.choice([-1, 1], GENES)
    return pd.DataFrame({"symbol": names, "gene_id": "", "chrom": chrom, "tss": tss, "strand": strand}, index=names)


def _regions(rng: np.random.Generator, sizes: pd.Series, genes: pd.DataFrame) -> pd.DataFrame:
    """Return half of the regions anywhere, half of them around start sites."""
    near = rng.integers(0, GENES, REGIONS // 2)
    anywhere = rng.choice(sizes.index.to_numpy(dtype=object), REGIONS - len(near), p=(sizes / sizes.sum()).to_numpy())
    chrom = np.concatenate([genes["chrom"].to_numpy(dtype=object)[near], anywhere])
    around = genes["tss"].to_numpy()[near] + rng.laplace(0.0, 15_000, len(near))
    start = np.concatenate([around, rng.uniform(0, 1, len(anywhere)) * sizes[anywhere].to_numpy()]).astype(np.int64)
    length = rng.integers(150, 900, REGIONS)
    start = np.clip(start, 0, sizes[chrom].to_numpy() - length)
    found = pd.DataFrame({"chrom": pd.Series(chrom, dtype="str"), "start": start, "end": start + length})
    return found.sort_values(["chrom", "start", "end"], ignore_index=True)


def _openness(rng: np.random.Generator, lineage: pd.Series, count: int) -> NDArray[np.float32]:
    """Return (R, S): some regions are open everywhere, most in some lineages, a few in single cells."""
    level = rng.gamma(1.5, 2.0, (count, 1))
    kind = rng.choice(3, (count, 1), p=(0.3, 0.6, 0.1))
    by_lineage = {name: rng.random((count, 1)) < 0.5 for name in LINEAGES}
    open_here = np.concatenate([by_lineage[name] for name in lineage], axis=1)
    alone = rng.random((count, len(lineage))) < 0.1
    is_open = np.where(kind == 0, True, np.where(kind == 1, open_here, alone))
    return (level * is_open * rng.lognormal(0.0, 0.3, (count, len(lineage)))).astype(np.float32)


def _binned(regions: pd.DataFrame, genes: pd.DataFrame, openness: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ln(1 + openness) of every gene, cell and bin, (G, S, p), by plain means: the demo is small."""
    found = slots(regions, genes, WINDOW)
    total = np.add.reduceat(openness[found.region].astype(np.float64) * found.weight[:, None], found.entry[:-1], axis=0)
    gene = np.repeat(np.arange(len(genes)), np.diff(found.start))
    out = np.zeros((len(genes), openness.shape[1], len(distances(WINDOW))))
    out[gene, :, found.bin] = np.log1p(total)
    return out
