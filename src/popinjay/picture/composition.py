"""The composition of the picture: 1200 by 630 pixels with wide margins.

From top to bottom: the authors, the prompt, the prediction, and the notice that a machine wrote it.
Lengths are in pixels, colours are 0xAARRGGBB.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from popinjay.errors import PictureError
from popinjay.picture.typeset import (
    ELLIPSIS,
    Block,
    Style,
    Typesetter,
    graphemes,
    isolated,
    no_font,
    skia,
    typesetter,
)
from popinjay.text.unicode import without_direction_marks

WIDTH = 1200
HEIGHT = 630
MARGIN = 84
PAPER = 0xFFFBF9F5
INK = 0xFF1D1B20
GREY = 0xFF6C6873
HAIRLINE = 0xFFE4DFD6
WHITE = 0xFFFFFFFF
PALETTE = (
    0xFFB4503C,
    0xFF9C5F24,
    0xFF77691F,
    0xFF4F7A3A,
    0xFF2F7D6B,
    0xFF2B7A94,
    0xFF3D68A8,
    0xFF6358A8,
    0xFF8A4E9C,
    0xFFA6486F,
)
AVATAR = 108  # diameter
OVERLAP = 30  # of neighbouring avatars
RING = 5  # around an avatar
MAX_AVATARS = 5
MAX_NAMES = 8
MAX_AVATAR_SIDE = 4096  # of an avatar's image file: larger ones are not decoded
HEAD_TOP = 60
BODY_TOP = 194
BODY_BOTTOM = 514
FOOT_LINE = 542
ARROW = 46  # length
ARROW_GAP = 22  # between prompt and arrow
PROMPT_GAP = 10  # between prompt and prediction
PROMPT_SIZES = (34, 31, 28, 25)
TEXT_SIZES = (84, 76, 68, 62, 58, 54, 50, 46, 42, 39, 36, 33, 30, 28, 26, 24)
NAME_SIZES = (40, 37, 34, 31, 28)
HANDLE_SIZES = (25, 22, 20)


@dataclass(frozen=True)
class Person:
    """An author as the picture shows them."""

    handle: str
    name: str
    avatar: bytes | None = None  # an image file


@dataclass(frozen=True)
class Words:
    """The texts of the picture."""

    people: Sequence[Person]
    prompt: str
    text: str
    language: str = "en"  # of most posts; selects between national forms of a character


def compose(words: Words) -> tuple[bytes, list[str]]:
    """Return the picture as PNG, and warnings about symbols that no font has, which are left out.

    Raises PictureError if the text is empty or too long, or if no font has its letters: a
    prediction is shown word for word or not at all.
    """
    sk = skia()
    composer = _Composer(words, sk, typesetter())
    surface = sk.Surface(WIDTH, HEIGHT)
    composer.canvas = surface.getCanvas()
    composer.canvas.clear(PAPER)
    composer.head()
    composer.body()
    composer.foot()
    return bytes(surface.makeImageSnapshot().encodeToData(sk.kPNG, 100)), composer.warnings


def colour_of(handle: str) -> int:
    """Return a person's colour, which is always the same."""
    return PALETTE[hashlib.sha256(handle.encode()).digest()[0] % len(PALETTE)]


def locale_of(text: str, language: str) -> str:
    """Return the language whose forms of Chinese characters a text is drawn with.

    Kana and hangul determine it; otherwise it is `language`, that of most posts.
    """
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return "ja"
    if any("\uac00" <= character <= "\ud7a3" for character in text):
        return "ko"
    return language


