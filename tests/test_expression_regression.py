"""expression-regression: its card, its generated genome, its splits and what they let through, its controls, and real cells."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core import _multiarray_umath as umath
from numpy.typing import NDArray

import genoboard
import genoboard_tasks
from genoboard import Dataset, Design, catalog, data, datasheet
from genoboard.competition import Competition
from genoboard.data import Prepared, prepare
from genoboard.isolation import Limits
from genoboard.plugins import load_plugins
from genoboard.run import prepare as ready
from genoboard.run import run_folds
from genoboard.splits import deal, fingerprint
from genoboard_leaderboard.entry import Entry
from genoboard_leaderboard.store import Store
from genoboard_tasks.expression_regression import CONTROLS, DEMO, TASK, demo
from genoboard_tasks.expression_regression.controls import Additive, CellMean, GeneMean, NearestCells
from genoboard_tasks.expression_regression.reader import dataset

PLUGINS = load_plugins()
SPLITS = [s.name for s in TASK.splits]
Array = NDArray[np.float64]
Toml = Callable[..., Path]


@pytest.fixture(scope="module")
def genome() -> Dataset:
    return demo.generate()


@pytest.fixture(scope="module")
def rows(genome: Dataset) -> pd.DataFrame:
    """Every row's target and groups, by id."""
    return pd.concat([genome.y.rename("y"), genome.groups], axis=1)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("expression")


def compete(workspace: Path, split: str, name: str = "demo") -> Competition:
    return Competition.open(TASK.name, split, name, workspace, PLUGINS)


def scores(competition: Competition, model: str) -> dict[str, float | None]:
    entry = genoboard.evaluate(competition, model, in_process=True)
    assert entry.verdict == "ok", entry.reason
    return {s.metric: s.value for s in entry.scores}


