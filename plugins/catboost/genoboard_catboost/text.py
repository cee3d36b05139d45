"""CatBoostText: boosted symmetric trees on variants' names as categories and the words around them as text; imported by the worker alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier, Pool
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GroupKFold

from genoboard_sklearn.temper import fit_temper, tempered
from genoboard_sklearn.variants import describe
from genoboard_sklearn.windows import blind

if TYPE_CHECKING:
    from genoboard import RunContext

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

PATIENCE = 40
# what stops the protein early, by whatever name
STOPS = ("nonsense", "frameshift", "truncation")
SHARES = ["Buckets:Prior=0.1"]
PROSE = "window"
# words and pairs of them. CatBoost's NaiveBayes and BM25 are left out: they are single numbers made from labels, on which trees lean too
# much (CIViC by citation, 280 trees: log loss .524 with them, .497 without)
WORDS = {
    "tokenizers": [{"tokenizer_id": "Words", "separator_type": "BySense", "lowercasing": "true", "token_types": ["Word", "Number"]}],
    "dictionaries": [
        {"dictionary_id": name, "gram_order": order, "occurrence_lower_bound": "3", "max_dictionary_size": "20000"}
        for name, order in (("One", "1"), ("Two", "2"))
    ],
    "feature_processing": {
        "default": [{"tokenizers_names": ["Words"], "dictionaries_names": ["One", "Two"], "feature_calcers": ["BoW:top_tokens_count=400"]}]
    },
}


class CatBoostText(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """`catboost.CatBoostClassifier` for rows of a gene, a variation and, where there is one, a text.

    CatBoost makes its class statistics of a category from rows that come earlier in a random order, which for a gene that no test row has
    promises more than it keeps. Where the groups of the split show that a gene never lies in two of them, what is the gene's own is
    left out. The number of trees is the one at which the loss of inner folds is least; the trees are then grown again on all rows, and
    a temperature and a share of the prior, fitted on the inner folds, temper their probabilities.

    Parameters
    ----------
    iterations : trees at most.
    inner : folds, by the split's groups, that choose how many.
    words : length of the window of the text, around the variant.

    The others are CatBoost's own, by its names.
    """

    def __init__(
        self,
        iterations: int = 400,
        learning_rate: float = 0.15,
        depth: int = 4,
        l2_leaf_reg: float = 3.0,
        rsm: float = 0.3,
        inner: int = 3,
        words: int = 300,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.depth = depth
        self.l2_leaf_reg = l2_leaf_reg
        self.rsm = rsm
        self.inner = inner
        self.words = words
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: pd.DataFrame, y: Codes, groups: Codes | None = None, run: RunContext | None = None) -> Self:
        """Fit on (n, c) str `X` and (n,) codes 0..k-1; `run` is told the losses of every tenth round: of inner folds, and of training."""
        self.classes_ = np.arange(int(y.max()) + 1)
        self.prior_ = np.bincount(y) / len(y)
        self.on_gpu_ = run is not None and run.device == "cuda"
        # without two groups there is nothing to keep apart
        groups = np.arange(len(y)) if groups is None or len(np.unique(groups)) < 2 else groups
        self.gene_returns_ = bool((pd.Series(groups).groupby(X["gene"].to_numpy()).nunique() > 1).any())
        rows = self._rows(X)
        validation = self._choose(rows, y, groups)
        self.model_ = self._grow(rows, y, self.n_trees_)
        if run:
            losses = self.model_.get_evals_result()["learn"]["MultiClass"]
            for step in range(0, self.n_trees_, 10):
                run.log(step, validation_log_loss=validation[step], train_log_loss=losses[step])
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Return (n, k), in the order of `classes_`."""
        return tempered(self._raw(self.model_, self._rows(X)), self.prior_, self.temper_)

    def predict(self, X: pd.DataFrame) -> Codes:
        """Return (n,) the most probable code."""
        codes: Codes = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return codes

    def artifacts(self) -> dict[str, pd.DataFrame]:
        """Return ``importances``: feature, importance (the change of a prediction when it changes, of 100 in all); descending."""
        table = pd.DataFrame({"feature": self.model_.feature_names_, "importance": self.model_.get_feature_importance()})
        return {"importances": table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)}

    def _rows(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the numbers, categories (object) and perhaps the window (object) that CatBoost is given."""
        rows = describe(X)
        kind = rows["kind"].where(~rows["kind"].isin(STOPS), "stop")
        rows["change"] = rows["reference"] + ">" + rows["alternate"]
        # MAP2K1 and MAP3K1, ERBB2 and ERBB3
        rows["family"] = rows["gene"].str.replace(r"\d.*$", "", regex=True)
        if self.gene_returns_:
            place = rows["position"].fillna(-1)
            rows["gene and kind"] = rows["gene"] + "|" + kind
            rows["gene and codon"] = rows["gene"] + "|" + place.astype(int).astype(str) + kind.where(place < 0, "")
            rows["gene and stretch"] = rows["gene"] + "|" + (place // 30).astype(int).astype(str) + kind.where(place < 0, "")
            rows["gene and variation"] = rows["gene"] + "|" + X["variation"].astype(str).str.lower()
        else:
            rows = rows.drop(columns="gene")
        numbers = rows.select_dtypes(["number", "bool"]).columns
        rows[numbers] = rows[numbers].astype(np.float64)
        rows = rows.astype(dict.fromkeys(rows.columns.difference(numbers), object))
        if "text" in X:
            rows[PROSE] = pd.Series(blind(X, self.words), index=X.index, dtype=object)
        return rows

    def _choose(self, rows: pd.DataFrame, y: Codes, groups: Codes) -> Floats:
        """Choose the number of trees and how to temper by inner folds; return the loss of every round, over all rows."""
        losses = np.zeros(self.iterations)
        fitted = []
        for train, test in GroupKFold(min(self.inner, len(np.unique(groups)))).split(y, groups=groups):
            model = self._grow(rows.iloc[train], y[train], self.iterations, self._pool(rows.iloc[test], y[test]))
            curve = np.array(model.get_evals_result()["validation"]["MultiClass"])
            losses += np.pad(curve, (0, self.iterations - len(curve)), mode="edge") * len(test) / len(y)
            fitted.append((model, test))
        self.n_trees_ = int(losses.argmin()) + 1
        raw = np.empty((len(y), len(self.classes_)))
        for model, test in fitted:
            raw[test] = self._raw(model, rows.iloc[test], min(self.n_trees_, model.tree_count_))
        self.temper_ = fit_temper(raw, y, self.prior_)
        return losses

    def _grow(self, rows: pd.DataFrame, y: Codes, trees: int, asked: Pool | None = None) -> CatBoostClassifier:
        settings: dict[str, Any] = {"text_processing": WORDS} if PROSE in rows else {}
        if self.on_gpu_:
            settings["task_type"] = "GPU"
        else:
            # CatBoost samples columns on the CPU only
            settings["rsm"] = self.rsm
        if asked is not None:
            settings |= {"early_stopping_rounds": PATIENCE, "use_best_model": False}
        model = CatBoostClassifier(
            loss_function="MultiClass",
            classes_count=len(self.classes_),
            iterations=trees,
            learning_rate=self.learning_rate,
            depth=self.depth,
            l2_leaf_reg=self.l2_leaf_reg,
            random_seed=self.random_state,
            # one share per class: half the time of CatBoost's default, and less loss
            simple_ctr=SHARES,
            # combinations that matter are columns already; CatBoost's own cost many times the time
            combinations_ctr=SHARES,
            max_ctr_complexity=1,
            thread_count=self.n_jobs,
            allow_writing_files=False,
            verbose=False,
            **settings,
        )
        return model.fit(self._pool(rows, y), eval_set=asked)

    def _pool(self, rows: pd.DataFrame, y: Codes | None = None) -> Pool:
        categories = [c for c in rows if rows[c].dtype == object and c != PROSE]
        return Pool(rows, y, cat_features=categories, text_features=[PROSE] if PROSE in rows else None, thread_count=self.n_jobs)

    def _raw(self, model: CatBoostClassifier, rows: pd.DataFrame, trees: int = 0) -> Floats:
        scores = model.predict(self._pool(rows), prediction_type="RawFormulaVal", ntree_end=trees, thread_count=self.n_jobs)
        return np.asarray(scores, dtype=np.float64)
