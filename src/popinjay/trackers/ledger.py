"""The ledger, in `run.toml`, of the trackers that a persona's texts were sent to.

It is written before any text is sent, so that `forget` can find and delete all of them.
"""

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
    """Record that texts are sent to these trackers from now on.

    A folder below the persona's home is recorded relative to it, because homes can be moved.
    """
    rows, home = list(run.record.told), run.path.parent.absolute()
    for tracker in trackers:
        location = find(tracker).location(run.name, folder_beside(run.path))
        folder = Path(location.folder)
        inside = bool(location.folder) and folder.is_relative_to(home)
        row = sealed(
            LedgerRow(
                tracker,
                run.name,
                folder.relative_to(home).as_posix() if inside else location.folder,
                location.address,
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
    """Return the seal of a row, which proves that it was recorded by this user on this machine.

    Without it, a record that comes from someone else could have any folder deleted.
    """
    mark = seal(
        b"told",
        json.dumps([row.tracker, row.persona, row.folder, row.address]).encode(),
    )
    return None if mark is None else mark.hex()


def sealed(row: LedgerRow) -> LedgerRow:
    """Return a row with its seal, if this user has a secret to seal it with."""
    mark = _seal_of(row)
    return row if mark is None else replace(row, seal=mark)


def locations(run: Run) -> list[str]:
    """Return where the trackers on the ledger store a persona's data."""
    return [str(_location(run, row)) for row in run.record.told]


def _location(run: Run, row: LedgerRow) -> Location:
    folder = str(run.path.parent.absolute() / row.folder) if row.folder else ""
    return Location(folder, row.address)


def mark_for_removal(record: Record) -> Record:
    """Return the record with all rows of the ledger marked for removal."""
    return replace(record, told=tuple(replace(row, owed=True) for row in record.told))


def remove_marked(run: Run, stage: str, listener: Listener) -> None:
    """Have the trackers of marked rows delete their data, and report the results.

    Rows whose data could not be deleted stay marked.
    """
    rows: list[LedgerRow] = []
    for row in run.record.told:
        kept = _removed(run, row, stage, listener) if row.owed else row
        rows += [kept] if kept else []
    if tuple(rows) != run.record.told:
        run.save(run.record.updated(told=rows))


def _removed(run: Run, row: LedgerRow, stage: str, listener: Listener) -> LedgerRow | None:
    """Have a row's tracker delete its data; return what stays of the row, if anything."""
    tracker, location = row.tracker, _location(run, row)
    if not row.seal or row.seal != _seal_of(row):
        text = (
            f"{tracker}: the record that this persona's texts were sent to it was not made on this "
            f"machine, so nothing was deleted from {location}."
        )
        listener(Event(stage, EventKind.WARNING, text))
        return replace(row, owed=False)
    try:
        left = forget(tracker, row.persona, location)
    except TrackerError as error:
        text = (
            f"The data of {tracker} is still in {location}: {error.message} "
            "Repeat the same forget once that is fixed."
        )
        listener(Event(stage, EventKind.WARNING, text))
        return row
    if left:
        listener(Event(stage, EventKind.WARNING, f"{tracker}: {left}"))
        return replace(row, owed=False)
    listener(
        Event(
            stage, EventKind.NOTE, f"The data of {tracker} with texts is deleted from {location}."
        )
    )
    return None
