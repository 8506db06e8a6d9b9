"""Tests of base models from the hub: a server that answers as the hub does, and the hub's cache."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from models import END
from popinjay.errors import BaseModelError
from popinjay.events import Event, EventKind
from popinjay.models import bases
from popinjay.models.bases.base import Base
from popinjay.models.bases.places.cache import Cache
from popinjay.models.bases.places.hub import Hub, PreparedHub
from popinjay.models.language_model import LanguageModel

ID = "somebody/tiny"
COMMIT = "a" * 40
# In its own process: huggingface_hub reads its settings on import.
FETCH = """
import json, pickle, sys
from pathlib import Path
from popinjay.models import bases
from popinjay.errors import PopinjayError
told = []
try:
    folder = bases.folder_of(pickle.loads(Path(sys.argv[1]).read_bytes()), told.append)
    print(json.dumps([str(folder), [event.what for event in told]]))
except PopinjayError as error:
    sys.exit(f"{error.message} {error.hint}")
"""
PREPARED = Base(
    "tiny",
    ID,
    "a tiny model",
    license="mit",
    places=(Cache(), PreparedHub(1_000_000)),
    begin=END,
    end=END,
)


@pytest.fixture
def hub(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Serve the tiny Llama as a repository; yield its settings, which tests change."""
    status = {"status": 200, "cuts": 0}  # how many answers end in the middle of the weights

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(whole=True)

        def do_HEAD(self) -> None:
            self._answer(whole=False)

        def _answer(self, *, whole: bool) -> None:
            if status["status"] != 200:
                code = {403: {"X-Error-Code": "GatedRepo"}, 404: {"X-Error-Code": "RepoNotFound"}}
                self._send(b"{}", status["status"], code.get(status["status"], {}), whole)
            elif "/tree/" in self.path:
                files = [
                    {
                        "type": "file",
                        "path": path.name,
                        "size": path.stat().st_size,
                        "oid": "0" * 40,
                    }
                    for path in tiny_llama.iterdir()
                ]
                self._send(json.dumps(files).encode(), 200, {}, whole)
            elif self.path.startswith("/api/models/"):
                siblings = [{"rfilename": path.name} for path in tiny_llama.iterdir()] + [
                    {"rfilename": "training.bin"}
                ]
                about = {
                    "id": ID,
                    "sha": COMMIT,
                    "siblings": siblings,
                    "private": False,
                    "tags": [],
                }
                self._send(json.dumps(about).encode(), 200, {}, whole)
            elif "/resolve/" not in self.path:  # what the client library asks for besides
                self._send(b"{}", 404, {}, whole)
            else:
                content = (tiny_llama / self.path.rsplit("/", 1)[-1]).read_bytes()
                etag = f'"{hashlib.sha256(content).hexdigest()}"'
                self._send(content, 200, {"ETag": etag, "X-Repo-Commit": COMMIT}, whole)

        def _send(self, content: bytes, code: int, headers: dict[str, str], whole: bool) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if whole and status["cuts"] and self.path.endswith(".safetensors"):
                status["cuts"] -= 1
                self.wfile.write(content[: len(content) // 2])
            elif whole:
                self.wfile.write(content)

        def log_message(self, *said: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    yield status
    server.shutdown()
    server.server_close()


def fetch(base: Base, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    import pickle

    (tmp_path / "base.pickle").write_bytes(pickle.dumps(base))
    return subprocess.run(
        [sys.executable, "-c", FETCH, str(tmp_path / "base.pickle")], capture_output=True, text=True
    )


def in_the_hubs_cache(tiny_llama: Path, cache: Path) -> Path:
    """Put the tiny Llama there as huggingface_hub would; return its snapshot."""
    repository = cache / f"models--{ID.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "blobs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for path in tiny_llama.iterdir():
        blob = repository / "blobs" / hashlib.sha256(path.read_bytes()).hexdigest()
        blob.write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(blob)
    return snapshot


def test_a_base_of_the_hub_is_prepared_in_its_own_folder(
    hub: dict[str, int], tmp_path: Path, tiny_llama: Path
) -> None:
    done = fetch(PREPARED, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no bars but our own
    folder, told = json.loads(done.stdout)
    assert Path(folder) == bases.root() / "tiny"
    assert [what for what in told if what != EventKind.PROGRESS] == ["start", "done"]
    said = json.loads((bases.root() / "tiny" / "generation_config.json").read_text())
    assert said == {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "suppress_tokens": []}
    text = ["the river sings"]
    assert LanguageModel.load(Path(folder)).bits(text) == LanguageModel.load(tiny_llama).bits(text)
    assert not (Path(folder) / "training.bin").exists()
    assert {path.name for path in bases.root().iterdir()} == {".tiny.lock", "tiny"}


def test_an_unprepared_base_stays_in_the_hubs_cache(hub: dict[str, int], tmp_path: Path) -> None:
    done = fetch(Base("tiny", ID, "a tiny model", places=(Hub(),)), tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)[0]).name == COMMIT


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "the hub has no such model"),
        (403, "the hub gives it only to users whom its owner has granted access"),
        (500, "the hub can't be reached right now"),
    ],
)
def test_refusals_of_the_hub_are_reported_in_one_sentence(
    hub: dict[str, int], tmp_path: Path, status: int, said: str
) -> None:
    hub["status"] = status
    done = fetch(PREPARED, tmp_path)
    assert done.returncode == 1
    assert f"'tiny' is not on this machine, and {said}" in done.stderr
    assert {path.name for path in bases.root().iterdir()} == {".tiny.lock"}


def test_a_download_that_breaks_off_goes_on(hub: dict[str, int], tmp_path: Path) -> None:
    """The server sends the whole again, though only the rest is asked for."""
    hub["cuts"] = 2
    done = fetch(PREPARED, tmp_path)
    assert done.returncode == 0, done.stderr
    assert hub["cuts"] == 0
    LanguageModel.load(bases.root() / "tiny")


def test_a_download_that_always_breaks_off_is_reported_in_one_sentence(
    hub: dict[str, int], tmp_path: Path
) -> None:
    hub["cuts"] = 1_000
    done = fetch(PREPARED, tmp_path)
    assert done.returncode == 1
    said = "'tiny' is not on this machine, and the download from the hub broke off. Try again"
    assert said in done.stderr
    assert {path.name for path in bases.root().iterdir()} == {".tiny.lock"}


def test_the_hubs_cache_works_offline_and_is_never_written(
    own_home: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = own_home / "cache"
    snapshot = in_the_hubs_cache(tiny_llama, cache)
    monkeypatch.setattr("popinjay.models.bases.places.hub._cached", lambda hub_id: snapshot)
    before = {path.name: path.read_bytes() for path in snapshot.iterdir()}
    events: list[Event] = []
    folder = bases.folder_of(PREPARED, events.append)
    assert (folder / "model.safetensors").stat().st_ino == (
        snapshot / "model.safetensors"
    ).stat().st_ino  # not a second copy
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == before
    with pytest.raises(BaseModelError, match="your own folder"):
        bases.remove(bases.row(str(folder)))