@dataclass
class _Composer:
    """A picture in progress, which is drawn part by part."""

    words: Words
    sk: Any
    type: Typesetter
    canvas: Any = None
    warnings: list[str] = field(default_factory=list)

    @property
    def accent(self) -> int:
        """The picture's accent colour."""
        return colour_of(self.words.people[0].handle)

    # authors

    def head(self) -> None:
        """Draw avatars, names and handles."""
        shown = self.words.people[:MAX_AVATARS]
        step = AVATAR - OVERLAP
        for index in reversed(range(len(shown))):  # the first is on top
            self._avatar(shown[index], MARGIN + index * step, HEAD_TOP)
        left = MARGIN + (len(shown) - 1) * step + AVATAR + 28
        room = WIDTH - MARGIN - left
        names = _abridged(
            [
                self._drawable_name(person.name, "the name", person.handle)
                for person in self.words.people
            ]
        )
        title = self._fit_line(
            lambda max_length: " & ".join(isolated(_truncated(name, max_length)) for name in names),
            NAME_SIZES,
            INK,
            room,
            2,
            bold=True,
        )
        handles = _abridged(
            [
                self._drawable_name("@" + person.handle, "the handle", "@")
                for person in self.words.people
            ]
        )
        subtitle = self._fit_line(
            lambda max_length: "  ".join(
                isolated(_truncated(handle, max_length)) for handle in handles
            ),
            HANDLE_SIZES,
            GREY,
            room,
            1,
        )
        top = HEAD_TOP + (AVATAR - title.height - subtitle.height) / 2
        self.canvas.save()
        # Very tall letters are clipped
        self.canvas.clipRect(self.sk.Rect.MakeLTRB(0, HEAD_TOP - 14, WIDTH, BODY_TOP - 8))
        title.paint(self.canvas, left, top)
        subtitle.paint(self.canvas, left, top + title.height)
        self.canvas.restore()

    def _avatar(self, person: Person, left: float, top: float) -> None:
        """Draw an avatar as a circle, cropped to the middle of its image."""
        sk = self.sk
        radius = AVATAR / 2
        centre = (left + radius, top + radius)
        self.canvas.drawCircle(*centre, radius + RING, sk.Paint(Color=PAPER, AntiAlias=True))
        image = _decoded(person.avatar)
        if image is None:
            self._initial(person, *centre)
            return
        side = min(image.width(), image.height())
        square = sk.Rect.MakeXYWH(
            (image.width() - side) / 2, (image.height() - side) / 2, side, side
        )
        self.canvas.save()
        circle = sk.Path()
        circle.addCircle(*centre, radius)
        self.canvas.clipPath(circle, sk.ClipOp.kIntersect, True)
        smooth = sk.SamplingOptions(sk.FilterMode.kLinear, sk.MipmapMode.kLinear)
        self.canvas.drawImageRect(
            image,
            square,
            sk.Rect.MakeXYWH(left, top, AVATAR, AVATAR),
            smooth,
            sk.Paint(AntiAlias=True),
            sk.Canvas.kStrict_SrcRectConstraint,
        )
        self.canvas.restore()

    def _initial(self, person: Person, x: float, y: float) -> None:
        """Draw the first letter (or emoji) of the name on a circle of the person's colour."""
        self.canvas.drawCircle(
            x, y, AVATAR / 2, self.sk.Paint(Color=colour_of(person.handle), AntiAlias=True)
        )
        drawable = [
            grapheme
            for grapheme in graphemes(without_direction_marks(person.name) + person.handle)
            if not grapheme.isspace() and not self.type.missing(grapheme)
        ]
        letters = (grapheme for grapheme in drawable if grapheme[0].isalnum())
        first = unicodedata.normalize("NFC", next(letters, next(iter(drawable), "")))
        # Without combining marks, which may be stacked, but with viramas (9), which join letters
        initial = "".join(
            character for character in first if unicodedata.combining(character) in (0, 9)
        )
        block = self.type.block(
            initial[:1].upper() + initial[1:], Style(50, WHITE, bold=True), WIDTH
        )
        block.paint(self.canvas, x - block.width / 2, y - block.height / 2)

    # prompt and prediction

    def body(self) -> None:
        """Draw the prompt, an arrow, and the prediction, as large as they fit."""
        prompt = self._drawable_text(self.words.prompt, "the prompt")
        text = self._drawable_text(self.words.text, "the prediction")
        if not text:
            raise PictureError(
                "There is nothing in this prediction to draw.",
                "Choose another one with --pick.",
                page_hint="Choose another post.",
            )
        prompt_block, text_block = self._fit_body(prompt, text)
        above = prompt_block.height + PROMPT_GAP if prompt_block else 0
        top = BODY_TOP + (BODY_BOTTOM - BODY_TOP - above - text_block.height) / 2
        if prompt_block:
            self._prompt(prompt_block, top)
        left = WIDTH - MARGIN - text_block.width if text_block.right else MARGIN
        text_block.paint(self.canvas, left, top + above)

    def _fit_body(self, prompt: str, text: str) -> tuple[Block | None, Block]:
        """Lay out prompt and text as large as they fit together.

        The prompt is no larger than the text if possible. Raises PictureError if they are too long.
        """
        room = WIDTH - 2 * MARGIN
        max_height = BODY_BOTTOM - BODY_TOP
        best: tuple[Block | None, Block] | None = None
        prompt_blocks: list[Block | None] = [None]
        if prompt:
            prompt_room = room - ARROW - ARROW_GAP
            prompt_blocks = [
                self._fit(prompt, (size,), GREY, prompt_room, max_height / 3)
                for size in PROMPT_SIZES
            ]
        if prompt and not any(prompt_blocks):
            raise PictureError(
                f"The prompt is too long for the picture: {len(prompt):,} characters.",
                "Give a shorter --prompt.",
                page_hint="Choose a post with a shorter beginning.",
            )
        for prompt_block in prompt_blocks:
            if prompt and not prompt_block:
                continue
            above = prompt_block.height + PROMPT_GAP if prompt_block else 0
            text_block = self._fit(text, TEXT_SIZES, INK, room, max_height - above)
            if text_block:
                best = (prompt_block, text_block)
                if not prompt_block or text_block.size >= prompt_block.size:
                    break
        if best is None:
            raise PictureError(
                f"The prediction is too long for the picture: {len(text):,} characters.",
                "Choose another one with --pick.",
                page_hint="Choose a shorter post.",
            )
        return best

    def _prompt(self, block: Block, top: float) -> None:
        """Draw the prompt, with an arrow in the direction of reading."""
        middle = top + block.height / 2 + 1
        if block.right:
            left = WIDTH - MARGIN - block.width
            direction = -1
            tail = left - ARROW_GAP
        else:
            left = MARGIN
            direction = 1
            tail = left + block.width + ARROW_GAP
        block.paint(self.canvas, left, top)
        tip = tail + direction * ARROW
        path = self.sk.Path()
        path.moveTo(tail, middle)
        path.lineTo(tip, middle)
        path.moveTo(tip - direction * 13, middle - 11)
        path.lineTo(tip, middle)
        path.lineTo(tip - direction * 13, middle + 11)
        stroke = {
            "Style": self.sk.Paint.kStroke_Style,
            "StrokeCap": self.sk.Paint.kRound_Cap,
            "StrokeJoin": self.sk.Paint.kRound_Join,
        }
        self.canvas.drawPath(
            path, self.sk.Paint(Color=self.accent, AntiAlias=True, StrokeWidth=4, **stroke)
        )

    def _fit(
        self, text: str, sizes: Sequence[int], colour: int, room: float, max_height: float
    ) -> Block | None:
        """Lay out a text in the largest size in which it fits; None if it fits in none.

        `room` is the width available, and `sizes` are in descending order.
        """
        locale = locale_of(text, self.words.language)
        for size in sizes:
            style = Style(size, colour, locale=locale)
            block = self.type.block(text, style, room)
            if block.height <= max_height and block.paragraph.LongestLine <= room + 1:
                return self.type.balanced(text, style, room)
        return None

    # notice

    def foot(self) -> None:
        """Draw the notice: what this is, and that no person wrote it."""
        is_cyborg = len(self.words.people) > 1
        self.canvas.drawLine(
            MARGIN,
            FOOT_LINE,
            WIDTH - MARGIN,
            FOOT_LINE,
            self.sk.Paint(Color=HAIRLINE, StrokeWidth=2),
        )
        label = self.type.block(
            "AI CYBORG" if is_cyborg else "AI BOT",
            Style(17, WHITE, bold=True, spacing=1.2),
            WIDTH,
        )
        pill = self.sk.Rect.MakeXYWH(MARGIN, FOOT_LINE + 16, label.width + 28, 32)
        self.canvas.drawRoundRect(pill, 16, 16, self.sk.Paint(Color=self.accent, AntiAlias=True))
        label.paint(self.canvas, MARGIN + 14, pill.centerY() - label.height / 2)
        brand = self.type.block("Popinjay", Style(19, GREY, bold=True), WIDTH)
        brand.paint(self.canvas, WIDTH - MARGIN - brand.width, pill.centerY() - brand.height / 2)
        notice = self.type.block(
            f"Written by a machine. {'They' if is_cyborg else 'The person'} never said it.",
            Style(19, GREY),
            WIDTH,
        )
        notice.paint(self.canvas, pill.right() + 16, pill.centerY() - notice.height / 2)

    # texts

    def _drawable_text(self, text: str, where: str) -> str:
        """Return a text that is shown word for word, less symbols that no font has.

        Raises PictureError if no font has some of its letters. `where` names the text in messages.
        """
        return self._drawable(text, where, strict=True)

    def _drawable_name(self, name: str, where: str, fallback: str) -> str:
        """Return a name less characters that no font has; if nothing is left, the fallback."""
        return self._drawable(name, where, strict=False) or fallback

    def _drawable(self, text: str, where: str, *, strict: bool) -> str:
        """Return a text on one line, less characters that no font has, with a warning.

        If `strict`, letters and digits that no font has raise PictureError.
        """
        text = " ".join(without_direction_marks(text).split())
        missing = self.type.missing(text, locale_of(text, self.words.language))
        if not missing:
            return text
        error = no_font(missing, where)
        if strict and any(grapheme[0].isalnum() for grapheme in missing):
            raise error
        self.warnings.append(f"{error.message} (left out). {error.hint}")
        kept = (grapheme for grapheme in graphemes(text) if grapheme not in missing)
        return " ".join("".join(kept).split())

    def _fit_line(
        self,
        text: Callable[[int], str],
        sizes: Sequence[int],
        colour: int,
        room: float,
        lines: int,
        *,
        bold: bool = False,
    ) -> Block:
        """Lay out a text in few lines, in the largest size in which it fits, truncated if need be.

        Args:
            text: Returns the text with names truncated to a length.
            sizes: The sizes to try, in descending order.
            colour: The colour.
            room: The width available.
            lines: The maximum number of lines.
            bold: Whether it is bold.
        """
        for max_length in (1000, *range(120, 2, -3)):
            truncated = text(max_length)
            for size in sizes:
                style = Style(size, colour, bold, locale=locale_of(truncated, self.words.language))
                block = self.type.block(truncated, style, room)
                line_height = self.type.block(truncated, style, 1e6).height
                if block.height <= lines * line_height + 1 and block.height <= AVATAR - 28:
                    return self.type.balanced(truncated, style, room)
        return block  # very tall letters, which are clipped


