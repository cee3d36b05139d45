"""Recovery: an index that was damaged, lost or cannot be written is named as that, and nothing but the index is ever lost."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import absent

from genoboard import DataError, board
from genoboard.competition import Competition
from genoboard.entering import clear
from genoboard.evaluation import evaluate, submit
from genoboard.workspace import REPLICATES, Workspace
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store

PEBBLES = Path(__file__).parent / "pebbles"
START = "import sys; sys.argv[0] = 'genoboard'; from genoboard.cli import main; main()"
BOARD = ("leaderboard", "pebbles", "--split", "cove")
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


@pytest.fixture(autouse=True)
def _pebbles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PEBBLES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A workspace with two controls, a run, and a good many files."""
    home = tmp_path_factory.mktemp("recovery")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(cache))
        patch.syspath_prepend(str(PEBBLES))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
        competition = Competition.open("pebbles", "cove", None, home / "workspace")
        evaluate(competition, "centroid")
        for n in range(6):
            submit(competition, a_file(competition, home / f"{n}.csv", n), f"file-{n}")
    return home / "workspace"


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Workspace:
    """A copy of it, to be damaged."""
    return Workspace.here(shutil.copytree(made, tmp_path / "workspace"))


def a_file(competition: Competition, path: Path, n: int) -> Path:
    classes = list(competition.task.classes)
    frame = pd.DataFrame(0.2 + n / 100, index=competition.form.ids, columns=classes)
    frame[classes[0]] = 1.0 - frame[classes[1:]].sum(axis=1)
    frame.rename_axis(competition.form.id_column).to_csv(path)
    return path


