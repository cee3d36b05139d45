"""What tests share: real data when they lie at hand, and a workspace and a cache of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# how long an example takes says how busy the machine is; the same examples every time, so that a failure is that of a change
settings.register_profile("genoboard", deadline=None, derandomize=os.environ.get("GENOBOARD_EXPLORE") != "1")
settings.load_profile("genoboard")
REPO = Path(__file__).resolve().parent
Toml = Callable[..., Path]
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
REQUIRE_ALL = os.environ.get("GENOBOARD_REQUIRE_ALL") == "1"


# files whose tests take minutes: begun first, so that none of them is what the last processor is waited for
LONG = (
    "test_conformance", "test_kills", "test_gtex", "test_civic_boards", "test_expression_report", "test_grid", "test_confinement", "test_full_disk",
    "test_cluster", "test_brain_region_report", "test_variant_class_report", "test_estimators", "test_openness", "test_expression_regression",
    "test_fuzz_submission", "test_fuzz_inputs", "test_at_once", "test_torch_mlp", "test_text_models", "test_doc2vec_models", "test_scaffold",
    "test_own_data", "test_packaging", "test_notebooks", "test_tutorial", "test_msk", "test_audit",
)  # fmt: skip


def pytest_configure() -> None:
    """Listen to interrupts even where a shell started the tests in the background: what they start inherits that, and some are interrupted."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first; otherwise their order stays."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


def absent(what: str) -> None:
    """Skip for want of `what`; under GENOBOARD_REQUIRE_ALL=1 nothing may be missing, so fail."""
    if REQUIRE_ALL:
        pytest.fail(f"GENOBOARD_REQUIRE_ALL=1, but {what}")
    pytest.skip(what)


@pytest.fixture(scope="module")  # no longer: while it runs, its event loop is in the way of everybody else's
def browser() -> Iterator[Browser]:
    """Start Debian's chromium, without a network of its own."""
    from playwright.sync_api import sync_playwright

    where = shutil.which("chromium")
    if where is None:
        absent("chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=where, args=CHROMIUM)
        yield started
        started.close()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data; skip where there is none."""
    folder = Path(os.environ.get("GENOBOARD_TEST_DATA", REPO.parent / "shared" / "data"))
    if not folder.is_dir():
        absent(f"real data are not at {folder}; set GENOBOARD_TEST_DATA")
    return folder


def expression_toml(folder: Path, **sections: Mapping[str, object]) -> Path:
    """Write a dataset.toml of expression-regression into a folder, and return it; a value is a text, a number or a list of texts."""
    # JSON spells these as TOML does
    lines = [f"[{name}]\n" + "".join(f"{json.dumps(k)} = {json.dumps(v)}\n" for k, v in keys.items()) for name, keys in sections.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder / "dataset.toml"


@pytest.fixture(scope="session")
def erythroid_toml(real_data: Path) -> Toml:
    """Write the dataset.toml of human erythropoiesis (hg19): ``erythroid_toml(folder, window={...}, above=1.0, sd_log_above=0.3)``."""
    home = real_data / "expression-regression"

    def write(folder: Path, window: Mapping[str, object] | None = None, **genes: float) -> Path:
        return expression_toml(
            folder,
            openness={
                "matrix": str(home / "erythroid" / "combined_12.counts.tsv.gz"),
                "regions": str(home / "erythroid" / "ery_only.bed.gz"),
                "unit": "counts",
            },
            expression={"matrix": str(home / "erythroid" / "expression_CPM_erythroid.tsv.gz"), "gene": "genes", "unit": "CPM"},
            annotation={
                "tss": str(home / "annotation" / "refGene_hg19_TSS.bed.gz"),
                "sizes": str(home / "annotation" / "hg19.seqinfo.tsv"),
            },
            genes=genes,
            window=window or {},
            lineages={
                "HSC+MPP": ["HSC", "MPP"],
                "CMP+MEP": ["CMP", "MEP"],
                "P1-P4": ["P1", "P2", "P3", "P4"],
                "P5-P8": ["P5", "P6", "P7", "P8"],
            },
        )

    return write


@pytest.fixture(scope="session")
def immgen_toml(real_data: Path) -> Toml:
    """Write the dataset.toml of mouse haematopoiesis (mm10): as `erythroid_toml`."""
    home = real_data / "expression-regression"

    def write(folder: Path, window: Mapping[str, object] | None = None, **genes: float) -> Path:
        return expression_toml(
            folder,
            openness={
                "matrix": str(home / "immgen" / "amit_rawATAC.csv.zip"),
                "regions": str(home / "immgen" / "immgen_peaks_mm10.bed.gz"),
                "unit": "counts",
            },
            expression={"matrix": str(home / "immgen" / "rawRNA.csv.gz"), "unit": "counts"},
            annotation={
                "tss": str(home / "annotation" / "mm10.refGenes.2016.1018.csv"),
                "sizes": str(home / "annotation" / "mm10.seqinfo.tsv"),
            },
            genes=genes,
            window=window or {},
            lineages={
                "progenitor": ["HSC", "CMP", "GMP", "MEP"],
                "myeloid": ["Mono", "Gran"],
                "lymphoid": ["B", "NK", "CD4", "CD8"],
                "erythroid": ["EryA"],
            },
        )

    return write


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data cache for the whole session: preparing data is not what most tests are about. What is compiled serves its other processes, too."""
    folder, base = tmp_path_factory.mktemp("cache"), tmp_path_factory.getbasetemp()
    compiled = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    compiled.mkdir(exist_ok=True)
    (folder / "compiled").symlink_to(compiled)
    return folder


@pytest.fixture(scope="session")
def with_controls(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Callable[..., Path]:
    """Make a workspace whose board has its controls, entered once in a session: ``with_controls(folder, task, split)`` returns `folder`."""
    home = tmp_path_factory.mktemp("controls")

    def make(folder: Path, task: str, split: str) -> Path:
        from genoboard import evaluate

        if not (home / task / split).exists():
            evaluate(task, "prior", split=split, workspace=home / task / split)
        return shutil.copytree(home / task / split, folder)

    return make


@pytest.fixture(autouse=True)
def _own_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(cache))
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(tmp_path / "workspace"))
