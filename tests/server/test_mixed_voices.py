"""Tests of personas that speak as one on the server: in all formats, with the models shared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mixed_personas import put_member
from popinjay.inference.mixture import MixtureDecoder
from popinjay.mixing import open_voice
from popinjay.persona import load
from popinjay.server.state import AppState
from popinjay.server.voices.shared_models import models_of, total_bytes
from popinjay.summary import folder_bytes
from serving import Client, served

ASKED = {"n": 3, "seed": 3, "max_tokens": 24}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("mixed")
    put_member(home, "ada", 0.6, ["The engine weaves patterns of numbers as a loom does."])
    put_member(home, "bob", 1.5, ["My goat has eaten the second half of the timetable."])
    put_member(home, "cyd", 1.1, base="smollm2", record={"sha256": "5" * 64})
    for name in ("ada", "bob"):
        load(name, home).decoder()  # converted once for all tests
    return home


def state(client: Client) -> AppState:
    found: AppState = client.app.state.app_state
    return found


def posts(client: Client, name: str, **body: Any) -> list[str]:
    answer = client.ask("POST", f"/api/personas/{quote(name)}/say", {**ASKED, **body})
    assert answer.status == 200, answer.body
    events = [block.split("\n") for block in answer.body.decode().split("\n\n") if block]
    found = [
        json.loads(data.removeprefix("data: ")) for kind, data in events if kind == "event: post"
    ]
    return [post["text"] for post in sorted(found, key=lambda post: post["place"])]


@pytest.mark.parametrize("name", ["ada+bob", "ada=0.7,bob=0.3", "ada=1.3,base=-0.3"])
def test_a_mix_says_what_the_command_line_says(client: Client, home: Path, name: str) -> None:
    expected = open_voice(name, home).say("The sea", **ASKED)  # type: ignore[arg-type]
    assert posts(client, name, prompt="The sea") == expected
    completion = client.post(
        "/v1/completions", {"model": name, "prompt": "The sea", "echo": True, "n": 3, "seed": 3}
    )
    assert completion["model"] == name
    whole = open_voice(name, home).say("The sea", n=3, seed=3)
    assert [choice["text"] for choice in completion["choices"]] == whole
    chat = client.post(
        "/v1/chat/completions",
        {"model": name, "messages": [{"role": "user", "content": "The sea"}], "n": 3, "seed": 3},
    )
    assert [choice["message"]["content"] for choice in chat["choices"]] == whole


def test_strength_is_a_field_of_every_format(client: Client, home: Path) -> None:
    for strength in (0, 0.5, 1, 1.5):
        expected = load("ada", home).say(**ASKED, strength=float(strength))  # type: ignore[arg-type]
        assert posts(client, "ada", strength=strength) == expected
    asked = {"model": "ada+bob", "prompt": "", "n": 3, "seed": 3, "strength": 1.5}
    completion = client.post("/v1/completions", asked)
    assert [choice["text"] for choice in completion["choices"]] == open_voice("ada+bob", home).say(
        n=3, seed=3, strength=1.5
    )
    for wrong in (-0.5, 99, "much"):
        assert client.ask("POST", "/v1/completions", {**asked, "strength": wrong}).status == 400
        assert client.ask("POST", "/api/personas/ada/say", {"strength": wrong}).status == 422


@pytest.fixture
def fresh(home: Path, tmp_path: Path) -> Iterator[Client]:
    """Serve the same personas without any voice that another test loaded."""
    for name in ("ada", "bob"):
        shutil.copytree(home / name, tmp_path / "home" / name)
    with served(tmp_path / "home") as found:
        yield found


def test_voices_share_the_models_that_they_have_in_common(fresh: Client, home: Path) -> None:
    for name, strength in (("ada", 1), ("ada+bob", 1), ("ada", 1.5), ("ada=0.9,bob=0.1", 1)):
        assert posts(fresh, name, strength=strength)
    pool = state(fresh).models
    assert pool.names == ["ada", "ada=0.5,bob=0.5", "ada at strength 1.5", "ada=0.9,bob=0.1"]
    personas = pool._models._personas
    assert sorted(one.name for one in personas.values()) == ["ada", "bob"]
    own = sum(folder_bytes(home / name / "model") for name in ("ada", "bob"))
    base = folder_bytes(load("ada", home).base.folder)
    assert own + base <= pool.loaded_bytes <= own + base + 3 * 32 * 2**20
    (ada,) = [one for one in personas.values() if one.name == "ada"]
    mixture = ada.decoder(strength=1.5)
    assert isinstance(mixture, MixtureDecoder)
    assert mixture.decoders[0]._session is ada.decoder()._session  # type: ignore[attr-defined]


def test_a_model_in_two_voices_counts_once(home: Path) -> None:
    ada, both = load("ada", home), open_voice("ada+bob", home)
    once = total_bytes([models_of(both, 1.0)])
    assert total_bytes([models_of(both, 1.0), models_of(both, 1.0)]) == once
    alone = models_of(ada, 1.0)
    assert total_bytes([models_of(both, 1.0), alone]) == once + alone["ada", 1.0]


def test_a_persona_that_is_released_takes_its_mixes_along(fresh: Client) -> None:
    assert posts(fresh, "ada+bob")
    assert posts(fresh, "ada")
    state(fresh).models.release("bob")
    assert state(fresh).models.names == ["ada"]
    assert posts(fresh, "ada+bob")


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("ada+dan", 404, "There is no persona 'dan' here"),
        ("ada=1,bob=-1", 422, "positive sum"),
        ("ada=1,bob", 422, "is not a weight"),
        ("ada+..", 404, "There is no persona '..' here"),
        ("ada+cyd", 422, "their base models are builtin"),
    ],
)
def test_what_can_not_be_mixed_is_refused(
    client: Client, name: str, status: int, said: str
) -> None:
    answer = client.ask("POST", f"/api/personas/{quote(name)}/say", {})
    assert (answer.status, said in answer.message) == (status, True), answer.body
    answer = client.ask("POST", "/v1/completions", {"model": name, "prompt": ""})
    assert answer.status >= 400
    assert said in answer.message


def test_a_mix_can_be_looked_up_as_a_model(client: Client) -> None:
    assert client.get(f"/v1/models/{quote('ada+bob')}")["id"] == "ada+bob"
    assert client.ask("GET", "/v1/models/ada+dan").status == 404
    assert [one["id"] for one in client.get("/v1/models")["data"]] == ["ada", "bob", "cyd"]


def test_a_stronger_post_can_be_kept(client: Client) -> None:
    (text, *_) = posts(client, "ada", strength=1.5, prompt="The sea")
    sampled = {"text": text, "prompt": "The sea", "seed": 3, "number": 1, "strength": 1.5}
    kept = client.post("/api/personas/ada/kept", sampled)
    assert (kept["strength"], kept["mix"]) == (1.5, None)
