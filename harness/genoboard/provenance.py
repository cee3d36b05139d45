"""Provenance: where a model's code came from, and a hash that changes when the code does."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import site
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

from genoboard_leaderboard.entry import Code

from .model import ModelSpec

INSTALLED = (".dist-info", ".egg-info", ".egg-link")


def code_of(model: ModelSpec, plugin: str = "", distribution: tuple[str, str] | None = None) -> Code:
    """Return the `Code` of a model: its distribution and version, a hash of its source, and the state of that source.

    ``released``: from an installed wheel; ``editable``: from a source folder; ``dirty``: from one with uncommitted changes.
    """
    place = model.target.rpartition(":")[0]
    if place.endswith(".py"):
        path = Path(place)
        commit, dirty = _git(path)
        return Code(path.name, "", _hash(path), "dirty" if dirty else "editable", commit)
    top = place.partition(".")[0]
    source = _source(top)
    if distribution is None:
        distribution = _distribution(top)
    name, version = distribution or (top, "")
    if source is None:
        return Code(plugin or name, version)
    released = distribution is not None and not _editable(name)
    if released and not plugin:
        # a library: the list of hashes that its wheel brought stands for its thousands of files
        record = metadata.distribution(name).read_text("RECORD")
        return Code(name, version, hashlib.sha256(record.encode()).hexdigest()[:16] if record else "", "released")
    if released:
        return Code(plugin or name, version, _hash(source), "released")
    commit, dirty = _git(source)
    return Code(plugin or name, version, _hash(source), "dirty" if dirty else "editable", commit)


def installed() -> str:
    """Return a hash of this Python and of every distribution that it finds, each with its version."""
    found = {
        entry.name
        for place in dict.fromkeys(sys.path)
        if os.path.isdir(place)
        for entry in os.scandir(place)
        if entry.name.endswith(INSTALLED)
    }
    return hashlib.sha256("\n".join([sys.version, platform.machine(), *sorted(found)]).encode()).hexdigest()[:16]


def sources() -> dict[str, str]:
    """Return path -> hash for the file of every module that this process has imported from elsewhere than where packages are installed."""
    homes = [*map(os.path.realpath, (*site.getsitepackages(), site.getusersitepackages(), os.path.dirname(os.__file__)))]
    files = {getattr(module, "__file__", None) for module in tuple(sys.modules.values())}
    found = {}
    for file in sorted(f for f in files if isinstance(f, str) and os.path.isabs(f)):
        if not any(os.path.realpath(file).startswith(home + os.sep) for home in homes):
            # a module may say that it comes from a file which there is not
            with contextlib.suppress(OSError):
                found[file] = _hash(Path(file))
    return found


def unchanged(recorded: Mapping[str, str]) -> bool:
    """Tell whether the files that `sources` told of are what they were."""
    try:
        return all(_hash(Path(file)) == digest for file, digest in recorded.items())
    except OSError:
        return False


def of_files(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Return name, size and time of change of every file beneath these paths: what tells two states of large files apart quickly."""
    files = sorted(f for path in paths for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file())
    return [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]


def _source(top: str) -> Path | None:
    """Return the folder of a package or the file of a module, also one that only the child will find, since it lies in the current folder."""
    if top == "__main__":
        script = getattr(sys.modules[top], "__file__", None)
        return Path(script) if script else None
    try:
        spec = importlib.util.find_spec(top) or PathFinder.find_spec(top, [os.getcwd()])
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.has_location and spec.origin else None


def _distribution(top: str) -> tuple[str, str] | None:
    # an editable install does not list its packages; most are called like their distribution
    name = next(iter(metadata.packages_distributions().get(top, ())), top)
    try:
        return name, metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _editable(distribution: str) -> bool:
    try:
        direct = metadata.distribution(distribution).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return True
    return bool(direct and json.loads(direct).get("dir_info", {}).get("editable"))


def _hash(source: Path) -> str:
    """Hash a file, or every file of a folder but those that Python makes and hidden ones."""
    files = [source] if source.is_file() else [p for p in sorted(source.rglob("*")) if p.is_file() and not _made(p.relative_to(source))]
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(source.parent)}\0".encode())
        with path.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


def _made(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def _git(path: Path) -> tuple[str, bool]:
    """Return (commit, whether `path` differs from it, or is not part of it); outside a repository ("", False)."""
    folder = path if path.is_dir() else path.parent

    def ask(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "", False
    # a path that .gitignore names differs in silence
    return commit, ask("status", "--porcelain", "--", str(path)) != "" or not ask("ls-files", "--", str(path))
