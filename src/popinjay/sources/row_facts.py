"""What a row of no schema that is known says of its post: by the usual names of keys and columns.

Rows are given under folded keys (`row_keys.folded`), so that `createdAt` and `Created at` are one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from popinjay.post import Kind, Post, is_repost_text, printable, unescape, utc
from popinjay.sources.row import Row
from popinjay.sources.row_authors import answered_in, writer_in
from popinjay.sources.row_ids import id_in
from popinjay.sources.row_keys import fold, text_of
from popinjay.sources.row_privacy import hidden_in

NO_POST = "no post"  # why a row is left out

# the whole before what may be cut
TEXTS = (
    "fulltext", "rawcontent", "text", "tweet", "content", "body", "post", "message", "status",
    "tweettext", "tweetcontent", "posttext", "statustext", "contenttext", "commenttext", "comment",
    "selftext", "caption", "note", "renderedcontent",
)  # fmt: skip
TIMES = (
    "createdat", "date", "timestamp", "time", "datetime", "published", "publishedat", "created",
    "createdutc", "createtime", "postedat", "tweetcreatedat", "publishdate", "creationtimestamp",
)  # fmt: skip
REPOSTS = (
    "isretweet", "isrepost", "retweet", "retweetedstatus", "retweetedstatusid",
    "retweetedstatusidstr", "retweetedtweet", "reblog", "isreblog", "isboost",
)  # fmt: skip
REPLIES = (
    "isreply", "inreplyto", "inreplytostatusid", "inreplytostatusidstr", "inreplytotweetid",
    "inreplytoid", "inreplytouserid", "inreplytoscreenname", "inreplytouser", "replyid",
)  # fmt: skip
_NO = ("", "0", "false", "no", "none", "null", "nan", "f", "n")


def row_in(named: Mapping[str, Any], place: int, text_column: str | None) -> Row | str:
    """Return a row's post, or the reason why it is left out."""
    key = text_key(named, text_column)
    if not key or isinstance(named[key], list | dict):
        return NO_POST
    if reason := hidden_in(named):
        return reason
    text = printable(unescape(str(named[key] or "")))
    post = Post(
        id=id_in(named),
        author="",
        text=text,
        kind=kind_in(named, text),
        created_at=time_in(named),
        lang=printable(text_of(named.get("lang")) or text_of(named.get("language"))) or None,
        truncated=is_yes(named.get("truncated")),
    )
    return Row(place, post, writer_in(named), *answered_in(named))


def text_key(named: Mapping[str, Any], asked: str | None) -> str:
    """Return the key that holds the text, empty if there is none: the one asked for, or a usual one."""
    if asked is not None:
        return fold(asked) if fold(asked) in named else ""
    held = [key for key in TEXTS if key in named and not isinstance(named[key], list | dict)]
    for key in held:
        if named[key] not in (None, ""):
            return key
    if held:
        return held[0]
    (only,) = named.items() if len(named) == 1 else [("", None)]
    return only[0] if isinstance(only[1], str) else ""


def kind_in(named: Mapping[str, Any], text: str) -> Kind:
    """Return what a post is; an answer to anybody, its own author too, is a reply here."""
    if is_repost_text(text) or any(is_yes(named.get(key)) for key in REPOSTS):
        return Kind.REPOST
    return Kind.REPLY if any(is_yes(named.get(key)) for key in REPLIES) else Kind.POST


def is_yes(value: Any) -> bool:
    """Whether a value says yes, or names something."""
    return bool(value) and str(value).strip().lower() not in _NO


def time_in(named: Mapping[str, Any]) -> str | None:
    """Return when a row was posted, as ISO 8601 in UTC."""
    return next((iso for key in TIMES if (iso := time_of(named.get(key)))), None)


def time_of(value: Any) -> str | None:
    """Return a moment, written in any usual way, as ISO 8601 in UTC; None if it is none."""
    if value is None or value == "":
        return None
    text = str(value).strip()
    try:
        if re.fullmatch(r"\d{9,10}(?:\.\d+)?|\d{12,13}", text):  # seconds or milliseconds
            scale = 1000 if len(text) > 11 and "." not in text else 1
            moment = datetime.fromtimestamp(float(text) / scale, UTC)
        elif re.match(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d", text):  # Sat Feb 18 12:33:11 +0000 2023
            moment = datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y")
        else:
            moment = datetime.fromisoformat(text.removesuffix(" UTC").replace(" +0000", "+00:00"))
        return utc(moment)
    except (ValueError, OverflowError, OSError):
        return None
