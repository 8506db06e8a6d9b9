"""Find rows in JSON of any shape: in lists, pages and wrappers, at any depth.

A value is a row if it has a known schema (`schemas.known`) or contains a text. Otherwise it is
searched: keys that usually hold posts (`data`, `tweets`, ...) lead to rows of any kind, other keys
only to rows of a known schema. Keys of other people's posts or of other things (`includes`,
`favourites`, `direct_messages`, ...) are skipped. What a page states about all of its rows goes
with each of them: their owner, the accounts that it lists, and whether it was public.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from popinjay.sources.files.json_stream import Opened
from popinjay.sources.rows.authors import writer_in
from popinjay.sources.rows.facts import TEXTS
from popinjay.sources.rows.ids import id_from
from popinjay.sources.rows.keys import fold, folded
from popinjay.sources.rows.privacy import DIRECT, hidden_in
from popinjay.sources.schemas.known import Schema, schema_of
from popinjay.sources.schemas.page import NO_PAGE, Page

_MAX_LEVELS = 40  # of nested objects and lists that are searched
_HOLDERS = frozenset(
    "activities archive array articles attributes backup children comment comments content data doc"
    " docs entries export feed hits item items legacy list message messages node note notes object"
    " objects ordereditems outbox post posts record records response responses result results rows"
    " source status statuses submission submissions textpostapptextposts thread threads timeline"
    " toot toots tweet tweets value values".split()
)
_WEAK = frozenset(
    ("message", "status", "comment", "note", "caption")
)  # texts, unless next to lists
_STRONG = frozenset(TEXTS) - _WEAK
_SKIPPED = re.compile(
    "accounts?|actors?|ads?|application|attachments?|author|blocks?|blocked.*|bookmark.*|card|chats?"
    "|choices|context|conversations?|coordinates|delete.*|direct.*|disconnect|dms?|downvoted.*"
    "|drafts?|edit.*|embeds?|emojis?|entities|errors?|events?|extendedentities|favou?rite.*|files?"
    "|filters?|follow.*|friends?|geo|hashtags?|hidden.*|history|inbox|includes|inreplyto.*|labels?"
    "|likes?|liked.*|limit|lists|matchingrules|media|mentions?|meta|metadata|mut(?:es?|ed).*"
    "|notifications?|params|parent|place|polls?|preferences|private.*|profiles?|quote.*|reactions?"
    "|reason|reblog.*|referenced.*|renote|reply.*|retweet.*|root|saved.*|scheduled.*|scrubgeo"
    "|searchmetadata|settings|suggest.*|tags?|trends?|twarc|upvoted.*|urls?|users?|viewer|warning"
    "|withheld.*"
)
_PRIVATE_CHATS = ("personalchat", "privategroup", "privatesupergroup", "botchat", "savedmessages")


@dataclass(frozen=True, slots=True)
class Item:
    """A row, or some other value in its place."""

    value: Any
    page: Page
    schema: Schema | None = None


def items_in(value: Any, page: Page = NO_PAGE, depth: int = 0) -> Iterator[Item]:
    """Yield the rows in a value of a list or at the top; the value itself if it has none."""
    if value == {}:  # handled first for speed: some files consist of these
        if not page.known_only:
            yield Item(value, page)
        return
    found = False
    for item in _rows_in(value, page, depth):
        found = True
        yield item
    if not found and not page.known_only and not _is_list(value):
        yield Item(value if isinstance(value, dict) else None, page)


def _rows_in(value: Any, page: Page, depth: int) -> Iterator[Item]:
    """Yield the rows of a value, if there are any."""
    if depth >= _MAX_LEVELS:
        return
    if isinstance(value, dict) and (schema := schema_of(value)):
        yield Item(value, page, schema)
    elif isinstance(value, str) or _is_plain(value):
        if not page.known_only and (page.strings or not isinstance(value, str)):
            yield Item(value, page)
    elif _is_list(value):
        for _, part in _parts(value):
            yield from items_in(part, page, depth + 1)
    elif isinstance(value, dict) and (table := _as_table(value)):
        yield from (Item(row, page) for row in table)
    elif isinstance(value, dict | Opened):
        yield from _inside(value, page, depth)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, Opened) and value.is_list)


def _is_plain(value: Any) -> bool:
    """Return whether a value is a post because of a text in it."""
    if not isinstance(value, dict):
        return False
    texts = {fold(key) for key, part in value.items() if isinstance(part, str)}
    if not _STRONG.isdisjoint(texts):
        return True
    if _WEAK.isdisjoint(texts):
        return False
    return not any(isinstance(part, dict | list) and part for part in value.values())


def _inside(value: dict[str, Any] | Opened, page: Page, depth: int) -> Iterator[Item]:
    """Yield the rows inside an object that is not a row itself."""
    loose = page.whole_file  # whether members under any name may be rows of an unknown schema
    if isinstance(value, dict):
        page = _with(page, value)
        loose = loose and not any(_holds(key, part) for key, part in value.items())
    page = replace(page, whole_file=False, strings=page.whole_file)
    found = False
    plain: dict[str, Any] = {}  # members of an `Opened` object that contain no rows
    for key, part in _parts(value):
        name = fold(key)
        if not isinstance(part, dict | list | Opened) or _is_skipped(name, part):
            if isinstance(value, Opened) and not isinstance(part, Opened):
                plain[key] = part
                page = _with(page, plain)
            continue
        usual = loose or name in _HOLDERS or name.isdecimal()
        number = key if name.isdecimal() else ""
        known_only = page.known_only or not usual
        for item in _rows_in(part, replace(page, key=number, known_only=known_only), depth + 1):
            found = True
            yield item
    if not found and _is_plain(plain) and not page.known_only:
        yield Item(plain, page, schema_of(plain))  # a row too large to be held as a whole


def _is_skipped(name: str, part: Any) -> bool:
    """Return whether a member can't contain posts of the file's owner."""
    if name == "user" and isinstance(part, dict) and "result" in part:
        return False  # X's own pages wrap a timeline in it
    return _SKIPPED.fullmatch(name) is not None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Opened):
        yield from value.parts()
    elif isinstance(value, dict):
        yield from value.items()
    else:
        yield from (("", part) for part in value)


def _holds(key: str, part: Any) -> bool:
    return isinstance(part, list | dict) and bool(part) and fold(key) in _HOLDERS


def _with(page: Page, members: Mapping[str, Any]) -> Page:
    """Extend what is known about the rows of a page by the members of an object in it."""
    named = folded(members)
    users = dict(page.users)
    includes = members.get("includes")
    for listed in (
        includes.get("users") if isinstance(includes, dict) else None,
        named.get("users"),
    ):
        users.update(_by_id(listed))
    hidden = page.hidden or hidden_in(named)
    if "messages" in named and fold(named.get("type", "")) in _PRIVATE_CHATS:
        hidden = DIRECT
    owner = writer_in({key: part for key, part in named.items() if key != "from"})
    return replace(page, owner=owner or page.owner, users=users, hidden=hidden)


def _by_id(users: Any) -> dict[str, Mapping[str, Any]]:
    listed = users.values() if isinstance(users, dict) else users if isinstance(users, list) else ()
    found: dict[str, Mapping[str, Any]] = {}
    for user in listed:
        if isinstance(user, dict) and (id := id_from(user.get("id_str") or user.get("id"))):
            found[id] = user
    return found


def _as_table(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table that is stored by columns, as pandas does; empty if it is none."""
    columns, data = value.get("columns"), value.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        rows = [row for row in data if isinstance(row, list)]
        return [dict(zip(map(str, columns), row, strict=False)) for row in rows]
    text = next((part for key, part in value.items() if fold(key) in TEXTS), None)
    if not isinstance(text, dict | list) or not text or not _is_column(text):
        return []
    if isinstance(text, list) and len(value) == 1:
        return []  # which may be anything
    same = {key: column for key, column in value.items() if _cells(column) == _cells(text)}
    indexes = list(text) if isinstance(text, dict) else range(len(text))
    return [{key: column[index] for key, column in same.items()} for index in indexes]


def _cells(column: Any) -> Any:
    """Return what two columns of one table have in common: the keys of the rows, or the length."""
    if isinstance(column, dict):
        return column.keys()
    return len(column) if isinstance(column, list) else None


def _is_column(column: Any) -> bool:
    cells = column.values() if isinstance(column, dict) else column
    plain = all(not isinstance(cell, dict | list) for cell in cells)
    numbered = isinstance(column, list) or all(str(key).isdecimal() for key in column)
    return plain and numbered
