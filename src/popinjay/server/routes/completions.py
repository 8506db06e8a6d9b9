"""`/v1/models` and `/v1/completions` in OpenAI's form, for programs that speak it.

A model is a persona, by its name. A completion is one post that begins with the prompt: `n` are `n` posts, as `popinjay say` draws them, and
a list of prompts has so many of each, each as if it were asked alone. So what differs from a model that goes on with any text:

- A prompt is the beginning of a post, not an instruction, and stands on one line. `text` is what comes behind it, or with `echo` all of it.
- Without `max_tokens` a post is as long as a post is (OpenAI's default of 16 tokens would break off nearly all). With it, posts are broken
  off there, and `finish_reason` is `length`. `max_chars` (280), `top_k`, `min_p` and `repetition_penalty` are there beside OpenAI's own.
- What repeats a post that the persona learnt from, looks personal or has an @handle that its author
  never used never comes: another draft is drawn in its place. Where none was fit to be seen, `text`
  is empty and `finish_reason` is `content_filter`.
- Streamed, words come as they are written and can't be taken back. A post is the one that the same seed gives otherwise, unless its draft
  has to be given up when some of it was sent: it ends there then, with `length` where it grew too long, else with `content_filter`.
- `usage` counts the tokens of the posts that came, not of drafts that did not.
- What can't be had here is refused rather than ignored: `logprobs`, `logit_bias`, `suffix`, penalties, `best_of` other than `n`. `user` is ignored.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from popinjay.errors import PopinjayError
from popinjay.server import catalog
from popinjay.server.errors import openai_may_refuse
from popinjay.server.openai_format import Body, Completion, Senseless, parsed, refusal
from popinjay.server.routes.say import EVENTS
from popinjay.server.state import AppState
from popinjay.server.voices.subscriptions import End, StreamEvent
from popinjay.store.run import RECORD

if TYPE_CHECKING:
    from popinjay.server.voices.model_pool import Subscription

GONE = 499  # nobody reads it
News = tuple[int, list[StreamEvent]]  # what is told for one of the prompts


def routes(place: AppState) -> APIRouter:
    """Everything under /v1."""
    router = APIRouter(prefix="/v1", tags=["OpenAI's form"], responses=openai_may_refuse())

    @router.get("/models")
    def models() -> dict[str, Any]:
        """The personas that can speak."""
        found = [
            name for name in catalog.names(place.home) if (place.home / name / "model").is_dir()
        ]
        return {"object": "list", "data": [_model(place, name) for name in found]}

    @router.get("/models/{name}")
    def model(name: str) -> Response:
        """One persona."""
        try:
            return JSONResponse(_model(place, catalog.find(place.home, name).name))
        except PopinjayError as error:
            return _refused(error)

    described = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": Body.model_json_schema()}},
        }
    }

    @router.post("/completions", openapi_extra=described)
    async def completions(request: Request) -> Response:
        """Posts that begin with the prompts."""
        try:
            body = parsed(await _json(request))
            subscriptions = await _ask(place, body)
            answer = Completion(body)
            if not body.stream:
                return await unless_gone(request, _whole(answer, subscriptions))
            news = merged(subscriptions)
            first = await anext(news)  # what makes no sense is refused before anything is sent
            return StreamingResponse(_streamed(answer, news, first), media_type=EVENTS)
        except PopinjayError as error:
            return _refused(error)

    return router


def _model(place: AppState, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": int((place.home / name / RECORD).stat().st_mtime),
        "owned_by": "popinjay",
    }


def _refused(error: PopinjayError) -> JSONResponse:
    status, document = refusal(error)
    return JSONResponse(document, status)


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError) as error:
        raise Senseless("The body is no JSON.") from error


async def _ask(place: AppState, body: Body) -> list[Subscription]:
    """Ask for the posts of each prompt."""
    subscriptions: list[Subscription] = []
    try:
        for prompt in body.prompts:
            subscriptions.append(await place.models.ask(body.model, body.asked(prompt)))
    except BaseException:
        for subscription in subscriptions:
            subscription.cancel()
        raise
    return subscriptions


async def merged(subscriptions: Sequence[Subscription]) -> AsyncGenerator[News, None]:
    """What all of them are told, each with its number, to the end of all. Whoever stops listening waits for none of them any more."""
    waiting = {
        asyncio.ensure_future(subscription.news()): number
        for number, subscription in enumerate(subscriptions)
    }
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                number, told = waiting.pop(one), one.result()
                yield number, told
                if not (told and isinstance(told[-1], End)):
                    waiting[asyncio.ensure_future(subscriptions[number].news())] = number
    finally:
        for one in waiting:
            one.cancel()
        for subscription in subscriptions:
            subscription.cancel()


async def _whole(answer: Completion, subscriptions: Sequence[Subscription]) -> Response:
    async with aclosing(merged(subscriptions)) as news:
        async for number, told in news:
            answer.take(number, told)
    return JSONResponse(answer.whole())


async def _streamed(
    answer: Completion, news: AsyncGenerator[News, None], first: News
) -> AsyncIterator[bytes]:
    """The posts, as their words come."""
    options = answer.body.stream_options
    more = {"usage": None} if options and options.include_usage else {}
    try:
        yield _chunks(answer, first, more)
        async for one in news:
            if chunks := _chunks(answer, one, more):
                yield chunks
        if more:
            yield _chunk(answer.document([], usage=answer.usage))
        yield b"data: [DONE]\n\n"
    except PopinjayError as error:
        yield _chunk(refusal(error)[1])
    finally:
        await news.aclose()


def _chunks(answer: Completion, news: News, more: dict[str, Any]) -> bytes:
    chunks = []
    for choice in answer.take(*news):
        text = choice.text[choice.sent :]
        choice.sent += len(text)
        if text or choice.finish_reason:
            chunks.append(_chunk(answer.document([choice.shown(text)], **more)))
    return b"".join(chunks)


def _chunk(document: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


async def unless_gone(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """What comes of the work; it is given up where the client is gone meanwhile."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else Response(status_code=GONE)
    finally:
        for one in (working, leaving):
            one.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
