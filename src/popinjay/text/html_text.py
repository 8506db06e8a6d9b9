"""The text of a post that is written in HTML, as its author typed it: what the fediverse's servers keep and send.

A link's text is cut for the eye by spans that hide its beginning and end; put together again it is the whole address. Custom
emoji stay `:shortcodes:`. What no reader sees (scripts, hidden spans, the line that repeats a quoted post's address) is no text.
HTML comes from strangers: the parser is only handed whole tags, because it takes quadratic time over broken ones.
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
_SOFT = "\x00"  # a blank that only lays out the HTML: none beside a line break, one elsewhere
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
_UNSEEN = {
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
    """The text of some HTML: paragraphs apart by an empty line, `<br>` as a line break, entities as characters, no tags."""
    reader = _Reader()
    reader.feed(_PIECES.sub(_tamed, html[:MAX_HTML].replace(_SOFT, "")))
    reader.close()
    return printable(reader.text())


def _tamed(piece: re.Match[str]) -> str:
    """A whole tag as it is, a lone `<` as text, comments and declarations away."""
    return piece["tag"] or ("&lt;" if piece["stray"] else "")


class _Reader(HTMLParser):
    """Gathers text, and how many lines apart the next one stands."""

    CDATA_CONTENT_ELEMENTS = ()  # type: ignore[misc]  # scripts are skipped by their tags, as all that is not seen
    RCDATA_CONTENT_ELEMENTS = ()  # type: ignore[misc]

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._breaks = 0
        self._open: list[
            tuple[str, str]
        ] = []  # the tags around, with what they do: "" nothing, "hide", "link", "faint", "pre"
        self._names: Counter[str] = Counter()
        self._doing: Counter[str] = Counter()
        self._link: list[tuple[str, bool]] = []  # a link's text, with what of it is faint

    def text(self) -> str:
        """What was gathered."""
        self._end_link()
        lines = "".join(self._out).split("\n")
        whole = "\n".join(line.strip(_SOFT) for line in lines)
        return re.sub(f" ?{_SOFT}+ ?", " ", whole).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens, or stands alone."""
        self._apart(tag)
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
        doing = self._does(tag, (dict(attrs).get("class") or "").split())
        self._open.append((tag, doing))
        self._names[tag] += 1
        self._doing[doing] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<br />`; `<p/>` opens as `<p>` does."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """A tag closes, and with it those inside that were left open."""
        while self._names[tag]:
            name, doing = self._open.pop()
            self._names[name] -= 1
            self._doing[doing] -= 1
            if doing == "link":
                self._end_link()
            if name == tag:
                break
        self._apart(tag)

    def handle_data(self, data: str) -> None:
        """Text between tags, its entities characters already."""
        if not self._doing["pre"]:
            data = _LAYOUT.sub(_SOFT, data)
            if not data.strip(f" \t{_SOFT}") and (self._breaks or not self._out) and not self._link:
                return  # between two blocks
        self._add(data)

    def _does(self, tag: str, classes: list[str]) -> str:
        if tag in _UNSEEN or "quote-inline" in classes:
            return "hide"
        if "invisible" in classes:
            return "faint" if self._doing["link"] else "hide"
        return {"a": "link", "pre": "pre"}.get(tag, "")

    def _apart(self, tag: str) -> None:
        wanted = 2 if tag in _PARAGRAPHS else 1 if tag in _LINES else 0
        if wanted and not self._doing["hide"]:
            self._end_link()
            self._breaks = max(self._breaks, wanted)

    def _break(self) -> None:
        if not self._doing["hide"]:
            self._end_link()
            self._breaks += 1

    def _image(self, attrs: dict[str, str | None]) -> None:
        """A custom emoji's name; other pictures are no text."""
        if any("emoji" in one for one in (attrs.get("class") or "").split()):
            self._add(attrs.get("alt") or "")

    def _add(self, text: str) -> None:
        if self._doing["hide"] or not text:
            return
        if self._doing["link"]:
            self._link.append((text, bool(self._doing["faint"])))
            return
        self._end_link()
        if self._out:
            self._out.append("\n" * self._breaks)
        self._breaks = 0
        self._out.append(text)

    def _end_link(self) -> None:
        """A link whose whole text is an address is that address; of others only what is seen counts."""
        parts, self._link = self._link, []
        whole = "".join(text for text, _ in parts)
        if not _LINK.fullmatch(whole):
            whole = "".join(text for text, faint in parts if not faint)
        if whole:
            if self._out:
                self._out.append("\n" * self._breaks)
            self._breaks = 0
            self._out.append(whole)
