"""Errors in the form of OpenAI's API."""

from __future__ import annotations

from typing import Any

from popinjay.errors import PopinjayError
from popinjay.server.errors import sentences, status_of


class InvalidRequest(PopinjayError):
    """A request is invalid; `param` is the parameter that is the reason."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


def error_response(error: PopinjayError) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of the response to a request that failed."""
    is_invalid = isinstance(error, InvalidRequest) or status_of(error) == 422
    status = 400 if is_invalid else status_of(error)
    not_found = status == 404
    param = error.param if isinstance(error, InvalidRequest) else "model" if not_found else None
    return status, {
        "error": {
            "message": sentences(error.message, error.hint),
            "type": "server_error" if status >= 500 else "invalid_request_error",
            "param": param,
            "code": "model_not_found" if not_found else None,
        }
    }
