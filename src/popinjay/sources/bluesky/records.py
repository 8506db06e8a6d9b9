"""Convert Bluesky's records, from an export or a server, to posts and their author."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from sys import intern
from typing import Any

from popinjay.post import Author, Kind, Post, handle_of, posted_at, printable
from popinjay.sources.bluesky.facets import with_whole_links
from popinjay.sources.json_values import as_object

POST = "app.bsky.feed.post"
REPOST = "app.bsky.feed.repost"
PROFILE = "app.bsky.actor.profile"
NO_POST = "record that is no post"  # a reason to leave something out
HANDLE = re.compile(  # in lower case
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)

_QUOTES = ("app.bsky.embed.record", "app.bsky.embed.recordWithMedia")
# the digits of a TID, a record key that is a timestamp
_DIGITS = {character: value for value, character in enumerate("234567abcdefghijklmnopqrstuvwxyz")}
_LANG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


def post_of(record: Any, key: str, did: str, handle: str) -> Post | None:
    """Convert a record of `app.bsky.feed.post`; None if it is not a valid post."""
    record = as_object(record)
    text = record.get("text")
    if not isinstance(text, str):
        return None
    return Post(
        id=key,
        author=handle,
        text=printable(with_whole_links(text, record.get("facets"))),
        kind=_kind(record, did),
        created_at=time_of(record, key),
        lang=_lang(record.get("langs")),
    )


def repost_of(record: Any, key: str, handle: str) -> Post:
    """Convert a record of `app.bsky.feed.repost`; a repost has no text of its own."""
    return Post(
        id=key, author=handle, text="", kind=Kind.REPOST, created_at=time_of(as_object(record), key)
    )


def name_of(handle: str, did: str) -> str:
    """Return an author's name: the handle, or the DID if it is missing or too long for a folder."""
    return handle if handle and handle == handle_of(handle) else handle_of(did)


def author_of(profile: Any, did: str, handle: str) -> Author:
    """Return the author that a record of `app.bsky.actor.profile` describes."""
    profile = as_object(profile)
    name, bio = (
        value if isinstance(value := profile.get(key), str) else ""
        for key in ("displayName", "description")
    )
    return Author(
        handle,
        printable(name).strip(),
        printable(bio).strip(),
        url=f"https://bsky.app/profile/{did}",
    )


def time_of(record: Mapping[str, Any], key: str) -> str | None:
    """Return a record's time of creation (ISO 8601, UTC), or else the time in its key, if any."""
    with suppress(ValueError):
        if written := posted_at(datetime.fromisoformat(str(record.get("createdAt")))):
            return written
    if not re.fullmatch(r"[2-7a-j][2-7a-z]{12}", key):
        return None
    number = 0
    for character in key:
        number = number * 32 + _DIGITS[character]
    return posted_at(datetime.fromtimestamp((number >> 10) // 1_000_000, UTC))


def _kind(record: Mapping[str, Any], did: str) -> Kind:
    reply = as_object(record.get("reply"))
    parent = as_object(reply.get("parent")).get("uri")
    if reply and not (did and str(parent).startswith(f"at://{did}/")):
        return Kind.REPLY
    return kind_in_own_thread(record)


def kind_in_own_thread(record: Mapping[str, Any]) -> Kind:
    """Return the kind of a post that does not reply to another author."""
    embed = as_object(record.get("embed"))
    quoted = as_object(embed.get("record"))
    nested = as_object(quoted.get("record"))  # next to pictures, it is one level deeper
    uri = quoted.get("uri") or nested.get("uri")
    return Kind.QUOTE if embed.get("$type") in _QUOTES and f"/{POST}/" in str(uri) else Kind.POST


def _lang(langs: Any) -> str | None:
    """Return the language if exactly one is given.

    Apps list all the languages that a person uses; then detection from the text is better.
    """
    if not isinstance(langs, list) or len(langs) != 1 or not _LANG.fullmatch(str(langs[0])):
        return None
    return intern(str(langs[0]))
