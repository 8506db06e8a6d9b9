"""Which trackers were told a persona's texts, and where they keep them: noted in `run.toml` before they are told, so that `forget` finds it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from popinjay.errors import TrackerError
from popinjay.events import Event, EventKind, Listener
from popinjay.store.caches import seal
from popinjay.store.record import LedgerRow, Record
from popinjay.store.run import Run
from popinjay.trackers import Location, find, folder_beside
from popinjay.trackers.client import forget


def note(run: Run, trackers: Sequence[str]) -> None:
    """Note that these trackers are told texts from now on. A folder below the persona's home is noted as seen from there: homes are moved."""
    rows, home = list(run.record.told), run.path.parent.absolute()
    for tracker in trackers:
        place = find(tracker).location(run.name, folder_beside(run.path))
        folder = Path(place.folder)
        inside = bool(place.folder) and folder.is_relative_to(home)
        row = sealed(
            LedgerRow(
                tracker,
                run.name,
                folder.relative_to(home).as_posix() if inside else place.folder,
                place.address,
            )
        )
        if not any(_is_noted(row, known) for known in rows):
            rows.append(row)
    run.save(run.record.updated(told=rows))


def _is_noted(row: LedgerRow, known: LedgerRow) -> bool:
    """Return whether a row on record says the same, whether or not it is to be removed."""
    seal = known.seal if row.seal is None else row.seal
    return replace(known, owed=False, other={}) == replace(row, seal=seal)


def _seal_of(row: LedgerRow) -> str | None:
    """What shows that a row was noted here: one in somebody else's record could have any folder removed."""
    mark = seal(
        b"told",
        json.dumps([row.tracker, row.persona, row.folder, row.address]).encode(),
    )
    return None if mark is None else mark.hex()


def sealed(row: LedgerRow) -> LedgerRow:
    """A row with the seal that it was noted by this user on this machine, where one can be made."""
    mark = _seal_of(row)
    return row if mark is None else replace(row, seal=mark)


def locations(run: Run) -> list[str]:
    """Where trackers keep what they were told."""
    return [str(_place(run, row)) for row in run.record.told]


def _place(run: Run, row: LedgerRow) -> Location:
    folder = str(run.path.parent.absolute() / row.folder) if row.folder else ""
    return Location(folder, row.address)


def mark_for_removal(record: Record) -> Record:
    """The record with all that trackers were told marked as to be removed."""
    return replace(record, told=tuple(replace(row, owed=True) for row in record.told))


def remove_marked(run: Run, stage: str, listener: Listener) -> None:
    """Have trackers remove what is marked so, and say what came of it. What could not be removed stays marked."""
    rows: list[LedgerRow] = []
    for row in run.record.told:
        kept = _removed(run, row, stage, listener) if row.owed else row
        rows += [kept] if kept else []
    if tuple(rows) != run.record.told:
        run.save(run.record.updated(told=rows))


def _removed(run: Run, row: LedgerRow, stage: str, listener: Listener) -> LedgerRow | None:
    """What is left to know of a row once its tracker has removed what it can."""
    tracker, place = row.tracker, _place(run, row)
    if not row.seal or row.seal != _seal_of(row):
        text = f"{tracker}: that it was told this persona's texts was not noted on this machine, so nothing was removed from {place}."
        listener(Event(stage, EventKind.WARNING, text))
        return replace(row, owed=False)
    try:
        left = forget(tracker, row.persona, place)
    except TrackerError as error:
        text = f"What {tracker} was told is still in {place}: {error.message} Forget the same once more when that is mended."
        listener(Event(stage, EventKind.WARNING, text))
        return row
    if left:
        listener(Event(stage, EventKind.WARNING, f"{tracker}: {left}"))
        return replace(row, owed=False)
    listener(
        Event(stage, EventKind.NOTE, f"What {tracker} was told with texts is removed from {place}.")
    )
    return None
