"""Temper: raw scores -> probabilities that are as sure as they were right about rows that the model had not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, softmax

Floats = NDArray[np.float64]

# of the logarithm of the factor and the logit of the prior's share: inner folds without an error do not make a model sure of everything
BOUNDS = ((-2.0, 1.0), (-7.0, 2.0))


def tempered(raw: Floats, prior: Floats, temper: tuple[float, float]) -> Floats:
    """Return the probabilities (n, k) of `raw` scores, flattened by a factor, with a share of the prior."""
    factor, share = temper
    probability: Floats = (1 - share) * softmax(factor * raw, axis=1) + share * prior
    return probability


def fit_temper(raw: Floats, y: NDArray[np.int64], prior: Floats) -> tuple[float, float]:
    """Return the factor and the prior's share under which the log loss of `raw` scores (n, k) is least."""

    def loss(at: Floats) -> float:
        probability = tempered(raw, prior, (float(np.exp(at[0])), float(expit(at[1]))))
        return float(-np.log(np.maximum(probability[np.arange(len(y)), y], 1e-15)).mean())

    factor, share = minimize(loss, [0.0, -4.0], method="Nelder-Mead", bounds=BOUNDS).x
    return float(np.exp(factor)), float(expit(share))
