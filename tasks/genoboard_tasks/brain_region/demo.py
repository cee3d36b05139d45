"""Demo: a generated cohort in the shape of GTEx's brain samples; seeded, and nobody's data."""

from __future__ import annotations

import numpy as np
import pandas as pd
from genoboard import Dataset
from numpy.typing import NDArray

from . import genes, units
from .regions import CLADES, REGIONS

SEED = 20260117
DONORS = 110
GENES = 600
READS = 200_000

# Samples per region, in the order of REGIONS: GTEx v8's own numbers times 700 / 2642.
SIZES = (40, 47, 65, 57, 64, 68, 55, 52, 54, 65, 54, 42, 37)

# How many genes mark a clade or a region, and by how much (standard deviation of the log2 fold change).
CLOSE = ("Caudate (basal ganglia)", "Nucleus accumbens (basal ganglia)", "Putamen (basal ganglia)", "Cerebellar Hemisphere", "Cerebellum", "Cortex", "Frontal Cortex (BA9)")
MARKERS = {
    **{clade: (20, 1.2) for clade in CLADES},
    "frontal": (10, 0.8),
    **{region: (10, 0.6) if region in CLOSE else (20, 0.8) for region in REGIONS},
}

# The genes that the published study discusses, where they are known to mark.
STUDIED = {"RORB": "neocortex", "GAL": "Hypothalamus", "TRH": "Hypothalamus", "KCNJ6": "cerebellar", "ARHGEF33": "basal ganglia"}

# Taken at the collection site and preserved in PAXgene; the other regions were frozen and dissected at the brain bank.
AT_COLLECTION = ("Cerebellum", "Cortex")

BIOTYPES = (("protein_coding", 0.8), ("lncRNA", 0.12), ("processed_pseudogene", 0.08))
DONOR_SD=0.15; NOISE_SD=0.4; DISP=0.2; FACTORS=4; FACTOR_SD=0.3

def generate() -> Dataset:
    """Make the cohort: 700 samples of 110 donors, 600 genes, negative-binomial counts as log2(CPM+1)."""
    random = np.random.Generator(np.random.PCG64(SEED))
    region = np.repeat(np.arange(len(REGIONS)), SIZES)
    donor = _donors(random)
    marks, symbols, biotypes = _genes(random)
    effect = _effects(random, marks)
    log_mean = random.normal(5.0, 2.0, GENES) + effect[region]
    log_mean += (random.normal(0.0, 1.0, (DONORS, FACTORS)) @ random.normal(0.0, FACTOR_SD, (FACTORS, GENES)))[donor]
    log_mean += random.normal(0.0, DONOR_SD, (DONORS, GENES))[donor]
    log_mean += random.normal(0.0, NOISE_SD, log_mean.shape)
    technical, stress = _technical(random, region, donor)
    loading = random.normal(0.0, 0.25, (stress.shape[1], GENES))
    log_mean += stress @ loading
    share = np.exp2(log_mean)
    depth = READS * random.lognormal(0.0, 0.3, (len(region), 1))
    mean = depth * share / share.sum(axis=1, keepdims=True)
    counts = random.poisson(random.gamma(1.0 / DISP, DISP * mean)).astype(np.float64)
    cpm = counts * (1e6 / counts.sum(axis=1, keepdims=True))
    ids = [f"DEMO{i + 1:04d}" for i in range(GENES)]
    index = pd.Index([f"S{i:04d}" for i in range(len(region))], name="SAMPID")
    return Dataset(
        X=pd.DataFrame(units.log2_plus_one(cpm), index=index, columns=ids),
        y=pd.Series(np.array(REGIONS)[region], index=index, name="region"),
        groups=pd.DataFrame({"donor": [f"D{d:03d}" for d in donor]}, index=index),
        control=technical.set_axis(index),
        columns=genes.describe(ids, symbols, biotypes),
        unit="log2(CPM+1)")

def _donors(random):
    weight = random.lognormal(0.0, 0.4, DONORS); weight/=weight.sum()
    return np.concatenate([random.choice(DONORS, size=n, replace=False, p=weight) for n in SIZES])

def _genes(random):
    marks = [m for m,(n,_) in MARKERS.items() for _ in range(n)]
    marks += ["null"]*(GENES-len(marks))
    return marks, [f"{m}-{i}" for i,m in enumerate(marks)], ["protein_coding"]*GENES

def _effects(random, marks):
    effect=np.zeros((len(REGIONS),GENES))
    for g,m in enumerate(marks):
        if m=="null": continue
        size=random.normal(0,MARKERS[m][1])
        for r in CLADES.get(m,(m,)):
            effect[REGIONS.index(r),g]+=size
    return effect

def _technical(random, region, donor):
    n=len(region)
    pax=np.isin(region,[REGIONS.index(r) for r in AT_COLLECTION])
    rin=random.normal(6.8,0.8,n)
    stress=np.stack([pax.astype(float), rin-6.8],axis=1)
    return pd.DataFrame({"SMRIN":rin.round(1)}), stress
