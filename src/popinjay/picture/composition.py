"""The picture's composition: who, what was asked, what came out, and that a machine wrote it, on 1200 by 630 with wide margins."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from popinjay.errors import PictureError
from popinjay.picture.typeset import (
    MARK_FOR_CUT,
    Block,
    Style,
    Typesetter,
    by_itself,
    graphemes,
    no_font,
    skia,
    typesetter,
)
from popinjay.text.unicode import without_direction_marks

WIDTH, HEIGHT = 1200, 630
MARGIN = 84
PAPER, INK, GREY, HAIRLINE = 0xFFFBF9F5, 0xFF1D1B20, 0xFF6C6873, 0xFFE4DFD6
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
AVATAR, OVERLAP, RING = 108, 30, 5
MOST_AVATARS, MOST_NAMES = 5, 8
MOST_SIDE = 4096  # of an avatar's picture, in pixels: larger ones are not unpacked
HEAD_TOP, BODY_TOP, BODY_BOTTOM, FOOT_LINE = 60, 194, 514, 542
ARROW, ARROW_GAP, PROMPT_GAP = 46, 22, 10
PROMPT_SIZES = (34, 31, 28, 25)
TEXT_SIZES = (84, 76, 68, 62, 58, 54, 50, 46, 42, 39, 36, 33, 30, 28, 26, 24)
NAME_SIZES = (40, 37, 34, 31, 28)
HANDLE_SIZES = (25, 22, 20)


@dataclass(frozen=True)
class Person:
    """An author as the picture shows them: `avatar` are a picture file's bytes."""

    handle: str
    name: str
    avatar: bytes | None = None


@dataclass(frozen=True)
class Words:
    """What the picture says. `language` is that of most posts: it chooses between forms of the same character."""

    people: Sequence[Person]
    prompt: str
    text: str
    language: str = "en"


def compose(words: Words) -> tuple[bytes, list[str]]:
    """The picture as PNG, and warnings about ornaments of which no font here has a drawing, which are left out.

    Raises PictureError where the text is too long, where there is none, or where no font here has its letters: a prediction is
    shown word for word or not at all.
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
    """A person's colour, always the same one."""
    return PALETTE[hashlib.sha256(handle.encode()).digest()[0] % len(PALETTE)]


def locale_of(text: str, language: str) -> str:
    """The language that a text's Chinese characters are drawn for: kana and hangul tell, otherwise that of most posts."""
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return "ja"
    if any("\uac00" <= character <= "\ud7a3" for character in text):
        return "ko"
    return language


