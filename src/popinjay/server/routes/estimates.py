"""The route that tells how long making a persona would take, for each base model and budget."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from popinjay.models import bases
from popinjay.options import EvaluateOptions, TrainOptions
from popinjay.server.errors import error_responses
from popinjay.server.state import AppState
from popinjay.training.estimate import estimate_make

BUDGETS = (None, "1m", "5m", "20m", "1h")  # that the page offers; None: as long as it needs
MOST = 10**9  # posts, and characters


class Estimate(BaseModel):
    """How long the whole of `make` would take on this machine."""

    base: str
    budget: str | None
    seconds: float  # without the download
    download_bytes: int  # 0 if the base model is here
    is_measured: bool  # by an earlier training on this machine


class Estimates(BaseModel):
    """One estimate for each base model and budget."""

    estimates: list[Estimate]


def routes(state: AppState) -> APIRouter:
    """Return the route /api/estimates."""
    router = APIRouter(prefix="/api", tags=["about"])

    @router.get("/estimates", responses=error_responses())
    def estimates(
        posts: Annotated[int, Query(ge=1, le=MOST)],
        characters: Annotated[int, Query(ge=1, le=MOST)],
    ) -> Estimates:
        """Estimate how long making a persona would take, for each base model and budget."""
        return Estimates(
            estimates=[
                _estimate(base, budget, posts, characters)
                for base in bases.BASES
                for budget in BUDGETS
            ]
        )

    return router


def _estimate(base: bases.Base, budget: str | None, posts: int, characters: int) -> Estimate:
    train = TrainOptions(base=base.name, budget=budget)
    found = estimate_make(base, posts, characters, train, EvaluateOptions())
    return Estimate(
        base=base.name,
        budget=budget,
        seconds=round(found.seconds, 1),
        download_bytes=found.download_bytes,
        is_measured=found.is_measured,
    )
