"""Mounts: a view of the file system of this process's own, in which what others share is empty."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from .syscalls import checked, libc

NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000
NOSUID, NODEV, DETACH = 0x2, 0x4, 0x2
SHARED_MEMORY = Path("/dev/shm")
# where other programs leave sockets that answer whoever opens them: session buses, agents, containers' daemons
SHARED = (SHARED_MEMORY, Path("/run"), Path("/tmp"), Path("/var/tmp"))


def own_users() -> None:
    """Enter a user namespace in which this user is itself: its processes are counted apart from the user's others."""
    user, group = os.getuid(), os.getgid()
    checked(libc().unshare(NEW_USER))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:
            file.write(text)


def hide(kept: Iterable[Path], shared_memory: int | None) -> None:
    """Empty what others share, but for the paths `kept`; ``/dev/shm`` holds at most `shared_memory` bytes (None: half of the memory)."""
    checked(libc().unshare(NEW_MOUNTS))
    _mount(None, Path("/"), None, RECURSIVE | PRIVATE)
    resolved = sorted({p.resolve() for p in kept if p.exists()})
    for place in SHARED:
        if place.is_symlink() or not place.is_dir():
            continue
        within = [p for p in resolved if place in p.parents]
        # what lies beneath another comes with it
        outermost = [p for p in within if not any(q in p.parents for q in within)]
        held = [(p, p.is_dir(), os.open(p, os.O_PATH | os.O_CLOEXEC)) for p in outermost]
        try:
            bound = f",size={shared_memory}" if place == SHARED_MEMORY and shared_memory else ""
            _mount("tmpfs", place, "tmpfs", NOSUID | NODEV, f"mode=1777{bound}")
            for path, folder, descriptor in held:
                if folder:
                    path.mkdir(parents=True, exist_ok=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
                _mount(f"/proc/self/fd/{descriptor}", path, None, BIND | RECURSIVE)
        except OSError:
            # half a view would hide what is needed
            libc().umount2(os.fsencode(place), DETACH)
            raise
        finally:
            for *_, descriptor in held:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def own_processes() -> None:
    """Show in ``/proc`` the processes of this user alone."""
    _mount("proc", Path("/proc"), "proc", NOSUID | NODEV, "hidepid=invisible")


def _mount(source: str | None, target: Path, kind: str | None, flags: int, data: str = "") -> None:
    def text(value: str | None) -> bytes | None:
        return None if value is None else value.encode()

    checked(libc().mount(text(source), os.fsencode(target), text(kind), ctypes.c_ulong(flags), text(data)))
