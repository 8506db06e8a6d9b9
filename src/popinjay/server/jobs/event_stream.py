"""A job's events as server-sent events.

An event is a line of the job's `events.jsonl`; its id is the offset in that file at which the line
ends. A client that reconnects sends the last id (`Last-Event-ID`, which browsers do by themselves)
and misses nothing, even if another server process answers. Events of stages have no type, changes
of the job's state the type `state`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool

POLL_SECONDS = 0.2
KEEPALIVE_SECONDS = 15.0  # of silence, after which a comment is sent to keep the connection open
MAX_BLOCK_BYTES = 2**18  # read at once


def resume_offset(file: Path, last_id: str) -> int:
    """Return the offset after the event with this id, or 0 if the id is not one of this file."""
    is_number = last_id.isascii() and last_id.isdigit() and len(last_id) < 16
    offset = int(last_id) if is_number else 0
    try:
        with file.open("rb") as events:
            events.seek(max(0, offset - 1))
            return offset if offset and events.read(1) == b"\n" else 0
    except OSError:
        return 0


def is_at_end(file: Path, offset: int) -> bool:
    """Return whether the file has nothing after this offset."""
    try:
        return offset >= file.stat().st_size
    except OSError:
        return True


async def follow(
    file: Path, offset: int, is_over: Callable[[], bool], is_closing: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield the events after an offset as they are written, until the job or the server ends.

    Args:
        file: The job's `events.jsonl`.
        offset: Where to start, in bytes.
        is_over: Returns whether the job writes no more events.
        is_closing: Returns whether the server is shutting down.
    """
    silent = 0.0
    yield b"retry: 1000\n\n"
    while not is_closing():
        over, lines = await run_in_threadpool(_poll, file, offset, is_over)
        for line in lines:
            offset += len(line)
            if event := _format_event(offset, line):
                silent = 0.0
                yield event
        if lines:
            continue
        if over:
            return
        await asyncio.sleep(POLL_SECONDS)
        silent += POLL_SECONDS
        if silent >= KEEPALIVE_SECONDS:
            silent = 0.0
            yield b": nothing new\n\n"


def _poll(file: Path, offset: int, is_over: Callable[[], bool]) -> tuple[bool, list[bytes]]:
    """Return whether the job was over, and the lines after an offset.

    The order matters: a job that was over before the file was read has written its last line.
    """
    over = is_over()
    return over, _lines(file, offset)


def _lines(file: Path, offset: int) -> list[bytes]:
    """Return the complete lines after an offset, at most a block of them."""
    try:
        with file.open("rb") as events:
            events.seek(offset)
            block = events.read(MAX_BLOCK_BYTES)
            if b"\n" not in block:
                block += events.readline()
    except OSError:
        return []
    return block[: block.rfind(b"\n") + 1].splitlines(keepends=True) if b"\n" in block else []


def _format_event(offset: int, line: bytes) -> bytes:
    """Return a line as a server-sent event; empty if a killed process left it incomplete."""
    try:
        document = json.loads(line)
    except ValueError:
        return b""
    if not isinstance(document, dict):
        return b""
    kind = b"event: state\n" if document.get("what") == "state" else b""
    data = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return b"id: %d\n%sdata: %s\n\n" % (offset, kind, data)
