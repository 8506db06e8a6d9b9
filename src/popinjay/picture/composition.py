"""The composition of the picture.

From top to bottom: the authors, the prompt, one or more predictions, and the notice that a machine
wrote them, with where to make such a persona.
"""

from __future__ import annotations

from popinjay.picture.avatar import colours_of
from popinjay.picture.body import draw_body, fit_body
from popinjay.picture.content import Words
from popinjay.picture.foot import draw_foot
from popinjay.picture.head import draw_head
from popinjay.picture.layout import HEIGHT, PAPER, WIDTH
from popinjay.picture.texts import TextFitter
from popinjay.picture.typeset import skia, typesetter

OPAQUE = 0xFF000000


def compose(words: Words, homepage: str = "") -> tuple[bytes, list[str]]:
    """Return the picture as PNG, and warnings about symbols that no font has, which are left out.

    Raises PictureError if a text is empty or they are too long, or if no font has their letters: a
    prediction is shown word for word or not at all.

    Args:
        words: What it shows.
        homepage: Where to make such a persona, without `https://`; empty for nowhere.
    """
    sk = skia()
    texts = TextFitter(typesetter(), words.language)
    colours = colours_of([person.handle for person in words.people])
    accent = OPAQUE | colours[words.people[0].handle]
    surface = sk.Surface(WIDTH, HEIGHT)
    canvas = surface.getCanvas()
    canvas.clear(PAPER)
    draw_head(canvas, texts, words.people, colours)
    draw_body(canvas, fit_body(texts, words), accent)
    draw_foot(canvas, texts.fonts, accent, homepage, is_cyborg=len(words.people) > 1)
    return bytes(surface.makeImageSnapshot().encodeToData(sk.kPNG, 100)), texts.warnings


def size_of(words: Words) -> float:
    """Return the size in pixels in which the predictions fit. Raises what `compose` raises."""
    return fit_body(TextFitter(typesetter(), words.language), words).size
