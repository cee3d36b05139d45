"""Demo: a generated cohort in the shape of GTEx's brain samples; seeded, and nobody's data."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Dataset

from . import genes, units
from .regions import CLADES, REGIONS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEED = 20260117
DONORS = 110
GENES = 600
READS = 200_000

# Samples per region, in the order of REGIONS: GTEx v8's own numbers times 700 / 2642.
SIZES = (40, 47, 65, 57, 64, 68, 55, 52, 54, 65, 54, 42, 37)

# Taken at the collection site and kept in PAXgene; the other regions were frozen and dissected at the brain bank.
AT_COLLECTION = ("Cerebellum", "Cortex")

# Regions that are hard to tell apart: they differ in fewer genes, and by less.
CLOSE = (*CLADES["basal ganglia"], *CLADES["cerebellar"], *CLADES["frontal"])

# Clade or region -> how many genes mark it, and by what log2 fold change on the average.
MARKERS = dict.fromkeys(CLADES, (12, 1.2)) | {r: (8, 0.75) if r in CLOSE else (8, 1.0) for r in REGIONS}

# What else moves log2 expression, as standard deviations over genes: factors shared by all samples of a donor (age, the way of
# dying), a donor's own deviation, RNA quality per unit of RIN, a sample's noise; and PAXgene, which touches only some genes.
FACTORS, FACTOR_SD, DONOR_SD, RIN_SD, NOISE_SD = 4, 0.15, 0.1, 0.1, 0.6
PAXGENE_GENES, PAXGENE_SD = 30, 0.5
DISPERSION = 0.2

# The genes that the published study discusses, each where it is high.
STUDIED = {"RORB": "neocortex", "GAL": "Hypothalamus", "TRH": "Hypothalamus", "KCNJ6": "cerebellar", "ARHGEF33": "cerebellar"}
BIOTYPES = {"protein_coding": 0.75, "lncRNA": 0.15, "processed_pseudogene": 0.1}


def generate() -> Dataset:
    """Make the cohort: 700 samples of some 110 donors, 600 genes, negative-binomial counts as log2(CPM+1), float32.

    The same bits on every call under the same NumPy: one PCG64 stream, drawn from in a fixed order.
    """
    random = np.random.Generator(np.random.PCG64(SEED))
    region, donor = _samples(random)
    marks = _marks()
    technical = _technical(random, region, donor)
    counts = _counts(random, _log_mean(random, region, donor, marks, technical))
    index = pd.Index([f"DEMO-S{i + 1:04d}" for i in range(len(region))], dtype="str", name="SAMPID")
    gene_ids = [f"DEMOG{i + 1:04d}" for i in range(GENES)]
    biotypes = random.choice(list(BIOTYPES), GENES, p=list(BIOTYPES.values()))
    symbols = _symbols(marks)
    named = np.isin(symbols, [*STUDIED, *genes.CONTAMINATION])
    columns = genes.describe(gene_ids, symbols, np.where(named, "protein_coding", biotypes).tolist())
    cpm = counts * (1e6 / counts.sum(axis=1, keepdims=True))
    return Dataset(
        X=pd.DataFrame(units.log2_plus_one(cpm), index=index, columns=columns.index),
        y=pd.Series(np.array(REGIONS)[region], index=index, dtype="str", name="region"),
        groups=pd.DataFrame({"donor": [f"DEMO-D{d + 1:03d}" for d in donor]}, index=index, dtype="str"),
        control=technical.set_axis(index),
        columns=columns,
        unit="log2(CPM+1)",
        notes=("This cohort is generated; nothing in it is anybody's data.",),
    )


def _samples(random: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw region and donor of every sample, (n,) each; a donor gives a region at most once, and some donors give more regions."""
    weight = random.lognormal(0.0, 0.4, DONORS)
    donor = np.concatenate([random.choice(DONORS, size, replace=False, p=weight / weight.sum()) for size in SIZES])
    shuffled = random.permutation(len(donor))
    return np.repeat(np.arange(len(REGIONS)), SIZES)[shuffled], donor[shuffled]


