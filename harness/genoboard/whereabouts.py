"""Whereabouts: from where a name that is not known here could come, by what lies around and without running any of it."""

from __future__ import annotations

import ast
import shlex
import tomllib
from importlib import metadata
from pathlib import Path

GROUP = "genoboard"


def uninstalled(name: str, *folders: Path) -> str:
    """Say how to install a plugin that brings `name` and lies in one of `folders` uninstalled, or is an extra of genoboard."""
    for project in (p for f in folders for p in sorted(f.glob("*/pyproject.toml"))):
        try:
            points = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("entry-points", {}).get(GROUP, {})
        except (OSError, ValueError):
            continue
        home = project.parent
        stems = [root / str(module).replace(".", "/") for module in points.values() for root in (home, home / "src")]
        cards = [c for stem in stems for c in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")) if c.is_file()]
        if name in (home.name, *points) or any(f'"{name}"' in c.read_text(encoding="utf-8") for c in cards):
            return f"The plugin that brings it lies in {home}, not installed: pip install -e {shlex.quote(str(home))}"
    try:
        extras = metadata.metadata("genoboard").get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        extras = []
    if name in extras:
        return f'A plugin brings it: pip install "genoboard[{name}]"'
    absent = [extra for extra in extras if f"genoboard-{extra}" in _asked_for(extra) and not _there(f"genoboard-{extra}")]
    return f"More come with plugins that are not installed: {', '.join(f'genoboard[{extra}]' for extra in absent)}." if absent else ""


def _asked_for(extra: str) -> list[str]:
    """Return the names of what an extra of genoboard installs."""
    return [r.split(";")[0].strip() for r in metadata.requires("genoboard") or [] if f'extra == "{extra}"' in r.replace("'", '"')]


def _there(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def defined(path: Path) -> list[str]:
    """Return the names that a file defines, by its text, since it is not run here; none where that cannot be told."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    found: list[str] = []
    for node in body:
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                found.append(node.name)
            case ast.Assign(targets=targets):
                found += [t.id for t in targets if isinstance(t, ast.Name)]
            case ast.Import() | ast.ImportFrom():
                found += [a.asname or a.name.partition(".")[0] for a in node.names]
            case ast.Expr():
                continue
            case _:
                # what is defined under a condition, or by other means
                return []
    return [] if "*" in found else found
