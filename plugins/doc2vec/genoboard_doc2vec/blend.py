"""Doc2VecBlend: the network's and the trees' probabilities in fixed shares; imported by the worker alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .mlp import Doc2VecMLP
from .recipe import Floats, Rows
from .trees import Doc2VecXGBoost

if TYPE_CHECKING:
    from genoboard import RunContext


@dataclass(repr=False, eq=False)
class Doc2VecBlend(Doc2VecXGBoost, Doc2VecMLP):
    """Both models on the same features.

    Parameters
    ----------
    share : the network's; the trees have the rest.
    """

    share: float = 0.25

    def _learn(self, rows: Rows, run: RunContext | None) -> None:
        Doc2VecXGBoost._learn(self, rows, run)
        Doc2VecMLP._learn(self, rows, run)

    def _answer(self, values: Floats) -> NDArray[np.float64]:
        network, trees = Doc2VecMLP._answer(self, values), Doc2VecXGBoost._answer(self, values)
        return self.share * network + (1 - self.share) * trees

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return the trees' ``importances`` and the network's ``curve``."""
        return {**Doc2VecXGBoost.artifacts(self), **Doc2VecMLP.artifacts(self)}
