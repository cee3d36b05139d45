"""Downloads: brought by HTTP or from a mirror, resumed where they broke off, and never kept when they are not what was published."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from genoboard import DataError, DataSource, RemoteFile, Task, download
from genoboard.download import fetch

BYTES = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(BYTES).hexdigest()
MD5 = hashlib.md5(BYTES).hexdigest()
TASK = Task("reef", "", "", "tabular", "regression", (), (), ())


class Shore(ThreadingHTTPServer):
    """Serves `files`; the next `breaks` answers end halfway; `asked` holds (path, Range) of every request."""

    daemon_threads = True
    ranges, chunked = True, False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Waves)
        self.files = {"/corals.bin": BYTES}
        self.breaks = 0
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Waves(BaseHTTPRequestHandler):
    server: Shore
    protocol_version: ClassVar[str] = "HTTP/1.1"

    def do_GET(self) -> None:
        shore, span = self.server, self.headers["Range"]
        shore.asked.append((self.path, span))
        whole = shore.files.get(self.path)
        if whole is None:
            self.send_error(404)
            return
        start = int(span.removeprefix("bytes=").rstrip("-")) if span and shore.ranges else 0
        if start and start >= len(whole):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        body = whole[start:]
        if shore.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if shore.breaks:
            shore.breaks -= 1
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shore() -> Iterator[Shore]:
    with Shore() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files will lie; nothing is there yet."""
    monkeypatch.setenv("GENOBOARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENOBOARD_MIRROR", raising=False)
    return tmp_path / "cache" / "downloads" / "reef" / "corals"


def corals(url: str, **published: str | int) -> DataSource:
    return DataSource("corals", "", files=(RemoteFile(f"{url}/corals.bin", **published),))  # type: ignore[arg-type]


def bring(source: DataSource) -> list[str]:
    """Fetch, and return what was told."""
    told: list[str] = []
    assert fetch(TASK, source, told.append).is_dir()
    return told


@pytest.mark.parametrize("published", [{"sha256": SHA256}, {"md5": MD5, "size": len(BYTES)}, {"sha256": SHA256.upper()}, {"md5": MD5}])
def test_a_file_is_fetched_once_and_checked_by_what_its_publisher_states(
    shore: Shore, folder: Path, published: dict[str, str | int]
) -> None:
    assert bring(corals(shore.url, **published)) == []
    assert (folder / "corals.bin").read_bytes() == BYTES
    assert bring(corals(shore.url, **published)) == []
    assert shore.asked == [("/corals.bin", None)]
    assert [p.name for p in folder.iterdir()] == ["corals.bin"]


def test_a_download_that_broke_off_is_resumed_where_it_ended(shore: Shore, folder: Path) -> None:
    shore.breaks = 1
    with pytest.raises(DataError) as caught:
        bring(corals(shore.url, sha256=SHA256))
    half = (folder / "corals.bin.part").stat().st_size
    assert 0 < half <= len(BYTES) // 2
    assert str(caught.value) == (
        f"corals.bin could not be fetched: the connection ended after {half:,} of {len(BYTES):,} bytes."
        " Try again (it resumes), or set GENOBOARD_MIRROR to a folder or URL that has it."
    )
    assert not (folder / "corals.bin").exists()
    bring(corals(shore.url, sha256=SHA256))
    assert shore.asked[1:] == [("/corals.bin", f"bytes={half}-")]
    assert (folder / "corals.bin").read_bytes() == BYTES
    assert [p.name for p in folder.iterdir()] == ["corals.bin"]


def test_a_broken_download_of_unknown_length_is_not_taken_for_the_whole(shore: Shore, folder: Path) -> None:
    shore.breaks, shore.chunked = 1, True
    with pytest.raises(DataError, match="could not be fetched"):
        bring(corals(shore.url))
    assert not (folder / "corals.bin").exists()
    bring(corals(shore.url))
    assert (folder / "corals.bin").read_bytes() == BYTES


def test_a_server_that_cannot_resume_starts_again(shore: Shore, folder: Path) -> None:
    shore.breaks, shore.ranges = 1, False
    with pytest.raises(DataError, match="could not be fetched"):
        bring(corals(shore.url, sha256=SHA256))
    bring(corals(shore.url, sha256=SHA256))
    assert (folder / "corals.bin").read_bytes() == BYTES


def test_a_part_that_is_whole_already_is_taken_as_it_is(shore: Shore, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "corals.bin.part").write_bytes(BYTES)
    bring(corals(shore.url, sha256=SHA256))
    assert (folder / "corals.bin").read_bytes() == BYTES


def test_a_part_of_another_file_is_found_out_and_the_next_try_begins_anew(shore: Shore, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "corals.bin.part").write_bytes(b"sand" * 100)
    with pytest.raises(DataError, match=rf"has the SHA-256 [0-9a-f]{{64}}, but {SHA256} is published\."):
        bring(corals(shore.url, sha256=SHA256))
    bring(corals(shore.url, sha256=SHA256))
    assert (folder / "corals.bin").read_bytes() == BYTES


