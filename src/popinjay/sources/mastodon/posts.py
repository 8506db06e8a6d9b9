"""Mastodon's posts and their authors, whichever way they came: from an export or from a server's API."""

from __future__ import annotations

import re
from datetime import datetime
from sys import intern
from typing import Any
from urllib.parse import urlsplit

from popinjay.post import Author, Kind, Post, handle_of, posted_at, printable
from popinjay.sources.files.container import as_object
from popinjay.text.html_text import MAX_HTML, to_text

MAX_NAME = 500  # characters; Mastodon allows 30
MAX_BIO = 20_000  # characters; Mastodon allows 500, other servers some thousand
ID = re.compile(r"(?=.*\w)[\w.:~-]{1,128}", re.ASCII)  # numbers on Mastodon, letters too elsewhere

_LANG = re.compile(r"(?!und\b)[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
_ADDRESS = re.compile(r"https?://[^\s<>\"'\x00-\x20\x7f-\x9f]{1,500}")
_NUMBERED = re.compile(r"/statuses/(\d{1,30})(?:/activity)?$", re.ASCII)
_PUBLIC = ("public", "unlisted")
_NOT_PUBLIC = {
    "private": "followers-only post",
    "direct": "direct message",
}  # the API's name and ours


def author_of(full_name: str, name: Any, bio: Any, url: Any, avatar: Any) -> Author:
    """Who posted, from `user@host` and what a profile holds; what is no text, or no address, counts as empty."""
    return Author(
        handle_of(full_name) or "me",
        printable(_text(name)).strip()[:MAX_NAME],
        to_text(_text(bio))[:MAX_BIO],
        url=address_of(url),
        avatar=address_of(avatar),
    )


def post_of(id: str, author: str, kind: Kind, html: str, created_at: str | None, lang: Any) -> Post:
    """A post from its parts. A boost is somebody else's words, so there is no text."""
    boost = kind is Kind.REPOST
    return Post(
        id=id,
        author=author,
        text="" if boost else to_text(html),
        kind=kind,
        created_at=created_at,
        lang=None if boost else language_of(lang),
        truncated=not boost and len(html) > MAX_HTML,
    )


def status_of(row: Any, account: str, author: str) -> Post | str:
    """A status of the API as a post of the account with this id, or the reason why it is not handed over."""
    row = as_object(row)
    id, visibility, boosted = id_of(row.get("id")), row.get("visibility"), row.get("reblog")
    writer = id_of(as_object(row.get("account")).get("id"))
    if (
        not id
        or not writer
        or not isinstance(visibility, str)
        or not (boosted is None or isinstance(boosted, dict))
    ):
        return "not readable"
    if writer != account:
        return "somebody else's post"
    if visibility not in _PUBLIC:
        return (
            "boost that is not public"
            if boosted is not None
            else _NOT_PUBLIC.get(visibility, "post not for everybody")
        )
    content = "" if boosted is not None else row.get("content")
    if not isinstance(content, str):
        return "not readable"
    return post_of(
        number_of(address_of(row.get("uri"))) or id,
        author,
        kind_of(row, account),
        content,
        time_of(row.get("created_at")),
        row.get("language"),
    )


def notes_on(warned: int, polls: int, what: str = "posts") -> list[str]:
    """What is to be said of so many posts with a content warning, and so many polls."""
    notes = []
    if warned:
        notes.append(
            f"{warned:,} {what} stand behind a content warning: what it hides is kept, the warning itself is no part of the post."
        )
    if polls:
        notes.append(f"{polls:,} {what} are polls: the question is kept, the choices are not.")
    return notes


def number_of(address: str) -> str:
    """What names a post for good, by the address that stands for it everywhere: its number on its server, or the whole address where it has none.

    Its id in the API is that number on Mastodon; elsewhere it can change, as on snac with every edit.
    """
    found = _NUMBERED.search(address)
    return found[1] if found else address


def id_of(value: Any) -> str:
    """What a server calls something, as text that may stand in an address; empty where it is no such thing."""
    text = (
        str(value) if isinstance(value, str) or (type(value) is int and 0 <= value < 10**30) else ""
    )
    return text if ID.fullmatch(text) else ""


def address_of(value: Any) -> str:
    """The value where it is an address on the web, or else nothing."""
    return value if isinstance(value, str) and _ADDRESS.fullmatch(value) else ""


def hostname_of(address: str) -> str:
    """The host of an address, without its port; empty where it has none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def language_of(value: Any) -> str | None:
    """The value where it is a language's code."""
    return intern(value) if isinstance(value, str) and _LANG.fullmatch(value) else None


def time_of(written: Any) -> str | None:
    """A moment as ISO 8601 in UTC."""
    try:
        return posted_at(datetime.fromisoformat(str(written or "")))
    except ValueError:
        return None


def kind_of(row: dict[str, Any], account: str) -> Kind:
    """Return what a status is to the account with this id."""
    if row.get("reblog") is not None:
        return Kind.REPOST
    if (
        row.get("in_reply_to_id") is not None
        and id_of(row.get("in_reply_to_account_id")) != account
    ):
        return Kind.REPLY
    return Kind.QUOTE if row.get("quote") or row.get("quote_id") else Kind.POST


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
