"""Study: a user's files -> regions and their openness, genes and their expression, in the same samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import DataError

from . import description
from .chromosomes import Chromosomes, read_chromosomes
from .description import Description
from .description import Window as Window
from .matrices import MILLION, check_samples, gene_column, read_matrix
from .placement import place
from .regions import order_of, read_regions, region_columns
from .table import BED, Table, open_bed, open_table
from .wording import some

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Study:
    """What a dataset.toml describes, in memory.

    Parameters
    ----------
    regions : DataFrame (R): ``chrom`` (str), ``start``, ``end`` (int64; half-open, from 0), in this order, indexed from 0.
    openness : float32 (R, S): counts per million of a sample's counts in all regions of the file, or the signal as it is.
    expression : float64 (G, S): CPM, TPM or signal, before any logarithm; CPM of counts are over all genes of the file.
    genes : DataFrame (G) by unique name: ``symbol``, ``gene_id`` (Ensembl's, or ""), ``chrom``, ``tss`` (int64, from 0), ``strand`` (1, -1).
    lineage : Series (S) sample -> lineage; samples are the columns of both arrays.
    sizes : Series chrom -> length (int64).
    window : how openness around a TSS is binned.
    notes : what was counted, dropped or changed, one sentence each.
    unit : unit of expression once its logarithm is taken: ``"log1p(CPM)"``.
    """

    regions: pd.DataFrame
    openness: NDArray[np.float32]
    expression: NDArray[np.float64]
    genes: pd.DataFrame
    lineage: pd.Series
    sizes: pd.Series
    window: Window
    notes: tuple[str, ...]
    unit: str


def read_study(path: Path, tell: Tell = lambda _: None) -> Study:
    """Read what a ``dataset.toml``, or the one in a folder, describes; raise `DataError` where its files do not make a study."""
    asked = description.read_description(path)
    notes: list[str] = []
    samples = list(asked.lineages)
    chromosomes = read_chromosomes(asked.annotation.sizes)
    opened, expressed = open_table(asked.openness.matrix), open_table(asked.expression.matrix)
    located = region_columns(opened) if asked.openness.regions is None else []
    gene = gene_column(expressed, asked.expression.gene, samples)
    check_samples(asked.lineages, opened, expressed, (located, [gene]), asked.path, notes)
    regions, openness = _openness(asked, opened, located, chromosomes, notes, tell)
    genes, expression = _expression(asked, expressed, gene, chromosomes, notes, tell)
    return Study(
        regions=regions,
        openness=openness,
        expression=expression,
        genes=genes,
        lineage=pd.Series(asked.lineages, dtype="str", name="lineage").rename_axis("sample"),
        sizes=chromosomes.lengths,
        window=asked.window,
        notes=tuple(notes),
        unit=f"log1p({asked.expression.read_as})",
    )


def _openness(
    asked: Description, matrix: Table, located: list[str], chromosomes: Chromosomes, notes: list[str], tell: Tell
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    path = asked.openness.regions
    tell(f"Reading {path.name if path else matrix.path.name}: regions.")
    table = open_bed(path) if path else matrix
    said: list[str] = []
    regions = read_regions(table, list(BED) if path else located, chromosomes, said)

    def label(row: int) -> str:
        return "region {}:{}-{}".format(*regions.iloc[row]) if row < len(regions) else f"row {row + 1}"

    tell(f"Reading {matrix.path.name}: the openness of {len(regions):,} regions.")
    values = read_matrix(matrix, list(asked.lineages), asked.openness.unit == "counts", label)
    if len(regions) != len(values):
        raise DataError(
            f"{matrix.path} has {len(values):,} rows, but {table.path} has {len(regions):,} regions. They must match row for row: "
            "give the BED that the matrix was counted over."
        )
    notes += [f"{matrix.path.name}: {len(regions):,} regions; openness of {len(asked.lineages)} samples, {asked.openness.unit}.", *said]
    order = order_of(regions, values, table.path.name, notes)
    return regions.iloc[order].reset_index(drop=True).astype({"chrom": "str"}), values.astype(np.float32)[order]


def _expression(
    asked: Description, matrix: Table, gene: str, chromosomes: Chromosomes, notes: list[str], tell: Tell
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    tell(f"Reading {matrix.path.name}: the expression of genes.")
    names = matrix.texts(gene)
    values = read_matrix(matrix, list(asked.lineages), asked.expression.unit == "counts", lambda i: f"gene {names.iloc[i]}")
    notes.append(f"{matrix.path.name}: {len(names):,} genes; expression of {len(asked.lineages)} samples, {asked.expression.unit}.")
    totals = values.sum(axis=0)
    if asked.expression.unit in ("CPM", "TPM") and not np.allclose(totals, MILLION, rtol=0.1):
        notes.append(
            f"{matrix.path.name}: the {asked.expression.unit} of a sample sum to {totals.min():,.0f} to {totals.max():,.0f}, not to a million: "
            "genes have been left out, or these are logarithms and should not be."
        )
    expression = pd.DataFrame(values, index=names)
    # of copies the one with the largest total first, in the file's order where totals are the same
    largest = expression.iloc[np.argsort(-values.sum(axis=1), kind="stable")]
    copies = largest.index.duplicated()
    if copies.any():
        twice = largest.index[copies].unique()
        notes.append(
            f"{matrix.path.name}: {len(twice):,} genes occur more than once ({some(twice)}); of each the copy with the largest total is kept, "
            f"{int(copies.sum()):,} rows are dropped."
        )
        kept = ~expression.index.duplicated()
        expression = largest[~copies].loc[expression.index[kept]]
    tell(f"Reading {asked.annotation.tss.name}: where these genes begin.")
    genes = place(expression.index.tolist(), matrix.path, asked.annotation.tss, chromosomes, notes)
    expression = _filtered(asked, expression.loc[genes.index], notes)
    return genes.loc[expression.index], np.ascontiguousarray(expression.to_numpy())


def _filtered(asked: Description, expression: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Keep the genes that [genes] asks for."""
    unit, above = asked.expression.read_as, asked.genes.above
    if above is None:
        above = 0.0 if unit == "signal" else 1.0
    filters = [(expression.max(axis=1) > above, f"do not exceed {above:g} {unit} in any sample")]
    if asked.genes.sd_log_above > 0:
        least = asked.genes.sd_log_above
        filters.append(
            (np.log1p(expression).std(axis=1, ddof=0) > least, f"vary no more than an sd of {least:g} in log1p({unit}) over samples")
        )
    for kept, why in filters:
        kept = kept.loc[expression.index]
        notes.append(f"{int((~kept).sum()):,} of {len(kept):,} genes {why} and are dropped.")
        if not kept.any():
            raise DataError(f"{asked.path}, [genes]: no gene is left, as all {len(kept):,} {why}. Lower what [genes] asks for.")
        expression = expression[kept]
    return expression
