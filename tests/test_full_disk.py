"""A full disk and a damaged cache: said plainly, where and what to do; nothing half made, nothing lost, never a wrong score."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from conftest import absent
from test_kills import check, nothing_temporary

from genoboard import DataError, catalog, data, scoring
from genoboard.competition import Competition
from genoboard.errors import UnknownName
from genoboard.evaluation import evaluate, submit
from genoboard.plugins import load_plugins
from genoboard.workspace import Workspace
from genoboard_leaderboard.store import Store

PEBBLES = Path(__file__).parent / "pebbles"
KB, SIZE = 1 << 10, 4 << 20


@pytest.fixture(autouse=True)
def _places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The plugin pebbles is installed, here and in child processes; cache and temporary files are the test's own."""
    monkeypatch.syspath_prepend(str(PEBBLES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with entries of yesterday's scorer, its cache, a file to hand in, and a folder to bring data from."""
    home = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENOBOARD_CACHE", str(home / "cache"))
        patch.syspath_prepend(str(PEBBLES))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
        patch.setattr(scoring, "VERSION", scoring.VERSION - 1)
        competition = Competition.open("pebbles", "cove", None, home / "workspace")
        ids = pd.Index(competition.form.ids, name="id")
        pd.DataFrame(1 / 3, index=ids, columns=list(competition.task.classes)).to_csv(home / "mine.csv")
        evaluate(competition, "centroid")
        submit(competition, home / "mine.csv", "theirs")
        from pebbles.rows import table

        (home / "shore").mkdir()
        table().to_csv(home / "shore" / "pebbles.csv", index=False)
        data.ingest(competition.task, home / "shore", "brought")
    return home


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        absent("nothing may be mounted here, so that no disk can be filled")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def genoboard(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "genoboard", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


# -------------------------------------------------------------------------------------------------------------- a full disk

RUN, GENERATE = ("run", "pebbles", "uniform"), ("run", "pebbles", "centroid")
SUBMIT = ("submit", "pebbles", "-f", "{made}/mine.csv", "--name", "mine")
BRING = ("data", "pebbles", "--from", "{made}/shore", "--as", "mine")
# what is done, where the disk ends, and how many KB before
SCENES = {
    "run, workspace": (RUN, "workspace", (0, 100)),
    "submit, workspace": (SUBMIT, "workspace", (40,)),
    "rescore, workspace": (("rescore",), "workspace", (100,)),
    "rebuild, workspace": (("leaderboard", "--rebuild"), "workspace", (100,)),
    "data, cache": (BRING, "cache", (0, 24)),
    "run, cache": (GENERATE, "cache", (4,)),
    "run, temporary": (RUN, "temporary", (4, 30)),
    "submit, temporary": (SUBMIT, "temporary", (0,)),
}


def fill(disk: Path, left: int) -> Path:
    """Leave so many bytes."""
    told = os.statvfs(disk)
    full = disk / "full"
    full.write_bytes(bytes(max(0, told.f_bavail * told.f_frsize - left)))
    return full


def attempt(made: Path, disk: Path, tmp_path: Path, patch: pytest.MonkeyPatch, scene: str, left: int) -> int:
    """Do it on a disk with so many bytes left, and once more when it has room; return the first exit code."""
    words, full, _ = SCENES[scene]
    command = [word.format(made=made) for word in words]
    at = {name: (disk if name == full else tmp_path / "elsewhere") / name for name in ("workspace", "cache", "temporary")}
    for path in (*disk.iterdir(), tmp_path / "elsewhere"):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(made / "workspace", at["workspace"])
    at["cache" if full != "cache" else "temporary"].mkdir(parents=True)
    at["temporary"].mkdir(parents=True, exist_ok=True)
    if full != "cache":
        shutil.copytree(made / "cache", at["cache"], dirs_exist_ok=True)
    else:
        (at["cache"] / "data" / "pebbles").mkdir(parents=True)
    for variable, name in {"GENOBOARD_WORKSPACE": "workspace", "GENOBOARD_CACHE": "cache", "TMPDIR": "temporary"}.items():
        patch.setenv(variable, str(at[name]))
    before = {e.id for e in Store(Workspace(at["workspace"]).database).entries()}

    filler = fill(disk, left)
    tried = genoboard(*command)
    assert tried.returncode in (0, 1), (scene, left, tried.stderr)
    assert "Traceback" not in tried.stderr, (scene, left, tried.stderr)
    if tried.returncode:
        said = next(line for line in tried.stderr.splitlines() if str(disk) in line)
        assert "free some" in said.casefold(), (scene, left, said)
        assert said.count(". ") <= 2, (scene, left, said)
    assert [p.name for place in at.values() for p in place.rglob("*") if p.name.startswith(".") or p.suffix in (".lease", ".part")] == []
    nothing_temporary(at["temporary"])
    filler.unlink()

    again = genoboard(*command)
    assert again.returncode == 0, (scene, left, again.stderr)
    found = check(at["workspace"])
    assert before <= {e.id for of in found.values() for e in of}
    if "uniform" in words:
        assert sum(e.verdict == "ok" for e in found["uniform"]) == 1, "what was finished is not done again"
    if "--name" in words:
        assert {e.scores for e in found["mine"]} == {found["mine"][0].scores}
    return tried.returncode


@pytest.mark.parametrize("scene", SCENES)
def test_a_full_disk_is_said_and_nothing_is_left_half_done(
    made: Path, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str
) -> None:
    *_, sizes = SCENES[scene]
    codes = {attempt(made, disk, tmp_path, monkeypatch, scene, size * KB) for size in sizes}
    # a submission needs no temporary file, and Python finds another place for one
    assert codes == ({0} if scene == "submit, temporary" else {1})


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_a_disk_that_ends_anywhere_leaves_nothing_half_done(
    made: Path, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str
) -> None:
    most = 40 if SCENES[scene][1] != "workspace" else 320
    for size in range(0, most, most // 5):
        attempt(made, disk, tmp_path, monkeypatch, scene, size * KB)


def test_a_full_disk_that_takes_no_output_is_said(made: Path, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(shutil.copytree(made / "workspace", disk.parent / "workspace")))
    fill(disk, 0)
    with (disk / "board.txt").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "genoboard", "leaderboard", "pebbles"], stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("Error: The output: No space left on device. Free some space there")


# --------------------------------------------------------------------------------------------------------- a damaged cache


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": Path.unlink,
    "a folder": a_folder,
}


@pytest.fixture
def kept(made: Path, tmp_path: Path) -> Path:
    """A copy of the cache, to be damaged; the demo dataset is generated, the other one was brought."""
    return shutil.copytree(made / "cache", tmp_path / "cache")


def files(kept: Path, name: str) -> list[Path]:
    """Every file of a dataset: its content's, and the one that says which content that is."""
    task = load_plugins().task("pebbles")
    folder = catalog.place(task, name)
    assert folder is not None
    return [*sorted(p for p in folder.rglob("*") if p.is_file()), kept / "data" / "pebbles" / name / "current.json"]


def told(found: data.Prepared) -> tuple[object, ...]:
    """All that a run or a person can see of a dataset, but when it came."""
    about = {key: value for key, value in found.about.items() if key not in ("created", "name", "promised")}
    frames = [found.X(), found.rows, found.original_ids.to_frame()]
    return json.loads(json.dumps(about)), *([*frame.columns, *frame.index, *frame.to_numpy().ravel().tolist()] for frame in frames)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_generated_dataset_that_is_damaged_is_made_anew(kept: Path, damage: str) -> None:
    task = load_plugins().task("pebbles")
    whole = data.prepare(task, "demo")
    for path in files(kept, "demo"):
        said: list[str] = []
        DAMAGE[damage](path)
        found = data.prepare(task, "demo", said.append)
        assert told(found) == told(whole), path
        assert said[-1] == "Generating the demo dataset of pebbles (once).", path
        assert len(said) == 1 or "was damaged (" in said[0], path
        assert data.prepare(task, "demo", said.append).fingerprint == whole.fingerprint
        assert len(said) <= 2, "from then on it is whole"


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_dataset_that_was_brought_and_is_damaged_says_how_to_bring_it_again(kept: Path, made: Path, damage: str) -> None:
    task = load_plugins().task("pebbles")
    whole = data.prepare(task, "brought")
    for path in files(kept, "brought"):
        DAMAGE[damage](path)
        with pytest.raises((DataError, UnknownName), match="genoboard data pebbles --from DIR --as brought"):
            data.prepare(task, "brought")
        assert told(data.ingest(task, made / "shore", "brought")) == told(whole)
        assert told(data.prepare(task, "brought")) == told(whole), path


def test_whatever_bit_of_a_dataset_is_flipped_it_is_the_same_or_is_made_anew(kept: Path, made: Path) -> None:
    task, chance = load_plugins().task("pebbles"), random.Random(20261129)
    whole, noticed, tried = told(data.prepare(task, "demo")), 0, 0
    for name in ("demo", "brought"):
        for path in files(kept, name):
            for bit in chance.sample(range(8 * path.stat().st_size), 8):
                flip(path, bit)
                said: list[str] = []
                tried += 1
                try:
                    assert told(data.prepare(task, name, said.append)) == whole, (path, bit)
                except (DataError, UnknownName) as error:
                    assert name == "brought", (path, bit)
                    said.append(str(error))
                    assert told(data.ingest(task, made / "shore", name)) == whole, (path, bit)
                noticed += len(said) > 0
    # some bits say nothing: those between the parts of a file, for example
    assert noticed > tried // 2


def test_commands_on_a_damaged_cache_give_the_same_scores_or_say_what_to_do(
    kept: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(tmp_path / "workspace"))
    scores = Store(made / "workspace" / "leaderboard" / "leaderboard.db").find("centroid")[0].scores
    flip(files(kept, "demo")[-3], 4000)
    anew = genoboard("run", "pebbles", "centroid")
    assert anew.returncode == 0, anew.stderr
    assert "The cached dataset 'demo' of pebbles was damaged (" in anew.stderr
    assert "Generating the demo dataset of pebbles (once)." in anew.stderr
    assert check(tmp_path / "workspace")["centroid"][0].scores == scores
    # both names stand for one content
    a_folder(files(kept, "brought")[0])
    said = genoboard("run", "pebbles", "centroid", "--data", "brought")
    assert said.returncode == 1
    assert "Bring it again: genoboard data pebbles --from DIR --as brought." in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_model_cache_that_is_no_folder_is_named(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(tmp_path / "workspace"))
    shutil.rmtree(kept / "models")
    (kept / "models").write_text("a model was here")
    said = genoboard("run", "pebbles", "centroid")
    assert said.returncode == 1
    assert f"{kept / 'models'}" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_kept_assessment_that_is_damaged_is_named_with_what_to_do(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(made / "cache"))
    place = Workspace(shutil.copytree(made / "workspace", tmp_path / "workspace"))
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(place.root))
    usual = genoboard("leaderboard", "pebbles").stdout
    db = sqlite3.connect(place.database)
    assert db.execute("UPDATE assessment SET document = substr(document, 3)").rowcount == 1
    db.commit()
    db.close()
    said = genoboard("leaderboard", "pebbles")
    assert (said.returncode, said.stderr.count("\n")) == (1, 1)
    assert "genoboard leaderboard --rebuild" in said.stderr
    assert genoboard("leaderboard", "pebbles", "--rebuild").stdout == usual


# --------------------------------------------------------------------------------------------------- a board's controls, at once


@pytest.mark.slow
def test_processes_that_find_a_board_empty_at_once_enter_each_control_once(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(tmp_path / "workspace"))
    # nor are the data there yet
    assert not (tmp_path / "cache").exists()
    words = [["run", "pebbles", "centroid", "--name", f"run-{n}"] for n in range(4)]
    words += [["submit", "pebbles", "-f", str(made / "mine.csv"), "--name", f"file-{n}"] for n in range(4)]
    children = [
        subprocess.Popen([sys.executable, "-m", "genoboard", *w], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for w in words
    ]
    said = [child.communicate(timeout=240)[1] for child in children]
    assert [child.returncode for child in children] == [0] * 8, said
    found = check(tmp_path / "workspace")
    assert {name: len(of) for name, of in found.items()} == {"prior": 1, **{f"{kind}-{n}": 1 for kind in ("run", "file") for n in range(4)}}
    assert sum("Entering the control prior" in text for text in said) == 1
    assert {e.verdict for of in found.values() for e in of} == {"ok"}
