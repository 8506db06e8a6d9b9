"""A post, as every source hands it over and every stage passes it on."""

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


class Kind(StrEnum):
    """What a post is to its author."""

    POST = "post"  # their own words, a continued thread of theirs included
    REPLY = "reply"  # to somebody else
    REPOST = "repost"  # somebody else's words
    QUOTE = "quote"  # their own words about somebody else's post


@dataclass(frozen=True, slots=True)
class Author:
    """Who posted: `handle` without @ and in lower case, `name` as they typed it, and where the site shows account and picture."""

    handle: str
    name: str = ""
    bio: str = ""
    url: str = ""
    avatar: str = ""

    @property
    def title(self) -> str:
        """The display name, or the handle where there is none."""
        return self.name or self.handle


@dataclass(frozen=True, slots=True)
class Post:
    """One post. `text` is what a reader saw: entities unescaped once, links and line breaks still in it."""

    id: str
    author: str
    text: str
    kind: Kind = Kind.POST
    created_at: str | None = None  # ISO 8601 in UTC, so that it sorts as text
    lang: str | None = None  # BCP 47, where the source says
    truncated: bool = False  # the source cut it short

    def to_json(self) -> dict[str, Any]:
        """The fields that say something, ready for a line of JSON."""
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
        """The post of a line that `to_json` made."""
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
    """The objects of a file of JSON lines."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def read_json(path: Path) -> Any:
    """The value that a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_posts(path: Path) -> Iterator[Post]:
    """The posts of a file of JSON lines."""
    return (Post.from_json(row) for row in read_rows(path))


def read_authors(path: Path) -> list[Author]:
    """The authors that `authors.json` names."""
    known = [field.name for field in fields(Author)]
    return [Author(**{name: row[name] for name in known if name in row}) for row in read_json(path)]


def by_author(posts: Iterable[Post]) -> dict[str, list[Post]]:
    """The posts of each author, the authors in the order of their first post."""
    grouped: dict[str, list[Post]] = {}
    for post in posts:
        grouped.setdefault(post.author, []).append(post)
    return grouped


_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u2060\ufeff\ufff9-\ufffb]")
_FIRST_POSSIBLE = "1000"  # a diary of old may be told in posts
_CLOCKS_DIFFER = timedelta(days=2)
_NO_MOMENTS = ("1970-01-01T00:00:0", "1900-01-0", "1899-12-3", "1904-01-01T00:00:00")
_REPOSTED = re.compile(r"RT @\w+: ")
_HANDLE = r"@\w+(?:@[\w.-]+)?"
# before there was a button: RT @ada text, RT: @ada, rt@ada:, MT @ada:, [RT] @ada, "@ada: text"
_REPOSTED_BY_HAND = re.compile(
    rf"""[\s"“”«„‘'(\[]*(?:
        (?:r\.?t\.?|p\.?r\.?t\.?|mt|♺|♻\ufe0f?|🔁)[\])]?(?:\s*(?:[:,–—-]|\bby\b|\bfrom\b|\bvia\b))?\s*["“”«‘']?{_HANDLE}
        |re-?tweet(?:ed|ing)?\s+(?:by\s+|from\s+)?["“”«‘']?{_HANDLE}\s*:
    )
    |\s*["“”„«‘]\s*{_HANDLE}\s*:\s.+["“”»’]\s*$  # nothing but a quotation
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def unescape(text: str) -> str:
    """HTML entities to characters, once: `&amp;lt;` becomes `&lt;` and stays so. Bare ampersands are left alone."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


def printable(text: str) -> str:
    """The text without what no file can hold: NUL goes, a surrogate without its partner becomes U+FFFD."""
    if not _UNPRINTABLE.search(text):
        return text
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str) -> str:
    """The text on one line with single blanks, without control characters (joiners and direction marks stay: scripts and emoji need them)."""
    return " ".join(_INVISIBLE.sub("", text).split())


def utc(moment: datetime) -> str:
    """A moment as posts have it (ISO 8601 in UTC, to the second); one without a zone is taken for UTC. Raises OverflowError at the ends of the calendar."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def posted_at(moment: datetime) -> str | None:
    """Return a moment like `utc`, or None if nobody posted then.

    What lies ahead is a mistake, and so is a year before 1000. Databases and spreadsheets write
    the moments at which their calendars begin for "none".
    """
    try:
        written = utc(moment)
    except OverflowError:
        return None
    latest = datetime.now(UTC) + _CLOCKS_DIFFER
    is_possible = _FIRST_POSSIBLE <= written <= utc(latest) and not written.startswith(_NO_MOMENTS)
    return written if is_possible else None


def is_repost_text(text: str) -> bool:
    """Whether the text says itself that it is somebody else's (`RT @ada: ...`): the only sign that X's archive leaves.

    Reposts that were typed by hand count too, if nothing of one's own stands before them.
    """
    return _REPOSTED.match(text) is not None or _REPOSTED_BY_HAND.match(text) is not None


def is_repost_by_hand(text: str) -> bool:
    """Whether only the way in which people typed reposts tells that a text is one."""
    return _REPOSTED.match(text) is None and _REPOSTED_BY_HAND.match(text) is not None


def handle_of(name: str) -> str:
    """A name as a handle: no @ before it (`ada@social.example` keeps its own), lower case, only what is safe as a folder's name (may come out empty)."""
    kept = re.sub(r"[^\w.@-]+", "_", name.strip().lstrip("@").lower())
    return kept.strip(".")[:64]
