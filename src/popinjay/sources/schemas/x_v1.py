"""Posts as written by version 1.1 of X's API and by X's archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.post import Kind, Post, printable, unescape
from popinjay.sources.json_values import as_object
from popinjay.sources.rows.authors import handle_from, writer_from
from popinjay.sources.rows.facts import NO_POST, is_yes
from popinjay.sources.rows.facts import time_of as moment_of
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.privacy import FOLLOWERS, PROTECTED
from popinjay.sources.rows.row import Row, Writer
from popinjay.sources.schemas.page import Page
from popinjay.sources.x.post import BEGAN, as_number, edits_in, kind_of, lang_of, links_of, time_of

NAME = "X's API, version 1.1"
_SIGNS = frozenset(
    "id_str in_reply_to_status_id in_reply_to_status_id_str in_reply_to_user_id_str "
    "is_quote_status display_text_range favorite_count extended_tweet".split()
)
_ANSWERS = (
    "in_reply_to_status_id_str", "in_reply_to_status_id", "in_reply_to_user_id_str",
    "in_reply_to_user_id", "in_reply_to_screen_name",
)  # fmt: skip
_REPOSTED = (
    "retweeted_status", "retweeted_status_id_str", "retweeted_status_id", "retweeted_status_result",
)  # fmt: skip


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a post: a text, and two of the other fields that X writes."""
    if not isinstance(row.get("full_text"), str) and not isinstance(row.get("text"), str):
        return False
    user = row.get("user")
    return (isinstance(user, dict) and "screen_name" in user) or len(_SIGNS & row.keys()) >= 2


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a post with its full text; posts of protected accounts are left out."""
    user = as_object(row.get("user"))
    if user.get("protected") is True:
        return PROTECTED
    if as_object(row.get("scopes")).get("followers") is True:
        return FOLLOWERS
    text, is_complete = text_in(row)
    if text is None:
        return NO_POST
    id = id_from(row.get("id_str")) or id_from(row.get("id"))
    number = as_number(id)
    kind = kind_of(
        text,
        links_of(row),
        reposts=any(is_yes(row.get(key)) for key in _REPOSTED),
        answers_others=False,
        quotes=row.get("is_quote_status") is True or bool(row.get("quoted_status_id_str")),
    )
    answers = any(is_yes(row.get(key)) for key in _ANSWERS) and kind is not Kind.REPOST
    found = Post(
        id=id,
        author="",
        text=text,
        kind=Kind.REPLY if answers else kind,
        created_at=when(row.get("created_at"), number),
        lang=lang_of(row.get("lang")),
        truncated=is_yes(row.get("truncated")) and not is_complete,
    )
    return Row(
        position,
        found,
        writer_from(user) if user else page.owner,
        id_from(row.get("in_reply_to_status_id_str")) or id_from(row.get("in_reply_to_status_id")),
        _answered(row),
        kind,
        tuple(str(edit) for edit in edits_in(row) if number is not None and edit < number),
    )


def text_in(row: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return a post's longest text, and whether it is certainly complete."""
    extended = as_object(row.get("extended_tweet"))
    for text in (extended.get("full_text"), row.get("full_text")):
        if isinstance(text, str):
            return printable(unescape(text)), True
    text = row.get("text")
    return (printable(unescape(text)), False) if isinstance(text, str) else (None, False)


def when(written: Any, number: int | None) -> str | None:
    """Return the time of a post, by its id if the given time is impossible."""
    moment = moment_of(written)
    return moment if moment and moment >= BEGAN else time_of(None, number or 0)


def _answered(row: Mapping[str, Any]) -> Writer:
    account = id_from(row.get("in_reply_to_user_id_str")) or id_from(row.get("in_reply_to_user_id"))
    return Writer(handle_from(row.get("in_reply_to_screen_name")), account)
