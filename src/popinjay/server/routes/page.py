"""The page itself and its files, and how a browser shows that it knows the token."""

from __future__ import annotations

import importlib.resources
from typing import Any

from fastapi import APIRouter, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.responses import FileResponse

from popinjay.server.api_error import ApiError
from popinjay.server.auth import LOGIN, same
from popinjay.server.errors import may_refuse
from popinjay.server.state import AppState

FOLDER = importlib.resources.files("popinjay") / "assets" / "serve"


class Token(BaseModel):
    """What `popinjay serve --host` printed."""

    token: str


def files() -> StaticFiles:
    """What the page is made of."""
    return StaticFiles(directory=str(FOLDER))


def routes(place: AppState) -> APIRouter:
    """The page and the login."""
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(str(FOLDER / "index.html"))

    @router.post(LOGIN, status_code=204, responses=may_refuse(401), tags=["login"])
    def login(given: Token, response: Response) -> None:
        """Take the token, and give a cookie for it that scripts can't read. Needed only where the server was started with `--host`."""
        if place.auth.token is None:
            return
        if not same(given.token, place.auth.token):
            raise ApiError(
                401,
                "That is not the token.",
                "popinjay serve printed it, at the end of the address.",
            )
        settings: dict[str, Any] = {"httponly": True, "samesite": "strict", "path": "/"}
        response.set_cookie(place.auth.cookie_name, place.auth.cookie, **settings)

    return router
