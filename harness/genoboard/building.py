"""Building: the unfitted model from what the child is told of it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ModelFailed, nearest

SEEDS = ("random_state", "random_seed")
THREADS = ("n_jobs", "thread_count")


def build(told: Mapping[str, Any]) -> Any:
    """Return the unfitted model with its parameters, and the run's seed and threads wherever it has a place for them.

    A ``random_state`` that somebody set in an estimator object stays; threads are the run's to give.
    """
    parameters: dict[str, Any] = dict(told["parameters"])
    flat = {k: v for k, v in parameters.items() if "__" not in k}
    nested = {k: v for k, v in parameters.items() if "__" in k}
    made = resolve(told["model"])
    blank = callable(made) and (inspect.isclass(made) or not hasattr(made, "fit"))
    if blank:
        model = made(**flat)
    else:
        model, nested = made, parameters
    if not hasattr(model, "fit"):
        raise ModelFailed("failed", f"{told['model']} is a {type(model).__name__} without fit(X, y): it is not a model.")
    if nested:
        model.set_params(**nested)
    if hasattr(model, "get_params") and hasattr(model, "set_params"):
        places = {k: v for k, v in {**unlisted(model), **model.get_params(deep=True)}.items() if k not in parameters}
        threads = {k: told["threads"] for k in places if k.rpartition("__")[2] in THREADS}
        seeds = {k: told["seed"] for k, v in places.items() if k.rpartition("__")[2] in SEEDS and (blank or v is None)}
        if seeds or threads:
            model.set_params(**seeds, **threads)
    return model


def unlisted(model: Any) -> dict[str, None]:
    """Return a place for the seed and one for the threads that `get_params` keeps to itself: CatBoost's lists what was set alone."""
    try:
        takes = inspect.signature(type(model)).parameters
    except ValueError:
        return {}
    listed = model.get_params(deep=False)
    firsts = (next((n for n in names if n in takes), None) for names in (SEEDS, THREADS) if not set(names) & set(listed))
    return dict.fromkeys(n for n in firsts if n is not None)


def resolve(target: str) -> Any:
    """Return what ``module:name``, ``file.py:name`` or ``file.pkl:`` (an estimator sent by the parent) stands for."""
    place, _, name = target.rpartition(":")
    if place.endswith(".pkl"):
        import cloudpickle

        return cloudpickle.loads(Path(place).read_bytes())
    if place.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        assert spec is not None, place
        assert spec.loader is not None, place
        module = importlib.util.module_from_spec(spec)
        # registered and on the path, so that joblib's processes find what is pickled of it
        sys.modules[spec.name] = module
        sys.path.insert(0, str(Path(place).parent))
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(place)
    if not hasattr(module, name):
        near = nearest(name, (n for n in dir(module) if not n.startswith("_")))
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ModelFailed("failed", f"{Path(place).name} has no {name}.{hint}")
    return getattr(module, name)


def refuse_other_estimators(model: Any, target_kind: str) -> None:
    """Refuse a transformer, or a regressor on a classification task, before it has cost any time."""
    try:
        kind = model.__sklearn_tags__().estimator_type
    except Exception:
        # a duck without tags is asked to show itself by what it predicts
        kind = None
    if not hasattr(model, "predict") and not hasattr(model, "predict_proba"):
        raise ModelFailed("failed", f"{type(model).__name__} has neither predict nor predict_proba: it cannot enter a competition.")
    wanted = "regressor" if target_kind == "regression" else "classifier"
    if kind is not None and kind != wanted:
        article = "an" if kind[0] in "aeiou" else "a"
        raise ModelFailed("failed", f"{type(model).__name__} is {article} {kind.replace('_', ' ')}; this task needs a {wanted}.")
