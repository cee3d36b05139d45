"""Processes: what tests ask of those that run on this machine."""

from __future__ import annotations

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
