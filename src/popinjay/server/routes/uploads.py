"""Routes of uploads."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from popinjay.server.api_error import ApiError
from popinjay.server.errors import error_responses
from popinjay.server.state import AppState
from popinjay.server.uploads import MAX_NAME_BYTES, Upload, check_file_name, receive


def routes(state: AppState) -> APIRouter:
    """Return the routes under /api/uploads."""
    router = APIRouter(prefix="/api/uploads", tags=["uploads"])
    body = {
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    }

    @router.put("", status_code=201, responses=error_responses(413, 499, 507), openapi_extra=body)
    async def upload(
        request: Request, name: Annotated[str, Query(min_length=1, max_length=MAX_NAME_BYTES)]
    ) -> Upload:
        """Upload a file as the body. It is kept for a day, and as long as a job needs it."""
        check_file_name(name)
        declared = request.headers.get("content-length", "")
        try:
            received = await receive(
                state.uploads,
                name,
                int(declared) if declared.isascii() and declared.isdigit() else None,
                request.stream(),
            )
        except ClientDisconnect as error:
            raise ApiError(499, "The upload was interrupted.", "Upload the file again.") from error
        await run_in_threadpool(
            lambda: state.uploads.sweep({received.upload, *state.jobs.needed_uploads()})
        )
        return received

    @router.post("/example", status_code=201, responses=error_responses(507))
    def example() -> Upload:
        """Add the archive of a fictional person, which ships with popinjay, as an upload."""
        from popinjay.demo import PEOPLE, archive_of  # imports all stages

        with archive_of(PEOPLE[0]).open("rb") as archive:
            return state.uploads.add_copy(f"{PEOPLE[0]}.zip", archive)

    @router.delete("/{id}", status_code=204, responses=error_responses(404, 409))
    def remove(id: str) -> None:
        """Remove an upload, unless a job needs it."""
        if id in state.jobs.needed_uploads():
            raise ApiError(409, "A job needs this upload.", "Stop the job, or remove it.")
        state.uploads.remove(id)

    return router
