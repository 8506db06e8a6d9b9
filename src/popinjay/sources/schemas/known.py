"""The schemas in which sites and tools write posts as JSON, one module each.

A module has a `NAME` for users, `recognises(row) -> bool`, for a parsed object, and `post(row,
position, page)`, which returns a `Row` or the reason to leave it out. A row that no module
recognises is read by its keys (`popinjay.sources.rows.facts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from popinjay.sources.rows.row import Row
from popinjay.sources.schemas import (
    activitypub,
    bluesky,
    mastodon,
    misskey,
    reddit,
    snscrape,
    threads,
    twint,
    x_graphql,
    x_v1,
    x_v2,
)
from popinjay.sources.schemas.page import Page


class Schema(Protocol):
    """The interface of a schema's module."""

    NAME: str  # the site or tool that writes it

    def recognises(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row has this schema."""

    def post(self, row: Mapping[str, Any], position: int, page: Page) -> Row | str:
        """Convert a row, or return the reason to leave it out."""


# the more specific ones first
_ALL: tuple[Schema, ...] = (
    mastodon,
    misskey,
    activitypub,
    bluesky,
    x_graphql,
    x_v2,
    snscrape,
    twint,
    reddit,
    threads,
    x_v1,
)


def schema_of(row: Mapping[str, Any]) -> Schema | None:
    """Return the schema of a row, None if it is unknown."""
    return next((schema for schema in _ALL if schema.recognises(row)), None)
