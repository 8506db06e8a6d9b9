"""Make @names and #tags in a post inert: nothing is linked, nobody is notified.

The sign is dropped, and the word stays: `#monday` is posted as `monday`. That is what cannot fail,
as no server takes a word without a sign for a mention or a tag, and what a reader finds least odd.
An invisible character behind the sign would keep the look, but

- snac takes `#` with anything but a few punctuation marks behind it for a tag, an invisible
  character included;
- servers and apps may remove invisible characters, after which the post would mention somebody;
- screen readers stumble over it, and so does whoever copies or looks for the word.

What the signs of servers are, as of 2026: Mastodon takes `@` before a letter, digit or underscore
of ASCII, unless a word, `/` or `=` ends before it, and `#` or `＃` before a word of any script with
something in it that is no digit; GoToSocial takes them after blanks and punctuation; snac takes
them anywhere, in the middle of words too. Bluesky links only what the client marks in the record,
and popinjay marks neither mentions nor tags without `--mentions`.

Left alone are URLs and e-mail addresses, signs that stand alone or inside a word (`C#`, `F#m`),
numbers (`#1`) and emoji (`#️⃣`). Only snac still looks for tags and names inside words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from popinjay.store.post_queue import Draft

_AT = "@＠﹫"
_HASH = "#＃﹟"
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff"
# One sign or several in a row, but not the emoji of the key with that sign.
_SIGNS = re.compile(rf"(?:[{_AT}{_HASH}](?!\ufe0f?\u20e3)[{_INVISIBLE}]*)+")
_URL = re.compile(
    r"https?://(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(?::\d+)?"
    r"(?:[/?#][a-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?",
    re.IGNORECASE,
)
# The name behind a sign, and the server behind the name: `@ada@social.example` is read as ada.
_WITH_SERVER = re.compile(rf"(\w+(?:[.-]+\w+)*)[{_AT}][a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)
_SEPARATORS = "_·・\u200c\u200d"  # that may stand in a tag, as letters do


def display_text(draft: Draft, mentions: bool = False) -> str:
    """Return a draft's text as it is posted.

    Args:
        draft: The draft.
        mentions: Whether @names and #tags do what they usually do.
    """
    return draft.text if mentions else defused(draft.text)


def defused(text: str) -> str:
    """Return a text whose @names and #tags are words like any other. It is never longer."""
    parts = []
    end = 0
    for found in _live_signs(text):
        parts.append(text[end : found.start()])
        end = found.end()
        named = _WITH_SERVER.match(text, end) if _has_at(found[0]) else None
        if named is not None:
            parts.append(named[1])
            end = named.end()
    return "".join((*parts, text[end:]))


def is_live(text: str) -> bool:
    """Return whether a text has @names or #tags."""
    return next(_live_signs(text), None) is not None


def _live_signs(text: str) -> Iterator[re.Match[str]]:
    """Yield the signs that some server may take for those of a mention or a tag."""
    urls = [found.span() for found in _URL.finditer(text)]
    for found in _SIGNS.finditer(text):
        if any(begin <= found.start() < end for begin, end in urls):
            continue
        before = text[: found.start()][-1:]
        is_alone = len(found[0].strip()) == 1
        if not (is_alone and _ends_word(before, found[0])) and _begins(text, found):
            yield found


def _has_at(signs: str) -> bool:
    return any(sign in _AT for sign in signs)


def _ends_word(character: str, sign: str) -> bool:
    """Return whether a sign behind this character is none that begins something."""
    if sign in _HASH:  # older Mastodons know only words of ASCII there
        return character.isascii() and character.isalnum()
    return character == "_" or unicodedata.category(character or " ") in _WORD


_WORD = ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd")


def _begins(text: str, signs: re.Match[str]) -> bool:
    """Return whether what stands behind the signs can be a name or a tag."""
    word = []
    for character in text[signs.end() :]:
        category = unicodedata.category(character)
        if category[0] not in "LMNS" and character not in _SEPARATORS:
            break
        if category in ("Sc", "Sm") or character in "`^":  # $, + and the like
            break
        word.append(category)
    return bool(word) and (_has_at(signs[0]) or any(category != "Nd" for category in word))
