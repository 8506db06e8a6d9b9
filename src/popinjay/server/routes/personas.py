"""Routes that list the personas, and that describe, rename and remove one of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from popinjay import pipeline, summary
from popinjay.server import catalog
from popinjay.server.catalog import PersonaDetail, PersonaRow
from popinjay.server.errors import error_responses
from popinjay.server.state import AppState
from popinjay.store.run import check_name


class Personas(BaseModel):
    """A part of the list of personas, and the length of the whole list."""

    personas: list[PersonaRow]
    total: int


class NewName(BaseModel):
    """What a persona shall be called."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)


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

    @router.patch("/{name}", responses=error_responses(404, 409, 507))
    def rename(name: str, given: NewName) -> PersonaDetail:
        """Rename a persona, unless a job makes it right now."""
        run = catalog.find(state.home, name)
        state.jobs.check_idle(name)
        check_name(given.name)
        state.models.release(name)
        pipeline.rename(run, given.name)
        state.jobs.rename_persona(name, given.name)
        state.recent_outputs.rename(name, given.name)
        return catalog.detail(catalog.find(state.home, given.name))

    @router.delete("/{name}", status_code=204, responses=error_responses(404, 409, 507))
    def remove(name: str) -> None:
        """Remove a persona with everything in its folder, unless a job makes it right now."""
        run = catalog.find(state.home, name)
        state.jobs.check_idle(name)
        state.models.release(name)
        pipeline.remove(run)
        state.jobs.remove_persona(name)
        state.recent_outputs.forget(name)

    return router
