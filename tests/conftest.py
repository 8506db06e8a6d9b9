"""Fixtures of all tests: no network but loopback, a separate home folder, and small base models."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from popinjay.store.run import Run

# Tiny models are slower on many threads than on one. Set before torch is first imported; the ONNX
# decoder reads it too, and so do the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).parents[2] / "shared"

# The slowest test modules, the slowest first: if they started last, one of the two processes of
# `make test` would end long before the other.
SLOWEST = (
    "trackers report two_sample_test train stderr jobs server_browser x_api mastodon_account "
    "account bluesky_account "
    "forget publish bad_input generate command_line "
    "card pretraining demo persona_routes picture onnx_decoder run repl"
).split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest modules first, and all others in their order."""
    places = {f"test_{name}": place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(SLOWEST)))


class NetworkBlocked(RuntimeError):
    """A test tried to reach another machine."""


def _is_local(address: Any) -> bool:
    return not isinstance(address, tuple) or str(address[0]) in (
        "127.0.0.1",
        "::1",
        "localhost",
        "",
    )


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow connections to loopback only, and let the hub be a closed port on it."""
    real, real_look_up = socket.socket.connect, socket.getaddrinfo

    def connect(self: socket.socket, address: Any) -> None:
        if not _is_local(address):
            raise NetworkBlocked(f"a test tried to reach {address}")
        real(self, address)

    def look_up(host: Any, *more: Any, **named: Any) -> Any:
        if host not in (None, "", "127.0.0.1", "::1", "localhost"):
            raise NetworkBlocked(f"a test tried to look up {host}")
        return real_look_up(host, *more, **named)

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Cache base models, and what is measured with them, in a folder of the session.

    Set here as well as in `own_home`, for fixtures of modules.
    """
    os.environ["POPINJAY_BASES"] = str(tmp_path_factory.mktemp("bases"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put personas and caches of a test into a separate folder, for the processes it starts too."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("POPINJAY_HOME", str(home))
    monkeypatch.setenv("POPINJAY_BASES", str(home / "bases"))
    settings = home.parent / f"{home.name}-settings"
    settings.mkdir()
    monkeypatch.setenv("POPINJAY_CONFIG", str(settings / "config.toml"))
    monkeypatch.setenv("POPINJAY_TRACK", "none")
    monkeypatch.setenv("POPINJAY_BASES", str(home.parent / f"{home.name}-bases"))
    monkeypatch.setenv("HF_HOME", str(home / "hub"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return home


@pytest.fixture(autouse=True, scope="module")
def no_picture(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Let `make` draw a picture only in modules marked `draws`.

    What a model of random weights generates is seldom allowed out, so ten predictions are drawn
    again and again, which takes longer than all the rest of a make.
    """
    from popinjay.errors import PictureError
    from popinjay.stages.picture import check_ready

    def nothing_to_draw_with() -> None:
        raise PictureError("These tests are of something else.")

    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("draws") is None:
            patch.setattr("popinjay.stages.picture.check_ready", nothing_to_draw_with)
        yield check_ready


@pytest.fixture
def pictures(no_picture: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the makes of this test draw their picture all the same."""
    monkeypatch.setattr("popinjay.stages.picture.check_ready", no_picture)


@pytest.fixture
def run(made: Path, own_home: Path) -> Run:
    """Return a copy of the persona `ada_l` that a module's fixture `made` has made."""
    from popinjay.store.run import Run

    shutil.copytree(made, own_home / "ada_l")
    return Run(own_home / "ada_l")


@pytest.fixture
def shared() -> Path:
    """Return the folder of material beside the project, or skip."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (real posts and export structures), which is not here")
    return SHARED


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny random GPT-2."""
    from models import gpt2

    return gpt2(tmp_path_factory.mktemp("tiny-gpt2"))


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny random Llama."""
    from models import llama

    return llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture(scope="session")
def tiny_gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny random Gemma 3."""
    from models import gemma

    return gemma(tmp_path_factory.mktemp("tiny-gemma"))


@pytest.fixture(scope="session")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the X archive of an author with 200 posts, 20 reposts and 10 short posts."""
    from archives import archive_files, posts, tweet, write_zip

    reposts = [tweet(f"RT @babbage: engine {n}…", 300 + n) for n in range(20)]
    short = [tweet(f"hello {n}", 400 + n) for n in range(10)]
    return write_zip(
        tmp_path_factory.mktemp("ada") / "twitter-ada.zip",
        archive_files(posts(200) + reposts + short),
    )


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hundredths of the usual times for a busy server if it names no time."""
    from popinjay.network import http_client

    monkeypatch.setattr(http_client, "FIRST_WAIT", 0.01)
