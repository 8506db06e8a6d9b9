"""The error of a request that is refused."""

from __future__ import annotations

from popinjay.errors import PopinjayError


class ApiError(PopinjayError):
    """A request was refused; `status` is the HTTP status of the response."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status
