"""Calibration: logits of rows that a model has not seen -> the temperature at which it is as sure as it should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

# temperatures looked at: e to the power of -WIDTH .. WIDTH
WIDTH = 2.0


def log_loss(logits: NDArray[np.float64], code: NDArray[np.int64]) -> float:
    """Return the mean log loss, natural log, of (n, k) logits."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(code)), code].mean())


def cooled(logits: NDArray[np.float64], code: NDArray[np.int64]) -> tuple[float, float]:
    """Return the temperature by which to divide logits, and the log loss with it."""
    found = minimize_scalar(lambda t: log_loss(logits / np.exp(t), code), bounds=(-WIDTH, WIDTH), method="bounded")
    return float(np.exp(found.x)), float(found.fun)
