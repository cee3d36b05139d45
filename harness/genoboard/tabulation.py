"""Tabulation: a design as the plain table that any scikit-learn regressor takes: some of its rows to fit on, all of them to predict, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .design import Design

# of 2,000 bins: 160 MB of float32, of which most estimators make a float64 copy or two
MOST_ROWS = 20_000


def rows_to_fit(X: Design, seed: int) -> tuple[NDArray[np.intp], str]:
    """Return the positions of at most `MOST_ROWS` rows, drawn at random where there are more, and a note that says so."""
    if len(X) <= MOST_ROWS:
        return np.arange(len(X)), ""
    drawn = np.sort(np.random.default_rng(seed).choice(len(X), MOST_ROWS, replace=False))
    return drawn, (
        f"a model for tables: fitted on {MOST_ROWS:,} of {len(X):,} training rows, drawn at random, since {len(X):,} x {X.shape[1]:,} do not fit "
        'into a table. A model whose card says kinds=("bins",) is given all of them'
    )


def pieces(X: Design) -> Iterator[pd.DataFrame]:
    """Give all rows as tables of at most `MOST_ROWS`."""
    for start in range(0, len(X), MOST_ROWS):
        yield X.table(np.arange(start, min(start + MOST_ROWS, len(X))))