def sides(rows: pd.DataFrame, split: str) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Return the training and the test rows of every fold."""
    return [(rows.iloc[f.train], rows.iloc[f.test]) for f in deal(TASK.split(split), rows)]


# The card


def test_the_plugin_brings_the_task_and_its_controls() -> None:
    assert TASK in list(genoboard_tasks.register_tasks())
    assert all(c in genoboard_tasks.register_models() for c in CONTROLS)
    assert TASK.controls == ("grand-mean", *(c.name for c in CONTROLS))


def test_unseen_lineages_are_asked_for_by_default_and_only_the_published_splits_leak() -> None:
    assert SPLITS == ["cells", "chromosomes", "both", "random", "poster"]
    for split in TASK.splits:
        assert split.published == bool(split.leaks) == (split.name in ("random", "poster"))
        assert split.asks.endswith("?") or split.name == "poster"
        assert split.null.split(":")[0] in TASK.controls, "the null is on the board"
        assert split.bootstrap_group == {"cells": "lineage", "both": "lineage"}.get(split.name, "chromosome")
    assert [m if isinstance(m, str) else m.name for m in TASK.metrics] == ["mse", "skill", "r2", "mae", "gene-pearson", "cell-pearson"]


# The generated genome


def test_the_generated_genome_has_600_genes_in_18_cells_of_5_lineages(genome: Dataset) -> None:
    assert isinstance(genome.X, Design)
    assert genome.X.shape == (10_800, 200)
    groups = genome.groups
    assert groups.nunique().to_dict() == {"gene": 600, "chromosome": 10, "cell": 18, "lineage": 5}
    assert not groups.duplicated(["gene", "cell"]).any()
    assert genome.y.index.equals(groups.index)
    assert genome.y.index.equals(genome.X.index)
    assert genome.X.columns[[0, 99, 100, 199]].tolist() == ["+500", "+99500", "-500", "-99500"]
    assert 20 < genome.X.nonzeros / len(genome.X) < 60
    assert genome.y.min() >= 0
    assert genome.unit == "ln(1 + openness), target log1p(CPM)"
    assert any("stromal-4 is noise" in n for n in genome.notes)


def test_the_generated_genome_is_the_same_every_time_and_has_the_fingerprint_of_the_card(
    genome: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    again = demo.generate()
    assert isinstance(genome.X, Design)
    assert isinstance(again.X, Design)
    assert again.X.digest() == genome.X.digest()
    pd.testing.assert_series_equal(again.y, genome.y)
    pd.testing.assert_frame_equal(again.groups, genome.groups)
    found = []
    for cache in ("one", "two"):
        monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / cache))
        found.append(prepare(TASK, "demo").fingerprint)
        assert prepare(TASK, "demo").fingerprint == found[-1], "as it is read back"
    assert found == [DEMO.fingerprint] * 2


def test_a_processor_of_another_make_gives_the_same_fingerprint(tmp_path: Path) -> None:
    # NumPy takes logarithms, and OpenBLAS products, by what the processor can do: their last bits differ
    code = (
        "from numpy._core._multiarray_umath import __cpu_features__ as can; from genoboard.data import prepare;"
        "from genoboard_tasks.expression_regression import TASK;"
        "print(prepare(TASK, 'demo').fingerprint, sum(can[f] for f in {can}))"
    )
    wide = [f for f in umath.__cpu_dispatch__ if umath.__cpu_features__[f]]
    if not wide:
        pytest.skip("this processor has nothing that NumPy could do without")
    plain = {"NPY_DISABLE_CPU_FEATURES": " ".join(wide), "OPENBLAS_CORETYPE": "Nehalem", "GENOBOARD_CACHE": str(tmp_path)}
    code = code.replace("{can}", repr(wide))
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **plain}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [prepare(TASK, "demo").fingerprint, "0"]


def test_the_order_of_genes_and_samples_in_the_files_leaves_no_trace(genome: Dataset) -> None:
    study, rng = demo.study(), np.random.default_rng(0)
    genes, cells = rng.permutation(len(study.genes)), rng.permutation(len(study.lineage))
    moved = dataset(
        replace(
            study,
            genes=study.genes.iloc[genes],
            lineage=study.lineage.iloc[cells],
            expression=study.expression[genes][:, cells],
            openness=study.openness[:, cells],
        )
    )
    assert isinstance(genome.X, Design)
    assert isinstance(moved.X, Design)
    assert moved.X.digest() == genome.X.digest()
    pd.testing.assert_series_equal(moved.y, genome.y)
    pd.testing.assert_frame_equal(moved.groups, genome.groups)


def test_a_row_is_a_gene_in_a_cell_with_its_own_expression_and_openness(genome: Dataset) -> None:
    study = demo.study()
    row = genome.X.index.get_loc("GENE7 | myeloid-2")
    gene, cell = study.genes.index.get_loc("GENE7"), study.lineage.index.get_loc("myeloid-2")
    assert genome.y.iloc[row] == pytest.approx(np.log1p(study.expression[gene, cell]), rel=2e-6)
    assert genome.groups.iloc[row].tolist() == ["GENE7", study.genes["chrom"].iloc[gene], "myeloid-2", "myeloid"]
    # the first base of the bins is the TSS
    tss, strand = study.genes["tss"].iloc[gene], study.genes["strand"].iloc[gene]
    held = study.regions[study.regions["chrom"] == study.genes["chrom"].iloc[gene]]
    expected = np.zeros(200)
    for r, _, start, end in held.itertuples():
        bases = (np.arange(start, end) - tss) * strand
        for d in bases[(bases >= -100_000) & (bases < 100_000)]:
            expected[d // 1000 if d >= 0 else 100 + (-d - 1) // 1000] += study.openness[r, cell] / 1000
    assert isinstance(genome.X, Design)
    assert genome.X.dense(np.array([row]))[0] == pytest.approx(np.log1p(expected), rel=1e-4)


def test_lasso_finds_the_weights_that_the_genome_was_made_with(genome: Dataset, rows: pd.DataFrame) -> None:
    linear = pytest.importorskip("genoboard_sklearn.linear")
    assert isinstance(genome.X, Design)
    fold = deal(TASK.split("cells"), rows)[0]
    lineage = pd.factorize(rows["lineage"].iloc[fold.train])[0]
    found = linear.lasso().fit(genome.X.take(fold.train), genome.y.to_numpy()[fold.train], lineage).coef_
    planted = demo.weights()
    for side in (genome.X.distance > 0, genome.X.distance < 0):
        mine = found[side]
        assert np.corrcoef(mine, planted[side])[0, 1] > 0.85
        assert (mine[:5] > 0.2).all(), "within 5 kb of the TSS openness goes with expression"
        near, middle, far = mine[:5].mean(), mine[5:15].mean(), np.abs(mine[40:]).mean()
        assert near > 1.5 * middle > 3 * far, "and the less the farther away"
    assert np.abs(found[:20] - planted[:20]).max() < 0.25


# Splits


@pytest.mark.parametrize(("split", "group", "count"), [("cells", "lineage", 5), ("chromosomes", "chromosome", 5)])
def test_a_lineage_or_a_chromosome_is_never_cut_and_every_row_is_asked_once(rows: pd.DataFrame, split: str, group: str, count: int) -> None:
    found = sides(rows, split)
    assert len(found) == count
    for train, test in found:
        assert not set(train[group]) & set(test[group])
        assert len(train) + len(test) == len(rows)
        if split == "cells":
            assert test["lineage"].nunique() == 1, "one lineage is left out at a time"
    assert sorted(i for _, test in found for i in test.index) == sorted(rows.index)


def test_what_both_asks_shares_neither_lineage_nor_chromosome_with_what_it_trains_on_and_every_cell_is_asked_for(
    rows: pd.DataFrame,
) -> None:
    asked: list[str] = []
    for train, test in sides(rows, "both"):
        assert len(test) > 0
        for group in ("lineage", "chromosome", "gene", "cell"):
            assert not set(train[group]) & set(test[group])
        # nothing else is left out of training than what shares one of the two
        left = rows.drop(index=train.index)
        assert (left["lineage"].isin(set(test["lineage"])) | left["chromosome"].isin(set(test["chromosome"]))).all()
        asked += test["cell"].unique().tolist()
    assert sorted(asked) == sorted(set(rows["cell"])), "each in one fold"


@settings(deadline=None, max_examples=25)
@given(lineages=st.integers(2, 8), chromosomes=st.integers(2, 8), seed=st.integers(0, 10**6))
def test_both_deals_whatever_lineages_and_chromosomes_there_are(lineages: int, chromosomes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # genes on chromosomes and cells of lineages, at least one each
    on = np.concatenate([np.arange(chromosomes), rng.integers(0, chromosomes, 9)])
    of = np.concatenate([np.arange(lineages), rng.integers(0, lineages, 5)])
    gene, cell = np.divmod(np.arange(len(on) * len(of)), len(of))
    table = pd.DataFrame({"y": 0.5, "cell": cell, "lineage": of[cell], "chromosome": on[gene]}, index=[f"r{i}" for i in range(len(gene))])
    table = table.astype(dict.fromkeys(("cell", "lineage", "chromosome"), "str"))
    found = sides(table, "both")
    assert len(found) == min(5, lineages, chromosomes)
    for train, test in found:
        assert len(train)
        assert not set(train["lineage"]) & set(test["lineage"])
        assert not set(train["chromosome"]) & set(test["chromosome"])
    assert {c for _, test in found for c in test["cell"]} == set(table["cell"])
    moved = table.sample(frac=1.0, random_state=seed % 1000)
    assert fingerprint(table, deal(TASK.split("both"), table)) == fingerprint(moved, deal(TASK.split("both"), moved))


@pytest.mark.parametrize("lost", ["lineage", "chromosome"])
def test_both_is_refused_where_there_is_only_one_lineage_or_chromosome(rows: pd.DataFrame, lost: str) -> None:
    with pytest.raises(genoboard.DataError, match="Split 'both' needs two lineages and two chromosomes"):
        deal(TASK.split("both"), rows.assign(**{lost: "the same"}))


def test_the_poster_deals_rows_90_5_5_by_seed_123_whatever_their_order(rows: pd.DataFrame) -> None:
    (fold,) = deal(TASK.split("poster"), rows)
    assert (len(fold.train), len(fold.test)) == (9720, 540)
    assert not set(fold.train) & set(fold.test)
    drawn = np.sort(rows.index.to_numpy(dtype=object))[np.random.default_rng(123).permutation(len(rows))]
    assert set(rows.index[fold.train]) == set(drawn[:9720])
    assert set(rows.index[fold.test]) == set(drawn[-540:])


@pytest.mark.parametrize("split", SPLITS)
def test_no_split_depends_on_the_order_of_rows(rows: pd.DataFrame, split: str) -> None:
    moved = rows.sample(frac=1.0, random_state=5)
    assert fingerprint(rows, deal(TASK.split(split), rows)) == fingerprint(moved, deal(TASK.split(split), moved))


def test_what_random_rows_leak_is_told(workspace: Path) -> None:
    for split in SPLITS:
        told = datasheet.split(compete(workspace, split))
        shared = [{g: n / fold["test"]["groups"][g] for g, n in fold["groups_on_both_sides"].items()} for fold in told["folds"]]
        clean = {"cells": ("cell", "lineage"), "chromosomes": ("gene", "chromosome"), "both": ("gene", "chromosome", "cell", "lineage")}
        for fold in shared:
            if split in clean:
                assert {g for g, share in fold.items() if share == 0} == set(clean[split])
            else:
                assert min(fold.values()) > 0.95
        assert bool(told["leaks"]) == (split not in clean)


# What a model is given


SPY = """
import base64, json, os
from pathlib import Path
import numpy as np


