"""The routes that train a persona again from its own posts, or update it with newer ones."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from popinjay.errors import PersonaError
from popinjay.options import TrainOptions
from popinjay.server import catalog
from popinjay.server.errors import error_responses
from popinjay.server.jobs.job import Job
from popinjay.server.state import AppState
from popinjay.store.forgotten import check_no_blend
from popinjay.store.run import Run
from popinjay.store.stage_table import STAGES

LONGER = 2.0  # times the time or the passes of the training before


class RetrainRequest(BaseModel):
    """How to train a persona again: as before, for longer, or for a given time."""

    model_config = ConfigDict(extra="forbid")

    budget: str | None = Field(
        default=None,
        max_length=20,
        description="The time to train for, such as 90s, 5m or 1h; null: as before.",
    )
    longer: bool = Field(
        default=False,
        description="Train for twice the time or twice the passes of before.",
    )


class UpdateRequest(BaseModel):
    """Where newer posts are."""

    model_config = ConfigDict(extra="forbid")

    upload: str | None = Field(
        default=None,
        max_length=100,
        description="The id of an upload with old and new posts; null: what the persona was made "
        "of is read again.",
    )


def changed_options(run: Run, request: RetrainRequest) -> dict[str, Any]:
    """Return the training options that a request changes.

    Raises PersonaError if the persona was never finished or is a blend, OptionError if the budget
    is no time.
    """
    check_no_blend(run, "and not trained itself")
    if any(run.record.options(stage.name) is None for stage in STAGES):
        raise PersonaError(
            f"{run.name!r} was never finished.",
            "Make it again from the same posts: it goes on from there.",
        )
    if request.budget is not None:
        TrainOptions(budget=request.budget)
        return {"budget": request.budget}
    if not request.longer:
        return {}
    facts = run.record.facts("train")
    if facts.get("budget"):
        return {"budget": f"{LONGER * facts['budget']:g}s"}
    return {"epochs": LONGER * facts.get("epochs", 1.0)}


def routes(state: AppState) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/personas/{name}", tags=["jobs"])

    @router.post("/retrain", status_code=201, responses=error_responses(404, 409, 429, 507))
    def retrain(name: str, request: RetrainRequest) -> Job:
        """Queue a job that trains a persona again from its own posts, without its archive.

        It is refused while another job makes that persona.
        """
        run = catalog.find(state.home, name)
        state.jobs.check_idle(name)
        return state.jobs.submit("retrain", [], None, run.name, changed_options(run, request))

    @router.post("/update", status_code=201, responses=error_responses(404, 409, 429, 507))
    def update(name: str, request: UpdateRequest) -> Job:
        """Queue a job that has a persona learn the posts that are new, without beginning anew.

        It is refused while another job makes that persona.
        """
        run = catalog.find(state.home, name)
        state.jobs.check_idle(name)
        upload = request.upload
        specs = [] if upload is None else [state.uploads.file(upload).name]
        return state.jobs.submit("update", specs, upload, run.name, {})

    return router
