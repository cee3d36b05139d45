"""The child: the only place where model code runs. Files in a job folder are all that it is told and all that it answers.

What it is told lies in ``in``, which it cannot write to; its answers go to ``out``; ``run`` and ``scratch`` are the model's.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import importlib.util
import inspect
import json
import os
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import confinement, keeper
from .errors import ModelFailed
from .isolation import Limits, peak_memory
from .syscalls import libc

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from .table import Features

WRITABLE = ("out", "run", "scratch")
FITTED = b"fitted"
ANSWERED = b"answered"
ROUNDING = 1e-6
SEEDS = ("random_state", "random_seed")
THREADS = ("n_jobs", "thread_count")


def work(job: Path, told: Mapping[str, Any], fitted: Callable[[], None]) -> None:
    """Fit the model that `told` describes on ``train``, call `fitted`, predict ``test``, write ``predictions.parquet`` and ``done.json``.

    `fitted` returns when the test features lie in the job folder: they are not there while the model is fitted. Where there is no
    target, the model is asked to `prepare` instead, and that is all.
    """
    import numpy as np
    import pandas as pd

    from . import table, tabulation
    from .apart import Apart
    from .design import Design
    from .gaps import Gaps, taken
    from .model import RunContext

    seed_everything(told["seed"])
    model = build(told)
    # once more, for the libraries that the model's module has imported
    seed_everything(told["seed"])
    given, out = job / "in", job / "out"
    X = table.read(given / "train")
    outputs, labels = tuple(told["outputs"]), told["target_kind"] == "multilabel"
    apart = bool(outputs) and not told["together"]
    classes = ("0", "1") if labels else tuple(told["classes"])
    cache = Path(told["cache"])
    context = RunContext(job / "run", told["seed"], device(), told["threads"], classes, cache if cache.is_dir() else None)
    if not (given / "target.npy").exists():
        model.prepare(X, context)
        answer(out, "ok", "", versions=versions())
        return
    y = np.load(given / "target.npy", allow_pickle=False)
    refuse_other_estimators(model, told["target_kind"])
    asked = inspect.signature(model.fit).parameters
    extra: dict[str, Any] = {}
    if "groups" in asked and (given / "groups.npy").exists():
        extra["groups"] = np.load(given / "groups.npy", allow_pickle=False)
    if "run" in asked:
        extra["run"] = context
    notes, tabular = [], isinstance(X, Design) and "bins" not in getattr(model, "kinds", told["kinds"])
    if isinstance(X, Design) and tabular:
        rows, note = tabulation.rows_to_fit(X, told["seed"])
        print(note or "a model for tables: it is given all rows as one")  # noqa: T201 (into the run's log)
        X, y = X.table(rows), y[rows]
        extra.update({"groups": extra["groups"][rows]} if "groups" in extra else {})
        notes += [note] if note else []
    gaps = Gaps(X, kept=told["takes_missing"] or taken(model))
    if apart:
        model = Apart(lambda: build(told), outputs, labels)
    start = time.perf_counter()
    X = gaps.fill(X)
    model.fit(X, y, **extra)
    seconds_fit = time.perf_counter() - start
    del X
    fitted()
    test = table.read(given / "test")
    start = time.perf_counter()
    answers = []
    for piece in tabulation.pieces(test) if isinstance(test, Design) and tabular else (test,):
        rows_asked = gaps.fill(piece)
        answers.append(predict_outputs(model, rows_asked, outputs, labels) if outputs else predict(model, rows_asked, classes))
    predictions, labels_only = pd.concat([frame for frame, _ in answers]), answers[0][1]
    seconds_predict = time.perf_counter() - start
    notes += [gaps.note] if gaps.note else []
    # the harness knows the rows' names
    predictions.to_parquet(out / "predictions.parquet", index=False)
    save_artifacts(model, out / "artifacts")
    told_too = {"labels_only": labels_only, "notes": notes, "versions": versions(), "sources": sources_of(job)}
    answer(out, "ok", "", seconds_fit=seconds_fit, seconds_predict=seconds_predict, **told_too)


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
        raise ModelFailed("failed", f"{Path(place).name} has no {name}.")
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


def save_artifacts(model: Any, folder: Path) -> None:
    """Write the model's own tables; their failure costs some lines in the log, never the run."""
    import pandas as pd

    try:
        for name, table in (model.artifacts() if hasattr(model, "artifacts") else {}).items():
            frame = pd.DataFrame(table)
            folder.mkdir(exist_ok=True)
            if len(frame.columns):
                frame.to_csv(folder / f"{name}.csv", index=False)
    except Exception:
        traceback.print_exc()


