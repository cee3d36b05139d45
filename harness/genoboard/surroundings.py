"""Surroundings: what of this machine a model is shown: the paths of the Python environment, and the environment variables that are no secrets."""

from __future__ import annotations

import importlib.util
import os
import re
import site
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from .errors import UsageError

PARTS = ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "include", "share", "ssl", "pyvenv.cfg")
SYSTEM = (
    *(f"{root}/{part}" for root in ("", "/usr", "/usr/local") for part in ("bin", "sbin", "lib", "lib32", "lib64", "libexec")),
    *("/usr/share", "/usr/include", "/usr/local/share", "/nix/store", "/opt/rocm", "/opt/intel", "/opt/nvidia"),
    *(
        f"/etc/{name}"
        for name in ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "passwd", "group", "nsswitch.conf")
    ),
    *("/etc/hosts", "/etc/mime.types", "/etc/fonts", "/etc/alternatives", "/etc/OpenCL"),
    # all of it: libraries ask after the processes that they start; of others the kernel shows no memory, environment or files
    *("/proc", "/sys/fs/cgroup"),
    *("/sys/devices/system", "/sys/bus/pci", "/sys/module/nvidia", "/sys/module/nvidia_uvm", "/sys/class/kfd"),
)
GRAPHICS = ("/sys/devices", "/opt/cuda")
NETWORK = ("/etc/resolv.conf", "/etc/ssl", "/etc/ca-certificates", "/etc/pki", "/etc/gai.conf", "/etc/services", "/run/systemd/resolve")
DEVICES = ("null", "zero", "full", "random", "urandom")
GRAPHICS_DEVICES = ("nvidia*", "nvidia-caps/*", "kfd", "dri/*")
MODULES = (".py", ".pyc", ".so", ".zip", ".egg", ".libs")
PLACES = ("TMP", "TEMP", "MPLCONFIGDIR", "XDG_DATA_HOME", "XDG_STATE_HOME", "HF_HOME", "TRANSFORMERS_CACHE")
SECRET_NAME = re.compile(
    r"(^|_)(API)?KEYS?($|_)|APIKEY|TOKENS?($|_)|SECRET|PASSW|(^|_)PASS($|_)|_PWD($|_)|CREDENTIAL|(^|_)AUTH($|_)|AUTHORITY|COOKIE|PRIVATE"
    r"|(^|_)SESSION($|_)|BEARER|(^|_)DSN($|_)|WEBHOOK|_SOCK$|BUS_ADDRESS$|RUNTIME_DIR$",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(r"://[^/\s@]+:[^/\s@]+@|-----BEGIN |^(gh[opsu]_|github_pat_|glpat-|hf_|sk-|xox[abp]-|AKIA)[A-Za-z0-9_-]{12,}")


@dataclass(frozen=True)
class Surroundings:
    """What a model may read beside its job folder: `reads` whole, of `lists` the names of what lies in them."""

    reads: tuple[Path, ...]
    lists: tuple[Path, ...]
    devices: tuple[Path, ...]


def of(package: str, also: Iterable[Path], network: bool, search: Sequence[str], withheld: Sequence[Path]) -> Surroundings:
    """Return the surroundings of a model in `package`; `also` are paths of its own, `search` its ``sys.path``.

    No folder of a package is among them that holds any of `withheld`.
    """
    devices = [Path("/dev", name) for name in DEVICES]
    graphics = [p for pattern in GRAPHICS_DEVICES for p in Path("/dev").glob(pattern)]
    reads = [Path(p) for p in SYSTEM]
    reads += [Path(p) for p in GRAPHICS] if graphics else []
    reads += [*Path("/usr/local").glob("cuda*")]
    reads += [Path(p) for p in NETWORK] if network else []
    reads += [Path(root, part) for root in dict.fromkeys((sys.prefix, sys.base_prefix, sys.exec_prefix)) for part in PARTS]
    reads += [Path(p) for p in (*site.getsitepackages(), site.getusersitepackages())]
    reads += [Path(p) for p in os.environ.get("LD_LIBRARY_PATH", "").split(":") if p]
    lists = []
    known = {p.resolve() for p in reads}
    for entry in dict.fromkeys(Path(p).resolve() for p in search):
        if any(k == entry or k in entry.parents for k in known):
            continue
        if entry.is_dir() and not any(entry.glob("*.dist-info")):
            # a source root: beside its packages may lie a workspace, with the answers in it
            lists.append(entry)
            reads += _packages(entry)
        else:
            reads.append(entry)
    reads += [p for p in (*_locations(package, search), *_editable()) if not holds(p, withheld)]
    reads += [*hubs().values(), *also]
    return Surroundings(tuple(dict.fromkeys(reads)), tuple(lists), (*devices, *graphics))


def _packages(root: Path) -> Iterator[Path]:
    for child in root.iterdir():
        if child.suffix in MODULES or (child.is_dir() and (child / "__init__.py").exists()):
            yield child


def _locations(package: str, search: Sequence[str]) -> Iterator[Path]:
    """Yield where a package lies, however its installation makes it known."""
    try:
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    spec = spec or PathFinder.find_spec(package, search)
    if spec is not None and spec.submodule_search_locations:
        yield from map(Path, spec.submodule_search_locations)
    elif spec is not None and spec.has_location and spec.origin:
        yield Path(spec.origin)


def holds(folder: Path, withheld: Iterable[Path]) -> bool:
    """Tell whether one of the paths `withheld` is this one, or lies beneath it."""
    place = folder.resolve()
    return any(place in (w.resolve(), *w.resolve().parents) for w in withheld)


def _editable() -> Iterator[Path]:
    """Yield the packages that setuptools' editable installations map to folders outside of ``sys.path``."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith("__editable__"):
            yield from map(Path, getattr(module, "MAPPING", {}).values())


def require_graphics(what: str, devices: Path = Path("/dev")) -> None:
    """Raise `UsageError` where `what` needs a GPU and this process sees none among its `devices`."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip() in ("", "-1")
    nvidia = any(re.fullmatch(r"nvidia\d+|dxg", p.name) for p in devices.iterdir())
    if not (nvidia and not hidden) and not (devices / "kfd").exists():
        why = "CUDA_VISIBLE_DEVICES hides those that there are" if nvidia else "there is no /dev/nvidia0 or /dev/kfd"
        raise UsageError(
            f"{what} needs a GPU, and none is to be seen here: {why}. Run it where there is one, or send it there: --engine dask."
        )


def hubs() -> dict[str, Path]:
    """Return, by environment variable, where libraries look for pretrained models; they hold no tokens."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    hub = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or cache / "huggingface", "hub")
    return {"HF_HUB_CACHE": Path(hub).absolute(), "TORCH_HOME": Path(os.environ.get("TORCH_HOME") or cache / "torch").absolute()}


def environment(passed: Iterable[str], own: Path) -> dict[str, str]:
    """Return this process's environment variables without those whose name or value looks like a secret, unless it is `passed`.

    Those that say where a program may leave something say `own`.
    """
    named = set(passed)
    open_ = {
        name: value for name, value in os.environ.items() if name in named or not (SECRET_NAME.search(name) or SECRET_VALUE.search(value))
    }
    return {
        **open_,
        **dict.fromkeys((n for n in open_ if n in PLACES or n.endswith("_CACHE_DIR")), str(own)),
        **dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), str(own)),
        **dict.fromkeys(("USER", "LOGNAME"), "genoboard"),
        **{name: str(path) for name, path in hubs().items()},
        # packages that were installed for this user alone are found by this, not by HOME
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONHASHSEED": "0",
    }


def located(parameters: Mapping[str, Any], withheld: Iterable[Path]) -> tuple[dict[str, Any], list[Path]]:
    """Return the parameters with every path among them made absolute, and these paths: what a user names, a model may read.

    A value is a path if something lies there and it is written as one: with a slash, or a leading dot or tilde. Raise `UsageError`
    where one of the `withheld` lies in it.
    """
    told, paths = dict(parameters), []
    for key, value in parameters.items():
        if not isinstance(value, str) or not (os.sep in value or value.startswith((".", "~"))):
            continue
        path = Path(value).expanduser().absolute()
        if path.exists():
            if holds(path, withheld):
                raise UsageError(f"--set {key}={value} would let the model read what is kept from it. Name a folder that holds no answers.")
            told[key] = str(path)
            paths.append(path)
    return told, paths
