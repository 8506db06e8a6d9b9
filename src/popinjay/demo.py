"""The demo: two fictional people whose X archives ship with popinjay, and a cyborg of both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from popinjay.errors import BaseModelError, StorageError
from popinjay.events import Event, EventKind, Listener
from popinjay.models import bases
from popinjay.persona import Persona
from popinjay.pipeline import make
from popinjay.text.quantities import roughly

PEOPLE = ("nellmarrow", "brix_deck9")
FIRST_STAGE = "collect"
# So that the whole demo, its set-up included, takes less than ten minutes on two processors
QUICK_OPTIONS: dict[str, Any] = {"budget": "75s", "samples": 400}
WORK = (1.0, 1.0, 1.5)  # for each persona, about: the cyborg learns from both people's posts


def demo(listener: Listener, home: Path | None = None) -> list[Persona]:
    """Make both people and their cyborg, on smollm2 if available, else on the built-in base."""
    note = (
        "two fictional people from their X archives, then a cyborg of both;"
        " nothing leaves this machine"
    )
    listener(Event("demo", EventKind.NOTE, note))
    base = _base(listener)
    given = {} if base == bases.BUILT_IN else QUICK_OPTIONS  # the built-in base is quick anyway
    clock = DemoClock(listener)
    with as_file(archive_of(PEOPLE[0])) as first, as_file(archive_of(PEOPLE[1])) as second:
        return [
            make(*specs, home=home, listener=clock, whose="fictional", base=base, **given)
            for specs in ((first,), (second,), (first, second))
        ]


def archive_of(person: str) -> Traversable:
    """Return the X archive of one of `PEOPLE`, inside the package."""
    return files("popinjay").joinpath("assets/demo", f"{person}.zip")


class DemoClock:
    """A listener that passes events on, with the time left for all personas of the demo."""

    def __init__(self, listener: Listener, now: Callable[[], float] = time.monotonic) -> None:
        self._listener = listener
        self._now = now
        self._began = now()
        self._place = -1  # of the persona that is being made
        self._a_make: float | None = None  # seconds, as the first one announced
        self._is_announced = False

    def __call__(self, event: Event) -> None:
        """Pass an event on."""
        if event.stage == FIRST_STAGE and event.what in (EventKind.START, EventKind.FRESH):
            self._place += 1
        numbers = event.numbers
        if "make_seconds_left" in numbers and self._place < len(WORK):
            if self._a_make is None:
                self._a_make = numbers["make_seconds_left"] / WORK[self._place]
            to_come = self._a_make * sum(WORK[self._place + 1 :])
            left = numbers["make_seconds_left"] + to_come
            whole = self._now() - self._began + left
            event = replace(
                event,
                numbers={
                    **numbers,
                    "make_seconds_left": round(left, 1),
                    "make_share": round(1 - left / whole, 4) if whole else 0.0,
                },
            )
            if event.what is EventKind.NOTE:
                event = replace(event, message=f"All three will take {roughly(left)}.")
                if self._is_announced:
                    return
                self._is_announced = True
        self._listener(event)


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
