"""The process that a tracker runs in: it reads messages, and writes problems, as JSON lines.

`python -m popinjay.trackers.worker` is started by `client.py`, and ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from popinjay.post import one_line
from popinjay.trackers import Artifact, Location, Tracker, find

EXIT_SECONDS = 60.0  # for what a tracker does at exit, if the client is gone


def follow(lines: Iterable[str], answer: Callable[..., None]) -> None:
    """Pass messages on to a tracker, which the first one names. Raises what the tracker raises.

    Args:
        lines: The messages, as JSON.
        answer: Sends an answer to the client.
    """
    tracker: Tracker | None = None
    is_running = False
    for line in lines:
        message: dict[str, Any] = json.loads(line)
        verb = message.pop("do")
        if verb == "open":
            tracker = find(message["tracker"])(message["persona"], Path(message["folder"]))
        elif verb == "forget":
            location = Location(**message["location"])
            answer(left=find(message["tracker"]).forget(message["persona"], location))
        elif tracker is not None and verb in ("start", "log", "sample", "finish"):
            for key in ("uses", "makes"):
                if key in message:
                    message[key] = [_artifact(fields) for fields in message[key]]
            getattr(tracker, verb)(**message)
            is_running = verb != "finish"
    if tracker is not None and is_running:  # the client was killed
        tracker.finish(done=False, numbers={}, facts={}, uses=[], makes=[])


def _artifact(fields: dict[str, Any]) -> Artifact:
    return Artifact(**{**fields, "files": tuple(fields["files"])})


def _private_stdout() -> TextIO:
    """Return standard output as a private file, and discard what trackers print.

    One of them prints a token.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    return channel


def main() -> None:
    """Follow standard input to its end."""
    channel = _private_stdout()
    if hasattr(os, "nice"):
        os.nice(5)  # the training has priority

    def answer(**fields: str) -> None:
        channel.write(json.dumps(fields) + "\n")
        channel.flush()

    try:
        follow(sys.stdin, answer)
    except Exception as error:
        answer(problem=one_line(f"{type(error).__name__}: {error}")[:300])
        os._exit(1)
    timeout = threading.Timer(EXIT_SECONDS, os._exit, args=(1,))
    timeout.daemon = True
    timeout.start()


if __name__ == "__main__":
    main()
