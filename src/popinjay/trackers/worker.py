"""The process that one tracker runs in: reads what to tell it as JSON lines, says what is the matter as JSON lines, nothing else.

`python -m popinjay.trackers.worker`; started by `link.py`, ended by the end of its input.
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

LAST_WORDS_SECONDS = (
    60.0  # for what a tracker does at the very end, should nobody be left to end this process
)


def follow(lines: Iterable[str], say: Callable[..., None]) -> None:
    """Tell a tracker what the lines say, the first of which says which; `say` takes its answers. Raises what the tracker raises."""
    tracker: Tracker | None = None
    at_work = False
    for line in lines:
        message: dict[str, Any] = json.loads(line)
        verb = message.pop("do")
        if verb == "open":
            tracker = find(message["tracker"])(message["persona"], Path(message["folder"]))
        elif verb == "forget":
            say(
                left=find(message["tracker"]).forget(
                    message["persona"], Location(**message["place"])
                )
            )
        elif tracker is not None and verb in ("start", "log", "sample", "finish"):
            for key in ("uses", "makes"):
                if key in message:
                    message[key] = [
                        Artifact(**{**artifact, "files": tuple(artifact["files"])})
                        for artifact in message[key]
                    ]
            getattr(tracker, verb)(**message)
            at_work = verb != "finish"
    if tracker is not None and at_work:  # whoever made the persona was killed
        tracker.finish(done=False, numbers={}, facts={}, uses=[], makes=[])


def _own_channel() -> TextIO:
    """What was standard output, as a channel that nobody else writes to: trackers print as they please (one prints a token)."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return channel


def main() -> None:
    """Follow standard input to its end."""
    channel = _own_channel()
    if hasattr(os, "nice"):
        os.nice(5)  # the training goes first

    def say(**answer: str) -> None:
        channel.write(json.dumps(answer) + "\n")
        channel.flush()

    try:
        follow(sys.stdin, say)
    except Exception as error:
        say(problem=one_line(f"{type(error).__name__}: {error}")[:300])
        os._exit(1)
    last = threading.Timer(LAST_WORDS_SECONDS, os._exit, args=(1,))
    last.daemon = True
    last.start()


if __name__ == "__main__":
    main()
