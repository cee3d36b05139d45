"""Provenance: where a model's code came from, and a hash that changes when the code does."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from genoboard_leaderboard.entry import Code

from .model import ModelSpec


def code_of(model: ModelSpec, plugin: str = "", distribution: tuple[str, str] | None = None) -> Code:
    """Return the `Code` of a model: its distribution and version, a hash of its source, and the state of that source.

    ``released``: from an installed wheel; ``editable``: from a source folder; ``dirty``: from one with uncommitted changes.
    """
    place = model.target.rpartition(":")[0]
    if place.endswith(".py"):
        path = Path(place)
        commit, dirty = _git(path)
        return Code(path.name, "", _hash([path], path.parent), "dirty" if dirty else "editable", commit)
    top = place.partition(".")[0]
    folder = _folder(top)
    if distribution is None:
        distribution = _distribution(top)
    name, version = distribution or (top, "")
    if folder is None:
        return Code(plugin or name, version)
    released = distribution is not None and not _editable(name)
    if released and not plugin:
        # a library: the list of hashes that its wheel brought stands for its thousands of files
        record = metadata.distribution(name).read_text("RECORD") or ""
        return Code(name, version, hashlib.sha256(record.encode()).hexdigest()[:16], "released")
    source = _hash(folder.rglob("*.py"), folder)
    if released:
        return Code(plugin or name, version, source, "released")
    commit, dirty = _git(folder)
    return Code(plugin or name, version, source, "dirty" if dirty else "editable", commit)


def _folder(top: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


def _distribution(top: str) -> tuple[str, str] | None:
    names = metadata.packages_distributions().get(top)
    return (names[0], metadata.version(names[0])) if names else None


def _editable(distribution: str) -> bool:
    try:
        direct = metadata.distribution(distribution).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return True
    return bool(direct and json.loads(direct).get("dir_info", {}).get("editable"))


def _hash(files: Iterable[Path], root: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _git(path: Path) -> tuple[str, bool]:
    """Return (commit, whether `path` differs from it); outside a repository ("", False)."""
    folder = path if path.is_dir() else path.parent

    def ask(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "--short=12", "HEAD")
    return (commit, bool(ask("status", "--porcelain", "--", str(path)))) if commit else ("", False)
