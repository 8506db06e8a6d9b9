"""The images that a card shows, in files beside it: no server is asked when a card is read.

They are the avatar of each author and the picture of the pipeline, which comes with the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from popinjay.errors import PictureError
from popinjay.picture.avatar import colours_of, initial_svg
from popinjay.picture.content import Person
from popinjay.post import Author

PIPELINE = "pipeline.png"
SIDE = 184  # pixels of an avatar, which is shown at half of that


def write_images(folder: Path, people: Sequence[Person]) -> None:
    """Write a new folder with the images of a card.

    Args:
        folder: The folder, which does not exist yet.
        people: The authors.
    """
    folder.mkdir()
    pipeline = files("popinjay").joinpath("assets", PIPELINE)
    (folder / PIPELINE).write_bytes(pipeline.read_bytes())
    colours = colours_of([person.handle for person in people])
    for person in people:
        _write_avatar(folder, person, colours[person.handle])


def _write_avatar(folder: Path, person: Person, colour: int) -> None:
    """Write an avatar as PNG, or the initial as SVG if there is nothing to draw with."""
    from popinjay.picture.portrait import avatar_png

    try:
        png = avatar_png(person, colour, SIDE)
    except PictureError:
        svg = initial_svg(person.name, person.handle, colour)
        (folder / f"{avatar_name(person.handle)}.svg").write_text(svg, encoding="utf-8")
    else:
        (folder / f"{avatar_name(person.handle)}.png").write_bytes(png)


def avatar_name(handle: str) -> str:
    """Return the name of an avatar's file, without its suffix."""
    return f"avatar-{handle}"


def avatar_files(folder: Path, authors: Sequence[Author]) -> dict[str, str]:
    """Return the name of the file of each author's avatar, by handle, as far as there is one."""
    there = {path.stem: path.name for path in folder.iterdir()} if folder.is_dir() else {}
    return {
        author.handle: there[avatar_name(author.handle)]
        for author in authors
        if avatar_name(author.handle) in there
    }
