"""Routes of jobs: submit, list, follow the events, stop, resume, remove."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from popinjay.errors import OptionError
from popinjay.options import MakeOptions
from popinjay.post import printable
from popinjay.server.accounts import MAX_CHARACTERS, check_account
from popinjay.server.errors import error_responses
from popinjay.server.jobs.event_stream import follow, is_at_end, resume_offset
from popinjay.server.jobs.job import Job
from popinjay.server.state import AppState
from popinjay.store.job_events import EVENTS
from popinjay.store.run import check_name
from popinjay.trackers import chosen

MAX_SPECS = 20
# Would let another machine have this one connect to hosts of its own network.
LOCAL_ONLY_OPTION = "allow_local"


class JobRequest(BaseModel):
    """A job to submit: inspect an upload or accounts, or make a persona from them."""

    model_config = ConfigDict(extra="forbid")

    doing: Literal["inspect", "make"]
    upload: str | None = Field(default=None, max_length=100)
    specs: list[Annotated[str, Field(max_length=MAX_CHARACTERS)]] | None = Field(
        default=None, max_length=MAX_SPECS
    )
    name: str | None = Field(default=None, max_length=200)
    options: dict[str, str | bool | int | float | None] = Field(
        default_factory=dict,
        description="As on the command line, with _ instead of -; for defaults see /api/about.",
    )


def check_request(state: AppState, request: JobRequest) -> tuple[list[str], dict[str, Any]]:
    """Return the specs to read and the options that were set. Raises PopinjayError if invalid."""
    options = {name: value for name, value in request.options.items() if value is not None}
    for name, value in options.items():
        if isinstance(value, str) and (value != printable(value) or "\x00" in value):
            raise OptionError(
                f"{name} can't be {value[:100]!r}.", "Remove the unprintable characters."
            )
    if options.get(LOCAL_ONLY_OPTION) and state.auth.token is not None:
        raise OptionError(
            "allow_local can't be set from another machine.",
            "Make this persona on the machine itself.",
        )
    chosen(MakeOptions.of(options).track.track)
    if request.name is not None:
        check_name(request.name)
    if (request.upload is None) == (not request.specs):
        raise OptionError("There is nothing to read.", "Give either an upload or specs.")
    if request.upload is not None:
        return [state.uploads.file(request.upload).name], options
    specs = list(request.specs or ())
    for spec in specs:
        check_account(spec)
    return specs, options


def routes(state: AppState) -> APIRouter:
    """Return the routes under /api/jobs."""
    router = APIRouter(prefix="/api/jobs", tags=["jobs"])
    jobs = state.jobs

    @router.post("", status_code=201, responses=error_responses(404, 429, 507))
    def submit(request: JobRequest) -> Job:
        """Queue a job. One training and one inspection run at a time."""
        specs, options = check_request(state, request)
        return jobs.submit(request.doing, specs, request.upload, request.name, options)

    @router.get("", responses=error_responses())
    def list_jobs() -> list[Job]:
        """List all jobs, the newest first."""
        return jobs.all()

    @router.get("/{id}", responses=error_responses(404))
    def get(id: str) -> Job:
        """Return one job."""
        return jobs.get(id)

    @router.post("/{id}/stop", responses=error_responses(404, 409, 507))
    def stop(id: str) -> Job:
        """Stop a job where it can be resumed. This takes a moment: follow its events."""
        return jobs.stop(id)

    @router.post("/{id}/resume", responses=error_responses(404, 409, 507))
    def resume(id: str) -> Job:
        """Resume a job that failed or was stopped."""
        job = jobs.get(id)
        if job.upload is not None and job.state != "done":
            state.uploads.file(job.upload)  # raises if it is gone
        return jobs.resume(id)

    @router.delete("/{id}", status_code=204, responses=error_responses(404, 409))
    def remove(id: str) -> None:
        """Remove a job that is not running from the list. The persona that it made stays."""
        jobs.remove(id)

    _add_events_route(router, state)
    return router


def _add_events_route(router: APIRouter, state: AppState) -> None:
    jobs = state.jobs
    responses: dict[int | str, dict[str, Any]] = {
        **error_responses(404),
        200: {
            "description": "Server-sent events",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The job is over, and there are no events after `Last-Event-ID`."},
    }

    @router.get("/{id}/events", responses=responses, response_class=StreamingResponse)
    async def events(
        id: str, last_event_id: Annotated[str, Header(max_length=100)] = ""
    ) -> Response:
        """Stream a job's events, from the first one or from the one after `Last-Event-ID`.

        These are the events of its stages, as `popinjay make --json` prints them, and with the
        type `state` every change of its state. The stream ends when the job is over.
        """
        jobs.get(id)
        file = jobs.folder(id) / EVENTS
        offset = resume_offset(file, last_event_id)
        if offset and await run_in_threadpool(lambda: jobs.is_over(id) and is_at_end(file, offset)):
            return Response(status_code=204)  # tells browsers not to reconnect

        stream = follow(file, offset, lambda: jobs.is_over(id), lambda: state.is_closing())
        return StreamingResponse(stream, media_type="text/event-stream")
