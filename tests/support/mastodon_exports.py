"""Build Mastodon exports for tests: the structure that its servers write, invented words."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ME = "https://social.example/users/ada"
FOLLOWERS = f"{ME}/followers"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
FRIEND = "https://other.example/users/bob"
PICTURE = b"\x89PNG\r\n\x1a\nof ada"
ACTOR = {
    "id": ME,
    "type": "Person",
    "followers": FOLLOWERS,
    "preferredUsername": "Ada",
    "name": "Ada 🧮 :blob:",
    "summary": "<p>counts &amp; sings</p>",
    "url": "https://social.example/@ada",
    "icon": {"type": "Image", "mediaType": "image/png", "url": "avatar.png"},
}


def create(
    html: str, number: int = 1, *, to: Any = (PUBLIC,), cc: Any = (FOLLOWERS,), **more: Any
) -> dict[str, Any]:
    """Return one post of an outbox. `more` overrides fields of its note."""
    own = f"{ME}/statuses/{109 * 10**15 + number}"
    audience = {
        "to": list(to) if isinstance(to, tuple) else to,
        "cc": list(cc) if isinstance(cc, tuple) else cc,
    }
    note = {
        "id": own,
        "type": "Note",
        "summary": None,
        "inReplyTo": None,
        "published": "2022-11-08T03:07:14Z",
        "attributedTo": ME,
        **audience,
    }
    note |= {"content": html, "contentMap": {"en": html}, "attachment": [], "tag": []}
    return {
        "id": f"{own}/activity",
        "type": "Create",
        "actor": ME,
        "published": "2022-11-08T03:07:14Z",
        **audience,
        "object": note | more,
    }


def boost(number: int = 90, to: str = PUBLIC) -> dict[str, Any]:
    own = f"{ME}/statuses/{number}/activity"
    return {
        "id": own,
        "type": "Announce",
        "actor": ME,
        "published": "2023-09-25T05:03:49Z",
        "to": [to],
        "cc": [],
        "object": f"{FRIEND}/statuses/5",
    }


def outbox(*items: Any) -> str:
    """Return outbox.json, with its list twice as Mastodon has it."""
    head = {
        "@context": ["https://www.w3.org/ns/activitystreams", {"sensitive": "as:sensitive"}],
        "id": "outbox.json",
        "type": "OrderedCollection",
    }
    return (
        json.dumps(head | {"totalItems": len(items)})[:-1]
        + ',"orderedItems":[],"orderedItems":'
        + json.dumps(items, ensure_ascii=False)
        + "}"
    )


def export_files(*items: Any) -> dict[str, str | bytes]:
    return {
        "media_attachments/files/1/original/cat.jpg": b"\xff\xd8\xff a cat",
        "outbox.json": outbox(*items),
        "likes.json": "{ never read",
        "bookmarks.json": "{ never read",
        "avatar.png": PICTURE,
        "actor.json": json.dumps(ACTOR),
    }


def write_tar(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    return path
