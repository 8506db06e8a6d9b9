"""Tests of chat completions: OpenAI's own client, and requests as Open WebUI sends them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from popinjay.options import SayOptions
from popinjay.persona import load
from popinjay.sampling.events import Finished, GeneratedPost, Missing, Piece
from popinjay.server.openai_requests import ChatRequest, parse_request
from popinjay.server.openai_responses import ChatCompletion
from popinjay.server.openai_schemas import ChatResponse, ModelList
from popinjay.server.voices.subscriptions import End, Started
from serving import Client
from speaking_persona import put_persona

PROMPT = "My dream is"
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
USER = {"role": "user", "content": PROMPT}
# What Open WebUI sends after the first answer of a chat, to give it a title.
TITLE_TASK = """### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Guidelines:
- The title should clearly represent the main theme or subject of the conversation.
- Use emojis that enhance understanding of the topic, but avoid quotation marks.
- Write the title in the chat's primary language; default to English if multilingual.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: My dream is
ASSISTANT: My dream is a parrot.
</chat_history>"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("chats")
    put_persona(home, "ada")
    load("ada", home).decoder()
    return home


def expected(home: Path, prompt: str = PROMPT, **options: Any) -> list[GeneratedPost]:
    return list(load("ada", home).stream(prompt, SayOptions(**options)))


def undisturbed(home: Path) -> int:
    """Return a seed whose post is a first draft: a stream can't withdraw what it sent."""
    for seed in range(100):
        stream = load("ada", home).stream(PROMPT, SayOptions(n=1, seed=seed))
        list(stream)
        if not stream.tally.redrawn:
            return seed
    raise AssertionError("no seed gives a first draft")


def ask(client: Client, messages: list[Any], **more: Any) -> Any:
    body = {"model": "ada", "messages": messages, "seed": 4, **more}
    return client.ask("POST", "/v1/chat/completions", body, {"Authorization": "Bearer sk-none"})


def content(client: Client, messages: list[Any], **more: Any) -> str:
    answer = ask(client, messages, **more)
    assert answer.status == 200, answer.body
    return str(answer.json["choices"][0]["message"]["content"])


def test_answers_are_whole_posts(ai: openai.OpenAI, home: Path) -> None:
    answer = ai.chat.completions.create(
        model="ada",
        messages=[{"role": "user", "content": PROMPT}],
        n=3,
        seed=4,
        temperature=0.9,
        top_p=0.9,
    )
    posts = expected(home, n=3, seed=4, temperature=0.9, top_p=0.9)
    assert [choice.message.content for choice in answer.choices] == [post.text for post in posts]
    assert all(post.text.startswith(PROMPT) for post in posts)
    assert {choice.message.role for choice in answer.choices} == {"assistant"}
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert [choice.finish_reason for choice in answer.choices] == [
        "stop" if post.finished else "length" for post in posts
    ]
    assert (answer.model, answer.object) == ("ada", "chat.completion")
    ChatResponse.model_validate(answer.model_dump(exclude_unset=True))
    assert answer.usage is not None
    assert answer.usage.completion_tokens == sum(post.tokens for post in posts)
    assert answer.usage.prompt_tokens == len(load("ada", home).decoder().encode(PROMPT))


def test_without_echo_an_answer_is_what_follows(client: Client, home: Path) -> None:
    post = expected(home, n=1, seed=4)[0].text
    assert content(client, [USER], echo=False) == post.removeprefix(PROMPT)
    assert content(client, [USER], echo=None) == post


def test_the_last_message_of_the_user_begins_the_post(client: Client, home: Path) -> None:
    post = expected(home, n=1, seed=4)[0].text
    earlier = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello you"}]
    answer = ask(client, [SYSTEM, *earlier, USER])
    assert answer.json["choices"][0]["message"]["content"] == post
    assert answer.headers["X-Popinjay-Ignored"] == "system, user, assistant"
    assert ask(client, [USER]).headers["X-Popinjay-Ignored"] is None
    begun = [USER, {"role": "assistant", "content": "It is"}]
    assert content(client, begun) == post


@pytest.mark.parametrize(
    "last",
    [
        {"role": "user", "content": ""},
        {"role": "user", "content": None},
        {"role": "user", "content": []},
        {"role": "system", "content": "Only a system message."},
    ],
)
def test_an_empty_message_is_no_prompt(client: Client, home: Path, last: Any) -> None:
    assert content(client, [last]) == expected(home, "", n=1, seed=4)[0].text


def test_content_may_come_in_parts(client: Client, home: Path) -> None:
    parts = [{"type": "text", "text": "My dream"}, {"type": "text", "text": "is"}]
    post = expected(home, n=1, seed=4)[0].text
    assert content(client, [{"role": "user", "content": parts}]) == post
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    refused = ask(client, [{"role": "user", "content": [*parts, picture]}])
    assert (refused.status, refused.json["error"]["param"]) == (400, "messages")
    assert "'image_url'" in refused.message
    with_earlier_picture = [{"role": "user", "content": [picture]}, USER]
    assert content(client, with_earlier_picture) == post