def genoboard(place: Workspace, *words: object, before: tuple[object, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-c", START, "--workspace", place.root, *words]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=120, cwd=place.root.parent)


# ------------------------------------------------------------------------------------------------------------- a damaged file


def scribble(path: Path) -> None:
    """Random bytes over a third of the file, from its second page on."""
    whole = path.read_bytes()
    noise = random.Random(3).randbytes(len(whole) // 3)
    path.write_bytes(whole[:4096] + noise + whole[4096 + len(noise) :])


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def somebody_elses(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bookmarks (url TEXT)")
    db.commit()
    db.close()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "random bytes in the middle": (scribble, "is damaged, or no database"),
    "cut short": (cut_short, "is damaged, or no database"),
    "a text": (lambda p: p.write_text("the leaderboard was here\n" * 500), "is damaged, or no database"),
    "of another application": (somebody_elses, "is somebody else's database"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_is_named_and_a_rebuild_restores_it(place: Workspace, damage: str) -> None:
    before = genoboard(place, *BOARD).stdout
    assert "centroid" in before
    assert "file-5" in before
    harm, said = DAMAGE[damage]
    harm(place.database)
    broken = genoboard(place, *BOARD)
    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr.startswith(f"Error: {place.database} {said}"), broken.stderr
    assert "genoboard leaderboard --rebuild" in broken.stderr
    assert broken.stderr.count("\n") == 1, "one line, and no traceback"
    # the file that could not be read is kept
    harmed = place.database.read_bytes()
    assert genoboard(place, "leaderboard", "--rebuild").stderr == "The index holds 8 entries, read from their folders.\n"
    assert genoboard(place, *BOARD).stdout == before
    assert place.database.with_name("leaderboard.db.aside").read_bytes() == harmed
    assert genoboard(place, "rescore", "--verify").returncode == 0


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("size", [1, 32, 5000])
def test_garbage_beside_the_index_is_no_harm(place: Workspace, suffix: str, size: int) -> None:
    before = genoboard(place, *BOARD).stdout
    place.database.with_name(place.database.name + suffix).write_bytes(random.Random(size).randbytes(size))
    found = genoboard(place, *BOARD)
    assert (found.returncode, found.stdout) == (0, before), found.stderr
    assert genoboard(place, "leaderboard", "--rebuild").returncode == 0
    assert genoboard(place, *BOARD).stdout == before


@pytest.mark.parametrize("how", ["gone", "empty", "one letter"])
def test_a_lost_index_is_no_empty_board(place: Workspace, how: str) -> None:
    before = genoboard(place, *BOARD).stdout
    place.database.unlink()
    if how != "gone":
        # SQLite takes what is smaller than its header for an empty file
        place.database.write_text("" if how == "empty" else "x")
    lost = genoboard(place, *BOARD)
    assert (
        f"The index is empty, and {place.root / 'submissions'} holds entries. Read them in: genoboard leaderboard --rebuild" in lost.stdout
    )
    assert genoboard(place, *BOARD, "--rebuild").stdout == before


def test_a_lost_index_is_made_anew_before_an_entry_is_added(place: Workspace) -> None:
    entries = Store(place.database).entries()
    place.database.unlink()
    assert board.recover(place) == len(entries) == 8
    assert Store(place.database).entries() == entries
    assert board.recover(place) == 0, "nothing is lost now"


def test_an_index_of_an_older_version_says_so_and_is_rebuilt(place: Workspace) -> None:
    before = genoboard(place, *BOARD).stdout
    db = sqlite3.connect(place.database)
    db.execute("DROP TABLE assessment")
    db.execute("PRAGMA user_version = 3")
    db.commit()
    db.close()
    assert "was made by an older genoboard (schema 3" in genoboard(place, *BOARD).stderr
    assert genoboard(place, *BOARD, "--rebuild").stdout == before


def test_an_entry_that_comes_in_while_the_folders_are_being_listed_is_not_lost(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    competition = Competition.open("pebbles", "cove", None, place)
    late: list[Entry] = []
    real = Store._writing

    def entering(self: Store) -> object:
        # the last moment before the index is locked
        if not late:
            monkeypatch.setattr(Store, "_writing", real)
            late.append(submit(competition, a_file(competition, place.root / "late.csv", 9), "late"))
        return real(self)

    monkeypatch.setattr(Store, "_writing", entering)
    assert board.rebuild(str(place.root)) == 9
    assert Store(place.database).entry(late[0].id) == late[0]


# ------------------------------------------------------------------------------------------------------- nowhere to write to


@pytest.fixture
def read_only(place: Workspace) -> tuple[object, ...]:
    """What to put before a command, so that the workspace is mounted for reading; rights would not stop root."""
    before = ("unshare", "--mount", "sh", "-c", READ_ONLY, place.root)
    if shutil.which("unshare") is None or subprocess.run([*map(str, before), "true"], capture_output=True, check=False).returncode:
        absent("nothing may be mounted here, so that no folder can be made read-only")
    return before


def test_a_read_only_workspace_is_shown_as_ever(place: Workspace, read_only: tuple[object, ...]) -> None:
    entry = Store(place.database).find("centroid")[-1].id
    output = place.root.parent / "report.html"
    for words in [
        BOARD,
        ("leaderboard", "pebbles", "--split", "cove", "--json"),
        ("list",),
        ("compare", "pebbles", "centroid", "file-0", "--split", "cove"),
        ("rescore", "--verify"),
        ("cite", "pebbles"),
        ("report", entry, "-o", output),
    ]:
        usual, found = genoboard(place, *words), genoboard(place, *words, before=read_only)
        assert (found.returncode, found.stdout, found.stderr) == (0, usual.stdout, usual.stderr), words


def test_a_board_that_nobody_has_read_yet_is_read_only_once_more(place: Workspace, read_only: tuple[object, ...]) -> None:
    board.rebuild(str(place.root))
    found = [genoboard(place, *BOARD, before=read_only) for _ in range(2)]
    assert found[0].stdout == found[1].stdout == genoboard(place, *BOARD).stdout
    assert found[0].returncode == 0


def test_a_read_only_workspace_beside_a_writer_is_read(place: Workspace, read_only: tuple[object, ...]) -> None:
    """A reader without the right to write, while another process has the index open."""
    usual = genoboard(place, *BOARD).stdout
    other = sqlite3.connect(place.database, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE board SET revision = revision")
        other.execute("COMMIT")
        assert place.database.with_name("leaderboard.db-wal").exists()
        found = genoboard(place, *BOARD, before=read_only)
        assert (found.returncode, found.stdout) == (0, usual), found.stderr
    finally:
        other.close()


def test_nothing_is_computed_for_a_workspace_that_cannot_keep_it(place: Workspace, tmp_path: Path, read_only: tuple[object, ...]) -> None:
    competition = Competition.open("pebbles", "cove", None, place)
    file = a_file(competition, tmp_path / "mine.csv", 1)
    entry = Store(place.database).find("file-0")[-1].id
    for words in [
        # a model that would take an hour
        ("run", "pebbles", "sleeper", "--split", "cove"),
        ("submit", "pebbles", "-f", file, "--name", "mine", "--split", "cove"),
        ("remove", entry, "--reason", "a slip"),
        ("leaderboard", "--rebuild"),
        ("host", "brain-region", "--split", "donor"),
    ]:
        found = genoboard(place, *words, before=read_only)
        assert found.returncode == 1, words
        assert "Read-only file system" in found.stderr or "readonly database" in found.stderr, found.stderr
        assert str(place.root) in found.stderr
        assert "Traceback" not in found.stderr, words
    assert len(place.records()) == 8


def test_a_workspace_that_cannot_be_written_is_known_beforehand(place: Workspace, read_only: tuple[object, ...]) -> None:
    place.require_writable("pebbles")
    place.require_writable("a task without a folder")
    assert not place.submissions("a task without a folder").exists(), "asking makes nothing"
    code = (
        "import sys\nfrom genoboard import DataError\nfrom genoboard.workspace import Workspace\n"
        "try:\n    Workspace.here(sys.argv[1]).require_writable('pebbles')\nexcept DataError as error:\n    print(error)\n"
    )
    done = subprocess.run([*map(str, read_only), sys.executable, "-c", code, str(place.root)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{place.submissions('pebbles')} cannot be written (Read-only file system), and entries are kept there.")
    (place.root / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written \(Not a directory\)"):
        Workspace(place.root / "file").require_writable("pebbles")


def test_an_entry_that_was_cut_off_before_the_index_and_is_damaged_stops_no_other_command(place: Workspace) -> None:
    entry = Store(place.database).find("file-0")[-1]
    folder = place.folder(entry.id, entry.board.task)
    (folder / REPLICATES).write_bytes(b"PK\3\4 no archive")
    place.entering.mkdir(parents=True, exist_ok=True)
    note = place.entering / f"{entry.board.task}~{entry.id}"
    note.touch()
    clear(place)
    assert genoboard(place, *BOARD).returncode == 0
    assert note.exists(), "it waits for somebody who says so"
    with pytest.raises(DataError, match="is not the whole record of an entry"):
        board.rebuild(str(place.root))
