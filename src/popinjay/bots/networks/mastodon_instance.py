"""What a Mastodon server says about itself: lengths, rules, whether keys count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from popinjay.bots.networks.mastodon_api import MastodonApi
from popinjay.bots.networks.network import Rule
from popinjay.errors import NetworkError
from popinjay.sources.json_values import as_list, as_object, as_text
from popinjay.sources.mastodon.posts import id_of
from popinjay.text.html_text import to_text

MAX_CHARACTERS = 500  # of Mastodon, unless a server says otherwise
URL_LENGTH = 23
# Servers that only speak its API say so in their version: "2.7.2 (compatible; Akkoma 3.9)", "4.0.0
# (not true; really snac/2.75)". Of those, these are known to answer the same key with one post.
_OTHER = re.compile(r"\(")
_KEEP_KEYS = re.compile(r"akkoma|pleroma", re.I)


@dataclass(frozen=True)
class Instance:
    """A server."""

    max_characters: int
    url_length: int  # characters that a link counts
    rules: tuple[Rule, ...]
    keeps_keys: bool  # whether the same key posts nothing more


def read_instance(api: MastodonApi) -> Instance:
    """Return what a server says about itself, in the newer form or the older one.

    Raises NetworkError if it says nothing.
    """
    found = as_object(api.get_unsigned("/api/v2/instance"))
    if not found:
        found = as_object(api.get_unsigned("/api/v1/instance"))
    if not found:
        raise NetworkError(
            f"{api.host} does not say what posts it takes.",
            "It may be down, or not speak Mastodon's API.",
        )
    statuses = as_object(as_object(found.get("configuration")).get("statuses"))
    limit = _positive(statuses.get("max_characters")) or _positive(found.get("max_toot_chars"))
    version = as_text(found.get("version"))
    rules = found["rules"] if "rules" in found else api.get_unsigned("/api/v1/instance/rules")
    return Instance(
        limit or MAX_CHARACTERS,
        _positive(statuses.get("characters_reserved_per_url")) or URL_LENGTH,
        tuple(_rules(rules)),
        not _OTHER.search(version) or bool(_KEEP_KEYS.search(version)),
    )


def _rules(value: Any) -> list[Rule]:
    found = []
    for number, row in enumerate(map(as_object, as_list(value)), 1):
        said = [to_text(as_text(row.get(part))).strip() for part in ("text", "hint")]
        if text := "\n".join(filter(None, said)):
            found.append(Rule(id_of(row.get("id")) or str(number), text))
    return found


def _positive(value: Any) -> int:
    return value if type(value) is int and 0 < value < 10**9 else 0
