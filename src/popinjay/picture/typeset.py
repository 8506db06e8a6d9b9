"""Text on a picture: the system's own fonts, a fallback for each script, bidirectional order, colour emoji, and nothing drawn as boxes.

Skia does the work (its paragraphs: HarfBuzz shapes, ICU breaks lines and orders directions, the system is asked for fonts).
What its Python binding leaves open is decided here: a paragraph's direction, which font draws emoji, what no font can draw.
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
]  # the first that is there
EMOJI_FAMILIES = [
    "Apple Color Emoji",
    "Segoe UI Emoji",
    "Noto Color Emoji",
    "Twemoji",
    "Twitter Color Emoji",
]
MARK_FOR_CUT = "…"
_LINE_HEIGHT = (
    1.24  # of the size, for scripts that fit into it; others take what their font asks for
)
_TALL = (
    (0x0600, 0x109F),
    (0x1780, 0x1CFF),
    (0xA840, 0xABFF),
)  # Arabic to Myanmar, Khmer to Vedic, Phags-pa to Meetei Mayek
_RIGHT_TO_LEFT = ("\u2067", "\u2069")
_BY_ITSELF = ("\u2068", "\u2069")
_PACKAGES = {
    "Chinese": "fonts-noto-cjk",
    "Japanese": "fonts-noto-cjk",
    "Hangul": "fonts-noto-cjk",
    "emoji": "fonts-noto-color-emoji",
}  # of Debian


@functools.cache
def skia() -> Any:
    """The drawing library. Raises PictureError where it is not there."""
    try:
        import skia
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError):
            raise PictureError(
                "Pictures need the extra 'picture', which is not installed.",
                'Install it: pip install "popinjay[picture]"',
            ) from error
        raise PictureError(
            f"The drawing library can't be loaded: {error}.",
            "On Debian and Ubuntu: apt-get install libegl1 libgl1",
        ) from error
    return skia


def graphemes(text: str) -> list[str]:
    """What a reader takes for one character each."""
    import regex

    return regex.findall(r"\X", text)  # type: ignore[no-any-return]


def is_right_to_left(text: str) -> bool:
    """The direction of a text: that of its first letter outside of isolates (rules P2 and P3 of UAX 9)."""
    inside = 0
    for kind in map(unicodedata.bidirectional, text):
        inside = max(0, inside + (kind in ("LRI", "RLI", "FSI")) - (kind == "PDI"))
        if not inside and kind in ("L", "R", "AL"):
            return kind != "L"
    return False


def by_itself(text: str) -> str:
    """The text isolated, so that its direction does not change what stands beside it."""
    return text.join(_BY_ITSELF)


@dataclass(frozen=True)
class Style:
    """How a text looks. Colours are 0xAARRGGBB; `locale` (BCP 47) chooses between the forms that languages give one character."""

    size: float
    colour: int
    bold: bool = False
    spacing: float = 0
    locale: str = "en"


@dataclass(frozen=True)
class Block:
    """A text laid out: as wide and high as its lines are."""

    paragraph: Any
    width: float
    height: float
    size: float  # of its letters
    room: float  # the width it was laid out in
    right: bool  # lines end at the right

    def paint(self, canvas: Any, left: float, top: float) -> None:
        """Draw it with its upper left corner there. Marks heaped up on a letter end where its block does, but for a little."""
        sk, slack = skia(), 4
        canvas.save()
        canvas.clipRect(
            sk.Rect.MakeLTRB(
                left - slack, top - slack, left + self.width + slack, top + self.height + slack
            )
        )
        self.paragraph.paint(canvas, left - (self.room - self.width if self.right else 0), top)
        canvas.restore()


class Typesetter:
    """Lays out text with the fonts of this machine. Raises PictureError where there is none at all."""

    def __init__(self) -> None:
        sk = skia()
        with _quiet():
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
        self._known: dict[tuple[str, str], bool] = {}

    def block(self, text: str, style: Style, room: float) -> Block:
        """The text in lines no longer than `room`, each aligned by the direction of the text."""
        layout, right = skia().textlayout, is_right_to_left(text)
        whole = layout.ParagraphStyle()
        whole.setTextAlign(layout.TextAlign.kRight if right else layout.TextAlign.kLeft)
        whole.setTextStyle(self._style(style, text, FAMILIES))
        builder = layout.ParagraphBuilder.make(whole, self._collection, self._unicode)
        # The binding has no base direction to set; an isolate around everything is the same to the bidirectional algorithm.
        for run, families in self._runs(text.join(_RIGHT_TO_LEFT) if right else text):
            builder.pushStyle(self._style(style, text, families))
            builder.addText(run)
            builder.pop()
        paragraph = builder.Build()
        paragraph.layout(room)
        return Block(
            paragraph, min(paragraph.LongestLine, room), paragraph.Height, style.size, room, right
        )

    def balanced(self, text: str, style: Style, room: float) -> Block:
        """As `block`, with lines of about the same length: as narrow as it gets without another line."""
        block = self.block(text, style, room)
        low, high = block.width / 2, room
        for _ in range(7):
            middle = (low + high) / 2
            if (
                narrower := self.block(text, style, middle)
            ).height <= block.height and narrower.paragraph.MinIntrinsicWidth <= middle:
                block, high = narrower, middle
            else:
                low = middle
        return block

    def missing(self, text: str, locale: str = "en") -> list[str]:
        """The characters (as readers see them) that no font on this machine can draw."""
        return list(
            dict.fromkeys(
                cluster for cluster in graphemes(text) if not self._draws(cluster, locale)
            )
        )

    def _draws(self, cluster: str, locale: str) -> bool:
        return all(
            self._has(character, locale)
            for character in cluster
            if unicodedata.category(character) not in ("Cf", "Cc", "Zs", "Zl", "Zp")
        )

    def _has(self, character: str, locale: str) -> bool:
        if unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
            return True
        key = character, locale
        if key not in self._known:
            number = ord(character)
            face = self._fonts.matchFamilyStyleCharacter(
                FAMILIES[0], skia().FontStyle.Normal(), [locale], number
            )
            if face is not None and "LastResort" in face.getFamilyName():  # macOS' font of boxes
                face = None
            self._known[key] = any(
                one is not None and one.unicharToGlyph(number) for one in (face, *self._emoji_faces)
            )
        return self._known[key]

    @staticmethod
    def _runs(text: str) -> Iterator[tuple[str, list[str]]]:
        """The text in pieces, each with the families that are asked for it: other fonts have emoji too, in black."""
        end = 0
        for found in coloured_emoji().finditer(text):
            if found.start() > end:
                yield text[end : found.start()], FAMILIES
            yield found[0], EMOJI_FAMILIES + FAMILIES
            end = found.end()
        if end < len(text):
            yield text[end:], FAMILIES

    @staticmethod
    def _style(style: Style, text: str, families: Sequence[str]) -> Any:
        sk = skia()
        made = sk.textlayout.TextStyle()
        made.setFontFamilies(list(families))
        made.setFontSize(style.size)
        made.setColor(style.colour)
        made.setLocale(style.locale)
        made.setLetterSpacing(style.spacing)
        made.setFontStyle(sk.FontStyle.Bold() if style.bold else sk.FontStyle.Normal())
        if not any(low <= ord(character) <= high for character in text for low, high in _TALL):
            made.setHeight(_LINE_HEIGHT)
            made.setHeightOverride(True)
            made.setHalfLeading(True)
        return made


_UNKNOWN = "characters of no script"


@functools.cache
def typesetter() -> Typesetter:
    """This machine's typesetter: looking through its fonts takes a moment, so once is enough. Raises PictureError as Typesetter does."""
    return Typesetter()


