"""Processes: what tests ask of those that run on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def running(mark: str) -> list[str]:
    """Return the processes that have `mark` among their arguments."""
    return [p.name for p in Path("/proc").iterdir() if p.name.isdigit() and mark in command(p.name).split("\0")]


def command(pid: str) -> str:
    """Return a process's command line, its arguments divided by NUL; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def page_step(words: str, folder: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a page as its reader does: in a shell, in `folder`, which is the workspace; output comes in the order in which a terminal has it."""
    places = {"GENOBOARD_CACHE": str(cache), "PYTHONUNBUFFERED": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GENOBOARD_")} | places
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", words],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
