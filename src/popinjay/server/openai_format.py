"""OpenAI's completions format: the request, the response and the error object."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from popinjay.errors import PopinjayError
from popinjay.options import SayOptions
from popinjay.post import printable
from popinjay.sampling.events import Finished, Missing, Piece
from popinjay.sampling.filters import Reason
from popinjay.server.errors import status_of
from popinjay.server.routes.say import MAX_PROMPT_CHARACTERS, option_field
from popinjay.server.voices.subscriptions import (
    End,
    Failed,
    GenerationQuery,
    Started,
    StreamEvent,
    Truncated,
)

MAX_CHOICES = 128
MAX_STOPS = 4
MIN_TOP_P = 0.01  # below it only the most probable token is left anyway
UNSUPPORTED = ("suffix", "logprobs", "logit_bias", "presence_penalty", "frequency_penalty")
LENGTH_REASONS = (Reason.LONG, Reason.UNFINISHED)
Text = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
Stop = Annotated[str, Field(min_length=1, max_length=1_000)]


class InvalidRequest(PopinjayError):
    """A request is invalid; `param` is the parameter that is the reason."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class StreamOptions(BaseModel):
    """What a stream contains besides the text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = Field(
        default=None, description="Ignored: no obfuscation is added."
    )


class CompletionRequest(BaseModel):
    """A request for completions. A parameter that is null counts as not given."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: str = Field(max_length=200, description="A persona's name.")
    prompt: Text | list[Text] | None = Field(
        default="", description="How the posts begin; a list for several prompts."
    )
    n: int | None = Field(default=1, ge=1, le=MAX_CHOICES, description="Posts per prompt.")
    best_of: int | None = Field(default=None, description="Not supported, unless it equals n.")
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Truncate posts after this many tokens. Default: complete posts.",
    )
    temperature: float | None = Field(
        default=None, ge=0, le=10, description="Default: the persona's own."
    )
    top_p: float | None = Field(default=None, ge=0, le=1, description="Default: the persona's own.")
    seed: int | None = Field(
        default=None, ge=-(2**63), le=2**63 - 1, description="The same seed gives the same posts."
    )
    stop: Stop | list[Stop] | None = Field(
        default=None, description="A post ends before any of these texts."
    )
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    echo: bool | None = Field(default=False, description="Include the prompt in the text.")
    user: str | None = Field(default=None, description="Ignored.")
    suffix: str | None = Field(default=None, description="Not supported.")
    logprobs: int | None = Field(default=None, description="Not supported.")
    logit_bias: dict[str, float] | None = Field(default=None, description="Not supported.")
    presence_penalty: float | None = Field(default=0, description="Not supported.")
    frequency_penalty: float | None = Field(default=0, description="Not supported.")
    max_chars: int = option_field("max_chars")
    top_k: int = option_field("top_k")
    min_p: float = option_field("min_p")
    repetition_penalty: float = option_field("repetition_penalty")

    @field_validator("prompt", mode="before")
    @classmethod
    def _is_text(cls, given: object) -> object:
        if isinstance(given, list) and any(isinstance(one, int | list) for one in given):
            raise ValueError("prompts of token ids are not supported: send text")
        return given

    @property
    def prompts(self) -> list[str]:
        """The prompts, without unprintable characters."""
        found = "" if self.prompt is None else self.prompt
        return [printable(one) for one in found] if isinstance(found, list) else [printable(found)]

    def query(self, prompt: str) -> GenerationQuery:
        """Return the query to the persona for one of the prompts."""
        options = SayOptions(
            n=self.n or 1,
            temperature=self.temperature,
            top_p=None if self.top_p is None else max(MIN_TOP_P, self.top_p),
            top_k=self.top_k,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            max_tokens=self.max_tokens or SayOptions.max_tokens,
            max_chars=self.max_chars,
            seed=None if self.seed is None else self.seed % 2**32,
        )
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return GenerationQuery(
            prompt,
            options,
            stops,
            allow_truncated=self.max_tokens is not None,
            live=bool(self.stream),
            append_only=bool(self.stream),
        )


def parse_request(document: Any) -> CompletionRequest:
    """Return the request in a JSON document. Raises InvalidRequest."""
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        request = CompletionRequest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        param = str(first["loc"][0]) if first["loc"] else None
        message = (
            f"Unrecognized request argument supplied: {param}"
            if first["type"] == "extra_forbidden"
            else f"{param}: {first['msg']}"
        )
        raise InvalidRequest(message, param) from error
    _check_supported(request)
    return request


