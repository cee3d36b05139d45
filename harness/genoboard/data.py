"""Data: a task's datasets, ingested once, content-addressed in the user's cache, and verified whenever they are opened."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import catalog, lease, outputs, sparse, splits, table
from .design import Design
from .errors import DataError, GenoboardError, UnknownName, UsageError
from .splits import Fold, Split
from .table import Features
from .task import Dataset, DataSource, Task, Tell
from .workspace import sha256, slug, umask

TARGETS, IDS = "rows.parquet", "ids.parquet"
# of a disk or a process in trouble, which says nothing of what a file holds
PASSING = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE)


@dataclass(frozen=True)
class Prepared:
    """A dataset in the cache; rows lie in the order of their opaque ids.

    Parameters
    ----------
    about : what the cache says of it: ``fingerprint``, ``rows``, ``features``, ``unit``, ``groups``, ``grouping``, ``notes``, ``created``, ``splits``, ``files``.
    rows : DataFrame (n, 1 + g), indexed by opaque id: ``y``, where there are any ``part``, and one column per kind of group.
    seen : the features as a published protocol sees them, in place of those in the cache; or None.
    """

    task: Task
    name: str
    folder: Path
    about: Mapping[str, Any]
    rows: pd.DataFrame
    seen: Features | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that a run can see of the data."""
        return str(self.about["fingerprint"])

    @property
    def targets(self) -> Path:
        """The file of the target and the groups, apart from the features."""
        return self.folder / TARGETS

    @property
    def has_control(self) -> bool:
        """Whether there are columns for a control model."""
        return (self.folder / "control.parquet").exists() or (self.folder / "control.npy").exists()

    def X(self, positions: NDArray[np.intp] | None = None, inputs: str = "features") -> Features:
        """Return the features (or, for a control model, the ``control`` columns) of these rows."""
        if self.seen is not None and inputs == "features":
            return self.seen if positions is None else table.take(self.seen, positions)
        return table.read(self.folder / inputs, positions)

    @cached_property
    def columns(self) -> pd.DataFrame | None:
        """What is known of the features, indexed by their names; or None."""
        stem = self.folder / "columns"
        return table.read_frame(stem) if stem.with_suffix(".parquet").exists() else None

    @cached_property
    def original_ids(self) -> pd.Series:
        """Opaque id -> the id that the sample has in its source; for people, never for models."""
        return pd.read_parquet(self.folder / IDS)["original"]

    def through(self, split: Split) -> Prepared:
        """Return the dataset as the split's published protocol has it: features and target transformed over all rows."""
        if split.protocol is None:
            return self
        seen, y = resolve_name(split.protocol)(self.X(), self.rows)
        return replace(self, rows=self.rows.assign(**{splits.TARGET: y}), seen=seen)

    def folds(self, split: Split) -> tuple[Fold, ...]:
        """Return the split's folds; raise `DataError` if they are not those that were recorded when the data came in."""
        if split.group in self.about.get("lacks", {}):
            raise DataError(f"Split {split.name!r} groups by {split.group}. {self.about['lacks'][split.group]}")
        folds = splits.deal(split, self.rows)
        recorded = self.about["splits"].get(split.name)
        if recorded is not None and recorded != splits.fingerprint(self.rows, folds):
            raise DataError(
                f"Split {split.name!r} of {self.task.name} / {self.name} no longer deals the rows as it did when the data were ingested: "
                f"the task's code has changed. Ingest the data again (a generated dataset: delete {self.folder}) for a new board, or go back to the version that made the old one."
            )
        return folds


