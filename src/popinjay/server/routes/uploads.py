"""Routes of uploads."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from popinjay.server.api_error import ApiError
from popinjay.server.errors import may_refuse
from popinjay.server.state import AppState
from popinjay.server.uploads import MOST_NAME, Upload, checked_name, receive


def routes(place: AppState) -> APIRouter:
    """Everything under /api/uploads."""
    router = APIRouter(prefix="/api/uploads", tags=["uploads"])
    body = {
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    }

    @router.put("", status_code=201, responses=may_refuse(413, 499, 507), openapi_extra=body)
    async def upload(
        request: Request, name: Annotated[str, Query(min_length=1, max_length=MOST_NAME)]
    ) -> Upload:
        """Send a file, as the body. It is kept for a day, and as long as a job needs it."""
        checked_name(name)
        declared = request.headers.get("content-length", "")
        try:
            found = await receive(
                place.uploads,
                name,
                int(declared) if declared.isascii() and declared.isdigit() else None,
                request.stream(),
            )
        except ClientDisconnect as error:
            raise ApiError(499, "The upload was cut off.", "Send the file once more.") from error
        await run_in_threadpool(
            lambda: place.uploads.sweep({found.upload, *place.jobs.needed_uploads()})
        )
        return found

    @router.delete("/{id}", status_code=204, responses=may_refuse(404, 409))
    def remove(id: str) -> None:
        """Remove an upload. One that a job is yet to read stays."""
        if id in place.jobs.needed_uploads():
            raise ApiError(409, "A job needs this upload.", "Stop it, or remove it.")
        place.uploads.remove(id)

    return router
