"""The ledger, in `run.toml`, of the trackers that a persona's texts were sent to.

It is written before any text is sent, so that `forget` can find and delete all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from popinjay.errors import TrackerError
from popinjay.events import Event, EventKind, Listener
from popinjay.store.caches import seal
from popinjay.store.run import Run
from popinjay.trackers import Location, find, folder_beside
from popinjay.trackers.client import forget

TABLE = "told"
SEAL = "seal"  # of a row
OWED = "owed"  # set where something is to be removed; gone once that is done, or out of reach


def note(run: Run, trackers: Sequence[str]) -> None:
    """Record that texts are sent to these trackers from now on.

    A folder below the persona's home is recorded relative to it, because homes can be moved.
    """
    rows, home = list(run.record.get(TABLE, [])), run.path.parent.absolute()
    for tracker in trackers:
        place = find(tracker).location(run.name, folder_beside(run.path))
        folder = Path(place.folder)
        inside = bool(place.folder) and folder.is_relative_to(home)
        row = {
            "tracker": tracker,
            "persona": run.name,
            **asdict(place),
            "folder": folder.relative_to(home).as_posix() if inside else place.folder,
        }
        row = sealed(row)
        if not any(row.items() <= known.items() for known in rows):
            rows.append(row)
    run.update(**{TABLE: rows})


def _seal_of(row: Mapping[str, Any]) -> str | None:
    """Return the seal of a row, which proves that it was recorded by this user on this machine.

    Without it, a record that comes from someone else could have any folder deleted.
    """
    mark = seal(
        b"told",
        json.dumps([row["tracker"], row["persona"], row["folder"], row["address"]]).encode(),
    )
    return None if mark is None else mark.hex()


def sealed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its seal, if this user has a secret to seal it with."""
    mark = _seal_of(row)
    return dict(row) if mark is None else {**row, SEAL: mark}


def locations(run: Run) -> list[str]:
    """Return where the trackers on the ledger store a persona's data."""
    return [str(_place(run, row)) for row in run.record.get(TABLE, [])]


def _place(run: Run, row: Mapping[str, Any]) -> Location:
    return Location(
        str(run.path.parent.absolute() / row["folder"]) if row["folder"] else "", row["address"]
    )


def mark_for_removal(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record with all rows of the ledger marked for removal."""
    return (
        {**record, TABLE: [{**row, OWED: True} for row in record[TABLE]]}
        if TABLE in record
        else dict(record)
    )


def remove_marked(run: Run, stage: str, listener: Listener) -> None:
    """Have the trackers of marked rows delete their data, and report the results.

    Rows whose data could not be deleted stay marked.
    """
    rows = []
    for row in run.record.get(TABLE, []):
        kept = _removed(run, row, stage, listener) if row.get(OWED) else row
        rows += [kept] if kept else []
    if rows != run.record.get(TABLE, []):
        run.update(**{TABLE: rows})


def _removed(
    run: Run, row: Mapping[str, Any], stage: str, listener: Listener
) -> dict[str, Any] | None:
    """Have a row's tracker delete its data; return what stays of the row, if anything."""
    tracker, place = row["tracker"], _place(run, row)
    if not row.get(SEAL) or row[SEAL] != _seal_of(row):
        text = (
            f"{tracker}: the record that this persona's texts were sent to it was not made on this "
            f"machine, so nothing was deleted from {place}."
        )
        listener(Event(stage, EventKind.WARNING, text))
        return {key: value for key, value in row.items() if key != OWED}
    try:
        left = forget(tracker, row["persona"], place)
    except TrackerError as error:
        text = (
            f"The data of {tracker} is still in {place}: {error.message} "
            "Repeat the same forget once that is fixed."
        )
        listener(Event(stage, EventKind.WARNING, text))
        return dict(row)
    if left:
        listener(Event(stage, EventKind.WARNING, f"{tracker}: {left}"))
        return {key: value for key, value in row.items() if key != OWED}
    listener(
        Event(stage, EventKind.NOTE, f"The data of {tracker} with texts is deleted from {place}.")
    )
    return None
