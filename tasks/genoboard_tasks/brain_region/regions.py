"""Regions: the 13 brain regions that GTEx sampled, how they descend from one another, and which are one place sampled twice."""

from __future__ import annotations

from genoboard import DataError, UnknownName

PREFIX = "Brain - "

# GTEx's own names (SMTSD) without the prefix, in alphabetical order.
REGIONS = (
    "Amygdala",
    "Anterior cingulate cortex (BA24)",
    "Caudate (basal ganglia)",
    "Cerebellar Hemisphere",
    "Cerebellum",
    "Cortex",
    "Frontal Cortex (BA9)",
    "Hippocampus",
    "Hypothalamus",
    "Nucleus accumbens (basal ganglia)",
    "Putamen (basal ganglia)",
    "Spinal cord (cervical c-1)",
    "Substantia nigra",
)

# One place, sampled once at the collection site and once at the brain bank: 13 classes become 11.
MERGE = {"Cerebellar Hemisphere": "Cerebellum", "Frontal Cortex (BA9)": "Cortex"}

# Clade -> its regions, the wider clades first; a region lies in every clade that lists it.
CLADES = {
    "forebrain": (
        "Amygdala",
        "Anterior cingulate cortex (BA24)",
        "Caudate (basal ganglia)",
        "Cortex",
        "Frontal Cortex (BA9)",
        "Hippocampus",
        "Nucleus accumbens (basal ganglia)",
        "Putamen (basal ganglia)",
    ),
    "neocortex": ("Anterior cingulate cortex (BA24)", "Cortex", "Frontal Cortex (BA9)"),
    "limbic": ("Amygdala", "Hippocampus"),
    "basal ganglia": ("Caudate (basal ganglia)", "Nucleus accumbens (basal ganglia)", "Putamen (basal ganglia)"),
    "brainstem": ("Hypothalamus", "Spinal cord (cervical c-1)", "Substantia nigra"),
    "cerebellar": ("Cerebellar Hemisphere", "Cerebellum"),
    "frontal": ("Cortex", "Frontal Cortex (BA9)"),
}


def region_of(tissue: str, where: str) -> str:
    """Return the class that a GTEx tissue name stands for, given with or without ``Brain - ``; `where` is told in the error."""
    region = tissue.removeprefix(PREFIX)
    if region not in REGIONS:
        raise DataError(f"{where}: {UnknownName('brain region', region[:80], REGIONS)} Use one of GTEx's 13 names.")
    return region
