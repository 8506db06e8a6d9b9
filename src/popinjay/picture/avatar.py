"""The avatar of an author of whom no picture is known: an initial on a colour of their own.

Needs no drawing library. The page shows it as SVG; `portrait` draws it into pictures.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from html import escape

from popinjay.text.unicode import without_direction_marks

# Hues around the circle, so that the distance of two colours is that of their places. Each has a
# contrast of at least 4.5 with white.
PALETTE = (
    0xB4503C,
    0x9C5F24,
    0x77691F,
    0x4F7A3A,
    0x2C7867,
    0x2B7690,
    0x3D68A8,
    0x6358A8,
    0x8A4E9C,
    0xA6486F,
)
_NOT_IN_XML = ("Cc", "Cs", "Cn")  # control characters, surrogates and what is no character
DISTANCES = (3, 2, 1)  # between the colours of one persona's authors: the largest that is possible


def colour_of(handle: str) -> int:
    """Return the colour (0xRRGGBB) of an author alone, which is always the same."""
    return PALETTE[_own_place(handle)]


def colours_of(handles: Sequence[str]) -> dict[str, int]:
    """Return the colours (0xRRGGBB) of the authors of one persona, which differ clearly.

    The first author has their own colour. Each further one has their own too if it is at least
    three places of the palette from the others, otherwise the next that is; from the third author
    on two places or one may have to do, and with more than ten authors colours repeat.
    """
    places: dict[str, int] = {}
    for handle in dict.fromkeys(handles):
        places[handle] = _free_place(_own_place(handle), list(places.values()))
    return {handle: PALETTE[place] for handle, place in places.items()}


def _own_place(handle: str) -> int:
    return hashlib.sha256(handle.encode(errors="replace")).digest()[0] % len(PALETTE)


def _free_place(own: int, taken: Sequence[int]) -> int:
    """Return the place next to `own` that is as far from the taken ones as can be asked."""
    size = len(PALETTE)
    for distance in DISTANCES:
        for step in range(size):
            place = (own + step) % size
            gaps = ((place - other) % size for other in taken)
            if all(min(gap, size - gap) >= distance for gap in gaps):
                return place
    return own


def initial(name: str, handle: str, can_draw: Callable[[str], bool] = lambda _: True) -> str:
    """Return the first letter of a name, or its first emoji or symbol if it has no letter.

    Args:
        name: The display name; it may be empty.
        handle: The handle, which is used if the name has nothing to draw.
        can_draw: Whether a font has a grapheme cluster.
    """
    import regex

    clusters = [
        cluster
        for cluster in regex.findall(r"\X", without_direction_marks(name) + " " + handle)
        if not cluster.isspace() and unicodedata.category(cluster[0]) != "Cc" and can_draw(cluster)
    ]
    letters = (cluster for cluster in clusters if cluster[0].isalnum())
    first = unicodedata.normalize("NFC", next(letters, next(iter(clusters), "")))
    # Without combining marks, which may be stacked, but with viramas (9), which join letters.
    kept = "".join(one for one in first if unicodedata.combining(one) in (0, 9))
    return kept[:1].upper() + kept[1:]


def initial_svg(name: str, handle: str, colour: int) -> str:
    """Return the avatar as SVG: a square, which its viewer makes round."""
    allowed = (one for one in initial(name, handle) if unicodedata.category(one) not in _NOT_IN_XML)
    letter = escape("".join(allowed))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">'
        f'<rect width="96" height="96" fill="#{colour:06x}"/>'
        '<text x="48" y="49" fill="#fff" font-family="system-ui, sans-serif" font-size="46" '
        'font-weight="700" text-anchor="middle" dominant-baseline="central">'
        f"{letter}</text></svg>\n"
    )
