"""Convert posts in HTML, as the fediverse's servers store and send them, to text as it was typed.

The text of a link is shortened visually by spans that hide its beginning and end; together they
give the full URL. Custom emoji stay `:shortcodes:`. Invisible content (scripts, hidden spans, the
line that repeats the URL of a quoted post) is dropped. The HTML is untrusted: the parser only gets
complete tags, because broken ones take it quadratic time.
"""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

from popinjay.post import printable

MAX_HTML = 2**20  # characters; servers allow 500 to some tens of thousands
_PIECES = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^>]*(?:>|\Z)"  # comments and declarations
    r"""|(?P<tag></?[A-Za-z](?:[^<>"']|"[^"<]*"|'[^'<]*')*+>)"""
    r"|(?P<stray><)",
    re.DOTALL,
)
_SOFT = "\x00"  # layout whitespace: nothing next to a line break, a space elsewhere
_LAYOUT = re.compile(r"[ \t\f]*[\r\n][ \t\f\r\n]*")
_LINK = re.compile(
    r"(?:https?://|gemini://|ipfs://|dat://|magnet:|xmpp:|mailto:)\S+", re.IGNORECASE
)
_PARAGRAPHS = {
    "p",
    "blockquote",
    "ul",
    "ol",
    "pre",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "hr",
}
_LINES = {"div", "li", "tr", "dt", "dd", "section", "article", "header", "footer", "figure"}
_VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
}
_INVISIBLE = {
    "script",
    "style",
    "template",
    "noscript",
    "iframe",
    "object",
    "svg",
    "math",
    "head",
    "title",
    "textarea",
    "select",
    "audio",
    "video",
    "canvas",
}


def to_text(html: str) -> str:
    """Convert HTML to text: paragraphs with an empty line between, `<br>` as line breaks."""
    extractor = _TextExtractor()
    extractor.feed(_PIECES.sub(_sanitized, html[:MAX_HTML].replace(_SOFT, "")))
    extractor.close()
    return printable(extractor.text())


def _sanitized(piece: re.Match[str]) -> str:
    """Keep a complete tag, escape a lone `<`, and remove comments and declarations."""
    return piece["tag"] or ("&lt;" if piece["stray"] else "")


class _TextExtractor(HTMLParser):
    """Collects text and pending line breaks."""

    # scripts are skipped by their tags, like all invisible elements
    CDATA_CONTENT_ELEMENTS = ()  # type: ignore[misc]
    RCDATA_CONTENT_ELEMENTS = ()  # type: ignore[misc]

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._breaks = 0  # line breaks before the next text
        self._open: list[tuple[str, str]] = []  # open tags with their roles, see `_role`
        self._names: Counter[str] = Counter()  # of open tags
        self._roles: Counter[str] = Counter()  # of open tags
        self._link: list[tuple[str, bool]] = []  # parts of a link's text, and which are faint

    def text(self) -> str:
        """Return the collected text."""
        self._end_link()
        lines = "".join(self._out).split("\n")
        whole = "\n".join(line.strip(_SOFT) for line in lines)
        return re.sub(f" ?{_SOFT}+ ?", " ", whole).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Handle a start tag or a void element."""
        self._separate(tag)
        if tag == "br":
            self._break()
        elif tag == "li":
            self._add("- ")
        elif tag == "img":
            self._image(dict(attrs))
        if tag in _VOID:
            return
        if tag == "a":
            self._end_link()  # links don't nest
        role = self._role(tag, (dict(attrs).get("class") or "").split())
        self._open.append((tag, role))
        self._names[tag] += 1
        self._roles[role] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Handle `<br />`; in HTML `<p/>` is the same as `<p>`."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Handle an end tag, which also closes unclosed tags inside."""
        while self._names[tag]:
            name, role = self._open.pop()
            self._names[name] -= 1
            self._roles[role] -= 1
            if role == "link":
                self._end_link()
            if name == tag:
                break
        self._separate(tag)

    def handle_data(self, data: str) -> None:
        """Handle text between tags, with entities decoded."""
        if not self._roles["pre"]:
            data = _LAYOUT.sub(_SOFT, data)
            if not data.strip(f" \t{_SOFT}") and (self._breaks or not self._out) and not self._link:
                return  # between two blocks
        self._add(data)

    def _role(self, tag: str, classes: list[str]) -> str:
        """Return what a tag means for its text: "hide", "faint", "link", "pre" or nothing."""
        if tag in _INVISIBLE or "quote-inline" in classes:
            return "hide"
        if "invisible" in classes:
            return "faint" if self._roles["link"] else "hide"
        return {"a": "link", "pre": "pre"}.get(tag, "")

    def _separate(self, tag: str) -> None:
        breaks = 2 if tag in _PARAGRAPHS else 1 if tag in _LINES else 0
        if breaks and not self._roles["hide"]:
            self._end_link()
            self._breaks = max(self._breaks, breaks)

    def _break(self) -> None:
        if not self._roles["hide"]:
            self._end_link()
            self._breaks += 1

    def _image(self, attrs: dict[str, str | None]) -> None:
        """Add the name of a custom emoji; other pictures have no text."""
        if any("emoji" in name for name in (attrs.get("class") or "").split()):
            self._add(attrs.get("alt") or "")

    def _add(self, text: str) -> None:
        if self._roles["hide"] or not text:
            return
        if self._roles["link"]:
            self._link.append((text, bool(self._roles["faint"])))
            return
        self._end_link()
        if self._out:
            self._out.append("\n" * self._breaks)
        self._breaks = 0
        self._out.append(text)

    def _end_link(self) -> None:
        """Add a link's text: all of it if it is a URL, or else only its visible parts."""
        parts = self._link
        self._link = []
        whole = "".join(text for text, _ in parts)
        if not _LINK.fullmatch(whole):
            whole = "".join(text for text, faint in parts if not faint)
        if whole:
            if self._out:
                self._out.append("\n" * self._breaks)
            self._breaks = 0
            self._out.append(whole)