@dataclass
class _Composer:
    """One picture being drawn, part by part."""

    words: Words
    sk: Any
    type: Typesetter
    canvas: Any = None
    warnings: list[str] = field(default_factory=list)

    @property
    def accent(self) -> int:
        """The colour of this picture."""
        return colour_of(self.words.people[0].handle)

    # who

    def head(self) -> None:
        """Avatars, names and handles."""
        shown = self.words.people[:MOST_AVATARS]
        step = AVATAR - OVERLAP
        for place in reversed(range(len(shown))):  # the first lies on top
            self._avatar(shown[place], MARGIN + place * step, HEAD_TOP)
        left = MARGIN + (len(shown) - 1) * step + AVATAR + 28
        room = WIDTH - MARGIN - left
        names = _few(
            [self._ornament(person.name, "the name", person.handle) for person in self.words.people]
        )
        title = self._short(
            lambda most: " & ".join(by_itself(_cut(name, most)) for name in names),
            NAME_SIZES,
            INK,
            room,
            2,
            bold=True,
        )
        handles = _few(
            [self._ornament("@" + person.handle, "the handle", "@") for person in self.words.people]
        )
        below = self._short(
            lambda most: "  ".join(by_itself(_cut(handle, most)) for handle in handles),
            HANDLE_SIZES,
            GREY,
            room,
            1,
        )
        top = HEAD_TOP + (AVATAR - title.height - below.height) / 2
        self.canvas.save()
        self.canvas.clipRect(
            self.sk.Rect.MakeLTRB(0, HEAD_TOP - 14, WIDTH, BODY_TOP - 8)
        )  # for letters that are taller than any that were thought of
        title.paint(self.canvas, left, top)
        below.paint(self.canvas, left, top + title.height)
        self.canvas.restore()

    def _avatar(self, person: Person, left: float, top: float) -> None:
        sk, half = self.sk, AVATAR / 2
        centre = left + half, top + half
        self.canvas.drawCircle(*centre, half + RING, sk.Paint(Color=PAPER, AntiAlias=True))
        image = _unpacked(person.avatar)
        if image is None:
            self._initial(person, *centre)
            return
        side = min(image.width(), image.height())
        middle = sk.Rect.MakeXYWH(
            (image.width() - side) / 2, (image.height() - side) / 2, side, side
        )
        self.canvas.save()
        round_ = sk.Path()
        round_.addCircle(*centre, half)
        self.canvas.clipPath(round_, sk.ClipOp.kIntersect, True)
        smooth = sk.SamplingOptions(sk.FilterMode.kLinear, sk.MipmapMode.kLinear)
        self.canvas.drawImageRect(
            image,
            middle,
            sk.Rect.MakeXYWH(left, top, AVATAR, AVATAR),
            smooth,
            sk.Paint(AntiAlias=True),
            sk.Canvas.kStrict_SrcRectConstraint,
        )
        self.canvas.restore()

    def _initial(self, person: Person, x: float, y: float) -> None:
        """The first letter (or emoji) of the name, on a round of the person's colour."""
        self.canvas.drawCircle(
            x, y, AVATAR / 2, self.sk.Paint(Color=colour_of(person.handle), AntiAlias=True)
        )
        known = [
            one
            for one in graphemes(without_direction_marks(person.name) + person.handle)
            if not one.isspace() and not self.type.missing(one)
        ]
        first = unicodedata.normalize(
            "NFC", next((one for one in known if one[0].isalnum()), next(iter(known), ""))
        )
        initial = "".join(
            character for character in first if unicodedata.combining(character) in (0, 9)
        )  # a virama joins; other marks may be heaped up
        block = self.type.block(
            initial[:1].upper() + initial[1:], Style(50, 0xFFFFFFFF, bold=True), WIDTH
        )
        block.paint(self.canvas, x - block.width / 2, y - block.height / 2)

    # what

    def body(self) -> None:
        """The prompt, an arrow, and what the model made of it, as large as it fits."""
        prompt, text = (
            self._spoken(self.words.prompt, "the prompt"),
            self._spoken(self.words.text, "the prediction"),
        )
        if not text:
            raise PictureError(
                "There is nothing in this prediction to draw.", "Choose another one with --pick."
            )
        asked, answer = self._sized(prompt, text)
        above = asked.height + PROMPT_GAP if asked else 0
        top = BODY_TOP + (BODY_BOTTOM - BODY_TOP - above - answer.height) / 2
        if asked:
            self._ask(asked, top)
        answer.paint(
            self.canvas, WIDTH - MARGIN - answer.width if answer.right else MARGIN, top + above
        )

    def _sized(self, prompt: str, text: str) -> tuple[Block | None, Block]:
        """Prompt and text as large as they fit together, the prompt no larger than the text where that can be."""
        room, high = WIDTH - 2 * MARGIN, BODY_BOTTOM - BODY_TOP
        found: tuple[Block | None, Block] | None = None
        fitting = (
            [
                self._fit(prompt, (size,), GREY, room - ARROW - ARROW_GAP, high / 3)
                for size in PROMPT_SIZES
            ]
            if prompt
            else [None]
        )
        if prompt and not any(fitting):
            raise PictureError(
                f"The prompt is too long for the picture: {len(prompt):,} characters.",
                "Give a shorter --prompt.",
            )
        for asked in fitting:
            answer = (
                self._fit(
                    text, TEXT_SIZES, INK, room, high - (asked.height + PROMPT_GAP if asked else 0)
                )
                if asked or not prompt
                else None
            )
            if answer:
                found = asked, answer
                if not asked or answer.size >= asked.size:
                    break
        if found is None:
            raise PictureError(
                f"The prediction is too long for the picture: {len(text):,} characters.",
                "Choose another one with --pick.",
            )
        return found

    def _ask(self, asked: Block, top: float) -> None:
        """The prompt, with an arrow that points where reading goes on."""
        left, middle = (
            (WIDTH - MARGIN - asked.width if asked.right else MARGIN),
            top + asked.height / 2 + 1,
        )
        asked.paint(self.canvas, left, top)
        tail, way = (left - ARROW_GAP, -1) if asked.right else (left + asked.width + ARROW_GAP, 1)
        tip = tail + way * ARROW
        path = self.sk.Path()
        path.moveTo(tail, middle)
        path.lineTo(tip, middle)
        path.moveTo(tip - way * 13, middle - 11)
        path.lineTo(tip, middle)
        path.lineTo(tip - way * 13, middle + 11)
        stroke = {
            "Style": self.sk.Paint.kStroke_Style,
            "StrokeCap": self.sk.Paint.kRound_Cap,
            "StrokeJoin": self.sk.Paint.kRound_Join,
        }
        self.canvas.drawPath(
            path, self.sk.Paint(Color=self.accent, AntiAlias=True, StrokeWidth=4, **stroke)
        )

    def _fit(
        self, text: str, sizes: Sequence[int], colour: int, room: float, high: float
    ) -> Block | None:
        """The text in the largest of these sizes in which it fits, None where it fits in none."""
        locale = locale_of(text, self.words.language)
        for size in sizes:
            style = Style(size, colour, locale=locale)
            wanted = self.type.block(text, style, room)
            if wanted.height <= high and wanted.paragraph.LongestLine <= room + 1:
                return self.type.balanced(text, style, room)
        return None

    # that it is a machine's

    def foot(self) -> None:
        """The mark: what this is, and that nobody said it."""
        several = len(self.words.people) > 1
        self.canvas.drawLine(
            MARGIN,
            FOOT_LINE,
            WIDTH - MARGIN,
            FOOT_LINE,
            self.sk.Paint(Color=HAIRLINE, StrokeWidth=2),
        )
        kind = self.type.block(
            "AI CYBORG" if several else "AI BOT",
            Style(17, 0xFFFFFFFF, bold=True, spacing=1.2),
            WIDTH,
        )
        pill = self.sk.Rect.MakeXYWH(MARGIN, FOOT_LINE + 16, kind.width + 28, 32)
        self.canvas.drawRoundRect(pill, 16, 16, self.sk.Paint(Color=self.accent, AntiAlias=True))
        kind.paint(self.canvas, MARGIN + 14, pill.centerY() - kind.height / 2)
        maker = self.type.block("Popinjay", Style(19, GREY, bold=True), WIDTH)
        maker.paint(self.canvas, WIDTH - MARGIN - maker.width, pill.centerY() - maker.height / 2)
        said = self.type.block(
            f"Written by a machine. {'They' if several else 'The person'} never said it.",
            Style(19, GREY),
            WIDTH,
        )
        said.paint(self.canvas, pill.right() + 16, pill.centerY() - said.height / 2)

    # texts

    def _spoken(self, text: str, where: str) -> str:
        """A text to be shown word for word. Ornaments that no font here has are left out with a warning."""
        return self._drawable(text, where, strict=True)

    def _ornament(self, text: str, where: str, otherwise: str) -> str:
        """A name as far as fonts here have it, or what to show instead."""
        return self._drawable(text, where, strict=False) or otherwise

    def _drawable(self, text: str, where: str, *, strict: bool) -> str:
        text = " ".join(without_direction_marks(text).split())
        missing = self.type.missing(text, locale_of(text, self.words.language))
        if not missing:
            return text
        error = no_font(missing, where)
        if strict and any(one[0].isalnum() for one in missing):
            raise error
        self.warnings.append(f"{error.message} (left out). {error.hint}")
        return " ".join("".join(one for one in graphemes(text) if one not in missing).split())

    def _short(
        self,
        text: Callable[[int], str],
        sizes: Sequence[int],
        colour: int,
        room: float,
        lines: int,
        *,
        bold: bool = False,
    ) -> Block:
        """A text of at most so many lines, in the largest size in which it fits, cut where it fits in none: `text(most)` cuts it."""
        for most in (1000, *range(120, 2, -3)):
            written = text(most)
            for size in sizes:
                style = Style(size, colour, bold, locale=locale_of(written, self.words.language))
                wanted = self.type.block(written, style, room)
                if (
                    wanted.height <= lines * self.type.block(written, style, 1e6).height + 1
                    and wanted.height <= AVATAR - 28
                ):
                    return self.type.balanced(written, style, room)
        return wanted  # letters larger than any that were thought of: the rest is clipped