def prepare(task: Task, name: str, tell: Tell = lambda _: None) -> Prepared:
    """Open a dataset and verify it; a generated one is made when it is not there. Raise `DataError` when it cannot be had."""
    if name not in catalog.names(task):
        raise UnknownName(
            f"dataset of {task.name}",
            name,
            catalog.names(task),
            f"To bring one of your own: genoboard data {task.name} --from DIR --as {name}.",
        )
    source = catalog.sources(task).get(name)
    try:
        found = _open(task, name)
    except DataError as error:
        if source is None or not (source.generate or source.place):
            raise DataError(f"{error} Bring it again: {_how(task, source, name)}.") from error
        tell(str(error))
        found = None
    if found is not None and source is not None and found.about.get("promised", "") != source.fingerprint:
        # made by an earlier version of its generator
        found = None
    if found is None:
        if source is not None and source.place:
            tell(f"Reading the {name} dataset of {task.name} from {source.place} (once).")
            return ingest(task, _recorded(task, source), name, tell)
        if source is None or not source.generate:
            raise DataError(f"The dataset {name!r} of {task.name} is not here. Bring it: {_how(task, source, name)}.")
        tell(f"Generating the {name} dataset of {task.name} (once).")
        found = store(task, name, resolve_name(source.generate)(), source.fingerprint)
        if source.fingerprint not in ("", found.fingerprint):
            tell(
                f"The {name} dataset of {task.name} came out as {found.fingerprint[:16]}, not as {source.fingerprint[:16]}: this NumPy draws other "
                "random numbers than the pinned one. It is a board of its own; install with constraints.txt to compare with others."
            )
    return found


def _how(task: Task, source: DataSource | None, name: str) -> str:
    mine = "" if source is not None else f" --as {name}"
    published = f", or genoboard data {task.name} --download" if source is not None and source.files else ""
    return f"genoboard data {task.name} --from DIR{mine}{published}"


def _recorded(task: Task, source: DataSource) -> Path:
    """Return where a dataset's files lie; raise `DataError` unless they are there, and as they were when the task was made."""
    place = Path(source.place)
    for name, known in source.recorded.items():
        file = place / name if place.is_dir() else place
        if not file.is_file():
            raise DataError(
                f"{file}, which {task.name} is made of, is not there. Put it back, or bring another: {_how(task, source, source.name)}."
            )
        found = sha256(file)
        if found != known:
            raise DataError(
                f"{file} has changed since {task.name} was made of it: its SHA-256 is {found}, and {known} was recorded. Put the old file back; or, "
                f"if the change is meant, bring it under a name and to boards of its own: genoboard data {task.name} --from {shlex.quote(str(place))} --as NAME."
            )
    return place


def ingest(task: Task, path: Path, name: str | None = None, tell: Tell = lambda _: None) -> Prepared:
    """Read a user's files and keep them as a dataset called `name` (by default, the task's real one)."""
    readers = [s for s in task.sources if s.read]
    if not readers:
        raise DataError(f"{task.name} reads no files of its users; its datasets are {', '.join(catalog.names(task))}.")
    if name is not None and slug(name) != name:
        raise UsageError(f"{name!r} cannot name a dataset. Use letters, digits, dots, hyphens and underscores, such as {slug(name)}.")
    if not path.exists():
        raise DataError(f"{path} does not exist. Give the folder that holds the files: genoboard data {task.name} --from DIR.")
    source = catalog.sources(task).get(name or readers[0].name, readers[0])
    if source.generate:
        raise DataError(f"{name!r} is the generated dataset's name. Choose another one with --as.")
    told = () if source.recipe is None else (source.recipe,)
    return store(task, name or source.name, resolve_name(source.read)(path, tell, *told), source.fingerprint if told else "")


