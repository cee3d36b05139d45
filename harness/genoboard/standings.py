"""Standings: a board for people at a prompt and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genoboard_leaderboard import export, notebook

from . import board
from .plugins import load_plugins
from .workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """A board as it stood when it was asked for; `document` is what ``genoboard leaderboard --json`` prints."""

    document: Mapping[str, Any]

    @property
    def standings(self) -> tuple[Mapping[str, Any], ...]:
        """The standings, best first, as JSON has them."""
        return tuple(self.document["standings"])

    def table(self) -> pd.DataFrame:
        """Return one row per standing, best first: the columns of ``genoboard leaderboard --format csv``."""
        import pandas as pd  # here, because a board is shown in less time than this takes

        heads, rows = export.records(self.document)
        return pd.DataFrame(rows, columns=heads)

    def __repr__(self) -> str:
        return board.table(self.document).rstrip()

    def _repr_html_(self) -> str:
        told = self.document
        if not told["standings"]:
            return notebook.table(export.title(told), (), (), below=[told["asks"], board.next_run(told), *told["notes"]])
        heads, rows, numeric = export.cells(told, board.shown(told))
        bold = [at for at, row in enumerate(told["standings"]) if row["rank"] == 1]
        return notebook.table(export.title(told), heads, rows, numeric, bold, [told["asks"], *board.reading(told)])


def leaderboard(
    task: str, split: str | None = None, data: str | None = None, workspace: str | Path | None = None, metric: str | None = None
) -> Leaderboard:
    """Return the board of a task's split on a dataset.

    Parameters
    ----------
    split, data : the task's first split, and what this workspace chose for it or else the task's default dataset, unless given.
    workspace : where the entries lie; GENOBOARD_WORKSPACE or the current folder unless given.
    metric : one of the task's metrics, to order by; the primary one unless given.

    Examples
    --------
    >>> import genoboard
    >>> board = genoboard.leaderboard("brain-region")  # doctest: +SKIP
    >>> board.table()[["rank", "name", "f1-macro"]]  # doctest: +SKIP
    """
    return Leaderboard(board.document(load_plugins(workspace=Workspace.here(workspace)), workspace, task, split, data, metric))
