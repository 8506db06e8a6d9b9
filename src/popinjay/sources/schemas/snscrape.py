"""Posts of X as written by snscrape and twscrape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popinjay.post import Kind, Post, printable, unescape
from popinjay.sources.json_values import as_object
from popinjay.sources.rows.authors import writer_from
from popinjay.sources.rows.facts import NO_POST
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.privacy import PROTECTED
from popinjay.sources.rows.row import Row
from popinjay.sources.schemas.page import Page
from popinjay.sources.schemas.x_v1 import when
from popinjay.sources.x.post import as_number, kind_of, lang_of

NAME = "snscrape"
_SIGNS = frozenset(("rawContent", "renderedContent", "retweetedTweet"))
_TEXTS = ("rawContent", "content", "renderedContent")


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a post, by its type or by keys that only these tools write."""
    if "_type" in row and str(row["_type"]).startswith("snscrape.modules.twitter.Tweet"):
        return True
    if _SIGNS.isdisjoint(row):
        return False
    return any(isinstance(row.get(key), str) for key in _TEXTS)


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a post; a retweeted or quoted one is a separate object in it."""
    text = next((row[key] for key in _TEXTS if isinstance(row.get(key), str)), None)
    if text is None:
        return NO_POST
    user = as_object(row.get("user"))
    if user.get("protected") is True:
        return PROTECTED
    id = id_from(row.get("id_str")) or id_from(row.get("id"))
    text = printable(unescape(text))
    kind = kind_of(
        text,
        [],
        reposts=bool(row.get("retweetedTweet")),
        answers_others=False,
        quotes=bool(row.get("quotedTweet")),
    )
    answers = id_from(row.get("inReplyToTweetId")) or id_from(row.get("inReplyToTweetIdStr"))
    is_answer = bool(answers or row.get("inReplyToUser")) and kind is not Kind.REPOST
    found = Post(
        id=id,
        author="",
        text=text,
        kind=Kind.REPLY if is_answer else kind,
        created_at=when(row.get("date"), as_number(id)),
        lang=lang_of(row.get("lang")),
    )
    writer = writer_from(user or row.get("user")) or page.owner
    return Row(position, found, writer, answers, writer_from(row.get("inReplyToUser")), kind)
