"""What a picture shows: whose posts a persona learnt, a prompt, and what was predicted after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from popinjay.post import read_authors


@dataclass(frozen=True)
class Person:
    """An author as the picture shows them."""

    handle: str
    name: str
    avatar: bytes | None = None  # an image file


@dataclass(frozen=True)
class Words:
    """The texts of the picture."""

    people: Sequence[Person]
    prompt: str  # empty for none
    texts: Sequence[str]  # the predictions, without the prompt
    language: str = "en"  # of most posts; selects between national forms of a character


def people(authors: Path, avatars: Path) -> list[Person]:
    """Return the authors with their avatars, from the files that collect wrote."""
    found = {path.stem: path for path in sorted(avatars.iterdir())} if avatars.is_dir() else {}
    return [
        Person(a.handle, a.title, found[a.handle].read_bytes() if a.handle in found else None)
        for a in read_authors(authors)
    ]


def locale_of(text: str, language: str) -> str:
    """Return the language whose forms of Chinese characters a text is drawn with.

    Kana and hangul determine it; otherwise it is `language`, that of most posts.
    """
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return "ja"
    if any("\uac00" <= character <= "\ud7a3" for character in text):
        return "ko"
    return language
