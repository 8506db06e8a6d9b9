"""Show posts in the terminal: as they are written, numbered to choose from, or one per line."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from popinjay.cli.progress import counting, waiting
from popinjay.sampling.events import Finished, Missing, Piece, PostEvent, Restart
from popinjay.standard_streams import print_error

if TYPE_CHECKING:
    from popinjay.sampling.request import Tally


def show_posts(posts: Iterator[str], count: int, doing: str) -> None:
    """Print posts as they are finished, one per line, with a progress bar if they go to a file.

    `doing` describes the wait for the first post.
    """
    with waiting(doing):
        first = next(posts, None)
    if first is None:
        return
    print(first, flush=True)
    with counting(count) as show_count:
        for number, post in enumerate(posts, 2):
            print(post, flush=True)
            show_count(number)


def show_events(events: Iterator[PostEvent], doing: str) -> None:
    """Print posts one after another, each in pieces as it is written.

    A rejected draft is erased from a terminal; elsewhere only complete posts are printed.
    """
    show = _show_live if sys.stdout.isatty() else _show_whole
    while True:
        with waiting(doing):
            first = next(events, None)
        if first is None:
            return
        if not isinstance(first, Missing):
            show(chain([first], events))


def _show_live(events: Iterator[PostEvent]) -> None:
    """Show one post on a terminal, piece by piece."""
    shown = ""
    try:
        for event in events:
            match event:
                case Piece(_, text):
                    print(text, end="", flush=True)
                    shown += text
                case Restart():
                    _erase(shown)
                    shown = ""
                case Finished() | Missing():
                    return
    finally:
        print(flush=True)  # also after Ctrl-C


def _show_whole(events: Iterator[PostEvent]) -> None:
    """Print one post once it is finished."""
    for event in events:
        if isinstance(event, Finished):
            print(event.post.text, flush=True)
        if isinstance(event, Finished | Missing):
            return


def _erase(shown: str) -> None:
    """Erase the text that was printed last from the terminal, over all lines that it fills."""
    from rich.cells import cell_len

    lines_up = max(0, cell_len(shown) - 1) // shutil.get_terminal_size().columns
    print("\r" + (f"\x1b[{lines_up}A" if lines_up else "") + "\x1b[J", end="", flush=True)


def show_missing(tally: Tally) -> None:
    """Warn that fewer posts were written than requested."""
    if tally.missing:
        reasons = ", ".join(f"{count} {reason}" for reason, count in tally.redrawn.most_common())
        print_error(
            f"{tally.missing:,} fewer than requested: every draft of them was rejected ({reasons})."
        )
