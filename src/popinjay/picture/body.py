"""The picture's body: a prompt, and what was predicted after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from popinjay.errors import PictureError
from popinjay.picture.content import Words
from popinjay.picture.layout import (
    ARROW,
    ARROW_GAP,
    BAR,
    BODY_BOTTOM,
    BODY_TOP,
    GREY,
    INK,
    MARGIN,
    MAX_ROW_GAP,
    PROMPT_GAP,
    PROMPT_SIZES,
    ROOM,
    ROW_GAP,
    ROW_INDENT,
    ROW_SIZES,
    TEXT_SIZES,
    WIDTH,
)
from popinjay.picture.texts import TextFitter
from popinjay.picture.typeset import Block, skia

_HEIGHT = BODY_BOTTOM - BODY_TOP
_ANOTHER = "Choose another one with --pick."


class TooLong(PictureError):
    """The texts do not fit into the picture in the smallest size."""


@dataclass(frozen=True)
class Body:
    """A prompt and predictions, laid out."""

    prompt: Block | None
    rows: Sequence[Block]

    @property
    def size(self) -> float:
        """The size of the predictions' letters."""
        return self.rows[0].size

    @property
    def above(self) -> float:
        """The height of the prompt and the gap below it."""
        if self.prompt is None:
            return 0
        return self.prompt.height + PROMPT_GAP * (1 if len(self.rows) == 1 else 2)


def fit_body(texts: TextFitter, words: Words) -> Body:
    """Lay out prompt and predictions as large as they fit.

    Raises PictureError if a text is empty or has letters that no font has, TooLong if there is too
    much of it.
    """
    prompt = texts.drawable_text(words.prompt, "the prompt")
    predictions = [texts.drawable_text(text, "the prediction") for text in words.texts]
    if not predictions or not all(predictions):
        raise PictureError("There is nothing in this prediction to draw.", _ANOTHER)
    prompts: Sequence[Block | None] = [None]
    if prompt:
        room = ROOM - ARROW - ARROW_GAP
        found = [texts.fit(prompt, (size,), GREY, room, _HEIGHT / 3) for size in PROMPT_SIZES]
        prompts = [block for block in found if block]
        if not prompts:
            raise TooLong(
                f"The prompt is too long for the picture: {len(prompt):,} characters.",
                "Give a shorter --prompt.",
            )
    fit = _fit_one if len(predictions) == 1 else _fit_rows
    if (body := fit(texts, prompts, predictions)) is None:
        length = sum(map(len, predictions))
        what = "prediction is" if len(predictions) == 1 else f"{len(predictions)} predictions are"
        raise TooLong(
            f"The {what} too long for the picture: {length:,} characters.",
            _ANOTHER if len(predictions) == 1 else "Choose fewer, or shorter ones, with --pick.",
        )
    return body


def _fit_one(
    texts: TextFitter, prompts: Sequence[Block | None], predictions: Sequence[str]
) -> Body | None:
    """Lay out one prediction, if possible no smaller than the prompt; None if it doesn't fit."""
    best = None
    for prompt in prompts:
        above = prompt.height + PROMPT_GAP if prompt else 0
        block = texts.fit(predictions[0], TEXT_SIZES, INK, ROOM, _HEIGHT - above)
        if block:
            best = Body(prompt, (block,))
            if not prompt or block.size >= prompt.size:
                break
    return best


def _fit_rows(
    texts: TextFitter, prompts: Sequence[Block | None], predictions: Sequence[str]
) -> Body | None:
    """Lay out several predictions in one size; None if they don't fit."""
    room = ROOM - ROW_INDENT
    for size in ROW_SIZES:
        styles = [texts.style(text, size, INK) for text in predictions]
        rows = [
            texts.fonts.block(text, style, room)
            for text, style in zip(predictions, styles, strict=True)
        ]
        if any(row.paragraph.LongestLine > room + 1 for row in rows):
            continue
        used = sum(row.height for row in rows) + (len(rows) - 1) * ROW_GAP * size
        for prompt in prompts:
            body = Body(prompt, rows)
            if body.above + used <= _HEIGHT and (not prompt or prompt.size <= size + 4):
                return body
    return None


def draw_body(canvas: Any, body: Body, accent: int) -> None:
    """Draw prompt and predictions in the middle of their room; `accent` is 0xAARRGGBB."""
    gap = 0.0
    free = _HEIGHT - body.above - sum(row.height for row in body.rows)
    if len(body.rows) > 1:
        gap = min(free / (len(body.rows) - 1), MAX_ROW_GAP * body.size)
        free -= gap * (len(body.rows) - 1)
    top = BODY_TOP + free / 2
    if body.prompt:
        _draw_prompt(canvas, body.prompt, top, accent)
    top += body.above
    for row in body.rows:
        indent = ROW_INDENT if len(body.rows) > 1 else 0
        if indent:
            _draw_bar(canvas, row, top, accent)
        row.paint(
            canvas, WIDTH - MARGIN - indent - row.width if row.right else MARGIN + indent, top
        )
        top += row.height + gap


def _draw_bar(canvas: Any, row: Block, top: float, accent: int) -> None:
    """Draw the bar at the side where a prediction begins."""
    sk = skia()
    left = WIDTH - MARGIN - BAR if row.right else MARGIN
    inset = 0.12 * row.size  # letters are less tall than their line
    bar = sk.Rect.MakeXYWH(left, top + inset, BAR, row.height - 2 * inset)
    canvas.drawRoundRect(bar, BAR / 2, BAR / 2, sk.Paint(Color=accent, AntiAlias=True))


def _draw_prompt(canvas: Any, block: Block, top: float, accent: int) -> None:
    """Draw the prompt, with an arrow in the direction of reading."""
    sk = skia()
    middle = top + block.height / 2 + 1
    direction = -1 if block.right else 1
    left = WIDTH - MARGIN - block.width if block.right else MARGIN
    tail = left - ARROW_GAP if block.right else left + block.width + ARROW_GAP
    block.paint(canvas, left, top)
    tip = tail + direction * ARROW
    path = sk.Path()
    path.moveTo(tail, middle)
    path.lineTo(tip, middle)
    path.moveTo(tip - direction * 13, middle - 11)
    path.lineTo(tip, middle)
    path.lineTo(tip - direction * 13, middle + 11)
    stroke = {
        "Style": sk.Paint.kStroke_Style,
        "StrokeCap": sk.Paint.kRound_Cap,
        "StrokeJoin": sk.Paint.kRound_Join,
    }
    canvas.drawPath(path, sk.Paint(Color=accent, AntiAlias=True, StrokeWidth=4, **stroke))
