"""The text of Bluesky's posts with its facets: what an app marked as a link, by places in UTF-8 bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from popinjay.sources.files.container import as_object

MAX_SHOWN = 2_000  # characters of an address in a text; a whole post has 300
_LINK = "app.bsky.richtext.facet#link"
_WEB = re.compile(r"https?:(?=//)", re.IGNORECASE)
_SCHEME = re.compile(r"(?:https?://)?(?:www\.)?", re.IGNORECASE)
_CUT = re.compile(r"(?:…|\.\.\.)$")
_ADDRESS = re.compile(
    r"(?:https?://)?[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/\S*|\S*(?:…|\.\.\.))", re.IGNORECASE
)


def with_whole_links(text: str, facets: Any) -> str:
    """The text with each shortened address (`example.com/ab...`) written out, so that cleaning knows it for a link.

    Words that link somewhere stay words, and so do mentions and tags. A facet that overlaps an earlier one, lies outside
    of the text or cuts a character in two is passed over, as Bluesky's own apps do.
    """
    data = text.encode("utf-8", "surrogatepass")
    parts: list[str] = []
    done = 0
    for begin, end, address in sorted(_links(facets)):
        if (
            begin < done
            or end > len(data)
            or _starts_inside(data, begin)
            or _starts_inside(data, end)
        ):
            continue
        before, shown = (
            data[done:begin].decode("utf-8", "surrogatepass"),
            data[begin:end].decode("utf-8", "surrogatepass"),
        )
        parts += [before, _apart(address, data[end : end + 4]) if _shows(shown, address) else shown]
        done = end
    return "".join(parts) + data[done:].decode("utf-8", "surrogatepass")


def _links(facets: Any) -> Iterator[tuple[int, int, str]]:
    """Begin, end and address of every facet that can be a link on the web."""
    for facet in map(as_object, facets if isinstance(facets, list) else []):
        index = as_object(facet.get("index"))
        begin, end = index.get("byteStart"), index.get("byteEnd")
        if type(begin) is not int or type(end) is not int or not 0 <= begin < end:
            continue
        features = facet.get("features")
        for feature in map(as_object, features if isinstance(features, list) else []):
            address = feature.get("uri")
            if feature.get("$type") == _LINK and isinstance(address, str) and _WEB.match(address):
                yield (
                    begin,
                    end,
                    _WEB.sub(
                        lambda scheme: scheme[0].lower(), re.sub(r"\s", "%20", address), count=1
                    ),
                )
                break


def _starts_inside(data: bytes, place: int) -> bool:
    """Whether a character began before this place and goes on after it."""
    return place < len(data) and data[place] & 0xC0 == 0x80


def _shows(shown: str, address: str) -> bool:
    """Whether what is shown is this address, perhaps shortened, and not words of the author's."""
    if len(shown) > MAX_SHOWN or re.search(r"\s", shown):
        return False
    if _ADDRESS.fullmatch(shown):
        return True
    bare, whole = _bare(_CUT.sub("", shown)), _bare(address)
    return "." in bare and (whole.startswith(bare) or _bare(unquote(address)).startswith(bare))


def _bare(address: str) -> str:
    return _SCHEME.sub("", address, count=1).lower()


def _apart(address: str, following: bytes) -> str:
    """The address, with a blank where a letter follows at once, which would be taken for a part of it (scripts without blanks)."""
    return address + " " if following[:1].isalnum() or following[:1] >= b"\x80" else address
