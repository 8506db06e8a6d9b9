r"""Escape text for Markdown and HTML: only what would be interpreted where the text stands.

So an ordinary sentence stays as it is, and a card can be read in an editor too. The rules are those
of CommonMark and of GitHub's additions to it (tables, strikethrough, links without brackets, math).
All texts are expected on one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# What begins a block at the start of a line: the mark itself is what gets the backslash.
_BLOCK_START = re.compile(
    r"""
    (?:\#{1,6}|[-+])(?=[ \t]|$)   # heading, item of a list
    |\d{1,9}[.)](?=[ \t]|$)       # item of a numbered list
    |>                            # quotation
    |[-=](?=[-=\s]*$)             # rule, underline of a heading
    |\[(?=[ xX]\][ \t])           # box to tick, in an item of a list
    """,
    re.VERBOSE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);")
_REFERENCE = re.compile("&(?=[A-Za-z#])")  # HTML knows some of them without a semicolon too
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_LINK = re.compile(r"(?:https?|ftp|mailto|xmpp)(:)|www(\.)", re.IGNORECASE)
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def in_markdown(text: str) -> str:
    """Return the text escaped to stand within a line of Markdown."""
    return _escaped(text)


def on_a_line(text: str) -> str:
    """Return the text escaped to begin a line of Markdown, or an item of a list."""
    escaped = _escaped(text)
    found = _BLOCK_START.match(escaped)
    if found is None:
        return escaped
    mark = found.end() - 1 if found[0][-1] in ".)" else found.start()
    return f"{escaped[:mark]}\\{escaped[mark:]}"


def in_a_cell(text: str) -> str:
    """Return the text escaped for a cell of a table."""
    return _escaped(text, bars=True)


def in_link_text(text: str) -> str:
    """Return the text escaped to stand between the square brackets of a link or picture."""
    return _escaped(text, brackets=True)


def in_html(text: str) -> str:
    """Return the text escaped for the content of an element in a block of HTML."""
    text = _REFERENCE.sub("&amp;", text)
    return _TAG.sub("&lt;", text)


def in_attribute(text: str) -> str:
    """Return the text escaped for an attribute of HTML in double quotes."""
    text = _REFERENCE.sub("&amp;", text)
    return text.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped(text: str, *, bars: bool = False, brackets: bool = False) -> str:
    marked = {found.start() for pattern in (_ENTITY, _TAG) for found in pattern.finditer(text)}
    for found in _LINK.finditer(text):
        marked.add(max(found.start(1), found.start(2)))
    dollars = text.count("$") > 1  # one alone is a sum of money
    rules: dict[str, Callable[[int], bool]] = {
        "\\": lambda at: at + 1 == len(text) or text[at + 1] in _PUNCTUATION,
        "`": lambda _: True,
        "*": lambda at: not _is_apart(text, at),
        "~": lambda at: not _is_apart(text, at),
        "_": lambda at: not (_is_apart(text, at) or _is_inside_word(text, at)),
        "[": lambda at: brackets or text[at + 1 : at + 2] == "^",
        "]": lambda at: brackets or text[at + 1 : at + 2] in tuple("([:"),
        "|": lambda _: bars,
        "$": lambda _: dollars,
    }
    return "".join(
        f"\\{one}" if at in marked or (one in rules and rules[one](at)) else one
        for at, one in enumerate(text)
    )


def _is_apart(text: str, at: int) -> bool:
    """Return whether a mark has blanks or ends of the text on both sides, but is not the first.

    Such a mark emphasizes nothing; at the beginning of a line it may be an item of a list.
    """
    return at > 0 and text[at - 1].isspace() and text[at + 1 : at + 2].isspace()


def _is_inside_word(text: str, at: int) -> bool:
    """Return whether a run of underscores has letters or digits on both sides."""
    before = text[:at].rstrip("_")[-1:]
    after = text[at:].lstrip("_")[:1]
    return before.isalnum() and after.isalnum()
