"""The demo: two fictional people whose X archives ship with popinjay, and a cyborg of both."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from popinjay.events import Event, Listener, What
from popinjay.persona import Persona
from popinjay.pipeline import make

PEOPLE = ("nellmarrow", "brix_deck9")


def demo(listener: Listener, home_folder: Path | None = None) -> list[Persona]:
    """Make both people and their cyborg on the built-in base: nothing is fetched from anywhere."""
    listener(Event("demo", What.NOTE, "two fictional people from their X archives, then a cyborg of both; nothing leaves this machine"))
    archives = files("popinjay").joinpath("assets/demo")
    with as_file(archives.joinpath(f"{PEOPLE[0]}.zip")) as first, as_file(archives.joinpath(f"{PEOPLE[1]}.zip")) as second:
        return [make(*specs, home_folder=home_folder, listener=listener, whose="fictional", base="builtin") for specs in ((first,), (second,), (first, second))]
