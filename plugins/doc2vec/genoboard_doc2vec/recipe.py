"""Recipe: what the models share: text vectors and reduced gene and variation, learnt from the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from .texts import TextVectors

if TYPE_CHECKING:
    from genoboard import RunContext

FIELDS = ("gene", "variation")
BLOCKS = ("text", *FIELDS)
Floats = NDArray[np.float32]
Codes = NDArray[np.int64]


class Fields:
    """Gene and variation, each one-hot and reduced; a value never seen is all zero.

    Parameters
    ----------
    components : at most so many columns for each. A field with no more values than that keeps its one-hot form, which
        an SVD would merely turn.
    """

    def __init__(self, components: int, seed: int) -> None:
        self.components = components
        self.seed = seed

    def fit(self, X: pd.DataFrame) -> Self:
        """Learn the values of X's columns gene and variation, and their axes."""
        self.fields_ = {name: self._learn(X[[name]]) for name in FIELDS}
        return self

    def _learn(self, column: pd.DataFrame) -> Pipeline:
        steps = [OneHotEncoder(handle_unknown="ignore", dtype=np.float32)]
        if column.iloc[:, 0].nunique() > self.components:
            steps.append(TruncatedSVD(self.components, n_iter=25, random_state=self.seed % 2**32))
        return make_pipeline(*steps).fit(column.to_numpy(dtype=object))

    def transform(self, X: pd.DataFrame) -> tuple[Floats, ...]:
        """Return one (n, c) for each field."""
        return tuple(self._dense(self.fields_[name].transform(X[[name]].to_numpy(dtype=object))) for name in FIELDS)

    @staticmethod
    def _dense(values: object) -> Floats:
        return np.asarray(values.toarray() if hasattr(values, "toarray") else values, dtype=np.float32)


@dataclass(frozen=True)
class Rows:
    """The training rows of a recipe.

    Parameters
    ----------
    X : DataFrame (n, 3) as it came.
    vectors : (n, vector_size), of the texts.
    code : (n,) classes as 0..k-1.
    groups : (n,) int; rows that share a code share a group, or where none are known, a text.
    """

    X: pd.DataFrame
    vectors: Floats
    code: Codes
    groups: Codes


@dataclass(repr=False, eq=False)
class Recipe(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Read the rows as the recipe does; a subclass learns from them.

    Parameters
    ----------
    vector_size, window, min_count, sample, negative, passes, words : of `TextVectors`.
    components : of `Fields`.
    """

    vector_size: int = 300
    window: int = 5
    min_count: int = 1
    sample: float = 1e-4
    negative: int = 5
    passes: int = 20
    words: int = 3000
    components: int = 25
    random_state: int = 0
    n_jobs: int = 1

    def fit(self, X: pd.DataFrame, y: Codes, groups: Codes | None = None, run: RunContext | None = None) -> Self:
        """Fit on X (n, 3) with columns gene, variation and text, and (n,) codes `y`."""
        self.classes_, code = np.unique(y, return_inverse=True)
        self.texts_ = TextVectors(
            self.vector_size, self.window, self.min_count, self.sample, self.negative, self.passes, self.words, self.random_state
        ).fit(X["text"])
        self.fields_ = Fields(self.components, self.random_state).fit(X)
        shared = pd.factorize(X["text"])[0] if groups is None else groups
        self._learn(Rows(X, self.texts_.transform(X["text"]), code, shared), run)
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        return self._answer(self._features(X, self.texts_.transform(X["text"])))

    def predict(self, X: pd.DataFrame) -> Codes:
        """Return (n,) the most probable code."""
        codes: Codes = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def _features(self, X: pd.DataFrame, vectors: Floats, fields: Fields | None = None) -> Floats:
        """Return (n, p): text, gene and variation side by side; by other `fields` than the fitted ones where given."""
        return np.hstack([vectors, *(fields or self.fields_).transform(X)])

    def _learn(self, rows: Rows, run: RunContext | None) -> None:
        raise NotImplementedError

    def _answer(self, values: Floats) -> NDArray[np.float64]:
        raise NotImplementedError
