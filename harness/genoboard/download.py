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

CHUNK = 1 << 16
TIMEOUT = (10, 60)
# bytes beyond the published size, after which no more is fetched
BEYOND = 16 << 20


def fetch(task: Task, source: DataSource, tell: Tell) -> Path:
    """Bring the source's files and return the folder that holds them.

    GENOBOARD_MIRROR, a folder or a base URL, stands in for the publisher: the files are looked for there by name.
    """
    if not source.files:
        raise DataError(f"{task.name} / {source.name} has no files to download. Bring your own: genoboard data {task.name} --from DIR.")
    folder = cache() / "downloads" / task.name / source.name
    folder.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("ERROR")  # what it would tell is for programmers
    for remote in source.files:
        _one(remote, folder, tell)
    return folder


def _one(remote: RemoteFile, folder: Path, tell: Tell) -> None:
    target, seen = folder / remote.name, folder / f"{remote.name}.sha256"
    part = folder / f"{remote.name}.part"
    published = f"sha256:{remote.sha256}" if remote.sha256 else f"md5:{remote.md5}" if remote.md5 else None
    known = published or (f"sha256:{seen.read_text(encoding='utf-8').strip()}" if seen.exists() else None)
    mirror = os.environ.get("GENOBOARD_MIRROR", "")
    url = f"{mirror.rstrip('/')}/{remote.name}" if mirror else remote.url

    def download(url: str, output: Any, _pooch: object) -> None:
        if mirror and not urlparse(mirror).scheme:
            _copy(Path(mirror) / remote.name, part)
        else:
            _resume(url, part, remote.size)
        if wrong := _wrong(
            part, remote.size, known, "is published" if published else f"was recorded at the first download (delete {seen} to take another)"
        ):
            part.unlink()
            raise DataError(f"{remote.name} from {url} {wrong}. It was not kept. Try again, or set GENOBOARD_MIRROR to another source.")
        os.replace(part, output)

    try:
        pooch.retrieve(url, known, fname=remote.name, path=folder, downloader=download)
    except (requests.RequestException, OSError) as error:
        raise DataError(
            f"{remote.name} could not be fetched: {error}. Try again (it resumes), or set GENOBOARD_MIRROR to a folder or URL that has it."
        ) from error
    if known is None:
        digest = pooch.file_hash(str(target))
        write_text(seen, digest + "\n")
        tell(
            f"{remote.name}: its publisher states no hash that we could confirm; SHA-256 {digest} is recorded and will be asked for from now on."
        )


def _wrong(part: Path, size: int, known: str | None, stated: str) -> str:
    """Say what a file should have and has not; nothing where it is as it should be."""
    has = part.stat().st_size
    if size and has != size:
        return f"has {has:,} bytes, but {size:,} are published"
    kind, _, digest = (known or "").partition(":")
    found = pooch.file_hash(str(part), alg=kind) if kind else ""
    return f"has the {'SHA-256' if kind == 'sha256' else 'MD5'} {found}, but {digest} {stated}" if found != digest.lower() else ""


def _copy(found: Path, part: Path) -> None:
    if not found.is_file():
        raise FileNotFoundError(f"GENOBOARD_MIRROR has no {found.name} ({found})")
    shutil.copyfile(found, part)


def _resume(url: str, part: Path, size: int) -> None:
    """Download to `part`, going on from where it ends if the server allows it; little further than `size`, where that is known."""
    have = part.stat().st_size if part.exists() else 0
    asked = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(url, headers=asked, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # the part is whole already, or not a part of this file: the hash will tell
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        before = have if resumed else 0
        total = before + int(answer.headers["content-length"]) if "content-length" in answer.headers else 0
        bar = tqdm(total=total or None, initial=before, unit="B", unit_scale=True, desc=part.stem, disable=not sys.stderr.isatty())
        with part.open("ab" if resumed else "wb") as out, bar:
            try:
                for chunk in answer.iter_content(CHUNK):
                    out.write(chunk)
                    bar.update(len(chunk))
                    if size and out.tell() > size + BEYOND:
                        return  # whatever it is, it is not that file, and may have no end
            except requests.exceptions.ChunkedEncodingError:
                if not total:
                    raise
    if total and part.stat().st_size != total:
        raise requests.ConnectionError(f"the connection ended after {part.stat().st_size:,} of {total:,} bytes")
