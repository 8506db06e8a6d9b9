"""Requests in the two formats of OpenAI's API: completions, and chat completions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from popinjay.options import SayOptions
from popinjay.post import printable
from popinjay.server.openai_errors import InvalidRequest
from popinjay.server.routes.say import MAX_PROMPT_CHARACTERS, DialFields, option_field
from popinjay.server.voices.subscriptions import GenerationQuery

MAX_CHOICES = 128
MAX_STOPS = 4
MIN_TOP_P = 0.01  # below it only the most probable token is left anyway
Text = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
Stop = Annotated[str, Field(min_length=1, max_length=1_000)]


class StreamOptions(BaseModel):
    """What a stream contains besides the text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    include_usage: bool | None = Field(
        default=None, description="Send a last chunk with the numbers of tokens."
    )
    include_obfuscation: bool | None = Field(
        default=None, description="Ignored: no obfuscation is added."
    )


class PostsRequest(DialFields):
    """A request for posts: what both formats have. A parameter that is null counts as not given."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    # Parameters that are not supported, each with the values that change nothing.
    UNSUPPORTED: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "logit_bias": (None, {}),
        "presence_penalty": (None, 0),
        "frequency_penalty": (None, 0),
    }

    model: str = Field(
        max_length=1_000,
        description="A persona's name, or several of one base model, mixed: `ada+bob`, or "
        "`ada=0.7,bob=0.3` with weights.",
    )
    n: int | None = Field(default=1, ge=1, le=MAX_CHOICES, description="Posts per prompt.")
    temperature: float | None = Field(
        default=None, ge=0, le=10, description="Default: the persona's own."
    )
    top_p: float | None = Field(default=None, ge=0, le=1, description="Default: the persona's own.")
    seed: int | None = Field(
        default=None, ge=-(2**63), le=2**63 - 1, description="The same seed gives the same posts."
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="Truncate posts after this many tokens. Default: complete posts.",
    )
    stop: Stop | list[Stop] | None = Field(
        default=None, description="A post ends before any of these texts."
    )
    stream: bool | None = Field(default=False, description="Send posts as they are written.")
    stream_options: StreamOptions | None = Field(default=None, description="Only with stream.")
    user: str | None = Field(default=None, description="Ignored.")
    logit_bias: dict[str, float] | None = Field(default=None, description="Not supported.")
    presence_penalty: float | None = Field(default=0, description="Not supported.")
    frequency_penalty: float | None = Field(default=0, description="Not supported.")
    max_chars: int = option_field("max_chars")
    top_k: int = option_field("top_k")
    min_p: float = option_field("min_p")
    repetition_penalty: float = option_field("repetition_penalty")

    @property
    @abstractmethod
    def prompts(self) -> list[str]:
        """The prompts, without unprintable characters."""

    @property
    def token_limit(self) -> int | None:
        """After how many tokens posts are truncated; None for complete posts."""
        return self.max_tokens

    @property
    def ignored(self) -> tuple[str, ...]:
        """Parts of the request that have no effect, for a header of the response."""
        return ()

    @property
    def includes_usage(self) -> bool:
        """Whether a stream ends with the numbers of tokens."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def check_supported(self) -> None:
        """Raise InvalidRequest for what OpenAI's API allows and popinjay does not."""
        for name, without_effect in self.UNSUPPORTED.items():
            if getattr(self, name) not in without_effect:
                raise InvalidRequest(f"{name} is not supported: leave it out.", name)
        if self.stream_options is not None and not self.stream:
            raise InvalidRequest("stream_options requires stream: true.", "stream_options")
        if isinstance(self.stop, list) and len(self.stop) > MAX_STOPS:
            raise InvalidRequest(f"stop takes at most {MAX_STOPS} texts.", "stop")
        if not 0 < len(self.prompts) * (self.n or 1) <= MAX_CHOICES:
            raise InvalidRequest(
                f"A request is for 1 to {MAX_CHOICES} posts, over all of its prompts.", "prompt"
            )

    def query(self, prompt: str) -> GenerationQuery:
        """Return the query to the persona for one of the prompts."""
        options = SayOptions(
            n=self.n or 1,
            temperature=self.temperature,
            top_p=None if self.top_p is None else max(MIN_TOP_P, self.top_p),
            top_k=self.top_k,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            max_tokens=self.token_limit or SayOptions.max_tokens,
            max_chars=self.max_chars,
            seed=None if self.seed is None else self.seed % 2**32,
            **self.dials,
        )
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return GenerationQuery(
            prompt,
            options,
            stops,
            allow_truncated=self.token_limit is not None,
            live=bool(self.stream),
            append_only=bool(self.stream),
        )


