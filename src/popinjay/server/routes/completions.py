"""`/v1/models`, `/v1/completions` and `/v1/chat/completions`, for existing clients of OpenAI's API.

The name of a model is that of a persona, or of several personas of one base model that are mixed
into one voice: `ada+bob`, or `ada=0.7,bob=0.3` with weights. Both formats give posts, `n` for each
prompt, sampled as `popinjay say` does; a list of prompts gives the same posts as if each were sent
alone. A persona continues what it is given in the author's voice: it follows no instructions and
answers nothing.

- A prompt is the beginning of a post, and is read as one line. A completion's `text` is what
  follows it, or with `echo` all of it. In a chat the last message of the user is the prompt, and
  the `content` of the answer is the whole post, or with `echo: false` what follows the prompt. All
  other messages, those of the system too, are ignored: the header `X-Popinjay-Ignored` of the
  response lists their roles.
- Without `max_tokens` posts are complete (OpenAI's default of 16 tokens would truncate nearly all).
  With it, posts are truncated there and `finish_reason` is `length`. `max_chars` (280), `top_k`,
  `min_p`, `repetition_penalty` and `strength` are accepted in addition to OpenAI's parameters.
- A draft that repeats a post of the training data, looks personal or has an @handle that its author
  never used is rejected, and another is sampled in its place. If every draft was rejected, the text
  is empty and `finish_reason` is `content_filter`.
- A stream sends words as they are sampled and can't withdraw them. Its posts are those that the
  same seed gives without streaming, unless a draft is rejected after some of it was sent: then the
  post ends there, with `length` if the draft was too long, else with `content_filter`.
- `usage` counts the tokens of the posts that were returned, not of rejected drafts.
- Parameters that ask for something which popinjay can't do are refused, not ignored: `logprobs`,
  `logit_bias`, `suffix`, the penalties, tools, a `response_format`, and `best_of` other than `n`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from popinjay import summary
from popinjay.errors import PopinjayError
from popinjay.server import catalog
from popinjay.server.errors import openai_error_responses
from popinjay.server.openai_errors import InvalidRequest, error_response
from popinjay.server.openai_requests import (
    ChatRequest,
    CompletionRequest,
    Kind,
    PostsRequest,
    parse_request,
)
from popinjay.server.openai_responses import ChatCompletion, Completion, PostsResponse
from popinjay.server.openai_schemas import (
    ChatResponse,
    CompletionResponse,
    Model,
    ModelList,
    described,
)
from popinjay.server.routes.say import EVENT_STREAM
from popinjay.server.state import AppState
from popinjay.server.voices.subscriptions import End, StreamEvent
from popinjay.store.run import RECORD, Run

if TYPE_CHECKING:
    from popinjay.server.voices.model_pool import Subscription

IGNORED_HEADER = "X-Popinjay-Ignored"  # of a response: roles of messages without effect
CLIENT_CLOSED_REQUEST = 499  # no client receives it
PromptEvents = tuple[int, list[StreamEvent]]  # the index of a prompt, and events of its posts


def routes(state: AppState) -> APIRouter:
    """Return the routes under /v1."""
    router = APIRouter(prefix="/v1", tags=["OpenAI's format"], responses=openai_error_responses())

    @router.get("/models", responses=described(ModelList))
    def models() -> Response:
        """List the personas that have a model."""
        found = [
            name for name in summary.names(state.home) if (state.home / name / "model").is_dir()
        ]
        models = [_model(state, name) for name in found]
        return JSONResponse({"object": "list", "data": models})

    @router.get("/models/{name}", responses=described(Model))
    def model(name: str) -> Response:
        """Return one persona, or several that are mixed."""
        try:
            return JSONResponse(_model(state, name))
        except PopinjayError as error:
            return _error(error)

    @router.post(
        "/completions",
        openapi_extra=_body_of(CompletionRequest),
        responses=described(CompletionResponse, streams=True),
    )
    async def completions(request: Request) -> Response:
        """Write posts that start with the prompts.

        The text of each choice is what follows the prompt. The posts are those of `popinjay say`.
        """
        return await _respond(state, request, CompletionRequest, Completion)

    @router.post(
        "/chat/completions",
        openapi_extra=_body_of(ChatRequest),
        responses=described(ChatResponse, streams=True),
    )
    async def chat_completions(request: Request) -> Response:
        """Write posts that start with the last message of the user.

        The content of each choice is a whole post. A persona follows no instructions: messages of
        the system and earlier messages are ignored, and the header `X-Popinjay-Ignored` lists
        their roles.
        """
        return await _respond(state, request, ChatRequest, ChatCompletion)

    return router


def _body_of(kind: type[PostsRequest]) -> dict[str, Any]:
    """Describe the body of a route, which is read by hand: its errors have OpenAI's form."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def _respond(
    state: AppState,
    request: Request,
    kind: type[Kind],
    response_of: Callable[[Kind], PostsResponse],
) -> Response:
    """Answer a request in one of the formats.

    Args:
        state: Where the personas are.
        request: The request as it came.
        kind: The format of the request.
        response_of: Returns the response in the same format, before anything is written.
    """
    try:
        parsed = parse_request(await _json(request), kind)
        subscriptions = await _submit(state, parsed)
        posts = response_of(parsed)
        headers = {IGNORED_HEADER: ", ".join(parsed.ignored)} if parsed.ignored else None
        if not parsed.stream:
            return await unless_disconnected(request, _complete(posts, subscriptions, headers))
        events = merged(subscriptions)
        first = await anext(events)  # errors of the query are raised before the response begins
        return StreamingResponse(
            _stream(posts, events, first), media_type=EVENT_STREAM, headers=headers
        )
    except PopinjayError as error:
        return _error(error)


def _model(state: AppState, name: str) -> dict[str, Any]:
    found = catalog.find_voice(state.home, name)
    names = (found.name,) if isinstance(found, Run) else found.names
    changed = [(state.home / one / RECORD).stat().st_mtime for one in names]
    return {
        "id": name,
        "object": "model",
        "created": int(max(changed)),
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


async def _submit(state: AppState, request: PostsRequest) -> list[Subscription]:
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


async def _complete(
    posts: PostsResponse,
    subscriptions: Sequence[Subscription],
    headers: dict[str, str] | None,
) -> Response:
    async with aclosing(merged(subscriptions)) as stream:
        async for index, events in stream:
            posts.apply(index, events)
    return JSONResponse(posts.document(), headers=headers)


async def _stream(
    posts: PostsResponse, events: AsyncGenerator[PromptEvents, None], first: PromptEvents
) -> AsyncIterator[bytes]:
    """Yield the chunks of a streamed response."""
    includes_usage = posts.request.includes_usage
    more = {"usage": None} if includes_usage else {}
    try:
        opening = [_chunk(posts.chunk([choice], **more)) for choice in posts.opening()]
        yield b"".join([*opening, *_chunks(posts, first, more)])
        async for prompt_events in events:
            if chunks := _chunks(posts, prompt_events, more):
                yield b"".join(chunks)
        if includes_usage:
            yield _chunk(posts.chunk([], usage=posts.usage))
        yield b"data: [DONE]\n\n"
    except PopinjayError as error:
        yield _chunk(error_response(error)[1])
    finally:
        await events.aclose()


def _chunks(posts: PostsResponse, events: PromptEvents, more: dict[str, Any]) -> list[bytes]:
    chunks = []
    for choice in posts.apply(*events):
        text = posts.unsent(choice)
        if text or choice.finish_reason:
            chunks += [_chunk(posts.chunk([part], **more)) for part in posts.parts(choice, text)]
    return chunks


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
