"""Read fields that X's archive and its API share: ids, times, languages, kinds of posts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from sys import intern
from typing import Any

from popinjay.post import Kind, is_repost_text, printable
from popinjay.sources.json_values import as_list, as_object

SNOWFLAKE_EPOCH_MS = 1288834974657

_MENTIONS = re.compile(r"(?:@\w+\s+)+")
_QUOTED = re.compile(r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/\w+/status/\d+")
_MONTHS = {
    name: f"{i:02d}"
    for i, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}
_LANGS = {
    "in": "id",
    "iw": "he",
    "und": None,
    "qam": None,
    "qct": None,
    "qht": None,
    "qme": None,
    "qst": None,
    "zxx": None,
    "art": None,
}
_FIRST_SNOWFLAKE = 29_700_859_247  # before November 2010, ids were sequential
_CLASSIC_TIME = re.compile(r"\w{3} (\w{3}) (\d\d) (\d\d:\d\d:\d\d) \+0000 (\d{4})")
BEGAN = "2006-03-21"


def as_number(value: Any) -> int | None:
    """Return a number that X may have written as text; None if it is none."""
    return int(value) if re.fullmatch(r"[0-9]{1,19}", str(value)) else None


def snowflake_ms(number: int) -> int:
    """Return the time in a snowflake id, in milliseconds since 1970."""
    return (number >> 22) + SNOWFLAKE_EPOCH_MS


def iso_time(milliseconds: int) -> str:
    """Format milliseconds since 1970 as ISO 8601."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(written: Any, number: int) -> str | None:
    """Return a post's time as ISO 8601, by its date or else by its id.

    Dates before Twitter began, which some exports hold, are ignored.
    """
    text = str(written or "")
    iso = None
    classic = _CLASSIC_TIME.fullmatch(text)  # Sat Feb 18 12:33:11 +0000 2023
    if classic and classic[1] in _MONTHS:
        iso = f"{classic[4]}-{_MONTHS[classic[1]]}-{classic[2]}T{classic[3]}Z"
    elif re.match(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", text):  # 2011-07-22 13:51:06 +0000
        iso = f"{text[:10]}T{text[11:19]}Z"
    if iso is None or iso < BEGAN or not _is_time(iso):
        return iso_time(snowflake_ms(number)) if number > _FIRST_SNOWFLAKE else None
    return iso


def _is_time(iso: str) -> bool:
    """Return whether a date and time exist."""
    try:
        return datetime.fromisoformat(iso) is not None
    except ValueError:
        return False


def lang_of(written: Any) -> str | None:
    """Return a post's language; None for X's codes that mean none."""
    return _LANGS.get(written, intern(printable(written))) if isinstance(written, str) else None


def kind_of(
    text: str, links: Sequence[Any], *, reposts: bool, answers_others: bool, quotes: bool = False
) -> Kind:
    """Return the kind of a post.

    Args:
        text: its text.
        links: the links in it, as X lists them; in archives the only sign of a quote.
        reposts: whether it is marked as a repost.
        answers_others: whether it replies to another author.
        quotes: whether it is marked as a quote.
    """
    if reposts or is_repost_text(text):
        return Kind.REPOST
    if answers_others:
        return Kind.REPLY
    last = as_object(links[-1]).get("expanded_url") if links else None
    return Kind.QUOTE if quotes or (last and _QUOTED.match(str(last))) else Kind.POST


def links_of(post: Mapping[str, Any]) -> list[Any]:
    """Return the links in a post, as X lists them."""
    urls = as_object(post.get("entities")).get("urls")
    return as_list(urls)


def whole_text(stub: str, whole: str) -> str:
    """Return a long post's full text, with the leading mentions that only its stub has."""
    mentions = re.match(r"(?:@\w+\s+)+", stub)
    return mentions[0] + whole if mentions and not whole.startswith("@") else whole


def edits_in(tweet: Mapping[str, Any]) -> list[int]:
    """Return the ids of all versions of an edited post, as archives and API pages list them."""
    info = as_object(tweet.get("edit_info"))
    initial = (
        as_object(info.get("initial"))
        or as_object(as_object(info.get("edit")).get("editControlInitial"))
        or as_object(info.get("edit_control_initial"))
        or info
    )
    edits = initial.get("editTweetIds") or initial.get("edit_tweet_ids")
    return [number for edit in as_list(edits) if (number := as_number(edit)) is not None]


def without_own_handle(text: str, handles: Iterable[str]) -> str:
    """Return a reply's text without its author's own handle among the leading mentions.

    X adds it for addressing, and never displays it.
    """
    mentions = _MENTIONS.match(text)
    if not mentions:
        return text
    own = {f"@{handle.lower()}" for handle in handles if handle}
    kept = [mention for mention in mentions[0].split() if mention.lower() not in own]
    rest = text[mentions.end() :]
    if len(kept) == len(mentions[0].split()) or not rest:
        return text
    return " ".join([*kept, rest])
