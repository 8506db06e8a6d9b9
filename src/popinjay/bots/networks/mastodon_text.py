"""Texts on Mastodon: their length as its servers count it, and which of two are the same post."""

from __future__ import annotations

import re

from popinjay.text.graphemes import graphemes
from popinjay.text.html_text import to_text

# What Mastodon is sure to take for a link. Of the others that look like one, the longer of both
# lengths is counted: a post that is too long would be refused.
_LINK = re.compile(r"https?://(?P<host>[\w.-]+)(?P<rest>(?::\d{1,5})?(?:[/?#][^\s<>\"]*)?)", re.I)
_TRAILING = ".,;:!?'\"*_~)]}»”’…"  # is not part of a link at its end
_NAMED_HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}", re.ASCII)
_MENTION = re.compile(r"(?<![\w/=])@(?P<user>\w+(?:[\w.-]+\w)?)@[\w.-]+\w(?::\d+)?")
_INSIGNIFICANT = re.compile(r"[\W_]+")


def length(text: str, warning: str, url_length: int) -> int:
    """Return how much of a post's length is taken, counted as the server does.

    Args:
        text: The text; a link counts as `url_length`, and of `@user@host` only `@user`.
        warning: The content warning, which counts too.
        url_length: Characters that the server counts for a link.
    """

    def link(found: re.Match[str]) -> str:
        whole = found[0].rstrip(_TRAILING)
        is_sure = _NAMED_HOST.fullmatch(found["host"]) and whole.isascii()
        counted = url_length if is_sure else max(url_length, len(whole))
        return "x" * counted + found[0][len(whole) :]

    counted = _MENTION.sub(lambda found: f"@{found['user']}", _LINK.sub(link, text))
    return graphemes(warning + counted)


def is_same(sent: str, html: str) -> bool:
    """Return whether a post that stands there in HTML is the text that was sent.

    Servers change spaces, line breaks and quotation marks, and leave out the servers of mentions:
    only letters and digits are compared, if there are any.
    """
    shown = to_text(html)
    ours, theirs = _significant(sent), _significant(shown)
    if ours or theirs:
        return ours == theirs
    return "".join(sent.split()) == "".join(shown.split())


def _significant(text: str) -> str:
    without_servers = _MENTION.sub(lambda found: f"@{found['user']}", text)
    return _INSIGNIFICANT.sub("", without_servers).casefold()
