"""A post and its author, as sources yield them and files hold them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from sys import intern
from typing import Any

PLACES = 10**8  # an id below this is a post's place in its file, not the id of a site


class Kind(StrEnum):
    """How a post relates to its author."""

    POST = "post"  # the author's own words; also a reply to themselves, as in a thread
    REPLY = "reply"  # to another author
    REPOST = "repost"  # another author's words
    QUOTE = "quote"  # the author's own words about another author's post


@dataclass(frozen=True, slots=True)
class Author:
    """Who posted."""

    handle: str  # without @ and in lower case
    name: str = ""  # as the author typed it
    bio: str = ""
    url: str = ""  # of the account's page
    avatar: str = ""  # the URL of the picture

    @property
    def title(self) -> str:
        """The display name, or the handle if there is none."""
        return self.name or self.handle


@dataclass(frozen=True, slots=True)
class Post:
    """One post, with its text as readers saw it: links and line breaks are still in it."""

    id: str
    author: str
    text: str
    kind: Kind = Kind.POST
    created_at: str | None = None  # ISO 8601 in UTC, so that it sorts as text
    lang: str | None = None  # BCP 47, if the source says
    truncated: bool = False  # the source cut the text off

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are set, for a line of JSON."""
        row: dict[str, Any] = {
            "id": self.id,
            "author": self.author,
            "kind": self.kind.value,
            "text": self.text,
        }
        if self.created_at:
            row["created_at"] = self.created_at
        if self.lang:
            row["lang"] = self.lang
        if self.truncated:
            row["truncated"] = True
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Post:
        """Return the post that `to_json` made this row of."""
        return cls(
            id=row["id"],
            author=intern(row["author"]),
            text=row["text"],
            kind=Kind(row["kind"]),
            created_at=row.get("created_at"),
            lang=intern(row["lang"]) if row.get("lang") else None,
            truncated=row.get("truncated", False),
        )


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def read_json(path: Path) -> Any:
    """Return the value that a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_posts(path: Path) -> Iterator[Post]:
    """Yield the posts of a file of JSON lines."""
    return (Post.from_json(row) for row in read_rows(path))


def read_authors(path: Path) -> list[Author]:
    """Return the authors that `authors.json` names."""
    known = [field.name for field in fields(Author)]
    return [Author(**{name: row[name] for name in known if name in row}) for row in read_json(path)]


def by_author(posts: Iterable[Post]) -> dict[str, list[Post]]:
    """Return the posts of each author, with authors in the order of their first post."""
    grouped: dict[str, list[Post]] = {}
    for post in posts:
        grouped.setdefault(post.author, []).append(post)
    return grouped


def is_of_a_site(id: str) -> bool:
    """Return whether an id is unique to a post, unlike a place in a file."""
    return (
        int(id) >= PLACES
        if id.isdecimal()
        else "://" in id or bool(re.fullmatch(r"[a-z0-9]{10,}", id))
    )


_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u2060\ufeff\ufff9-\ufffb]")
_FIRST_POSSIBLE = "1000"  # an old diary may be told in posts
_CLOCKS_DIFFER = timedelta(days=2)
# Where calendars of databases and spreadsheets begin: they write it for "no date".
_NO_MOMENTS = ("1970-01-01T00:00:0", "1900-01-0", "1899-12-3", "1904-01-01T00:00:00")
_REPOSTED = re.compile(r"RT @\w+: ")
_HANDLE = r"@\w+(?:@[\w.-]+)?"
# As people typed reposts: RT @ada text, RT: @ada, rt@ada:, MT @ada:, [RT] @ada, "@ada: text".
_REPOSTED_BY_HAND = re.compile(
    rf"""[\s"“”«„‘'(\[]*(?:
        (?:r\.?t\.?|p\.?r\.?t\.?|mt|♺|♻\ufe0f?|🔁)[\])]?
            (?:\s*(?:[:,–—-]|\bby\b|\bfrom\b|\bvia\b))?\s*["“”«‘']?{_HANDLE}
        |re-?tweet(?:ed|ing)?\s+(?:by\s+|from\s+)?["“”«‘']?{_HANDLE}\s*:
    )
    |\s*["“”„«‘]\s*{_HANDLE}\s*:\s.+["“”»’]\s*$  # nothing but a quotation
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def unescape(text: str) -> str:
    """Replace HTML entities by their characters once: `&amp;lt;` becomes `&lt;`.

    Bare ampersands are left alone.
    """
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def printable(text: str) -> str:
    """Return the text with NUL removed and lone surrogates replaced by U+FFFD."""
    if not _UNPRINTABLE.search(text):
        return text
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str) -> str:
    """Return the text on one line with single blanks and without control characters.

    Joiners and direction marks stay, as scripts and emoji need them.
    """
    return " ".join(_INVISIBLE.sub("", text).split())


def utc(moment: datetime) -> str:
    """Return a moment as posts have it: ISO 8601 in UTC, to the second.

    A moment without a time zone is taken for UTC. Raises OverflowError at the ends of the calendar.
    """
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def posted_at(moment: datetime) -> str | None:
    """Return a moment as `utc` does, or None if no post can be of that moment.

    Moments in the future and before the year 1000 are errors in the data, and so are the moments
    that databases and spreadsheets write for "no date".
    """
    try:
        written = utc(moment)
    except OverflowError:
        return None
    latest = datetime.now(UTC) + _CLOCKS_DIFFER
    is_possible = _FIRST_POSSIBLE <= written <= utc(latest) and not written.startswith(_NO_MOMENTS)
    return written if is_possible else None


def is_repost_text(text: str) -> bool:
    """Return whether the text itself marks a repost (`RT @ada: ...`), as in X's archives.

    Reposts typed by hand count too, if no words of the author stand before them.
    """
    return _REPOSTED.match(text) is not None or _REPOSTED_BY_HAND.match(text) is not None


def is_repost_by_hand(text: str) -> bool:
    """Return whether a text is a repost that was typed by hand."""
    return _REPOSTED.match(text) is None and _REPOSTED_BY_HAND.match(text) is not None


def handle_of(name: str) -> str:
    """Return a name as a handle: in lower case, without a leading @, safe as a folder's name.

    `ada@social.example` keeps its @. The result may be empty.
    """
    kept = re.sub(r"[^\w.@-]+", "_", name.strip().lstrip("@").lower())
    return kept.strip(".")[:64]