def seed_everything(seed: int) -> None:
    """Seed the generators that code without a random_state draws from."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def device() -> str:
    """Return ``"cuda"`` where torch is loaded and has a GPU, else ``"cpu"``."""
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Return name -> version of every package that this process has imported."""
    found = {n: vars(m).get("__version__") for n, m in tuple(sys.modules.items()) if "." not in n and hasattr(m, "__dict__")}
    return {n: v for n, v in sorted(found.items()) if isinstance(v, str)}


def sources_of(job: Path) -> dict[str, str]:
    """Return path -> hash for what was imported from source folders; the job folder's own copies are told by the entry's code."""
    from .provenance import sources

    return {path: digest for path, digest in sources().items() if job not in Path(path).parents}


def answer(out: Path, verdict: str, reason: str, **more: Any) -> None:
    """Write ``done.json``, whole: the parent reads it when this process has ended."""
    text = json.dumps({"verdict": verdict, "reason": reason, "peak_memory": peak_memory(), **more})
    (out / "done.json.part").write_text(text, encoding="utf-8")
    os.replace(out / "done.json.part", out / "done.json")


def main(job: Path, events: int) -> int:
    """Do the job in `job`; `events` is a file descriptor on which the parent waits. Return the exit status."""
    told = json.loads((job / "in" / "job.json").read_text(encoding="utf-8"))
    keeper.fork(told["parent"])
    os.set_inheritable(events, False)
    # stdin is where the harness answers; a model that asks its user something gets no answer, at once
    answers = os.dup(0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    lacks = confinement.confine(told, Limits(told["seconds"], told["memory"], told["threads"], told["disk"], told["network"]), job)
    # said before any of the model's code runs, so that none can say otherwise
    os.write(events, json.dumps(lacks).encode() + b"\n")
    sys.path += [p for p in told["path"] if p not in sys.path]

    def fitted() -> None:
        os.write(events, FITTED + b"\n")
        if not os.read(answers, 64):
            os._exit(1)

    # where scikit-learn's n_jobs has lost its meaning, it warns whoever sets it, which is us
    warnings.filterwarnings("ignore", "'n_jobs' has no effect", FutureWarning)
    try:
        work(job, told, fitted)
    except BaseException as error:
        # where the log is full, there is no more to say in it
        with contextlib.suppress(OSError):
            if isinstance(error, ModelFailed):
                print(error, file=sys.stderr)  # noqa: T201 (the child's stderr is the run's log)
            else:
                traceback.print_exc()
        answer(job / "out", *judged(error, job))
        return 1
    finally:
        # what else it does, or leaves running, is not waited for long
        os.write(events, ANSWERED + b"\n")
    return 0


def judged(error: BaseException, job: Path) -> tuple[str, str]:
    """Return the verdict on an error and its reason, which says what of the sandbox lies behind it."""
    if isinstance(error, MemoryError):
        return "memory", f"{error}" or "out of memory"
    if isinstance(error, ModelFailed):
        return error.verdict, str(error)
    said = str(error).strip().partition("\n")[0]
    reason = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if not isinstance(error, OSError):
        return "failed", reason
    match error.errno:
        case errno.EFBIG:
            return "disk", f"{reason}; allow more with --disk"
        case errno.ENOSPC | errno.EDQUOT:
            return "disk", no_room(job)
        case errno.EACCES | errno.EPERM:
            return "failed", f"{reason} (the sandbox keeps a model to its job folder; --allow-network opens the network)"
        case errno.ENOENT if error.filename and os.path.isabs(error.filename) and job not in Path(error.filename).parents:
            return "failed", f"{reason} (the sandbox shows a model its job folder and what --set names)"
        case errno.EAGAIN:
            return "failed", f"{reason} (a model may have {confinement.PROCESSES} processes and threads)"
    return "failed", reason


def no_room(job: Path) -> str:
    """Return what to say where a job's disk is full."""
    return f"no space is left in {job.parent}; free some there, or choose another folder for temporary files with TMPDIR"


def leave(status: int) -> NoReturn:
    """End this process as it stands: what was printed is kept, what the libraries would take apart is not waited for."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    # what C code printed lies in buffers of its own
    libc().fflush(None)
    os._exit(status)


if __name__ == "__main__":
    leave(main(Path(sys.argv[1]), int(sys.argv[2])))
