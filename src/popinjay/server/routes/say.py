"""What the page has a persona say: posts piece by piece, as server-sent events."""

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
from popinjay.server.errors import may_refuse
from popinjay.server.state import AppState
from popinjay.server.voices.subscriptions import End, GenerationQuery, StreamEvent

if TYPE_CHECKING:
    from popinjay.server.voices.model_pool import Subscription

MOST_POSTS = 100  # at a time
MOST_PROMPT = 100_000  # characters; every model's context ends sooner
EVENTS = "text/event-stream"
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events", "content": {EVENTS: {"schema": {"type": "string"}}}}
}


def option(name: str, **changed: Any) -> Any:
    """A field of a body that is an option of `popinjay say`, with its default and bounds."""
    declared = next(field for field in fields(SayOptions) if field.name == name)
    told = {
        "default": declared.default,
        "ge": declared.metadata["least"],
        "le": declared.metadata["most"],
        "description": declared.metadata["help"],
    }
    return Field(**(told | changed))


class Say(BaseModel):
    """How posts begin, and how they are drawn."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    prompt: str = Field(default="", max_length=MOST_PROMPT, description="How posts begin.")
    n: int = option("n", le=MOST_POSTS)
    temperature: float | None = option("temperature")
    top_p: float | None = option("top_p")
    top_k: int = option("top_k")
    min_p: float = option("min_p")
    repetition_penalty: float = option("repetition_penalty")
    max_tokens: int = option("max_tokens")
    max_chars: int = option("max_chars")
    seed: int | None = option("seed")


def routes(place: AppState) -> APIRouter:
    """/api/personas/NAME/say."""
    router = APIRouter(prefix="/api/personas", tags=["personas"])

    @router.post(
        "/{name}/say",
        responses={**may_refuse(404, 409, 503), **STREAM},
        response_class=StreamingResponse,
    )
    async def say(name: str, body: Say) -> StreamingResponse:
        """Have a persona write posts. As they are written come events: `piece` {place, text}, `again` {place} (what came so far of that post is void),
        `post` {place, text, finished}, `missing` {place} (no draft of it was fit to be seen), last `end` {redrawn, seed}; or `error` {message, hint}."""
        seed = secrets.randbits(32) if body.seed is None else body.seed
        options = SayOptions(**(body.model_dump(exclude={"prompt"}) | {"seed": seed}))
        subscription = await place.models.ask(
            name, GenerationQuery(printable(body.prompt), options)
        )
        try:
            first = (
                await subscription.news()
            )  # what makes no sense is refused before anything is sent
        except BaseException:
            subscription.cancel()
            raise
        return StreamingResponse(
            _said(place, name, body.prompt, seed, subscription, first), media_type=EVENTS
        )

    return router


async def _said(
    place: AppState,
    name: str,
    prompt: str,
    seed: int,
    subscription: Subscription,
    told: list[StreamEvent],
) -> AsyncIterator[bytes]:
    """The events, as they come. Where nobody listens any more, nothing more is written."""
    try:
        while True:
            for one in told:
                if isinstance(one, Finished):
                    place.recent_outputs.remember(name, prompt, one.post.text)
            if events := b"".join(_event(one, seed) for one in told):
                yield events
            if told and isinstance(told[-1], End):
                return
            told = await subscription.news()
    except PopinjayError as error:
        yield event("error", {"message": error.message, "hint": error.hint})
    finally:
        subscription.cancel()


def _event(told: StreamEvent, seed: int) -> bytes:
    """What is told, as it is sent; nothing for what nobody needs to know."""
    match told:
        case Piece(place, text):
            return event("piece", {"place": place, "text": text})
        case Restart(place):
            return event("again", {"place": place})
        case Finished(place, post):
            return event("post", {"place": place, "text": post.text, "finished": post.finished})
        case Missing(place):
            return event("missing", {"place": place})
        case End(redrawn):
            return event("end", {"redrawn": redrawn, "seed": seed})
    return b""


def event(kind: str, data: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode(
        "utf-8", "replace"
    )
