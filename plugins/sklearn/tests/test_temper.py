"""Tempering: scores that are too sure are found out."""

from __future__ import annotations

import numpy as np

from genoboard_sklearn.temper import fit_temper, tempered


def test_tempering_is_found_where_scores_are_too_sure() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(2000, 3))
    chance = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(3, p=p) for p in chance], dtype=np.int64)
    prior = np.bincount(y) / len(y)

    def loss(temper: tuple[float, float]) -> float:
        return float(-np.log(tempered(4 * raw, prior, temper)[np.arange(len(y)), y]).mean())

    temper = fit_temper(4 * raw, y, prior)
    assert abs(temper[0] - 0.25) < 0.05
    assert loss(temper) < loss((1.0, 0.0))
