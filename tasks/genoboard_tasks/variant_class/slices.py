"""Slices: log loss by what makes a variant easy: a gene known from train, the kind of its name, its text.

They ask no more than rows of gene, variation and text, so any task of such rows may name them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import DataError, Figure, NotDrawn, Results

from .kinds import KINDS, kind_of
from .losses import Part, by_part, parts_of
from .mentions import NO_TEXT, WAYS, ways

# how often a gene was seen in train: the upper end of each bin
SEEN = (0, 5, 20, 50, 100)
QUARTERS = 4
# kind of group by which rows share a text -> what the rows have in common
SHARED = {"text": "the text", "citation": "the publication"}


def loss_by_gene_seen(results: Results) -> Figure:
    """Draw log loss by how many training rows have the row's gene."""
    times = seen(results, table_of(results)["gene"])
    ends = [*SEEN, np.iinfo(np.int64).max]
    names = ["0", *(f"{low + 1}\N{EN DASH}{high}" for low, high in pairwise(SEEN)), f"over {SEEN[-1]}"]
    parts = [Part(name, np.searchsorted(ends, times) == at) for at, name in enumerate(names)]
    return by_part(
        results,
        "Loss by how often the gene was seen",
        parts,
        "training rows of the gene",
        "By the number of training rows of the row's gene, of the fold that predicted it.",
    )


def loss_by_variant_type(results: Results) -> Figure:
    """Draw log loss by the kind of variant that the name says."""
    X = rows_of(results)
    kinds = [kind_of(g, v) for g, v in zip(X["gene"], X["variation"], strict=True)]
    parts = [p for p in parts_of(kinds, KINDS) if p.rows.any()]
    return by_part(results, "Loss by variant type", parts, "variant type", "The type is what the variant's name says.")


def loss_by_text_length(results: Results) -> Figure:
    """Draw log loss by the length of the text, in quarters of the test rows."""
    length = np.array([len(t) if t.strip() else 0 for t in texts_of(results)["text"]])
    told = length > 0
    ends = np.unique(np.quantile(length[told], np.arange(1, QUARTERS + 1) / QUARTERS, method="higher").astype(np.int64))
    starts = [int(length[told].min()), *(int(e) + 1 for e in ends[:-1])]
    names = [f"{low:,}\N{EN DASH}{high:,}" for low, high in zip(starts, ends, strict=True)]
    parts = [Part(name, told & (np.searchsorted(ends, length) == at)) for at, name in enumerate(names)]
    none = [] if told.all() else [Part(NO_TEXT, ~told)]
    return by_part(
        results, "Loss by text length", [*none, *parts], "characters", "Quarters of the test rows that have a text, in characters."
    )


def loss_by_mention(results: Results) -> Figure:
    """Draw log loss by whether the text names the variant, or only its gene, or neither."""
    parts = parts_of(ways(texts_of(results)), WAYS)
    return by_part(
        results,
        "Loss by variant named in the text",
        [p for p in parts if p.rows.any() or p.name != NO_TEXT],
        "the text names",
        "Looked for: the name as given, in three-letter code and with other dashes, also right behind the gene's symbol.",
    )


def loss_by_shared_text(results: Results) -> Figure:
    """Draw log loss by whether a training row has the row's text, or is of its publication."""
    kind = next((k for k in SHARED if k in results.rows), None)
    if kind is None:
        raise NotDrawn("this dataset has no texts, so rows cannot share one")
    times = seen(results, results.rows[kind])
    empty = np.zeros(len(times), dtype=np.bool_)
    if kind == "text":
        empty = np.array([not t.strip() for t in texts_of(results)["text"]])
    what = SHARED[kind]
    parts = [Part(f"{what} is in train", (times > 0) & ~empty), Part(f"{what} is new", (times == 0) & ~empty)]
    parts += [Part(NO_TEXT, empty)] if empty.any() else []
    note = "Texts are the same that have at least 80 % of their runs of five words in common." if kind == "text" else ""
    return by_part(results, f"Loss by shared {what.removeprefix('the ')}", parts, "shared with train", note)


def table_of(results: Results) -> pd.DataFrame:
    """Return gene, variation and, where there is one, text of every row; raise `DataError` where the rows are no such."""
    X = results.features()
    if not isinstance(X, pd.DataFrame) or not {"gene", "variation"} <= set(X.columns):
        raise DataError(f"{results.competition.task.name} has no rows of gene and variation, which this panel is for.")
    return X


def rows_of(results: Results) -> pd.DataFrame:
    """Return the same of the test rows, in their order."""
    return table_of(results).iloc[results.test]


def texts_of(results: Results) -> pd.DataFrame:
    """Return the same where there are texts; raise `NotDrawn` where there are none."""
    X = rows_of(results)
    if "text" not in X or not X["text"].str.strip().astype(bool).any():
        raise NotDrawn("this dataset has no texts")
    return X


def seen(results: Results, values: pd.Series) -> NDArray[np.int64]:
    """Return how many training rows of its own fold have each test row's value (n,); `values` is of every row (N,)."""
    codes = pd.factorize(values)[0]
    times = np.zeros(len(codes), dtype=np.int64)
    for fold in results.folds:
        times[fold.test] = np.bincount(codes[fold.train], minlength=codes.max() + 1)[codes[fold.test]]
    return times[results.test]
