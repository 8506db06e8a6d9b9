"""Assemble the FastAPI application: routes, static files, error handlers, authentication."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from popinjay import __version__
from popinjay.server import cors, errors
from popinjay.server.auth import Auth, AuthMiddleware
from popinjay.server.description import describe
from popinjay.server.monitoring import Monitoring, MonitoringMiddleware
from popinjay.server.routes import (
    bot,
    completions,
    docs,
    estimates,
    exports,
    jobs,
    kept,
    meta,
    monitoring,
    opening,
    page,
    persona_files,
    personas,
    queue,
    retrain,
    say,
    uploads,
)
from popinjay.server.state import AppState

DESCRIPTION = """The API of `popinjay serve`, which its page uses too. It runs on this machine.

Clients of OpenAI's API use the routes under `/v1`: the name of a model is that of a persona.

A program that changes anything under `/api` must send the header `X-Popinjay: 1`. If the server was
started with `--host`, every request needs the token that it printed: `Authorization: Bearer TOKEN`.
Pages of other sites may send requests if their origin was named with `--cors`.

Every error is `{"error": {"message", "hint"}}`, under `/v1` an error object as OpenAI's API has it.
Times are ISO 8601 in UTC. The header `X-Popinjay-Version` of every response has the version."""

ROUTES = (  # in the order of /docs
    completions,
    personas,
    opening,
    say,
    kept,
    queue,
    bot,
    persona_files,
    exports,
    jobs,
    estimates,
    retrain,
    uploads,
    meta,
    page,
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
    counted = Monitoring(state)
    for module in ROUTES:
        app.include_router(module.routes(state))
    app.include_router(monitoring.routes(counted))
    app.include_router(docs.routes(state, app))
    app.mount("/assets", page.static_files())
    describe(app)
    app.add_middleware(AuthMiddleware, auth=auth)
    app.add_middleware(MonitoringMiddleware, monitoring=counted)
    cors.allow_origins(app, auth.cors)
    return app
