"""OpenAI's form of a completion: what a request may say, and how answers and refusals look."""

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
from popinjay.server.routes.say import MOST_PROMPT, option
from popinjay.server.voices.subscriptions import (
    Began,
    Cut,
    End,
    Failed,
    GenerationQuery,
    StreamEvent,
)

MOST_CHOICES = 128
MOST_STOPS = 4
LEAST_TOP_P = 0.01  # below it only the likeliest token is left in any case
NOT_HERE = ("suffix", "logprobs", "logit_bias", "presence_penalty", "frequency_penalty")
TOO_LONG = (Reason.LONG, Reason.UNFINISHED)
Text = Annotated[str, Field(max_length=MOST_PROMPT)]
Stop = Annotated[str, Field(min_length=1, max_length=1_000)]


class Senseless(PopinjayError):
    """A request that makes no sense here, and which of its parameters does not."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class StreamOptions(BaseModel):
    """What a stream has beside the text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = Field(
        default=None, description="Ignored: nothing is added here."
    )


class Body(BaseModel):
    """A request for completions. What is null is as if it were not there."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: str = Field(max_length=200, description="A persona's name.")
    prompt: Text | list[Text] | None = Field(
        default="", description="How posts begin, or several such beginnings."
    )
    n: int | None = Field(default=1, ge=1, le=MOST_CHOICES, description="Posts for each prompt.")
    best_of: int | None = Field(default=None, description="Not here, unless it is n.")
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Break posts off after so many tokens. Default: a whole post.",
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
    echo: bool | None = Field(
        default=False, description="Give the prompt back before what follows it."
    )
    user: str | None = Field(default=None, description="Ignored.")
    suffix: str | None = Field(default=None, description="Not here.")
    logprobs: int | None = Field(default=None, description="Not here.")
    logit_bias: dict[str, float] | None = Field(default=None, description="Not here.")
    presence_penalty: float | None = Field(default=0, description="Not here.")
    frequency_penalty: float | None = Field(default=0, description="Not here.")
    max_chars: int = option("max_chars")
    top_k: int = option("top_k")
    min_p: float = option("min_p")
    repetition_penalty: float = option("repetition_penalty")

    @field_validator("prompt", mode="before")
    @classmethod
    def _is_text(cls, given: object) -> object:
        if isinstance(given, list) and any(isinstance(one, int | list) for one in given):
            raise ValueError("prompts of token numbers are not read here: send text")
        return given

    @property
    def prompts(self) -> list[str]:
        """The prompts."""
        found = "" if self.prompt is None else self.prompt
        return [printable(one) for one in found] if isinstance(found, list) else [printable(found)]

    def asked(self, prompt: str) -> GenerationQuery:
        """What is asked of the persona for one of the prompts."""
        options = SayOptions(
            n=self.n or 1,
            temperature=self.temperature,
            top_p=None if self.top_p is None else max(LEAST_TOP_P, self.top_p),
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
            broken_off=self.max_tokens is not None,
            live=bool(self.stream),
            for_good=bool(self.stream),
        )


def parsed(given: Any) -> Body:
    """The request that this JSON is. Raises Senseless."""
    if not isinstance(given, dict):
        raise Senseless("The body must be a JSON object.")
    try:
        body = Body.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        param = str(first["loc"][0]) if first["loc"] else None
        said = (
            f"Unrecognized request argument supplied: {param}"
            if first["type"] == "extra_forbidden"
            else f"{param}: {first['msg']}"
        )
        raise Senseless(said, param) from error
    for name in NOT_HERE:
        if getattr(body, name) not in (None, 0, "", {}) or (
            name == "logprobs" and body.logprobs is not None
        ):
            raise Senseless(f"{name} is not supported here: leave it out.", name)
    if body.best_of not in (None, body.n or 1):
        raise Senseless("best_of is not supported here: ask for n, and choose.", "best_of")
    if body.stream_options is not None and not body.stream:
        raise Senseless("stream_options is only for stream: true.", "stream_options")
    if isinstance(body.stop, list) and len(body.stop) > MOST_STOPS:
        raise Senseless(f"stop takes {MOST_STOPS} texts at most.", "stop")
    if not 0 < len(body.prompts) * (body.n or 1) <= MOST_CHOICES:
        raise Senseless(
            f"A request is for 1 to {MOST_CHOICES} posts, over all of its prompts.", "prompt"
        )
    return body


def refusal(error: PopinjayError) -> tuple[int, dict[str, Any]]:
    """The status and the body that say no."""
    status = 400 if isinstance(error, Senseless) or status_of(error) == 422 else status_of(error)
    missing = status == 404
    kind = "server_error" if status >= 500 else "invalid_request_error"
    param = error.param if isinstance(error, Senseless) else "model" if missing else None
    message = f"{error.message} {error.hint}".rstrip()
    return status, {
        "error": {
            "message": message,
            "type": kind,
            "param": param,
            "code": "model_not_found" if missing else None,
        }
    }


@dataclass
class Choice:
    """One completion on its way."""

    index: int
    prompt: str
    echo: bool
    typed: str = ""  # the prompt, as posts have it
    post: str = ""  # so far
    sent: int = 0  # characters of the text
    finish_reason: Literal["stop", "length", "content_filter"] | None = None
    tokens: int = 0

    @property
    def text(self) -> str:
        """What a client puts behind its prompt, or with `echo` prompt and all."""
        behind = self.post.removeprefix(self.typed)
        if self.prompt[-1:].isspace() or not self.typed:
            behind = behind.removeprefix(" ")
        return (self.prompt if self.echo else "") + behind

    def take(self, told: StreamEvent) -> None:
        """What is new of it."""
        match told:
            case Piece(_, text):
                self.post += text
            case Finished(_, said):
                self.post, self.tokens, self.finish_reason = (
                    said.text,
                    said.tokens,
                    "stop" if said.finished else "length",
                )
            case Missing():
                self.finish_reason = "content_filter"
            case Cut(_, reason, tokens):
                self.tokens, self.finish_reason = (
                    tokens,
                    "length" if reason in TOO_LONG else "content_filter",
                )

    def shown(self, text: str) -> dict[str, Any]:
        """It, or a part of it, as it is sent."""
        return {
            "text": text,
            "index": self.index,
            "logprobs": None,
            "finish_reason": self.finish_reason,
        }


@dataclass
class Completion:
    """A request's answer on its way."""

    body: Body
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))
    choices: list[Choice] = field(init=False)
    prompt_tokens: int = 0

    def __post_init__(self) -> None:
        prompts, n = self.body.prompts, self.body.n or 1
        self.choices = [
            Choice(index, prompts[index // n], bool(self.body.echo))
            for index in range(len(prompts) * n)
        ]

    def take(self, prompt: int, told: list[StreamEvent]) -> list[Choice]:
        """What the persona told for one of the prompts; which choices it is about."""
        first = prompt * (self.body.n or 1)
        about: dict[int, Choice] = {}
        for one in told:
            if isinstance(one, Began):
                self.prompt_tokens += one.tokens
                for choice in self.choices[first : first + (self.body.n or 1)]:
                    choice.typed = one.typed
            elif not isinstance(one, End | Failed):
                choice = about[one.place] = self.choices[first + one.place]
                choice.take(one)
        return list(about.values())

    @property
    def usage(self) -> dict[str, int]:
        """Tokens that were read and written."""
        written = sum(choice.tokens for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
        }

    def document(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """An answer, or a part of one."""
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.body.model,
            "choices": choices,
            **more,
        }

    def whole(self) -> dict[str, Any]:
        """The answer, when all is there."""
        return self.document(
            [choice.shown(choice.text) for choice in self.choices], usage=self.usage
        )
