"""Datasets: ingested, generated, described, exported, cached whole and verified; a changed one is another board."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoboard import DataError, Dataset, DataSource, GenoboardError, Task, UnknownName, UsageError, catalog, cli, data, hookimpl
from genoboard.competition import Competition
from genoboard.datasheet import export
from genoboard.evaluation import submit
from genoboard.plugins import load_plugins
from genoboard.splits import fingerprint
from genoboard.workspace import slug, write_text

PEBBLES = Path(__file__).parent / "pebbles"


@dataclass(frozen=True)
class Said:
    """What a call said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The plugin pebbles is installed, the cache is the test's own and empty; this is the folder of its pebbles."""
    monkeypatch.syspath_prepend(str(PEBBLES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(PEBBLES), os.environ.get("PYTHONPATH")))))
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache" / "data" / "pebbles"


@pytest.fixture
def genoboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Call the command line in this process."""

    def call(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["genoboard", *map(str, words)])
        capsys.readouterr()
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        return Said(status, *capsys.readouterr())

    return call


@pytest.fixture
def pebbles() -> Task:
    import pebbles

    task: Task = pebbles.TASK
    return task


@pytest.fixture
def rows() -> pd.DataFrame:
    """The pebbles as a table: pebble, cove, shape, three measures."""
    from pebbles.rows import table

    found: pd.DataFrame = table()
    return found


@pytest.fixture
def shore(tmp_path: Path, rows: pd.DataFrame) -> Path:
    """A folder as a user brings it."""
    (tmp_path / "shore").mkdir()
    rows.to_csv(tmp_path / "shore" / "pebbles.csv", index=False)
    return tmp_path / "shore"


def dataset(rows: pd.DataFrame) -> Dataset:
    from pebbles.rows import dataset

    found: Dataset = dataset(rows)
    return found


def without_controls(task: Task) -> Any:
    """Open its competition such that no child needs to run."""

    class Bare:
        @hookimpl
        def register_tasks(self) -> Iterable[Task]:
            return (replace(task, name="bare", controls=()),)

    return lambda **more: Competition.open("bare", plugins=load_plugins(extra=[Bare()]), **more)


# ------------------------------------------------------------------------------------------------------------------ state


def test_the_state_of_a_task_tells_what_is_here_and_how_to_bring_the_rest(genoboard: Callable[..., Said]) -> None:
    said = genoboard("data", "pebbles")
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0] == "pebbles: Pebbles"
    assert "  shore: real pebbles" in lines
    assert "    not here yet: genoboard data pebbles --from DIR, or genoboard data pebbles --download" in lines
    assert "    licence: CC0" in lines
    assert "    cite: The Sea (2020)." in lines
    assert "* demo: made-up pebbles" in lines
    assert "    not here yet: generated when first used" in lines
    assert "  any: What shape has one more pebble? Its null: prior. Leaks: Pebbles of one cove are alike." in lines
    assert "controls on every board: prior" in lines
    genoboard("data", "pebbles", "--split", "cove")
    assert "    ready: 90 rows x 3 features (cm), 9 coves; fingerprint" in genoboard("data", "pebbles").out


def test_the_state_as_json(genoboard: Callable[..., Said], shore: Path) -> None:
    genoboard("data", "pebbles", "--from", shore, "--as", "mine")
    told = genoboard("data", "pebbles", "--json").json
    found = {d["name"]: d for d in told["datasets"]}
    assert list(found) == ["shore", "demo", "mine"]
    assert [found[n]["ready"] for n in found] == [False, False, True]
    assert [found[n]["chosen"] for n in found] == [False, True, False]
    assert (found["mine"]["rows"], found["mine"]["features"], found["mine"]["groups"]) == (90, 3, {"cove": 9})
    assert found["mine"]["summary"] == "brought by you"
    assert [s["name"] for s in told["splits"]] == ["cove", "cove-cv", "any"]
    (only,) = genoboard("data", "pebbles", "--data", "mine", "--json").json["datasets"]
    assert only == found["mine"]


# ----------------------------------------------------------------------------------------------------------- bring and use


def test_a_folder_is_ingested_under_the_real_dataset_s_name_or_one_s_own(genoboard: Callable[..., Said], shore: Path) -> None:
    said = genoboard("data", "pebbles", "--from", shore)
    assert said.status == 0
    assert said.out.splitlines()[0].startswith("Ingested pebbles / shore: 90 rows x 3 features, fingerprint ")
    assert "  note: 90 pebbles picked up." in said.out
    assert said.out.splitlines()[-1] == "Next: genoboard run pebbles MODEL --data shore"
    assert said.err == "Picking up pebbles.\n"
    assert "Ingested pebbles / my_pebbles-2: " in genoboard("data", "pebbles", "--from", shore, "--as", "my_pebbles-2").out


@pytest.mark.parametrize(
    ("words", "status", "answer"),
    [
        ("--from nowhere", 1, "nowhere does not exist. Give the folder that holds the files: genoboard data pebbles --from DIR."),
        ("--from .", 1, ". holds no pebbles.csv. Put it there."),
        ("--from shore --as demo", 1, "'demo' is the generated dataset's name. Choose another one with --as."),
        ("--from shore --as ../up", 2, "'../up' cannot name a dataset. Use letters, digits, dots, hyphens and underscores, such as up."),
        ("--use shore", 1, "The dataset 'shore' of pebbles is not here yet. Bring it first: genoboard data pebbles --from DIR --as shore."),
        (
            "--split cove --data shore",
            1,
            "The dataset 'shore' of pebbles is not here. Bring it: genoboard data pebbles --from DIR, or genoboard data pebbles --download.",
        ),
    ],
)
def test_what_cannot_be_brought_or_used_is_answered_with_the_way(
    genoboard: Callable[..., Said], shore: Path, words: str, status: int, answer: str
) -> None:
    said = genoboard("data", "pebbles", *words.split())
    assert said.status == status
    assert said.err == f"Error: {answer}\n"
    assert said.out == ""


def test_a_dataset_once_chosen_is_used_and_named_by_every_later_command(
    genoboard: Callable[..., Said], shore: Path, tmp_path: Path
) -> None:
    said = genoboard("data", "pebbles", "--from", shore, "--as", "mine", "--use", "mine")
    assert "This workspace now uses pebbles / mine.\n" in said.out
    assert "* mine: brought by you" in genoboard("data", "pebbles").out
    assert genoboard("data", "pebbles", "--split", "cove").out.startswith("pebbles / mine / split cove: ")
    assert genoboard("data", "pebbles", "--export", "taken").out.endswith("--split cove --data mine\n")
    entered = genoboard("submit", "pebbles", "-f", "taken/sample_submission.csv", "--name", "flat")
    assert entered.out.startswith("pebbles / mine / split cove: ")
    assert entered.out.endswith("Next: genoboard leaderboard pebbles --split cove --data mine\n")
    assert genoboard("leaderboard", "pebbles").out.startswith("pebbles: data mine (")
    assert genoboard("leaderboard", "pebbles", "--json").json["data"] == "mine"
    assert genoboard("leaderboard", "pebbles", "--format", "md").out.startswith("pebbles: data mine (")
    assert genoboard("run", "pebbles", "prior", "--json").json["data"] == "mine"
    assert "data demo" in genoboard("leaderboard", "pebbles", "--data", "demo").out, "--data goes before the choice"
    assert "data demo" in genoboard("--workspace", tmp_path / "other", "leaderboard", "pebbles").out, "the choice is this workspace's"


def test_a_download_goes_through_the_mirror_to_the_ingested_dataset(
    genoboard: Callable[..., Said], shore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOBOARD_MIRROR", str(shore))
    said = genoboard("data", "pebbles", "--download")
    assert said.status == 0
    assert "Ingested pebbles / shore: 90 rows x 3 features" in said.out
    assert "pebbles.csv: its publisher states no hash that we could confirm; SHA-256 " in said.err
    monkeypatch.setenv("GENOBOARD_MIRROR", "nowhere")
    assert genoboard("data", "pebbles", "--download").status == 0, "what was fetched and recorded is not fetched again"


def test_a_task_without_published_files_says_so(genoboard: Callable[..., Said], pebbles: Task) -> None:
    from genoboard.datasheet import bring

    with pytest.raises(
        DataError, match=r"pebbles has no published files to download\. Bring your own: genoboard data pebbles --from DIR\."
    ):
        bring(replace(pebbles, sources=pebbles.sources[1:]), None, None, print)
    with pytest.raises(DataError, match=r"pebbles reads no files of its users; its datasets are demo\."):
        data.ingest(replace(pebbles, sources=pebbles.sources[1:]), Path())


# ------------------------------------------------------------------------------------------------------- split and export


def test_a_split_is_told_as_text_and_as_json(genoboard: Callable[..., Said]) -> None:
    said = genoboard("data", "pebbles", "--split", "any")
    lines = said.out.splitlines()
    assert lines[:3] == [
        "pebbles / demo / split any: What shape has one more pebble?",
        "  the null model: prior",
        "  leaks: Pebbles of one cove are alike.",
    ]
    assert "fold 1: 72 rows to train, 18 to test" in lines
    assert "  coves: 9 in train, 7 in test, 7 in both (100% of the test's)" in lines
    assert "  round      24      6" in lines
    told = genoboard("data", "pebbles", "--split", "cove-cv", "--json").json
    assert (told["task"], told["data"], told["split"], len(told["folds"])) == ("pebbles", "demo", "cove-cv", 3)
    for fold in told["folds"]:
        assert fold["groups_on_both_sides"] == {"cove": 0}
        assert sum(fold["test"]["classes"].values()) == fold["test"]["rows"] == 30
    assert (
        f"fingerprint {told['fingerprint'][:16]} of data {told['data_fingerprint'][:16]}"
        in genoboard("data", "pebbles", "--split", "cove-cv").out
    )


def test_an_export_is_a_kaggle_competition_without_its_solution(genoboard: Callable[..., Said], rows: pd.DataFrame) -> None:
    said = genoboard("data", "pebbles", "--export", "taken")
    assert said.status == 0
    assert said.out.splitlines()[-1] == "Next: genoboard submit pebbles -f YOUR.csv --name NAME --split cove --data demo"
    assert sorted(p.name for p in Path("taken").iterdir()) == ["sample_submission.csv", "test.csv", "train.csv", "train_groups.csv"]
    train, test, sample = (pd.read_csv(f"taken/{n}.csv", index_col="id") for n in ("train", "test", "sample_submission"))
    assert list(train) == ["length", "width", "height", "shape"]
    assert list(test) == ["length", "width", "height"]
    assert list(sample) == ["flat", "rough", "round"]
    assert len(train) == 60
    assert list(test.index) == list(sample.index)
    assert not set(train.index) & set(test.index)
    assert sample.to_numpy().std() < 1e-12, "the sample says the same of every row"
    everything = "".join(p.read_text() for p in Path("taken").iterdir())
    assert not any(name in everything for name in rows["pebble"]), "ids are opaque"
    assert not any(name in everything for name in rows["cove"]), "and so are groups"
    groups = pd.read_csv("taken/train_groups.csv", index_col="id")["group"]
    assert (len(groups), groups.nunique()) == (60, 6)


def test_the_sample_of_every_split_is_accepted_by_submit(pebbles: Task, tmp_path: Path) -> None:
    opened = without_controls(pebbles)
    for split in pebbles.splits:
        competition = opened(split=split.name)
        *_, sample = export(competition, tmp_path / split.name)
        entry = submit(competition, sample, "sample")
        assert entry.verdict == "ok"
        assert entry.score("multiclass-log-loss").value == pytest.approx(np.log(3))


def test_an_export_of_a_cross_validated_split_has_fold_columns(genoboard: Callable[..., Said]) -> None:
    told = genoboard("data", "pebbles", "--split", "cove-cv", "--export", "taken", "--json").json
    assert told == {
        "task": "pebbles", "data": "demo", "split": "cove-cv", "wrote": [f"taken/{n}.csv" for n in ("train", "test", "sample_submission")],
    }  # fmt: skip
    train, test = (pd.read_csv(f"taken/{n}.csv", index_col="id") for n in ("train", "test"))
    assert list(train) == ["length", "width", "height", "fold", "shape"]
    assert list(test) == ["length", "width", "height", "fold"]
    assert train["fold"].equals(test["fold"])
    assert train["fold"].value_counts().to_dict() == {1: 30, 2: 30, 3: 30}
    held = genoboard("data", "pebbles", "--export", "held")
    assert held.status == 0
    assert set(pd.read_csv("held/test.csv")["id"]) == set(test.index[test["fold"] == 1]), "a held-out split is the first fold"


def other_target(pebbles: Task, rows: pd.DataFrame, target: str) -> Any:
    """Open the competition that asks for the length of a pebble, or whether it is round."""
    classes = ("no", "yes") if target == "binary" else ()
    held = dataset(rows)
    y = held.y.eq("round").map({True: "yes", False: "no"}) if classes else rows.set_index("pebble")["length"]
    split = replace(pebbles.splits[0], stratified=bool(classes))
    task = replace(
        pebbles,
        name="bare",
        target=target,
        classes=classes,
        splits=(split,),
        metrics=("log-loss",) if classes else ("rmse",),
        target_column="asked",
    )
    data.store(task, "demo", replace(held, X=held.X[["width", "height"]], y=y.rename("asked")))
    return without_controls(task)()


@pytest.mark.parametrize("target", ["binary", "regression"])
def test_a_task_that_asks_for_one_number_exports_a_sample_of_the_training_mean(
    pebbles: Task, rows: pd.DataFrame, tmp_path: Path, target: str
) -> None:
    competition = other_target(pebbles, rows, target)
    *_, sample = export(competition, tmp_path / "taken")
    frame = pd.read_csv(sample, index_col="id")
    assert list(frame) == ["asked"]
    asked = pd.read_csv(tmp_path / "taken" / "train.csv")["asked"]
    assert frame["asked"].unique() == pytest.approx([asked.eq("yes").mean() if target == "binary" else asked.mean()])
    assert submit(competition, sample, "mean").verdict == "ok"


def test_an_export_that_cannot_be_written_is_an_error_and_no_traceback(genoboard: Callable[..., Said]) -> None:
    Path("taken").write_text("")
    said = genoboard("data", "pebbles", "--export", "taken")
    assert said.status == 1
    assert (
        said.err.splitlines()[-1]
        == "Error: taken: File exists. Check that the path is right, that you may write there, and that the disk has room."
    )


# ------------------------------------------------------------------------------------------------------------------ cache


def test_the_same_content_in_whatever_order_and_under_whatever_name_is_kept_once(pebbles: Task, rows: pd.DataFrame, cached: Path) -> None:
    one = data.store(pebbles, "one", dataset(rows))
    other = data.store(pebbles, "other", dataset(rows.sample(frac=1.0, random_state=5)))
    assert one.fingerprint == other.fingerprint
    assert one.folder == other.folder
    assert one.X().equals(other.X())
    assert [p.name for p in (cached / "objects").iterdir()] == [one.fingerprint[:24]]
    for split in pebbles.splits:
        assert fingerprint(one.rows, one.folds(split)) == fingerprint(other.rows, other.folds(split))
    assert set(catalog.names(pebbles)) == {"shore", "demo", "one", "other"}


@pytest.mark.parametrize("change", ["a value", "a label", "a cove", "an id", "a row", "a column's name"])
def test_any_change_of_what_a_run_can_see_is_another_fingerprint(pebbles: Task, rows: pd.DataFrame, change: str) -> None:
    before = data.store(pebbles, "mine", dataset(rows)).fingerprint
    rows = rows.copy()
    if change == "a row":
        rows = rows.iloc[1:]
    elif change == "a column's name":
        changed = dataset(rows)
        assert data.store(pebbles, "mine", replace(changed, X=changed.X.rename(columns={"width": "breadth"}))).fingerprint != before
        return
    else:
        column = {"a value": "width", "a label": "shape", "a cove": "cove", "an id": "pebble"}[change]
        rows.loc[0, column] = {"width": 9.0, "shape": "rough", "cove": "cove 8", "pebble": "P999"}[column]
    assert data.store(pebbles, "mine", dataset(rows)).fingerprint != before


def test_what_was_stored_is_what_is_opened(pebbles: Task, rows: pd.DataFrame) -> None:
    stored = data.store(pebbles, "mine", dataset(rows))
    opened = data.prepare(pebbles, "mine")
    assert opened.fingerprint == stored.fingerprint
    assert opened.X().equals(stored.X())
    assert opened.rows.equals(stored.rows)
    assert set(opened.original_ids) == set(rows["pebble"])
    back = rows.set_index("pebble").loc[opened.original_ids]
    assert back["shape"].tolist() == opened.rows["y"].tolist()
    assert np.array_equal(back[["length", "width", "height"]].to_numpy(np.float32), opened.X().to_numpy())
    some = np.array([3, 40, 77])
    assert opened.X(some).equals(opened.X().iloc[some])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: flip(folder / "features.npy"), "its content does not have the fingerprint that was recorded"),
        (
            lambda folder: (folder / "features.npy").write_bytes((folder / "features.npy").read_bytes()[:-40]),
            "cannot reshape array|mmap length|Failed to read all data",
        ),
        (lambda folder: (folder / "features.json").write_text("{"), "Expecting property name"),
        (lambda folder: (folder / "rows.parquet").write_bytes(b"PAR1"), "Parquet"),
        (lambda folder: (folder / "rows.parquet").unlink(), "rows.parquet"),
        (lambda folder: (folder / "about.json").unlink(), "its description is missing"),
        (lambda folder: (folder / "about.json").write_text("[]"), "its description is missing"),
    ],
)
def test_a_damaged_dataset_is_found_out_and_a_generated_one_made_again(
    genoboard: Callable[..., Said], pebbles: Task, rows: pd.DataFrame, damage: Callable[[Path], object], words: str
) -> None:
    before = data.prepare(pebbles, "demo")
    damage(before.folder)
    said = genoboard("data", "pebbles", "--split", "cove")
    assert said.status == 0
    first, second = said.err.splitlines()
    assert first.startswith("The cached dataset 'demo' of pebbles was damaged (")
    assert any(w in first for w in words.split("|"))
    assert first.endswith(") and has been removed.")
    assert second == "Generating the demo dataset of pebbles (once)."
    assert data.prepare(pebbles, "demo").fingerprint == before.fingerprint
    mine = data.store(pebbles, "mine", dataset(rows.iloc[:80]))
    damage(mine.folder)
    said = genoboard("data", "pebbles", "--split", "cove", "--data", "mine")
    assert said.status == 1
    assert said.err.startswith("Error: The cached dataset 'mine' of pebbles was damaged (")
    assert said.err.endswith(") and has been removed. Bring it again: genoboard data pebbles --from DIR --as mine.\n")


def test_a_damaged_pointer_does_not_stop_the_listing(genoboard: Callable[..., Said], pebbles: Task, cached: Path) -> None:
    data.prepare(pebbles, "demo")
    (cached / "demo" / "current.json").write_text("{")
    assert "    not here yet: generated when first used" in genoboard("data", "pebbles").out
    assert data.prepare(pebbles, "demo").about["rows"] == 90


def test_a_dataset_is_in_the_cache_whole_or_not_at_all(
    pebbles: Task, rows: pd.DataFrame, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_parquet", breaks)
        with pytest.raises(OSError, match="disk full"):
            data.store(pebbles, "mine", dataset(rows))
    assert [p for p in cached.rglob("*") if p.is_file()] == []
    assert list((cached / "objects").iterdir()) == []
    assert catalog.state(pebbles, "mine") is None


def test_a_writer_that_is_killed_halfway_leaves_nothing_that_is_taken_for_data(pebbles: Task, cached: Path) -> None:
    code = (
        "import os, pandas as pd, pebbles\nfrom genoboard import data\n"
        "pd.DataFrame.to_parquet = lambda *a, **k: os.kill(os.getpid(), 9)\n"
        "data.prepare(pebbles.TASK, 'demo')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    assert [p.suffix for p in sorted((cached / "objects").iterdir())] == ["", ".lease"], "its temporary folder"
    assert catalog.state(pebbles, "demo") is None
    assert data.prepare(pebbles, "demo").about["rows"] == 90
    assert len(list((cached / "objects").iterdir())) == 1, "the other is gone"


def test_several_at_once_make_the_same_dataset(pebbles: Task) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: data.prepare(pebbles, "demo").fingerprint, range(16)))
    assert len(set(found)) == 1


@given(st.text(max_size=90))
def test_a_folder_s_name_is_harmless_and_names_itself(name: str) -> None:
    made = slug(name)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,60}", made)
    assert made[0] not in ".-"
    assert slug(made) == made


# ------------------------------------------------------------------------------------------------- what a loader may not do


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda d: replace(d, X=d.X.rename(index={"P001": "P000"}), y=d.y.rename({"P001": "P000"}), groups=d.groups.rename(index={"P001": "P000"})), DataError, "Row id 'P000' occurs more than once"),
        (lambda d: replace(d, y=d.y.replace("round", "cubic")), DataError, "Sample 'P060' is of the class 'cubic', which pebbles does not know. Its classes are flat, rough, round."),
        (lambda d: replace(d, y=d.y.iloc[::-1]), GenoboardError, "The loader of pebbles returned X and shape with different row ids."),
        (lambda d: replace(d, groups=d.groups.iloc[1:]), GenoboardError, "The loader of pebbles returned X and groups with different row ids."),
    ],
)  # fmt: skip
def test_a_loader_s_fault_is_named(
    pebbles: Task, rows: pd.DataFrame, change: Callable[[Dataset], Dataset], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        data.store(pebbles, "mine", change(dataset(rows)))
    assert words in str(caught.value)
    assert not isinstance(caught.value, UsageError)


def test_generated_data_that_came_out_otherwise_are_said_to_be_a_board_of_their_own(pebbles: Task) -> None:
    promised = replace(pebbles, sources=(DataSource("demo", "", generate="pebbles.rows:generate", fingerprint="0" * 64),))
    told: list[str] = []
    found = data.prepare(promised, "demo", told.append)
    assert told[1] == (
        f"The demo dataset of pebbles came out as {found.fingerprint[:16]}, not as {'0' * 16}: this NumPy draws other random numbers than the pinned one. "
        "It is a board of its own; install with constraints.txt to compare with others."
    )


def test_generated_data_of_an_earlier_generator_are_made_again(pebbles: Task, rows: pd.DataFrame) -> None:
    now = data.store(pebbles, "demo", dataset(rows)).fingerprint
    data.store(pebbles, "demo", dataset(rows.iloc[:60]))
    promised = replace(pebbles, sources=(replace(pebbles.sources[1], fingerprint=now),))
    assert data.prepare(promised, "demo").fingerprint == now


def test_a_split_that_the_task_s_code_deals_otherwise_than_when_the_data_came_is_refused(pebbles: Task) -> None:
    prepared = data.prepare(pebbles, "demo")
    with pytest.raises(DataError, match=r"Split 'cove' of pebbles / demo no longer deals the rows as it did when the data were ingested: "):
        prepared.folds(replace(pebbles.splits[0], salt="other"))


def test_an_unknown_dataset_is_answered_with_the_known_ones(pebbles: Task) -> None:
    with pytest.raises(
        UnknownName,
        match=r"There is no dataset of pebbles named 'mien'\..*To bring one of your own: genoboard data pebbles --from DIR --as mien\.",
    ):
        data.prepare(pebbles, "mien")


# --------------------------------------------------------------------------------------------------------- another board


def test_a_changed_dataset_under_the_same_name_is_another_board_and_the_old_entries_are_mentioned(
    genoboard: Callable[..., Said], shore: Path, rows: pd.DataFrame
) -> None:
    def enter(name: str) -> None:
        assert genoboard("data", "pebbles", "--from", shore, "--export", "taken").status == 0
        assert genoboard("submit", "pebbles", "--data", "shore", "-f", "taken/sample_submission.csv", "--name", name).status == 0

    enter("before")
    one = genoboard("leaderboard", "pebbles", "--data", "shore", "--json").json
    rows.assign(width=rows["width"] + 1).to_csv(shore / "pebbles.csv", index=False)
    genoboard("data", "pebbles", "--from", shore)
    said = genoboard("leaderboard", "pebbles", "--data", "shore")
    assert "No entries yet." in said.out
    assert "2 more entries were made on another version of this dataset or split, and cannot be compared with these." in said.out
    enter("after")
    other = genoboard("leaderboard", "pebbles", "--data", "shore", "--json").json
    assert one["data_fingerprint"] != other["data_fingerprint"]
    assert {s["name"] for s in one["standings"]} == {"before", "prior"}
    assert {s["name"] for s in other["standings"]} == {"after", "prior"}
    rows.to_csv(shore / "pebbles.csv", index=False)
    genoboard("data", "pebbles", "--from", shore)
    assert genoboard("leaderboard", "pebbles", "--data", "shore", "--json").json["standings"] == one["standings"], (
        "the old data have their old board"
    )


def test_data_that_came_before_the_task_had_a_split_have_its_board_all_the_same(genoboard: Callable[..., Said], pebbles: Task) -> None:
    data.prepare(replace(pebbles, splits=pebbles.splits[:1]), "demo")
    assert "No entries yet. Next: genoboard run pebbles MODEL --split any" in genoboard("leaderboard", "pebbles", "--split", "any").out
    assert genoboard("data", "pebbles", "--split", "any", "--export", "taken").status == 0
    assert genoboard("submit", "pebbles", "--split", "any", "-f", "taken/sample_submission.csv", "--name", "flat").status == 0
    assert "flat" in genoboard("leaderboard", "pebbles", "--split", "any").out


def test_a_board_outlives_its_data(genoboard: Callable[..., Said], shore: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert genoboard("data", "pebbles", "--from", shore, "--as", "mine", "--export", "taken").status == 0
    genoboard("submit", "pebbles", "--data", "mine", "-f", "taken/sample_submission.csv", "--name", "kept")
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "empty"))
    assert "kept" in genoboard("leaderboard", "pebbles", "--data", "mine").out
    assert not (tmp_path / "empty").exists()


def test_the_demo_cohort_of_brain_region_is_ready_in_seconds_and_its_sample_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(cache))
    competition = Competition.open("brain-region")
    assert (competition.data.name, len(competition.data.rows), competition.data.about["features"]) == ("demo", 700, 600)
    *_, sample = export(competition, tmp_path / "taken")
    frame = pd.read_csv(sample, index_col="id")
    assert list(frame) == list(competition.task.classes)
    assert "region" not in pd.read_csv(tmp_path / "taken" / "test.csv", nrows=1)


def test_a_file_of_another_program_that_is_called_nearly_as_ours_is_left_alone(tmp_path: Path) -> None:
    theirs = [tmp_path / name for name in (".download.part", ".notes-draft.part", "half.part")]
    for path in theirs:
        path.touch()
    ours = tmp_path / ".told.json-0123456789ab.part"
    ours.touch()
    write_text(tmp_path / "told.json", "{}")
    assert sorted(tmp_path.iterdir()) == sorted([*theirs, tmp_path / "told.json"])
