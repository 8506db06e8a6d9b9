"""The page that describes the API."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse

from popinjay.server import api_docs
from popinjay.server.state import AppState


def routes(state: AppState, app: FastAPI) -> APIRouter:
    """Return the route /docs."""
    router = APIRouter()

    @router.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        base = f"http://{request.headers['host']}"
        has_token = state.auth.token is not None
        return HTMLResponse(api_docs.page(app.openapi(), base, has_token=has_token))

    return router
