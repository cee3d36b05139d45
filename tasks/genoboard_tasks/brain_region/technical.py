"""Technical columns: how a sample was taken and measured; never features, they are for the technical control alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from genoboard import DataError

# GTEx's names: RNA integrity, minutes of ischemia, minutes in PAXgene, batch of the RNA-seq library, collection center.
NUMERIC = ("SMRIN", "SMTSISCH", "SMTSPAX")
CATEGORICAL = ("SMGEBTCH", "SMCENTER")
COLUMNS = NUMERIC + CATEGORICAL

PLAIN = {"rin": "SMRIN", "ischemic_time": "SMTSISCH", "paxgene_time": "SMTSPAX", "batch": "SMGEBTCH", "center": "SMCENTER"}


def canonical(column: str) -> str:
    """Return GTEx's name of a technical column that may have a plain one (``ischemic time``); other names pass unchanged."""
    return PLAIN.get(column.strip().casefold().replace(" ", "_"), column)


def technical_columns(table: pd.DataFrame, where: str) -> pd.DataFrame | None:
    """Return the technical columns of `table` (text, indexed by sample), or None where it has none.

    Numbers become float64 with NaN where nothing is given; categories stay text, empty where nothing is given.
    Raise `DataError`, naming sample and column, where a number is not one.
    """
    named = table.rename(columns=canonical)
    there = [c for c in COLUMNS if c in named.columns]
    if not there:
        return None
    made: dict[str, pd.Series] = {}
    for column in there:
        text = named[column].fillna("").astype("str").str.strip()
        if column in NUMERIC:
            given = text.where(~text.str.casefold().isin(["", "na", "nan"]))
            made[column] = pd.to_numeric(given, errors="coerce").astype("float64")
            wrong = text[~np.isfinite(made[column]) & given.notna()]
            if len(wrong):
                raise DataError(
                    f"{where}: {column} of sample {wrong.index[0]} is {wrong.iloc[0][:80]!r}, not a number. Correct it or leave it empty."
                )
        else:
            made[column] = text
    return pd.DataFrame(made, index=table.index)
