"""Exploration: expression as the training rows show it: filtered, standardised and turned into components by them alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genoboard import NotDrawn, Results

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

EXPRESSED_IN = 0.2  # of the training rows: the published study's filter
FITTED = "Fitted on training rows only"
GENES_AT_ONCE = 2048


@dataclass(frozen=True)
class Expression:
    """The genes that the training rows express, standardised by their means and deviations there.

    Parameters
    ----------
    z : float32 (m, p): training rows first, then the test rows that may be looked at.
    mean, sd : (p,) over the training rows, in the dataset's unit.
    genes : the p genes' ids.
    symbols : (p,) what people call them.
    region : (m,) codes into the task's classes.
    donor : (m,) names.
    ids : (m,) opaque ids.
    n_train : how many of the rows are training rows.
    fold : "" or what to say of a cross-validated split.
    """

    z: NDArray[np.float32]
    mean: Floats
    sd: Floats
    genes: pd.Index
    symbols: NDArray[Any]
    region: Ints
    donor: NDArray[Any]
    ids: pd.Index
    n_train: int
    fold: str

    @classmethod
    def of(cls, results: Results, expressed_in: float = EXPRESSED_IN) -> Self:
        """Read the features; of a cross-validated split, its first fold is shown."""
        rows = results.rows
        train = labelled(results)
        test = np.intersect1d(results.folds[0].test, results.test)
        features = table_of(results, train)
        values = features.to_numpy(dtype=np.float32)
        kept = (values > 0).mean(axis=0) >= expressed_in
        mean, sd = _moments(values, kept)
        varies = sd > 0
        at = np.flatnonzero(kept)[varies]
        if len(at) < 2:
            raise NotDrawn("fewer than two genes vary over the training rows")
        mean, sd = mean[varies], sd[varies]
        z = np.concatenate([values[:, at], table_of(results, test).to_numpy(dtype=np.float32)[:, at]])
        z -= mean.astype(np.float32)
        z /= sd.astype(np.float32)
        shown = np.concatenate([train, test])
        genes = features.columns[at]
        return cls(
            z=z,
            mean=mean,
            sd=sd,
            genes=genes,
            symbols=symbols_of(results, genes),
            region=pd.Index(results.classes).get_indexer(pd.Index(rows["y"].iloc[shown])),
            donor=donors(rows).iloc[shown].to_numpy(),
            ids=rows.index[shown],
            n_train=len(train),
            fold=f" of fold 1 of {len(results.folds)}" if len(results.folds) > 1 else "",
        )

    @property
    def fitted(self) -> str:
        """What a note says of how the numbers were made."""
        return f"{FITTED}{self.fold} ({self.n_train:,} samples; {len(self.genes):,} genes that at least {EXPRESSED_IN:.0%} of them express)"

    @property
    def train(self) -> NDArray[np.float32]:
        """The training rows of z."""
        return self.z[: self.n_train]

    def profiles(self, k: int) -> Floats:
        """Return the mean z-scores of each region's training rows, (k, p); NaN for a region without any."""
        region = self.region[: self.n_train]
        return np.stack(
            [
                self.train[region == c].mean(axis=0, dtype=np.float64) if (region == c).any() else np.full(len(self.genes), np.nan)
                for c in range(k)
            ]
        )

    def components(self, n: int = 30) -> tuple[Floats, Floats, Floats]:
        """Return principal components (m, n) of all rows, the share of variance of each (n,), and the loadings (n, p)."""
        n = min(n, *self.train.shape)
        axes, singular = _leading(self.train, n)
        share = singular**2 / float(np.square(self.train, dtype=np.float64).sum())
        return np.asarray(self.z @ axes.T.astype(np.float32), dtype=np.float64), share, axes


def table_of(results: Results, positions: Ints) -> pd.DataFrame:
    """Return the expression of these rows, (n, p)."""
    features = results.features(positions)
    if not isinstance(features, pd.DataFrame):
        raise TypeError(f"expression comes as a table, not as {type(features).__name__}")
    return features


def labelled(results: Results) -> Ints:
    """Return the positions of the training rows, those of the first fold where there are several."""
    train = results.folds[0].train
    return train[results.rows["y"].iloc[train].notna().to_numpy()]


def donors(rows: pd.DataFrame) -> pd.Series:
    """Return each row's donor."""
    if "donor" not in rows:
        raise NotDrawn("this dataset does not say which donor a sample is of")
    return rows["donor"].astype(str)


