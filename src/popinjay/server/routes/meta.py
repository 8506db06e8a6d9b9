"""What the page needs to know before anything is asked: the version, the options and their defaults, the base models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from popinjay import __version__
from popinjay.models import bases
from popinjay.options import WHOSE, MakeOptions, SayOptions, declared
from popinjay.server.errors import may_refuse
from popinjay.server.state import AppState


class OptionRow(BaseModel):
    """An option: of which type, what it means, what it may be."""

    name: str
    type: str
    default: str | bool | int | float | None
    help: str
    choices: list[str]
    least: float | None
    most: float | None


class About(BaseModel):
    """What this server is."""

    version: str
    home: str
    most_upload_bytes: int
    whose: dict[str, str]
    make: list[OptionRow]
    say: list[OptionRow]


class Bases(BaseModel):
    """The base models known by name."""

    bases: list[dict[str, Any]]


def routes(place: AppState) -> APIRouter:
    """/api/about and /api/bases."""
    router = APIRouter(prefix="/api", tags=["about"])

    @router.get("/about", responses=may_refuse())
    def about() -> About:
        """The version, the home folder's name, and every option with its default."""
        return About(
            version=__version__,
            home=place.home.name,
            most_upload_bytes=place.uploads.room(),
            whose=WHOSE,
            make=_options(*MakeOptions.PARTS.values()),
            say=_options(SayOptions),
        )

    @router.get("/bases", responses=may_refuse())
    def known_bases() -> Bases:
        """The base models known by name, and which of them are on this machine."""
        return Bases(bases=bases.listed())

    return router


def _options(*kinds: type[Any]) -> list[OptionRow]:
    return [
        OptionRow(
            name=field.name,
            type={int: "integer", float: "number", bool: "boolean"}.get(kind, "string"),
            default=field.default,  # type: ignore[arg-type]
            help=field.metadata["help"],
            choices=list(field.metadata["choices"]),
            least=field.metadata["least"],
            most=field.metadata["most"],
        )
        for field, kind in declared(*kinds)
    ]
