"""Routes for programs that watch this server: is it there, and what does it do."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from popinjay import __version__
from popinjay.server.errors import error_responses
from popinjay.server.monitoring import Monitoring


class Health(BaseModel):
    """That the server answers."""

    status: str
    version: str


def routes(monitoring: Monitoring) -> APIRouter:
    """Return the routes /health and /metrics."""
    router = APIRouter(tags=["monitoring"])

    @router.get("/health", responses=error_responses())
    def health() -> Health:
        """Return `ok`. This route needs no token."""
        return Health(status="ok", version=__version__)

    text: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
    }

    @router.get("/metrics", responses=error_responses() | text, response_class=Response)
    def metrics() -> Response:
        """Return the numbers about this server in Prometheus' text format.

        They are requests by route and status, their durations, posts and tokens written, jobs by
        state, loaded models and the process. No persona is named.
        """
        return Response(monitoring.text(), media_type=CONTENT_TYPE_LATEST)

    return router