def store(task: Task, name: str, dataset: Dataset, promised: str = "") -> Prepared:
    """Put a dataset into the cache, whole or not at all, and make `name` stand for it; `promised` is the fingerprint on its card."""
    rows, order = _canonical(task, dataset)
    parts: dict[str, Features] = {"features": table.take(dataset.X, order, rows.index)}
    if dataset.control is not None:
        parts["control"] = table.take(dataset.control, order, rows.index)
    fingerprint = _fingerprint(rows, parts)
    folder = catalog.objects(task) / fingerprint[:24]
    # in a bundle an asked row tells of no group
    grouped = rows[rows[splits.PART] == splits.TRAIN] if dataset.opaque else rows
    about = {
        "task": task.name,
        "name": name,
        "fingerprint": fingerprint,
        "rows": len(rows),
        "features": dataset.X.shape[1],
        "columns": list(dataset.X.columns) if task.kind == "text" else [],
        "lacks": dict(dataset.lacks),
        "unit": dataset.unit,
        "control": list(parts["control"].columns) if "control" in parts else [],
        "notes": list(dataset.notes),
        "groups": {c: int(grouped[c].nunique()) for c in splits.groups_of(rows)},
        "grouping": {c: splits.grouping(rows, c) for c in splits.groups_of(rows)},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "splits": _split_fingerprints(task, rows),
        "promised": promised,
    }
    with _new_folder(folder) as new:
        for stem, X in parts.items():
            table.write(X, new / stem)
        rows.to_parquet(new / TARGETS)
        pd.DataFrame({"original": dataset.X.index[order].astype(str)}, index=rows.index).to_parquet(new / IDS)
        if dataset.columns is not None:
            table.write(dataset.columns, new / "columns")
        # what the fingerprint does not cover
        about["files"] = {part.name: sha256(part) for part in (new / IDS, *sorted(new.glob("columns.*"))) if part.is_file()}
        catalog.note(new, about)
    catalog.point(task, name, folder)
    return Prepared(task, name, folder, about, rows)


def opaque(task: Task, ids: pd.Index) -> pd.Index:
    """Return ids that say nothing of the sample; the letter in front keeps spreadsheets from reading a number."""
    made = ["s" + hashlib.blake2b(f"{task.name}\n{i}".encode(), digest_size=8).hexdigest() for i in ids]
    return pd.Index(made, dtype="str", name=task.id_column)


