"""Stages: the competition's own questions, each from the training file to the rows of one stage."""

from __future__ import annotations

import pandas as pd

from genoboard import DataError

TRAIN, STAGE1, STAGE2 = "train", "stage1", "stage2"

Pairs = list[tuple[pd.Index, pd.Index]]


def stage1(rows: pd.DataFrame) -> Pairs:
    """Return (train ids, test ids) of stage 1: all training rows, and the 368 test variants that were real."""
    return _stage(rows, STAGE1, "test_variants and stage1_solution_filtered.csv")


def stage2(rows: pd.DataFrame) -> Pairs:
    """Return (train ids, test ids) of stage 2: all training rows, and every variant that was asked, most of them never scored."""
    return _stage(rows, STAGE2, "stage2_test_variants.csv and stage_2_private_solution.csv")


def _stage(rows: pd.DataFrame, stage: str, files: str) -> Pairs:
    asked = rows.index[rows["part"] == stage]
    if asked.empty:
        raise DataError(f"Split {stage!r} needs {files}, which were not among the files that came in. Add them and ingest again.")
    return [(rows.index[rows["part"] == TRAIN], asked)]
