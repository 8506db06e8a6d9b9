"""Routes of what the page needs first: the version, the options with defaults, the base models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from popinjay import __version__
from popinjay.models import bases
from popinjay.options import MakeOptions, SayOptions, declared
from popinjay.project_links import HOMEPAGE
from popinjay.server.errors import error_responses
from popinjay.server.state import AppState
from popinjay.whose import WHOSE


class OptionRow(BaseModel):
    """An option: its type, default, meaning and range."""

    name: str
    type: str
    default: str | bool | int | float | None
    help: str
    choices: list[str]
    least: float | None
    most: float | None


class WhoseRow(BaseModel):
    """An answer to the question whose words the posts are."""

    name: str
    label: str
    meaning: str
    may_be_public: bool


class About(BaseModel):
    """A description of this server."""

    version: str
    homepage: str  # the project's address; empty if nobody has set one
    home: str
    most_upload_bytes: int
    whose: list[WhoseRow]
    make: list[OptionRow]
    say: list[OptionRow]


class Bases(BaseModel):
    """The base models that have a name."""

    bases: list[dict[str, Any]]


def routes(state: AppState) -> APIRouter:
    """Return the routes /api/about and /api/bases."""
    router = APIRouter(prefix="/api", tags=["about"])

    @router.get("/about", responses=error_responses())
    def about() -> About:
        """Return the version, the home folder's name, and every option with its default."""
        return About(
            version=__version__,
            homepage=HOMEPAGE,
            home=state.home.name,
            most_upload_bytes=state.uploads.available_bytes(),
            whose=[
                WhoseRow(
                    name=name,
                    label=answer.label,
                    meaning=answer.meaning,
                    may_be_public=answer.may_be_public,
                )
                for name, answer in WHOSE.items()
            ],
            make=_options(*MakeOptions.PARTS.values()),
            say=_options(SayOptions),
        )

    @router.get("/bases", responses=error_responses())
    def known_bases() -> Bases:
        """List the base models that have a name, and whether each is on this machine."""
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