def contents():
    job = Path(os.environ["TMPDIR"]).parent
    files = [(p, job / name) for name in ("in", "out", "run", "scratch") for p in sorted((job / name).rglob("*")) if p.is_file()]
    return {str(p.relative_to(place)): base64.b64encode(p.read_bytes()).decode() for p, place in files}


class Spy:
    kinds = ("bins",)

    def fit(self, X, y, groups, run):
        print(json.dumps(contents()))
        return self

    def predict(self, X):
        print(json.dumps(contents()))
        return np.zeros(len(X))
"""


def first_fold(workspace: Path, split: str, folder: Path) -> tuple[Competition, dict[str, bytes], dict[str, bytes]]:
    """Return the files that lie beside a model while it is fitted, and while it predicts, in a split's first fold."""
    (folder / "spy.py").write_text(SPY, encoding="utf-8")
    competition = compete(workspace, split)
    competition = replace(competition, folds=competition.folds[:1])
    (outcome,) = run_folds(competition, ready(competition, f"{folder / 'spy.py'}:Spy", None, 0, Limits(120)), folder)
    assert outcome.verdict == "ok", outcome.reason
    said = [json.loads(line) for line in (folder / "log.txt").read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    fitting, predicting = ({k: base64.b64decode(v) for k, v in files.items()} for files in said)
    return competition, fitting, predicting


def array(files: dict[str, bytes], name: str) -> NDArray[np.int32]:
    found: NDArray[np.int32] = np.load(io.BytesIO(files[f"{name}.npy"]), allow_pickle=False)
    return found


@pytest.mark.parametrize("split", ["cells", "both"])
def test_while_a_model_is_fitted_nothing_of_the_test_rows_is_beside_it_and_names_never_are(
    workspace: Path, tmp_path: Path, split: str
) -> None:
    competition, fitting, predicting = first_fold(workspace, split, tmp_path)
    (fold,), whole, table = competition.folds, competition.data.X(), competition.data.rows
    assert isinstance(whole, Design)
    test_cells, train_cells = set(whole.cell[fold.test].tolist()), set(whole.cell[fold.train].tolist())
    train_genes = set(whole.gene[fold.train].tolist())
    assert not test_cells & train_cells
    assert set(array(fitting, "train.design/cells").tolist()) == set(array(fitting, "train.design/cell").tolist()) == train_cells
    assert set(array(fitting, "train.design/genes").tolist()) == set(array(fitting, "train.design/gene").tolist()) == train_genes
    if split == "both":
        assert not train_genes & set(whole.gene[fold.test].tolist())
    assert sorted(k for k in set(predicting) - set(fitting) if "test.design" not in k) == []
    assert not any("test" in name for name in fitting)

    def holds(files: dict[str, bytes], what: bytes) -> bool:
        return any(what in content for content in files.values())

    # what is there of the openness, of all regions that training genes have in their windows, is of training cells alone
    regions = np.searchsorted(whole.regions, array(fitting, "train.design/regions"))
    asked = np.searchsorted(whole.regions, array(predicting, "test.design/regions"))
    for place, code in enumerate(whole.cells.tolist()):
        assert holds(fitting, whole.openness[place, regions].tobytes()) == (code in train_cells)
        assert holds(predicting, whole.openness[place, asked].tobytes()) or code not in test_cells, "the search finds what is there"
    truth = table["y"].to_numpy(dtype=np.float64)
    assert holds(fitting, truth[fold.train][:9].tobytes())
    assert not holds(predicting, truth[fold.test][:9].tobytes())
    names = {*table["gene"], *table["cell"], *table["chromosome"]}
    assert not [n for n in names if holds(predicting, n.encode())]


def test_codes_and_ids_say_nothing_of_a_gene_or_a_cell(workspace: Path) -> None:
    prepared = compete(workspace, "cells").data
    X = prepared.X()
    assert isinstance(X, Design)
    assert X.index.str.fullmatch("s[0-9a-f]{16}").all()
    for code, group in ((X.gene, "gene"), (X.cell, "cell")):
        of = pd.Series(code).groupby(prepared.rows[group].to_numpy()).unique()
        assert (of.str.len() == 1).all(), "a gene has one code"
        number = of.index.str.extract(r"(\d+)$")[0].astype(int)
        assert abs(np.corrcoef(number, of.str[0].astype(int))[0, 1]) < 0.35, "and it is not its place in a file"


# Scores


@pytest.mark.parametrize(
    ("split", "null"), [("cells", "gene-mean"), ("chromosomes", "cell-mean"), ("both", "grand-mean"), ("random", "gene-mean")]
)
def test_the_null_of_a_split_has_no_skill(workspace: Path, split: str, null: str) -> None:
    competition = compete(workspace, split)
    found = scores(competition, null)
    assert found["skill"] == pytest.approx(0, abs=1e-9)
    unit = {"gene-mean": "gene-pearson", "cell-mean": "cell-pearson"}.get(null)
    if split != "random" and unit:
        assert found[unit] == 0, "nor does it know the profile of a gene across cells, or of a cell across genes"
    assert TASK.split(split).null.startswith(null)


def test_what_a_gene_is_in_other_cells_says_more_than_nothing(workspace: Path) -> None:
    competition = compete(workspace, "cells")
    mse = {c: scores(competition, c)["mse"] for c in ("grand-mean", "gene-mean", "nearest-cells")}
    assert mse["nearest-cells"] < mse["grand-mean"]
    assert mse["gene-mean"] < mse["grand-mean"]


def test_the_target_is_the_logarithm_of_expression_on_every_board_but_the_poster_s(workspace: Path, genome: Dataset) -> None:
    study = demo.study()
    logged = pd.DataFrame(np.log1p(study.expression), index=study.genes.index, columns=study.lineage.index)
    z = logged.sub(logged.mean(axis=1), axis=0).div(logged.std(axis=1, ddof=0), axis=0)
    for split in SPLITS:
        competition = compete(workspace, split)
        asked = competition.data.rows.iloc[competition.test]
        expected = [(z if split == "poster" else logged).loc[g, c] for g, c in zip(asked["gene"], asked["cell"], strict=True)]
        assert competition.solution.truth == pytest.approx(np.array(expected), abs=1e-4)


def test_z_scores_have_mean_0_and_sd_1_over_all_cells_of_a_gene_test_rows_too(workspace: Path) -> None:
    competition = compete(workspace, "poster")
    by_gene = competition.data.rows.groupby("gene")["y"]
    assert by_gene.mean().to_numpy() == pytest.approx(0, abs=1e-9)
    assert by_gene.std(ddof=0).to_numpy() == pytest.approx(1, abs=1e-9)
    X = competition.data.X()
    assert isinstance(X, Design)
    for gene in X.genes[:10]:
        values = X.dense(np.flatnonzero(X.gene == gene))
        varies = values.std(axis=0) > 0
        assert varies.sum() > 5
        assert values.mean(axis=0) == pytest.approx(0, abs=1e-5)
        assert values.std(axis=0)[varies] == pytest.approx(1, abs=1e-5)
    train = competition.data.X(competition.folds[0].train)
    assert isinstance(train, Design)
    assert np.array_equal(train.dense(np.arange(5)), X.dense(competition.folds[0].train[:5])), "and a model is given these"


def test_a_gene_that_is_the_same_everywhere_has_z_scores_of_0(rows: pd.DataFrame, genome: Dataset) -> None:
    from genoboard_tasks.expression_regression.protocol import z_scores

    assert isinstance(genome.X, Design)
    flat = rows["gene"] == "GENE1"
    _, y = z_scores(genome.X, rows.assign(y=rows["y"].mask(flat, 0.1)))
    assert y[flat].to_numpy() == pytest.approx(0, abs=1e-6)
    assert np.isfinite(y).all()


def test_on_the_poster_s_board_the_grand_mean_is_at_1_and_every_control_stands(workspace: Path) -> None:
    competition = compete(workspace, "poster")
    entry = genoboard.evaluate(competition, "grand-mean")
    assert entry.verdict == "ok", entry.reason
    mse = standings(competition)
    assert set(mse) == set(TASK.controls)
    assert mse["grand-mean"] == pytest.approx(1, abs=0.15)
    # the other cells' mean z-score of a gene is the less the higher the row's own is: it is told by what it leaves
    assert mse["gene-mean"] > mse["grand-mean"]


def standings(competition: Competition) -> dict[str, float]:
    """Return name -> MSE of the board."""
    primary = competition.metrics[0]
    held = Store(competition.workspace.database).standings(competition.board, primary.name, primary.direction)
    return {s.name: mse for s in held if (mse := s.scores[primary.name]) is not None}


# Controls, against loops


def parted(genome: Dataset, seed: int, n_genes: int, n_cells: int, by: str) -> tuple[Design, Array, Design]:
    """Some genes and cells of the demo -> training rows with their target, test rows: dealt singly, by gene or by cell."""
    assert isinstance(genome.X, Design)
    rng = np.random.default_rng(seed)
    genes, cells = rng.choice(600, n_genes, replace=False), rng.choice(18, n_cells, replace=False)
    X = genome.X
    some = rng.permutation(np.flatnonzero(np.isin(X.gene, genes) & np.isin(X.cell, cells)))
    code = {"row": np.arange(len(X)), "gene": X.gene, "cell": X.cell}[by][some]
    held = np.isin(code, rng.permutation(np.unique(code))[: max(1, len(np.unique(code)) // 3)])
    return X.take(some[~held]), genome.y.to_numpy()[some[~held]], X.take(some[held])


cases = given(seed=st.integers(0, 10**6), n_genes=st.integers(2, 6), n_cells=st.integers(2, 6), by=st.sampled_from(["row", "gene", "cell"]))


def slow_mean(values: Array, otherwise: float) -> float:
    return float(np.mean(values)) if len(values) else otherwise


@pytest.mark.parametrize("control", [GeneMean, CellMean, Additive])
@settings(deadline=None, max_examples=20)
@cases
def test_means_are_those_of_loops(
    genome: Dataset, control: type[GeneMean | CellMean | Additive], seed: int, n_genes: int, n_cells: int, by: str
) -> None:
    train, y, test = parted(genome, seed, n_genes, n_cells, by)
    found = control().fit(train, y).predict(test)
    for i in range(len(test)):
        gene = slow_mean(y[train.gene == test.gene[i]], y.mean())
        cell = slow_mean(y[train.cell == test.cell[i]], y.mean())
        expected = {GeneMean: gene, CellMean: cell, Additive: gene + cell - y.mean()}[control]
        assert found[i] == pytest.approx(expected, rel=1e-12)


def likeness(one: Design, i: int, other: Design, j: int) -> float:
    """Return r of two cells over the regions that both sides know; 0 where there are none, or where one is constant."""
    known = sorted(set(one.regions.tolist()) & set(other.regions.tolist()))
    a = [float(np.log1p(one.openness[i, list(one.regions).index(r)])) for r in known]
    b = [float(np.log1p(other.openness[j, list(other.regions).index(r)])) for r in known]
    return float(np.corrcoef(a, b)[0, 1]) if len(known) > 1 and np.std(a) > 0 and np.std(b) > 0 else 0.0


def slow_nearest(train: Design, y: Array, test: Design, k: int) -> list[float]:
    cell_mean = {c: y[train.cell == c].mean() for c in train.cells.tolist()}
    found = []
    for i in range(len(test)):
        at = test.cells.tolist().index(test.cell[i])
        others = [(j, c) for j, c in enumerate(train.cells.tolist()) if c != test.cell[i]]
        # of equal likeness, the cell of the lower code
        order = [c for j, c in sorted(others, key=lambda o: (-round(likeness(test, at, train, o[0]), 9), o[1]))]
        knowing = [y[(train.cell == c) & (train.gene == test.gene[i])] for c in order]
        values = [float(v[0]) for v in knowing if len(v)][:k]
        found.append(float(np.mean(values or [cell_mean[c] for c in order[:k]] or list(cell_mean.values()))))
    return found


@settings(deadline=None, max_examples=30)
@cases
@pytest.mark.parametrize("k", [1, 3])
def test_nearest_cells_are_those_of_loops_the_row_s_own_cell_left_out(
    genome: Dataset, k: int, seed: int, n_genes: int, n_cells: int, by: str
) -> None:
    train, y, test = parted(genome, seed, n_genes, n_cells, by)
    assert NearestCells(k).fit(train, y).predict(test) == pytest.approx(np.array(slow_nearest(train, y, test, k)), rel=1e-9)


def test_nearest_cells_of_genes_that_share_no_region_with_training_are_said_without_a_warning(genome: Dataset, rows: pd.DataFrame) -> None:
    assert isinstance(genome.X, Design)
    fold = deal(TASK.split("chromosomes"), rows)[0]
    train, test = genome.X.take(fold.train), genome.X.take(fold.test)
    assert not set(train.regions.tolist()) & set(test.regions.tolist())
    found = NearestCells().fit(train, genome.y.to_numpy()[fold.train]).predict(test)
    assert np.isfinite(found).all()
    assert len(set(found.round(9))) <= len(test.cells), "of such genes, only the mean over all others is known"


# Real cells


def ingested(name: str, write: Toml, folder: Path) -> Prepared:
    if catalog.state(TASK, name) is None:
        return data.ingest(TASK, write(folder), name)
    return prepare(TASK, name)


@pytest.fixture
def erythroid(erythroid_toml: Toml, tmp_path: Path) -> Prepared:
    """Human erythropoiesis, in the session's cache."""
    return ingested("erythroid-1mb", erythroid_toml, tmp_path / "toml")


def by_hand(regions: pd.DataFrame, openness: pd.Series, chrom: str, tss: int, strand: int) -> Array:
    """Return a gene's 2,000 bins in one cell by overlaps of a bin at a time; `regions` has chrom, start, end."""
    near = (regions["chrom"] == chrom) & (regions["end"] > tss - 1_000_001) & (regions["start"] < tss + 1_000_001)
    start, end, value = (c[near].to_numpy(dtype=np.float64) for c in (regions["start"], regions["end"], openness))
    bins = np.zeros(2000)
    for j in range(2000):
        # where the bin begins on the chromosome, whose bases are counted from 0
        first = {
            (1, True): tss + 1000 * j,
            (1, False): tss - 1000 * (j - 999),
            (-1, True): tss - 1000 * (j + 1) + 1,
            (-1, False): tss + 1000 * (j - 1000) + 1,
        }[strand, j < 1000]
        overlap = np.minimum(end, first + 1000) - np.maximum(start, first)
        bins[j] = np.log1p((value * overlap.clip(0)).sum() / 1000)
    return bins


def row_of(prepared: Prepared, gene: str, cell: str) -> tuple[Array, float]:
    """Return a row's bins, and its target."""
    at = prepared.original_ids[prepared.original_ids == f"{gene} | {cell}"].index[0]
    X, place = prepared.X(), prepared.rows.index.get_loc(at)
    assert isinstance(X, Design)
    return X.dense(np.array([place]))[0].astype(np.float64), float(prepared.rows["y"].iloc[place])


def test_human_erythropoiesis_comes_in_with_13279_genes_in_12_cells(erythroid: Prepared) -> None:
    X = erythroid.X()
    assert isinstance(X, Design)
    assert X.shape == (13_279 * 12, 2000)
    assert erythroid.about["groups"] == {"gene": 13_279, "chromosome": 24, "cell": 12, "lineage": 4}
    assert list(erythroid.about["splits"]) == SPLITS
    assert erythroid.about["notes"] == [
        "combined_12.counts.tsv.gz: 109,945 regions; openness of 12 samples, counts.",
        "ery_only.bed.gz: 109,945 regions were put in the order of chromosome (by name), start and end.",
        "expression_CPM_erythroid.tsv.gz: 32,738 genes; expression of 12 samples, CPM.",
        "refGene_hg19_TSS.bed.gz: 3,307 genes have several TSS; the most 5' is taken.",
        "refGene_hg19_TSS.bed.gz: 29 genes lie on several chromosomes and 170 on both strands; the one that holds most of their transcripts is taken.",
        "expression_CPM_erythroid.tsv.gz: 19,160 of 32,738 genes are in refGene_hg19_TSS.bed.gz, found 19,160 by symbol; "
        "the other 13,578 (MIR1302-10, RP11-34P13.7, RP11-34P13.8 and 13,575 more) have no TSS and are dropped.",
        "5,881 of 19,160 genes do not exceed 1 CPM in any sample and are dropped.",
        "13,279 genes x 12 cells, 2,000 bins of 1,000 bp; 145 bins of a gene hold a region (mean), by the rule 'overlap'.",
        "1,642 regions lie in no gene's window and 23 genes have none in theirs.",
    ]


@pytest.mark.parametrize(
    ("gene", "cell", "chrom", "tss", "strand", "cpm"),
    [("GATA1", "P4", "chrX", 48_644_981, 1, 586.42), ("KLF1", "P5", "chr19", 12_998_017, -1, 905.88)],
)
def test_the_window_of_a_known_gene_is_what_its_files_say(
    erythroid: Prepared, real_data: Path, gene: str, cell: str, chrom: str, tss: int, strand: int, cpm: float
) -> None:
    home = real_data / "expression-regression" / "erythroid"
    regions = pd.read_csv(home / "ery_only.bed.gz", sep="\t", header=None, names=["chrom", "start", "end"])
    counts = pd.read_csv(home / "combined_12.counts.tsv.gz", sep="\t")[cell]
    bins, y = row_of(erythroid, gene, cell)
    expected = by_hand(regions, counts / counts.sum() * 1e6, chrom, tss, strand)
    assert (expected > 0).sum() > 50
    assert bins == pytest.approx(expected, rel=1e-5)
    assert bins[[0, 1000]].max() > 2, "its promoter is open"
    assert y == pytest.approx(np.log1p(cpm), rel=2e-6)


@pytest.mark.slow
def test_mouse_haematopoiesis_comes_in_with_15558_genes_in_11_cells(immgen_toml: Toml, real_data: Path, tmp_path: Path) -> None:
    prepared = ingested("immgen-1mb", immgen_toml, tmp_path)
    assert prepared.about["groups"] == {"gene": 15_558, "chromosome": 21, "cell": 11, "lineage": 4}
    assert prepared.about["notes"][-4:] == [
        "rawRNA.csv.gz: 24,156 of 24,459 genes are in mm10.refGenes.2016.1018.csv, found 24,156 by symbol; "
        "the other 303 (0610010B08Rik, 0610011F06Rik, 1110001J03Rik and 300 more) have no TSS and are dropped.",
        "8,598 of 24,156 genes do not exceed 1 CPM in any sample and are dropped.",
        "15,558 genes x 11 cells, 2,000 bins of 1,000 bp; 475 bins of a gene hold a region (mean), by the rule 'overlap'.",
        "5,091 regions lie in no gene's window and 0 genes have none in theirs.",
    ]
    home = real_data / "expression-regression"
    regions = pd.read_csv(
        home / "immgen" / "immgen_peaks_mm10.bed.gz", sep="\t", header=None, usecols=[0, 1, 2], names=["chrom", "start", "end"]
    )
    counts = pd.read_csv(home / "immgen" / "amit_rawATAC.csv.zip")["EryA"]
    places = pd.read_csv(home / "annotation" / "mm10.refGenes.2016.1018.csv").set_index("gene.name")
    expression = pd.read_csv(home / "immgen" / "rawRNA.csv.gz", index_col=0)["EryA"]
    for gene in ("Gata1", "Klf1"):
        chrom, strand, tss = places.loc[gene, ["chrom", "strand", "TSS"]]
        bins, y = row_of(prepared, gene, "EryA")
        assert bins == pytest.approx(by_hand(regions, counts / counts.sum() * 1e6, chrom, int(tss), 1 if strand == "+" else -1), rel=1e-5)
        assert y == pytest.approx(np.log1p(expression[gene] / expression.sum() * 1e6), rel=2e-6)


@pytest.mark.slow
def test_a_board_of_real_cells_stands_with_every_control(erythroid: Prepared, workspace: Path) -> None:
    competition = compete(workspace, "chromosomes", "erythroid-1mb")
    entry: Entry = genoboard.evaluate(competition, "grand-mean")
    assert entry.verdict == "ok", entry.reason
    mse = standings(competition)
    assert set(mse) == set(TASK.controls)
    # of a gene never seen, cells differ little: that is how much there is to find
    assert mse["cell-mean"] < mse["grand-mean"] < 1.1 * mse["cell-mean"]
    assert mse["gene-mean"] == pytest.approx(mse["grand-mean"]), "no gene has been seen"
    assert mse["additive"] == pytest.approx(mse["cell-mean"])


def test_what_is_taken_home_are_ids_with_their_gene_and_cell_and_the_windows_but_no_test_target(workspace: Path, tmp_path: Path) -> None:
    competition = compete(workspace, "random")
    written = [p.name for p in datasheet.export(competition, tmp_path)]
    assert written == ["train.csv", "test.csv", "windows", "sample_submission.csv"]
    train, test = (pd.read_csv(tmp_path / f"{side}.csv", index_col="id") for side in ("train", "test"))
    assert list(train.columns) == ["gene", "cell", "expression"]
    assert list(test.columns) == ["gene", "cell"]
    windows = Design.open(tmp_path / "windows")
    at = windows.index.get_indexer(test.index)
    assert windows.gene[at].tolist() == test["gene"].tolist()
    assert windows.cell[at].tolist() == test["cell"].tolist()
    assert np.array_equal(windows.take(at[:5]).dense(), competition.data.X(competition.test[:5]).dense())
