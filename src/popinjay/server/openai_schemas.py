"""What responses in OpenAI's formats contain, for the description of the API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from popinjay.server.routes.say import EVENT_STREAM

FinishReason = Literal["stop", "length", "content_filter"]
WHY_FINISHED = (
    "`stop`: the post is complete; `length`: it was truncated; `content_filter`: every draft was "
    "rejected."
)


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Model(_Described):
    """A persona that has a model."""

    id: str = Field(description="The persona's name.")
    object: Literal["model"] = Field(description="`model`.")
    created: int = Field(description="When it last changed, in seconds since 1970.")
    owned_by: str = Field(description="`popinjay`.")


class ModelList(_Described):
    """All personas that have a model."""

    object: Literal["list"] = Field(description="`list`.")
    data: list[Model] = Field(description="The personas, sorted by name.")


class Usage(_Described):
    """The numbers of tokens."""

    prompt_tokens: int = Field(description="Tokens of the prompts.")
    completion_tokens: int = Field(description="Tokens of the posts that were returned.")
    total_tokens: int = Field(description="The sum of both.")


class CompletionChoice(_Described):
    """One post, as what follows the prompt."""

    text: str = Field(description="What follows the prompt; with `echo` all of the post.")
    index: int = Field(description="The place of the post, over all prompts.")
    logprobs: None = Field(description="Always null.")
    finish_reason: FinishReason | None = Field(description=WHY_FINISHED)


class ChatMessage(_Described):
    """One post, as a message."""

    role: Literal["assistant"] = Field(description="`assistant`.")
    content: str = Field(description="The post; with `echo: false` what follows the user's words.")
    refusal: None = Field(description="Always null.")


class ChatChoice(_Described):
    """One post."""

    index: int = Field(description="The place of the post.")
    message: ChatMessage = Field(description="The message.")
    logprobs: None = Field(description="Always null.")
    finish_reason: FinishReason | None = Field(description=WHY_FINISHED)


class _Posts(_Described):
    id: str = Field(description="An id of this response.")
    created: int = Field(description="When it was made, in seconds since 1970.")
    model: str = Field(description="The name of the persona or the mix, as it was asked for.")
    usage: Usage = Field(description="The numbers of tokens.")


class CompletionResponse(_Posts):
    """Posts in the format of completions."""

    object: Literal["text_completion"] = Field(description="`text_completion`.")
    choices: list[CompletionChoice] = Field(description="The posts.")


class ChatResponse(_Posts):
    """Posts in the format of chats."""

    object: Literal["chat.completion"] = Field(description="`chat.completion`.")
    choices: list[ChatChoice] = Field(description="The posts.")


def described(kind: type[BaseModel], *, streams: bool = False) -> dict[int | str, dict[str, Any]]:
    """Describe the response of a route that writes it by itself.

    Args:
        kind: What the response contains.
        streams: Whether it can be a stream instead.
    """
    found: dict[str, Any] = {"model": kind, "description": (kind.__doc__ or "").rstrip(".")}
    if streams:
        found["content"] = {EVENT_STREAM: {"schema": {"type": "string"}}}
    return {200: found}
