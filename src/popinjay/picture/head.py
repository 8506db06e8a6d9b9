"""The picture's head: avatars side by side, names and handles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popinjay.picture.content import Person
from popinjay.picture.layout import (
    AVATAR,
    AVATAR_GAP,
    BODY_TOP,
    GREY,
    HANDLE_SIZES,
    HEAD_TOP,
    INK,
    MARGIN,
    MAX_AVATARS,
    MAX_LARGE_AVATARS,
    MAX_NAMES,
    NAME_SIZES,
    SMALL_AVATAR,
    WIDTH,
)
from popinjay.picture.portrait import draw_avatar
from popinjay.picture.texts import TextFitter, truncated
from popinjay.picture.typeset import isolated, skia

_SEPARATION = 26  # between avatars and names
_TITLE_HEIGHT = AVATAR - 22  # at most, so that the handles have room below


def draw_head(
    canvas: Any, texts: TextFitter, people: Sequence[Person], colours: Mapping[str, int]
) -> None:
    """Draw avatars, names and handles.

    Args:
        canvas: Skia's canvas.
        texts: Fits names and handles.
        people: The authors.
        colours: The colour (0xRRGGBB) of each handle.
    """
    shown = people[:MAX_AVATARS]
    diameter = AVATAR if len(shown) <= MAX_LARGE_AVATARS else SMALL_AVATAR
    left: float = MARGIN
    for person in shown:
        place = (left, HEAD_TOP + (AVATAR - diameter) / 2)
        draw_avatar(canvas, texts.fonts, person, colours[person.handle], place, diameter)
        left += diameter + AVATAR_GAP
    _draw_names(canvas, texts, people, left - AVATAR_GAP + _SEPARATION)


def _draw_names(canvas: Any, texts: TextFitter, people: Sequence[Person], left: float) -> None:
    """Draw names, and handles below them, right of the avatars."""
    room = WIDTH - MARGIN - left
    names = _abridged(
        [texts.drawable_name(person.name, "the name", person.handle) for person in people]
    )
    handles = _abridged(
        [texts.drawable_name("@" + person.handle, "the handle", "@") for person in people]
    )
    title = texts.fit_line(
        lambda length: " & ".join(isolated(truncated(name, length)) for name in names),
        NAME_SIZES,
        INK,
        (room, _TITLE_HEIGHT),
        2,
        bold=True,
    )
    subtitle = texts.fit_line(
        lambda length: "  ".join(isolated(truncated(handle, length)) for handle in handles),
        HANDLE_SIZES,
        GREY,
        (room, _TITLE_HEIGHT),
        1,
    )
    top = HEAD_TOP + (AVATAR - title.height - subtitle.height) / 2
    canvas.save()
    # Very tall letters are clipped.
    canvas.clipRect(skia().Rect.MakeLTRB(0, HEAD_TOP - 14, WIDTH, BODY_TOP - 8))
    title.paint(canvas, left, top)
    subtitle.paint(canvas, left, top + title.height)
    canvas.restore()


def _abridged(names: list[str]) -> list[str]:
    """Return the first of many names, and the number of others."""
    if len(names) <= MAX_NAMES:
        return names
    return [*names[:MAX_NAMES], f"{len(names) - MAX_NAMES} more"]
