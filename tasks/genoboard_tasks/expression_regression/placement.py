"""Placement: the genes of an expression matrix -> one TSS for each, found by Ensembl id or by symbol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from genoboard import DataError

from .chromosomes import Chromosomes
from .sites import ensembl, read_sites
from .wording import some


def place(genes: Sequence[str], file: Path, annotation: Path, chromosomes: Chromosomes, notes: list[str]) -> pd.DataFrame:
    """Return ``symbol``, ``gene_id``, ``chrom``, ``tss``, ``strand`` of the genes that an annotation knows, in the order of `genes`.

    Of several transcripts the most 5' TSS is taken, on the chromosome, and there on the strand, that holds most of them.

    Raises
    ------
    DataError
        Where a TSS lies beyond the end of its chromosome, or not one gene is known.
    """
    sites = read_sites(annotation)
    sites["chrom"] = chromosomes.call(sites["chrom"], annotation, "transcripts", notes)
    sites = sites[sites["chrom"].notna()]
    beyond = sites[sites["tss"] >= sites["chrom"].map(chromosomes.lengths)]
    if len(beyond):
        first = beyond.iloc[0]
        raise DataError(
            f"{annotation}, line {first['line']}: {first['symbol'] or first['gene_id']} begins at {first['chrom']}:{first['tss']}, beyond the end of "
            f"its chromosome in {chromosomes.path.name}. The two are likely of different genome builds."
        )
    ids = [ensembl(g) for g in genes]
    keys = [i or g for i, g in zip(ids, genes, strict=True)]
    pool = pd.concat([sites.assign(key=sites[by]) for by in ("gene_id", "symbol")])
    pool = pool[pool["key"].isin(set(keys) - {""})]
    known = _one_for_each(pool, annotation.name, notes)
    placed = [(g, k) for g, k in zip(genes, keys, strict=True) if k in known.index]
    if not placed:
        there = [n for n in (sites["gene_id"] if any(ids) else sites["symbol"]).unique() if n] or sites["symbol"].unique().tolist()
        raise DataError(
            f"Not one of the {len(genes):,} genes of {file} ({some(genes)}) is in {annotation} ({some(there)}). Genes are found by Ensembl id "
            "where their names are such, and otherwise by symbol, spelled alike; name the column with [expression] gene."
        )
    by_id = sum(bool(ensembl(g)) for g, _ in placed)
    how = " and ".join(f"{n:,} by {what}" for n, what in ((by_id, "Ensembl id"), (len(placed) - by_id, "symbol")) if n)
    lost = [g for g, k in zip(genes, keys, strict=True) if k not in known.index]
    rest = f"; the other {len(lost):,} ({some(lost)}) have no TSS and are dropped" if lost else ""
    notes.append(f"{file.name}: {len(placed):,} of {len(genes):,} genes are in {annotation.name}, found {how}{rest}.")
    found = known.loc[[k for _, k in placed]].set_axis(pd.Index([g for g, _ in placed], dtype="str", name="gene"))
    return found[["symbol", "gene_id", "chrom", "tss", "strand"]].astype(
        {"symbol": "str", "gene_id": "str", "chrom": "str", "tss": np.int64}
    )


def _one_for_each(pool: pd.DataFrame, file: str, notes: list[str]) -> pd.DataFrame:
    """Return one row for each key."""
    counts = pool.groupby("key")[["tss", "chrom", "strand"]].nunique()
    several = {c: int((counts[c] > 1).sum()) for c in counts}
    if several["tss"]:
        notes.append(f"{file}: {several['tss']:,} genes have several TSS; the most 5' is taken.")
    if several["chrom"] or several["strand"]:
        notes.append(
            f"{file}: {several['chrom']:,} genes lie on several chromosomes and {several['strand']:,} on both strands; "
            "the one that holds most of their transcripts is taken."
        )
    pool = pool.assign(order=-pool["strand"])
    for column in ("chrom", "order"):
        held = pool.groupby(["key", column])["tss"].transform("size")
        pool = pool.assign(held=-held).sort_values(["key", "held", column], kind="stable")
        pool = pool[pool[column] == pool.groupby("key")[column].transform("first")]
    along = pool["tss"] * pool["strand"]
    return pool.assign(along=along).sort_values(["key", "along", "symbol", "gene_id"]).drop_duplicates("key").set_index("key")
