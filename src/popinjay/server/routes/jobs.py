"""Routes of jobs: to ask for one, to see how it stands, to follow what it says, to stop it and to go on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from popinjay.errors import OptionError
from popinjay.options import MakeOptions
from popinjay.post import printable
from popinjay.server.accounts import check_account
from popinjay.server.errors import may_refuse
from popinjay.server.jobs.event_stream import follow, is_read, where_after
from popinjay.server.jobs.job import Job
from popinjay.server.state import AppState
from popinjay.store.job_events import EVENTS
from popinjay.store.run import check_name
from popinjay.trackers import chosen

MOST_SPECS = 20
ONLY_HERE = "allow_local"  # would let another machine have this one ask its neighbours


class Asked(BaseModel):
    """What is to be done: look into an upload or accounts, or make a persona of them."""

    model_config = ConfigDict(extra="forbid")

    doing: Literal["inspect", "make"]
    upload: str | None = Field(default=None, max_length=100)
    specs: list[Annotated[str, Field(max_length=500)]] | None = Field(
        default=None, max_length=MOST_SPECS
    )
    name: str | None = Field(default=None, max_length=200)
    options: dict[str, str | bool | int | float | None] = Field(
        default_factory=dict,
        description="As on the command line, with _ for -; defaults: /api/about",
    )


class JobRow(BaseModel):
    """A job, and how it stands."""

    id: str
    doing: Literal["inspect", "make"]
    name: str | None
    specs: list[str]
    upload: str | None
    options: dict[str, Any]
    state: Literal["queued", "running", "done", "failed", "stopped"]
    error: str | None
    hint: str | None
    created: str
    started: str | None
    ended: str | None
    stop_asked: str | None
    result: dict[str, Any] | None = Field(
        description="Of a look: what `popinjay inspect --json` gives. Of a make: the persona's name, as `persona`."
    )

    @classmethod
    def of(cls, job: Job) -> JobRow:
        """How a job stands now."""
        return cls(**{name: getattr(job, name) for name in cls.model_fields})


def checked(place: AppState, asked: Asked) -> tuple[list[str], dict[str, Any]]:
    """What is to be read, and the options that were set. Raises PopinjayError for what makes no sense."""
    given = {name: value for name, value in asked.options.items() if value is not None}
    for name, value in given.items():
        if isinstance(value, str) and (value != printable(value) or "\x00" in value):
            raise OptionError(
                f"{name} can't be {value[:100]!r}.", "Leave out what is no character."
            )
    if given.get(ONLY_HERE) and place.auth.token is not None:
        raise OptionError(
            "allow_local can't be asked for from another machine.",
            "Use popinjay make on the machine itself.",
        )
    chosen(MakeOptions.of(given).track.track)
    if asked.name is not None:
        check_name(asked.name)
    if (asked.upload is None) == (not asked.specs):
        raise OptionError("Read what?", "Give an upload, or accounts as specs.")
    if asked.upload is not None:
        return [place.uploads.file(asked.upload).name], given
    for spec in asked.specs or ():
        check_account(spec)
    return list(asked.specs or ()), given


def routes(place: AppState) -> APIRouter:
    """Everything under /api/jobs."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])
    jobs = place.jobs

    @router.post("", status_code=201, responses=may_refuse(404, 429, 507))
    def submit(asked: Asked) -> JobRow:
        """Queue a job. Trainings run one at a time, looks one at a time beside them."""
        specs, options = checked(place, asked)
        return JobRow.of(jobs.submit(asked.doing, specs, asked.upload, asked.name, options))

    @router.get("", responses=may_refuse())
    def listed() -> list[JobRow]:
        """Every job, the newest first."""
        return [JobRow.of(job) for job in jobs.all()]

    @router.get("/{id}", responses=may_refuse(404))
    def one(id: str) -> JobRow:
        """One job."""
        return JobRow.of(jobs.get(id))

    @router.post("/{id}/stop", responses=may_refuse(404, 409, 507))
    def stop(id: str) -> JobRow:
        """Have a job stop where it can go on later. It takes a moment: follow its events."""
        return JobRow.of(jobs.stop(id))

    @router.post("/{id}/resume", responses=may_refuse(404, 409, 507))
    def resume(id: str) -> JobRow:
        """Go on with a job that failed or was stopped."""
        job = jobs.get(id)
        if job.upload is not None and job.state != "done":
            place.uploads.file(job.upload)
        return JobRow.of(jobs.resume(id))

    @router.delete("/{id}", status_code=204, responses=may_refuse(404, 409))
    def remove(id: str) -> None:
        """Forget a job that is not at work. What it made stays."""
        jobs.remove(id)

    _events(router, place)
    return router


def _events(router: APIRouter, place: AppState) -> None:
    stream: dict[int | str, dict[str, Any]] = {
        **may_refuse(404),
        200: {
            "description": "Server-sent events",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {
            "description": "The job is over, and there is nothing behind the event that was read last"
        },
    }

    @router.get("/{id}/events", responses=stream, response_class=StreamingResponse)
    async def events(
        id: str, last_event_id: Annotated[str, Header(max_length=100)] = ""
    ) -> Response:
        """What a job says, from the beginning or from behind `Last-Event-ID`: events of its stages as `popinjay make --json` prints them, and, of the type
        `state`, each state that it comes into. It ends when the job is over."""
        place.jobs.get(id)
        file = place.jobs.folder(id) / EVENTS
        at = where_after(file, last_event_id)
        if at and await run_in_threadpool(lambda: place.jobs.is_over(id) and is_read(file, at)):
            return Response(status_code=204)  # which browsers take for: don't ask again

        lines = follow(file, at, lambda: place.jobs.is_over(id), lambda: place.is_closing())
        return StreamingResponse(lines, media_type="text/event-stream")
