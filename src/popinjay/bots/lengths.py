"""How long posts may be on each network, and how long one is as the network counts.

These are the limits of most servers, for writing and reviewing. A server may have others: what
counts in the end is what the account says when a draft is posted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

MAX_BYTES = 3000  # of a post on Bluesky, in UTF-8
URL_LENGTH = 23  # that Mastodon counts for any URL

_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_SERVER = re.compile(r"(?<![\w/=])(@\w+(?:[.-]+\w+)*)@[\w.-]+\w", re.ASCII)


class Network(NamedTuple):
    """A network that drafts are written for."""

    name: str  # as people call it
    limit: int  # characters of a post, as the network counts


NETWORKS: Mapping[str, Network] = MappingProxyType(
    {"bsky": Network("Bluesky", 300), "mastodon": Network("Mastodon", 500)}
)


def limit(network: str | None) -> int:
    """Return the characters that a post may have on a network; without one, on all of them."""
    return min(one.limit for key, one in NETWORKS.items() if network in (None, key))


def lengths(text: str) -> dict[str, int]:
    """Return the length of a text by network, as each counts."""
    return {"bsky": graphemes(text), "mastodon": mastodon_length(text)}


def too_long_for(text: str) -> list[str]:
    """Return the networks that a text is too long for."""
    found = lengths(text)
    too_long = {key for key, network in NETWORKS.items() if found[key] > network.limit}
    if len(text.encode()) > MAX_BYTES:
        too_long.add("bsky")
    return sorted(too_long)


def graphemes(text: str) -> int:
    """Return how many characters people see: a family of emoji is one."""
    if text.isascii() and "\r" not in text:
        return len(text)
    import regex

    return sum(1 for _ in regex.finditer(r"\X", text))


def mastodon_length(text: str) -> int:
    """Return a text's length on Mastodon: any URL counts 23, and servers of handles nothing."""
    return graphemes(_SERVER.sub(r"\1", _URL.sub("x" * URL_LENGTH, text)))
