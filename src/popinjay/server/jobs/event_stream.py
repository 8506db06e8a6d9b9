"""A job's events as server-sent events: the lines of its file, each with the place in the file where it ends as its id.

So whoever comes back says the last id (`Last-Event-ID`, which browsers send by themselves) and misses nothing, whichever server answers.
Events of stages have no type, those of the job's state the type `state`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool

LOOK_SECONDS = 0.2
SILENCE_SECONDS = 15.0  # after which a line that says nothing keeps the connection
MOST_BYTES = 2**18  # read at once


def where_after(file: Path, last_id: str) -> int:
    """The place in the file from which to go on: behind the line with this id, else at the beginning."""
    place = int(last_id) if last_id.isascii() and last_id.isdigit() and len(last_id) < 16 else 0
    try:
        with file.open("rb") as events:
            events.seek(max(0, place - 1))
            return place if place and events.read(1) == b"\n" else 0
    except OSError:
        return 0


def is_read(file: Path, place: int) -> bool:
    """Whether nothing stands behind that place."""
    try:
        return place >= file.stat().st_size
    except OSError:
        return True


async def follow(
    file: Path, place: int, is_over: Callable[[], bool], is_closing: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """The events from a place on, as they come, until the job is over (or the server is about to end)."""
    silent = 0.0
    yield b"retry: 1000\n\n"
    while not is_closing():
        over, lines = await run_in_threadpool(_look, file, place, is_over)
        for line in lines:
            place += len(line)
            if said := _event(place, line):
                silent = 0.0
                yield said
        if lines:
            continue
        if over:
            return
        await asyncio.sleep(LOOK_SECONDS)
        silent += LOOK_SECONDS
        if silent >= SILENCE_SECONDS:
            silent = 0.0
            yield b": nothing new\n\n"


def _look(file: Path, place: int, is_over: Callable[[], bool]) -> tuple[bool, list[bytes]]:
    """Whether it was over before reading (so that what it said last is among what is read), and what there is."""
    return is_over(), _lines(file, place)


def _lines(file: Path, place: int) -> list[bytes]:
    """Whole lines from a place on."""
    try:
        with file.open("rb") as events:
            events.seek(place)
            block = events.read(MOST_BYTES)
            if b"\n" not in block:
                block += events.readline()
    except OSError:
        return []
    return block[: block.rfind(b"\n") + 1].splitlines(keepends=True) if b"\n" in block else []


def _event(place: int, line: bytes) -> bytes:
    """A line as it is sent; nothing for one that a killed process left open."""
    try:
        told = json.loads(line)
    except ValueError:
        return b""
    if not isinstance(told, dict):
        return b""
    kind = b"event: state\n" if told.get("what") == "state" else b""
    return b"id: %d\n%sdata: %s\n\n" % (
        place,
        kind,
        json.dumps(told, ensure_ascii=False).encode("utf-8", "replace"),
    )
