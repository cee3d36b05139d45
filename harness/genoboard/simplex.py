"""Simplex: weights that are not negative and sum to 1, and make a weighted mean of predictions lose least."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A tie between members is broken towards equal weights, by so little that no loss shows it; without it, that of two
# members who say the same would be for their order to decide.
TIE = 1e-10
GAP = 1e-10  # how far the mean log loss may lie above the least one
STEPS = 200


def least_log_loss(true: Floats) -> Floats:
    """Return the weights (m,) of the mixture whose mean -ln p of the true class is least.

    Newton's method: each step solves the loss's quadratic model exactly, and is halved until the loss has fallen. It
    starts from equal weights, so that it never ends above the plain mean. The loss is convex, and what it still lies
    above its minimum is at most the largest mean ratio of a member to the mixture, less 1 (the ratio by which a step of
    the EM algorithm would raise that member's weight): where that is below `GAP`, it is done.

    Parameters
    ----------
    true : (n, m), the probability that each member gives the true class, none of them 0.
    """
    n, m = true.shape
    weights = np.full(m, 1.0 / m)
    loss = -float(np.log(true @ weights).mean())
    for _ in range(STEPS):
        ratio = true / (true @ weights)[:, None]
        mean = ratio.mean(axis=0)
        if mean.max() - 1.0 <= GAP:
            break
        # The minimum over all weights that are not negative, of loss + their sum, lies on the simplex: that constraint needs no care.
        curvature = ratio.T @ ratio / n
        near = TIE * float(np.trace(curvature)) / m
        aim = nonnegative(curvature + near * np.eye(m), 2.0 * mean - 1.0 + near * weights)
        aim /= aim.sum()
        step = 1.0
        while step > 1e-12:
            nearer = weights + step * (aim - weights)
            lower = -float(np.log(true @ nearer).mean())
            if lower < loss:
                break
            step /= 2.0
        else:
            break  # as low as float64 can tell
        weights, loss = nearer, lower
    return _summing_to_1(weights)


def least_squares(residuals: Floats) -> Floats:
    """Return the weights (m,) of the mean whose squared error is least.

    With weights that sum to 1 the mean's error is the weighted mean of errors, so the sum can be left to a penalty of
    any strength: what it lacks is a common factor.

    Parameters
    ----------
    residuals : (n, m), each member's prediction less the truth.
    """
    products = residuals.T @ residuals
    own = products.diagonal()
    if own.min() == 0.0:
        return _summing_to_1((own == 0.0).astype(np.float64))
    return _summing_to_1(nonnegative((products + TIE * np.diag(own)) / own.min() + 1.0, np.ones(len(own))))


def nonnegative(quadratic: Floats, linear: Floats) -> Floats:
    """Return the v >= 0 (m,) that makes v'Qv/2 - l'v least, exactly, for a positive definite Q (m, m).

    The active set method of Lawson and Hanson (1974): one after another, whatever the slope calls for is set free.
    """
    v, free = np.zeros(len(linear)), np.zeros(len(linear), dtype=bool)
    for _ in range(10 * len(linear)):
        slope = np.where(free, -np.inf, linear - quadratic @ v)
        if slope.max() <= 1e-14 * np.abs(linear).max():
            break
        free[slope.argmax()] = True
        while True:
            aim = np.zeros(len(linear))
            aim[free] = np.linalg.solve(quadratic[np.ix_(free, free)], linear[free])
            if not (aim[free] <= 0).any():
                break
            # as far as the first of them comes to 0, where it stays
            falling = free & (aim <= 0)
            reach = np.min(v[falling] / (v[falling] - aim[falling]))
            v = v + reach * (aim - v)
            free &= v > 1e-15 * v.max()
            v[~free] = 0.0
        v = aim
    return v


def _summing_to_1(weights: Floats) -> Floats:
    shares: Floats = weights / weights.sum()
    return shares
