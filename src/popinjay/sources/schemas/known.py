"""The schemas in which sites and tools write posts as JSON, one module each.

A module has `recognises(row) -> bool`, for an object as it was parsed, and `post(row, place, page)`,
which gives a `Row`, or the reason why it is left out. Whatever a row is found in, it is read by its
schema; a row that no module recognises is read by its keys (`popinjay.sources.rows.facts`).
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
    """What a module of a schema offers."""

    def recognises(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is written in this schema."""

    def post(self, row: Mapping[str, Any], place: int, page: Page) -> Row | str:
        """Return a row's post, or why it is left out."""


# the more particular first
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
    """Return the schema in which a row is written, None if none is known."""
    return next((schema for schema in _ALL if schema.recognises(row)), None)