@pytest.mark.parametrize(
    ("published", "words"),
    [
        ({"sha256": "0" * 64}, f"has the SHA-256 {SHA256}, but {'0' * 64} is published."),
        ({"md5": "0" * 32}, f"has the MD5 {MD5}, but {'0' * 32} is published."),
        ({"md5": MD5, "size": 99_999}, f"has {len(BYTES):,} bytes, but 99,999 are published."),
        ({"size": 5}, f"has {len(BYTES):,} bytes, but 5 are published."),
    ],
)
def test_a_file_that_is_not_the_published_one_is_named_and_not_kept(
    shore: Shore, folder: Path, published: dict[str, str | int], words: str
) -> None:
    with pytest.raises(DataError) as caught:
        bring(corals(shore.url, **published))
    assert (
        str(caught.value)
        == f"corals.bin from {shore.url}/corals.bin {words} It was not kept. Try again, or set GENOBOARD_MIRROR to another source."
    )
    assert list(folder.iterdir()) == []


def test_a_file_without_end_is_not_fetched_to_its_end(shore: Shore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BEYOND", 1 << 17)
    monkeypatch.setattr(shore, "handle_error", lambda *_: None)
    with pytest.raises(DataError, match=r"corals\.bin from .* has 196,608 bytes, but 5 are published\."):
        bring(corals(shore.url, size=5))
    assert list(folder.iterdir()) == []


def test_a_file_that_was_damaged_here_is_fetched_again(shore: Shore, folder: Path) -> None:
    bring(corals(shore.url, sha256=SHA256))
    (folder / "corals.bin").write_bytes(BYTES[:-1])
    bring(corals(shore.url, sha256=SHA256))
    assert (folder / "corals.bin").read_bytes() == BYTES


def test_without_a_published_hash_that_of_the_first_download_is_recorded_and_asked_for_ever_after(shore: Shore, folder: Path) -> None:
    (told,) = bring(corals(shore.url))
    assert told == (
        f"corals.bin: its publisher states no hash that we could confirm; SHA-256 {SHA256} is recorded and will be asked for from now on."
    )
    assert bring(corals(shore.url)) == []
    (folder / "corals.bin").unlink()
    shore.files["/corals.bin"] = b"changed"
    with pytest.raises(DataError) as caught:
        bring(corals(shore.url))
    record = folder / "corals.bin.sha256"
    assert f"but {SHA256} was recorded at the first download (delete {record} to take another)." in str(caught.value)
    record.unlink()
    assert hashlib.sha256(b"changed").hexdigest() in bring(corals(shore.url))[0]


def test_a_mirror_may_be_a_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = corals("http://127.0.0.1:9", sha256=SHA256)
    monkeypatch.setenv("GENOBOARD_MIRROR", str(tmp_path))
    with pytest.raises(
        DataError, match=rf"corals\.bin could not be fetched: GENOBOARD_MIRROR has no corals\.bin \({tmp_path}/corals\.bin\)\."
    ):
        bring(nowhere)
    (tmp_path / "corals.bin").write_bytes(b"sand")
    with pytest.raises(DataError, match=rf"corals\.bin from {tmp_path}/corals\.bin has the SHA-256 [0-9a-f]+, but {SHA256} is published"):
        bring(nowhere)
    (tmp_path / "corals.bin").write_bytes(BYTES)
    bring(nowhere)
    assert (folder / "corals.bin").read_bytes() == BYTES
    (tmp_path / "corals.bin").unlink()
    bring(nowhere)
    assert [p.name for p in folder.iterdir()] == ["corals.bin"]


def test_a_mirror_may_be_a_url(shore: Shore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shore.files["/some/place/corals.bin"] = BYTES
    monkeypatch.setenv("GENOBOARD_MIRROR", f"{shore.url}/some/place/")
    bring(corals("http://127.0.0.1:9", sha256=SHA256))
    assert shore.asked == [("/some/place/corals.bin", None)]
    assert (folder / "corals.bin").read_bytes() == BYTES


def test_a_file_that_the_publisher_does_not_have_is_named(shore: Shore, folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"shells\.bin could not be fetched: 404 Client Error: Not Found for url: \S+/shells\.bin\. Try again"
    ):
        bring(DataSource("corals", "", files=(RemoteFile(f"{shore.url}/shells.bin"),)))
    assert list(folder.iterdir()) == []


def test_a_publisher_that_cannot_be_reached_is_answered_with_the_way_round() -> None:
    with pytest.raises(DataError, match=r"corals\.bin could not be fetched: .*127\.0\.0\.1.*GENOBOARD_MIRROR"):
        bring(corals("http://127.0.0.1:9"))


def test_a_dataset_without_published_files_says_so() -> None:
    with pytest.raises(DataError, match=r"reef / corals has no files to download\. Bring your own: genoboard data reef --from DIR\."):
        fetch(TASK, DataSource("corals", ""), lambda _: None)
