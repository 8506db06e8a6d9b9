"""Turn exceptions into responses.

The body is `{"error": {"message", "hint"}}`, under `/v1/` an error object as OpenAI's API has it.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from popinjay import errors
from popinjay.errors import PopinjayError
from popinjay.post import one_line, printable
from popinjay.server.api_error import ApiError

OPENAI_PREFIX = "/v1/"
STATUSES: tuple[tuple[type[PopinjayError], int], ...] = (  # the first match counts
    (errors.PersonaError, 409),
    (errors.QueueError, 409),
    (errors.PostingError, 409),
    (errors.StorageError, 507),
    (errors.NetworkError, 502),
    (errors.OptionError, 422),
    (errors.SpecError, 422),
    (errors.PictureError, 422),
)
UNEXPECTED = (
    "Something went wrong inside popinjay.",
    "Try again. The details are in the window in which popinjay was started.",
)
_log = logging.getLogger("popinjay.server")


class ErrorDetail(BaseModel):
    """What went wrong, and what to do about it."""

    message: str
    hint: str


class ErrorResponse(BaseModel):
    """The body of every error response."""

    error: ErrorDetail


class OpenAIErrorDetail(BaseModel):
    """What went wrong, as OpenAI's API reports it."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorResponse(BaseModel):
    """The body of every error response under `/v1/`."""

    error: OpenAIErrorDetail


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe a route's errors: these statuses, and those that every route may respond with."""
    return {
        status: {"model": ErrorResponse}
        for status in sorted({400, 401, 403, 413, 422, 500, *statuses})
    }


def openai_error_responses() -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route under `/v1/`."""
    return {
        status: {"model": OpenAIErrorResponse}
        for status in (400, 401, 403, 404, 409, 413, 422, 500, 503)
    }


def error_document(path: str, status: int, message: str, hint: str = "") -> dict[str, Any]:
    """Return the body of an error response to a request for `path`."""
    message = printable(one_line(message))
    hint = printable(one_line(hint))
    if is_openai(path):
        return {
            "error": {
                "message": sentences(message, hint),
                "type": "invalid_request_error" if status < 500 else "server_error",
                "param": None,
                "code": None,
            }
        }
    return {"error": {"message": message, "hint": hint}}


def is_openai(path: str) -> bool:
    """Return whether responses to requests for this path have the form of OpenAI's API."""
    return f"{path}/".startswith(OPENAI_PREFIX)


def sentences(message: str, hint: str) -> str:
    """Return a message and a hint as one text, in which each is a sentence."""
    if hint and message and message[-1] not in ".!?…:":
        message += "."
    return f"{message} {hint}".strip()


def status_of(error: PopinjayError) -> int:
    """Return the HTTP status for an error."""
    if isinstance(error, ApiError):
        return error.status
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 400)


def _response(
    request: Request, status: int, message: str, hint: str = "", headers: Any = None
) -> JSONResponse:
    return JSONResponse(error_document(request.url.path, status, message, hint), status, headers)


def install_handlers(app: FastAPI) -> None:
    """Install the exception handlers of the application."""

    @app.exception_handler(PopinjayError)
    async def handle_known(request: Request, error: PopinjayError) -> JSONResponse:
        return _response(request, status_of(error), error.message, error.page_hint)

    @app.exception_handler(HTTPException)
    async def handle_http(request: Request, error: HTTPException) -> JSONResponse:
        path = request.url.path
        if error.status_code == 404 and is_openai(path):
            return _response(
                request, 404, f"Unknown request URL: {request.method} {path}", "See /docs."
            )
        hint = {
            404: "There is nothing at this address.",
            405: "The description of the API says which methods are allowed.",
        }.get(error.status_code, "")
        return _response(request, error.status_code, str(error.detail), hint, error.headers)

    @app.exception_handler(RequestValidationError)
    async def handle_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(
            str(part) for part in first["loc"] if part not in ("body", "query", "path")
        )
        return _response(
            request,
            422,
            f"{where or 'The request'}: {first['msg']}.",
            "The description of the API says what is accepted.",
        )

    @app.exception_handler(Exception)
    async def handle_unexpected(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s", request.method, request.url.path, exc_info=error)
        return _response(request, 500, *UNEXPECTED)
