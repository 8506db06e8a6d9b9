"""Convert Mastodon's posts and authors, from an export or a server's API."""

from __future__ import annotations

import re
from datetime import datetime
from sys import intern
from typing import Any
from urllib.parse import urlsplit

from popinjay.post import Author, Kind, Post, handle_of, posted_at, printable
from popinjay.sources.json_values import as_object, as_text
from popinjay.text.html_text import MAX_HTML, to_text
from popinjay.text.quantities import plural

MAX_NAME = 500  # characters; Mastodon allows 30
MAX_BIO = 20_000  # characters; Mastodon allows 500, other servers some thousands
ID = re.compile(r"(?=.*\w)[\w.:~-]{1,128}", re.ASCII)  # on Mastodon digits only

_LANG = re.compile(r"(?!und\b)[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")
_URL = re.compile(r"https?://[^\s<>\"'\x00-\x20\x7f-\x9f]{1,500}")
_NUMBERED = re.compile(r"/statuses/(\d{1,30})(?:/activity)?$", re.ASCII)
_PUBLIC = ("public", "unlisted")
_NOT_PUBLIC = {"private": "followers-only post", "direct": "direct message"}  # by the API's names


def author_of(full_name: str, name: Any, bio: Any, url: Any, avatar: Any) -> Author:
    """Return an author by `user@host` and the fields of a profile; invalid ones count as empty."""
    return Author(
        handle_of(full_name) or "me",
        printable(as_text(name)).strip()[:MAX_NAME],
        to_text(as_text(bio))[:MAX_BIO],
        url=address_of(url),
        avatar=address_of(avatar),
    )


def post_of(id: str, author: str, kind: Kind, html: str, created_at: str | None, lang: Any) -> Post:
    """Build a post. A boost has no text, as its words are someone else's."""
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
    """Convert a status of the API, or return the reason to leave it out.

    Args:
        row: the status.
        account: the id of the account that is read.
        author: its handle.
    """
    row = as_object(row)
    id = id_of(row.get("id"))
    writer = id_of(as_object(row.get("account")).get("id"))
    visibility = row.get("visibility")
    boosted = row.get("reblog")
    is_boost = boosted is not None
    if not id or not writer or not isinstance(visibility, str):
        return "not readable"
    if is_boost and not isinstance(boosted, dict):
        return "not readable"
    if writer != account:
        return "somebody else's post"
    if visibility not in _PUBLIC:
        if is_boost:
            return "boost that is not public"
        return _NOT_PUBLIC.get(visibility, "post not for everybody")
    content = "" if is_boost else row.get("content")
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


def notes_on(warned: int, polls: int, of: str = "") -> list[str]:
    """Describe the numbers of posts with a content warning and of polls.

    `of` says of which posts, such as "of the posts read now", if it is not of all.
    """
    notes = []
    if warned:
        notes.append(
            f"{_counted(warned, of)} behind a content warning: the hidden text is kept, the "
            "warning itself is not part of the post."
        )
    if polls == 1:
        notes.append(f"{_counted(1, of)} a poll: the question is kept, the choices are not.")
    elif polls:
        notes.append(f"{_counted(polls, of)} polls: the question is kept, the choices are not.")
    return notes


def _counted(count: int, of: str) -> str:
    """Return a subject with its verb: "1 post is", "3 of the posts read now are"."""
    what = f"{count:,} {of}" if of else plural(count, "post")
    return f"{what} {'is' if count == 1 else 'are'}"


def number_of(url: str) -> str:
    """Return a permanent id of a post by its canonical URL: its number, or else the whole URL.

    On Mastodon the number is its id in the API; on other servers that can change, as on snac with
    every edit.
    """
    found = _NUMBERED.search(url)
    return found[1] if found else url


def id_of(value: Any) -> str:
    """Return an id as text that may be part of a URL; empty if it is invalid."""
    is_id = isinstance(value, str) or (type(value) is int and 0 <= value < 10**30)
    text = str(value) if is_id else ""
    return text if ID.fullmatch(text) else ""


def address_of(value: Any) -> str:
    """Return the value if it is a web URL, or else an empty text."""
    return value if isinstance(value, str) and _URL.fullmatch(value) else ""


def hostname_of(url: str) -> str:
    """Return the host of a URL without its port; empty if it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def language_of(value: Any) -> str | None:
    """Return the value if it is a language code, or else None."""
    return intern(value) if isinstance(value, str) and _LANG.fullmatch(value) else None


def time_of(written: Any) -> str | None:
    """Return a time as ISO 8601 in UTC, None if it is invalid."""
    try:
        return posted_at(datetime.fromisoformat(str(written or "")))
    except ValueError:
        return None


def kind_of(row: dict[str, Any], account: str) -> Kind:
    """Return the kind of a status, seen from the account with this id."""
    if row.get("reblog") is not None:
        return Kind.REPOST
    if (
        row.get("in_reply_to_id") is not None
        and id_of(row.get("in_reply_to_account_id")) != account
    ):
        return Kind.REPLY
    return Kind.QUOTE if row.get("quote") or row.get("quote_id") else Kind.POST