def _check_supported(request: CompletionRequest) -> None:
    """Raise InvalidRequest for what OpenAI's API allows and popinjay does not."""
    for name in UNSUPPORTED:
        value = getattr(request, name)
        if value not in (None, 0, "", {}) or (name == "logprobs" and value is not None):
            raise InvalidRequest(f"{name} is not supported: leave it out.", name)
    if request.best_of not in (None, request.n or 1):
        raise InvalidRequest("best_of is not supported: request n posts and choose.", "best_of")
    if request.stream_options is not None and not request.stream:
        raise InvalidRequest("stream_options requires stream: true.", "stream_options")
    if isinstance(request.stop, list) and len(request.stop) > MAX_STOPS:
        raise InvalidRequest(f"stop takes at most {MAX_STOPS} texts.", "stop")
    if not 0 < len(request.prompts) * (request.n or 1) <= MAX_CHOICES:
        raise InvalidRequest(
            f"A request is for 1 to {MAX_CHOICES} posts, over all of its prompts.", "prompt"
        )


def error_response(error: PopinjayError) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of the response to a request that failed."""
    is_invalid = isinstance(error, InvalidRequest) or status_of(error) == 422
    status = 400 if is_invalid else status_of(error)
    not_found = status == 404
    param = error.param if isinstance(error, InvalidRequest) else "model" if not_found else None
    return status, {
        "error": {
            "message": f"{error.message} {error.hint}".rstrip(),
            "type": "server_error" if status >= 500 else "invalid_request_error",
            "param": param,
            "code": "model_not_found" if not_found else None,
        }
    }


@dataclass
class Choice:
    """One completion, as far as it was generated."""

    index: int
    prompt: str
    echo: bool
    prefix: str = ""  # the prompt, normalized as posts are
    post: str = ""  # so far
    sent: int = 0  # characters of the text
    finish_reason: Literal["stop", "length", "content_filter"] | None = None
    tokens: int = 0

    @property
    def text(self) -> str:
        """The text that follows the prompt; with `echo`, including the prompt."""
        continuation = self.post.removeprefix(self.prefix)
        if self.prompt[-1:].isspace() or not self.prefix:
            continuation = continuation.removeprefix(" ")
        return (self.prompt if self.echo else "") + continuation

    def apply(self, event: StreamEvent) -> None:
        """Update the completion with an event of its post."""
        match event:
            case Piece(_, text):
                self.post += text
            case Finished(_, post):
                self.post = post.text
                self.tokens = post.tokens
                self.finish_reason = "stop" if post.finished else "length"
            case Missing():
                self.finish_reason = "content_filter"
            case Truncated(_, reason, tokens):
                self.tokens = tokens
                self.finish_reason = "length" if reason in LENGTH_REASONS else "content_filter"

    def document(self, text: str) -> dict[str, Any]:
        """Return the JSON object of this choice, with all or a part of its text."""
        return {
            "text": text,
            "index": self.index,
            "logprobs": None,
            "finish_reason": self.finish_reason,
        }


@dataclass
class Completion:
    """The response to a request, as far as it was generated."""

    request: CompletionRequest
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))
    choices: list[Choice] = field(init=False)
    prompt_tokens: int = 0

    def __post_init__(self) -> None:
        prompts = self.request.prompts
        self.choices = [
            Choice(index, prompts[index // self._n], bool(self.request.echo))
            for index in range(len(prompts) * self._n)
        ]

    @property
    def _n(self) -> int:
        return self.request.n or 1

    def apply(self, prompt_index: int, events: list[StreamEvent]) -> list[Choice]:
        """Update the response with events of one of the prompts; return the changed choices."""
        first = prompt_index * self._n
        changed: dict[int, Choice] = {}
        for event in events:
            if isinstance(event, Started):
                self.prompt_tokens += event.tokens
                for choice in self.choices[first : first + self._n]:
                    choice.prefix = event.prefix
            elif not isinstance(event, End | Failed):
                choice = self.choices[first + event.index]
                changed[event.index] = choice
                choice.apply(event)
        return list(changed.values())

    @property
    def usage(self) -> dict[str, int]:
        """The numbers of tokens read and written."""
        written = sum(choice.tokens for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
        }

    def document(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """Return the JSON object of a response, or of a chunk of a streamed one."""
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.request.model,
            "choices": choices,
            **more,
        }

    def complete_document(self) -> dict[str, Any]:
        """Return the JSON object of the complete response."""
        choices = [choice.document(choice.text) for choice in self.choices]
        return self.document(choices, usage=self.usage)
