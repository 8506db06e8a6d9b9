"""Typesetting with the system's fonts: any script, bidirectional text, colour emoji, no boxes.

Skia's paragraphs do the work: HarfBuzz shapes text, ICU breaks lines and orders directions, the
system provides the fonts. What Skia's Python binding lacks is done here: a paragraph's direction,
the font of emoji, and finding characters that no font can draw. Lengths are in pixels.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from popinjay.errors import PictureError
from popinjay.text.emoji import coloured_emoji

FAMILIES = [
    "Inter",
    "Helvetica Neue",
    "Segoe UI",
    "Noto Sans",
    "Liberation Sans",
    "DejaVu Sans",
]  # in order of preference
EMOJI_FAMILIES = [
    "Apple Color Emoji",
    "Segoe UI Emoji",
    "Noto Color Emoji",
    "Twemoji",
    "Twitter Color Emoji",
]
ELLIPSIS = "…"
_LINE_HEIGHT = 1.24  # times the size, except for tall scripts, whose fonts determine it
_TALL_SCRIPTS = (
    (0x0600, 0x109F),  # Arabic to Myanmar
    (0x1780, 0x1CFF),  # Khmer to Vedic
    (0xA840, 0xABFF),  # Phags-pa to Meetei Mayek
)
_RIGHT_TO_LEFT_ISOLATE = ("\u2067", "\u2069")
_FIRST_STRONG_ISOLATE = ("\u2068", "\u2069")
_PACKAGES = {  # of Debian
    "Chinese": "fonts-noto-cjk",
    "Japanese": "fonts-noto-cjk",
    "Hangul": "fonts-noto-cjk",
    "emoji": "fonts-noto-color-emoji",
}


@functools.cache
def skia() -> Any:
    """Import the drawing library. Raises PictureError if it is not available."""
    try:
        import skia
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            raise PictureError(
                "Pictures need the extra 'picture', which is not installed.",
                'Install it: pip install "popinjay[picture]"',
                page_hint="Install popinjay with pictures, and start it again.",
            ) from error
        raise PictureError(
            f"The drawing library can't be loaded: {error}.",
            "On Debian and Ubuntu: apt-get install libegl1 libgl1",
        ) from error
    return skia


def graphemes(text: str) -> list[str]:
    """Split a text into grapheme clusters: what a reader takes for one character each."""
    import regex

    return regex.findall(r"\X", text)  # type: ignore[no-any-return]


def is_right_to_left(text: str) -> bool:
    """Return whether the first letter outside of isolates is right-to-left (UAX 9, P2 and P3)."""
    isolates = 0
    for kind in map(unicodedata.bidirectional, text):
        isolates = max(0, isolates + (kind in ("LRI", "RLI", "FSI")) - (kind == "PDI"))
        if not isolates and kind in ("L", "R", "AL"):
            return kind != "L"
    return False


def isolated(text: str) -> str:
    """Return a text in an isolate, so that its direction does not affect the text beside it."""
    return text.join(_FIRST_STRONG_ISOLATE)


@dataclass(frozen=True)
class Style:
    """The style of a text."""

    size: float
    colour: int  # 0xAARRGGBB
    bold: bool = False
    spacing: float = 0  # between letters
    locale: str = "en"  # BCP 47; selects between national forms of a character


@dataclass(frozen=True)
class Block:
    """A text that is laid out; its size is that of its lines."""

    paragraph: Any
    width: float
    height: float
    size: float  # of its font
    room: float  # the width that it was laid out in
    right: bool  # right-aligned

    def paint(self, canvas: Any, left: float, top: float) -> None:
        """Draw it here; stacked marks are clipped at the block's edge, with some slack."""
        sk = skia()
        slack = 4
        canvas.save()
        canvas.clipRect(
            sk.Rect.MakeLTRB(
                left - slack, top - slack, left + self.width + slack, top + self.height + slack
            )
        )
        self.paragraph.paint(canvas, left - (self.room - self.width if self.right else 0), top)
        canvas.restore()


