"""Genes: what a reader should know of each feature: its symbol, its biotype and whether it is known to mislead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

# Pancreas genes: in a brain sample they tell of a pancreas handled on the same day (Nieuwenhuis et al. 2020), not of the brain.
CONTAMINATION = ("PRSS1", "PNLIP", "CLPS", "CELA3A")
FLAG = "same-day contamination"


def describe(ids: Sequence[str], symbols: Sequence[str], biotypes: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the (p, 3) frame ``symbol``, ``biotype``, ``flag``, indexed by gene id; an unknown biotype is empty."""
    symbol = pd.Series(symbols, dtype="str")
    flag = np.where(symbol.isin(CONTAMINATION), FLAG, "")
    biotype = [""] * len(symbol) if biotypes is None else list(biotypes)
    table = pd.DataFrame({"symbol": symbol, "biotype": biotype, "flag": flag}, dtype="str")
    return table.set_axis(pd.Index(list(ids), dtype="str", name="gene_id"))