def symbols_of(results: Results, genes: pd.Index) -> NDArray[Any]:
    """Return each gene's symbol, or its id where it has none."""
    known = results.columns
    if known is None or "symbol" not in known:
        return np.asarray(genes)
    symbol = known["symbol"].reindex(genes).fillna("")
    return np.where(symbol != "", symbol, genes)


def short(region: str) -> str:
    """Return a region's name without what stands in brackets."""
    return region.partition(" (")[0]


def adjusted_share(values: Floats, codes: Ints) -> float:
    """Return the adjusted R2 of `values` (n,) on the groups `codes` (n,): what share of their variance the groups explain, beyond chance."""
    _, group, n = np.unique(codes, return_inverse=True, return_counts=True)
    if len(n) < 2 or len(values) <= len(n):
        return float("nan")
    means = np.bincount(group, values) / n
    within = float(np.square(values - means[group]).sum()) / (len(values) - len(n))
    return 1 - within / float(values.var(ddof=1))


def anova_ranks(z: NDArray[np.float32], region: Ints, weights: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the rank (R, p) of every gene's ANOVA F over regions in each of R weightings (R, n) of the rows, 1 the largest.

    F grows with the share of the variance that lies between the regions, so that share is what is ranked.
    """
    onehot = (region[None, :] == np.arange(k)[:, None]).astype(np.float32)
    n = np.maximum(weights @ onehot.T, 1e-9)
    cells = (weights[:, None, :] * onehot[None]).reshape(-1, len(region))
    total = weights.sum(axis=1)[:, None]
    share = np.empty((len(weights), z.shape[1]))
    for start in range(0, z.shape[1], GENES_AT_ONCE):
        part = z[:, start : start + GENES_AT_ONCE]
        sums = (cells @ part).reshape(len(weights), k, -1).astype(np.float64)
        middle = sums.sum(axis=1) ** 2 / total
        between = (sums**2 / n[:, :, None]).sum(axis=1) - middle
        whole = (weights @ np.square(part)).astype(np.float64) - middle
        share[:, start : start + GENES_AT_ONCE] = between / np.maximum(whole, 1e-9)
    order = np.argsort(-share, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, share.shape[1] + 1)[None], axis=1)
    return ranks


def hierarchy() -> Any:
    """Return scipy's module of clustering; raise `NotDrawn` where it is not installed."""
    try:
        from scipy.cluster import hierarchy as found
    except ImportError as error:
        raise NotDrawn('scipy is not installed: pip install "genoboard[report]"') from error
    return found


def linkage(profiles: Floats) -> tuple[Floats, Floats]:
    """Return the correlation (k, k) of region profiles and the average-linkage tree of 1 - r, neighbours put side by side."""
    r = np.atleast_2d(np.corrcoef(profiles))
    distance = (1 - r)[np.triu_indices(len(r), 1)].clip(min=0)
    tree: Callable[..., Floats] = hierarchy().linkage
    return r, tree(distance, method="average", optimal_ordering=True)


def _moments(values: NDArray[np.float32], kept: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of the kept columns, some at a time, for a float64 copy of all takes too much memory."""
    at = np.flatnonzero(kept)
    parts = [values[:, at[i : i + GENES_AT_ONCE]].astype(np.float64) for i in range(0, len(at), GENES_AT_ONCE)]
    if not parts:
        return np.empty(0), np.empty(0)
    return np.concatenate([p.mean(axis=0) for p in parts]), np.concatenate([p.std(axis=0, ddof=1) for p in parts])


def _leading(centred: NDArray[np.float32], n: int, more: int = 10, passes: int = 4) -> tuple[Floats, Floats]:
    """Return the leading right singular vectors (n, p) and values (n,), by randomised subspace iteration (Halko et al. 2011)."""
    width = min(n + more, *centred.shape)
    basis = np.linalg.qr(centred @ np.random.default_rng(0).standard_normal((centred.shape[1], width)).astype(np.float32))[0]
    for _ in range(passes):
        basis = np.linalg.qr(centred @ np.linalg.qr(centred.T @ basis)[0])[0]
    _, singular, axes = np.linalg.svd((basis.T @ centred).astype(np.float64), full_matrices=False)
    axes, singular = axes[:n], singular[:n]
    # a component's sign means nothing: the largest loading is positive, so that the same data look the same
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return axes * signs[:, None], singular
