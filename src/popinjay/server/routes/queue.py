"""Routes of a persona's queue: what it wrote, and what its user decides about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from popinjay.bots import deciding
from popinjay.bots.checking import Checker
from popinjay.bots.deciding import Decision
from popinjay.bots.writing import checked
from popinjay.errors import PopinjayError
from popinjay.options import QueueOptions, SayOptions
from popinjay.post import printable
from popinjay.sampling.filters import OutputFilters
from popinjay.server import catalog, queue_rows
from popinjay.server.errors import error_responses
from popinjay.server.queue_rows import Decided, Drafts
from popinjay.server.queue_writing import QueueWriters, QueueWriting, Told
from popinjay.server.routes.say import (
    EVENT_STREAM,
    MAX_POSTS,
    STREAM_RESPONSE,
    DialFields,
    option_field,
    sse,
)
from popinjay.server.state import AppState
from popinjay.store.post_queue import Draft, DraftState, Queue

MAX_TEXT = 10_000  # characters of an edited post: no network takes as many


class WriteDrafts(DialFields):
    """How many drafts to write, and how."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    n: int = Field(default=20, ge=1, le=MAX_POSTS, description="How many drafts to write.")
    prompt: str = Field(default="", max_length=1000, description="How the posts begin.")
    network: Literal["bsky", "mastodon"] | None = Field(
        default=None, description="The network that they are for; null: they fit all of them."
    )
    temperature: float | None = option_field("temperature")
    max_chars: int = option_field("max_chars")


class Seen(BaseModel):
    """The state in which the client saw the draft: if it is another by now, nothing is changed."""

    model_config = ConfigDict(extra="forbid")

    since: DraftState = Field(
        default=DraftState.DRAFT, description="The state in which the client saw it."
    )


class Edited(Seen):
    """Another text for a draft."""

    text: str = Field(max_length=MAX_TEXT)


class Text(BaseModel):
    """A text that may be posted."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=MAX_TEXT)


class Checked(BaseModel):
    """What a person should know about a text before they approve it."""

    shown: str  # as it is posted
    lengths: dict[str, int]  # by network, as it counts
    too_long_for: list[str]
    warnings: list[str]


def routes(state: AppState) -> APIRouter:
    """Return the routes below /api/personas/NAME/queue that are about drafts."""
    router = APIRouter(prefix="/api/personas/{name}/queue", tags=["queue"])
    writers = QueueWriters()

    def decide(name: str, act: Callable[[Queue], Decision | Draft]) -> Decided:
        with Queue(catalog.find(state.home, name)) as queue:
            done = act(queue)
            draft = done.draft if isinstance(done, Decision) else done
            return Decided(draft=queue_rows.row(draft), counts=queue.counts())

    @router.get("", responses=error_responses(404, 409, 507))
    def drafts(
        name: str,
        states: Annotated[tuple[DraftState, ...], Query(alias="state")] = (DraftState.DRAFT,),
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 60,
    ) -> Drafts:
        """List the drafts in some states, and count those in each.

        Drafts to decide about and approved ones come in their order, others the newest first.
        """
        return queue_rows.drafts(catalog.find(state.home, name), states, offset, limit)

    @router.post(
        "/write",
        responses={**error_responses(404, 409, 507), **STREAM_RESPONSE},
        response_class=StreamingResponse,
    )
    async def write(name: str, body: WriteDrafts) -> StreamingResponse:
        """Have a persona write drafts that its queue did not have.

        The events are `progress` {done, total}, and last `end` {written, repeated, missing,
        redrawn, superseded}, or `error` {message, hint}. Who leaves ends it; what was written
        stays in the queue.
        """
        run = catalog.find(state.home, name)
        say = SayOptions(temperature=body.temperature, max_chars=body.max_chars, **body.dials)
        to = QueueOptions(for_=body.network)
        checked(say, to)
        writers.begin(name)
        writing = QueueWriting(run, state.is_closing)
        writing.start(body.n, printable(body.prompt), say, to, lambda: writers.end(name))
        try:
            first = await writing.next_told()  # errors are raised here, before the response begins
        except BaseException:
            writing.leave()
            raise
        return StreamingResponse(_stream(writing, first), media_type=EVENT_STREAM)

    @router.post("/check", responses=error_responses(404, 409))
    def check(name: str, body: Text) -> Checked:
        """Check a text: its length on each network, and what it repeats or gives away."""
        run = catalog.find(state.home, name)
        posts = run.file("train.jsonl")
        checker = Checker(OutputFilters.of_run(run, posts), posts)
        checker.look_near([body.text])
        return Checked(**checker.check(body.text).to_json())

    @router.post("/{id}/approve", responses=error_responses(404, 409, 507))
    def approve(name: str, id: int, seen: Seen) -> Decided:
        """Approve a draft: it may be posted."""
        return decide(name, lambda queue: deciding.approve(queue, id, seen.since))

    @router.post("/{id}/reject", responses=error_responses(404, 409, 507))
    def reject(name: str, id: int, seen: Seen) -> Decided:
        """Reject a draft: it is never posted, nor written again."""
        return decide(name, lambda queue: deciding.reject(queue, id, seen.since))

    @router.post("/{id}/edit", responses=error_responses(404, 409, 507))
    def edit(name: str, id: int, edited: Edited) -> Decided:
        """Approve another text in the place of a draft. It gets an id of its own."""
        return decide(name, lambda queue: deciding.edit(queue, id, edited.text, edited.since))

    @router.post("/{id}/later", responses=error_responses(404, 409, 507))
    def later(name: str, id: int) -> Decided:
        """Put a draft off: it comes after all others."""
        return decide(name, lambda queue: deciding.put_off(queue, id))

    @router.post("/{id}/undo", responses=error_responses(404, 409, 507))
    def undo(name: str, id: int) -> Decided:
        """Have a draft undecided again; of an edited one, that is the draft as it was written."""
        return decide(name, lambda queue: deciding.undo(queue, id))

    return router


async def _stream(writing: QueueWriting, first: Told) -> AsyncIterator[bytes]:
    """Yield the server-sent events; the writing ends if the client disconnects."""
    told = first
    try:
        while True:
            kind, data = told
            yield sse(kind, data)
            if kind == "end":
                return
            told = await writing.next_told()
    except PopinjayError as error:
        yield sse("error", {"message": error.message, "hint": error.page_hint})
    finally:
        writing.leave()