def _few(names: list[str]) -> list[str]:
    """The first of many names, and how many there are besides."""
    return (
        [*names[:MOST_NAMES], f"{len(names) - MOST_NAMES} more"]
        if len(names) > MOST_NAMES
        else names
    )


def _cut(text: str, most: int) -> str:
    """The text, with a mark where more than so many characters (as readers see them) had to go."""
    whole = graphemes(text)
    return text if len(whole) <= most else "".join(whole[: most - 1]).rstrip() + MARK_FOR_CUT


def _unpacked(data: bytes | None) -> Any:
    """An avatar's picture, or None where it is none, is damaged, or is so large that it could be a bomb."""
    if not data:
        return None
    sk = skia()
    try:
        codec = sk.Codec.MakeFromData(sk.Data.MakeWithCopy(data))
        if (
            codec is None
            or max(codec.dimensions().width(), codec.dimensions().height()) > MOST_SIDE
        ):
            return None
        whole = sk.Bitmap()
        whole.allocPixels(codec.getInfo())
        if codec.getPixels(whole.pixmap()) != sk.Codec.Result.kSuccess:
            return None
        return sk.Image.MakeFromEncoded(
            sk.Data.MakeWithCopy(data)
        )  # which also turns it as its camera was held
    except RuntimeError:  # how the binding says that it is no picture
        return None
