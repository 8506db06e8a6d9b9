"""Bluesky's records, and the views of them in its API: posts and items of feeds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from popinjay.post import Kind, Post, printable
from popinjay.sources.bluesky.preferences import Preferences, label_notes
from popinjay.sources.bluesky.records import (
    NO_POST,
    POST,
    REPOST,
    kind_in_own_thread,
    name_of,
    post_of,
    repost_of,
)
from popinjay.sources.json_values import as_list, as_object
from popinjay.sources.rows.keys import text_of
from popinjay.sources.rows.row import AuthorNotes, Row, Writer
from popinjay.sources.schemas.page import Page

NAME = "Bluesky"
_URI = re.compile(
    r"at://(did:[a-z]+:[A-Za-z0-9._:%-]{1,200})/([A-Za-z0-9.-]+)/([A-Za-z0-9._:~-]{1,512})"
)
_REPOSTED = "#reasonRepost"


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a record, a view of one, or an item of a feed."""
    kind = row.get("$type")
    if isinstance(kind, str) and kind.startswith(("app.bsky.", "chat.bsky.")):
        return "text" in row or "createdAt" in row or "post" in row or "record" in row
    uri = row.get("uri")
    if isinstance(uri, str) and uri.startswith("at://"):
        return isinstance(row.get("value"), dict) or isinstance(row.get("record"), dict)
    inner = row.get("post")
    is_view = isinstance(inner, dict) and str(inner.get("uri")).startswith("at://")
    return is_view and recognises(as_object(inner))


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Return a post or repost; other records (likes, follows, ...) are left out."""
    view = as_object(row.get("post")) or row
    reason = as_object(row.get("reason"))
    if str(reason.get("$type")).endswith(_REPOSTED):
        return _reposted(view, reason, position)
    record = as_object(view.get("record")) or as_object(view.get("value")) or view
    uri = _URI.fullmatch(str(view.get("uri") or ""))
    did, collection, key = uri.groups() if uri else ("", "", "")
    kind = str(record.get("$type") or collection)
    if kind not in (POST, REPOST):
        return "direct message" if kind.startswith("chat.bsky.") else NO_POST
    author = as_object(view.get("author"))
    did = did or text_of(author.get("did")) or page.owner.account
    found = repost_of(record, key, "") if kind == REPOST else post_of(record, key, did, "")
    if found is None:
        return NO_POST
    answered = as_object(as_object(record.get("reply")).get("parent"))
    parent = _URI.match(str(answered.get("uri") or ""))
    return Row(
        position,
        found,
        _writer(author, did) or page.owner,
        answers=parent[3] if parent else "",
        answered=Writer(account=parent[1] if parent else ""),
        in_own_thread=kind_in_own_thread(record),
        author_notes=partial(_author_notes, author),
    )


def _reposted(view: Mapping[str, Any], reason: Mapping[str, Any], position: int) -> Row:
    """Return a repost, which has no text of its own."""
    by = as_object(reason.get("by"))
    id = str(reason.get("uri") or f"{view.get('uri')}/repost")
    when = repost_of({"createdAt": reason.get("indexedAt")}, "", "").created_at
    writer = _writer(by, text_of(by.get("did")))
    shown = Post(printable(id), "", "", kind=Kind.REPOST, created_at=when)
    return Row(position, shown, writer, author_notes=partial(_author_notes, by))


def _writer(author: Mapping[str, Any], did: str) -> Writer:
    handle = text_of(author.get("handle")).lower()
    known = handle if handle and handle != "handle.invalid" else ""
    name = name_of(known, did) if known or did else ""
    return Writer(name if known else "", did, text_of(author.get("displayName")))


def _author_notes(author: Mapping[str, Any]) -> AuthorNotes:
    listed = author.get("labels")
    labels = {text_of(as_object(label).get("val")) for label in as_list(listed)}
    handle = text_of(author.get("handle")) or "The author"
    return AuthorNotes(tuple(label_notes(labels)), Preferences().refusal(handle, labels))
