"""Facets of Bluesky's posts: links marked in a text by offsets in UTF-8 bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from popinjay.sources.json_values import as_list, as_object

MAX_SHOWN = 2_000  # characters of a displayed URL; a whole post has 300
_LINK = "app.bsky.richtext.facet#link"
_WEB = re.compile(r"https?:(?=//)", re.IGNORECASE)
_SCHEME = re.compile(r"(?:https?://)?(?:www\.)?", re.IGNORECASE)
_CUT = re.compile(r"(?:…|\.\.\.)$")
_URL = re.compile(
    r"(?:https?://)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/\S*|\S*(?:…|\.\.\.))", re.IGNORECASE
)


def with_whole_links(text: str, facets: Any) -> str:
    """Replace each shortened URL (`example.com/ab...`) by the full one, so cleaning recognizes it.

    Linked words stay as they are, and so do mentions and tags. A facet that overlaps an earlier
    one, exceeds the text or splits a character is ignored, as in Bluesky's own apps.
    """
    data = text.encode("utf-8", "surrogatepass")
    parts: list[str] = []
    done = 0
    for begin, end, url in sorted(_links(facets)):
        if begin < done or end > len(data):
            continue
        if _splits_character(data, begin) or _splits_character(data, end):
            continue
        shown = _decode(data[begin:end])
        parts.append(_decode(data[done:begin]))
        parts.append(_separated(url, data[end : end + 4]) if _shows(shown, url) else shown)
        done = end
    return "".join(parts) + _decode(data[done:])


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _links(facets: Any) -> Iterator[tuple[int, int, str]]:
    """Yield begin, end and URL of every facet that is a web link."""
    for facet in map(as_object, as_list(facets)):
        index = as_object(facet.get("index"))
        begin, end = index.get("byteStart"), index.get("byteEnd")
        if type(begin) is not int or type(end) is not int or not 0 <= begin < end:
            continue
        features = facet.get("features")
        for feature in map(as_object, as_list(features)):
            url = feature.get("uri")
            if feature.get("$type") == _LINK and isinstance(url, str) and _WEB.match(url):
                escaped = re.sub(r"\s", "%20", url)
                yield begin, end, _WEB.sub(lambda scheme: scheme[0].lower(), escaped, count=1)
                break


def _splits_character(data: bytes, offset: int) -> bool:
    """Return whether an offset lies within the UTF-8 bytes of a character."""
    return offset < len(data) and data[offset] & 0xC0 == 0x80


def _shows(shown: str, url: str) -> bool:
    """Return whether a displayed text is the URL, perhaps shortened, and not the author's words."""
    if len(shown) > MAX_SHOWN or re.search(r"\s", shown):
        return False
    if _URL.fullmatch(shown):
        return True
    bare = _bare(_CUT.sub("", shown))
    return "." in bare and (_bare(url).startswith(bare) or _bare(unquote(url)).startswith(bare))


def _bare(url: str) -> str:
    return _SCHEME.sub("", url, count=1).lower()


def _separated(url: str, following: bytes) -> str:
    """Append a space to a URL if a letter follows directly (in scripts without spaces)."""
    return url + " " if following[:1].isalnum() or following[:1] >= b"\x80" else url
