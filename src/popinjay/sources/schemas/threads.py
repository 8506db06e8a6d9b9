"""Posts of Threads, from Meta's export, its API and its web pages; and Facebook's export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.post import Kind, Post, printable
from popinjay.sources.json_values import as_object
from popinjay.sources.rows.authors import writer_from, writer_in
from popinjay.sources.rows.facts import NO_POST, is_yes, time_of
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.keys import folded
from popinjay.sources.rows.privacy import PROTECTED
from popinjay.sources.rows.row import Row
from popinjay.sources.schemas.page import Page

NAME = "Threads or Facebook"


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a post in any of these forms."""
    return _is_exported(row) or bool(_of_facebook(row)) or _is_from_api(row) or _is_from_page(row)


def _is_exported(row: Mapping[str, Any]) -> bool:
    media = row.get("media")
    first = media[0] if isinstance(media, list) and media else row
    return isinstance(first, dict) and "creation_timestamp" in first and "text" not in row


def _of_facebook(row: Mapping[str, Any]) -> str:
    """Return the text of a post in Facebook's export, whose `title` only describes an action."""
    data = row.get("data")
    if "timestamp" not in row or not isinstance(data, list):
        return ""
    texts = (part.get("post") for part in data if isinstance(part, dict))
    return next((text for text in texts if isinstance(text, str) and text), "")


def _is_from_api(row: Mapping[str, Any]) -> bool:
    return "media_product_type" in row or ("media_type" in row and "permalink" in row)


def _is_from_page(row: Mapping[str, Any]) -> bool:
    return "taken_at" in row and "caption" in row and isinstance(row.get("user"), dict)


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a post; for replies there is mostly no information on the post they answer."""
    if text := _of_facebook(row):
        found = Post("", "", printable(repaired(text)), created_at=time_of(row["timestamp"]))
        return Row(position, found, page.owner)
    if _is_exported(row):
        return _exported(row, position, page)
    return _from_api(row, position, page) if _is_from_api(row) else _from_page(row, position, page)


def _exported(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    media = row.get("media")
    first = as_object(media[0]) if isinstance(media, list) and media else {}
    texts = (row.get("title"), row.get("post"), first.get("title"))
    text = next((text for text in texts if isinstance(text, str) and text), None)
    if text is None:
        return NO_POST
    when = row.get("creation_timestamp") or first.get("creation_timestamp")
    found = Post("", "", printable(repaired(text)), created_at=time_of(when))
    return Row(position, found, page.owner)


def _from_api(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    repost = row.get("media_type") == "REPOST_FACADE"
    text = row.get("text") or row.get("caption")
    if not isinstance(text, str) and not repost:
        return NO_POST
    quotes = is_yes(row.get("is_quote_post")) or is_yes(row.get("quoted_post"))
    own = Kind.REPOST if repost else Kind.QUOTE if quotes else Kind.POST
    answered = as_object(row.get("replied_to"))
    is_answer = (is_yes(row.get("is_reply")) or bool(answered)) and not repost
    found = Post(
        id=id_from(row.get("id")),
        author="",
        text=printable(text) if isinstance(text, str) and not repost else "",
        kind=Kind.REPLY if is_answer else own,
        created_at=time_of(row.get("timestamp")),
    )
    writer = writer_in(folded({"username": row.get("username"), "owner": row.get("owner")}))
    return Row(
        position, found, writer or page.owner, id_from(answered.get("id")), in_own_thread=own
    )


def _from_page(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    user = as_object(row.get("user"))
    info = as_object(row.get("text_post_app_info"))
    if user.get("is_private") is True:
        return PROTECTED
    caption = row.get("caption")
    text = as_object(caption).get("text") if isinstance(caption, dict) else caption
    shared = as_object(info.get("share_info"))
    own = Kind.QUOTE if shared.get("quoted_post") else Kind.POST
    if shared.get("reposted_post"):
        own = Kind.REPOST
    if not isinstance(text, str) and own is not Kind.REPOST:
        return NO_POST
    found = Post(
        id=id_from(row.get("pk")) or id_from(row.get("id")),
        author="",
        text=printable(text) if isinstance(text, str) and own is not Kind.REPOST else "",
        kind=Kind.REPLY if info.get("is_reply") is True and own is not Kind.REPOST else own,
        created_at=time_of(row.get("taken_at")),
    )
    answered = writer_from(as_object(info.get("reply_to_author")))
    return Row(position, found, writer_from(user), answered=answered, in_own_thread=own)


def repaired(text: str) -> str:
    """Decode a text of Meta's exports, which contain UTF-8 bytes as Latin-1 characters."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
