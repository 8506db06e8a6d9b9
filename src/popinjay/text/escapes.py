"""Undo superfluous escaping by tools: `b'...'`, `\\u2019`, `<U+1F602>`, `&amp;amp;`."""

from __future__ import annotations

import ast
import re

from popinjay.post import printable, unescape
from popinjay.text.html_text import to_text

_BYTES = re.compile(r"""b(?P<mark>['"]).*(?P=mark)""", re.DOTALL)
_PYTHON = re.compile(r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}")
_PAIRED = re.compile(r"(?:\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8})+")
_R_POINT = re.compile(r"<U\+([0-9A-Fa-f]{4,8})>")
_R_POINTS = re.compile(r"(?:<U\+[0-9A-Fa-f]{4,8}>)+")
_R_BYTES = re.compile(r"(?:<[0-9a-f]{2}>){2,}")
_HIGH_BYTES = re.compile(r"(?:\\x[89a-fA-F][0-9a-fA-F])(?:\\x[89abAB][0-9a-fA-F])+")
# The rest of an entity that was escaped twice. `&lt;` alone may have been typed.
_TWICE = re.compile(r"&(?:amp|quot|apos|nbsp|#0?39|#x27|#8\d{3}|#x20\d\d);|&lt;3\b")
_MARKS = re.compile(r"<\|(?:startoftext|endoftext)\|>")  # gpt-2-simple's, around a text
# UTF-8 that was read as Windows-1252: `â€™` for an apostrophe
_MISREAD = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]+"
)
# a whole text in HTML, as the fediverse's and blogs' servers send it
_HTML = re.compile(
    r"\s*<(?P<tag>p|div|article|blockquote)(?:\s[^<>]*)?>.*</(?P=tag)>\s*", re.DOTALL
)
_UNDEFINED = {0x81, 0x8D, 0x8F, 0x90, 0x9D}  # in Windows-1252, whose decoders keep them


def as_typed(text: str) -> str:
    """Return a text as it was typed, with HTML, entities and escapes decoded."""
    if text[:2] in ("b'", 'b"'):
        text = _from_bytes(text)
    if "</" in text and _HTML.fullmatch(text):
        return printable(_MISREAD.sub(_reread, to_text(text)))
    if "\\" in text:
        text = _HIGH_BYTES.sub(_decoded_bytes, text)
        if _PYTHON.search(text):
            text = _PAIRED.sub(_decoded_points, text)
    if "<" in text:
        text = _R_POINTS.sub(_decoded_r_points, _R_BYTES.sub(_decoded_r_bytes, text))
        text = _MARKS.sub("", text).strip() if _MARKS.search(text) else text
    text = unescape(text)
    if _TWICE.search(text):
        text = unescape(text)
    return printable(_MISREAD.sub(_reread, text))


def _from_bytes(text: str) -> str:
    """Decode the literal of Python's bytes, `b'caf\\xc3\\xa9'`; the text itself if malformed."""
    text = text.strip()
    if not _BYTES.fullmatch(text):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else text


def _decoded_bytes(found: re.Match[str]) -> str:
    """Decode `\\xe2\\x80\\x99`."""
    return _utf_8(bytes.fromhex(found[0].replace("\\x", "")), found[0])


def _decoded_points(found: re.Match[str]) -> str:
    """Decode `\\ud83d\\ude02`, whose surrogates form one character."""
    points = [int(digits, 16) for digits in re.findall(r"\\[uU]([0-9a-fA-F]+)", found[0])]
    if any(point > 0x10FFFF for point in points):
        return found[0]
    return printable("".join(map(chr, points)))


def _decoded_r_points(found: re.Match[str]) -> str:
    points = [int(digits, 16) for digits in _R_POINT.findall(found[0])]
    if any(point > 0x10FFFF for point in points):
        return found[0]
    return printable("".join(map(chr, points)))


def _decoded_r_bytes(found: re.Match[str]) -> str:
    """Decode R's `<f0><9f><98><82>`, even if it is a pair of surrogates."""
    data = bytes.fromhex(found[0].replace("<", "").replace(">", ""))
    try:
        return printable(data.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return found[0]


def _reread(found: re.Match[str]) -> str:
    try:
        data = b"".join(
            bytes([ord(character)]) if ord(character) in _UNDEFINED else character.encode("cp1252")
            for character in found[0]
        )
    except UnicodeEncodeError:
        return found[0]
    return _utf_8(data, found[0])


def _utf_8(data: bytes, default: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return default
