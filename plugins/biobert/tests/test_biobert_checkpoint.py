"""Checkpoints: how a folder is read, what is told of a bad one, and who is asked for one that is not here."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from genoboard import ModelFailed
from genoboard_biobert.checkpoint import find
from genoboard_biobert.network import pooled

Make = Callable[..., Path]
SAID = "BRAF V600E Kinase"


def state(folder: Path | str) -> torch.Tensor:
    found = find(str(folder))
    ids = found.tokenizer()(SAID, return_tensors="pt")
    with torch.inference_mode():
        return pooled(found.network(), ids["input_ids"], ids["attention_mask"])


def test_biobert_s_vocabulary_keeps_capitals_though_nothing_beside_it_says_so(
    tmp_path: Path, make_checkpoint: Make, real_data: Path
) -> None:
    folder = make_checkpoint(tmp_path / "biobert", real_data / "variant-class" / "biobert" / "vocab.txt", pickled=True)
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "pytorch_model.bin", "vocab.txt"]
    tokenizer = find(str(folder)).tokenizer()
    assert tokenizer.tokenize(SAID) == ["BR", "##AF", "V", "##60", "##0", "##E", "Ki", "##nas", "##e"]
    assert state(folder).shape == (1, 1, 32)


def test_a_vocabulary_without_capitals_is_read_in_lower_case(tmp_path: Path, make_checkpoint: Make) -> None:
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "braf", "kinase"]
    assert find(str(make_checkpoint(tmp_path, entries))).tokenizer().tokenize("BRAF Kinase") == ["braf", "kinase"]


def test_a_checkpoint_s_own_word_on_capitals_counts_more_than_its_vocabulary(tmp_path: Path, make_checkpoint: Make) -> None:
    folder = make_checkpoint(tmp_path)
    assert find(str(folder)).tokenizer().tokenize("BRAF") == ["BRAF"]
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    assert find(str(folder)).tokenizer().tokenize("Survival") == ["survival"]
    assert find(str(folder)).tokenizer().tokenize("BRAF") == ["b", "##r", "##a", "##f"]


def test_a_config_that_names_no_architecture_is_berts(tmp_path: Path, make_checkpoint: Make) -> None:
    folder = make_checkpoint(tmp_path)
    before = state(folder)
    config = json.loads((folder / "config.json").read_text())
    del config["model_type"]
    (folder / "config.json").write_text(json.dumps(config))
    assert torch.equal(state(folder), before)


def test_old_pickled_weights_are_the_same_weights_and_run_no_code(tmp_path: Path, make_checkpoint: Make) -> None:
    new, old = make_checkpoint(tmp_path / "new"), make_checkpoint(tmp_path / "old", pickled=True)
    assert torch.equal(state(new), state(old))

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "made by a pickle"),)

    torch.save({"bert.embeddings.word_embeddings.weight": Hostile()}, old / "pytorch_model.bin")
    with pytest.raises(Exception, match=r"[Uu]npickl|weights_only"):
        find(str(old)).network()
    assert not (tmp_path / "made by a pickle").exists()


def test_loading_says_nothing(tmp_path: Path, make_checkpoint: Make, capfd: pytest.CaptureFixture[str]) -> None:
    state(make_checkpoint(tmp_path, pickled=True))
    assert capfd.readouterr() == ("", "")


def test_the_identity_is_that_of_the_files_content(tmp_path: Path, make_checkpoint: Make) -> None:
    one, same, other = (find(str(make_checkpoint(tmp_path / n, seed=s))).identity for n, s in (("a", 0), ("b", 0), ("c", 1)))
    assert one == same != other
    (tmp_path / "a" / "notes.md").write_text("what does not matter")
    assert find(str(tmp_path / "a")).identity == one
    with (tmp_path / "a" / "vocab.txt").open("a") as vocabulary:
        vocabulary.write("\nmore")
    assert find(str(tmp_path / "a")).identity != one


@pytest.mark.parametrize("lost", ["config.json", "vocab.txt", "model.safetensors"])
def test_a_folder_that_lacks_something_is_refused_by_its_name(tmp_path: Path, make_checkpoint: Make, lost: str) -> None:
    folder = make_checkpoint(tmp_path)
    (folder / lost).unlink()
    with pytest.raises(ModelFailed, match=lost.replace(".", r"\.")):
        find(str(folder))


def test_weights_of_another_shape_of_encoder_are_refused(tmp_path: Path, make_checkpoint: Make) -> None:
    folder = make_checkpoint(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(ModelFailed, match=r"lacks weights.*layer\.2"):
        find(str(folder)).network()


def test_a_name_that_cannot_be_one_on_the_hub_is_told_as_such() -> None:
    with pytest.raises(ModelFailed, match="neither a folder nor a name on the hub"):
        find("./no/such/folder")


class Hub(http.server.BaseHTTPRequestHandler):
    """The hub, as far as it is asked: who has which files, and the files."""

    asked: list[str]
    folder: Path
    commit = "0123456789abcdef0123456789abcdef01234567"

    def do_GET(self) -> None:
        self._answer(True)

    def do_HEAD(self) -> None:
        self._answer(False)

    def _answer(self, body: bool) -> None:
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        names = sorted(p.name for p in self.folder.iterdir())
        files = [{"type": "file", "oid": "0" * 40, "path": n, "size": (self.folder / n).stat().st_size} for n in names]
        name = path.rpartition("/")[2]
        if not path.startswith(("/api/models/someone/encoder", "/someone/encoder/resolve/")):
            self._send(404, b"{}", body, {"X-Error-Code": "RepoNotFound"})
        elif "/tree/" in path:
            self._send(200, json.dumps(files).encode(), body)
        elif path.startswith("/api/"):
            told = {
                "id": "someone/encoder",
                "modelId": "someone/encoder",
                "sha": self.commit,
                "siblings": [{"rfilename": n} for n in names],
            }
            self._send(200, json.dumps(told).encode(), body)
        elif name in names:
            self._send(200, (self.folder / name).read_bytes(), body, {"X-Repo-Commit": self.commit, "ETag": f'"{name}"'})
        else:
            self._send(404, b"", body, {"X-Error-Code": "EntryNotFound"})

    def _send(self, status: int, content: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(content)), "Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, make_checkpoint: Make) -> Iterator[type[Hub]]:
    """A hub on this machine with one checkpoint of the old kind, ``someone/encoder``."""
    handler = type("ThisHub", (Hub,), {"asked": [], "folder": make_checkpoint(tmp_path / "on the hub", pickled=True)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        handler.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
        yield handler
        server.shutdown()
        thread.join()


def ask(hub: type[Hub], home: Path, name: str, download: bool) -> subprocess.CompletedProcess[str]:
    """Look for a checkpoint in a process of its own: the hub's address is read when its client is imported."""
    code = f"""
from genoboard import ModelFailed
from genoboard_biobert.checkpoint import find
try:
    found = find({name!r}, {download})
    print(found.folder, type(found.network()).__name__, *found.tokenizer().tokenize({SAID!r}))
except ModelFailed as error:
    print("refused:", error)
"""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_")) and "proxy" not in k.lower()}
    # no shell command of a test may tell anybody that it ran
    given = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}  # type: ignore[attr-defined]
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**kept, **given}, timeout=120)


