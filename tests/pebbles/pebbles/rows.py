"""Rows of pebbles: made up, or read from a folder with pebbles.csv."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from genoboard import DataError, Dataset

MEASURES = ["length", "width", "height"]


def table() -> pd.DataFrame:
    """90 pebbles of 9 coves: pebble, cove, shape and three measures."""
    random = np.random.default_rng(7)
    shape, cove = np.repeat(["flat", "rough", "round"], 30), np.tile([f"cove {b}" for b in range(9)], 10)
    values = random.normal(5.0, 1.0, (90, 3)) + np.repeat(np.eye(3) * 1.5, 30, axis=0)
    frame = pd.DataFrame(values.round(3), columns=MEASURES)
    frame.insert(0, "pebble", [f"P{i:03d}" for i in range(90)])
    return frame.assign(cove=cove, shape=shape)


def dataset(frame: pd.DataFrame) -> Dataset:
    frame = frame.set_index("pebble")
    return Dataset(
        frame[MEASURES].astype(np.float32), frame["shape"], frame[["cove"]], unit="cm", notes=(f"{len(frame)} pebbles picked up.",)
    )


def generate() -> Dataset:
    return dataset(table())


def read(path: Path, tell: Callable[[str], None]) -> Dataset:
    if not (path / "pebbles.csv").is_file():
        raise DataError(f"{path} holds no pebbles.csv. Put it there.")
    tell("Picking up pebbles.")
    return dataset(pd.read_csv(path / "pebbles.csv", dtype={"pebble": "str"}))
