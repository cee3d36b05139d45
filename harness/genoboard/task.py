"""Task: a question with data, splits, metrics and controls; the card of a competition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .errors import UnknownName
from .metrics import Metric
from .splits import Split

if TYPE_CHECKING:
    import pandas as pd

    from .design import Design
    from .model import ModelSpec

Kind = Literal["tabular", "text", "bins"]
Target = Literal["binary", "multiclass", "multilabel", "regression"]


@dataclass(frozen=True)
class Dataset:
    """Rows of a task in memory, before any split.

    Parameters
    ----------
    X : DataFrame (n, p): one row per sample; the index holds unique ids (str). Kind ``tabular``: float32, no missing values.
        Kind ``bins``: a `Design` instead. Kind ``text``: str; ``text`` is the prose, the others are short fields (``gene``, ``variation``); "" where a row has none.
    y : Series (n,): the target on the same index; class names (str) or float64. Of a task with `outputs` a DataFrame (n, K) of float64 with
        these columns: 0 and 1 for labels. Missing for a row that is asked but never scored (*Ignored*, in Kaggle's word): only where
        `part` says that it is no training row.
    groups : DataFrame (n, g) of str on the same index: one column per kind of group (``donor``).
    control : DataFrame (n, c) on the same index: columns that only a control model is given (batch, RIN); or None.
    columns : DataFrame (p, a) indexed by X's columns: what is known of them (symbol, biotype, flag); or None.
    unit : unit of X: ``"log2(TPM+1)"``.
    notes : what the reader counted, dropped or recognised, one sentence each.
    part : Series (n,) of str on the same index: from which part of a published competition a row comes, or None where all are alike.
        Only rows of the part ``train`` are dealt; a split with a `rule` may ask about the others.
    opaque : the ids in the index say nothing of the samples already, and stay as they are.
    lacks : kind of group -> why this dataset does not have it, in a sentence; told where a split needs it.
    """

    X: pd.DataFrame | Design
    y: pd.Series | pd.DataFrame
    groups: pd.DataFrame
    control: pd.DataFrame | None = None
    columns: pd.DataFrame | None = None
    unit: str = ""
    notes: tuple[str, ...] = ()
    part: pd.Series | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)
    opaque: bool = False


@dataclass(frozen=True)
class RemoteFile:
    """A published file: `url`, and what its publisher states of it (`sha256`, or `md5` and `size` in bytes; empty where unknown)."""

    url: str
    sha256: str = ""
    md5: str = ""
    size: int = 0

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class DataSource:
    """The card of a dataset.

    Parameters
    ----------
    name : ``"gtex-v8"``.
    generate : ``"module:function"``, () -> Dataset; seeded, for a demo cohort.
    read : ``"module:function"``, (folder or file: Path, tell: Callable[[str], None]) -> Dataset, for a user's files.
    recipe : what a reader of many tasks is told as a third argument: how the columns of this one's files become a dataset. None: nothing.
    place : where a user's own files lie; what is there is read when it is asked for and not in the cache.
    recorded : name of a file at `place` -> its SHA-256 when the task was made.
    files : what ``genoboard data TASK --download`` fetches, then hands to `read`.
    fingerprint : what a generated dataset comes out as under the pinned NumPy; elsewhere a difference is told. Of files at a `place`, what
        they and the recipe are; what another one gave is read anew.
    licence, cite : shown when the dataset is described.
    """

    name: str
    summary: str
    generate: str = ""
    read: str = ""
    files: tuple[RemoteFile, ...] = ()
    fingerprint: str = ""
    licence: str = ""
    cite: str = ""
    recipe: object = None
    place: str = ""
    recorded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """The card of a competition.

    Parameters
    ----------
    kind : what X is: ``tabular``, ``text`` or ``bins`` (see ``docs/contract.md``).
    target : what y is.
    classes : the fixed label set, in the order of probability columns; empty for regression.
    outputs : the names of the target's columns where it has several: the labels of a ``multilabel`` target, of which a row may have any, or
        the values of a regression of several.
    sources : the datasets; the first without `generate` is the real one, ``demo`` is generated.
    splits : the first is the default.
    metrics : names of registered metrics, or cards of the task's own; the first is the primary one.
    controls : names of the models that every board holds. One that takes ``control`` columns is
        left out where a dataset has none.
    panels : what a report shows of an entry, in this order: ``"module:function"``s, each (Results) -> `Figure` or several; one that has
        nothing to show raises `NotDrawn` with the reason.
    references : what else to cite: the study that the task repeats, the competition that it comes from.
    id_column, target_column : names used in exported and submitted files.
    """

    name: str
    title: str
    summary: str
    kind: Kind
    target: Target
    sources: tuple[DataSource, ...]
    splits: tuple[Split, ...]
    metrics: tuple[str | Metric, ...]
    controls: tuple[str, ...] = ()
    panels: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    id_column: str = "id"
    target_column: str = "target"

    @property
    def default_data(self) -> str:
        """The dataset that is used where none was chosen: a generated one, which needs nothing, if there is any."""
        return next((s.name for s in self.sources if s.generate), self.sources[0].name)

    def split(self, name: str | None) -> Split:
        """Return the split called `name`, or the default one."""
        found = {s.name: s for s in self.splits}
        if name is None:
            return self.splits[0]
        if name not in found:
            raise UnknownName(f"split of {self.name}", name, found)
        return found[name]

    def admits(self, model: ModelSpec) -> bool:
        """Tell whether a model is made for this kind of task; whether a dataset has the columns that it needs is another question."""
        # a design's rows also come as a table, so what is made for tables may enter
        kinds = {self.kind, "tabular"} if self.kind == "bins" else {self.kind}
        targets = {self.target, "binary"} if self.target == "multilabel" else {self.target}
        return bool(kinds & set(model.kinds) and targets & set(model.targets) and (not model.tasks or self.name in model.tasks))


Tell = Callable[[str], None]
