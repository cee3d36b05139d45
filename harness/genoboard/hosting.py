"""Hosting: a split played as on Kaggle: a public part that scores come from, and a private one, sealed until the reveal."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genoboard_leaderboard.entry import Board, Entry
from genoboard_leaderboard.ranking import Direction, Standing, standings
from genoboard_leaderboard.store import Store

from . import seal
from .errors import DataError, UsageError
from .seal import Seal
from .splits import Split
from .task import Task
from .workspace import REPLICATES, Workspace, write_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .scoring import Solution

PUBLIC, POST_REVEAL = "public", "post-reveal"  # values of Entry.phase
FEWEST_GROUPS, FEWEST_IN_PART = 20, 5  # an interval over fewer says nothing, and a ranking by them is chance
SELECTED = 2  # entries of a team that the private ranking takes, as on Kaggle


@dataclass(frozen=True)
class Hosting:
    """What is hosted, how it was parted, and what has become of it.

    Parameters
    ----------
    task, data, data_fingerprint, split, split_fingerprint : those of the open board.
    share : of the groups that were to be public.
    created : UTC, ISO 8601.
    unit : of what is never parted: ``donor``, or ``row``.
    groups, rows : how many there are in the public part and in the private one.
    known : why whoever enters knows private labels all the same; empty where it needs reading of what is kept away.
    revealed : when; empty before.
    selections : team -> the entries that it chose for the private ranking.
    private : entry -> what its seal held; empty before the reveal.
    """

    task: str
    data: str
    data_fingerprint: str
    split: str
    split_fingerprint: str
    share: float
    created: str
    unit: str
    groups: tuple[int, int]
    rows: tuple[int, int]
    known: str = ""
    revealed: str = ""
    selections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    private: Mapping[str, Seal] = field(default_factory=dict)

    @property
    def board(self) -> Board:
        """The board of its own: what was entered before was scored in the open, and does not mix."""
        what = "\n".join([self.split_fingerprint, "hosted", repr(self.share), self.created])
        return Board(self.task, self.data, self.data_fingerprint, self.split, hashlib.sha256(what.encode()).hexdigest())

    @property
    def title(self) -> str:
        """How it is asked for on the command line."""
        return f"{self.task} --split {self.split} --data {self.data}"

    def holds(self, board: Board) -> bool:
        """Tell whether this hosts an open board, whatever name its data go by here; or is the hosted board itself."""
        told = (self.task, self.split, self.data_fingerprint, self.split_fingerprint)
        return board == self.board or told == (board.task, board.split, board.data_fingerprint, board.split_fingerprint)

    def parts(self, whole: Solution, names: Sequence[str]) -> tuple[Solution, Solution]:
        """Return the public and the private part of a solution (n rows), whose groups are called `names` (n,)."""
        where = public(names, self.share, self.split_fingerprint)
        return whole.part(where, self._key("public")), whole.part(~where, self._key("private"))

    def _key(self, part: str) -> str:
        # resamples of the two parts are drawn apart
        return hashlib.sha256(f"{self.board.split_fingerprint}\n{part}".encode()).hexdigest()

    def write(self, place: Workspace) -> None:
        """Keep it in the workspace."""
        what = "\n".join([self.task, self.split, self.data_fingerprint, self.split_fingerprint])
        path = place.hosting(self.task, self.split, hashlib.sha256(what.encode()).hexdigest()[:8])
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**vars(self), "private": {id: s.to_dict() for id, s in self.private.items()}}

    @classmethod
    def read(cls, path: Path) -> Hosting:
        """Read what `write` wrote; raise `DataError` where it is something else."""
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                **{
                    **given,
                    "groups": tuple(given["groups"]),
                    "rows": tuple(given["rows"]),
                    "selections": {team: tuple(ids) for team, ids in given["selections"].items()},
                    "private": {id: Seal.from_dict(s) for id, s in given["private"].items()},
                }
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path} does not say what is hosted ({error}). Put it back as it was: without it nobody knows which rows are private."
            ) from error

    def looks(self, entries: Iterable[Entry]) -> dict[str, int]:
        """Return how many entries were scored on the public part, by team."""
        return dict(sorted(Counter(e.team for e in entries if e.phase == PUBLIC and e.verdict == "ok" and not e.control).items()))

    def chosen(self, entries: Sequence[Entry], metric: str, direction: Direction) -> set[str]:
        """Return the entries that the private ranking takes: what each team selected, else the best that it was told of."""
        sign = 1.0 if direction == "max" else -1.0
        best: dict[str, tuple[float, str]] = {}
        for e in entries:
            score = e.score(metric)
            if e.phase != PUBLIC or e.control or e.removed or e.team in self.selections or score is None or score.value is None:
                continue
            # the earliest of equals, in the order of the store
            if e.team not in best or sign * score.value > best[e.team][0]:
                best[e.team] = (sign * score.value, e.id)
        return {id for ids in self.selections.values() for id in ids} | {id for _, id in best.values()}

    def opened(self, place: Workspace, entry: Entry) -> Entry:
        """Return an entry with its private scores."""
        if entry.phase != PUBLIC or entry.verdict != "ok":
            return entry
        # one that was being scored while the others were revealed was sealed after them
        held = self.private.get(entry.id) or seal.read(place.folder(entry.id, entry.board.task))
        return replace(entry, scores=held.private, clusters=held.clusters, held="")

    def replicates(self, place: Workspace, entry: Entry, metric: str) -> NDArray[np.float64] | None:
        """Return the private replicates of an entry, float64 (R,), or None where there are none."""
        folder = place.folder(entry.id, entry.board.task)
        if entry.phase == PUBLIC:
            return seal.replicates(folder, metric)
        import numpy as np  # here, because a board is listed in less time than this takes

        with np.load(folder / REPLICATES, allow_pickle=False) as held:
            found: NDArray[np.float64] | None = held.get(metric)
            return found

    def private_standings(self, place: Workspace, entries: Sequence[Entry], metric: str, direction: Direction) -> list[Standing]:
        """Return the private ranking: the chosen entries and the controls, with their public rank beside; then the others, unranked."""
        standing = [e for e in entries if not e.removed]
        chosen = self.chosen(standing, metric, direction)
        told = [self.opened(place, e) for e in standing]
        by_public = {s.key: s for s in standings([e for e in standing if e.phase == PUBLIC], metric, direction)}

        def takes(e: Entry) -> bool:
            return e.verdict == "ok" and e.phase == PUBLIC and (e.control or e.id in chosen)

        from genoboard_leaderboard.certainty import assessed  # here, as numpy

        ranked = standings(filter(takes, told), metric, direction)
        by_id = {e.id: e for e in told}
        found = assessed(ranked, self._vectors(place, ranked, by_id, metric), metric, direction)
        rest = []
        for s in standings((e for e in told if not takes(e)), metric, direction):
            why = POST_REVEAL if by_id[s.entry].phase == POST_REVEAL else "not selected"
            rest.append(replace(s, rank=None, reason=why, warning=why) if s.verdict == "ok" else s)
        return [replace(s, warning="; ".join(filter(None, (_beside(by_public.get(s.key), metric), s.warning)))) for s in (*found, *rest)]

    def _vectors(
        self, place: Workspace, ranked: Iterable[Standing], entries: Mapping[str, Entry], metric: str
    ) -> dict[str, NDArray[np.float64]]:
        import numpy as np  # here, because a board is listed in less time than this takes

        found = {}
        for s in ranked:
            drawn = [self.replicates(place, entries[id], metric) for id in s.entries]
            known = [d for d in drawn if d is not None]
            if known and len(known) == len(drawn):
                found[s.key] = np.mean(known, axis=0)
        return found


@dataclass(frozen=True)
class HostedView:
    """A hosted board as it may be shown now: public scores before the reveal, private ones after it; and what to know of it."""

    hosting: Hosting
    board: Board
    standings: list[Standing]
    notes: list[str]


def dealt(board: Board, split: Split, names: Sequence[str], share: float) -> Hosting:
    """Return the hosting of an open board, whose scored test rows (n) are of the groups `names` (n,).

    Raise `UsageError`, which says why, where it is nothing to compete on.
    """
    unit = split.bootstrap_group or "row"
    where = public(names, share, board.split_fingerprint)
    shown = {name for name, told in zip(names, where, strict=True) if told}
    groups = len(shown), len(set(names)) - len(shown)
    if split.published:
        raise UsageError(f"Split {split.name!r} is a published one: its answers are known, so it is not hosted. Choose another split.")
    if split.unranked:
        raise UsageError(f"Split {split.name!r} is shown unranked, so nobody could win on it: {split.unranked}")
    if sum(groups) < FEWEST_GROUPS:
        raise UsageError(
            f"Split {split.name!r} tests on {sum(groups)} {unit}s, and a hosted competition needs {FEWEST_GROUPS}: a part of so few ranks by"
            " chance. Choose another split, or more data."
        )
    if min(groups) < FEWEST_IN_PART:
        least = -(-100 * FEWEST_IN_PART // sum(groups)) / 100
        raise UsageError(
            f"--public {share:g} of {sum(groups)} {unit}s leaves {groups[0]} public and {groups[1]} private ones, and either part needs"
            f" {FEWEST_IN_PART}. Choose a share from {least:.2f} to {1 - least:.2f}."
        )
    known = ""
    if split.cross_validated:
        known = "every row of this split is a training row of its other folds, so whoever enters is given the private labels"
    rows = int(where.sum()), len(names) - int(where.sum())
    return Hosting(
        **vars(board),
        share=share,
        created=datetime.now(UTC).isoformat(),
        unit=unit,
        groups=groups,
        rows=rows,
        known=known,
    )


def public(names: Sequence[str], share: float, fingerprint: str) -> NDArray[np.bool_]:
    """Return which rows (n,) are public: whole groups, in the order of a hash of their names, until the share of them is reached."""
    import numpy as np

    def dealing(name: str) -> bytes:
        return hashlib.sha256(f"{fingerprint}\n{name}".encode()).digest()

    order = sorted(set(names), key=dealing)
    shown = set(order[: round(share * len(order))])
    return np.fromiter((name in shown for name in names), dtype=np.bool_, count=len(names))


def of(place: Workspace, board: Board) -> Hosting | None:
    """Return what hosts an open board here, or the hosted board itself; None where nothing does."""
    return next((h for path in place.hostings() if (h := Hosting.read(path)).holds(board)), None)


def view(place: Workspace, store: Store, card: Task, board: Board, metric: str, direction: Direction) -> HostedView | None:
    """Return what may be shown of the competition that is hosted on a board, without opening data; None where it is not hosted."""
    hosted = of(place, board)
    if hosted is None:
        return None
    entries = store.entries(hosted.board)
    looks = ", ".join(f"{team} {count}" for team, count in hosted.looks(entries).items())
    (shown, sealed), unit = hosted.groups, f"{hosted.unit}s"
    parted = f"{shown / (shown + sealed):.0%}".replace("%", " %")
    if hosted.revealed:
        notes = [
            f"Hosted {day(hosted.created)}, revealed on {day(hosted.revealed)}; ranked by the private part ({sealed} of"
            f" {shown + sealed} {unit}), at most {SELECTED} entries of a team: those it selected, else its best public one; the public"
            " rank is beside. What was entered after the reveal is not ranked."
        ]
        rows = hosted.private_standings(place, entries, metric, direction)
    else:
        notes = [
            f"Hosted since {day(hosted.created)}: public part only ({parted} of the {unit}: {shown} of {shown + sealed}); a team's next"
            f" score is told where it is shown to beat its best. Private scores are sealed until genoboard reveal {hosted.title}"
        ]
        rows = store.assessed(hosted.board, metric, direction)
        if hosted.selections:
            chosen = "; ".join(f"{team}: {', '.join(ids)}" for team, ids in sorted(hosted.selections.items()))
            notes.append(f"Selected for the private ranking: {chosen}.")
    notes.append(f"Looks: {looks or 'none yet'}.")
    if hosted.known:
        notes.append(f"No secret: {hosted.known}.")
    return HostedView(hosted, hosted.board, rows, notes)


def _beside(standing: Standing | None, metric: str) -> str:
    """Return what a standing came to on the public part."""
    if standing is None:
        return ""
    value = standing.scores.get(metric)
    return f"public rank {standing.rank} ({value:.5f})" if value is not None else ""


def day(when: str) -> str:
    """Return a time of ISO 8601 as people read it."""
    return f"{when[:10]} {when[11:16]} UTC"
