"""Which trackers were told a persona's texts, and where they keep them: noted in `run.toml` before they are told, so that `forget` finds it."""

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
    """Note that these trackers are told texts from now on. A folder below the persona's home is noted as seen from there: homes are moved."""
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
    """What shows that a row was noted here: one in somebody else's record could have any folder removed."""
    mark = seal(
        b"told",
        json.dumps([row["tracker"], row["persona"], row["folder"], row["address"]]).encode(),
    )
    return None if mark is None else mark.hex()


def sealed(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with the seal that it was noted by this user on this machine, where one can be made."""
    mark = _seal_of(row)
    return dict(row) if mark is None else {**row, SEAL: mark}


def locations(run: Run) -> list[str]:
    """Where trackers keep what they were told."""
    return [str(_place(run, row)) for row in run.record.get(TABLE, [])]


def _place(run: Run, row: Mapping[str, Any]) -> Location:
    return Location(
        str(run.path.parent.absolute() / row["folder"]) if row["folder"] else "", row["address"]
    )


def mark_for_removal(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with all that trackers were told marked as to be removed."""
    return (
        {**record, TABLE: [{**row, OWED: True} for row in record[TABLE]]}
        if TABLE in record
        else dict(record)
    )


def remove_marked(run: Run, stage: str, listener: Listener) -> None:
    """Have trackers remove what is marked so, and say what came of it. What could not be removed stays marked."""
    rows = []
    for row in run.record.get(TABLE, []):
        kept = _removed(run, row, stage, listener) if row.get(OWED) else row
        rows += [kept] if kept else []
    if rows != run.record.get(TABLE, []):
        run.update(**{TABLE: rows})


def _removed(
    run: Run, row: Mapping[str, Any], stage: str, listener: Listener
) -> dict[str, Any] | None:
    """What is left to know of a row once its tracker has removed what it can."""
    tracker, place = row["tracker"], _place(run, row)
    if not row.get(SEAL) or row[SEAL] != _seal_of(row):
        text = f"{tracker}: that it was told this persona's texts was not noted on this machine, so nothing was removed from {place}."
        listener(Event(stage, EventKind.WARNING, text))
        return {key: value for key, value in row.items() if key != OWED}
    try:
        left = forget(tracker, row["persona"], place)
    except TrackerError as error:
        text = f"What {tracker} was told is still in {place}: {error.message} Forget the same once more when that is mended."
        listener(Event(stage, EventKind.WARNING, text))
        return dict(row)
    if left:
        listener(Event(stage, EventKind.WARNING, f"{tracker}: {left}"))
        return {key: value for key, value in row.items() if key != OWED}
    listener(
        Event(stage, EventKind.NOTE, f"What {tracker} was told with texts is removed from {place}.")
    )
    return None
