"""How long posts may be on each network, and how long one is as the network counts.

These are the limits of most servers, for writing and reviewing. A server may have others: what
counts in the end is what the account says when a draft is posted.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from popinjay.bots.networks import mastodon_text, registry
from popinjay.bots.networks.bluesky_record import MAX_BYTES, MAX_GRAPHEMES
from popinjay.bots.networks.mastodon_instance import MAX_CHARACTERS, URL_LENGTH
from popinjay.text.graphemes import graphemes


class Network(NamedTuple):
    """A network that drafts are written for."""

    name: str  # as people call it
    limit: int  # characters of a post, as the network counts


NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        name: Network(registry.network(name).title, limit)
        for name, limit in (("bsky", MAX_GRAPHEMES), ("mastodon", MAX_CHARACTERS))
    }
)


def limit(network: str | None) -> int:
    """Return the characters that a post may have on a network; without one, on all of them."""
    return min(one.limit for key, one in NETWORKS.items() if network in (None, key))


def lengths(text: str) -> dict[str, int]:
    """Return the length of a text by network, as each counts."""
    return {"bsky": graphemes(text), "mastodon": mastodon_text.length(text, "", URL_LENGTH)}


def too_long_for(text: str) -> list[str]:
    """Return the networks that a text is too long for."""
    found = lengths(text)
    too_long = {key for key, network in NETWORKS.items() if found[key] > network.limit}
    if len(text.encode()) > MAX_BYTES:
        too_long.add("bsky")
    return sorted(too_long)