class Typesetter:
    """Lays out text with the fonts of this machine."""

    def __init__(self) -> None:
        """Find the fonts. Raises PictureError if there is none."""
        sk = skia()
        with _without_stderr():
            self._fonts = sk.FontMgr()
            families = self._fonts.countFamilies()
        if not families:
            raise PictureError(
                "There is no font on this machine to draw with.",
                "On Debian and Ubuntu: apt-get install fonts-noto-core fonts-noto-color-emoji",
            )
        self._unicode = sk.Unicodes.ICU.Make()
        self._collection = sk.textlayout.FontCollection()
        self._collection.setDefaultFontManager(self._fonts)
        self._emoji_faces = [
            self._fonts.matchFamilyStyle(name, sk.FontStyle.Normal()) for name in EMOJI_FAMILIES
        ]
        self._has_glyph: dict[tuple[str, str], bool] = {}

    def block(self, text: str, style: Style, room: float) -> Block:
        """Lay out a text in lines no longer than `room`, aligned by its direction."""
        layout = skia().textlayout
        right = is_right_to_left(text)
        paragraph_style = layout.ParagraphStyle()
        paragraph_style.setTextAlign(layout.TextAlign.kRight if right else layout.TextAlign.kLeft)
        paragraph_style.setTextStyle(self._style(style, text, FAMILIES))
        builder = layout.ParagraphBuilder.make(paragraph_style, self._collection, self._unicode)
        # The binding can't set a base direction; to the bidirectional algorithm, an isolate around
        # the text is the same.
        for run, families in self._runs(text.join(_RIGHT_TO_LEFT_ISOLATE) if right else text):
            builder.pushStyle(self._style(style, text, families))
            builder.addText(run)
            builder.pop()
        paragraph = builder.Build()
        paragraph.layout(room)
        return Block(
            paragraph, min(paragraph.LongestLine, room), paragraph.Height, style.size, room, right
        )

    def balanced(self, text: str, style: Style, room: float) -> Block:
        """Lay out a text in lines of about the same length.

        The block is as narrow as possible without another line, found by bisection.
        """
        block = self.block(text, style, room)
        low = block.width / 2
        high = room
        for _ in range(7):
            middle = (low + high) / 2
            narrower = self.block(text, style, middle)
            fits = narrower.paragraph.MinIntrinsicWidth <= middle
            if fits and narrower.height <= block.height:
                block = narrower
                high = middle
            else:
                low = middle
        return block

    def missing(self, text: str, locale: str = "en") -> list[str]:
        """Return the grapheme clusters that no font on this machine can draw."""
        missing = (cluster for cluster in graphemes(text) if not self._can_draw(cluster, locale))
        return list(dict.fromkeys(missing))

    def _can_draw(self, cluster: str, locale: str) -> bool:
        return all(
            self._has(character, locale)
            for character in cluster
            if unicodedata.category(character) not in ("Cf", "Cc", "Zs", "Zl", "Zp")
        )

    def _has(self, character: str, locale: str) -> bool:
        if unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
            return True
        key = character, locale
        if key not in self._has_glyph:
            codepoint = ord(character)
            face = self._fonts.matchFamilyStyleCharacter(
                FAMILIES[0], skia().FontStyle.Normal(), [locale], codepoint
            )
            if face is not None and "LastResort" in face.getFamilyName():  # macOS's font of boxes
                face = None
            self._has_glyph[key] = any(
                font is not None and font.unicharToGlyph(codepoint)
                for font in (face, *self._emoji_faces)
            )
        return self._has_glyph[key]

    @staticmethod
    def _runs(text: str) -> Iterator[tuple[str, list[str]]]:
        """Split a text into runs, each with its font families.

        Emoji need their own: other fonts have them too, in black.
        """
        end = 0
        for match in coloured_emoji().finditer(text):
            if match.start() > end:
                yield text[end : match.start()], FAMILIES
            yield match[0], EMOJI_FAMILIES + FAMILIES
            end = match.end()
        if end < len(text):
            yield text[end:], FAMILIES

    @staticmethod
    def _style(style: Style, text: str, families: Sequence[str]) -> Any:
        """Return Skia's text style for a run of a text."""
        sk = skia()
        text_style = sk.textlayout.TextStyle()
        text_style.setFontFamilies(list(families))
        text_style.setFontSize(style.size)
        text_style.setColor(style.colour)
        text_style.setLocale(style.locale)
        text_style.setLetterSpacing(style.spacing)
        text_style.setFontStyle(sk.FontStyle.Bold() if style.bold else sk.FontStyle.Normal())
        if not any(
            low <= ord(character) <= high for character in text for low, high in _TALL_SCRIPTS
        ):
            text_style.setHeight(_LINE_HEIGHT)
            text_style.setHeightOverride(True)
            text_style.setHalfLeading(True)
        return text_style


_UNKNOWN = "characters of no script"


@functools.cache
def typesetter() -> Typesetter:
    """Return the typesetter, which is made once, because finding fonts takes a moment.

    Raises PictureError if there is no font.
    """
    return Typesetter()


def no_font(missing: Sequence[str], where: str) -> PictureError:
    """Return the error that no font has these characters, with what to install.

    `where` names the text that has them.
    """
    scripts = list(dict.fromkeys(_script(cluster) for cluster in missing))
    shown = " ".join(
        cluster if cluster.isprintable() else f"U+{ord(cluster[0]):04X}" for cluster in missing[:8]
    )
    if len(missing) > 8:
        shown += " …"
    if scripts == [_UNKNOWN]:
        hint = "Unicode gives them no meaning, so there is nothing to install."
    elif sys.platform == "darwin":
        hint = "Add a font that has them with Font Book, such as a Noto font."
    elif sys.platform == "win32":
        hint = (
            "Add a font that has them in Settings, System, Optional features, "
            "such as the supplemental fonts of the language."
        )
    else:
        packages = dict.fromkeys(_PACKAGES.get(script, "fonts-noto-core") for script in scripts)
        hint = (
            "Install fonts that have them, on Debian and Ubuntu: "
            f"apt-get install {' '.join(packages)}"
        )
    return PictureError(
        f"No font on this machine can draw the {' and '.join(scripts)} in {where}: {shown}", hint
    )


def _script(cluster: str) -> str:
    """Return the name of a character's script, or "emoji", for people."""
    if coloured_emoji().match(cluster) or 0x1F000 <= ord(cluster[0]) <= 0x1FAFF:
        return "emoji"
    name = unicodedata.name(cluster[0], "")
    word = name.split()[0].title() if name else _UNKNOWN
    return {"Cjk": "Chinese", "Hiragana": "Japanese", "Katakana": "Japanese"}.get(word, word)


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Discard standard error inside the context.

    A font library writes to it about settings that are newer than itself.
    """
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    with open(os.devnull, "wb") as devnull:  # noqa: PTH123 (a device)
        os.dup2(devnull.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
