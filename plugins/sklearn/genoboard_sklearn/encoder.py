"""VariantEncoder: rows with a gene and a variant's name -> sparse columns, those that any gene can have and those of one gene alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction import DictVectorizer

from .variants import describe

Scope = Literal["any", "family", "gene"]

# what is one to a cell that hardly knows a variant from its kind
BROAD = {
    "nonsense": "broken", "frameshift": "broken", "truncation": "broken", "splice": "broken", "loss": "broken", "start": "broken",
    "deletion": "reframed", "insertion": "reframed", "duplication": "reframed", "indel": "reframed",
}  # fmt: skip
# a gene is cut into cells of so many codons, each width laid twice, so that a codon is never at the edge of both
WIDTHS = (1, 10, 50, 200)


class VariantEncoder:
    """Columns from `describe`: one-hot names, weighted by how much they should tell, and a few numbers.

    Parameters
    ----------
    scope : ``"any"`` for columns that a variant of any gene can have: kind, residues and their properties, the name itself
        (EXPRESSION, V600E); ``"family"`` for those of related genes: NTRK of NTRK1; ``"gene"`` for those of one gene: the gene, gene
        and kind, gene and cell of codons.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def fit(self, X: pd.DataFrame) -> Self:
        """Learn which columns there are from `X` (columns ``gene`` and ``variation``)."""
        self.columns_ = DictVectorizer(dtype=np.float32).fit(self._rows(X))
        return self

    def transform(self, X: pd.DataFrame) -> sparse.csr_matrix:
        """Return float32 (n, p); a value that was not there in `fit` has no column."""
        return sparse.csr_matrix(self.columns_.transform(self._rows(X)))

    @property
    def names_(self) -> list[str]:
        """The columns' names."""
        return list(self.columns_.get_feature_names_out())

    def _rows(self, X: pd.DataFrame) -> Iterator[dict[str, float]]:
        names = X["variation"].astype(str).str.upper()
        read = {"any": _any, "family": _family, "gene": _gene}[self.scope]
        for name, row in zip(names, describe(X).to_dict("records"), strict=True):
            yield read(name, {str(key): value for key, value in row.items()})


def _any(name: str, row: dict[str, Any]) -> dict[str, float]:
    kind, broad = _kinds(row)
    found = {f"kind={kind}": 1.0, f"effect={broad}": 1.0, f"name={name}": 0.5}
    if row["reference"]:
        found[f"reference={row['reference']}"] = 0.5
    if row["alternate"] and len(row["alternate"]) == 1:
        found |= {f"alternate={row['alternate']}": 0.5, f"change={row['reference']}>{row['alternate']}": 0.5}
    size = 0.0 if np.isnan(row["span"]) else float(np.log1p(row["span"]))
    place = 0.0 if np.isnan(row["position"]) else float(np.log1p(row["position"]))
    alike = 0.0 if np.isnan(row["blosum62"]) else row["blosum62"]
    # brought to about unit size by hand: their ranges are known
    numbers = {
        "hydropathy": row["hydropathy"] / 4,
        "hydropathy moved": abs(row["hydropathy"]) / 4,
        "volume": row["volume"] / 50,
        "volume moved": abs(row["volume"]) / 50,
        "charge": row["charge"],
        "blosum62": alike / 3,
        "log position": place / 7,
        "log span": size / 3,
        "log added": float(np.log1p(row["added"])) / 2,
        "fused": float(row["fused"]),
        "several": float(row["several"]),
    }
    return found | {key: 0.5 * value for key, value in numbers.items()}


def _family(name: str, row: dict[str, Any]) -> dict[str, float]:
    relatives = family(row["gene"])
    return {f"family={relatives}": 1.0, f"family={relatives} {_kinds(row)[1]}": 0.7}


def _gene(name: str, row: dict[str, Any]) -> dict[str, float]:
    gene = row["gene"]
    kind, broad = _kinds(row)
    found = {f"gene={gene}": 1.0, f"gene={gene} {kind}": 0.7, f"gene={gene} {broad}": 0.7, f"gene={gene} {name}": 0.5}
    if not np.isnan(row["position"]):
        for width in WIDTHS:
            for offset in {0, width // 2}:
                found[f"gene={gene} codons {width}.{offset}.{int(row['position'] + offset) // width}"] = 0.5
    return found


def _kinds(row: dict[str, Any]) -> tuple[str, str]:
    direction = {1: " up", -1: " down"}.get(row["direction"], "")
    return row["kind"] + direction, BROAD.get(row["kind"], row["kind"])


def family(gene: str) -> str:
    """Return what related genes' symbols have in common: FGFR of FGFR3, NTRK of NTRK1, MAP of MAP2K1."""
    stem = re.sub(r"(?<=[A-Z]{2})\d.*$", "", gene.upper())
    return re.sub(r"(?<=[A-Z]{3})[A-Z]$", "", stem) if len(stem) > 3 and stem == gene.upper() else stem
