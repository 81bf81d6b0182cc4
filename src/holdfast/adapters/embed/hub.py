"""Downloads a model into the user's cache, when asked to and told what bytes to expect.

Nothing is fetched unless ``HOLDFAST_ALLOW_DOWNLOAD=1``, and nothing is kept whose SHA-256 was not stated before.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from holdfast.errors import NoEmbedder

DEFAULT_HUB_URL = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main"
DEFAULT_MODEL_FILE = "onnx/model_quint8_avx2.onnx"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
MAX_MODEL_BYTES = 512 * 1024 * 1024
TIMEOUT_S = 30.0
LONGEST_DOWNLOAD_S = 900.0
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Pinned:
    """A file to fetch and the bytes it must have."""

    url: str
    sha256: str
    name: str


def pinned_files(environment: Mapping[str, str]) -> list[Pinned]:
    """What the environment says to fetch, model last, so that a model in the cache is complete.

    ``HOLDFAST_HUB_URL`` is the address of the model's folder, ``HOLDFAST_HUB_MODEL`` the model file in it,
    ``HOLDFAST_HUB_SHA256`` the expected hash of that file; ``HOLDFAST_HUB_TOKENIZER_SHA256`` that of
    ``tokenizer.json``, by default the one of all-MiniLM-L6-v2.

    Raises `NoEmbedder` when a hash is missing or the address is neither https nor on this machine.
    """
    base = environment.get("HOLDFAST_HUB_URL") or DEFAULT_HUB_URL
    parts = urlsplit(base)
    is_local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not is_local:
        raise NoEmbedder("HOLDFAST_HUB_URL must be an https address.")
    hashes = {
        "HOLDFAST_HUB_TOKENIZER_SHA256": environment.get("HOLDFAST_HUB_TOKENIZER_SHA256") or TOKENIZER_SHA256,
        "HOLDFAST_HUB_SHA256": environment.get("HOLDFAST_HUB_SHA256") or "",
    }
    for variable, sha256 in hashes.items():
        if not re.fullmatch(r"[0-9a-f]{64}", sha256.lower()):
            raise NoEmbedder(f"A download needs the model's SHA-256 in {variable}, as 64 hexadecimal digits.")
    model = environment.get("HOLDFAST_HUB_MODEL") or DEFAULT_MODEL_FILE
    return [
        Pinned(f"{base.rstrip('/')}/tokenizer.json", hashes["HOLDFAST_HUB_TOKENIZER_SHA256"].lower(), "tokenizer.json"),
        Pinned(f"{base.rstrip('/')}/{model}", hashes["HOLDFAST_HUB_SHA256"].lower(), "model.onnx"),
    ]


def download(files: list[Pinned], folder: Path) -> None:
    """Fetch files into a folder; each appears whole and verified, or not at all.

    Raises `NoEmbedder` when one cannot be fetched or has other bytes.
    """
    for file in files:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fetch(file, folder)
        except (OSError, http.client.HTTPException) as error:
            host = urlsplit(file.url).netloc
            raise NoEmbedder(f"{file.name} could not be downloaded from {host}: {error}.") from error


def fetch(file: Pinned, folder: Path) -> None:
    """Fetch one file. Raises `OSError` or `HTTPException` for what the network does, `NoEmbedder` for other bytes."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{file.name}.")
    temporary = Path(name)
    digest = hashlib.sha256()
    size = 0
    deadline = time.monotonic() + LONGEST_DOWNLOAD_S
    try:
        with os.fdopen(handle, "wb") as target, urllib.request.urlopen(file.url, timeout=TIMEOUT_S) as source:
            while chunk := source.read(CHUNK_BYTES):
                size += len(chunk)
                if size > MAX_MODEL_BYTES or time.monotonic() > deadline:
                    raise NoEmbedder(f"{file.name} is larger or slower to download than a model can be.")
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        if digest.hexdigest() != file.sha256:
            raise NoEmbedder(
                f"The downloaded {file.name} has SHA-256 {digest.hexdigest()}, expected {file.sha256}; it was not kept."
            )
        temporary.replace(folder / file.name)
    finally:
        temporary.unlink(missing_ok=True)
