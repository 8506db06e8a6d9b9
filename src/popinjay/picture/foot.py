"""The picture's foot: what this is, that no person wrote it, and where to make one."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from popinjay.picture.layout import (
    FOOT_LINE,
    FOOT_MIDDLE,
    FOOT_SIZE,
    GREY,
    HAIRLINE,
    INK,
    MARGIN,
    PARROT,
    WHITE,
    WIDTH,
)
from popinjay.picture.typeset import Style, Typesetter, skia

_PILL = 34  # height of the label
_GAP = 14
_PARROT_BOX = 48  # side of the drawing's own square


def draw_foot(
    canvas: Any, fonts: Typesetter, accent: int, homepage: str, *, is_cyborg: bool
) -> None:
    """Draw the notice at the left; the parrot, its name and the address at the right.

    Args:
        canvas: Skia's canvas.
        fonts: Lays out the texts.
        accent: The colour of the label, 0xAARRGGBB.
        homepage: The address, left out if it is empty or there is no room for it.
        is_cyborg: Whether there are several authors.
    """
    sk = skia()
    canvas.drawLine(
        MARGIN, FOOT_LINE, WIDTH - MARGIN, FOOT_LINE, sk.Paint(Color=HAIRLINE, StrokeWidth=2)
    )
    label = fonts.block(
        "AI CYBORG" if is_cyborg else "AI BOT", Style(17, WHITE, bold=True, spacing=1.2), WIDTH
    )
    pill = sk.Rect.MakeXYWH(MARGIN, FOOT_MIDDLE - _PILL / 2, label.width + 28, _PILL)
    canvas.drawRoundRect(pill, _PILL / 2, _PILL / 2, sk.Paint(Color=accent, AntiAlias=True))
    label.paint(canvas, MARGIN + 14, FOOT_MIDDLE - label.height / 2)
    notice = fonts.block(
        f"Written by a machine. {'They' if is_cyborg else 'The person'} never said it.",
        Style(FOOT_SIZE, GREY),
        WIDTH,
    )
    notice.paint(canvas, pill.right() + _GAP, FOOT_MIDDLE - notice.height / 2)
    _draw_brand(canvas, fonts, homepage, pill.right() + 2 * _GAP + notice.width)


def _draw_brand(canvas: Any, fonts: Typesetter, homepage: str, most_left: float) -> None:
    """Draw the parrot and the project's name and address, no further left than `most_left`."""
    name = fonts.block("Popinjay", Style(FOOT_SIZE + 2, INK, bold=True), WIDTH)
    address = fonts.block(f"Make yours: {homepage}", Style(FOOT_SIZE - 2, GREY), WIDTH)
    width = max(name.width, address.width) if homepage else name.width
    if WIDTH - MARGIN - width - PARROT - _GAP < most_left:
        homepage, width = "", name.width
    left = WIDTH - MARGIN - width
    _draw_parrot(canvas, left - PARROT - _GAP, FOOT_MIDDLE - PARROT / 2)
    height = name.height + address.height if homepage else name.height
    name.paint(canvas, left, FOOT_MIDDLE - height / 2)
    if homepage:
        address.paint(canvas, left, FOOT_MIDDLE - height / 2 + name.height)


def _draw_parrot(canvas: Any, left: float, top: float) -> None:
    """Draw the parrot of the page."""
    sk = skia()
    drawing = files("popinjay").joinpath("assets/serve/parrot.svg").read_bytes()
    parrot = sk.SVGDOM.MakeFromStream(sk.MemoryStream.MakeCopy(drawing))
    parrot.setContainerSize(sk.Size(_PARROT_BOX, _PARROT_BOX))
    canvas.save()
    canvas.translate(left, top)
    canvas.scale(PARROT / _PARROT_BOX, PARROT / _PARROT_BOX)
    parrot.render(canvas)
    canvas.restore()
