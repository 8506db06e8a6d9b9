"""The record of a post on Bluesky: its key, its text within the limits, links, labels, language."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from popinjay.bots.networks.requests import seconds_of
from popinjay.store.post_queue import Draft
from popinjay.text.graphemes import graphemes

COLLECTION = "app.bsky.feed.post"
MAX_GRAPHEMES = 300
MAX_BYTES = 3_000
_SORTED = "234567abcdefghijklmnopqrstuvwxyz"  # the digits of record keys, in order
_MICROSECONDS = 10**6
_TAG_GRAPHEMES = 64
_FACET = "app.bsky.richtext.facet"
_LINK = re.compile(r"(?<![\w@/])https?://[^\s<>\"]+", re.I)
_TRAILING = ".,;:!?'\"*_~]}»”’…"
_MENTION = re.compile(r"(?<![\w@/.])@((?:[A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z][A-Za-z0-9-]*)", re.A)
_TAG = re.compile(r"(?<![\w#/&])#(?=\S*[^\W\d_])([^\s#.,;:!?'\"()\[\]{}<>]{1,64})")
# What an author of a content warning writes, and the labels by which Bluesky's apps hide pictures
_LABELS = (
    (re.compile(r"\b(?:porn\w*|nsfw|xxx|explicit)\b", re.I), "porn"),
    (re.compile(r"\b(?:sex\w*|suggestive|lewd)\b", re.I), "sexual"),
    (re.compile(r"\b(?:nud\w+|naked)\b", re.I), "nudity"),
    (re.compile(r"\b(?:gore|blood\w*|graphic\w*|violen\w+|corpse)\b", re.I), "graphic-media"),
)


def record_key(draft: Draft) -> str:
    """Return the key of a draft's record: always the same, and another one for every draft.

    It is a TID, as only those appear in Bluesky's apps: microseconds since 1970 and a number of
    ten bits. The seconds are those in which it was approved, the rest comes from its id, and the
    number from all that it is, so that two queues with the same account don't collide.
    """
    seconds = int(seconds_of(draft.decided_at) or seconds_of(draft.written_at) or 0)
    microseconds = seconds * _MICROSECONDS + draft.id % _MICROSECONDS
    seed = json.dumps([draft.id, draft.text, draft.written_at, dict(draft.made_with)], default=str)
    digest = hashlib.blake2b(seed.encode(), digest_size=2).digest()
    number = (microseconds << 10 | int.from_bytes(digest) & 0x3FF) & (2**63 - 1)
    return "".join(_SORTED[number >> 5 * place & 31] for place in range(12, -1, -1))


def text_with_warning(text: str, warning: str) -> str:
    """Return what is posted: Bluesky has no content warnings in words, so they stand before it."""
    return f"[{warning}]\n\n{text}" if warning else text


def length_problem(text: str) -> str:
    """Return why a text is too long, as a sentence; empty if it is not."""
    counted, bytes_ = graphemes(text), len(text.encode("utf-8", "surrogatepass"))
    if counted > MAX_GRAPHEMES:
        return f"It has {counted:,} characters, and Bluesky takes {MAX_GRAPHEMES}."
    if bytes_ > MAX_BYTES:
        return f"It has {bytes_:,} bytes, and Bluesky takes {MAX_BYTES:,}."
    return ""


def record(
    draft: Draft,
    text: str,
    created_at: str,
    *,
    embed: dict[str, Any] | None,
    did_of: Callable[[str], str] | None,
) -> dict[str, Any]:
    """Return the record of a post.

    Args:
        draft: Its language and content warning count.
        text: What is posted.
        created_at: The time that the post shows, in ISO 8601.
        embed: A picture.
        did_of: Returns the DID of a handle, empty if there is none; None: no mentions and tags.
    """
    shown = text_with_warning(text, draft.warning)
    made: dict[str, Any] = {"$type": COLLECTION, "text": shown, "createdAt": created_at}
    if draft.language:
        made["langs"] = [draft.language]
    found = [*_links(shown), *(_people_and_tags(shown, did_of) if did_of else ())]
    if found:
        made["facets"] = sorted(found, key=lambda facet: facet["index"]["byteStart"])
    if embed:
        made["embed"] = embed
    if values := [label for words, label in _LABELS if words.search(draft.warning)]:
        made["labels"] = self_labels(values)
    return made


def self_labels(values: list[str]) -> dict[str, Any]:
    """Return labels that an author puts on their own record."""
    return {
        "$type": "com.atproto.label.defs#selfLabels",
        "values": [{"val": value} for value in values],
    }


def _links(text: str) -> Iterator[dict[str, Any]]:
    for found in _LINK.finditer(text):
        url = found[0].rstrip(_TRAILING)
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1].rstrip(_TRAILING)
        if not re.match(r"https?://\w", url, re.I):
            continue
        yield _facet(text, found.start(), found.start() + len(url), "link", uri=url)


def _people_and_tags(text: str, did_of: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    for found in _MENTION.finditer(text):
        if did := did_of(found[1].lower()):
            yield _facet(text, found.start(), found.end(), "mention", did=did)
    for found in _TAG.finditer(text):
        if graphemes(found[1]) <= _TAG_GRAPHEMES:
            yield _facet(text, found.start(), found.end(), "tag", tag=found[1])


def _facet(text: str, begin: int, end: int, kind: str, **values: str) -> dict[str, Any]:
    before, marked = (len(part.encode()) for part in (text[:begin], text[begin:end]))
    return {
        "index": {"byteStart": before, "byteEnd": before + marked},
        "features": [{"$type": f"{_FACET}#{kind}", **values}],
    }