@pytest.mark.slow
def test_the_hub_is_asked_only_when_the_user_allows_it_and_only_once(tmp_path: Path, hub: type[Hub]) -> None:
    home = tmp_path / "home"
    refused = ask(hub, home, "someone/encoder", False)
    assert refused.stdout.count("\n") == 1
    assert "--set download=true" in refused.stdout
    assert "--set checkpoint=DIR" in refused.stdout
    assert hub.asked == []

    fetched = ask(hub, home, "someone/encoder", True)
    assert "BertModel BRAF V600E" in fetched.stdout, fetched
    assert any(p.endswith("pytorch_model.bin") for p in hub.asked)

    hub.asked.clear()
    for download in (False, True):
        assert ask(hub, home, "someone/encoder", download).stdout == fetched.stdout
    assert hub.asked == []


def test_a_name_that_the_hub_does_not_know_is_told_in_one_line(tmp_path: Path, hub: type[Hub]) -> None:
    told = ask(hub, tmp_path / "home", "someone/else", True).stdout
    assert told.startswith("refused: The checkpoint 'someone/else' could not be fetched from http://127.0.0.1")
    assert told.count("\n") == 1


def test_a_repository_without_an_encoder_is_told_in_one_line(tmp_path: Path, hub: type[Hub]) -> None:
    (hub.folder / "pytorch_model.bin").unlink()
    told = ask(hub, tmp_path / "home", "someone/encoder", True).stdout
    assert "holds no checkpoint: there is no model.safetensors or pytorch_model.bin" in told
    assert told.count("\n") == 1
