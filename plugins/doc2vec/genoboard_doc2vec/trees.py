"""Doc2VecXGBoost: boosted trees on the recipe's features; imported by the worker alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from xgboost import XGBClassifier

from .recipe import BLOCKS, Floats, Recipe, Rows

if TYPE_CHECKING:
    from genoboard import RunContext


@dataclass(repr=False, eq=False)
class Doc2VecXGBoost(Recipe):
    """XGBoost on the recipe's features.

    Parameters
    ----------
    eta, max_depth, rounds : XGBoost's learning rate, depth of a tree and number of rounds.
    """

    eta: float = 0.2
    max_depth: int = 4
    rounds: int = 50

    def _learn(self, rows: Rows, run: RunContext | None) -> None:
        blocks = rows.vectors, *self.fields_.transform(rows.X)
        values = np.hstack(blocks)
        self.block_ = np.repeat(BLOCKS, [b.shape[1] for b in blocks])
        # more than two classes make XGBoost choose multi:softprob by itself
        self.trees_ = XGBClassifier(
            n_estimators=self.rounds,
            learning_rate=self.eta,
            max_depth=self.max_depth,
            tree_method="hist",
            device=run.device if run else "cpu",
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )
        self.trees_.fit(values, rows.code, eval_set=[(values, rows.code)] if run else None, verbose=False)
        if run:
            (losses,) = self.trees_.evals_result()["validation_0"].values()
            for i in range(0, len(losses), 10):
                run.log(i, train_log_loss=losses[i])

    def _answer(self, values: Floats) -> NDArray[np.float64]:
        return np.asarray(self.trees_.predict_proba(values), dtype=np.float64)

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``importances``: block (text, gene, variation), columns, importance (share of the loss that its splits took away)."""
        gain = np.zeros(len(self.block_))
        for name, value in self.trees_.get_booster().get_score(importance_type="total_gain").items():
            gain[int(name[1:])] = value
        total = gain.sum() or 1.0
        rows = [(b, int((self.block_ == b).sum()), float(gain[self.block_ == b].sum() / total)) for b in BLOCKS]
        return {"importances": pd.DataFrame(rows, columns=["block", "columns", "importance"])}