def _abridged(names: list[str]) -> list[str]:
    """Return the first of many names, and the number of others."""
    if len(names) <= MAX_NAMES:
        return names
    return [*names[:MAX_NAMES], f"{len(names) - MAX_NAMES} more"]


def _truncated(text: str, max_length: int) -> str:
    """Return a text of at most this many graphemes, with an ellipsis if it was truncated."""
    clusters = graphemes(text)
    if len(clusters) <= max_length:
        return text
    return "".join(clusters[: max_length - 1]).rstrip() + ELLIPSIS


def _decoded(data: bytes | None) -> Any:
    """Return an avatar's image; None if it is missing, damaged or suspiciously large."""
    if not data:
        return None
    sk = skia()
    try:
        codec = sk.Codec.MakeFromData(sk.Data.MakeWithCopy(data))
        if codec is None:
            return None
        size = codec.dimensions()
        if max(size.width(), size.height()) > MAX_AVATAR_SIDE:
            return None
        bitmap = sk.Bitmap()
        bitmap.allocPixels(codec.getInfo())
        if codec.getPixels(bitmap.pixmap()) != sk.Codec.Result.kSuccess:
            return None
        return sk.Image.MakeFromEncoded(sk.Data.MakeWithCopy(data))  # also rotates it (EXIF)
    except RuntimeError:  # the binding's error for data that is not an image
        return None
