"""Errors: what genoboard says when it cannot go on: what happened, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genoboard_leaderboard.entry import Verdict


class GenoboardError(Exception):
    """An error that a user can mend; printed without a traceback, exit code 1."""


class UsageError(GenoboardError):
    """A call whose words do not fit together; exit code 2."""


class UnknownName(UsageError):
    """A task, model, metric, split, dataset or entry that nobody registered.

    Parameters
    ----------
    kind : the noun, in the singular: ``"model"``.
    name : what was asked for.
    known : the names that would have been understood.
    hint : one more sentence, such as the command that installs a plugin.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        near = nearest(name, self.known)
        said = [f"There is no {kind} named {name!r}."]
        if near:
            said.append("Did you mean " + " or ".join(near) + "?")
        elif self.known:
            said.append(f"There are: {', '.join(self.known)}.")
        if hint:
            said.append(hint)
        super().__init__(" ".join(said))


class InvalidSubmission(GenoboardError):
    """A submission file that cannot be scored; ``problems`` holds every fault found, in the file's order."""

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where, self.problems = where, tuple(problems)
        count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
        super().__init__("\n".join([f"{where} was not scored: {count}.", *(f"  - {p}" for p in problems)]))


class PluginError(GenoboardError):
    """A plugin that is broken, clashes with another one, or breaks the contract."""


class DataError(GenoboardError):
    """Data that are absent, damaged, or not what their format promises."""


class UndefinedScore(GenoboardError):
    """A metric that has no value on these rows, with the reason (AUROC when a class is absent, say)."""


class ModelFailed(GenoboardError):
    """A model that gave no valid predictions; ``verdict`` is one of the run's verdicts other than ``ok``."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        self.verdict = verdict
        super().__init__(reason)


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return up to `most` known names that `name` may be a slip of, best first."""
    import difflib  # here, because few commands need it

    folded = {k.casefold().replace("_", "-"): k for k in known}
    hits = difflib.get_close_matches(name.casefold().replace("_", "-"), folded, n=most, cutoff=0.6)
    return [folded[h] for h in hits]
