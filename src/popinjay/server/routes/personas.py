"""Routes of personas: which there are, what is in them, what was kept of what they said."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from popinjay.server import catalog
from popinjay.server.catalog import PersonaDetail, PersonaRow
from popinjay.server.errors import may_refuse
from popinjay.server.state import AppState


class Personas(BaseModel):
    """A part of a list of personas."""

    personas: list[PersonaRow]
    total: int


def routes(place: AppState) -> APIRouter:
    """Everything under /api/personas but speaking."""
    router = APIRouter(prefix="/api/personas", tags=["personas"])

    @router.get("", responses=may_refuse())
    def personas(
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 60,
        search: Annotated[str, Query(max_length=200)] = "",
        sort: catalog.Sort = "name",
    ) -> Personas:
        """Every persona in the home folder, a page of them at a time."""
        found = catalog.names(place.home, search, sort)
        return Personas(
            personas=[catalog.row(place.home, name) for name in found[offset : offset + limit]],
            total=len(found),
        )

    @router.get("/{name}", responses=may_refuse(404, 409))
    def persona(name: str) -> PersonaDetail:
        """One persona, and how far each of its stages is."""
        return catalog.detail(catalog.find(place.home, name))

    return router
