"""Checkpoint: a pretrained encoder by its folder or its name on the hub -> tokenizer, network, and a hash that tells it from any other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertConfig
from transformers.utils import logging as speech

from genoboard import ModelFailed

WORDS = ("config.json", "vocab*", "tokenizer*", "special_tokens_map.json", "added_tokens.json", "merges.txt", "*.model")
# the first kind that is there; pickled weights are read by torch's loader of tensors, which runs no code
WEIGHTS = ("model*.safetensors*", "pytorch_model*.bin*")
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")


@dataclass(frozen=True)
class Checkpoint:
    """A folder that holds an encoder: ``config.json``, a vocabulary, weights.

    Parameters
    ----------
    folder : the files.
    identity : SHA-256 over their names and bytes; embeddings are kept under it.
    """

    folder: Path
    identity: str

    def tokenizer(self) -> Any:
        """Return the fast tokenizer; of upper and lower case it keeps what the vocabulary keeps."""
        given = {} if self._says_how() else {"do_lower_case": not _cased(self.folder / "vocab.txt")}
        with _quiet():
            return AutoTokenizer.from_pretrained(self.folder, config=self.config(), local_files_only=True, trust_remote_code=False, **given)

    def config(self) -> Any:
        """Return the encoder's configuration; one that names no architecture is BERT's, as the first ones were."""
        if "model_type" not in json.loads((self.folder / "config.json").read_text(encoding="utf-8")):
            return BertConfig.from_pretrained(self.folder, local_files_only=True)
        return AutoConfig.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)

    def longest(self) -> int:
        """Return how many tokens of a text the network takes: as many as it has positions for."""
        config = self.config()
        positions = int(getattr(config, "max_position_embeddings", 512))
        # RoBERTa and its kin count positions from behind the padding's
        return positions - config.pad_token_id - 1 if "roberta" in config.model_type or config.model_type == "camembert" else positions

    def network(self, device: str = "cpu") -> torch.nn.Module:
        """Return the encoder in float32 on `device`, in evaluation mode; raise `ModelFailed` where the weights are not all there."""
        with _quiet():
            network, told = AutoModel.from_pretrained(
                self.folder,
                config=self.config(),
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                output_loading_info=True,
                # on a CPU the plain products are a fifth faster than torch's fused attention; elsewhere transformers knows best
                attn_implementation="eager" if device == "cpu" else None,
            )
        # the pooler feeds a head that many checkpoints were never given; no token's state depends on it
        lost = sorted(k for k in {*told["missing_keys"], *(str(m) for m in told["mismatched_keys"])} if "pooler" not in k)
        if lost:
            raise ModelFailed(
                "failed",
                f"{self.folder} lacks weights of its encoder: {lost[0]} and {len(lost) - 1} more. It is another model's, or damaged.",
            )
        placed: torch.nn.Module = network.eval().to(device)
        return placed

    def _says_how(self) -> bool:
        config = self.folder / "tokenizer_config.json"
        told = json.loads(config.read_text(encoding="utf-8")) if config.exists() else {}
        return "do_lower_case" in told or (self.folder / "tokenizer.json").exists() or not (self.folder / "vocab.txt").exists()


def find(name: str, download: bool = False, cache: Path | None = None, into: Path | None = None) -> Checkpoint:
    """Return the checkpoint `name`: a folder, or ``OWNER/NAME`` or ``OWNER/NAME@REVISION`` on the hub.

    The hub's local cache is looked at first, then what was fetched into `cache` before; the hub itself is asked only where `download`
    allows it, and what it gives goes to `into`, or where there is none to its local cache. Raises `ModelFailed` with the ways to get one.
    """
    place = Path(name).expanduser()
    if place.is_dir():
        folder = place.resolve()
        missing = _missing(folder)
        if missing:
            raise ModelFailed("failed", f"{folder} holds no checkpoint: there is no {missing}.")
        return Checkpoint(folder, _identity(folder))
    found = _of_hub(name, here_only=True) or next((f for f in (_kept(cache, name), _kept(into, name)) if f and not _missing(f)), None)
    if found is None and download:
        found = _of_hub(name, here_only=False, into=_kept(into, name))
    if found is None:
        raise ModelFailed(
            "failed",
            f"No checkpoint {name!r} is on this machine: let it be fetched from {constants.ENDPOINT} by --set download=true --allow-network, "
            "or name a folder that holds one by --set checkpoint=DIR.",
        )
    return Checkpoint(found, _identity(found))


def _kept(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / "checkpoints" / hashlib.sha256(name.encode()).hexdigest()[:32]


def _of_hub(name: str, here_only: bool, into: Path | None = None) -> Path | None:
    """Return the folder of a hub's checkpoint once all of it is there; None where only this machine was to be asked, and has it not."""
    repository, _, revision = name.partition("@")
    folder = None
    try:
        for weights in WEIGHTS:
            patterns = [*WORDS, weights]
            folder = Path(
                snapshot_download(
                    repository, revision=revision or None, allow_patterns=patterns, local_files_only=here_only, local_dir=into
                )
            )
            if not _missing(folder):
                return folder
    except HFValidationError as error:
        raise ModelFailed("failed", f"{name!r} is neither a folder nor a name on the hub, which is OWNER/NAME.") from error
    except (OSError, HfHubHTTPError) as error:
        if not here_only:
            said = str(error).strip().partition("\n")[0]
            raise ModelFailed("failed", f"The checkpoint {name!r} could not be fetched from {constants.ENDPOINT}: {said}") from error
    if folder is None or here_only:
        return None
    raise ModelFailed("failed", f"{name!r} on {constants.ENDPOINT} holds no checkpoint: there is no {_missing(folder)}.")


def _missing(folder: Path) -> str:
    """Return what the folder lacks of a checkpoint, or ``""``."""
    if not (folder / "config.json").exists():
        return "config.json"
    if not any((folder / v).exists() for v in VOCABULARIES):
        return "vocabulary (vocab.txt, tokenizer.json, ...)"
    return "" if _weights(folder) else "model.safetensors or pytorch_model.bin"


def _weights(folder: Path) -> list[Path]:
    return next((found for kind in WEIGHTS if (found := sorted(folder.glob(kind)))), [])


def _identity(folder: Path) -> str:
    words = {p for pattern in WORDS for p in folder.glob(pattern) if p.is_file()}
    total = hashlib.sha256()
    for file in [*sorted(words), *_weights(folder)]:
        with file.open("rb") as content:
            total.update(f"{file.name}\n{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def _cased(vocabulary: Path) -> bool:
    """Return whether a vocabulary knows capital letters; special tokens, in square brackets, tell nothing."""
    with vocabulary.open(encoding="utf-8") as entries:
        return any(e != e.lower() for e in entries if not e.startswith("["))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' bars and load reports out of the run's log; what matters of them is checked here."""
    level, bars = speech.get_verbosity(), speech.is_progress_bar_enabled()
    speech.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers is typed in part
    speech.disable_progress_bar()  # type: ignore[no-untyped-call]  # likewise
    try:
        yield
    finally:
        speech.set_verbosity(level)
        if bars:
            speech.enable_progress_bar()  # type: ignore[no-untyped-call]  # likewise
