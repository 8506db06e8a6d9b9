"""`/v1/models` and `/v1/completions` in OpenAI's format, for existing clients of that API.

The name of a model is that of a persona. A completion is one post that starts with the prompt: `n`
is the number of posts, sampled as `popinjay say` does; a list of prompts gives `n` posts for each,
the same as if each were sent alone. Differences from a general language model:

- A prompt is the beginning of a post, not an instruction, and is read as one line. `text` is what
  follows it, or with `echo` all of it.
- Without `max_tokens` posts are complete (OpenAI's default of 16 tokens would truncate nearly all).
  With it, posts are truncated there and `finish_reason` is `length`. `max_chars` (280), `top_k`,
  `min_p` and `repetition_penalty` are accepted in addition to OpenAI's parameters.
- A draft that repeats a post of the training data, looks personal or has an @handle that its author
  never used is rejected, and another is sampled in its place. If every draft was rejected, `text`
  is empty and `finish_reason` is `content_filter`.
- A stream sends words as they are sampled and can't withdraw them. Its posts are those that the
  same seed gives without streaming, unless a draft is rejected after some of it was sent: then the
  post ends there, with `length` if the draft was too long, else with `content_filter`.
- `usage` counts the tokens of the posts that were returned, not of rejected drafts.
- Unsupported parameters are refused, not ignored: `logprobs`, `logit_bias`, `suffix`, the
  penalties, and `best_of` other than `n`. `user` is ignored.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from popinjay import summary
from popinjay.errors import PopinjayError
from popinjay.server import catalog
from popinjay.server.errors import openai_error_responses
from popinjay.server.openai_format import (
    Completion,
    CompletionRequest,
    InvalidRequest,
    error_response,
    parse_request,
)
from popinjay.server.routes.say import EVENT_STREAM
from popinjay.server.state import AppState
from popinjay.server.voices.subscriptions import End, StreamEvent
from popinjay.store.run import RECORD

if TYPE_CHECKING:
    from popinjay.server.voices.model_pool import Subscription

CLIENT_CLOSED_REQUEST = 499  # no client receives it
PromptEvents = tuple[int, list[StreamEvent]]  # the index of a prompt, and events of its posts


def routes(state: AppState) -> APIRouter:
    """Return the routes under /v1."""
    router = APIRouter(prefix="/v1", tags=["OpenAI's format"], responses=openai_error_responses())

    @router.get("/models")
    def models() -> dict[str, Any]:
        """List the personas that have a model."""
        found = [
            name for name in summary.names(state.home) if (state.home / name / "model").is_dir()
        ]
        return {"object": "list", "data": [_model(state, name) for name in found]}

    @router.get("/models/{name}")
    def model(name: str) -> Response:
        """Return one persona."""
        try:
            return JSONResponse(_model(state, catalog.find(state.home, name).name))
        except PopinjayError as error:
            return _error(error)

    request_schema = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": CompletionRequest.model_json_schema()}},
        }
    }

    @router.post("/completions", openapi_extra=request_schema)
    async def completions(request: Request) -> Response:
        """Write posts that start with the prompts."""
        try:
            parsed = parse_request(await _json(request))
            subscriptions = await _submit(state, parsed)
            completion = Completion(parsed)
            if not parsed.stream:
                return await unless_disconnected(request, _complete(completion, subscriptions))
            events = merged(subscriptions)
            first = await anext(events)  # errors of the query are raised before the response begins
            return StreamingResponse(_stream(completion, events, first), media_type=EVENT_STREAM)
        except PopinjayError as error:
            return _error(error)

    return router


def _model(state: AppState, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": int((state.home / name / RECORD).stat().st_mtime),
        "owned_by": "popinjay",
    }


def _error(error: PopinjayError) -> JSONResponse:
    status, document = error_response(error)
    return JSONResponse(document, status)


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is not valid JSON.") from error


async def _submit(state: AppState, request: CompletionRequest) -> list[Subscription]:
    """Submit a query for each prompt."""
    subscriptions: list[Subscription] = []
    try:
        for prompt in request.prompts:
            query = request.query(prompt)
            subscriptions.append(await state.models.submit(request.model, query))
    except BaseException:
        for subscription in subscriptions:
            subscription.cancel()
        raise
    return subscriptions


async def merged(subscriptions: Sequence[Subscription]) -> AsyncGenerator[PromptEvents, None]:
    """Yield the events of all subscriptions, each with its index, until all have ended.

    Closing the generator cancels the subscriptions.
    """
    waiting = {
        asyncio.ensure_future(subscription.next_events()): index
        for index, subscription in enumerate(subscriptions)
    }
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                index = waiting.pop(task)
                events = task.result()
                yield index, events
                if not (events and isinstance(events[-1], End)):
                    waiting[asyncio.ensure_future(subscriptions[index].next_events())] = index
    finally:
        for task in waiting:
            task.cancel()
        for subscription in subscriptions:
            subscription.cancel()


async def _complete(completion: Completion, subscriptions: Sequence[Subscription]) -> Response:
    async with aclosing(merged(subscriptions)) as stream:
        async for index, events in stream:
            completion.apply(index, events)
    return JSONResponse(completion.complete_document())


async def _stream(
    completion: Completion, events: AsyncGenerator[PromptEvents, None], first: PromptEvents
) -> AsyncIterator[bytes]:
    """Yield the chunks of a streamed response."""
    options = completion.request.stream_options
    more = {"usage": None} if options and options.include_usage else {}
    try:
        yield _chunks(completion, first, more)
        async for prompt_events in events:
            if chunks := _chunks(completion, prompt_events, more):
                yield chunks
        if more:
            yield _chunk(completion.document([], usage=completion.usage))
        yield b"data: [DONE]\n\n"
    except PopinjayError as error:
        yield _chunk(error_response(error)[1])
    finally:
        await events.aclose()


def _chunks(completion: Completion, events: PromptEvents, more: dict[str, Any]) -> bytes:
    chunks = []
    for choice in completion.apply(*events):
        text = choice.text[choice.sent :]
        choice.sent += len(text)
        if text or choice.finish_reason:
            chunks.append(_chunk(completion.document([choice.document(text)], **more)))
    return b"".join(chunks)


def _chunk(document: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


async def unless_disconnected(
    request: Request, response: Coroutine[Any, Any, Response]
) -> Response:
    """Await a response, and cancel it if the client disconnects meanwhile."""
    working = asyncio.ensure_future(response)
    disconnecting = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((working, disconnecting), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else Response(status_code=CLIENT_CLOSED_REQUEST)
    finally:
        for task in (working, disconnecting):
            task.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
