"""Names of files that don't tell whose posts they hold."""

from __future__ import annotations

import re

_GENERIC = frozenset(
    "account activity all archive archives author backup bluesky body bsky chat clean cleaned "
    "collection combined comments content copy corpus csv data dataset download downloads dump "
    "entries example examples export exported exports feed file files final full history input "
    "items json jsonl list log lines mastodon me merged messages microblog misskey my new note "
    "notes of old outbox output part pasted pleroma pixelfed post posts raw reddit result results "
    "rows sample samples sheet snscrape source standard status statuses stdin stream table takeout "
    "temp test text texts the threads timeline tmp toot toots train training tsv tweet tweets "
    "twint twitter twscrape txt untitled user words x".split()
)


def is_generic(name: str) -> bool:
    """Return whether a file name identifies no author: `tweets`, `my_posts-2023`, `data (1)`."""
    found: list[str] = re.findall(r"[^\W\d_]+", name.casefold())
    return all(word in _GENERIC for word in found)