def _marks() -> list[str]:
    """Return what each gene marks: a clade, a region, ``null``, or, for a contaminating gene, its own symbol."""
    marks = [mark for mark, (count, _) in MARKERS.items() for _ in range(count)]
    nulls = GENES - len(marks) - len(genes.CONTAMINATION)
    return [*marks, *["null"] * nulls, *genes.CONTAMINATION]


def _symbols(marks: list[str]) -> list[str]:
    """Name the genes: the studied ones first where they mark, the others by what they mark and a number."""
    waiting = {mark: [s for s, m in STUDIED.items() if m == mark] for mark in marks}
    seen: dict[str, int] = {}
    symbols = []
    for mark in marks:
        seen[mark] = seen.get(mark, 0) + 1
        symbols.append(waiting[mark].pop(0) if waiting[mark] else mark if mark in genes.CONTAMINATION else f"{mark} {seen[mark]}")
    return symbols


def _technical(random: np.random.Generator, region: Ints, donor: Ints) -> pd.DataFrame:
    """Draw how each sample was taken: it depends on where the region is taken, on the donor, and on nothing else."""
    n = len(region)
    early = np.isin(region, [REGIONS.index(r) for r in AT_COLLECTION])
    center = random.choice(["B1", "C1", "D1"], DONORS, p=[0.5, 0.35, 0.15])[donor]
    paxgene = random.normal(1000.0, 300.0, n).clip(60.0).round()
    return pd.DataFrame(
        {
            "SMRIN": np.where(early, random.normal(6.6, 0.7, n), random.normal(7.0, 0.8, n)).clip(5.0, 10.0).round(1),
            "SMTSISCH": np.where(early, random.normal(650.0, 250.0, n), random.normal(850.0, 250.0, n)).clip(30.0).round(),
            "SMTSPAX": np.where(early, paxgene, np.nan),
            "SMGEBTCH": [f"DEMO-B{d // 8 + 1:02d}{'P' if e else 'F'}" for d, e in zip(donor, early, strict=True)],
            "SMCENTER": [c if e else f"{c}, A1" for c, e in zip(center, early, strict=True)],
        }
    )


def _log_mean(random: np.random.Generator, region: Ints, donor: Ints, marks: list[str], technical: pd.DataFrame) -> Floats:
    """Return the expected log2 expression, (n, genes), up to a sample's depth."""
    effect = np.zeros((len(REGIONS), GENES))
    for gene, mark in enumerate(marks):
        if mark in MARKERS:
            marked = [REGIONS.index(r) for r in CLADES.get(mark, (mark,))]
            effect[marked, gene] = MARKERS[mark][1] * random.uniform(0.4, 1.6)
    shared = random.normal(0.0, 1.0, (DONORS, FACTORS)) @ random.normal(0.0, FACTOR_SD, (FACTORS, GENES))
    own = random.normal(0.0, DONOR_SD, (DONORS, GENES))
    early = technical["SMTSPAX"].notna().to_numpy()
    paxgene = np.zeros(GENES)
    paxgene[random.choice(GENES, PAXGENE_GENES, replace=False)] = random.normal(0.0, PAXGENE_SD, PAXGENE_GENES)
    mean = random.normal(5.0, 2.0, GENES) + effect[region] + (shared + own)[donor]
    mean += np.outer(early, paxgene) + np.outer(technical["SMRIN"] - 7.0, random.normal(0.0, RIN_SD, GENES))
    mean += random.normal(0.0, NOISE_SD, mean.shape)
    # Pancreas genes are silent in the brain, but for samples taken at the collection site where a pancreas was handled that day.
    contaminated = early & (random.random(DONORS) < 0.3)[donor]
    pancreas = np.array([m in genes.CONTAMINATION for m in marks])
    mean[:, pancreas] = np.where(contaminated, 4.0, -2.0)[:, None] + random.normal(0.0, 1.0, (len(region), int(pancreas.sum())))
    return np.asarray(mean)


def _counts(random: np.random.Generator, log_mean: Floats) -> Floats:
    """Draw negative-binomial counts, a Poisson of a gamma, at each sample's own depth."""
    share = np.exp2(log_mean)
    depth = READS * random.lognormal(0.0, 0.3, (len(share), 1))
    mean = depth * share / share.sum(axis=1, keepdims=True)
    return np.asarray(random.poisson(random.gamma(1.0 / DISPERSION, DISPERSION * mean)), dtype=np.float64)
