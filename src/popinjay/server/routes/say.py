"""The route that has a persona write posts, streamed in pieces as server-sent events."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from popinjay.errors import PopinjayError
from popinjay.options import SayOptions
from popinjay.post import printable
from popinjay.sampling.events import Finished, Missing, Piece, Restart
from popinjay.server.errors import error_responses
from popinjay.server.state import AppState
from popinjay.server.voices.subscriptions import End, GenerationQuery, StreamEvent

if TYPE_CHECKING:
    from popinjay.server.voices.model_pool import Subscription

MAX_POSTS = 100  # per request
MAX_PROMPT_CHARACTERS = 100_000  # the context of every model is shorter
EVENT_STREAM = "text/event-stream"
STREAM_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
    }
}


def option_field(name: str, **changed: Any) -> Any:
    """Return a pydantic field for an option of `popinjay say`, with its default and range."""
    declared = next(field for field in fields(SayOptions) if field.name == name)
    settings = {
        "default": declared.default,
        "ge": declared.metadata["least"],
        "le": declared.metadata["most"],
        "description": declared.metadata["help"],
    }
    return Field(**(settings | changed))


class DialFields(BaseModel):
    """The dials, which change nothing unless they are set."""

    strength: float = option_field("strength")
    length: float = option_field("length")
    emoji: float | None = option_field("emoji")
    hashtags: float | None = option_field("hashtags")

    @property
    def dials(self) -> dict[str, Any]:
        """The values of all dials."""
        return {name: getattr(self, name) for name in DialFields.model_fields}


class Say(DialFields):
    """The prompt and the sampling options."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    prompt: str = Field(
        default="", max_length=MAX_PROMPT_CHARACTERS, description="How the posts begin."
    )
    n: int = option_field("n", le=MAX_POSTS)
    temperature: float | None = option_field("temperature")
    top_p: float | None = option_field("top_p")
    top_k: int = option_field("top_k")
    min_p: float = option_field("min_p")
    repetition_penalty: float = option_field("repetition_penalty")
    max_tokens: int = option_field("max_tokens")
    max_chars: int = option_field("max_chars")
    seed: int | None = option_field("seed")


def routes(state: AppState) -> APIRouter:
    """Return the route /api/personas/NAME/say."""
    router = APIRouter(prefix="/api/personas", tags=["personas"])

    @router.post(
        "/{name}/say",
        responses={**error_responses(404, 409, 503), **STREAM_RESPONSE},
        response_class=StreamingResponse,
    )
    async def say(name: str, body: Say) -> StreamingResponse:
        """Have a persona, or a mix such as `ada+bob`, write posts, streamed as they are written.

        The events are `piece` {place, text}; `again` {place}, the pieces of this post so far are
        void; `post` {place, text, finished}; `missing` {place}, every draft of this post was
        rejected; and last `end` {redrawn, seed}, or `error` {message, hint}.
        """
        seed = secrets.randbits(32) if body.seed is None else body.seed
        options = SayOptions(**(body.model_dump(exclude={"prompt"}) | {"seed": seed}))
        query = GenerationQuery(printable(body.prompt), options)
        subscription = await state.models.submit(name, query)
        try:
            # Errors of the query are raised here, before the response begins.
            first = await subscription.next_events()
        except BaseException:
            subscription.cancel()
            raise
        return StreamingResponse(
            _stream(state, name, body.prompt, seed, subscription, first), media_type=EVENT_STREAM
        )

    return router


async def _stream(
    state: AppState,
    name: str,
    prompt: str,
    seed: int,
    subscription: Subscription,
    events: list[StreamEvent],
) -> AsyncIterator[bytes]:
    """Yield the server-sent events, and cancel the subscription if the client disconnects.

    Args:
        state: Where finished posts are remembered.
        name: The persona.
        prompt: The prompt as the client sent it.
        seed: The seed, for the last event.
        subscription: Where the events come from.
        events: Those that were received already.
    """
    try:
        while True:
            for event in events:
                if isinstance(event, Finished):
                    state.recent_outputs.remember(name, prompt, event.post.text)
            if sent := b"".join(_format_event(event, seed) for event in events):
                yield sent
            if events and isinstance(events[-1], End):
                return
            events = await subscription.next_events()
    except PopinjayError as error:
        yield sse("error", {"message": error.message, "hint": error.page_hint})
    finally:
        subscription.cancel()


def _format_event(event: StreamEvent, seed: int) -> bytes:
    """Return a server-sent event; empty for events that clients do not receive."""
    match event:
        case Piece(index, text):
            return sse("piece", {"place": index, "text": text})
        case Restart(index):
            return sse("again", {"place": index})
        case Finished(index, post):
            return sse("post", {"place": index, "text": post.text, "finished": post.finished})
        case Missing(index):
            return sse("missing", {"place": index})
        case End(redrawn):
            return sse("end", {"redrawn": redrawn, "seed": seed})
    return b""


def sse(kind: str, data: dict[str, Any]) -> bytes:
    """Return a server-sent event."""
    text = f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
    return text.encode("utf-8", "replace")
