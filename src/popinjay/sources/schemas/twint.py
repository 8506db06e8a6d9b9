"""Posts of X as written by twint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.post import Kind, Post, printable, unescape
from popinjay.sources.json_values import as_list
from popinjay.sources.rows.authors import handle_from, writer_from
from popinjay.sources.rows.facts import is_yes, time_of
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.keys import text_of
from popinjay.sources.rows.row import UNKNOWN, Row, Writer
from popinjay.sources.schemas.page import Page
from popinjay.sources.x.post import kind_of, lang_of

NAME = "twint"
_SIGNS = ("timezone", "username", "user_id", "cashtags", "retweet_date", "reply_to", "near")


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a post."""
    has_sign = any(key in row for key in _SIGNS)
    return isinstance(row.get("tweet"), str) and "conversation_id" in row and has_sign


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a post, which replies to the people in `reply_to`."""
    text = printable(unescape(row["tweet"]))
    reposts = any(is_yes(row.get(key)) for key in ("retweet", "retweet_id", "user_rt_id"))
    quotes = bool(text_of(row.get("quote_url")))
    kind = kind_of(text, [], reposts=reposts, answers_others=False, quotes=quotes)
    writer = Writer(
        handle_from(row.get("username")), id_from(row.get("user_id")), text_of(row.get("name"))
    )
    answered = _answered(row.get("reply_to"), writer)
    found = Post(
        id=id_from(row.get("id_str")) or id_from(row.get("id")),
        author="",
        text=text,
        kind=Kind.REPLY if answered and kind is not Kind.REPOST else kind,
        created_at=_when(row),
        lang=lang_of(row.get("language")),
    )
    conversation = id_from(row.get("conversation_id"))
    return Row(position, found, writer or page.owner, conversation, answered, kind)


def _answered(listed: Any, writer: Writer) -> Writer:
    """Return the first addressee who is not the writer, or else the writer; UNKNOWN if none."""
    people = [writer_from(user) for user in as_list(listed)]
    known = [person for person in people if person]
    others = [person for person in known if person.handle != writer.handle]
    return (others or known or [UNKNOWN])[0]


def _when(row: Mapping[str, Any]) -> str | None:
    """Return the time from separate columns, or from `created_at` of later versions."""
    day, hour, zone = (text_of(row.get(key)) for key in ("date", "time", "timezone"))
    combined = time_of(f"{day} {hour}{zone if zone[:1] in ('+', '-') else ''}") if hour else None
    return combined or time_of(row.get("created_at")) or time_of(day)
