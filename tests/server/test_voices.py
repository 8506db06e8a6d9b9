"""Tests of generation for many clients at once: each gets what it would get alone."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from popinjay.options import SayOptions
from popinjay.persona import load
from popinjay.sampling.events import Finished, GeneratedPost, Piece, Restart
from popinjay.sampling.generate import generate
from popinjay.server.voices.subscriptions import (
    StreamEvent,
    merge_pieces,
)
from serving import Client, served, wait
from speaking_persona import BASE, POST, put_persona


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("speaking")
    put_persona(home, "ada")
    load("ada", home).decoder()  # converted once for all tests
    return home


def events(answer: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = ""
    for raw in answer:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


def say(client: Client, name: str = "ada", **body: Any) -> list[tuple[str, dict[str, Any]]]:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=120)
    try:
        connection.request(
            "POST",
            f"/api/personas/{name}/say",
            json.dumps(body),
            {"Content-Type": "application/json", "X-Popinjay": "1"},
        )
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(events(answer))
    finally:
        connection.close()


def posts(told: list[tuple[str, dict[str, Any]]]) -> list[str]:
    found = {data["place"]: data["text"] for kind, data in told if kind == "post"}
    return [text for _, text in sorted(found.items())]


def test_posts_are_streamed_in_pieces_and_equal_those_of_say(
    client: Client, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.server.voices.model_pool.PACE", 0.0)
    told = say(client, prompt="My dream is", n=4, seed=3, temperature=0.9, max_chars=200)
    shown: dict[int, str] = {}
    for kind, data in told:
        if kind == "piece":
            shown[data["place"]] = shown.get(data["place"], "") + data["text"]
        elif kind == "again":
            shown[data["place"]] = ""
        elif kind == "post":
            assert shown[data["place"]] == data["text"]
    expected = load("ada", home).say("My dream is", n=4, seed=3, temperature=0.9, max_chars=200)
    assert posts(told) == expected
    assert len(expected) == 4
    assert told[-1][0] == "end"
    assert told[-1][1]["seed"] == 3
    assert sum(kind == "piece" for kind, _ in told) > 4
    assert client.app.state.app_state.recent_outputs.knows("ada", "My dream is", expected[0])
    assert not client.app.state.app_state.recent_outputs.knows(
        "ada", "My dream is", "I never said that."
    )


def test_dials_are_those_of_say(client: Client, home: Path) -> None:
    turned: dict[str, Any] = {"hashtags": 1.0, "emoji": 0, "length": 0.5}
    told = say(client, prompt="My dream is", n=6, seed=3, **turned)
    assert posts(told) == load("ada", home).say("My dream is", n=6, seed=3, **turned)
    assert all("#" in post for post in posts(told))
    assert posts(told) != posts(say(client, prompt="My dream is", n=6, seed=3))


def test_fifty_clients_at_once_get_what_each_would_get_alone(client: Client) -> None:
    prompts = ["My dream is", "", "Today I", "the astron", "夜の川"]
    alone = {
        number: posts(say(client, prompt=prompts[number % 5], n=1 + number % 2, seed=number))
        for number in range(0, 50, 7)
    }
    found: dict[int, list[str]] = {}

    def ask(number: int) -> None:
        found[number] = posts(
            say(client, prompt=prompts[number % 5], n=1 + number % 2, seed=number)
        )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 50
    assert {number: found[number] for number in alone} == alone


def test_training_posts_are_never_generated(client: Client) -> None:
    told = say(client, prompt="", n=2, seed=0, temperature=0)
    assert POST not in posts(told)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"n": 0}, 422, "n: "),
        ({"n": 101}, 422, "n: "),
        ({"temperature": 11}, 422, "temperature: "),
        ({"temperature": "1"}, 422, "temperature: "),
        ({"emoji": 1.5}, 422, "emoji: "),
        ({"length": 0}, 422, "length: "),
        ({"seed": -1}, 422, "seed: "),
        ({"prompt": "p" * 280}, 422, "280 characters long"),
        ({"prompt": "word " * 5_000, "max_chars": 100_000}, 422, "tokens long"),
        ({"exact": True}, 422, "exact: "),
        ({"allow_copies": True}, 422, "allow_copies: "),
    ],
)
def test_invalid_requests_are_refused(
    client: Client, body: dict[str, Any], status: int, said: str
) -> None:
    answer = client.ask("POST", "/api/personas/ada/say", body)
    assert answer.status == status, answer.body
    assert said in answer.message
    assert posts(say(client, n=1, seed=1))  # and it generates as before


@pytest.mark.parametrize("name", ["nobody", "..", "%2e%2e", "..%2fada", "a%00b", ".hidden"])
def test_unknown_personas_are_refused(client: Client, name: str) -> None:
    assert client.ask("POST", f"/api/personas/{name}/say", {}).status in (404, 405)


def test_any_prompt_is_plain_text(client: Client) -> None:
    for prompt in ("<script>alert(1)</script>", "a\nb\x00c \u202e", "<|endoftext|>"):
        assert posts(say(client, prompt=prompt, n=1, seed=1))


def test_a_disconnected_client_frees_the_rows(client: Client) -> None:
    voices = client.app.state.app_state.models
    say(client, n=1)
    voice = voices._workers["ada"][0]
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
    connection.request(
        "POST",
        "/api/personas/ada/say",
        json.dumps({"n": 100}),
        {"Content-Type": "application/json", "X-Popinjay": "1"},
    )
    answer = connection.getresponse()
    answer.readline()
    assert len(voice._running) == 1
    answer.close()
    connection.close()
    wait(lambda: not voice._running)


def test_a_persona_without_a_model_gets_a_hint(tmp_path: Path) -> None:
    folder = put_persona(tmp_path, "ada")
    shutil.rmtree(folder / "model")
    with served(tmp_path) as client:
        answer = client.ask("POST", "/api/personas/ada/say", {})
        assert answer.status == 409
        assert "has not learnt to speak" in answer.message
        shutil.copytree(BASE, folder / "model")
        assert posts(say(client, n=1, seed=1))


def test_a_damaged_model_affects_no_other(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(home / "ada", tmp_path / "ada")
    folder = put_persona(tmp_path, "broken")
    (folder / "model" / "model.safetensors").write_bytes(b"no weights")
    with served(tmp_path) as client:
        assert client.ask("POST", "/api/personas/broken/say", {}).status >= 400
        assert posts(say(client, n=1, seed=1))


def test_a_failed_step_is_reported_and_the_next_request_works(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from popinjay.inference.onnx.decoder import OnnxDecoder

    def fail(*_: Any) -> None:
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(OnnxDecoder, "step", fail)
        answer = client.ask("POST", "/api/personas/ada/say", {"n": 2})  # at once, or in the stream
    assert b"Something went wrong inside popinjay." in answer.body
    assert posts(say(client, n=1, seed=1))


def test_a_retrained_model_is_reloaded(home: Path, tiny_gpt2: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "ada", tmp_path / "ada")
    asked: dict[str, Any] = {"prompt": "the", "n": 1, "seed": 5, "max_tokens": 12}
    with served(tmp_path) as client:
        before = posts(say(client, **asked))
        first = client.app.state.app_state.models._workers["ada"][0]
        assert posts(say(client, **asked)) == before
        shutil.rmtree(tmp_path / "ada" / "model")
        shutil.copytree(tiny_gpt2, tmp_path / "ada" / "model")
        after = say(client, **asked)
        expected = [
            said.text
            for said in load("ada", tmp_path).stream("the", SayOptions(n=1, seed=5, max_tokens=12))
        ]
        assert posts(after) == expected != before
        wait(lambda: first.has_ended)
        new = client.app.state.app_state.models._workers["ada"][0]
        (tmp_path / "ada" / "train.jsonl").write_text(
            json.dumps({"text": "another"}) + "\n", encoding="utf-8"
        )
        say(client, **asked)
        # The filters have changed.
        assert client.app.state.app_state.models._workers["ada"][0] is not new


def test_unused_models_are_evicted_for_others(home: Path, tmp_path: Path) -> None:
    for name in ("ada", "bob", "cleo"):
        shutil.copytree(home / "ada", tmp_path / name)
    asked: dict[str, Any] = {"n": 1, "seed": 5}
    with served(tmp_path) as client:
        voices = client.app.state.app_state.models
        voices._max_workers = 2
        alone = posts(say(client, "ada", **asked))
        first = voices._workers["ada"][0]
        say(client, "bob", **asked)
        say(client, "cleo", **asked)
        assert voices.names == ["bob", "cleo"]
        wait(lambda: first.has_ended)
        voices._max_workers, voices._max_bytes = 32, 1
        found: dict[int, list[str]] = {}

        def ask(number: int) -> None:
            found[number] = posts(say(client, ("ada", "bob", "cleo")[number % 3], **asked))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert [found[number] for number in range(9)] == [alone] * 9
        assert len(voices.names) == 1


def test_too_many_requests_at_once_are_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.server.voices.model_pool.MAX_WAITING", 0)
    answer = client.ask("POST", "/api/personas/ada/say", {})
    assert (answer.status, answer.message) == (503, "Too many requests are open.")


def test_an_engine_whose_rows_cannot_join_serves_one_after_another(
    tiny_gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from popinjay.inference.torch_decoder import TorchDecoder
    from popinjay.models.language_model import LanguageModel

    put_persona(tmp_path, "ada", tiny_gpt2)
    decoder = TorchDecoder(LanguageModel.load(tiny_gpt2))
    monkeypatch.setattr("popinjay.persona.Persona.decoder", lambda self, **_: decoder)
    alone = [
        [
            said.text
            for said in generate(
                decoder,
                SayOptions(n=2, seed=number, max_tokens=12),
                "the",
                load("ada", tmp_path).filters,
            )
        ]
        for number in range(4)
    ]
    found: dict[int, list[str]] = {}
    with served(tmp_path) as client:

        def ask(number: int) -> None:
            found[number] = posts(say(client, prompt="the", n=2, seed=number, max_tokens=12))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert [found[number] for number in range(4)] == alone


def test_consecutive_pieces_are_merged() -> None:
    whole = Finished(0, GeneratedPost("abc", 3, True))
    told: list[StreamEvent] = [
        Piece(0, "a"),
        Piece(1, "x"),
        Piece(0, "b"),
        Restart(0),
        Piece(0, "a"),
        Piece(1, "y"),
        Piece(0, "bc"),
        whole,
    ]
    assert merge_pieces([*told]) == [
        Piece(0, "ab"),
        Piece(1, "xy"),
        Restart(0),
        Piece(0, "abc"),
        whole,
    ]


def test_workers_end_with_the_server(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "ada", tmp_path / "eve")
    with served(tmp_path) as client:
        say(client, "eve", n=1)
        assert "voice of eve" in {thread.name for thread in threading.enumerate()}
    assert "voice of eve" not in {thread.name for thread in threading.enumerate()}
