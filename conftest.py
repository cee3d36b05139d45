"""What tests share: real data when they lie at hand, and a workspace and a cache of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent
REQUIRE_ALL = os.environ.get("GENOBOARD_REQUIRE_ALL") == "1"


def absent(what: str) -> None:
    """Skip for want of `what`; under GENOBOARD_REQUIRE_ALL=1 nothing may be missing, so fail."""
    if REQUIRE_ALL:
        pytest.fail(f"GENOBOARD_REQUIRE_ALL=1, but {what}")
    pytest.skip(what)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data; skip where there is none."""
    folder = Path(os.environ.get("GENOBOARD_TEST_DATA", REPO.parent / "shared" / "data"))
    if not folder.is_dir():
        absent(f"real data are not at {folder}; set GENOBOARD_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data cache for the whole session: preparing data is not what most tests are about."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    monkeypatch.setenv("GENOBOARD_CACHE", str(cache))
    monkeypatch.setenv("GENOBOARD_WORKSPACE", str(tmp_path / "workspace"))
