"""Assemble the FastAPI application: routes, static files, error handlers, authentication."""

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
    estimates,
    jobs,
    kept,
    meta,
    opening,
    page,
    persona_files,
    personas,
    retrain,
    say,
    uploads,
)
from popinjay.server.state import AppState

DESCRIPTION = """The API behind popinjay's page, served from this machine.

Every error is `{"error": {"message", "hint"}}`. A program that changes anything must send the
header `X-Popinjay: 1` and, if the server was started with `--host`, the token that it printed as
`Authorization: Bearer TOKEN`. Times are ISO 8601 in UTC."""

PAGE_ROUTES = (
    page,
    meta,
    personas,
    persona_files,
    opening,
    say,
    kept,
    uploads,
    jobs,
    estimates,
    retrain,
    completions,
)

# Nothing is reported to anyone. Older versions of FastAPI ignore this argument.
NO_TELEMETRY: Any = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}


def create_app(home: Path, auth: Auth) -> FastAPI:
    """Return the application that serves the personas of a home folder.

    Raises PersonaBusy if another server already serves that folder.
    """
    state = AppState(home.absolute(), auth)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            app.state.running_jobs = state.close()

    app = FastAPI(
        title="popinjay",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.state.app_state = state
    errors.install_handlers(app)
    for module in PAGE_ROUTES:
        app.include_router(module.routes(state))
    app.mount("/assets", page.static_files())
    app.add_middleware(AuthMiddleware, auth=auth)
    return app