class CompletionRequest(PostsRequest):
    """A request for completions. A parameter that is null counts as not given."""

    UNSUPPORTED: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        **PostsRequest.UNSUPPORTED,
        "suffix": (None, ""),
        "logprobs": (None,),
    }

    prompt: Text | list[Text] | None = Field(
        default="", description="How the posts begin; a list for several prompts."
    )
    best_of: int | None = Field(default=None, description="Not supported, unless it equals n.")
    echo: bool | None = Field(default=False, description="Include the prompt in the text.")
    suffix: str | None = Field(default=None, description="Not supported.")
    logprobs: int | None = Field(default=None, description="Not supported.")

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

    def check_supported(self) -> None:
        """Raise InvalidRequest for what OpenAI's API allows and popinjay does not."""
        super().check_supported()
        if self.best_of not in (None, self.n or 1):
            raise InvalidRequest("best_of is not supported: request n posts and choose.", "best_of")


class ContentPart(BaseModel):
    """A part of a message's content."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str = Field(max_length=100, description="`text`: other parts can't be read.")
    text: Text | None = Field(default=None, description="The text, in a part of this type.")


class Message(BaseModel):
    """A message of a chat. Only the last one of the user has an effect."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant", "tool", "function"] = Field(
        description="Who wrote it."
    )
    content: Text | list[ContentPart] | None = Field(
        default=None, description="Its text, whole or in parts."
    )


class ChatRequest(PostsRequest):
    """A request for chat completions. A parameter that is null counts as not given."""

    UNSUPPORTED: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        **PostsRequest.UNSUPPORTED,
        "logprobs": (None, False),
        "top_logprobs": (None, 0),
        "tools": (None, []),
        "functions": (None, []),
        "response_format": (None, {"type": "text"}),
        "modalities": (None, ["text"]),
    }

    messages: list[Message] = Field(
        min_length=1,
        max_length=10_000,
        description="The last message of the user begins the posts; if it is empty, nothing does. "
        "All others are ignored.",
    )
    max_completion_tokens: int | None = Field(
        default=None, ge=1, le=100_000, description="The newer name of max_tokens."
    )
    echo: bool | None = Field(
        default=True,
        description="Whether the content includes the user's words, with which the post begins.",
    )
    logprobs: bool | None = Field(default=None, description="Not supported.")
    top_logprobs: int | None = Field(default=None, description="Not supported.")
    tools: list[Any] | None = Field(default=None, description="Not supported.")
    tool_choice: Any = Field(default=None, description="Ignored: there are no tools.")
    parallel_tool_calls: bool | None = Field(default=None, description="Ignored.")
    functions: list[Any] | None = Field(default=None, description="Not supported.")
    function_call: Any = Field(default=None, description="Ignored: there are no functions.")
    response_format: dict[str, Any] | None = Field(
        default=None, description="Not supported, unless its type is text."
    )
    modalities: list[str] | None = Field(
        default=None, description="Not supported, unless it is text alone."
    )
    metadata: dict[str, Any] | None = Field(default=None, description="Ignored.")
    store: bool | None = Field(default=None, description="Ignored: nothing is stored.")
    service_tier: str | None = Field(default=None, description="Ignored.")
    reasoning_effort: str | None = Field(default=None, description="Ignored.")
    verbosity: str | None = Field(default=None, description="Ignored.")
    prompt_cache_key: str | None = Field(default=None, description="Ignored.")
    safety_identifier: str | None = Field(default=None, description="Ignored.")

    @property
    def prompts(self) -> list[str]:
        """The last message of the user, without unprintable characters; empty without one."""
        last = self._last_of_user
        content = None if last is None else last.content
        if isinstance(content, list):
            content = " ".join(part.text or "" for part in content)
        return [printable(content or "")]

    @property
    def _last_of_user(self) -> Message | None:
        return next((one for one in reversed(self.messages) if one.role == "user"), None)

    @property
    def token_limit(self) -> int | None:
        """After how many tokens posts are truncated; None for complete posts."""
        given = self.max_completion_tokens
        return self.max_tokens if given is None else given

    @property
    def ignored(self) -> tuple[str, ...]:
        """The roles of messages that have no effect, each once."""
        last = self._last_of_user
        return tuple(dict.fromkeys(one.role for one in self.messages if one is not last))

    def check_supported(self) -> None:
        """Raise InvalidRequest for what OpenAI's API allows and popinjay does not."""
        super().check_supported()
        last = self._last_of_user
        if last is not None and isinstance(last.content, list):
            for part in last.content:
                if part.type != "text":
                    raise InvalidRequest(
                        f"A persona reads text only, no content of the type {part.type!r}.",
                        "messages",
                    )


Kind = TypeVar("Kind", bound=PostsRequest)


def parse_request(document: Any, kind: type[Kind]) -> Kind:
    """Return the request in a JSON document. Raises InvalidRequest."""
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        request = kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        param = str(first["loc"][0]) if first["loc"] else None
        message = (
            f"Unrecognized request argument supplied: {param}"
            if first["type"] == "extra_forbidden" and len(first["loc"]) == 1
            else f"{_place(first['loc'])}: {first['msg']}"
        )
        raise InvalidRequest(message, param) from error
    request.check_supported()
    return request


def _place(location: tuple[int | str, ...]) -> str:
    """Return where an error is, such as `messages.2.role`: without pydantic's names of types."""
    end = 3 if location[:1] == ("messages",) else 1
    return ".".join(map(str, location[:end]))
