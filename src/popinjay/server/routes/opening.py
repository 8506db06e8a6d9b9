"""The route of what a persona's page opens with."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from popinjay.errors import PersonaError
from popinjay.server import catalog, opening
from popinjay.server.errors import error_responses
from popinjay.server.state import AppState
from popinjay.summary import DAMAGED


class Opening(BaseModel):
    """Posts that the persona wrote before, and beginnings for others."""

    posts: list[str]  # that it wrote without a prompt
    prompts: list[str]


def routes(state: AppState) -> APIRouter:
    """Return the route /api/personas/NAME/opening."""
    router = APIRouter(prefix="/api/personas", tags=["personas"])

    @router.get("/{name}/opening", responses=error_responses(404, 409))
    def open_persona(name: str) -> Opening:
        """Return ten posts that it wrote when it was measured, and beginnings to choose from.

        There are fewer posts, or none, if it was not measured since it was trained.
        """
        run = catalog.find(state.home, name)
        try:
            posts = opening.written_posts(run)
            prompts = opening.prompts(run)
        except DAMAGED as error:
            raise PersonaError(
                f"A file of {name!r} is damaged: {error}", "Train it again, or make it again."
            ) from error
        for text in posts:
            state.recent_outputs.remember(name, "", text)
        return Opening(posts=posts, prompts=prompts)

    return router
