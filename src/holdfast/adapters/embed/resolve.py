"""Finds the embedding model to use: the one named, else the one installed, else the one in the cache."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from holdfast.adapters.embed.onnx import OnnxEmbedder
from holdfast.errors import NoEmbedder
from holdfast.ports.embedder import Embedder

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://localhost:11434"
SERVICE = re.compile(r"(?P<kind>openai|ollama):(?P<model>[^@]+?)(?:@(?P<url>https?://\S+))?", re.IGNORECASE)


def find_embedder(explicit: str | Path | None = None) -> Embedder:
    """Find an embedder without loading its model or calling its service.

    Looked at in this order, the first that is there wins:

    1. ``explicit``: a folder with ``model.onnx`` and ``tokenizer.json``; ``openai:MODEL[@https://host/v1]`` or
       ``ollama:MODEL[@http://host:11434]``; ``none`` for no embedder.
    2. ``HOLDFAST_EMBEDDER``, written the same way.
    3. The installed distribution ``holdfast-minilm``.
    4. The user's cache, ``holdfast/minilm``.
    5. With ``HOLDFAST_ALLOW_DOWNLOAD=1``, a hub, into that cache; see `holdfast.adapters.embed.hub`.

    A service's key is read from ``HOLDFAST_EMBEDDER_KEY``, or from ``OPENAI_API_KEY`` for OpenAI's own host only.

    Raises:
        NoEmbedder: nothing was found, what was named is not there, or ``none`` was asked for.
        InvalidField: the service's address or model name cannot be one.
    """
    environment = os.environ
    named = explicit if explicit is not None else environment.get("HOLDFAST_EMBEDDER") or None
    if named is not None:
        return named_embedder(named, environment)
    looked_at: list[str] = ["HOLDFAST_EMBEDDER (not set)"]
    found = (
        installed_model(looked_at) or cached_model(looked_at, environment) or downloaded_model(looked_at, environment)
    )
    if found is None:
        places = "".join(f"\n  - {place}" for place in looked_at)
        raise NoEmbedder(
            "No embedding model was found, so recall is by words only. To add one: pip install holdfast-minilm. "
            f"Looked at:{places}"
        )
    return found


def shown(named: str) -> str:
    """What names an embedder, as it may be printed: of an address with more than host and path only the scheme."""
    before, scheme, address = named.partition("://")
    if scheme and any(sign in address for sign in "@?#"):
        return f"{before}{scheme}***"
    service, at, _ = named.partition("@")
    is_broken = not scheme and at and re.match(r"(openai|ollama|https?):", named, re.IGNORECASE)
    return f"{service}@***" if is_broken else named


def named_embedder(named: str | Path, environment: Mapping[str, str]) -> Embedder:
    """The embedder somebody named; nothing else is tried when it is not there."""
    text = str(named)
    if text.lower() == "none":
        raise NoEmbedder("Embedding is switched off (`none`); recall is by words only.")
    service = SERVICE.fullmatch(text) if isinstance(named, str) else None
    if service:
        return service_embedder(service["kind"].lower(), service["model"], service["url"], environment)
    if re.match(r"(openai|ollama|https?):", text, re.IGNORECASE):
        raise NoEmbedder("A service is written openai:MODEL@https://host/v1 or ollama:MODEL@http://host:11434.")
    folder = Path(named).expanduser()
    found = model_in(folder)
    if found is None:
        raise NoEmbedder(f"{folder} holds no embedding model: it must have model.onnx and tokenizer.json.")
    return found


def service_embedder(kind: str, model: str, url: str | None, environment: Mapping[str, str]) -> Embedder:
    """An embedder over HTTP, with the key meant for it."""
    from holdfast.adapters.embed.http import OllamaEmbedder, OpenAIEmbedder

    key = environment.get("HOLDFAST_EMBEDDER_KEY") or None
    if kind == "ollama":
        return OllamaEmbedder(url or OLLAMA_URL, model, api_key=key)
    address = url or OPENAI_URL
    parts, own = urlsplit(address), urlsplit(OPENAI_URL)
    # Another host must not be handed the key of this one.
    if key is None and (parts.scheme, parts.hostname) == (own.scheme, own.hostname):
        key = environment.get("OPENAI_API_KEY") or None
    return OpenAIEmbedder(address, model, api_key=key)


def installed_model(looked_at: list[str]) -> Embedder | None:
    """The model of the data distribution; what was missing is added to ``looked_at``."""
    try:
        from holdfast_minilm import files
    except ImportError:
        looked_at.append("the distribution holdfast-minilm (not installed)")
        return None
    try:
        return on_disk(*files())
    except FileNotFoundError as error:
        looked_at.append(f"the distribution holdfast-minilm ({error})")
        return None


def cached_model(looked_at: list[str], environment: Mapping[str, str]) -> Embedder | None:
    """The model in the user's cache."""
    folder = cache_folder(environment)
    if folder is None:
        looked_at.append("the user's cache (no home folder)")
        return None
    found = model_in(folder)
    if found is None:
        looked_at.append(f"{folder} (holds no model)")
    return found


def downloaded_model(looked_at: list[str], environment: Mapping[str, str]) -> Embedder | None:
    """A model fetched into the user's cache, when that is allowed."""
    if environment.get("HOLDFAST_ALLOW_DOWNLOAD") != "1":
        looked_at.append("a hub (not allowed: HOLDFAST_ALLOW_DOWNLOAD is not 1)")
        return None
    folder = cache_folder(environment)
    if folder is None:
        looked_at.append("a hub (no cache folder to keep a download in)")
        return None
    from holdfast.adapters.embed import hub

    try:
        hub.download(hub.pinned_files(environment), folder)
    except NoEmbedder as error:
        looked_at.append(f"a hub ({error})")
        return None
    return model_in(folder)


def model_in(folder: Path) -> Embedder | None:
    """An embedder over a folder's two files, if both are there."""
    model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
    return on_disk(model, tokenizer) if model.is_file() and tokenizer.is_file() else None


def on_disk(model: Path, tokenizer: Path) -> Embedder:
    """The embedder over two files, one for all spaces of the process: a loaded model takes 60 MB."""
    return _shared(model, tokenizer, model.stat().st_mtime_ns, tokenizer.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _shared(model: Path, tokenizer: Path, model_ns: int, tokenizer_ns: int) -> Embedder:
    return OnnxEmbedder(model, tokenizer)


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Where models are kept for this user; None when the user has no home."""
    if stated := environment.get("XDG_CACHE_HOME"):
        base = Path(stated)
    elif sys.platform == "win32" and (local := environment.get("LOCALAPPDATA")):
        base = Path(local)
    else:
        try:
            home = Path.home()
        except RuntimeError:
            return None
        base = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    return base / "holdfast" / "minilm"
