"""Predicting: what a fitted model answers -> a column per class, per output, or of values; other shapes and codes are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ModelFailed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from .table import Features

ROUNDING = 1e-6


def predict(model: Any, X: Features, classes: tuple[str, ...]) -> tuple[pd.DataFrame, bool]:
    """Return predictions, one row per row of X; one column per class, or ``prediction``. True beside labels without probabilities.

    `classes` are those of the training rows; code i stands for ``classes[i]``.
    """
    import numpy as np
    import pandas as pd

    if not classes:
        values = np.asarray(model.predict(X), dtype=np.float64).reshape(len(X), -1)
        expect_shape(values, (len(X), 1), "predict")
        return pd.DataFrame({"prediction": values[:, 0]}, index=X.index), False
    if hasattr(model, "predict_proba"):
        probability = np.asarray(model.predict_proba(X), dtype=np.float64)
        # float32 rounds to a hair outside [0, 1]; anything more is for the validator to name
        inside = probability.clip(0.0, 1.0)
        probability = np.where(np.abs(probability - inside) <= ROUNDING, inside, probability)
        codes = as_codes(getattr(model, "classes_", range(len(classes))), len(classes), "classes_ holds")
        expect_shape(probability, (len(X), len(codes)), "predict_proba")
        frame = pd.DataFrame(0.0, index=X.index, columns=list(classes))
        frame[[classes[c] for c in codes]] = probability
        return frame, False
    labels = np.asarray(model.predict(X)).reshape(-1)
    expect_shape(labels, (len(X),), "predict")
    codes = as_codes(labels, len(classes), "predict() gave")
    return pd.DataFrame(np.eye(len(classes))[codes], index=X.index, columns=list(classes)), True


def predict_outputs(model: Any, X: Features, outputs: tuple[str, ...], labels: bool) -> tuple[pd.DataFrame, bool]:
    """Return predictions of a target of several columns, one column each. True beside labels without probabilities.

    A model of them all answers as scikit-learn's do: `predict_proba` with (n, K), or with a list of (n, 2); `predict` with (n, K).
    """
    import numpy as np
    import pandas as pd

    from .apart import Apart

    classes, labels_only = ("0", "1") if labels else (), False
    if isinstance(model, Apart):
        columns = []
        for one in model.models_:
            if isinstance(one, float):
                columns.append(np.full(len(X), one))
                continue
            frame, only = predict(one, X, classes)
            columns.append(frame.iloc[:, -1].to_numpy())
            labels_only |= only
        values = np.column_stack(columns)
    elif labels and hasattr(model, "predict_proba"):
        answer = model.predict_proba(X)
        if isinstance(answer, list):
            # where training knows one value alone, there is one column: of 0, or of 1
            known = model.classes_
            answer = np.column_stack([p[:, list(c).index(1)] if 1 in c else np.zeros(len(X)) for p, c in zip(answer, known, strict=True)])
        values = np.asarray(answer, dtype=np.float64)
    else:
        values, labels_only = np.asarray(model.predict(X), dtype=np.float64), labels
    expect_shape(values, (len(X), len(outputs)), "predict_proba" if labels and not labels_only else "predict")
    return pd.DataFrame(values, index=X.index, columns=list(outputs)), labels_only


def as_codes(values: Any, k: int, said: str) -> NDArray[np.int64]:
    """Return class codes as int64; raise `ModelFailed` at the first value that is none of 0..k-1."""
    import numpy as np

    values = np.asarray(values).tolist()
    wrong = next((i for i, v in enumerate(values) if v not in range(k)), None)
    if wrong is not None:
        raise ModelFailed("invalid", f"{said} {values[wrong]!r} at place {wrong + 1}, which is not one of the class codes 0..{k - 1}.")
    return np.array(values, dtype=np.int64)


def expect_shape(values: Any, shape: tuple[int, ...], method: str) -> None:
    """Raise `ModelFailed` unless `values` has this shape."""
    if values.shape != shape:
        raise ModelFailed("invalid", f"{method}() returned an array of shape {values.shape}; {shape} was expected.")