def no_font(missing: Sequence[str], where: str) -> PictureError:
    """The problem that no font here has these characters, with what to install."""
    scripts = list(dict.fromkeys(_script(cluster) for cluster in missing))
    shown = " ".join(
        one if one.isprintable() else f"U+{ord(one[0]):04X}" for one in missing[:8]
    ) + (" …" if len(missing) > 8 else "")
    if scripts == [_UNKNOWN]:
        hint = "Unicode gives them no meaning, so there is nothing to install."
    elif sys.platform == "darwin":
        hint = "Add a font that has them with Font Book, such as a Noto font."
    elif sys.platform == "win32":
        hint = "Add a font that has them in Settings, System, Optional features, such as the supplemental fonts of the language."
    else:
        packages = dict.fromkeys(_PACKAGES.get(script, "fonts-noto-core") for script in scripts)
        hint = f"Install fonts that have them, on Debian and Ubuntu: apt-get install {' '.join(packages)}"
    return PictureError(
        f"No font on this machine can draw the {' and '.join(scripts)} in {where}: {shown}", hint
    )


def _script(cluster: str) -> str:
    """A word for what a character is, for people."""
    if coloured_emoji().match(cluster) or 0x1F000 <= ord(cluster[0]) <= 0x1FAFF:
        return "emoji"
    name = unicodedata.name(cluster[0], "")
    word = name.split()[0].title() if name else _UNKNOWN
    return {"Cjk": "Chinese", "Hiragana": "Japanese", "Katakana": "Japanese"}.get(word, word)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the lines that a font library writes to standard error about settings newer than itself."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (a device)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
