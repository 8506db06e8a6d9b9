"""The page and its API, put together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from popinjay import __version__
from popinjay.server import errors
from popinjay.server.auth import Auth, AuthMiddleware
from popinjay.server.routes import (
    completions,
    jobs,
    kept,
    meta,
    page,
    persona_files,
    personas,
    say,
    uploads,
)
from popinjay.server.state import AppState

ABOUT = """The API under popinjay's page, on this machine.

Every refusal is `{"error": {"message", "hint"}}`. A program that changes something sends the header `X-Popinjay: 1`, and where the server was started
with `--host` the token that it printed, as `Authorization: Bearer TOKEN`. Times are ISO 8601, UTC."""

TOLD_TO_NOBODY: Any = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}  # older versions know no such thing, and ignore it


def create_app(home: Path, auth: Auth) -> FastAPI:
    """The app that serves the personas of a home folder. Raises PersonaBusy where another does already."""
    place = AppState(home.absolute(), auth)

    @contextlib.asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            app.state.at_work = place.close()

    app = FastAPI(
        title="popinjay",
        version=__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=living,
        redirect_slashes=False,
        telemetry=TOLD_TO_NOBODY,
    )
    app.state.app_state = place
    errors.install(app)
    for module in (page, meta, personas, persona_files, say, kept, uploads, jobs, completions):
        app.include_router(module.routes(place))
    app.mount("/assets", page.files())
    app.add_middleware(AuthMiddleware, auth=auth)
    return app