def test_a_streamed_answer_has_a_role_pieces_an_end_and_usage(
    ai: openai.OpenAI, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popinjay.server.voices.model_pool.PACE", 0.0)
    chunks = list(
        ai.chat.completions.create(
            model="ada",
            messages=[{"role": "user", "content": PROMPT}],
            n=2,
            seed=4,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert [chunk.choices[0].delta.role for chunk in chunks[:2]] == ["assistant", "assistant"]
    texts, ends = ["", ""], ["", ""]
    for chunk in chunks[:-1]:
        (choice,) = chunk.choices
        assert not ends[choice.index], "something came after the end"
        texts[choice.index] += choice.delta.content or ""
        ends[choice.index] = choice.finish_reason or ""
    posts = expected(home, n=2, seed=4)
    for text, end, post in zip(texts, ends, posts, strict=True):
        assert end
        assert text == post.text or end == "content_filter"
    assert len(chunks) > 8
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 10


def test_a_token_limit_truncates_answers(client: Client) -> None:
    for limit in ({"max_tokens": 4}, {"max_completion_tokens": 4}):
        answer = ask(client, [{"role": "user", "content": ""}], n=8, **limit)
        assert "length" in [choice["finish_reason"] for choice in answer.json["choices"]]
        assert answer.json["usage"]["completion_tokens"] <= 8 * 4


def test_an_answer_ends_before_a_stop(client: Client, home: Path) -> None:
    whole = expected(home, n=1, seed=4)[0].text
    stop = whole[len(whole) // 2 :][:4]
    assert content(client, [USER], stop=[stop]).strip() == whole[: whole.index(stop)].strip()


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"presence_penalty": 1.0}, "presence_penalty"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "parrot", "content": "a"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages"),
        ({"prompt": "a"}, "prompt"),
        ({"n": 129}, "n"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_a_persona_cannot_do_is_refused(
    ai: openai.OpenAI, given: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ai.chat.completions.create(
            model="ada", messages=[{"role": "user", "content": PROMPT}], extra_body=given
        )
    error = refused.value.body
    assert isinstance(error, dict)
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


def test_parameters_without_effect_are_accepted(client: Client, home: Path) -> None:
    harmless = {
        "tools": [],
        "tool_choice": "none",
        "logprobs": False,
        "response_format": {"type": "text"},
        "modalities": ["text"],
        "metadata": {"chat": "1"},
        "store": False,
        "user": "me",
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logit_bias": {},
        "reasoning_effort": "low",
    }
    assert content(client, [USER], **harmless) == expected(home, n=1, seed=4)[0].text


def test_open_webui_lists_asks_streams_and_titles(client: Client, home: Path) -> None:
    bearer = {"Authorization": "Bearer sk-none", "Content-Type": "application/json"}
    listed = client.ask("GET", "/v1/models", headers=bearer).json
    ModelList.model_validate(listed)
    assert [(one["id"], one["object"]) for one in listed["data"]] == [("ada", "model")]
    seed = undisturbed(home)
    options = {"include_usage": True}
    answer = ask(client, [SYSTEM, USER], stream=True, stream_options=options, seed=seed)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = [line for line in answer.body.decode().split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["total_tokens"] > 0
    text = "".join(
        choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]
    )
    assert text == expected(home, n=1, seed=seed)[0].text
    # No post begins with such a text. Open WebUI then takes the first message for the title.
    refused = ask(client, [{"role": "user", "content": TITLE_TASK}], max_completion_tokens=1000)
    assert refused.status == 400
    assert refused.message.endswith("posts are 280 at most. Shorten it, or raise max_chars.")


def test_unknown_paths_are_answered_in_openais_form(client: Client, ai: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        ai.embeddings.create(model="ada", input="a")
    error = refused.value.body
    assert isinstance(error, dict)
    assert error["message"] == "Unknown request URL: POST /v1/embeddings. See /docs."
    assert error["type"] == "invalid_request_error"
    for path in ("/v1", "/v1/", "/v1/chat"):
        assert set(client.ask("GET", path).json["error"]) == {"message", "type", "param", "code"}
    wrong = client.ask("GET", "/v1/chat/completions")
    assert wrong.status == 405
    assert wrong.message.startswith("Method Not Allowed. ")


def test_a_rejected_post_has_no_text_and_a_reason() -> None:
    request = parse_request({"model": "ada", "messages": [USER], "n": 2}, ChatRequest)
    answer = ChatCompletion(request)
    answer.apply(
        0,
        [Started("a", 1), Missing(1), Piece(0, "a b"), Finished(0, GeneratedPost("a b", 3, True))],
    )
    assert answer.apply(0, [End({})]) == []
    whole = answer.document()["choices"]
    assert [choice["message"]["content"] for choice in whole] == ["a b", ""]
    assert [choice["finish_reason"] for choice in whole] == ["stop", "content_filter"]
    assert [answer.parts(choice, answer.unsent(choice)) for choice in answer.choices] == [
        [
            {"index": 0, "delta": {"content": "a b"}, "logprobs": None, "finish_reason": None},
            {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"},
        ],
        [{"index": 1, "delta": {}, "logprobs": None, "finish_reason": "content_filter"}],
    ]
