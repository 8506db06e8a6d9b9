"""Draw the picture of the pipeline that every card shows: `python docs/make_pipeline_picture.py`.

It is a file of the package, because it is the same for every persona and a card needs it on
machines that can't draw too. Run this after a change of the table of stages; a test compares them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from popinjay.picture.metadata import text_chunk, with_chunks
from popinjay.picture.typeset import Style, skia, typesetter
from popinjay.store.stage_table import STAGES, Stage, stages_in_words

FILE = Path(__file__).parents[1] / "src" / "popinjay" / "assets" / "pipeline.png"
WIDTH = 1200  # pixels, twice what a card has room for
MARGIN = 40
ROW = 112
BOX = (250, 72)
GAP = ROW - BOX[1]  # between boxes, for the arrow
PAPER = 0xFFFBF9F5
INK = 0xFF1D1B20
GREY = 0xFF625E69
WHITE = 0xFFFFFFFF
BLUE = 0xFF0B7285
OCHRE = 0xFF9C5F24


def picture() -> bytes:
    """Return the picture as PNG, with the stages in words in its metadata."""
    sk = skia()
    surface = sk.Surface(WIDTH, 2 * MARGIN + ROW * len(STAGES) - GAP)
    canvas = surface.getCanvas()
    canvas.clear(PAPER)
    for number, stage in enumerate(STAGES):
        _draw_stage(canvas, stage, MARGIN + number * ROW, is_last=stage is STAGES[-1])
    png = bytes(surface.makeImageSnapshot().encodeToData(sk.kPNG, 100))
    return with_chunks(png, [text_chunk("Description", stages_in_words())])


def _draw_stage(canvas: Any, stage: Stage, top: float, *, is_last: bool) -> None:
    """Draw the box of a stage, what it does and writes, and an arrow to the next one."""
    sk = skia()
    width, height = BOX
    middle = top + height / 2
    canvas.drawRoundRect(
        sk.Rect.MakeXYWH(MARGIN, top, width, height), 14, 14, sk.Paint(Color=BLUE, AntiAlias=True)
    )
    _write(canvas, stage.name, 34, WHITE, (MARGIN + width / 2, middle), is_centred=True, bold=True)
    left = MARGIN + width + 34
    _write(canvas, stage.doing, 32, INK, (left, middle - 19))
    _write(canvas, "writes " + ", ".join(stage.makes), 26, GREY, (left, middle + 21))
    if stage.name == "train":
        _draw_base(canvas, middle)
    if not is_last:
        _draw_arrow(canvas, (MARGIN + width / 2, top + height + 6), (0, GAP - 12), BLUE)


def _draw_base(canvas: Any, middle: float) -> None:
    """Draw the base model, from which the training starts, at the right."""
    sk = skia()
    width, height = 240, 60
    left = WIDTH - MARGIN - width
    canvas.drawRoundRect(
        sk.Rect.MakeXYWH(left, middle - height / 2, width, height),
        height / 2,
        height / 2,
        sk.Paint(Color=OCHRE, AntiAlias=True),
    )
    _write(canvas, "base model", 30, WHITE, (left + width / 2, middle), is_centred=True, bold=True)
    _draw_arrow(canvas, (left - 10, middle), (-70, 0), OCHRE)


def _draw_arrow(
    canvas: Any, start: tuple[float, float], way: tuple[float, float], colour: int
) -> None:
    """Draw an arrow from a point, along one axis."""
    sk = skia()
    x, y = start[0] + way[0], start[1] + way[1]
    back = (-1 if way[0] > 0 else 1 if way[0] else 0, -1 if way[1] > 0 else 1 if way[1] else 0)
    path = sk.Path()
    path.moveTo(*start)
    path.lineTo(x, y)
    for side in (-1, 1):
        path.moveTo(
            x + 10 * back[0] + 9 * side * abs(back[1]), y + 10 * back[1] + 9 * side * abs(back[0])
        )
        path.lineTo(x, y)
    paint = sk.Paint(
        Color=colour,
        AntiAlias=True,
        StrokeWidth=5,
        Style=sk.Paint.kStroke_Style,
        StrokeCap=sk.Paint.kRound_Cap,
    )
    canvas.drawPath(path, paint)


def _write(
    canvas: Any,
    text: str,
    size: float,
    colour: int,
    place: tuple[float, float],
    *,
    is_centred: bool = False,
    bold: bool = False,
) -> None:
    """Write a line of text, whose middle or left end is at a place."""
    block = typesetter().block(text, Style(size, colour, bold), WIDTH)
    left = place[0] - block.width / 2 if is_centred else place[0]
    block.paint(canvas, left, place[1] - block.height / 2)


if __name__ == "__main__":
    FILE.write_bytes(picture())
