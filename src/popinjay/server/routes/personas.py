"""Routes that list the personas and describe one of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from popinjay import summary
from popinjay.server import catalog
from popinjay.server.catalog import PersonaDetail, PersonaRow
from popinjay.server.errors import error_responses
from popinjay.server.state import AppState


class Personas(BaseModel):
    """A part of the list of personas, and the length of the whole list."""

    personas: list[PersonaRow]
    total: int


def routes(state: AppState) -> APIRouter:
    """Return the routes of the list and of one persona."""
    router = APIRouter(prefix="/api/personas", tags=["personas"])

    @router.get("", responses=error_responses())
    def personas(
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 60,
        search: Annotated[str, Query(max_length=200)] = "",
        sort: summary.Sort = "name",
    ) -> Personas:
        """List the personas of the home folder, one page at a time."""
        found = summary.names(state.home, search, sort)
        return Personas(
            personas=[catalog.row(state.home, name) for name in found[offset : offset + limit]],
            total=len(found),
        )

    @router.get("/{name}", responses=error_responses(404, 409))
    def persona(name: str) -> PersonaDetail:
        """Describe one persona, and the state of each of its stages."""
        return catalog.detail(catalog.find(state.home, name))

    return router
