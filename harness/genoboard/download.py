"""Download: published files -> the user's cache; resumed where it broke off, and checked."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pooch
import requests
from tqdm import tqdm

from .errors import DataError
from .task import DataSource, RemoteFile, Task, Tell
from .workspace import cache, write_text

CHUNK = 1 << 20
TIMEOUT = (10, 60)


def fetch(task: Task, source: DataSource, tell: Tell) -> Path:
    """Bring the source's files and return the folder that holds them.

    GENOBOARD_MIRROR, a folder or a base URL, stands in for the publisher: the files are looked for there by name.
    """
    if not source.files:
        raise DataError(f"{task.name} / {source.name} has no files to download. Bring your own: genoboard data {task.name} --from DIR.")
    folder = cache() / "downloads" / task.name / source.name
    folder.mkdir(parents=True, exist_ok=True)
    for remote in source.files:
        _one(remote, folder, tell)
    return folder


def _one(remote: RemoteFile, folder: Path, tell: Tell) -> None:
    mirror = os.environ.get("GENOBOARD_MIRROR", "")
    target = folder / remote.name
    seen = folder / f"{remote.name}.sha256"
    known = f"sha256:{remote.sha256}" if remote.sha256 else f"md5:{remote.md5}" if remote.md5 else None
    if known is None and seen.exists():
        known = f"sha256:{seen.read_text(encoding='utf-8').strip()}"
    try:
        if mirror and not urlparse(mirror).scheme:
            _copy(Path(mirror) / remote.name, target, known)
        else:
            url = f"{mirror.rstrip('/')}/{remote.name}" if mirror else remote.url
            pooch.retrieve(url, known, fname=remote.name, path=folder, downloader=_resuming(folder / f"{remote.name}.part"))
    except (requests.RequestException, OSError) as error:
        raise DataError(f"{remote.name} could not be fetched: {error}. Try again (it resumes), or set GENOBOARD_MIRROR to a folder or URL that has it.") from error
    except ValueError as error:
        raise DataError(f"{remote.name} is not the published file: {error}. Delete {target} and try again.") from error
    if remote.size and target.stat().st_size != remote.size:
        raise DataError(f"{remote.name} has {target.stat().st_size:,} bytes; {remote.size:,} are published. Delete {target} and try again.")
    if known is None:
        digest = pooch.file_hash(target)
        write_text(seen, digest + "\n")
        tell(f"{remote.name}: its publisher states no hash that we could confirm; SHA-256 {digest} is recorded and will be asked for from now on.")


def _copy(found: Path, target: Path, known: str | None) -> None:
    if not found.is_file():
        raise FileNotFoundError(f"GENOBOARD_MIRROR has no {found.name} ({found})")
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(found, part)
    if known is not None and not pooch.hashes.hash_matches(part, known):
        part.unlink()
        raise ValueError(f"{found} does not have the hash {known}")
    os.replace(part, target)


def _resuming(part: Path) -> Any:
    """Return a pooch downloader that goes on from `part` where the server allows it."""

    def download(url: str, output_file: Any, _pooch: Any) -> None:
        have = part.stat().st_size if part.exists() else 0
        with requests.get(url, headers={"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                # the part is whole already, or not a part of this file: the hash will tell
                answer.close()
            else:
                answer.raise_for_status()
                resumed = answer.status_code == requests.codes.partial_content
                total = int(answer.headers.get("content-length", 0)) + (have if resumed else 0)
                bar = tqdm(total=total or None, initial=have if resumed else 0, unit="B", unit_scale=True, desc=part.stem, disable=not sys.stderr.isatty())
                with part.open("ab" if resumed else "wb") as out, bar:
                    for chunk in answer.iter_content(CHUNK):
                        out.write(chunk)
                        bar.update(len(chunk))
                if total and part.stat().st_size != total:
                    raise requests.ConnectionError(f"the connection ended after {part.stat().st_size:,} of {total:,} bytes")
        os.replace(part, output_file)

    return download
