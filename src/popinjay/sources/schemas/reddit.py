"""Comments and posts of Reddit, as written by its API, Pushshift and their tools."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from popinjay.post import Kind, Post, printable, unescape
from popinjay.sources.rows.authors import handle_from
from popinjay.sources.rows.facts import NO_POST, is_yes, time_of
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.keys import text_of
from popinjay.sources.rows.privacy import DELETED, DIRECT, RESTRICTED
from popinjay.sources.rows.row import Row, Writer
from popinjay.sources.schemas.page import Page

NAME = "Reddit"
_COMMENT = ("link_id", "parent_id", "subreddit", "subreddit_id", "link_title", "dest")
_POST = ("selftext", "is_self", "subreddit_id", "num_comments", "link_flair_text")
_GONE = ("[deleted]", "[removed]", "[ removed by reddit ]")
_QUOTED = re.compile(r"^>.*(?:\n|\Z)", re.MULTILINE)
_CLOSED = ("private", "employees_only", "gold_only", "gold_restricted")
_PREFIX = re.compile(r"t\d_")


def recognises(row: Mapping[str, Any]) -> bool:
    """Return whether it is a comment, a post or a private message."""
    if isinstance(row.get("body"), str):
        return any(key in row for key in _COMMENT) and ("author" in row or "permalink" in row)
    return isinstance(row.get("title"), str) and "subreddit" in row and any(k in row for k in _POST)


def post(row: Mapping[str, Any], position: int, page: Page) -> Row | str:
    """Convert a comment (a reply) or a post with its title, without quoted lines."""
    if "dest" in row and "subject" in row:
        return DIRECT
    if row.get("subreddit_type") in _CLOSED:
        return RESTRICTED
    is_comment = isinstance(row.get("body"), str)
    texts = [row["body"]] if is_comment else [row["title"], row.get("selftext")]
    parts = [unescape(text).strip() for text in texts if isinstance(text, str)]
    if any(part.lower() in _GONE for part in parts):
        return DELETED
    text = printable("\n\n".join(_QUOTED.sub("", part).strip() for part in parts)).strip()
    if not text:
        return NO_POST
    kind = Kind.REPLY if is_comment else Kind.POST
    if is_yes(row.get("crosspost_parent")):
        kind = Kind.REPOST
    created_at = time_of(row.get("created_utc")) or time_of(row.get("created"))
    found = Post(id_from(row.get("id")), "", text, kind=kind, created_at=created_at)
    account = text_of(row.get("author_fullname"))
    writer = Writer(handle_from(row.get("author")), account) or page.owner
    return Row(position, found, writer, _PREFIX.sub("", text_of(row.get("parent_id"))))
