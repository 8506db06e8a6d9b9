"""An author's avatar as a circle: their image, or the initial of their name."""

from __future__ import annotations

from typing import Any

from popinjay.picture.avatar import initial
from popinjay.picture.content import Person
from popinjay.picture.typeset import Style, Typesetter, skia, typesetter

MAX_SIDE = 4096  # pixels of an avatar's image file: larger ones are not decoded
WHITE = 0xFFFFFFFF
OPAQUE = 0xFF000000
_LETTER = 0.46  # size of the initial, in diameters
_MIDDLE = 1e4  # room to lay it out in: it never wraps


def avatar_png(person: Person, colour: int, side: int) -> bytes:
    """Return the avatar as PNG: a circle on a transparent square of this many pixels.

    Raises PictureError if nothing can be drawn on this machine.
    """
    sk = skia()
    fonts = typesetter()
    surface = sk.Surface(side, side)
    surface.getCanvas().clear(0)
    draw_avatar(surface.getCanvas(), fonts, person, colour, (0, 0), side)
    return bytes(surface.makeImageSnapshot().encodeToData(sk.kPNG, 100))


def draw_avatar(
    canvas: Any,
    fonts: Typesetter,
    person: Person,
    colour: int,
    place: tuple[float, float],
    diameter: float,
) -> None:
    """Draw an avatar as a circle, cropped to the middle of its image.

    Args:
        canvas: Skia's canvas.
        fonts: Draws the initial.
        person: Whose avatar it is.
        colour: The colour behind an initial, 0xRRGGBB.
        place: The left and upper edge.
        diameter: The circle's diameter in pixels.
    """
    image = decoded(person.avatar)
    if image is None:
        _draw_initial(canvas, fonts, person, colour, place, diameter)
        return
    sk = skia()
    left, top = place
    side = min(image.width(), image.height())
    square = sk.Rect.MakeXYWH((image.width() - side) / 2, (image.height() - side) / 2, side, side)
    canvas.save()
    circle = sk.Path()
    circle.addCircle(left + diameter / 2, top + diameter / 2, diameter / 2)
    canvas.clipPath(circle, sk.ClipOp.kIntersect, True)
    smooth = sk.SamplingOptions(sk.FilterMode.kLinear, sk.MipmapMode.kLinear)
    canvas.drawImageRect(
        image,
        square,
        sk.Rect.MakeXYWH(left, top, diameter, diameter),
        smooth,
        sk.Paint(AntiAlias=True),
        sk.Canvas.kStrict_SrcRectConstraint,
    )
    canvas.restore()


def _draw_initial(
    canvas: Any,
    fonts: Typesetter,
    person: Person,
    colour: int,
    place: tuple[float, float],
    diameter: float,
) -> None:
    """Draw the first letter (or emoji) of the name on a circle of the person's colour."""
    x, y = place[0] + diameter / 2, place[1] + diameter / 2
    canvas.drawCircle(x, y, diameter / 2, skia().Paint(Color=OPAQUE | colour, AntiAlias=True))
    letter = initial(person.name, person.handle, lambda cluster: not fonts.missing(cluster))
    block = fonts.block(letter, Style(_LETTER * diameter, WHITE, bold=True), _MIDDLE)
    block.paint(canvas, x - block.width / 2, y - block.height / 2)


def decoded(data: bytes | None) -> Any:
    """Return an avatar's image; None if it is missing, damaged or suspiciously large."""
    if not data:
        return None
    sk = skia()
    try:
        codec = sk.Codec.MakeFromData(sk.Data.MakeWithCopy(data))
        if codec is None:
            return None
        size = codec.dimensions()
        if max(size.width(), size.height()) > MAX_SIDE:
            return None
        bitmap = sk.Bitmap()
        bitmap.allocPixels(codec.getInfo())
        if codec.getPixels(bitmap.pixmap()) != sk.Codec.Result.kSuccess:
            return None
        return sk.Image.MakeFromEncoded(sk.Data.MakeWithCopy(data))  # also rotates it (EXIF)
    except RuntimeError:  # the binding's error for data that is not an image
        return None
