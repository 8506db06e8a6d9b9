"""Show posts: numbered and wrapped at words in a terminal, one per line elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from popinjay.cli.consoles import console
from popinjay.cli.progress import counting, waiting
from popinjay.sampling.events import Finished, Missing, Piece, PostEvent, Restart
from popinjay.standard_streams import print_error

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from popinjay.options import SayOptions
    from popinjay.sampling.request import Tally
    from popinjay.voice import Voice

NUMBER_WIDTH = 2  # columns, so that ten posts are aligned
GAP = 2  # columns between a number and its post
NARROWEST = 20  # columns of text, in a window that is narrower still


def labelled(label: str, text: str | Text, *, width: int = NUMBER_WIDTH) -> Table:
    """Return a text with a label before it, wrapped at words with a hanging indent."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(width=width, style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(label.ljust(width), Text(text) if isinstance(text, str) else text)
    return grid


def with_prompt_dimmed(prompt: str, post: str) -> Text:
    """Return a post whose beginning, if it is the prompt, is dimmed: all posts share it."""
    from rich.text import Text

    prompt = " ".join(prompt.split())
    prompt = prompt if post.startswith(prompt) else ""
    return Text.assemble((prompt, "dim"), post[len(prompt) :])


def numbered(number: int, post: str, prompt: str = "") -> Table:
    """Return a post with its number before it."""
    return labelled(f"{number:>{NUMBER_WIDTH}}", with_prompt_dimmed(prompt, post))


def show_members(voice: Voice, options: SayOptions) -> None:
    """Say on standard error what a voice is made of, unless it is a persona as it was trained."""
    if not voice.is_mixed and options.strength == 1:
        return
    parts = [f"{name} {weight:g}" for name, weight in voice.members.items()]
    if voice.is_mixed:
        parts.append("taking turns" if options.mix_by == "turn" else "mixed")
    else:
        parts = [voice.name]
    if options.strength != 1:
        parts.append(f"at strength {options.strength:g}")
    print_error(f"{', '.join(parts)}.")


def show_posts(posts: Iterator[str], count: int, doing: str, prompt: str = "") -> None:
    """Print posts as they are finished, with a progress bar if they go to a file.

    Args:
        posts: The posts; each is one line.
        count: How many there will be.
        doing: What is said during the wait for the first post.
        prompt: How they all begin.
    """
    with waiting(doing):
        first = next(posts, None)
    if first is None:
        return
    if sys.stdout.isatty():
        out = console()
        for number, post in enumerate(chain([first], posts), 1):
            is_alone = count == 1
            out.print(
                with_prompt_dimmed(prompt, post) if is_alone else numbered(number, post, prompt)
            )
        return
    print(first, flush=True)
    with counting(count) as show_count:
        for number, post in enumerate(posts, 2):
            print(post, flush=True)
            show_count(number)


# posts as they are written


def show_events(events: Iterator[PostEvent], count: int, doing: str) -> None:
    """Print posts one after another: in a terminal, in pieces as they are written.

    A rejected draft is erased from a terminal; elsewhere only complete posts are printed.

    Args:
        events: What happens to the posts.
        count: How many there will be; a single one gets no number.
        doing: What is said during the wait for each.
    """
    is_live = sys.stdout.isatty()
    number = 1
    while True:
        with waiting(doing):
            first = next(events, None)
        if first is None:
            return
        if not isinstance(first, Missing):
            shown = chain([first], events)
            label = "" if count == 1 else f"{number:>{NUMBER_WIDTH}}{' ' * GAP}"
            number += _show_live(shown, label) if is_live else _show_whole(shown)


def _show_live(events: Iterator[PostEvent], label: str) -> bool:
    """Show one post in a terminal, piece by piece; return whether it was completed."""
    screen = LivePost(label)
    try:
        for event in events:
            match event:
                case Piece(_, text):
                    screen.add(text)
                case Restart():
                    screen.clear()
                case Missing():
                    screen.clear()
                    return False
                case Finished():
                    return True
        return False
    finally:
        screen.end()  # also after Ctrl-C


def _show_whole(events: Iterator[PostEvent]) -> bool:
    """Print one post once it is finished; return whether it was."""
    for event in events:
        if isinstance(event, Finished):
            print(event.post.text, flush=True)
        if isinstance(event, Finished | Missing):
            return isinstance(event, Finished)
    return False


class LivePost:
    """A post that grows in a terminal, wrapped at words beside its label.

    What was printed is erased and printed again only if a word that grew has to move to a new line.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._indent = " " * len(label)
        self._text = ""
        self._printed = ""

    def add(self, text: str) -> None:
        """Add text to the end of the post."""
        self._text += text
        wanted = self._layout()
        if not wanted.startswith(self._printed):
            self._erase()
        print(wanted[len(self._printed) :], end="", flush=True)
        self._printed = wanted

    def clear(self) -> None:
        """Erase the post, to begin it again."""
        self._erase()
        self._text = ""

    def end(self) -> None:
        """Move on to the next line, if anything is shown."""
        if self._printed:
            print(flush=True)

    def _layout(self) -> str:
        """Return the lines of the post as they are shown.

        The last column stays empty: terminals differ in where the cursor is after it.
        """
        width = shutil.get_terminal_size().columns - len(self._indent) - 1
        lines = _wrapped(self._text, max(NARROWEST, width))
        return self._label + f"\n{self._indent}".join(lines)

    def _erase(self) -> None:
        lines_up = self._printed.count("\n")
        print("\r" + (f"\x1b[{lines_up}A" if lines_up else "") + "\x1b[J", end="", flush=True)
        self._printed = ""


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines of at most `width` columns, wrapped at words."""
    from rich.text import Text

    return [str(line).rstrip() for line in Text(text).wrap(console(), width)] or [""]


def show_missing(tally: Tally) -> None:
    """Warn that fewer posts were written than requested."""
    if tally.missing:
        reasons = ", ".join(f"{count} {reason}" for reason, count in tally.redrawn.most_common())
        print_error(
            f"{tally.missing:,} fewer than requested: every draft of them was rejected ({reasons})."
        )


# posts that were written before


def show_numbered(texts: Sequence[str]) -> None:
    """Print posts, each with its number."""
    print_rows([(f"{number:>{NUMBER_WIDTH}}", text) for number, text in enumerate(texts, 1)])


def print_rows(rows: Sequence[tuple[str, str]]) -> None:
    """Print texts with labels of one width before them, wrapped with a hanging indent."""
    if not sys.stdout.isatty():
        for label, text in rows:
            print(f"{label}{' ' * GAP}{text}")
        return
    out = console()
    for label, text in rows:
        out.print(labelled(label, text, width=len(label)))
