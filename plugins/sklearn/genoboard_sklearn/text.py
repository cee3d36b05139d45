"""The models that read a variant's name and its text; imported by the worker alone."""

from __future__ import annotations

import re
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin

from .encoder import Scope, VariantEncoder
from .latent import Latent
from .logistic import GroupedLogistic
from .terms import Terms
from .windows import masked, spellings, windows

# terms of a class that are kept as artifacts, at either end
TELLING = 100
SCOPES: tuple[Scope, ...] = ("any", "family", "gene")


class VariantFeatures(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Logistic regression on what gene and name say of a variant; the text is not read.

    Inner folds that cut through no group decide whether columns of gene families, and of single genes, help.

    Parameters
    ----------
    C : the inverse penalty, or several, which are tried on inner folds.
    balance : rows weigh as their class's share to the power of -balance.
    folds : inner folds.
    """

    def __init__(self, C: float | tuple[float, ...] = (0.1, 0.3, 1.0), balance: float = 0.0, folds: int = 4) -> None:
        self.C = C
        self.balance = balance
        self.folds = folds

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> Self:
        """Fit on `X` (columns ``gene`` and ``variation``) and (n,) codes; rows of one group of (n,) `groups` stay together."""
        self.encoders_ = {scope: VariantEncoder(scope).fit(X) for scope in SCOPES}
        blocks = [encoder.transform(X) for encoder in self.encoders_.values()]
        # each scope on top of the wider ones
        designs: dict[str, sparse.csr_matrix] = {scope: sparse.hstack(blocks[: i + 1], format="csr") for i, scope in enumerate(SCOPES)}
        self.model_ = GroupedLogistic(self.C, self.balance, self.folds).fit(designs, y, groups)
        self.used_ = SCOPES[: SCOPES.index(self.model_.design_) + 1]
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        return self.model_.predict_proba(sparse.hstack([self.encoders_[scope].transform(X) for scope in self.used_], format="csr"))

    def predict(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return (n,) the most probable code."""
        codes: NDArray[np.int64] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``terms`` and ``trials``; see `telling`."""
        names = [name for scope in self.used_ for name in self.encoders_[scope].names_]
        return {"terms": telling(names, self.model_.coefficients_, self.classes_), "trials": self.model_.trials}


class TfidfLogistic(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # likewise
    """Logistic regression on words and letters of variant-centred windows, and on what the variant's name says.

    The text is read twice: once with the gene called GENE and the variant VARIANT, so that it reads alike for a gene never seen, and
    once as it stands. Inner folds that cut through no group decide whether the second reading, with the columns of single genes, helps.

    Parameters
    ----------
    words : the window's budget; a shorter text is read whole.
    mask_gene : never let it know the gene: only the masked reading, and no column with a gene's name.
    C : the inverse penalty, or several, which are tried on inner folds.
    balance : rows weigh as their class's share to the power of -balance.
    axes : leading singular axes of the terms that are kept.
    variant_weight : how much the columns of the variant's name weigh beside the text.
    folds : inner folds.
    random_state : seed of the random projection by which the axes are found.
    """

    def __init__(
        self,
        words: int = 300,
        mask_gene: bool = False,
        C: float | tuple[float, ...] = (5.0, 15.0, 50.0),
        balance: float = 1.0,
        axes: int = 800,
        variant_weight: float = 0.17,
        folds: int = 4,
        random_state: int = 0,
    ) -> None:
        self.words = words
        self.mask_gene = mask_gene
        self.C = C
        self.balance = balance
        self.axes = axes
        self.variant_weight = variant_weight
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> Self:
        """Fit on `X` (columns ``gene``, ``variation`` and ``text``) and (n,) codes."""
        plain, blind = self._read(X)
        self.blind_ = Terms()
        self.any_ = VariantEncoder("any").fit(X)
        matrices = {"masked": beside([self.blind_.fit_transform(blind), self.variant_weight * self.any_.transform(X)])}
        if not self.mask_gene:
            self.plain_ = Terms(letters=False)
            self.named_ = [VariantEncoder(scope).fit(X) for scope in SCOPES[1:]]
            matrices["whole"] = beside([matrices["masked"], self.plain_.fit_transform(plain), *self._named(X)])
        latents = {name: Latent(self.axes, self.random_state) for name in matrices}
        designs = {name: latents[name].fit_transform(M) for name, M in matrices.items()}
        self.model_ = GroupedLogistic(self.C, self.balance, self.folds).fit(designs, y, groups)
        self.latent_ = latents[self.model_.design_]
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n, k), in the order of `classes_`."""
        plain, blind = self._read(X)
        M = beside([self.blind_.transform(blind), self.variant_weight * self.any_.transform(X)])
        if self.model_.design_ == "whole":
            M = beside([M, self.plain_.transform(plain), *self._named(X)])
        return self.model_.predict_proba(self.latent_.transform(M))

    def predict(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return (n,) the most probable code."""
        codes: NDArray[np.int64] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``terms`` and ``trials``; see `telling`."""
        names = [f"masked text: {t}" for t in self.blind_.names_] + self.any_.names_
        if self.model_.design_ == "whole":
            names += [f"text: {t}" for t in self.plain_.names_] + [name for e in self.named_ for name in e.names_]
        weights = self.latent_.terms(self.model_.coefficients_)
        return {"terms": telling(names, weights, self.classes_), "trials": self.model_.trials}

    def _read(self, X: pd.DataFrame) -> tuple[list[str], list[str]]:
        """Return each row's window, as it stands and neutral."""
        plain = windows(X, self.words).tolist()
        return plain, [neutral(t, g, v) for t, g, v in zip(plain, X["gene"], X["variation"], strict=True)]

    def _named(self, X: pd.DataFrame) -> list[sparse.csr_matrix]:
        return [self.variant_weight * encoder.transform(X) for encoder in self.named_]


def beside(blocks: list[sparse.csr_matrix]) -> sparse.csr_matrix:
    """Return the blocks side by side, float32."""
    return sparse.csr_matrix(sparse.hstack(blocks, format="csr", dtype=np.float32))


def telling(names: list[str], weights: NDArray[np.float64], classes: NDArray[np.int64]) -> pd.DataFrame:
    """Return feature, class (code), weight: the most telling features of each class, for and against it, by (k, p) `weights`."""
    found = []
    for code, weight in zip(classes, weights, strict=True):
        order = np.argsort(-weight, kind="stable")
        ends = np.unique(np.r_[order[:TELLING], order[-TELLING:]])
        found.append(pd.DataFrame({"feature": [names[i] for i in ends], "class": code, "weight": weight[ends]}))
    return pd.concat(found).sort_values(["class", "weight"], ascending=[True, False], kind="stable", ignore_index=True)


def neutral(text: str, gene: str, variation: str) -> str:
    """Return `text` with the gene called GENE and the variant VARIANT, by whatever name."""
    names = sorted((n for n in spellings(gene, variation) if re.search(r"\d|-", n)), key=len, reverse=True)
    if names:
        text = re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)", "VARIANT", text, flags=re.IGNORECASE)
    return masked(text, gene)
