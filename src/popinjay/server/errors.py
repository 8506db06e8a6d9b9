"""What goes wrong, as an answer: `{"error": {"message", "hint"}}` with a status that fits; under `/v1/` in OpenAI's form."""

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

OPENAI = "/v1/"
STATUS: tuple[tuple[type[PopinjayError], int], ...] = (  # the first that fits
    (errors.PersonaError, 409),
    (errors.StorageError, 507),
    (errors.NetworkError, 502),
    (errors.OptionError, 422),
    (errors.SpecError, 422),
    (errors.PictureError, 422),
)
_log = logging.getLogger("popinjay.server")


class Problem(BaseModel):
    """What is the matter, and what to do about it."""

    message: str
    hint: str


class ProblemAnswer(BaseModel):
    """How every refusal looks."""

    error: Problem


class OpenAIProblem(BaseModel):
    """What is the matter, in OpenAI's form."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIProblemAnswer(BaseModel):
    """How every refusal under `/v1/` looks."""

    error: OpenAIProblem


def may_refuse(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's description says of its refusals: those, and what the guard may say to anybody."""
    return {
        status: {"model": ProblemAnswer}
        for status in sorted({400, 401, 403, 413, 422, 500, *statuses})
    }


def openai_may_refuse() -> dict[int | str, dict[str, Any]]:
    """The same for routes under `/v1/`."""
    return {
        status: {"model": OpenAIProblemAnswer}
        for status in (400, 401, 403, 404, 409, 413, 422, 500, 503)
    }


def document(path: str, status: int, message: str, hint: str = "") -> dict[str, Any]:
    """A refusal as it is sent for a path."""
    message, hint = printable(one_line(message)), printable(one_line(hint))
    if path.startswith(OPENAI):
        kind = "invalid_request_error" if status < 500 else "server_error"
        return {
            "error": {
                "message": f"{message} {hint}".rstrip(),
                "type": kind,
                "param": None,
                "code": None,
            }
        }
    return {"error": {"message": message, "hint": hint}}


def status_of(error: PopinjayError) -> int:
    """The status that says what kind of problem it is."""
    if isinstance(error, ApiError):
        return error.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 400)


def _answer(
    request: Request, status: int, message: str, hint: str = "", headers: Any = None
) -> JSONResponse:
    return JSONResponse(document(request.url.path, status, message, hint), status, headers)


def install(app: FastAPI) -> None:
    """Have every problem answered so."""

    @app.exception_handler(PopinjayError)
    async def known(request: Request, error: PopinjayError) -> JSONResponse:
        return _answer(request, status_of(error), error.message, error.hint)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        hint = {
            404: "There is nothing at this address.",
            405: "See /openapi.json for what can be asked.",
        }.get(error.status_code, "")
        return _answer(request, error.status_code, str(error.detail), hint, error.headers)

    @app.exception_handler(RequestValidationError)
    async def senseless(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(
            str(part) for part in first["loc"] if part not in ("body", "query", "path")
        )
        return _answer(
            request,
            422,
            f"{where or 'The request'}: {first['msg']}.",
            "See /openapi.json for what can be asked.",
        )

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s", request.method, request.url.path, exc_info=error)
        return _answer(
            request,
            500,
            "Something went wrong inside popinjay.",
            "What it was stands where popinjay serve was started.",
        )
