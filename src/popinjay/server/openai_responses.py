"""Responses in the two formats of OpenAI's API: completions, and chat completions."""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from popinjay.sampling.events import Finished, Missing, Piece
from popinjay.sampling.filters import Reason
from popinjay.server.openai_requests import ChatRequest, CompletionRequest, PostsRequest
from popinjay.server.voices.subscriptions import End, Failed, Started, StreamEvent, Truncated

LENGTH_REASONS = (Reason.LONG, Reason.UNFINISHED)


@dataclass
class Choice:
    """One post, as far as it was generated."""

    index: int
    prompt: str
    prefix: str = ""  # the prompt, normalized as posts are
    post: str = ""  # so far
    sent: int = 0  # characters of the text
    finish_reason: Literal["stop", "length", "content_filter"] | None = None
    tokens: int = 0

    @property
    def continuation(self) -> str:
        """The text that follows the prompt."""
        text = self.post.removeprefix(self.prefix)
        if self.prompt[-1:].isspace() or not self.prefix:
            text = text.removeprefix(" ")
        return text

    def apply(self, event: StreamEvent) -> None:
        """Update the post with an event."""
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


class PostsResponse(ABC):
    """The response to a request, as far as it was generated. Subclasses are the formats."""

    ID: ClassVar[str]  # with which ids begin
    OBJECT: ClassVar[str]
    CHUNK: ClassVar[str]  # the object of a part of a streamed response

    def __init__(self, request: PostsRequest) -> None:
        self.request = request
        self.id = f"{self.ID}-{secrets.token_hex(12)}"
        self.created = int(time.time())
        self.prompt_tokens = 0
        prompts = request.prompts
        self._n = request.n or 1
        self.choices = [
            Choice(index, prompts[index // self._n]) for index in range(len(prompts) * self._n)
        ]

    @abstractmethod
    def text(self, choice: Choice) -> str:
        """Return what the client receives of a post, as far as it was generated."""

    @abstractmethod
    def whole(self, choice: Choice) -> dict[str, Any]:
        """Return the JSON object of a choice with all of its text."""

    @abstractmethod
    def parts(self, choice: Choice, text: str) -> list[dict[str, Any]]:
        """Return the JSON objects that a stream has for more of a choice's text, or its end."""

    def opening(self) -> list[dict[str, Any]]:
        """Return the JSON objects of the choices that a stream begins with."""
        return []

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

    def unsent(self, choice: Choice) -> str:
        """Return the text of a choice that was not returned before."""
        text = self.text(choice)[choice.sent :]
        choice.sent += len(text)
        return text

    @property
    def usage(self) -> dict[str, int]:
        """The numbers of tokens read and written."""
        written = sum(choice.tokens for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
        }

    def document(self) -> dict[str, Any]:
        """Return the JSON object of the complete response."""
        choices = [self.whole(choice) for choice in self.choices]
        return self._document(self.OBJECT, choices, usage=self.usage)

    def chunk(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """Return the JSON object of a part of a streamed response."""
        return self._document(self.CHUNK, choices, **more)

    def _document(self, kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.request.model,
            "choices": choices,
            **more,
        }


class Completion(PostsResponse):
    """A response in the format of completions: the text that follows the prompt."""

    ID = "cmpl"
    OBJECT = CHUNK = "text_completion"

    def __init__(self, request: CompletionRequest) -> None:
        super().__init__(request)
        self._echo = bool(request.echo)

    def text(self, choice: Choice) -> str:
        """Return the text that follows the prompt; with `echo`, including the prompt."""
        return (choice.prompt if self._echo else "") + choice.continuation

    def whole(self, choice: Choice) -> dict[str, Any]:
        """Return a choice with all of its text."""
        return self._choice(choice, self.text(choice))

    def parts(self, choice: Choice, text: str) -> list[dict[str, Any]]:
        """Return a choice with more of its text."""
        return [self._choice(choice, text)]

    def _choice(self, choice: Choice, text: str) -> dict[str, Any]:
        return {
            "text": text,
            "index": choice.index,
            "logprobs": None,
            "finish_reason": choice.finish_reason,
        }


class ChatCompletion(PostsResponse):
    """A response in the format of chats: a message of the assistant that is the post."""

    ID = "chatcmpl"
    OBJECT = "chat.completion"
    CHUNK = "chat.completion.chunk"

    def __init__(self, request: ChatRequest) -> None:
        super().__init__(request)
        self._echo = request.echo is not False

    def text(self, choice: Choice) -> str:
        """Return the post; without `echo` what follows the user's words."""
        return choice.post if self._echo else choice.continuation

    def whole(self, choice: Choice) -> dict[str, Any]:
        """Return a choice with its message."""
        return {
            "index": choice.index,
            "message": {"role": "assistant", "content": self.text(choice), "refusal": None},
            "logprobs": None,
            "finish_reason": choice.finish_reason,
        }

    def opening(self) -> list[dict[str, Any]]:
        """Return the role of the message that is to come, for each choice."""
        return [
            _delta(choice.index, {"role": "assistant", "content": ""}) for choice in self.choices
        ]

    def parts(self, choice: Choice, text: str) -> list[dict[str, Any]]:
        """Return more of a message, and the end of a finished one by itself."""
        found = [_delta(choice.index, {"content": text})] if text else []
        if choice.finish_reason:
            found.append(_delta(choice.index, {}, choice.finish_reason))
        return found


def _delta(index: int, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
