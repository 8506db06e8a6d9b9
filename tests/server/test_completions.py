"""Tests of completions: requests of OpenAI's own client, and requests that make no sense."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from popinjay.options import SayOptions
from popinjay.persona import load
from popinjay.sampling.events import Finished, GeneratedPost, Missing, Piece
from popinjay.sampling.filters import Reason
from popinjay.server.openai_requests import CompletionRequest, parse_request
from popinjay.server.openai_responses import Choice, Completion
from popinjay.server.openai_schemas import CompletionResponse
from popinjay.server.voices.subscriptions import (
    End,
    Started,
    Truncated,
)
from serving import Client, wait
from speaking_persona import POST, put_persona

PROMPT = "My dream is"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("completions")
    put_persona(home, "ada")
    load("ada", home).decoder()
    unfinished = home / "bob"
    unfinished.mkdir()
    (unfinished / "run.toml").write_text("", encoding="utf-8")
    return home


def expected(home: Path, prompt: str = PROMPT, **options: Any) -> list[GeneratedPost]:
    return list(load("ada", home).stream(prompt, SayOptions(**options)))


def undisturbed(home: Path, n: int) -> int:
    """Return a seed whose posts are first sequences.

    Else a post may be cut where another sequence begins.
    """
    for seed in range(100):
        stream = load("ada", home).stream(PROMPT, SayOptions(n=n, seed=seed))
        list(stream)
        if not stream.tally.redrawn:
            return seed
    raise AssertionError("no seed gives first sequences only")


def test_models_are_the_finished_personas(ai: openai.OpenAI) -> None:
    assert [model.id for model in ai.models.list()] == ["ada"]
    assert ai.models.retrieve("ada").owned_by == "popinjay"
    with pytest.raises(openai.NotFoundError):
        ai.models.retrieve("nobody")


def test_dials_are_further_parameters(ai: openai.OpenAI, home: Path) -> None:
    turned: dict[str, Any] = {"hashtags": 1.0, "length": 0.5}
    answer = ai.completions.create(model="ada", prompt=PROMPT, n=3, seed=4, extra_body=turned)
    posts = expected(home, n=3, seed=4, **turned)
    assert [PROMPT + choice.text for choice in answer.choices] == [post.text for post in posts]
    assert all("#" in post.text for post in posts)


def test_completions_are_posts(ai: openai.OpenAI, home: Path) -> None:
    answer = ai.completions.create(model="ada", prompt=PROMPT, n=3, seed=4, temperature=0.9)
    posts = expected(home, n=3, seed=4, temperature=0.9)
    assert [PROMPT + choice.text for choice in answer.choices] == [post.text for post in posts]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert [choice.finish_reason for choice in answer.choices] == [
        "stop" if post.finished else "length" for post in posts
    ]
    assert (answer.model, answer.object) == ("ada", "text_completion")
    CompletionResponse.model_validate(answer.model_dump(exclude_unset=True))
    assert answer.usage is not None
    assert answer.usage.completion_tokens == sum(post.tokens for post in posts)
    assert answer.usage.prompt_tokens == len(load("ada", home).decoder().encode(PROMPT))
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_each_of_several_prompts_is_answered_as_if_alone(ai: openai.OpenAI, home: Path) -> None:
    prompts = [PROMPT, "", "Today I "]
    answer = ai.completions.create(model="ada", prompt=prompts, n=2, seed=2, echo=True)
    alone = [post.text for prompt in prompts for post in expected(home, prompt, n=2, seed=2)]
    assert [choice.text for choice in answer.choices] == alone


def test_streamed_texts_add_up_to_the_posts(
    ai: openai.OpenAI, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.server.voices.model_pool.PACE", 0.0)
    texts = ["", ""]
    reasons = ["", ""]
    pieces = 0
    usage = None
    seed = undisturbed(home, n=2)
    for chunk in ai.completions.create(
        model="ada",
        prompt=PROMPT,
        n=2,
        seed=seed,
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            reasons[choice.index] = choice.finish_reason or reasons[choice.index]
            pieces += bool(choice.text)
    posts = expected(home, n=2, seed=seed)
    assert [PROMPT + text for text in texts] == [post.text for post in posts]
    assert reasons == ["stop", "stop"]
    assert pieces > 2
    assert usage is not None
    assert usage.completion_tokens == sum(post.tokens for post in posts)


def test_streamed_with_echo_begins_with_the_prompt(ai: openai.OpenAI, home: Path) -> None:
    chunks = ai.completions.create(
        model="ada", prompt="My dream  is ", seed=4, stream=True, echo=True
    )
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert text.startswith("My dream  is ")
    assert text.replace("  ", " ") == expected(home, "My dream is ", n=1, seed=4)[0].text


def test_a_token_limit_truncates_posts(ai: openai.OpenAI) -> None:
    for stream in (False, True):
        answer: Any = ai.completions.create(
            model="ada", prompt="", max_tokens=4, n=8, seed=1, stream=stream
        )
        choices = (
            [choice for chunk in answer for choice in chunk.choices if choice.finish_reason]
            if stream
            else answer.choices
        )
        assert len(choices) == 8
        assert "length" in [choice.finish_reason for choice in choices]


def test_a_post_ends_before_a_stop(ai: openai.OpenAI, home: Path) -> None:
    whole = expected(home, n=1, seed=4)[0].text
    stop = whole[len(whole) // 2 :][:4]
    for given in (stop, [stop, "never to be seen"]):
        answer = ai.completions.create(model="ada", prompt=PROMPT, seed=4, stop=given)
        assert (PROMPT + answer.choices[0].text).strip() == whole[: whole.index(stop)].strip()
        assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("given", "param", "said"),
    [
        ({"logprobs": 1}, "logprobs", "not supported"),
        ({"logprobs": 0}, "logprobs", "not supported"),
        ({"suffix": "s"}, "suffix", "not supported"),
        ({"logit_bias": {"50256": -100}}, "logit_bias", "not supported"),
        ({"presence_penalty": 0.5}, "presence_penalty", "not supported"),
        ({"frequency_penalty": 0.5}, "frequency_penalty", "not supported"),
        ({"best_of": 3}, "best_of", "not supported"),
        ({"n": 0}, "n", "n: "),
        ({"n": 129}, "n", "n: "),
        ({"n": 64, "prompt": ["a", "b", "c"]}, "prompt", "128"),
        ({"prompt": []}, "prompt", "1 to 128"),
        ({"prompt": [1, 2]}, "prompt", "send text"),
        ({"prompt": [[1], [2]]}, "prompt", "send text"),
        ({"prompt": "p" * 280}, None, "280 characters long"),
        ({"temperature": -1}, "temperature", "temperature: "),
        ({"stop": ["a"] * 5}, "stop", "4 texts"),
        ({"stop": ""}, "stop", "stop: "),
        ({"stream_options": {"include_usage": True}}, "stream_options", "stream: true"),
        ({"nonsense": 1}, "nonsense", "Unrecognized request argument"),
    ],
)
def test_unsupported_requests_are_refused_in_openais_format(
    ai: openai.OpenAI, given: dict[str, Any], param: str | None, said: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ai.completions.create(
            **{
                "model": "ada",
                "prompt": "a",
                **{key: value for key, value in given.items() if key != "nonsense"},
            },
            extra_body=given,
        )
    error = refused.value.body
    assert isinstance(error, dict)
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, None)
    assert said in error["message"]


def test_unknown_model(ai: openai.OpenAI) -> None:
    for name in ("nobody", "../ada", ".."):
        with pytest.raises(openai.NotFoundError) as refused:
            ai.completions.create(model=name, prompt="a")
        assert refused.value.code == "model_not_found"
    with pytest.raises(openai.ConflictError, match="has not learnt to speak"):
        ai.completions.create(model="bob", prompt="a")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_malformed_requests(client: Client, body: bytes) -> None:
    answer = client.ask("POST", "/v1/completions", body, {"Content-Type": "application/json"})
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_request_error"


def test_options_without_effect_are_accepted(ai: openai.OpenAI, home: Path) -> None:
    answer = ai.completions.create(
        model="ada",
        prompt=PROMPT,
        seed=-1,
        user="me",
        best_of=1,
        n=1,
        presence_penalty=0,
        logit_bias={},
        extra_body={"logprobs": None, "suffix": None, "top_k": 40},
    )
    assert PROMPT + answer.choices[0].text == expected(home, n=1, seed=2**32 - 1, top_k=40)[0].text
    assert POST not in answer.choices[0].text


@pytest.mark.parametrize("stream", [False, True])
def test_a_disconnected_client_frees_the_rows(
    client: Client, ai: openai.OpenAI, stream: bool
) -> None:
    ai.completions.create(model="ada", prompt="", seed=1)
    voice = client.app.state.app_state.models._workers["ada"][0]
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
    asked = {"model": "ada", "prompt": ["a", "b", "c", "d"], "n": 32, "stream": stream}
    connection.request(
        "POST", "/v1/completions", json.dumps(asked), {"Content-Type": "application/json"}
    )
    wait(lambda: voice._running)
    connection.close()
    wait(lambda: not voice._running)


# streaming of final text only


def told(*events: Any, **asked: Any) -> tuple[Completion, list[str]]:
    answer = Completion(CompletionRequest(model="ada", stream=True, **asked))
    sent = [""] * len(answer.choices)
    for event in events:
        for choice in answer.apply(0, [event]):
            sent[choice.index] += answer.unsent(choice)
    return answer, sent


def test_a_post_that_becomes_a_copy_ends_there() -> None:
    answer, sent = told(
        Started("It is", 2),
        Piece(0, "It is so"),
        Piece(0, " that"),
        Truncated(0, Reason.COPIED, 7),
        End({}),
        prompt="It is",
    )
    assert sent == [" so that"]
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.usage == {"prompt_tokens": 2, "completion_tokens": 7, "total_tokens": 9}
    answer, _ = told(Started("", 0), Piece(0, "so"), Truncated(0, Reason.LONG, 7))
    assert answer.choices[0].finish_reason == "length"


def test_a_missing_post_is_empty() -> None:
    answer, sent = told(
        Started("a", 1),
        Missing(1),
        Finished(0, GeneratedPost("a b", 3, True)),
        prompt="a",
        n=2,
        echo=True,
    )
    assert sent == ["a b", "a"]
    assert [choice.finish_reason for choice in answer.choices] == ["stop", "content_filter"]


def test_no_new_sequence_starts_after_part_of_one_was_sent() -> None:
    from parrot import Parrot
    from popinjay.sampling.filters import OutputFilters
    from popinjay.sampling.request import GenerationRequest
    from popinjay.sampling.scheduler import BatchScheduler
    from popinjay.server.voices.subscriptions import EventStream, GenerationQuery, StreamEvent

    parrot = Parrot("I say nobody in this town has ever heard it, no.", "Another that is fine.")
    asked = GenerationQuery("", SayOptions(n=2, seed=0), append_only=True)
    writing = GenerationRequest(parrot, asked.options, "", OutputFilters.of([POST]), None, range(2))
    telling = EventStream(asked, writing)
    scheduler = BatchScheduler(parrot, 64)
    said: list[StreamEvent] = []
    scheduler.add(writing)
    while not (said and isinstance(said[-1], End)):
        scheduler.step()
        said += telling.poll()
    shown = "".join(one.text for one in said if isinstance(one, Piece) and one.index == 0)
    assert shown == "^I say nobody in this town has ever heard"
    assert [one for one in said if isinstance(one, Truncated)] == [
        Truncated(0, Reason.COPIED, len("^I say nobody in this town has ever heard it,"))
    ]
    assert [one.post.text for one in said if isinstance(one, Finished)] == [
        "^Another that is fine."
    ]
    assert [one.post.text for one in said if isinstance(one, Finished)] == [
        "^Another that is fine."
    ]
    assert parrot._sequences == 2


def test_the_text_behind_a_prompt() -> None:
    for prompt, typed, post, text in (
        ("a b", "a b", "a b c", " c"),
        ("a b ", "a b", "a b c", "c"),
        ("", "", "c d", "c d"),
        (" a", "a", "a b", " b"),
    ):
        choice = Choice(0, prompt, typed, post)
        assert Completion(CompletionRequest(model="ada")).text(choice) == text
        assert Completion(CompletionRequest(model="ada", echo=True)).text(choice) == prompt + text


def test_request_fields_become_options() -> None:
    asked = parse_request(
        {"model": "ada", "top_p": 0, "seed": -1, "max_tokens": 5, "stop": "x"}, CompletionRequest
    ).query("p")
    assert (
        asked.options.top_p,
        asked.options.seed,
        asked.options.max_tokens,
        asked.stops,
        asked.allow_truncated,
    ) == (0.01, 2**32 - 1, 5, ("x",), True)
    assert not parse_request({"model": "ada"}, CompletionRequest).query("p").allow_truncated
