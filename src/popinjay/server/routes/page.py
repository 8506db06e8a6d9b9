"""The page, its static files, and the login that exchanges the token for a cookie."""

from __future__ import annotations

import importlib.resources
from typing import Any

from fastapi import APIRouter, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.responses import FileResponse

from popinjay.server.api_error import ApiError
from popinjay.server.auth import LOGIN, secrets_equal
from popinjay.server.errors import error_responses
from popinjay.server.state import AppState

FOLDER = importlib.resources.files("popinjay") / "assets" / "serve"


class Token(BaseModel):
    """The token that `popinjay serve --host` printed."""

    token: str


def static_files() -> StaticFiles:
    """Return the application that serves the page's scripts, styles and images."""
    return StaticFiles(directory=str(FOLDER))


def routes(state: AppState) -> APIRouter:
    """Return the routes of the page and the login."""
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(str(FOLDER / "index.html"))

    @router.post(LOGIN, status_code=204, responses=error_responses(401), tags=["login"])
    def login(given: Token, response: Response) -> None:
        """Exchange the token for a cookie that scripts can't read.

        Only needed if the server was started with `--host`.
        """
        if state.auth.token is None:
            return
        if not secrets_equal(given.token, state.auth.token):
            raise ApiError(
                401,
                "This is not the token.",
                "It is the part after token= in the address shown when popinjay was started.",
            )
        settings: dict[str, Any] = {"httponly": True, "samesite": "strict", "path": "/"}
        response.set_cookie(state.auth.cookie_name, state.auth.cookie, **settings)

    return router
