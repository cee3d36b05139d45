"""Reader: a user's files -> Dataset: every gene in every cell, its window of openness, and ln(1 + expression) as the target."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import Dataset, Design

from .binning import distances, slots
from .study import Study, read_study


def read(path: Path, tell: Callable[[str], None] = lambda _: None) -> Dataset:
    """Read what a ``dataset.toml``, or the one in a folder, describes."""
    study = read_study(path, tell)
    tell(f"Binning {len(study.regions):,} regions around {len(study.genes):,} start sites.")
    return dataset(study)


def dataset(study: Study) -> Dataset:
    """Return the rows (gene, cell) of a study, cells being its samples."""
    # in an order that tells nothing of a gene or a cell, since their places become the codes that models see
    genes = study.genes.iloc[_shuffled(study.genes.index)]
    cells = _shuffled(study.lineage.index)
    found = slots(study.regions, genes, study.window)
    used = np.unique(found.region)
    n_genes, n_cells = len(genes), len(cells)
    gene, cell = np.repeat(np.arange(n_genes, dtype=np.int32), n_cells), np.tile(np.arange(n_cells, dtype=np.int32), n_genes)
    names, samples = genes.index.to_numpy(dtype=object), study.lineage.index.to_numpy(dtype=object)[cells]
    index = pd.Index([f"{g} | {c}" for g in names for c in samples], dtype="str")
    design = Design(
        index=index,
        gene=gene,
        cell=cell,
        genes=np.arange(n_genes, dtype=np.int32),
        cells=np.arange(n_cells, dtype=np.int32),
        distance=distances(study.window),
        openness=np.ascontiguousarray(study.openness[used][:, cells].T),
        regions=np.arange(len(used), dtype=np.int32),
        slots=found._replace(region=np.searchsorted(used, found.region).astype(np.int32)),
    )
    expression = study.expression[study.genes.index.get_indexer(genes.index)][:, cells]
    groups = {
        "gene": names[gene],
        "chromosome": genes["chrom"].to_numpy(dtype=object)[gene],
        "cell": samples[cell],
        "lineage": study.lineage.to_numpy(dtype=object)[cells][cell],
    }
    without = int((np.diff(found.start) == 0).sum())
    notes = [
        f"{n_genes:,} genes x {n_cells} cells, {design.shape[1]:,} bins of {study.window.bin:,} bp; {len(found.bin) / max(1, n_genes):.0f} bins of a gene hold a region"
        f" (mean), by the rule {study.window.rule!r}.",
        f"{len(study.regions) - len(used):,} regions lie in no gene's window and {without:,} genes have none in theirs.",
    ]
    return Dataset(
        X=design,
        y=pd.Series(_logarithm(expression).ravel(), index=index, name="expression"),
        groups=pd.DataFrame(groups, index=index, dtype="str"),
        unit=f"ln(1 + openness), target {study.unit}",
        notes=(*study.notes, *notes),
    )


def _logarithm(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ln(1 + values), rounded to 20 bits, some 6 digits.

    The last bits of a logarithm differ between processors. What is left after rounding does not, and so the same files
    have the same fingerprint everywhere.
    """
    fraction, power = np.frexp(np.log1p(values))
    rounded: NDArray[np.float64] = np.ldexp(np.rint(fraction * 2**20), power - 20)
    return rounded


def _shuffled(names: pd.Index) -> NDArray[np.intp]:
    """Return an order of names by their hashes: the same for the same names, in whatever order they come."""
    return np.argsort([hashlib.blake2b(str(n).encode(), digest_size=8).hexdigest() for n in names])
