"""Activities and notes of ActivityPub, as in the outbox of the fediverse's exports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from popinjay.post import handle_of
from popinjay.sources.json_values import as_object
from popinjay.sources.mastodon.activitypub import (
    NEITHER,
    answered_in,
    kind_in_own_thread,
    post_in,
    reason_against,
)
from popinjay.sources.mastodon.posts import address_of, hostname_of, number_of
from popinjay.sources.rows.row import Row, Writer
from popinjay.sources.schemas.page import Page

NAME = "ActivityPub"
_ACTIVITIES = (
    "Create", "Announce", "Update", "Delete", "Like", "Dislike", "Follow", "Accept", "Reject",
    "Add", "Remove", "Block", "Flag", "Undo", "Move",
)  # fmt: skip
_NOTES = ("Note", "Question", "Article", "Page", "Video", "Image", "Audio", "Event", "Tombstone")


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is an activity with actor and object, or an object with its author."""
    kind = row.get("type")
    if not isinstance(kind, str):
        return False
    if kind in _ACTIVITIES:
        return "actor" in row and "object" in row
    return kind in _NOTES and ("attributedTo" in row or ("to" in row and "content" in row))


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Return the note of a Create, or an Announce as a boost."""
    activity: dict[str, Any] = dict(row)
    if row["type"] in _NOTES:
        activity = {"type": "Create", "actor": row.get("attributedTo"), "object": row}
    note = as_object(activity.get("object"))
    if activity["type"] == "Create" and activity["object"] and not note:
        return NEITHER  # it only links to the note
    actor = _address(activity.get("actor")) or _address(note.get("attributedTo"))
    if reason := reason_against(activity, note, actor):
        return reason
    return Row(
        position,
        post_in(activity, note, "", [actor]),
        _writer(actor, note),
        number_of(answered_in(note)),
        in_own_thread=kind_in_own_thread(note),
    )


def _address(value: Any) -> str:
    return address_of(as_object(value).get("id") or value)


def _writer(actor: str, note: Mapping[str, Any]) -> Writer:
    """Return the writer by the URL of the actor, or that of the note's page (`/@ada/1`)."""
    host = hostname_of(actor)
    shown = re.search(r"/@([\w.-]+)(?:/|$)", address_of(note.get("url")))
    name = actor.rstrip("/").rpartition("/")[2].lstrip("@")
    if name.isdecimal() or not name:
        name = shown[1] if shown else ""
    return Writer(handle_of(f"{name}@{host}") if name and host else "", actor)
