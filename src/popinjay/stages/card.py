"""Card: what the persona is, in words for people, and how good it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from popinjay.events import Listener
from popinjay.model_card.facts import gather
from popinjay.model_card.images import write_images
from popinjay.model_card.render import render
from popinjay.options import CardOptions
from popinjay.picture.content import people
from popinjay.report.saved import page_of
from popinjay.store.stage_runner import StageContext
from popinjay.store.stage_table import IMAGES


def card(options: CardOptions, context: StageContext, listener: Listener) -> None:
    """Write `README.md` with its images, and `report.html` beside it."""
    find: Callable[[str], Path] = context.need
    images = context.path(IMAGES)
    write_images(images, people(find("authors.json"), find("avatars")))
    with context.open("README.md") as file:
        file.write(render(gather(context.run, options, find, images)))
    with context.open("report.html") as file:
        file.write(page_of(context.run, find))
    context.facts.update(
        summary="README.md says what it is and what it was made from, report.html how good it is"
    )
