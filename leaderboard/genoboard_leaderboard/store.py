"""Store: the index of all entries, one SQLite file; the submission folders are the record, and it can be made anew from them."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .entry import Board, Entry
from .errors import LeaderboardError, UnusableIndexError
from .ranking import Direction, Standing, gathered, ranked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What the file's header says: that it is ours, and which schema.sql made it. Raise VERSION with every change to that file,
# to the JSON of entries and standings, and to what `ranking.gathered` and `certainty.assessed` compute.
APPLICATION = 0x67656E6F
VERSION = 4
OLDEST_SQLITE = (3, 37)  # the first with strict tables
PATIENCE = 60.0  # seconds that a writer waits for the others
MOUNTS = Path("/proc/mounts")
NETWORK = {
    *("9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "gfs2", "glusterfs", "gpfs", "lustre"),
    *("ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "wekafs"),
}
Recorded = TypeVar("Recorded", Entry, Standing)
STANDINGS = "SELECT document FROM standing WHERE board = ?"
MEND = "It is only an index of the submission folders: 'genoboard leaderboard --rebuild' makes it anew."


class Store:
    """The entries of a workspace.

    Any number of processes may read and write at once. Reading creates nothing: where there is no file, there is no entry.
    Every method raises `LeaderboardError` when the file cannot be read or written, or is not ours.

    Parameters
    ----------
    path : the database file; the first `record` makes it and its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()

    def record(self, entry: Entry, replicates: Mapping[str, NDArray[np.float64]] | None = None) -> None:
        """Add `entry`, with its bootstrap replicates by metric (each a vector; NaN allowed), as one transaction.

        Recording the same once more changes nothing; other content under a known id raises `LeaderboardError`.
        """
        with self._writing() as db:
            if self._insert(db, entry, replicates or {}):
                self._renew(db, entry.board.key, entry.standing)

    def replace(self, entry: Entry, replicates: Mapping[str, NDArray[np.float64]] | None = None) -> None:
        """Put `entry` in the place of what is known under its id: after it was removed, or rescored."""
        with self._writing() as db:
            for place, key in db.execute("SELECT board, standing FROM entry WHERE id = ?", [entry.id]).fetchall():
                db.execute("DELETE FROM replicates WHERE entry = ?", [entry.id])
                db.execute("DELETE FROM entry WHERE id = ?", [entry.id])
                db.execute("UPDATE board SET entries = entries - 1 WHERE key = ?", [place])
                self._renew(db, place, key)
            self._insert(db, entry, replicates or {})
            self._renew(db, entry.board.key, entry.standing)

    def rebuild(self, records: Iterable[tuple[Entry, Mapping[str, NDArray[np.float64]]]]) -> int:
        """Replace everything by `records`, as one transaction, and return how many entries there are.

        `records` is only read once the others are kept from writing, so an entry that is made meanwhile is not lost.
        A file that cannot be read, or is not ours, is set aside as ``<name>.aside``.
        """
        if not self._sound():
            self._set_aside()
        with self._writing() as db:
            for table in ("assessment", "replicates", "resampled", "standing", "entry", "board"):
                db.execute(f"DELETE FROM {table}")
            count = sum(self._insert(db, entry, replicates) for entry, replicates in records)
            for board, key in db.execute("SELECT DISTINCT board, standing FROM entry").fetchall():
                self._renew(db, board, key)
        return count

    def entries(
        self, board: Board | None = None, *, task: str | None = None, name: str | None = None, team: str | None = None
    ) -> list[Entry]:
        """Return the entries of a board, a task, a name, a team, or all, in order of `created`."""
        return self._entries({"e.board": board.key if board else None, "b.task": task, "e.name": name, "e.team": team})

    def entry(self, id: str) -> Entry:
        """Return the entry called `id`; raise `LeaderboardError` where there is none."""
        found = self._entries({"e.id": id})
        if not found:
            raise LeaderboardError(f"There is no entry {id!r}. 'genoboard leaderboard TASK --format json' shows the ids.")
        return found[0]

    def find(self, text: str, task: str | None = None) -> list[Entry]:
        """Return the entry whose id is `text`, or else the entries of that name, in order of `created`; none is an empty list."""
        return self._entries({"e.id": text, "b.task": task}) or self._entries({"e.name": text, "b.task": task})

    def names(self, task: str | None = None) -> list[str]:
        """Return under which names there are entries, of one task or all, without reading these."""
        where = {"b.task": task}
        sql = f"SELECT DISTINCT e.name FROM entry e JOIN board b ON b.key = e.board {_where(where)} ORDER BY e.name"
        return [name for (name,) in self._rows(sql, where)]

    def boards(self, task: str | None = None) -> list[tuple[Board, int]]:
        """Return the boards, of one task or all, with how many entries each has; the board with the earliest entry first."""
        where = {"b.task": task}
        rows = self._rows(
            "SELECT b.task, b.data, b.data_fingerprint, b.split, b.split_fingerprint, b.entries"
            f" FROM board b {_where(where)} ORDER BY (SELECT min(e.created) FROM entry e WHERE e.board = b.key), b.key",
            where,
        )
        return [(Board(*fields), count) for *fields, count in rows]

    def standings(self, board: Board, metric: str, direction: Direction) -> list[Standing]:
        """Return what `ranking.standings` makes of the board's entries, without reading them one by one."""
        rows = self._rows(STANDINGS, {"board": board.key})
        return ranked([self._read(Standing, text) for (text,) in rows], metric, direction)

    def assessed(self, board: Board, metric: str, direction: Direction) -> list[Standing]:
        """Return the same with what `certainty.assessed` has to say of their order.

        Whoever reads a board first after a change works that out, and keeps it for the next where the file can be written at once.
        """
        with self._reading() as db:
            if db is None:
                return []
            known = db.execute(
                "SELECT a.document FROM assessment a JOIN board b ON b.key = a.board AND b.revision = a.revision"
                " WHERE a.board = ? AND a.metric = ? AND a.direction = ?",
                [board.key, metric, direction],
            ).fetchone()
            rows = db.execute(STANDINGS, [board.key]).fetchall()
            if known is None:
                vectors = db.execute(
                    "SELECT standing, vector FROM resampled WHERE board = ? AND metric = ?", [board.key, metric]
                ).fetchall()
                revision = db.execute("SELECT revision FROM board WHERE key = ?", [board.key]).fetchone()
        if known is not None:
            found = self._certainties(known[0])
            return ranked([self._read(Standing, text, found) for (text,) in rows], metric, direction)
        plain = ranked([self._read(Standing, text) for (text,) in rows], metric, direction)
        if not vectors:
            return plain
        import numpy as np  # here, because a board is listed in less time than this takes

        from .certainty import assessed, certainties

        told = assessed(plain, {key: np.frombuffer(vector, dtype="<f8") for key, vector in vectors}, metric, direction)
        self._keep(board, metric, direction, revision[0], json.dumps(certainties(told)))
        return told

    def removed(self, board: Board) -> list[Entry]:
        """Return the entries that were taken from a board."""
        rows = self._rows("SELECT document FROM entry WHERE removed AND board = ? ORDER BY created, id", {"board": board.key})
        return [self._read(Entry, text) for (text,) in rows]

    def replicates(self, entry_id: str, metric: str) -> NDArray[np.float64] | None:
        """Return an entry's bootstrap replicates of `metric`, float64 (n,), or None where none were recorded."""
        rows = self._rows("SELECT vector FROM replicates WHERE entry = ? AND metric = ?", {"entry": entry_id, "metric": metric})
        if not rows:
            return None
        import numpy as np  # here, because a board is listed in less time than this takes

        return np.frombuffer(rows[0][0], dtype="<f8").astype(np.float64)

    def _insert(self, db: sqlite3.Connection, entry: Entry, replicates: Mapping[str, NDArray[np.float64]]) -> bool:
        """Tell whether the entry was new."""
        document = json.dumps(entry.to_dict(), sort_keys=True)
        vectors = {metric: _blob(entry, metric, vector) for metric, vector in replicates.items()}
        known = db.execute("SELECT document FROM entry WHERE id = ?", [entry.id]).fetchone()
        if known:
            stored = dict(db.execute("SELECT metric, vector FROM replicates WHERE entry = ?", [entry.id]).fetchall())
            if (known[0], stored) == (document, vectors):
                return False
            raise LeaderboardError(
                f"Entry {entry.id!r} is on the leaderboard already, with other content, and entries are never changed."
                " Enter it under a new id; where its folder was edited on purpose, run 'genoboard leaderboard --rebuild'."
            )
        board = entry.board.key
        db.execute("INSERT INTO board VALUES (?, ?, ?, ?, ?, ?, 0, '') ON CONFLICT DO NOTHING", [board, *vars(entry.board).values()])
        values = [entry.id, board, entry.standing, entry.name, entry.created, int(bool(entry.removed)), entry.team, document]
        db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        db.execute("UPDATE board SET entries = entries + 1 WHERE key = ?", [board])
        db.executemany("INSERT INTO replicates VALUES (?, ?, ?)", [(entry.id, metric, vector) for metric, vector in vectors.items()])
        return True

    def _renew(self, db: sqlite3.Connection, board: str, key: str) -> None:
        """Make a standing anew, with the mean of its replicates, and void what was said of the board's order."""
        db.execute("UPDATE board SET revision = hex(randomblob(8)) WHERE key = ?", [board])
        rows = db.execute("SELECT document FROM entry WHERE board = ? AND standing = ? AND NOT removed", [board, key]).fetchall()
        entries = [self._read(Entry, text) for (text,) in rows]
        db.execute("DELETE FROM resampled WHERE board = ? AND standing = ?", [board, key])
        if not entries:
            db.execute("DELETE FROM standing WHERE board = ? AND key = ?", [board, key])
            return
        standing = gathered(entries)
        db.execute("INSERT OR REPLACE INTO standing VALUES (?, ?, ?)", [board, key, json.dumps(standing.to_dict())])
        counted = set(standing.entries)
        # in the order of the entries, so that a rebuild comes to the same bits
        vectors = db.execute(
            "SELECT e.id, r.metric, r.vector FROM entry e JOIN replicates r ON r.entry = e.id"
            " WHERE e.board = ? AND e.standing = ? ORDER BY e.created, e.id",
            [board, key],
        )
        means = _means((metric, vector) for id, metric, vector in vectors if id in counted and metric in standing.scores)
        db.executemany("INSERT INTO resampled VALUES (?, ?, ?, ?)", [(board, key, metric, mean) for metric, mean in means.items()])

    def _entries(self, where: Mapping[str, str | None]) -> list[Entry]:
        sql = f"SELECT e.document FROM entry e JOIN board b ON b.key = e.board {_where(where)} ORDER BY e.created, e.id"
        return [self._read(Entry, text) for (text,) in self._rows(sql, where)]

    def _rows(self, sql: str, values: Mapping[str, str | None]) -> list[tuple[Any, ...]]:
        with self._reading() as db:
            return [] if db is None else db.execute(sql, [v for v in values.values() if v is not None]).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """What is asked in here is answered as of one instant; None where there is nothing yet."""
        if not self.path.exists():
            yield None
            return
        with self._connected("rw") as db:
            if not _known(self.path, db):
                yield None
                return
            db.execute("BEGIN")
            yield db

    def _keep(self, board: Board, metric: str, direction: Direction, revision: str, document: str) -> None:
        """Keep an assessment, unless that means waiting, or the board has changed meanwhile."""
        with suppress(LeaderboardError), self._connected("rw", patience=0.0) as db:
            db.execute(
                "INSERT OR REPLACE INTO assessment SELECT key, ?, ?, revision, ? FROM board WHERE key = ? AND revision = ?",
                [metric, direction, document, board.key, revision],
            )

    def _certainties(self, text: str) -> dict[str, dict[str, Any]]:
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError) as error:
            raise UnusableIndexError(f"{self.path} is damaged ({error}). {MEND}") from error

    def _read(self, kind: type[Recorded], text: str, more: Mapping[str, Mapping[str, Any]] | None = None) -> Recorded:
        """Return an entry or a standing from its JSON; `more` is what else is known, by the key of the standing."""
        try:
            values = json.loads(text)
            return kind.from_dict({**values, **more.get(values["key"], {})} if more else values)
        except (LeaderboardError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnusableIndexError(f"{self.path} is damaged ({error}). {MEND}") from error

    def _sound(self) -> bool:
        try:
            return all(row == ("ok",) for row in self._rows("PRAGMA quick_check", {}))
        except UnusableIndexError:
            return False

    def _set_aside(self) -> None:
        try:
            for suffix in ("", "-wal", "-shm", "-journal"):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.replace(self.path.with_name(self.path.name + ".aside" + suffix))
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that no other writer can cut into: all of it is kept, or nothing."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        with self._connected("rwc") as db:
            if not _known(self.path, db):
                schema = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
                header = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
                db.executescript(f"BEGIN IMMEDIATE; {schema} {header} COMMIT;")
            try:
                db.execute(f"PRAGMA journal_mode = {journal_mode(self.path.parent)}")
            except sqlite3.OperationalError as error:
                # Others are at work in another mode, which serves as well; the next writer who is alone changes it.
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _connected(self, mode: Literal["rw", "rwc"], patience: float | None = None) -> Iterator[sqlite3.Connection]:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise LeaderboardError(
                f"This Python comes with SQLite {'.'.join(map(str, sqlite3.sqlite_version_info))}, which has no strict tables."
                f" Use a Python with SQLite {'.'.join(map(str, OLDEST_SQLITE))} or newer."
            )
        # Without a writable folder SQLite cannot make the shared memory of WAL; where no writer has left any, nobody is writing.
        wal = self.path.with_name(self.path.name + "-wal")
        still = mode == "rw" and not os.access(self.path.parent, os.W_OK) and not wal.exists()
        try:
            db = sqlite3.connect(
                f"{self.path.as_uri()}?{'immutable=1' if still else f'mode={mode}'}",
                uri=True,
                timeout=PATIENCE if patience is None else patience,
                isolation_level=None,
            )
            try:
                db.execute("PRAGMA foreign_keys = ON")
                yield db
            finally:
                db.close()
        except sqlite3.ProgrammingError:
            raise  # a bug of ours
        except sqlite3.DatabaseError as error:
            raise self._explained(error) from error

    def _explained(self, error: sqlite3.DatabaseError) -> LeaderboardError:
        # Text that is not UTF-8 comes without a code; an extended code says more than is told apart here.
        match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF:
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return UnusableIndexError(f"{self.path} is damaged, or no database ({error}). {MEND}")
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return self._unwritable(error)
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return LeaderboardError(f"{self.path} was kept busy by another process for {PATIENCE:.0f} s. Try again later.")
            case sqlite3.SQLITE_FULL:
                return LeaderboardError(f"{self.path}: the disk is full. Free some space.")
            case sqlite3.SQLITE_IOERR:
                return LeaderboardError(f"{self.path} cannot be read or written ({error}): its disk is full, or fails. Free some space.")
            case _:
                return LeaderboardError(f"{self.path} cannot be used ({error}). {MEND}")

    def _unwritable(self, error: Exception) -> LeaderboardError:
        return LeaderboardError(
            f"{self.path} cannot be opened or written ({error}). Make the folder {self.path.parent} and what is in it writable,"
            " or choose another workspace with --workspace or GENOBOARD_WORKSPACE."
        )


def journal_mode(folder: Path) -> Literal["WAL", "TRUNCATE"]:
    """Return WAL, where readers and writers do not wait for each other, or TRUNCATE on file systems without shared memory."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "WAL"  # not Linux: there is nothing to ask
    kinds = {}
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        # A blank is written \040; a later mount covers an earlier one.
        kinds[Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point))] = kind
    real = folder.resolve()
    kind = next((kinds[place] for place in (real, *real.parents) if place in kinds), "")
    return "TRUNCATE" if kind in NETWORK or kind.startswith("fuse.") else "WAL"


def _known(path: Path, db: sqlite3.Connection) -> bool:
    """Tell our database from an empty file, made by a writer who has just begun; raise `LeaderboardError` for any other."""
    db.execute("BEGIN")  # all three as of one instant: another process may be making the file just now
    asked = ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    application, version, tables = (db.execute(sql).fetchone()[0] for sql in asked)
    db.execute("COMMIT")
    if (application, version) == (APPLICATION, VERSION):
        return True
    if application == APPLICATION:
        which = "a newer" if version > VERSION else "an older"
        raise UnusableIndexError(
            f"{path} was made by {which} genoboard (schema {version}; this one reads schema {VERSION})."
            f" {'Update genoboard, or rebuild it: ' if version > VERSION else ''}{MEND}"
        )
    if application or version or tables:
        raise UnusableIndexError(f"{path} is somebody else's database. Move it away, or let 'genoboard leaderboard --rebuild' do so.")
    return False


def _where(values: Mapping[str, str | None]) -> str:
    given = [f"{column} = ?" for column, value in values.items() if value is not None]
    return "WHERE " + " AND ".join(given) if given else ""


def _means(vectors: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Return the mean of each metric's vectors, where these are all of one length; they are not held, for there may be thousands."""
    firsts: dict[str, bytes] = {}
    sums: dict[str, NDArray[np.float64]] = {}
    counts: Counter[str] = Counter()
    ragged = set()
    for metric, vector in vectors:
        counts[metric] += 1
        first = firsts.setdefault(metric, vector)
        if len(vector) != len(first):
            ragged.add(metric)
        elif counts[metric] > 1:
            import numpy as np  # here, because a standing of one seed needs none

            before = sums[metric] if metric in sums else np.frombuffer(first, dtype="<f8")
            sums[metric] = before + np.frombuffer(vector, dtype="<f8")
    means = firsts | {metric: (total / counts[metric]).astype("<f8").tobytes() for metric, total in sums.items()}
    return {metric: mean for metric, mean in means.items() if metric not in ragged}


def _blob(entry: Entry, metric: str, vector: NDArray[np.float64]) -> bytes:
    import numpy as np  # here, because a board is listed in less time than this takes

    values = np.asarray(vector, dtype="<f8")
    if values.ndim != 1:
        raise LeaderboardError(f"Entry {entry.id!r}: the replicates of {metric} have shape {values.shape}; a vector is wanted.")
    return values.tobytes()
