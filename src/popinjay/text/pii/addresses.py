"""IP addresses, version 4 and 6, but not version numbers, times or colons in code."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from popinjay.text.pii.folding import Span

_V4 = re.compile(r"(?<![\w.,-])\d{1,3}+(?:\.\d{1,3}+){3}+(?![\w-]|[.,]\d)")
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{4}+:[0-9A-Fa-f:]{2,40}+(?:\.\d{1,3}){0,3}+(?![\w:])")
_VERSION = re.compile(
    r"(?:\bv|\b(?:version|ver|build|release|firmware|update|patch|section|chapter|kernel|driver"
    r"|chrome|firefox|windows|ios|android|macos)\b)[ .:=#]{0,3}$",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:ip|ipv4|host|server|address|adresse|dns|ping|ssh)\b\W{0,3}(?:\w{1,8}\W{1,3})?$", re.I
)
_MIN_PART = 32  # of the largest of four: smaller ones are numbers of versions or sections


def find_addresses(text: str) -> Iterator[Span]:
    """Yield the spans of addresses that could identify a person."""
    if text.count(".") >= 3:
        yield from (found.span() for found in _V4.finditer(text) if _is_v4(text, found))
    if text.count(":") >= 2:
        for found in _V6.finditer(text):
            wording = found[0]
            if wording.endswith(":") and not wording.endswith("::"):
                wording = wording[:-1]
            if _is_v6(wording):
                yield found.start(), found.start() + len(wording)


def _is_v4(text: str, found: re.Match[str]) -> bool:
    try:
        address = ipaddress.IPv4Address(found[0])
    except ValueError:
        return False
    before = text[max(0, found.start() - 24) : found.start()]
    if address.is_loopback or address.is_unspecified or len(set(address.packed)) == 1:
        return False  # local, or a public resolver
    if _VERSION.search(before):
        return False
    return max(address.packed) >= _MIN_PART or _ADDRESS.search(before) is not None


def _is_v6(text: str) -> bool:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return text[0] in "23fF" and address != ipaddress.IPv6Address("::")
