"""A request that gets no."""

from __future__ import annotations

from popinjay.errors import PopinjayError


class ApiError(PopinjayError):
    """A request that gets no, with the status that says so."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status