def _canonical(task: Task, dataset: Dataset) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Return target and groups in the order of opaque ids, and that order: a dataset is the same in whatever order it is read."""
    original = dataset.X.index.astype(str)
    if not original.is_unique:
        raise DataError(f"Row id {original[original.duplicated()][0]!r} occurs more than once. Every sample needs an id of its own.")
    for part in (dataset.y, dataset.groups, dataset.control, dataset.part):
        if part is not None and not part.index.equals(dataset.X.index):
            raise GenoboardError(
                f"The loader of {task.name} returned X and {getattr(part, 'name', None) or 'groups'} with different row ids."
            )
    y = dataset.y
    if isinstance(y, pd.DataFrame):
        if tuple(y.columns) != task.outputs:
            raise GenoboardError(
                f"The loader of {task.name} returned the targets {list(y.columns)}, and its card names {list(task.outputs)}."
            )
        y = outputs.pack(y, task.target == "multilabel")
    unknown = y[y.isna() & (True if dataset.part is None else dataset.part == splits.TRAIN)]
    if len(unknown):
        raise DataError(f"Sample {unknown.index[0]!r} has no {task.target_column}, and a training row needs one.")
    strange = y[y.notna() & ~y.isin(list(task.classes))] if task.classes else y.iloc[:0]
    if len(strange):
        raise DataError(
            f"Sample {strange.index[0]!r} is of the class {str(strange.iloc[0])!r}, which {task.name} does not know. Its classes are {', '.join(task.classes)}."
        )
    rows = y.rename(splits.TARGET).to_frame()
    if dataset.part is not None:
        rows[splits.PART] = dataset.part.astype("str")
    ids = original.rename(task.id_column) if dataset.opaque else opaque(task, original)
    rows = rows.join(dataset.groups.astype("str")).set_axis(ids)
    order = np.argsort(rows.index.to_numpy(dtype=object))
    return rows.iloc[order], order


def _fingerprint(rows: pd.DataFrame, parts: Mapping[str, Features]) -> str:
    digest = hashlib.sha256()
    # a design's rows are millions, of few genes and cells: these are told once, and then by number
    coded = any(isinstance(X, Design) for X in parts.values())
    for name, frame in {"rows": rows, **parts}.items():
        if isinstance(frame, Design):
            digest.update(frame.digest())
            continue
        # text is text, whether pandas calls it object (2) or str (3)
        kinds = [str(d) if pd.api.types.is_numeric_dtype(d) else "str" for d in frame.dtypes]
        digest.update(json.dumps([name, [str(c) for c in frame.columns], kinds]).encode())
        if sparse.is_sparse(frame):
            digest.update(sparse.digest(frame))
            continue
        if len(frame.columns) and all(d == np.float32 for d in frame.dtypes):
            digest.update(np.ascontiguousarray(frame.to_numpy()).data)
            continue
        for column in frame.columns:
            values = frame[column]
            numeric = pd.api.types.is_numeric_dtype(values.dtype)
            if numeric:
                digest.update(np.ascontiguousarray(values.to_numpy()).data)
                continue
            if coded:
                codes, names = pd.factorize(values)
                digest.update(json.dumps(list(names)).encode() + np.ascontiguousarray(codes, np.int64).tobytes())
                continue
            # a JSON array, one value at a time: prose is not copied to be hashed
            for place, (value, known) in enumerate(zip(values, values.notna(), strict=True)):
                digest.update(b", " if place else b"[")
                digest.update(json.dumps(value if known else None).encode())
            digest.update(b"]" if len(values) else b"[]")
    digest.update("\n".join(rows.index).encode())
    return digest.hexdigest()


def _split_fingerprints(task: Task, rows: pd.DataFrame) -> dict[str, str]:
    """Return split -> fingerprint for every split that these rows allow."""
    found = {}
    for split in task.splits:
        try:
            found[split.name] = splits.fingerprint(rows, splits.deal(split, rows))
        except DataError:
            continue
    return found


def _open(task: Task, name: str) -> Prepared | None:
    """Return the cached dataset, verified; None where there is none. Raise `DataError` where it is damaged."""
    folder = catalog.place(task, name)
    if folder is None:
        return None
    try:
        return opened(task, name, folder)
    except DataError:
        if not folder.exists():
            catalog.forget(task, name)
        raise


def opened(task: Task, name: str, folder: Path) -> Prepared:
    """Open a dataset's content as `name`, verified; raise `DataError` where it is damaged, and remove it."""
    about = catalog.noted(folder, name)
    damage = "its description is missing"
    if about is not None:
        try:
            rows = pd.read_parquet(folder / TARGETS)
            found = Prepared(task, name, folder, about, rows)
            parts: dict[str, Features] = {"features": found.X()}
            if found.has_control:
                parts["control"] = found.X(inputs="control")
            damage = "its content does not have the fingerprint that was recorded"
            same_rows = all(X.index.equals(rows.index) for X in parts.values())
            same_files = all(sha256(folder / part) == digest for part, digest in about.get("files", {}).items())
            if same_rows and same_files and _fingerprint(rows, parts) == about["fingerprint"]:
                return found
        except Exception as error:  # a damaged file fails in as many ways as it has parts
            if isinstance(error, (PermissionError, MemoryError)) or (isinstance(error, OSError) and error.errno in PASSING):
                raise DataError(f"The cached dataset {name!r} of {task.name} may not be read: {error or type(error).__name__}.") from error
            damage = (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_file():
        folder.unlink()
    raise DataError(f"The cached dataset {name!r} of {task.name} was damaged ({damage}) and has been removed.")


@contextmanager
def _new_folder(final: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes `final` when all went well.

    Where `final` is there already its rows are the same by content; notes, columns and splits may be newer: each file
    takes the place of its predecessor in one step.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    with lease.temporary(final.parent, ".new-") as new:
        yield new
        os.chmod(new, 0o777 & ~umask())
        try:
            os.replace(new, final)
        except OSError:
            # it is there already, perhaps since a moment ago, by another process
            # what is noted of them comes last: it speaks of files that are there by then
            for part in sorted(new.iterdir(), key=lambda p: (p.name == catalog.ABOUT, p.name)):
                # a folder cannot take another's place in one step, and what is in it is features, the same by content
                if not (part.is_dir() and (final / part.name).exists()):
                    os.replace(part, final / part.name)
