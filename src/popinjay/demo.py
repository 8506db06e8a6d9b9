"""The demo: two fictional people whose X archives ship with popinjay, and a cyborg of both."""

from __future__ import annotations

from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from popinjay.errors import BaseModelError, StorageError
from popinjay.events import Event, EventKind, Listener
from popinjay.models import bases
from popinjay.persona import Persona
from popinjay.pipeline import make

PEOPLE = ("nellmarrow", "brix_deck9")


def demo(listener: Listener, home: Path | None = None) -> list[Persona]:
    """Make both people and their cyborg, on smollm2 if available, else on the built-in base."""
    note = (
        "two fictional people from their X archives, then a cyborg of both;"
        " nothing leaves this machine"
    )
    listener(Event("demo", EventKind.NOTE, note))
    base = _base(listener)
    with as_file(archive_of(PEOPLE[0])) as first, as_file(archive_of(PEOPLE[1])) as second:
        return [
            make(*specs, home=home, listener=listener, whose="fictional", base=base)
            for specs in ((first,), (second,), (first, second))
        ]


def archive_of(person: str) -> Traversable:
    """Return the X archive of one of `PEOPLE`, inside the package."""
    return files("popinjay").joinpath("assets/demo", f"{person}.zip")


def _base(listener: Listener) -> str:
    """Download smollm2 unless it is here; return the name of the base to use, and note which."""
    base = bases.row(bases.ENGLISH)
    try:
        bases.folder_of(base, listener)
    except (BaseModelError, StorageError) as error:
        note = f"{error.message} The demo uses the built-in base, whose English is much poorer."
        listener(Event("demo", EventKind.NOTE, note))
        return bases.BUILT_IN
    listener(Event("demo", EventKind.NOTE, f"The base model is {base.name}: {base.summary}."))
    return base.name
